//! Nodes that exist for the time of an upgrade only.

use ha_snapshot::objects::{Body, Object, Str};

use crate::UsageError;

/// What their names begin with. No node of a cluster has such a name: it is no DNS label.
const PREFIX: &str = "surge:";

/// Whether a node of that name is one of them.
pub fn is_surge(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The most nodes that are added.
const MOST: usize = 1000;

/// Adds `count` nodes like those with the label (of all nodes without one), each in turn, so that zones get their share.
/// Nodes of the control plane are not copied where there are others. They are empty, and neither cordoned nor tainted as unreachable.
///
/// # Errors
/// A [`UsageError`] for more than a thousand nodes.
pub fn add(objects: &mut Vec<Object>, label: Option<(&str, &str)>, count: usize) -> anyhow::Result<()> {
    if count > MOST {
        return Err(UsageError(format!("a surge of {count} nodes is more than {MOST}")).into());
    }
    let is_meant = |object: &&Object| {
        let labels = &object.metadata().labels;
        matches!(object.body, Body::Node(_)) && label.is_none_or(|(key, value)| labels.get(key) == Some(value))
    };
    let mut models: Vec<Object> = objects.iter().filter(is_meant).cloned().collect();
    let runs_control_plane =
        |object: &Object| object.metadata().labels.get("node-role.kubernetes.io/control-plane").is_some();
    if models.iter().any(|model| !runs_control_plane(model)) {
        models.retain(|model| !runs_control_plane(model));
    }
    models.sort_by(|a, b| a.metadata().name.cmp(&b.metadata().name));
    for (number, model) in (0..count).zip(models.iter().cycle()) {
        objects.push(like(model, number + 1));
    }
    Ok(())
}

fn like(model: &Object, number: usize) -> Object {
    let mut node = model.clone();
    let name = format!("{PREFIX}{number}");
    if let Body::Node(node) = &mut node.body {
        node.spec.unschedulable = false;
        node.spec.taints.retain(|taint| !taint.key.starts_with("node.kubernetes.io/"));
        node.metadata.uid = Str::default();
        node.metadata.name = name.as_str().into();
        for (key, value) in &mut node.metadata.labels.0 {
            if key == "kubernetes.io/hostname" {
                *value = name.as_str().into();
            }
        }
        for condition in node.status.conditions.iter_mut().filter(|condition| condition.r#type == "Ready") {
            condition.status = "True".into();
        }
    }
    node
}

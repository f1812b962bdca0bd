//! Nodes that come later: for the time of an upgrade, or because an autoscaler adds them.
//!
//! They are like nodes that there are, empty but for the pods that DaemonSets have there, and in order.

use std::collections::BTreeMap;

use ha_snapshot::objects::{Body, Node, Object, Pod, Str};

use crate::UsageError;

/// What their names begin with. No node of a cluster has such a name: it is no DNS label.
const PREFIX: &str = "surge:";

/// The most nodes that are added.
const MOST: usize = 1000;

/// Whether a node of that name is one of them.
pub fn is_surge(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The name of the node that one of them is like.
pub fn like(name: &str) -> Option<&str> {
    let (_, model) = name.strip_prefix(PREFIX)?.split_once(':')?;
    Some(model)
}

/// Adds `count` nodes like those with the label (of all nodes without one), each in turn. Nodes of the control plane are
/// not copied where there are others.
///
/// # Errors
/// A [`UsageError`] for more than a thousand nodes.
pub fn add(objects: &mut Vec<Object>, label: Option<(&str, &str)>, count: usize) -> anyhow::Result<()> {
    let is_meant = |node: &Node| label.is_none_or(|(key, value)| node.metadata.labels.get(key) == Some(value));
    let models = models(objects, is_meant);
    let names: Vec<Str> = models.into_iter().cycle().take(count).collect();
    add_like(objects, &names)
}

/// Adds `limit` nodes for each pool of nodes that are not lost. A pool is what shares zone, size and taints.
///
/// # Errors
/// A [`UsageError`] for more than a thousand nodes.
pub fn add_pools(objects: &mut Vec<Object>, lost: &[String], limit: usize) -> anyhow::Result<()> {
    let is_meant = |node: &Node| !lost.iter().any(|name| node.metadata.name == *name);
    let mut pools: BTreeMap<String, Str> = BTreeMap::new();
    for name in models(objects, is_meant) {
        if let Some(node) = nodes(objects).find(|node| node.metadata.name == name) {
            pools.entry(pool(node)).or_insert(name);
        }
    }
    let names: Vec<Str> = pools.into_values().flat_map(|name| std::iter::repeat_n(name, limit)).collect();
    add_like(objects, &names)
}

/// By what nodes of one pool are told: zone, taints and what they may give.
fn pool(node: &Node) -> String {
    let zone = node.metadata.labels.get("topology.kubernetes.io/zone").unwrap_or_default();
    let taints: Vec<_> = node.spec.taints.iter().filter(|taint| !is_of_condition(&taint.key)).collect();
    format!("{zone} {taints:?} {:?}", node.status.allocatable)
}

/// Taints that tell of the node's state, not of its purpose.
fn is_of_condition(key: &str) -> bool {
    key.starts_with("node.kubernetes.io/")
}

fn nodes(objects: &[Object]) -> impl Iterator<Item = &Node> {
    objects.iter().filter_map(|object| match &object.body {
        Body::Node(node) => Some(&**node),
        _ => None,
    })
}

/// The names of nodes that may be copied, in order.
fn models(objects: &[Object], is_meant: impl Fn(&Node) -> bool) -> Vec<Str> {
    let meant: Vec<&Node> = nodes(objects).filter(|node| is_meant(node)).collect();
    let runs_pods = |node: &Node| node.metadata.labels.get("node-role.kubernetes.io/control-plane").is_none();
    let any = meant.iter().any(|node| runs_pods(node));
    let mut names: Vec<Str> =
        meant.into_iter().filter(|node| !any || runs_pods(node)).map(|node| node.metadata.name.clone()).collect();
    names.sort();
    names
}

fn add_like(objects: &mut Vec<Object>, names: &[Str]) -> anyhow::Result<()> {
    if names.len() > MOST {
        return Err(UsageError(format!("{} nodes to add are more than {MOST}", names.len())).into());
    }
    for (number, name) in names.iter().enumerate() {
        let added: Vec<Object> = objects.iter().filter_map(|object| copy(object, name, number + 1)).collect();
        objects.extend(added);
    }
    Ok(())
}

/// The copy of a node of that name, or of a pod that a DaemonSet has there.
fn copy(object: &Object, model: &Str, number: usize) -> Option<Object> {
    let name: Str = format!("{PREFIX}{number}:{model}").into();
    let mut copy = match &object.body {
        Body::Node(node) if node.metadata.name == *model => object.clone(),
        Body::Pod(pod) if pod.node_name == *model && is_daemon(pod) => object.clone(),
        _ => return None,
    };
    match &mut copy.body {
        Body::Node(node) => {
            node.spec.unschedulable = false;
            node.spec.taints.retain(|taint| !is_of_condition(&taint.key));
            node.metadata.name.clone_from(&name);
            node.metadata.uid = Str::default();
            let hostname = node.metadata.labels.0.iter_mut().filter(|(key, _)| key == "kubernetes.io/hostname");
            hostname.for_each(|(_, value)| value.clone_from(&name));
            let ready = node.status.conditions.iter_mut().filter(|condition| condition.r#type == "Ready");
            ready.for_each(|condition| condition.status = "True".into());
        }
        Body::Pod(pod) => {
            pod.metadata.name = format!("{}:{number}", pod.metadata.name).into();
            pod.metadata.uid = Str::default();
            pod.node_name = name;
        }
        _ => {}
    }
    Some(copy)
}

fn is_daemon(pod: &Pod) -> bool {
    pod.metadata.controller().is_some_and(|owner| owner.kind == "DaemonSet")
}

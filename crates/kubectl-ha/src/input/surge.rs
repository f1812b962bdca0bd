//! Nodes that come later: for the time of an upgrade, or because an autoscaler adds them.
//!
//! They are like nodes that there are, empty but for the pods that DaemonSets have there, and in order.

use std::collections::{BTreeMap, BTreeSet};

use ha_snapshot::objects::{Body, Node, Object, Pod, PodSpec, Str};

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

/// Adds `limit` nodes for each pool of nodes that are not lost.
///
/// # Errors
/// A [`UsageError`] for more than a thousand nodes.
pub fn add_pools(objects: &mut Vec<Object>, lost: &[String], limit: usize) -> anyhow::Result<()> {
    let is_meant = |node: &Node| !lost.iter().any(|name| node.metadata.name == *name);
    let pools = pools(objects, is_meant);
    let names: Vec<Str> = pools.into_iter().flat_map(|name| std::iter::repeat_n(name, limit)).collect();
    add_like(objects, &names)
}

/// The most pools to which nodes are added, and the most nodes that are added to all of them: two each at least.
const POOLS: usize = 40;
const IN_POOLS: usize = 2 * MOST;

/// Adds one node more than `limit` to each pool, or fewer where there are many pools. Returns how many pools were left out,
/// those with the fewest nodes.
pub fn add_to_pools(objects: &mut Vec<Object>, limit: usize) -> usize {
    let pools = pools(objects, |_| true);
    let each = (limit + 1).min(IN_POOLS / pools.len().clamp(1, POOLS));
    let names: Vec<Str> = pools.iter().take(POOLS).flat_map(|name| std::iter::repeat_n(name.clone(), each)).collect();
    copy_all(objects, &names);
    pools.len().saturating_sub(POOLS)
}

/// The first node of each pool, those with the most nodes first. A pool is what shares zone, size, taints, and the labels
/// by which pods choose nodes.
fn pools(objects: &[Object], is_meant: impl Fn(&Node) -> bool) -> Vec<Str> {
    let names: BTreeSet<Str> = models(objects, is_meant).into_iter().collect();
    let keys = chosen_by(objects);
    let mut pools: BTreeMap<String, (usize, Str)> = BTreeMap::new();
    for node in nodes(objects).filter(|node| names.contains(&node.metadata.name)) {
        let name = &node.metadata.name;
        let (count, first) = pools.entry(pool(node, &keys)).or_insert_with(|| (0, name.clone()));
        *count += 1;
        *first = first.clone().min(name.clone());
    }
    let mut pools: Vec<(usize, Str)> = pools.into_values().collect();
    pools.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    pools.into_iter().map(|(_, name)| name).collect()
}

/// The keys of the node labels by which pods choose nodes; their own names are none.
fn chosen_by(objects: &[Object]) -> BTreeSet<Str> {
    let specs: BTreeMap<*const PodSpec, &PodSpec> = objects
        .iter()
        .filter_map(|object| match &object.body {
            Body::Pod(pod) => Some((std::sync::Arc::as_ptr(&pod.spec), &*pod.spec)),
            _ => None,
        })
        .collect();
    let mut keys = BTreeSet::new();
    for spec in specs.into_values() {
        keys.extend(spec.node_selector.0.iter().map(|(key, _)| key.clone()));
        let required = &spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution;
        let terms = required.iter().flat_map(|selector| &selector.node_selector_terms);
        keys.extend(terms.flat_map(|term| &term.match_expressions).map(|expression| expression.key.clone()));
    }
    keys.remove(HOSTNAME);
    keys
}

const HOSTNAME: &str = "kubernetes.io/hostname";

/// By what nodes of one pool are told. Machines of one type differ by some bytes of what they may give.
fn pool(node: &Node, keys: &BTreeSet<Str>) -> String {
    let label = |key: &str| node.metadata.labels.get(key);
    let taints: Vec<_> = node.spec.taints.iter().filter(|taint| !is_of_condition(&taint.key)).collect();
    let chosen: Vec<Option<&str>> = keys.iter().map(|key| label(key)).collect();
    let zone = label("topology.kubernetes.io/zone").unwrap_or_default();
    match label("node.kubernetes.io/instance-type") {
        Some(machine) => format!("{zone} {taints:?} {chosen:?} {machine}"),
        None => format!("{zone} {taints:?} {chosen:?} {:?}", node.status.allocatable),
    }
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
    copy_all(objects, names);
    Ok(())
}

fn copy_all(objects: &mut Vec<Object>, names: &[Str]) {
    let mut of_node: BTreeMap<&Str, Vec<usize>> = names.iter().map(|name| (name, Vec::new())).collect();
    for (position, object) in objects.iter().enumerate() {
        let node = match &object.body {
            Body::Node(node) => &node.metadata.name,
            Body::CsiNode(node) => &node.metadata.name,
            Body::Pod(pod) if is_daemon(pod) => &pod.node_name,
            _ => continue,
        };
        if let Some(positions) = of_node.get_mut(node) {
            positions.push(position);
        }
    }
    for (number, name) in names.iter().enumerate() {
        let positions = of_node.get(name).into_iter().flatten();
        let added: Vec<Object> = positions.map(|&position| copy(&objects[position], name, number + 1)).collect();
        objects.extend(added);
    }
}

/// The copy of a node, of what drivers say of it, or of a pod that a DaemonSet has there; `model` is its name.
fn copy(object: &Object, model: &Str, number: usize) -> Object {
    let name: Str = format!("{PREFIX}{number}:{model}").into();
    let mut copy = object.clone();
    match &mut copy.body {
        Body::Node(node) => {
            node.spec.unschedulable = false;
            node.spec.taints.retain(|taint| !is_of_condition(&taint.key));
            node.metadata.name.clone_from(&name);
            node.metadata.uid = Str::default();
            node.status.volumes_attached.clear();
            let hostname = node.metadata.labels.0.iter_mut().filter(|(key, _)| key == HOSTNAME);
            hostname.for_each(|(_, value)| value.clone_from(&name));
            let ready = node.status.conditions.iter_mut().filter(|condition| condition.r#type == "Ready");
            ready.for_each(|condition| condition.status = "True".into());
        }
        Body::CsiNode(node) => {
            node.metadata.name = name;
            node.metadata.uid = Str::default();
        }
        Body::Pod(pod) => {
            pod.metadata.name = format!("{}:{number}", pod.metadata.name).into();
            pod.metadata.uid = Str::default();
            pod.node_name = name;
        }
        _ => {}
    }
    copy
}

fn is_daemon(pod: &Pod) -> bool {
    pod.metadata.controller().is_some_and(|owner| owner.kind == "DaemonSet")
}

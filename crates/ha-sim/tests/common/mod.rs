//! Helpers of the tests: snapshots from objects.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a helper of tests may fail like a test, and not every test uses all"
)]

use ha_core::Snapshot;
use ha_core::snapshot::{NodeId, ResourceKind, SourceKind};
use ha_sim::State;
use ha_sim::ids::PodIndex;
use ha_snapshot::objects::Object;
use ha_snapshot::{Builder, Origin};
use serde_json::{Value, json};

/// A snapshot of a running cluster with these objects.
pub(crate) fn snapshot(objects: &[Value]) -> Snapshot {
    let mut builder = Builder::new(&[]);
    for value in objects {
        let api_version = value["apiVersion"].as_str().unwrap();
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let kind = ResourceKind::from_group_kind(group, value["kind"].as_str().unwrap()).unwrap();
        builder.add(Object::from_json(api_version, kind, &value.to_string()).unwrap());
    }
    builder.finish(&Origin { kind: SourceKind::Cluster, server_version: "v1.36.3".into(), ..Origin::default() })
}

/// The node of that name.
pub(crate) fn node(snapshot: &Snapshot, name: &str) -> NodeId {
    let found = snapshot.nodes_by_id().find(|(_, node)| snapshot.name_of(*node) == name);
    found.unwrap_or_else(|| panic!("no node {name}")).0
}

/// A ready node of one processor, with the label of its name.
pub(crate) fn machine(name: &str) -> Value {
    labelled(name, &json!({"kubernetes.io/hostname": name}))
}

/// A ready node of one processor.
pub(crate) fn labelled(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": {"cpu": "1", "memory": "8Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}]}})
}

/// The same in a zone of its own, which has its name.
pub(crate) fn zoned(name: &str) -> Value {
    labelled(name, &json!({"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": name}))
}

/// Lets one volume of a driver be attached to a node.
pub(crate) fn attaches_one(driver: &str, node: &str) -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": node},
        "spec": {"drivers": [{"name": driver, "nodeID": node, "allocatable": {"count": 1}}]}})
}

/// The pod of that name.
pub(crate) fn pod_named(state: &State, name: &str) -> PodIndex {
    let is_it = |&pod: &PodIndex| state.model.snapshot.text(state.pod(pod).name) == name;
    state.pods().find(is_it).unwrap_or_else(|| panic!("no pod {name}"))
}

/// What pods request: 400 of a node's 1000 millicores.
pub(crate) fn small() -> Value {
    json!({"containers": [{"name": "web", "image": "web", "resources": {"requests": {"cpu": "400m"}}}]})
}

/// The pod `web-NUMBER` of an owner, ready on a node.
pub(crate) fn running(number: usize, spec: &Value, node: &str, owner: &Value) -> Value {
    let mut spec = spec.clone();
    spec["nodeName"] = node.into();
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("web-{number}"), "namespace": "shop",
            "labels": {"app": "web", "pod-template-hash": "1"}, "ownerReferences": [owner]},
        "spec": spec,
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

/// A reference to the controller of that kind, whose name is its UID.
pub(crate) fn owner(kind: &str, uid: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "name": uid, "uid": uid, "controller": true})
}

/// A ReplicaSet with one ready pod on each of the nodes.
pub(crate) fn web(nodes: &[&str], spec: &Value) -> Vec<Value> {
    let mut objects = vec![json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "web", "namespace": "shop", "uid": "web"},
        "spec": {"replicas": nodes.len(), "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}}})];
    let owner = owner("ReplicaSet", "web");
    objects.extend(nodes.iter().enumerate().map(|(number, node)| running(number, spec, node, &owner)));
    objects
}

//! Helpers of the tests: snapshots from objects.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a helper of tests may fail like a test, and not every test uses all"
)]

use ha_core::Snapshot;
use ha_core::snapshot::{NodeId, ResourceKind, SourceKind};
use ha_snapshot::objects::Object;
use ha_snapshot::{Builder, Origin};
use serde_json::Value;

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

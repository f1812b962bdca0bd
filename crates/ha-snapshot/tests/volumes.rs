//! What a claim, a claim template and a volume say about binding, as the scheduler needs it.
#![allow(clippy::unwrap_used, reason = "a helper of tests may fail like a test")]

use ha_core::Snapshot;
use ha_core::snapshot::{ResourceKind, SourceKind};
use ha_snapshot::objects::Object;
use ha_snapshot::{Builder, Origin};
use serde_json::{Value, json};

fn build(objects: &[(&str, ResourceKind, Value)]) -> Snapshot {
    let mut builder = Builder::new(&[]);
    for (api_version, kind, value) in objects {
        builder.add(Object::from_json(api_version, *kind, &value.to_string()).unwrap());
    }
    builder.finish(&Origin { kind: SourceKind::Cluster, ..Origin::default() })
}

#[test]
fn modes_states_and_selectors_of_volumes_are_kept() {
    let claim = |name: &str, mode: Option<&str>, phase: &str, deleted: Option<&str>| {
        let metadata = json!({"name": name, "namespace": "shop", "deletionTimestamp": deleted});
        (
            "v1",
            ResourceKind::PersistentVolumeClaim,
            json!({"metadata": metadata, "spec": {"volumeMode": mode}, "status": {"phase": phase}}),
        )
    };
    let volume = |name: &str, mode: &str, deleted: Option<&str>| {
        let metadata = json!({"name": name, "deletionTimestamp": deleted});
        ("v1", ResourceKind::PersistentVolume, json!({"metadata": metadata, "spec": {"volumeMode": mode}}))
    };
    let set = json!({"metadata": {"name": "db", "namespace": "shop"}, "spec": {"volumeClaimTemplates": [
        {"metadata": {"name": "raw"}, "spec": {"volumeMode": "Block", "selector": {"matchLabels": {"disk": "fast"}}}},
        {"metadata": {"name": "data"}, "spec": {}},
    ]}});
    let snapshot = build(&[
        claim("a", None, "Bound", None),
        claim("b", Some("Block"), "Lost", None),
        claim("c", Some("Filesystem"), "Pending", Some("2026-01-01T00:00:00Z")),
        volume("v", "Filesystem", Some("2026-01-01T00:00:00Z")),
        volume("w", "Block", None),
        ("apps/v1", ResourceKind::StatefulSet, set),
    ]);
    let claims: Vec<_> = snapshot.claims.iter().map(|c| (c.block, c.lost, c.deleting, c.bound)).collect();
    let expected = [(false, false, false, true), (true, true, false, false), (false, false, true, false)];
    assert_eq!(claims, expected);
    let volumes: Vec<_> = snapshot.volumes.iter().map(|volume| (volume.block, volume.deleting)).collect();
    assert_eq!(volumes, [(false, true), (true, false)]);
    let templates = &snapshot.workloads[0].stateful.as_ref().unwrap().claim_templates;
    let templates: Vec<_> = templates.iter().map(|template| (template.block, template.selector.is_some())).collect();
    assert_eq!(templates, [(true, true), (false, false)]);
}

//! (25) Servers that lack groups, serve other versions or cannot say what they serve.

use ha_core::snapshot::{GapReason, ResourceKind};
use serde_json::{Value, json};

use crate::api::{Api, all_kinds, collection, discovery, messages, options, read, status};
use crate::server::Reply;

/// The groups of the server, changed.
fn groups(change: impl Fn(&str, &mut Value)) -> String {
    let mut document = discovery(|group| !group.is_empty());
    for group in document["items"].as_array_mut().unwrap() {
        let name = group["metadata"]["name"].as_str().unwrap().to_owned();
        change(&name, group);
    }
    document.to_string()
}

#[test]
fn a_missing_group_is_a_gap_that_says_not_installed() {
    let apis = discovery(|group| !group.is_empty() && group != "keda.sh" && group != "velero.io");
    let server = Api::default().on("/apis", move |_, _| Reply::json(apis.to_string())).start();
    let (collected, reading) = read(&options(&server));
    let missing: Vec<_> = reading.gaps.iter().map(|gap| gap.kind.unwrap()).collect();
    let expected = [
        ResourceKind::ScaledObject,
        ResourceKind::BackupSchedule,
        ResourceKind::Backup,
        ResourceKind::BackupStorageLocation,
    ];
    assert_eq!(missing, expected);
    assert!(reading.gaps.iter().all(|gap| gap.reason == GapReason::NotInstalled));
    assert_eq!(server.count(&collection(ResourceKind::ScaledObject)), 0);
    assert_eq!(collected.of(ResourceKind::Deployment), ["shop/a"]);
}

#[test]
fn the_version_that_is_known_and_served_is_taken() {
    let apis = groups(|name, group| {
        if name == "gateway.networking.k8s.io" {
            group["versions"] = json!([
                {"version": "v3", "resources": [{"resource": "gateways"}, {"resource": "httproutes"}]},
                {"version": "v1beta1", "resources": [{"resource": "gateways"}]},
            ]);
        }
    });
    let server = Api::default().on("/apis", move |_, _| Reply::json(apis.clone())).start();
    let (collected, reading) = read(&options(&server));
    assert_eq!(collected.of(ResourceKind::Gateway), ["shop/a"]);
    assert_eq!(server.count("/apis/gateway.networking.k8s.io/v1beta1/gateways"), 1);
    let unknown = "cannot list httproutes.gateway.networking.k8s.io: the server has it only as v3, \
                   which this release does not know";
    assert!(messages(&reading).contains(&unknown), "{:?}", messages(&reading));
}

#[test]
fn an_aggregated_api_that_is_down_fails_nothing() {
    let apis = groups(|name, group| {
        if name == "velero.io" {
            group["metadata"]["name"] = json!("metrics.k8s.io");
            group["versions"] = json!([{"version": "v1beta1", "freshness": "Stale"}]);
        }
        if name == "keda.sh" {
            group["versions"] = json!([{"version": "v1alpha1", "freshness": "Stale"}]);
        }
    });
    let keda = collection(ResourceKind::ScaledObject);
    let server = Api::default()
        .on("/apis", move |_, _| Reply::json(apis.clone()))
        .on(&keda, |_, _| Reply::status(503, status("service unavailable")))
        .start();
    let (collected, reading) = read(&options(&server));
    assert_eq!(collected.of(ResourceKind::Pod), ["shop/a"]);
    // Stale is not absent: it was tried.
    let gap = reading.gaps.iter().find(|gap| gap.kind == Some(ResourceKind::ScaledObject)).unwrap();
    assert_eq!(gap.reason, GapReason::Unreadable);
    assert!(gap.message.contains("503: service unavailable"), "{}", gap.message);
}

#[test]
fn servers_without_aggregated_discovery_are_asked_group_by_group() {
    let server = Api::default()
        .on("/api", |_, _| Reply::json(json!({"kind": "APIVersions", "versions": ["v1"]}).to_string()))
        .on("/apis", |_, _| {
            let groups = json!([
                {"name": "apps", "versions": [{"version": "v1"}]},
                {"name": "metrics.k8s.io", "versions": [{"version": "v1beta1"}]},
                {"name": "policy", "versions": [{"version": "v1"}]},
            ]);
            Reply::json(json!({"kind": "APIGroupList", "groups": groups}).to_string())
        })
        .on("/apis/apps/v1", |_, _| {
            let resources = json!([{"name": "deployments"}, {"name": "deployments/scale"}]);
            Reply::json(json!({"kind": "APIResourceList", "resources": resources}).to_string())
        })
        .on("/apis/policy/v1", |_, _| Reply::status(503, "{}"))
        .start();
    let (collected, reading) = read(&options(&server));
    assert_eq!(collected.of(ResourceKind::Deployment), ["shop/a"]);
    assert_eq!(collected.of(ResourceKind::PodDisruptionBudget), ["shop/a"]);
    assert_eq!(collected.of(ResourceKind::Pod), ["shop/a"]);
    assert_eq!(collected.of(ResourceKind::StatefulSet), [""; 0]);
    assert_eq!(server.count("/apis/metrics.k8s.io/v1beta1"), 0);
    let absent = reading.gaps.iter().filter(|gap| gap.reason == GapReason::NotInstalled);
    assert!(absent.count() > 10);
}

#[test]
fn without_discovery_every_kind_is_tried() {
    let server = Api::default()
        .on("/apis", |_, _| Reply::status(500, "{}"))
        .on(&collection(ResourceKind::ScaledObject), |_, _| Reply::status(404, "{}"))
        .start();
    let (collected, reading) = read(&options(&server));
    for listed in all_kinds().filter(|listed| listed.kind != ResourceKind::ScaledObject) {
        assert_eq!(collected.of(listed.kind), ["shop/a"], "{listed:?}");
    }
    assert_eq!(reading.gaps.len(), 1);
    assert_eq!(reading.gaps[0].reason, GapReason::NotInstalled);
    assert!(reading.notices[0].contains("cannot discover"), "{:?}", reading.notices);
}

//! A cluster that behaves.

use ha_core::snapshot::{GapReason, ResourceKind};
use ha_read::cluster::{self, CONFIG_MAPS, Progress, RULE_FILES};
use serde_json::json;

use crate::api::{Api, all_kinds, options, read};
use crate::server::Reply;

#[test]
fn every_kind_is_read_and_only_read() {
    let server = Api::default().start();
    let (collected, reading) = read(&options(&server));
    for listed in all_kinds() {
        assert_eq!(collected.of(listed.kind), ["shop/a"], "{listed:?}");
        assert_eq!(reading.counts[&listed.kind], 1, "{listed:?}");
    }
    assert_eq!(collected.of(ResourceKind::ConfigMap).len(), CONFIG_MAPS.len());
    assert_eq!(reading.gaps, []);
    assert_eq!(reading.server_version, "v1.36.3");
    assert_eq!(reading.server, server.url());
    for request in server.requests() {
        assert_eq!(request.method, "GET");
        // (20)
        assert!(!request.path().contains("secrets"), "{request:?}");
        let narrowed = request.query("labelSelector").is_some_and(|labels| labels.contains("%3D"));
        assert!(!request.path().ends_with("/configmaps") || narrowed, "{request:?}");
    }
}

#[test]
fn loopback_is_not_compressed_and_anything_else_is() {
    let server = Api::default().start();
    let mut options = options(&server);
    read(&options);
    let compressed = |request: &crate::server::Request| request.header("accept-encoding") == Some("gzip");
    assert!(!server.requests().iter().any(compressed));
    options.flags.server = Some(server.remote_url());
    let local = server.requests().len();
    read(&options);
    assert!(server.requests()[local..].iter().all(compressed));
}

#[test]
fn a_namespace_narrows_what_lives_in_namespaces() {
    let server = Api::default().start();
    let mut options = options(&server);
    options.namespaces = vec!["pay".to_owned(), "shop".to_owned()];
    let (_, reading) = read(&options);
    assert_eq!(server.count("/api/v1/namespaces/shop/pods"), 1);
    assert_eq!(server.count("/api/v1/namespaces/pay/pods"), 1);
    assert_eq!(server.count("/api/v1/pods"), 0);
    assert_eq!(server.count("/api/v1/nodes"), 1);
    // What was not asked for is not known to be absent.
    let elsewhere = |namespace: &str| {
        let mut gaps = reading.gaps.iter();
        gaps.any(|gap| {
            gap.kind == Some(ResourceKind::Pod) && gap.namespace == namespace && gap.reason == GapReason::NotInInput
        })
    };
    assert!(elsewhere(ha_read::OTHER_NAMESPACES) && elsewhere("kube-system"));
    assert!(reading.gaps.iter().all(|gap| gap.kind != Some(ResourceKind::Node)));
}

#[test]
fn labels_narrow_pods_and_what_creates_them() {
    let server = Api::default().start();
    let mut options = options(&server);
    options.label_selector = Some("app in (web, api)".to_owned());
    let (_, reading) = read(&options);
    for request in server.requests() {
        let selected = ["/api/v1/pods", "/apis/apps/v1/deployments"].contains(&request.path());
        if selected {
            assert_eq!(request.query("labelSelector"), Some("app%20in%20%28web%2C%20api%29"));
        } else if ["/api/v1/nodes", "/api/v1/services"].contains(&request.path()) {
            assert_eq!(request.query("labelSelector"), None);
        }
    }
    let pods: Vec<_> = reading.gaps.iter().filter(|gap| gap.kind == Some(ResourceKind::Pod)).collect();
    assert_eq!(pods.len(), 1);
    assert_eq!(pods[0].reason, GapReason::NotInInput);
}

#[test]
fn progress_ends_for_every_kind_with_its_count() {
    let server = Api::default().start();
    let mut done = Vec::new();
    cluster::read(&options(&server), &mut |_| (), &mut |progress| {
        if let Progress::Read { kind, objects, done: true } = progress {
            done.push((kind, objects));
        }
    })
    .unwrap();
    done.sort_unstable();
    let mut expected: Vec<_> = all_kinds().map(|listed| (listed.kind, 1)).collect();
    expected.push((ResourceKind::ConfigMap, CONFIG_MAPS.len()));
    expected.sort_unstable();
    assert_eq!(done, expected);
}

#[test]
fn rule_files_are_found_by_label_and_kept_as_facts_once() {
    let rules = "groups: [{rules: [{alert: hunter2, expr: kube_poddisruptionbudget_status_expected_pods}]}]";
    let found = json!({
        "metadata": {"namespace": "monitoring", "name": "rules"}, "data": {"a.yaml": rules, "b.yaml": "hunter2"},
    });
    let server = Api::default()
        .on("/api/v1/configmaps", move |request, _| {
            // The operator's and the chart's label on one ConfigMap.
            let items =
                if request.query("labelSelector").unwrap().contains("role") { json!([]) } else { json!([found]) };
            Reply::json(json!({"kind": "ConfigMapList", "items": items}).to_string())
        })
        .start();
    let mut kept = Vec::new();
    let reading = cluster::read(&options(&server), &mut |object| kept.push(object), &mut |_| ()).unwrap();
    assert_eq!(server.count("/api/v1/configmaps"), RULE_FILES.len());
    assert_eq!(reading.counts[&ResourceKind::ConfigMap], CONFIG_MAPS.len() + 1);
    let text: String = kept.iter().map(|object| serde_json::to_string(&object.body).unwrap()).collect();
    assert!(text.contains(r#""alerts":"budgets""#) && !text.contains("hunter2"), "{text}");
}

//! The example cluster that is part of the program: it is what its page says, and shows what it is for.
//!
//! `UPDATE_GOLDEN=1 cargo test -p ha-tests --test demo` writes it anew from the page.
#![allow(clippy::unwrap_used, reason = "a helper of tests may fail like a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ha_core::Verdict;
use ha_core::rule::Severity;
use ha_core::snapshot::{ResourceKind, SourceKind};
use ha_read::{Reading, saved};
use ha_snapshot::objects::Object;
use ha_snapshot::{Builder, Origin};

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/kubectl-ha/demo")
}

/// The page, expanded and reduced to slim objects.
fn expanded() -> (saved::Saved, Vec<Object>) {
    let page = std::fs::read_to_string(demo().join("shop.yaml")).unwrap();
    let demo = ha_cluster::demo::expand(&page).unwrap();
    let taken_at: jiff::Timestamp = demo.taken_at.parse().unwrap();
    let reading = Reading { context: demo.context, server_version: demo.server_version, ..Reading::default() };
    let objects = demo.objects.iter().map(|value| {
        let api_version = value["apiVersion"].as_str().unwrap();
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let kind = ResourceKind::from_group_kind(group, value["kind"].as_str().unwrap()).unwrap();
        Object::from_json(api_version, kind, &value.to_string()).unwrap()
    });
    (saved::Saved { taken_at: taken_at.as_second(), reading }, objects.collect())
}

#[test]
fn the_embedded_cluster_is_what_its_page_says() {
    let (saved, objects) = expanded();
    let folder = tempfile::tempdir().unwrap();
    let fresh = folder.path().join("shop.ha");
    saved::write(&fresh, &saved, &objects).unwrap();
    let (fresh, embedded) = (std::fs::read(fresh).unwrap(), demo().join("shop.ha"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&embedded, &fresh).unwrap();
    }
    assert!(
        std::fs::read(&embedded).is_ok_and(|old| old == fresh),
        "shop.ha is not what shop.yaml says: UPDATE_GOLDEN=1 cargo test -p ha-tests --test demo"
    );
}

#[test]
fn the_example_is_believable_and_has_faults_of_many_kinds() {
    let (saved, objects) = expanded();
    let mut builder = Builder::new(&[]);
    for object in objects {
        builder.add(object);
    }
    let snapshot = builder.finish(&Origin {
        kind: SourceKind::Cluster,
        name: saved.reading.context.clone(),
        taken_at: saved.taken_at,
        ..Origin::default()
    });
    assert_eq!(snapshot.nodes.len(), 9);
    let zones: BTreeSet<&str> = snapshot.nodes.iter().map(|node| snapshot.text(node.zone)).collect();
    assert_eq!(zones.len(), 3);
    assert!(snapshot.gaps.is_empty(), "{:?}", snapshot.gaps);

    let report = ha_tests::native::report(&snapshot);
    let failed: BTreeSet<&str> = report
        .results
        .iter()
        .filter(|result| result.verdict == Verdict::Fail)
        .map(|result| result.rule.as_str())
        .collect();
    let promised = [
        "anti-affinity-unsatisfiable",
        "autoscaler-floor-too-low",
        "backup-coverage-gap",
        "backup-stale",
        "bare-pod",
        "budget-absent",
        "budget-blocks-drain",
        "budget-too-loose",
        "budgets-overlap",
        "dns-replicas-share-node",
        "liveness-equals-readiness",
        "monitoring-fragile",
        "nodes-unavailable-long",
        "pods-pinned-to-domain",
        "readiness-probe-absent",
        "replicas-placed-together",
        "rollout-drops-all-replicas",
        "service-selects-nothing",
        "single-replica",
        "single-writer-volume-shared",
        "spread-selector-mismatch",
        "toleration-forever",
        "volume-bound-too-early",
        "webhook-guards-itself",
    ];
    for rule in promised {
        assert!(failed.contains(rule), "{rule} is not among the faults: {failed:#?}");
    }
    // What the page calls sound stays free of critical and high findings.
    for sound in ["catalog", "accounts", "stock", "gateway", "fraud", "routes", "tracking", "ingress-nginx-controller"]
    {
        let wrong: Vec<_> = report
            .results
            .iter()
            .filter(|result| {
                result.verdict == Verdict::Fail && result.severity >= Severity::High && result.object.name == sound
            })
            .map(|result| (&result.rule, &result.message))
            .collect();
        assert!(wrong.is_empty(), "{sound}: {wrong:?}");
    }
}

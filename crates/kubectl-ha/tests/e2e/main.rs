//! The plugin against a real control plane, through the real kubectl.
//!
//! One cluster for all of it, in this order: it is sound; every rule's fault is injected and found; users with few
//! rights get what they may see and are told the rest.

#![allow(clippy::unwrap_used, reason = "a helper of tests may fail like a test")]

mod bench;
mod faults;
mod rights;

use std::collections::BTreeSet;

use bench::{Bench, Checked};

#[test]
fn a_sound_cluster_is_sound_every_fault_is_found_and_rights_are_respected() {
    let bench = Bench::new();
    sound(&bench);
    faults::all_are_found(&bench);
    rights::all_are_respected(&bench);
}

/// Four nodes in four zones, and a web service as it should be.
fn sound(bench: &Bench) {
    let nodes: Vec<_> = ["a", "b", "c", "d"].map(|zone| bench::node(&format!("node-{zone}"), Some(zone))).into();
    bench.apply("nodes", &nodes);
    bench.kubectl(&["wait", "--timeout=300s", "--for=condition=Ready", "nodes", "--all"]);
    bench.apply("sound", &bench::Sound::new("site").objects());
    bench.kubectl(&["rollout", "status", "--timeout=300s", "deployment/landing", "-n", "site"]);
    bench.wait_for_endpoints("site", 3);

    let Checked { code, report, errors } = bench.check(&[]);
    let severe: BTreeSet<String> = bench::failed(&report, &["critical", "high"]);
    assert_eq!(severe, BTreeSet::new(), "a sound cluster");
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    // Kinds that are not installed are no loss, and nobody is told of them unasked.
    let table = bench.ha(&["check"]);
    assert!(!table.out.contains("does not have this kind"), "{}", table.out);
    let lost = report["gaps"].as_array().unwrap().iter().filter(|gap| gap["reason"] != "not-installed");
    assert_eq!(lost.count(), 0, "{:#}", report["gaps"]);

    let file = bench.path("cluster.ha");
    let saved = bench.ha(&["snapshot", &file]);
    assert_eq!(saved.code, Some(0), "{saved:?}");
    assert!(!saved.err.contains("warning"), "{saved:?}");
    let again = bench.ha(&["check", "--snapshot", &file, "-o", "json"]).json();
    assert_eq!(bench::answers(&again), bench::answers(&report), "a saved cluster is the cluster");
}

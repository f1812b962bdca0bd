//! Whether a rollout ends, and how low the workload falls, with and without lost nodes.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{machine, node, owner, running, small, snapshot};
use ha_core::Settings;
use ha_core::impact::{Disruption, DisruptionKind, InstantVerdict, LossMode};
use ha_core::snapshot::WorkloadId;
use ha_sim::rollout::{Rollout, rollout};
use ha_sim::simulate::Options;
use ha_sim::{Model, State};
use serde_json::{Value, json};

/// A workload whose pods request 400 of a node's 1000 millicores, one ready on each of the nodes.
fn workload(kind: &str, strategy: &Value, spread: &Value, nodes: &[&str]) -> Vec<Value> {
    let mut spec = small();
    spec["topologySpreadConstraints"] = spread.clone();
    let mut objects = vec![json!({"apiVersion": "apps/v1", "kind": kind,
        "metadata": {"name": "web", "namespace": "shop", "uid": "web"},
        "spec": {"replicas": nodes.len(), "selector": {"matchLabels": {"app": "web"}},
            "strategy": strategy, "updateStrategy": strategy,
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}}})];
    let mut controller = owner(kind, "web");
    if kind == "Deployment" {
        objects.push(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": {},
            "metadata": {"name": "rs", "namespace": "shop", "uid": "rs", "labels": {"pod-template-hash": "1"},
                "ownerReferences": [controller]}}));
        controller = owner("ReplicaSet", "rs");
    }
    objects.extend(nodes.iter().enumerate().map(|(number, node)| running(number, &spec, node, &controller)));
    objects
}

fn rolled(nodes: &[&str], lost: &[&str], objects: Vec<Value>) -> Option<Rollout> {
    let mut all: Vec<Value> = nodes.iter().map(|name| machine(name)).collect();
    all.extend(objects);
    let snapshot = snapshot(&all);
    let workload = WorkloadId::at(0);
    let model = Model::with_revision(&snapshot, workload);
    let mut state = State::new(&model);
    let settings = Settings::default();
    let options = Options { settings: &settings, tries: 4, least: 2, seed: 0, show_all: false };
    let failure = Disruption {
        name: "test".into(),
        kind: DisruptionKind::Loss(LossMode::Removed),
        nodes: lost.iter().map(|name| node(&snapshot, name)).collect(),
    };
    let rolled = rollout(&mut state, workload, (!lost.is_empty()).then_some(&failure), &options);
    assert_eq!(state.mark(), 0, "the state is as before");
    rolled
}

fn rolling(unavailable: u32, surge: u32) -> Value {
    json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}})
}

#[test]
fn with_room_for_the_surge_a_rollout_ends_and_nothing_is_missing() {
    let web = workload("Deployment", &rolling(0, 1), &json!([]), &["a", "b"]);
    let rollout = rolled(&["a", "b"], &[], web).unwrap();
    assert_eq!((rollout.runs, rollout.lowest, rollout.verdict), ((4, 4), 2, InstantVerdict::Holds));
    assert_eq!((rollout.first.updated, rollout.first.old), (2, 0));
}

/// The node that is left holds two pods, so there is no room for a third.
#[test]
fn during_a_failure_there_may_be_no_room_for_the_surge() {
    let web = || workload("Deployment", &rolling(0, 1), &json!([]), &["a", "b"]);
    let stuck = rolled(&["a", "b"], &["b"], web()).unwrap();
    assert_eq!((stuck.runs, stuck.lowest), ((4, 0), 2));
    assert_eq!((stuck.first.updated, stuck.first.old, stuck.first.pending), (0, 2, 1));
    assert!(stuck.first.reasons[0].starts_with("0/1 nodes are available: 1 Insufficient cpu."), "{:?}", stuck.first);
    // One that may be missing needs no room.
    let web = workload("Deployment", &rolling(1, 0), &json!([]), &["a", "b"]);
    let rollout = rolled(&["a", "b"], &["b"], web).unwrap();
    assert_eq!((rollout.runs, rollout.lowest), ((4, 4), 1));
}

#[test]
fn recreate_takes_all_at_once() {
    let web = workload("Deployment", &json!({"type": "Recreate"}), &json!([]), &["a", "b"]);
    let rollout = rolled(&["a", "b"], &[], web).unwrap();
    assert_eq!((rollout.runs, rollout.lowest, rollout.verdict), ((4, 4), 0, InstantVerdict::Down));
}

/// With `matchLabelKeys` only pods of one revision are counted; without, the old ones are in the way of the new.
#[test]
fn the_hash_of_the_new_revision_is_another() {
    let constraint = |keys: Value| {
        json!([{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "web"}}, "matchLabelKeys": keys}])
    };
    let one_node_each = |keys: Value| workload("Deployment", &rolling(0, 1), &constraint(keys), &["a", "b", "c"]);
    let rollout = rolled(&["a", "b", "c"], &[], one_node_each(json!(["pod-template-hash"]))).unwrap();
    assert_eq!((rollout.runs, rollout.lowest), ((4, 4), 3));
}

#[test]
fn a_stateful_set_is_replaced_one_by_one() {
    let web = workload("StatefulSet", &json!({"type": "RollingUpdate"}), &json!([]), &["a", "a", "b"]);
    let rollout = rolled(&["a", "b"], &[], web).unwrap();
    assert_eq!((rollout.runs, rollout.lowest, rollout.verdict), ((4, 4), 2, InstantVerdict::Holds));
    // Two fit on the node that is left; the third waits, and nothing is replaced before it is ready.
    let web = workload("StatefulSet", &json!({"type": "RollingUpdate"}), &json!([]), &["a", "a", "b"]);
    let stuck = rolled(&["a", "b"], &["b"], web).unwrap();
    assert_eq!((stuck.runs, stuck.first.ready_at_start, stuck.lowest), ((4, 0), 2, 2), "{stuck:?}");
}

#[test]
fn what_nobody_replaces_has_no_rollout() {
    let on_delete = workload("StatefulSet", &json!({"type": "OnDelete"}), &json!([]), &["a"]);
    assert!(rolled(&["a"], &[], on_delete).is_none());
    let without_pods = workload("Deployment", &rolling(0, 1), &json!([]), &[]);
    assert!(rolled(&["a"], &[], without_pods).is_none());
}

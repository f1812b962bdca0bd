//! Changes that let all pods find a place, tried on a copy.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{node, small, snapshot, web, zoned};
use ha_core::impact::{Certainty, Disruption, DisruptionKind, LossMode};
use ha_core::{Settings, Snapshot};
use ha_sim::remedies::{Change, Remedy, remedies};
use ha_sim::simulate::{Options, simulate};
use ha_sim::{Model, State};
use serde_json::{Value, json};

/// What is found for six pods on three zones of one node each, once zone c is out of reach.
fn found(spec: &Value) -> Vec<(Change, u32, Certainty)> {
    let mut objects = zones("4");
    objects.extend(web(&["a", "a", "b", "b", "c", "c"], spec));
    let found = remedies_of(&snapshot(&objects));
    found.into_iter().map(|remedy| (remedy.change, remedy.worst.scheduled, remedy.certainty)).collect()
}

/// Three zones of one node each, with so many processors.
fn zones(cpu: &str) -> Vec<Value> {
    let mut nodes: Vec<Value> = ["a", "b", "c"].map(zoned).into();
    for node in &mut nodes {
        node["status"]["allocatable"]["cpu"] = cpu.into();
    }
    nodes
}

fn remedies_of(snapshot: &Snapshot) -> Vec<Remedy> {
    let kind = DisruptionKind::Loss(LossMode::Unreachable);
    let disruption = Disruption { name: "zone/c".into(), kind, nodes: vec![node(snapshot, "c")] };
    let settings = Settings::default();
    let options = Options { settings: &settings, tries: 4, least: 2, seed: 0, show_all: false };
    let impact = simulate(&mut State::new(&Model::new(snapshot)), &disruption, &options);
    assert!(impact.workloads.iter().all(|told| told.worst.pending > 0), "{impact:?}");
    remedies(snapshot, &impact, &options)
}

fn spread(max_skew: u32, policy: &str) -> Value {
    let mut spec = small();
    spec["topologySpreadConstraints"] = json!([{"maxSkew": max_skew, "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule", "nodeTaintsPolicy": policy,
        "labelSelector": {"matchLabels": {"app": "web"}}}]);
    spec
}

#[test]
fn a_spread_that_counts_the_lost_zone_leaves_it_out() {
    let changes = found(&spread(1, "Ignore"));
    assert!(matches!(changes[..], [(Change::HonorNodeTaints, 6, _)]), "{changes:?}");
}

/// The third zone is missed by its number, whatever becomes of its nodes.
#[test]
fn a_spread_that_leaves_it_out_already_becomes_a_wish() {
    let mut spec = spread(1, "Honor");
    spec["topologySpreadConstraints"][0]["minDomains"] = 3.into();
    let changes = found(&spec);
    assert!(matches!(changes[..], [(Change::PreferSpread, 6, _)]), "{changes:?}");
}

#[test]
fn where_there_is_no_room_no_rule_is_to_blame() {
    let mut spec = small();
    spec["containers"][0]["resources"]["requests"]["cpu"] = "1500m".into();
    assert_eq!(found(&spec), []);
}

/// Not for all, because each of them takes its time.
#[test]
fn what_helps_is_looked_for_where_it_is_worst() {
    let mut objects = zones("100");
    for number in 0..30 {
        let nodes = if number == 29 { ["c", "c", "c"] } else { ["a", "b", "c"] };
        let named = |object: Value| {
            let named = object.to_string().replace("web", &format!("web-{number}"));
            serde_json::from_str::<Value>(&named).unwrap()
        };
        objects.extend(web(&nodes, &spread(1, "Ignore")).into_iter().map(named));
    }
    let snapshot = snapshot(&objects);
    let found = remedies_of(&snapshot);
    assert_eq!(found.len(), 24);
    assert_eq!(snapshot.name_of(snapshot.workload(found[0].workload)), "web-29");
}

//! What an autoscaler of nodes would do after a loss.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{labelled, node, small, snapshot, web};
use ha_core::impact::{Disruption, DisruptionKind, LossMode};
use ha_core::snapshot::NodeId;
use ha_sim::autoscale::{Grown, grow};
use ha_sim::{Model, State};
use serde_json::{Value, json};

fn machine(name: &str, pool: &str) -> Value {
    labelled(name, &json!({"pool": pool}))
}

/// Four pods of 400 millicores on node a, which a node of 1000 holds two of; only nodes of the pool `web` may run them.
fn cluster() -> Vec<Value> {
    let mut spec = small();
    spec["nodeSelector"] = json!({"pool": "web"});
    web(&["a"; 4], &spec)
}

fn grown(limit: usize) -> Grown {
    let mut objects = cluster();
    objects.extend([machine("a", "web"), machine("b", "other")]);
    objects.extend(["o1", "o2"].map(|name| machine(name, "other")));
    objects.extend(["w1", "w2", "w3"].map(|name| machine(name, "web")));
    let snapshot = snapshot(&objects);
    let pool = |names: &[&str]| names.iter().map(|name| node(&snapshot, name)).collect::<Vec<NodeId>>();
    let pools = [pool(&["o1", "o2"]), pool(&["w1", "w2", "w3"])];
    let disruption = Disruption {
        name: "node/a".into(),
        kind: DisruptionKind::Loss(LossMode::Unreachable),
        nodes: vec![node(&snapshot, "a")],
    };
    let model = Model::new(&snapshot);
    let mut state = State::new(&model);
    let grown = grow(&mut state, &disruption, &pools, limit, 0);
    assert_eq!(state.mark(), 0, "the state is as before");
    let added: Vec<&str> = grown.added.iter().map(|&id| snapshot.name_of(snapshot.node(id))).collect();
    assert!(added.iter().all(|name| name.starts_with('w')), "only nodes that help: {added:?}");
    grown
}

#[test]
fn nodes_are_added_as_long_as_they_help() {
    let grown = grown(10);
    assert_eq!((grown.added.len(), grown.without[0].1, grown.with.len()), (2, 4, 0));
}

#[test]
fn no_more_nodes_are_added_than_allowed() {
    let grown = grown(1);
    assert_eq!((grown.added.len(), grown.with[0].1), (1, 2));
}

//! Which disruptions are tried.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::snapshot;
use ha_core::impact::{DisruptionKind, LossMode};
use ha_sim::matrix;
use serde_json::json;

#[test]
fn a_check_tries_nodes_zones_in_both_modes_and_drains() {
    let node = |name: &str, zone: &str| {
        let labels = json!({"topology.kubernetes.io/zone": zone});
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}})
    };
    let snapshot = snapshot(&[node("a1", "a"), node("a2", "a"), node("b1", "b")]);
    let tried: Vec<(String, DisruptionKind, usize)> = matrix::for_check(&snapshot)
        .into_iter()
        .map(|disruption| (disruption.name, disruption.kind, disruption.nodes.len()))
        .collect();
    let loss = DisruptionKind::Loss;
    let wanted = [
        ("node/a1", loss(LossMode::Unreachable), 1),
        ("node/a2", loss(LossMode::Unreachable), 1),
        ("node/b1", loss(LossMode::Unreachable), 1),
        ("zone/a", loss(LossMode::Unreachable), 2),
        ("zone/b", loss(LossMode::Unreachable), 1),
        ("zone/a", loss(LossMode::Removed), 2),
        ("zone/b", loss(LossMode::Removed), 1),
        ("drain/a1", DisruptionKind::Drain, 1),
        ("drain/a2", DisruptionKind::Drain, 1),
        ("drain/b1", DisruptionKind::Drain, 1),
    ];
    assert_eq!(tried, wanted.map(|(name, kind, nodes)| (name.to_owned(), kind, nodes)));
}

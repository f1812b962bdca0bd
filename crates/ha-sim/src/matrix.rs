//! Many disruptions on one snapshot: every node, every zone, every drain, every value of a label; on all processors.

use std::sync::atomic::{AtomicBool, Ordering};

use ha_core::Snapshot;
use ha_core::impact::{Disruption, DisruptionKind, Impact, LossMode, RefusedEviction, WorkloadImpact};
use ha_core::snapshot::{NodeId, WorkloadId};
use rayon::prelude::*;

use crate::model::Model;
use crate::simulate::{Options, simulate};
use crate::state::State;
use crate::upgrade;

/// The loss of each node.
pub fn each_node(snapshot: &Snapshot, mode: LossMode) -> Vec<Disruption> {
    let loss = |id: NodeId| Disruption {
        name: format!("node/{}", snapshot.name_of(snapshot.node(id))),
        kind: DisruptionKind::Loss(mode),
        nodes: vec![id],
    };
    snapshot.nodes_by_id().map(|(id, _)| loss(id)).collect()
}

/// The drain of each node.
pub fn each_drain(snapshot: &Snapshot) -> Vec<Disruption> {
    let drain = |id: NodeId| Disruption {
        name: format!("drain/{}", snapshot.name_of(snapshot.node(id))),
        kind: DisruptionKind::Drain,
        nodes: vec![id],
    };
    snapshot.nodes_by_id().map(|(id, _)| drain(id)).collect()
}

/// The loss of each zone. Nodes without one belong to none.
pub fn each_zone(snapshot: &Snapshot, mode: LossMode) -> Vec<Disruption> {
    let zone = |id: NodeId| snapshot.text(snapshot.node(id).zone).to_owned();
    domains(snapshot, "zone", zone, mode)
}

/// The loss of each domain of a node label.
pub fn each_value(snapshot: &Snapshot, key: &str, mode: LossMode) -> Vec<Disruption> {
    let value = |id: NodeId| {
        let labels = snapshot.labels(snapshot.node(id).labels);
        labels.get_named(&snapshot.texts, key).unwrap_or_default().to_owned()
    };
    domains(snapshot, key, value, mode)
}

fn domains(snapshot: &Snapshot, name: &str, value: impl Fn(NodeId) -> String, mode: LossMode) -> Vec<Disruption> {
    let mut nodes_of: std::collections::BTreeMap<String, Vec<NodeId>> = std::collections::BTreeMap::new();
    for (id, _) in snapshot.nodes_by_id() {
        nodes_of.entry(value(id)).or_default().push(id);
    }
    nodes_of.remove("");
    let loss = |(value, nodes): (String, Vec<NodeId>)| Disruption {
        name: format!("{name}/{value}"),
        kind: DisruptionKind::Loss(mode),
        nodes,
    };
    nodes_of.into_iter().map(loss).collect()
}

/// The standard matrix: the loss of every node and of every zone, and a drain of every node.
pub fn standard(snapshot: &Snapshot, mode: LossMode) -> Vec<Disruption> {
    let mut all = each_zone(snapshot, mode);
    all.extend(each_node(snapshot, mode));
    all.extend(each_drain(snapshot));
    all
}

/// What `kubectl ha check` tries for its policies: the loss of every node; the loss of every zone, once while its nodes
/// stay in the API as unreachable and once when they are gone, which topology spread sees differently (two disruptions
/// of one name); and a drain of every node. The smallest faults come first.
pub fn for_check(snapshot: &Snapshot) -> Vec<Disruption> {
    let mut all = each_node(snapshot, LossMode::Unreachable);
    all.extend(each_zone(snapshot, LossMode::Unreachable));
    all.extend(each_zone(snapshot, LossMode::Removed));
    all.extend(each_drain(snapshot));
    all
}

/// What the policies of `kubectl ha check` judge: the impacts of [`for_check`]. Where a drain waits for room, that of an
/// upgrade of all nodes follows, since another order may let the drain end: it is left out where it has no end.
pub fn check(model: &Model, options: &Options, cancelled: &AtomicBool) -> Vec<Impact> {
    let snapshot = model.snapshot;
    let mut impacts = run(model, &for_check(snapshot), options, cancelled);
    if !cancelled.load(Ordering::Relaxed) && impacts.iter().any(|impact| waits_for_room(snapshot, impact)) {
        let nodes = snapshot.nodes_by_id().map(|(id, _)| id).collect();
        let plan = upgrade::Plan { nodes, surge: Vec::new(), parallel: 1 };
        impacts.extend(upgrade::upgrade(&State::new(model), &plan, options).impact());
    }
    impacts
}

/// Whether a drain ends with an eviction that one budget refuses, and with a pod of that budget without a node.
fn waits_for_room(snapshot: &Snapshot, impact: &Impact) -> bool {
    let misses_pods =
        |&id: &WorkloadId| WorkloadImpact::of(&impact.workloads, id).is_some_and(|told| told.worst.missing() > 0);
    let waits = |refused: &RefusedEviction| match refused.budgets[..] {
        [budget] => snapshot.budget(budget).workloads.iter().any(misses_pods),
        _ => false,
    };
    impact.disruption.kind == DisruptionKind::Drain && impact.refused_evictions.iter().any(waits)
}

/// Simulates all of them, in their order. Once `cancelled` is set no further one begins: those are left out.
pub fn run(model: &Model, disruptions: &[Disruption], options: &Options, cancelled: &AtomicBool) -> Vec<Impact> {
    let state = State::new(model);
    let one = |state: &mut State, disruption: &Disruption| {
        (!cancelled.load(Ordering::Relaxed)).then(|| simulate(state, disruption, options))
    };
    disruptions.par_iter().map_with(state, one).collect::<Vec<_>>().into_iter().flatten().collect()
}

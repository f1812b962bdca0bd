//! `kubectl ha simulate --with-autoscaler`: what comes of a disruption when nodes may be added.

use std::collections::BTreeMap;

use ha_core::Snapshot;
use ha_core::arithmetic::size;
use ha_core::impact::Disruption;
use ha_core::report::ObjectReference;
use ha_core::report::autoscaler::{AddedNodes, Autoscaled, Helped};
use ha_core::snapshot::{NodeId, WorkloadId};
use ha_sim::autoscale::{Grown, grow};
use ha_sim::simulate::Options;
use ha_sim::{Model, State};
use ha_snapshot::objects::Object;

use crate::UsageError;
use crate::input::surge;
use crate::input::whatif::Whole;

/// Lets up to `limit` nodes be added after the one disruption there is.
///
/// # Errors
/// A [`UsageError`] for several disruptions, and for more nodes than are reasonable.
pub(super) fn simulated(
    base: &Snapshot,
    whole: Option<Whole>,
    disruptions: &[Disruption],
    limit: usize,
    options: &Options,
) -> anyhow::Result<Autoscaled> {
    let [disruption] = disruptions else {
        let message = "--with-autoscaler is told of one scenario: say which with --lose or --drain";
        return Err(UsageError(message.into()).into());
    };
    let lost: Vec<String> = disruption.nodes.iter().map(|&id| base.name_of(base.node(id)).to_owned()).collect();
    let add = |objects: &mut Vec<Object>| surge::add_pools(objects, &lost, limit);
    let grown = whole.map(|whole| whole.with_more(add)).transpose()?;
    let snapshot = grown.as_ref().unwrap_or(base);
    let disruption = &super::simulate::carried_over(base, snapshot, std::slice::from_ref(disruption))[0];
    let model = Model::new(snapshot);
    let mut state = State::new(&model);
    let pools = pools(snapshot);
    let seeds = options.seeds();
    let runs: Vec<Grown> = seeds.map(|seed| grow(&mut state, disruption, &pools, limit, seed)).collect();
    Ok(told(snapshot, &runs, limit))
}

/// The nodes that may be added, by the node that they are like.
pub(super) fn pools(snapshot: &Snapshot) -> Vec<Vec<NodeId>> {
    let mut pools: BTreeMap<&str, Vec<NodeId>> = BTreeMap::new();
    for (id, node) in snapshot.nodes_by_id() {
        if let Some(model) = surge::like(snapshot.name_of(node)) {
            pools.entry(model).or_default().push(id);
        }
    }
    pools.into_values().collect()
}

fn told(snapshot: &Snapshot, runs: &[Grown], limit: usize) -> Autoscaled {
    let first = runs.first().cloned().unwrap_or_default();
    let of = |list: &[(WorkloadId, u32)], id| list.iter().find(|(known, _)| *known == id).map_or(0, |&(_, pods)| pods);
    let mut waiting: Vec<WorkloadId> = first.without.iter().chain(&first.with).map(|&(id, _)| id).collect();
    waiting.sort_unstable();
    waiting.dedup();
    let helped = |id: WorkloadId| Helped {
        object: ObjectReference::of(snapshot, snapshot.workload(id).object),
        pending_without: of(&first.without, id),
        pending_with: of(&first.with, id),
    };
    Autoscaled {
        limit: size(limit),
        added: added(snapshot, &first.added),
        workloads: waiting.into_iter().map(helped).collect(),
        runs: size(runs.len()),
        complete_runs: size(runs.iter().filter(|run| run.with.is_empty() && !run.endless).count()),
    }
}

/// Nodes that are added, by the node that they are like.
pub(super) fn added(snapshot: &Snapshot, nodes: &[NodeId]) -> Vec<AddedNodes> {
    let mut added: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for node in nodes.iter().map(|&id| snapshot.node(id)) {
        let like = surge::like(snapshot.name_of(node)).unwrap_or_default();
        *added.entry((like, snapshot.text(node.zone))).or_default() += 1;
    }
    let named =
        |((like, zone), count): ((&str, &str), u32)| AddedNodes { like: like.to_owned(), zone: zone.to_owned(), count };
    added.into_iter().map(named).collect()
}

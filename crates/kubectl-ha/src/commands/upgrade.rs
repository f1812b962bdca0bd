//! `kubectl ha simulate --upgrade`: which nodes, and what comes of it in names.

use ha_core::Snapshot;
use ha_core::arithmetic::size;
use ha_core::report::ObjectReference;
use ha_core::report::upgrade::{BlockedNode, BlockingSet, LowestPoint, Upgrade, WaitingWorkload};
use ha_core::snapshot::{NodeId, WorkloadKind};
use ha_sim::simulate::Options;
use ha_sim::upgrade::{Blocked, Cause, Lowest, Plan, upgrade};
use ha_sim::{Model, State};
use ha_snapshot::objects::Object;

use crate::UsageError;
use crate::cli::UpgradeArguments;
use crate::input::surge;
use crate::input::whatif::Whole;

/// Simulates the upgrade that was asked for.
///
/// # Errors
/// A [`UsageError`] where no node has the label.
pub(super) fn simulated(
    snapshot: &Snapshot,
    whole: Option<Whole>,
    arguments: &UpgradeArguments,
    options: &Options,
) -> anyhow::Result<Upgrade> {
    let add = |objects: &mut Vec<Object>| surge::add(objects, arguments.label(), arguments.surge);
    let surged = whole.map(|whole| whole.with_more(add)).transpose()?;
    let snapshot = surged.as_ref().unwrap_or(snapshot);
    let is_surge = |id: &NodeId| surge::is_surge(snapshot.name_of(snapshot.node(*id)));
    let (surge, pool): (Vec<NodeId>, Vec<NodeId>) = snapshot.nodes_by_id().map(|(id, _)| id).partition(is_surge);
    let label = arguments.label();
    let is_meant = |id: &NodeId| {
        let labels = snapshot.labels(snapshot.node(*id).labels);
        label.is_none_or(|(key, value)| labels.get_named(&snapshot.texts, key) == Some(value))
    };
    let nodes: Vec<NodeId> = pool.into_iter().filter(is_meant).collect();
    if nodes.is_empty() {
        let why = label.map_or("there are no nodes".to_owned(), |(key, value)| {
            super::simulate::nodes_without(snapshot, key, value)
        });
        return Err(UsageError(format!("nothing to upgrade: {why}")).into());
    }
    let count = nodes.len();
    let plan = Plan { nodes, surge, parallel: arguments.parallel.get() };
    let found = upgrade(&State::new(&Model::new(snapshot)), &plan, options);
    let node = |&id: &NodeId| snapshot.name_of(snapshot.node(id)).to_owned();
    let mut lowest: Vec<LowestPoint> = found.lowest.iter().map(|lowest| lowest_point(snapshot, lowest)).collect();
    lowest.sort_by_cached_key(|point| {
        (std::cmp::Reverse(point.verdict), point.ready.saturating_sub(point.needed), point.object.clone())
    });
    Ok(Upgrade {
        pool: label.map(|(key, value)| format!("{key}={value}")).unwrap_or_default(),
        nodes: size(count),
        parallel: size(plan.parallel),
        surge: size(plan.surge.len()),
        finishes: found.first.blocked.is_empty() && !found.first.endless,
        certainty: found.certainty,
        runs: found.runs.0,
        finished_runs: found.runs.1,
        steps: found.first.steps.iter().map(|step| step.iter().map(node).collect()).collect(),
        blocked: found.first.blocked.iter().map(|blocked| blocked_node(snapshot, blocked)).collect(),
        most_pending: found.first.most_pending,
        lowest,
    })
}

fn blocked_node(snapshot: &Snapshot, blocked: &Blocked) -> BlockedNode {
    BlockedNode {
        node: snapshot.name_of(snapshot.node(blocked.node)).to_owned(),
        sets: blocked.causes.iter().map(|cause| blocking_set(snapshot, cause)).collect(),
    }
}

fn blocking_set(snapshot: &Snapshot, cause: &Cause) -> BlockingSet {
    let reference = |id| ObjectReference::of(snapshot, id);
    BlockingSet {
        budgets: cause.budgets.iter().map(|&id| reference(snapshot.budget(id).object)).collect(),
        pods: cause.pods.iter().map(|&id| reference(snapshot.pod(id).object)).collect(),
        other_pods: cause.others,
        message: cause.message.clone(),
        waiting: cause
            .waiting
            .iter()
            .map(|(id, message)| WaitingWorkload {
                object: reference(snapshot.workload(*id).object),
                message: message.clone(),
            })
            .collect(),
        smallest: cause.smallest,
    }
}

fn lowest_point(snapshot: &Snapshot, lowest: &Lowest) -> LowestPoint {
    let workload = snapshot.workload(lowest.workload);
    debug_assert!(workload.kind != WorkloadKind::DaemonSet, "a drain leaves daemons alone");
    LowestPoint {
        object: ObjectReference::of(snapshot, workload.object),
        before: lowest.before,
        ready: lowest.ready,
        needed: lowest.needed,
        verdict: lowest.verdict,
        nodes: lowest.nodes.iter().map(|&id| snapshot.name_of(snapshot.node(id)).to_owned()).collect(),
    }
}

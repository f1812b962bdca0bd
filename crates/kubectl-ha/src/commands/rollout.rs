//! `kubectl ha simulate --rollout`: which workload, and what comes of it in names.

use ha_core::Snapshot;
use ha_core::impact::Disruption;
use ha_core::report::ObjectReference;
use ha_core::report::rollout::Rollout;
use ha_core::snapshot::{Workload, WorkloadId};
use ha_sim::rollout::rollout;
use ha_sim::simulate::Options;
use ha_sim::{Model, State};

use crate::UsageError;
use crate::cli::Rolled;

/// Simulates the rollout that was asked for, during a failure if there is one.
///
/// # Errors
/// A [`UsageError`] where there is no such workload, or it has no rollout.
pub(super) fn simulated(
    snapshot: &Snapshot,
    rolled: &Rolled,
    failure: Option<&Disruption>,
    options: &Options,
) -> anyhow::Result<Rollout> {
    let id = find(snapshot, rolled)?;
    let model = Model::with_revision(snapshot, id);
    let Some(found) = rollout(&mut State::new(&model), id, failure, options) else {
        let message = format!("{rolled} has no rollout: it has no pod, or nothing replaces its pods (OnDelete)");
        return Err(UsageError(message).into());
    };
    let first = found.first;
    Ok(Rollout {
        object: ObjectReference::of(snapshot, snapshot.workload(id).object),
        during: failure.map(|disruption| disruption.name.clone()),
        desired: found.desired,
        before: found.before,
        ready_at_start: first.ready_at_start,
        lowest: found.lowest,
        needed: found.needed,
        verdict: found.verdict,
        finishes: first.finishes,
        certainty: found.certainty,
        runs: found.runs.0,
        finished_runs: found.runs.1,
        updated: first.updated,
        old: first.old,
        pending: first.pending,
        reasons: first.reasons,
    })
}

/// The workload of that name; kinds are told apart as kubectl does, whatever their case.
fn find(snapshot: &Snapshot, rolled: &Rolled) -> anyhow::Result<WorkloadId> {
    let is_kind = |workload: &Workload| workload.kind.kind().eq_ignore_ascii_case(&rolled.kind);
    let in_namespace = |workload: &Workload| is_kind(workload) && snapshot.text(workload.namespace) == rolled.namespace;
    let is_meant = |workload: &Workload| in_namespace(workload) && snapshot.name_of(workload) == rolled.name;
    let found = snapshot.workloads_by_id().find(|(_, workload)| is_meant(workload)).map(|(id, _)| id);
    let names = snapshot.workloads.iter().filter(|workload| in_namespace(workload));
    found.ok_or_else(|| {
        let there_are = super::simulate::there_are("names of that kind there", names.map(|w| snapshot.name_of(w)));
        UsageError(format!("there is no {rolled}; {there_are}")).into()
    })
}

//! What one run of a disruption came to, counted per workload.

use ha_core::impact::{Disruption, PodCounts};
use ha_core::snapshot::{PodId, WorkloadId};
use hashbrown::HashMap;

use crate::eviction::{self, Answer};
use crate::failure::{self, RefusedPod};
use crate::ids::PodIndex;
use crate::messages;
use crate::schedule::unknown;
use crate::settle::Settling;
use crate::state::State;

/// Pods of one workload that are Pending for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The scheduler's words.
    pub message: String,
    /// How many pods.
    pub pods: u32,
    /// Per plugin, how many nodes it refused.
    pub plugins: Vec<(&'static str, u32)>,
}

/// What one run came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Counts of the workloads that were looked at.
    pub counts: HashMap<WorkloadId, PodCounts>,
    /// Why pods are Pending.
    pub reasons: HashMap<WorkloadId, Vec<Reason>>,
    /// Evictions refused at the end.
    pub refused: Vec<RefusedPod>,
    /// The workloads of the pods that preemption removed, and those pods that the snapshot knows.
    pub preempted: Vec<(WorkloadId, Option<PodId>)>,
    /// Whether it was given up.
    pub endless: bool,
    /// Workloads with a pod of which the simulation does not know where it runs, and why.
    pub unknown: HashMap<WorkloadId, &'static str>,
}

/// Runs a disruption once. The state is as before afterwards. `all` counts every workload, not only those with a pod
/// that moved or waits.
pub fn run(state: &mut State, disruption: &Disruption, seed: u64, all: bool) -> Outcome {
    let mark = state.mark();
    let outcome = run_through(state, disruption, seed, all);
    state.undo_to(mark);
    outcome
}

/// The same in a state that nobody needs afterwards.
pub(crate) fn run_through(state: &mut State, disruption: &Disruption, seed: u64, all: bool) -> Outcome {
    let hit = hit(state, disruption);
    let mut settling = Settling::new(state, seed);
    settling.may_put_off = true;
    let refused = failure::apply(&mut settling, disruption);
    settling.retry();
    collect(&settling, &hit, refused, all)
}

/// The workloads with pods on the nodes.
pub(crate) fn hit(state: &State, disruption: &Disruption) -> Vec<WorkloadId> {
    let nodes = failure::nodes(state, disruption);
    failure::pods_on(state, &nodes).into_iter().map(|pod| state.pod(pod).workload).collect()
}

/// What a run comes to that places all displaced pods, as seen in the state before any of them is placed. `refused` are
/// the pods that budgets do not let go.
pub(crate) fn all_placed(
    state: &State,
    hit: &[WorkloadId],
    displaced: &[PodIndex],
    refused: &[PodIndex],
    all: bool,
) -> Outcome {
    let mut outcome = Outcome::default();
    for &pod in refused {
        if let Answer::Refused(refusal) = eviction::ask(state, pod) {
            outcome.refused.push(RefusedPod { pod, refusal });
        }
    }
    let mut workloads = hit.to_vec();
    workloads.extend(state.created().map(|pod| state.pod(pod).workload));
    let workloads = if all { every_workload(state) } else { distinct(workloads) };
    let is_placed = |pod: PodIndex| state.node_of(pod).is_some() || displaced.binary_search(&pod).is_ok();
    outcome.counts = count_all(state, workloads, is_placed);
    outcome
}

fn every_workload(state: &State) -> Vec<WorkloadId> {
    (0..state.model.snapshot.workloads.len()).map(WorkloadId::at).collect()
}

fn distinct(mut workloads: Vec<WorkloadId>) -> Vec<WorkloadId> {
    workloads.sort_unstable();
    workloads.dedup();
    workloads
}

/// The counts of a workload as the state has them.
pub(crate) fn standing(state: &State, id: WorkloadId) -> PodCounts {
    let known = state.model.snapshot.workload(id).pods.of(&state.model.snapshot.workload_pods).iter();
    count(state, id, known.map(|pod| PodIndex::at(pod.position())), |pod| state.node_of(pod).is_some())
}

fn count_all(
    state: &State,
    workloads: Vec<WorkloadId>,
    is_placed: impl Fn(PodIndex) -> bool,
) -> HashMap<WorkloadId, PodCounts> {
    let snapshot = state.model.snapshot;
    let mut created: HashMap<WorkloadId, Vec<PodIndex>> = HashMap::new();
    for pod in state.created() {
        created.entry(state.pod(pod).workload).or_default().push(pod);
    }
    let of_workload = |id: WorkloadId| {
        let known = snapshot.workload(id).pods.of(&snapshot.workload_pods).iter();
        let known = known.map(|pod| PodIndex::at(pod.position()));
        let new = created.get(&id).map_or(&[][..], Vec::as_slice).iter().copied();
        (id, count(state, id, known.chain(new), &is_placed))
    };
    workloads.into_iter().map(of_workload).collect()
}

pub(crate) fn collect(settling: &Settling, hit: &[WorkloadId], refused: Vec<RefusedPod>, all: bool) -> Outcome {
    let state = &*settling.state;
    let snapshot = state.model.snapshot;
    let mut outcome = Outcome { refused, endless: settling.endless, ..Outcome::default() };
    for &pod in &settling.preempted {
        let known = (pod.position() < snapshot.pods.len()).then(|| PodId::at(pod.position()));
        outcome.preempted.push((state.pod(pod).workload, known));
    }
    let workloads = if all { every_workload(state) } else { touched(settling, hit, &outcome) };
    outcome.counts = count_all(state, workloads, |pod| state.node_of(pod).is_some());
    let mut denied: HashMap<WorkloadId, u32> = HashMap::new();
    for workload in settling.denied() {
        let pods = denied.entry(workload).or_insert(0);
        *pods += 1;
        if let Some(counts) = outcome.counts.get_mut(&workload) {
            counts.not_created = counts.not_created.max(*pods);
        }
    }
    explain(settling, &mut outcome);
    outcome
}

/// Workloads with a pod on the nodes, one that was created, preempted, or that waits.
fn touched(settling: &Settling, hit: &[WorkloadId], outcome: &Outcome) -> Vec<WorkloadId> {
    let state = &*settling.state;
    let mut workloads: Vec<WorkloadId> = outcome.preempted.iter().map(|&(workload, _)| workload).collect();
    workloads.extend(hit);
    workloads.extend(state.created().map(|pod| state.pod(pod).workload));
    workloads.extend(settling.waiting().iter().map(|waiting| state.pod(waiting.pod).workload));
    distinct(workloads)
}

fn count(
    state: &State,
    id: WorkloadId,
    pods: impl Iterator<Item = PodIndex>,
    is_placed: impl Fn(PodIndex) -> bool,
) -> PodCounts {
    let snapshot = state.model.snapshot;
    let mut counts = PodCounts::default();
    for pod in pods.filter(|&pod| state.exists(pod)) {
        let known = snapshot.pods.get(pod.position());
        // A pod on a node that was not read is taken to stay there.
        let elsewhere = known.is_some_and(|known| known.node.is_none() && !known.node_name.is_empty());
        if is_placed(pod) || elsewhere {
            counts.scheduled += 1;
        } else if !state.pod(pod).terminating {
            counts.pending += 1;
        }
    }
    let desired = snapshot.workload(id).desired();
    counts.not_created = desired.saturating_sub(counts.scheduled + counts.pending);
    counts
}

fn explain(settling: &Settling, outcome: &mut Outcome) {
    let state = &*settling.state;
    for waiting in settling.waiting() {
        let workload = state.pod(waiting.pod).workload;
        let shape = state.shape_of(waiting.pod);
        let Some(diagnosis) = &waiting.diagnosis else {
            outcome.unknown.insert(workload, unknown(state, waiting.pod));
            continue;
        };
        let message = messages::unschedulable(state.model, shape, diagnosis);
        let reasons = outcome.reasons.entry(workload).or_default();
        if let Some(known) = reasons.iter_mut().find(|reason| reason.message == message) {
            known.pods += 1;
            continue;
        }
        reasons.push(Reason { message, pods: 1, plugins: diagnosis.plugins() });
    }
}

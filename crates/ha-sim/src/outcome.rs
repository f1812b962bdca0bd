//! What one run of a disruption came to, counted per workload.

use ha_core::impact::{Disruption, PodCounts};
use ha_core::snapshot::{PodId, WorkloadId, WorkloadKind};
use hashbrown::HashMap;

use crate::failure::{self, RefusedPod};
use crate::ids::PodIndex;
use crate::messages;
use crate::schedule::unknown;
use crate::settle::{Run, Settling};
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
    let hit = hit(state, disruption);
    let nodes = state.model.nodes.len();
    let mut settling = Settling::new(state, Run::new(seed, nodes));
    let refused = failure::apply(&mut settling, disruption);
    settling.retry();
    let outcome = collect(&settling, &hit, refused, all);
    state.undo_to(mark);
    outcome
}

/// The workloads with pods on the nodes.
fn hit(state: &State, disruption: &Disruption) -> Vec<WorkloadId> {
    let nodes = failure::nodes(state, disruption);
    failure::pods_on(state, &nodes).into_iter().map(|pod| state.pod(pod).workload).collect()
}

fn collect(settling: &Settling, hit: &[WorkloadId], refused: Vec<RefusedPod>, all: bool) -> Outcome {
    let state = &*settling.state;
    let snapshot = state.model.snapshot;
    let mut outcome = Outcome { refused, endless: settling.endless, ..Outcome::default() };
    for &pod in &settling.preempted {
        let known = (pod.position() < snapshot.pods.len()).then(|| PodId::at(pod.position()));
        outcome.preempted.push((state.pod(pod).workload, known));
    }
    let workloads: Vec<WorkloadId> = if all {
        (0..snapshot.workloads.len()).map(WorkloadId::at).collect()
    } else {
        touched(settling, hit, &outcome)
    };
    let mut created: HashMap<WorkloadId, Vec<PodIndex>> = HashMap::new();
    for pod in state.created() {
        created.entry(state.pod(pod).workload).or_default().push(pod);
    }
    let mut denied: HashMap<WorkloadId, u32> = HashMap::new();
    for workload in settling.denied() {
        *denied.entry(workload).or_insert(0) += 1;
    }
    for id in workloads {
        let of_workload = snapshot.workload(id).pods.of(&snapshot.workload_pods);
        let known = of_workload.iter().map(|pod| PodIndex::at(pod.position()));
        let new = created.get(&id).map_or(&[][..], Vec::as_slice).iter().copied();
        let mut counts = count(state, id, known.chain(new));
        counts.not_created = counts.not_created.max(denied.get(&id).copied().unwrap_or(0));
        outcome.counts.insert(id, counts);
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
    workloads.sort_unstable();
    workloads.dedup();
    workloads
}

fn count(state: &State, id: WorkloadId, pods: impl Iterator<Item = PodIndex>) -> PodCounts {
    let snapshot = state.model.snapshot;
    let mut counts = PodCounts::default();
    for pod in pods.filter(|&pod| state.exists(pod)) {
        let known = snapshot.pods.get(pod.position());
        // A pod on a node that was not read is taken to stay there.
        let elsewhere = known.is_some_and(|known| known.node.is_none() && !known.node_name.is_empty());
        if state.node_of(pod).is_some() || elsewhere {
            counts.scheduled += 1;
        } else if !state.pod(pod).terminating {
            counts.pending += 1;
        }
    }
    let desired = desired(state, id);
    counts.not_created = desired.saturating_sub(counts.scheduled + counts.pending);
    counts
}

/// How many pods a workload is to have; 0 for kinds whose number follows from something else.
pub(crate) fn desired(state: &State, id: WorkloadId) -> u32 {
    use WorkloadKind::{Deployment, ReplicaSet, ReplicationController, StatefulSet};
    let workload = state.model.snapshot.workload(id);
    let counted = matches!(workload.kind, Deployment | ReplicaSet | ReplicationController | StatefulSet);
    if counted { workload.replicas.unwrap_or(1) } else { 0 }
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

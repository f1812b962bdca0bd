//! One loss tried on a cluster to which nodes or pods were added before: which pods have no node in the end.
//!
//! Nodes are there, and pods placed, before anything is lost: pods that wait take what is added at once, wherever it is.
//! Left out: pods that run are not moved to nodes that come, since nobody moves them in a cluster either.

use std::collections::BTreeMap;

use ha_core::impact::Disruption;
use ha_core::snapshot::{NodeId, WorkloadId};

use crate::failure;
use crate::ids::PodIndex;
use crate::model::{Model, PodModel};
use crate::settle::{Rest, Settling};
use crate::state::{State, flag};

/// Pods without a node, by workload. Those that a StatefulSet does not create before others run are among them.
pub(super) type Missing = BTreeMap<WorkloadId, u32>;

/// How many pods are missing beyond those that are allowed to.
pub(super) fn excess(missing: &Missing, allowed: &Missing) -> u32 {
    let of = |id| allowed.get(id).copied().unwrap_or(0);
    missing.iter().map(|(id, &pods)| pods.saturating_sub(of(id))).fold(0, u32::saturating_add)
}

/// Takes the larger number of each workload.
pub(super) fn worse(known: &mut Missing, other: &Missing) {
    for (&id, &pods) in other {
        let entry = known.entry(id).or_default();
        *entry = pods.max(*entry);
    }
}

/// The cluster without the nodes that may be added, and without the pods that DaemonSets would have there.
pub(super) fn without<'m>(model: &'m Model<'m>, candidates: impl Iterator<Item = NodeId>) -> State<'m> {
    let mut state = State::new(model);
    for node in candidates.map(NodeId::position) {
        for pod in state.pods_on(node).to_vec() {
            state.remove(pod);
        }
        state.set_flags(node, flag::ABSENT);
    }
    state
}

/// Adds a node that may be added, with the pods that DaemonSets have there.
pub(super) fn add(state: &mut State, daemons: &Daemons, node: NodeId) {
    state.set_flags(node.position(), 0);
    for &pod in daemons.get(&node).map_or(&[][..], Vec::as_slice) {
        let daemon = state.model.pods[pod.position()].clone();
        let pod = state.create(daemon);
        state.place(pod, node.position());
    }
}

/// The pods of the snapshot on nodes that may be added.
pub(super) type Daemons = BTreeMap<NodeId, Vec<PodIndex>>;

/// Finds them.
pub(super) fn daemons(model: &Model, candidates: impl Iterator<Item = NodeId>) -> Daemons {
    let mut daemons: Daemons = candidates.map(|node| (node, Vec::new())).collect();
    for (position, pod) in model.snapshot.pods.iter().enumerate() {
        if let Some(pods) = pod.node.and_then(|node| daemons.get_mut(&node)).filter(|_| !pod.is_finished()) {
            pods.push(PodIndex::at(position));
        }
    }
    daemons
}

/// A cluster at rest before anything is lost.
pub(super) struct Calm {
    /// From where it goes on.
    pub(super) rest: Rest,
    /// Pods that wait all the same.
    pub(super) missing: Missing,
    /// Whether a quota denied one of the pods that were to be created.
    pub(super) denied: bool,
    /// A workload that lost a pod to another of higher priority.
    pub(super) preempted: Option<WorkloadId>,
}

/// Lets the cluster come to rest, after `more` pods of one kind were created. The state stays so.
pub(super) fn calm(state: &mut State, seed: u64, more: Option<(&PodModel, u32)>) -> Calm {
    let mut settling = Settling::new(state, seed);
    settling.may_put_off = true;
    let (pod, pods) = more.map_or((None, 0), |(pod, pods)| (Some(pod), pods));
    let denied = (0..pods).any(|_| pod.is_some_and(|pod| settling.bring(pod.clone()).is_none()));
    settling.settle();
    settling.retry();
    let preempted = settling.preempted.first().map(|&pod| settling.state.pod(pod).workload);
    Calm { missing: missing(&settling), denied, preempted, rest: settling.rest() }
}

/// What is missing once all came to rest, a loss struck, and all came to rest again. The state is as before afterwards.
pub(super) fn missing_of(state: &mut State, loss: &Disruption, seed: u64) -> Missing {
    let mark = state.mark();
    let calm = calm(state, seed, None);
    let missing = after(state, &calm.rest, loss, seed, |settling| missing(settling));
    state.undo_to(mark);
    missing
}

/// Lets a loss strike and all come to rest, then looks at it. The state is as before afterwards.
pub(super) fn after<'m, T>(
    state: &mut State<'m>,
    rest: &Rest,
    loss: &Disruption,
    seed: u64,
    look: impl FnOnce(&mut Settling<'_, 'm>) -> T,
) -> T {
    let mark = state.mark();
    let mut settling = Settling::resume(state, seed, rest);
    settling.may_put_off = true;
    failure::apply(&mut settling, loss);
    settling.retry();
    let seen = look(&mut settling);
    state.undo_to(mark);
    seen
}

/// Counts the pods without a node. Where pods chase each other without end, those on their way count as well.
pub(super) fn missing(settling: &Settling) -> Missing {
    let state = &*settling.state;
    let waits = |&pod: &PodIndex| state.exists(pod) && state.node_of(pod).is_none() && !state.pod(pod).terminating;
    let mut missing = Missing::new();
    for pod in state.model.waiting.iter().copied().chain(state.created()).filter(waits) {
        *missing.entry(state.pod(pod).workload).or_default() += 1;
    }
    for (id, pods) in settling.lacking() {
        *missing.entry(id).or_default() += u32::try_from(pods).unwrap_or(u32::MAX);
    }
    missing
}

/// What is to be said of a pod that does not even wait.
const NOT_CREATED: &str = "it is not created: an earlier pod of its set is not ready, or a ResourceQuota denies it";

/// Why a pod of the workload waits, in the scheduler's words.
pub(super) fn why(settling: &Settling, id: WorkloadId) -> String {
    let state = &*settling.state;
    let waiting = settling.waiting().iter().find(|waiting| state.pod(waiting.pod).workload == id);
    waiting.map_or_else(|| NOT_CREATED.to_owned(), |pod| pod.why(state))
}

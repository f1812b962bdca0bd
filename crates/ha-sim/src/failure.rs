//! Applies a disruption to a state: nodes lost in one of two ways, or drained.

use ha_core::impact::{Disruption, DisruptionKind, LossMode};
use ha_core::snapshot::WorkloadKind;

use crate::eviction::{self, Answer};
use crate::ids::PodIndex;
use crate::settle::Settling;
use crate::state::{State, flag};

/// An eviction that is refused at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedPod {
    /// The pod.
    pub pod: PodIndex,
    /// Why.
    pub refusal: eviction::Refusal,
}

/// The nodes that a disruption hits, as positions; those that do not exist are left out.
pub fn nodes(state: &State, disruption: &Disruption) -> Vec<usize> {
    let known = disruption.nodes.iter().map(|node| node.position());
    let mut nodes: Vec<usize> = known.filter(|&node| node < state.model.nodes.len()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

/// What a disruption sets for its nodes.
pub(crate) fn flags(kind: &DisruptionKind) -> u8 {
    match kind {
        DisruptionKind::Loss(LossMode::Removed) => flag::ABSENT,
        DisruptionKind::Loss(LossMode::Unreachable) => flag::UNREACHABLE,
        DisruptionKind::Drain | DisruptionKind::Upgrade | DisruptionKind::Rollout(_) => flag::CORDONED,
    }
}

/// The pods on those nodes, in the order of their names.
pub(crate) fn pods_on(state: &State, nodes: &[usize]) -> Vec<PodIndex> {
    let mut pods: Vec<PodIndex> = nodes.iter().flat_map(|&node| state.pods_on(node)).copied().collect();
    pods.sort_unstable();
    pods
}

/// Applies a disruption and lets everything come to rest. Returns the evictions that are still refused then.
pub fn apply(settling: &mut Settling, disruption: &Disruption) -> Vec<RefusedPod> {
    let nodes = nodes(settling.state, disruption);
    if let DisruptionKind::Loss(_) = disruption.kind {
        lose(settling, &nodes, flags(&disruption.kind));
        return Vec::new();
    }
    for &node in &nodes {
        let flags = settling.state.flags(node) | flag::CORDONED;
        settling.state.set_flags(node, flags);
    }
    drain(settling, &nodes)
}

/// Into so many parts nodes are divided, at most, that lose their pods one after another, so that a run stays fast where
/// there are thousands.
const PARTS: usize = 12;

/// Every pod object on the nodes goes, also those that tolerate the taints.
fn lose(settling: &mut Settling, nodes: &[usize], flags: u8) {
    let mut parts = vec![pods_on(settling.state, nodes)];
    if settling.run.node_by_node && flags == flag::UNREACHABLE {
        let mut nodes = nodes.to_vec();
        settling.run.search.random.shuffle(&mut nodes);
        let together = nodes.len().div_ceil(PARTS).max(1);
        parts = nodes.chunks(together).map(|nodes| pods_on(settling.state, nodes)).collect();
    }
    for &node in nodes {
        settling.state.set_flags(node, flags);
    }
    for mut pods in parts {
        // Some may have been preempted meanwhile.
        pods.retain(|&pod| settling.state.exists(pod));
        settling.lose_all(&pods);
        settling.lose_left_over_daemons();
        settling.settle();
        if settling.endless {
            return;
        }
    }
}

/// Evicts every pod that was on the nodes, over and over, until a whole round over a cluster at rest evicts nothing more.
/// Pods of DaemonSets and static pods stay, as with `kubectl drain --ignore-daemonsets`, and so do those that are placed
/// there meanwhile because they tolerate the cordon: the list is made once.
fn drain(settling: &mut Settling, nodes: &[usize]) -> Vec<RefusedPod> {
    settling.settle();
    let mut pods: Vec<PodIndex> = pods_on(settling.state, nodes);
    pods.retain(|&pod| is_evicted(settling.state, pod));
    loop {
        if settling.run.vanish_one_by_one {
            settling.run.search.random.shuffle(&mut pods);
        }
        let (mut evicted, mut refused) = (false, Vec::new());
        for &pod in &pods {
            if settling.state.node_of(pod).is_none() {
                continue;
            }
            match eviction::ask(settling.state, pod) {
                Answer::Evicted => {
                    evicted = true;
                    settling.lose(pod);
                    if settling.run.settles_between {
                        settling.settle();
                    }
                }
                Answer::Refused(refusal) => refused.push(RefusedPod { pod, refusal }),
            }
        }
        settling.settle();
        if !evicted || settling.endless {
            return refused;
        }
    }
}

/// One round of evictions, without anything that follows. Returns the pods that go.
pub(crate) fn evict_once(state: &mut State, nodes: &[usize]) -> Vec<PodIndex> {
    let mut pods = pods_on(state, nodes);
    pods.retain(|&pod| {
        let goes = is_evicted(state, pod) && eviction::ask(state, pod) == Answer::Evicted;
        if goes {
            state.remove(pod);
        }
        goes
    });
    pods
}

/// Whether a drain evicts the pod.
pub(crate) fn is_evicted(state: &State, pod: PodIndex) -> bool {
    let kind = state.model.snapshot.workload(state.pod(pod).workload).kind;
    !matches!(kind, WorkloadKind::DaemonSet | WorkloadKind::StaticPod) && !state.pod(pod).terminating
}

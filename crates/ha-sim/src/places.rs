//! Where each pod is before and after a disruption: what a picture shows.
//!
//! One run, that of a seed, as the one by which [`simulate`](crate::simulate::simulate) tells how things end.

use ha_core::impact::Disruption;
use ha_core::snapshot::{NodeId, WorkloadId};

use crate::failure;
use crate::ids::PodIndex;
use crate::settle::Settling;
use crate::state::State;

/// What becomes of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is on this node before and after.
    Stays(NodeId),
    /// It goes from this node.
    Goes(NodeId),
    /// It has this node afterwards, and had none or did not exist before.
    Comes(NodeId),
    /// It has no node afterwards.
    Waits,
}

/// The fate of every pod with its workload when the disruptions strike one after the other; pods that ended before are
/// left out. The state is as before afterwards.
pub fn places(state: &mut State, disruptions: &[&Disruption], seed: u64) -> Vec<(WorkloadId, Fate)> {
    let mark = state.mark();
    let model = state.model;
    let before: Vec<Option<usize>> =
        (0..model.pods.len()).map(|position| state.node_of(PodIndex::at(position))).collect();
    let is_there: Vec<bool> = (0..model.pods.len()).map(|position| state.exists(PodIndex::at(position))).collect();
    let mut settling = Settling::new(state, seed);
    for disruption in disruptions {
        failure::apply(&mut settling, disruption);
        settling.retry();
    }
    let state = &*settling.state;
    let fate = |pod: PodIndex| {
        let was = before.get(pod.position()).copied().flatten();
        let now = state.node_of(pod);
        let node = NodeId::at;
        match (was, now) {
            (Some(was), Some(now)) if was == now => Some(Fate::Stays(node(now))),
            (Some(was), _) => Some(Fate::Goes(node(was))),
            (None, Some(now)) => Some(Fate::Comes(node(now))),
            (None, None) => (state.exists(pod) && !state.pod(pod).terminating).then_some(Fate::Waits),
        }
    };
    let known = |pod: &PodIndex| is_there.get(pod.position()).copied().unwrap_or(true);
    let fates = state.pods().filter(known).filter_map(|pod| Some((state.pod(pod).workload, fate(pod)?))).collect();
    settling.state.undo_to(mark);
    fates
}

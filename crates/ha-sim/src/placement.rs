//! Where the pods that wait go when nothing fails: the state in which a change comes to rest.
//!
//! One run of the scheduler, the plain one: where scores tie, another node would do as well.

use ha_core::snapshot::{ClaimId, NodeId, PodId, VolumeId};

use crate::ids::{ClaimIndex, PodIndex};
use crate::model::storage::Binding;
use crate::settle::Settling;
use crate::state::State;

/// Who went where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Pods that got a node.
    pub placed: Vec<(PodId, NodeId)>,
    /// Pods that preemption removed to make room; those that their controllers made instead are not listed.
    pub preempted: Vec<PodId>,
    /// Claims that were bound.
    pub bound: Vec<(ClaimId, Bound)>,
}

/// To what a claim was bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A volume that there is.
    Volume(VolumeId),
    /// One that was made for this node.
    MadeFor(NodeId),
}

/// Places the pods of the snapshot that wait. The state is as before afterwards.
pub fn placement(state: &mut State) -> Placement {
    let mark = state.mark();
    let mut settling = Settling::new(state, 0);
    settling.settle();
    settling.retry();
    let known = state_of_rest(&settling);
    state.undo_to(mark);
    known
}

fn state_of_rest(settling: &Settling) -> Placement {
    let (state, model) = (&*settling.state, settling.state.model);
    let id = |pod: PodIndex| PodId::at(pod.position());
    let place = |&pod: &PodIndex| Some((id(pod), NodeId::at(state.node_of(pod)?)));
    let bound = |position: usize| {
        let was = model.storage.claims[position].binding;
        let bound = match state.binding(ClaimIndex::at(position)) {
            now if now == was => return None,
            Binding::Volume(volume) => Bound::Volume(volume),
            Binding::Provisioned(node) => Bound::MadeFor(NodeId::at(node as usize)),
            _ => return None,
        };
        Some((ClaimId::at(position), bound))
    };
    let known = |pod: &&PodIndex| pod.position() < model.snapshot.pods.len();
    Placement {
        placed: model.waiting.iter().filter_map(place).collect(),
        preempted: settling.preempted.iter().filter(known).map(|&pod| id(pod)).collect(),
        bound: (0..model.storage.claims.len()).filter_map(bound).collect(),
    }
}

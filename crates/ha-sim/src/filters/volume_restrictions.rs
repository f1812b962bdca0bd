//! VolumeRestrictions refuses nodes where a disk that the pod names itself is mounted by another pod, and all nodes
//! while a ReadWriteOncePod claim of the pod is in use anywhere.
//!
//! Source: `pkg/scheduler/framework/plugins/volumerestrictions/volume_restrictions.go`.
//! Differs from upstream 1.36: no. ReadWriteOnce does not keep pods together there either.

use crate::cycle::{Cycle, Plugin, Refusal, Rejection};
use crate::ids::{ClaimIndex, PodIndex};
use crate::model::ClaimRef;
use crate::state::State;

/// The pod's claims, all of which must exist (`readWriteOncePodPVCsForPod`).
pub(crate) fn claims(state: &State, pod: PodIndex) -> Result<Vec<ClaimIndex>, Rejection> {
    let resolve = |&claim: &ClaimRef| match claim {
        ClaimRef::Known(claim) => Ok(claim),
        ClaimRef::Missing(name) => state.claim_of(pod, claim).ok_or_else(|| missing(state, name)),
    };
    state.pod(pod).claims.iter().map(resolve).collect()
}

fn missing(state: &State, name: ha_core::text::Text) -> Rejection {
    let message = format!("persistentvolumeclaim \"{}\" not found", state.model.names.get(name));
    Rejection { plugin: Plugin::VolumeRestrictions, message }
}

/// Why the node is refused: bit 0 a disk in use there, bit 1 a claim in use anywhere.
#[inline]
pub fn check(state: &State, cycle: &Cycle, node: usize) -> Option<Refusal> {
    if !cycle.checks_restrictions {
        return None;
    }
    let refusal = |reasons| Refusal { plugin: Plugin::VolumeRestrictions, reasons, unresolvable: false };
    let disks = &cycle.shape.disks;
    let conflicts = |&other: &PodIndex| {
        state.shape_of(other).disks.iter().any(|theirs| disks.iter().any(|ours| ours.conflicts(theirs)))
    };
    if !disks.is_empty() && state.pods_on(node).iter().any(conflicts) {
        return Some(refusal(1));
    }
    cycle.single_pod_claims.iter().any(|&claim| state.users(claim) > 0).then(|| refusal(2))
}

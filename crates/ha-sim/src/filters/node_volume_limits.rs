//! NodeVolumeLimits refuses nodes to which a CSI driver cannot attach the pod's volumes any more.
//!
//! Source: `Filter` in `pkg/scheduler/framework/plugins/nodevolumelimits/csi.go`.
//! Differs from upstream 1.36: in-tree volumes that a node translates to CSI are not counted (the annotation that says
//! so is not read), and `CSIDriver.spec.preventPodSchedulingIfMissing` is not known. An attachment counts only where no
//! pod of the snapshot accounts for it: one that is left over from a pod which went away during the simulation will be
//! gone, too.

use ha_core::text::Text;

use crate::cycle::{Cycle, Plugin, Refusal};
use crate::ids::ClaimIndex;
use crate::model::storage::{Binding, is_csi};
use crate::state::State;

/// Whether some limit is exceeded.
#[inline]
pub fn check(state: &State, cycle: &Cycle, node: usize) -> Option<Refusal> {
    if state.model.nodes[node].volume_limits.is_empty() || cycle.volumes.claims.is_empty() {
        return None;
    }
    check_limits(state, cycle, node)
}

fn check_limits(state: &State, cycle: &Cycle, node: usize) -> Option<Refusal> {
    let limits = &state.model.nodes[node].volume_limits;
    let mut new: Vec<Attachable> = cycle.volumes.claims.iter().filter_map(|&claim| attachable(state, claim)).collect();
    let attached = attached(state, node);
    new.retain(|volume| !attached.contains(volume));
    new.sort_unstable();
    new.dedup();
    let exceeded = |&(driver, limit): &(Text, i64)| {
        let count = |volumes: &[Attachable]| volumes.iter().filter(|volume| volume.driver == driver).count();
        let added = count(&new);
        added > 0 && i64::try_from(count(&attached) + added).unwrap_or(i64::MAX) > limit
    };
    let refusal = Refusal { plugin: Plugin::NodeVolumeLimits, reasons: 1, unresolvable: false };
    limits.iter().any(exceeded).then_some(refusal)
}

/// A volume as a driver counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attachable {
    driver: Text,
    /// The volume's handle; a claim that is not bound yet counts as a volume of its own.
    handle: Result<Text, ClaimIndex>,
}

/// The CSI volume of a claim; that which its class would make when it has none (`getCSIDriverInfo`).
fn attachable(state: &State, claim: ClaimIndex) -> Option<Attachable> {
    let snapshot = state.model.snapshot;
    if let Binding::Volume(volume) = state.binding(claim) {
        let volume = snapshot.volume(volume);
        return is_csi(volume).then_some(Attachable { driver: volume.driver, handle: Ok(volume.handle) });
    }
    let class = state.model.storage.class(snapshot, state.claim(claim).class)?;
    Some(Attachable { driver: class.provisioner, handle: Err(claim) })
}

/// The driver of a claim's volume that is attached to no node under any name, empty when none counts it; none where it may
/// be attached.
pub(crate) fn driver_of_detached(state: &State, claim: ClaimIndex) -> Option<Text> {
    let Binding::Volume(volume) = state.binding(claim) else {
        return None;
    };
    let model = state.model;
    let record = model.snapshot.volume(volume);
    if !is_csi(record) {
        return Some(Text::default());
    }
    let attached = (record.driver, record.handle);
    let is_left_over = || model.nodes.iter().any(|node| node.attached.contains(&attached));
    let is_detached = state.users(claim) == 0 && model.storage.has_own_handle(volume) && !is_left_over();
    is_detached.then_some(record.driver)
}

fn attached(state: &State, node: usize) -> Vec<Attachable> {
    let left_over = state.model.nodes[node].attached.iter();
    let mut volumes: Vec<Attachable> =
        left_over.map(|&(driver, handle)| Attachable { driver, handle: Ok(handle) }).collect();
    for &pod in state.pods_on(node) {
        let claims = state.pod(pod).claims.iter().filter_map(|&claim| state.claim_of(pod, claim));
        volumes.extend(claims.filter_map(|claim| attachable(state, claim)));
    }
    volumes.sort_unstable();
    volumes.dedup();
    volumes
}

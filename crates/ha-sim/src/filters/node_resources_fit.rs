//! NodeResourcesFit refuses nodes on which a resource that the pod requests is not left, or too many pods are.
//!
//! Source: `fitsRequest` in `pkg/scheduler/framework/plugins/noderesources/fit.go`. What a pod requests is in
//! `model/requests.rs`.
//! Differs from upstream 1.36: extended resources backed by dynamic resource allocation are not known.

use crate::cycle::{Cycle, Plugin, Refusal};
use crate::ids::ResourceId;
use crate::model::Resources;
use crate::state::State;

/// What is not left on the node, bit 0 for pods and then one bit per resource that the pod requests; none when it fits.
#[inline]
pub fn check(state: &State, cycle: &Cycle, node: usize) -> Option<Refusal> {
    let left = state.left(node);
    let amounts = &cycle.shape.requests.amounts;
    let fits = left[0] > 0 && amounts.iter().all(|&(resource, wanted)| wanted <= left[resource.after_pods()]);
    // One that does not fit so may still ask for less than nothing.
    if fits { None } else { check_without(state, cycle, node, 0, |_| 0) }
}

/// The same once so many pods have gone, which together requested so much of a resource.
pub(crate) fn check_without(
    state: &State,
    cycle: &Cycle,
    node: usize,
    gone: i64,
    freed: impl Fn(ResourceId) -> i64,
) -> Option<Refusal> {
    let left = state.left(node);
    let (mut reasons, mut unresolvable) = (u64::from(left[0] + gone <= 0), false);
    for (position, &(resource, wanted)) in cycle.shape.requests.amounts.iter().enumerate() {
        let basic = resource <= Resources::EPHEMERAL_STORAGE;
        if basic && wanted <= 0 {
            continue;
        }
        if wanted > left[resource.after_pods()].wrapping_add(freed(resource)) {
            reasons |= 1 << (position + 1).min(63);
            unresolvable |= wanted > state.model.allocatable(node, resource);
        }
    }
    (reasons != 0).then_some(Refusal { plugin: Plugin::NodeResourcesFit, reasons, unresolvable })
}

//! NodeResourcesFit prefers nodes with much left (`LeastAllocated` over cpu and memory).
//!
//! Source: `least_allocated.go` and `resource_allocation.go` in `pkg/scheduler/framework/plugins/noderesources`.
//! Differs from upstream 1.36: no.

use super::{MAX, quotient};
use crate::cycle::Cycle;
use crate::model::Resources;
use crate::state::State;

/// The score of a node.
pub fn score(state: &State, cycle: &Cycle, node: usize) -> i64 {
    let wanted = cycle.shape.requests.scored;
    let used = state.non_zero(node);
    let (mut sum, mut weights) = (0, 0);
    for (position, resource) in [Resources::CPU, Resources::MEMORY].into_iter().enumerate() {
        let capacity = state.model.allocatable(node, resource);
        if capacity == 0 {
            continue;
        }
        sum += least_requested(used[position].wrapping_add(wanted[position]), capacity);
        weights += 1;
    }
    if weights == 0 { 0 } else { sum / weights }
}

fn least_requested(requested: i64, capacity: i64) -> i64 {
    if requested > capacity { 0 } else { quotient(capacity.wrapping_sub(requested).wrapping_mul(MAX), capacity) }
}

#[cfg(test)]
mod tests {
    use super::least_requested;

    #[test]
    fn free_capacity_scores_in_percent() {
        let cases = [(0, 4000, 100), (4000, 4000, 0), (5000, 4000, 0), (1000, 4000, 75), (3999, 4000, 0)];
        for (requested, capacity, expected) in cases {
            assert_eq!(least_requested(requested, capacity), expected, "{requested} of {capacity}");
        }
    }
}

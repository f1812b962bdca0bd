//! NodeResourcesBalancedAllocation prefers nodes whose use of cpu and memory the pod brings closer together.
//!
//! Source: `pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go`.
//! Differs from upstream 1.36: no.

use super::MAX;
use crate::cycle::Cycle;
use crate::ids::ResourceId;
use crate::model::Resources;
use crate::state::State;

/// The score of a node; 0 for a pod that requests neither cpu nor memory.
pub fn score(state: &State, cycle: &Cycle, node: usize) -> i64 {
    let requested = |resource: ResourceId| {
        let amounts = cycle.shape.requests.amounts.iter();
        amounts.copied().find(|&(other, _)| other == resource).map_or(0, |(_, value)| value)
    };
    let wanted = [requested(Resources::CPU), requested(Resources::MEMORY)];
    if wanted == [0, 0] {
        return 0;
    }
    let resources = [Resources::CPU, Resources::MEMORY];
    let capacity = resources.map(|resource| state.model.allocatable(node, resource));
    let before = resources.map(|resource| state.requested(node, resource));
    let after = [before[0].wrapping_add(wanted[0]), before[1].wrapping_add(wanted[1])];
    MAX / 2 + (MAX / 2 + balance(after, capacity) - state.balance(node)) / 2
}

/// 100 for equal shares of both, less half of the difference in percent.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "upstream computes in 64-bit floats")]
pub(crate) fn balance(requested: [i64; 2], capacity: [i64; 2]) -> i64 {
    let share = |position: usize| (requested[position] as f64 / capacity[position] as f64).min(1.0);
    let deviation = if capacity[0] == 0 || capacity[1] == 0 { 0.0 } else { ((share(0) - share(1)) / 2.0).abs() };
    ((1.0 - deviation) * MAX as f64) as i64
}

#[cfg(test)]
mod tests {
    use super::balance;

    #[test]
    fn equal_shares_are_in_balance() {
        let cases = [
            ([500, 500], [1000, 1000], 100),
            ([1000, 0], [1000, 1000], 50),
            ([250, 750], [1000, 1000], 75),
            ([5000, 0], [1000, 1000], 50),
            ([500, 0], [1000, 0], 100),
        ];
        for (requested, capacity, expected) in cases {
            assert_eq!(balance(requested, capacity), expected, "{requested:?} of {capacity:?}");
        }
    }
}

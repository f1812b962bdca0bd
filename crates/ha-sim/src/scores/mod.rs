//! The score plugins of the default profile with their default weights, one file each, named after them.
//!
//! Scores decide which of the nodes that pass all filters a pod gets, and with it whether the next pod fits. The weights
//! are those of `getDefaultPlugins` in `pkg/scheduler/apis/config/v1/default_plugins.go`. Left out: VolumeBinding
//! (scores only with the gate StorageCapacityScoring, off in 1.36) and DynamicResources.

use crate::cycle::Cycle;
use crate::ids::{ClassId, KeyId, TallyId};
use crate::state::State;

pub mod image_locality;
pub mod inter_pod_affinity;
pub mod node_affinity;
pub mod node_resources_balanced_allocation;
pub mod node_resources_fit;
pub mod pod_topology_spread;
pub mod taint_toleration;

/// The highest score that a plugin gives before it is weighted (`MaxNodeScore`).
pub const MAX: i64 = 100;

/// The tallies that all pods of a class are scored by.
#[derive(Clone, Debug)]
pub(crate) struct ScorePlan {
    /// Per constraint that only prefers: where pods are counted; no tally where none is.
    spread: Vec<(KeyId, Option<TallyId>)>,
    /// Weighted terms of affinity.
    affinity: Vec<(i64, KeyId, TallyId)>,
}

impl ScorePlan {
    /// Makes the tallies of a class where they do not exist yet.
    pub(crate) fn new(state: &mut State, class: ClassId) -> Self {
        Self { spread: pod_topology_spread::start(state, class), affinity: inter_pod_affinity::start(state, class) }
    }
}

/// What the plugins give a node that look at what is left there.
pub(crate) fn of_resources(state: &State, cycle: &Cycle, node: usize) -> i64 {
    node_resources_fit::score(state, cycle, node) + node_resources_balanced_allocation::score(state, cycle, node)
}

/// Adds the weighted scores of all other plugins, in the order of `nodes`; what a plugin gives to all of them alike is
/// left out.
pub(crate) fn add_others(state: &mut State, cycle: &Cycle, nodes: &[usize], totals: &mut [i64]) {
    let plan = state.score_plan(state.pod(cycle.pod).class);
    let state = &*state;
    let mut add = |weight: i64, scores: Option<Vec<i64>>| {
        for (total, score) in totals.iter_mut().zip(scores.unwrap_or_default()) {
            *total += weight * score;
        }
    };
    add(3, taint_toleration::scores(state, cycle, nodes));
    add(2, node_affinity::scores(state, cycle, nodes));
    add(2, pod_topology_spread::scores(state, cycle, &plan, nodes));
    add(2, inter_pod_affinity::scores(state, &plan, nodes));
    add(1, image_locality::scores(state, cycle, nodes));
}

/// The whole part of a quotient. Floats are divided in half of the time.
///
/// A quotient of whole numbers that is no whole number itself stays at least `1 / divisor` below the next one, and for
/// numbers below 2⁵² a float tells these two apart.
#[inline]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the numbers are small")]
pub(crate) fn quotient(dividend: i64, divisor: i64) -> i64 {
    const EXACT: i64 = 1 << 52;
    if (0..EXACT).contains(&dividend) && (1..EXACT).contains(&divisor) {
        (dividend as f64 / divisor as f64) as i64
    } else {
        dividend / divisor
    }
}

/// `DefaultNormalizeScore` in `plugins/helper/normalize_score.go`.
pub(crate) fn normalize(mut scores: Vec<i64>, reverse: bool) -> Vec<i64> {
    let max = scores.iter().copied().max().unwrap_or(0).max(0);
    for score in &mut scores {
        let normal = if max == 0 { 0 } else { MAX * *score / max };
        *score = if reverse {
            MAX - normal
        } else if max == 0 {
            *score
        } else {
            normal
        };
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::{normalize, quotient};

    #[test]
    fn quotients_are_those_of_whole_numbers() {
        let large = (1 << 52) - 1;
        let numbers =
            [0_i64, 1, 2, 3, 7, 99, 100, 4001, (64 << 30) - 1, 64 << 30, large / 3, large - 1, large, large + 1, -5];
        for dividend in numbers.into_iter().chain(numbers.map(|number| number.saturating_mul(100))) {
            for divisor in numbers.into_iter().filter(|&divisor| divisor != 0) {
                assert_eq!(quotient(dividend, divisor), dividend / divisor, "{dividend} / {divisor}");
            }
        }
    }

    #[test]
    fn scores_are_stretched_to_a_hundred() {
        let cases = [
            (vec![1, 2, 4], false, vec![25, 50, 100]),
            (vec![1, 2, 4], true, vec![75, 50, 0]),
            (vec![0, 0], false, vec![0, 0]),
            (vec![0, 0], true, vec![100, 100]),
            (vec![1, 3], false, vec![33, 100]),
        ];
        for (scores, reverse, expected) in cases {
            assert_eq!(normalize(scores.clone(), reverse), expected, "{scores:?} {reverse}");
        }
    }
}

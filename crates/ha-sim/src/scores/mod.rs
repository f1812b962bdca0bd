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

/// Nodes that pass all filters, with what they score.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    list: Vec<usize>,
    scores: Vec<i64>,
    /// Per node of the snapshot where it stands in the list, if it does; what is left of other lists is never looked at.
    numbers: Vec<u32>,
    is_numbered: bool,
}

impl Nodes {
    /// An empty list, with room for so many; `numbers` is what is left of another one.
    pub(crate) fn with_capacity(nodes: usize, numbers: Vec<u32>) -> Self {
        Self { list: Vec::with_capacity(nodes), scores: Vec::with_capacity(nodes), numbers, is_numbered: false }
    }

    /// Adds a node that scores so much by what is left there.
    #[inline]
    pub(crate) fn push(&mut self, node: usize, score: i64) {
        self.list.push(node);
        self.scores.push(score);
    }

    /// The nodes.
    pub(crate) fn list(&self) -> &[usize] {
        &self.list
    }

    /// What each scores.
    pub(crate) fn scores(&self) -> &[i64] {
        &self.scores
    }

    /// What is left for another list.
    pub(crate) fn into_numbers(self) -> Vec<u32> {
        self.numbers
    }

    /// Where a node of the snapshot stands in the list.
    fn find(&mut self, node: usize) -> Option<usize> {
        if !self.is_numbered {
            let most = self.list.iter().copied().max().unwrap_or(0);
            self.numbers.resize(self.numbers.len().max(most + 1), 0);
            for (number, &node) in (0_u32..).zip(&self.list) {
                self.numbers[node] = number;
            }
            self.is_numbered = true;
        }
        let number = *self.numbers.get(node)? as usize;
        (self.list.get(number) == Some(&node)).then_some(number)
    }

    /// Adds a plugin's scores.
    fn add(&mut self, weight: i64, scores: &[i64]) {
        for (total, score) in self.scores.iter_mut().zip(scores) {
            *total += weight * score;
        }
    }
}

/// Adds the weighted scores of all other plugins; what a plugin gives to all of them alike may be left out.
pub(crate) fn add_others(state: &mut State, cycle: &Cycle, nodes: &mut Nodes) {
    let plan = state.score_plan(state.pod(cycle.pod).class);
    let state = &*state;
    if let Some(scores) = taint_toleration::scores(state, cycle, nodes.list()) {
        nodes.add(3, &scores);
    }
    if let Some(scores) = node_affinity::scores(state, cycle, nodes.list()) {
        nodes.add(2, &scores);
    }
    pod_topology_spread::add(state, cycle, &plan, nodes, 2);
    inter_pod_affinity::add(state, &plan, nodes, 2);
    if let Some(scores) = image_locality::scores(state, cycle, nodes.list()) {
        nodes.add(1, &scores);
    }
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

//! InterPodAffinity prefers domains by preferred pod affinity and anti-affinity, of the pod and of those that run, and
//! by the required affinity of those that run (`hardPodAffinityWeight` 1).
//!
//! Source: `pkg/scheduler/framework/plugins/interpodaffinity/scoring.go`.
//! Differs from upstream 1.36: no.

use super::{MAX, Nodes, ScorePlan};
use crate::ids::{ClassId, KeyId, TallyId};
use crate::state::State;
use crate::tally::{Counted, TallyKey};

/// The terms that concern pods of a class, with their weights.
pub(crate) fn start(state: &mut State, class: ClassId) -> Vec<(i64, KeyId, TallyId)> {
    let model = state.model;
    let key = |counted, key| TallyKey { counted, key, presence: None, counts_nothing: false };
    let mut terms: Vec<(i64, KeyId, TallyId)> = Vec::new();
    for &(weight, term) in &model.class(class).preferred {
        terms.push((weight, term.key, state.tally(key(Counted::Matching(term.matcher), term.key))));
    }
    for term in model.links().attracting(model, class) {
        terms.push((1, term.key, state.tally(key(Counted::Attracting(term.matcher), term.key))));
    }
    terms
}

/// Adds the weighted score of each node; nothing when no term concerns the pod.
pub(crate) fn add(state: &State, plan: &ScorePlan, nodes: &mut Nodes, weight: i64) {
    let model = state.model;
    let mut terms = plan.affinity.clone();
    terms.retain(|&(_, _, tally)| !state.tallies.get(tally).is_empty());
    if terms.is_empty() {
        return;
    }
    let score = |node: usize| -> i64 {
        let of_term = |&(weight, key, tally): &(i64, KeyId, TallyId)| {
            model.topology.domain(key, node).map_or(0, |domain| weight * state.tallies.get(tally).get(domain))
        };
        terms.iter().map(of_term).sum()
    };
    if let Some(some) = nodes_meant(state, &terms, nodes) {
        add_to_some(nodes, &some, weight, score);
    } else {
        let scores: Vec<i64> = nodes.list().iter().map(|&node| score(node)).collect();
        nodes.add(weight, &normalize(scores));
    }
}

/// Which of the nodes any term concerns, where every term is about single nodes; the others score 0 alike.
fn nodes_meant(state: &State, terms: &[(i64, KeyId, TallyId)], nodes: &mut Nodes) -> Option<Vec<usize>> {
    let mut meant = Vec::new();
    for &(_, key, tally) in terms {
        let tally = state.tallies.get(tally);
        if !state.model.topology.is_each_node(key) || tally.nonzero() > nodes.list().len() {
            return None;
        }
        for (domain, _) in tally.counted()? {
            meant.extend(nodes.find(domain.position()));
        }
    }
    meant.sort_unstable();
    meant.dedup();
    Some(meant)
}

/// Adds what these nodes score beyond all others.
fn add_to_some(nodes: &mut Nodes, some: &[usize], weight: i64, score: impl Fn(usize) -> i64) {
    let scores: Vec<i64> = some.iter().map(|&number| score(nodes.list()[number])).collect();
    let others = (some.len() < nodes.list().len()).then_some(0);
    let all = || scores.iter().copied().chain(others);
    let (min, max) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
    let plain = normal(0, min, max);
    for (&number, &score) in some.iter().zip(&scores) {
        nodes.scores[number] += weight * (normal(score, min, max) - plain);
    }
}

fn normalize(mut scores: Vec<i64>) -> Vec<i64> {
    let (min, max) = (scores.iter().copied().min().unwrap_or(0), scores.iter().copied().max().unwrap_or(0));
    for score in &mut scores {
        *score = normal(*score, min, max);
    }
    scores
}

/// What a score comes to between the smallest and the largest.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "upstream computes in 64-bit floats")]
fn normal(score: i64, min: i64, max: i64) -> i64 {
    let range = max - min;
    if range > 0 { (MAX as f64 * ((score - min) as f64 / range as f64)) as i64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn scores_are_stretched_from_worst_to_best() {
        let cases = [(vec![-10, 0, 10], vec![0, 50, 100]), (vec![3, 3], vec![0, 0]), (vec![0, 1, 3], vec![0, 33, 100])];
        for (scores, expected) in cases {
            assert_eq!(normalize(scores.clone()), expected, "{scores:?}");
        }
    }
}

//! PodTopologySpread prefers domains with few matching pods, by the constraints with `ScheduleAnyway` or, for pods of a
//! Service or controller without constraints, by the system's own (hostname 3, zone 5).
//!
//! Source: `pkg/scheduler/framework/plugins/podtopologyspread/scoring.go`.
//! Differs from upstream 1.36: the system's constraints are taken even where a cluster configures others.

use super::{MAX, Nodes, ScorePlan, quotient};
use crate::cycle::Cycle;
use crate::ids::{ClassId, DomainId, KeyId, TallyId};
use crate::model::{Model, Spread};
use crate::state::State;
use crate::tally::{Counted, Tally, TallyKey};

mod by_domain;

/// One constraint, ready to score nodes.
struct Scored<'c> {
    spread: &'c Spread,
    /// Where pods are counted: for a constraint by host name on the node itself, whatever else has its hostname.
    key: KeyId,
    tally: Option<&'c Tally>,
    weight: f64,
}

impl Scored<'_> {
    /// What a domain with so many pods gets.
    #[allow(clippy::cast_precision_loss, reason = "upstream computes in 64-bit floats")]
    fn of_count(&self, count: i64) -> f64 {
        count as f64 * self.weight + (self.spread.max_skew - 1) as f64
    }
}

/// The raw score of a node that lacks a label.
const UNSCORED: i64 = i64::MIN;

/// Adds the weighted score of each node; nothing when the pod has no such constraint.
pub(crate) fn add(state: &State, cycle: &Cycle, plan: &ScorePlan, nodes: &mut Nodes, weight: i64) {
    let spreads = &cycle.class.soft_spread;
    if spreads.is_empty() {
        return;
    }
    let has_all = |node: usize| {
        cycle.class.spread_by_default || spreads.iter().all(|spread| domain(state, spread, node).is_some())
    };
    let is_complete = |spread: &Spread| state.model.topology.is_complete(spread.key);
    let all_complete = spreads.iter().all(is_complete);
    if all_complete && by_domain::add(state, spreads, plan, nodes, weight) {
        return;
    }
    let scores_all = cycle.class.spread_by_default || all_complete;
    let scores = of_each(state, spreads, plan, nodes.list(), |node| scores_all || has_all(node));
    nodes.add(weight, &scores);
}

/// The score of each node; 0 where it is not to be scored.
fn of_each(
    state: &State,
    spreads: &[Spread],
    plan: &ScorePlan,
    nodes: &[usize],
    is_scored: impl Fn(usize) -> bool,
) -> Vec<i64> {
    let candidates = || nodes.iter().copied().filter(|&node| is_scored(node));
    let mut sums = vec![0.0; nodes.len()];
    for (spread, &(key, tally)) in spreads.iter().zip(&plan.spread) {
        let tally = tally.map(|id| state.tallies.get(id)).filter(|tally| !tally.is_empty());
        let weight = weight_of(state.model, spread, candidates());
        add_up(&Scored { spread, key, tally, weight }, state.model, nodes, &mut sums);
    }
    let whole = |(&node, &sum): (&usize, &f64)| if is_scored(node) { rounded(sum) } else { UNSCORED };
    normalize(nodes.iter().zip(&sums).map(whole).collect())
}

fn domain(state: &State, spread: &Spread, node: usize) -> Option<DomainId> {
    state.model.topology.domain(spread.key, node)
}

/// Where the pods of each constraint are counted; no tally where none is.
pub(crate) fn start(state: &mut State, class: ClassId) -> Vec<(KeyId, Option<TallyId>)> {
    state.model.class(class).soft_spread.iter().map(|spread| tally(state, spread)).collect()
}

fn tally(state: &mut State, spread: &Spread) -> (KeyId, Option<TallyId>) {
    let model = state.model;
    if !by_node(model, spread) {
        return (spread.key, Some(state.spread_tally(spread)));
    }
    let key = model.each_node;
    let counted = Counted::Living(spread.matcher);
    let tally = || state.tally(TallyKey { counted, key, presence: None, counts_nothing: false });
    (key, (!spread.counts_nothing).then(tally))
}

fn by_node(model: &Model, spread: &Spread) -> bool {
    model.topology.name(spread.key) == model.hostname
}

/// The more domains, the more a pod weighs.
fn weight_of(model: &Model, spread: &Spread, candidates: impl Iterator<Item = usize>) -> f64 {
    let size = if by_node(model, spread) {
        candidates.count()
    } else {
        // Nodes without the label make up one more domain.
        let mut seen = vec![false; model.topology.domains(spread.key) + 1];
        for node in candidates {
            let domain = model.topology.domain(spread.key, node);
            seen[domain.map_or(0, |domain| domain.position() + 1)] = true;
        }
        seen.into_iter().filter(|&seen| seen).count()
    };
    weight_of_size(size)
}

#[allow(clippy::cast_precision_loss, reason = "a number of nodes")]
fn weight_of_size(size: usize) -> f64 {
    ((size + 2) as f64).ln()
}

/// Adds what one constraint makes of each node.
fn add_up(constraint: &Scored, model: &Model, nodes: &[usize], sums: &mut [f64]) {
    let of_nodes = model.topology.of_nodes(constraint.spread.key);
    let counted = model.topology.of_nodes(constraint.key);
    let of_count = |count: i64| constraint.of_count(count);
    let of_few: Option<Vec<f64>> =
        constraint.tally.and_then(Tally::few).map(|counts| counts.iter().copied().map(of_count).collect());
    for (&node, sum) in nodes.iter().zip(sums) {
        if of_nodes[node].is_none() {
            continue;
        }
        *sum += match (counted[node], &of_few, constraint.tally) {
            (Some(domain), Some(of_few), _) => of_few[domain.position()],
            (Some(domain), None, Some(tally)) => of_count(tally.get(domain)),
            _ => of_count(0),
        };
    }
}

/// `math.Round`, which takes a call on processors of the oldest kind that we build for.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "upstream computes in 64-bit floats")]
fn rounded(score: f64) -> i64 {
    let whole = score as i64;
    let rest = score - whole as f64;
    if rest >= 0.5 {
        whole + 1
    } else if rest <= -0.5 {
        whole - 1
    } else {
        whole
    }
}

/// The fewer, the better; nodes that are not scored get 0.
fn normalize(mut scores: Vec<i64>) -> Vec<i64> {
    let raw = || scores.iter().copied().filter(|&score| score != UNSCORED);
    let (min, max) = (raw().min().unwrap_or(i64::MAX), raw().max().unwrap_or(0).max(0));
    for score in &mut scores {
        *score = if *score == UNSCORED { 0 } else { normal(*score, min, max) };
    }
    scores
}

/// What a raw score comes to between the smallest and the largest.
fn normal(raw: i64, min: i64, max: i64) -> i64 {
    if max == 0 { MAX } else { quotient(MAX * (max + min - raw), max) }
}

#[cfg(test)]
mod tests {
    use super::{UNSCORED, normalize, rounded};

    #[test]
    fn halves_are_rounded_away_from_zero() {
        let cases = [(0.0, 0), (0.49, 0), (0.5, 1), (1.5, 2), (2.4999, 2), (-0.5, -1), (-0.4, 0)];
        for (score, expected) in cases {
            assert_eq!(rounded(score), expected, "{score}");
        }
    }

    #[test]
    fn the_emptiest_domain_scores_best() {
        let cases = [
            (vec![2, 4, UNSCORED], vec![100, 50, 0]),
            (vec![0, 0], vec![100, 100]),
            (vec![3, 3], vec![100, 100]),
            (vec![0, 5], vec![100, 0]),
            (vec![UNSCORED], vec![0]),
        ];
        for (raw, expected) in cases {
            assert_eq!(normalize(raw.clone()), expected, "{raw:?}");
        }
    }
}

//! PodTopologySpread prefers domains with few matching pods, by the constraints with `ScheduleAnyway` or, for pods of a
//! Service or controller without constraints, by the system's own (hostname 3, zone 5).
//!
//! Source: `pkg/scheduler/framework/plugins/podtopologyspread/scoring.go`.
//! Differs from upstream 1.36: the system's constraints are taken even where a cluster configures others.

use hashbrown::HashSet;

use super::MAX;
use crate::cycle::Cycle;
use crate::ids::{ClassId, DomainId, PodIndex, TallyId};
use crate::model::Spread;
use crate::state::State;

struct Scored<'c> {
    spread: &'c Spread,
    tally: TallyId,
    /// Of a constraint by host name: the classes whose pods are counted on the node itself.
    on_node: Option<HashSet<ClassId>>,
    weight: f64,
}

/// One score per node; none when the pod has no such constraint.
pub fn scores(state: &mut State, cycle: &Cycle, nodes: &[usize]) -> Option<Vec<i64>> {
    let spreads = &cycle.class.soft_spread;
    if spreads.is_empty() {
        return None;
    }
    let has_all = |node: usize| {
        cycle.class.spread_by_default || spreads.iter().all(|spread| domain(state, spread, node).is_some())
    };
    let scored: Vec<bool> = nodes.iter().map(|&node| has_all(node)).collect();
    let candidates: Vec<usize> = nodes.iter().zip(&scored).filter(|&(_, &scored)| scored).map(|(&n, _)| n).collect();
    let constraints: Vec<Scored> = spreads.iter().map(|spread| prepare(state, spread, &candidates)).collect();
    let raw = nodes.iter().zip(&scored).map(|(&node, &scored)| scored.then(|| score(state, &constraints, node)));
    Some(normalize(&raw.collect::<Vec<_>>()))
}

fn domain(state: &State, spread: &Spread, node: usize) -> Option<DomainId> {
    state.model.topology.domain(spread.key, node)
}

fn prepare<'c>(state: &mut State, spread: &'c Spread, candidates: &[usize]) -> Scored<'c> {
    let tally = state.spread_tally(spread);
    let by_node = state.model.names.get(state.model.topology.name(spread.key)) == "kubernetes.io/hostname";
    let size = if by_node {
        candidates.len()
    } else {
        // Nodes without the label make up one more domain.
        candidates.iter().map(|&node| domain(state, spread, node)).collect::<HashSet<_>>().len()
    };
    #[allow(clippy::cast_precision_loss, reason = "a number of nodes")]
    let weight = ((size + 2) as f64).ln();
    Scored { spread, tally, on_node: by_node.then(|| counted_classes(state, spread)), weight }
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "upstream computes in 64-bit floats")]
fn score(state: &State, constraints: &[Scored], node: usize) -> i64 {
    let mut score = 0.0;
    for constraint in constraints {
        let spread = constraint.spread;
        let Some(domain) = domain(state, spread, node) else {
            continue;
        };
        let count = match &constraint.on_node {
            Some(classes) => on_node(state, classes, node),
            None => state.tallies.get(constraint.tally).get(domain),
        };
        score += count as f64 * constraint.weight + (spread.max_skew - 1) as f64;
    }
    score.round() as i64
}

fn counted_classes(state: &State, spread: &Spread) -> HashSet<ClassId> {
    if spread.counts_nothing {
        return HashSet::new();
    }
    state.model.links().meant(state.model, spread.matcher).into_iter().collect()
}

/// Pods on the node itself, whatever else has its hostname.
fn on_node(state: &State, classes: &HashSet<ClassId>, node: usize) -> i64 {
    if classes.is_empty() {
        return 0;
    }
    let counted = |&&pod: &&PodIndex| !state.pod(pod).terminating && classes.contains(&state.pod(pod).class);
    i64::try_from(state.pods_on(node).iter().filter(counted).count()).unwrap_or(i64::MAX)
}

/// The fewer, the better; nodes that are not scored get 0.
fn normalize(raw: &[Option<i64>]) -> Vec<i64> {
    let min = raw.iter().flatten().copied().min().unwrap_or(i64::MAX);
    let max = raw.iter().flatten().copied().max().unwrap_or(0).max(0);
    let normal = |score: &Option<i64>| match score {
        None => 0,
        Some(_) if max == 0 => MAX,
        Some(score) => MAX * (max + min - score) / max,
    };
    raw.iter().map(normal).collect()
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn the_emptiest_domain_scores_best() {
        let cases = [
            (vec![Some(2), Some(4), None], vec![100, 50, 0]),
            (vec![Some(0), Some(0)], vec![100, 100]),
            (vec![Some(3), Some(3)], vec![100, 100]),
            (vec![Some(0), Some(5)], vec![100, 0]),
            (vec![None], vec![0]),
        ];
        for (raw, expected) in cases {
            assert_eq!(normalize(&raw), expected, "{raw:?}");
        }
    }
}

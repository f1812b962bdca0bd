//! InterPodAffinity refuses nodes by required pod affinity and anti-affinity, of the pod and of those that run.
//!
//! Source: `pkg/scheduler/framework/plugins/interpodaffinity/filtering.go`. Counts are kept in tallies (`tally.rs`)
//! instead of being taken anew for each pod.
//! Differs from upstream 1.36: no. The queue's hints, which make a pod with a namespace selector wait for five minutes
//! although it fits, are not followed: a pod is tried again when anything changed.

use crate::cycle::{Cycle, Plugin, Refusal};
use crate::ids::{ClassId, KeyId, TallyId};
use crate::model::{Model, PodClass, Term};
use crate::state::State;
use crate::tally::{Counted, TallyKey};

fn tally(state: &mut State, counted: Counted, key: KeyId) -> (KeyId, TallyId) {
    (key, state.tally(TallyKey { counted, key, presence: None, counts_nothing: false }))
}

/// Per required affinity term: where pods are that match all of the terms.
pub(crate) fn affinity(state: &mut State, class: &PodClass) -> Vec<(KeyId, TallyId)> {
    let mut matchers: Vec<_> = class.affinity.iter().map(|term| term.matcher).collect();
    matchers.sort_unstable();
    matchers.dedup();
    let terms = class.affinity.iter();
    terms.map(|term| tally(state, Counted::MatchingAll(matchers.clone()), term.key)).collect()
}

/// Whether the pod matches all of its own required affinity terms: then it may be the first of its kind.
pub(crate) fn matches_itself(model: &Model, class: &PodClass) -> bool {
    let matches = |term: &Term| {
        let matcher = &model.matchers[term.matcher.position()];
        matcher.matches(class.key.namespace, model.labels(class.key.labels), &model.snapshot.texts)
    };
    !class.affinity.is_empty() && class.affinity.iter().all(matches)
}

/// Per required anti-affinity term: where pods are that match it.
pub(crate) fn anti_affinity(state: &mut State, class: &PodClass) -> Vec<(KeyId, TallyId)> {
    class.anti_affinity.iter().map(|term| tally(state, Counted::Matching(term.matcher), term.key)).collect()
}

/// Per required anti-affinity term of any pod that matches this one: where its holders are.
pub(crate) fn repelling(state: &mut State, class: ClassId) -> Vec<(KeyId, TallyId)> {
    let model = state.model;
    let terms = model.links().repelling(model, class).iter();
    terms.map(|term| tally(state, Counted::Repelling(term.matcher), term.key)).collect()
}

/// Why the node is refused: bit 0 affinity, bit 1 anti-affinity, bit 2 the anti-affinity of pods that run.
#[inline]
pub fn check(state: &State, cycle: &Cycle, node: usize) -> Option<Refusal> {
    if !cycle.checks_affinity {
        return None;
    }
    if !is_attracted(state, cycle, node) {
        return Some(Refusal::unresolvable(Plugin::InterPodAffinity));
    }
    let refusal = |reasons| Refusal { plugin: Plugin::InterPodAffinity, reasons, unresolvable: false };
    if has_any(state, &cycle.plan.anti_affinity, node) {
        return Some(refusal(2));
    }
    has_any(state, &cycle.plan.repelling, node).then(|| refusal(4))
}

/// `satisfyPodAffinity`.
fn is_attracted(state: &State, cycle: &Cycle, node: usize) -> bool {
    let mut pods_exist = true;
    for &(key, tally) in &cycle.plan.affinity {
        let Some(domain) = state.model.topology.domain(key, node) else {
            return false;
        };
        pods_exist &= state.tallies.get(tally).get(domain) > 0;
    }
    let nowhere = || cycle.plan.affinity.iter().all(|&(_, tally)| state.tallies.get(tally).is_empty());
    pods_exist || (cycle.plan.matches_own_affinity && nowhere())
}

fn has_any(state: &State, tallies: &[(KeyId, TallyId)], node: usize) -> bool {
    tallies.iter().any(|&(key, tally)| {
        let domain = state.model.topology.domain(key, node);
        domain.is_some_and(|domain| state.tallies.get(tally).get(domain) > 0)
    })
}

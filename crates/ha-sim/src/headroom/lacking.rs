//! Which nodes a cluster lacks: a set of nodes with which no single loss leaves a pod Pending that nodes can help, and how
//! many it takes at least.
//!
//! What no node helps is found first: pods that still wait when many nodes of every pool are there, and that one more node
//! of any pool would not take either. They are left out of all that follows.
//!
//! **The search** keeps a list of cases, each a loss in one order of the scheduler. It adds the node that lowers what is
//! missing in these cases most, until nothing is; then it tries all losses in all orders, and an order that still leaves a
//! pod Pending becomes one more case. In the end it takes away again what is not needed.
//!
//! **At least.** A set of nodes is refuted by one order that leaves a pod Pending: whoever has these nodes cannot rely on
//! them. All sets that are smaller than the one that was found are refuted one by one, as long as they are few; below
//! that the argument of [`bound`](super::bound) refutes sets of a size all at once. More nodes need not help, so all smaller
//! sizes are looked at, not only the next.

use std::collections::{BTreeMap, BTreeSet};

use ha_core::impact::{Certainty, Disruption, DisruptionKind};
use ha_core::snapshot::{NodeId, WorkloadId};
use rayon::prelude::*;

use super::trial::{self, Missing};
use super::{AfterEach, Counts, Domain, Field, Pool, Question, bound, nodes_of};
use crate::cycle::Cycle;
use crate::filters;
use crate::ids::PodIndex;
use crate::messages;
use crate::model::Model;
use crate::schedule::unknown;
use crate::settle::Settling;
use crate::simulate::{Foresight, foresee};
use crate::state::State;

/// The nodes that a cluster lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// The nodes to add.
    pub added: Vec<NodeId>,
    /// Whether they are enough; else this is how far the limit reached, or how far it came before it was cancelled.
    pub enough: bool,
    /// Whether they are enough in every order of the scheduler.
    pub certainty: Certainty,
    /// How many it takes at least: with fewer some order leaves a pod Pending.
    pub at_least: usize,
    /// Per loss, by its place among all: pods that no node helps, by workload.
    pub beyond_help: Vec<(usize, Vec<(WorkloadId, u32)>)>,
    /// Of each such workload why a node more, which is empty, would not take the pod, in the scheduler's words.
    pub refused: Vec<(WorkloadId, String)>,
}

/// So many cases are looked at from the start: those of the losses that leave most pods Pending.
const CASES: usize = 24;
/// How many pods are placed, about, while nodes are chosen, and while smaller sets are refuted.
const PLACED: u64 = 400_000;
/// How many smaller sets are refuted one by one at most.
const SETS: usize = 2_000;

/// Finds the nodes to add.
pub fn lacking(model: &Model, question: &Question) -> Lacking {
    let field = Field::new(model, question);
    let pools = Pool::all(model, &question.pools);
    let mut search = Search {
        field: &field,
        pools,
        beyond: AfterEach::new(),
        calmly: Missing::new(),
        words: Words::new(),
        cases: Vec::new(),
    };
    search.learn();
    let mut counts: Counts = vec![0; search.pools.len()];
    let enough = search.grow(&mut counts);
    let mut at_least = bound::at_least(&field, &search.pools, &search.beyond);
    if enough {
        search.shrink(&mut counts);
        at_least = search.refute_smaller(&mut counts, at_least);
    }
    let enough = enough && !question.is_cancelled();
    let added = nodes_of(&search.pools, &counts);
    let certainty = if enough { search.certainty(&added) } else { Certainty::Possible };
    let beyond = search.beyond.into_iter().filter(|(_, missing)| !missing.is_empty());
    let beyond_help = beyond.map(|(loss, missing)| (loss, missing.into_iter().collect())).collect();
    let refused = search.words.into_iter().collect();
    Lacking { added, enough, certainty, at_least, beyond_help, refused }
}

/// Why no node would take a pod, by workload.
type Words = BTreeMap<WorkloadId, String>;

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    /// What is lost by its place among all losses.
    Known(usize),
    /// A node that was added.
    Added(NodeId),
}

/// A loss in one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Case {
    lost: Lost,
    seed: u64,
}

struct Search<'f, 'm> {
    field: &'f Field<'f, 'm>,
    pools: Vec<Pool>,
    /// Per loss that leaves pods Pending as things are: what no node helps.
    beyond: AfterEach,
    /// What waits before anything is lost, and no node helps.
    calmly: Missing,
    words: Words,
    cases: Vec<Case>,
}

impl Search<'_, '_> {
    /// Finds out which losses leave pods Pending, what of that no node helps, and the first cases.
    fn learn(&mut self) {
        let losses: Vec<usize> = (0..self.field.losses.len()).collect();
        let short = |state: &mut State, &loss: &usize| (loss, self.missing(state, &[], loss));
        let of_all: Vec<(usize, Vec<(u64, Missing)>)> =
            losses.par_iter().map_with(self.field.base.clone(), short).collect();
        let is_short = |(_, tries): &(usize, Vec<(u64, Missing)>)| tries.iter().any(|(_, missing)| !missing.is_empty());
        let short: Vec<(usize, Vec<(u64, Missing)>)> = of_all.into_iter().filter(is_short).collect();
        let plenty: Counts = self.pools.iter().map(|pool| pool.nodes.len() - 1).collect();
        let nodes = nodes_of(&self.pools, &plenty);
        let helpless =
            |state: &mut State, (loss, _): &(usize, Vec<(u64, Missing)>)| self.helpless(state, &nodes, *loss);
        let helpless: Vec<(usize, Missing, Words)> =
            short.par_iter().map_with(self.field.with(&nodes), helpless).collect();
        for (loss, missing, words) in helpless {
            self.words.extend(words.into_iter().filter(|(id, _)| missing.contains_key(id)));
            self.beyond.insert(loss, missing);
        }
        if !self.field.is_calm() {
            self.calmly = self.waiting_calmly(&nodes);
        }
        let mut cases: Vec<(u32, Case)> = Vec::new();
        for (loss, tries) in &short {
            let worst = tries.iter().map(|(seed, missing)| (trial::excess(missing, self.allowed(*loss)), *seed));
            if let Some((pods, seed)) = worst.rev().max_by_key(|&(pods, _)| pods).filter(|&(pods, _)| pods > 0) {
                cases.push((pods, Case { lost: Lost::Known(*loss), seed }));
            }
        }
        cases.sort_by_key(|&(pods, _)| std::cmp::Reverse(pods));
        self.cases = cases.into_iter().take(CASES).map(|(_, case)| case).collect();
    }

    fn allowed(&self, loss: usize) -> &Missing {
        static NOTHING: Missing = Missing::new();
        self.beyond.get(&loss).unwrap_or(&NOTHING)
    }

    /// What a loss leaves Pending in each order that is tried; nothing where no order leaves anything. The nodes are those of
    /// the state that were added.
    fn missing(&self, state: &mut State, nodes: &[NodeId], loss: usize) -> Vec<(u64, Missing)> {
        let disruption = self.field.loss(loss, nodes);
        let (seeds, _) = self.field.seeds(state, &disruption);
        let run = |seed: u64| (seed, trial::missing_of(state, &disruption, seed));
        seeds.into_iter().take_while(|_| !self.field.question.is_cancelled()).map(run).collect()
    }

    /// What a loss leaves Pending that no further node would take, although there are many, and why; the most of each
    /// workload over all orders tried.
    fn helpless(&self, state: &mut State, nodes: &[NodeId], loss: usize) -> (usize, Missing, Words) {
        let disruption = self.field.loss(loss, nodes);
        let spares = self.spares(&disruption);
        let (seeds, _) = self.field.seeds(state, &disruption);
        let (mut worst, mut words) = (Missing::new(), Words::new());
        for seed in seeds {
            let mark = state.mark();
            let calm = trial::calm(state, seed, None);
            let missing = trial::after(state, &calm.rest, &disruption, seed, |settling| {
                self.refused(settling, &spares, &mut words)
            });
            state.undo_to(mark);
            trial::worse(&mut worst, &missing);
        }
        (loss, worst, words)
    }

    /// A node of each pool that is not there and that a loss would not take.
    fn spares(&self, loss: &Disruption) -> Vec<NodeId> {
        let spares = self.pools.iter().filter_map(|pool| pool.nodes.last().copied());
        spares.filter(|&node| !self.field.takes(loss, node)).collect()
    }

    /// What is missing but for the pods that one of the spare nodes would take.
    fn refused(&self, settling: &mut Settling, spares: &[NodeId], words: &mut Words) -> Missing {
        let mut missing = trial::missing(settling);
        let waiting: Vec<PodIndex> = settling.waiting().iter().map(|waiting| waiting.pod).collect();
        for pod in waiting {
            let id = settling.state.pod(pod).workload;
            if let Some(refusal) = self.refusal(settling.state, pod, spares) {
                words.entry(id).or_insert(refusal);
                continue;
            }
            if let Some(pods) = missing.get_mut(&id) {
                *pods -= 1;
            }
            // Those that are to be created after it are helped as well.
            if settling.state.model.sets.contains_key(&id) {
                missing.remove(&id);
            }
        }
        missing.retain(|_, pods| *pods > 0);
        missing
    }

    /// Why none of the nodes would take a pod if it were there; none where one would.
    fn refusal(&self, state: &mut State, pod: PodIndex, spares: &[NodeId]) -> Option<String> {
        let unknown = unknown(state, pod);
        if state.shape_of(pod).gated {
            return Some(messages::GATED.to_owned());
        }
        if !unknown.is_empty() {
            return Some(unknown.to_owned());
        }
        let mut all = BTreeSet::new();
        for &spare in spares {
            all.insert(self.refusal_by(state, pod, spare)?);
        }
        if all.is_empty() {
            all.insert("there is no kind of node that the loss would not take".to_owned());
        }
        Some(all.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// Why a node would not take a pod if it were there.
    fn refusal_by(&self, state: &mut State, pod: PodIndex, spare: NodeId) -> Option<String> {
        let mark = state.mark();
        trial::add(state, &self.field.daemons, spare);
        let words = match Cycle::start(state, pod) {
            Err(rejection) => Some(rejection.message),
            Ok(cycle) => filters::check(state, &cycle, spare.position()).map(|refusal| {
                let bits = (0..64).filter(|bit| refusal.reasons >> bit & 1 == 1);
                let reasons = bits.map(|bit| messages::reason(state.model, cycle.shape, refusal.plugin, bit));
                reasons.collect::<Vec<_>>().join(", ")
            }),
        };
        state.undo_to(mark);
        words
    }

    /// What waits before anything is lost although there are many nodes; the most of each workload over all orders tried.
    fn waiting_calmly(&self, nodes: &[NodeId]) -> Missing {
        let mut state = self.field.with(nodes);
        let mut worst = Missing::new();
        for seed in self.field.question.options.seeds() {
            let mark = state.mark();
            let calm = trial::calm(&mut state, seed, None);
            state.undo_to(mark);
            trial::worse(&mut worst, &calm.missing);
        }
        worst
    }

    /// How many pods are missing in one case that nodes help.
    fn shortage(&self, state: &mut State, nodes: &[NodeId], case: Case) -> u32 {
        let (disruption, allowed) = match case.lost {
            Lost::Known(loss) => (self.field.loss(loss, nodes), self.allowed(loss)),
            Lost::Added(node) if nodes.contains(&node) => (self.loss_of(node), &self.calmly),
            Lost::Added(_) => return 0,
        };
        trial::excess(&trial::missing_of(state, &disruption, case.seed), allowed)
    }

    fn loss_of(&self, node: NodeId) -> Disruption {
        let kind = DisruptionKind::Loss(self.field.question.mode);
        Disruption { name: String::new(), kind, nodes: vec![node] }
    }

    /// How many pods are missing in all cases. The state is without the nodes, before and after.
    fn shortage_of(&self, state: &mut State, counts: &Counts) -> u32 {
        let nodes = nodes_of(&self.pools, counts);
        let mark = state.mark();
        for &node in &nodes {
            trial::add(state, &self.field.daemons, node);
        }
        let pods = self.cases.iter().map(|&case| self.shortage(state, &nodes, case)).fold(0, u32::saturating_add);
        state.undo_to(mark);
        pods
    }

    /// A loss in an order in which so many nodes are not enough; none where there is no such among those tried.
    fn failing(&self, counts: &Counts) -> Option<Case> {
        let nodes = nodes_of(&self.pools, counts);
        let state = self.field.with(&nodes);
        let failing = |state: &mut State, loss: usize| {
            let missing = self.missing(state, &nodes, loss);
            let fails = |(_, missing): &&(u64, Missing)| trial::excess(missing, self.allowed(loss)) > 0;
            missing.iter().find(fails).map(|&(seed, _)| Case { lost: Lost::Known(loss), seed })
        };
        let losses = 0..self.field.losses.len();
        let found = losses.into_par_iter().map_with(state.clone(), failing).find_first(Option::is_some).flatten();
        // A node that is empty before anything is lost leaves nothing behind.
        if found.is_some() || self.field.question.domain == Domain::Zone || self.field.is_calm() {
            return found;
        }
        let seeds: Vec<u64> = self.field.question.options.seeds().collect();
        let cases: Vec<Case> = nodes
            .iter()
            .flat_map(|&node| seeds.iter().map(move |&seed| Case { lost: Lost::Added(node), seed }))
            .collect();
        let fails = |state: &mut State, &case: &Case| (self.shortage(state, &nodes, case) > 0).then_some(case);
        cases.par_iter().map_with(state, fails).find_first(Option::is_some).flatten()
    }

    /// Adds nodes until they are enough. Returns whether they are.
    fn grow(&mut self, counts: &mut Counts) -> bool {
        loop {
            if self.field.question.is_cancelled() || !self.satisfy_cases(counts) {
                return false;
            }
            match self.failing(counts) {
                None => return true,
                Some(case) => self.cases.push(case),
            }
        }
    }

    /// Adds nodes until nothing is missing in the cases. Returns whether the limit allowed it.
    fn satisfy_cases(&self, counts: &mut Counts) -> bool {
        let mut left = self.shortage_of(&mut self.field.base.clone(), counts);
        while left > 0 && !self.field.question.is_cancelled() {
            let Some((step, then)) = self.best_step(counts, left) else {
                return false;
            };
            let times = self.times(step.len(), left, left.saturating_sub(then));
            for _ in 0..times {
                for &pool in &step {
                    counts[pool] += 1;
                }
                if !self.is_within(counts) {
                    for &pool in &step {
                        counts[pool] -= 1;
                    }
                    break;
                }
            }
            left = if times == 1 { then } else { self.shortage_of(&mut self.field.base.clone(), counts) };
        }
        left == 0
    }

    /// How often a step is made at once: where many nodes are lacking and each try takes long, they are not added one by
    /// one.
    fn times(&self, nodes: usize, left: u32, gain: u32) -> u32 {
        let displaced: u64 = self.cases.iter().map(|case| self.weight(*case)).sum();
        let each = displaced.max(1).saturating_mul((self.pools.len() * nodes).max(1) as u64);
        let steps = u32::try_from(PLACED / each).unwrap_or(u32::MAX).clamp(3, 20);
        (left / gain.max(1) / steps).max(1)
    }

    /// How many pods a case displaces, about.
    fn weight(&self, case: Case) -> u64 {
        match case.lost {
            Lost::Known(loss) => self.field.displaced(loss) + 1,
            Lost::Added(_) => 1,
        }
    }

    fn is_within(&self, counts: &Counts) -> bool {
        counts.iter().sum::<usize>() <= self.field.question.limit
            && counts.iter().zip(&self.pools).all(|(&count, pool)| count < pool.nodes.len())
    }

    /// The pools of which one more node each lowers what is missing most, and what is missing then. Where no single node
    /// lowers it, two may, or one in each zone.
    fn best_step(&self, counts: &Counts, left: u32) -> Option<(Vec<usize>, u32)> {
        let pools = 0..self.pools.len();
        let singles: Vec<Vec<usize>> = pools.clone().map(|pool| vec![pool]).collect();
        let pairs = pools.clone().flat_map(|one| (one..self.pools.len()).map(move |other| vec![one, other])).collect();
        let alike = |pool: usize| pools.clone().filter(move |&other| self.pools[other].offer == self.pools[pool].offer);
        let mut kinds: Vec<Vec<usize>> = pools.clone().map(|pool| alike(pool).collect()).collect();
        kinds.push(pools.clone().collect());
        kinds.sort_unstable();
        kinds.dedup();
        for steps in [singles, pairs, kinds] {
            let steps: Vec<Vec<usize>> =
                steps.into_iter().filter(|step| self.is_within(&after(counts, step))).collect();
            let then = |state: &mut State, step: &Vec<usize>| self.shortage_of(state, &after(counts, step));
            let thens: Vec<u32> = steps.par_iter().map_with(self.field.base.clone(), then).collect();
            let best = steps.into_iter().zip(thens).min_by_key(|&(_, then)| then);
            if let Some((step, then)) = best.filter(|&(_, then)| then < left) {
                return Some((step, then));
            }
        }
        // Several of each may help all the same.
        let all: Vec<usize> = pools.collect();
        self.is_within(&after(counts, &all)).then(|| (all.clone(), left)).filter(|_| !all.is_empty())
    }

    /// Takes away what is not needed, the largest nodes first.
    fn shrink(&mut self, counts: &mut Counts) {
        for pool in (0..counts.len()).rev() {
            let mut step = counts[pool];
            while step > 0 && !self.field.question.is_cancelled() {
                let mut fewer = counts.clone();
                fewer[pool] -= step.min(counts[pool]);
                if step <= counts[pool] && !self.is_refuted(&fewer) {
                    *counts = fewer;
                } else {
                    step /= 2;
                }
            }
        }
    }

    /// Whether some order leaves a pod Pending that nodes help; a new one becomes a case.
    fn is_refuted(&mut self, counts: &Counts) -> bool {
        if self.is_refuted_by_cases(counts) {
            return true;
        }
        let failing = self.failing(counts);
        self.cases.extend(failing);
        failing.is_some()
    }

    fn is_refuted_by_cases(&self, counts: &Counts) -> bool {
        let nodes = nodes_of(&self.pools, counts);
        let mut state = self.field.with(&nodes);
        self.cases.iter().any(|&case| self.shortage(&mut state, &nodes, case) > 0)
    }

    /// Tries all smaller sets, from `known` nodes on, as long as they are few. What is enough takes the place of what was
    /// found. Returns how many nodes it takes at least.
    fn refute_smaller(&mut self, counts: &mut Counts, known: usize) -> usize {
        let heaviest = self.cases.iter().map(|&case| self.weight(case)).max().unwrap_or(1);
        let mut left = usize::try_from(PLACED / heaviest.max(1)).unwrap_or(SETS).min(SETS);
        for size in known..counts.iter().sum() {
            let sets = sets_of(size, &self.pools.iter().map(|pool| pool.nodes.len() - 1).collect::<Vec<_>>(), left);
            let Some(sets) = sets else {
                return size;
            };
            left -= sets.len();
            for set in sets {
                if self.field.question.is_cancelled() {
                    return size;
                }
                if !self.is_refuted(&set) {
                    *counts = set;
                    return size;
                }
            }
        }
        counts.iter().sum()
    }

    /// Whether these nodes are enough in every order, which was tried.
    fn certainty(&self, nodes: &[NodeId]) -> Certainty {
        let state = self.field.with(nodes);
        let is_known = |state: &mut State, loss: usize| {
            let loss = self.field.loss(loss, nodes);
            !matches!(foresee(state, &loss), Foresight::Open(_))
        };
        let losses = 0..self.field.losses.len();
        let all = self.field.is_calm() && losses.into_par_iter().map_with(state, is_known).all(|known| known);
        if all { Certainty::Certain } else { Certainty::Possible }
    }
}

/// The counts with one more node of each of the pools.
fn after(counts: &Counts, step: &[usize]) -> Counts {
    let mut counts = counts.clone();
    for &pool in step {
        counts[pool] += 1;
    }
    counts
}

/// All ways to take so many nodes from pools of these sizes; none where there are more than `most`.
fn sets_of(size: usize, pools: &[usize], most: usize) -> Option<Vec<Counts>> {
    let mut sets: Vec<Counts> = vec![Vec::new()];
    for (number, &pool) in pools.iter().enumerate() {
        let mut next = Vec::new();
        for set in &sets {
            let taken: usize = set.iter().sum();
            let rest: usize = pools[number + 1..].iter().fold(0, |sum: usize, &pool| sum.saturating_add(pool));
            let needed = (size - taken).saturating_sub(rest);
            for count in needed..=pool.min(size - taken) {
                next.push([&set[..], &[count]].concat());
            }
        }
        if next.len() > most {
            return None;
        }
        sets = next;
    }
    sets.retain(|set| set.iter().sum::<usize>() == size);
    Some(sets)
}

#[cfg(test)]
mod tests {
    use super::sets_of;

    #[test]
    fn every_set_of_a_size_is_listed_once() {
        type Expected<'e> = (usize, &'e [usize], &'e [&'e [usize]]);
        let cases: &[Expected] = &[
            (0, &[3, 3], &[&[0, 0]]),
            (2, &[3, 1], &[&[1, 1], &[2, 0]]),
            (2, &[1, 1, 1], &[&[0, 1, 1], &[1, 0, 1], &[1, 1, 0]]),
            (3, &[1, 1], &[]),
            (0, &[], &[&[]]),
        ];
        for &(size, pools, expected) in cases {
            assert_eq!(sets_of(size, pools, 100).unwrap(), expected, "{size} of {pools:?}");
        }
        assert_eq!(sets_of(3, &[3, 3, 3], 5), None);
    }
}

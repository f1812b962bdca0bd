//! DefaultPreemption: which pods of lower priority would have to go so that a pod fits, and on which node.
//!
//! Sources: `pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go` and
//! `framework/preemption/preemption.go`. Budgets are honoured by best effort only: nodes where none is violated are
//! preferred, and an empty selector counts as none.
//! What a budget allows is read from the status that the disruption controller wrote last, which may be from before the
//! failure: see [`Written`].
//! Differs from upstream 1.36: victims vanish at once instead of after their grace period.

use ha_core::snapshot::BudgetId;
use hashbrown::HashMap;

use crate::cycle::{Cycle, Plugin, Refusal};
use crate::eviction;
use crate::filters::{inter_pod_affinity, node_resources_fit, pod_topology_spread, volume_binding};
use crate::ids::{PodIndex, ResourceId};
use crate::messages;
use crate::random::Random;
use crate::schedule::{Diagnosis, check_with_nominated};
use crate::state::State;

/// A node on which room can be made.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The node.
    pub node: usize,
    /// Who would go, the most important first.
    pub victims: Vec<PodIndex>,
    violations: usize,
}

/// Why a node does not help.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoHelp {
    NoVictims,
    Refused(Refusal),
}

/// Of at least so many candidates the best is taken (`minCandidateNodesAbsolute`, `minCandidateNodesPercentage`).
const ENOUGH: usize = 100;
const ENOUGH_PERCENT: usize = 10;

/// How many evictions budgets allow by their status, where the disruption controller has not yet taken note of what
/// happened since; all others are up to date.
pub(crate) type Written = HashMap<BudgetId, i64>;

/// The status of all budgets as things are.
pub(crate) fn written(state: &State) -> Written {
    let budgets = (0..state.model.snapshot.budgets.len()).map(BudgetId::at);
    budgets.map(|id| (id, i64::from(eviction::allowed(state, id)))).collect()
}

/// Finds the node on which to make room; in `Err` the scheduler's words why there is none.
pub(crate) fn preempt(
    state: &mut State,
    random: &mut Random,
    cycle: &mut Cycle,
    diagnosis: &Diagnosis,
    written: &Written,
) -> Result<Candidate, String> {
    if cycle.shape.never_preempts {
        return Err("not eligible due to preemptionPolicy=Never.".to_owned());
    }
    let potential = &diagnosis.resolvable;
    let wanted = (potential.len() * ENOUGH_PERCENT / 100).max(ENOUGH).min(potential.len());
    let start = random.below(potential.len());
    let (mut candidates, mut failures) = (Vec::new(), Vec::<(NoHelp, usize)>::new());
    let mut clean = 0;
    let mut allowances = Allowances { written, counted: HashMap::new() };
    let is_deaf = cycle.plan.is_deaf_below(state, cycle.class.key.priority);
    for position in 0..potential.len() {
        let (node, refusal) = potential[(start + position) % potential.len()];
        let (node, refusal) = (node as usize, diagnosis.refusals[refusal as usize].0);
        let hopeless = if is_deaf { hopeless(state, cycle, node, refusal) } else { None };
        let victims = hopeless.map_or_else(|| victims_on(state, &mut allowances, random, cycle, node), Err);
        match victims {
            Ok(candidate) => {
                clean += usize::from(candidate.violations == 0);
                candidates.push(candidate);
            }
            Err(reason) => match failures.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, nodes)) => *nodes += 1,
                None => failures.push((reason, 1)),
            },
        }
        if clean > 0 && candidates.len() >= wanted {
            break;
        }
    }
    if candidates.is_empty() {
        return Err(messages::no_preemption(state.model, cycle.shape, diagnosis.nodes, &failures));
    }
    Ok(best(state, random, candidates))
}

/// Why a node that refused the pod does not help, where that can be told without taking pods away; none where it must be tried.
///
/// Pods of lower priority are counted by no constraint of the pod here, so only what they request makes a difference: a
/// refusal by spread or affinity stays, and one by resources goes if what all of them request is enough.
fn hopeless(state: &State, cycle: &Cycle, node: usize, refusal: Refusal) -> Option<NoHelp> {
    if !cycle.volumes.claims.is_empty() || !cycle.shape.disks.is_empty() || state.is_nominated(node) {
        return None;
    }
    let priority = |pod: PodIndex| state.model.class(state.pod(pod).class).key.priority;
    let lower = || state.pods_on(node).iter().copied().filter(|&pod| priority(pod) < cycle.class.key.priority);
    if !state.has_lower(node, state.pod(cycle.pod).class) {
        return Some(NoHelp::NoVictims);
    }
    match refusal.plugin {
        Plugin::PodTopologySpread | Plugin::InterPodAffinity => Some(NoHelp::Refused(refusal)),
        Plugin::NodeResourcesFit => without(state, cycle, node, lower)
            .or_else(|| pod_topology_spread::check(state, cycle, node))
            .or_else(|| inter_pod_affinity::check(state, cycle, node))
            .map(NoHelp::Refused),
        _ => None,
    }
}

/// What is not left on a node also once those pods have gone.
fn without<P: Iterator<Item = PodIndex>>(
    state: &State,
    cycle: &Cycle,
    node: usize,
    pods: impl Fn() -> P,
) -> Option<Refusal> {
    let amount = |pod: PodIndex, resource: ResourceId| {
        let amounts = state.shape_of(pod).requests.amounts.iter();
        amounts.copied().find(|&(other, _)| other == resource).map_or(0, |(_, value)| value)
    };
    let gone = i64::try_from(pods().count()).unwrap_or(i64::MAX);
    let freed = |resource| pods().fold(0_i64, |sum, pod| sum.wrapping_add(amount(pod, resource)));
    node_resources_fit::check_without(state, cycle, node, gone, freed)
}

/// Why a node whose labels and taints the pod passes refuses it also without those pods, where it cannot use the pod's
/// volumes, whoever else is there. None where that must be tried.
fn refused_by_volumes(state: &State, cycle: &Cycle, node: usize, pods: &[PodIndex]) -> Option<Refusal> {
    let has_limits = !state.model.nodes[node].volume_limits.is_empty();
    let others_count = has_limits || cycle.checks_restrictions || !cycle.shape.ports.is_empty();
    if cycle.volumes.claims.is_empty() || others_count || state.is_nominated(node) {
        return None;
    }
    let refusal = volume_binding::check(state, cycle, node)?;
    Some(without(state, cycle, node, || pods.iter().copied()).unwrap_or(refusal))
}

/// The fewest pods of lower priority on a node without which the pod fits (`SelectVictimsOnNode`).
fn victims_on(
    state: &mut State,
    allowances: &mut Allowances,
    random: &mut Random,
    cycle: &mut Cycle,
    node: usize,
) -> Result<Candidate, NoHelp> {
    let priority = |state: &State, pod: PodIndex| state.model.class(state.pod(pod).class).key.priority;
    if !state.has_lower(node, state.pod(cycle.pod).class) {
        return Err(NoHelp::NoVictims);
    }
    let lower = |&pod: &PodIndex| priority(state, pod) < cycle.class.key.priority;
    let mut potential: Vec<PodIndex> = state.pods_on(node).iter().copied().filter(lower).collect();
    if let Some(refusal) = refused_by_volumes(state, cycle, node, &potential) {
        return Err(NoHelp::Refused(refusal));
    }
    random.shuffle(&mut potential);
    // The higher the priority and the longer it runs, the more important; which of two that did not start yet is more
    // important is chance.
    potential.sort_by_cached_key(|&pod| (-i64::from(priority(state, pod)), state.pod(pod).started.unwrap_or(i64::MAX)));
    let (violating, others) = split_by_budgets(state, allowances, &potential);
    let mark = state.mark();
    state.set_trial(true);
    for &pod in &potential {
        state.remove(pod);
    }
    cycle.refresh(state);
    let result = if let Some(refusal) = check_with_nominated(state, cycle, node) {
        Err(NoHelp::Refused(refusal))
    } else {
        let mut victims = Vec::new();
        reprieve(state, cycle, node, &violating, &mut victims);
        let violations = victims.len();
        reprieve(state, cycle, node, &others, &mut victims);
        victims.sort_by_key(|pod| potential.iter().position(|other| other == pod));
        // Nobody has to go: upstream takes that for an error, and the node for none that helps (`DryRunPreemption`).
        if victims.is_empty() { Err(NoHelp::NoVictims) } else { Ok(Candidate { node, victims, violations }) }
    };
    state.undo_to(mark);
    state.set_trial(false);
    cycle.refresh(state);
    result
}

/// Puts back those without whose absence the pod fits as well; the rest are victims.
fn reprieve(state: &mut State, cycle: &mut Cycle, node: usize, pods: &[PodIndex], victims: &mut Vec<PodIndex>) {
    for &pod in pods {
        let mark = state.mark();
        state.place(pod, node);
        cycle.refresh(state);
        if check_with_nominated(state, cycle, node).is_some() {
            state.undo_to(mark);
            cycle.refresh(state);
            victims.push(pod);
        }
    }
}

/// How many evictions budgets allow before anything is tried: one search asks it for every node.
struct Allowances<'w> {
    written: &'w Written,
    /// As far as it was counted.
    counted: HashMap<BudgetId, i64>,
}

impl Allowances<'_> {
    fn of(&mut self, state: &State, id: BudgetId) -> i64 {
        let count = || i64::from(eviction::allowed(state, id));
        self.written.get(&id).copied().unwrap_or_else(|| *self.counted.entry(id).or_insert_with(count))
    }
}

/// The pods whose going would violate a budget, and the others (`filterPodsWithPDBViolation`).
fn split_by_budgets(state: &State, allowances: &mut Allowances, pods: &[PodIndex]) -> (Vec<PodIndex>, Vec<PodIndex>) {
    let snapshot = state.model.snapshot;
    let mut allowed: HashMap<BudgetId, i64> = HashMap::new();
    pods.iter().partition(|&&pod| {
        let mut violated = false;
        for &id in state.model.budgets_of_class(state.pod(pod).class) {
            let selector = snapshot.budget(id).selector.as_ref();
            if selector.is_none_or(ha_core::labels::LabelSelector::is_empty) {
                continue;
            }
            let left = allowed.entry(id).or_insert_with(|| allowances.of(state, id));
            *left -= 1;
            violated |= *left < 0;
        }
        violated
    })
}

/// `pickOneNodeForPreemption`: the fewest violated budgets, the least important victims, the fewest, the youngest.
fn best(state: &State, random: &mut Random, mut candidates: Vec<Candidate>) -> Candidate {
    let priority = |pod: &PodIndex| i64::from(state.model.class(state.pod(*pod).class).key.priority);
    let rank = |candidate: &Candidate| {
        let victims = &candidate.victims;
        let highest = victims.iter().map(priority).max().unwrap_or(0);
        let sum: i64 = victims.iter().map(|pod| priority(pod) + i64::from(i32::MAX) + 1).sum();
        let most_important = victims.iter().filter(|pod| priority(pod) == highest);
        let earliest = most_important.map(|&pod| state.pod(pod).started.unwrap_or(i64::MAX)).min().unwrap_or(i64::MAX);
        (candidate.violations, highest, sum, victims.len(), std::cmp::Reverse(earliest))
    };
    random.shuffle(&mut candidates);
    let position = (0..candidates.len()).min_by_key(|&position| rank(&candidates[position])).unwrap_or(0);
    candidates.swap_remove(position)
}

//! One scheduling cycle: filter all nodes, score those that pass, take the best.
//!
//! Source: `schedulePod`, `findNodesThatPassFilters` and `numFeasibleNodesToFind` in `pkg/scheduler/schedule_one.go`,
//! `RunFilterPluginsWithNominatedPods` in `framework/runtime/framework.go`.
//! Differs from upstream 1.36: with 100 nodes or more upstream filters nodes in parallel and stops when it has found
//! enough, so which nodes are scored depends on timing; here they are taken one after the other from where the last
//! search ended. Node hints of equal pods (OpportunisticBatching) only skip work whose result is the same.

use ha_core::arithmetic::size;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use crate::cycle::{Cycle, Plugin, Refusal, Rejection};
use crate::filters::volume_binding;
use crate::filters::{self, check_changing, check_with_room};
use crate::ids::PodIndex;
use crate::messages;
use crate::model::Static;
use crate::random::Random;
use crate::room::Room;
use crate::scores::{self, Nodes};
use crate::state::{Order, State};

/// Why a pod has no node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// It was refused before any node was looked at.
    pub rejection: Option<Rejection>,
    /// Why the nodes that were looked at were refused, and how many for each of these reasons.
    pub refusals: Vec<(Refusal, usize)>,
    /// The refused nodes on which preemption may make room, in the order in which they were looked at, and which of
    /// `refusals` is theirs.
    pub resolvable: Vec<(u32, u32)>,
    /// Whether the affinity names the nodes that may be looked at, so that NodeAffinity ruled out all others.
    pub named_nodes_only: bool,
    /// How many nodes there were. With none left no plugin is asked (`ErrNoNodesAvailable`).
    pub nodes: usize,
    /// What preemption came to, in the scheduler's words; empty when it was not tried.
    pub preemption: String,
}

/// What one attempt came to.
#[derive(Debug)]
pub enum Attempt<'m> {
    /// The pod fits a node, with the claims that binding gives it.
    Fits(usize),
    /// It does not fit any.
    Refused(Box<Refused<'m>>),
}

/// An attempt without success.
#[derive(Debug)]
pub struct Refused<'m> {
    /// Why.
    pub diagnosis: Diagnosis,
    /// The cycle, for preemption; none when the pod was refused before any node was looked at.
    pub cycle: Option<Cycle<'m>>,
}

/// What keeps the simulation from knowing where a pod runs, in words; empty otherwise.
pub(crate) fn unknown(state: &State, pod: PodIndex) -> &'static str {
    match state.shape_of(pod).unknown {
        "" if volume_binding::needs_capacity(state, pod) => {
            "its volume is made where the driver says that there is room (CSIStorageCapacity), which is not read"
        }
        unknown => unknown,
    }
}

/// How the scheduler goes through nodes.
#[derive(Clone, Debug)]
pub struct Search {
    /// The dice.
    pub random: Random,
    start: usize,
    /// What is left of the last list of nodes.
    numbers: Vec<u32>,
}

impl Search {
    /// A search that begins anywhere.
    pub fn new(seed: u64, nodes: usize) -> Self {
        let mut random = Random::new(seed);
        let start = random.below(nodes);
        Self { random, start, numbers: Vec::new() }
    }
}

/// Below so many nodes all are looked at (`minFeasibleNodesToFind`).
const ALL_NODES: usize = 100;

/// How many nodes that fit are enough.
fn enough(nodes: usize) -> usize {
    if nodes < ALL_NODES {
        return nodes;
    }
    let percentage = 50_usize.saturating_sub(nodes / 125).max(5);
    (nodes * percentage / 100).max(ALL_NODES)
}

/// Begins to look for a node for a pod, or tells why it is refused before any node is looked at.
pub fn begin<'m>(state: &mut State<'m>, pod: PodIndex) -> Result<Cycle<'m>, Box<Refused<'m>>> {
    let refused = |diagnosis| Box::new(Refused { diagnosis, cycle: None });
    let diagnosis = Diagnosis::new(state);
    if diagnosis.nodes == 0 {
        return Err(refused(diagnosis));
    }
    Cycle::start(state, pod).map_err(|rejection| refused(Diagnosis { rejection: Some(rejection), ..diagnosis }))
}

/// Tries to find a node for the pod of a cycle that has just begun. When one is found the pod is placed there and its
/// claims are bound.
pub fn schedule<'m>(state: &mut State<'m>, search: &mut Search, mut cycle: Cycle<'m>) -> Attempt<'m> {
    let mut diagnosis = Diagnosis::new(state);
    cycle.volumes.rotation = search.random.below(usize::from(u16::MAX));
    if let Some(node) = nominated_node(state, &mut cycle) {
        bind(state, &cycle, node);
        return Attempt::Fits(node);
    }
    let mut feasible = feasible(state, search, &mut cycle, &mut diagnosis);
    let node = match *feasible.list() {
        [] => None,
        [node] => Some(node),
        _ => Some(best(state, search, &cycle, &mut feasible)),
    };
    search.numbers = feasible.into_numbers();
    let Some(node) = node else {
        return Attempt::Refused(Box::new(Refused { diagnosis, cycle: Some(cycle) }));
    };
    bind(state, &cycle, node);
    Attempt::Fits(node)
}

/// The node on which preemption made room, when the pod fits it now.
fn nominated_node(state: &mut State, cycle: &mut Cycle) -> Option<usize> {
    let &(_, node) = state.nominated().iter().find(|&&(pod, _)| pod == cycle.pod)?;
    (state.is_present(node) && check_with_nominated(state, cycle, node).is_none()).then_some(node)
}

/// The nodes to look at, in the scheduler's order.
pub(crate) enum Candidates {
    /// All that exist.
    All(Arc<Order>),
    /// Those of them that the affinity names.
    Named(Vec<u32>),
}

impl Deref for Candidates {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        match self {
            Self::All(order) => &order.nodes,
            Self::Named(nodes) => nodes,
        }
    }
}

/// The nodes to look at: all that exist, or those of them that the affinity names.
pub(crate) fn candidates(state: &mut State, statics: &Static) -> Candidates {
    let Some(names) = &statics.only_nodes else {
        return Candidates::All(state.order());
    };
    let model = state.model;
    let is_named = |node: u32| names.contains(&model.snapshot.object(model.snapshot.nodes[node as usize].object).name);
    let chosen = match names[..] {
        [name] => {
            let node = model.find_node(name).filter(|&node| state.is_present(node));
            node.and_then(|node| u32::try_from(node).ok()).into_iter().collect()
        }
        _ => state.order().nodes.iter().copied().filter(|&node| is_named(node)).collect(),
    };
    Candidates::Named(chosen)
}

fn feasible<'m>(state: &mut State<'m>, search: &mut Search, cycle: &mut Cycle<'m>, diagnosis: &mut Diagnosis) -> Nodes {
    let (feasible, looked_at) = if cycle.statics.only_nodes.is_some() {
        feasible_of_named(state, search, cycle, diagnosis)
    } else {
        let requests = &cycle.shape.requests;
        let mut room = state.rooms.take(requests, state.model.nodes.len());
        let found = feasible_of_all(state, search, cycle, &mut room, diagnosis);
        state.rooms.keep(requests, room);
        found
    };
    search.start = (search.start + looked_at) % state.present_nodes().max(1);
    feasible
}

/// Goes through the nodes that the affinity names. Returns how many it has looked at, too.
fn feasible_of_named(
    state: &mut State,
    search: &mut Search,
    cycle: &mut Cycle,
    diagnosis: &mut Diagnosis,
) -> (Nodes, usize) {
    let nodes = candidates(state, cycle.statics);
    diagnosis.named_nodes_only = true;
    let wanted = enough(nodes.len());
    let start = if nodes.is_empty() { 0 } else { search.start % nodes.len() };
    let mut feasible = Nodes::with_capacity(wanted, std::mem::take(&mut search.numbers));
    for &node in nodes[start..].iter().chain(&nodes[..start]) {
        let node = node as usize;
        match check_with_nominated(state, cycle, node) {
            None => feasible.push(node, scores::of_resources(state, cycle, node)),
            Some(refusal) => diagnosis.add(node, refusal),
        }
        if feasible.list().len() >= wanted {
            break;
        }
    }
    let looked_at = feasible.list().len() + diagnosis.refused();
    (feasible, looked_at)
}

/// Goes through all nodes. Those that labels and taints rule out are not visited, but count as looked at.
fn feasible_of_all(
    state: &mut State,
    search: &mut Search,
    cycle: &mut Cycle,
    room: &mut Room,
    diagnosis: &mut Diagnosis,
) -> (Nodes, usize) {
    let model = state.model;
    let order = state.order();
    let (all, wanted) = (order.nodes.len(), enough(order.nodes.len()));
    let start = search.start % all.max(1);
    let passing = cycle.statics.passing(model.snapshot, &model.node_order);
    let first = passing.partition_point(|&node| order.place(node) < start);
    let some_are_nominated = !state.nominated().is_empty();
    let mut feasible = Nodes::with_capacity(wanted, std::mem::take(&mut search.numbers));
    for &number in [&passing[first..], &passing[..first]].into_iter().flatten() {
        let node = number as usize;
        let flags = state.flags(node);
        if flags != 0 && (!state.is_present(node) || cycle.refuses_flags(flags)) {
            continue;
        }
        let score = room.score(state, cycle, node);
        let refusal = match score {
            _ if some_are_nominated && state.is_nominated(node) => check_with_nominated(state, cycle, node),
            Some(_) => check_with_room(state, cycle, node),
            // Why nodes are refused matters only while none fits.
            None if !feasible.list().is_empty() => continue,
            None => check_changing(state, cycle, node),
        };
        match (refusal, score) {
            (None, Some(score)) => feasible.push(node, score),
            (None, None) => feasible.push(node, scores::of_resources(state, cycle, node)),
            (Some(refusal), _) if feasible.list().is_empty() => diagnosis.add(node, refusal),
            (Some(_), _) => {}
        }
        if feasible.list().len() >= wanted {
            return (feasible, (order.place(number) + all - start) % all + 1);
        }
    }
    if feasible.list().is_empty() {
        diagnosis.add_all(&state.refused_by_labels(cycle.class.statics));
    }
    (feasible, all)
}

/// Why a node does not take the pod, also when pods of at least its priority for which preemption made room there are
/// taken into account.
pub(crate) fn check_with_nominated(state: &mut State, cycle: &mut Cycle, node: usize) -> Option<Refusal> {
    if !state.is_nominated(node) {
        return filters::check(state, cycle, node);
    }
    let priority = cycle.class.key.priority;
    let counts = |&&(pod, at): &&(PodIndex, usize)| {
        at == node && pod != cycle.pod && state.model.class(state.pod(pod).class).key.priority >= priority
    };
    let nominated: Vec<PodIndex> = state.nominated().iter().filter(counts).map(|&(pod, _)| pod).collect();
    if !nominated.is_empty() {
        let (mark, trial) = (state.mark(), state.is_trial());
        state.set_trial(true);
        for pod in nominated {
            state.place(pod, node);
        }
        cycle.refresh(state);
        let refusal = filters::check(state, cycle, node);
        state.undo_to(mark);
        state.set_trial(trial);
        cycle.refresh(state);
        if refusal.is_some() {
            return refusal;
        }
    }
    filters::check(state, cycle, node)
}

/// One of the nodes with the highest score.
fn best(state: &mut State, search: &mut Search, cycle: &Cycle, feasible: &mut Nodes) -> usize {
    scores::add_others(state, cycle, feasible);
    let (nodes, scores) = (feasible.list(), feasible.scores());
    let highest = scores.iter().copied().max().unwrap_or(0);
    let best = || nodes.iter().zip(scores).filter(|&(_, &score)| score == highest).map(|(&node, _)| node);
    let chosen = search.random.below(best().count());
    best().nth(chosen).unwrap_or(nodes[0])
}

fn bind(state: &mut State, cycle: &Cycle, node: usize) {
    for (claim, binding) in volume_binding::bindings_on(state, cycle, node) {
        state.bind(claim, binding);
    }
    state.withdraw(cycle.pod);
    state.place(cycle.pod, node);
}

impl Diagnosis {
    /// Nothing is known yet.
    pub(crate) fn new(state: &State) -> Self {
        Self {
            rejection: None,
            refusals: Vec::new(),
            resolvable: Vec::new(),
            named_nodes_only: false,
            nodes: state.present_nodes(),
            preemption: String::new(),
        }
    }

    /// One more node is refused.
    #[inline]
    fn add(&mut self, node: usize, refusal: Refusal) {
        let number = self.add_to(refusal, 1);
        if !refusal.unresolvable {
            if self.resolvable.is_empty() {
                self.resolvable.reserve(self.nodes);
            }
            self.resolvable.push((size(node), size(number)));
        }
    }

    /// Nodes are refused that preemption does not help.
    fn add_all(&mut self, refusals: &[(Refusal, usize)]) {
        for &(refusal, nodes) in refusals {
            self.add_to(refusal, nodes);
        }
    }

    /// Returns the number of the refusal.
    #[inline]
    fn add_to(&mut self, refusal: Refusal, nodes: usize) -> usize {
        let number = self.refusals.iter().position(|(known, _)| *known == refusal).unwrap_or(self.refusals.len());
        match self.refusals.get_mut(number) {
            Some((_, sum)) => *sum += nodes,
            None => self.refusals.push((refusal, nodes)),
        }
        number
    }

    /// How many nodes were looked at and refused.
    pub fn refused(&self) -> usize {
        self.refusals.iter().map(|(_, nodes)| nodes).sum()
    }

    /// The pod is not even tried (`PreEnqueue` in `plugins/schedulinggates/scheduling_gates.go`).
    pub(crate) fn gated(state: &State) -> Self {
        let rejection = Rejection { plugin: Plugin::SchedulingGates, message: messages::GATED.to_owned() };
        Self { rejection: Some(rejection), ..Self::new(state) }
    }

    /// Per plugin how many nodes it refused, in the order of names. NodeAffinity counts among them when it named the
    /// nodes to look at, even if it ruled none out (`RunPreFilterPlugins`).
    pub fn plugins(&self) -> Vec<(&'static str, u32)> {
        let mut plugins: BTreeMap<&'static str, usize> = BTreeMap::new();
        for (refusal, nodes) in &self.refusals {
            *plugins.entry(refusal.plugin.as_str()).or_insert(0) += nodes;
        }
        if self.named_nodes_only {
            *plugins.entry(Plugin::NodeAffinity.as_str()).or_insert(0) += self.nodes - self.refused();
        }
        if let Some(rejection) = &self.rejection {
            plugins.insert(rejection.plugin.as_str(), self.nodes);
        }
        plugins.into_iter().map(|(plugin, nodes)| (plugin, size(nodes))).collect()
    }

    /// Whether pods that come could help: by raising the smallest count of a spread, or by attracting.
    pub fn is_helped_by_additions(&self) -> bool {
        self.refusals.iter().any(|(refusal, _)| match refusal.plugin {
            Plugin::PodTopologySpread => true,
            Plugin::InterPodAffinity => refusal.reasons & 1 != 0,
            _ => false,
        })
    }

    /// Whether pods that go could help.
    pub fn is_helped_by_removals(&self) -> bool {
        self.is_helped_by_additions() || self.refusals.iter().any(|(refusal, _)| !refusal.unresolvable)
    }
}

#[cfg(test)]
mod tests {
    use super::enough;

    #[test]
    fn the_more_nodes_the_smaller_a_part_is_scored() {
        let cases = [(0, 0), (99, 99), (100, 100), (200, 100), (300, 144), (1000, 420), (5000, 500), (6000, 300)];
        for (nodes, expected) in cases {
            assert_eq!(enough(nodes), expected, "{nodes}");
        }
    }
}

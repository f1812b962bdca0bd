//! Pods that are placed in every run whatever two nodes are lost, and pods that then have no place.
//!
//! Words are those of the argument in [`order`](crate::order) and [`solid`](crate::solid). Let p be a pod of Dᵢ without
//! disks, whose claims were all bound before and may be mounted by several pods. Take nodes that p could use now: no
//! label, taint, port, volume or lack of a resource keeps it off. Two of them may be lost. At any moment of any run
//! without preemption, each of the others refuses p only
//!
//! - since some resource of it ran short, for which pods of D must have come to it. As in case 2 of `order`, all pods of
//!   D make at most so many nodes run short as the smallest gaps add up to what D requests together, for which no pair
//!   needs more than D₀ and the two nodes whose pods request most of that resource;
//! - since a pod of D with a port of the node came to it: at most one node for each such pod;
//! - since a pod came that a term of anti-affinity concerns, in either direction. Nodes are taken whose domains hold no
//!   such pod now (that some vanish does no harm), so n such pods of D take the n largest domains at most;
//! - since its domain of a hard spread constraint is too full. A domain without any counted pod is not, whatever the
//!   smallest count is; so domains that hold none now are lost to n counted pods of D as above. For one constraint of p
//!   another way is better: at every moment the domain with the smallest count accepts p. If what is said here is
//!   true of the nodes of every domain that the constraint looks at, it is true of that one.
//! - since a required affinity term attracts nowhere: nodes are taken in whose domains more pods attract p than any two
//!   nodes hold.
//!
//! If the nodes are more than two and all that can be taken away together, p is placed in every run.
//!
//! A pod that is made for its unreachable node (of a DaemonSet) has that node alone, which is empty but for others of that
//! kind and for pods that may use unreachable nodes at all: it is placed if there is room for all of these.

use std::sync::atomic::{AtomicBool, Ordering};

use ha_core::impact::LossMode;
use ha_core::snapshot::{WorkloadId, WorkloadKind};
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::End;
use super::displaced::{Bounds, Displaced, count, successor};
use crate::cycle::{Cycle, SpreadCheck};
use crate::filters::{
    node_ports, node_resources_fit, node_volume_limits, volume_binding, volume_restrictions, volume_zone,
};
use crate::ids::{ClassId, DomainId, KeyId, PodIndex, ResourceId};
use crate::model::storage::Binding;
use crate::model::{ClaimRef, HostPort, PodModel};
use crate::schedule::{candidates, unknown};
use crate::shortage::short;
use crate::state::State;
use crate::threats::Threat;

/// What is known of a pod whatever pair is lost.
#[derive(Clone, Debug, Default)]
struct Prospect {
    /// It is placed in every run.
    is_always_placed: bool,
    /// It preempts nobody.
    preempts_none: bool,
    /// The only nodes that do not refuse it for good, when these are two at most.
    only: Option<Vec<usize>>,
}

/// What is known of nodes whatever other node is lost as well.
#[derive(Debug, Default)]
pub(super) struct Prospects {
    /// No pod that waits preempts any.
    is_quiet: bool,
    of_node: Vec<OfNode>,
    /// Pairs that leave a pod without a place.
    breaking: HashSet<(usize, usize)>,
}

#[derive(Clone, Debug, Default)]
struct OfNode {
    /// All its pods are always placed.
    holds: bool,
    /// Some pod of it never is.
    breaks: bool,
    /// None of its pods preempts any.
    is_quiet: bool,
    undecided: Vec<WorkloadId>,
}

impl Prospects {
    pub(super) fn of(displaced: &Displaced, mode: LossMode, cancelled: &AtomicBool) -> Self {
        let nodes = displaced.of_node.len();
        if displaced.bounds.is_absurd {
            return Self { of_node: vec![OfNode::default(); nodes], ..Self::default() };
        }
        let known = Known::of(displaced, mode, cancelled);
        let is_quiet = displaced.waiting.iter().all(|&pod| {
            let prospect = known.of_pod(pod, displaced.state.pod(pod));
            prospect.is_always_placed || prospect.preempts_none
        });
        let mut breaking = HashSet::new();
        let of_node = (0..nodes).map(|node| known.of_node(node, &mut breaking)).collect();
        Self { is_quiet, of_node, breaking }
    }

    pub(super) fn end(&self, pair: (usize, usize)) -> End {
        let (first, second) = (&self.of_node[pair.0], &self.of_node[pair.1]);
        if !self.is_quiet || !first.is_quiet || !second.is_quiet {
            return End::Open;
        }
        if first.holds && second.holds {
            return End::Holds;
        }
        let breaks = first.breaks || second.breaks || self.breaking.contains(&pair);
        if breaks { End::Breaks } else { End::Open }
    }

    /// Workloads with a pod whose end is not known, and on how many nodes such pods are.
    pub(super) fn undecided(&self) -> HashMap<WorkloadId, u32> {
        let mut nodes: HashMap<WorkloadId, u32> = HashMap::new();
        for workload in self.of_node.iter().flat_map(|node| &node.undecided) {
            *nodes.entry(*workload).or_insert(0) += 1;
        }
        nodes
    }
}

/// Pods that cannot be told apart: one class, or one pod where claims tell it apart.
type Kind = (ClassId, Option<PodIndex>);

struct Known<'d, 'm> {
    displaced: &'d Displaced<'m>,
    mode: LossMode,
    of_kind: HashMap<Kind, Prospect>,
    unsteady_sets: HashSet<WorkloadId>,
}

impl<'d, 'm> Known<'d, 'm> {
    fn of(displaced: &'d Displaced<'m>, mode: LossMode, cancelled: &AtomicBool) -> Self {
        let state = &displaced.state;
        let mut kinds: HashMap<Kind, PodModel> = HashMap::new();
        let mut note = |pod: PodIndex, model: PodModel| {
            if state.model.class(model.class).key.pinned.is_empty() {
                kinds.entry(kind(pod, &model)).or_insert(model);
            }
        };
        displaced.waiting.iter().for_each(|&pod| note(pod, state.pod(pod).clone()));
        displaced.of_node.iter().flatten().for_each(|&pod| note(pod, successor(state, pod)));
        let kinds: Vec<(Kind, PodModel)> = kinds.into_iter().collect();
        let judge = |state: &mut State<'m>, (kind, model): &(Kind, PodModel)| {
            let is_cancelled = cancelled.load(Ordering::Relaxed);
            let prospect =
                if is_cancelled { Prospect::default() } else { prospect(state, &displaced.bounds, mode, model) };
            (*kind, prospect)
        };
        let of_kind = kinds.par_iter().map_with(state.clone(), judge).collect::<Vec<_>>().into_iter().collect();
        Self { displaced, mode, of_kind, unsteady_sets: unsteady_sets(displaced) }
    }

    /// What is known of a pod once it has no node. Those that are made for a node are not looked at.
    fn of_pod(&self, pod: PodIndex, model: &PodModel) -> Prospect {
        let preempts_none = never_preempts(&self.displaced.state, model.class);
        let unknown = || Prospect { preempts_none, ..Prospect::default() };
        self.of_kind.get(&kind(pod, model)).cloned().unwrap_or_else(unknown)
    }

    fn of_node(&self, node: usize, breaking: &mut HashSet<(usize, usize)>) -> OfNode {
        let state = &self.displaced.state;
        let mut of_node = OfNode { holds: true, breaks: false, is_quiet: true, undecided: Vec::new() };
        let has_room = self.has_room_for_daemons(node);
        for &pod in &self.displaced.of_node[node] {
            let workload = state.pod(pod).workload;
            let is_pinned = !state.model.class(state.pod(pod).class).key.pinned.is_empty();
            let mut prospect =
                if is_pinned { daemon(state, pod, has_room) } else { self.of_pod(pod, &successor(state, pod)) };
            if !self.is_told(pod) {
                prospect.is_always_placed = false;
                prospect.only = None;
            }
            let others: Option<Vec<usize>> =
                prospect.only.map(|only| only.into_iter().filter(|&other| other != node).collect());
            match others.as_deref() {
                Some([]) => of_node.breaks = true,
                Some(&[other]) => drop(breaking.insert((node.min(other), node.max(other)))),
                _ => {}
            }
            of_node.holds &= prospect.is_always_placed;
            of_node.is_quiet &= prospect.is_always_placed || prospect.preempts_none;
            if !prospect.is_always_placed && others.as_deref() != Some(&[]) {
                of_node.undecided.push(workload);
            }
        }
        of_node.undecided.sort_unstable();
        of_node.undecided.dedup();
        of_node
    }

    /// Whether all depends on the scheduler: the pod is made again whenever it is lost, whatever becomes of others.
    fn is_told(&self, pod: PodIndex) -> bool {
        let (state, bounds) = (&self.displaced.state, &self.displaced.bounds);
        let model = state.model;
        let workload = state.pod(pod).workload;
        let class = model.class(model.replacement(state.pod(pod).class));
        let tolerates = self.mode == LossMode::Unreachable && model.statics(class.statics).tolerates_unreachable;
        let is_ordered = model.sets.get(&workload).is_some_and(|set| !set.parallel);
        // On a machine that is dead a pod never becomes ready, so the next ones of its set are not created.
        let may_hang = is_ordered && (model.some_are_dead || tolerates || self.unsteady_sets.contains(&workload));
        let usage = &model.shape(class.shape).usage;
        let is_denied = model.quotas.get(&class.key.namespace).is_some_and(|quotas| {
            quotas.scoped
                || quotas.limits.iter().any(|limit| {
                    let more = bounds.quota(class.key.namespace, limit.resource);
                    usage.lacking.contains(&limit.resource) || limit.used.saturating_add(more) > limit.hard
                })
        });
        model.snapshot.workload(workload).kind != WorkloadKind::Custom && !may_hang && !is_denied
    }

    /// Whether a node that is unreachable has room for all pods at once that are made for it, and for all others that
    /// may use it.
    fn has_room_for_daemons(&self, node: usize) -> bool {
        let (state, bounds) = (&self.displaced.state, &self.displaced.bounds);
        let model = state.model;
        let roaming = count(bounds.roaming.sum());
        let mine = |pod: &&PodIndex| model.find_node(model.class(state.pod(**pod).class).key.pinned) == Some(node);
        let pinned: Vec<ClassId> = self
            .displaced
            .waiting
            .iter()
            .chain(&self.displaced.of_node[node])
            .filter(mine)
            .map(|&pod| model.replacement(state.pod(pod).class))
            .collect();
        let mut amounts: HashMap<ResourceId, i64> = HashMap::new();
        let mut ports: Vec<&HostPort> = Vec::new();
        for &class in &pinned {
            let shape = model.shape(model.class(class).shape);
            for &(resource, amount) in &shape.requests.amounts {
                let sum = amounts.entry(resource).or_insert(0);
                *sum = sum.saturating_add(amount);
            }
            ports.extend(&shape.ports);
        }
        let more = |resource| if roaming == 0 { 0 } else { bounds.amount(resource) };
        let conflict = ports
            .iter()
            .enumerate()
            .any(|(position, port)| ports[position + 1..].iter().any(|other| port.conflicts(other)));
        let has_ports = !ports.is_empty() && (conflict || roaming > 0);
        let all = i64::try_from(pinned.len() + roaming).unwrap_or(i64::MAX);
        let fits = |(&resource, &amount): (&ResourceId, &i64)| {
            amount.saturating_add(more(resource)) <= model.allocatable(node, resource)
        };
        !has_ports && all <= model.nodes[node].pods && amounts.iter().all(fits)
    }
}

/// StatefulSets in order that have a pod which is not ready, or which waits or is lacking: whether the next one is created
/// depends on that one.
fn unsteady_sets(displaced: &Displaced) -> HashSet<WorkloadId> {
    let (state, snapshot) = (&displaced.state, displaced.state.model.snapshot);
    let waiting = displaced.waiting.iter().map(|&pod| state.pod(pod).workload);
    let is_ready = |pod: &Option<PodIndex>| pod.is_some_and(|pod| snapshot.pods[pod.position()].is_healthy());
    let sets = state.model.sets.iter().filter(|(_, set)| !set.slots.iter().all(is_ready)).map(|(&id, _)| id);
    waiting.chain(sets).collect()
}

fn kind(pod: PodIndex, model: &PodModel) -> Kind {
    (model.class, (!model.claims.is_empty()).then_some(pod))
}

fn never_preempts(state: &State, class: ClassId) -> bool {
    let class = state.model.class(class);
    state.model.shape(class.shape).never_preempts || class.key.priority <= state.model.lowest_priority
}

/// What is known of a pod that is made for its node, which is unreachable.
fn daemon(state: &State, pod: PodIndex, has_room: bool) -> Prospect {
    let model = state.model;
    let id = model.replacement(state.pod(pod).class);
    let class = model.class(id);
    let shape = model.shape(class.shape);
    let node = model.find_node(class.key.pinned);
    let may_use = node.is_some_and(|node| state.static_mask(class.statics, node) == 0 && state.is_present(node));
    let alone = class.hard_spread.is_empty()
        && class.affinity.is_empty()
        && class.anti_affinity.is_empty()
        && model.links().repelling(model, id).is_empty();
    let plain = state.pod(pod).claims.is_empty()
        && shape.disks.is_empty()
        && !shape.gated
        && unknown(state, pod).is_empty()
        && model.statics(class.statics).tolerates_unreachable;
    Prospect {
        is_always_placed: has_room && may_use && alone && plain,
        preempts_none: never_preempts(state, id),
        only: None,
    }
}

/// What is known of such a pod once it has no node. The state is as before
/// afterwards.
fn prospect(state: &mut State, bounds: &Bounds, mode: LossMode, model: &PodModel) -> Prospect {
    let mark = state.mark();
    let pod = state.create(model.clone());
    let known = never_preempts(state, model.class);
    let prospect = if state.shape_of(pod).gated {
        Prospect { is_always_placed: false, preempts_none: true, only: Some(Vec::new()) }
    } else if unknown(state, pod).is_empty() {
        // A claim that does not exist, or that the volume controller did not bind, stays so.
        match Cycle::start(state, pod) {
            Ok(cycle) => looked_at(state, bounds, mode, &cycle),
            Err(_) => Prospect { is_always_placed: false, preempts_none: true, only: None },
        }
    } else {
        Prospect::default()
    };
    state.undo_to(mark);
    Prospect { preempts_none: prospect.preempts_none || known, ..prospect }
}

fn looked_at(state: &mut State, bounds: &Bounds, mode: LossMode, cycle: &Cycle) -> Prospect {
    let all = candidates(state, cycle.statics);
    // Not all pods look at the same nodes first.
    let start = if all.is_empty() { 0 } else { cycle.pod.position() % all.len() };
    let order: Vec<usize> = all[start..].iter().chain(&all[..start]).map(|&node| node as usize).collect();
    if is_covered(state, cycle) {
        let ways = cycle.spread.iter().map(Some).chain([None]);
        for emptiest in ways {
            if outlasts(state, bounds, cycle, &order, emptiest) {
                return Prospect { is_always_placed: true, preempts_none: true, only: None };
            }
        }
    }
    let preempts_none = order.iter().all(|&node| state.static_mask(cycle.class.statics, node) != 0);
    // It could come to the node that is lost.
    let roams = mode == LossMode::Unreachable && cycle.statics.tolerates_unreachable;
    let by_chance = cycle.volumes.is_by_chance() || !cycle.single_pod_claims.is_empty();
    let accepting = || order.iter().copied().filter(|&node| !is_refused_for_good(state, cycle, node));
    let only = (!roams && !by_chance).then(|| accepting().take(3).collect::<Vec<usize>>()).filter(|o| o.len() < 3);
    Prospect { is_always_placed: false, preempts_none, only }
}

/// Whether a node refuses the pod for a reason that stays when other nodes are lost.
fn is_refused_for_good(state: &State, cycle: &Cycle, node: usize) -> bool {
    state.static_mask(cycle.class.statics, node) != 0
        || node_ports::check(state, cycle, node).is_some()
        || node_resources_fit::check(state, cycle, node).is_some()
        || volume_zone::check(state, cycle, node).is_some()
}

/// Whether the argument covers the pod.
fn is_covered(state: &State, cycle: &Cycle) -> bool {
    let was_bound = |claim: &ClaimRef| match claim {
        ClaimRef::Known(claim) => matches!(state.model.storage.claims[claim.position()].binding, Binding::Volume(_)),
        ClaimRef::Missing(_) => false,
    };
    cycle.shape.disks.is_empty()
        && cycle.single_pod_claims.is_empty()
        && state.pod(cycle.pod).claims.iter().all(was_bound)
        && cycle.spread.iter().all(|check| check.allowance >= 0)
}

/// Whether some node takes the pod at every moment; `emptiest` is the constraint of which the domain with the smallest
/// count is looked at.
fn outlasts(state: &State, bounds: &Bounds, cycle: &Cycle, order: &[usize], emptiest: Option<&SpreadCheck>) -> bool {
    let domains: Option<Vec<Option<DomainId>>> = match emptiest {
        None => Some(vec![None]),
        // With too few domains the smallest count is taken to be 0.
        Some(check) if check.min_domains > 1 => None,
        Some(check) => {
            state.tallies.present_counts(check.tally).map(|counts| counts.iter().map(|&(d, _)| Some(d)).collect())
        }
    };
    let Some(domains) = domains.filter(|domains| !domains.is_empty()) else {
        return false;
    };
    let is_other = |check: &&SpreadCheck| emptiest.is_none_or(|emptiest| emptiest.tally != check.tally);
    let spread: Vec<SpreadCheck> = cycle.spread.iter().filter(is_other).copied().collect();
    let threats = threats(bounds, cycle, &spread);
    let mut open: Vec<(Option<DomainId>, Vec<usize>)> =
        domains.into_iter().map(|domain| (domain, Vec::new())).collect();
    for &node in order {
        if !fits(state, bounds, cycle, &spread, node) {
            continue;
        }
        let domain = emptiest.and_then(|check| state.model.topology.domain(check.key, node));
        let Some(position) = open.iter().position(|(known, _)| *known == domain) else {
            continue;
        };
        open[position].1.push(node);
        let nodes = &open[position].1;
        if nodes.len() >= 4 && nodes.len().is_power_of_two() && withstands(state, bounds, cycle, &threats, nodes) {
            open.swap_remove(position);
        }
        if open.is_empty() {
            return true;
        }
    }
    open.iter().all(|(_, nodes)| withstands(state, bounds, cycle, &threats, nodes))
}

/// Whether nothing but what [`withstands`] counts can keep the pod off a node later.
fn fits(state: &State, bounds: &Bounds, cycle: &Cycle, spread: &[SpreadCheck], node: usize) -> bool {
    let has_limits = !cycle.volumes.claims.is_empty() && !state.model.nodes[node].volume_limits.is_empty();
    let count_at =
        |key: KeyId, tally| state.model.topology.domain(key, node).map(|domain| state.tallies.get(tally).get(domain));
    let plan = &*cycle.plan;
    let mut apart = plan.anti_affinity.iter().chain(&plan.repelling);
    let mut attracting = plan.affinity.iter();
    !has_limits
        && !is_refused_for_good(state, cycle, node)
        && volume_restrictions::check(state, cycle, node).is_none()
        && node_volume_limits::check(state, cycle, node).is_none()
        && volume_binding::check(state, cycle, node).is_none()
        && apart.all(|&(key, tally)| count_at(key, tally).is_none_or(|count| count == 0))
        && spread.iter().all(|check| count_at(check.key, check.tally) == Some(0))
        && attracting.all(|&(key, tally)| count_at(key, tally).is_some_and(|count| count > bounds.leaving(tally)))
}

fn threats(bounds: &Bounds, cycle: &Cycle, spread: &[SpreadCheck]) -> Vec<Threat> {
    let plan = &*cycle.plan;
    let apart = plan.anti_affinity.iter().chain(&plan.repelling).copied();
    let spread = spread.iter().map(|check| (check.key, check.tally));
    let threat = |(key, tally)| Threat { key, others: bounds.arriving(tally), spread: None };
    apart.chain(spread).map(threat).filter(|threat| threat.others > 0).collect()
}

/// Whether more nodes are left than two losses and all pods of any pair can take away.
fn withstands(state: &State, bounds: &Bounds, cycle: &Cycle, threats: &[Threat], nodes: &[usize]) -> bool {
    const LOST: usize = 2;
    let by_ports = if cycle.shape.ports.is_empty() { 0 } else { count(bounds.with_ports.sum()) };
    let mut taken = LOST + by_ports + short(state, nodes, 0, 1, bounds.pods.sum().saturating_sub(1));
    for &(resource, wanted) in &cycle.shape.requests.amounts {
        let others = bounds.amount(resource).saturating_sub(wanted);
        taken += short(state, nodes, resource.after_pods(), wanted, others);
    }
    taken += threats.iter().map(|threat| threat.reach(state, nodes)).sum::<usize>();
    taken < nodes.len()
}

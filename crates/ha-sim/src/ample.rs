//! Whether so many nodes suit a pod that the other displaced pods cannot take them all: the second case of the argument in
//! [`order`](crate::order), where no node needs room for all of D.
//!
//! Words are those of that text. Let p be a pod of D without claims, ports, disks and required affinity, and C the nodes
//! that the failure did not hit and that labels and taints admit. (For a pod that asks for one node by its name: that one,
//! hit or not.) Some nodes of C refuse p in S, others may later: for a [`shortage`](crate::shortage) of some resource, for
//! anti-affinity, or for a hard spread constraint (see [`threats`](crate::threats)). If all these together are fewer than
//! C has, p is placed in every run.
//!
//! Let p have a single hard spread constraint, over few domains, and no anti-affinity in either direction. A domain is
//! *ample* when p finds room on some of its nodes of C at any time, as above. It is *closed* when its count in S exceeds
//! by more than the skew any value that the smallest count can take. That is at most the count of a domain to which no
//! pod of D that counts can come: in S, and what L has there before it vanishes.
//!
//! - At every moment p passes in the domain with the smallest count. If each domain that can ever have it is ample, p is
//!   placed in every run.
//! - If each domain is closed that has a node which labels and taints admit, p is Pending in every run.
//! - If each of these is closed or ample, p is refused only where all of them refuse it for its spread. If the constraint
//!   counts no pod of lower priority, preemption then helps nowhere.

use std::rc::Rc;

use hashbrown::HashMap;

use crate::cycle::{Cycle, SpreadCheck};
use crate::filters::{inter_pod_affinity, pod_topology_spread};
use crate::ids::{DomainId, KeyId, StaticId};
use crate::order::Fate;
use crate::shortage::{Demand, Pool};
use crate::state::{State, flag};
use crate::tally::DENSE;
use crate::threats::{Others, emptiest, threats};

/// The nodes C of pods that ask for the same of labels and taints, whole and by domain.
#[derive(Default)]
pub(crate) struct Pools {
    whole: HashMap<StaticId, Rc<Pool>>,
    of_domains: HashMap<(StaticId, KeyId), Rc<HashMap<DomainId, Pool>>>,
}

impl Pools {
    fn whole(&mut self, state: &State, demand: &Demand, id: StaticId) -> Rc<Pool> {
        self.whole.entry(id).or_insert_with(|| Rc::new(Pool::new(state, demand, nodes(state, id)))).clone()
    }

    fn of_domains(&mut self, state: &State, demand: &Demand, id: StaticId, key: KeyId) -> Rc<HashMap<DomainId, Pool>> {
        let of_domains = || {
            let mut groups: HashMap<DomainId, Vec<u32>> = HashMap::new();
            for node in nodes(state, id) {
                if let Some(domain) = state.model.topology.domain(key, node as usize) {
                    groups.entry(domain).or_default().push(node);
                }
            }
            let pools = groups.into_iter().map(|(domain, nodes)| (domain, Pool::new(state, demand, nodes)));
            Rc::new(pools.collect())
        };
        self.of_domains.entry((id, key)).or_insert_with(of_domains).clone()
    }
}

/// The nodes C.
fn nodes(state: &State, id: StaticId) -> Vec<u32> {
    let model = state.model;
    let statics = model.statics(id);
    let pinned = statics.spec.pinned;
    if !pinned.is_empty() {
        let node = model.find_node(pinned).filter(|&node| {
            // Pods that are to be evicted from a cordoned node are on it still.
            let is_drained = state.flags(node) & flag::CORDONED != 0;
            state.is_present(node) && !is_drained && state.static_mask(id, node) == 0
        });
        return node.and_then(|node| u32::try_from(node).ok()).into_iter().collect();
    }
    let passing = statics.passing(model.snapshot, &model.node_order).iter();
    passing.copied().filter(|&node| state.flags(node as usize) == 0).collect()
}

/// The fate of the pod of a cycle of S, and whether preemption helps it nowhere whenever it is refused; none where this
/// argument tells nothing.
pub(crate) fn fate(
    state: &mut State,
    demand: &Demand,
    others: &Others,
    pools: &mut Pools,
    cycle: &Cycle,
) -> Option<(Fate, bool)> {
    if !is_covered(cycle) {
        return None;
    }
    if let ([check], false) = (&cycle.spread[..], cycle.plan.has_anti_affinity())
        && let Some(known) = Domains::of(state, demand, others, pools, cycle, check).and_then(|domains| domains.fate())
    {
        return Some(known);
    }
    let pool = pools.whole(state, demand, cycle.class.statics);
    let with_room = pool.nodes.len().checked_sub(pool.short(&cycle.shape.requests)).filter(|&nodes| nodes > 0)?;
    (kept_off(state, others, &pool, cycle)? < with_room).then_some((Fate::Always, false))
}

/// Whether the argument covers a pod: no claims, ports, disks and required affinity.
pub(crate) fn is_covered(cycle: &Cycle) -> bool {
    let shape = cycle.shape;
    shape.ports.is_empty()
        && shape.disks.is_empty()
        && cycle.volumes.claims.is_empty()
        && cycle.plan.affinity.is_empty()
}

/// Off how many nodes of a pool spread and anti-affinity keep the pod or may do so later; none where that is not known.
fn kept_off(state: &State, others: &Others, pool: &Pool, cycle: &Cycle) -> Option<usize> {
    if cycle.spread.is_empty() && !cycle.plan.has_anti_affinity() {
        return Some(0);
    }
    let is_open = |&node: &usize| {
        pod_topology_spread::check(state, cycle, node).is_none()
            && inter_pod_affinity::check(state, cycle, node).is_none()
    };
    let open: Vec<usize> = pool.nodes.iter().map(|&node| node as usize).filter(is_open).collect();
    let reach: usize = threats(state, others, cycle)?.iter().map(|threat| threat.reach(state, &open)).sum();
    Some(pool.nodes.len() - open.len() + reach)
}

/// What the domains of a pod's only hard spread constraint are like.
struct Domains {
    /// With a node that labels and taints admit: whether they are closed, and whether they are ample.
    admitting: Vec<(bool, bool)>,
    /// Whether those are ample that can ever have the smallest count.
    emptiest_are_ample: bool,
    /// Whether the constraint counts no pod of lower priority.
    is_deaf: bool,
}

impl Domains {
    fn of(
        state: &mut State,
        demand: &Demand,
        others: &Others,
        pools: &mut Pools,
        cycle: &Cycle,
        check: &SpreadCheck,
    ) -> Option<Self> {
        let id = cycle.class.statics;
        let counts = state.tallies.present_counts(check.tally)?;
        if check.allowance < 0 || !cycle.statics.spec.pinned.is_empty() {
            return None;
        }
        let open = state.open_domains(id, check.key);
        let most = greatest_minimum(state, others, check, &counts);
        let pools = pools.of_domains(state, demand, id, check.key);
        let is_ample = |domain: &DomainId| pools.get(domain).is_some_and(|pool| pool.is_ample(&cycle.shape.requests));
        let is_closed = |count: i64| most.is_some_and(|most| count - most > check.allowance);
        let emptiest = emptiest(state, check, others.count(state, cycle.pod, &[check.tally]));
        let admitting = counts.iter().filter(|(domain, _)| open >> (domain.position() % DENSE) & 1 == 1);
        Some(Self {
            emptiest_are_ample: emptiest.is_some_and(|domains| domains.iter().all(is_ample)),
            admitting: admitting.map(|(domain, count)| (is_closed(*count), is_ample(domain))).collect(),
            is_deaf: cycle.plan.is_deaf_below(state, cycle.class.key.priority),
        })
    }

    fn fate(&self) -> Option<(Fate, bool)> {
        let is_helpless = self.is_deaf && self.admitting.iter().all(|&(is_closed, is_ample)| is_closed || is_ample);
        if self.emptiest_are_ample {
            Some((Fate::Always, false))
        } else if self.admitting.iter().all(|&(is_closed, _)| is_closed) {
            Some((Fate::Never, is_helpless))
        } else {
            is_helpless.then_some((Fate::Open, true))
        }
    }
}

/// A bound of what the smallest count over the domains can be while a pod of D that counts is tried; none where there is
/// none.
fn greatest_minimum(
    state: &mut State,
    others: &Others,
    check: &SpreadCheck,
    counts: &[(DomainId, i64)],
) -> Option<i64> {
    if counts.len() < check.min_domains {
        return Some(0);
    }
    let reached = others.classes_of(check.tally);
    let reached = reached.fold(0, |bits, class| {
        let id = state.model.class(class).statics;
        bits | state.open_domains(id, check.key)
    });
    let sealed = counts.iter().filter(|(domain, _)| reached >> (domain.position() % DENSE) & 1 == 0);
    let least = sealed.map(|&(_, count)| count).min()?;
    let vanishing = others.vanishing(check.tally);
    Some(least.saturating_add(i64::try_from(vanishing).unwrap_or(i64::MAX)))
}

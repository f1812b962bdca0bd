//! Nodes that take a pod whatever the other displaced pods do: the third case of the argument in [`order`](crate::order).
//!
//! Words are those of that text: D, S, and L, the pods that vanish. Replacements are created while others of L may still
//! be there, so between S and the end a state holds S, some pods of D, and some of L. Let p be a pod of D without ports
//! and disks, whose claims were all bound before anything happened and may be mounted by several pods.
//!
//! A node is *solid* for p when it passes all filters in S and has room left for everything that all of D requests
//! together. Labels, taints and bound volumes do not change, so only anti-affinity, the skew of a spread, and affinity can
//! make a solid node refuse p later:
//!
//! - Of anti-affinity (terms of p, and terms of others that mean p): another pod concerned by a term with the topology
//!   key k keeps p off one domain of k at most. So n such pods keep p off the n largest domains at most.
//! - Of a hard spread constraint: p passes in a domain while its count is at most so much above the smallest. The smallest
//!   count does not fall below that in S, so a domain with slack s in S refuses p only once s + 1 others came to it. So
//!   n others take away the domains with the most nodes among those whose s + 1 add up to n at most.
//! - Of required affinity: a domain that attracts p in S does so for ever. A node that p may take as the first of its kind
//!   stays one if no other pod of D or L is of that kind.
//!
//! If all this together cannot take away every node of some set of solid nodes, p is placed in every run.
//!
//! Or else: let p have one hard spread constraint and nothing of the others. At every moment p passes in the domain with
//! the smallest count. That is a domain d for which the other domains' deficits towards d in S add up to no more than the
//! pods that can still come. If each such domain has a solid node, p is placed in every run.
//!
//! How many others: a pod of L and the one that replaces it are never there at the same time.

use hashbrown::HashMap;

use ha_core::snapshot::WorkloadId;

use crate::cycle::{Cycle, SpreadCheck};
use crate::filters;
use crate::ids::{ClassId, DomainId, KeyId, PodIndex, ResourceId, TallyId};
use crate::model::ClaimRef;
use crate::model::storage::Binding;
use crate::schedule::candidates;
use crate::state::{State, flag};

/// Pods of D and L that are of one workload and one class.
#[derive(Clone, Copy, Debug)]
struct Alike {
    workload: WorkloadId,
    class: ClassId,
    /// Of D: those that controllers create.
    created: usize,
    /// Of D: those that waited before.
    waiting: usize,
    /// Of L: those that a controller replaces.
    replaced: usize,
    /// Of L: the others.
    lost: usize,
}

/// The pods of D and L.
#[derive(Debug, Default)]
pub(crate) struct Others {
    groups: Vec<Alike>,
    /// Per tally: the groups whose pods it counts.
    of_tally: HashMap<TallyId, Vec<usize>>,
}

impl Others {
    /// Counts them. Tallies that are made later are not known.
    pub(crate) fn of(state: &State, displaced: &[PodIndex], vanishing: &[PodIndex]) -> Self {
        let mut others = Self::default();
        let mut numbers: HashMap<(WorkloadId, ClassId), usize> = HashMap::new();
        let mut group = |groups: &mut Vec<Alike>, pod: PodIndex| {
            let (workload, class) = (state.pod(pod).workload, state.pod(pod).class);
            *numbers.entry((workload, class)).or_insert_with(|| {
                groups.push(Alike { workload, class, created: 0, waiting: 0, replaced: 0, lost: 0 });
                groups.len() - 1
            })
        };
        for &pod in displaced {
            let number = group(&mut others.groups, pod);
            let waited = pod.position() < state.model.pods.len();
            others.groups[number].waiting += usize::from(waited);
            others.groups[number].created += usize::from(!waited);
        }
        for &pod in vanishing {
            let number = group(&mut others.groups, pod);
            let replaced = is_replaced(state, pod);
            others.groups[number].replaced += usize::from(replaced);
            others.groups[number].lost += usize::from(!replaced);
        }
        for (number, group) in others.groups.iter().enumerate() {
            for tally in state.tallies.of_class(group.class) {
                others.of_tally.entry(tally).or_default().push(number);
            }
        }
        others
    }

    /// How many pods besides `pod`, at most, are there at the same time that one of the tallies counts.
    fn count(&self, state: &State, pod: PodIndex, tallies: &[TallyId]) -> usize {
        let mut groups: Vec<usize> =
            tallies.iter().filter_map(|tally| self.of_tally.get(tally)).flatten().copied().collect();
        groups.sort_unstable();
        groups.dedup();
        let mut of_workload: HashMap<WorkloadId, (usize, usize, usize)> = HashMap::new();
        let mut is_among = false;
        for group in groups.into_iter().map(|number| &self.groups[number]) {
            let (all, created, replaced) = of_workload.entry(group.workload).or_default();
            *all += group.created + group.waiting + group.replaced + group.lost;
            *created += group.created;
            *replaced += group.replaced;
            is_among |= group.class == state.pod(pod).class && group.workload == state.pod(pod).workload;
        }
        let sum: usize = of_workload.values().map(|&(all, created, replaced)| all - created.min(replaced)).sum();
        sum - usize::from(is_among)
    }
}

/// Whether a controller creates a pod for each of that kind that vanishes.
fn is_replaced(state: &State, pod: PodIndex) -> bool {
    let kind = state.model.snapshot.workload(state.pod(pod).workload).kind;
    kind.has_replicas() && !state.pod(pod).terminating
}

/// What all of D requests.
pub(crate) struct Total<'d> {
    /// How many pods.
    pub(crate) pods: i64,
    /// How much of each resource.
    pub(crate) amounts: &'d HashMap<ResourceId, i64>,
}

/// What keeps p off domains of one topology.
struct Threat {
    key: KeyId,
    /// How many pods can come.
    others: usize,
    /// For a spread: what tells how many a domain takes before it refuses p.
    spread: Option<SpreadCheck>,
}

impl Threat {
    /// How many pods must come to a domain until it refuses p.
    fn price(&self, state: &State, domain: DomainId) -> usize {
        let Some(check) = &self.spread else {
            return 1;
        };
        let above = state.tallies.get(check.tally).get(domain) - check.min;
        usize::try_from(check.allowance - above).map_or(0, |slack| slack + 1)
    }

    /// How many of the nodes can be taken away, at most.
    fn reach(&self, state: &State, nodes: &[usize]) -> usize {
        let mut sizes: HashMap<DomainId, usize> = HashMap::new();
        for domain in nodes.iter().filter_map(|&node| state.model.topology.domain(self.key, node)) {
            *sizes.entry(domain).or_insert(0) += 1;
        }
        let mut offers: Vec<(usize, usize)> =
            sizes.into_iter().map(|(domain, size)| (self.price(state, domain), size)).collect();
        // The most nodes for a pod first; the last domain is counted whole, so this is no less than the truth.
        offers.sort_by(|a, b| (b.1 * a.0).cmp(&(a.1 * b.0)).then(b.cmp(a)));
        let (mut left, mut taken) = (self.others, 0);
        let cheapest = offers.iter().map(|&(price, _)| price).min().unwrap_or(usize::MAX);
        for (price, size) in offers {
            if left < cheapest {
                break;
            }
            taken += size;
            left = left.saturating_sub(price);
        }
        taken
    }
}

/// Whether p is placed in every run, as far as solid nodes tell. The cycle is one of S.
pub(crate) fn is_always_placed(state: &mut State, total: &Total, others: &Others, cycle: &Cycle) -> bool {
    if !is_covered(state, cycle) {
        return false;
    }
    let Some(threats) = threats(state, others, cycle) else {
        return false;
    };
    let order = candidates(state, cycle.statics);
    let mut solid = Vec::new();
    // Not all pods look at the same nodes first.
    let start = if order.is_empty() { 0 } else { cycle.pod.position() % order.len() };
    for &node in order[start..].iter().chain(&order[..start]) {
        let node = node as usize;
        if !is_solid(state, total, cycle, node) {
            continue;
        }
        solid.push(node);
        if threats.is_empty() || (solid.len().is_power_of_two() && outnumbers(state, &threats, &solid)) {
            return true;
        }
    }
    !solid.is_empty() && (outnumbers(state, &threats, &solid) || holds_the_emptiest(state, cycle, &threats, &solid))
}

/// Whether the argument covers p.
fn is_covered(state: &State, cycle: &Cycle) -> bool {
    let was_bound = |claim: &ClaimRef| match claim {
        ClaimRef::Known(claim) => matches!(state.model.storage.claims[claim.position()].binding, Binding::Volume(_)),
        ClaimRef::Missing(_) => false,
    };
    cycle.shape.ports.is_empty()
        && cycle.shape.disks.is_empty()
        && cycle.single_pod_claims.is_empty()
        && state.pod(cycle.pod).claims.iter().all(was_bound)
}

/// What may keep p off nodes; none where affinity may turn against it.
fn threats(state: &State, others: &Others, cycle: &Cycle) -> Option<Vec<Threat>> {
    let plan = &*cycle.plan;
    let attracting: Vec<TallyId> = plan.affinity.iter().map(|&(_, tally)| tally).collect();
    let is_first = plan.affinity.iter().all(|&(_, tally)| state.tallies.get(tally).is_empty());
    if is_first && others.count(state, cycle.pod, &attracting) > 0 {
        return None;
    }
    let mut of_key: Vec<(KeyId, Vec<TallyId>)> = Vec::new();
    for &(key, tally) in plan.anti_affinity.iter().chain(&plan.repelling) {
        match of_key.iter_mut().find(|(known, _)| *known == key) {
            Some((_, tallies)) => tallies.push(tally),
            None => of_key.push((key, vec![tally])),
        }
    }
    let apart = of_key.into_iter().map(|(key, tallies)| {
        let others = others.count(state, cycle.pod, &tallies);
        Threat { key, others, spread: None }
    });
    let spread = cycle.spread.iter().map(|check| {
        let others = others.count(state, cycle.pod, &[check.tally]);
        Threat { key: check.key, others, spread: Some(*check) }
    });
    Some(apart.chain(spread).filter(|threat| threat.others > 0).collect())
}

fn is_solid(state: &State, total: &Total, cycle: &Cycle, node: usize) -> bool {
    let model = state.model;
    let left = state.left(node);
    let has_room = |&(resource, _): &(ResourceId, i64)| {
        total.amounts.get(&resource).is_none_or(|&amount| left[resource.position() + 1] >= amount)
    };
    let has_limits = !cycle.volumes.claims.is_empty() && !model.nodes[node].volume_limits.is_empty();
    // Pods that are to be evicted from a cordoned node are on it still.
    let is_drained = state.flags(node) & flag::CORDONED != 0;
    !has_limits
        && !is_drained
        && left[0] >= total.pods
        && cycle.shape.requests.amounts.iter().all(has_room)
        && state.is_present(node)
        && filters::check(state, cycle, node).is_none()
}

/// Whether all threats together leave one of the nodes.
fn outnumbers(state: &State, threats: &[Threat], solid: &[usize]) -> bool {
    threats.iter().map(|threat| threat.reach(state, solid)).sum::<usize>() < solid.len()
}

/// Whether every domain that can ever have the smallest count of the one spread constraint has a solid node.
fn holds_the_emptiest(state: &State, cycle: &Cycle, threats: &[Threat], solid: &[usize]) -> bool {
    let ([check], [Threat { others, spread: Some(_), .. }]) = (&cycle.spread[..], threats) else {
        return false;
    };
    let Some(counts) = state.tallies.present_counts(check.tally) else {
        return false;
    };
    if check.allowance < 0 || counts.len() < check.min_domains {
        return false;
    }
    let room = i64::try_from(*others).unwrap_or(i64::MAX);
    let may_be_emptiest = |count: i64| counts.iter().map(|&(_, other)| (count - other).max(0)).sum::<i64>() <= room;
    let has_solid =
        |domain: DomainId| solid.iter().any(|&node| state.model.topology.domain(check.key, node) == Some(domain));
    counts.iter().all(|&(domain, count)| !may_be_emptiest(count) || has_solid(domain))
}

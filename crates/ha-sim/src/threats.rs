//! Which of the other displaced pods may keep a pod off nodes, and off how many: spread and (anti-)affinity.
//!
//! Words are those of the argument in [`order`](crate::order): D, S, and L, the pods that vanish. Replacements are created
//! while others of L may still be there; a pod of L and the one that replaces it are never there at the same time.
//!
//! - Of anti-affinity (terms of p, and terms of others that mean p): another pod concerned by a term with the topology
//!   key k keeps p off one domain of k at most. So n such pods keep p off the n largest domains at most.
//! - Of a hard spread constraint: p passes in a domain while its count is at most so much above the smallest. The smallest
//!   count does not fall below that in S, so a domain with slack s in S refuses p only once s + 1 others came to it. So
//!   n others take away the domains with the most nodes among those whose s + 1 add up to n at most.
//!   For a single constraint of p another way may be better: at every moment p passes in the domain with the smallest
//!   count, which is one of the [`emptiest`].
//! - Of required affinity: a domain that attracts p in S does so for ever. A node that p may take as the first of its kind
//!   stays one if no other pod of D or L is of that kind.

use hashbrown::HashMap;

use ha_core::snapshot::WorkloadId;

use crate::cycle::{Cycle, SpreadCheck};
use crate::ids::{ClassId, DomainId, KeyId, PodIndex, TallyId};
use crate::state::State;

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

    fn of_tally(&self, tally: TallyId) -> impl Iterator<Item = &Alike> {
        self.of_tally.get(&tally).into_iter().flatten().map(|&number| &self.groups[number])
    }

    /// The classes of the pods of D that a tally counts.
    pub(crate) fn classes_of(&self, tally: TallyId) -> impl Iterator<Item = ClassId> {
        self.of_tally(tally).filter(|group| group.created + group.waiting > 0).map(|group| group.class)
    }

    /// How many pods of L, at most, are still there that a tally counts when a pod of D is tried that it counts, too.
    pub(crate) fn vanishing(&self, tally: TallyId) -> usize {
        let sum = |part: fn(&Alike) -> usize| self.of_tally(tally).map(part).sum::<usize>();
        let (replaced, lost) = (sum(|group| group.replaced), sum(|group| group.lost));
        let mut workloads = self.of_tally(tally).map(|group| group.workload);
        let first = workloads.next();
        let is_one_workload = workloads.all(|workload| Some(workload) == first);
        // Each takes the place of one that has vanished already.
        let each_replaces_one =
            is_one_workload && lost + sum(|group| group.waiting) == 0 && sum(|group| group.created) == replaced;
        replaced + lost - usize::from(each_replaces_one && replaced > 0)
    }

    /// How many pods besides `pod`, at most, are there at the same time that one of the tallies counts.
    pub(crate) fn count(&self, state: &State, pod: PodIndex, tallies: &[TallyId]) -> usize {
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

/// What keeps p off domains of one topology.
pub(crate) struct Threat {
    pub(crate) key: KeyId,
    /// How many pods can come.
    pub(crate) others: usize,
    /// For a spread: what tells how many a domain takes before it refuses p.
    pub(crate) spread: Option<SpreadCheck>,
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
    pub(crate) fn reach(&self, state: &State, nodes: &[usize]) -> usize {
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

/// What may keep the pod of a cycle of S off nodes; none where affinity may turn against it.
pub(crate) fn threats(state: &State, others: &Others, cycle: &Cycle) -> Option<Vec<Threat>> {
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

/// The domains of a hard spread constraint that can ever have the smallest count while so many others can come: those
/// towards which the deficits of the other domains in S add up to no more. None where domains are many, or where a pod
/// may be refused in the emptiest domain, too.
pub(crate) fn emptiest(state: &State, check: &SpreadCheck, others: usize) -> Option<Vec<DomainId>> {
    let counts = state.tallies.present_counts(check.tally)?;
    if check.allowance < 0 || counts.len() < check.min_domains {
        return None;
    }
    let room = i64::try_from(others).unwrap_or(i64::MAX);
    let deficits = |count: i64| counts.iter().map(|&(_, other)| (count - other).max(0)).sum::<i64>();
    Some(counts.iter().filter(|&&(_, count)| deficits(count) <= room).map(|&(domain, _)| domain).collect())
}

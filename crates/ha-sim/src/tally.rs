//! Counts of pods per topology domain, kept up to date as pods come and go.
//!
//! PodTopologySpread and InterPodAffinity count the same way: pods of certain classes, each with a weight, per value of
//! a node label. A tally is made when it is first needed, and from then on follows every change. Tallies of spread
//! constraints look at some nodes only (`Presence`).

use hashbrown::HashMap;

use crate::ids::{ClassId, DomainId, KeyId, MatcherId, TallyId};
use crate::model::{Inclusion, Model, Term};

/// What a tally counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Pods that a matcher means.
    Matching(MatcherId),
    /// Pods that a matcher means and that are not being deleted.
    Living(MatcherId),
    /// Pods that all of the matchers mean.
    MatchingAll(Vec<MatcherId>),
    /// Pods that hold a required anti-affinity term.
    Repelling(MatcherId),
    /// Weights of the terms that pods hold and that count in scores.
    Attracting(MatcherId),
}

/// By what a tally is told from others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TallyKey {
    /// What is counted.
    pub counted: Counted,
    /// In which topology.
    pub key: KeyId,
    /// On which nodes, for spread constraints.
    pub presence: Option<usize>,
    /// An empty selector of a spread constraint: counts nothing, but for trial changes (see `State::set_trial`).
    pub counts_nothing: bool,
}

/// Counts per domain.
#[derive(Clone, Debug)]
enum Counts {
    Dense(Vec<i64>),
    /// Those that are not 0. Most domains have none, which the sieve tells without looking for it.
    Sparse(Sieve, HashMap<DomainId, i64>),
}

/// Bits of domains; several share one.
type Sieve = [u64; 4];

/// Up to so many domains counts stand in a plain list; and a bit for each is a word.
pub(crate) const DENSE: usize = 64;

impl Counts {
    fn new(domains: usize) -> Self {
        if domains <= DENSE { Self::Dense(vec![0; domains]) } else { Self::Sparse(Sieve::default(), HashMap::new()) }
    }

    #[inline]
    fn get(&self, domain: DomainId) -> i64 {
        match self {
            Self::Dense(counts) => counts[domain.position()],
            Self::Sparse(sieve, counts) => {
                let (word, bit) = bit(domain);
                if sieve[word] & bit == 0 { 0 } else { counts.get(&domain).copied().unwrap_or(0) }
            }
        }
    }

    fn add(&mut self, domain: DomainId, weight: i64) {
        match self {
            Self::Dense(counts) => counts[domain.position()] += weight,
            Self::Sparse(sieve, counts) => {
                let count = counts.entry(domain).or_insert(0);
                *count += weight;
                if *count == 0 {
                    counts.remove(&domain);
                }
                // A bit stays until no domain has a count.
                let (word, bit) = bit(domain);
                sieve[word] |= bit;
                if counts.is_empty() {
                    *sieve = Sieve::default();
                }
            }
        }
    }
}

/// A domain's bit in a sieve, and the word in which it is.
fn bit(domain: DomainId) -> (usize, u64) {
    (domain.position() / 64 % Sieve::default().len(), 1 << (domain.position() % 64))
}

/// One count.
#[derive(Clone, Debug)]
pub struct Tally {
    /// By what it is told from others.
    pub key: TallyKey,
    counts: Counts,
    /// The lowest priority of the pods that it counts.
    pub lowest_priority: i32,
    /// The number of domains with another count than 0.
    nonzero: usize,
}

impl Tally {
    /// The count in a domain.
    #[inline]
    pub fn get(&self, domain: DomainId) -> i64 {
        self.counts.get(domain)
    }

    /// The counts of all domains, where these are few.
    pub(crate) fn few(&self) -> Option<&[i64]> {
        match &self.counts {
            Counts::Dense(counts) => Some(counts),
            Counts::Sparse(..) => None,
        }
    }

    /// The domains with another count than 0, in no order, where there are many domains.
    pub(crate) fn counted(&self) -> Option<impl Iterator<Item = (DomainId, i64)>> {
        match &self.counts {
            Counts::Dense(_) => None,
            Counts::Sparse(_, counts) => Some(counts.iter().map(|(&domain, &count)| (domain, count))),
        }
    }

    /// The number of domains with another count than 0.
    pub(crate) fn nonzero(&self) -> usize {
        self.nonzero
    }

    /// The domains whose count is above `limit`, one bit each; none where there are more domains than bits.
    pub(crate) fn domains_above(&self, limit: i64) -> Option<u64> {
        match &self.counts {
            Counts::Dense(counts) => {
                Some(counts.iter().rev().fold(0, |bits, &count| bits << 1 | u64::from(count > limit)))
            }
            Counts::Sparse(..) => None,
        }
    }

    /// Whether every domain has the count 0.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.nonzero == 0
    }

    fn add(&mut self, domain: DomainId, weight: i64) {
        let before = self.counts.get(domain);
        self.counts.add(domain, weight);
        match (before == 0, before + weight == 0) {
            (true, false) => self.nonzero += 1,
            (false, true) => self.nonzero -= 1,
            _ => {}
        }
    }

    /// The smallest count over the domains that `presence` has.
    fn min(&self, presence: &Presence) -> i64 {
        match &self.counts {
            Counts::Dense(counts) => {
                let present = counts.iter().zip(&presence.nodes_of_domain).filter(|&(_, &nodes)| nodes > 0);
                present.map(|(&count, _)| count).min().unwrap_or(0)
            }
            Counts::Sparse(_, counts) => {
                // Domains that are not listed count 0; listed ones with a count are all present.
                let least = counts.values().copied().min();
                if presence.domains > self.nonzero { least.unwrap_or(0).min(0) } else { least.unwrap_or(0) }
            }
        }
    }
}

/// The nodes that spread constraints of one kind look at, and the domains that these nodes make up.
#[derive(Clone, Debug)]
pub struct Presence {
    /// Which nodes.
    pub inclusion: Inclusion,
    /// In which topology.
    pub key: KeyId,
    included: Vec<bool>,
    nodes_of_domain: Vec<u32>,
    domains: usize,
}

impl Presence {
    fn set(&mut self, model: &Model, node: usize, included: bool) {
        if self.included[node] == included {
            return;
        }
        self.included[node] = included;
        let Some(domain) = model.topology.domain(self.key, node) else {
            return;
        };
        let nodes = &mut self.nodes_of_domain[domain.position()];
        if included {
            *nodes += 1;
            self.domains += usize::from(*nodes == 1);
        } else {
            *nodes -= 1;
            self.domains -= usize::from(*nodes == 0);
        }
    }
}

/// All tallies.
#[derive(Clone, Debug)]
pub struct Tallies {
    list: Vec<Tally>,
    numbers: HashMap<TallyKey, TallyId>,
    presences: Vec<Presence>,
    presence_numbers: HashMap<(Inclusion, KeyId), usize>,
    of_class: Vec<Vec<(TallyId, i64)>>,
}

impl Tallies {
    pub(crate) fn new(model: &Model) -> Self {
        Self {
            list: Vec::new(),
            numbers: HashMap::new(),
            presences: Vec::new(),
            presence_numbers: HashMap::new(),
            of_class: vec![Vec::new(); model.classes.len()],
        }
    }

    /// The tally at `id`.
    #[inline]
    pub fn get(&self, id: TallyId) -> &Tally {
        &self.list[id.position()]
    }

    /// The tallies that count pods of a class.
    pub(crate) fn of_class(&self, class: ClassId) -> impl Iterator<Item = TallyId> {
        self.of_class[class.position()].iter().map(|&(tally, _)| tally)
    }

    /// The counts of the domains over which the smallest count of a spread constraint is taken, unless these are many.
    pub(crate) fn present_counts(&self, id: TallyId) -> Option<Vec<(DomainId, i64)>> {
        let tally = self.get(id);
        let presence = &self.presences[tally.key.presence?];
        let Counts::Dense(counts) = &tally.counts else {
            return None;
        };
        let present = counts.iter().zip(&presence.nodes_of_domain).enumerate().filter(|&(_, (_, &nodes))| nodes > 0);
        Some(present.map(|(position, (&count, _))| (DomainId::at(position), count)).collect())
    }

    /// The smallest count of a spread constraint's tally, and over how many domains it was taken.
    pub fn min(&self, id: TallyId) -> (i64, usize) {
        let tally = self.get(id);
        let Some(presence) = tally.key.presence.map(|number| &self.presences[number]) else {
            return (0, 0);
        };
        if presence.domains == 0 { (i64::from(i32::MAX), 0) } else { (tally.min(presence), presence.domains) }
    }

    pub(crate) fn find(&self, key: &TallyKey) -> Option<TallyId> {
        self.numbers.get(key).copied()
    }

    pub(crate) fn find_presence(&self, inclusion: &Inclusion, key: KeyId) -> Option<usize> {
        self.presence_numbers.get(&(inclusion.clone(), key)).copied()
    }

    /// Adds a presence; `includes` tells which nodes are looked at now.
    pub(crate) fn add_presence(
        &mut self,
        model: &Model,
        inclusion: &Inclusion,
        key: KeyId,
        includes: impl Fn(usize) -> bool,
    ) -> usize {
        let mut presence = Presence {
            inclusion: inclusion.clone(),
            key,
            included: vec![false; model.nodes.len()],
            nodes_of_domain: vec![0; model.topology.domains(key)],
            domains: 0,
        };
        for node in 0..model.nodes.len() {
            presence.set(model, node, includes(node));
        }
        let number = self.presences.len();
        self.presences.push(presence);
        self.presence_numbers.insert((inclusion.clone(), key), number);
        number
    }

    /// Adds an empty tally and returns the classes that it counts, with their weights.
    pub(crate) fn add(&mut self, model: &Model, key: TallyKey) -> (TallyId, Vec<(ClassId, i64)>) {
        let members = members(model, &key);
        let id = TallyId::at(self.list.len());
        for &(class, weight) in &members {
            self.of_class[class.position()].push((id, weight));
        }
        let counts = Counts::new(model.topology.domains(key.key));
        let lowest_priority =
            members.iter().map(|&(class, _)| model.class(class).key.priority).min().unwrap_or(i32::MAX);
        self.list.push(Tally { key: key.clone(), counts, lowest_priority, nonzero: 0 });
        self.numbers.insert(key, id);
        (id, members)
    }

    /// Counts a pod in one tally.
    pub(crate) fn count_one(&mut self, model: &Model, id: TallyId, pod: &Counting) {
        let tally = &mut self.list[id.position()];
        if pod.terminating && matches!(tally.key.counted, Counted::Living(_)) {
            return;
        }
        if let Some(number) = tally.key.presence {
            // A trial change is counted even where the scheduler would not count an existing pod: that is how
            // `updateWithPod` of PodTopologySpread differs from `countPodsMatchSelector`.
            if !pod.trial && (pod.terminating || tally.key.counts_nothing) {
                return;
            }
            if !self.presences[number].included[pod.node] {
                return;
            }
        }
        if let Some(domain) = model.topology.domain(tally.key.key, pod.node) {
            tally.add(domain, pod.weight);
        }
    }

    /// Counts a pod of a class in all tallies that concern it.
    pub(crate) fn count(&mut self, model: &Model, class: ClassId, pod: &Counting) {
        for position in 0..self.of_class[class.position()].len() {
            let (id, weight) = self.of_class[class.position()][position];
            self.count_one(model, id, &Counting { weight: weight * pod.weight, ..*pod });
        }
    }

    /// The presences whose view of `node` is not what `includes` says.
    pub(crate) fn changed_presences(&self, node: usize, includes: impl Fn(&Inclusion) -> bool) -> Vec<usize> {
        let changed = |presence: &Presence| presence.included[node] != includes(&presence.inclusion);
        (0..self.presences.len()).filter(|&number| changed(&self.presences[number])).collect()
    }

    /// Turns a presence's view of a node around, and counts the node's pods in or out.
    pub(crate) fn turn(&mut self, model: &Model, number: usize, node: usize, pods: &[(ClassId, bool)]) {
        let included = self.presences[number].included[node];
        let sign = if included { -1 } else { 1 };
        if !included {
            self.presences[number].set(model, node, true);
        }
        for &(class, terminating) in pods {
            for position in 0..self.of_class[class.position()].len() {
                let (id, weight) = self.of_class[class.position()][position];
                if self.get(id).key.presence == Some(number) {
                    let pod = Counting { node, weight: sign * weight, terminating, trial: false };
                    self.count_one(model, id, &pod);
                }
            }
        }
        if included {
            self.presences[number].set(model, node, false);
        }
    }
}

/// A pod that is counted, or, with a negative weight, no longer counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counting {
    pub(crate) node: usize,
    pub(crate) weight: i64,
    pub(crate) terminating: bool,
    pub(crate) trial: bool,
}

fn members(model: &Model, key: &TallyKey) -> Vec<(ClassId, i64)> {
    let links = model.links();
    match &key.counted {
        Counted::Matching(matcher) | Counted::Living(matcher) => {
            links.meant(model, *matcher).into_iter().map(|class| (class, 1)).collect()
        }
        Counted::MatchingAll(matchers) => {
            let Some((first, others)) = matchers.split_first() else {
                return Vec::new();
            };
            let matches_others = |class: &ClassId| {
                let class = model.class(*class);
                others.iter().all(|matcher| {
                    let matcher = &model.matchers[matcher.position()];
                    matcher.matches(class.key.namespace, model.labels(class.key.labels), &model.snapshot.texts)
                })
            };
            links.meant(model, *first).into_iter().filter(matches_others).map(|class| (class, 1)).collect()
        }
        Counted::Repelling(matcher) => links.repelling_holders(Term { matcher: *matcher, key: key.key }).to_vec(),
        Counted::Attracting(matcher) => links.attracting_holders(Term { matcher: *matcher, key: key.key }).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;
    use crate::ids::DomainId;

    #[test]
    fn many_domains_count_like_few() {
        let (mut few, mut many) = (Counts::new(3), Counts::new(1000));
        // The last two share a bit of the sieve.
        let changes = [(0, 1), (1, 1), (0, 2), (2, -1), (0, -3), (1, -1), (2, 1), (2, 4)];
        for (domain, weight) in changes {
            few.add(DomainId::at(domain), weight);
            many.add(DomainId::at([5, 300, 556][domain]), weight);
            for domain in 0..3 {
                assert_eq!(few.get(DomainId::at(domain)), many.get(DomainId::at([5, 300, 556][domain])));
            }
        }
        assert_eq!(many.get(DomainId::at(44)), 0);
    }
}

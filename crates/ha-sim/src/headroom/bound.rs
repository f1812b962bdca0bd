//! How many nodes it takes at least, whatever the order of the scheduler: an argument from what pods request.
//!
//! Let a loss strike, and let D be the pods that need a node then: those that waited before, and those that controllers
//! create for what was lost. Left out of D is every workload with a pod that no node helps, and every pod that a quota may
//! deny. Pods that run where nothing was lost stay there, unless a pod of a higher priority preempts them.
//!
//! Let S be a part of D, and N the nodes whose labels and taints some pod of S passes. In the end every pod of S is on a
//! node of N or on one that was added. What is left for S on a node of N is at most what it offers less what the pods
//! request that stay there in any case: those whose priority is not below the highest of D. (Others may have been
//! preempted, and be elsewhere.) Two things follow for each resource:
//!
//! 1. What S requests together beyond what is left on N must be on added nodes, each of which offers so much at most.
//! 2. A node takes no more pods of S than what is left there divided by the smallest request of S, for each resource, and
//!    the number of pods among them. Pods of S beyond these sums must be on added nodes, each of which takes so many at most.
//!
//! S is in turn: all of D, the pods of D that agree in the labels and taints they ask for, and of each of these the pods
//! that request at least so much of a resource.
//!
//! **Zones.** If the loss of zone z needs b(z) added nodes that are not in z, then of n added nodes at most n − b(z) are
//! in z. So n is too few unless n ≥ b(z) for every z, and these numbers add up to n over the zones that have pools.

use std::collections::{BTreeMap, BTreeSet};

use ha_core::impact::Disruption;
use ha_core::snapshot::NodeId;

use super::trial::Missing;
use super::{AfterEach, Domain, Field, Pool};
use crate::failure;
use crate::ids::{PodIndex, StaticId};
use crate::order;
use crate::settle::Settling;
use crate::state::State;

/// So many losses are looked at, of those that leave pods Pending.
const LOSSES: usize = 100;
/// So many different requests of a resource are looked at: the largest.
const REQUESTS: usize = 16;

/// How many nodes it takes at least.
pub(super) fn at_least(field: &Field, pools: &[Pool], beyond: &AfterEach) -> usize {
    let mut state = field.base.clone();
    let mut needs: BTreeMap<usize, usize> = BTreeMap::new();
    for (&loss, missing) in beyond.iter().take(LOSSES) {
        needs.insert(loss, of_loss(field, &mut state, pools, loss, missing));
    }
    let most = needs.values().copied().max().unwrap_or(0);
    if field.question.domain == Domain::Node || most == 0 {
        return most;
    }
    let snapshot = field.model().snapshot;
    let zone = |node: NodeId| snapshot.node(node).zone;
    let zones: BTreeSet<_> = pools.iter().filter_map(|pool| pool.nodes.first().copied()).map(zone).collect();
    let need_of = |&of: &ha_core::text::Text| {
        let loss = field.losses.iter().position(|loss| loss.nodes.first().copied().map(zone) == Some(of));
        loss.map(|loss| needs.get(&loss).copied().unwrap_or(0))
    };
    let needs: Vec<Option<usize>> = zones.iter().map(need_of).collect();
    zoned(most, &needs)
}

/// The fewest nodes, at least `most`, that zones have room for. A zone that is not lost has room for all.
fn zoned(most: usize, needs: &[Option<usize>]) -> usize {
    let room = |nodes: usize| needs.iter().map(|need| nodes.saturating_sub(need.unwrap_or(0))).sum::<usize>();
    // With one zone alone that is lost there is no such number; then the pools are of no help, which others find out.
    (most..=2 * most).find(|&nodes| room(nodes) >= nodes).unwrap_or(most)
}

/// How many added nodes one loss needs at least that it does not take.
fn of_loss(field: &Field, state: &mut State, pools: &[Pool], loss: usize, beyond: &Missing) -> usize {
    let mark = state.mark();
    let disruption = &field.losses[loss];
    let pods = displaced(state, disruption);
    let tight = order::tight_namespaces(state, &pods);
    let counts = |&pod: &PodIndex| {
        let namespace = state.model.class(state.pod(pod).class).key.namespace;
        !beyond.contains_key(&state.pod(pod).workload) && !tight.contains(&namespace)
    };
    let meant: Vec<PodIndex> = pods.iter().copied().filter(counts).collect();
    let survives = |pool: &&Pool| pool.nodes.first().is_none_or(|&first| !field.takes(disruption, first));
    let priority = |pod: &PodIndex| state.model.class(state.pod(*pod).class).key.priority;
    let highest = pods.iter().map(priority).max().unwrap_or(i32::MIN);
    let room = Room {
        state,
        free: (0..state.model.nodes.len()).map(|node| free(state, node, highest)).collect(),
        pools: pools.iter().filter(survives).filter_map(|pool| offered(field, pool, highest)).collect(),
    };
    let mut groups: BTreeMap<StaticId, Vec<PodIndex>> = BTreeMap::new();
    for &pod in &meant {
        groups.entry(state.model.class(state.pod(pod).class).statics).or_default().push(pod);
    }
    let most = groups.values().chain([&meant]).map(|pods| room.lacking(pods)).max().unwrap_or(0);
    state.undo_to(mark);
    most
}

/// The pods that need a node once a loss has struck. The state is changed.
fn displaced(state: &mut State, loss: &Disruption) -> Vec<PodIndex> {
    let nodes = failure::nodes(state, loss);
    let lost = failure::pods_on(state, &nodes);
    for &node in &nodes {
        let flags = state.flags(node) | failure::flags(&loss.kind);
        state.set_flags(node, flags);
    }
    let mut settling = Settling::without_quotas(state, 0);
    settling.lose_all(&lost);
    settling.lose_left_over_daemons();
    settling.displaced()
}

/// How many pods a node takes beside those that stay, and what is left of each resource.
fn free(state: &State, node: usize, highest: i32) -> Vec<i64> {
    let mut free: Vec<i64> = state.left(node).to_vec();
    for &pod in state.pods_on(node) {
        if state.model.class(state.pod(pod).class).key.priority < highest {
            add(&mut free, &requests(state, pod));
        }
    }
    free
}

/// The first node of a pool, and what it offers beside the pods that DaemonSets have there.
fn offered(field: &Field, pool: &Pool, highest: i32) -> Option<(usize, Vec<i64>)> {
    let first = pool.nodes.first()?;
    let (state, mut offer) = (&field.base, pool.offer.clone());
    for &pod in field.daemons.get(first).into_iter().flatten() {
        if state.model.class(state.pod(pod).class).key.priority >= highest {
            let taken: Vec<i64> = requests(state, pod).iter().map(|amount| -amount).collect();
            add(&mut offer, &taken);
        }
    }
    Some((first.position(), offer))
}

/// One pod, and how much it requests of each resource.
fn requests(state: &State, pod: PodIndex) -> Vec<i64> {
    let mut requests = vec![0; state.model.resources.count() + 1];
    requests[0] = 1;
    for &(resource, amount) in &state.shape_of(pod).requests.amounts {
        requests[resource.after_pods()] = amount.max(0);
    }
    requests
}

fn add(sums: &mut [i64], amounts: &[i64]) {
    for (sum, amount) in sums.iter_mut().zip(amounts) {
        *sum = sum.saturating_add(*amount);
    }
}

/// What is left on the nodes that there are, and what one of each pool offers.
struct Room<'r, 'm> {
    state: &'r State<'m>,
    free: Vec<Vec<i64>>,
    pools: Vec<(usize, Vec<i64>)>,
}

impl Room<'_, '_> {
    /// How many added nodes these pods need at least.
    fn lacking(&self, pods: &[PodIndex]) -> usize {
        let requests: Vec<Vec<i64>> = pods.iter().map(|&pod| requests(self.state, pod)).collect();
        let statics: BTreeSet<StaticId> =
            pods.iter().map(|&pod| self.state.model.class(self.state.pod(pod).class).statics).collect();
        let passes = |node: usize| statics.iter().any(|&id| self.state.static_mask(id, node) == 0);
        let nodes = (0..self.free.len()).filter(|&node| self.state.is_present(node) && passes(node));
        let nodes: Vec<&[i64]> = nodes.map(|node| &*self.free[node]).collect();
        let pools = self.pools.iter().filter(|(node, _)| passes(*node));
        let pools: Vec<&[i64]> = pools.map(|(_, offer)| &**offer).collect();
        let width = self.state.model.resources.count() + 1;
        let of_resource = |resource: usize| {
            let together = by_sum(&requests, resource, &nodes, &pools);
            let sizes: BTreeSet<i64> = requests.iter().map(|request| request[resource]).collect();
            let of_size = |&size: &i64| {
                let large: Vec<&Vec<i64>> = requests.iter().filter(|request| request[resource] >= size).collect();
                by_number(&large, &nodes, &pools)
            };
            sizes.iter().rev().take(REQUESTS).map(of_size).max().unwrap_or(0).max(together)
        };
        (0..width).map(of_resource).max().unwrap_or(0)
    }
}

/// By what all request together of a resource.
fn by_sum(requests: &[Vec<i64>], resource: usize, nodes: &[&[i64]], pools: &[&[i64]]) -> usize {
    let wanted = || requests.iter().map(|request| request[resource]).filter(|&amount| amount > 0);
    let smallest = wanted().min().unwrap_or(0);
    let left = nodes.iter().map(|free| free[resource]).filter(|&free| free >= smallest.max(1));
    let lacking = wanted().map(i128::from).sum::<i128>() - left.map(i128::from).sum::<i128>();
    let largest = pools.iter().map(|offer| offer[resource]).max().unwrap_or(0);
    ratio(lacking, i128::from(largest))
}

/// By how many pods of the smallest request fit.
fn by_number(requests: &[&Vec<i64>], nodes: &[&[i64]], pools: &[&[i64]]) -> usize {
    let width = requests.first().map_or(0, |request| request.len());
    let smallest: Vec<i64> =
        (0..width).map(|resource| requests.iter().map(|request| request[resource]).min().unwrap_or(0)).collect();
    let fitting = |free: &[i64]| {
        let of = |(&free, &wanted): (&i64, &i64)| (wanted > 0).then(|| free.max(0) / wanted.max(1));
        i128::from(free.iter().zip(&smallest).filter_map(of).min().unwrap_or(0))
    };
    let lacking = requests.len() as i128 - nodes.iter().map(|free| fitting(free)).sum::<i128>();
    ratio(lacking, pools.iter().map(|offer| fitting(offer)).max().unwrap_or(0))
}

/// Rounded up. Where a node gives nothing no number of them is enough, which is told elsewhere.
fn ratio(lacking: i128, each: i128) -> usize {
    if lacking <= 0 || each <= 0 {
        return 0;
    }
    usize::try_from((lacking + each - 1) / each).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::{by_number, by_sum, zoned};

    #[test]
    fn a_node_in_one_zone_is_lost_with_it() {
        let cases: &[(usize, &[Option<usize>], usize)] = &[
            (1, &[Some(1), Some(1), Some(1)], 2),
            (1, &[Some(1), Some(0), Some(0)], 1),
            (2, &[Some(2), Some(2), Some(2)], 3),
            (2, &[Some(2), Some(2)], 4),
            (3, &[Some(3), Some(3), None], 3),
            (1, &[Some(1)], 1),
        ];
        for &(most, needs, expected) in cases {
            assert_eq!(zoned(most, needs), expected, "{needs:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_on_added_nodes() {
        let requests: Vec<Vec<i64>> = vec![vec![1, 400]; 5];
        let large: Vec<&Vec<i64>> = requests.iter().collect();
        let (left, pool): (&[i64], &[i64]) = (&[10, 700], &[110, 1000]);
        // One fits what is left, and two fit a node.
        assert_eq!(by_number(&large, &[left], &[pool]), 2);
        assert_eq!(by_sum(&requests, 1, &[left], &[pool]), 2);
        assert_eq!(by_sum(&requests, 1, &[left, left, left], &[pool]), 0);
        // Too little for any of them does not count.
        assert_eq!(by_sum(&requests, 1, &[&[10, 399], &[10, 399]], &[pool]), 2);
        assert_eq!(by_number(&large, &[left], &[&[110, 300]]), 0);
    }
}

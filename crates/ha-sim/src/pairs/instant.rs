//! What pairs break at once: exact for each of them, and found where two nodes interact.
//!
//! Something with so many ready pods breaks when it loses `broken` of them or more, and is down from `down` on. A node
//! with as many of them breaks it alone. Two nodes break it together where their pods add up to as much, which is found
//! by going through the nodes from the most pods down. What a pair breaks in all is the sum of what its nodes break
//! alone, corrected for what both break and for what only both together do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ha_core::Settings;
use ha_core::impact::InstantVerdict;
use ha_core::snapshot::{NodeId, Snapshot, WorkloadId, WorkloadKind};
use hashbrown::{HashMap, HashSet};

use super::{Broken, LISTED, Subject};
use crate::ids::PodIndex;
use crate::simulate::{demand, verdict};
use crate::state::State;

use ha_core::arithmetic::size;

/// How many pairs that interact are ranked, so that hostile input does not take the memory.
const RANKED: usize = 2_000_000;

/// Parts of the cluster that stop, workloads that are down, and those that are below what they need.
type Damage = [i64; 3];

/// What is broken at once.
#[derive(Debug, Default)]
pub(super) struct Instants {
    /// How many pairs break something.
    pub(super) broken_pairs: u64,
    /// What some pair breaks.
    pub(super) broken: Vec<Broken>,
    /// The pairs that break most, the worst first.
    pub(super) worst: Vec<((usize, usize), [u32; 3])>,
    /// Of etcd and of the API servers: the fewest lost members that stop them, and how many of them are on each node.
    control_plane: Vec<(u32, Vec<u32>)>,
}

/// Ready pods that stand for the same thing.
struct Group {
    subject: Subject,
    before: u32,
    needed: u32,
    /// How it stands once so many are lost.
    verdicts: Vec<InstantVerdict>,
    /// The fewest lost pods that break it.
    broken: u32,
    /// The fewest after which it is down.
    down: u32,
    /// Nodes with their pods, the most first.
    on: Vec<(usize, u32)>,
}

impl Group {
    /// None where no loss makes it worse than it is.
    fn new(subject: Subject, needed: u32, mut nodes: Vec<usize>, verdicts: Vec<InstantVerdict>) -> Option<Self> {
        let now = *verdicts.first()?;
        let first = |wanted: &dyn Fn(InstantVerdict) -> bool| {
            verdicts.iter().position(|&verdict| verdict > now && wanted(verdict)).map(size)
        };
        let broken = first(&|_| true)?;
        let down = first(&|verdict| verdict == InstantVerdict::Down).unwrap_or(u32::MAX);
        nodes.sort_unstable();
        let mut on: Vec<(usize, u32)> = Vec::new();
        for node in nodes {
            match on.last_mut() {
                Some((last, pods)) if *last == node => *pods += 1,
                _ => on.push((node, 1)),
            }
        }
        on.sort_by_key(|&(node, pods)| (Reverse(pods), node));
        Some(Self { subject, before: size(verdicts.len() - 1), needed, verdicts, broken, down, on })
    }

    /// The pairs of nodes with pods of it that break it together, whether or not one of them does so alone.
    fn pairs(&self) -> impl Iterator<Item = [(usize, u32); 2]> {
        self.on.iter().enumerate().flat_map(move |(position, &first)| {
            let enough = move |second: &&(usize, u32)| first.1 + second.1 >= self.broken;
            self.on[position + 1..].iter().take_while(enough).map(move |&second| [first, second])
        })
    }

    /// How many of them are on each of so many nodes.
    fn by_node(&self, nodes: usize) -> Vec<u32> {
        let mut by_node = vec![0; nodes];
        for &(node, pods) in &self.on {
            by_node[node] = pods;
        }
        by_node
    }

    fn is_control_plane(&self) -> bool {
        matches!(self.subject, Subject::Cluster(Snapshot::CLUSTER, _))
    }

    fn is_alone(&self, pods: u32) -> bool {
        pods >= self.broken
    }

    fn damage(&self, pods: u32) -> Damage {
        let (broken, down) = (i64::from(pods >= self.broken), i64::from(pods >= self.down));
        match self.subject {
            Subject::Cluster(..) => [broken, 0, 0],
            Subject::Workload(_) => [0, down, broken - down],
        }
    }
}

impl Instants {
    pub(super) fn of(state: &State, settings: &Settings) -> Self {
        let nodes = state.model.nodes.len();
        let mut found = Self::default();
        let mut alone: Vec<Damage> = vec![[0; 3]; nodes];
        let mut breaks_alone = vec![false; nodes];
        let mut corrections: HashMap<(usize, usize), Damage> = HashMap::new();
        let mut together: HashSet<(usize, usize)> = HashSet::new();
        for group in groups(state, settings) {
            for &(node, pods) in group.on.iter().filter(|&&(_, pods)| group.is_alone(pods)) {
                alone[node] = plus(alone[node], group.damage(pods));
                breaks_alone[node] = true;
            }
            let mut own: Vec<(usize, usize)> = Vec::new();
            for [first, second] in group.pairs() {
                let pair = (first.0.min(second.0), first.0.max(second.0));
                let both = plus(group.damage(first.1), group.damage(second.1));
                let correction = minus(group.damage(first.1 + second.1), both);
                if correction != [0; 3] && (corrections.len() < RANKED || corrections.contains_key(&pair)) {
                    let sum = corrections.entry(pair).or_default();
                    *sum = plus(*sum, correction);
                }
                if !group.is_alone(first.1) && !group.is_alone(second.1) {
                    own.push(pair);
                }
            }
            together.extend(&own);
            found.broken.extend(broken(&group, own));
            if group.is_control_plane() {
                found.control_plane.push((group.broken, group.by_node(nodes)));
            }
        }
        let lonely = breaks_alone.iter().filter(|&&breaks| breaks).count() as u64;
        let by_both = together.iter().filter(|&&(first, second)| !breaks_alone[first] && !breaks_alone[second]);
        found.broken_pairs = pairs_of(nodes as u64) - pairs_of(nodes as u64 - lonely) + by_both.count() as u64;
        found.broken.sort_by_key(|broken| {
            let is_workload = matches!(broken.subject, Subject::Workload(_));
            (is_workload, Reverse(broken.verdict), Reverse(broken.alone.0), Reverse(broken.pairs.0), broken.subject)
        });
        found.worst = worst(&alone, &corrections);
        found
    }

    /// Whether a pair stops the control plane.
    pub(super) fn stops_control_plane(&self, (first, second): (usize, usize)) -> bool {
        self.control_plane.iter().any(|(broken, on)| on[first] + on[second] >= *broken)
    }
}

fn pairs_of(nodes: u64) -> u64 {
    nodes * nodes.saturating_sub(1) / 2
}

fn plus(one: Damage, other: Damage) -> Damage {
    [one[0] + other[0], one[1] + other[1], one[2] + other[2]]
}

fn minus(one: Damage, other: Damage) -> Damage {
    [one[0] - other[0], one[1] - other[1], one[2] - other[2]]
}

/// None where no pair breaks it.
fn broken(group: &Group, mut pairs: Vec<(usize, usize)>) -> Option<Broken> {
    let mut alone: Vec<usize> =
        group.on.iter().filter(|&&(_, pods)| group.is_alone(pods)).map(|&(node, _)| node).collect();
    if alone.is_empty() && pairs.is_empty() {
        return None;
    }
    let most: u32 = group.on.iter().take(2).map(|&(_, pods)| pods).sum();
    let verdict = group.verdicts[most.min(group.before) as usize];
    let counts = (size(alone.len()), pairs.len() as u64);
    pairs.sort_unstable();
    pairs.truncate(LISTED);
    alone.sort_unstable();
    alone.truncate(LISTED);
    let node = NodeId::at;
    Some(Broken {
        subject: group.subject,
        before: group.before,
        needed: group.needed,
        verdict,
        alone: (counts.0, alone.into_iter().map(node).collect()),
        pairs: (counts.1, pairs.into_iter().map(|(first, second)| (node(first), node(second))).collect()),
    })
}

/// Whatever pairs may break, static pods left out: they are a part of their node.
fn groups(state: &State, settings: &Settings) -> Vec<Group> {
    let model = state.model;
    let mut groups: Vec<Group> = Vec::new();
    for vital in model.roles.vitals(model.snapshot) {
        let before = vital.nodes.len();
        let down = |left: usize| size(left) < vital.needed;
        let verdicts = (0..=before)
            .map(|lost| if down(before - lost) { InstantVerdict::Down } else { InstantVerdict::Holds })
            .collect();
        let nodes = vital.nodes.iter().flatten().map(|node| node.position()).collect();
        groups.extend(Group::new(Subject::Cluster(vital.object, vital.what), vital.needed, nodes, verdicts));
    }
    let told = |id: &WorkloadId| model.snapshot.workload(*id).kind != WorkloadKind::StaticPod;
    groups.extend((0..model.snapshot.workloads.len()).map(WorkloadId::at).filter(told).filter_map(|id| {
        let wanted = demand(model.snapshot, settings, id);
        let verdict = |lost| verdict(model.snapshot, id, wanted.desired, wanted.healthy - lost, wanted.needed);
        let pods = model.snapshot.workload(id).pods.of(&model.snapshot.workload_pods);
        let healthy = pods.iter().filter(|&&pod| model.snapshot.pod(pod).is_healthy());
        let nodes = healthy.filter_map(|pod| state.node_of(PodIndex::at(pod.position()))).collect();
        Group::new(Subject::Workload(id), wanted.needed, nodes, (0..=wanted.healthy).map(verdict).collect())
    }));
    groups
}

/// The pairs with the greatest damage. Those without a correction are found from the nodes that do most damage alone, one
/// pair after the other.
fn worst(alone: &[Damage], corrections: &HashMap<(usize, usize), Damage>) -> Vec<((usize, usize), [u32; 3])> {
    let sum = |(first, second): (usize, usize)| plus(alone[first], alone[second]);
    let mut ranked: Vec<(Damage, (usize, usize))> =
        corrections.iter().map(|(&pair, &correction)| (plus(sum(pair), correction), pair)).collect();
    let mut order: Vec<usize> = (0..alone.len()).collect();
    order.sort_by_key(|&node| (Reverse(alone[node]), node));
    let at = |first: usize, second: usize| {
        let (a, b) = (*order.get(first)?, *order.get(second)?);
        Some((sum((a, b)), Reverse((first, second)), (a.min(b), a.max(b))))
    };
    let mut next: BinaryHeap<_> = at(0, 1).into_iter().collect();
    let mut found = 0;
    while let Some((damage, Reverse((first, second)), pair)) = next.pop() {
        if found == LISTED || damage == [0; 3] {
            break;
        }
        next.extend(at(first, second + 1));
        if second == first + 1 {
            next.extend(at(first + 1, second + 1));
        }
        if !corrections.contains_key(&pair) {
            ranked.push((damage, pair));
            found += 1;
        }
    }
    ranked.retain(|&(damage, _)| damage > [0; 3]);
    ranked.sort_unstable_by_key(|&(damage, pair)| (Reverse(damage), pair));
    ranked.truncate(LISTED);
    let count = |number: i64| u32::try_from(number).unwrap_or(0);
    ranked.into_iter().map(|(damage, pair)| (pair, damage.map(count))).collect()
}

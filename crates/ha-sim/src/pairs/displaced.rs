//! What the loss of each node displaces, and upper bounds on what those of any two nodes displace together with the pods
//! that wait already.

use ha_core::impact::{DisruptionKind, LossMode};
use ha_core::snapshot::{WorkloadId, WorkloadKind};
use ha_core::text::Text;
use hashbrown::HashMap;

use crate::controllers;
use crate::failure;
use crate::ids::{ClassId, PodIndex, ResourceId, TallyId};
use crate::model::PodModel;
use crate::settle::Settling;
use crate::state::State;

/// A sum over the pods that wait and those of the two nodes that add most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Most {
    waiting: i64,
    nodes: [i64; 2],
}

impl Most {
    fn add_node(&mut self, amount: i64) {
        let [first, second] = self.nodes;
        self.nodes = if amount > first { [amount, first] } else { [first, second.max(amount)] };
    }

    /// No pair displaces more.
    pub(super) fn sum(self) -> i64 {
        self.waiting.saturating_add(self.of_nodes())
    }

    fn of_nodes(self) -> i64 {
        self.nodes[0].saturating_add(self.nodes[1])
    }
}

/// What is added up over the pods of one node, or over those that wait.
#[derive(Clone, Debug, Default)]
struct Load {
    pods: i64,
    with_ports: i64,
    /// Pods that may use an unreachable node and are not made for one.
    roaming: i64,
    amounts: HashMap<ResourceId, i64>,
    quotas: HashMap<(Text, Text), i64>,
    tallies: HashMap<TallyId, i64>,
}

/// Upper bounds on what is displaced with any pair.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    pub(super) pods: Most,
    pub(super) with_ports: Most,
    pub(super) roaming: Most,
    amounts: HashMap<ResourceId, Most>,
    quotas: HashMap<(Text, Text), Most>,
    /// Displaced pods that a tally counts.
    arriving: HashMap<TallyId, Most>,
    /// Pods on nodes that a tally counts.
    leaving: HashMap<TallyId, Most>,
    /// Some pod requests less than nothing, so that sums bound nothing.
    pub(super) is_absurd: bool,
}

impl Bounds {
    pub(super) fn amount(&self, resource: ResourceId) -> i64 {
        self.amounts.get(&resource).map_or(0, |most| most.sum())
    }

    pub(super) fn quota(&self, namespace: Text, resource: Text) -> i64 {
        self.quotas.get(&(namespace, resource)).map_or(0, |most| most.sum())
    }

    /// How many pods may come that a tally counts.
    pub(super) fn arriving(&self, tally: TallyId) -> usize {
        count(self.arriving.get(&tally).map_or(0, |most| most.sum()))
    }

    /// How many pods may go that a tally counts.
    pub(super) fn leaving(&self, tally: TallyId) -> i64 {
        self.leaving.get(&tally).map_or(0, |most| most.of_nodes())
    }
}

pub(super) fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// What is displaced, node by node.
#[derive(Debug)]
pub(super) struct Displaced<'m> {
    /// The state with the pods that wait, none of them placed.
    pub(super) state: State<'m>,
    /// Pods that wait, or that StatefulSets lack, before anything is lost.
    pub(super) waiting: Vec<PodIndex>,
    /// Per node: the pods on it that are made again when it is lost.
    pub(super) of_node: Vec<Vec<PodIndex>>,
    /// No pair displaces more.
    pub(super) bounds: Bounds,
}

impl<'m> Displaced<'m> {
    pub(super) fn of(mut state: State<'m>, mode: LossMode) -> Self {
        let waiting = Settling::without_quotas(&mut state, 0).displaced();
        let flags = failure::flags(&DisruptionKind::Loss(mode));
        let nodes = state.model.nodes.len();
        let of_node: Vec<Vec<PodIndex>> = (0..nodes).map(|node| displaced(&mut state, node, flags)).collect();
        // Tallies are made when a class is planned, and counted below.
        for &pod in waiting.iter().chain(of_node.iter().flatten()) {
            let class = state.pod(pod).class;
            state.plan(class);
            state.plan(state.model.replacement(class));
        }
        let mut bounds = Bounds::default();
        let load = load_of(&state, waiting.iter().map(|&pod| state.pod(pod).class), &mut bounds.is_absurd);
        bounds.note(&load, |most, amount| most.waiting = amount);
        for (node, pods) in of_node.iter().enumerate() {
            let classes = pods.iter().map(|&pod| state.model.replacement(state.pod(pod).class));
            let load = load_of(&state, classes, &mut bounds.is_absurd);
            bounds.note(&load, Most::add_node);
            let mut leaving: HashMap<TallyId, i64> = HashMap::new();
            for &pod in state.pods_on(node) {
                for tally in state.tallies.of_class(state.pod(pod).class) {
                    *leaving.entry(tally).or_insert(0) += 1;
                }
            }
            for (tally, pods) in leaving {
                bounds.leaving.entry(tally).or_default().add_node(pods);
            }
        }
        Self { state, waiting, of_node, bounds }
    }
}

impl Bounds {
    fn note(&mut self, load: &Load, note: impl Fn(&mut Most, i64)) {
        note(&mut self.pods, load.pods);
        note(&mut self.with_ports, load.with_ports);
        note(&mut self.roaming, load.roaming);
        for (&resource, &amount) in &load.amounts {
            note(self.amounts.entry(resource).or_default(), amount);
        }
        for (&key, &amount) in &load.quotas {
            note(self.quotas.entry(key).or_default(), amount);
        }
        for (&tally, &pods) in &load.tallies {
            note(self.arriving.entry(tally).or_default(), pods);
        }
    }
}

fn load_of(state: &State, classes: impl Iterator<Item = ClassId>, is_absurd: &mut bool) -> Load {
    let model = state.model;
    let mut load = Load::default();
    for id in classes {
        let class = model.class(id);
        let (shape, statics) = (model.shape(class.shape), model.statics(class.statics));
        load.pods += 1;
        load.with_ports += i64::from(!shape.ports.is_empty());
        load.roaming += i64::from(statics.tolerates_unreachable && class.key.pinned.is_empty());
        for &(resource, amount) in &shape.requests.amounts {
            *is_absurd |= amount < 0;
            let sum = load.amounts.entry(resource).or_insert(0);
            *sum = sum.saturating_add(amount);
        }
        if model.quotas.contains_key(&class.key.namespace) {
            for &(resource, amount) in &shape.usage.amounts {
                let sum = load.quotas.entry((class.key.namespace, resource)).or_insert(0);
                *sum = sum.saturating_add(amount.max(0));
            }
        }
        for tally in state.tallies.of_class(id) {
            *load.tallies.entry(tally).or_insert(0) += 1;
        }
    }
    load
}

/// The pods on a node that controllers make again once it is lost.
fn displaced(state: &mut State, node: usize, flags: u8) -> Vec<PodIndex> {
    let mark = state.mark();
    state.set_flags(node, flags);
    let mut pods = failure::pods_on(state, &[node]);
    pods.retain(|&pod| is_made_again(state, pod));
    state.undo_to(mark);
    pods
}

fn is_made_again(state: &State, pod: PodIndex) -> bool {
    let workload = state.pod(pod).workload;
    match state.model.snapshot.workload(workload).kind {
        WorkloadKind::BarePod | WorkloadKind::StaticPod => false,
        WorkloadKind::DaemonSet => controllers::is_wanted(state, pod),
        WorkloadKind::StatefulSet => has_place(state, workload, pod),
        _ => !state.pod(pod).terminating,
    }
}

/// Whether a StatefulSet wants a pod in that place.
fn has_place(state: &State, workload: WorkloadId, pod: PodIndex) -> bool {
    state.model.sets.get(&workload).is_some_and(|set| set.slots.contains(&Some(pod)))
}

/// The pod that takes the place of one that is lost.
pub(super) fn successor(state: &State, pod: PodIndex) -> PodModel {
    let lost = state.pod(pod);
    PodModel { class: state.model.replacement(lost.class), started: None, terminating: false, ..lost.clone() }
}

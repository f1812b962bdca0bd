//! The cluster while a failure is tried out: which pod is on which node, what is left there, which claims are bound.
//!
//! Every change is written to a journal, so that a state returns to where it was without being copied; thousands of
//! failures are tried on one state. Copies are made per thread only.

use std::sync::Arc;

use ha_core::snapshot::{NodeId, VolumeId};
use ha_core::text::Text;
use hashbrown::HashMap;

use crate::cycle::{Plan, Refusal};
use crate::ids::{ClaimIndex, ClassId, KeyId, PodIndex, ReachId, ResourceId, StaticId, TallyId};
use crate::model::storage::Binding;
use crate::model::{ClaimModel, HostPort, Model, PodModel, Resources, Shape, Spread};
use crate::room::Rooms;
use crate::scores::{ScorePlan, node_resources_balanced_allocation};
use crate::tally::{Counted, Counting, Tallies, TallyKey};

mod claims;
mod journal;
mod nodes;

pub(crate) use nodes::{Order, mask_of_flags};

use journal::Change;
use nodes::includes;

/// What happened to a node.
pub mod flag {
    /// The Node object is gone.
    pub const ABSENT: u8 = 1;
    /// It is tainted as unreachable.
    pub const UNREACHABLE: u8 = 2;
    /// It is cordoned, and tainted so.
    pub const CORDONED: u8 = 4;
    /// How many combinations of them there are.
    pub(crate) const COMBINATIONS: u8 = 8;
}

/// The cluster while a failure is tried out.
#[derive(Clone, Debug)]
pub struct State<'m> {
    /// What does not change.
    pub model: &'m Model<'m>,
    /// What is counted per domain.
    pub tallies: Tallies,
    /// Per class: the tallies that its pods' filters look at, once they were asked for.
    plans: Vec<Option<Arc<Plan>>>,
    score_plans: Vec<Option<Arc<ScorePlan>>>,
    created: Vec<PodModel>,
    created_of_class: HashMap<ClassId, Vec<PodIndex>>,
    node_of: Vec<Option<u32>>,
    gone: Vec<bool>,
    /// Node by node: how many pods it still takes, then how much is left of each resource.
    left: Vec<i64>,
    non_zero: Vec<[i64; 2]>,
    /// How evenly cpu and memory are requested on each node, as NodeResourcesBalancedAllocation sees it.
    balances: Vec<i64>,
    pods_on: Vec<Vec<PodIndex>>,
    /// Node by node, priority by priority: how many pods there are.
    pods_of_level: Vec<u32>,
    ports_on: Vec<Vec<HostPort>>,
    flags: Vec<u8>,
    absent: Vec<usize>,
    /// The nodes that exist in the scheduler's order, while that is known.
    order: Option<Arc<Order>>,
    /// Per static specification: how many nodes its filters refuse, while that is known.
    refused: HashMap<StaticId, Arc<[(Refusal, usize)]>>,
    /// Per static specification and topology: the domains with a node that its filters do not refuse, while that is known.
    open: HashMap<(StaticId, KeyId), u64>,
    /// Per static specification and node affinity of volumes: whether there is a node that neither refuses, while that is
    /// known.
    reaching: HashMap<(StaticId, ReachId), bool>,
    /// Per node the number of the last coming or going of a pod there; no two are the same.
    stamps: Vec<u64>,
    stamp: u64,
    /// What was found about nodes and may still hold.
    pub(crate) rooms: Rooms<'m>,
    /// How often each node has changed.
    changes: Vec<u32>,
    claims: Vec<ClaimModel>,
    claim_names: HashMap<(Text, Text), ClaimIndex>,
    bindings: Vec<Binding>,
    users: Vec<u32>,
    taken: HashMap<VolumeId, ClaimIndex>,
    nominated: Vec<(PodIndex, usize)>,
    /// How many pods are nominated to each node.
    nominations: Vec<u32>,
    trial: bool,
    journal: Vec<Change>,
    /// How many changes were made or undone.
    version: u64,
}

impl<'m> State<'m> {
    /// The cluster as the snapshot shows it.
    pub fn new(model: &'m Model<'m>) -> Self {
        let nodes = model.nodes.len();
        let mut state = Self {
            model,
            tallies: Tallies::new(model),
            plans: vec![None; model.classes.len()],
            score_plans: vec![None; model.classes.len()],
            created: Vec::new(),
            created_of_class: HashMap::new(),
            node_of: vec![None; model.pods.len()],
            gone: model.snapshot.pods.iter().map(ha_core::snapshot::Pod::is_finished).collect(),
            left: (0..nodes).flat_map(|node| model.offer(node)).collect(),
            non_zero: vec![[0; 2]; nodes],
            balances: (0..nodes)
                .map(|node| node_resources_balanced_allocation::balance([0; 2], capacity(model, node)))
                .collect(),
            pods_on: vec![Vec::new(); nodes],
            pods_of_level: vec![0; nodes * model.priorities.len()],
            ports_on: vec![Vec::new(); nodes],
            flags: vec![0; nodes],
            absent: Vec::new(),
            order: None,
            refused: HashMap::new(),
            open: HashMap::new(),
            reaching: HashMap::new(),
            stamps: vec![1; nodes],
            stamp: 1,
            rooms: Rooms::default(),
            changes: vec![0; nodes],
            claims: Vec::new(),
            claim_names: HashMap::new(),
            bindings: model.storage.claims.iter().map(|claim| claim.binding).collect(),
            users: vec![0; model.storage.claims.len()],
            taken: HashMap::new(),
            nominated: Vec::new(),
            nominations: vec![0; nodes],
            trial: false,
            journal: Vec::new(),
            version: 0,
        };
        for (position, pod) in model.snapshot.pods.iter().enumerate() {
            if let Some(node) = pod.node.filter(|_| !pod.is_finished()) {
                state.attach(PodIndex::at(position), node.position());
            }
        }
        for &pod in &model.waiting {
            let nominated = model.snapshot.pods[pod.position()].nominated_node;
            if let Some(node) = model.find_node(nominated) {
                state.nominations[node] += 1;
                state.nominated.push((pod, node));
            }
        }
        state
    }

    /// From now on changes are trials of preemption or nomination: spread constraints count them in another way than
    /// pods that exist (see `Tallies`). Trials must be undone before this is switched off.
    pub(crate) fn set_trial(&mut self, trial: bool) {
        self.trial = trial;
    }

    pub(crate) fn is_trial(&self) -> bool {
        self.trial
    }

    /// The pod at `pod`.
    #[inline]
    pub fn pod(&self, pod: PodIndex) -> &PodModel {
        match pod.position().checked_sub(self.model.pods.len()) {
            None => &self.model.pods[pod.position()],
            Some(position) => &self.created[position],
        }
    }

    /// All pods that exist or existed, those of the snapshot first.
    pub fn pods(&self) -> impl Iterator<Item = PodIndex> + use<> {
        (0..self.node_of.len()).map(PodIndex::at)
    }

    /// How many pods exist or existed.
    pub fn pod_count(&self) -> usize {
        self.node_of.len()
    }

    /// The pods that controllers created.
    pub fn created(&self) -> impl ExactSizeIterator<Item = PodIndex> + use<> {
        (self.model.pods.len()..self.node_of.len()).map(PodIndex::at)
    }

    /// The node on which a pod is.
    #[inline]
    pub fn node_of(&self, pod: PodIndex) -> Option<usize> {
        self.node_of[pod.position()].map(|node| node as usize)
    }

    /// The pods on a node.
    #[inline]
    pub fn pods_on(&self, node: usize) -> &[PodIndex] {
        &self.pods_on[node]
    }

    /// Whether a pod of a lower priority than the class' is on a node.
    #[inline]
    pub fn has_lower(&self, node: usize, class: ClassId) -> bool {
        let first = node * self.model.priorities.len();
        self.pods_of_level[first..first + self.model.level(class)].iter().any(|&pods| pods > 0)
    }

    /// Tells the pods on a node from all others that were or will be there.
    #[inline]
    pub(crate) fn stamp(&self, node: usize) -> u64 {
        self.stamps[node]
    }

    /// The ports in use on a node.
    pub fn ports_on(&self, node: usize) -> &[HostPort] {
        &self.ports_on[node]
    }

    /// How much of a resource is requested on a node.
    #[inline]
    pub fn requested(&self, node: usize, resource: ResourceId) -> i64 {
        self.model.allocatable(node, resource).wrapping_sub(self.left(node)[resource.after_pods()])
    }

    /// How many pods a node still takes, followed by how much is left of each resource.
    #[inline]
    pub(crate) fn left(&self, node: usize) -> &[i64] {
        let width = self.model.resources.count() + 1;
        &self.left[node * width..][..width]
    }

    /// How many millicores and bytes count as requested on a node when it is scored.
    #[inline]
    pub fn non_zero(&self, node: usize) -> [i64; 2] {
        self.non_zero[node]
    }

    /// How evenly cpu and memory are requested on a node, up to 100.
    #[inline]
    pub fn balance(&self, node: usize) -> i64 {
        self.balances[node]
    }

    /// Whether the Node object exists.
    #[inline]
    pub fn is_present(&self, node: usize) -> bool {
        self.flags[node] & flag::ABSENT == 0
    }

    /// What happened to a node.
    #[inline]
    pub fn flags(&self, node: usize) -> u8 {
        self.flags[node]
    }

    /// How many Node objects exist.
    pub fn present_nodes(&self) -> usize {
        self.flags.len() - self.absent.len()
    }

    /// Whether a node has changed since the snapshot.
    pub fn has_changed(&self, node: usize) -> bool {
        self.changes[node] > 0
    }

    /// The nodes whose objects are gone.
    pub fn absent(&self) -> &[usize] {
        &self.absent
    }

    /// The shape of a pod.
    pub fn shape_of(&self, pod: PodIndex) -> &'m Shape {
        self.model.shape(self.model.class(self.pod(pod).class).shape)
    }

    /// Puts a pod onto a node.
    pub fn place(&mut self, pod: PodIndex, node: usize) {
        self.attach(pod, node);
        self.changes[node] += 1;
        self.note(Change::Placed(pod));
    }

    /// A pod is gone for good: taken off its node, or, without one, out of the queue.
    pub fn remove(&mut self, pod: PodIndex) {
        if self.gone[pod.position()] {
            return;
        }
        match self.detach(pod) {
            Some(node) => {
                self.changes[node] += 1;
                self.note(Change::Removed(pod, node));
            }
            None => self.note(Change::Vanished(pod)),
        }
        self.gone[pod.position()] = true;
    }

    /// Whether the pod exists: it was neither removed nor has it ended.
    pub fn exists(&self, pod: PodIndex) -> bool {
        !self.gone[pod.position()]
    }

    /// A new pod, not yet placed.
    pub fn create(&mut self, pod: PodModel) -> PodIndex {
        let index = PodIndex::at(self.node_of.len());
        self.created_of_class.entry(pod.class).or_default().push(index);
        self.created.push(pod);
        self.node_of.push(None);
        self.gone.push(false);
        self.note(Change::Created);
        index
    }

    /// Changes what happened to a node.
    pub fn set_flags(&mut self, node: usize, flags: u8) {
        self.changes[node] += 1;
        self.note(Change::Flags(node, self.flags[node]));
        self.change_flags(node, flags);
    }

    fn attach(&mut self, pod: PodIndex, node: usize) {
        self.adjust(pod, node, 1);
        self.node_of[pod.position()] = u32::try_from(node).ok();
        self.pods_on[node].push(pod);
        let ports = &self.shape_of(pod).ports;
        self.ports_on[node].extend_from_slice(ports);
    }

    fn detach(&mut self, pod: PodIndex) -> Option<usize> {
        let node = self.node_of[pod.position()].take()? as usize;
        self.adjust(pod, node, -1);
        let position = self.pods_on[node].iter().position(|&other| other == pod)?;
        self.pods_on[node].swap_remove(position);
        let ports = &self.shape_of(pod).ports;
        for port in ports {
            if let Some(position) = self.ports_on[node].iter().position(|other| other == port) {
                self.ports_on[node].swap_remove(position);
            }
        }
        Some(node)
    }

    /// Sums wrap around, as Go's do: absurd requests then cancel out when the pod is taken away again.
    fn adjust(&mut self, pod: PodIndex, node: usize, sign: i64) {
        let model = self.model;
        let (class, terminating) = (self.pod(pod).class, self.pod(pod).terminating);
        let of_level = &mut self.pods_of_level[node * model.priorities.len() + model.level(class)];
        *of_level = if sign > 0 { *of_level + 1 } else { of_level.saturating_sub(1) };
        let requests = &self.shape_of(pod).requests;
        self.stamp += 1;
        self.stamps[node] = self.stamp;
        let first = node * (model.resources.count() + 1);
        self.left[first] -= sign;
        for &(resource, value) in &requests.amounts {
            let slot = &mut self.left[first + resource.after_pods()];
            *slot = slot.wrapping_sub(sign.wrapping_mul(value));
        }
        let used = [Resources::CPU, Resources::MEMORY].map(|resource| self.requested(node, resource));
        self.balances[node] = node_resources_balanced_allocation::balance(used, capacity(model, node));
        for (slot, value) in self.non_zero[node].iter_mut().zip(requests.non_zero) {
            *slot = slot.wrapping_add(sign.wrapping_mul(value));
        }
        for position in 0..self.pod(pod).claims.len() {
            let claim = self.pod(pod).claims[position];
            if let Some(claim) = self.claim_of(pod, claim) {
                let users = &mut self.users[claim.position()];
                *users = if sign > 0 { *users + 1 } else { users.saturating_sub(1) };
            }
        }
        let counting = Counting { node, weight: sign, terminating, trial: self.trial };
        self.tallies.count(model, class, &counting);
    }

    fn change_flags(&mut self, node: usize, flags: u8) {
        let was = self.flags[node];
        self.refused.clear();
        self.open.clear();
        self.reaching.clear();
        if (was ^ flags) & flag::ABSENT != 0 {
            self.order = None;
        }
        if was & flag::ABSENT != 0 {
            self.absent.retain(|&other| other != node);
        }
        if flags & flag::ABSENT != 0 {
            self.absent.push(node);
        }
        self.flags[node] = flags;
        let changed = self.tallies.changed_presences(node, |inclusion| includes(self.model, flags, inclusion, node));
        if changed.is_empty() {
            return;
        }
        let pods: Vec<(ClassId, bool)> =
            self.pods_on[node].iter().map(|&pod| (self.pod(pod).class, self.pod(pod).terminating)).collect();
        for number in changed {
            self.tallies.turn(self.model, number, node, &pods);
        }
    }

    /// The tally of a spread constraint.
    pub(crate) fn spread_tally(&mut self, spread: &Spread) -> TallyId {
        let model = self.model;
        let presence = self.tallies.find_presence(&spread.inclusion, spread.key).unwrap_or_else(|| {
            let flags = &self.flags;
            let includes = |node: usize| includes(model, flags[node], &spread.inclusion, node);
            self.tallies.add_presence(model, &spread.inclusion, spread.key, includes)
        });
        self.tally(TallyKey {
            counted: Counted::Matching(spread.matcher),
            key: spread.key,
            presence: Some(presence),
            counts_nothing: spread.counts_nothing,
        })
    }

    /// The tallies that the filters of a class' pods look at.
    pub(crate) fn plan(&mut self, class: ClassId) -> Arc<Plan> {
        if let Some(plan) = &self.plans[class.position()] {
            return plan.clone();
        }
        let plan = Arc::new(Plan::new(self, class));
        self.plans[class.position()] = Some(plan.clone());
        plan
    }

    /// The tallies that a class' pods are scored by.
    pub(crate) fn score_plan(&mut self, class: ClassId) -> Arc<ScorePlan> {
        if let Some(plan) = &self.score_plans[class.position()] {
            return plan.clone();
        }
        let plan = Arc::new(ScorePlan::new(self, class));
        self.score_plans[class.position()] = Some(plan.clone());
        plan
    }

    /// The tally with that key, which is made when it is new.
    pub(crate) fn tally(&mut self, key: TallyKey) -> TallyId {
        if let Some(id) = self.tallies.find(&key) {
            return id;
        }
        let model = self.model;
        let (id, members) = self.tallies.add(model, key);
        for &(class, weight) in &members {
            for &pod in model.pods_of_class(class) {
                self.count_existing(id, pod, weight);
            }
        }
        for &(class, weight) in &members {
            for position in 0..self.created_of(class).len() {
                let pod = self.created_of(class)[position];
                self.count_existing(id, pod, weight);
            }
        }
        id
    }

    /// The pods of a class that controllers created.
    pub fn created_of(&self, class: ClassId) -> &[PodIndex] {
        self.created_of_class.get(&class).map_or(&[], Vec::as_slice)
    }

    fn count_existing(&mut self, id: TallyId, pod: PodIndex, weight: i64) {
        if let Some(node) = self.node_of(pod) {
            let counting = Counting { node, weight, terminating: self.pod(pod).terminating, trial: false };
            self.tallies.count_one(self.model, id, &counting);
        }
    }

    /// Pods for which preemption made room, and where.
    pub fn nominated(&self) -> &[(PodIndex, usize)] {
        &self.nominated
    }

    /// Whether preemption made room for some pod on a node.
    #[inline]
    pub fn is_nominated(&self, node: usize) -> bool {
        self.nominations[node] > 0
    }

    /// Takes note that preemption made room for a pod on a node.
    pub fn nominate(&mut self, pod: PodIndex, node: usize) {
        self.withdraw(pod);
        self.nominations[node] += 1;
        self.nominated.push((pod, node));
        self.note(Change::Nominated(pod, node));
    }

    /// Forgets where preemption made room for a pod.
    pub fn withdraw(&mut self, pod: PodIndex) {
        if let Some(position) = self.nominated.iter().position(|&(other, _)| other == pod) {
            let (pod, node) = self.nominated.swap_remove(position);
            self.nominations[node] -= 1;
            self.note(Change::Withdrawn(pod, node));
        }
    }

    /// The labels of a node.
    pub fn node_labels(&self, node: usize) -> &'m ha_core::labels::LabelSet {
        let snapshot = self.model.snapshot;
        snapshot.labels(snapshot.node(NodeId::at(node)).labels)
    }
}

/// Millicores and bytes that a node may give.
fn capacity(model: &Model, node: usize) -> [i64; 2] {
    [Resources::CPU, Resources::MEMORY].map(|resource| model.allocatable(node, resource))
}

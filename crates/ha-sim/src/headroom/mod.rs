//! What a cluster can carry so that no single loss leaves a pod Pending: the nodes that it lacks, or how much each
//! workload could grow.
//!
//! The losses are those of every zone, or of every node. A pod is left Pending that has no node once all has come to rest,
//! or that its StatefulSet does not create for that reason; one that waits before anything is lost counts as well.
//!
//! - [`shortages`] tells which losses leave pods Pending as things are.
//! - [`lacking`] finds nodes to add, like nodes that there are, and proves how many it takes at least.
//! - [`growth`] finds how many more replicas each workload could have.
//!
//! Each loss is tried in as many orders of the scheduler as the options say, unless an argument tells that every order
//! ends alike (see [`order`](crate::order)). What one order refutes is refuted; what all orders tried confirm is called
//! certain only with that argument.
//!
//! Left out: what nodes cost, machines of other sizes than those that there are, and several losses at once.
#![allow(clippy::similar_names, reason = "a loss and what is lost are words of this subject")]

mod bound;
mod growth;
mod lacking;
mod trial;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use ha_core::Snapshot;
use ha_core::impact::{Disruption, LossMode};
use ha_core::snapshot::{NodeId, WorkloadId};
use rayon::prelude::*;

pub use self::growth::{Grows, Growth, Stop, growth};
pub use self::lacking::{Lacking, lacking};

use crate::matrix;
use crate::model::Model;
use crate::simulate::{Foresight, Options, foresee};
use crate::state::State;

use self::trial::{Daemons, Missing};

/// Of what each one is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Zones.
    Zone,
    /// Nodes.
    Node,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question<'q> {
    /// Of what each one is lost.
    pub domain: Domain,
    /// How.
    pub mode: LossMode,
    /// Nodes of the snapshot that are not there but may be added, by pool: those of a pool are alike.
    pub pools: Vec<Vec<NodeId>>,
    /// How many nodes may be added in all.
    pub limit: usize,
    /// How it is tried.
    pub options: Options<'q>,
    /// Once it is set, nothing further is tried, and what is told may be too little.
    pub cancelled: &'q AtomicBool,
}

/// What one loss leaves Pending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// The loss, by its place among all.
    pub loss: usize,
    /// The workloads with pods that are left Pending, in the worst of the orders tried.
    pub workloads: Vec<Short>,
}

/// Pods of one workload that are left Pending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Short {
    /// The workload.
    pub workload: WorkloadId,
    /// How many.
    pub pods: u32,
    /// Why the first of them is, in the scheduler's words.
    pub message: String,
}

/// Which losses leave pods Pending as things are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shortages {
    /// Those losses, the worst first.
    pub list: Vec<Shortage>,
    /// Whether none does in any order; false also where some do.
    pub never: bool,
    /// In how many orders a loss was tried at most.
    pub runs: u32,
}

impl Question<'_> {
    /// The losses, without nodes that may be added.
    pub fn losses(&self, snapshot: &Snapshot) -> Vec<Disruption> {
        let mut losses = match self.domain {
            Domain::Zone => matrix::each_zone(snapshot, self.mode),
            Domain::Node => matrix::each_node(snapshot, self.mode),
        };
        let candidates: std::collections::BTreeSet<NodeId> = self.candidates().collect();
        for loss in &mut losses {
            loss.nodes.retain(|node| !candidates.contains(node));
        }
        losses.retain(|loss| !loss.nodes.is_empty());
        losses
    }

    fn candidates(&self) -> impl Iterator<Item = NodeId> {
        self.pools.iter().flatten().copied()
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// Which losses leave pods Pending as things are.
pub fn shortages(model: &Model, question: &Question) -> Shortages {
    let field = Field::new(model, question);
    let state = field.base.clone();
    let tell = |state: &mut State, loss: usize| field.shortage(state, loss);
    let told: Vec<(Shortage, bool, u64)> = (0..field.losses.len()).into_par_iter().map_with(state, tell).collect();
    let never = field.is_calm() && told.iter().all(|(shortage, certain, _)| shortage.workloads.is_empty() && *certain);
    let runs = told.iter().map(|&(_, _, runs)| runs).max().unwrap_or(0);
    let mut list: Vec<Shortage> = told.into_iter().map(|(shortage, ..)| shortage).collect();
    list.retain(|shortage| !shortage.workloads.is_empty());
    let pods = |shortage: &Shortage| shortage.workloads.iter().map(|short| short.pods).fold(0, u32::saturating_add);
    list.sort_by_key(|shortage| (std::cmp::Reverse(pods(shortage)), shortage.loss));
    Shortages { list, never, runs: u32::try_from(runs).unwrap_or(u32::MAX) }
}

/// The cluster on which everything is tried.
struct Field<'f, 'm> {
    question: &'f Question<'f>,
    losses: Vec<Disruption>,
    daemons: Daemons,
    /// The cluster without the nodes that may be added.
    base: State<'m>,
}

impl<'f, 'm> Field<'f, 'm> {
    fn new(model: &'m Model<'m>, question: &'f Question<'f>) -> Self {
        Self {
            question,
            losses: question.losses(model.snapshot),
            daemons: trial::daemons(model, question.candidates()),
            base: trial::without(model, question.candidates()),
        }
    }

    fn model(&self) -> &'m Model<'m> {
        self.base.model
    }

    /// Whether nothing moves before something is lost: then the cluster at rest is the same in every order.
    fn is_calm(&self) -> bool {
        self.model().waiting.is_empty() && self.model().incomplete_sets.is_empty()
    }

    /// The cluster with these nodes.
    fn with(&self, nodes: &[NodeId]) -> State<'m> {
        let mut state = self.base.clone();
        for &node in nodes {
            trial::add(&mut state, &self.daemons, node);
        }
        state
    }

    /// A loss that takes those of the added nodes as well that are in the same zone.
    fn loss(&self, loss: usize, added: &[NodeId]) -> Disruption {
        let mut taken = self.losses[loss].clone();
        taken.nodes.extend(added.iter().copied().filter(|&node| self.takes(&self.losses[loss], node)));
        taken
    }

    /// Whether a loss takes a node as well that is added: one of the lost zone.
    fn takes(&self, loss: &Disruption, added: NodeId) -> bool {
        let zone = |node: NodeId| self.model().snapshot.node(node).zone;
        self.question.domain == Domain::Zone && loss.nodes.first().is_some_and(|&lost| zone(lost) == zone(added))
    }

    /// The seeds that are to be tried of a loss, and whether they tell of every order; none where nothing is missing in any.
    fn seeds(&self, state: &mut State, loss: &Disruption) -> (Vec<u64>, bool) {
        let tries = |tries: u64| Options { tries, ..self.question.options }.seeds().collect();
        let displaced = || loss.nodes.iter().map(|node| state.pods_on(node.position()).len()).sum();
        let foresight = if self.is_calm() { foresee(state, loss) } else { Foresight::Open(displaced()) };
        match foresight {
            Foresight::AllPlaced => (Vec::new(), true),
            Foresight::Alike => (tries(1), true),
            Foresight::Open(displaced) => (tries(self.question.options.affordable(displaced)), false),
        }
    }

    /// What a loss leaves Pending as things are, whether every order ends so, and how many were tried.
    fn shortage(&self, state: &mut State, loss: usize) -> (Shortage, bool, u64) {
        let mut worst: (u32, Vec<Short>) = (0, Vec::new());
        let disruption = &self.losses[loss];
        let (seeds, is_certain) = self.seeds(state, disruption);
        for &seed in seeds.iter().take_while(|_| !self.question.is_cancelled()) {
            let mark = state.mark();
            let calm = trial::calm(state, seed, None);
            let short = trial::after(state, &calm.rest, disruption, seed, |settling| {
                let missing = trial::missing(settling);
                let pods = trial::excess(&missing, &Missing::new());
                let told =
                    |(&id, &pods): (&WorkloadId, &u32)| Short { workload: id, pods, message: trial::why(settling, id) };
                (pods > worst.0).then(|| (pods, missing.iter().map(told).collect::<Vec<_>>()))
            });
            state.undo_to(mark);
            worst = short.unwrap_or(worst);
        }
        (Shortage { loss, workloads: worst.1 }, is_certain, seeds.len() as u64)
    }

    /// How many pods a loss displaces, about.
    fn displaced(&self, loss: usize) -> u64 {
        self.losses[loss].nodes.iter().map(|node| self.base.pods_on(node.position()).len() as u64).sum()
    }
}

/// Nodes of each pool, by its number: how many are added.
type Counts = Vec<usize>;

/// What is known of each pool.
struct Pool {
    /// Its nodes.
    nodes: Vec<NodeId>,
    /// What an empty node offers: pods, then each resource.
    offer: Vec<i64>,
}

impl Pool {
    /// The pools, the smallest nodes first, then by name.
    fn all(model: &Model, pools: &[Vec<NodeId>]) -> Vec<Self> {
        let pool = |nodes: &Vec<NodeId>| {
            let offer = nodes.first().map_or_else(Vec::new, |node| model.offer(node.position()).collect());
            Self { nodes: nodes.clone(), offer }
        };
        let mut pools: Vec<Self> = pools.iter().map(pool).filter(|pool| !pool.nodes.is_empty()).collect();
        pools.sort_by(|a, b| a.offer.get(1..).cmp(&b.offer.get(1..)).then_with(|| a.nodes.cmp(&b.nodes)));
        pools
    }
}

/// The nodes of so many of each pool.
fn nodes_of(pools: &[Pool], counts: &Counts) -> Vec<NodeId> {
    pools.iter().zip(counts).flat_map(|(pool, &count)| pool.nodes.iter().take(count)).copied().collect()
}

/// What each loss leaves Pending, by the place of the loss.
type AfterEach = BTreeMap<usize, Missing>;

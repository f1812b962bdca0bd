//! The loss of every pair of nodes (N-2), by reasoning about which nodes interact instead of by trying each pair.
//!
//! **At once.** What is ready of a workload after a loss is what was ready less what was ready on the lost nodes, so for a
//! pair it is additive. A pair breaks a workload that neither of its nodes breaks alone only where both hold pods of
//! it. [`instant`] finds these pairs workload by workload; for all others the answer is that of the single nodes.
//!
//! **In the end.** Words are those of the argument in [`order`](crate::order): D are the pods without a node once the
//! pair is lost, which are those that waited before (D₀) and those that controllers create for the pods on either node
//! (Dᵢ, Dⱼ); S is the state before any of them is placed. Nodes other than i and j hold in S what they hold now.
//!
//! 1. *Always*: [`lasting`] shows of a pod that it is placed in every run whatever two nodes are lost, from upper bounds
//!    on what D₀ and the two most demanding nodes displace together.
//! 2. *Never*: every node but i and j refuses a pod of Dᵢ or Dⱼ now for a reason that stays when nodes are lost: labels,
//!    taints, resources, ports, or the zone of a bound volume.
//! 3. No pod is preempted if every pod of D is of case 1, or is one that never preempts: by its policy, because no pod
//!    has a lower priority, or because labels and taints alone keep it off every node (see `order`).
//!
//! A pair *holds* if 3 is so and all pods of Dᵢ and Dⱼ are of case 1; it *breaks* if 3 is so and one of them is of case
//! 2. Of other pairs nothing is claimed, unless there are so few of them, or they are so bad, that each is simulated by
//! itself: then what is certain there counts. What remains depends on order, or the argument does not reach that far.

mod displaced;
mod instant;
mod lasting;

use std::sync::atomic::{AtomicBool, Ordering};

use ha_core::arithmetic::size;
use ha_core::impact::{Certainty, Disruption, DisruptionKind, InstantVerdict, LossMode};
use ha_core::snapshot::{NodeId, ObjectId, WorkloadId};
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use crate::model::Model;
use crate::outcome;
use crate::simulate::{Options, simulate};
use crate::state::State;

use displaced::Displaced;
use lasting::Prospects;

/// How many pairs are simulated by themselves where the argument does not tell their end.
const SIMULATED: usize = 20_000;
/// How many pairs, workloads and examples are listed.
const LISTED: usize = 50;

/// A pair of nodes, in the snapshot's order.
pub type Pair = (NodeId, NodeId);

/// How a pair ends for the pods that have a node now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// All that controllers create again is placed, in every order, and no pod is preempted.
    Holds,
    /// It depends on order, or it cannot be told.
    Open,
    /// Some pod has no place, in every order.
    Breaks,
}

/// What the losses of all pairs of nodes come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// How many pairs there are.
    pub all: u64,
    /// How many of them break something at once that is not broken now: a workload, or a part of the cluster itself.
    pub broken_at_once: u64,
    /// How many of them stop the control plane: etcd, or all API servers.
    pub stop_control_plane: u64,
    /// How many hold in the end.
    pub hold: u64,
    /// How many leave a pod without a place, in every order.
    pub break_for_good: u64,
    /// Of how many it cannot be told, or it depends on order.
    pub open: u64,
    /// Whether nothing was left out: false once it was cancelled.
    pub is_complete: bool,
    /// Those that break most at once, the worst first.
    pub worst: Vec<WorstPair>,
    /// What some pair breaks at once: parts of the cluster itself first, then the most fragile first.
    pub broken: Vec<Broken>,
    /// Where pairs are open: workloads with a pod of which it is not shown that it is always placed, and on how many nodes
    /// such pods are.
    pub undecided: Vec<(WorkloadId, u32)>,
    /// How many such workloads there are.
    pub undecided_workloads: u32,
}

/// A pair that breaks much at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorstPair {
    /// The nodes.
    pub nodes: Pair,
    /// Parts of the cluster itself that stop.
    pub cluster: u32,
    /// Workloads that are down.
    pub down: u32,
    /// Workloads below what they need that are not down.
    pub below: u32,
    /// Whether the control plane stops, so that nothing is made again before it is back.
    pub stops_control_plane: bool,
    /// How it ends.
    pub end: End,
}

/// What a pair may break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A workload.
    Workload(WorkloadId),
    /// A part of the cluster itself, and what it is.
    Cluster(ObjectId, &'static str),
}

/// Something that pairs break at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What.
    pub subject: Subject,
    /// Ready before.
    pub before: u32,
    /// Needed.
    pub needed: u32,
    /// How it stands after the worst pair.
    pub verdict: InstantVerdict,
    /// How many nodes break it alone, and the first of them.
    pub alone: (u32, Vec<NodeId>),
    /// How many pairs break it although neither node does so alone, and the first of them.
    pub pairs: (u64, Vec<Pair>),
}

/// Tells of all pairs. The state of the model is looked at in copies. Once `cancelled` is set, what is not shown yet is
/// left open.
pub fn pairs(model: &Model, mode: LossMode, options: &Options, cancelled: &AtomicBool) -> Pairs {
    let state = State::new(model);
    let instants = instant::Instants::of(&state, options.settings);
    let displaced = Displaced::of(state.clone(), mode);
    let prospects = Prospects::of(&displaced, mode, cancelled);
    let mut ends = Ends { prospects: &prospects, simulated: HashMap::new() };
    let worst: Vec<(usize, usize)> = instants.worst.iter().map(|&(pair, _)| pair).collect();
    let count = model.nodes.len();
    let open: Vec<(usize, usize)> = all(count).filter(|&pair| ends.of(pair) == End::Open).take(SIMULATED + 1).collect();
    let few = if open.len() > SIMULATED { &worst } else { &open };
    let undecided: Vec<(usize, usize)> = few.iter().copied().filter(|&pair| ends.of(pair) == End::Open).collect();
    ends.simulated = simulated(&state, &undecided, mode, options, cancelled);
    let mut pairs = Pairs { is_complete: !cancelled.load(Ordering::Relaxed), ..Pairs::default() };
    for pair in all(count) {
        pairs.all += 1;
        pairs.stop_control_plane += u64::from(instants.stops_control_plane(pair));
        match ends.of(pair) {
            End::Holds => pairs.hold += 1,
            End::Breaks => pairs.break_for_good += 1,
            End::Open => pairs.open += 1,
        }
    }
    pairs.broken_at_once = instants.broken_pairs;
    let node = NodeId::at;
    let told = |&(pair, [cluster, down, below]): &((usize, usize), [u32; 3])| WorstPair {
        nodes: (node(pair.0), node(pair.1)),
        cluster,
        down,
        below,
        stops_control_plane: instants.stops_control_plane(pair),
        end: ends.of(pair),
    };
    pairs.worst = instants.worst.iter().map(told).collect();
    pairs.broken = instants.broken;
    let mut undecided: Vec<(WorkloadId, u32)> =
        if pairs.open > 0 { prospects.undecided().into_iter().collect() } else { Vec::new() };
    undecided.sort_unstable_by_key(|&(workload, nodes)| (std::cmp::Reverse(nodes), workload));
    pairs.undecided_workloads = size(undecided.len());
    undecided.truncate(LISTED);
    pairs.undecided = undecided;
    pairs
}

/// How pairs end by reasoning alone, without simulating any.
pub fn reasoned(model: &Model, mode: LossMode) -> impl Fn(Pair) -> End {
    let state = State::new(model);
    let displaced = Displaced::of(state, mode);
    let prospects = Prospects::of(&displaced, mode, &AtomicBool::new(false));
    move |(first, second)| prospects.end((first.position(), second.position()))
}

/// All pairs of so many nodes.
fn all(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |first| (first + 1..count).map(move |second| (first, second)))
}

/// How pairs end, as far as it is known.
struct Ends<'p> {
    prospects: &'p Prospects,
    simulated: HashMap<(usize, usize), End>,
}

impl Ends<'_> {
    fn of(&self, pair: (usize, usize)) -> End {
        match self.prospects.end(pair) {
            End::Open if !self.simulated.is_empty() => self.simulated.get(&pair).copied().unwrap_or(End::Open),
            end => end,
        }
    }
}

/// Simulates each of the pairs by itself; what is not certain is left open.
fn simulated(
    state: &State,
    pairs: &[(usize, usize)],
    mode: LossMode,
    options: &Options,
    cancelled: &AtomicBool,
) -> HashMap<(usize, usize), End> {
    let distinct: HashSet<(usize, usize)> = pairs.iter().copied().collect();
    let pairs: Vec<(usize, usize)> = distinct.into_iter().collect();
    let one = |state: &mut State, &pair: &(usize, usize)| {
        (!cancelled.load(Ordering::Relaxed)).then(|| (pair, certain_end(state, pair, mode, options)))
    };
    pairs.par_iter().map_with(state.clone(), one).collect::<Vec<_>>().into_iter().flatten().collect()
}

fn certain_end(state: &mut State, (first, second): (usize, usize), mode: LossMode, options: &Options) -> End {
    let nodes = vec![NodeId::at(first), NodeId::at(second)];
    let disruption = Disruption { name: String::new(), kind: DisruptionKind::Loss(mode), nodes };
    let impact = simulate(state, &disruption, &Options { tries: 1, show_all: false, ..*options });
    let (mut all_certain, mut all_placed) = (true, impact.preempted.is_empty());
    for told in &impact.workloads {
        let before = outcome::standing(state, told.workload);
        let missing = told.recovered.missing() > before.missing();
        let is_certain = told.certainty == Certainty::Certain;
        if is_certain && missing {
            return End::Breaks;
        }
        all_certain &= is_certain;
        all_placed &= !missing;
    }
    if all_certain && all_placed { End::Holds } else { End::Open }
}

//! How many more replicas each workload could have, alone, so that still no single loss leaves more pods Pending.
//!
//! The replicas are there, placed by the scheduler, before anything is lost. Their number is doubled until some loss leaves a
//! pod Pending that it does not leave without them, and then narrowed down; the number that is told was tried in all
//! orders, and so was one more, in which some order fails. Whether a larger number would do after all is not looked at.
//!
//! Replicas that take the place of other pods are no growth. Left out: kinds without a number of replicas, workloads without
//! a pod, from which alone is known what the scheduler gets, and what autoscalers of pods allow.

use ha_core::Snapshot;
use ha_core::impact::Disruption;
use ha_core::snapshot::{NodeId, WorkloadId};
use rayon::prelude::*;

use super::trial::{self, Missing};
use super::{Field, Question};
use crate::ids::PodIndex;
use crate::model::{Model, PodModel, Resources};
use crate::simulate::Options;
use crate::state::State;

/// No workload is tried with more replicas beyond those that it has.
const MOST: u32 = 1_000;
/// How many pods are placed, about, for one workload, and for all together.
const PLACED_EACH: u64 = 20_000;
const PLACED: u64 = 1_000_000;
/// About so many numbers of replicas are tried until the right one is found.
const NUMBERS: u64 = 10;

/// How much workloads could grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// Those that were looked at, sorted by workload.
    pub workloads: Vec<Grows>,
    /// How many were not: those that request least.
    pub left_out: usize,
    /// In how many orders each number was tried.
    pub runs: u32,
}

/// How much one workload could grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grows {
    /// The workload.
    pub workload: WorkloadId,
    /// How many replicas it has.
    pub replicas: u32,
    /// How many more it could have.
    pub more: u32,
    /// What one more than that leads to; none where it was not tried, since `more` is the most that is.
    pub stop: Option<Stop>,
}

/// What stops growth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The loss, by its place among all; none where it is stopped before anything is lost.
    pub loss: Option<usize>,
    /// Whose pod is left Pending; the workload itself where no pod is.
    pub workload: WorkloadId,
    /// Why, in the scheduler's words where a pod is left Pending.
    pub message: String,
}

/// How much each workload could grow once these nodes are there.
pub fn growth(model: &Model, question: &Question, added: &[NodeId]) -> Growth {
    let field = Field::new(model, question);
    let displaced: u64 = (0..field.losses.len()).map(|loss| field.displaced(loss) + 1).sum();
    let tries = question.options.tries.clamp(1, (PLACED_EACH / displaced.max(1)).max(2));
    let each = displaced.saturating_mul(NUMBERS + tries);
    let mut workloads = by_requests(model);
    let all = workloads.len();
    workloads.truncate(usize::try_from(PLACED / each.max(1)).unwrap_or(usize::MAX));
    if workloads.is_empty() {
        return Growth { left_out: all, ..Growth::default() };
    }
    let losses: Vec<Disruption> = (0..field.losses.len()).map(|loss| field.loss(loss, added)).collect();
    let seeds: Vec<u64> = Options { tries, ..question.options }.seeds().collect();
    let mut course = Course { losses, seeds, calmly: Missing::new(), preempts: false, allowed: Vec::new() };
    let state = field.with(added);
    course.learn(&state);
    let grows = |state: &mut State, &workload: &WorkloadId| {
        if question.is_cancelled() {
            return None;
        }
        let mut growing =
            Growing { course: &course, question, added, workload, order: (0..course.losses.len()).collect() };
        Some(growing.grows(state))
    };
    let mut grown: Vec<Grows> =
        workloads.par_iter().map_with(state, grows).collect::<Vec<_>>().into_iter().flatten().collect();
    grown.sort_by_key(|grows| grows.workload);
    Growth { left_out: all - grown.len(), workloads: grown, runs: u32::try_from(tries).unwrap_or(u32::MAX) }
}

/// The workloads that can grow, those that request most first.
fn by_requests(model: &Model) -> Vec<WorkloadId> {
    let offered: Vec<i64> = [Resources::CPU, Resources::MEMORY]
        .map(|resource| (0..model.nodes.len()).map(|node| model.allocatable(node, resource)).sum())
        .into();
    let share = |id: WorkloadId| {
        let Some(pod) = prototype(model, id) else {
            return 0;
        };
        let requested = model.shape(model.class(pod.class).shape).requests.non_zero;
        let parts = requested.iter().zip(&offered);
        let largest = parts.map(|(&wanted, &all)| i128::from(wanted) * 1_000_000_000 / i128::from(all.max(1))).max();
        largest.unwrap_or(0) * i128::from(replicas(model, id))
    };
    let grows = |id: &WorkloadId| replicas(model, *id) > 0 && prototype(model, *id).is_some();
    let mut ids: Vec<WorkloadId> = model.snapshot.workloads_by_id().map(|(id, _)| id).filter(grows).collect();
    ids.sort_by_cached_key(|&id| (std::cmp::Reverse(share(id)), id));
    ids
}

/// How many replicas a workload wants; 0 for kinds that have no such number.
fn replicas(model: &Model, id: WorkloadId) -> u32 {
    let workload = model.snapshot.workload(id);
    if workload.resolved { workload.desired() } else { 0 }
}

/// What one more pod of a workload is like: the one that started last.
fn prototype(model: &Model, id: WorkloadId) -> Option<PodModel> {
    let snapshot = model.snapshot;
    let pods = snapshot.workload(id).pods.of(&snapshot.workload_pods).iter();
    let alive = pods
        .map(|pod| PodIndex::at(pod.position()))
        .filter(|pod| !snapshot.pods[pod.position()].is_finished() && !model.pods[pod.position()].terminating);
    let pod = &model.pods[alive.max_by_key(|pod| model.pods[pod.position()].started)?.position()];
    let class = model.replacement(pod.class);
    Some(PodModel { class, name: ha_core::text::Text::default(), started: None, ..pod.clone() })
}

/// What every number of replicas is held against.
struct Course {
    losses: Vec<Disruption>,
    seeds: Vec<u64>,
    /// What is missing without more replicas before anything is lost, the most of each workload over all orders.
    calmly: Missing,
    /// Whether pods take the place of others then.
    preempts: bool,
    /// What is missing after each loss.
    allowed: Vec<Missing>,
}

impl Course {
    /// Tries it without more replicas.
    fn learn(&mut self, state: &State) {
        let mut calm_state = state.clone();
        for &seed in &self.seeds {
            let mark = calm_state.mark();
            let calm = trial::calm(&mut calm_state, seed, None);
            trial::worse(&mut self.calmly, &calm.missing);
            self.preempts |= calm.preempted.is_some();
            calm_state.undo_to(mark);
        }
        let missing = |state: &mut State, loss: &Disruption| {
            let mut worst = Missing::new();
            for &seed in &self.seeds {
                trial::worse(&mut worst, &trial::missing_of(state, loss, seed));
            }
            worst
        };
        self.allowed = self.losses.par_iter().map_with(state.clone(), missing).collect();
    }
}

/// One workload while it is tried with more replicas.
struct Growing<'g> {
    course: &'g Course,
    question: &'g Question<'g>,
    added: &'g [NodeId],
    workload: WorkloadId,
    /// The losses, those that stopped it last first.
    order: Vec<usize>,
}

impl Growing<'_> {
    /// The largest number found. The state is without more replicas, before and after.
    fn grows(&mut self, state: &mut State) -> Grows {
        let first = &self.course.seeds[..1];
        let (mut holds, mut fails, mut stop) = (0, MOST + 1, None);
        let mut number = 1;
        while number < fails {
            match self.stopped(state, number, first) {
                Some(found) => (fails, stop) = (number, Some(found)),
                None => holds = number,
            }
            number = if stop.is_none() { (2 * number).min(MOST) } else { middle(holds, fails) };
            if number <= holds {
                break;
            }
        }
        // What one order allows, another need not.
        number = holds;
        holds = 0;
        while number > holds {
            match self.stopped(state, number, &self.course.seeds) {
                Some(found) => (fails, stop) = (number, Some(found)),
                None => holds = number,
            }
            number = middle(holds, fails);
        }
        Grows { workload: self.workload, replicas: replicas(state.model, self.workload), more: holds, stop }
    }

    /// What stops that many more replicas; none where nothing does.
    fn stopped(&mut self, state: &mut State, more: u32, seeds: &[u64]) -> Option<Stop> {
        let model = state.model;
        if !model.sets.contains_key(&self.workload) {
            let pod = prototype(model, self.workload)?;
            return self.stopped_on(state, Some((&pod, more)), seeds);
        }
        // Pods of a StatefulSet have names, claims and an order of their own, which a model makes of their number.
        let snapshot = with_replicas(model.snapshot, self.workload, more);
        let model = Model::new(&snapshot);
        let field = Field::new(&model, self.question);
        self.stopped_on(&mut field.with(self.added), None, seeds)
    }

    fn stopped_on(&mut self, state: &mut State, more: Option<(&PodModel, u32)>, seeds: &[u64]) -> Option<Stop> {
        seeds.iter().find_map(|&seed| {
            let mark = state.mark();
            let calm = trial::calm(state, seed, more);
            let objection =
                if calm.denied { Some("a ResourceQuota denies it".to_owned()) } else { self.robbed(state, &calm) };
            let stop = match objection {
                Some(message) => Some(Stop { loss: None, workload: self.workload, message }),
                None => self.stopped_at(state, &calm, seed),
            };
            state.undo_to(mark);
            stop
        })
    }

    /// Whose place the replicas took, where nobody loses one without them.
    fn robbed(&self, state: &State, calm: &trial::Calm) -> Option<String> {
        let snapshot = state.model.snapshot;
        let name = |id: WorkloadId| snapshot.name_of(snapshot.workload(id)).to_owned();
        calm.preempted
            .filter(|_| !self.course.preempts)
            .map(|id| format!("it takes the place of a pod of {}", name(id)))
    }

    /// The first moment at which more is missing than without the replicas.
    fn stopped_at(&mut self, state: &mut State, calm: &trial::Calm, seed: u64) -> Option<Stop> {
        let nothing = Disruption::default();
        if let Some(workload) = first_excess(&calm.missing, &self.course.calmly) {
            let message = trial::after(state, &calm.rest, &nothing, seed, |settling| trial::why(settling, workload));
            return Some(Stop { loss: None, workload, message });
        }
        for place in 0..self.order.len() {
            let loss = self.order[place];
            let (disruption, allowed) = (&self.course.losses[loss], &self.course.allowed[loss]);
            let found = trial::after(state, &calm.rest, disruption, seed, |settling| {
                let workload = first_excess(&trial::missing(settling), allowed)?;
                Some(Stop { loss: Some(loss), workload, message: trial::why(settling, workload) })
            });
            if found.is_some() {
                self.order[..=place].rotate_right(1);
                return found;
            }
        }
        None
    }
}

/// A workload of which more is missing than is allowed.
fn first_excess(missing: &Missing, allowed: &Missing) -> Option<WorkloadId> {
    let is_more = |&(id, &pods): &(&WorkloadId, &u32)| pods > allowed.get(id).copied().unwrap_or(0);
    missing.iter().find(is_more).map(|(&id, _)| id)
}

/// Between a number that holds and one that fails; the former where they are neighbours.
fn middle(holds: u32, fails: u32) -> u32 {
    holds + (fails - holds) / 2
}

/// The snapshot in which a workload wants more replicas.
fn with_replicas(snapshot: &Snapshot, id: WorkloadId, more: u32) -> Snapshot {
    let mut snapshot = snapshot.clone();
    let workload = &mut snapshot.workloads[id.position()];
    workload.replicas = Some(workload.replicas.unwrap_or(1).saturating_add(more));
    snapshot
}

//! A new revision of one workload, while nodes are lost or while all is well: does the rollout end, and how low does
//! the workload fall meanwhile?
//!
//! The failure strikes first and comes to rest; then the rollout begins. New pods are like the old ones but for the hash
//! of their revision, and ready as soon as they have a node.
//! Sources: `reconcileNewReplicaSet` and `reconcileOldReplicaSets` in `pkg/controller/deployment/rolling.go`,
//! `rolloutRecreate` in `recreate.go`; `rollingUpdateStatefulSet` in
//! `pkg/controller/statefulset/stateful_set_control.go`; `rollingUpdate` in `pkg/controller/daemon/update.go`, whose
//! surge is left out.

use ha_core::arithmetic::replicas::needed;
use ha_core::arithmetic::rollout::{RolloutBounds, rollout_bounds};
use ha_core::arithmetic::size;
use ha_core::impact::{Certainty, Disruption, InstantVerdict};
use ha_core::rule::Input;
use ha_core::snapshot::{UpdateStrategy, WorkloadId, WorkloadKind};

use crate::eviction::is_ready;
use crate::failure;
use crate::ids::PodIndex;
use crate::model::PodModel;
use crate::settle::Settling;
use crate::simulate::{Options, verdict};
use crate::state::State;

/// What one run of a rollout came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether all pods are of the new revision and ready.
    pub finishes: bool,
    /// Ready when the rollout begins.
    pub ready_at_start: u32,
    /// The fewest that are ready on the way.
    pub lowest: u32,
    /// Pods of the new revision that have a node in the end.
    pub updated: u32,
    /// Pods of old revisions that are left.
    pub old: u32,
    /// Pods of the new revision without a node, in the scheduler's words, each once.
    pub pending: u32,
    /// Why.
    pub reasons: Vec<String>,
    /// Whether it was given up: pods chased each other without end.
    pub endless: bool,
}

/// What a rollout comes to.
#[derive(Clone, Debug, Default)]
pub struct Rollout {
    /// How many pods the workload is to have.
    pub desired: u32,
    /// Ready before anything happens.
    pub before: u32,
    /// Needed (rules.md 1.4).
    pub needed: u32,
    /// How the workload stands at the lowest of all runs.
    pub verdict: InstantVerdict,
    /// The lowest of all runs.
    pub lowest: u32,
    /// The first run.
    pub first: Progress,
    /// How many runs there were, and in how many of them it ended.
    pub runs: (u32, u32),
    /// `possible`, or `unknown` where pods chase each other.
    pub certainty: Certainty,
}

/// Rolls a workload out, during a failure if there is one. The state must come from
/// [`Model::with_revision`](crate::Model::with_revision) of that workload, and is as before afterwards. None where the
/// workload has no rollout: its kind knows none, its strategy is `OnDelete`, or it has no pod.
pub fn rollout(
    state: &mut State,
    workload: WorkloadId,
    failure: Option<&Disruption>,
    options: &Options,
) -> Option<Rollout> {
    let snapshot = state.model.snapshot;
    let record = snapshot.workload(workload);
    let healthy = snapshot.pods_of(record).filter(|pod| pod.is_healthy()).count();
    let existing = snapshot.pods_of(record).filter(|pod| !pod.is_finished() && pod.deleted_at.is_none()).count();
    let desired = match record.kind {
        WorkloadKind::DaemonSet => size(existing),
        _ => record.desired(),
    };
    let bounds = rollout_bounds(record, desired).filter(|_| desired > 0 && existing > 0)?;
    let seeds = options.seeds();
    let runs: Vec<Progress> = seeds.map(|seed| run(state, workload, (desired, bounds), failure, seed)).collect();
    let finished = runs.iter().filter(|run| run.finishes).count();
    let lowest = runs.iter().map(|run| run.lowest).min().unwrap_or(0);
    let input = Input { snapshot, settings: options.settings, impacts: &[] };
    let needed = needed(&input, record, desired);
    let endless = runs.iter().any(|run| run.endless);
    Some(Rollout {
        desired,
        before: size(healthy),
        needed,
        verdict: verdict(snapshot, workload, desired, lowest, needed),
        lowest,
        runs: (size(runs.len()), size(finished)),
        certainty: if endless { Certainty::Unknown } else { Certainty::Possible },
        first: runs.into_iter().next().unwrap_or_default(),
    })
}

fn run(
    state: &mut State,
    workload: WorkloadId,
    (desired, bounds): (u32, RolloutBounds),
    failure: Option<&Disruption>,
    seed: u64,
) -> Progress {
    let mark = state.mark();
    let mut settling = Settling::new(state, seed);
    match failure {
        Some(disruption) => drop(failure::apply(&mut settling, disruption)),
        None => settling.settle(),
    }
    let mut rolling = Rolling::new(settling, workload, desired, bounds);
    match rolling.settling.state.model.snapshot.workload(workload).kind {
        WorkloadKind::StatefulSet => rolling.stateful_set(),
        WorkloadKind::DaemonSet => rolling.daemon_set(),
        _ => rolling.deployment(),
    }
    let progress = rolling.end();
    state.undo_to(mark);
    progress
}

/// A rollout on its way.
struct Rolling<'s, 'm> {
    settling: Settling<'s, 'm>,
    workload: WorkloadId,
    desired: u32,
    bounds: RolloutBounds,
    /// What a new pod is like; none where there is no pod to take it from.
    prototype: Option<PodModel>,
    old: Vec<PodIndex>,
    new: Vec<PodIndex>,
    progress: Progress,
}

impl<'s, 'm> Rolling<'s, 'm> {
    fn new(settling: Settling<'s, 'm>, workload: WorkloadId, desired: u32, bounds: RolloutBounds) -> Self {
        let state = &*settling.state;
        let is_own = |&pod: &PodIndex| {
            let model = state.pod(pod);
            model.workload == workload && !model.terminating && state.exists(pod)
        };
        let old: Vec<PodIndex> = state.pods().filter(is_own).collect();
        let sibling = old.first().copied().or_else(|| state.pods().find(|&pod| state.pod(pod).workload == workload));
        let prototype = sibling.map(|pod| {
            let like = state.pod(pod).clone();
            PodModel { class: state.model.revision(like.class), started: None, terminating: false, ..like }
        });
        let mut rolling = Self {
            settling,
            workload,
            desired,
            bounds,
            prototype,
            old,
            new: Vec::new(),
            progress: Progress::default(),
        };
        rolling.progress.ready_at_start = rolling.ready();
        rolling.progress.lowest = rolling.ready();
        rolling
    }

    fn ready_of(&self, pods: &[PodIndex]) -> u32 {
        size(pods.iter().filter(|&&pod| is_ready(self.settling.state, pod)).count())
    }

    fn ready(&self) -> u32 {
        self.ready_of(&self.old) + self.ready_of(&self.new)
    }

    fn note_lowest(&mut self) {
        self.progress.lowest = self.progress.lowest.min(self.ready());
    }

    fn deployment(&mut self) {
        let snapshot = self.settling.state.model.snapshot;
        if snapshot.workload(self.workload).strategy == UpdateStrategy::Recreate {
            for pod in std::mem::take(&mut self.old) {
                self.settling.discard(pod);
            }
            self.note_lowest();
        }
        loop {
            let created = self.create();
            self.settling.settle();
            let discarded = self.scale_down();
            if created + discarded == 0 || self.settling.endless {
                return;
            }
        }
    }

    /// As many new pods as the surge leaves room for. Returns how many.
    fn create(&mut self) -> usize {
        let most = self.desired.saturating_add(self.bounds.surge);
        let all = size(self.old.len() + self.new.len());
        let lacking = self.desired.saturating_sub(size(self.new.len())).min(most.saturating_sub(all));
        let before = self.new.len();
        for _ in 0..lacking {
            let Some(pod) = self.prototype.clone().and_then(|pod| self.settling.bring(pod)) else {
                break;
            };
            self.new.push(pod);
        }
        self.new.len() - before
    }

    /// Old pods that are not ready go first, then as many others as may be missing. Returns how many.
    fn scale_down(&mut self) -> usize {
        let min_available = self.desired.saturating_sub(self.bounds.unavailable);
        let all = size(self.old.len() + self.new.len());
        let new_unready = size(self.new.len()) - self.ready_of(&self.new);
        let at_most = all.saturating_sub(min_available).saturating_sub(new_unready);
        if at_most == 0 {
            return 0;
        }
        let state = &*self.settling.state;
        let (ready, unready): (Vec<PodIndex>, Vec<PodIndex>) = self.old.iter().partition(|&&pod| is_ready(state, pod));
        let broken = unready.into_iter().take(at_most as usize);
        let spare = self.ready().saturating_sub(min_available);
        let going: Vec<PodIndex> = broken.chain(ready.into_iter().take(spare as usize)).collect();
        for &pod in &going {
            self.settling.discard(pod);
        }
        self.old.retain(|pod| !going.contains(pod));
        self.note_lowest();
        going.len()
    }

    /// From the highest ordinal down, each only while all others are ready.
    fn stateful_set(&mut self) {
        let snapshot = self.settling.state.model.snapshot;
        let settings = snapshot.workload(self.workload).stateful.as_ref();
        let first = settings.map_or(0, |settings| settings.partition);
        let state = &*self.settling.state;
        let ordinal = |pod: PodIndex| state.pod(pod).ordinal.unwrap_or(0);
        let mut order: Vec<PodIndex> = self.old.iter().copied().filter(|&pod| ordinal(pod) >= first).collect();
        order.sort_by_key(|&pod| std::cmp::Reverse(ordinal(pod)));
        // What is below the partition stays as it is, and is not waited for in the end.
        let kept: Vec<PodIndex> = self.old.iter().copied().filter(|&pod| ordinal(pod) < first).collect();
        for pod in order {
            if self.ready() + self.bounds.unavailable <= self.desired && is_ready(self.settling.state, pod) {
                break;
            }
            self.replace(pod);
            if self.settling.endless {
                break;
            }
        }
        self.old.retain(|pod| !kept.contains(pod));
        self.new.extend(kept);
    }

    /// Node by node, as long as not too many are missing.
    fn daemon_set(&mut self) {
        for pod in self.old.clone() {
            let missing = self.desired.saturating_sub(self.ready());
            if missing >= self.bounds.unavailable && is_ready(self.settling.state, pod) {
                continue;
            }
            self.replace(pod);
            if self.settling.endless {
                break;
            }
        }
    }

    /// Deletes a pod, and lets its controller make the next one.
    fn replace(&mut self, pod: PodIndex) {
        let before = self.settling.state.pod_count();
        self.old.retain(|&other| other != pod);
        self.settling.lose(pod);
        self.note_lowest();
        self.settling.settle();
        let state = &*self.settling.state;
        let is_own = |&pod: &PodIndex| state.pod(pod).workload == self.workload && state.exists(pod);
        let created: Vec<PodIndex> = (before..state.pod_count()).map(PodIndex::at).filter(is_own).collect();
        self.new.extend(created);
    }

    fn end(mut self) -> Progress {
        self.settling.retry();
        let state = &*self.settling.state;
        let mut progress = self.progress;
        let placed = self.new.iter().filter(|&&pod| state.node_of(pod).is_some());
        progress.updated = size(placed.count());
        progress.old = size(self.old.iter().filter(|&&pod| state.exists(pod)).count());
        for waiting in self.settling.waiting().iter().filter(|waiting| self.new.contains(&waiting.pod)) {
            progress.pending += 1;
            let why = waiting.why(state);
            if !progress.reasons.contains(&why) {
                progress.reasons.push(why);
            }
        }
        let ready = self.new.iter().filter(|&&pod| is_ready(state, pod)).count();
        progress.endless = self.settling.endless;
        progress.finishes = !progress.endless && progress.old == 0 && size(ready) >= self.desired;
        progress
    }
}

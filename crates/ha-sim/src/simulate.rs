//! One disruption, whole: what is down at once, what comes back, whether that is certain, and how long it takes.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use ha_core::Settings;
use ha_core::arithmetic::quorum::quorum;
use ha_core::arithmetic::replicas::{is_quorum_group, needed};
use ha_core::arithmetic::size;
use ha_core::impact::{
    Certainty, Disruption, DisruptionKind, Impact, InstantVerdict, LossMode, PendingReason, PluginRefusals, PodCounts,
    RefusedEviction, WorkloadImpact,
};
use ha_core::rule::Input;
use ha_core::snapshot::{NodeId, Pod, PodId, ServiceId, Snapshot, WorkloadId, WorkloadKind};
use ha_core::text::Text;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use crate::cluster::{self, Aftermath};
use crate::eviction::{self, Answer};
use crate::failure;
use crate::ids::{ClassId, PodIndex};
use crate::order::{self, Fate, Fates};
use crate::outcome::{self, Outcome};
use crate::recovery::{self, Zones};
use crate::settle::Settling;
use crate::state::State;

/// How a disruption is tried.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// What the user configured.
    pub settings: &'a Settings,
    /// How often what is not certain is tried at most; where very many pods move, fewer times, see [`PLACED`].
    pub tries: u64,
    /// How often it is tried at least where that many tries are asked for, however many pods move.
    pub least: u64,
    /// The first seed. Seed 0 is the plain run.
    pub seed: u64,
    /// Whether workloads are listed that the disruption does not touch.
    pub show_all: bool,
}

impl Options<'_> {
    /// How often a disruption is tried that displaces so many pods, when its end is not certain.
    pub(crate) fn affordable(&self, displaced: usize) -> u64 {
        let fewer = (self.least.saturating_mul(PLACED) / displaced.max(1) as u64).max(self.least);
        self.tries.min(fewer).max(1)
    }

    /// The seeds of the tries, at least one.
    pub fn seeds(&self) -> impl Iterator<Item = u64> + use<> {
        let first = self.seed;
        (0..self.tries.max(1)).map(move |number| first.wrapping_add(number))
    }
}

/// Where the least tries place more pods than so many each, no more are made, so that the loss of a large zone takes
/// seconds.
const PLACED: u64 = 50_000;
/// From so many displaced pods on it is worth a copy of the state for each run.
const MANY: usize = 2_000;

/// Simulates one disruption. The state is as before afterwards.
pub fn simulate(state: &mut State, disruption: &Disruption, options: &Options) -> Impact {
    let mut prospect = Prospect::of(state, disruption, options.show_all);
    let is_certain = prospect.all_certain(state);
    let runs = match prospect.foreseen.take().filter(|_| is_certain) {
        Some(foreseen) => vec![foreseen],
        None => tried(state, disruption, options, is_certain, &prospect.classes),
    };
    let mut workloads: Vec<WorkloadId> = runs.iter().flat_map(|run| run.counts.keys().copied()).collect();
    workloads.sort_unstable();
    workloads.dedup();
    let instant = Instant::of(state, disruption);
    let hit = Hit::of(state, disruption);
    let impacts = workloads.into_iter().map(|id| {
        let report =
            Report { state, disruption, options, runs: &runs, prospect: &prospect, instant: &instant, hit: &hit };
        report.workload(id)
    });
    let touched = |impact: &WorkloadImpact| options.show_all || hit.is_touched(state, impact);
    let workloads: Vec<WorkloadImpact> = impacts.filter(touched).collect();
    let snapshot = state.model.snapshot;
    let cluster = cluster::losses(
        &state.model.roles,
        &Aftermath { snapshot, disruption, is_ready: &|pod| instant.is_ready(snapshot, pod), workloads: &workloads },
    );
    let mut preempted: Vec<PodId> = runs[0].preempted.iter().filter_map(|&(_, pod)| pod).collect();
    preempted.sort_unstable();
    Impact {
        disruption: disruption.clone(),
        workloads,
        refused_evictions: refused(state, &runs[0]),
        preempted,
        cluster,
    }
}

/// What is known of how a disruption ends before it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foresight {
    /// Every pod is placed in every order, and none is preempted.
    AllPlaced,
    /// Every order ends alike for each workload.
    Alike,
    /// It depends on the order, or cannot be told; so many pods are displaced.
    Open(usize),
}

/// What is known of how a disruption ends. The state is as before afterwards.
pub(crate) fn foresee(state: &mut State, disruption: &Disruption) -> Foresight {
    let prospect = Prospect::of(state, disruption, false);
    let snapshot = state.model.snapshot;
    let is_custom = |&id: &WorkloadId| snapshot.workload(id).kind == WorkloadKind::Custom;
    if !prospect.all_certain(state) || prospect.pods.keys().any(is_custom) {
        return Foresight::Open(prospect.classes.len());
    }
    if prospect.foreseen.is_some() { Foresight::AllPlaced } else { Foresight::Alike }
}

/// One run where all is certain, else several; the first is that of the options' seed.
fn tried(
    state: &mut State,
    disruption: &Disruption,
    options: &Options,
    is_certain: bool,
    displaced: &HashMap<PodIndex, ClassId>,
) -> Vec<Outcome> {
    let tries = if is_certain { 1 } else { options.affordable(displaced.len()) };
    let seeds = Options { tries, ..*options }.seeds();
    if displaced.len() < MANY {
        return seeds.map(|seed| outcome::run(state, disruption, seed, options.show_all)).collect();
    }
    // All copies need what tells pods apart, and it is of use to other failures.
    for class in displaced.values().copied().collect::<BTreeSet<ClassId>>() {
        state.score_plan(class);
    }
    let seeds: Vec<u64> = seeds.collect();
    // A copy is sooner thrown away than brought back.
    let state = &*state;
    let run = |seed| outcome::run_through(&mut state.clone(), disruption, seed, options.show_all);
    seeds.into_par_iter().map(run).collect()
}

/// What is known before anything is tried: S and D of the argument in [`order`]. The
/// default knows nothing, so that nothing is certain.
#[derive(Default)]
pub(crate) struct Prospect {
    fates: Fates,
    pods: HashMap<WorkloadId, Vec<PodIndex>>,
    open: Vec<WorkloadId>,
    evictions_certain: bool,
    is_unreachable: bool,
    some_nodes_are_dead: bool,
    classes: HashMap<PodIndex, ClassId>,
    /// What every run comes to, if each workload's end is certain; none where only a run tells.
    foreseen: Option<Outcome>,
}

impl Prospect {
    fn of(state: &mut State, disruption: &Disruption, show_all: bool) -> Self {
        let mark = state.mark();
        let hit = outcome::hit(state, disruption);
        let nodes = failure::nodes(state, disruption);
        let flags = failure::flags(&disruption.kind);
        let mut lost = failure::pods_on(state, &nodes);
        let is_loss = matches!(disruption.kind, DisruptionKind::Loss(_));
        if !is_loss {
            lost.retain(|&pod| failure::is_evicted(state, pod));
        }
        // What budgets allow is looked at before anything is taken away.
        let stays = |&pod: &PodIndex| !is_loss && !may_be_evicted(state, pod);
        let staying: Vec<PodIndex> = lost.iter().copied().filter(stays).collect();
        // Both are sorted.
        let leaving: Vec<PodIndex> = lost.iter().copied().filter(|pod| staying.binary_search(pod).is_err()).collect();
        for &node in &nodes {
            let all = state.flags(node) | flags;
            state.set_flags(node, all);
        }
        let mut settling = Settling::without_quotas(state, 0);
        settling.lose_all(&leaving);
        if is_loss {
            settling.lose_left_over_daemons();
        }
        let pods = settling.displaced();
        let fates = order::fates(settling.state, &pods, &leaving);
        let state = &*settling.state;
        let tight = order::tight_namespaces(state, &pods);
        // A pod that a quota denies leaves its budget less to allow.
        let evictions_certain =
            is_loss || tight.is_empty() && order::drain_is_certain(state, &staying, &leaving, &fates, &pods);
        let is_open = |&&pod: &&PodIndex| {
            let has_open_claims = order::has_open_claims(state, pod) && fates.of(pod) != Fate::Never;
            let hangs = hangs(state, state.pod(pod).workload);
            hangs || has_open_claims || tight.contains(&state.model.class(state.pod(pod).class).key.namespace)
        };
        let open: Vec<WorkloadId> = pods.iter().filter(is_open).map(|&pod| state.pod(pod).workload).collect();
        let classes = pods.iter().map(|&pod| (pod, state.pod(pod).class)).collect();
        // Where some pod waits in the end, the words why are those of the last state; and a pod that waited before a drain
        // may be placed on the node first.
        let waited = |&pod: &PodIndex| pod.position() < state.model.pods.len();
        let is_foreseen = fates.all_always() && (is_loss || !pods.iter().any(waited));
        let foreseen = is_foreseen.then(|| outcome::all_placed(state, &hit, &pods, &staying, show_all));
        let pods = order::by_workload(state, &pods);
        let some_nodes_are_dead = state.model.some_are_dead;
        settling.state.undo_to(mark);
        let is_unreachable = disruption.kind == DisruptionKind::Loss(LossMode::Unreachable);
        Self { fates, pods, open, evictions_certain, is_unreachable, some_nodes_are_dead, classes, foreseen }
    }

    /// Whether a workload comes out the same in every run.
    fn is_certain(&self, state: &State, id: WorkloadId) -> bool {
        let pods = self.pods.get(&id).map_or(&[][..], Vec::as_slice);
        let fates = || pods.iter().map(|&pod| self.fates.of(pod));
        let set = state.model.sets.get(&id);
        // On a machine that is dead a pod never becomes ready, so the next ones of its set are not created.
        let may_hang = |pod: &PodIndex| {
            let tolerates = |id: ClassId| state.model.statics(state.model.class(id).statics).tolerates_unreachable;
            self.some_nodes_are_dead || self.is_unreachable && self.classes.get(pod).is_none_or(|&id| tolerates(id))
        };
        let fails = |&pod: &PodIndex| self.fates.of(pod) != Fate::Always || may_hang(&pod);
        let split = set.is_some_and(|set| !set.parallel) && pods.len() > 1 && pods.iter().any(fails);
        self.evictions_certain
            && self.fates.no_preemption
            && !split
            && !self.open.contains(&id)
            && fates().all(|fate| fate != Fate::Open)
    }

    fn all_certain(&self, state: &State) -> bool {
        self.evictions_certain
            && self.fates.no_preemption
            && self.pods.iter().all(|(&id, _)| self.is_certain(state, id))
    }
}

/// Whether a StatefulSet in order waits for a pod on a node to become ready: those after it are not created meanwhile.
fn hangs(state: &State, id: WorkloadId) -> bool {
    let waits = |&pod: &PodIndex| {
        state.node_of(pod).is_some() && (!eviction::is_ready(state, pod) || state.pod(pod).terminating)
    };
    state.model.sets.get(&id).is_some_and(|set| !set.parallel && set.slots.iter().flatten().any(waits))
}

/// Whether an eviction may succeed at some time: not when two budgets cover the pod, nor when the one allows nothing.
fn may_be_evicted(state: &State, pod: PodIndex) -> bool {
    match state.model.budgets_of_class(state.pod(pod).class) {
        [] => true,
        [budget] => eviction::allowed(state, *budget) > 0 || eviction::ask(state, pod) == Answer::Evicted,
        _ => eviction::ask(state, pod) == Answer::Evicted,
    }
}

/// The nodes that a disruption hits.
pub(crate) struct Hit {
    nodes: HashSet<NodeId>,
    /// The zones without them.
    zones: Zones,
    /// Namespaces whose quotas may have no room for the replacements beside the pods on silent nodes.
    short_quotas: HashSet<Text>,
}

impl Hit {
    pub(crate) fn of(state: &State, disruption: &Disruption) -> Self {
        let model = state.model;
        let nodes: Vec<NodeId> = failure::nodes(state, disruption).into_iter().map(NodeId::at).collect();
        Self {
            zones: model.node_zones.without(model.snapshot, &nodes),
            short_quotas: match disruption.kind {
                DisruptionKind::Loss(LossMode::Unreachable) => recovery::short_quotas(state, &nodes),
                _ => HashSet::new(),
            },
            nodes: nodes.into_iter().collect(),
        }
    }

    fn has(&self, pod: &Pod) -> bool {
        pod.node.is_some_and(|node| self.nodes.contains(&node))
    }

    /// Whether a disruption changes anything for a workload: it lost a pod, or its pods end otherwise than they were.
    pub(crate) fn is_touched(&self, state: &State, impact: &WorkloadImpact) -> bool {
        let snapshot = state.model.snapshot;
        let pods = || snapshot.pods_of(snapshot.workload(impact.workload));
        let standing = outcome::standing(state, impact.workload);
        pods().any(|pod| self.has(pod))
            || impact.best != standing
            || impact.worst != standing
            || impact.ready != impact.before
    }
}

/// What is ready right after the disruption.
pub(crate) struct Instant {
    /// Pods that are gone or not ready.
    pub(crate) gone: HashSet<PodId>,
}

impl Instant {
    /// A loss takes the pods of its nodes; a drain those that one round of evictions takes at once.
    fn of(state: &mut State, disruption: &Disruption) -> Self {
        let mark = state.mark();
        let nodes = failure::nodes(state, disruption);
        if matches!(disruption.kind, DisruptionKind::Loss(_)) {
            let pods = failure::pods_on(state, &nodes);
            return Self { gone: pods.into_iter().map(|pod| PodId::at(pod.position())).collect() };
        }
        let evicted = failure::evict_once(state, &nodes);
        state.undo_to(mark);
        Self { gone: evicted.into_iter().map(|pod| PodId::at(pod.position())).collect() }
    }

    pub(crate) fn count(&self, snapshot: &Snapshot, id: WorkloadId) -> u32 {
        let pods = snapshot.workload(id).pods.of(&snapshot.workload_pods).iter();
        size(pods.filter(|&&pod| self.is_ready(snapshot, pod)).count())
    }

    pub(crate) fn is_ready(&self, snapshot: &Snapshot, pod: PodId) -> bool {
        snapshot.pod(pod).is_healthy() && !self.gone.contains(&pod)
    }

    /// Services of the workload that had a ready pod and have none now.
    fn services_down(&self, snapshot: &Snapshot, id: WorkloadId) -> Vec<ServiceId> {
        let services = snapshot.workload(id).services.iter().copied();
        services.filter(|&service| self.is_down(snapshot, service)).collect()
    }

    fn is_down(&self, snapshot: &Snapshot, id: ServiceId) -> bool {
        let service = snapshot.service(id);
        let Some(selector) = &service.selector else {
            return false;
        };
        let (mut before, mut now) = (false, false);
        for &workload in &service.workloads {
            for &pod in snapshot.workload(workload).pods.of(&snapshot.workload_pods) {
                let record = snapshot.pod(pod);
                if selector.matches(snapshot.labels(record.labels), &snapshot.texts) {
                    before |= record.is_healthy();
                    now |= self.is_ready(snapshot, pod);
                }
            }
        }
        before && !now
    }
}

/// All that one workload's part of the impact is made of.
pub(crate) struct Report<'r, 'm> {
    pub(crate) state: &'r State<'m>,
    pub(crate) disruption: &'r Disruption,
    pub(crate) options: &'r Options<'r>,
    pub(crate) runs: &'r [Outcome],
    pub(crate) prospect: &'r Prospect,
    pub(crate) instant: &'r Instant,
    pub(crate) hit: &'r Hit,
}

impl Report<'_, '_> {
    pub(crate) fn workload(&self, id: WorkloadId) -> WorkloadImpact {
        let snapshot = self.state.model.snapshot;
        let workload = snapshot.workload(id);
        let pods: Vec<_> = snapshot.pods_of(workload).collect();
        let Demand { desired, healthy, needed } = demand(snapshot, self.options.settings, id);
        let ready = self.instant.count(snapshot, id);
        let (best, worst) = self.extremes(id);
        let hit: Vec<_> = pods.iter().copied().filter(|pod| self.is_hit(pod)).collect();
        let unreachable = self.disruption.kind == DisruptionKind::Loss(LossMode::Unreachable);
        let ids = workload.pods.of(&snapshot.workload_pods).iter().copied();
        let stuck = ids.filter(|&pod| {
            unreachable && self.is_hit(snapshot.pod(pod)) && recovery::is_stuck(snapshot, snapshot.pod(pod))
        });
        WorkloadImpact {
            workload: id,
            desired,
            before: healthy,
            ready,
            needed,
            instant: verdict(snapshot, id, desired, ready, needed),
            services_down: self.instant.services_down(snapshot, id),
            recovered: self.counts(&self.runs[0], id),
            certainty: self.certainty(id),
            best,
            worst,
            reasons: self.reasons(id),
            stuck_until_forced: stuck.collect(),
            recovery: recovery::terms(
                snapshot,
                &self.disruption.kind,
                &self.hit.zones,
                &hit,
                self.hit.short_quotas.contains(&workload.namespace),
            ),
        }
    }

    fn is_hit(&self, pod: &Pod) -> bool {
        self.hit.has(pod) && !pod.is_finished()
    }

    /// What a run came to for a workload; one that it left alone is as it was.
    fn counts(&self, run: &Outcome, id: WorkloadId) -> PodCounts {
        run.counts.get(&id).copied().unwrap_or_else(|| outcome::standing(self.state, id))
    }

    /// The best and the worst seen. A pod of its own that is preempted is not even Pending: what runs comes first.
    fn extremes(&self, id: WorkloadId) -> (PodCounts, PodCounts) {
        let goodness = |counts: &PodCounts| (counts.scheduled, Reverse(counts.missing()), Reverse(counts.not_created));
        let counts = || self.runs.iter().map(|run| self.counts(run, id));
        let best = counts().max_by_key(goodness).unwrap_or_default();
        let worst = counts().min_by_key(goodness).unwrap_or_default();
        (best, worst)
    }

    fn certainty(&self, id: WorkloadId) -> Certainty {
        let custom = self.state.model.snapshot.workload(id).kind == WorkloadKind::Custom;
        let unknown = |run: &Outcome| run.endless || run.unknown.contains_key(&id);
        if custom || self.runs.iter().any(unknown) {
            Certainty::Unknown
        } else if self.prospect.is_certain(self.state, id) {
            Certainty::Certain
        } else {
            Certainty::Possible
        }
    }

    /// Why pods are Pending in the first run; where it has a place for all of them, in the first of the worst.
    fn reasons(&self, id: WorkloadId) -> Vec<PendingReason> {
        let (_, worst) = self.extremes(id);
        let is_whole = self.counts(&self.runs[0], id).missing() == 0;
        let is_told = |run: &&Outcome| !is_whole || self.counts(run, id) == worst;
        let run = self.runs.iter().find(is_told).unwrap_or(&self.runs[0]);
        let plugins = |list: &[(&str, u32)]| {
            list.iter().map(|&(plugin, nodes)| PluginRefusals { plugin: plugin.to_owned(), nodes }).collect()
        };
        let mut reasons: Vec<PendingReason> = run
            .reasons
            .get(&id)
            .into_iter()
            .flatten()
            .map(|reason| PendingReason {
                message: reason.message.clone(),
                pods: reason.pods,
                plugins: plugins(&reason.plugins),
            })
            .collect();
        if let Some(why) = self.runs[0].unknown.get(&id) {
            reasons.push(PendingReason { message: (*why).to_owned(), ..PendingReason::default() });
        }
        reasons.sort_by(|a, b| a.message.cmp(&b.message));
        reasons
    }
}

/// How many pods a workload is to have, and has.
pub(crate) struct Demand {
    /// Wanted.
    pub(crate) desired: u32,
    /// Ready.
    pub(crate) healthy: u32,
    /// Needed (rules.md 1.4).
    pub(crate) needed: u32,
}

/// What a workload is to have, and has, before anything happens.
pub(crate) fn demand(snapshot: &Snapshot, settings: &Settings, id: WorkloadId) -> Demand {
    let workload = snapshot.workload(id);
    let pods = || snapshot.pods_of(workload);
    let existing = size(pods().filter(|pod| !pod.is_finished()).count());
    // Other kinds are to have the pods that exist.
    let desired = workload.desired().max(if workload.kind.has_replicas() { 0 } else { existing });
    let input = Input { snapshot, settings, impacts: &[] };
    let needed = if desired == 0 { 0 } else { needed(&input, workload, desired) };
    Demand { desired, healthy: size(pods().filter(|pod| pod.is_healthy()).count()), needed }
}

pub(crate) fn verdict(snapshot: &Snapshot, id: WorkloadId, desired: u32, ready: u32, needed: u32) -> InstantVerdict {
    if desired == 0 || ready >= desired {
        return InstantVerdict::Holds;
    }
    match ready {
        0 => InstantVerdict::Down,
        _ if is_quorum_group(snapshot, snapshot.workload(id)) && ready < quorum(desired) => InstantVerdict::BelowQuorum,
        _ if ready < needed => InstantVerdict::BelowMinimum,
        _ => InstantVerdict::Holds,
    }
}

pub(crate) fn refused(state: &State, outcome: &Outcome) -> Vec<RefusedEviction> {
    let known = outcome.refused.iter().filter(|refused| refused.pod.position() < state.model.snapshot.pods.len());
    known
        .map(|refused| RefusedEviction {
            pod: PodId::at(refused.pod.position()),
            budgets: refused.refusal.budgets.clone(),
            message: refused.refusal.message.clone(),
        })
        .collect()
}

//! A drain while nodes are lost: the loss strikes and everything comes to rest, then nodes are drained.
//!
//! A workload is looked at in two moments: right after the loss, and right after the first round of evictions, before
//! the replacements of that round start. What is told of it at once is the worse of the two. The drain takes every pod
//! that is on its nodes then, those among them that the loss brought there, under budgets as they are then.
//! Where the loss brings pods to is chance, so nothing is called certain here.

use ha_core::impact::{ClusterLoss, Disruption, Impact, RecoveryTerm, WorkloadImpact, bounds};
use ha_core::snapshot::{PodId, Snapshot, WorkloadId};
use hashbrown::{HashMap, HashSet};

use crate::cluster::{self, Aftermath};
use crate::eviction::is_ready;
use crate::failure::{self, RefusedPod};
use crate::ids::PodIndex;
use crate::outcome::{self, Outcome};
use crate::settle::Settling;
use crate::simulate::{Hit, Instant, Options, Prospect, Report, refused, simulate};
use crate::state::State;

/// Simulates the drain of nodes while others are lost. The impact is that of both together; its disruption is the drain
/// under the names of both. The state is as before afterwards.
pub fn drain_during(state: &mut State, loss: &Disruption, drain: &Disruption, options: &Options) -> Impact {
    let snapshot = state.model.snapshot;
    let sooner = simulate(state, loss, &Options { show_all: true, ..*options });
    let nodes = [failure::nodes(state, loss), failure::nodes(state, drain)].concat();
    let displaced = failure::pods_on(state, &nodes).len();
    let tries = options.affordable(displaced);
    let seeds = Options { tries, ..*options }.seeds();
    let (runs, moments): (Vec<Outcome>, Vec<Instant>) = seeds.map(|seed| run(state, loss, drain, seed)).unzip();
    let (prospect, of_loss, hit) = (Prospect::default(), Hit::of(state, loss), Hit::of(state, drain));
    let together = |before: WorkloadImpact| {
        let fewest = moments.iter().min_by_key(|moment| moment.count(snapshot, before.workload)).unwrap_or(&moments[0]);
        let (runs, prospect, hit) = (&runs, &prospect, &hit);
        let report = Report { state, disruption: drain, options, runs, prospect, instant: fewest, hit };
        let later = report.workload(before.workload);
        worse(before, later)
    };
    let touched = |impact: &WorkloadImpact| {
        options.show_all || of_loss.is_touched(state, impact) || hit.is_touched(state, impact)
    };
    let workloads: Vec<WorkloadImpact> = sooner.workloads.into_iter().map(together).filter(touched).collect();
    let is_ready = |pod| moments[0].is_ready(snapshot, pod);
    let aftermath = Aftermath { snapshot, disruption: drain, is_ready: &is_ready, workloads: &workloads };
    let cluster = both(sooner.cluster, cluster::losses(&state.model.roles, &aftermath));
    let mut preempted: Vec<PodId> = runs[0].preempted.iter().filter_map(|&(_, pod)| pod).collect();
    preempted.sort_unstable();
    Impact {
        disruption: Disruption { name: format!("{} during {}", drain.name, loss.name), ..drain.clone() },
        workloads,
        refused_evictions: refused(state, &runs[0]),
        preempted,
        cluster,
    }
}

/// One run, and what is ready right after the first round of evictions. The state is as before afterwards.
fn run(state: &mut State, loss: &Disruption, drain: &Disruption, seed: u64) -> (Outcome, Instant) {
    let mark = state.mark();
    let mut hit = outcome::hit(state, loss);
    let mut settling = Settling::new(state, seed);
    failure::apply(&mut settling, loss);
    settling.retry();
    hit.extend(outcome::hit(settling.state, drain));
    let successors = successors(settling.state);
    let moment = Instant { gone: gone_at_first(settling.state, drain, &successors) };
    // An object of its own in the report has only a pod that the snapshot knows.
    let known: HashMap<PodIndex, PodId> = successors.iter().map(|(&id, &pod)| (pod, id)).collect();
    let named = |refused: RefusedPod| match known.get(&refused.pod) {
        Some(id) => RefusedPod { pod: PodIndex::at(id.position()), ..refused },
        None => refused,
    };
    let refused = failure::apply(&mut settling, drain).into_iter().map(named).collect();
    settling.retry();
    let outcome = outcome::collect(&settling, &hit, refused, false);
    state.undo_to(mark);
    (outcome, moment)
}

/// Per pod of the snapshot that is gone: the one that its controller made instead, of the same place in a StatefulSet.
/// Elsewhere pods of one workload are alike, and those that were ready are replaced first.
fn successors(state: &State) -> HashMap<PodId, PodIndex> {
    let snapshot = state.model.snapshot;
    let mut gone: HashMap<WorkloadId, Vec<PodIndex>> = HashMap::new();
    for pod in state.created().filter(|&pod| state.exists(pod)) {
        gone.entry(state.pod(pod).workload).or_default();
    }
    for (&workload, pods) in &mut gone {
        let known = snapshot.workload(workload).pods.of(&snapshot.workload_pods).iter();
        pods.extend(known.map(|pod| PodIndex::at(pod.position())).filter(|&pod| !state.exists(pod)));
        pods.sort_by_key(|pod| !snapshot.pods[pod.position()].is_healthy());
    }
    let mut successors = HashMap::new();
    for pod in state.created().filter(|&pod| state.exists(pod)) {
        let Some(pods) = gone.get_mut(&state.pod(pod).workload) else {
            continue;
        };
        let ordinal = state.pod(pod).ordinal;
        if let Some(place) = pods.iter().position(|&old| state.pod(old).ordinal == ordinal) {
            successors.insert(PodId::at(pods.remove(place).position()), pod);
        }
    }
    successors
}

/// The pods that are not ready after one round of evictions, nor are those that took their places.
fn gone_at_first(state: &mut State, drain: &Disruption, successors: &HashMap<PodId, PodIndex>) -> HashSet<PodId> {
    let mark = state.mark();
    let nodes = failure::nodes(state, drain);
    failure::evict_once(state, &nodes);
    let is_there = |id: PodId| match successors.get(&id) {
        Some(&pod) => state.exists(pod) && is_ready(state, pod),
        None => state.exists(PodIndex::at(id.position())),
    };
    let snapshot: &Snapshot = state.model.snapshot;
    let gone = (0..snapshot.pods.len()).map(PodId::at).filter(|&id| !is_there(id)).collect();
    state.undo_to(mark);
    gone
}

/// The worse of the two moments, and the end after both.
fn worse(sooner: WorkloadImpact, later: WorkloadImpact) -> WorkloadImpact {
    let is_later = (later.instant, sooner.ready) > (sooner.instant, later.ready);
    let (instant, ready) = if is_later { (later.instant, later.ready) } else { (sooner.instant, sooner.ready) };
    let mut services_down = [sooner.services_down, later.services_down].concat();
    services_down.sort_unstable();
    services_down.dedup();
    let longest = |terms: &Vec<RecoveryTerm>| {
        let (min, max) = bounds(terms);
        (max.is_none(), max, min)
    };
    let recovery = [sooner.recovery, later.recovery].into_iter().max_by_key(longest).unwrap_or_default();
    WorkloadImpact { instant, ready, services_down, recovery, stuck_until_forced: sooner.stuck_until_forced, ..later }
}

/// What the cluster loses in either moment, each object once, as it stands when it is worse off.
fn both(mut sooner: Vec<ClusterLoss>, later: Vec<ClusterLoss>) -> Vec<ClusterLoss> {
    for loss in later {
        match sooner.iter_mut().find(|known| known.object == loss.object) {
            Some(known) if loss.down && !known.down => *known = loss,
            Some(_) => {}
            None => sooner.push(loss),
        }
    }
    sooner
}

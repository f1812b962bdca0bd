//! Changes to a workload's own rules after which its pods find a place: each is tried, with the same failure, on a copy of
//! the cluster in which its pods have it already.
//!
//! Nodes that might be added are left out; see [`autoscale`](crate::autoscale).

use std::cmp::Reverse;

use ha_core::Snapshot;
use ha_core::impact::{Certainty, Disruption, Impact, PodCounts, WorkloadImpact};
use ha_core::remedy::{counts_lost_nodes, refusals};
use ha_core::snapshot::{PodSpec, PodSpecId, WorkloadId};
use hashbrown::HashMap;
use rayon::prelude::*;

use crate::model::Model;
use crate::simulate::{Options, simulate};
use crate::state::State;

/// For how many workloads changes are tried for one disruption at most: for those that are worst off.
const MOST_WORKLOADS: usize = 24;
/// For fewer where all their tries would place more pods than so many, so that it takes seconds.
const PLACED: u64 = 800_000;
/// In larger clusters nothing is tried.
const MOST_PODS: usize = 20_000;

/// A change of a workload's own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its hard spread constraints leave out nodes with taints that its pods do not tolerate.
    HonorNodeTaints,
    /// Its hard spread constraints become wishes.
    PreferSpread,
    /// Its required anti-affinity between pods becomes a wish.
    PreferAntiAffinity,
}

impl Change {
    /// It, as one would write it into the template.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HonorNodeTaints => "nodeTaintsPolicy: Honor in its spread constraints",
            Self::PreferSpread => "whenUnsatisfiable: ScheduleAnyway in its spread constraints",
            Self::PreferAntiAffinity => "preferred instead of required podAntiAffinity",
        }
    }

    /// Those that may help, the mildest first.
    fn candidates(snapshot: &Snapshot, impact: &WorkloadImpact) -> Vec<Self> {
        let workload = snapshot.workload(impact.workload);
        let refuses = |plugin: &str| refusals(impact).iter().any(|&(name, _)| name == plugin);
        let mut candidates = Vec::new();
        if refuses("PodTopologySpread") {
            candidates.extend(counts_lost_nodes(snapshot, workload).then_some(Self::HonorNodeTaints));
            candidates.push(Self::PreferSpread);
        }
        if refuses("InterPodAffinity") && !snapshot.spec_of(workload).pod_anti_affinity.is_empty() {
            candidates.push(Self::PreferAntiAffinity);
        }
        candidates
    }

    fn apply(self, spec: &mut PodSpec) {
        match self {
            Self::HonorNodeTaints => spec.spread_constraints.iter_mut().for_each(|one| one.honors_node_taints = true),
            Self::PreferSpread => spec.spread_constraints.iter_mut().for_each(|one| one.hard = false),
            Self::PreferAntiAffinity => spec.pod_anti_affinity.clear(),
        }
    }
}

/// A change after which all pods of a workload find a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// The workload.
    pub workload: WorkloadId,
    /// The change.
    pub change: Change,
    /// How its pods end with it, at worst.
    pub worst: PodCounts,
    /// Whether that holds for every order and tie.
    pub certainty: Certainty,
}

/// For workloads with Pending pods, the worst off first, the mildest change after which none is left, where one is found.
pub fn remedies(snapshot: &Snapshot, impact: &Impact, options: &Options) -> Vec<Remedy> {
    if snapshot.pods.len() > MOST_PODS {
        return Vec::new();
    }
    let candidates = |told| (told, Change::candidates(snapshot, told));
    let mut worst: Vec<(&WorkloadImpact, Vec<Change>)> =
        impact.workloads.iter().map(candidates).filter(|(_, changes)| !changes.is_empty()).collect();
    worst.sort_by_key(|(told, _)| Reverse(told.badness()));
    worst.truncate(affordable(impact, options));
    let remedy = |(told, changes): &(&WorkloadImpact, Vec<Change>)| {
        changes.iter().find_map(|&change| remedy(snapshot, &impact.disruption, told, change, options))
    };
    worst.par_iter().filter_map(remedy).collect()
}

/// For how many workloads changes are tried.
fn affordable(impact: &Impact, options: &Options) -> usize {
    let lost = |told: &WorkloadImpact| told.before.saturating_sub(told.ready) as usize;
    let displaced: usize = impact.workloads.iter().map(lost).sum();
    let placed = options.affordable(displaced).saturating_mul(displaced as u64);
    usize::try_from(PLACED / placed.max(1)).unwrap_or(usize::MAX).clamp(1, MOST_WORKLOADS)
}

fn remedy(
    snapshot: &Snapshot,
    disruption: &Disruption,
    told: &WorkloadImpact,
    change: Change,
    options: &Options,
) -> Option<Remedy> {
    let changed = with_change(snapshot, told.workload, change);
    let model = Model::new(&changed);
    let mut state = State::new(&model);
    let mut whole_after = |options: &Options| {
        let after = simulate(&mut state, disruption, options).workloads;
        after.into_iter().find(|after| after.workload == told.workload && after.worst.missing() == 0)
    };
    // What does not help the first time needs no other.
    whole_after(&Options { tries: 1, ..*options })?;
    let WorkloadImpact { worst, certainty, .. } = whole_after(options)?;
    Some(Remedy { workload: told.workload, change, worst, certainty })
}

/// The cluster with the change in the workload's template and in all its pods, which stay where they are.
fn with_change(snapshot: &Snapshot, id: WorkloadId, change: Change) -> Snapshot {
    let mut changed = snapshot.clone();
    let mut known: HashMap<PodSpecId, PodSpecId> = HashMap::new();
    let mut replaced = |specs: &mut Vec<PodSpec>, old: PodSpecId| {
        *known.entry(old).or_insert_with(|| {
            let mut spec = snapshot.pod_spec(old).clone();
            change.apply(&mut spec);
            specs.push(spec);
            PodSpecId::at(specs.len() - 1)
        })
    };
    let workload = &mut changed.workloads[id.position()];
    workload.spec = replaced(&mut changed.pod_specs, workload.spec);
    for &pod in snapshot.workload(id).pods.of(&snapshot.workload_pods) {
        let pod = &mut changed.pods[pod.position()];
        pod.spec = replaced(&mut changed.pod_specs, pod.spec);
        pod.held_spec = pod.held_spec.map(|held| replaced(&mut changed.pod_specs, held));
    }
    changed
}

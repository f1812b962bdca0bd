//! Changes to a workload's own rules after which its pods find a place: each is tried, with the same failure, on a copy of
//! the cluster in which its pods have it already.
//!
//! Nodes that might be added are left out; see [`autoscale`](crate::autoscale).

use ha_core::Snapshot;
use ha_core::impact::{Certainty, Impact, PodCounts, WorkloadImpact};
use ha_core::remedy::{counts_lost_nodes, refusals};
use ha_core::snapshot::{PodSpec, PodSpecId, WorkloadId};
use hashbrown::HashMap;

use crate::model::Model;
use crate::simulate::{Options, simulate};
use crate::state::State;

/// How many changes are tried for one disruption.
const TRIALS: usize = 24;
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

/// For each workload with Pending pods the mildest change after which none is left, where one is found.
pub fn remedies(snapshot: &Snapshot, impact: &Impact, options: &Options) -> Vec<Remedy> {
    if snapshot.pods.len() > MOST_PODS {
        return Vec::new();
    }
    let mut left = TRIALS;
    impact.workloads.iter().filter_map(|told| remedy(snapshot, impact, told, options, &mut left)).collect()
}

fn remedy(
    snapshot: &Snapshot,
    impact: &Impact,
    told: &WorkloadImpact,
    options: &Options,
    left: &mut usize,
) -> Option<Remedy> {
    Change::candidates(snapshot, told).into_iter().find_map(|change| {
        *left = left.checked_sub(1)?;
        let changed = with_change(snapshot, told.workload, change);
        let after = simulate(&mut State::new(&Model::new(&changed)), &impact.disruption, options);
        let after = after.workloads.into_iter().find(|after| after.workload == told.workload)?;
        let is_whole = after.worst.pending + after.worst.not_created == 0;
        is_whole.then_some(Remedy { workload: told.workload, change, worst: after.worst, certainty: after.certainty })
    })
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

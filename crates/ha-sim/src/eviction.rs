//! The eviction API: whether budgets let a pod go.
//!
//! Sources: `Create` and `checkAndDecrement` in `pkg/registry/core/pod/storage/eviction.go`, `getExpectedPodCount` and
//! `countHealthyPods` in `pkg/controller/disruption/disruption.go`; the arithmetic is
//! [`ha_core::arithmetic::budget`].
//! Differs from upstream 1.36: the status of a budget is always up to date here. Upstream refuses, too, while its
//! controller has not looked at a change yet; a client that asks again gets the same answers in the end.

use ha_core::arithmetic::budget::{Allowance, allowance, needs_scale, spares_unhealthy};
use ha_core::snapshot::{BudgetId, PodPhase, UnhealthyPodEviction, Workload, WorkloadId, WorkloadKind};

use crate::ids::PodIndex;
use crate::state::State;

/// What the eviction API answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The pod is deleted.
    Evicted,
    /// Budgets refuse.
    Refused(Refusal),
}

/// A refused eviction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status: 429, or 500 when more than one budget covers the pod.
    pub code: u16,
    /// The budgets.
    pub budgets: Vec<BudgetId>,
    /// The API server's words, with the budget's arithmetic.
    pub message: String,
}

const VIOLATED: &str = "Cannot evict pod as it would violate the pod's disruption budget.";
const SEVERAL: &str =
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";

/// A budget as its controller sees it.
enum Sync<'s> {
    Counted(Allowance),
    /// Neither field is set.
    Undefined,
    /// A controller without scale.
    Failed(&'s Workload),
}

/// Asks the eviction API to evict a pod. The pod is not touched.
pub fn ask(state: &State, pod: PodIndex) -> Answer {
    if bypasses_budgets(state, pod) {
        return Answer::Evicted;
    }
    let budgets = state.model.budgets_of_class(state.pod(pod).class);
    let refused = |code, message: String| Answer::Refused(Refusal { code, budgets: budgets.to_vec(), message });
    let id = match *budgets {
        [] => return Answer::Evicted,
        [id] => id,
        _ => return refused(500, SEVERAL.to_owned()),
    };
    let snapshot = state.model.snapshot;
    let budget = snapshot.budget(id);
    let name = snapshot.name_of(budget);
    match sync(state, id) {
        Sync::Counted(counts) => {
            let spared = !is_ready(state, pod) && spares_unhealthy(budget, counts);
            if spared || counts.allowed() > 0 {
                return Answer::Evicted;
            }
            let (desired, healthy) = (counts.desired, counts.healthy);
            let why = if healthy <= desired {
                format!("The disruption budget {name} needs {desired} healthy pods and has {healthy} currently")
            } else {
                format!("The disruption budget {name} does not allow evicting pods currently")
            };
            refused(429, format!("{VIOLATED} {why}"))
        }
        Sync::Undefined | Sync::Failed(_) if spares_broken(state, pod, id) => Answer::Evicted,
        Sync::Undefined => {
            refused(429, format!("{VIOLATED} The disruption budget {name} does not allow evicting pods currently"))
        }
        Sync::Failed(workload) => {
            let kind = workload.kind.kind().to_lowercase();
            let sync = format!("{kind}s.apps does not implement the scale subresource");
            let why = format!(
                "The disruption budget {name} does not allow evicting pods currently because it failed sync: {sync}"
            );
            refused(429, format!("{VIOLATED} {why}"))
        }
    }
}

fn spares_broken(state: &State, pod: PodIndex, id: BudgetId) -> bool {
    let policy = state.model.snapshot.budget(id).unhealthy_pod_eviction;
    !is_ready(state, pod) && policy == UnhealthyPodEviction::AlwaysAllow
}

/// How many evictions a budget allows now.
pub fn allowed(state: &State, id: BudgetId) -> u32 {
    match sync(state, id) {
        Sync::Counted(counts) => counts.allowed(),
        Sync::Undefined | Sync::Failed(_) => 0,
    }
}

/// Whether a pod is ready: as the snapshot says for one that stayed where it was, on a machine that lives; at once for
/// one that was placed since on a machine that lived.
pub fn is_ready(state: &State, pod: PodIndex) -> bool {
    let Some(node) = state.node_of(pod) else {
        return false;
    };
    if state.flags(node) & crate::state::flag::UNREACHABLE != 0 {
        return false;
    }
    match state.model.snapshot.pods.get(pod.position()) {
        Some(known) if known.node.is_some() => known.ready,
        _ => !state.model.nodes[node].dead,
    }
}

/// `canIgnorePDB`. A pod that was placed during the simulation runs.
fn bypasses_budgets(state: &State, pod: PodIndex) -> bool {
    let known = state.model.snapshot.pods.get(pod.position());
    let pending = known.is_some_and(|known| known.node.is_some() && known.phase == PodPhase::Pending);
    pending || state.pod(pod).terminating || state.node_of(pod).is_none() || !state.exists(pod)
}

fn sync<'s>(state: &State<'s>, id: BudgetId) -> Sync<'s> {
    let snapshot = state.model.snapshot;
    let budget = snapshot.budget(id);
    let known = budget.pods.iter().map(|pod| PodIndex::at(pod.position()));
    let created = state.model.classes_of_budget(id).iter().flat_map(|&class| state.created_of(class)).copied();
    let pods: Vec<PodIndex> = known.chain(created).filter(|&pod| state.exists(pod)).collect();
    let healthy = pods.iter().filter(|&&pod| is_ready(state, pod) && !state.pod(pod).terminating).count();
    let mut scaled = 0;
    if needs_scale(budget) {
        let mut workloads: Vec<WorkloadId> = pods.iter().map(|&pod| state.pod(pod).workload).collect();
        workloads.sort_unstable();
        workloads.dedup();
        for id in workloads {
            match scale(snapshot.workload(id)) {
                Some(replicas) => scaled += replicas,
                None => return Sync::Failed(snapshot.workload(id)),
            }
        }
    }
    let count = |pods: usize| u32::try_from(pods).unwrap_or(u32::MAX);
    allowance(budget, scaled, count(pods.len()), count(healthy)).map_or(Sync::Undefined, Sync::Counted)
}

/// What `/scale` says; none for kinds without it. Bare pods have no controller and count 0.
fn scale(workload: &Workload) -> Option<u32> {
    use WorkloadKind::{BarePod, CronJob, Custom, DaemonSet, Job, StaticPod};
    match workload.kind {
        BarePod | StaticPod => Some(0),
        DaemonSet | Job | CronJob => None,
        Custom => workload.current_replicas.or(Some(workload.pods.count)),
        _ => Some(workload.replicas.unwrap_or(1)),
    }
}

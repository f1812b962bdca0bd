//! The eviction API: whether budgets let a pod go.
//!
//! Sources: `Create` and `checkAndDecrement` in `pkg/registry/core/pod/storage/eviction.go`, `getExpectedPodCount` and
//! `countHealthyPods` in `pkg/controller/disruption/disruption.go`; the arithmetic is
//! [`ha_core::arithmetic::budget`].
//! Differs from upstream 1.36: the status of a budget is always up to date here. Upstream refuses, too, while its
//! controller has not looked at a change yet; a client that asks again gets the same answers in the end.

use ha_core::arithmetic::budget::{Allowance, allowance, needs_scale, scale, spares_unhealthy};
use ha_core::arithmetic::size;
use ha_core::snapshot::{Budget, BudgetId, PodPhase, UnhealthyPodEviction, Workload, WorkloadId, WorkloadKind};

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
        Ok(counts) => {
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
        Err(_) if spares_broken(state, pod, id) => Answer::Evicted,
        // A controller that fails does not note which generation of the budget it saw.
        Err(_) if is_unseen(budget) => {
            refused(429, format!("{VIOLATED} The disruption budget {name} is still being processed by the server."))
        }
        Err(workload) => {
            let kinds = if workload.kind == WorkloadKind::DaemonSet { "daemonsets.apps" } else { "jobs.batch" };
            let sync = format!("{kinds} does not implement the scale subresource");
            let why = format!(
                "The disruption budget {name} does not allow evicting pods currently because it failed sync: {sync}"
            );
            refused(429, format!("{VIOLATED} {why}"))
        }
    }
}

/// Whether the controller has never counted the budget as it is now.
fn is_unseen(budget: &Budget) -> bool {
    budget.status.as_ref().is_some_and(|status| status.observed_generation < budget.generation)
}

fn spares_broken(state: &State, pod: PodIndex, id: BudgetId) -> bool {
    let policy = state.model.snapshot.budget(id).unhealthy_pod_eviction;
    !is_ready(state, pod) && policy == UnhealthyPodEviction::AlwaysAllow
}

/// How many evictions a budget allows now.
pub fn allowed(state: &State, id: BudgetId) -> u32 {
    counts(state, id).map_or(0, Allowance::allowed)
}

/// A budget's numbers now, as its controller writes them into `status`; none where the controller fails.
pub fn counts(state: &State, id: BudgetId) -> Option<Allowance> {
    sync(state, id).ok()
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

/// The pods that a budget covers and that exist.
pub(crate) fn guarded(state: &State, id: BudgetId) -> impl Iterator<Item = PodIndex> {
    covered(state, id).filter(|&pod| state.exists(pod))
}

/// The pods that a budget covers, also those that have gone.
fn covered(state: &State, id: BudgetId) -> impl Iterator<Item = PodIndex> {
    let known = state.model.snapshot.budget(id).pods.iter().map(|pod| PodIndex::at(pod.position()));
    let created = state.model.classes_of_budget(id).iter().flat_map(|&class| state.created_of(class)).copied();
    known.chain(created)
}

/// Counts as the disruption controller does, which fails on a controller without scale.
fn sync<'s>(state: &State<'s>, id: BudgetId) -> Result<Allowance, &'s Workload> {
    let snapshot = state.model.snapshot;
    let budget = snapshot.budget(id);
    let pods: Vec<PodIndex> = covered(state, id).filter(|&pod| state.exists(pod) || has_ended(state, pod)).collect();
    let is_healthy =
        |&&pod: &&PodIndex| (is_ready(state, pod) || ended_ready(state, pod)) && !state.pod(pod).terminating;
    let healthy = pods.iter().filter(is_healthy).count();
    let mut scaled = 0;
    if needs_scale(budget) {
        let mut workloads: Vec<WorkloadId> = pods.iter().map(|&pod| state.pod(pod).workload).collect();
        workloads.sort_unstable();
        workloads.dedup();
        for id in workloads {
            match scale(snapshot.workload(id)) {
                Some(replicas) => scaled += replicas,
                None => return Err(snapshot.workload(id)),
            }
        }
    }
    let healthy = size(healthy);
    // Where neither field is set nothing is expected.
    let nothing = Allowance { expected: 0, healthy, desired: 0 };
    Ok(allowance(budget, scaled, size(pods.len()), healthy).unwrap_or(nothing))
}

/// Whether a pod ended before anything happened, and its object is still there: the disruption controller counts it like
/// any other. A drain or a loss of its node takes it away.
fn has_ended(state: &State, pod: PodIndex) -> bool {
    let known = state.model.snapshot.pods.get(pod.position());
    known.is_some_and(|known| known.is_finished() && known.node.is_none_or(|node| state.flags(node.position()) == 0))
}

/// Whether such a pod is called ready, which a kubelet does not, but nobody checks.
fn ended_ready(state: &State, pod: PodIndex) -> bool {
    has_ended(state, pod) && state.model.snapshot.pods[pod.position()].ready
}

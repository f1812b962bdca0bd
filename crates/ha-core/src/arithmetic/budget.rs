//! How many evictions a budget allows (rules.md 2.3).
//!
//! Source: `getExpectedPodCount` and `countHealthyPods` in `pkg/controller/disruption/disruption.go`,
//! `checkAndDecrement` in `pkg/registry/core/pod/storage/eviction.go`.

use crate::arithmetic::replicas::{Replicas, effective_replicas};
use crate::arithmetic::rounding::scaled_up;
use crate::finding::Missing;
use crate::snapshot::{Budget, ObjectId, Pod, Snapshot, Threshold, UnhealthyPodEviction, Workload, WorkloadKind};

/// A budget's numbers at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Pods that should exist.
    pub expected: u32,
    /// Pods that are healthy.
    pub healthy: u32,
    /// Pods that must stay healthy.
    pub desired: u32,
}

impl Allowance {
    /// Evictions allowed: healthy − desired, and none where nothing is expected.
    pub fn allowed(self) -> u32 {
        if self.expected == 0 { 0 } else { self.healthy.saturating_sub(self.desired) }
    }
}

/// What the disruption controller makes of a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BudgetState {
    /// Numbers.
    Counted(Allowance),
    /// Neither field is set: nothing is expected, every eviction of a healthy pod is refused.
    Undefined,
    /// A controller without scale under `maxUnavailable` or a percentage: the whole budget allows 0.
    Unscalable(ObjectId),
    /// It matches no pod.
    Empty,
    /// Off on purpose: all that it matches has 0 replicas, or may have.
    Off,
    /// What tells could not be read.
    Unknown(Missing),
}

/// Which steady state a budget is judged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Every workload at its floor.
    Floor,
    /// Every workload at its ceiling.
    Ceiling,
}

/// The budget when everything it matches is healthy.
pub fn steady_state(snapshot: &Snapshot, budget: &Budget, at: At) -> BudgetState {
    if budget.workloads.is_empty() {
        return BudgetState::Empty;
    }
    let (mut scaled, mut bare) = (0_u32, 0_u32);
    for &id in &budget.workloads {
        let workload = snapshot.workload(id);
        match count(snapshot, budget, workload, at) {
            Count::Scaled(replicas) => scaled = scaled.saturating_add(replicas),
            Count::Bare => bare += 1,
            Count::Refused(state) => return state,
        }
    }
    if scaled == 0 && bare == 0 {
        return BudgetState::Off;
    }
    let healthy = scaled.saturating_add(bare);
    match allowance(budget, scaled, healthy, healthy) {
        Some(allowance) => BudgetState::Counted(allowance),
        None => BudgetState::Undefined,
    }
}

/// The numbers for `scaled` pods by their controllers' scale, `matching` pods in all, `healthy` of them healthy.
/// None when neither field is set.
pub fn allowance(budget: &Budget, scaled: u32, matching: u32, healthy: u32) -> Option<Allowance> {
    let (expected, desired) = match (&budget.max_unavailable, &budget.min_available) {
        (Some(max_unavailable), _) => (scaled, scaled.saturating_sub(scaled_up(max_unavailable, scaled))),
        (None, Some(Threshold::Count(count))) => (matching, u32::try_from(*count).unwrap_or(0)),
        (None, Some(percent)) => (scaled, scaled_up(percent, scaled)),
        (None, None) => return None,
    };
    Some(Allowance { expected, healthy, desired })
}

/// Whether a budget needs the scale of its pods' controllers: any but an integer `minAvailable`.
pub fn needs_scale(budget: &Budget) -> bool {
    budget.max_unavailable.is_some() || matches!(budget.min_available, Some(Threshold::Percent(_)))
}

/// What `/scale` of a controller says; none for kinds without it. Bare pods have no controller and count 0.
pub fn scale(workload: &Workload) -> Option<u32> {
    use WorkloadKind::{BarePod, CronJob, Custom, DaemonSet, Job, StaticPod};
    match workload.kind {
        BarePod | StaticPod => Some(0),
        DaemonSet | Job | CronJob => None,
        Custom => workload.current_replicas.or(Some(workload.pods.count)),
        _ => Some(workload.replicas.unwrap_or(1)),
    }
}

enum Count {
    Scaled(u32),
    Bare,
    Refused(BudgetState),
}

fn count(snapshot: &Snapshot, budget: &Budget, workload: &Workload, at: At) -> Count {
    match workload.kind {
        WorkloadKind::BarePod | WorkloadKind::StaticPod => return Count::Bare,
        WorkloadKind::DaemonSet | WorkloadKind::Job | WorkloadKind::CronJob if needs_scale(budget) => {
            return Count::Refused(BudgetState::Unscalable(workload.object));
        }
        _ => {}
    }
    match effective_replicas(snapshot, workload) {
        Replicas::Off => Count::Scaled(0),
        Replicas::Elastic { ceiling } => Count::Scaled(if at == At::Ceiling { ceiling } else { 0 }),
        Replicas::Range(range) => Count::Scaled(if at == At::Floor { range.floor } else { range.ceiling }),
        Replicas::Unknown(missing) => Count::Refused(BudgetState::Unknown(missing)),
    }
}

/// Whether the budget lets the eviction API remove a pod that runs but is not Ready, without counting it.
pub fn spares_unhealthy(budget: &Budget, allowance: Allowance) -> bool {
    match budget.unhealthy_pod_eviction {
        UnhealthyPodEviction::AlwaysAllow => true,
        UnhealthyPodEviction::IfHealthyBudget => allowance.healthy >= allowance.desired && allowance.desired > 0,
    }
}

/// Whether the eviction API asks any budget at all before it removes the pod.
pub fn bypasses_budgets(pod: &Pod) -> bool {
    use crate::snapshot::PodPhase::{Failed, Pending, Succeeded};
    matches!(pod.phase, Pending | Succeeded | Failed) || pod.deleted_at.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(min_available: Option<Threshold>, max_unavailable: Option<Threshold>) -> Budget {
        Budget { min_available, max_unavailable, ..Budget::default() }
    }

    #[test]
    fn allowed_evictions_follow_the_disruption_controller() {
        use Threshold::{Count, Percent};
        // (minAvailable, maxUnavailable, by scale, matching and healthy, allowed)
        let cases = [
            (Some(Percent(50)), None, 7, 7, Some(3)),
            (Some(Percent(67)), None, 3, 3, Some(0)),
            (Some(Percent(50)), None, 5, 5, Some(2)),
            (Some(Percent(50)), None, 1, 1, Some(0)),
            (Some(Count(3)), None, 3, 3, Some(0)),
            (Some(Count(2)), None, 3, 3, Some(1)),
            (Some(Count(9)), None, 3, 3, Some(0)),
            (None, Some(Count(1)), 6, 6, Some(1)),
            (None, Some(Count(0)), 6, 6, Some(0)),
            (None, Some(Percent(0)), 6, 6, Some(0)),
            (None, Some(Percent(1)), 3, 3, Some(1)),
            (None, Some(Percent(50)), 5, 5, Some(3)),
            (None, Some(Count(9)), 3, 3, Some(3)),
            (None, None, 3, 3, None),
            // Two bare pods beside three of a Deployment are counted in healthy alone: they loosen the budget.
            (None, Some(Count(1)), 3, 5, Some(3)),
            (Some(Count(1)), None, 0, 0, Some(0)),
        ];
        for (min, max, scaled, healthy, allowed) in cases {
            let label = alloc::format!("{min:?} {max:?} of {scaled}+{healthy}");
            let result = allowance(&budget(min, max), scaled, healthy, healthy);
            assert_eq!(result.map(Allowance::allowed), allowed, "{label}");
        }
    }

    #[test]
    fn a_single_crashing_replica_blocks_its_own_eviction() {
        // rules.md 2.3: desired 0, healthy 0.
        let budget = budget(None, Some(Threshold::Count(1)));
        let allowance = Allowance { expected: 1, healthy: 0, desired: 0 };
        assert!(!spares_unhealthy(&budget, allowance));
        let lenient = Budget { unhealthy_pod_eviction: UnhealthyPodEviction::AlwaysAllow, ..budget };
        assert!(spares_unhealthy(&lenient, allowance));
    }
}

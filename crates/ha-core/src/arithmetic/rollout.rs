//! How many pods a rollout may take away and add (rules.md 2.1).
//!
//! Sources: `ResolveFenceposts` in `pkg/controller/deployment/util`, `getStatefulSetMaxUnavailable` in
//! `pkg/controller/statefulset`.

use crate::arithmetic::rounding::{scaled_down, scaled_up};
use crate::snapshot::{UpdateStrategy, Workload, WorkloadKind};

/// What a rollout may do to a workload of some size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RolloutBounds {
    /// Pods that may be missing.
    pub unavailable: u32,
    /// Pods that may be added.
    pub surge: u32,
}

/// The bounds of a rollout of `workload` at `replicas`. None where the kind has no rollout of its own.
pub fn rollout_bounds(workload: &Workload, replicas: u32) -> Option<RolloutBounds> {
    let bounds = match (&workload.strategy, workload.kind) {
        (UpdateStrategy::Recreate, _) => RolloutBounds { unavailable: replicas, surge: 0 },
        (UpdateStrategy::OnDelete | UpdateStrategy::None, _) => return None,
        (UpdateStrategy::RollingUpdate(update), WorkloadKind::StatefulSet) => {
            RolloutBounds { unavailable: scaled_down(&update.max_unavailable, replicas).max(1), surge: 0 }
        }
        (UpdateStrategy::RollingUpdate(update), WorkloadKind::DaemonSet) => RolloutBounds {
            unavailable: scaled_up(&update.max_unavailable, replicas),
            surge: scaled_up(&update.max_surge, replicas),
        },
        (UpdateStrategy::RollingUpdate(update), _) => {
            let unavailable = scaled_down(&update.max_unavailable, replicas);
            let surge = scaled_up(&update.max_surge, replicas);
            // Rounding alone may give 0 and 0; the controller then takes one down.
            let unavailable = if unavailable == 0 && surge == 0 { 1 } else { unavailable };
            RolloutBounds { unavailable, surge }
        }
    };
    Some(RolloutBounds { unavailable: bounds.unavailable.min(replicas), ..bounds })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{RollingUpdate, Threshold};

    fn workload(kind: WorkloadKind, max_unavailable: Threshold, max_surge: Threshold) -> Workload {
        let strategy = UpdateStrategy::RollingUpdate(RollingUpdate { max_unavailable, max_surge });
        Workload { kind, strategy, ..Workload::default() }
    }

    #[test]
    fn bounds_follow_each_controller() {
        use Threshold::{Count, Percent};
        use WorkloadKind::{DaemonSet, Deployment, StatefulSet};
        // (kind, maxUnavailable, maxSurge, replicas, unavailable, surge)
        let cases = [
            (Deployment, Percent(25), Percent(25), 3, 0, 1),
            (Deployment, Percent(10), Count(0), 3, 1, 0),
            (Deployment, Percent(25), Percent(25), 10, 2, 3),
            (Deployment, Count(1), Count(0), 1, 1, 0),
            (Deployment, Percent(100), Count(0), 4, 4, 0),
            (Deployment, Count(9), Count(0), 4, 4, 0),
            (StatefulSet, Percent(10), Count(0), 3, 1, 0),
            (StatefulSet, Percent(50), Count(0), 5, 2, 0),
            (DaemonSet, Percent(10), Count(0), 5, 1, 0),
        ];
        for (kind, max_unavailable, max_surge, replicas, unavailable, surge) in cases {
            let label = alloc::format!("{kind} {max_unavailable:?} {max_surge:?} of {replicas}");
            let bounds = rollout_bounds(&workload(kind, max_unavailable, max_surge), replicas);
            assert_eq!(bounds, Some(RolloutBounds { unavailable, surge }), "{label}");
        }
    }

    #[test]
    fn recreate_takes_all_and_on_delete_none() {
        let recreate = Workload { strategy: UpdateStrategy::Recreate, ..Workload::default() };
        assert_eq!(rollout_bounds(&recreate, 3), Some(RolloutBounds { unavailable: 3, surge: 0 }));
        let on_delete = Workload { strategy: UpdateStrategy::OnDelete, ..Workload::default() };
        assert_eq!(rollout_bounds(&on_delete, 3), None);
    }
}

//! What several rules ask of a snapshot, in one place.

pub(crate) mod ages;
pub(crate) mod autoscaling;
pub(crate) mod budgets;
pub(crate) mod claims;
pub(crate) mod clients;
pub(crate) mod cluster;
pub(crate) mod control_plane;
pub(crate) mod endpoints;
pub(crate) mod leaders;
pub(crate) mod paths;
pub(crate) mod places;
pub(crate) mod risk;
pub(crate) mod selectors;
pub(crate) mod separation;
pub(crate) mod stranded;
pub(crate) mod trials;

use ha_sdk::Findings;
use ha_sdk::arithmetic::replicas::{ReplicaRange, Replicas, effective_replicas};
use ha_sdk::snapshot::{Snapshot, Workload, WorkloadKind};

/// The replicas of a workload that replicas, spread and budgets concern. Where there is none to judge, answers
/// for the rule (not applicable with the reason, or unknown with what is missing) and returns nothing.
pub(crate) fn judged_replicas(
    snapshot: &Snapshot,
    workload: &Workload,
    findings: &mut Findings,
) -> Option<ReplicaRange> {
    let reason = match workload.kind {
        WorkloadKind::DaemonSet => "a DaemonSet runs one pod on each node",
        WorkloadKind::Job | WorkloadKind::CronJob => "it runs to an end",
        WorkloadKind::StaticPod => "a static pod belongs to its node",
        WorkloadKind::BarePod => "a pod without controller has no replicas",
        _ => match effective_replicas(snapshot, workload) {
            Replicas::Range(range) => return Some(range),
            Replicas::Off => "it is scaled to 0",
            Replicas::Elastic { .. } => "its autoscaler scales to 0 by design",
            Replicas::Unknown(missing) => {
                findings.unknown(workload.object, missing);
                return None;
            }
        },
    };
    findings.not_applicable(workload.object, reason);
    None
}

use alloc::format;
use alloc::string::String;
use alloc::vec;

use ha_sdk::arithmetic::replicas::{ReplicaRange, needed};
use ha_sdk::arithmetic::rollout::rollout_bounds;
use ha_sdk::arithmetic::version::Version;
use ha_sdk::finding::Missing;
use ha_sdk::snapshot::{
    GapReason, ResourceKind, RollingUpdate, Snapshot, Threshold, UpdateStrategy, Workload, WorkloadKind,
};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::judged_replicas;
use crate::shared::risk::blast_radius;

rule! {
    /// A rollout may take down all replicas at once, or more than may be missing.
    ///
    /// ## Why it matters
    /// Every change of the pod template, be it a new image or a changed label, then is an outage until the new
    /// pods are ready; a new version that does not start is a long one.
    ///
    /// ## Remediation
    /// Leave `maxUnavailable` and `maxSurge` at their defaults (25 %, rounded down and up), or set
    /// `maxUnavailable` to less than the replicas at the autoscaler's floor.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   strategy:
    ///     rollingUpdate:
    ///       maxUnavailable: 100%  # finding: rollout-drops-all-replicas
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// With one replica even 1 is all:
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 1
    ///   strategy:
    ///     rollingUpdate:
    ///       maxUnavailable: 1  # finding: rollout-drops-all-replicas
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// The autoscaler may go down to as many as the rollout takes away:
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   strategy:
    ///     rollingUpdate:
    ///       maxUnavailable: 2  # finding: rollout-drops-all-replicas
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}
    ///   minReplicas: 2
    ///   maxReplicas: 9
    /// ```
    /// 10 % of 3 rounds down to 0, and nothing may be added: the controller takes one down at a time.
    /// ```yaml passes
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   strategy:
    ///     rollingUpdate: {maxUnavailable: 10%, maxSurge: 0}
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// The defaults never do this, not even with one replica:
    /// ```yaml passes
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 1
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment>
    /// - <https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#maximum-unavailable-pods>
    pub static ROLLOUT_DROPS_ALL_REPLICAS: Rule = Rule {
        name: "rollout-drops-all-replicas",
        area: Area::Replication,
        severity: Severity::High,
        class: Class::AB,
        needs: &[ResourceKind::HorizontalPodAutoscaler],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    for workload in &input.snapshot.workloads {
        let Some(replicas) = judged_replicas(input.snapshot, workload, findings) else {
            continue;
        };
        match (&workload.strategy, workload.kind) {
            (UpdateStrategy::RollingUpdate(update), WorkloadKind::StatefulSet) => {
                check_stateful_set(input, workload, replicas, update, findings);
            }
            (UpdateStrategy::RollingUpdate(update), _) => {
                check_bounds(input, workload, replicas, update, findings);
            }
            (UpdateStrategy::Recreate, _) => check_recreate(input, workload, replicas, findings),
            (UpdateStrategy::OnDelete, _) => {
                findings.not_applicable(workload.object, "it is updated by hand (OnDelete)");
            }
            (UpdateStrategy::None, _) => {
                findings.not_applicable(workload.object, "its kind has no rollout of its own");
            }
        }
    }
}

/// A StatefulSet takes one pod at a time unless `maxUnavailable` says more and the server honours it.
fn check_stateful_set(
    input: &Input,
    workload: &Workload,
    replicas: ReplicaRange,
    update: &RollingUpdate,
    findings: &mut Findings,
) {
    let one_at_a_time = rollout_bounds(workload, replicas.floor).is_none_or(|bounds| bounds.unavailable <= 1);
    if replicas.floor < 2 {
        return findings.not_applicable(workload.object, "a StatefulSet of one is replaced in place");
    }
    if one_at_a_time {
        return findings.pass(workload.object);
    }
    match Version::of_server(input.snapshot) {
        Some(version) if !version.has_stateful_set_max_unavailable() => {
            findings.pass(workload.object);
        }
        Some(_) => check_bounds(input, workload, replicas, update, findings),
        None if is_dropped(input, workload, replicas) => {
            let missing = Missing {
                what: "the server's version (does it honour maxUnavailable?)".into(),
                reason: GapReason::NotInInput,
                ..Missing::default()
            };
            findings.unknown(workload.object, missing);
        }
        None => findings.pass(workload.object),
    }
}

fn is_dropped(input: &Input, workload: &Workload, replicas: ReplicaRange) -> bool {
    rollout_bounds(workload, replicas.floor)
        .is_some_and(|bounds| replicas.floor - bounds.unavailable < needed(input, workload, replicas.floor))
}

fn check_bounds(
    input: &Input,
    workload: &Workload,
    replicas: ReplicaRange,
    update: &RollingUpdate,
    findings: &mut Findings,
) {
    let snapshot = input.snapshot;
    let Some(bounds) = rollout_bounds(workload, replicas.floor) else {
        return;
    };
    if !is_dropped(input, workload, replicas) {
        return findings.pass(workload.object);
    }
    let (floor, unavailable) = (replicas.floor, bounds.unavailable);
    let needed = needed(input, workload, floor);
    let strategy = match workload.kind {
        WorkloadKind::StatefulSet => "updateStrategy",
        _ => "strategy",
    };
    let left = floor - unavailable;
    let finding =
        findings.fail(workload.object, format!("a rollout may take {unavailable} of {floor} replicas down at once"));
    finding
        .leads_to(format!("{left} of {needed} needed are left until the new pods are ready"))
        .evidence(format!("spec.{strategy}.rollingUpdate.maxUnavailable"), written(update.max_unavailable))
        .evidence(format!("spec.{strategy}.rollingUpdate.maxSurge"), written(update.max_surge))
        .at_risk(blast_radius(snapshot, [workload], vec!["a rollout".into()]));
    if floor == 1 && workload.kind != WorkloadKind::StatefulSet {
        finding
            .fix("maxUnavailable: 0, maxSurge: 1")
            .patch(r#"{"spec":{"strategy":{"rollingUpdate":{"maxSurge":1,"maxUnavailable":0}}}}"#);
    } else {
        finding
            .fix("maxUnavailable: 1")
            .patch(format!(r#"{{"spec":{{"{strategy}":{{"rollingUpdate":{{"maxUnavailable":1}}}}}}}}"#));
    }
    if replicas.autoscaled {
        finding.related(workload.autoscalers.iter().map(|&id| snapshot.autoscaler(id).object));
    }
}

/// Recreate stops everything by intent. With one replica that is often right (a volume for one writer).
fn check_recreate(input: &Input, workload: &Workload, replicas: ReplicaRange, findings: &mut Findings) {
    if replicas.floor < 2 {
        return findings.not_applicable(workload.object, "Recreate with a single replica");
    }
    let snapshot: &Snapshot = input.snapshot;
    findings
        .fail(workload.object, format!("Recreate stops all {} replicas first", replicas.floor))
        .leads_to("nothing serves until the new pods are ready")
        .severity(Severity::Medium)
        .evidence("spec.strategy.type", "Recreate")
        .at_risk(blast_radius(snapshot, [workload], vec!["a rollout".into()]))
        .fix("strategy: RollingUpdate, unless two versions must not run together");
}

fn written(threshold: Threshold) -> String {
    match threshold {
        Threshold::Count(count) => format!("{count}"),
        Threshold::Percent(percent) => format!("{percent}%"),
    }
}

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use ha_sdk::arithmetic::replicas::unresolved_owner;
use ha_sdk::snapshot::{ObjectId, Pod, ResourceKind, Snapshot, Workload, WorkloadKind};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::risk::blast_radius;

rule! {
    /// A pod that is meant to run all the time has no controller.
    ///
    /// ## Why it matters
    /// Nothing makes the pod anew when it is evicted, preempted or deleted, or when its node dies. `kubectl drain`
    /// refuses to touch it without `--force`.
    ///
    /// ## Remediation
    /// Let a Deployment or a StatefulSet make it. What runs to an end belongs into a Job.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:  # finding: bare-pod
    ///   name: tunnel
    ///   namespace: shop
    /// spec:
    ///   containers: [{name: tunnel, image: tunnel}]
    /// ```
    /// A pod that runs to an end, as for a debugging session:
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: shell, namespace: shop}
    /// spec:
    ///   restartPolicy: Never
    ///   containers: [{name: shell, image: busybox}]
    /// ```
    /// ```yaml passes
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: tunnel, namespace: shop}
    /// spec:
    ///   selector: {matchLabels: {app: tunnel}}
    ///   template:
    ///     metadata: {labels: {app: tunnel}}
    ///     spec:
    ///       containers: [{name: tunnel, image: tunnel}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/workloads/pods/#working-with-pods>
    /// - <https://kubernetes.io/docs/concepts/configuration/overview/#naked-pods-vs-replicasets-deployments-and-jobs>
    pub static BARE_POD: Rule = Rule {
        name: "bare-pod",
        area: Area::Replication,
        severity: Severity::High,
        class: Class::AC,
        needs: &[ResourceKind::Pod],
        since: "0.1.0",
        check,
    };
}

/// Annotation of pods that Helm runs and deletes itself.
const HELM_HOOK: &str = "helm.sh/hook";

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let custom_kinds: BTreeSet<_> =
        snapshot.custom_kinds.iter().map(|kind| (snapshot.text(kind.group), kind.kind)).collect();
    let is_installed = |owner: ObjectId| {
        let owner = snapshot.object(owner);
        let group = snapshot.text(owner.api_version).split_once('/').map_or("", |(group, _)| group);
        custom_kinds.contains(&(group, owner.kind))
    };
    for workload in &snapshot.workloads {
        match workload.kind {
            WorkloadKind::BarePod => check_pod(snapshot, workload, findings),
            WorkloadKind::StaticPod => {
                findings.not_applicable(workload.object, "the kubelet runs a static pod");
            }
            // An owner reference counts only when its owner, or at least its kind, exists.
            WorkloadKind::Custom if !workload.resolved && !is_installed(workload.owner.unwrap_or(workload.object)) => {
                findings.unknown(workload.object, unresolved_owner(snapshot, workload));
            }
            _ => findings.pass(workload.object),
        }
    }
}

fn check_pod(snapshot: &Snapshot, workload: &Workload, findings: &mut Findings) {
    let spec = snapshot.spec_of(workload);
    let restarts = matches!(snapshot.text(spec.restart_policy), "" | "Always");
    if snapshot.pods_of(workload).any(Pod::is_finished) {
        return findings.not_applicable(workload.object, "it has ended");
    }
    if !restarts && workload.services.is_empty() {
        return findings.not_applicable(workload.object, "it runs to an end");
    }
    if snapshot.annotation(workload.object, HELM_HOOK).is_some() {
        return findings.not_applicable(workload.object, "Helm runs it as a hook");
    }
    let finding = findings.fail(workload.object, "the pod has no controller");
    finding
        .leads_to("once evicted or lost with its node, it does not come back")
        .evidence("metadata.ownerReferences", "unset")
        .fix("create it through a Deployment or a StatefulSet")
        .at_risk(blast_radius(snapshot, [workload], Vec::new()));
}

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::arithmetic::replicas::ReplicaRange;
use ha_sdk::arithmetic::rollout::rollout_bounds;
use ha_sdk::snapshot::{Absence, AccessMode, Claim, ResourceKind, Snapshot, Workload, WorkloadKind};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::claims::{has_single_writer, shared_claims};
use crate::shared::judged_replicas;
use crate::shared::risk::blast_radius;

rule! {
    /// A volume for one writer is mounted by several replicas, or wanted by old and new pod at once in a rollout.
    ///
    /// ## Why it matters
    /// A ReadWriteOnce volume is attached to one node. Replicas that happen to share the node run, so it works
    /// until one of them is scheduled elsewhere: then that pod hangs in ContainerCreating. In a rolling update the
    /// new pod waits on another node for a volume that the old one, which waits for the new one, keeps.
    ///
    /// ## Remediation
    /// With one replica use `strategy: Recreate`. With several use a StatefulSet with `volumeClaimTemplates`, so
    /// that each has a volume of its own, or a ReadWriteMany volume.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data, namespace: shop}
    /// spec:
    ///   accessModes: [ReadWriteOnce]
    ///   resources: {requests: {storage: 1Gi}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 3  # finding: single-writer-volume-shared
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    ///       volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
    /// ```
    /// One replica, but a rollout starts the second before it stops the first:
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data, namespace: shop}
    /// spec:
    ///   accessModes: [ReadWriteOnce]
    ///   resources: {requests: {storage: 1Gi}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 1
    ///   strategy:  # finding: single-writer-volume-shared
    ///     type: RollingUpdate
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    ///       volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data, namespace: shop}
    /// spec:
    ///   accessModes: [ReadWriteOnce]
    ///   resources: {requests: {storage: 1Gi}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 1
    ///   strategy: {type: Recreate}
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    ///       volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
    /// ```
    /// A volume for many writers:
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data, namespace: shop}
    /// spec:
    ///   accessModes: [ReadWriteMany]
    ///   resources: {requests: {storage: 1Gi}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    ///       volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes>
    /// - <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy>
    pub static SINGLE_WRITER_VOLUME_SHARED: Rule = Rule {
        name: "single-writer-volume-shared",
        area: Area::Storage,
        severity: Severity::High,
        class: Class::B,
        needs: &[ResourceKind::PersistentVolumeClaim, ResourceKind::HorizontalPodAutoscaler],
        since: "0.1.0",
        check,
    };
}

/// Claims by namespace and name.
type Claims<'s> = BTreeMap<(Text, Text), &'s Claim>;

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let claims: Claims<'_> = snapshot.claims.iter().map(|claim| ((claim.namespace, claim.name), claim)).collect();
    for workload in &snapshot.workloads {
        if let Some(replicas) = judged_replicas(snapshot, workload, findings) {
            check_workload(snapshot, &claims, workload, replicas, findings);
        }
    }
}

fn check_workload(
    snapshot: &Snapshot,
    claims: &Claims<'_>,
    workload: &Workload,
    replicas: ReplicaRange,
    findings: &mut Findings,
) {
    let names = shared_claims(snapshot, workload);
    if names.is_empty() {
        return findings.not_applicable(workload.object, "its pods share no claim");
    }
    let read: Vec<&Claim> = names.iter().filter_map(|&name| claims.get(&(workload.namespace, name)).copied()).collect();
    if let Some(claim) = read.iter().find(|claim| has_single_writer(claim)) {
        return check_claim(snapshot, workload, replicas, claim, findings);
    }
    let kind = ResourceKind::PersistentVolumeClaim;
    match snapshot.absence(kind, workload.namespace) {
        Absence::Unknown(missing) if read.len() < names.len() => {
            findings.unknown(workload.object, missing);
        }
        _ => findings.pass(workload.object),
    }
}

fn check_claim(
    snapshot: &Snapshot,
    workload: &Workload,
    replicas: ReplicaRange,
    claim: &Claim,
    findings: &mut Findings,
) {
    let name = snapshot.text(claim.name);
    let mode =
        if claim.access_modes.contains(&AccessMode::ReadWriteOnce) { "ReadWriteOnce" } else { "ReadWriteOncePod" };
    let surge = rollout_bounds(workload, replicas.ceiling).map_or(0, |bounds| bounds.surge);
    let fault = vec!["rescheduling".into(), "a rollout".into()];
    if replicas.ceiling > 1 {
        let finding = findings
            .fail(workload.object, format!("up to {} replicas share claim {name}, which is {mode}", replicas.ceiling));
        finding
            .leads_to("they run only while they share a node; one scheduled elsewhere hangs")
            .evidence("spec.replicas", format!("{}", replicas.ceiling))
            .fix("a StatefulSet with volumeClaimTemplates, or a ReadWriteMany volume")
            .at_risk(blast_radius(snapshot, [workload], fault));
        if replicas.autoscaled {
            finding.related(workload.autoscalers.iter().map(|&id| snapshot.autoscaler(id).object));
        }
        finding.related([claim.object]).evidence_of(claim.object, "spec.accessModes", mode);
    } else if surge > 0 && workload.kind == WorkloadKind::Deployment {
        findings
            .fail(workload.object, format!("a rollout starts a second pod on claim {name}, which is {mode}"))
            .leads_to("on another node it waits for a volume that the old pod keeps")
            .evidence("spec.strategy.rollingUpdate.maxSurge", format!("{surge} of 1, rounded up"))
            .evidence_of(claim.object, "spec.accessModes", mode)
            .related([claim.object])
            .fix("strategy.type: Recreate")
            .patch(r#"{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}"#)
            .at_risk(blast_radius(snapshot, [workload], fault));
    } else {
        findings.pass(workload.object);
    }
}

use alloc::format;
use alloc::string::String;
use alloc::vec;

use ha_sdk::arithmetic::eligibility::deciding_toleration;
use ha_sdk::snapshot::{PodSpec, Snapshot, Taint, TaintEffect, Toleration, Workload, WorkloadKind};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::paths::pod_spec_path;
use crate::shared::risk::blast_radius;

rule! {
    /// A pod tolerates dead nodes for ever.
    ///
    /// ## Why it matters
    /// A node that no longer answers gets the taint `unreachable` (or `not-ready`) with the effect `NoExecute`.
    /// Pods tolerate it for 300 seconds by default and are then replaced elsewhere. A pod that tolerates it without
    /// limit stays bound to the dead node, and no replacement is made.
    ///
    /// ## Remediation
    /// Tolerate the taints that the pod needs by key, and give tolerations of
    /// `node.kubernetes.io/not-ready` and `node.kubernetes.io/unreachable` a `tolerationSeconds`. DaemonSets need
    /// them without limit. Where a fencing agent replaces StatefulSet pods by hand, suppress the rule.
    ///
    /// ## Examples
    /// Without a key it tolerates everything:
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       tolerations:
    ///       - operator: Exists  # finding: toleration-forever
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       tolerations:
    ///       - {key: spot, operator: Exists}
    ///       - key: node.kubernetes.io/unreachable  # finding: toleration-forever
    ///         operator: Exists
    ///         effect: NoExecute
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// ```yaml passes
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       tolerations:
    ///       - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 30}
    ///       - {operator: Exists, effect: NoSchedule}
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// A DaemonSet needs it:
    /// ```yaml passes
    /// apiVersion: apps/v1
    /// kind: DaemonSet
    /// metadata: {name: agent, namespace: shop}
    /// spec:
    ///   selector: {matchLabels: {app: agent}}
    ///   template:
    ///     metadata: {labels: {app: agent}}
    ///     spec:
    ///       tolerations:
    ///       - operator: Exists
    ///       containers: [{name: agent, image: agent}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions>
    pub static TOLERATION_FOREVER: Rule = Rule {
        name: "toleration-forever",
        area: Area::Failover,
        severity: Severity::High,
        class: Class::A,
        needs: &[],
        since: "0.1.0",
        check,
    };
}

/// What the node controller puts on nodes that are dead or broken.
const TAINTS: [&str; 2] = ["node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"];

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    // A key that no object of the input names is tolerated only by tolerations without a key.
    let taints = TAINTS.map(|name| Taint {
        key: snapshot.texts.find(name).unwrap_or_default(),
        effect: TaintEffect::NoExecute,
        ..Taint::default()
    });
    for workload in &snapshot.workloads {
        match workload.kind {
            WorkloadKind::DaemonSet => {
                findings.not_applicable(workload.object, "a DaemonSet must stay on its node");
            }
            WorkloadKind::StaticPod => {
                findings.not_applicable(workload.object, "a static pod belongs to its node");
            }
            WorkloadKind::Job | WorkloadKind::CronJob => {
                findings.not_applicable(workload.object, "it runs to an end");
            }
            _ => check_workload(snapshot, workload, &taints, findings),
        }
    }
}

fn check_workload(snapshot: &Snapshot, workload: &Workload, taints: &[Taint; 2], findings: &mut Findings) {
    let spec = snapshot.spec_of(workload);
    let unlimited =
        (TAINTS.iter().zip(taints)).find_map(|(name, taint)| Some((*name, unlimited_toleration(spec, taint)?)));
    let Some((taint, position)) = unlimited else {
        return findings.pass(workload.object);
    };
    let toleration = &spec.tolerations[position];
    let path = format!("{}.tolerations[{position}]", pod_spec_path(workload));
    let finding = findings.fail(workload.object, format!("its pods tolerate {taint}:NoExecute without limit"));
    finding
        .leads_to("pods on a dead node stay bound to it and are never replaced")
        .evidence(path, written(snapshot, toleration))
        .at_risk(blast_radius(snapshot, [workload], vec!["losing a node".into()]));
    if toleration.key.is_empty() {
        finding.fix("tolerate by key, or put a toleration of it with tolerationSeconds in front");
    } else {
        finding.fix("tolerationSeconds: 300");
    }
}

/// The position of the toleration that decides about the taint, when it has no limit.
fn unlimited_toleration(spec: &PodSpec, taint: &Taint) -> Option<usize> {
    let position = deciding_toleration(&spec.tolerations, taint)?;
    spec.tolerations[position].seconds.is_none().then_some(position)
}

fn written(snapshot: &Snapshot, toleration: &Toleration) -> String {
    let key = if toleration.key.is_empty() { "any key" } else { snapshot.text(toleration.key) };
    format!("{key}, tolerationSeconds unset (no limit)")
}

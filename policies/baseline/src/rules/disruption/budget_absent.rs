use alloc::format;
use alloc::vec;

use ha_sdk::snapshot::{ResourceKind, Workload};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::budgets::{is_covered, unread_budgets};
use crate::shared::judged_replicas;
use crate::shared::leaders::Leaders;
use crate::shared::risk::blast_radius;
use crate::shared::separation::{Domain, Separation, separation};

rule! {
    /// A workload with two or more replicas is guarded by no PodDisruptionBudget.
    ///
    /// ## Why it matters
    /// Replicas protect against one loss at a time. A node drain, an upgrade or the node autoscaler evicts pods on
    /// purpose, and without a budget nothing stops it from evicting all replicas together. Where a hard rule keeps
    /// replicas on different nodes, that takes several drains at once, and the finding is milder.
    ///
    /// ## Remediation
    /// Add a PodDisruptionBudget in the same namespace whose selector matches the labels of the pod template, with
    /// `maxUnavailable: 1`. Labels of the workload object do not count, and all entries of the selector must match.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 3  # finding: budget-absent
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart, tier: web}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: {matchLabels: {app: checkout, tier: web}}
    /// ```
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: queue, namespace: shop}
    /// spec:
    ///   serviceName: queue
    ///   replicas: 3  # finding: budget-absent
    ///   selector: {matchLabels: {app: queue}}
    ///   template:
    ///     metadata: {labels: {app: queue}}
    ///     spec:
    ///       containers: [{name: queue, image: queue}]
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: queue, namespace: edge}
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: {matchLabels: {app: queue}}
    /// ```
    /// ```yaml passes
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
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   maxUnavailable: 1
    ///   selector:
    ///     matchExpressions: [{key: app, operator: In, values: [cart, checkout]}]
    /// ```
    /// ```yaml passes
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: wiki, namespace: docs}
    /// spec:
    ///   selector: {matchLabels: {app: wiki}}
    ///   template:
    ///     metadata: {labels: {app: wiki}}
    ///     spec:
    ///       containers: [{name: wiki, image: wiki}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/tasks/run-application/configure-pdb/>
    /// - <https://kubernetes.io/docs/concepts/workloads/pods/disruptions/>
    pub static BUDGET_ABSENT: Rule = Rule {
        name: "budget-absent",
        area: Area::Disruption,
        severity: Severity::High,
        class: Class::B,
        needs: &[
            ResourceKind::PodDisruptionBudget,
            ResourceKind::HorizontalPodAutoscaler,
            ResourceKind::ScaledObject,
        ],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let leaders = Leaders::new(input.snapshot);
    for workload in &input.snapshot.workloads {
        check_workload(input, &leaders, workload, findings);
    }
}

fn check_workload(input: &Input, leaders: &Leaders, workload: &Workload, findings: &mut Findings) {
    let snapshot = input.snapshot;
    if workload.is_replicated_kind() && is_covered(snapshot, workload) {
        return findings.pass(workload.object);
    }
    let Some(replicas) = judged_replicas(snapshot, workload, findings) else {
        return;
    };
    if replicas.floor < 2 {
        return findings.not_applicable(workload.object, "one replica needs no budget");
    }
    if let Some(missing) = unread_budgets(snapshot, workload.namespace) {
        findings.unknown(workload.object, missing);
        return;
    }
    let finding =
        findings.fail(workload.object, format!("no PodDisruptionBudget guards its {} replicas", replicas.floor));
    finding.leads_to("a drain or an upgrade may evict all of them at once");
    finding.fix("add a PodDisruptionBudget for its pod labels with maxUnavailable: 1");
    finding.at_risk(blast_radius(snapshot, [workload], vec!["draining its nodes".into()]));
    match workload.autoscalers.first() {
        Some(&id) if replicas.autoscaled => {
            let autoscaler = snapshot.autoscaler(id).object;
            finding.evidence_of(autoscaler, "spec.minReplicas", format!("{}", replicas.floor));
        }
        _ => {
            finding.evidence("spec.replicas", format!("{}", replicas.floor));
        }
    }
    // Where the scheduler insists on several nodes, one drain leaves what is needed; it takes several at once.
    let one_per_node = separation(input, workload, replicas.floor, Domain::Node) == Separation::Hard;
    if one_per_node || leaders.elects(workload) {
        finding.severity(Severity::Medium);
    }
}

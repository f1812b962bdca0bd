use alloc::format;

use ha_sdk::snapshot::{Budget, ResourceKind};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::budgets::unread_pods;
use crate::shared::selectors::{Templates, selector_text};

rule! {
    /// A PodDisruptionBudget matches no pod and no pod template.
    ///
    /// ## Why it matters
    /// Somebody meant to guard a workload, and nothing is guarded: a drain may take all its pods at once. Usually
    /// a label was renamed, the budget stands in another namespace, or one entry of the selector is not on the pods.
    ///
    /// ## Remediation
    /// Make every entry of the selector a label of the pod template, in the same namespace, or delete the budget.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: payments, namespace: pay}
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: {matchLabels: {app: payments, tier: api}}  # finding: budget-selects-nothing
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: checkout, namespace: pay}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: checkout}}
    ///   template:
    ///     metadata: {labels: {app: checkout, tier: api}}
    ///     spec:
    ///       containers: [{name: checkout, image: checkout}]
    /// ```
    /// ```yaml fails
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: everything, namespace: pay}
    /// spec:  # finding: budget-selects-nothing
    ///   maxUnavailable: 1
    /// ```
    /// ```yaml passes
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: everything, namespace: pay}
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: {}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: checkout, namespace: pay}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: checkout}}
    ///   template:
    ///     metadata: {labels: {app: checkout}}
    ///     spec:
    ///       containers: [{name: checkout, image: checkout}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/tasks/run-application/configure-pdb/>
    pub static BUDGET_SELECTS_NOTHING: Rule = Rule {
        name: "budget-selects-nothing",
        area: Area::Disruption,
        severity: Severity::Medium,
        class: Class::BC,
        needs: &[ResourceKind::PodDisruptionBudget, ResourceKind::Pod],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let templates = Templates::new(input.snapshot);
    for budget in &input.snapshot.budgets {
        check_budget(input, &templates, budget, findings);
    }
}

fn check_budget(input: &Input, templates: &Templates, budget: &Budget, findings: &mut Findings) {
    let snapshot = input.snapshot;
    if !budget.workloads.is_empty() || !budget.pods.is_empty() {
        return findings.pass(budget.object);
    }
    let Some(selector) = &budget.selector else {
        // The empty selector of policy/v1beta1 is kept as none, too: both match no pod.
        let finding = findings.fail(budget.object, "without a selector it matches no pod");
        finding.evidence("spec.selector", "unset");
        finding.leads_to("it guards nothing").fix("give it a selector, or delete it");
        return;
    };
    if let Some(missing) = unread_pods(snapshot, budget) {
        findings.unknown(budget.object, missing);
        return;
    }
    let text = selector_text(snapshot, selector);
    let finding = findings.fail(budget.object, format!("no pod has the labels {text}"));
    finding.evidence("spec.selector", text);
    finding.leads_to("it guards nothing: a drain may take all pods it was meant for");
    finding.fix("match the labels of the pod template, or delete the budget");
    if let Some((id, difference)) = templates.near_miss(selector, budget.namespace) {
        let workload = snapshot.workload(id).object;
        finding.related([workload]);
        finding.fix(format!("if it is meant for {}: {difference}", snapshot.title(workload)));
    }
}

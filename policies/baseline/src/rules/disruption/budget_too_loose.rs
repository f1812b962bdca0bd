use alloc::format;
use alloc::vec;

use ha_sdk::arithmetic::budget::{Allowance, BudgetState};
use ha_sdk::arithmetic::replicas::{effective_replicas, is_quorum_group, needed};
use ha_sdk::snapshot::{Budget, ResourceKind, Workload};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::budgets::{ONE_AT_A_TIME, deciding_field, deciding_text, judged_state, one_at_a_time_serves};
use crate::shared::risk::blast_radius;

rule! {
    /// A PodDisruptionBudget lets more pods be evicted than its workload can spare.
    ///
    /// ## Why it matters
    /// The budget is there and guards nothing: drains may take all replicas at once, or so many members of a quorum
    /// group that it loses its majority and stops writing.
    ///
    /// ## Remediation
    /// `maxUnavailable: 1` fits nearly every workload. A quorum group of n members can spare n − (n/2 + 1).
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   maxUnavailable: 3  # finding: budget-too-loose
    ///   selector: {matchLabels: {app: web}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   selector: {matchLabels: {app: web}}
    ///   template:
    ///     metadata: {labels: {app: web}}
    ///     spec:
    ///       containers: [{name: web, image: web}]
    /// ```
    /// ```yaml fails
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: zookeeper, namespace: data}
    /// spec:
    ///   maxUnavailable: 50%  # finding: budget-too-loose
    ///   selector: {matchLabels: {app: zookeeper}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: zookeeper, namespace: data}
    /// spec:
    ///   serviceName: zookeeper
    ///   replicas: 5
    ///   selector: {matchLabels: {app: zookeeper}}
    ///   template:
    ///     metadata: {labels: {app: zookeeper}}
    ///     spec:
    ///       containers: [{name: zookeeper, image: "zookeeper:3.9"}]
    /// ```
    /// ```yaml passes
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   maxUnavailable: 50%
    ///   selector: {matchLabels: {app: web}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   replicas: 5
    ///   selector: {matchLabels: {app: web}}
    ///   template:
    ///     metadata: {labels: {app: web}}
    ///     spec:
    ///       containers: [{name: web, image: web}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/tasks/run-application/configure-pdb/>
    pub static BUDGET_TOO_LOOSE: Rule = Rule {
        name: "budget-too-loose",
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
    for budget in &input.snapshot.budgets {
        check_budget(input, budget, findings);
    }
}

fn check_budget(input: &Input, budget: &Budget, findings: &mut Findings) {
    let snapshot = input.snapshot;
    match judged_state(snapshot, budget, findings) {
        // Answered already: there is nothing to judge.
        BudgetState::Empty | BudgetState::Off => {}
        BudgetState::Undefined | BudgetState::Unscalable(_) => findings.pass(budget.object),
        BudgetState::Unknown(missing) => drop(findings.unknown(budget.object, missing)),
        BudgetState::Counted(allowance) => judge(input, budget, allowance, findings),
    }
}

/// A workload that the budget lets fall below what it needs.
struct Exposed<'s> {
    workload: &'s Workload,
    replicas: u32,
    needed: u32,
}

/// Evictions are not shared out: all that a budget allows may hit one workload.
fn judge(input: &Input, budget: &Budget, allowance: Allowance, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let groups = budget.workloads.iter().filter_map(|&id| {
        let workload = snapshot.workload(id);
        let replicas = effective_replicas(snapshot, workload).range()?.floor;
        (replicas >= 2).then(|| Exposed { workload, replicas, needed: needed(input, workload, replicas) })
    });
    let mut groups = groups.peekable();
    if groups.peek().is_none() {
        return findings.not_applicable(budget.object, "it guards no group of two or more replicas");
    }
    let falls_below = |group: &Exposed| group.replicas.saturating_sub(allowance.allowed()) < group.needed;
    let Some(exposed) = groups.find(falls_below) else {
        return findings.pass(budget.object);
    };
    let Exposed { workload, replicas, needed } = exposed;
    let quorum = if is_quorum_group(snapshot, workload) { " for quorum" } else { "" };
    let message = format!(
        "{} lets {} of {replicas} replicas go; {needed} must stay{quorum}",
        deciding_text(budget),
        allowance.allowed().min(replicas),
    );
    let finding = findings.fail(budget.object, message);
    let (path, value) = deciding_field(budget);
    finding.evidence(path, value).related(budget.workloads.iter().map(|&id| snapshot.workload(id).object));
    finding.evidence_of(workload.object, "spec.replicas", format!("{replicas}"));
    finding.leads_to(if quorum.is_empty() {
        "drains may evict all replicas at once, as if there were no budget"
    } else {
        "drains may take its majority: it stops writing until members are back"
    });
    finding.at_risk(blast_radius(snapshot, [workload], vec!["draining several nodes".into()]));
    if one_at_a_time_serves(input, budget) {
        finding.fix("maxUnavailable: 1").patch(ONE_AT_A_TIME);
    } else {
        finding.fix("run 3 replicas or more and set maxUnavailable: 1");
    }
    if budget.workloads.len() > 1 && allowance.allowed() < allowance.expected {
        finding.severity(Severity::Medium);
    }
}

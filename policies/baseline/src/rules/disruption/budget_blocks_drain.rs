use alloc::format;
use alloc::string::String;
use alloc::vec;

use ha_sdk::arithmetic::budget::{Allowance, BudgetState, allowance};
use ha_sdk::finding::{Finding, Missing};
use ha_sdk::snapshot::{Budget, BudgetStatus, ObjectId, ResourceKind, Snapshot, Threshold};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::budgets::{ONE_AT_A_TIME, deciding_field, deciding_text, judged_state, one_at_a_time_serves};
use crate::shared::places::{list, node_names};
use crate::shared::risk::blast_radius;

rule! {
    /// A PodDisruptionBudget allows no eviction even when all its pods are healthy.
    ///
    /// ## Why it matters
    /// The eviction API answers every request with 429, so a drain of a node that runs one of these pods waits for
    /// ever: upgrades hang, and the node autoscaler cannot remove the node. It is not always visible in the file:
    /// percentages are rounded up, so 67% of 3 replicas are all three.
    ///
    /// ## Remediation
    /// Let one pod go at a time: `maxUnavailable: 1`, and no `minAvailable`. A single replica cannot be guarded
    /// by a budget: run two, or delete the budget. Under an autoscaler the count is judged at its floor.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: ledger, namespace: bank}
    /// spec:
    ///   minAvailable: 67%  # finding: budget-blocks-drain
    ///   selector: {matchLabels: {app: ledger}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: ledger, namespace: bank}
    /// spec:
    ///   replicas: 3
    ///   selector: {matchLabels: {app: ledger}}
    ///   template:
    ///     metadata: {labels: {app: ledger}}
    ///     spec:
    ///       containers: [{name: ledger, image: ledger}]
    /// ```
    /// ```yaml fails
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: quotes, namespace: trade}
    /// spec:
    ///   minAvailable: 3  # finding: budget-blocks-drain
    ///   selector: {matchLabels: {app: quotes}}
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: {name: quotes, namespace: trade}
    /// spec:
    ///   scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: quotes}
    ///   minReplicas: 3
    ///   maxReplicas: 9
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: quotes, namespace: trade}
    /// spec:
    ///   selector: {matchLabels: {app: quotes}}
    ///   template:
    ///     metadata: {labels: {app: quotes}}
    ///     spec:
    ///       containers: [{name: quotes, image: quotes}]
    /// ```
    /// ```yaml fails
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: mail, namespace: crm}
    /// spec:  # finding: budget-blocks-drain
    ///   selector: {matchLabels: {app: mail}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: mail, namespace: crm}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: mail}}
    ///   template:
    ///     metadata: {labels: {app: mail}}
    ///     spec:
    ///       containers: [{name: mail, image: mail}]
    /// ```
    /// ```yaml fails
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: otel, namespace: telemetry}
    /// spec:
    ///   maxUnavailable: 1  # finding: budget-blocks-drain
    ///   selector: {matchLabels: {app: otel}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: DaemonSet
    /// metadata: {name: otel-agent, namespace: telemetry}
    /// spec:
    ///   selector: {matchLabels: {app: otel}}
    ///   template:
    ///     metadata: {labels: {app: otel}}
    ///     spec:
    ///       containers: [{name: otel, image: otel}]
    /// ```
    /// ```yaml passes
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   minAvailable: 50%
    ///   selector: {matchLabels: {app: web}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   replicas: 7
    ///   selector: {matchLabels: {app: web}}
    ///   template:
    ///     metadata: {labels: {app: web}}
    ///     spec:
    ///       containers: [{name: web, image: web}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/tasks/run-application/configure-pdb/>
    /// - <https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/>
    pub static BUDGET_BLOCKS_DRAIN: Rule = Rule {
        name: "budget-blocks-drain",
        area: Area::Disruption,
        severity: Severity::Critical,
        class: Class::BC,
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

/// The floor decides: what a budget allows never shrinks while its workloads grow.
fn check_budget(input: &Input, budget: &Budget, findings: &mut Findings) {
    let snapshot = input.snapshot;
    match judged_state(snapshot, budget, findings) {
        // Answered already: there is nothing to judge.
        BudgetState::Empty | BudgetState::Off => {}
        BudgetState::Undefined => {
            let message = "neither minAvailable nor maxUnavailable is set: 0 evictions allowed";
            let finding = findings.fail(budget.object, message);
            explain(input, budget, finding);
        }
        BudgetState::Unscalable(owner) => unscalable(input, budget, owner, findings),
        BudgetState::Unknown(missing) => without_counts(input, budget, missing, findings),
        BudgetState::Counted(allowance) if allowance.allowed() == 0 => {
            let finding = findings.fail(budget.object, refusal(budget, allowance));
            explain(input, budget, finding);
            counts(snapshot, budget, finding);
        }
        BudgetState::Counted(_) => findings.pass(budget.object),
    }
}

/// A controller without scale: the disruption controller cannot compute how many pods there should be.
fn unscalable(input: &Input, budget: &Budget, owner: ObjectId, findings: &mut Findings) {
    let owner_title = input.snapshot.title(owner);
    let message = format!("0 evictions allowed: {owner_title} has no scale to count by");
    let finding = findings.fail(budget.object, message);
    explain(input, budget, finding);
    finding.related([owner]).fix(format!("keep {owner_title} out of the selector, or use an integer minAvailable"));
    finding.patch("");
}

/// Some replica count is not known. What the disruption controller saw last decides, or a budget that blocks
/// however many there are.
fn without_counts(input: &Input, budget: &Budget, missing: Missing, findings: &mut Findings) {
    const MANY: u32 = 1_000_000;
    let at_any_size = allowance(budget, MANY, MANY, MANY).is_some_and(|allowance| allowance.allowed() == 0);
    if at_any_size {
        let message = format!("{} allows 0 evictions at any size", deciding_text(budget));
        let finding = findings.fail(budget.object, message);
        return explain(input, budget, finding);
    }
    match budget.status.as_ref().filter(|status| status.expected_pods > 0) {
        Some(status) if status.desired_healthy >= status.expected_pods => {
            let message = format!(
                "0 evictions allowed: {} of {} pods must stay ({})",
                status.desired_healthy,
                status.expected_pods,
                deciding_text(budget)
            );
            let finding = findings.fail(budget.object, message);
            explain(input, budget, finding);
            observed(status, finding);
        }
        Some(_) => findings.pass(budget.object),
        None => drop(findings.unknown(budget.object, missing)),
    }
}

fn refusal(budget: &Budget, allowance: Allowance) -> String {
    let Allowance { expected, desired, .. } = allowance;
    let rounded = match budget.min_available {
        Some(Threshold::Percent(percent)) if budget.max_unavailable.is_none() && percent < 100 => {
            format!("{percent}% rounds up")
        }
        _ => deciding_text(budget),
    };
    format!("0 evictions allowed: {desired} of {expected} pods must stay ({rounded})")
}

fn explain(input: &Input, budget: &Budget, finding: &mut Finding) {
    let snapshot = input.snapshot;
    let (path, value) = deciding_field(budget);
    finding.evidence(path, value);
    finding.related(budget.workloads.iter().map(|&id| snapshot.workload(id).object));
    let nodes = node_names(snapshot, budget.pods.iter().map(|&id| snapshot.pod(id)));
    finding.leads_to(match nodes.len() {
        0 => "a drain of any node that runs one of its pods never ends".into(),
        1 => format!("a drain of {} never ends", nodes[0]),
        _ => format!("a drain of {} never ends", list(&nodes)),
    });
    let faults = vec!["draining a node of its pods".into()];
    finding.at_risk(blast_radius(snapshot, budget.workloads.iter().map(|&id| snapshot.workload(id)), faults));
    if one_at_a_time_serves(input, budget) {
        finding.fix("maxUnavailable: 1").patch(ONE_AT_A_TIME);
    } else {
        finding.fix("run more replicas and set maxUnavailable: 1, or delete the budget");
    }
}

/// The replica counts on which the numbers rest.
fn counts(snapshot: &Snapshot, budget: &Budget, finding: &mut Finding) {
    for workload in budget.workloads.iter().take(5).map(|&id| snapshot.workload(id)) {
        if let Some(&id) = workload.autoscalers.first() {
            let autoscaler = snapshot.autoscaler(id);
            finding.evidence_of(autoscaler.object, "spec.minReplicas", format!("{}", autoscaler.floor()));
        } else if let Some(replicas) = workload.replicas {
            finding.evidence_of(workload.object, "spec.replicas", format!("{replicas}"));
        } else {
            finding.evidence_of(workload.object, "spec.replicas", "unset (default 1)");
        }
    }
}

fn observed(status: &BudgetStatus, finding: &mut Finding) {
    finding.evidence("status.desiredHealthy", format!("{}", status.desired_healthy));
    finding.evidence("status.expectedPods", format!("{}", status.expected_pods));
}

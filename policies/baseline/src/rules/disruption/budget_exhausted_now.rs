use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::arithmetic::budget::{At, BudgetState, steady_state};
use ha_sdk::finding::{Finding, Missing};
use ha_sdk::snapshot::{Budget, BudgetStatus, GapReason, Pod, ResourceKind, Snapshot, UnhealthyPodEviction};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::places::{list, node_names};
use crate::shared::risk::blast_radius;

/// A budget that was used up for less than this many seconds may just see a rollout or a drain.
const TRANSIENT_SECONDS: i64 = 600;

rule! {
    /// A PodDisruptionBudget has been used up for more than ten minutes: right now it allows no eviction.
    ///
    /// ## Why it matters
    /// The budget is right when all its pods are healthy, but some are not. Until they are, every drain of a node
    /// with one of its pods waits, also one that would help: the next fault finds no spare, either.
    ///
    /// ## Remediation
    /// Repair the pods that are not Ready. Where they cannot be repaired in place, `unhealthyPodEvictionPolicy:
    /// AlwaysAllow` lets a drain move them.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: web, namespace: shop, generation: 1}
    /// spec:
    ///   minAvailable: 1
    ///   selector: {matchLabels: {app: web}}
    /// status:
    ///   observedGeneration: 1
    ///   expectedPods: 2
    ///   desiredHealthy: 1
    ///   currentHealthy: 1
    ///   disruptionsAllowed: 0  # finding: budget-exhausted-now
    ///   conditions:
    ///   - {type: DisruptionAllowed, status: "False", reason: InsufficientPods, lastTransitionTime: "2025-10-01T08:00:00Z"}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: web}}
    ///   template:
    ///     metadata: {labels: {app: web}}
    ///     spec:
    ///       containers: [{name: web, image: web}]
    /// ```
    /// ```yaml passes
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: web, namespace: shop, generation: 1}
    /// spec:
    ///   minAvailable: 1
    ///   selector: {matchLabels: {app: web}}
    /// status:
    ///   observedGeneration: 1
    ///   expectedPods: 2
    ///   desiredHealthy: 1
    ///   currentHealthy: 2
    ///   disruptionsAllowed: 1
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: web}}
    ///   template:
    ///     metadata: {labels: {app: web}}
    ///     spec:
    ///       containers: [{name: web, image: web}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/tasks/run-application/configure-pdb/>
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/>
    pub static BUDGET_EXHAUSTED_NOW: Rule = Rule {
        name: "budget-exhausted-now",
        area: Area::Disruption,
        severity: Severity::High,
        class: Class::C,
        needs: &[ResourceKind::PodDisruptionBudget, ResourceKind::Pod],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    for budget in &input.snapshot.budgets {
        check_budget(input.snapshot, budget, findings);
    }
}

fn check_budget(snapshot: &Snapshot, budget: &Budget, findings: &mut Findings) {
    let Some(status) = &budget.status else {
        return without_status(snapshot, budget, findings);
    };
    if status.observed_generation < budget.generation {
        return unobserved(budget, status, findings);
    }
    if status.disruptions_allowed > 0 {
        return findings.pass(budget.object);
    }
    if is_by_itself_blocked(snapshot, budget, status) {
        return findings.not_applicable(budget.object, "it allows none even when all pods are healthy");
    }
    if status.expected_pods == 0 {
        return uncounted(snapshot, budget, findings);
    }
    let since = condition_since(snapshot, status);
    let seconds = since.map(|since| snapshot.source.taken_at.saturating_sub(since));
    if seconds.is_some_and(|seconds| seconds < TRANSIENT_SECONDS) {
        return findings.pass(budget.object);
    }
    exhausted(snapshot, budget, status, seconds, findings);
}

/// Files rarely hold a status; a cluster always does, once the disruption controller has seen the budget.
fn without_status(snapshot: &Snapshot, budget: &Budget, findings: &mut Findings) {
    if !snapshot.is_live() && snapshot.source.assume_complete {
        return findings.not_applicable(budget.object, "it has no status: not read from a cluster");
    }
    let reason = if snapshot.is_live() { GapReason::Unreadable } else { GapReason::NotInInput };
    let missing = Missing { what: "status of the budget".into(), reason, ..Missing::default() };
    findings.unknown(budget.object, missing);
}

/// Whether the numbers allow nothing whatever the pods do; `budget-blocks-drain` says so.
fn is_by_itself_blocked(snapshot: &Snapshot, budget: &Budget, status: &BudgetStatus) -> bool {
    match steady_state(snapshot, budget, At::Floor) {
        BudgetState::Undefined | BudgetState::Unscalable(_) => true,
        BudgetState::Counted(allowance) if allowance.allowed() == 0 => true,
        _ => status.expected_pods > 0 && status.desired_healthy >= status.expected_pods,
    }
}

fn unobserved(budget: &Budget, status: &BudgetStatus, findings: &mut Findings) {
    let message = format!(
        "its status is of generation {}, not of {}: no eviction is allowed",
        status.observed_generation, budget.generation
    );
    let finding = findings.fail(budget.object, message);
    finding.evidence("status.observedGeneration", format!("{}", status.observed_generation));
    finding.leads_to("the disruption controller has not seen the budget, or is not running");
    finding.fix("see that kube-controller-manager runs").severity(Severity::Medium);
}

/// Nothing is expected: there is no pod, or the controllers' scale cannot be read.
fn uncounted(snapshot: &Snapshot, budget: &Budget, findings: &mut Findings) {
    if budget.pods.is_empty() {
        return findings.not_applicable(budget.object, "it matches no pod");
    }
    let message = "the disruption controller cannot count its pods: 0 evictions allowed";
    let finding = findings.fail(budget.object, message);
    finding.evidence("status.expectedPods", "0");
    finding.leads_to("a drain of any node that runs one of its pods never ends");
    finding.fix("use an integer minAvailable, which needs no scale of the pods' controller");
    finding.related(budget.workloads.iter().map(|&id| snapshot.workload(id).object));
}

fn condition_since(snapshot: &Snapshot, status: &BudgetStatus) -> Option<i64> {
    let allowed = status.conditions.iter().find(|condition| snapshot.text(condition.name) == "DisruptionAllowed")?;
    allowed.since
}

fn exhausted(
    snapshot: &Snapshot,
    budget: &Budget,
    status: &BudgetStatus,
    seconds: Option<i64>,
    findings: &mut Findings,
) {
    let age = seconds.map(|seconds| format!(" for {} min", seconds / 60)).unwrap_or_default();
    let message = format!(
        "0 evictions allowed{age}: {} of {} pods are healthy, {} must be",
        status.current_healthy, status.expected_pods, status.desired_healthy
    );
    let finding = findings.fail(budget.object, message);
    finding.evidence("status.disruptionsAllowed", "0");
    finding.evidence("status.currentHealthy", format!("{}", status.current_healthy));
    let pods = || budget.pods.iter().map(|&id| snapshot.pod(id));
    let nodes = node_names(snapshot, pods().filter(|pod| pod.is_healthy()));
    finding.leads_to(match nodes.len() {
        0 => "no node that runs one of its pods can be drained".into(),
        _ => format!("{} cannot be drained", list(&nodes)),
    });
    let unhealthy: Vec<&Pod> = pods().filter(|pod| !pod.is_healthy() && !pod.is_finished()).collect();
    finding.related(unhealthy.iter().take(5).map(|pod| pod.object));
    finding.related(budget.workloads.iter().map(|&id| snapshot.workload(id).object));
    let workloads = budget.workloads.iter().map(|&id| snapshot.workload(id));
    finding.at_risk(blast_radius(snapshot, workloads, vec!["draining a node of its pods".into()]));
    explain_repair(snapshot, budget, &unhealthy, finding);
}

fn explain_repair(snapshot: &Snapshot, budget: &Budget, unhealthy: &[&Pod], finding: &mut Finding) {
    let names: Vec<&str> = unhealthy.iter().map(|pod| snapshot.text(snapshot.object(pod.object).name)).collect();
    let repair: String = match names.len() {
        0 => "find out why pods are missing: quota, scheduling or a webhook".into(),
        _ => format!("repair what is not Ready: {}", list(&names)),
    };
    let keeps_broken_pods = budget.unhealthy_pod_eviction == UnhealthyPodEviction::IfHealthyBudget;
    let policy = if names.is_empty() || !keeps_broken_pods {
        ""
    } else {
        "; unhealthyPodEvictionPolicy: AlwaysAllow lets a drain move them"
    };
    finding.fix(format!("{repair}{policy}"));
}

//! What several rules ask about budgets. Their numbers come from `ha_core::arithmetic::budget`.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};

use ha_sdk::arithmetic::budget::{At, BudgetState, allowance, needs_scale, scale, steady_state};
use ha_sdk::arithmetic::replicas::{Replicas, effective_replicas, needed};
use ha_sdk::arithmetic::size;
use ha_sdk::finding::Missing;
use ha_sdk::snapshot::{Absence, Budget, ResourceKind, Snapshot, Threshold, Workload, WorkloadId};
use ha_sdk::{Findings, Input};

/// Whether a budget guards every pod of the workload: it matches the template, or all pods that exist.
pub(crate) fn covers(snapshot: &Snapshot, budget: &Budget, workload: &Workload) -> bool {
    let Some(selector) = &budget.selector else {
        return false;
    };
    let matches = |labels| selector.matches(snapshot.labels(labels), &snapshot.texts);
    if matches(workload.template_labels) {
        return true;
    }
    let mut pods = snapshot.pods_of(workload).peekable();
    pods.peek().is_some() && pods.all(|pod| matches(pod.labels))
}

/// Whether some budget guards every pod of the workload.
pub(crate) fn is_covered(snapshot: &Snapshot, workload: &Workload) -> bool {
    workload.budgets.iter().any(|&id| covers(snapshot, snapshot.budget(id), workload))
}

/// What is missing before one may say that a budget matches no pod: templates and pods of its namespace.
pub(crate) fn unread_pods(snapshot: &Snapshot, budget: &Budget) -> Option<Missing> {
    const KINDS: &[ResourceKind] =
        &[ResourceKind::Deployment, ResourceKind::StatefulSet, ResourceKind::ReplicaSet, ResourceKind::Pod];
    snapshot.first_missing(KINDS, budget.namespace)
}

/// What a budget allows in the worst steady state of its workloads. Where there is nothing to judge, since it matches
/// no pod or all that it matches may be off, answers for the rule.
pub(crate) fn judged_state(snapshot: &Snapshot, budget: &Budget, findings: &mut Findings) -> BudgetState {
    let state = steady_state(snapshot, budget, At::Floor);
    match state {
        BudgetState::Empty => match unread_pods(snapshot, budget) {
            Some(missing) => drop(findings.unknown(budget.object, missing)),
            None => findings.not_applicable(budget.object, "it matches no pod"),
        },
        BudgetState::Off => findings.not_applicable(budget.object, "all that it matches may be scaled to 0"),
        _ => {}
    }
    state
}

/// What is missing before one may say that no further budget exists in the namespace of the workload.
pub(crate) fn unread_budgets(snapshot: &Snapshot, namespace: ha_sdk::text::Text) -> Option<Missing> {
    match snapshot.absence(ResourceKind::PodDisruptionBudget, namespace) {
        Absence::Proven => None,
        Absence::Unknown(missing) => Some(missing),
    }
}

/// How many evictions a budget allows now, counted as the disruption controller does, which leaves out no pod that has
/// ended; none where it cannot count.
pub(crate) fn allowed_now(snapshot: &Snapshot, budget: &Budget) -> Option<u32> {
    let pods = || budget.pods.iter().map(|&id| snapshot.pod(id));
    let mut scaled = 0_u32;
    if needs_scale(budget) {
        let workloads: BTreeSet<WorkloadId> = pods().map(|pod| pod.workload).collect();
        for workload in workloads.into_iter().map(|id| snapshot.workload(id)) {
            scaled = scaled.saturating_add(scale(workload)?);
        }
    }
    let healthy = pods().filter(|pod| pod.ready && pod.deleted_at.is_none()).count();
    let allowance = allowance(budget, scaled, size(pods().count()), size(healthy))?;
    Some(allowance.allowed())
}

/// The field that decides, and its value as written: `("spec.minAvailable", "67%")`.
pub(crate) fn deciding_field(budget: &Budget) -> (&'static str, String) {
    match (budget.max_unavailable, budget.min_available) {
        (Some(value), _) => ("spec.maxUnavailable", written(value)),
        (None, Some(value)) => ("spec.minAvailable", written(value)),
        (None, None) => ("spec", "neither minAvailable nor maxUnavailable".into()),
    }
}

/// The field and its value as a user reads them: `minAvailable: 67%`.
pub(crate) fn deciding_text(budget: &Budget) -> String {
    let (path, value) = deciding_field(budget);
    match path.strip_prefix("spec.") {
        Some(field) => format!("{field}: {value}"),
        None => value,
    }
}

fn written(threshold: Threshold) -> String {
    match threshold {
        Threshold::Count(count) => count.to_string(),
        Threshold::Percent(percent) => format!("{percent}%"),
    }
}

/// The patch that lets one pod be evicted at a time.
pub(crate) const ONE_AT_A_TIME: &str = r#"{"spec":{"minAvailable":null,"maxUnavailable":1}}"#;

/// Whether a budget of one eviction at a time is right: there is more than one pod, and every group of replicas
/// keeps what it needs. Where it is not, more replicas are needed first.
pub(crate) fn one_at_a_time_serves(input: &Input, budget: &Budget) -> bool {
    let mut pods = 0_u32;
    for &id in &budget.workloads {
        let workload = input.snapshot.workload(id);
        match effective_replicas(input.snapshot, workload) {
            Replicas::Range(range) if range.floor >= 2 && range.floor <= needed(input, workload, range.floor) => {
                return false;
            }
            Replicas::Range(range) => pods = pods.saturating_add(range.floor),
            Replicas::Off | Replicas::Elastic { .. } => {}
            Replicas::Unknown(_) => return false,
        }
    }
    pods >= 2
}

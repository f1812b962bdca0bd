use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use ha_sdk::labels::LabelsId;
use ha_sdk::snapshot::{Budget, BudgetId, ResourceKind, Snapshot, Workload, WorkloadId, WorkloadKind};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::budgets::unread_budgets;
use crate::shared::places::list;
use crate::shared::risk::blast_radius;
use crate::shared::selectors::selector_text;

rule! {
    /// Several PodDisruptionBudgets match the same pod, so that it can never be evicted.
    ///
    /// ## Why it matters
    /// The eviction API refuses a pod that more than one budget matches, with an error and whatever their numbers
    /// are. A drain of its node never ends. It happens when a chart is renamed and the old budget stays, or when a
    /// budget with the empty selector `{}` joins others in a namespace.
    ///
    /// ## Remediation
    /// Leave one budget for each pod: delete the other, or narrow its selector.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: search, namespace: shop}
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: {matchLabels: {app: search}}  # finding: budgets-overlap
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: search-legacy, namespace: shop}
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: {matchLabels: {tier: backend}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: search, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   selector: {matchLabels: {app: search}}
    ///   template:
    ///     metadata: {labels: {app: search, tier: backend}}
    ///     spec:
    ///       containers: [{name: search, image: search}]
    /// ```
    /// ```yaml passes
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: search, namespace: shop}
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: {matchLabels: {app: search}}
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: others, namespace: shop}
    /// spec:
    ///   maxUnavailable: 1
    ///   selector:
    ///     matchExpressions: [{key: app, operator: NotIn, values: [search]}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: search, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   selector: {matchLabels: {app: search}}
    ///   template:
    ///     metadata: {labels: {app: search}}
    ///     spec:
    ///       containers: [{name: search, image: search}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/>
    /// - <https://github.com/kubernetes/kubernetes/issues/75957>
    pub static BUDGETS_OVERLAP: Rule = Rule {
        name: "budgets-overlap",
        area: Area::Disruption,
        severity: Severity::Critical,
        class: Class::BC,
        needs: &[ResourceKind::PodDisruptionBudget, ResourceKind::Pod],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let overlaps = overlaps(snapshot);
    let reporters = reporters(&overlaps);
    for (position, budget) in snapshot.budgets.iter().enumerate() {
        let id = BudgetId::at(position);
        match overlaps.get(&id) {
            Some(overlap) if reporters.contains(&id) => report(snapshot, budget, overlap, findings),
            Some(_) => {
                let reason = "the finding stands on the budget with which it shares pods";
                findings.not_applicable(budget.object, reason);
            }
            None if budget.workloads.is_empty() => {
                findings.not_applicable(budget.object, "it matches no pod");
            }
            None => match unread_budgets(snapshot, budget.namespace) {
                Some(missing) => drop(findings.unknown(budget.object, missing)),
                None => findings.pass(budget.object),
            },
        }
    }
}

/// What a budget shares with others.
#[derive(Default)]
struct Overlap {
    others: BTreeSet<BudgetId>,
    workloads: BTreeSet<WorkloadId>,
}

/// The budgets that share a pod with another one.
fn overlaps(snapshot: &Snapshot) -> BTreeMap<BudgetId, Overlap> {
    let mut overlaps: BTreeMap<BudgetId, Overlap> = BTreeMap::new();
    for (id, workload) in snapshot.workloads_by_id() {
        if workload.budgets.len() < 2 || !is_drained(workload) {
            continue;
        }
        for sharing in shared_budgets(snapshot, workload) {
            for budget in &sharing {
                let overlap = overlaps.entry(*budget).or_default();
                overlap.others.extend(sharing.iter().filter(|&other| other != budget));
                overlap.workloads.insert(id);
            }
        }
    }
    overlaps
}

/// Whether a drain evicts its pods and expects them to run again elsewhere.
fn is_drained(workload: &Workload) -> bool {
    workload.serves_continuously() && workload.kind != WorkloadKind::DaemonSet
}

/// The sets of two or more budgets that match the template or one pod, each once.
fn shared_budgets(snapshot: &Snapshot, workload: &Workload) -> BTreeSet<Vec<BudgetId>> {
    let mut label_sets: BTreeSet<LabelsId> = snapshot.pods_of(workload).map(|pod| pod.labels).collect();
    label_sets.insert(workload.template_labels);
    let matching = |labels| -> Vec<BudgetId> {
        let matches = |id: &BudgetId| {
            let selector = snapshot.budget(*id).selector.as_ref();
            selector.is_some_and(|selector| selector.matches(snapshot.labels(labels), &snapshot.texts))
        };
        workload.budgets.iter().copied().filter(matches).collect()
    };
    label_sets.into_iter().map(matching).filter(|budgets| budgets.len() > 1).collect()
}

/// The budgets that carry a finding: one of each pair is enough, and the one with most others names them all.
fn reporters(overlaps: &BTreeMap<BudgetId, Overlap>) -> BTreeSet<BudgetId> {
    let mut by_others: Vec<_> = overlaps.iter().collect();
    by_others.sort_by_key(|(id, overlap)| (Reverse(overlap.others.len()), **id));
    let mut reporters = BTreeSet::new();
    for (&id, overlap) in by_others {
        if !overlap.others.is_subset(&reporters) {
            reporters.insert(id);
        }
    }
    reporters
}

fn report(snapshot: &Snapshot, budget: &Budget, overlap: &Overlap, findings: &mut Findings) {
    let others = || overlap.others.iter().map(|&id| snapshot.budget(id));
    let workloads = || overlap.workloads.iter().map(|&id| snapshot.workload(id));
    let other_names: Vec<&str> = others().map(|other| snapshot.name_of(other)).collect();
    let names: Vec<&str> = workloads().map(|workload| snapshot.name_of(workload)).collect();
    let message = format!("shares the pods of {} with the budget {}", list(&names), list(&other_names));
    let finding = findings.fail(budget.object, message);
    finding.leads_to("the eviction API refuses them all: a drain of their nodes never ends");
    finding.fix("leave one budget for these pods: delete the other or narrow its selector");
    finding.evidence("spec.selector", written_selector(snapshot, budget));
    for other in others().take(5) {
        finding.evidence_of(other.object, "spec.selector", written_selector(snapshot, other));
    }
    finding.related(others().map(|other| other.object));
    finding.related(workloads().map(|workload| workload.object));
    finding.at_risk(blast_radius(snapshot, workloads(), vec!["draining a node of these pods".into()]));
}

fn written_selector(snapshot: &Snapshot, budget: &Budget) -> String {
    budget.selector.as_ref().map(|selector| selector_text(snapshot, selector)).unwrap_or_default()
}

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::labels::Operator;
use ha_sdk::snapshot::{Snapshot, SpreadConstraint, Workload, WorkloadId};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::judged_replicas;
use crate::shared::risk::blast_radius;
use crate::shared::selectors::selector_text;
use crate::shared::separation::{REVISION, counts_itself};

rule! {
    /// A spread constraint does not count the pods it stands on, or counts those of other workloads with them.
    ///
    /// ## Why it matters
    /// A constraint limits only the pods that its selector matches. One without a selector, or with the labels of
    /// another version, looks like protection and places nothing: all replicas may share one node. One that
    /// matches other workloads, too, balances their sum, and each of them may still sit on one node.
    ///
    /// ## Remediation
    /// Give the constraint the labels of its own pod template, as in the workload's selector. `matchLabelKeys`
    /// narrows a selector further; it does not replace one.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       topologySpreadConstraints:
    ///       - maxSkew: 1
    ///         topologyKey: kubernetes.io/hostname
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: {matchLabels: {app: cart-v1}}  # finding: spread-selector-mismatch
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// Without a selector it counts no pod at all:
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       topologySpreadConstraints:
    ///       - maxSkew: 1  # finding: spread-selector-mismatch
    ///         topologyKey: kubernetes.io/hostname
    ///         whenUnsatisfiable: DoNotSchedule
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// An empty selector counts every pod of the namespace:
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       topologySpreadConstraints:
    ///       - maxSkew: 1
    ///         topologyKey: kubernetes.io/hostname
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: {}  # finding: spread-selector-mismatch
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// A label of the whole application couples its parts:
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart, app.kubernetes.io/part-of: shop}}
    ///     spec:
    ///       topologySpreadConstraints:
    ///       - maxSkew: 1
    ///         topologyKey: kubernetes.io/hostname
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector:  # finding: spread-selector-mismatch
    ///           matchLabels: {app.kubernetes.io/part-of: shop}
    ///       containers: [{name: cart, image: cart}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: search, namespace: shop}
    /// spec:
    ///   replicas: 3
    ///   selector: {matchLabels: {app: search}}
    ///   template:
    ///     metadata: {labels: {app: search, app.kubernetes.io/part-of: shop}}
    ///     spec:
    ///       containers: [{name: search, image: search}]
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
    ///       topologySpreadConstraints:
    ///       - maxSkew: 1
    ///         topologyKey: kubernetes.io/hostname
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: {matchExpressions: [{key: app, operator: In, values: [cart, shop]}]}
    ///         matchLabelKeys: [pod-template-hash]
    ///       containers: [{name: cart, image: cart}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/#topologyspreadconstraints-field>
    /// - <https://github.com/kubernetes/enhancements/tree/master/keps/sig-scheduling/3243-respect-pod-topology-spread-after-rolling-upgrades>
    pub static SPREAD_SELECTOR_MISMATCH: Rule = Rule {
        name: "spread-selector-mismatch",
        area: Area::Replication,
        severity: Severity::High,
        class: Class::A,
        needs: &[],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let templates = Templates::new(snapshot);
    for (id, workload) in snapshot.workloads_by_id() {
        if judged_replicas(snapshot, workload, findings).is_none() {
            continue;
        }
        let constraints = &snapshot.spec_of(workload).spread_constraints;
        if constraints.is_empty() {
            findings.not_applicable(workload.object, "it has no spread constraint");
            continue;
        }
        let faults: Vec<_> = (0..)
            .zip(constraints)
            .filter_map(|(index, constraint)| Some((index, constraint, templates.fault(id, constraint)?)))
            .collect();
        report(snapshot, workload, &faults, findings);
    }
}

/// What is wrong with the selector of a constraint, worst first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// It counts no pod, or only those of others.
    Misses,
    /// It counts other workloads' pods, too: this one's, or any of the namespace.
    Couples(Option<WorkloadId>),
}

fn report(
    snapshot: &Snapshot,
    workload: &Workload,
    faults: &[(usize, &SpreadConstraint, Fault)],
    findings: &mut Findings,
) {
    let Some((_, constraint, worst)) = faults.iter().min_by_key(|(_, _, fault)| fault) else {
        return findings.pass(workload.object);
    };
    let key = snapshot.text(constraint.topology_key);
    let finding = match worst {
        Fault::Misses => {
            let message = if constraint.selector.is_none() {
                format!("the constraint over {key} has no labelSelector and counts no pod")
            } else {
                format!("the constraint over {key} does not count its own pods")
            };
            let finding = findings.fail(workload.object, message);
            finding.leads_to("it limits nothing: all replicas may be placed together");
            finding
        }
        Fault::Couples(other) => {
            let whom = other.map_or_else(
                || "every pod of its namespace".into(),
                |other| snapshot.title(snapshot.workload(other).object),
            );
            let finding = findings.fail(workload.object, format!("the constraint over {key} also counts {whom}"));
            finding
                .leads_to("the sum is spread; its own replicas may still be placed together")
                .related(other.map(|other| snapshot.workload(other).object))
                .severity(Severity::Medium);
            finding
        }
    };
    for (index, constraint, _) in faults {
        finding.evidence(
            format!("spec.template.spec.topologySpreadConstraints[{index}].labelSelector"),
            constraint
                .selector
                .as_ref()
                .map_or_else(|| String::from("unset (matches no pod)"), |selector| selector_text(snapshot, selector)),
        );
    }
    let own = workload.selector.as_ref().map(|selector| selector_text(snapshot, selector));
    finding
        .at_risk(blast_radius(snapshot, [workload], vec!["losing a node".into()]))
        .fix(format!("labelSelector: {}", own.as_deref().unwrap_or("the labels of its own pods")));
}

/// Workloads by the labels of their pod templates, to find those that a selector matches besides its own.
struct Templates<'s> {
    snapshot: &'s Snapshot,
    /// Namespace, key and value of a label, and a workload whose template has it; sorted.
    labels: Vec<([Text; 3], WorkloadId)>,
}

impl<'s> Templates<'s> {
    fn new(snapshot: &'s Snapshot) -> Self {
        let replicated = snapshot.workloads_by_id().filter(|(_, workload)| workload.is_replicated_kind());
        let mut labels: Vec<_> = replicated
            .flat_map(|(id, workload)| {
                let labels = &snapshot.labels(workload.template_labels).labels;
                labels.iter().map(move |label| ([workload.namespace, label.key, label.value], id))
            })
            .collect();
        labels.sort_unstable();
        Self { snapshot, labels }
    }

    /// The workloads of a namespace whose templates have a label.
    fn labelled(&self, label: [Text; 3]) -> impl Iterator<Item = WorkloadId> {
        let first = self.labels.partition_point(|(other, _)| *other < label);
        self.labels[first..].iter().take_while(move |(other, _)| *other == label).map(|&(_, id)| id)
    }

    fn fault(&self, id: WorkloadId, constraint: &SpreadConstraint) -> Option<Fault> {
        let snapshot = self.snapshot;
        let workload = snapshot.workload(id);
        if !counts_itself(snapshot, workload, constraint) {
            return Some(Fault::Misses);
        }
        // Each ReplicaSet has a hash of its own: no other workload is counted.
        if constraint.match_label_keys.iter().any(|&key| snapshot.text(key) == REVISION) {
            return None;
        }
        let selector = constraint.selector.as_ref()?;
        if selector.is_empty() && constraint.match_label_keys.is_empty() {
            return Some(Fault::Couples(None));
        }
        let own = snapshot.labels(workload.template_labels);
        let is_counted = |&other: &WorkloadId| {
            let labels = snapshot.labels(snapshot.workload(other).template_labels);
            let same = |&key: &Text| own.get(key).is_none() || own.get(key) == labels.get(key);
            other != id && selector.matches(labels, &snapshot.texts) && constraint.match_label_keys.iter().all(same)
        };
        let label = selector.requirements.iter().find_map(|requirement| {
            match (requirement.operator, &requirement.values[..]) {
                (Operator::In, [value]) => Some([workload.namespace, requirement.key, *value]),
                _ => None,
            }
        })?;
        self.labelled(label).find(is_counted).map(|other| Fault::Couples(Some(other)))
    }
}

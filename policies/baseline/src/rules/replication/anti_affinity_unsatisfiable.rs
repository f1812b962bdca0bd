use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec;

use ha_sdk::arithmetic::eligibility::eligible_nodes;
use ha_sdk::arithmetic::replicas::ReplicaRange;
use ha_sdk::arithmetic::rollout::rollout_bounds;
use ha_sdk::snapshot::{Absence, PodAffinityTerm, ResourceKind, Snapshot, Workload};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Finding, Findings, Input, Severity, rule};

use crate::shared::judged_replicas;
use crate::shared::risk::blast_radius;
use crate::shared::separation::{REVISION, repels_itself};

rule! {
    /// Required anti-affinity leaves too few domains for all replicas and the pods that a rollout adds.
    ///
    /// ## Why it matters
    /// Required anti-affinity allows one pod per domain. With as many nodes as replicas, a default rollout of
    /// three (none unavailable, one more) waits for a fourth node for ever, and a pod evicted by a drain has no
    /// place to go.
    ///
    /// ## Remediation
    /// Let the rollout take one pod away first (`maxUnavailable: 1`, `maxSurge: 0`), or use a spread constraint,
    /// or prefer instead of require, or add nodes. `matchLabelKeys: [pod-template-hash]` on the term lets old and
    /// new pods share a node while rolling out.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: c1, labels: {kubernetes.io/hostname: c1}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
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
    ///       affinity:
    ///         podAntiAffinity:
    ///           requiredDuringSchedulingIgnoredDuringExecution:
    ///           - labelSelector: {matchLabels: {app: cart}}  # finding: anti-affinity-unsatisfiable
    ///             topologyKey: kubernetes.io/hostname
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// The rollout may take one pod away first:
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 2
    ///   strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       affinity:
    ///         podAntiAffinity:
    ///           requiredDuringSchedulingIgnoredDuringExecution:
    ///           - labelSelector: {matchLabels: {app: cart}}
    ///             topologyKey: kubernetes.io/hostname
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// Only pods of the same revision repel each other:
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       affinity:
    ///         podAntiAffinity:
    ///           requiredDuringSchedulingIgnoredDuringExecution:
    ///           - labelSelector: {matchLabels: {app: cart}}
    ///             matchLabelKeys: [pod-template-hash]
    ///             topologyKey: kubernetes.io/hostname
    ///       containers: [{name: cart, image: cart}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity>
    /// - <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment>
    pub static ANTI_AFFINITY_UNSATISFIABLE: Rule = Rule {
        name: "anti-affinity-unsatisfiable",
        area: Area::Replication,
        severity: Severity::High,
        class: Class::BC,
        needs: &[ResourceKind::Node, ResourceKind::HorizontalPodAutoscaler],
        since: "0.1.0",
        check,
    };
}

/// A patch that lets a rollout remove one pod before it adds one.
const TAKE_ONE_FIRST: &str = r#"{"spec":{"strategy":{"rollingUpdate":{"maxSurge":0,"maxUnavailable":1}}}}"#;
const TERMS: &str = "requiredDuringSchedulingIgnoredDuringExecution";

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    for workload in &snapshot.workloads {
        let Some(replicas) = judged_replicas(snapshot, workload, findings) else {
            continue;
        };
        let terms = &snapshot.spec_of(workload).pod_anti_affinity;
        if !terms.iter().any(|term| repels_itself(snapshot, workload, term)) {
            findings.not_applicable(workload.object, "it has no required anti-affinity to itself");
        } else if !snapshot.nodes.is_empty() {
            check_terms(snapshot, workload, replicas, findings);
        } else if let Absence::Unknown(missing) = snapshot.absence(ResourceKind::Node, Text::default()) {
            findings.unknown(workload.object, missing);
        } else {
            findings.not_applicable(workload.object, "no node in the input");
        }
    }
}

fn check_terms(snapshot: &Snapshot, workload: &Workload, replicas: ReplicaRange, findings: &mut Findings) {
    let terms = (0_usize..).zip(&snapshot.spec_of(workload).pod_anti_affinity);
    let shortage = terms
        .filter(|(_, term)| repels_itself(snapshot, workload, term))
        .filter_map(|(index, term)| Some((index, Shortage::of(snapshot, workload, replicas, term)?)))
        .max_by_key(|(_, shortage)| shortage.severity);
    match shortage {
        None => findings.pass(workload.object),
        Some((index, shortage)) => {
            let finding = findings.fail(workload.object, shortage.message);
            finding.leads_to(shortage.consequence).severity(shortage.severity).fix(shortage.fix).patch(shortage.patch);
            let faults = vec!["a rollout".into(), "a drain".into()];
            finding.at_risk(blast_radius(snapshot, [workload], faults));
            evidence(snapshot, workload, replicas, index, finding);
        }
    }
}

fn evidence(snapshot: &Snapshot, workload: &Workload, replicas: ReplicaRange, index: usize, finding: &mut Finding) {
    let key = snapshot.spec_of(workload).pod_anti_affinity[index].topology_key;
    let path = format!("spec.template.spec.affinity.podAntiAffinity.{TERMS}[{index}]");
    finding.evidence(path, format!("one pod per {}", snapshot.text(key)));
    if replicas.autoscaled {
        for &id in &workload.autoscalers {
            let object = snapshot.autoscaler(id).object;
            finding.related([object]);
            finding.evidence_of(object, "spec.maxReplicas", format!("{}", replicas.ceiling));
        }
    } else {
        finding.evidence("spec.replicas", format!("{}", replicas.ceiling));
    }
}

/// What a term leaves too few domains for.
struct Shortage {
    severity: Severity,
    message: String,
    consequence: String,
    fix: &'static str,
    patch: &'static str,
}

impl Shortage {
    fn of(snapshot: &Snapshot, workload: &Workload, replicas: ReplicaRange, term: &PodAffinityTerm) -> Option<Self> {
        let count = replicas.ceiling;
        // Old and new pods do not repel each other when the term compares their revision.
        let apart = term.match_label_keys.iter().any(|&key| snapshot.text(key) == REVISION);
        let rollout = rollout_bounds(workload, count).filter(|_| !apart);
        let surge = rollout.map_or(0, |bounds| bounds.surge);
        let wanted = count.saturating_add(surge);
        let domains = eligible_domains(snapshot, workload, term.topology_key, wanted)?;
        let key = snapshot.text(term.topology_key);
        if count > domains {
            let ceiling = if replicas.autoscaled { " at its ceiling" } else { "" };
            return Some(Self {
                severity: Severity::High,
                message: format!("{count} replicas{ceiling}, one per {key}, and {domains} eligible"),
                consequence: format!("{} of them stay Pending", count - domains),
                fix: "fewer replicas, more nodes, or preferred anti-affinity",
                patch: "",
            });
        }
        if wanted <= domains {
            return None;
        }
        if rollout.is_some_and(|bounds| bounds.unavailable == 0) && count == domains {
            return Some(Self {
                severity: Severity::High,
                message: format!(
                    "{count} replicas and {surge} more while rolling out, one per {key}, and {domains} eligible"
                ),
                consequence: "a rollout never removes a pod and is stuck; an evicted pod stays Pending".into(),
                fix: "strategy.rollingUpdate: maxUnavailable: 1, maxSurge: 0",
                // With a single replica the patch would trade one fault for another.
                patch: if count > 1 { TAKE_ONE_FIRST } else { "" },
            });
        }
        Some(Self {
            severity: Severity::Low,
            message: format!(
                "{count} replicas and {surge} more while rolling out, one per {key}, and {domains} eligible"
            ),
            consequence: format!("{} new pods wait for old ones to go", wanted - domains),
            fix: "maxSurge: 0",
            patch: "",
        })
    }
}

/// How many domains the eligible nodes make up, counted up to `wanted`.
///
/// None where an eligible node lacks the key: the scheduler puts any number of pods there.
fn eligible_domains(snapshot: &Snapshot, workload: &Workload, key: Text, wanted: u32) -> Option<u32> {
    let mut domains = BTreeSet::new();
    let mut count = 0;
    for node in eligible_nodes(snapshot, snapshot.spec_of(workload)) {
        if domains.insert(snapshot.labels(node.labels).get(key)?) {
            count += 1;
        }
        if count >= wanted {
            break;
        }
    }
    Some(count)
}

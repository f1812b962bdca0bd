use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::arithmetic::eligibility::{matches_node_selection, untolerated_taint};
use ha_sdk::finding::Missing;
use ha_sdk::labels::{NodeSelectorTerm, Operator, Requirement};
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Absence, GapReason, Node, PodSpec, ResourceKind, Snapshot, Workload, WorkloadKind};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::judged_replicas;
use crate::shared::risk::blast_radius;
use crate::shared::separation::{Domain, domain_of, is_known};

rule! {
    /// A node name, node selector or node affinity leaves the pods one node or one zone.
    ///
    /// ## Why it matters
    /// When that node or zone is lost, or drained, the pods have no other place: they stay Pending until it is
    /// back, however much room the rest of the cluster has.
    ///
    /// ## Remediation
    /// Select a pool of nodes by a label that several nodes in several zones carry, or widen the affinity with
    /// further terms (terms are alternatives, conditions inside a term are not). Where the pin is meant, for a
    /// licence or a device, suppress the rule with the reason.
    ///
    /// ## Examples
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
    ///       nodeSelector:  # finding: pods-pinned-to-domain
    ///         kubernetes.io/hostname: a1
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// Only one node carries the label:
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1, disk: fast}}
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
    ///       nodeSelector:  # finding: pods-pinned-to-domain
    ///         disk: fast
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// Two terms are alternatives, so two nodes may take the pods:
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
    ///         nodeAffinity:
    ///           requiredDuringSchedulingIgnoredDuringExecution:
    ///             nodeSelectorTerms:
    ///             - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [a1]}]
    ///             - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [b1]}]
    ///       containers: [{name: cart, image: cart}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/>
    pub static PODS_PINNED_TO_DOMAIN: Rule = Rule {
        name: "pods-pinned-to-domain",
        area: Area::Replication,
        severity: Severity::High,
        class: Class::AC,
        needs: &[ResourceKind::Node],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let single_node = is_known(input, Profile::SingleNode);
    let single_zone = is_known(input, Profile::SingleZone);
    let mut reaches = Reaches { snapshot, known: Vec::new() };
    for workload in &snapshot.workloads {
        if workload.kind != WorkloadKind::Custom && judged_replicas(snapshot, workload, findings).is_none() {
            continue;
        }
        if single_node {
            findings.not_applicable(workload.object, "single-node cluster");
        } else if let Some(pin) = Pin::written(snapshot.spec_of(workload)) {
            check_pin(input, workload, &pin, single_zone, &mut reaches, findings);
        } else {
            findings.pass(workload.object);
        }
    }
}

/// Where a pod specification limits the nodes.
struct Pin {
    path: &'static str,
}

impl Pin {
    fn written(spec: &PodSpec) -> Option<Self> {
        let path = if !spec.node_name.is_empty() {
            "spec.template.spec.nodeName"
        } else if !spec.node_selector.is_empty() {
            "spec.template.spec.nodeSelector"
        } else if spec.node_affinity.is_some() {
            "spec.template.spec.affinity.nodeAffinity"
        } else {
            return None;
        };
        Some(Self { path })
    }
}

fn check_pin<'s>(
    input: &Input<'s>,
    workload: &'s Workload,
    pin: &Pin,
    single_zone: bool,
    reaches: &mut Reaches<'s>,
    findings: &mut Findings,
) {
    let snapshot = input.snapshot;
    if let Some(node) = named_node(input, snapshot.spec_of(workload)) {
        return fail(snapshot, workload, pin, "node", snapshot.text(node), findings);
    }
    if snapshot.nodes.is_empty() {
        match snapshot.absence(ResourceKind::Node, Text::default()) {
            Absence::Unknown(missing) => {
                findings.unknown(workload.object, missing);
            }
            Absence::Proven => {
                findings.not_applicable(workload.object, "no node in the input");
            }
        }
        return;
    }
    match reaches.of(snapshot.spec_of(workload)) {
        Reach::Nowhere => {
            unknown(workload, "a node that its node selection matches", findings);
        }
        Reach::OneNode(node) => {
            fail(snapshot, workload, pin, "node", snapshot.name_of(node), findings);
        }
        Reach::OneZone(zone) if !single_zone => {
            fail(snapshot, workload, pin, "zone", snapshot.text(zone), findings);
        }
        Reach::PartlyLabelled if !single_zone => {
            unknown(workload, "the zone label of some nodes that it may use", findings);
        }
        _ => findings.pass(workload.object),
    }
}

fn unknown(workload: &Workload, what: &str, findings: &mut Findings) {
    let missing = Missing { what: what.into(), reason: GapReason::NotInInput, ..Missing::default() };
    findings.unknown(workload.object, missing);
}

fn fail(snapshot: &Snapshot, workload: &Workload, pin: &Pin, kind: &str, name: &str, findings: &mut Findings) {
    findings
        .fail(workload.object, format!("its pods may run on {kind} {name} only"))
        .leads_to(format!("losing {name} leaves them Pending until it is back"))
        .evidence(pin.path, selection(snapshot, snapshot.spec_of(workload)))
        .at_risk(blast_radius(snapshot, [workload], vec![format!("losing {name}")]))
        .fix(format!("select nodes by what several {kind}s have in common"));
}

/// The selection as written, in short.
fn selection(snapshot: &Snapshot, spec: &PodSpec) -> String {
    if !spec.node_name.is_empty() {
        return snapshot.text(spec.node_name).into();
    }
    let mut parts: Vec<String> = spec
        .node_selector
        .iter()
        .map(|label| format!("{}={}", snapshot.text(label.key), snapshot.text(label.value)))
        .collect();
    if let Some(affinity) = &spec.node_affinity {
        parts.push(format!("{} node affinity term(s)", affinity.terms.len()));
    }
    parts.join(" and ")
}

/// The one node that the specification names, without a look at the cluster.
fn named_node(input: &Input, spec: &PodSpec) -> Option<Text> {
    if !spec.node_name.is_empty() {
        return Some(spec.node_name);
    }
    let is_host = |key| domain_of(input, key) == Domain::Node;
    if let Some(label) = spec.node_selector.iter().find(|label| is_host(label.key)) {
        return Some(label.value);
    }
    let single = |requirements: &[Requirement], all: bool| {
        requirements.iter().find_map(|requirement| match (requirement.operator, &requirement.values[..]) {
            (Operator::In, [value]) if all || is_host(requirement.key) => Some(*value),
            _ => None,
        })
    };
    // Fields know the node's name only.
    let node_of = |term: &NodeSelectorTerm| single(&term.fields, true).or(single(&term.expressions, false));
    let mut terms = spec.node_affinity.as_ref()?.terms.iter();
    let first = node_of(terms.next()?)?;
    terms.all(|term| node_of(term) == Some(first)).then_some(first)
}

/// How far the selection and the taints let the pods go, whatever the nodes' present state.
#[derive(Clone, Copy)]
enum Reach<'s> {
    Nowhere,
    OneNode(&'s Node),
    OneZone(Text),
    /// Several nodes; all labelled ones are in one zone, others have no zone label.
    PartlyLabelled,
    Wide,
}

impl<'s> Reach<'s> {
    fn of(snapshot: &'s Snapshot, spec: &PodSpec) -> Self {
        let mut nodes = snapshot.nodes.iter().filter(|node| may_run(snapshot, spec, node));
        let Some(first) = nodes.next() else {
            return Self::Nowhere;
        };
        let (mut alone, mut zone, mut unlabelled) = (true, first.zone, first.zone.is_empty());
        for node in nodes {
            alone = false;
            if node.zone.is_empty() {
                unlabelled = true;
            } else if zone.is_empty() {
                zone = node.zone;
            } else if node.zone != zone {
                return Self::Wide;
            }
        }
        match (alone, zone.is_empty(), unlabelled) {
            (true, ..) => Self::OneNode(first),
            // Without any zone label nothing is known about zones, and `topology-labels-absent` says so.
            (false, true, _) => Self::Wide,
            (false, false, true) => Self::PartlyLabelled,
            (false, false, false) => Self::OneZone(zone),
        }
    }
}

/// Selections that were looked up: a cluster has few different ones, and many nodes.
struct Reaches<'s> {
    snapshot: &'s Snapshot,
    known: Vec<(&'s PodSpec, Reach<'s>)>,
}

/// Most selections that are kept, so that a cluster of many different ones takes no longer than without them.
const MOST_KNOWN: usize = 64;

impl<'s> Reaches<'s> {
    fn of(&mut self, spec: &'s PodSpec) -> Reach<'s> {
        let selection =
            |spec: &'s PodSpec| (spec.node_name, &spec.node_selector, &spec.node_affinity, &spec.tolerations);
        if let Some((_, reach)) = self.known.iter().find(|(known, _)| selection(known) == selection(spec)) {
            return *reach;
        }
        let reach = Reach::of(self.snapshot, spec);
        if self.known.len() < MOST_KNOWN {
            self.known.push((spec, reach));
        }
        reach
    }
}

/// Whether the node would take the pods when it is healthy: taints that describe its state do not count.
fn may_run(snapshot: &Snapshot, spec: &PodSpec, node: &Node) -> bool {
    !node.is_virtual
        && matches_node_selection(snapshot, spec, node)
        && untolerated_taint(spec, node).is_none_or(|taint| snapshot.text(taint.key).starts_with("node.kubernetes.io/"))
}

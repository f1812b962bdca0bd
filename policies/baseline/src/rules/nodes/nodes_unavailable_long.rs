use alloc::format;

use ha_sdk::snapshot::{Absence, Node, Readiness, ResourceKind, Snapshot, Timestamp};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::ages::span;
use crate::shared::cluster::{READY_PATH, not_shown, ready_status};

/// For how long a node may be away unless configured, in seconds.
const ALLOWED_SECONDS: u32 = 3600;

/// The annotation by which an operator says that a node is away on purpose, with the reason.
const MAINTENANCE: &str = "kubectl-ha/maintenance";

rule! {
    /// A node has not been Ready, or has been cordoned, for a long time.
    ///
    /// ## Why it matters
    /// A node that is away is spare room that does not exist: the next loss hits a smaller cluster than planned.
    /// A cordon that was forgotten after maintenance shows nowhere else. An hour is allowed
    /// (`nodeUnavailableSeconds` in the configuration).
    ///
    /// ## Remediation
    /// Repair the node or remove it from the cluster; `kubectl uncordon` one that is well. Where it is away on
    /// purpose, annotate it with `kubectl-ha/maintenance: "<reason>"`.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1}
    /// status:
    ///   conditions: [{type: Ready, status: Unknown, lastTransitionTime: "2025-12-31T21:00:00Z"}]  # finding: nodes-unavailable-long
    /// ```
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1}
    /// spec:
    ///   unschedulable: true  # finding: nodes-unavailable-long
    ///   taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule, timeAdded: "2025-12-30T00:00:00Z"}]
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml passes
    /// # For ten minutes only.
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1}
    /// status:
    ///   conditions: [{type: Ready, status: "False", lastTransitionTime: "2025-12-31T23:50:00Z"}]
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, annotations: {kubectl-ha/maintenance: "firmware, ticket 4711"}}
    /// spec:
    ///   unschedulable: true
    ///   taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule, timeAdded: "2025-12-30T00:00:00Z"}]
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/reference/node/node-status/>
    /// - <https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/>
    pub static NODES_UNAVAILABLE_LONG: Rule = Rule {
        name: "nodes-unavailable-long",
        area: Area::Nodes,
        severity: Severity::Medium,
        class: Class::C,
        needs: &[ResourceKind::Node],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    for node in &snapshot.nodes {
        check_node(input, node, findings);
    }
    if snapshot.nodes.is_empty() {
        match snapshot.absence(ResourceKind::Node, Text::default()) {
            Absence::Unknown(missing) => drop(findings.unknown(Snapshot::CLUSTER, missing)),
            Absence::Proven => findings.not_applicable(Snapshot::CLUSTER, "no node in the input"),
        }
    }
}

/// Why a node is away, where that is written, and since when.
struct Away {
    what: &'static str,
    path: &'static str,
    value: &'static str,
    since: Option<Timestamp>,
}

fn away(snapshot: &Snapshot, node: &Node) -> Option<Away> {
    if node.readiness != Readiness::Ready {
        return Some(Away {
            what: "not Ready",
            path: READY_PATH,
            value: ready_status(node),
            since: node.readiness_since,
        });
    }
    let cordon = |key| snapshot.text(key) == "node.kubernetes.io/unschedulable";
    node.unschedulable.then(|| Away {
        what: "cordoned",
        path: "spec.unschedulable",
        value: "true",
        since: node.taints.iter().find(|taint| cordon(taint.key)).and_then(|taint| taint.since),
    })
}

fn check_node(input: &Input, node: &Node, findings: &mut Findings) {
    let snapshot = input.snapshot;
    if node.is_virtual {
        return findings.not_applicable(node.object, "a virtual node");
    }
    let Some(away) = away(snapshot, node) else {
        return findings.pass(node.object);
    };
    if snapshot.annotation(node.object, MAINTENANCE).is_some_and(|reason| !reason.is_empty()) {
        return findings.not_applicable(node.object, "in maintenance, says its annotation");
    }
    if node.conditions.is_empty() && !snapshot.is_live() {
        return findings.not_applicable(node.object, "its status is not in the input");
    }
    let Some(since) = away.since else {
        findings.unknown(node.object, not_shown(&format!("since when the node is {}", away.what)));
        return;
    };
    let age = snapshot.source.taken_at - since;
    if age <= i64::from(input.settings.node_unavailable_seconds.unwrap_or(ALLOWED_SECONDS)) {
        return findings.pass(node.object);
    }
    let fix = if away.what == "cordoned" { "uncordon the node, or remove it" } else { "repair the node, or remove it" };
    let finding = findings.fail(node.object, format!("{} for {}", away.what, span(age)));
    finding
        .evidence(away.path, away.value)
        .leads_to("the cluster has less spare room than its number of nodes says")
        .fix(fix);
    if away.what == "cordoned" {
        finding.patch(r#"{"spec":{"unschedulable":null}}"#);
    }
}

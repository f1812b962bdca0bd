use alloc::format;
use alloc::vec::Vec;

use ha_sdk::arithmetic::eligibility::{is_worker, untolerated_taint};
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Node, PodSpec, Readiness, ResourceKind, Snapshot};
use ha_sdk::{Area, Class, Finding, Findings, Input, Severity, rule};

use crate::shared::cluster::{READY_PATH, concerns_cluster, ready_status};

/// Three workers bear the loss of one while another is drained.
const NEEDED: usize = 3;

/// Most nodes that are listed as evidence.
const SHOWN: usize = 10;

rule! {
    /// Fewer than three nodes take ordinary pods.
    ///
    /// ## Why it matters
    /// With two workers the loss of one leaves a single place for everything, and no node may be drained until
    /// it is back. A worker is Ready, not cordoned, without a taint that keeps ordinary pods off, and not
    /// virtual: virtual nodes hold one pod each. Control-plane nodes without their taint count.
    ///
    /// ## Remediation
    /// Add nodes, in three zones where there are three, or uncordon and repair those that are there.
    ///
    /// ## Examples
    /// ```yaml fails
    /// # One of three is cordoned.
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, labels: {}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-2, labels: {}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-3}
    /// spec:
    ///   unschedulable: true  # finding: workers-too-few
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// spec:
    ///   taints: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}]  # finding: workers-too-few
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, labels: {}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-2, labels: {}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, labels: {}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-2, labels: {}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-3, labels: {}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml passes
    /// # A control-plane node without its taint takes ordinary pods.
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, labels: {}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-2, labels: {}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/architecture/nodes/>
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/>
    pub static WORKERS_TOO_FEW: Rule = Rule {
        name: "workers-too-few",
        area: Area::Nodes,
        severity: Severity::High,
        class: Class::C,
        needs: &[ResourceKind::Node],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    if !concerns_cluster(input, Snapshot::CLUSTER, &[Profile::SingleNode], findings) {
        return;
    }
    let (workers, others): (Vec<&Node>, Vec<&Node>) = snapshot.nodes.iter().partition(|node| is_worker(snapshot, node));
    if workers.len() >= NEEDED {
        return findings.pass(Snapshot::CLUSTER);
    }
    let message =
        format!("{} of {} nodes take ordinary pods, {NEEDED} are needed", workers.len(), snapshot.nodes.len());
    let finding = findings.fail(Snapshot::CLUSTER, message);
    for node in others.iter().take(SHOWN) {
        finding.related([node.object]);
        add_obstacle(snapshot, node, finding);
    }
    for node in &workers {
        finding.related([node.object]).evidence_of(node.object, "metadata.name", "a worker");
    }
    finding.leads_to(match workers.len() {
        0 => "no ordinary pod can be scheduled",
        1 => "losing that node takes every pod, and it cannot be drained",
        _ => "losing one leaves a single node for everything",
    });
    finding.fix(format!("add workers, or uncordon and repair nodes, until {NEEDED} take pods"));
}

/// What keeps ordinary pods off the node.
fn add_obstacle(snapshot: &Snapshot, node: &Node, finding: &mut Finding) {
    let spec = PodSpec::default();
    if node.readiness != Readiness::Ready {
        finding.evidence_of(node.object, READY_PATH, ready_status(node));
    } else if node.unschedulable {
        finding.evidence_of(node.object, "spec.unschedulable", "true");
    } else if let Some(taint) = untolerated_taint(&spec, node) {
        finding.evidence_of(node.object, "spec.taints", snapshot.text(taint.key));
    } else {
        finding.evidence_of(node.object, "metadata.labels", "a virtual node");
    }
}

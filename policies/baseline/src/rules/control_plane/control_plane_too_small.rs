use alloc::format;
use alloc::vec;

use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Node, Readiness, ResourceKind, Snapshot};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::cluster::{READY_PATH, names, ready_status};
use crate::shared::control_plane::{etcd, judged_control_plane};
use crate::shared::places::list;
use crate::shared::risk::blast_radius;

rule! {
    /// Fewer than three control-plane nodes are Ready.
    ///
    /// ## Why it matters
    /// While the control plane is away, no pod is rescheduled, no endpoint is updated, and nothing can be
    /// repaired. Two nodes with etcd on them are worse than one: etcd needs both. Cordoned nodes count, because
    /// static pods ignore a cordon; nodes that are not Ready do not.
    ///
    /// ## Remediation
    /// Run three control-plane nodes, in three zones where there are three, and bring back those that are not
    /// Ready. With etcd outside of the cluster two API servers bear the loss of one, and the finding is milder.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata:
    ///   name: cp-1
    ///   labels: {node-role.kubernetes.io/control-plane: ""}  # finding: control-plane-too-small
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-3, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status:
    ///   conditions: [{type: Ready, status: Unknown}]  # finding: control-plane-too-small
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// spec: {unschedulable: true}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-3, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/ha-topology/>
    /// - <https://etcd.io/docs/v3.5/faq/>
    pub static CONTROL_PLANE_TOO_SMALL: Rule = Rule {
        name: "control-plane-too-small",
        area: Area::ControlPlane,
        severity: Severity::Critical,
        class: Class::C,
        needs: &[ResourceKind::Node, ResourceKind::Pod],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let profiles = [Profile::SingleNode, Profile::ManagedControlPlane];
    let Some(nodes) = judged_control_plane(input, &profiles, findings) else {
        return;
    };
    let is_ready = |node: &&&Node| node.readiness == Readiness::Ready;
    let ready = nodes.iter().filter(is_ready).count();
    if ready >= 3 {
        return findings.pass(Snapshot::CLUSTER);
    }
    let external = etcd(snapshot).is_some_and(|etcd| etcd.external);
    let message = format!("{ready} of {} control-plane nodes are Ready, 3 are needed", nodes.len());
    let finding = findings.fail(Snapshot::CLUSTER, message);
    finding.related(nodes.iter().map(|node| node.object));
    let away = nodes.iter().filter(|node| node.readiness != Readiness::Ready);
    for node in away {
        finding.evidence_of(node.object, READY_PATH, ready_status(node));
    }
    for node in nodes.iter().filter(is_ready) {
        finding.evidence_of(node.object, "metadata.labels", "a control-plane node, Ready");
    }
    finding.leads_to(match (ready, external) {
        (2, true) => "one API server remains when a node is lost",
        (2, false) => "etcd on two nodes needs both: losing either stops the control plane",
        _ => "losing one node stops the API server, scheduling and every repair",
    });
    if external && ready == 2 {
        finding.severity(Severity::Medium);
    }
    finding.fix(if nodes.len() >= 3 { "bring back the nodes that are not Ready" } else { "run 3 control-plane nodes" });
    let faults = names(snapshot, &nodes);
    finding.at_risk(blast_radius(snapshot, [], vec![format!("losing one of {}", list(&faults))]));
}

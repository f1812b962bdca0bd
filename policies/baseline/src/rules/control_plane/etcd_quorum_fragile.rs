use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::arithmetic::size;
use ha_sdk::arithmetic::quorum::quorum;
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{ObjectId, ResourceKind, Snapshot};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::cluster::{READY_PATH, not_shown, object_name};
use crate::shared::control_plane::{Etcd, judged_etcd};
use crate::shared::places::list;
use crate::shared::risk::blast_radius;

rule! {
    /// No healthy etcd member may be lost without losing the quorum.
    ///
    /// ## Why it matters
    /// Without a quorum etcd takes no write: nothing is scheduled, renewed or repaired, and soon nothing is read
    /// either. Healthy members minus quorum is what may still fail; at 0 the next fault stops the cluster.
    /// A member counts as healthy when its pod and its node are Ready, which is less than etcd's own health;
    /// k3s and RKE2 say on their nodes whether a member votes.
    ///
    /// ## Remediation
    /// Run three members, and bring back or replace (`etcdctl member remove`, then add) those that are broken.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: b}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-3, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: c}}
    /// status: {conditions: [{type: Ready, status: "False"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: etcd-cp-1
    ///   namespace: kube-system
    ///   labels: {component: etcd, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-1}
    /// spec: {nodeName: cp-1, containers: [{name: etcd, image: registry.k8s.io/etcd:3.6.4-0}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: etcd-cp-2
    ///   namespace: kube-system
    ///   labels: {component: etcd, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-2}
    /// spec: {nodeName: cp-2, containers: [{name: etcd, image: registry.k8s.io/etcd:3.6.4-0}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: etcd-cp-3
    ///   namespace: kube-system
    ///   labels: {component: etcd, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-3}
    /// spec: {nodeName: cp-3, containers: [{name: etcd, image: registry.k8s.io/etcd:3.6.4-0}]}
    /// status:
    ///   phase: Running
    ///   conditions: [{type: Ready, status: "False"}]  # finding: etcd-quorum-fragile
    /// ```
    /// ```yaml fails
    /// # One member: nothing may fail.
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, labels: {topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: etcd-cp-1  # finding: etcd-quorum-fragile
    ///   namespace: kube-system
    ///   labels: {component: etcd, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-1}
    /// spec: {nodeName: cp-1, containers: [{name: etcd, image: registry.k8s.io/etcd:3.6.4-0}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: b}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-3, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: c}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: etcd-cp-1
    ///   namespace: kube-system
    ///   labels: {component: etcd, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-1}
    /// spec: {nodeName: cp-1, containers: [{name: etcd, image: registry.k8s.io/etcd:3.6.4-0}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: etcd-cp-2
    ///   namespace: kube-system
    ///   labels: {component: etcd, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-2}
    /// spec: {nodeName: cp-2, containers: [{name: etcd, image: registry.k8s.io/etcd:3.6.4-0}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: etcd-cp-3
    ///   namespace: kube-system
    ///   labels: {component: etcd, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-3}
    /// spec: {nodeName: cp-3, containers: [{name: etcd, image: registry.k8s.io/etcd:3.6.4-0}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://etcd.io/docs/v3.5/faq/>
    /// - <https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/>
    pub static ETCD_QUORUM_FRAGILE: Rule = Rule {
        name: "etcd-quorum-fragile",
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
    let Some(etcd) = judged_etcd(input, &profiles, findings) else {
        return;
    };
    let members = size(etcd.members.len());
    let broken = size(etcd.members.iter().filter(|member| member.healthy == Some(false)).count());
    let unknown = size(etcd.members.iter().filter(|member| member.healthy.is_none()).count());
    let at_most = members - broken;
    let quorum = quorum(members);
    if at_most - unknown > quorum {
        return findings.pass(Snapshot::CLUSTER);
    }
    if at_most > quorum {
        findings.unknown(Snapshot::CLUSTER, not_shown("the health of etcd's members"));
        return;
    }
    let message = if unknown > 0 {
        format!("{members} etcd members, quorum {quorum}: none may fail")
    } else {
        format!("{at_most} of {members} etcd members are healthy, quorum is {quorum}")
    };
    let finding = findings.fail(Snapshot::CLUSTER, message);
    finding.related(etcd.members.iter().map(|member| member.object));
    for (object, path, value) in evidence(snapshot, &etcd) {
        finding.evidence_of(object, path, value);
    }
    finding.leads_to(if at_most < quorum {
        "etcd has no quorum: the cluster takes no change"
    } else {
        "the loss of one more member stops every write to the cluster"
    });
    finding.fix(if broken > 0 { "bring back or replace the broken members" } else { "run 3 etcd members" });
    let nodes: Vec<&str> = etcd
        .members
        .iter()
        .filter(|member| member.healthy != Some(false))
        .filter_map(|member| member.node)
        .map(|id| snapshot.name_of(snapshot.node(id)))
        .collect();
    if !nodes.is_empty() {
        finding.at_risk(blast_radius(snapshot, [], vec![format!("losing one of {}", list(&nodes))]));
    }
}

/// The broken members; where none is broken, all of them.
fn evidence<'s>(snapshot: &'s Snapshot, etcd: &'s Etcd) -> impl Iterator<Item = (ObjectId, &'static str, &'s str)> {
    let any_broken = etcd.members.iter().any(|member| member.healthy == Some(false));
    etcd.members.iter().filter(move |member| !any_broken || member.healthy == Some(false)).map(move |member| {
        if any_broken {
            (member.object, READY_PATH, "not Ready")
        } else {
            (member.object, "metadata.name", object_name(snapshot, member.object))
        }
    })
}

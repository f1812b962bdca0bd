use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Node, ResourceKind, Snapshot};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::cluster::{ZoneLoss, names, not_shown, worst_zone_loss, zone_of, zone_path};
use crate::shared::control_plane::judged_etcd;
use crate::shared::places::list;
use crate::shared::risk::blast_radius;

rule! {
    /// One zone holds so many etcd members that its loss breaks the quorum.
    ///
    /// ## Why it matters
    /// Of n members, k of them in the zone that is lost, n − k must still be a quorum of n. Two zones never
    /// suffice: one of them holds half or more. The cluster then takes no change until the zone is back.
    ///
    /// ## Remediation
    /// Spread three members over three zones, or five as 2, 2 and 1. Zones, not distant regions: etcd waits for
    /// its members on every write.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata:
    ///   name: cp-1
    ///   labels:
    ///     node-role.kubernetes.io/control-plane: ""
    ///     topology.kubernetes.io/zone: a  # finding: etcd-zone-quorum
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-3, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: b}}
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
    /// ```yaml fails
    /// # Zone a holds 2 of 4, less than the quorum of 3; still 2 are left, which is no quorum.
    /// apiVersion: v1
    /// kind: Node
    /// metadata:
    ///   name: cp-1
    ///   labels:
    ///     node-role.kubernetes.io/control-plane: ""
    ///     topology.kubernetes.io/zone: a  # finding: etcd-zone-quorum
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-3, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: b}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-4, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: c}}
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
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: etcd-cp-4
    ///   namespace: kube-system
    ///   labels: {component: etcd, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-4}
    /// spec: {nodeName: cp-4, containers: [{name: etcd, image: registry.k8s.io/etcd:3.6.4-0}]}
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
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-3, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: b}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-4, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: b}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-5, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: c}}
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
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: etcd-cp-4
    ///   namespace: kube-system
    ///   labels: {component: etcd, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-4}
    /// spec: {nodeName: cp-4, containers: [{name: etcd, image: registry.k8s.io/etcd:3.6.4-0}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: etcd-cp-5
    ///   namespace: kube-system
    ///   labels: {component: etcd, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-5}
    /// spec: {nodeName: cp-5, containers: [{name: etcd, image: registry.k8s.io/etcd:3.6.4-0}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://etcd.io/docs/v3.5/faq/>
    /// - <https://kubernetes.io/docs/setup/best-practices/multiple-zones/>
    pub static ETCD_ZONE_QUORUM: Rule = Rule {
        name: "etcd-zone-quorum",
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
    let profiles = [Profile::SingleNode, Profile::ManagedControlPlane, Profile::SingleZone];
    let Some(etcd) = judged_etcd(input, &profiles, findings) else {
        return;
    };
    let members = etcd.members.len();
    if members < 3 {
        return findings.not_applicable(Snapshot::CLUSTER, "fewer than 3 etcd members bear no loss at all");
    }
    let nodes: Vec<Option<&Node>> = etcd.members.iter().map(|member| member.node.map(|id| snapshot.node(id))).collect();
    let zones: Vec<_> = nodes.iter().map(|node| node.and_then(zone_of)).collect();
    let (zone, held) = match worst_zone_loss(&zones) {
        ZoneLoss::Survived => return findings.pass(Snapshot::CLUSTER),
        ZoneLoss::Unknown => {
            findings.unknown(Snapshot::CLUSTER, not_shown("the zone of some etcd members"));
            return;
        }
        ZoneLoss::MajorityLost { zone, held } => (zone, held),
    };
    let inside: Vec<&Node> =
        nodes.iter().zip(&zones).filter(|(_, other)| **other == Some(zone)).filter_map(|(node, _)| *node).collect();
    let zone = snapshot.text(zone);
    let finding = findings.fail(Snapshot::CLUSTER, format!("zone {zone} holds {held} of {members} etcd members"));
    for node in &inside {
        finding.evidence_of(node.object, zone_path(node), zone);
    }
    let left = members - inside.len();
    finding
        .related(etcd.members.iter().map(|member| member.object))
        .leads_to(format!("losing {} leaves {left}, which is no quorum", list(&names(snapshot, &inside))))
        .fix("spread the members over 3 zones, so that each holds a minority")
        .at_risk(blast_radius(snapshot, [], vec![format!("losing zone {zone}")]));
}

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_sdk::arithmetic::size;
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Node, Pod, ResourceKind, Snapshot, WorkloadKind};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::cluster::{READY_PATH, not_shown};
use crate::shared::control_plane::{Component, component_pods, judged_control_plane, kube_system};

rule! {
    /// Fewer schedulers or controller managers are Ready than there are control-plane nodes.
    ///
    /// ## Why it matters
    /// One instance leads and the others wait. Without a standby the loss of the leader's node stops scheduling
    /// or the controllers: lost pods are not replaced, endpoints are not updated, nodes are not marked as gone.
    ///
    /// ## Remediation
    /// Look at the static pod's log on the node that is named (`/etc/kubernetes/manifests` on kubeadm clusters).
    /// Where the components run as processes of the host, the rule answers unknown.
    ///
    /// ## Examples
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
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-scheduler-cp-1
    ///   namespace: kube-system
    ///   labels: {component: kube-scheduler, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-1}
    /// spec: {nodeName: cp-1, containers: [{name: kube-scheduler, image: registry.k8s.io/kube-scheduler:v1.34.1}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-scheduler-cp-2
    ///   namespace: kube-system
    ///   labels: {component: kube-scheduler, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-2}
    /// spec: {nodeName: cp-2, containers: [{name: kube-scheduler, image: registry.k8s.io/kube-scheduler:v1.34.1}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-scheduler-cp-3
    ///   namespace: kube-system
    ///   labels: {component: kube-scheduler, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-3}
    /// spec: {nodeName: cp-3, containers: [{name: kube-scheduler, image: registry.k8s.io/kube-scheduler:v1.34.1}]}
    /// status:
    ///   phase: Running
    ///   conditions: [{type: Ready, status: "False"}]  # finding: control-plane-component-down
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-controller-manager-cp-1
    ///   namespace: kube-system
    ///   labels: {component: kube-controller-manager, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-1}
    /// spec: {nodeName: cp-1, containers: [{name: kube-controller-manager, image: registry.k8s.io/kube-controller-manager:v1.34.1}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-controller-manager-cp-2
    ///   namespace: kube-system
    ///   labels: {component: kube-controller-manager, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-2}
    /// spec: {nodeName: cp-2, containers: [{name: kube-controller-manager, image: registry.k8s.io/kube-controller-manager:v1.34.1}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-controller-manager-cp-3
    ///   namespace: kube-system
    ///   labels: {component: kube-controller-manager, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-3}
    /// spec: {nodeName: cp-3, containers: [{name: kube-controller-manager, image: registry.k8s.io/kube-controller-manager:v1.34.1}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml fails
    /// # cp-1 runs no controller manager.
    /// apiVersion: v1
    /// kind: Node
    /// metadata:
    ///   name: cp-1
    ///   labels: {node-role.kubernetes.io/control-plane: ""}  # finding: control-plane-component-down
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-scheduler-cp-1
    ///   namespace: kube-system
    ///   labels: {component: kube-scheduler, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-1}
    /// spec: {nodeName: cp-1, containers: [{name: kube-scheduler, image: registry.k8s.io/kube-scheduler:v1.34.1}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-scheduler-cp-2
    ///   namespace: kube-system
    ///   labels: {component: kube-scheduler, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-2}
    /// spec: {nodeName: cp-2, containers: [{name: kube-scheduler, image: registry.k8s.io/kube-scheduler:v1.34.1}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-controller-manager-cp-2
    ///   namespace: kube-system
    ///   labels: {component: kube-controller-manager, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-2}
    /// spec: {nodeName: cp-2, containers: [{name: kube-controller-manager, image: registry.k8s.io/kube-controller-manager:v1.34.1}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
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
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-3, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-scheduler-cp-1
    ///   namespace: kube-system
    ///   labels: {component: kube-scheduler, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-1}
    /// spec: {nodeName: cp-1, containers: [{name: kube-scheduler, image: registry.k8s.io/kube-scheduler:v1.34.1}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-scheduler-cp-2
    ///   namespace: kube-system
    ///   labels: {component: kube-scheduler, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-2}
    /// spec: {nodeName: cp-2, containers: [{name: kube-scheduler, image: registry.k8s.io/kube-scheduler:v1.34.1}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-scheduler-cp-3
    ///   namespace: kube-system
    ///   labels: {component: kube-scheduler, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-3}
    /// spec: {nodeName: cp-3, containers: [{name: kube-scheduler, image: registry.k8s.io/kube-scheduler:v1.34.1}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-controller-manager-cp-1
    ///   namespace: kube-system
    ///   labels: {component: kube-controller-manager, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-1}
    /// spec: {nodeName: cp-1, containers: [{name: kube-controller-manager, image: registry.k8s.io/kube-controller-manager:v1.34.1}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-controller-manager-cp-2
    ///   namespace: kube-system
    ///   labels: {component: kube-controller-manager, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-2}
    /// spec: {nodeName: cp-2, containers: [{name: kube-controller-manager, image: registry.k8s.io/kube-controller-manager:v1.34.1}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: kube-controller-manager-cp-3
    ///   namespace: kube-system
    ///   labels: {component: kube-controller-manager, tier: control-plane}
    ///   annotations: {kubernetes.io/config.mirror: cp-3}
    /// spec: {nodeName: cp-3, containers: [{name: kube-controller-manager, image: registry.k8s.io/kube-controller-manager:v1.34.1}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/overview/components/>
    /// - <https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/>
    pub static CONTROL_PLANE_COMPONENT_DOWN: Rule = Rule {
        name: "control-plane-component-down",
        area: Area::ControlPlane,
        severity: Severity::High,
        class: Class::C,
        needs: &[ResourceKind::Pod, ResourceKind::Node],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let Some(nodes) = judged_control_plane(input, &[Profile::ManagedControlPlane], findings) else {
        return;
    };
    if let Some(missing) = snapshot.first_missing(&[ResourceKind::Pod], kube_system(snapshot)) {
        findings.unknown(Snapshot::CLUSTER, missing);
        return;
    }
    let components = [Component::Scheduler, Component::ControllerManager];
    let instances = components.map(|component| (component, component_pods(snapshot, component)));
    if instances.iter().all(|(_, pods)| pods.is_empty()) {
        findings.unknown(Snapshot::CLUSTER, not_shown("the pods of kube-scheduler and kube-controller-manager"));
        return;
    }
    let short: Vec<_> = instances.iter().filter(|(_, pods)| ready(pods) < wanted(snapshot, pods, &nodes)).collect();
    if short.is_empty() {
        return findings.pass(Snapshot::CLUSTER);
    }
    let counts: Vec<String> = short
        .iter()
        .map(|(component, pods)| format!("{} of {} {}", ready(pods), wanted(snapshot, pods, &nodes), component.name()))
        .collect();
    let finding = findings.fail(Snapshot::CLUSTER, format!("{} Ready", counts.join(" and ")));
    for (component, pods) in &short {
        for pod in pods.iter().filter(|pod| !pod.is_healthy()) {
            finding.related([pod.object]).evidence_of(pod.object, READY_PATH, "not Ready");
        }
        for node in without(snapshot, &nodes, pods) {
            let value = format!("a control-plane node without {}", component.name());
            finding.related([node.object]).evidence_of(node.object, "metadata.labels", value);
        }
    }
    finding
        .leads_to("fewer standbys: with the last one, scheduling or the controllers stop")
        .fix("bring back the static pods on the nodes named");
}

fn ready(pods: &[&Pod]) -> u32 {
    size(pods.iter().filter(|pod| pod.is_healthy()).count())
}

fn is_static(snapshot: &Snapshot, pods: &[&Pod]) -> bool {
    let kinds = pods.iter().map(|pod| snapshot.workload(pod.workload).kind);
    kinds.into_iter().all(|kind| matches!(kind, WorkloadKind::StaticPod | WorkloadKind::BarePod))
}

/// One on each control-plane node as static pods; under another controller two with leader election are enough.
fn wanted(snapshot: &Snapshot, pods: &[&Pod], nodes: &[&Node]) -> u32 {
    let nodes = size(nodes.len());
    if is_static(snapshot, pods) { nodes } else { nodes.min(2) }
}

/// The control-plane nodes on which static pods are expected and none exists.
fn without<'s>(snapshot: &'s Snapshot, nodes: &'s [&'s Node], pods: &'s [&'s Pod]) -> impl Iterator<Item = &'s Node> {
    let expected = is_static(snapshot, pods);
    let runs = move |node: &&Node| pods.iter().any(|pod| snapshot.text(pod.node_name) == snapshot.name_of(*node));
    nodes.iter().copied().filter(move |node| expected && !runs(node))
}

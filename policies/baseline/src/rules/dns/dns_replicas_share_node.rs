use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::roles::dns;
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Node, Pod, ResourceKind, Service, Snapshot};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Finding, Findings, Input, Severity, rule};

use crate::shared::cluster::{concerns_cluster, is_known_to_be, zone_of};
use crate::shared::places::{list, node_names};
use crate::shared::risk::blast_radius;

/// Most pods that are shown as evidence.
const SHOWN: usize = 5;

rule! {
    /// Cluster DNS has fewer than two ready pods, or all of them on one node, in one zone, or on control-plane nodes.
    ///
    /// ## Why it matters
    /// Without name resolution nearly every workload of the cluster fails at once. The usual anti-affinity is
    /// only preferred: while a cluster is built, both replicas land on the first node, and nothing moves them
    /// later. The pods are found through the selector of the DNS Service, whatever their controller is called.
    ///
    /// ## Remediation
    /// Run two or more replicas with required anti-affinity (or a spread constraint with `DoNotSchedule`) over
    /// `kubernetes.io/hostname`, then restart the rollout so that they are placed anew.
    ///
    /// ## Examples
    /// ```yaml fails
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
    /// kind: Service
    /// metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
    /// spec: {clusterIP: 10.96.0.10, selector: {k8s-app: kube-dns}, ports: [{name: dns, port: 53, protocol: UDP}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: coredns, namespace: kube-system, uid: d1}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {k8s-app: kube-dns}}
    ///   template:
    ///     metadata: {labels: {k8s-app: kube-dns}}
    ///     spec: {containers: [{name: coredns, image: "registry.k8s.io/coredns/coredns:v1.12.4"}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: ReplicaSet
    /// metadata:
    ///   name: coredns-7c
    ///   namespace: kube-system
    ///   uid: r1
    ///   ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: coredns, uid: d1, controller: true}]
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {k8s-app: kube-dns}}
    ///   template:
    ///     metadata: {labels: {k8s-app: kube-dns}}
    ///     spec: {containers: [{name: coredns, image: "registry.k8s.io/coredns/coredns:v1.12.4"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: coredns-7c-a
    ///   namespace: kube-system
    ///   labels: {k8s-app: kube-dns}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: coredns-7c, uid: r1, controller: true}]
    /// spec:
    ///   nodeName: w-1  # finding: dns-replicas-share-node
    ///   containers: [{name: coredns, image: "registry.k8s.io/coredns/coredns:v1.12.4"}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: coredns-7c-b
    ///   namespace: kube-system
    ///   labels: {k8s-app: kube-dns}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: coredns-7c, uid: r1, controller: true}]
    /// spec: {nodeName: w-1, containers: [{name: coredns, image: "registry.k8s.io/coredns/coredns:v1.12.4"}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml fails
    /// # Two nodes, one zone (severity high).
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, labels: {topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-2, labels: {topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-3, labels: {topology.kubernetes.io/zone: b}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
    /// spec: {clusterIP: 10.96.0.10, selector: {k8s-app: kube-dns}, ports: [{name: dns, port: 53, protocol: UDP}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: coredns, namespace: kube-system, uid: d1}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {k8s-app: kube-dns}}
    ///   template:
    ///     metadata: {labels: {k8s-app: kube-dns}}
    ///     spec: {containers: [{name: coredns, image: "registry.k8s.io/coredns/coredns:v1.12.4"}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: ReplicaSet
    /// metadata:
    ///   name: coredns-7c
    ///   namespace: kube-system
    ///   uid: r1
    ///   ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: coredns, uid: d1, controller: true}]
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {k8s-app: kube-dns}}
    ///   template:
    ///     metadata: {labels: {k8s-app: kube-dns}}
    ///     spec: {containers: [{name: coredns, image: "registry.k8s.io/coredns/coredns:v1.12.4"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: coredns-7c-a
    ///   namespace: kube-system
    ///   labels: {k8s-app: kube-dns}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: coredns-7c, uid: r1, controller: true}]
    /// spec:
    ///   nodeName: w-1  # finding: dns-replicas-share-node
    ///   containers: [{name: coredns, image: "registry.k8s.io/coredns/coredns:v1.12.4"}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: coredns-7c-b
    ///   namespace: kube-system
    ///   labels: {k8s-app: kube-dns}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: coredns-7c, uid: r1, controller: true}]
    /// spec: {nodeName: w-2, containers: [{name: coredns, image: "registry.k8s.io/coredns/coredns:v1.12.4"}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, labels: {topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-2, labels: {topology.kubernetes.io/zone: b}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
    /// spec: {clusterIP: 10.96.0.10, selector: {k8s-app: kube-dns}, ports: [{name: dns, port: 53, protocol: UDP}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: coredns, namespace: kube-system, uid: d1}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {k8s-app: kube-dns}}
    ///   template:
    ///     metadata: {labels: {k8s-app: kube-dns}}
    ///     spec: {containers: [{name: coredns, image: "registry.k8s.io/coredns/coredns:v1.12.4"}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: ReplicaSet
    /// metadata:
    ///   name: coredns-7c
    ///   namespace: kube-system
    ///   uid: r1
    ///   ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: coredns, uid: d1, controller: true}]
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {k8s-app: kube-dns}}
    ///   template:
    ///     metadata: {labels: {k8s-app: kube-dns}}
    ///     spec: {containers: [{name: coredns, image: "registry.k8s.io/coredns/coredns:v1.12.4"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: coredns-7c-a
    ///   namespace: kube-system
    ///   labels: {k8s-app: kube-dns}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: coredns-7c, uid: r1, controller: true}]
    /// spec: {nodeName: w-1, containers: [{name: coredns, image: "registry.k8s.io/coredns/coredns:v1.12.4"}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: coredns-7c-b
    ///   namespace: kube-system
    ///   labels: {k8s-app: kube-dns}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: coredns-7c, uid: r1, controller: true}]
    /// spec: {nodeName: w-2, containers: [{name: coredns, image: "registry.k8s.io/coredns/coredns:v1.12.4"}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://github.com/kubernetes/kubeadm/issues/1657>
    /// - <https://kubernetes.io/docs/tasks/administer-cluster/dns-custom-nameservers/>
    pub static DNS_REPLICAS_SHARE_NODE: Rule = Rule {
        name: "dns-replicas-share-node",
        area: Area::Dns,
        severity: Severity::Critical,
        class: Class::C,
        needs: &[ResourceKind::Service, ResourceKind::Pod, ResourceKind::Node],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let Some(service) = dns::service(snapshot) else {
        match snapshot.first_missing(&[ResourceKind::Service], Text::default()) {
            Some(missing) => drop(findings.unknown(Snapshot::CLUSTER, missing)),
            None => {
                findings.not_applicable(Snapshot::CLUSTER, "no cluster DNS in the input");
            }
        }
        return;
    };
    if !concerns_cluster(input, service.object, &[Profile::SingleNode], findings) {
        return;
    }
    if let Some(missing) = snapshot.first_missing(&[ResourceKind::Pod], service.namespace) {
        findings.unknown(service.object, missing);
        return;
    }
    let pods = ready_pods(snapshot, service);
    if pods.is_empty() && !snapshot.is_live() && snapshot.pods.is_empty() {
        return findings.not_applicable(service.object, "no pod in the input");
    }
    judge(input, service, &pods, findings);
}

fn ready_pods<'s>(snapshot: &'s Snapshot, service: &Service) -> Vec<&'s Pod> {
    let selected = |pod: &&Pod| {
        let labels = snapshot.labels(pod.labels);
        service.selector.as_ref().is_some_and(|selector| selector.matches(labels, &snapshot.texts))
    };
    let pods = service.workloads.iter().flat_map(|&id| snapshot.pods_of(snapshot.workload(id)));
    pods.filter(|pod| pod.is_healthy()).filter(selected).collect()
}

/// What is wrong with the places of the pods.
struct Fault {
    severity: Severity,
    message: String,
    /// What brings DNS down.
    cause: String,
}

fn judge(input: &Input, service: &Service, pods: &[&Pod], findings: &mut Findings) {
    let snapshot = input.snapshot;
    let Some(fault) = fault(input, pods) else {
        return findings.pass(service.object);
    };
    let workloads = || service.workloads.iter().map(|&id| snapshot.workload(id));
    let mut radius = blast_radius(snapshot, workloads(), vec![fault.cause]);
    if !radius.services.contains(&service.object) {
        radius.services.push(service.object);
    }
    let finding = findings.fail(service.object, fault.message);
    finding.severity(fault.severity).related(workloads().map(|workload| workload.object));
    add_evidence(snapshot, pods, finding);
    finding
        .leads_to("names no longer resolve, and nearly every workload fails")
        .fix("2 or more replicas, spread hard over kubernetes.io/hostname; then restart the rollout")
        .at_risk(radius);
}

fn add_evidence(snapshot: &Snapshot, pods: &[&Pod], finding: &mut Finding) {
    for pod in pods.iter().take(SHOWN) {
        finding.related([pod.object]);
        finding.evidence_of(pod.object, "spec.nodeName", snapshot.text(pod.node_name));
    }
    if pods.is_empty() {
        finding.evidence("spec.selector", "no ready pod");
    }
}

fn fault(input: &Input, pods: &[&Pod]) -> Option<Fault> {
    let snapshot = input.snapshot;
    let names = node_names(snapshot, pods.iter().copied());
    let count = pods.len();
    let losing = |what: &str| format!("losing {what}");
    if count < 2 {
        let message = format!("{count} of at least 2 DNS pods are ready");
        return Some(Fault { severity: Severity::Critical, message, cause: losing(names.first().unwrap_or(&"a pod")) });
    }
    if let [name] = names[..] {
        let message = format!("all {count} ready DNS pods run on {name}");
        return Some(Fault { severity: Severity::Critical, message, cause: losing(name) });
    }
    let nodes: Vec<&Node> = pods.iter().filter_map(|pod| pod.node).map(|id| snapshot.node(id)).collect();
    if nodes.len() < count {
        return None;
    }
    let zones: BTreeSet<_> = nodes.iter().map(|node| zone_of(node)).collect();
    if let (1, Some(Some(zone)), false) = (zones.len(), zones.first(), is_known_to_be(input, Profile::SingleZone)) {
        let zone = snapshot.text(*zone);
        let message = format!("all {count} ready DNS pods run in zone {zone}");
        return Some(Fault { severity: Severity::High, message, cause: format!("losing zone {zone}") });
    }
    let elsewhere = snapshot.nodes.iter().any(|node| !node.control_plane);
    if elsewhere && nodes.iter().all(|node| node.control_plane) {
        let message = format!("all {count} ready DNS pods run on control-plane nodes");
        return Some(Fault { severity: Severity::High, message, cause: format!("losing {}", list(&names)) });
    }
    None
}

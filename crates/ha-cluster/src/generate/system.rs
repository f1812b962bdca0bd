//! What every generated cluster has: classes, a control plane of static pods, DNS, DaemonSets.

use serde_json::{Value, json};

use super::plan::{Node, Plan, Pool};
use super::template::{container, probe};

/// The components that run as static pods on each control-plane node.
const STATIC_PODS: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
/// The DaemonSets, which run on every node.
const DAEMON_SETS: [&str; 2] = ["node-agent", "log-agent"];
/// Label and taint of control-plane nodes.
const CONTROL_PLANE_LABEL: &str = "node-role.kubernetes.io/control-plane";
const DNS_REPLICAS: usize = 2;
const CONTROL_PLANE_NODES: usize = 3;

/// How many pods these objects make in a cluster of so many nodes.
pub(super) fn pods(nodes: usize) -> usize {
    CONTROL_PLANE_NODES * STATIC_PODS.len() + DNS_REPLICAS + DAEMON_SETS.len() * nodes
}

/// The objects without a namespace, and the namespaces.
pub(super) fn cluster_objects(plan: &Plan) -> Vec<Value> {
    let priority_class = |name: &str, value: i32, default: bool| {
        json!({
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": { "name": name },
            "value": value,
            "globalDefault": default,
            "preemptionPolicy": "PreemptLowerPriority",
        })
    };
    let mut objects: Vec<Value> = plan
        .namespaces
        .iter()
        .map(|name| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }))
        .collect();
    objects.extend([
        priority_class("business-critical", 1_000_000, false),
        priority_class("standard", 0, true),
        priority_class("batch", -10, false),
        json!({
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": { "name": "zonal" },
            "provisioner": "kubernetes.io/no-provisioner",
            "reclaimPolicy": "Retain",
            "volumeBindingMode": "WaitForFirstConsumer",
        }),
        json!({
            "apiVersion": "storage.k8s.io/v1",
            "kind": "CSIDriver",
            "metadata": { "name": "disk.example" },
            "spec": { "attachRequired": false },
        }),
    ]);
    objects
}

/// The objects of kube-system, and the endpoints of the API servers.
pub(super) fn namespaced_objects(plan: &Plan) -> Vec<Value> {
    let mut objects: Vec<Value> =
        plan.control_plane().flat_map(|node| STATIC_PODS.map(|component| static_pod(component, node))).collect();
    objects.push(api_endpoints(plan));
    objects.extend(dns());
    objects.extend(DAEMON_SETS.map(daemon_set));
    objects
}

/// A mirror pod, as the kubelet makes it for a static pod.
fn static_pod(component: &str, node: &Node) -> Value {
    let mut main = container(component, &format!("registry.k8s.io/{component}:v1.36.3"));
    main["resources"] = json!({ "requests": { "cpu": "100m", "memory": "256Mi" } });
    main["command"] = match component {
        "kube-apiserver" => json!([component, "--etcd-servers=https://127.0.0.1:2379"]),
        "etcd" => json!([component, format!("--name={}", node.name)]),
        _ => json!([component, "--leader-elect=true"]),
    };
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("{component}-{}", node.name),
            "namespace": "kube-system",
            "labels": { "component": component, "tier": "control-plane" },
            "annotations": {
                "kubernetes.io/config.mirror": format!("{component}-{}", node.name),
                "kubernetes.io/config.source": "file",
            },
        },
        "spec": {
            "containers": [main],
            "hostNetwork": true,
            "nodeName": node.name,
            "priorityClassName": "system-node-critical",
            "tolerations": [{ "operator": "Exists" }],
        },
    })
}

/// The addresses behind the Service default/kubernetes: one per control-plane node.
fn api_endpoints(plan: &Plan) -> Value {
    let endpoint = |node: &Node| json!({ "addresses": [node.address], "conditions": { "ready": true } });
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": { "kubernetes.io/service-name": "kubernetes" },
        },
        "addressType": "IPv4",
        "endpoints": plan.control_plane().map(endpoint).collect::<Vec<_>>(),
        "ports": [{ "name": "https", "port": 6443, "protocol": "TCP" }],
    })
}

/// Cluster DNS on different nodes, with its Service and budget.
fn dns() -> [Value; 3] {
    let labels = json!({ "k8s-app": "kube-dns" });
    let selector = json!({ "matchLabels": labels });
    let metadata = |name: &str| json!({ "name": name, "namespace": "kube-system", "labels": labels });
    let mut main = container("coredns", "registry.k8s.io/coredns/coredns:v1.13.1");
    main["resources"] = json!({
        "requests": { "cpu": "100m", "memory": "70Mi" }, "limits": { "memory": "170Mi" } });
    main["readinessProbe"] = probe("/ready", 10);
    main["livenessProbe"] = probe("/health", 10);
    let apart = json!({ "labelSelector": selector, "topologyKey": "kubernetes.io/hostname" });
    let template = json!({ "metadata": { "labels": labels }, "spec": {
        "containers": [main],
        "priorityClassName": "system-cluster-critical",
        "tolerations": [{ "key": CONTROL_PLANE_LABEL, "effect": "NoSchedule" }],
        "affinity": { "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [apart] } },
    } });
    [
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata("coredns"),
            "spec": { "replicas": DNS_REPLICAS, "selector": selector, "template": template },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata("kube-dns"),
            "spec": { "clusterIP": "10.96.0.10", "selector": labels,
                "ports": [{ "name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53 }] },
        }),
        json!({
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": metadata("coredns"),
            "spec": { "maxUnavailable": 1, "selector": selector },
        }),
    ]
}

fn daemon_set(name: &str) -> Value {
    let labels = json!({ "app": name });
    let mut main = container("agent", &format!("registry.example/{name}:3.1"));
    main["resources"] = json!({ "requests": { "cpu": "50m", "memory": "64Mi" } });
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": { "name": name, "namespace": "kube-system", "labels": labels },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": {
                "containers": [main],
                "hostNetwork": name == "node-agent",
                "priorityClassName": "system-node-critical",
                "tolerations": [{ "operator": "Exists" }],
            } },
        },
    })
}

/// A node with its labels, taints and size; nothing has reported its health yet.
pub(super) fn node(node: &Node) -> Value {
    let (cores, memory) = node.pool.capacity();
    let resources = json!({
        "cpu": cores.to_string(), "memory": format!("{memory}Gi"), "pods": "110",
        "ephemeral-storage": "200Gi",
    });
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": { "name": node.name, "labels": {
            "kubernetes.io/hostname": node.name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "node.kubernetes.io/instance-type": format!("m-{cores}x{memory}"),
            "topology.kubernetes.io/region": "region-1",
            "topology.kubernetes.io/zone": node.zone_name(),
            "pool": node.pool.name(),
        } },
        "spec": { "providerID": format!("example:///{}/{}", node.zone_name(), node.name) },
        "status": { "capacity": resources, "allocatable": resources, "addresses": [
            { "type": "InternalIP", "address": node.address },
            { "type": "Hostname", "address": node.name },
        ], "nodeInfo": {
            "architecture": "amd64",
            "bootID": "",
            "containerRuntimeVersion": "containerd://2.2.1",
            "kernelVersion": "6.12.0",
            "kubeProxyVersion": "",
            "kubeletVersion": "v1.36.3",
            "machineID": "",
            "operatingSystem": "linux",
            "osImage": "Debian GNU/Linux 13 (trixie)",
            "systemUUID": "",
        } },
    });
    let taint = |key: &str| json!([{ "key": key, "effect": "NoSchedule" }]);
    match node.pool {
        Pool::ControlPlane => {
            object["metadata"]["labels"][CONTROL_PLANE_LABEL] = json!("");
            object["spec"]["taints"] = taint(CONTROL_PLANE_LABEL);
        }
        Pool::Dedicated => object["spec"]["taints"] = taint("dedicated"),
        Pool::General | Pool::Memory => {}
    }
    object
}

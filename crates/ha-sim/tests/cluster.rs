//! What a disruption does to the cluster itself.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{node, snapshot};
use ha_core::Settings;
use ha_core::impact::{Disruption, DisruptionKind, LossMode};
use ha_core::snapshot::Snapshot;
use ha_sim::simulate::{Options, simulate};
use ha_sim::{Model, State};
use serde_json::{Value, json};

fn machine(name: &str) -> Value {
    let control_plane = name.starts_with("cp");
    let mut labels = json!({"kubernetes.io/hostname": name});
    if control_plane {
        labels["node-role.kubernetes.io/control-plane"] = "".into();
    }
    let taints = if control_plane {
        json!([{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}])
    } else {
        json!([])
    };
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
        "spec": {"taints": taints},
        "status": {"allocatable": {"cpu": "1", "memory": "8Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}]}})
}

/// A static pod of the control plane.
fn component(name: &str, node: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("{name}-{node}"), "namespace": "kube-system", "labels": {"component": name},
            "annotations": {"kubernetes.io/config.mirror": node}},
        "spec": {"nodeName": node, "containers": [{"name": name, "image": name}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

/// A ReplicaSet with a ready pod on each of the nodes.
fn app(namespace: &str, name: &str, image: &str, nodes: &[&str]) -> Vec<Value> {
    let spec = json!({"containers": [{"name": name, "image": image, "resources": {"requests": {"cpu": "400m"}}}]});
    let mut objects = vec![json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": namespace, "uid": name},
        "spec": {"replicas": nodes.len(), "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec}}})];
    for (number, node) in nodes.iter().enumerate() {
        let mut spec = spec.clone();
        spec["nodeName"] = (*node).into();
        objects.push(json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("{name}-{number}"), "namespace": namespace, "labels": {"app": name},
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": name, "controller": true}]},
            "spec": spec,
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}));
    }
    objects
}

fn service(namespace: &str, name: &str, port: u32) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": [{"port": port}]}})
}

fn webhook(name: &str, namespace_selector: &Value, rule: &Value) -> Value {
    json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{"name": "hook.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "clientConfig": {"service": {"namespace": "policy", "name": "hook"}},
            "namespaceSelector": namespace_selector, "rules": [rule]}]})
}

/// What is lost when these nodes go, as `object: message`.
fn losses(objects: &[Value], lost: &[&str], kind: DisruptionKind) -> Vec<String> {
    let snapshot = snapshot(objects);
    let model = Model::new(&snapshot);
    let nodes = lost.iter().map(|name| node(&snapshot, name)).collect();
    let disruption = Disruption { name: "test".into(), kind, nodes };
    let settings = Settings::default();
    let options = Options { settings: &settings, tries: 4, least: 2, seed: 1, show_all: false };
    let impact = simulate(&mut State::new(&model), &disruption, &options);
    let title = |id| if id == Snapshot::CLUSTER { "Cluster".to_owned() } else { snapshot.title(id) };
    impact.cluster.iter().map(|loss| format!("{}: {}", title(loss.object), loss.message)).collect()
}

const LOSS: DisruptionKind = DisruptionKind::Loss(LossMode::Unreachable);

fn control_plane() -> Vec<Value> {
    let nodes = ["cp-a", "cp-b", "cp-c"];
    let machines = nodes.map(machine).into_iter();
    machines
        .chain(nodes.map(|node| component("etcd", node)))
        .chain(nodes.map(|node| component("kube-apiserver", node)))
        .collect()
}

#[test]
fn etcd_holds_with_a_majority_and_stops_the_cluster_without() {
    let objects = control_plane();
    assert_eq!(
        losses(&objects, &["cp-a"], LOSS),
        [
            "Cluster: 2 of 3 etcd members left, quorum is 2: the quorum holds, no further loss allowed",
            "Cluster: 2 of 3 API servers left",
        ]
    );
    assert_eq!(
        losses(&objects, &["cp-a", "cp-b"], LOSS),
        [
            "Cluster: 1 of 3 etcd members left, quorum is 2: nothing can be written, so nothing is recreated until \
             members come back",
            "Cluster: 1 of 3 API servers left: no further loss allowed",
        ]
    );
}

#[test]
fn a_drain_leaves_the_control_plane_alone() {
    assert_eq!(losses(&control_plane(), &["cp-a", "cp-b"], DisruptionKind::Drain), [""; 0]);
}

#[test]
fn helpers_of_the_cluster_are_counted_right_after_and_later() {
    let mut objects: Vec<Value> = ["a", "b"].map(machine).into();
    objects.extend(app("kube-system", "kube-dns", "coredns", &["a", "a"]));
    objects.push(service("kube-system", "kube-dns", 53));
    objects.extend(app("ingress", "nginx", "registry.k8s.io/ingress-nginx/controller:v1", &["a", "b"]));
    objects.extend(app("kube-system", "csi", "registry.k8s.io/sig-storage/csi-provisioner:v5", &["b"]));
    // Node b has room for none of them: its two pods request 800 of 1000 millicores.
    assert_eq!(
        losses(&objects, &["a"], LOSS),
        [
            "Service/kube-system/kube-dns: 0 of 2 pods ready: no name is resolved; later 0 of 2 scheduled",
            "ReplicaSet/ingress/nginx: 1 of 2 pods ready; later 1 of 2 scheduled",
        ]
    );
    assert_eq!(
        losses(&objects, &["b"], LOSS),
        [
            "ReplicaSet/ingress/nginx: 1 of 2 pods ready; later 1 of 2 scheduled",
            "ReplicaSet/kube-system/csi: 0 of 1 pods ready: no volume is made, attached or detached; later 0 of 1 \
             scheduled",
        ]
    );
}

#[test]
fn a_webhook_without_backend_refuses_what_it_guards() {
    let everywhere = json!({});
    let elsewhere = json!({"matchExpressions": [
        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["policy"]}]});
    let pods = json!({"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]});
    let routes =
        json!({"operations": ["*"], "apiGroups": ["x.example"], "apiVersions": ["v1"], "resources": ["routes"]});
    let cases = [
        (
            &everywhere,
            &pods,
            "new pods are (those of 2 workloads here) refused; its own pods among them: it does not come back until \
             the configuration is deleted",
        ),
        (&elsewhere, &pods, "new pods are (1 workload here needs some) refused; later 1 of 1 scheduled"),
        (&everywhere, &routes, "requests for routes are refused; later 1 of 1 scheduled"),
    ];
    for (selector, rule, told) in cases {
        let mut objects: Vec<Value> = ["a", "b"].map(machine).into();
        objects.extend(app("policy", "hook", "hook", &["a"]));
        objects.extend(app("shop", "web", "web", &["a"]));
        objects.push(service("policy", "hook", 443));
        objects.push(webhook("hook", selector, rule));
        let wanted = format!("ValidatingWebhookConfiguration/hook: 0 of 1 pods ready and it fails closed: {told}");
        assert_eq!(losses(&objects, &["a"], LOSS), [wanted]);
        assert_eq!(losses(&objects, &["b"], LOSS), [""; 0]);
    }
}

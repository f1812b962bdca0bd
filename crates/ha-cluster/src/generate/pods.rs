//! Pods on nodes, as the API server returns them once the kubelet has reported.

use serde_json::{Value, json};

use super::live::{CREATED, Stamps};
use super::plan::Node;
use super::template::push;

/// The controller that an `ownerReferences` entry names.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
}

impl Owner {
    pub(super) fn new(object: &Value, uid: String) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            api_version: text(&object["apiVersion"]),
            kind: text(&object["kind"]),
            name: text(&object["metadata"]["name"]),
            uid,
        }
    }

    pub(super) fn references(&self) -> Value {
        json!([{
            "apiVersion": self.api_version,
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        }])
    }
}

/// What endpoints say about a pod.
#[derive(Debug, Clone)]
pub(super) struct RunningPod {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) address: String,
    pub(super) node: String,
    pub(super) zone: &'static str,
}

/// Makes the pods of one controller; what they share is made once.
pub(super) struct PodMaker {
    owner: Owner,
    pod: Value,
    container_statuses: Value,
}

impl PodMaker {
    /// `template` has the `metadata` and `spec` of a pod template.
    pub(super) fn new(namespace: &str, template: &Value, owner: Owner, stamps: &mut Stamps) -> Self {
        let mut pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "namespace": namespace,
                "labels": template["metadata"]["labels"],
                "ownerReferences": owner.references(),
            },
            "spec": template["spec"],
        });
        if let Some(annotations) = template["metadata"].get("annotations") {
            pod["metadata"]["annotations"] = annotations.clone();
        }
        if matches!(owner.kind.as_str(), "StatefulSet" | "DaemonSet") {
            let revision = format!("{}-{}", owner.name, stamps.suffix(9));
            pod["metadata"]["labels"]["controller-revision-hash"] = json!(revision);
        }
        admit(&mut pod["spec"], &owner.kind, stamps);
        let container_statuses = container_statuses(&pod["spec"]);
        Self { owner, pod, container_statuses }
    }

    /// The pod with this ordinal, and its description when it has a node.
    pub(super) fn pod(&self, ordinal: usize, node: Option<&Node>, stamps: &mut Stamps) -> (Value, Option<RunningPod>) {
        let mut pod = self.pod.clone();
        let is_stateful = self.owner.kind == "StatefulSet";
        let suffix = if is_stateful { ordinal.to_string() } else { stamps.suffix(5) };
        let name = format!("{}-{suffix}", self.owner.name);
        pod["metadata"]["name"] = json!(name);
        let uid = stamps.stamp(&mut pod);
        if is_stateful {
            pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = json!(name);
            pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] = json!(suffix);
            let claim = json!({ "claimName": format!("data-{name}") });
            let volume = json!({ "name": "data", "persistentVolumeClaim": claim });
            push(&mut pod["spec"]["volumes"], volume);
        }
        let Some(node) = node else {
            pod["status"] = unschedulable();
            return (pod, None);
        };
        if self.owner.kind == "DaemonSet" {
            pod["spec"]["affinity"] = node_affinity(&node.name);
        }
        pod["spec"]["nodeName"] = json!(node.name);
        // Copied by the binding since Kubernetes 1.35.
        pod["metadata"]["labels"]["topology.kubernetes.io/zone"] = json!(node.zone_name());
        pod["metadata"]["labels"]["topology.kubernetes.io/region"] = json!("region-1");
        let address = self.address(node, stamps);
        pod["status"] = self.running(node, &address);
        let zone = node.zone_name();
        let running = RunningPod { name, uid, address, node: node.name.clone(), zone };
        (pod, Some(running))
    }

    fn address(&self, node: &Node, stamps: &mut Stamps) -> String {
        if self.pod["spec"]["hostNetwork"] == true {
            return node.address.clone();
        }
        let [_, a, b, c] = stamps.serial().to_be_bytes();
        format!("10.{a}.{b}.{c}")
    }

    fn running(&self, node: &Node, address: &str) -> Value {
        let condition = |kind: &str| json!({ "type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": CREATED });
        let conditions = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
        json!({
            "phase": "Running",
            "conditions": conditions.map(condition),
            "containerStatuses": self.container_statuses,
            "hostIP": node.address,
            "hostIPs": [{ "ip": node.address }],
            "podIP": address,
            "podIPs": [{ "ip": address }],
            "qosClass": "Burstable",
            "startTime": CREATED,
        })
    }
}

/// What admission and the DaemonSet controller add to every pod.
fn admit(spec: &mut Value, owner: &str, stamps: &mut Stamps) {
    let defaults = [
        ("dnsPolicy", json!("ClusterFirst")),
        ("enableServiceLinks", json!(true)),
        ("preemptionPolicy", json!("PreemptLowerPriority")),
        ("restartPolicy", json!("Always")),
        ("schedulerName", json!("default-scheduler")),
        ("serviceAccount", json!("default")),
        ("serviceAccountName", json!("default")),
        ("terminationGracePeriodSeconds", json!(30)),
    ];
    for (field, value) in defaults {
        if spec.get(field).is_none() {
            spec[field] = value;
        }
    }
    spec["priority"] = json!(priority(spec["priorityClassName"].as_str()));
    let keys = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
    for key in keys {
        let mut toleration = json!({ "key": key, "operator": "Exists", "effect": "NoExecute" });
        if owner != "DaemonSet" {
            toleration["tolerationSeconds"] = json!(300);
        }
        push(&mut spec["tolerations"], toleration);
    }
    add_token(spec, &format!("kube-api-access-{}", stamps.suffix(5)));
}

/// The volume with the service account's token, mounted into every container.
fn add_token(spec: &mut Value, name: &str) {
    let path = "/var/run/secrets/kubernetes.io/serviceaccount";
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        let mount = json!({ "name": name, "mountPath": path, "readOnly": true });
        push(&mut container["volumeMounts"], mount);
    }
    let projected = json!({ "defaultMode": 420, "sources": [
        { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
        { "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
        { "downwardAPI": { "items": [{ "path": "namespace",
            "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" } }] } },
    ] });
    push(&mut spec["volumes"], json!({ "name": name, "projected": projected }));
}

fn priority(class: Option<&str>) -> i64 {
    match class {
        Some("system-node-critical") => 2_000_001_000,
        Some("system-cluster-critical") => 2_000_000_000,
        Some("business-critical") => 1_000_000,
        Some("batch") => -10,
        _ => 0,
    }
}

/// How the DaemonSet controller binds its pods to their nodes.
fn node_affinity(node: &str) -> Value {
    let term = json!({ "matchFields": [
        { "key": "metadata.name", "operator": "In", "values": [node] }] });
    json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [term] } } })
}

fn container_statuses(spec: &Value) -> Value {
    let containers = spec["containers"].as_array();
    let status = |container: &Value| {
        json!({
            "name": container["name"],
            "image": container["image"],
            "imageID": container["image"],
            "ready": true,
            "started": true,
            "restartCount": 0,
            "lastState": {},
            "state": { "running": { "startedAt": CREATED } },
        })
    };
    containers.into_iter().flatten().map(status).collect()
}

fn unschedulable() -> Value {
    json!({
        "phase": "Pending",
        "qosClass": "Burstable",
        "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "lastProbeTime": null, "lastTransitionTime": CREATED,
            "message": "no node of the pool has room",
        }],
    })
}

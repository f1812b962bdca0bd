//! Pods as controllers, the scheduler and kubelets leave them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{CREATED, stamp, text};

/// Static pods in short: one on each node.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Static {
    #[allow(dead_code, reason = "it says which short form this is")]
    kind: String,
    name: String,
    nodes: Vec<String>,
    image: String,
    command: Vec<String>,
}

/// Makes pods, each with an address of its own.
#[derive(Default)]
pub(super) struct PodMaker {
    made: u32,
}

impl PodMaker {
    /// The mirrors of static pods.
    pub(super) fn statics(&mut self, pods: &Static) -> Vec<Value> {
        let nodes = pods.nodes.iter();
        nodes
            .map(|node| {
                let pod = json!({"apiVersion": "v1", "kind": "Pod",
                    "metadata": {"name": format!("{}-{node}", pods.name), "namespace": "kube-system",
                        "labels": {"component": pods.name, "tier": "control-plane"},
                        "annotations": {"kubernetes.io/config.mirror": "1"},
                        "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": node, "uid": "", "controller": true}]},
                    "spec": {"hostNetwork": true, "priorityClassName": "system-node-critical",
                        "tolerations": [{"effect": "NoExecute", "operator": "Exists"}],
                        "containers": [{"name": pods.name, "image": pods.image, "command": pods.command,
                            "resources": {"requests": {"cpu": "200m", "memory": "256Mi"}}}]}});
                self.running(pod, node)
            })
            .collect()
    }

    /// A pod without a controller.
    pub(super) fn bare(&mut self, pod: Value, node: &str) -> Value {
        self.running(pod, node)
    }

    /// The pods of a controller, one for each of `nodes`, and what stands between them and it.
    pub(super) fn controlled(&mut self, controller: &Value, nodes: &[String]) -> Vec<Value> {
        let mut made = Vec::new();
        let (owner, hash_label, hash) = match text(&controller["kind"]) {
            "Deployment" => {
                let set = replica_set(controller, nodes.len());
                made.push(set.clone());
                (set, "pod-template-hash", revision(controller))
            }
            _ => (controller.clone(), "controller-revision-hash", revision(controller)),
        };
        for (ordinal, node) in nodes.iter().enumerate() {
            let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": controller["spec"]["template"]["metadata"],
                "spec": controller["spec"]["template"]["spec"]});
            let name = pod_name(controller, &owner, ordinal);
            pod["metadata"]["name"] = json!(name);
            pod["metadata"]["namespace"] = controller["metadata"]["namespace"].clone();
            pod["metadata"]["labels"][hash_label] = json!(hash);
            pod["metadata"]["ownerReferences"] = json!([owner_reference(&owner)]);
            made.extend(claims(controller, &mut pod, &name, node));
            made.push(self.running(pod, node));
        }
        made
    }

    /// Binds a pod to a node, gives it what admission adds, and makes it Ready.
    fn running(&mut self, mut pod: Value, node: &str) -> Value {
        self.made += 1;
        stamp(&mut pod);
        pod["spec"]["nodeName"] = json!(node);
        let tolerates_all = pod["spec"]["tolerations"].as_array().is_some_and(|tolerations| {
            tolerations.iter().any(|toleration| toleration["operator"] == "Exists" && toleration["key"].is_null())
        });
        if !tolerates_all {
            let mut tolerations = pod["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
            for condition in ["not-ready", "unreachable"] {
                tolerations.push(json!({"key": format!("node.kubernetes.io/{condition}"), "operator": "Exists",
                    "effect": "NoExecute", "tolerationSeconds": 300}));
            }
            pod["spec"]["tolerations"] = json!(tolerations);
        }
        let address = format!("10.244.{}.{}", self.made / 250, self.made % 250 + 2);
        pod["status"] = json!({"phase": "Running", "podIP": address, "startTime": CREATED,
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": CREATED}]});
        pod
    }
}

/// The endpoint that stands for a pod.
pub(super) fn endpoint(pod: &Value) -> Value {
    json!({"addresses": [pod["status"]["podIP"]], "conditions": {"ready": true, "serving": true, "terminating": false},
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {"kind": "Pod", "namespace": pod["metadata"]["namespace"], "name": pod["metadata"]["name"]}})
}

fn owner_reference(owner: &Value) -> Value {
    json!({"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true})
}

/// The hash of a controller's present revision: here, the start of its UID.
fn revision(controller: &Value) -> String {
    text(&controller["metadata"]["uid"]).chars().take(8).collect()
}

fn replica_set(deployment: &Value, replicas: usize) -> Value {
    let mut labels = deployment["spec"]["template"]["metadata"]["labels"].clone();
    labels["pod-template-hash"] = json!(revision(deployment));
    let mut set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": format!("{}-{}", text(&deployment["metadata"]["name"]), revision(deployment)),
            "namespace": deployment["metadata"]["namespace"], "labels": labels,
            "annotations": {"deployment.kubernetes.io/revision": "1"},
            "ownerReferences": [owner_reference(deployment)]},
        "spec": {"replicas": replicas}, "status": {"replicas": replicas}});
    stamp(&mut set);
    set
}

fn pod_name(controller: &Value, owner: &Value, ordinal: usize) -> String {
    let owner = text(&owner["metadata"]["name"]);
    if text(&controller["kind"]) == "StatefulSet" {
        return format!("{owner}-{ordinal}");
    }
    format!(
        "{owner}-{}",
        ["x7k2p", "m4q9z", "c8w5t", "h2v6n", "r9d3j", "b5f8s", "l3g7y", "t6p4k", "z8n2q"][ordinal % 9]
    )
}

/// The claims and volumes of a StatefulSet's pod, which it mounts.
fn claims(controller: &Value, pod: &mut Value, pod_name: &str, node: &str) -> Vec<Value> {
    let templates = controller["spec"]["volumeClaimTemplates"].as_array().cloned().unwrap_or_default();
    let mut made = Vec::new();
    for template in templates {
        let name = format!("{}-{pod_name}", text(&template["metadata"]["name"]));
        let volume = format!("pv-{name}");
        let namespace = &controller["metadata"]["namespace"];
        let zone = format!("eu-1{}", node.chars().rev().find(char::is_ascii_alphabetic).unwrap_or('a'));
        let mut claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace}, "spec": template["spec"], "status": {"phase": "Bound"}});
        claim["spec"]["volumeName"] = json!(volume);
        let size = &template["spec"]["resources"]["requests"]["storage"];
        let in_zone = json!({"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]});
        let mut persistent = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume},
            "spec": {"accessModes": template["spec"]["accessModes"], "capacity": {"storage": size},
                "storageClassName": template["spec"]["storageClassName"], "persistentVolumeReclaimPolicy": "Delete",
                "claimRef": {"namespace": namespace, "name": name},
                "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": format!("vol-{name}")},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [in_zone]}]}}},
            "status": {"phase": "Bound"}});
        stamp(&mut claim);
        stamp(&mut persistent);
        let mut volumes = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
        volumes.push(json!({"name": template["metadata"]["name"], "persistentVolumeClaim": {"claimName": name}}));
        pod["spec"]["volumes"] = json!(volumes);
        made.extend([claim, persistent]);
    }
    made
}

//! Nodes in short.

use serde::Deserialize;
use serde_json::{Value, json};

use super::stamp;

/// A node in short.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Machine {
    #[allow(dead_code, reason = "it says which short form this is")]
    kind: String,
    name: String,
    zone: String,
    address: String,
    #[serde(default)]
    control_plane: bool,
    cordoned_at: Option<String>,
}

impl Machine {
    /// The Node, Ready since it was created.
    pub(super) fn node(&self, taken_at: &str) -> Value {
        let mut labels = json!({"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
            "topology.kubernetes.io/zone": self.zone, "topology.kubernetes.io/region": "eu-1"});
        let mut taints = Vec::new();
        if self.control_plane {
            labels["node-role.kubernetes.io/control-plane"] = json!("");
            taints.push(json!({"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}));
        }
        if let Some(cordoned_at) = &self.cordoned_at {
            taints.push(
                json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": cordoned_at}),
            );
        }
        let (cpu, memory) = if self.control_plane { ("4", "8Gi") } else { ("8", "32Gi") };
        let resources = json!({"cpu": cpu, "memory": memory, "pods": "110", "ephemeral-storage": "100Gi"});
        let mut node = json!({"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": self.name, "labels": labels},
            "spec": {"taints": taints, "providerID": format!("aws:///{}/i-{}", self.zone, self.name)},
            "status": {"allocatable": resources, "capacity": resources,
                "addresses": [{"type": "InternalIP", "address": self.address}],
                "nodeInfo": {"kubeletVersion": "v1.36.3"},
                "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
                    "lastHeartbeatTime": taken_at, "lastTransitionTime": super::CREATED}]}});
        if self.cordoned_at.is_some() {
            node["spec"]["unschedulable"] = json!(true);
        }
        stamp(&mut node);
        node
    }
}

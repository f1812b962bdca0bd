//! Nodes: zones, labels, taints, what they have to give.

use serde_json::{Map, Value, json};

use super::Draft;

/// What later choices need to know of a node.
pub(super) struct Node {
    pub(super) name: String,
    /// The value of its zone label, where it has one.
    pub(super) zone: Option<String>,
    /// Whether it has the label by which local volumes find it.
    pub(super) hostname: bool,
}

/// The taints that nodes have and workloads tolerate.
pub(super) const TAINTS: [(&str, &str); 2] = [("dedicated", "batch"), ("gpu", "yes")];

/// The images that pods run, as these name them, and their size in MiB.
pub(super) const IMAGES: [(&str, u64); 4] = [
    ("registry.example/app:1", 350),
    ("registry.example:5000/big", 1_400),
    ("registry.example/model:1", 800),
    ("small", 12),
];

impl Draft {
    pub(super) fn add_nodes(&mut self) {
        let zones = self.dice.from(1, 4);
        let count = self.dice.from(zones.max(3), 12);
        for index in 0..count {
            // The first nodes fill the zones, the others make them uneven.
            let zone = if index < zones { index } else { self.dice.from(0, zones - 1) };
            self.add_node(index, zone);
        }
    }

    fn add_node(&mut self, index: u32, zone: u32) {
        let name = format!("node-{index:02}");
        let mut labels = Map::new();
        let zone =
            (!self.dice.chance(6)).then(|| format!("zone-{}", char::from(b'a' + u8::try_from(zone).unwrap_or(0))));
        if let Some(zone) = &zone {
            labels.insert("topology.kubernetes.io/zone".into(), json!(zone));
            if !self.dice.chance(10) {
                labels.insert("topology.kubernetes.io/region".into(), json!("region-1"));
            }
        }
        let hostname = !self.dice.chance(4);
        if hostname {
            labels.insert("kubernetes.io/hostname".into(), json!(name));
        }
        labels.insert("kubernetes.io/os".into(), json!("linux"));
        labels.insert("pool".into(), json!(self.dice.one(&["general", "general", "memory", "edge"])));
        labels.insert("generation".into(), json!(self.dice.one(&["1", "2", "3"])));
        if self.dice.chance(70) {
            labels.insert("rack".into(), json!(self.dice.one(&["r1", "r2", "r3"])));
        }
        if self.dice.chance(50) {
            labels.insert("disk".into(), json!("ssd"));
        }
        let (allocatable, spec, images) = (self.allocatable(), self.node_spec(), self.images());
        self.add(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": spec,
            "status": {
                "capacity": allocatable, "allocatable": allocatable, "images": images,
                "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            },
        }));
        self.add_driver(&name);
        self.nodes.push(Node { name, zone, hostname });
    }

    /// What pods can have of a node. Adds to the load that the case may ask for.
    fn allocatable(&mut self) -> Value {
        let milli = self.dice.one(&[1_900, 2_000, 3_920, 4_000, 7_910]);
        self.free += i64::from(milli) * i64::from(self.theme.load) / 100;
        let mut allocatable = json!({
            "cpu": format!("{milli}m"),
            "memory": self.dice.one(&["3500Mi", "8Gi", "15Gi", "16384Mi"]),
            "ephemeral-storage": "50Gi",
            "pods": if self.dice.chance(12) { self.dice.one(&["3", "5", "7"]) } else { "110" },
        });
        if self.dice.chance(30) {
            allocatable["example.com/gpu"] = json!(self.dice.from(1, 3).to_string());
        }
        if self.dice.chance(15) {
            allocatable["hugepages-2Mi"] = json!("256Mi");
        }
        allocatable
    }

    /// Images that lie there, by digest and by tag.
    fn images(&mut self) -> Vec<Value> {
        let mut images = Vec::new();
        for (name, mebibytes) in IMAGES {
            if self.dice.chance(self.theme.images) {
                let tagged = if name.contains(":1") { name.to_owned() } else { format!("{name}:latest") };
                let names = json!([format!("registry.example/digest@sha256:{mebibytes:064}"), tagged]);
                images.push(json!({"names": names, "sizeBytes": mebibytes * 1024 * 1024}));
            }
        }
        images
    }

    fn node_spec(&mut self) -> Value {
        let mut spec = json!({});
        let mut taints = Vec::new();
        if self.dice.chance(self.theme.taints) {
            let (key, value) = self.dice.one(&TAINTS);
            let effect = self.dice.one(&["NoSchedule", "NoSchedule", "NoExecute", "PreferNoSchedule"]);
            taints.push(json!({"key": key, "value": value, "effect": effect}));
        }
        if self.dice.chance(self.theme.cordons) {
            spec["unschedulable"] = json!(true);
            taints.push(json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}));
        }
        if !taints.is_empty() {
            spec["taints"] = json!(taints);
        }
        spec
    }

    /// Changes once the pods run: quotas, a cordon, a taint that only keeps new pods away, a label taken off.
    pub(super) fn later(&mut self) -> Vec<Value> {
        let mut changed = self.quotas();
        let nodes: Vec<Value> = self.objects.iter().filter(|object| object["kind"] == "Node").cloned().collect();
        for mut node in nodes {
            let labels = &mut node["metadata"]["labels"];
            if self.dice.chance(self.theme.cordons / 2) {
                node["spec"]["unschedulable"] = json!(true);
                push(
                    &mut node["spec"]["taints"],
                    json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}),
                );
            } else if self.dice.chance(self.theme.taints / 8) {
                push(
                    &mut node["spec"]["taints"],
                    json!({"key": "dedicated", "value": "batch", "effect": "NoSchedule"}),
                );
            } else if self.dice.chance(2) {
                labels["pool"] = json!("moved");
            } else {
                continue;
            }
            changed.push(node);
        }
        changed
    }
}

/// Appends to a list that may not be there yet; the same taint twice would be invalid.
fn push(list: &mut Value, entry: Value) {
    match list.as_array_mut() {
        Some(entries) if entries.iter().any(|other| other["key"] == entry["key"]) => {}
        Some(entries) => entries.push(entry),
        None => *list = json!([entry]),
    }
}

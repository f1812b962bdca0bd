//! Claims, the volumes made beforehand for them, disks in templates, and what drivers allow.

use serde_json::{Value, json};

use super::Draft;
use super::template::About;

const ZONE: &str = "topology.kubernetes.io/zone";

/// What has been asked for so far: how many volumes of which class there should be.
#[derive(Default)]
pub(super) struct Volumes {
    wanted: Vec<Wanted>,
    made: u32,
}

struct Wanted {
    class: &'static str,
    mode: &'static str,
    size: &'static str,
}

/// The storage classes of every case, and whether a claim waits for its first pod.
const CLASSES: [(&str, bool); 7] = [
    ("zonal", true),
    ("zonal-now", false),
    ("local", true),
    ("local-now", false),
    ("network", false),
    ("network-late", true),
    ("csi", true),
];

const DRIVER: &str = "csi.example.com";

impl Draft {
    pub(super) fn add_storage_classes(&mut self) {
        for (name, waits) in CLASSES {
            self.add(json!({
                "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
                "provisioner": "kubernetes.io/no-provisioner",
                "volumeBindingMode": if waits { "WaitForFirstConsumer" } else { "Immediate" },
            }));
        }
        self.add(json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": DRIVER},
            "spec": {"attachRequired": true}}));
    }

    /// What the driver allows on a node; without a CSINode there is no limit.
    pub(super) fn add_driver(&mut self, node: &str) {
        if !self.dice.chance(self.theme.limits) {
            return;
        }
        let mut driver = json!({"name": DRIVER, "nodeID": node, "topologyKeys": []});
        if self.dice.chance(90) {
            driver["allocatable"] = json!({"count": self.dice.one(&[1, 1, 2, 3])});
        }
        self.add(json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": node},
            "spec": {"drivers": [driver]}}));
    }

    /// Adds volumes to a template; returns the claim templates of a StatefulSet.
    pub(super) fn add_volumes(&mut self, spec: &mut Value, about: &About) -> Vec<Value> {
        let mut volumes = Vec::new();
        if self.dice.chance(self.theme.disks) {
            volumes.push(self.disk());
        }
        let mut templates = Vec::new();
        if self.dice.chance(self.theme.claims) {
            match about.kind {
                "StatefulSet" => {
                    for index in 0..if self.dice.chance(20) { 2 } else { 1 } {
                        let mut claim = self.claim(about.replicas);
                        claim["metadata"] = json!({"name": format!("data{index}")});
                        templates.push(claim);
                    }
                }
                "Deployment" | "Pod" => volumes.push(self.shared_claim(about)),
                _ => {}
            }
        }
        if !volumes.is_empty() {
            spec["volumes"] = json!(volumes);
        }
        templates
    }

    /// A disk that two pods may not use on one node, or not at all.
    fn disk(&mut self) -> Value {
        let number = self.dice.from(1, 3);
        let read_only = self.dice.chance(30);
        let source = match self.dice.from(0, 3) {
            0 => json!({"gcePersistentDisk": {"pdName": format!("disk-{number}"), "readOnly": read_only}}),
            1 => json!({"awsElasticBlockStore": {"volumeID": format!("vol-{number}"), "readOnly": read_only}}),
            2 => json!({"iscsi": {"targetPortal": "10.0.0.9:3260", "iqn": format!("iqn.2001-04.example:{number}"),
                "lun": 0, "readOnly": read_only}}),
            _ => {
                let image = format!("image-{number}");
                json!({"rbd": {"monitors": ["10.0.0.8:6789"], "image": image, "readOnly": read_only}})
            }
        };
        let mut volume = source;
        volume["name"] = json!("disk");
        volume
    }

    /// One claim for all pods of a workload; sometimes it does not exist.
    fn shared_claim(&mut self, about: &About) -> Value {
        let missing = self.dice.chance(6);
        if !missing {
            let mut claim = self.claim(1);
            claim["apiVersion"] = json!("v1");
            claim["kind"] = json!("PersistentVolumeClaim");
            claim["metadata"] = json!({"name": about.name, "namespace": about.namespace});
            if self.dice.chance(10) {
                self.reserve(&mut claim, about);
            }
            self.add(claim);
        }
        json!({"name": "data", "persistentVolumeClaim": {"claimName": about.name}})
    }

    /// A claim, and a note of the volumes that so many of it need.
    fn claim(&mut self, count: u32) -> Value {
        let (class, _) = self.class();
        let mode = if self.dice.chance(self.theme.one_pod) {
            "ReadWriteOncePod"
        } else {
            self.dice.one(&["ReadWriteOnce", "ReadWriteOnce", "ReadWriteMany"])
        };
        let size = self.dice.one(&["1Gi", "5Gi"]);
        for _ in 0..count {
            // Too few volumes are as interesting as too many.
            if !self.dice.chance(12) {
                self.volumes.wanted.push(Wanted { class, mode, size });
            }
        }
        let mut spec =
            json!({"accessModes": [mode], "storageClassName": class, "resources": {"requests": {"storage": size}}});
        if self.dice.chance(8) {
            spec["selector"] = json!({"matchLabels": {"tier": "fast"}});
        }
        json!({"spec": spec})
    }

    fn class(&mut self) -> (&'static str, bool) {
        if self.dice.chance(self.theme.limits) {
            return ("csi", true);
        }
        self.dice.one(&CLASSES)
    }

    /// Gives a claim its volume by name, before anything is scheduled.
    fn reserve(&mut self, claim: &mut Value, about: &About) {
        let class = claim["spec"]["storageClassName"].as_str().unwrap_or("network").to_owned();
        let mode = claim["spec"]["accessModes"][0].clone();
        let mut volume = self.volume(&class, "9Gi");
        volume["spec"]["accessModes"] = json!([mode]);
        volume["spec"]["claimRef"] = json!({"namespace": about.namespace, "name": about.name});
        volume["metadata"]["labels"]["tier"] = json!("fast");
        claim["spec"]["volumeName"] = volume["metadata"]["name"].clone();
        self.add(volume);
    }

    /// Makes the volumes that were asked for, some bigger than asked for, and a few spare ones.
    pub(super) fn add_spare_volumes(&mut self) {
        for Wanted { class, mode, size } in std::mem::take(&mut self.volumes.wanted) {
            for _ in 0..if self.dice.chance(25) { 2 } else { 1 } {
                let bigger = if self.dice.chance(20) { "8Gi" } else { size };
                let mut volume = self.volume(class, bigger);
                volume["spec"]["accessModes"] = json!([mode]);
                self.add(volume);
            }
        }
    }

    fn volume(&mut self, class: &str, size: &str) -> Value {
        let name = format!("pv-{class}-{:02}", self.volumes.made);
        self.volumes.made += 1;
        let mut metadata = json!({"name": name, "labels": {}});
        if self.dice.chance(40) {
            metadata["labels"]["tier"] = json!("fast");
        }
        let mut spec = json!({"capacity": {"storage": size}, "storageClassName": class,
            "persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"});
        match class.trim_end_matches("-now").trim_end_matches("-late") {
            "zonal" => {
                spec["iscsi"] =
                    json!({"targetPortal": "10.0.0.9:3260", "iqn": format!("iqn.2001-04.example:{name}"), "lun": 0});
                self.restrict_to_zone(&mut metadata, &mut spec);
            }
            "local" => {
                spec["local"] = json!({"path": format!("/disks/{name}")});
                let node = self.host();
                spec["nodeAffinity"] = required("kubernetes.io/hostname", &json!([node]));
            }
            "csi" => {
                spec["csi"] = json!({"driver": DRIVER, "volumeHandle": name});
                if self.dice.chance(30) {
                    self.restrict_to_zone(&mut metadata, &mut spec);
                }
            }
            _ => spec["nfs"] = json!({"server": "10.0.0.7", "path": format!("/{name}")}),
        }
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec})
    }

    /// A zone, or two, by node affinity or by the label alone.
    fn restrict_to_zone(&mut self, metadata: &mut Value, spec: &mut Value) {
        let mut zones: Vec<String> = Vec::new();
        for _ in 0..if self.dice.chance(10) { 2 } else { 1 } {
            zones.push(self.dice.one_of(&self.nodes).zone.clone().unwrap_or_else(|| "zone-a".to_owned()));
        }
        zones.sort();
        zones.dedup();
        if self.dice.chance(self.theme.label_only) {
            metadata["labels"][ZONE] = json!(zones.join("__"));
        } else {
            spec["nodeAffinity"] = required(ZONE, &json!(zones));
        }
    }

    /// The name of a node that local volumes can find.
    fn host(&mut self) -> String {
        let names: Vec<&str> = self.nodes.iter().filter(|node| node.hostname).map(|node| node.name.as_str()).collect();
        if names.is_empty() { "node-00".to_owned() } else { (*self.dice.one_of(&names)).to_owned() }
    }
}

fn required(key: &str, values: &Value) -> Value {
    let expression = json!({"key": key, "operator": "In", "values": values});
    json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}})
}

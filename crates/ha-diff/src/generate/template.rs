//! Pod templates: what a pod asks for and tolerates.

use serde_json::{Value, json};

use super::Draft;
use super::nodes::{IMAGES, TAINTS};

/// A workload for whose pods a template is made.
pub(super) struct About<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: &'a str,
    /// The names of the workloads so far, this one included.
    pub(super) names: &'a [String],
    pub(super) kind: &'a str,
    pub(super) replicas: u32,
}

impl Draft {
    /// The labels and the specification of a workload's pods. Volumes and claims come on top.
    pub(super) fn template(&mut self, about: &About) -> Value {
        let mut labels = json!({"app": about.name, "tier": self.dice.one(&["front", "back", "store"])});
        if self.dice.chance(30) {
            labels["team"] = json!(self.dice.one(&["red", "blue"]));
        }
        let (image, _) = self.dice.one(&IMAGES);
        let mut spec = json!({"containers": [{"name": "app", "image": image}]});
        if self.dice.chance(2) {
            spec["schedulerName"] = json!("another-scheduler");
        }
        self.add_resources(&mut spec, about.replicas);
        let annotations = self.resizing(&spec);
        if self.dice.chance(self.theme.host_ports) && about.kind != "Job" {
            self.add_ports(&mut spec["containers"][0]);
        }
        self.add_tolerations(&mut spec);
        if self.dice.chance(self.theme.priority) {
            spec["priorityClassName"] = json!(self.dice.one(&["low", "low", "high", "higher", "patient"]));
        }
        if self.dice.chance(self.theme.gates) {
            spec["schedulingGates"] = json!([{"name": "example.com/wait"}]);
        }
        self.add_constraints(&mut spec, about);
        json!({"metadata": {"labels": labels, "annotations": annotations}, "spec": spec})
    }

    /// What the kubelet reports of the first container while it is resized in place (`tests/scheduler/resize.go`).
    fn resizing(&mut self, spec: &Value) -> Value {
        let requests = &spec["containers"][0]["resources"]["requests"];
        if !requests.is_object() || !self.dice.chance(self.theme.resizes) {
            return json!({});
        }
        let amounts = |draft: &mut Self| {
            let milli = draft.dice.one(&[50, 200, 400, 700, 1_200]);
            json!({"cpu": format!("{milli}m"), "memory": draft.dice.one(&["64Mi", "300Mi", "1Gi", "2Gi"])})
        };
        let resizing = json!({"allocated": amounts(self), "actual": amounts(self), "infeasible": self.dice.chance(30)});
        json!({"example.com/resizing": resizing.to_string()})
    }

    /// Requests in all the shapes that the scheduler adds up: limits only, init containers, sidecars, pod level.
    fn add_resources(&mut self, spec: &mut Value, replicas: u32) {
        if self.dice.chance(8) {
            return;
        }
        let wish = self.dice.one(&[50, 100, 100, 250, 333, 500, 500, 800, 1_000, 1_500, 2_200]);
        let fits = u32::try_from(self.free.max(0)).unwrap_or(0) / replicas.max(1);
        let milli = wish.min(fits.max(50));
        self.free -= i64::from(milli) * i64::from(replicas);
        let memory = self.dice.one(&["64Mi", "256Mi", "512Mi", "1Gi", "1500M", "2Gi"]);
        let mut amounts = json!({"cpu": format!("{milli}m"), "memory": memory});
        if self.dice.chance(8) {
            amounts["ephemeral-storage"] = json!(self.dice.one(&["1Gi", "20Gi"]));
        }
        let field = if self.dice.chance(12) { "limits" } else { "requests" };
        spec["containers"][0]["resources"] = json!({field: amounts});
        if self.dice.chance(self.theme.extended) {
            let (name, amount) =
                self.dice.one(&[("example.com/gpu", "1"), ("example.com/gpu", "2"), ("hugepages-2Mi", "128Mi")]);
            spec["containers"][0]["resources"]["limits"][name] = json!(amount);
        }
        let more = format!("{}m", milli / 2 + 20);
        match self.dice.from(0, 19) {
            0 => spec["initContainers"] = json!([plain("init", &format!("{}m", milli + 150))]),
            1 => spec["initContainers"] = json!([sidecar("proxy", &more)]),
            2 => spec["initContainers"] = json!([sidecar("proxy", &more), plain("init", &format!("{milli}m"))]),
            3 => spec["containers"].as_array_mut().into_iter().for_each(|list| list.push(plain("second", &more))),
            4 => spec["resources"] = json!({"requests": {"cpu": format!("{}m", milli + 70), "memory": "2200Mi"}}),
            _ => {}
        }
    }

    fn add_ports(&mut self, container: &mut Value) {
        let mut port = json!({"containerPort": 80, "hostPort": self.dice.one(&[8_080, 8_080, 9_000])});
        if self.dice.chance(20) {
            port["protocol"] = json!("UDP");
        }
        if self.dice.chance(25) {
            port["hostIP"] = json!(self.dice.one(&["127.0.0.1", "10.0.0.1", "0.0.0.0"]));
        }
        container["ports"] = json!([port]);
    }

    fn add_tolerations(&mut self, spec: &mut Value) {
        let mut tolerations = Vec::new();
        for (key, value) in TAINTS {
            if self.dice.chance(self.theme.taints / 2) {
                let mut toleration = json!({"key": key, "operator": "Exists"});
                if self.dice.chance(60) {
                    toleration = json!({"key": key, "operator": "Equal", "value": value});
                }
                if self.dice.chance(30) {
                    toleration["effect"] = json!(self.dice.one(&["NoSchedule", "PreferNoSchedule", "NoExecute"]));
                }
                tolerations.push(toleration);
            }
        }
        if self.dice.chance(2) {
            tolerations.push(json!({"operator": "Exists"}));
        }
        if self.dice.chance(3) {
            tolerations.push(json!({"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}));
        }
        if !tolerations.is_empty() {
            spec["tolerations"] = json!(tolerations);
        }
    }
}

fn plain(name: &str, cpu: &str) -> Value {
    json!({"name": name, "image": "registry.example/app:1", "resources": {"requests": {"cpu": cpu, "memory": "100Mi"}}})
}

fn sidecar(name: &str, cpu: &str) -> Value {
    let mut container = plain(name, cpu);
    container["restartPolicy"] = json!("Always");
    container
}

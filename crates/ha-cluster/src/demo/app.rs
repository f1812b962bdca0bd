//! Workloads in short: sound unless the page says otherwise.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::merge;

/// A workload in short.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct App {
    #[allow(dead_code, reason = "it says which short form this is")]
    kind: String,
    namespace: String,
    name: String,
    nodes: Vec<String>,
    image: String,
    #[serde(default = "deployment")]
    workload: String,
    #[serde(default)]
    labels: Map<String, Value>,
    #[serde(default)]
    spread: Spread,
    spread_labels: Option<Value>,
    #[serde(default)]
    liveness: Liveness,
    #[serde(default = "yes")]
    readiness: bool,
    #[serde(default)]
    service: Value,
    #[serde(default = "http")]
    service_port: u16,
    #[serde(default)]
    budget: Value,
    volume: Option<Volume>,
    claim: Option<String>,
    #[serde(default)]
    patch: Value,
}

/// How replicas are kept on different nodes.
#[derive(Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Spread {
    #[default]
    Hard,
    Soft,
    None,
}

/// What liveness asks.
#[derive(Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Liveness {
    /// More patiently than readiness.
    #[default]
    Patient,
    /// The same as readiness.
    Same,
}

/// The volume of a StatefulSet.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Volume {
    class: String,
    size: String,
}

fn deployment() -> String {
    "Deployment".into()
}

const fn yes() -> bool {
    true
}

const fn http() -> u16 {
    80
}

impl App {
    /// The workload (with its `nodes`), its Service and its budget.
    pub(super) fn objects(&self) -> Vec<Value> {
        let mut objects = vec![self.workload()];
        objects.extend(self.service());
        objects.extend(self.budget());
        objects
    }

    fn labels(&self) -> Value {
        if self.labels.is_empty() { json!({"app": self.name}) } else { json!(self.labels) }
    }

    fn workload(&self) -> Value {
        let mut workload = json!({"apiVersion": "apps/v1", "kind": self.workload,
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": self.labels(), "generation": 1},
            "spec": {"replicas": self.nodes.len(), "selector": {"matchLabels": self.labels()},
                "template": {"metadata": {"labels": self.labels()}, "spec": self.pod_spec()}},
            "status": {"replicas": self.nodes.len()},
            "nodes": self.nodes});
        if self.workload == "StatefulSet" {
            workload["spec"]["serviceName"] = json!(self.name);
        }
        if let Some(volume) = &self.volume {
            workload["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": volume.class,
                "resources": {"requests": {"storage": volume.size}}}}]);
        }
        merge(&mut workload, &self.patch_or_nothing());
        workload
    }

    fn patch_or_nothing(&self) -> Value {
        if self.patch.is_null() { json!({}) } else { self.patch.clone() }
    }

    fn pod_spec(&self) -> Value {
        let probe = |period: u32, failures: u32| json!({"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": period, "failureThreshold": failures});
        let mut container = json!({"name": self.name, "image": self.image,
            "ports": [{"name": "http", "containerPort": 8080}],
            "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}},
            "lifecycle": {"preStop": {"sleep": {"seconds": 5}}}});
        if self.readiness {
            container["readinessProbe"] = probe(5, 2);
        }
        container["livenessProbe"] = if self.liveness == Liveness::Same { probe(5, 2) } else { probe(10, 6) };
        let mut spec = json!({"containers": [container]});
        let constraints = self.spread_constraints();
        if !constraints.is_empty() {
            spec["topologySpreadConstraints"] = json!(constraints);
        }
        if let Some(claim) = &self.claim {
            spec["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]);
        }
        spec
    }

    fn spread_constraints(&self) -> Vec<Value> {
        let selector = json!({"matchLabels": self.spread_labels.clone().unwrap_or_else(|| self.labels())});
        let constraint = |key: &str, hard: bool| {
            let when = if hard { "DoNotSchedule" } else { "ScheduleAnyway" };
            let mut constraint =
                json!({"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": selector});
            if hard && self.workload == "Deployment" {
                constraint["matchLabelKeys"] = json!(["pod-template-hash"]);
            }
            constraint
        };
        match self.spread {
            Spread::None => Vec::new(),
            Spread::Hard | Spread::Soft => vec![
                constraint("kubernetes.io/hostname", self.spread == Spread::Hard),
                constraint("topology.kubernetes.io/zone", false),
            ],
        }
    }

    /// None for `service: false`; `service: {name, port, selector}` replaces what would be there.
    fn service(&self) -> Option<Value> {
        if self.service == Value::Bool(false) {
            return None;
        }
        let given = |field: &str, otherwise: Value| match &self.service[field] {
            Value::Null => otherwise,
            value => value.clone(),
        };
        Some(json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": given("name", json!(self.name)), "namespace": self.namespace, "labels": self.labels()},
            "spec": {"type": "ClusterIP", "selector": given("selector", self.labels()),
                "ports": [{"name": "http", "port": given("port", json!(self.service_port)), "targetPort": "http"}]}}))
    }

    /// None for `budget: false`; its specification otherwise, with the status that follows from it.
    fn budget(&self) -> Option<Value> {
        if self.budget == Value::Bool(false) {
            return None;
        }
        let mut spec = if self.budget.is_object() { self.budget.clone() } else { json!({"maxUnavailable": 1}) };
        let pods = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let allowed = allowed(&spec, pods);
        spec["selector"] = json!({"matchLabels": self.labels()});
        Some(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": self.name, "namespace": self.namespace, "generation": 1}, "spec": spec,
            "status": {"currentHealthy": pods, "desiredHealthy": pods - allowed, "expectedPods": pods,
                "disruptionsAllowed": allowed, "observedGeneration": 1,
                "conditions": [{"type": "DisruptionAllowed", "status": if allowed > 0 { "True" } else { "False" },
                    "reason": if allowed > 0 { "SufficientPods" } else { "InsufficientPods" },
                    "lastTransitionTime": super::CREATED}]}}))
    }
}

/// What the disruption controller would allow while all pods are healthy.
fn allowed(spec: &Value, pods: u32) -> u32 {
    let count = |value: &Value| match value.as_str().and_then(|text| text.strip_suffix('%')?.parse::<u32>().ok()) {
        Some(percent) => (pods * percent).div_ceil(100),
        None => u32::try_from(value.as_u64().unwrap_or(0)).unwrap_or(0),
    };
    if spec["maxUnavailable"].is_null() {
        pods.saturating_sub(count(&spec["minAvailable"]))
    } else {
        count(&spec["maxUnavailable"]).min(pods)
    }
}

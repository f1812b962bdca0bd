//! Pod templates, with the defaults that the API server would fill in.

use fastrand::Rng;
use serde_json::{Value, json};

use super::plan::{Placement, Workload};

/// The pod template of a workload: what its template number decides, and its own labels.
pub(super) fn pod_template(seed: u64, workload: &Workload) -> Value {
    let mut rng = Rng::with_seed(seed ^ (workload.template as u64).wrapping_mul(0x9E37_79B9));
    let labels = json!({ "app": workload.name, "tier": tier(workload.template) });
    let grace_seconds = [30, 30, 30, 60, 120][rng.usize(..5)];
    let mut spec = json!({
        "containers": containers(workload.template, &mut rng),
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": { "runAsNonRoot": true },
        "terminationGracePeriodSeconds": grace_seconds,
        "priorityClassName": priority_class(workload.template),
    });
    place(&mut spec, workload);
    if workload.placement == Placement::Volume {
        let mount = json!({ "name": "data", "mountPath": "/data" });
        push(&mut spec["containers"][0]["volumeMounts"], mount);
    }
    json!({ "metadata": { "labels": labels }, "spec": spec })
}

fn tier(template: usize) -> &'static str {
    ["backend", "frontend", "worker"][template % 3]
}

/// The names are those of the generated PriorityClasses.
fn priority_class(template: usize) -> &'static str {
    match template % 7 {
        0 => "business-critical",
        1 => "batch",
        _ => "standard",
    }
}

/// The application, and for some templates a sidecar.
fn containers(template: usize, rng: &mut Rng) -> Vec<Value> {
    let cpu = [50, 50, 100, 100, 200, 200, 250, 500][rng.usize(..8)];
    let memory = [64, 128, 128, 256, 256, 512][rng.usize(..6)];
    let mut application = container("app", &format!("registry.example/app-{template}:1.{}", rng.u8(..40)));
    application["resources"] = json!({
        "requests": { "cpu": format!("{cpu}m"), "memory": format!("{memory}Mi") },
        "limits": { "memory": format!("{}Mi", memory * 2) },
    });
    application["ports"] = json!([{ "name": "http", "containerPort": 8080, "protocol": "TCP" }]);
    application["env"] = json!([
        { "name": "LOG_LEVEL", "value": "info" },
        { "name": "POD_NAME", "valueFrom": {
            "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.name" } } },
    ]);
    match rng.u8(..100) {
        0..70 => {
            application["readinessProbe"] = probe("/ready", [5, 10][rng.usize(..2)]);
            application["livenessProbe"] = probe("/alive", 20);
        }
        70..80 => {
            application["readinessProbe"] = probe("/health", 10);
            application["livenessProbe"] = probe("/health", 10);
        }
        80..90 => application["readinessProbe"] = probe("/ready", 10),
        _ => {}
    }
    let mut containers = vec![application];
    if rng.u8(..100) < 25 {
        let mut sidecar = container("proxy", "registry.example/proxy:2.4");
        sidecar["resources"] = json!({ "requests": { "cpu": "20m", "memory": "32Mi" } });
        containers.push(sidecar);
    }
    containers
}

/// A container with the API server's defaults.
pub(super) fn container(name: &str, image: &str) -> Value {
    json!({
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [],
    })
}

/// An HTTP probe on port 8080 with the API server's defaults.
pub(super) fn probe(path: &str, period_seconds: u32) -> Value {
    json!({
        "httpGet": { "path": path, "port": 8080, "scheme": "HTTP" },
        "periodSeconds": period_seconds,
        "timeoutSeconds": 1,
        "successThreshold": 1,
        "failureThreshold": 3,
    })
}

/// Writes what a workload asks of the scheduler.
fn place(spec: &mut Value, workload: &Workload) {
    const ZONE: &str = "topology.kubernetes.io/zone";
    const NODE: &str = "kubernetes.io/hostname";
    let selector = json!({ "matchLabels": { "app": workload.name } });
    let spread = |key: &str, when: &str| json!({ "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": selector });
    let apart = json!({ "labelSelector": selector, "topologyKey": NODE });
    let (hard, soft) = ("DoNotSchedule", "ScheduleAnyway");
    match workload.placement {
        Placement::HardZoneSpread => {
            spec["topologySpreadConstraints"] = json!([spread(ZONE, hard)]);
        }
        Placement::HardZoneSoftNodeSpread => {
            spec["topologySpreadConstraints"] = json!([spread(ZONE, hard), spread(NODE, soft)]);
        }
        Placement::HardNodeSpread => {
            spec["topologySpreadConstraints"] = json!([spread(NODE, hard), spread(ZONE, soft)]);
        }
        Placement::SoftZoneSpread | Placement::Volume => {
            spec["topologySpreadConstraints"] = json!([spread(ZONE, soft)]);
        }
        Placement::RequiredAntiAffinity => {
            spec["affinity"] = json!({ "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [apart] } });
        }
        Placement::PreferredAntiAffinity => {
            let term = json!({ "weight": 100, "podAffinityTerm": apart });
            spec["affinity"] = json!({ "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [term] } });
        }
        Placement::MemoryPool => {
            let term = json!({ "matchExpressions": [
                { "key": "pool", "operator": "In", "values": ["memory"] }] });
            spec["affinity"] = json!({ "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [term] } } });
        }
        Placement::DedicatedPool => {
            spec["nodeSelector"] = json!({ "pool": "dedicated" });
            spec["tolerations"] = json!([
                { "key": "dedicated", "operator": "Exists", "effect": "NoSchedule" }]);
        }
        Placement::Anywhere => {}
    }
}

/// Appends to a list; anything else becomes a list.
pub(super) fn push(list: &mut Value, item: Value) {
    match list {
        Value::Array(items) => items.push(item),
        other => *other = Value::Array(vec![item]),
    }
}

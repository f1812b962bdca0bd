//! The objects a user creates: no status, nothing that a controller makes.

use serde_json::{Value, json};

use super::plan::{Budget, Kind, Placement, Plan, Workload, ZONES};
use super::{system, template};
use crate::error::Result;

/// Hands out everything, so that each object comes after those it names.
pub(super) fn visit(plan: &Plan, visit: &mut dyn FnMut(Value) -> Result<()>) -> Result<()> {
    for object in system::cluster_objects(plan) {
        visit(object)?;
    }
    for node in &plan.nodes {
        visit(system::node(node))?;
    }
    for object in system::namespaced_objects(plan) {
        visit(object)?;
    }
    for workload in &plan.workloads {
        for ordinal in 0..volumes(workload) {
            let zone = ZONES[(workload.template + ordinal) % ZONES.len()];
            visit(volume(plan, workload, ordinal, zone))?;
        }
        for object in workload_objects(plan, workload) {
            visit(object)?;
        }
    }
    Ok(())
}

/// How many volumes a workload needs.
fn volumes(workload: &Workload) -> usize {
    match workload.placement {
        Placement::Volume => workload.replicas,
        _ => 0,
    }
}

/// A volume in one zone, reserved for the claim of one pod of a StatefulSet.
pub(super) fn volume(plan: &Plan, workload: &Workload, ordinal: usize, zone: &str) -> Value {
    let term = json!({ "matchExpressions": [
        { "key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone] }] });
    let name = format!("{}-{ordinal}", workload.name);
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": { "name": name, "labels": { "topology.kubernetes.io/zone": zone } },
        "spec": {
            "capacity": { "storage": "10Gi" },
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "zonal",
            "volumeMode": "Filesystem",
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": plan.namespace(workload),
                "name": format!("data-{name}"),
            },
            "csi": { "driver": "disk.example", "volumeHandle": name },
            "nodeAffinity": { "required": { "nodeSelectorTerms": [term] } },
        },
    })
}

/// The controller of a workload and what belongs to it, the controller first.
pub(super) fn workload_objects(plan: &Plan, workload: &Workload) -> Vec<Value> {
    let mut objects = vec![controller(plan, workload)];
    if workload.service {
        objects.push(service(plan, workload));
    }
    if let Some(budget) = workload.budget {
        objects.push(disruption_budget(plan, workload, budget));
    }
    if workload.autoscaled {
        objects.push(autoscaler(plan, workload));
    }
    objects
}

fn metadata(plan: &Plan, workload: &Workload) -> Value {
    json!({
        "name": workload.name,
        "namespace": plan.namespace(workload),
        "labels": { "app": workload.name },
    })
}

fn selector(workload: &Workload) -> Value {
    json!({ "matchLabels": { "app": workload.name } })
}

fn controller(plan: &Plan, workload: &Workload) -> Value {
    let mut template = template::pod_template(plan.seed, workload);
    let metadata = metadata(plan, workload);
    let order = ["OrderedReady", "Parallel"][workload.template % 2];
    match workload.kind {
        Kind::Deployment => json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": workload.replicas,
                "selector": selector(workload),
                "template": template,
                "progressDeadlineSeconds": 600,
                "revisionHistoryLimit": 10,
                "strategy": { "type": "RollingUpdate",
                    "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" } },
            },
        }),
        Kind::StatefulSet => json!({
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": metadata,
            "spec": {
                "replicas": workload.replicas,
                "selector": selector(workload),
                "serviceName": workload.name,
                "template": template,
                "podManagementPolicy": order,
                "revisionHistoryLimit": 10,
                "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } },
                "volumeClaimTemplates": [claim_template()],
            },
        }),
        Kind::CronJob => {
            template["spec"]["restartPolicy"] = json!("OnFailure");
            json!({
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "metadata": metadata,
                "spec": {
                    "schedule": "0 3 * * *",
                    "concurrencyPolicy": "Forbid",
                    "suspend": true,
                    "jobTemplate": { "spec": { "template": template } },
                },
            })
        }
    }
}

/// The claim that every pod of a StatefulSet gets.
fn claim_template() -> Value {
    json!({
        "metadata": { "name": "data" },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "10Gi" } },
            "storageClassName": "zonal",
            "volumeMode": "Filesystem",
        },
    })
}

fn service(plan: &Plan, workload: &Workload) -> Value {
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(plan, workload),
        "spec": {
            "selector": { "app": workload.name },
            "ports": [{ "name": "http", "port": 80, "protocol": "TCP", "targetPort": "http" }],
        },
    });
    if workload.kind == Kind::StatefulSet {
        object["spec"]["clusterIP"] = json!("None");
    }
    object
}

fn disruption_budget(plan: &Plan, workload: &Workload, budget: Budget) -> Value {
    let mut spec = json!({ "selector": selector(workload) });
    match budget {
        Budget::OneUnavailable => spec["maxUnavailable"] = json!(1),
        Budget::HalfAvailable => spec["minAvailable"] = json!("50%"),
        Budget::AllAvailable => spec["minAvailable"] = json!("100%"),
    }
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(plan, workload),
        "spec": spec,
    })
}

fn autoscaler(plan: &Plan, workload: &Workload) -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(plan, workload),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1", "kind": "Deployment", "name": workload.name },
            "minReplicas": workload.replicas,
            "maxReplicas": workload.replicas * 2,
            "metrics": [{ "type": "Resource", "resource": {
                "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 } } }],
        },
    })
}

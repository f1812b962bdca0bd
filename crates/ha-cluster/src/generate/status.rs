//! The status that controllers and kubelets write, and the objects that controllers make.

use serde_json::{Value, json};

use super::live::{CREATED, Stamps};
use super::pods::{Owner, RunningPod};

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": reason,
        "lastTransitionTime": CREATED, "lastUpdateTime": CREATED,
    })
}

pub(super) fn namespace(mut object: Value) -> Value {
    object["metadata"]["labels"]["kubernetes.io/metadata.name"] = object["metadata"]["name"].clone();
    object["status"] = json!({ "phase": "Active" });
    object
}

/// A healthy node.
pub(super) fn node(mut object: Value, index: usize) -> Value {
    let heartbeat = |kind: &str, status: &str, reason: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": reason,
            "lastHeartbeatTime": CREATED, "lastTransitionTime": CREATED,
        })
    };
    object["spec"]["podCIDR"] = json!(format!("10.{}.{}.0/24", index / 256, index % 256));
    object["status"]["conditions"] = json!([
        heartbeat("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        heartbeat("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        heartbeat("PIDPressure", "False", "KubeletHasSufficientPID"),
        heartbeat("Ready", "True", "KubeletReady"),
    ]);
    object
}

/// The lease of a component that is the leader, on the given node.
pub(super) fn lease(component: &str, node: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": component, "namespace": "kube-system" },
        "spec": {
            "acquireTime": "2026-01-15T10:00:00.000000Z",
            "renewTime": "2026-01-15T10:00:00.000000Z",
            "holderIdentity": format!("{node}_1"),
            "leaseDurationSeconds": 15,
            "leaseTransitions": 1,
        },
    })
}

/// The Service that the API server makes for itself.
pub(super) fn kubernetes_service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": "kubernetes", "namespace": "default",
            "labels": { "component": "apiserver", "provider": "kubernetes" } },
        "spec": { "type": "ClusterIP", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"],
            "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443 }] },
    })
}

/// The status of a controller whose pods run where they have a node.
pub(super) fn controller(mut object: Value, hosts: &[Option<usize>]) -> Value {
    let all = hosts.len();
    let ready = hosts.iter().flatten().count();
    object["metadata"]["generation"] = json!(1);
    let available = if ready == all { "True" } else { "False" };
    object["status"] = match object["kind"].as_str() {
        Some("DaemonSet") => json!({
            "observedGeneration": 1, "currentNumberScheduled": all, "desiredNumberScheduled": all,
            "numberAvailable": ready, "numberReady": ready, "numberMisscheduled": 0,
            "updatedNumberScheduled": all,
        }),
        Some("StatefulSet") => json!({
            "observedGeneration": 1, "replicas": all, "currentReplicas": all,
            "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": all,
            "collisionCount": 0,
        }),
        Some("Deployment") => json!({
            "observedGeneration": 1, "replicas": all, "readyReplicas": ready,
            "availableReplicas": ready, "updatedReplicas": all,
            "conditions": [
                condition("Available", available, "MinimumReplicasAvailable"),
                condition("Progressing", "True", "NewReplicaSetAvailable"),
            ],
        }),
        _ => json!({}),
    };
    object
}

/// The ReplicaSet of a Deployment; `template` has the label with the hash.
pub(super) fn replica_set(deployment: &Value, owner: &Owner, template: &Value, hash: &str) -> Value {
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"]["pod-template-hash"] = json!(hash);
    let status = &deployment["status"];
    json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", owner.name),
            "namespace": deployment["metadata"]["namespace"],
            "labels": template["metadata"]["labels"],
            "annotations": { "deployment.kubernetes.io/revision": "1" },
            "generation": 1,
            "ownerReferences": owner.references(),
        },
        "spec": {
            "replicas": deployment["spec"]["replicas"],
            "selector": selector,
            "template": template,
        },
        "status": {
            "observedGeneration": 1,
            "replicas": status["replicas"],
            "fullyLabeledReplicas": status["replicas"],
            "readyReplicas": status["readyReplicas"],
            "availableReplicas": status["availableReplicas"],
        },
    })
}

/// The claim of one pod of a StatefulSet, bound to the volume that is reserved for it.
pub(super) fn claim(set: &Value, volume: &Value) -> Value {
    let reserved = &volume["spec"]["claimRef"];
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": reserved["name"],
            "namespace": reserved["namespace"],
            "labels": set["spec"]["selector"]["matchLabels"],
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "10Gi" } },
            "storageClassName": "zonal",
            "volumeMode": "Filesystem",
            "volumeName": volume["metadata"]["name"],
        },
        "status": {
            "phase": "Bound",
            "accessModes": ["ReadWriteOnce"],
            "capacity": { "storage": "10Gi" },
        },
    })
}

/// A Service with its address.
pub(super) fn service(mut object: Value, stamps: &mut Stamps) -> Value {
    let spec = &mut object["spec"];
    spec["type"] = json!("ClusterIP");
    if spec.get("clusterIP").is_none() {
        let [_, a, b, c] = stamps.serial().to_be_bytes();
        spec["clusterIP"] = json!(format!("10.{}.{b}.{c}", 96 + a % 16));
    }
    spec["clusterIPs"] = json!([spec["clusterIP"]]);
    object["status"] = json!({ "loadBalancer": {} });
    object
}

/// The endpoints of a Service, at most 100 a slice.
pub(super) fn endpoint_slices(service: &Value, owner: &Owner, pods: &[RunningPod], stamps: &mut Stamps) -> Vec<Value> {
    let namespace = &service["metadata"]["namespace"];
    let endpoint = |pod: &RunningPod| {
        json!({
            "addresses": [pod.address],
            "conditions": { "ready": true, "serving": true, "terminating": false },
            "nodeName": pod.node,
            "zone": pod.zone,
            "targetRef": { "kind": "Pod", "namespace": namespace, "name": pod.name, "uid": pod.uid },
        })
    };
    let slice = |pods: &[RunningPod]| {
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{}-{}", owner.name, stamps.suffix(5)),
                "namespace": namespace,
                "labels": {
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    "kubernetes.io/service-name": owner.name,
                },
                "ownerReferences": owner.references(),
            },
            "addressType": "IPv4",
            "endpoints": pods.iter().map(endpoint).collect::<Vec<_>>(),
            "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
        })
    };
    pods.chunks(100).map(slice).collect()
}

/// A budget over pods that are all ready.
pub(super) fn disruption_budget(mut object: Value, pods: usize) -> Value {
    let desired = match object["spec"]["minAvailable"].as_str() {
        Some("100%") => pods,
        Some(_) => pods.div_ceil(2),
        None => pods.saturating_sub(1),
    };
    let allowed = pods - desired;
    let (status, reason) = match allowed {
        0 => ("False", "InsufficientPods"),
        _ => ("True", "SufficientPods"),
    };
    let mut condition = condition("DisruptionAllowed", status, reason);
    condition["observedGeneration"] = json!(1);
    object["metadata"]["generation"] = json!(1);
    object["status"] = json!({
        "observedGeneration": 1,
        "currentHealthy": pods,
        "desiredHealthy": desired,
        "disruptionsAllowed": allowed,
        "expectedPods": pods,
        "conditions": [condition],
    });
    object
}

/// An autoscaler at rest.
pub(super) fn autoscaler(mut object: Value, pods: usize) -> Value {
    object["status"] = json!({
        "currentReplicas": pods,
        "desiredReplicas": pods,
        "conditions": [
            condition("AbleToScale", "True", "ReadyForNewScale"),
            condition("ScalingActive", "True", "ValidMetricFound"),
            condition("ScalingLimited", "False", "DesiredWithinRange"),
        ],
    });
    object
}

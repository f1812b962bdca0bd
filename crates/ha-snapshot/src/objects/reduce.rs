//! Drops what the type of a field cannot leave out by itself: what is repeated elsewhere, and what only says that all is
//! well. A large cluster consists of it.

use alloc::sync::Arc;

use super::{Body, Container, ContainerStatus, Pod, PodSpec, PodTemplate, ReplicaSet, ResourceMap, Str, Volume};

/// Reduces an object to what is read of it.
pub(super) fn reduce(body: &mut Body) {
    match body {
        Body::Pod(pod) => reduce_pod(pod),
        Body::ReplicaSet(set) => reduce_replica_set(set),
        _ => {}
    }
}

/// Volumes for tokens and configuration have names of their own in every pod, and do not matter. Of the conditions,
/// those stay that a pod without faults may lack.
fn reduce_pod(pod: &mut Pod) {
    if !pod.spec.volumes.iter().all(matters) {
        let spec: &mut PodSpec = Arc::make_mut(&mut pod.spec);
        spec.volumes.retain(matters);
    }
    let routine = ["PodReadyToStartContainers", "Initialized", "ContainersReady", "PodScheduled"];
    pod.status
        .conditions
        .retain(|condition| condition.status != "True" || !routine.contains(&condition.r#type.as_str()));
    let Pod { spec, status, .. } = pod;
    for status in &mut status.container_statuses {
        forget_settled_resources(status, &spec.containers);
    }
    for status in &mut status.init_container_statuses {
        forget_settled_resources(status, &spec.init_containers);
    }
    status.init_container_statuses.retain(|status| status.resources.is_some());
    if status.container_statuses.iter().all(|status| *status == ContainerStatus::default()) {
        status.container_statuses.clear();
    }
}

/// A container that has what its specification asks for is not being resized.
fn forget_settled_resources(status: &mut ContainerStatus, containers: &[Container]) {
    let container = containers.iter().find(|container| container.name == status.name);
    let is_resized = container.is_some_and(|container| {
        let wanted = &container.resources.requests;
        let differs = |amounts: &ResourceMap| amounts.0.iter().any(|amount| !wanted.0.contains(amount));
        let actual = status.resources.as_ref().map(|resources| &resources.requests);
        actual.is_some_and(|actual| differs(actual) || differs(&status.allocated_resources))
    });
    if !is_resized {
        *status = ContainerStatus { restart_count: status.restart_count, ..ContainerStatus::default() };
    }
}

/// Whether a volume has a source that is kept.
fn matters(volume: &Volume) -> bool {
    let nothing = Volume { name: Str::default(), ..volume.clone() };
    nothing != Volume::default()
}

/// A ReplicaSet under a Deployment only leads to it: the template is the Deployment's, or that of an old revision.
fn reduce_replica_set(set: &mut ReplicaSet) {
    if set.metadata.controller().is_some_and(|owner| owner.kind == "Deployment") {
        set.spec.template = PodTemplate::default();
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use ha_core::snapshot::ResourceKind;
    use serde_json::{Value, json};

    use crate::objects::{Body, Object};

    fn read(kind: ResourceKind, json: &Value) -> Body {
        Object::from_json("v1", kind, &json.to_string()).unwrap().body
    }

    #[test]
    fn conditions_that_tell_something_stay() {
        let condition = |name: &str, status: &str| json!({ "type": name, "status": status });
        let conditions = [
            condition("Initialized", "True"),
            condition("PodScheduled", "False"),
            condition("Ready", "True"),
            condition("DisruptionTarget", "True"),
            condition("ContainersReady", "Unknown"),
        ];
        let Body::Pod(pod) = read(ResourceKind::Pod, &json!({ "status": { "conditions": conditions } })) else {
            panic!("it is a pod")
        };
        let kept: Vec<&str> = pod.status.conditions.iter().map(|condition| condition.r#type.as_str()).collect();
        assert_eq!(kept, ["PodScheduled", "Ready", "DisruptionTarget", "ContainersReady"]);
    }

    #[test]
    fn volumes_without_a_source_that_matters_are_dropped() {
        let volumes = json!([
            { "name": "kube-api-access-x7k2p", "projected": { "sources": [] } },
            { "name": "scratch", "emptyDir": {} },
            { "name": "data", "persistentVolumeClaim": { "claimName": "data-0" } },
        ]);
        let Body::Pod(pod) = read(ResourceKind::Pod, &json!({ "spec": { "volumes": volumes } })) else {
            panic!("it is a pod")
        };
        let kept: Vec<&str> = pod.spec.volumes.iter().map(|volume| volume.name.as_str()).collect();
        assert_eq!(kept, ["scratch", "data"]);
    }

    #[test]
    fn what_a_container_really_has_stays_while_it_is_resized() {
        let has = |cpu: &str| json!({ "requests": { "cpu": cpu } });
        let kept = |cpu: &str| {
            let pod = json!({
                "spec": { "containers": [{ "name": "app", "resources": has("1") }] },
                "status": { "containerStatuses": [{ "name": "app", "restartCount": 2, "resources": has(cpu) }] },
            });
            let Body::Pod(pod) = read(ResourceKind::Pod, &pod) else { panic!("it is a pod") };
            let status = &pod.status.container_statuses[0];
            (status.restart_count, status.resources.is_some())
        };
        assert_eq!((kept("1"), kept("2")), ((2, false), (2, true)));
    }

    #[test]
    fn only_a_replica_set_of_its_own_keeps_its_template() {
        let kept = |kind: &str| {
            let owner = json!({ "kind": kind, "name": "web", "uid": "u", "controller": true });
            let template = json!({ "spec": { "containers": [{ "name": "app" }] } });
            let set = json!({ "metadata": { "ownerReferences": [owner] }, "spec": { "template": template } });
            let Body::ReplicaSet(set) = read(ResourceKind::ReplicaSet, &set) else { panic!("it is a ReplicaSet") };
            set.spec.template.spec.containers.len()
        };
        assert_eq!((kept("Deployment"), kept("Rollout")), (0, 1));
    }
}

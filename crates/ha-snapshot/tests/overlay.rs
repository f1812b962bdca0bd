//! What a cluster's objects would be after a change.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use ha_core::snapshot::ResourceKind;
use ha_snapshot::objects::{Body, Object, Pod};
use ha_snapshot::overlay::{Overlaid, overlay};
use serde_json::{Value, json};

fn object(value: &Value) -> Object {
    let api_version = value["apiVersion"].as_str().unwrap();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = ResourceKind::from_group_kind(group, value["kind"].as_str().unwrap()).unwrap();
    Object::from_json(api_version, kind, &value.to_string()).unwrap()
}

fn overlaid(base: &[Value], changes: &[Value]) -> Overlaid {
    overlay(base.iter().map(object).collect(), changes.iter().map(object).collect(), "shop")
}

fn deployment(replicas: Option<u32>, spec: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", "uid": "d"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}}})
}

/// The Deployment with its ReplicaSet and a ready pod on each node, as admission and controllers leave them.
fn web(nodes: &[&str]) -> Vec<Value> {
    let owner = |kind: &str, uid: &str| {
        json!([{"apiVersion": "apps/v1", "kind": kind, "name": "web", "uid": uid,
        "controller": true}])
    };
    let mut objects = vec![
        deployment(Some(u32::try_from(nodes.len()).unwrap()), &plain()),
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-1", "namespace": "shop",
            "uid": "r", "ownerReferences": owner("Deployment", "d")}, "spec": {}}),
    ];
    for (number, node) in nodes.iter().enumerate() {
        let tolerations = json!([{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute",
            "tolerationSeconds": 300}]);
        objects.push(json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("web-1-{number}"), "namespace": "shop",
                "labels": {"app": "web", "pod-template-hash": "1"}, "ownerReferences": owner("ReplicaSet", "r")},
            "spec": {"nodeName": node, "tolerations": tolerations,
                "containers": [{"name": "web", "image": "web:1"}, {"name": "proxy", "image": "proxy"}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}));
    }
    objects
}

fn plain() -> Value {
    json!({"containers": [{"name": "web", "image": "web:1"}]})
}

fn pods(overlaid: &Overlaid) -> Vec<&Pod> {
    let pod = |object| if let &Object { body: Body::Pod(ref pod), .. } = object { Some(&**pod) } else { None };
    overlaid.objects.iter().filter_map(pod).collect()
}

/// How many pods have no node.
fn waiting(overlaid: &Overlaid) -> usize {
    pods(overlaid).iter().filter(|pod| pod.node_name.is_empty()).count()
}

/// `name@node` of each pod.
fn places(overlaid: &Overlaid) -> Vec<String> {
    pods(overlaid).iter().map(|pod| format!("{}@{}", pod.metadata.name, pod.node_name)).collect()
}

#[test]
fn a_new_image_leaves_pods_where_they_are_with_what_admission_added() {
    let after =
        overlaid(&web(&["a", "b"]), &[deployment(None, &json!({"containers": [{"name": "web", "image": "web:2"}]}))]);
    assert_eq!(places(&after), ["web-1-0@a", "web-1-1@b"]);
    assert_eq!((after.updated, after.moved, after.created, after.removed), (2, 0, 0, 0));
    let pod = pods(&after)[0];
    let images: Vec<&str> = pod.spec.containers.iter().map(|container| &*container.image).collect();
    assert_eq!(images, ["web:2", "proxy"]);
    assert_eq!(pod.spec.tolerations.len(), 1);
    assert_eq!(after.replaced.len(), 1);
}

#[test]
fn a_template_that_asks_for_other_places_has_its_pods_placed_anew() {
    let spread = json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}}}]);
    let mut spec = plain();
    spec["topologySpreadConstraints"] = spread;
    let after = overlaid(&web(&["a", "a"]), &[deployment(None, &spec)]);
    assert_eq!(places(&after), ["web-1-0@", "web-1-1@"]);
    assert_eq!((after.moved, waiting(&after)), (2, 2));
    assert_eq!(pods(&after)[0].spec.topology_spread_constraints.len(), 1);
    assert_eq!(pods(&after)[0].metadata.labels.get("pod-template-hash"), Some("1"));
}

#[test]
fn replicas_come_and_go() {
    let base = web(&["a", "a", "b"]);
    let more = overlaid(&base, &[deployment(Some(5), &plain())]);
    assert_eq!((more.created, more.removed, waiting(&more)), (2, 0, 2));
    // The node with two loses one.
    let fewer = overlaid(&base, &[deployment(Some(2), &plain())]);
    assert_eq!((fewer.created, fewer.removed), (0, 1));
    assert_eq!(places(&fewer), ["web-1-0@a", "web-1-2@b"]);
    // What the manifest leaves open stays as it is, as with `kubectl apply`.
    let same = overlaid(&base, &[deployment(None, &plain())]);
    assert_eq!((same.created, same.removed, same.updated, same.moved), (0, 0, 0, 0));
}

#[test]
fn an_autoscaler_lifts_its_target_to_the_floor() {
    let autoscaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 3, "maxReplicas": 9}});
    let after = overlaid(&web(&["a"]), &[autoscaler]);
    assert_eq!((after.created, after.added.len()), (2, 1));
}

#[test]
fn a_new_stateful_set_brings_its_pods_and_claims() {
    let mut set = deployment(Some(2), &plain());
    set["kind"] = "StatefulSet".into();
    set["metadata"] = json!({"name": "db"});
    set["spec"]["volumeClaimTemplates"] =
        json!([{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]);
    let after = overlaid(&[], &[set]);
    assert_eq!(places(&after), ["db-0@", "db-1@"]);
    let claims = after.objects.iter().filter(|object| object.kind() == ResourceKind::PersistentVolumeClaim);
    let names: Vec<&str> = claims.map(|claim| &*claim.metadata().name).collect();
    assert_eq!(names, ["data-db-0", "data-db-1"]);
    let claim = pods(&after)[1].spec.volumes[0].persistent_volume_claim.clone().unwrap();
    assert_eq!(claim.claim_name, "data-db-1");
    // What names no namespace goes where kubectl would send it.
    assert_eq!(pods(&after)[0].metadata.namespace, "shop");
}

#[test]
fn a_new_daemon_set_gets_a_pod_on_each_node_that_may_run_it() {
    let node = |name: &str, taints: Value| {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"taints": taints},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    };
    let base =
        [node("a", json!([])), node("b", json!([{"key": "dedicated", "effect": "NoSchedule"}])), node("c", json!([]))];
    let mut set = deployment(None, &plain());
    set["kind"] = "DaemonSet".into();
    set["spec"]["replicas"].take();
    let after = overlaid(&base, &[set]);
    assert_eq!(places(&after), ["web-new-a@", "web-new-c@"]);
}

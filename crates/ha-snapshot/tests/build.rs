//! Objects in, snapshot out: owners, edges, defaults, and what makes no sense.
#![allow(clippy::unwrap_used, reason = "a helper of tests may fail like a test")]

use ha_core::Snapshot;
use ha_core::snapshot::{GapReason, ResourceKind, SourceKind, Threshold, UpdateStrategy, Workload, WorkloadKind};
use ha_snapshot::objects::Object;
use ha_snapshot::{Builder, GapRecord, Origin};
use serde_json::{Value, json};

fn object(value: &Value) -> Object {
    let api_version = value["apiVersion"].as_str().unwrap();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = ResourceKind::from_group_kind(group, value["kind"].as_str().unwrap()).unwrap();
    Object::from_json(api_version, kind, &value.to_string()).unwrap()
}

fn build(kind: SourceKind, objects: &[Value]) -> Snapshot {
    let mut builder = Builder::new(&[]);
    for value in objects {
        builder.add(object(value));
    }
    builder.finish(&Origin { kind, taken_at: 1_767_225_600, ..Origin::default() })
}

fn live(objects: &[Value]) -> Snapshot {
    build(SourceKind::Cluster, objects)
}

fn deployment(name: &str, uid: &str, labels: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop", "uid": uid},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}}}})
}

fn replica_set(name: &str, uid: &str, owner_uid: &str, revision: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": "shop", "uid": uid, "labels": {"pod-template-hash": name},
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": owner_uid, "controller": true}]}})
}

fn pod(name: &str, owner: &Value, labels: &Value) -> Value {
    let owners = if owner.is_null() { json!([]) } else { json!([owner]) };
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": labels, "ownerReferences": owners},
        "spec": {"nodeName": "node-a", "containers": [{"name": "c", "image": "web:1"}],
            "volumes": [{"name": format!("kube-api-access-{name}"), "projected": {}}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn workload<'a>(snapshot: &'a Snapshot, title: &str) -> &'a Workload {
    let found = snapshot.workloads.iter().find(|workload| snapshot.title(workload.object) == title);
    found.unwrap_or_else(|| panic!("no {title} among {:?}", titles(snapshot)))
}

fn titles(snapshot: &Snapshot) -> Vec<String> {
    snapshot.workloads.iter().map(|workload| snapshot.title(workload.object)).collect()
}

#[test]
fn pods_belong_to_the_deployment_above_their_replica_set() {
    let labels = json!({"app": "web"});
    let owner = |name: &str, uid: &str| json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": uid, "controller": true});
    let mut objects = vec![
        deployment("web", "d-1", &labels),
        replica_set("old", "r-1", "d-1", "9"),
        replica_set("new", "r-2", "d-1", "10"),
    ];
    for (name, revision, uid) in [("web-1", "old", "r-1"), ("web-2", "new", "r-2"), ("web-3", "new", "r-2")] {
        objects.push(pod(name, &owner(revision, uid), &json!({"app": "web", "pod-template-hash": revision})));
    }
    for order in [false, true] {
        if order {
            objects.reverse();
        }
        let snapshot = live(&objects);
        assert_eq!(titles(&snapshot), ["Deployment/shop/web"]);
        let web = &snapshot.workloads[0];
        assert_eq!(snapshot.pods_of(web).count(), 3);
        assert_eq!(snapshot.current_pods_of(web).count(), 2, "revision 10 is newer than 9");
        assert_eq!(snapshot.pod_specs.len(), 1, "the template and its pods share one");
    }
}

#[test]
fn an_owner_that_does_not_exist_buys_no_exemption() {
    let forged = json!({"apiVersion": "batch/v1", "kind": "Job", "name": "gone", "uid": "j-9", "controller": true});
    let custom =
        json!({"apiVersion": "example.org/v1", "kind": "Database", "name": "orders", "uid": "x-1", "controller": true});
    let objects = [
        pod("forged", &forged, &json!({})),
        pod("db-1", &custom, &json!({})),
        pod("db-2", &custom, &json!({})),
        pod("bare", &Value::Null, &json!({})),
    ];
    let snapshot = live(&objects);
    assert_eq!(titles(&snapshot), ["Database/shop/orders", "Pod/shop/bare", "Pod/shop/forged"]);
    let database = workload(&snapshot, "Database/shop/orders");
    assert_eq!((database.kind, database.resolved), (WorkloadKind::Custom, false));
    assert_eq!(snapshot.pods_of(database).count(), 2);
    // In files the Job may simply not be among them.
    let files = build(SourceKind::Manifests, &objects);
    assert_eq!(workload(&files, "Job/shop/gone").kind, WorkloadKind::Custom);
}

#[test]
fn a_budget_finds_templates_and_pods_by_full_selector() {
    let budget = |name: &str, namespace: &str, api: &str, selector: &Value| {
        json!({"apiVersion": api, "kind": "PodDisruptionBudget", "metadata": {"name": name, "namespace": namespace},
            "spec": {"maxUnavailable": 1, "selector": selector}})
    };
    let labels = json!({"app": "web", "tier": "front"});
    let expressions = json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "api"]}]});
    let objects = [
        deployment("web", "d-1", &labels),
        pod("web-x", &Value::Null, &labels),
        budget("exact", "shop", "policy/v1", &json!({"matchLabels": {"app": "web"}})),
        budget("other-label", "shop", "policy/v1", &json!({"matchLabels": {"app": "web", "tier": "back"}})),
        budget("other-namespace", "edge", "policy/v1", &json!({"matchLabels": {"app": "web"}})),
        budget("expressions", "shop", "policy/v1", &expressions),
        budget("everything", "shop", "policy/v1", &json!({})),
        budget("beta-empty", "shop", "policy/v1beta1", &json!({})),
        budget("nil", "shop", "policy/v1", &Value::Null),
    ];
    let snapshot = live(&objects);
    let matched: Vec<(&str, usize, usize)> = snapshot
        .budgets
        .iter()
        .map(|budget| (snapshot.name_of(budget), budget.workloads.len(), budget.pods.len()))
        .collect();
    assert_eq!(
        matched,
        [
            ("other-namespace", 0, 0),
            ("beta-empty", 0, 0),
            ("everything", 2, 1),
            ("exact", 2, 1),
            ("expressions", 2, 1),
            ("nil", 0, 0),
            ("other-label", 0, 0),
        ]
    );
    assert_eq!(workload(&snapshot, "Deployment/shop/web").budgets.len(), 3);
}

#[test]
fn an_autoscaler_finds_its_target_by_group_kind_and_name() {
    let autoscaler = |name: &str, api: &str, kind: &str| {
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name, "namespace": "shop"},
            "spec": {"scaleTargetRef": {"apiVersion": api, "kind": kind, "name": "web"}, "minReplicas": 3, "maxReplicas": 6}})
    };
    let objects = [
        deployment("web", "d-1", &json!({"app": "web"})),
        autoscaler("right", "apps/v1", "Deployment"),
        autoscaler("set", "apps/v1", "StatefulSet"),
        autoscaler("group", "example.org/v1", "Deployment"),
    ];
    let snapshot = live(&objects);
    let web = workload(&snapshot, "Deployment/shop/web");
    let names: Vec<&str> = web.autoscalers.iter().map(|&id| snapshot.name_of(snapshot.autoscaler(id))).collect();
    assert_eq!(names, ["right"]);
}

#[test]
fn values_without_meaning_become_gaps_and_defaults_hold() {
    let mut bad = deployment("web", "d-1", &json!({"app": "web"}));
    bad["spec"]["replicas"] = json!(-2);
    bad["spec"]["strategy"] = json!({"rollingUpdate": {"maxUnavailable": "1.5%"}});
    let snapshot = live(&[bad]);
    let web = workload(&snapshot, "Deployment/shop/web");
    assert_eq!(web.replicas, None);
    let UpdateStrategy::RollingUpdate(update) = &web.strategy else { panic!("{:?}", web.strategy) };
    assert_eq!((&update.max_unavailable, &update.max_surge), (&Threshold::Percent(25), &Threshold::Percent(25)));
    let messages: Vec<&str> = snapshot.gaps.iter().map(|gap| snapshot.text(gap.message)).collect();
    assert_eq!(
        messages,
        [
            "Deployment shop/web: spec.replicas has no meaning: -2",
            "Deployment shop/web: spec.strategy.rollingUpdate.maxUnavailable has no meaning: 1.5%",
        ]
    );
}

#[test]
fn a_pod_of_a_daemon_set_keeps_the_node_it_is_pinned_to() {
    let pinned = |name: &str, node: &str| {
        let mut pod = pod(name, &Value::Null, &json!({}));
        let term = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]});
        pod["spec"]["affinity"] =
            json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}});
        pod
    };
    let snapshot = live(&[pinned("agent-1", "node-a"), pinned("agent-2", "node-b")]);
    let nodes: Vec<&str> = snapshot.pods.iter().map(|pod| snapshot.text(pod.pinned_node)).collect();
    assert_eq!(nodes, ["node-a", "node-b"]);
    assert_eq!(snapshot.pod_specs.len(), 1, "the pin is not part of the shared specification");
}

#[test]
fn zones_of_one_name_in_two_regions_are_two() {
    let node = |name: &str, region: &str| {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name,
            "labels": {"topology.kubernetes.io/zone": "a", "topology.kubernetes.io/region": region}}})
    };
    let snapshot = live(&[node("n1", "eu"), node("n2", "us"), node("n3", "us")]);
    let zones: Vec<&str> = snapshot.nodes.iter().map(|node| snapshot.text(node.zone)).collect();
    assert_eq!(zones, ["eu/a", "us/a", "us/a"]);
}

#[test]
fn nothing_secret_has_a_place() {
    let mut secretive = deployment("web", "d-1", &json!({"app": "web"}));
    let secret = "hunter2";
    secretive["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": secret});
    let container = &mut secretive["spec"]["template"]["spec"]["containers"][0];
    container["env"] = json!([{"name": "PASSWORD", "value": secret}]);
    container["args"] = json!([format!("--password={secret}"), "--token", secret]);
    container["command"] = json!(["sh", "-c", format!("login {secret}")]);
    container["livenessProbe"] = json!({"exec": {"command": ["check", secret]}});
    container["readinessProbe"] =
        json!({"httpGet": {"path": "/", "port": 80, "httpHeaders": [{"name": "Authorization", "value": secret}]}});
    let object = object(&secretive);
    let written = serde_json::to_string(&object.body).unwrap();
    assert!(!written.contains(secret), "{written}");
    let again = Object::from_json("apps/v1", ResourceKind::Deployment, &written).unwrap();
    assert_eq!(again, object, "what is written reads back the same");
    let snapshot = live(&[secretive]);
    assert!(!snapshot.texts.bytes.contains(secret));
}

#[test]
fn a_gap_keeps_absence_unproven() {
    use ha_core::snapshot::Absence;
    let mut builder = Builder::new(&[]);
    builder.add(object(&deployment("web", "d-1", &json!({"app": "web"}))));
    builder.add_gap(&GapRecord {
        kind: Some(ResourceKind::PodDisruptionBudget),
        namespace: "shop".into(),
        reason: GapReason::Forbidden,
        message: "cannot list poddisruptionbudgets.policy in namespace shop: forbidden".into(),
        object: None,
    });
    let snapshot = builder.finish(&Origin { kind: SourceKind::Cluster, ..Origin::default() });
    let shop = snapshot.workloads[0].namespace;
    assert!(matches!(snapshot.absence(ResourceKind::PodDisruptionBudget, shop), Absence::Unknown(_)));
    assert_eq!(snapshot.absence(ResourceKind::Service, shop), Absence::Proven);
}

#[test]
fn endpoints_name_their_pod_and_node() {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-a"}});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "web-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {}, "nodeName": "node-a",
            "targetRef": {"kind": "Pod", "name": "web-x", "namespace": "shop"}}]});
    let snapshot = live(&[node, service, slice, pod("web-x", &Value::Null, &json!({"app": "web"}))]);
    let endpoint = &snapshot.services[0].endpoints[0];
    assert!(endpoint.ready, "unset means ready");
    assert_eq!(endpoint.pod.map(|id| snapshot.name_of(snapshot.pod(id))), Some("web-x"));
    assert_eq!(endpoint.node.map(|id| snapshot.name_of(snapshot.node(id))), Some("node-a"));
    assert_eq!(snapshot.services[0].workloads.len(), 1);
}

#[test]
fn what_is_outside_of_the_namespaces_read_stays_unproven() {
    use ha_core::snapshot::Absence;
    let mut builder = Builder::new(&[]);
    builder.add(object(&deployment("web", "d-1", &json!({"app": "web"}))));
    builder.add_gap(&GapRecord {
        kind: Some(ResourceKind::Service),
        namespace: Snapshot::OTHER_NAMESPACES.into(),
        reason: GapReason::NotInInput,
        message: "only namespace shop was asked for".into(),
        object: None,
    });
    let namespaces = vec!["shop".to_owned()];
    let snapshot = builder.finish(&Origin { kind: SourceKind::Cluster, namespaces, ..Origin::default() });
    let shop = snapshot.workloads[0].namespace;
    let elsewhere = snapshot.texts.find("web").unwrap();
    assert_eq!(snapshot.absence(ResourceKind::Service, shop), Absence::Proven);
    assert!(matches!(snapshot.absence(ResourceKind::Service, elsewhere), Absence::Unknown(_)));
}

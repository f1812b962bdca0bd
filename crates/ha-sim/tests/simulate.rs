//! What one disruption is said to come to.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{attaches_one, labelled, machine, node, running, small, snapshot, web, zoned};
use ha_core::impact::{Certainty, Disruption, DisruptionKind, Impact, LossMode, WorkloadImpact, bounds};
use ha_core::{Settings, Snapshot};
use ha_sim::simulate::{Options, simulate};
use ha_sim::{Model, State};
use serde_json::{Value, json};

fn lose(snapshot: &Snapshot, name: &str, tries: u64) -> Impact {
    disrupt(snapshot, DisruptionKind::Loss(LossMode::Unreachable), &[name], tries)
}

fn disrupt(snapshot: &Snapshot, kind: DisruptionKind, names: &[&str], tries: u64) -> Impact {
    let settings = Settings::default();
    with_options(snapshot, kind, names, &Options { settings: &settings, tries, least: 2, seed: 0, show_all: false })
}

fn with_options(snapshot: &Snapshot, kind: DisruptionKind, names: &[&str], options: &Options) -> Impact {
    let model = Model::new(snapshot);
    let nodes = names.iter().map(|name| node(snapshot, name)).collect();
    simulate(&mut State::new(&model), &Disruption { name: names.join(" + "), kind, nodes }, options)
}

/// Pods that waited before are told of, too.
fn lose_and_show_all(snapshot: &Snapshot, name: &str) -> Impact {
    let settings = Settings::default();
    let options = Options { settings: &settings, tries: 4, least: 2, seed: 0, show_all: true };
    with_options(snapshot, DisruptionKind::Loss(LossMode::Unreachable), &[name], &options)
}

/// What is said of a workload.
fn told<'i>(snapshot: &Snapshot, impact: &'i Impact, name: &str) -> &'i WorkloadImpact {
    let is_it = |told: &&WorkloadImpact| snapshot.name_of(snapshot.workload(told.workload)) == name;
    impact.workloads.iter().find(is_it).unwrap_or_else(|| panic!("{name} is left out"))
}

/// A pod of its own that fills a node.
fn bare(name: &str, node: &str) -> Value {
    let mut spec = small();
    spec["containers"][0]["resources"]["requests"]["cpu"] = "900m".into();
    let mut pod = running(0, &spec, node, &json!({}));
    pod["metadata"] = json!({"name": name, "namespace": "shop"});
    pod
}

#[test]
fn whom_another_order_preempts_is_told_too() {
    let mut spec = small();
    spec["priority"] = 1000.into();
    let mut objects: Vec<Value> = ["a", "b", "c"].map(machine).into();
    objects.extend(web(&["a"], &spec));
    objects.extend([bare("of-b", "b"), bare("of-c", "c")]);
    let snapshot = snapshot(&objects);
    let impact = lose(&snapshot, "a", 20);
    let of = |name: &str| told(&snapshot, &impact, name);
    for name in ["of-b", "of-c"] {
        let pod = of(name);
        assert_eq!((pod.best.scheduled, pod.worst.scheduled), (1, 0), "{name}");
        assert_eq!(pod.certainty, Certainty::Possible);
    }
    let gone = ["of-b", "of-c"].map(|name| of(name).recovered.scheduled);
    assert_eq!(gone.iter().sum::<u32>(), 1, "one of them goes, whichever: {gone:?}");
    assert_eq!(of("web").worst.scheduled, 1);
}

/// A budget, one of whose pods is lost, allows no more. Preemption may read what it allowed before, and then spares the pod
/// whose budget never allows anything.
#[test]
fn what_budgets_allowed_before_the_failure_may_still_be_read() {
    let budget = |app: &str| {
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": app, "namespace": "shop"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": app}}}})
    };
    let mut spec = small();
    spec["priority"] = 1000.into();
    let mut objects: Vec<Value> = ["a", "b", "c"].map(machine).into();
    objects.extend(web(&["a"], &spec));
    let mut full = bare("full", "c");
    full["spec"]["priority"] = 1000.into();
    let mut alone = running(0, &small(), "b", &json!({}));
    alone["metadata"] = json!({"name": "alone", "namespace": "shop", "labels": {"app": "alone"}});
    alone["status"]["startTime"] = "2026-01-02T00:00:00Z".into();
    objects.extend([full, alone, budget("alone"), budget("api")]);
    for mut object in web(&["a", "b"], &small()) {
        let text = object.to_string().replace("web", "api");
        object = serde_json::from_str(&text).unwrap();
        object["status"]["startTime"] = "2026-01-01T00:00:00Z".into();
        objects.push(object);
    }
    let snapshot = snapshot(&objects);
    let impact = lose(&snapshot, "a", 40);
    let of = |name: &str| {
        let told = told(&snapshot, &impact, name);
        (told.best.scheduled, told.worst.scheduled, told.recovered.scheduled)
    };
    assert_eq!(of("web"), (1, 1, 1));
    assert_eq!(of("api"), (1, 0, 1), "the plain run counts budgets at once");
    assert_eq!(of("alone"), (1, 0, 0));
}

/// Three nodes are drained together. The pod of the first may use the other two, where pods of their own stand in its way
/// until they are evicted, too: if it comes first, it may take the place of the one on the node that stays.
#[test]
fn what_a_drain_has_not_evicted_yet_still_takes_room() {
    let mut spec = bare("web", "a")["spec"].take();
    spec["priority"] = 1000.into();
    spec["nodeSelector"] = json!({"pool": "x"});
    spec["tolerations"] = json!([{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]);
    let mut objects = vec![machine("a")];
    objects.extend(["b", "c", "d"].map(|name| labelled(name, &json!({"pool": "x"}))));
    objects.extend(web(&["a"], &spec));
    objects.extend(["b", "c", "d"].map(|node| bare(&format!("of-{node}"), node)));
    let snapshot = snapshot(&objects);
    let impact = disrupt(&snapshot, DisruptionKind::Drain, &["a", "b", "c"], 200);
    let web = told(&snapshot, &impact, "web");
    assert_eq!((web.best.scheduled, web.worst.scheduled, web.certainty), (1, 1, Certainty::Possible));
    let stays = told(&snapshot, &impact, "of-d");
    assert_eq!((stays.best.scheduled, stays.worst.scheduled, stays.certainty), (1, 0, Certainty::Possible));
}

/// The second pod of the set is lost, and is not made again before the first is ready.
#[test]
fn a_set_in_order_waits_for_a_pod_that_is_not_ready() {
    let mut objects: Vec<Value> = ["a", "b", "c"].map(machine).into();
    let owner = common::owner("StatefulSet", "web");
    objects.push(json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "web", "namespace": "shop", "uid": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": small()}}}));
    objects.extend([running(0, &small(), "a", &owner), running(1, &small(), "b", &owner)]);
    let of = |objects: &[Value]| {
        let snapshot = snapshot(objects);
        let told = lose(&snapshot, "b", 1).workloads.remove(0);
        (told.recovered.scheduled, told.recovered.not_created, told.certainty)
    };
    assert_eq!(of(&objects), (2, 0, Certainty::Certain));
    objects[4]["status"]["conditions"][0]["status"] = "False".into();
    assert_eq!(of(&objects), (1, 1, Certainty::Possible));
}

/// A volume of the driver `disks` in a zone, the claim that it is bound to, and a pod of its own that mounts it.
fn on_volume(name: &str, zone: &str) -> [Value; 3] {
    let in_zone = json!({"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]});
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
            "csi": {"driver": "disks", "volumeHandle": name},
            "claimRef": {"namespace": "shop", "name": name},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [in_zone]}]}}},
        "status": {"phase": "Bound"}});
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "shop",
            "annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
        "spec": {"volumeName": name, "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        "status": {"phase": "Bound"}});
    let mut spec = small();
    spec["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": name}}]);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"},
        "spec": spec, "status": {"phase": "Pending"}});
    [volume, claim, pod]
}

/// What runs on a node: the waiting pod of a claim once more.
fn started(pod: &Value, name: &str, node: &str) -> Value {
    let mut pod = pod.clone();
    pod["metadata"]["name"] = name.into();
    pod["spec"]["nodeName"] = node.into();
    pod["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    pod
}

fn left_over(volume: &str, node: &str) -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": volume},
        "spec": {"attacher": "disks", "nodeName": node, "source": {"persistentVolumeName": volume}},
        "status": {"attached": true}})
}

/// Volumes of a lost zone: to one node of two that stay, one volume can be attached. One that it has attached still, or
/// that a pod there mounts, is not one too many.
#[test]
fn pods_that_no_volume_reaches_wait_for_reasons_of_their_own() {
    let mut objects: Vec<Value> = ["a", "b", "c"].map(zoned).into();
    for name in ["first", "second", "attached", "attached-elsewhere", "mounted", "mounted-elsewhere"] {
        let on_volume = on_volume(name, "a");
        match name {
            "mounted" => objects.push(started(&on_volume[2], "on-b", "b")),
            "mounted-elsewhere" => objects.push(started(&on_volume[2], "on-c", "c")),
            _ => {}
        }
        objects.extend(on_volume);
    }
    objects.push(attaches_one("disks", "b"));
    objects.extend([left_over("attached", "b"), left_over("attached-elsewhere", "c")]);
    let snapshot = snapshot(&objects);
    let impact = lose_and_show_all(&snapshot, "a");
    let why = |name: &str| told(&snapshot, &impact, name).reasons[0].message.clone();
    for name in ["first", "second", "attached-elsewhere", "mounted-elsewhere"] {
        let message = why(name);
        assert!(message.contains("1 node(s) exceed max volume count"), "{name}: {message}");
        assert!(message.contains("1 node(s) didn't match PersistentVolume's node affinity"), "{name}: {message}");
    }
    for name in ["attached", "mounted"] {
        let message = why(name);
        assert!(message.contains("2 node(s) didn't match PersistentVolume's node affinity"), "{name}: {message}");
    }
}

/// A pod whose volume is lost cannot make room for itself by preemption, so it is no threat to others.
#[test]
fn what_a_lost_volume_holds_leaves_the_rest_certain() {
    let mut objects: Vec<Value> = ["a", "b", "c"].map(zoned).into();
    objects.extend(web(&["a"], &small()));
    objects.push(bare("of-b", "b"));
    let [volume, claim, mut pod] = on_volume("data", "a");
    pod["spec"]["priority"] = 1000.into();
    objects.extend([volume, claim, pod]);
    let snapshot = snapshot(&objects);
    let impact = lose_and_show_all(&snapshot, "a");
    let of = |name: &str| (told(&snapshot, &impact, name).certainty, told(&snapshot, &impact, name).recovered.pending);
    assert_eq!(of("web"), (Certainty::Certain, 0));
    assert_eq!(of("data"), (Certainty::Certain, 1));
}

#[test]
fn times_that_no_number_holds_are_the_largest() {
    let mut spec = small();
    let delay = json!({"initialDelaySeconds": i32::MAX, "periodSeconds": i32::MAX, "failureThreshold": i32::MAX});
    spec["terminationGracePeriodSeconds"] = i64::MAX.into();
    spec["containers"][0]["startupProbe"] = delay.clone();
    spec["containers"][0]["readinessProbe"] = delay;
    spec["tolerations"] =
        json!([{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "tolerationSeconds": i64::MAX}]);
    let mut objects: Vec<Value> = ["a", "b"].map(machine).into();
    objects.extend(web(&["a"], &spec));
    let snapshot = snapshot(&objects);
    let impact = lose(&snapshot, "a", 1);
    assert_eq!(bounds(&impact.workloads[0].recovery), (u32::MAX, Some(u32::MAX)));
}

/// A quota counts the pods of a silent node until they should have ended; those of a node that is gone are gone as well.
#[test]
fn replacements_wait_for_a_quota_without_room_for_both() {
    let longest = |most: u32, mode: LossMode| {
        let mut objects: Vec<Value> = ["a", "b"].map(machine).into();
        objects.extend(web(&["a", "b"], &small()));
        objects.push(json!({"apiVersion": "v1", "kind": "ResourceQuota",
            "metadata": {"name": "shop", "namespace": "shop"},
            "status": {"hard": {"pods": most.to_string()}, "used": {"pods": "2"}}}));
        let snapshot = snapshot(&objects);
        let nodes = vec![node(&snapshot, "a")];
        let disruption = Disruption { name: "a".into(), kind: DisruptionKind::Loss(mode), nodes };
        let model = Model::new(&snapshot);
        let settings = Settings::default();
        let options = Options { settings: &settings, tries: 1, least: 1, seed: 0, show_all: false };
        let impact = simulate(&mut State::new(&model), &disruption, &options);
        assert_eq!(impact.workloads[0].worst.missing(), 0, "it is a matter of time only");
        bounds(&impact.workloads[0].recovery).1.unwrap()
    };
    let (grace, sync) = (30, 300);
    assert_eq!(longest(2, LossMode::Unreachable), longest(3, LossMode::Unreachable) + 2 * (grace + sync));
    assert_eq!(longest(2, LossMode::Removed), longest(3, LossMode::Removed));
}

/// Two nodes in each of three zones; pods of priority 1000 that must be spread over the zones, and others of priority 0.
fn spread_over_zones(spread: &[&str], others: &[&str]) -> Snapshot {
    let in_zone = |name: &str| {
        labelled(name, &json!({"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": name[..1].to_owned()}))
    };
    let mut objects: Vec<Value> = ["a1", "a2", "b1", "b2", "c1", "c2"].map(in_zone).into();
    let mut spec = small();
    spec["priority"] = 1000.into();
    spec["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}]);
    objects.extend(web(spread, &spec));
    for object in web(others, &small()) {
        objects.push(serde_json::from_str(&object.to_string().replace("web", "api")).unwrap());
    }
    snapshot(&objects)
}

/// No node has room for all displaced pods, yet more nodes have room for each than the others can fill.
#[test]
fn where_others_cannot_fill_all_nodes_the_end_of_a_zone_is_certain() {
    let snapshot = spread_over_zones(&["a1", "b1", "c1"], &["c1", "c2"]);
    let of = |mode: LossMode, name: &str| {
        let impact = disrupt(&snapshot, DisruptionKind::Loss(mode), &["c1", "c2"], 4);
        let told = told(&snapshot, &impact, name);
        (told.recovered.scheduled, told.recovered.pending, told.certainty)
    };
    assert_eq!(of(LossMode::Removed, "web"), (3, 0, Certainty::Certain));
    assert_eq!(of(LossMode::Removed, "api"), (2, 0, Certainty::Certain));
    // The dead zone stays the emptiest one.
    assert_eq!(of(LossMode::Unreachable, "web"), (2, 1, Certainty::Certain));
    assert_eq!(of(LossMode::Unreachable, "api"), (2, 0, Certainty::Certain));
}

/// The first of two pods that vanish may be replaced while the second still counts; whom the spread refuses takes no room
/// from others.
#[test]
fn a_spread_that_depends_on_the_order_leaves_the_rest_certain() {
    let snapshot = spread_over_zones(&["a1", "b1", "c1", "c2"], &["c1"]);
    let impact = disrupt(&snapshot, DisruptionKind::Loss(LossMode::Unreachable), &["c1", "c2"], 20);
    let web = told(&snapshot, &impact, "web");
    assert_eq!((web.best.scheduled, web.worst.scheduled, web.certainty), (3, 2, Certainty::Possible));
    let api = told(&snapshot, &impact, "api");
    assert_eq!((api.recovered.scheduled, api.certainty), (1, Certainty::Certain));
}

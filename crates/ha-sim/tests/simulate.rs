//! What one disruption is said to come to.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{labelled, machine, node, running, small, snapshot, web};
use ha_core::impact::{Certainty, Disruption, DisruptionKind, Impact, LossMode, WorkloadImpact, bounds};
use ha_core::{Settings, Snapshot};
use ha_sim::simulate::{Options, simulate};
use ha_sim::{Model, State};
use serde_json::{Value, json};

fn lose(snapshot: &Snapshot, name: &str, tries: u64) -> Impact {
    disrupt(snapshot, DisruptionKind::Loss(LossMode::Unreachable), &[name], tries)
}

fn disrupt(snapshot: &Snapshot, kind: DisruptionKind, names: &[&str], tries: u64) -> Impact {
    let model = Model::new(snapshot);
    let mut state = State::new(&model);
    let settings = Settings::default();
    let options = Options { settings: &settings, tries, seed: 0, show_all: false };
    let nodes = names.iter().map(|name| node(snapshot, name)).collect();
    simulate(&mut state, &Disruption { name: names.join(" + "), kind, nodes }, &options)
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

//! What filters say of a pod and a node, where whole runs do not tell it apart.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::snapshot;
use ha_core::Snapshot;
use ha_sim::cycle::{Cycle, Plugin, Refusal};
use ha_sim::{Model, State, filters};
use serde_json::{Value, json};

/// A node of 1000 millicores, 8 GiB of memory and 4 GiB of local storage that takes so many pods.
fn sized(pods: u32) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"},
        "status": {"allocatable":
            {"cpu": "1", "memory": "8Gi", "ephemeral-storage": "4Gi", "example.com/gpu": "2", "pods": pods.to_string()}}})
}

/// A pod of its own that requests something, on the node or waiting.
fn requesting(name: &str, requests: &Value, node: Option<&str>) -> Value {
    let mut spec = json!({"containers": [{"name": "a", "image": "a", "resources": {"requests": requests}}]});
    if let Some(node) = node {
        spec["nodeName"] = node.into();
    }
    let phase = if node.is_some() { "Running" } else { "Pending" };
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"}, "spec": spec,
        "status": {"phase": phase}})
}

/// What the filters say of the pod `p` and the only node.
fn verdict(snapshot: &Snapshot) -> Option<Refusal> {
    verdict_on(snapshot, 0)
}

fn verdict_on(snapshot: &Snapshot, node: usize) -> Option<Refusal> {
    let model = Model::new(snapshot);
    let mut state = State::new(&model);
    let pod = common::pod_named(&state, "p");
    let cycle = Cycle::start(&mut state, pod).unwrap();
    filters::check(&state, &cycle, node)
}

#[test]
fn what_is_left_is_compared_resource_by_resource() {
    // What runs there requests, what the pod requests, and the bits of what lacks: pods, then the pod's requests in
    // the order of processors, memory, local storage, others; last whether taking pods away cannot help.
    let cases = [
        (json!({"cpu": "400m"}), json!({"cpu": "600m"}), None),
        (json!({"cpu": "400m"}), json!({"cpu": "601m"}), Some((0b10, false))),
        (json!({"cpu": "400m"}), json!({"cpu": "1"}), Some((0b10, false))),
        (json!({"cpu": "400m"}), json!({"cpu": "1001m"}), Some((0b10, true))),
        (json!({"cpu": "400m", "memory": "1Gi"}), json!({"cpu": "600m", "memory": "8Gi"}), Some((0b100, false))),
        (json!({"ephemeral-storage": "3Gi"}), json!({"ephemeral-storage": "1Gi"}), None),
        (json!({"ephemeral-storage": "3Gi"}), json!({"ephemeral-storage": "2Gi"}), Some((0b10, false))),
        (json!({"example.com/gpu": "2"}), json!({"example.com/gpu": "1"}), Some((0b10, false))),
        (json!({"cpu": "1500m"}), json!({"memory": "1Gi"}), None),
        // The scheduler does not compare what of these three is not positive.
        (json!({"cpu": "1500m"}), json!({"cpu": "-100m"}), None),
        (json!({"example.com/gpu": "4"}), json!({"example.com/gpu": "-1"}), Some((0b10, false))),
    ];
    for (there, wanted, expected) in cases {
        let objects = [sized(3), requesting("there", &there, Some("a")), requesting("p", &wanted, None)];
        let expected =
            expected.map(|(reasons, unresolvable)| Refusal { plugin: Plugin::NodeResourcesFit, reasons, unresolvable });
        assert_eq!(verdict(&snapshot(&objects)), expected, "{wanted} beside {there}");
    }
}

#[test]
fn a_node_takes_so_many_pods_and_may_hold_more() {
    for (pods, expected) in [(3, None), (2, Some(0b1)), (1, Some(0b1))] {
        let there = ["x", "y"].map(|name| requesting(name, &json!({}), Some("a")));
        let objects = [&[sized(pods), requesting("p", &json!({"cpu": "1"}), None)], &there[..]].concat();
        let reasons = verdict(&snapshot(&objects)).map(|refusal| refusal.reasons);
        assert_eq!(reasons, expected, "{pods}");
    }
}

/// With more domains than bits in a word, counts are compared one by one.
#[test]
fn spread_is_compared_with_the_emptiest_of_many_domains() {
    let names: Vec<String> = (0..70).map(|number| format!("n{number:02}")).collect();
    let mut objects: Vec<Value> = names.iter().map(|name| common::machine(name)).collect();
    let labels = json!({"app": "web"});
    for (number, node) in names.iter().chain([&names[0]]).enumerate() {
        let mut pod = requesting(&format!("web-{number}"), &json!({}), Some(node));
        pod["metadata"]["labels"] = labels.clone();
        objects.push(pod);
    }
    let mut pod = requesting("p", &json!({}), None);
    pod["metadata"]["labels"] = labels.clone();
    pod["spec"]["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": labels}}]);
    objects.push(pod);
    let snapshot = snapshot(&objects);
    let refused = |name: &str| verdict_on(&snapshot, common::node(&snapshot, name).position());
    assert_eq!(refused("n00").map(|refusal| refusal.plugin), Some(Plugin::PodTopologySpread));
    assert_eq!(refused("n01"), None);
}

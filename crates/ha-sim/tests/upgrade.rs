//! Whether nodes can be upgraded one after another, in which order, and what stops it.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{machine, node, owner, running, small, snapshot, web};
use ha_core::impact::Certainty;
use ha_core::snapshot::NodeId;
use ha_core::{Settings, Snapshot};
use ha_sim::simulate::Options;
use ha_sim::upgrade::{Plan, Upgrade, upgrade};
use ha_sim::{Model, State};
use serde_json::{Value, json};

fn budget(name: &str, max_unavailable: u32) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"maxUnavailable": max_unavailable, "selector": {"matchLabels": {"app": "web"}}}})
}

/// Upgrades nodes a, b and c, where they exist; `surge` is there meanwhile.
fn upgraded(snapshot: &Snapshot, surge: &[&str], parallel: usize) -> Upgrade {
    let surge: Vec<NodeId> = surge.iter().map(|name| node(snapshot, name)).collect();
    let nodes = snapshot.nodes_by_id().map(|(id, _)| id).filter(|id| !surge.contains(id)).collect();
    let model = Model::new(snapshot);
    let state = State::new(&model);
    let settings = Settings::default();
    let options = Options { settings: &settings, tries: 4, least: 2, seed: 0, show_all: false };
    upgrade(&state, &Plan { nodes, surge, parallel }, &options)
}

fn names<'s>(snapshot: &'s Snapshot, nodes: &[NodeId]) -> Vec<&'s str> {
    nodes.iter().map(|&id| snapshot.name_of(snapshot.node(id))).collect()
}

#[test]
fn nodes_are_upgraded_in_turn_and_the_lowest_is_told() {
    let mut objects: Vec<Value> = ["a", "b", "c"].map(machine).into();
    objects.extend(web(&["a", "b"], &small()));
    objects.push(budget("web", 1));
    let snapshot = snapshot(&objects);
    let upgrade = upgraded(&snapshot, &[], 1);
    let steps: Vec<_> = upgrade.first.steps.iter().map(|step| names(&snapshot, step)).collect();
    assert_eq!(steps, [["a"], ["b"], ["c"]]);
    assert!(upgrade.first.blocked.is_empty());
    assert_eq!((upgrade.runs, upgrade.certainty), ((4, 4), Certainty::Possible));
    let [lowest] = &upgrade.lowest[..] else { panic!("one workload: {upgrade:?}") };
    assert_eq!((lowest.ready, lowest.before, lowest.needed), (1, 2, 1));
}

#[test]
fn a_budget_that_allows_nothing_stops_it_whatever_the_order() {
    let mut objects: Vec<Value> = ["a", "b", "c"].map(machine).into();
    objects.extend(web(&["a", "b"], &small()));
    objects.push(budget("web", 0));
    let snapshot = snapshot(&objects);
    let upgrade = upgraded(&snapshot, &[], 1);
    let blocked: Vec<&str> =
        upgrade.first.blocked.iter().flat_map(|blocked| names(&snapshot, &[blocked.node])).collect();
    // The third is upgraded all the same.
    assert_eq!((blocked, names(&snapshot, &upgrade.first.steps[0])), (vec!["a", "b"], vec!["c"]));
    let cause = &upgrade.first.blocked[0].causes[0];
    assert_eq!((cause.pods.len(), cause.smallest, cause.waiting.len()), (1, true, 0));
    assert_eq!((upgrade.runs, upgrade.certainty), ((4, 0), Certainty::Certain));
}

/// Each node holds two pods at most. Without room for a third the second eviction is refused for good.
#[test]
fn without_room_for_replacements_it_stops_and_a_surge_helps() {
    let mut objects: Vec<Value> = ["a", "b"].map(machine).into();
    objects.extend(web(&["a", "a", "b", "b"], &small()));
    objects.push(budget("web", 1));
    let tight = snapshot(&objects);
    let upgrade = upgraded(&tight, &[], 1);
    let cause = &upgrade.first.blocked[0].causes[0];
    assert!(!cause.smallest);
    assert!(cause.waiting[0].1.starts_with("0/2 nodes are available: "), "{cause:?}");
    assert_eq!(upgrade.first.steps, Vec::<Vec<NodeId>>::new());

    objects.push(machine("z"));
    let roomy = snapshot(&objects);
    let upgrade = upgraded(&roomy, &["z"], 1);
    assert_eq!(upgrade.first.blocked.len(), 0, "{:?}", upgrade.first.blocked);
    let order: Vec<&str> = upgrade.first.steps.iter().flat_map(|step| names(&roomy, step)).collect();
    assert_eq!((order, upgrade.first.most_pending), (vec!["a", "b"], 0));
}

/// Two at a time take two pods of which the budget lets one go; the node that is left out is tried again alone.
/// So many nodes in a row, each full of two pods that may run there and on the next only; that after the last has room for
/// one. The budget of each pair lets one go at a time.
fn row(length: usize) -> Vec<Value> {
    let name = |number: usize| format!("n{number:02}");
    let mut objects: Vec<Value> = (0..=length).map(|number| machine(&name(number))).collect();
    for number in 0..=length {
        let (app, nodes) = (name(number), [name(number), name(number + 1)]);
        let pods = if number < length { 2 } else { 1 };
        let mut spec = small();
        spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = json!({"nodeSelectorTerms":
            [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": nodes}]}]});
        let labels = json!({"app": app});
        objects.push(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": app, "namespace": "shop", "uid": app},
            "spec": {"replicas": pods, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec}}}));
        objects.push(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": app, "namespace": "shop"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}}}));
        for pod in 0..pods {
            let mut pod = running(pod, &spec, &app, &owner("ReplicaSet", &app));
            pod["metadata"]["name"] = format!("{app}-{}", pod["metadata"]["name"].as_str().unwrap()).into();
            pod["metadata"]["labels"] = labels.clone();
            objects.push(pod);
        }
    }
    objects
}

/// Upgrades all nodes of a row but the last.
fn upgraded_row(snapshot: &Snapshot) -> Upgrade {
    let mut nodes: Vec<NodeId> = snapshot.nodes_by_id().map(|(id, _)| id).collect();
    nodes.pop();
    let settings = Settings::default();
    let options = Options { settings: &settings, tries: 2, least: 2, seed: 0, show_all: false };
    upgrade(&State::new(&Model::new(snapshot)), &Plan { nodes, surge: Vec::new(), parallel: 1 }, &options)
}

#[test]
fn nodes_that_were_left_out_are_tried_again() {
    let snapshot = snapshot(&row(4));
    let upgrade = upgraded_row(&snapshot);
    let steps: Vec<_> = upgrade.first.steps.iter().map(|step| names(&snapshot, step)).collect();
    assert_eq!(steps, [["n03"], ["n02"], ["n01"], ["n00"]]);
    assert_eq!((upgrade.first.blocked.len(), upgrade.runs), (0, (2, 2)));
    assert_eq!(upgrade.impact().unwrap().disruption.nodes.len(), 4);
}

#[test]
fn nodes_that_free_each_other_too_slowly_are_given_up() {
    let upgrade = upgraded_row(&snapshot(&row(60)));
    assert_eq!((upgrade.first.steps.len(), upgrade.first.blocked.len()), (50, 10));
    assert_eq!((upgrade.certainty, upgrade.runs.1), (Certainty::Unknown, 0));
    assert_eq!(upgrade.impact(), None);
}

#[test]
fn two_budgets_on_one_pod_stop_it_for_good() {
    let mut objects: Vec<Value> = ["a", "b"].map(machine).into();
    objects.extend(web(&["a"], &small()));
    objects.extend([budget("one", 1), budget("two", 1)]);
    let snapshot = snapshot(&objects);
    let cause = &upgraded(&snapshot, &[], 1).first.blocked[0].causes[0];
    assert_eq!((cause.budgets.len(), cause.smallest), (2, true));
    assert!(cause.message.starts_with("This pod has more than one PodDisruptionBudget"), "{}", cause.message);
}

//! A drain while nodes are lost.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{machine, node, running, small, snapshot, web};
use ha_core::Settings;
use ha_core::impact::{Disruption, DisruptionKind, Impact, InstantVerdict, LossMode, PodCounts, WorkloadImpact};
use ha_sim::during::drain_during;
use ha_sim::simulate::Options;
use ha_sim::{Model, State};
use serde_json::{Value, json};

/// Two pods on a and b. Where a is lost its pod goes to c: b has no room for a second one.
fn cluster(budget: Option<u32>) -> Vec<Value> {
    let mut objects: Vec<Value> = ["a", "b", "c"].map(machine).into();
    objects.extend(web(&["a", "b"], &small()));
    let mut spec = small();
    spec["containers"][0]["resources"]["requests"]["cpu"] = "500m".into();
    let mut filler = running(9, &spec, "b", &json!({}));
    filler["metadata"] = json!({"name": "filler", "namespace": "shop"});
    objects.push(filler);
    objects.extend(budget.map(|available| {
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"minAvailable": available, "selector": {"matchLabels": {"app": "web"}}}})
    }));
    objects
}

/// What becomes of `web` when node a is lost and then nodes are drained, and the pods whose eviction is refused.
fn drained(budget: Option<u32>, nodes: &[&str]) -> (WorkloadImpact, Vec<String>) {
    let snapshot = snapshot(&cluster(budget));
    let model = Model::new(&snapshot);
    let mut state = State::new(&model);
    let settings = Settings::default();
    let options = Options { settings: &settings, tries: 4, least: 2, seed: 0, show_all: false };
    let disruption = |kind, names: &[&str]| Disruption {
        name: names.join(" + "),
        kind,
        nodes: names.iter().map(|name| node(&snapshot, name)).collect(),
    };
    let loss = disruption(DisruptionKind::Loss(LossMode::Unreachable), &["a"]);
    let drain = disruption(DisruptionKind::Drain, nodes);
    let Impact { workloads, refused_evictions, .. } = drain_during(&mut state, &loss, &drain, &options);
    assert_eq!(state.mark(), 0, "the state is as before");
    let is_web = |told: &&WorkloadImpact| snapshot.name_of(snapshot.workload(told.workload)) == "web";
    let name = |pod| snapshot.object(snapshot.pod(pod).object).name;
    let refused = refused_evictions.iter().map(|refused| snapshot.text(name(refused.pod)).to_owned()).collect();
    (workloads.iter().find(is_web).unwrap().clone(), refused)
}

#[test]
fn a_drain_takes_what_the_loss_brought() {
    let (web, refused) = drained(None, &["c"]);
    assert_eq!((web.before, web.ready, web.instant), (2, 1, InstantVerdict::Holds));
    assert_eq!(web.recovered, PodCounts { scheduled: 1, pending: 1, not_created: 0 });
    assert!(refused.is_empty());
}

#[test]
fn budgets_count_what_is_left_after_the_loss() {
    let (web, refused) = drained(Some(2), &["c"]);
    assert_eq!(web.recovered, PodCounts { scheduled: 2, pending: 0, not_created: 0 });
    // The pod on c bears the name of the one that it replaced.
    assert_eq!(refused, ["web-0"]);
}

#[test]
fn what_is_told_at_once_is_the_worse_of_both_moments() {
    let (web, _) = drained(None, &["b", "c"]);
    assert_eq!((web.ready, web.instant), (0, InstantVerdict::Down));
    let (web, _) = drained(Some(1), &["b", "c"]);
    assert_eq!((web.ready, web.instant), (1, InstantVerdict::Holds));
}

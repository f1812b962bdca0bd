//! Any cluster survives the simulation of its failures and of its upgrade; what is foretold lies between the best and the
//! worst end.
#![no_main]

use std::sync::atomic::AtomicBool;

use ha_core::Settings;
use ha_core::impact::Impact;
use ha_sim::simulate::Options;
use ha_sim::upgrade::{Plan, upgrade};
use ha_sim::{Model, State, matrix};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

/// Failures that are tried of one cluster.
const MOST_FAILURES: usize = 12;
/// A workload that wants more pods than this is not simulated here: that would only take time.
const MOST_PODS: u32 = 200;

fuzz_target!(|text: &[u8]| {
    let snapshot = ha_fuzz::snapshot(&ha_fuzz::objects(text));
    if snapshot.workloads.iter().any(|workload| workload.replicas.is_some_and(|replicas| replicas > MOST_PODS)) {
        return;
    }
    let model = Model::new(&snapshot);
    let settings = Settings::default();
    let options = Options { settings: &settings, tries: 2, least: 2, seed: 1, show_all: true };
    let mut failures = matrix::for_check(&snapshot);
    failures.truncate(MOST_FAILURES);
    let impacts = matrix::run(&model, &failures, &options, &AtomicBool::new(false));
    assert_eq!(impacts.len(), failures.len());
    impacts.iter().for_each(check);
    let nodes = snapshot.nodes_by_id().map(|(id, _)| id).take(MOST_FAILURES).collect();
    check_upgrade(&model, Plan { nodes, surge: Vec::new(), parallel: 1 + text.len() % 2 }, &options);
});

fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    ha_fuzz::mutate(data, size, most, u64::from(seed))
});

/// Each node is either upgraded or blocked.
fn check_upgrade(model: &Model, plan: Plan, options: &Options) {
    let found = upgrade(&State::new(model), &plan, options).first;
    let mut nodes = found.steps.concat();
    nodes.extend(found.blocked.iter().map(|blocked| blocked.node));
    nodes.sort_unstable();
    assert!(nodes == plan.nodes || found.endless, "{found:?}");
}

fn check(impact: &Impact) {
    for workload in &impact.workloads {
        assert!(workload.worst.scheduled <= workload.best.scheduled, "{workload:?}");
        let ends = workload.worst.scheduled..=workload.best.scheduled;
        assert!(ends.contains(&workload.recovered.scheduled), "{workload:?}");
    }
}

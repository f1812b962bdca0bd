//! Filter by filter, the simulator says of a pod and a node what the scheduler's own plugin says.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use ha_diff::{Case, HaSim, Scheduler, Simulator, compare_refusals, generate};

#[test]
fn every_filter_says_what_the_schedulers_own_says() {
    let mut scheduler = Scheduler::start(&|line| eprintln!("{line}")).unwrap();
    let cases: Vec<Case> = (5_000..5_080).map(generate::case).collect();
    let asked: Vec<_> = cases.iter().map(|case| scheduler.ask(case, 1).unwrap()).collect();
    let mut pairs: BTreeMap<String, usize> = BTreeMap::new();
    for (case, pending) in cases.into_iter().zip(asked) {
        let objects = scheduler.played(pending).unwrap().objects;
        let settled = Case { objects, later: Vec::new(), at_rest: true, ..case };
        let pods = generate::candidates(&settled);
        let pending = scheduler.ask_filters(&settled.name, &settled.objects, &pods).unwrap();
        let simulated = HaSim { tries: 1 }.refusals(&settled.objects, &pods).unwrap();
        let (found, compared) = compare_refusals(&simulated, &scheduler.filtered(pending).unwrap());
        assert_eq!(found, [], "{}", settled.name);
        for (plugin, count) in compared {
            *pairs.entry(plugin).or_default() += count;
        }
    }
    assert_eq!(pairs.len(), 12, "{pairs:?}");
    assert!(pairs.values().all(|count| *count > 2_000), "{pairs:?}");
}

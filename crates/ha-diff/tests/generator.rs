//! The generator is not allowed to be easy.

#![allow(clippy::unwrap_used)]

use ha_diff::{Hardness, PLUGINS, Scheduler, generate};

#[test]
fn the_same_seed_gives_the_same_case_and_another_seed_another() {
    assert_eq!(generate::case(7), generate::case(7));
    assert_ne!(generate::case(7), generate::case(8));
}

#[test]
fn many_cases_end_with_pending_pods_for_every_reason() {
    let mut scheduler = Scheduler::start(&|line| eprintln!("{line}")).unwrap();
    let asked: Vec<_> = (0..200).map(|seed| scheduler.ask(&generate::case(seed), 1).unwrap()).collect();
    let mut hardness = Hardness::default();
    for pending in asked {
        hardness.add(&scheduler.played(pending).unwrap());
    }
    println!("{hardness}");
    assert!(hardness.pending * 100 >= hardness.cases * 30, "{hardness}");
    assert!(hardness.stranded * 100 >= hardness.cases * 20, "{hardness}");
    for plugin in PLUGINS {
        assert!(hardness.reasons.contains_key(plugin), "{plugin} is no reason in any case\n{hardness}");
    }
}

//! Generated clusters and failures end as predicted: many of them in the scheduler's own process, a few on the whole
//! control plane. `cargo xtask diff` compares as many as one likes.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a test may fail, and tells how")]

use ha_cluster::Progress;
use ha_diff::{HaSim, Options, PLUGINS, confirm, run};

const SIMULATOR: HaSim = HaSim { tries: 20 };
const TELL: Progress = &|line: &str| eprintln!("{line}");

fn options(cases: u64, seed: u64) -> Options {
    Options { cases, seed, runs: 3, shrink: 1, disagreements: concat!(env!("CARGO_TARGET_TMPDIR"), "/diff").into() }
}

/// And the generator is not allowed to be easy.
#[test]
fn the_scheduler_in_process_ends_as_predicted() {
    let report = run(&options(500, 0), &SIMULATOR, TELL).unwrap();
    let (summary, hardness) = (report.summary(), &report.hardness);
    println!("{}\n{summary}", report.table());
    // Once in thousands of cases pods chase each other without end in the real scheduler.
    let refused = report.refused.len();
    assert!(refused <= 1 && report.agreed + refused == 500, "{summary}");
    assert!(hardness.pending * 100 >= hardness.cases * 30, "{hardness}");
    assert!(hardness.stranded * 100 >= hardness.cases * 20, "{hardness}");
    for plugin in PLUGINS {
        assert!(report.plugins.contains_key(plugin), "{plugin} is no reason in any case\n{summary}");
    }
}

/// Two control planes, since each waits most of the time.
#[test]
fn a_whole_control_plane_ends_as_predicted() {
    confirmed(400_000);
}

#[test]
fn another_whole_control_plane_ends_as_predicted() {
    confirmed(400_010);
}

fn confirmed(seed: u64) {
    let confirmation = confirm(&options(10, seed), &SIMULATOR, TELL).unwrap();
    println!("{confirmation}");
    let all = (confirmation.cases, confirmation.in_process, confirmation.simulated);
    assert_eq!(all, (10, 10, 10), "{confirmation}");
}

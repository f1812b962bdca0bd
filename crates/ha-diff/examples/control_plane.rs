//! Plays so many cases on the test cluster and in process, and prints where the two differ: `control_plane CASES [SEED]`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::time::Instant;

use ha_diff::{ControlPlane, Counts, Result, Scheduler, generate};

fn missing(workloads: &BTreeMap<String, Counts>) -> BTreeMap<&str, i32> {
    workloads.iter().map(|(name, counts)| (name.as_str(), counts.missing())).collect()
}

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|number| number.parse().ok());
    let (cases, seed) = (numbers.next().unwrap_or(5), numbers.next().unwrap_or(0));
    let mut scheduler = Scheduler::start(&|line| eprintln!("{line}"))?;
    let cluster = ControlPlane::start("diff")?;
    for seed in seed..seed + cases {
        let started = Instant::now();
        let (settled, real) = match cluster.play(&generate::case(seed)) {
            Ok(played) => played,
            Err(error) => {
                println!("seed {seed}: {error}");
                continue;
            }
        };
        let inside = scheduler.play(&settled, 20)?;
        let real = missing(&real.outcomes[0].workloads);
        let found = inside.outcomes.iter().find(|outcome| missing(&outcome.workloads) == real);
        let seen: Vec<u32> = inside.outcomes.iter().map(|outcome| outcome.seen).collect();
        let seconds = started.elapsed().as_secs_f64();
        match found {
            Some(outcome) => {
                println!("seed {seed}: same, seen in {} of 20 runs {seen:?}, {seconds:.0} s", outcome.seen)
            }
            None => println!(
                "seed {seed}: DIFFERS {real:?}\n   {:?} {seconds:.0} s",
                missing(&inside.outcomes[0].workloads)
            ),
        }
    }
    Ok(())
}

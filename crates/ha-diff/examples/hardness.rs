//! Plays so many cases and prints how hard they were: `hardness CASES [SEED]`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::time::Instant;

use ha_diff::{Hardness, Result, Scheduler, generate};

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|number| number.parse().ok());
    let (cases, seed) = (numbers.next().unwrap_or(200), numbers.next().unwrap_or(0));
    let mut scheduler = Scheduler::start(&|line| eprintln!("{line}"))?;
    let started = Instant::now();
    let mut hardness = Hardness::default();
    let asked: Result<Vec<_>> = (seed..seed + cases).map(|seed| scheduler.ask(&generate::case(seed), 3)).collect();
    for pending in asked? {
        match scheduler.played(pending) {
            Ok(played) => hardness.add(&played),
            Err(error) => eprintln!("{error}"),
        }
    }
    println!("{hardness}{:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

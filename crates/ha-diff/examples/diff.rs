//! Compares so many cases: `diff CASES [SEED [SHRINK]]`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use ha_diff::{HaSim, Options, Result, run};

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|number| number.parse().ok());
    let (cases, seed) = (numbers.next().unwrap_or(500), numbers.next().unwrap_or(0));
    let shrink = numbers.next().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    let options = Options { cases, seed, runs: 3, shrink, disagreements: "target/diff".into() };
    let report = run(&options, &HaSim { tries: 20 }, &|line| eprintln!("{line}"))?;
    println!("{}\n{}", report.table(), report.summary());
    Ok(())
}

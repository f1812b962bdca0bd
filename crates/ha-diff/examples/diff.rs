//! Compares so many cases: `diff CASES [SEED [SHRINK]] [--cluster]`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use ha_diff::{HaSim, Options, Result, confirm, run};

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|number| number.parse().ok());
    let (cases, first) = (numbers.next().unwrap_or(500), numbers.next().unwrap_or(0));
    let shrink = numbers.next().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    let options = Options { cases, seed: first, runs: 3, shrink, disagreements: "target/diff".into() };
    let simulator = HaSim { tries: 20 };
    let progress = |line: &str| eprintln!("{line}");
    if std::env::args().any(|argument| argument == "--cluster") {
        println!("{}", confirm(&options, &simulator, &progress)?);
        return Ok(());
    }
    let report = run(&options, &simulator, &progress)?;
    println!("{}\n{}", report.table(), report.summary());
    Ok(())
}

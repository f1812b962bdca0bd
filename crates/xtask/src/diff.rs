//! `cargo xtask diff`: the simulator against the real scheduler.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use ha_diff::{HaSim, Options, confirm, run};

/// Compares the simulator with the real kube-scheduler on generated clusters and failures.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many cases.
    #[arg(long, default_value_t = 500)]
    cases: u64,
    /// The seed of the first case; the others count up from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Play them end to end on the whole test cluster (about 15 s each) instead of in process.
    #[arg(long)]
    cluster: bool,
    /// How often the simulator tries what is not certain.
    #[arg(long, default_value_t = 20)]
    tries: u64,
    /// How many disagreements are made small before they are written.
    #[arg(long, default_value_t = 5)]
    shrink: usize,
    /// Where disagreements are written.
    #[arg(long, default_value = "target/diff")]
    disagreements: PathBuf,
    /// Write the table of plugins to this file as well.
    #[arg(long)]
    table: Option<PathBuf>,
}

/// Compares, prints the summary, and fails when anything disagrees.
pub(crate) fn diff(args: Args) -> anyhow::Result<()> {
    let Args { cases, seed, cluster, tries, shrink, disagreements, table } = args;
    let options = Options { cases, seed, runs: 3, shrink, disagreements };
    let simulator = HaSim { tries };
    let progress = |line: &str| eprintln!("{line}");
    if cluster {
        let confirmation = confirm(&options, &simulator, &progress)?;
        println!("{confirmation}");
        ensure!(confirmation.differences.is_empty(), "the control plane did something else");
        return Ok(());
    }
    let report = run(&options, &simulator, &progress)?;
    println!("{}\n{}", report.table(), report.summary());
    if let Some(path) = table {
        std::fs::write(&path, report.table()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    ensure!(report.disagreements.is_empty(), "{} cases disagree", report.disagreements.len());
    Ok(())
}

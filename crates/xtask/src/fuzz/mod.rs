//! `cargo xtask fuzz`: hostile clusters for the snapshot's builder, the rules and the simulator.
//!
//! What was found interesting is kept in `fuzz/corpus`, where the next run goes on; it begins with the clusters of
//! `tests`. A text that breaks something is written to `fuzz/artifacts`.

mod seeds;

use anyhow::{Context as _, Result, ensure};
use xshell::{Shell, cmd};

use crate::shell;

/// The targets in `fuzz/fuzz_targets`.
const TARGETS: [&str; 2] = ["snapshot", "simulate"];
/// The longest text, in bytes: a cluster of about 20 nodes.
const LONGEST: &str = "-max_len=131072";
/// A cluster that takes longer is a finding, in seconds.
const SLOWEST: &str = "-timeout=20";

/// Tries hostile clusters, and fails on the first that breaks something.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this target.
    #[arg(value_parser = TARGETS)]
    target: Option<String>,
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

impl Args {
    /// For continuous integration: what breaks at once.
    pub(crate) fn short() -> Self {
        Self { target: None, seconds: 20 }
    }
}

/// Runs the targets one after the other.
pub(crate) fn run(args: &Args) -> Result<()> {
    let shell = shell::shell()?;
    install_missing(&shell)?;
    for target in TARGETS.iter().filter(|target| args.target.as_deref().is_none_or(|wanted| wanted == **target)) {
        fuzz(&shell, target, args.seconds)?;
    }
    Ok(())
}

fn install_missing(shell: &Shell) -> Result<()> {
    if cmd!(shell, "cargo fuzz --version").quiet().ignore_stdout().ignore_stderr().run().is_err() {
        println!("installing cargo-fuzz");
        cmd!(shell, "cargo install --locked cargo-fuzz").run().context("cannot install cargo-fuzz")?;
    }
    Ok(())
}

fn fuzz(shell: &Shell, target: &str, seconds: u32) -> Result<()> {
    let clusters = seeds::write(&shell::root().join("fuzz/corpus").join(target))?;
    ensure!(clusters > 40, "tests holds only {clusters} clusters");
    // Without a sanitizer: the code has no unsafe block, and so the stable compiler will do.
    let build = ["--sanitizer", "none", target];
    let time = format!("-max_total_time={seconds}");
    cmd!(shell, "cargo fuzz run {build...} -- {time} {LONGEST} {SLOWEST} -print_final_stats=1 -verbosity=0")
        .run()
        .with_context(|| format!("fuzz target {target}: see the text in fuzz/artifacts/{target}"))
}

//! `cargo xtask fuzz`: hostile clusters for the snapshot's builder, the rules and the simulator.
//!
//! What was found interesting is kept in `fuzz/corpus`, where the next run goes on; it begins with the clusters of
//! `tests`. A text that breaks something is written to `fuzz/artifacts`. Continuous integration tries the same texts
//! each time, from the clusters of `tests` alone, so that what it finds is due to the change.

mod seeds;

use std::fs;
use std::path::PathBuf;

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
    /// Try that many texts instead, the same each time.
    #[arg(long, conflicts_with = "seconds")]
    texts: Option<u32>,
}

impl Args {
    /// For continuous integration: what breaks soon.
    pub(crate) fn short() -> Self {
        Self { target: None, seconds: 0, texts: Some(2_000) }
    }
}

/// Runs the targets one after the other.
pub(crate) fn run(args: &Args) -> Result<()> {
    let shell = shell::shell()?;
    install_missing(&shell)?;
    for target in TARGETS.iter().filter(|target| args.target.as_deref().is_none_or(|wanted| wanted == **target)) {
        fuzz(&shell, target, args)?;
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

fn fuzz(shell: &Shell, target: &str, args: &Args) -> Result<()> {
    let root = shell::root();
    // Without a sanitizer: the code has no unsafe block, and so the stable compiler will do.
    cmd!(shell, "cargo fuzz build --sanitizer none {target}").run()?;
    let (corpus, limit) = match args.texts {
        None => (root.join("fuzz/corpus").join(target), vec![format!("-max_total_time={}", args.seconds)]),
        Some(texts) => {
            let corpus = root.join("fuzz/target/corpus").join(target);
            shell.remove_path(&corpus)?;
            (corpus, vec![format!("-runs={texts}"), "-seed=1".to_owned()])
        }
    };
    let clusters = seeds::write(&corpus)?;
    ensure!(clusters > 40, "tests holds only {clusters} clusters");
    let artifacts = root.join("fuzz/artifacts").join(target);
    shell.create_dir(&artifacts)?;
    // Not `cargo fuzz run`, which prints a text that broke something byte by byte.
    let program = program(target)?;
    let prefix = format!("-artifact_prefix={}/", artifacts.display());
    cmd!(
        shell,
        "{program} {prefix} {limit...} {LONGEST} {SLOWEST} -print_final_stats=1 -print_funcs=0 -verbosity=0 {corpus}"
    )
    .run()
    .with_context(|| format!("fuzz target {target}: see the text in fuzz/artifacts/{target}"))
}

/// Where cargo-fuzz leaves the program of a target: in a folder named after the machine.
fn program(target: &str) -> Result<PathBuf> {
    let built = shell::root().join("fuzz/target");
    let mut machines = fs::read_dir(&built)?.filter_map(Result::ok);
    machines
        .find_map(|machine| Some(machine.path().join("release").join(target)).filter(|program| program.is_file()))
        .with_context(|| format!("cargo fuzz built no {target} in {}", built.display()))
}

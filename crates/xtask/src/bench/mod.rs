//! `cargo xtask bench`: what the plugin takes in time and memory, against the bars it is held to.
//!
//! A benchmark runs the release build as whole processes, as a user would, and prints what it measured beside each
//! bar. A complete run replaces `docs/benchmarks/<name>.json`, from which `docs/benchmarks.md` is made. Timings are
//! those of one machine at one time: two figures are comparable when they stand in the same record.
//!
//! Left out: benchmarks of single functions, and any judgement in continuous integration, whose machines are busy.

mod check;
mod generated;
mod measure;
mod page;
mod record;
mod simulate;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use xshell::{Shell, cmd};

use crate::shell;
use record::{Machine, Part, Record};

pub(crate) use page::PAGE;

/// Measures what the plugin takes in time and memory.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
enum Benchmark {
    /// `kubectl ha check`: manifests, the demo, a large snapshot, a live cluster.
    Check(check::Args),
    /// `kubectl ha simulate`: every node, every zone and every drain of a large snapshot; pods placed per second.
    Simulate(simulate::Args),
    /// A part of the benchmarks that needs so much memory that it must be a process of its own.
    #[command(hide = true)]
    Generate(generated::GenerateArgs),
}

/// Runs a benchmark. Fails when a bar is not met.
pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.benchmark {
        Benchmark::Check(args) => check::run(args),
        Benchmark::Simulate(args) => simulate::run(args),
        Benchmark::Generate(args) => generated::run(args),
    }
}

/// `docs/benchmarks.md`, from the records.
pub(crate) fn page(shell: &Shell) -> Result<String> {
    let mut records = Vec::new();
    // There is no folder before the first complete run.
    for file in shell.read_dir(record::FOLDER).unwrap_or_default() {
        records.push(Record::read(&file)?);
    }
    Ok(page::page(&records))
}

/// Writes what was measured, and fails when a bar is not met. An incomplete run leaves the documents alone.
fn finish(shell: &Shell, name: &str, parts: Vec<Part>, complete: bool) -> Result<()> {
    let commit = cmd!(shell, "git describe --always --abbrev=12 --dirty --exclude=*").quiet().read()?;
    let record = Record { name: name.to_owned(), commit, machine: Machine::this()?, parts };
    let path = if complete { format!("{}/{name}.json", record::FOLDER) } else { format!("target/bench/{name}.json") };
    let json = serde_json::to_string_pretty(&record)?;
    shell.write_file(&path, json + "\n").with_context(|| format!("cannot write {path}"))?;
    println!("wrote {path}");
    if complete {
        shell.write_file(PAGE, page(shell)?)?;
        println!("wrote {PAGE}");
    }
    let missed: Vec<&str> = record.bars().filter(|bar| !bar.met()).map(|bar| bar.about.as_str()).collect();
    ensure!(missed.is_empty(), "not met: {}", missed.join("; "));
    Ok(())
}

/// The folder for what benchmarks generate.
fn folder(shell: &Shell) -> Result<std::path::PathBuf> {
    let folder = shell::target().join("bench");
    shell.create_dir(&folder)?;
    Ok(folder)
}

/// A path as the page shows it: relative to the repository.
fn shown(path: &Path) -> String {
    path.strip_prefix(shell::root()).unwrap_or(path).display().to_string()
}

//! The project's task runner: everything that is not `cargo build` itself.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[cfg(unix)]
mod cluster;
#[cfg(unix)]
mod diff;
mod dist;
mod docs;
mod plugin;
mod shell;
mod test;
mod wasm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds the policies, the test cluster, the documentation and releases.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs a real control plane on this machine, for tests and benchmarks.
    #[cfg(unix)]
    Cluster(cluster::Args),
    /// Builds everything and checks the built-in demo cluster.
    Demo,
    /// Builds this machine's release archive and a manifest for Krew.
    Dist(dist::Args),
    #[cfg(unix)]
    /// Compares the simulator with the real kube-scheduler on generated clusters and failures.
    Diff(diff::Args),
    /// Writes the files that are generated from the rules and from the program.
    Docs(docs::Args),
    /// Puts kubectl-ha and kubectl_complete-ha on the PATH.
    Install(plugin::InstallArgs),
    /// Runs everything that continuous integration runs.
    Test,
    /// Builds the built-in policy and packs it for every engine.
    Wasm(wasm::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain of causes, never a backtrace: what failed is a step, not a line of code.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        #[cfg(unix)]
        Task::Cluster(args) => cluster::run(args),
        Task::Demo => plugin::demo(),
        Task::Dist(args) => dist::run(&args),
        #[cfg(unix)]
        Task::Diff(args) => diff::diff(args),
        Task::Docs(args) => docs::run(&args),
        Task::Install(args) => plugin::install(&args),
        Task::Test => test::run(),
        Task::Wasm(args) => wasm::run(&args),
    }
}

//! The project's task runner: everything that is not `cargo build` itself.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[cfg(unix)]
mod bench;
#[cfg(unix)]
mod cluster;
#[cfg(unix)]
mod diff;
mod dist;
#[cfg(unix)]
mod docs;
#[cfg(unix)]
mod fuzz;
mod plugin;
mod python;
mod shell;
mod test;
mod wasm;

use std::env;
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};
use peak_alloc::PeakAlloc;

/// Counts what is allocated, for the benchmark of what a snapshot keeps.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Builds the policies, the test cluster, the documentation and releases.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measures what the plugin takes in time and memory.
    #[cfg(unix)]
    Bench(bench::Args),
    /// Runs a real control plane on this machine, for tests and benchmarks.
    #[cfg(unix)]
    Cluster(cluster::Args),
    /// Builds everything and checks the built-in demo cluster.
    Demo,
    /// Builds this machine's release archive and a manifest for Krew.
    Dist(dist::Args),
    /// Compares the simulator with the real kube-scheduler on generated clusters and failures.
    #[cfg(unix)]
    Diff(diff::Args),
    /// Writes the files that are generated from the rules and from the program.
    #[cfg(unix)]
    Docs(docs::Args),
    /// Tries hostile clusters on the snapshot's builder, the rules and the simulator.
    #[cfg(unix)]
    Fuzz(fuzz::Args),
    /// Puts kubectl-ha and kubectl_complete-ha on the PATH.
    Install(plugin::InstallArgs),
    /// Runs everything that continuous integration runs.
    Test,
    /// Builds the built-in policy and packs it for every engine.
    Wasm(wasm::Args),
}

fn main() -> ExitCode {
    if env::var_os("CARGO_MANIFEST_DIR").is_some() {
        return without_cargo_variables();
    }
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain of causes, never a backtrace: what failed is a step, not a line of code.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Starts this program once more without what `cargo run` tells it about its own package.
///
/// Build scripts of dependencies (ring's) read the same variables, so that a nested cargo that inherits them would
/// compile those and all above them anew whenever one changes between `cargo` and `cargo xtask`. They cannot be
/// removed from a running process: `std::env::remove_var` is unsafe.
fn without_cargo_variables() -> ExitCode {
    let own = env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        name == "OUT_DIR" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    });
    let status = env::current_exe().and_then(|program| {
        let mut command = Command::new(program);
        own.for_each(|name| _ = command.env_remove(name));
        command.args(env::args_os().skip(1)).status()
    });
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: cannot start again: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        #[cfg(unix)]
        Task::Bench(args) => bench::run(&args),
        #[cfg(unix)]
        Task::Cluster(args) => cluster::run(args),
        Task::Demo => plugin::demo(),
        Task::Dist(args) => dist::run(&args),
        #[cfg(unix)]
        Task::Diff(args) => diff::diff(args),
        #[cfg(unix)]
        Task::Docs(args) => docs::run(&args),
        #[cfg(unix)]
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Install(args) => plugin::install(&args),
        Task::Test => test::run(),
        Task::Wasm(args) => wasm::run(&args),
    }
}

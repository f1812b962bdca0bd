//! The project's task runner: everything that is not `cargo build` itself.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod cluster;
mod shell;
mod wasm;

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
    Cluster(cluster::Args),
    /// Builds the built-in policy and packs it for every engine.
    Wasm(wasm::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Cluster(args) => cluster::run(args),
        Task::Wasm(args) => wasm::run(&args),
    }
}

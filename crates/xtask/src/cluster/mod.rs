//! `cargo xtask cluster`: the test cluster from the command line. The work is in `ha-cluster`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::bail;
use clap::{Parser, Subcommand};
use ha_cluster::Cluster;

/// Runs a real control plane (etcd, Kubernetes, kwok) on loopback ports.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The cluster's name; several can run side by side.
    #[arg(long, global = true, default_value = "dev")]
    name: String,
    /// The folder of its state, instead of target/cluster/NAME.
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Builds what is missing, starts the cluster and prints its kubeconfig.
    Up,
    /// Stops the cluster and removes its state.
    Down,
    /// Shows the processes, their ports and health; fails when one is not ready.
    Status,
}

/// Runs `cargo xtask cluster …`.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let Args { name, dir, command } = args;
    match command {
        Command::Up => up(&name, dir),
        Command::Down => Ok(Cluster::find(&name, dir, &progress)?.stop()?),
        Command::Status => status(&Cluster::find(&name, dir, &progress)?),
    }
}

/// Progress goes to standard error, so that `eval "$(cargo xtask cluster up)"` works.
fn progress(line: &str) {
    eprintln!("{line}");
}

fn up(name: &str, directory: Option<PathBuf>) -> anyhow::Result<()> {
    let started = Instant::now();
    let cluster = Cluster::start_detached(name, directory, &progress)?;
    eprintln!(
        "{} is ready after {:.1} s",
        cluster.server(),
        started.elapsed().as_secs_f32()
    );
    println!("export KUBECONFIG={}", cluster.kubeconfig_path().display());
    Ok(())
}

fn status(cluster: &Cluster) -> anyhow::Result<()> {
    let health = cluster.health()?;
    println!("{:<24} {:>8}  {:<9} HEALTH", "COMPONENT", "PID", "STATE");
    for component in &health {
        let state = match (component.alive, component.ready) {
            (false, _) => "ended",
            (true, false) => "not ready",
            (true, true) => "ready",
        };
        println!(
            "{:<24} {:>8}  {state:<9} {}",
            component.name, component.pid, component.url
        );
    }
    println!(
        "\nkubeconfig {}\nlogs       {}",
        cluster.kubeconfig_path().display(),
        cluster.logs().display()
    );
    if health
        .iter()
        .all(|component| component.alive && component.ready)
    {
        return Ok(());
    }
    bail!(
        "not every component is ready: see the logs in {}",
        cluster.logs().display()
    )
}

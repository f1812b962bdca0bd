//! `cargo xtask cluster`: the test cluster from the command line. The work is in `ha-cluster`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::bail;
use clap::{Parser, Subcommand};
use ha_cluster::generate::Size;
use ha_cluster::{Cluster, generate, load};

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
    /// Shows the processes, their ports and health.
    Status,
    /// Fills the cluster with PODS pods from a seed and waits until they run.
    Load(SizeArgs),
}

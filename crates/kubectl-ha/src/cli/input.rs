//! What to look at, when it is not a cluster.

use std::path::PathBuf;

use clap::Args;

/// What to look at. Without any of these, the cluster of the current context.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Input")]
pub struct Input {
    /// Manifests: a file, a directory, or - for standard input; repeatable.
    #[arg(short, long, value_name = "PATH", group = "input")]
    pub filename: Vec<PathBuf>,
    /// Reads the subdirectories of directories too.
    #[arg(short = 'R', long, requires = "filename")]
    pub recursive: bool,
    /// A directory with a kustomization, built by kubectl.
    #[arg(short, long, value_name = "DIRECTORY", conflicts_with = "filename", group = "input")]
    pub kustomize: Option<PathBuf>,
    /// A snapshot saved with `kubectl ha snapshot`.
    #[arg(long = "snapshot", id = "saved", value_name = "FILE", conflicts_with_all = ["filename", "kustomize"], group = "input")]
    pub snapshot: Option<PathBuf>,
    /// An example cluster: a shop with some faults.
    #[arg(long, conflicts_with_all = ["filename", "kustomize", "saved"], group = "input")]
    pub demo: bool,
    /// Declares the given files whole: what is not in them does not exist.
    #[arg(long)]
    pub assume_complete: bool,
}

//! Who judges, and by which settings.

use std::path::PathBuf;

use clap::Args;

/// Which policies judge.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Policies")]
pub struct Policies {
    /// A policy beside the built-in one; repeatable.
    #[arg(long = "policy", value_name = "FILE.wasm")]
    pub files: Vec<PathBuf>,
    /// Leaves the built-in policy out.
    #[arg(long, requires = "files")]
    pub no_baseline_policy: bool,
    /// The configuration; by default the nearest .kubectl-ha.yaml upwards from here.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Runs the built-in rules outside of the sandbox, for debugging.
    #[arg(long, hide = true, conflicts_with = "files")]
    pub native: bool,
}

//! What to simulate on, and a change to lay over it first.

use std::path::PathBuf;

use clap::Args;

use super::Input;

/// What to simulate on. Without `--snapshot` and `--demo`, the cluster of the current context, or the manifests alone
/// where they hold Node objects.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Input")]
pub struct WhatIf {
    /// Manifests: a file, a directory, or - for standard input; repeatable. Without Node objects in them, or with
    /// --snapshot or --demo, they are a change: laid over the cluster before anything fails.
    #[arg(short, long, value_name = "PATH")]
    pub filename: Vec<PathBuf>,
    /// Reads the subdirectories of directories too.
    #[arg(short = 'R', long, requires = "filename")]
    pub recursive: bool,
    /// A directory with a kustomization, built by kubectl; taken as with -f.
    #[arg(short, long, value_name = "DIRECTORY", conflicts_with = "filename")]
    pub kustomize: Option<PathBuf>,
    /// A snapshot saved with `kubectl ha snapshot`.
    #[arg(long = "snapshot", id = "saved", value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// An example cluster: a shop with some faults.
    #[arg(long, conflicts_with = "saved")]
    pub demo: bool,
    /// Declares the given files whole: what is not in them does not exist.
    #[arg(long)]
    pub assume_complete: bool,
}

impl WhatIf {
    /// The manifests; none where none are named.
    pub fn manifests(&self) -> Option<Input> {
        let named = !self.filename.is_empty() || self.kustomize.is_some();
        named.then(|| Input {
            filename: self.filename.clone(),
            recursive: self.recursive,
            kustomize: self.kustomize.clone(),
            assume_complete: self.assume_complete,
            ..Input::default()
        })
    }

    /// The cluster, a saved one or the example, whatever the manifests are.
    pub fn cluster(&self) -> Input {
        Input {
            snapshot: self.snapshot.clone(),
            demo: self.demo,
            assume_complete: self.assume_complete,
            ..Input::default()
        }
    }

    /// Whether a cluster is named beside the manifests.
    pub fn names_cluster(&self) -> bool {
        self.demo || self.snapshot.is_some()
    }
}

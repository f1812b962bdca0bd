//! What can go wrong before the first request is sent.
//!
//! No message repeats the content of a file: kubeconfigs hold tokens and keys, so a
//! syntax error is told by its position alone.

use std::path::PathBuf;

/// Why no connection could be configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeconfigError {
    /// A kubeconfig file could not be read.
    #[error("cannot read kubeconfig {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A kubeconfig file is not YAML of the right shape. Its content is not shown.
    #[error(
        "cannot parse kubeconfig {}{position}: try `kubectl config view --kubeconfig {}`",
        path.display(), path.display()
    )]
    Parse {
        /// The file.
        path: PathBuf,
        /// ` at line L, column C`, or nothing.
        position: String,
    },
    /// Two kubeconfig files are of different kinds or API versions.
    #[error("cannot merge kubeconfig {} into those before it: {reason}", path.display())]
    Merge {
        /// The file that differs.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// A name was asked for which no kubeconfig defines.
    #[error("{what} {name:?} is not in the kubeconfig (it has: {})", known.join(", "))]
    Unknown {
        /// `context`, `cluster` or `user`.
        what: &'static str,
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// There is no kubeconfig, no `--server`, and this is not a pod.
    #[error(
        "no cluster is configured: there is no kubeconfig ({looked}), no --server, and this is not a pod; \
         name one with --kubeconfig or KUBECONFIG, or read files with -f"
    )]
    NotConfigured {
        /// Where a kubeconfig was looked for.
        looked: String,
    },
    /// There are clusters, but none is chosen.
    #[error("no current context is set: choose one with --context (there are: {})", known.join(", "))]
    NoContext {
        /// The names there are.
        known: Vec<String>,
    },
    /// A setting of the chosen cluster or user cannot be used.
    #[error("cannot use {what}: {reason}")]
    Invalid {
        /// Which setting, and of what.
        what: String,
        /// Why not, without its value.
        reason: String,
    },
    /// `--as-group` or `--as-uid` without `--as`.
    #[error("--as-group and --as-uid need a user to impersonate: add --as")]
    ImpersonationWithoutUser,
    /// kuberc is unreadable, and a credential plugin is to be run.
    #[error(
        "cannot decide whether the credential plugin may run, because kuberc {} is unusable: {reason}; \
         correct it, or set KUBERC=off",
        path.display()
    )]
    Kuberc {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// kuberc does not let this credential plugin run.
    #[error("credential plugin {command:?} is not allowed: {reason}")]
    PluginDenied {
        /// The command of the kubeconfig.
        command: String,
        /// Which policy forbids it, and where it is set.
        reason: String,
    },
    /// A credential plugin ran and gave no credential.
    #[error("credential plugin {command:?} gave no credential: {reason}")]
    Plugin {
        /// The command of the kubeconfig.
        command: String,
        /// What happened, without its output.
        reason: String,
    },
}

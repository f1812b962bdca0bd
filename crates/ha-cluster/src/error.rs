//! What can go wrong with the test cluster, in words that say what to do.

use std::path::{Path, PathBuf};

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of the test cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The page of the example cluster says something that it may not.
    #[error("the example cluster cannot be expanded: {0}")]
    Demo(String),
    /// Go is needed to build the cluster and is not installed.
    #[error(
        "go was not found on the PATH, and {program} comes from its Go module: install Go 1.26 or \
         newer from https://go.dev/dl/ (etcd, kube-apiserver and kubectl may also be given in the \
         folder that KUBEBUILDER_ASSETS names)"
    )]
    GoMissing {
        /// The program that was to be built or configured.
        program: &'static str,
    },
    /// A Go command failed.
    #[error("`{command}` failed in {}:\n{output}", folder.display())]
    Go {
        /// The command as it was typed.
        command: String,
        /// The folder of the Go module.
        folder: PathBuf,
        /// The last lines of its error output.
        output: String,
    },
    /// A file or folder could not be read, written or locked.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried, such as `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A process could not be started or signalled.
    #[error("cannot {action} {program}: {source}")]
    Process {
        /// What was tried, such as `start`.
        action: &'static str,
        /// The program.
        program: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A component ended although the cluster needs it.
    #[error("{component} ended ({status}); the end of {}:\n{tail}", log.display())]
    Ended {
        /// The component, such as `kube-apiserver`.
        component: String,
        /// Its exit status.
        status: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// Something that should become true did not.
    #[error("gave up after {seconds} s waiting for {what}; the logs are in {}", logs.display())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
        /// Where to look.
        logs: PathBuf,
    },
    /// No free loopback port could be had.
    #[error("cannot find a free port on 127.0.0.1: {0}")]
    Port(std::io::Error),
    /// A key or certificate could not be made.
    #[error("cannot make the cluster's certificates: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The API server refused or did not answer.
    #[error("{method} {path}: {reason}")]
    Api {
        /// The HTTP method.
        method: &'static str,
        /// The path below the server's address.
        path: String,
        /// The server's message, or why it could not be reached.
        reason: String,
    },
    /// The caller named something that does not exist or is not possible.
    #[error("{0}")]
    Usage(String),
}

impl Error {
    /// For `map_err` on file operations: keeps what was tried on which path.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { action, path: path.to_path_buf(), source }
    }
}

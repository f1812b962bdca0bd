//! What can go wrong with a comparison, in words that say what to do.

use std::path::{Path, PathBuf};

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a comparison could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program around the scheduler could not be built.
    #[error(transparent)]
    Build(#[from] ha_cluster::Error),
    /// The program around the scheduler could not be talked to.
    #[error("cannot {action} the scheduler in process: {source}")]
    Process {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The program around the scheduler ended before it had answered.
    #[error("the scheduler in process ended without an answer to {0}; its last words are above")]
    Ended(String),
    /// The program around the scheduler could not play a case.
    #[error("the scheduler in process cannot play {name}: {reason}")]
    Refused {
        /// The case.
        name: String,
        /// Its words.
        reason: String,
    },
    /// An answer, or a case in a file, is not what it should be.
    #[error("cannot read {what}: {source}")]
    Json {
        /// What was read.
        what: String,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried, such as `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl Error {
    /// For `map_err` on file operations: keeps what was tried on which path.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { action, path: path.to_path_buf(), source }
    }

    /// For `map_err` on parsing: keeps what was parsed.
    pub(crate) fn json(what: &str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Json { what: what.to_owned(), source }
    }
}

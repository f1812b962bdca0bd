//! Saved snapshots: the objects from which a snapshot is built, with what is known about them as a whole.
//!
//! A file is JSON lines under gzip. The first line is the header (kind, version, when and where it was taken, what is
//! missing), then one slim object per line, and a last line with their number, so that a file that was cut off is
//! never taken for a whole one. The format holds objects, never tables or results: a newer program builds its own
//! snapshot from them. Slim objects have no field for secrets (see `ha_snapshot::objects`), so neither has the file.
//!
//! [`write()`] replaces a file as a whole and readable by its owner only; [`read()`] hands the objects to a sink.
//! [`Anonymizer`] renames what is in them before they are written.

mod anonymize;
mod format;
mod lines;
mod parse;
mod read;
mod specs;
mod words;
mod write;

use std::path::PathBuf;

use ha_core::snapshot::Timestamp;

use crate::Reading;

pub use anonymize::Anonymizer;
pub use read::{Limits, read, read_bytes, read_with};
pub use write::write;

/// What a saved snapshot holds beside its objects.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    /// When the objects were read.
    pub taken_at: Timestamp,
    /// What was read and what is missing.
    pub reading: Reading,
}

/// Why a snapshot could not be saved or read.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// The file could not be written.
    #[error("cannot write the snapshot {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file could not be read or unpacked.
    #[error("cannot read the snapshot {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("{} is not a snapshot written by kubectl ha snapshot: {reason}; manifests are read with -f", path.display())]
    NotASnapshot {
        /// The file.
        path: PathBuf,
        /// What gave it away.
        reason: String,
    },
    /// A newer program wrote the file.
    #[error(
        "{} is a snapshot of version {version}; this program reads versions up to {newest}: use a newer kubectl ha",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The newest version that is understood.
        newest: u32,
    },
    /// The file ends before its last line.
    #[error("the snapshot {} is cut off after {objects} objects: take it again", path.display())]
    CutOff {
        /// The file.
        path: PathBuf,
        /// How many objects there were.
        objects: usize,
    },
    /// The file is larger than any snapshot of a cluster.
    #[error("the snapshot {} is too large: more than {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What it exceeds.
        limit: String,
    },
}

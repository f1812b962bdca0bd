//! The embedded example cluster.

use super::{Sink, Source};

/// Reads it.
pub(super) fn read(_sink: Sink) -> anyhow::Result<Source> {
    anyhow::bail!("no demo yet")
}

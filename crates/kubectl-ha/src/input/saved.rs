//! A snapshot saved earlier with `kubectl ha snapshot`.

use std::path::Path;

use ha_core::snapshot::SourceKind;
use ha_read::saved;

use super::{Sink, Source};
use crate::UsageError;

/// Reads it. A file that is no snapshot is the user's mistake.
pub(super) fn read(file: &Path, sink: Sink) -> anyhow::Result<Source> {
    let saved = saved::read(file, sink).map_err(|error| UsageError(error.to_string()))?;
    Ok(Source {
        kind: SourceKind::Cluster,
        taken_at: saved.taken_at,
        narrowed: !saved.reading.namespaces.is_empty(),
        reading: saved.reading,
        manifests: None,
        description: String::new(),
        read_in: None,
    })
}

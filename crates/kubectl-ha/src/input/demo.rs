//! The embedded example cluster: a web shop at three in the morning. `demo/shop.yaml` says what is in it.

use std::path::Path;

use ha_core::snapshot::SourceKind;
use ha_read::saved;

use super::{Sink, Source};

/// `demo/shop.yaml`, expanded and saved as a snapshot.
const SHOP: &[u8] = include_bytes!("../../demo/shop.ha");

/// Reads it.
pub(super) fn read(sink: Sink) -> anyhow::Result<Source> {
    let saved = saved::read_bytes(Path::new("demo"), SHOP, sink)?;
    Ok(Source {
        kind: SourceKind::Cluster,
        taken_at: saved.taken_at,
        narrowed: false,
        reading: saved.reading,
        manifests: None,
        description: String::new(),
        read_in: None,
    })
}

//! From what was typed to a snapshot: a cluster, manifests, a saved snapshot or the demo.

mod cluster;
mod demo;
mod files;
mod saved;
pub mod surge;
pub mod whatif;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ha_core::Snapshot;
use ha_core::snapshot::{ResourceKind, SourceKind, Timestamp};
use ha_read::manifests::Manifests;
use ha_read::{Gap, Reading};
use ha_snapshot::objects::Object;
use ha_snapshot::{Builder, GapRecord, ObjectName, Origin};

use crate::cli;

/// What is known of an input besides its objects.
#[derive(Debug)]
pub struct Source {
    /// A cluster, or files.
    pub kind: SourceKind,
    /// The instant that its objects show, in seconds since 1970.
    pub taken_at: Timestamp,
    /// What was read and what is missing.
    pub reading: Reading,
    /// The texts of manifests, for excerpts.
    pub manifests: Option<Manifests>,
    /// What to call it when it has no name of its own, such as `shop.yaml`.
    pub description: String,
    /// How long reading took, for a live cluster.
    pub read_in: Option<Duration>,
    /// Whether only a part of a cluster was looked at.
    pub narrowed: bool,
}

/// Takes the objects of an input, one by one.
pub type Sink<'a> = &'a mut dyn FnMut(Object);

/// Reads what the command line names.
pub fn read(input: &cli::Input, connection: &cli::Connection, sink: Sink) -> anyhow::Result<Source> {
    if input.demo {
        demo::read(sink)
    } else if let Some(file) = &input.snapshot {
        saved::read(file, sink)
    } else if input.kustomize.is_some() || !input.filename.is_empty() {
        files::read(input, sink)
    } else {
        cluster::read(connection, sink)
    }
}

/// Reads what the command line names and joins it into a snapshot. `zone_keys` are label keys that mean zone besides
/// the well-known ones.
pub fn load(
    input: &cli::Input,
    connection: &cli::Connection,
    zone_keys: &[String],
) -> anyhow::Result<(Snapshot, Source)> {
    let mut builder = Builder::new(zone_keys);
    let source = read(input, connection, &mut |object| builder.add(object))?;
    let snapshot = finish(builder, &source, source.reading.gaps.iter().map(gap_record), input.assume_complete);
    Ok((snapshot, source))
}

/// Joins what a builder was given, which came from this source, with these gaps.
fn finish(
    mut builder: Builder,
    source: &Source,
    gaps: impl Iterator<Item = GapRecord>,
    assume_complete: bool,
) -> Snapshot {
    for gap in gaps {
        builder.add_gap(&gap);
    }
    builder.finish(&Origin {
        kind: source.kind,
        name: source.reading.context.clone(),
        server_version: source.reading.server_version.clone(),
        taken_at: source.taken_at,
        namespaces: source.reading.namespaces.clone(),
        assume_complete,
    })
}

/// A gap in the words of the snapshot's builder.
fn gap_record(gap: &Gap) -> GapRecord {
    let (group, kind) = gap.kind.map_or(("", ""), ResourceKind::group_kind);
    let object = (!gap.name.is_empty()).then(|| ObjectName {
        api_version: group.to_owned(),
        kind: kind.to_owned(),
        namespace: gap.namespace.clone(),
        name: gap.name.clone(),
    });
    GapRecord {
        kind: gap.kind,
        namespace: gap.namespace.clone(),
        reason: gap.reason,
        message: gap.message.clone(),
        object,
    }
}

/// Now, in seconds since 1970.
fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::try_from(elapsed.as_secs()).unwrap_or(Timestamp::MAX)
}

//! The large cluster: what a snapshot of it keeps in memory, and its objects as JSON lines.
//!
//! A process of its own: whoever measures other processes must stay small itself.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use ha_cluster::Error;
use ha_cluster::generate::{self, Size};
use ha_core::snapshot::ResourceKind;
use ha_snapshot::objects::Object;
use ha_snapshot::{Builder, Origin};
use serde_json::{Value, json};

use crate::ALLOCATOR;

/// The seed of the large cluster.
const SEED: u64 = 1;

/// Where to write the objects to.
#[derive(Debug, Parser)]
pub(crate) struct GenerateArgs {
    lines: PathBuf,
}

/// Writes the objects in the form of a saved snapshot, and prints how many bytes the snapshot built from them keeps.
///
/// All that is counted is what the builder asked the allocator for and has not given back when the snapshot is done.
pub(crate) fn run(args: &GenerateArgs) -> Result<()> {
    let file = File::create(&args.lines).with_context(|| format!("cannot write {}", args.lines.display()))?;
    let mut lines = BufWriter::new(file);
    let header = json!({ "kind": "Snapshot", "version": 1, "takenAt": "2026-01-15T10:30:00Z", "context": "generated" });
    writeln!(lines, "{header}")?;
    let before = ALLOCATOR.current_usage();
    let mut builder = Builder::new(&[]);
    let mut count = 0_usize;
    generate::live(Size::BENCHMARK, SEED, &mut |object| {
        let failed = |problem: String| Error::Usage(format!("a generated object cannot be used: {problem}"));
        let (line, object) = convert(object).map_err(|error| failed(error.to_string()))?;
        writeln!(lines, "{line}").map_err(|error| failed(error.to_string()))?;
        builder.add(object);
        count += 1;
        Ok(())
    })?;
    let snapshot = builder.finish(&Origin::default());
    let kept = ALLOCATOR.current_usage().saturating_sub(before);
    writeln!(lines, "{}", json!({ "kind": "SnapshotEnd", "objects": count }))?;
    lines.flush()?;
    println!("{kept}");
    drop(snapshot);
    Ok(())
}

/// An object's line, which begins with `apiVersion` and `kind`, and its slim form.
fn convert(mut object: Value) -> Result<(String, Object)> {
    let mut take = |key: &str| object.as_object_mut().and_then(|map| map.remove(key)).unwrap_or_default();
    let (api_version, kind) = (take("apiVersion"), take("kind"));
    let rest = object.to_string();
    let line = format!("{{\"apiVersion\":{api_version},\"kind\":{kind},{}", rest.trim_start_matches('{'));
    let api_version = api_version.as_str().unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = ResourceKind::from_group_kind(group, kind.as_str().unwrap_or_default());
    let kind = kind.with_context(|| format!("{api_version} {kind:?} is not known"))?;
    Ok((line, Object::deserialize(api_version, kind, object)?))
}

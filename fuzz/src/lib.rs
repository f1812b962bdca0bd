//! What the fuzz targets share: a cluster as text, one object a line, and how such a text is changed.
//!
//! Parsers of JSON are others' work and fuzzed by them. So a text is changed as what it means: values are replaced,
//! moved, repeated and taken away inside of objects, and nearly every text that is tried is a cluster again.

mod mutate;

use ha_core::Snapshot;
use ha_core::snapshot::{ResourceKind, SourceKind};
use ha_snapshot::objects::Object;
use ha_snapshot::{Builder, Origin};
use serde_json::Value;

pub use mutate::mutate;

/// The objects of a text; lines that are none are left out.
#[must_use]
pub fn objects(text: &[u8]) -> Vec<Value> {
    text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// The snapshot of a running cluster with these objects, as far as the kinds are known and the fields have the API's
/// types.
#[must_use]
pub fn snapshot(objects: &[Value]) -> Snapshot {
    let mut builder = Builder::new(&[]);
    for value in objects {
        let (Some(api_version), Some(kind)) = (value["apiVersion"].as_str(), value["kind"].as_str()) else { continue };
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let Some(kind) = ResourceKind::from_group_kind(group, kind) else { continue };
        if let Ok(object) = Object::deserialize(api_version, kind, value) {
            builder.add(object);
        }
    }
    builder.finish(&Origin { kind: SourceKind::Cluster, taken_at: 1_767_225_600, ..Origin::default() })
}

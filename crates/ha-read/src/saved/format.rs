//! The lines of a saved snapshot.

use std::fmt;

use ha_core::snapshot::{GapReason, ResourceKind};
use ha_snapshot::objects::{Body, Object, Time};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::Saved;
use crate::{Gap, Reading};

/// The newest version of the format. Version n+1 reads version n.
pub(super) const VERSION: u32 = 1;
/// The `kind` of the header.
pub(super) const KIND: &str = "Snapshot";
const API_VERSION: &str = "kubectl-ha/v1alpha1";

/// The first line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Header {
    pub(super) kind: String,
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    pub(super) version: u32,
    #[serde(default)]
    taken_at: Time,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    context: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    server: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    server_version: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    namespaces: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<SavedGap>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notices: Vec<String>,
}

/// A gap, in words that outlive the program.
#[derive(Debug, Deserialize, Serialize)]
struct SavedGap {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    namespace: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    reason: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    message: String,
}

/// The last line.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Trailer {
    pub(super) kind: TrailerKind,
    pub(super) objects: usize,
}

/// The `kind` of the last line; no Kubernetes object has it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) enum TrailerKind {
    SnapshotEnd,
}

impl Header {
    pub(super) fn new(saved: &Saved) -> Self {
        let reading = &saved.reading;
        Self {
            kind: KIND.to_owned(),
            api_version: API_VERSION.to_owned(),
            version: VERSION,
            taken_at: Time(saved.taken_at),
            context: reading.context.clone(),
            server: reading.server.clone(),
            server_version: reading.server_version.clone(),
            namespaces: reading.namespaces.clone(),
            gaps: reading.gaps.iter().map(SavedGap::new).collect(),
            notices: reading.notices.clone(),
        }
    }

    /// What the header says, with no object counted yet.
    pub(super) fn into_saved(self) -> Saved {
        Saved {
            taken_at: self.taken_at.0,
            reading: Reading {
                context: self.context,
                server: self.server,
                server_version: self.server_version,
                namespaces: self.namespaces,
                gaps: self.gaps.into_iter().map(SavedGap::into_gap).collect(),
                notices: self.notices,
                ..Reading::default()
            },
        }
    }
}

impl SavedGap {
    fn new(gap: &Gap) -> Self {
        Self {
            kind: gap.kind.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            namespace: gap.namespace.clone(),
            name: gap.name.clone(),
            reason: gap.reason.as_str().to_owned(),
            message: gap.message.clone(),
        }
    }

    fn into_gap(self) -> Gap {
        Gap {
            kind: ResourceKind::from_name(&self.kind),
            namespace: self.namespace,
            name: self.name,
            // A reason of a newer program: that something is missing still holds.
            reason: GapReason::from_name(&self.reason).unwrap_or(GapReason::Unreadable),
            message: self.message,
        }
    }
}

/// One object, to be written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectLine<'o> {
    api_version: &'o str,
    kind: &'static str,
    #[serde(flatten)]
    body: &'o Body,
}

impl<'o> ObjectLine<'o> {
    pub(super) fn new(object: &'o Object) -> Self {
        Self { api_version: &object.api_version, kind: object.kind().kind(), body: &object.body }
    }
}

/// One object, as read; none when its kind is not known, as in a file of a newer program.
#[derive(Debug)]
pub(super) struct ReadObject(pub(super) Option<Object>);

impl<'de> Deserialize<'de> for ReadObject {
    /// `apiVersion` and `kind` come first, in this order, so that a line is read in one go.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Line;
        impl<'de> Visitor<'de> for Line {
            type Value = ReadObject;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object that starts with `apiVersion` and `kind`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReadObject, A::Error> {
                let mut next = |name: &'static str| match map.next_entry::<&str, &str>()? {
                    Some((key, value)) if key == name => Ok(value),
                    _ => Err(A::Error::missing_field(name)),
                };
                let (api_version, kind) = (next("apiVersion")?, next("kind")?);
                let group = api_version.split_once('/').map_or("", |(group, _)| group);
                let rest = MapAccessDeserializer::new(map);
                match ResourceKind::from_group_kind(group, kind) {
                    Some(kind) => Object::deserialize(api_version, kind, rest).map(|object| ReadObject(Some(object))),
                    None => serde::de::IgnoredAny::deserialize(rest).map(|_| ReadObject(None)),
                }
            }
        }
        deserializer.deserialize_map(Line)
    }
}

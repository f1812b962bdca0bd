//! How a report names an object.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::API_VERSION;
use crate::snapshot::{ObjectId, Snapshot};

/// An object of the cluster, or the cluster itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// Empty for what has none; sorts first, so that the cluster leads.
    pub namespace: String,
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
    /// Group and version.
    pub api_version: String,
}

impl ObjectReference {
    /// The cluster itself, under its context's name.
    pub fn cluster(snapshot: &Snapshot) -> Self {
        let name = match snapshot.text(snapshot.source.name) {
            "" => "cluster",
            name => name,
        };
        Self { namespace: String::new(), kind: "Cluster".into(), name: name.into(), api_version: API_VERSION.into() }
    }

    /// The object of that number.
    pub fn of(snapshot: &Snapshot, id: ObjectId) -> Self {
        let Some(object) = snapshot.objects.get(id.position()) else {
            return Self::cluster(snapshot);
        };
        if id == Snapshot::CLUSTER {
            return Self::cluster(snapshot);
        }
        Self {
            namespace: snapshot.text(object.namespace).into(),
            kind: snapshot.text(object.kind).into(),
            name: snapshot.text(object.name).into(),
            api_version: snapshot.text(object.api_version).into(),
        }
    }

    /// Whether this is the cluster itself.
    pub fn is_cluster(&self) -> bool {
        self.kind == "Cluster" && self.api_version == API_VERSION
    }

    /// The API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}

/// `Kind/namespace/name`, or `Kind/name` for what has no namespace.
impl fmt::Display for ObjectReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        for part in [&self.namespace, &self.name] {
            if !part.is_empty() {
                write!(f, "/{part}")?;
            }
        }
        Ok(())
    }
}

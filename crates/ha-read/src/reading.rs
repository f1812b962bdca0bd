//! What every source returns besides its objects.

use std::collections::BTreeMap;

use ha_core::snapshot::{GapReason, ResourceKind};

/// Stands in [`Gap::namespace`] for all namespaces but those that were read.
pub const OTHER_NAMESPACES: &str = "*";

/// Something that could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// What kind is missing; none when the object's kind is not known either.
    pub kind: Option<ResourceKind>,
    /// Where; empty means in the whole input, [`OTHER_NAMESPACES`] all but those read.
    pub namespace: String,
    /// The one object concerned; empty when it is the whole kind.
    pub name: String,
    /// Why.
    pub reason: GapReason,
    /// What a person should read: what failed, where, and why. May hold the words of a
    /// server or of a file, so it is not safe for a terminal as it stands.
    pub message: String,
}

/// What was read, besides the objects themselves.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The kubeconfig context, for a cluster.
    pub context: String,
    /// The server's address without credentials, for a cluster.
    pub server: String,
    /// The version of the API server such as `v1.36.3`; empty when unknown.
    pub server_version: String,
    /// The namespaces that the reading was narrowed to; empty means all.
    pub namespaces: Vec<String>,
    /// How many objects of each kind were handed over.
    pub counts: BTreeMap<ResourceKind, usize>,
    /// What is missing, sorted.
    pub gaps: Vec<Gap>,
    /// What the user should know of the source itself, such as an unverified certificate.
    pub notices: Vec<String>,
}

//! A cluster, and what fails in it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One question: what becomes of this cluster after this failure?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// What it is called in reports.
    pub name: String,
    /// Decides orders and ties in the real scheduler's runs, as far as they can be decided.
    pub seed: u64,
    /// The cluster: Kubernetes objects as the API server returns them.
    pub objects: Vec<Value>,
    /// Objects to be replaced once the workloads' pods are placed; empty for a cluster at rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<Value>,
    /// What fails.
    pub failure: Failure,
    /// Whether the objects are a cluster at rest. Otherwise its controllers have no pods yet.
    pub at_rest: bool,
}

/// Nodes that are lost or drained together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Whether the API still knows the nodes.
    pub kind: Kind,
    /// The zone, where a whole one is lost.
    #[serde(default)]
    pub zone: Option<String>,
    /// The names of the nodes.
    pub nodes: Vec<String>,
}

/// What is left of a lost node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The Node object is gone.
    Removed,
    /// The Node object stays, tainted as unreachable.
    Unreachable,
    /// Nothing fails: the node is cordoned, and its pods are evicted as far as budgets let them go.
    Drained,
}

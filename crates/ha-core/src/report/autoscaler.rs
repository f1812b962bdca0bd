//! What an autoscaler of nodes would do after a disruption, beside what comes without it.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::ObjectReference;

/// Nodes that are added after a disruption, and whom they help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Autoscaled {
    /// How many nodes may be added.
    pub limit: u32,
    /// The nodes that are added, by the node that they are like.
    pub added: Vec<AddedNodes>,
    /// The workloads with pods that wait without them, by name.
    pub workloads: Vec<Helped>,
    /// How many runs were tried; the first is told.
    pub runs: u32,
    /// In how many of them no pod waits in the end.
    pub complete_runs: u32,
}

/// Nodes that are added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AddedNodes {
    /// The node of the cluster that they are like.
    pub like: String,
    /// Its zone; empty without one.
    pub zone: String,
    /// How many.
    pub count: u32,
}

/// A workload with pods that wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Helped {
    /// The workload.
    pub object: ObjectReference,
    /// Pods that wait when no node is added.
    pub pending_without: u32,
    /// Pods that wait when nodes are added.
    pub pending_with: u32,
}

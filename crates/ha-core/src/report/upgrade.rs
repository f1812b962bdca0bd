//! The report of an upgrade: does it finish, in which order, what stops it, and how low workloads fall on the way.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::ObjectReference;
use crate::impact::{Certainty, InstantVerdict};

/// An upgrade of nodes: drained, replaced and uncordoned one after another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Upgrade {
    /// The label of the nodes, `KEY=VALUE`; empty for all nodes.
    pub pool: String,
    /// How many nodes are upgraded.
    pub nodes: u32,
    /// How many are drained at a time.
    pub parallel: u32,
    /// How many more there are meanwhile.
    pub surge: u32,
    /// Whether it finishes in the run that is told here.
    pub finishes: bool,
    /// Whether that holds for every order and tie of the scheduler.
    pub certainty: Certainty,
    /// How many runs were tried.
    pub runs: u32,
    /// In how many of them it finishes.
    pub finished_runs: u32,
    /// The nodes in the order in which they are upgraded, step by step.
    pub steps: Vec<Vec<String>>,
    /// The nodes that cannot be drained.
    pub blocked: Vec<BlockedNode>,
    /// The most pods without a node at the end of a step.
    pub most_pending: u32,
    /// The workloads that lose pods on the way, the worst off first.
    pub lowest: Vec<LowestPoint>,
}

/// A node that cannot be drained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BlockedNode {
    /// Its name.
    pub node: String,
    /// Each of these blocks it, whatever becomes of the others.
    pub sets: Vec<BlockingSet>,
}

/// Budgets, pods and missing room that together keep a node from being drained; without any one of them they do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BlockingSet {
    /// The budgets that refuse.
    pub budgets: Vec<ObjectReference>,
    /// The pods that they keep on the node.
    pub pods: Vec<ObjectReference>,
    /// Pods that were created on the way and are kept there, too.
    pub other_pods: u32,
    /// The eviction API's words about the first.
    pub message: String,
    /// Workloads under these budgets with pods that have no node, which is why the budgets go on refusing.
    pub waiting: Vec<WaitingWorkload>,
    /// Whether it is proven that no smaller set blocks the node, and that this one does in every order.
    pub smallest: bool,
}

/// A workload with pods that have no node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WaitingWorkload {
    /// The workload.
    pub object: ObjectReference,
    /// The scheduler's words.
    pub message: String,
}

/// The moment of an upgrade at which fewest pods of a workload are ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LowestPoint {
    /// The workload.
    pub object: ObjectReference,
    /// Ready before.
    pub before: u32,
    /// Ready then, before replacements have started.
    pub ready: u32,
    /// How many it needs.
    pub needed: u32,
    /// How it stands then.
    pub verdict: InstantVerdict,
    /// The nodes that are drained then.
    pub nodes: Vec<String>,
}

//! The report of a rollout: does it end, and how low does the workload fall meanwhile?

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::ObjectReference;
use crate::impact::{Certainty, InstantVerdict};

/// A new revision of one workload, while nodes are lost or while all is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// The workload.
    pub object: ObjectReference,
    /// The scenario during which it is rolled out; null when all is well.
    pub during: Option<String>,
    /// How many pods it is to have.
    pub desired: u32,
    /// Ready before anything happens.
    pub before: u32,
    /// Ready when the rollout begins: the failure has come to rest.
    pub ready_at_start: u32,
    /// The fewest that are ready on the way, in any run.
    pub lowest: u32,
    /// How many it needs.
    pub needed: u32,
    /// How it stands at the lowest.
    pub verdict: InstantVerdict,
    /// Whether all pods are of the new revision and ready in the end.
    pub finishes: bool,
    /// `possible`, or `unknown` where pods chase each other without end.
    pub certainty: Certainty,
    /// How many runs were tried.
    pub runs: u32,
    /// In how many of them it ends.
    pub finished_runs: u32,
    /// Pods of the new revision that have a node in the end.
    pub updated: u32,
    /// Pods of old revisions that are left.
    pub old: u32,
    /// Pods of the new revision without a node.
    pub pending: u32,
    /// Why, in the scheduler's words.
    pub reasons: Vec<String>,
}

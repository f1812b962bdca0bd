//! The report on headroom: what single losses leave Pending, the nodes that are lacking, and how much workloads could grow.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::ObjectReference;
use super::autoscaler::AddedNodes;
use crate::impact::Certainty;

/// What it takes so that no single loss leaves a pod Pending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Headroom {
    /// `zone` or `node`: the loss of each was tried.
    pub domain: String,
    /// `unreachable` (the nodes stay in the API) or `removed`.
    pub mode: String,
    /// How many losses there are.
    pub losses: u32,
    /// Whether all was looked at; false where Ctrl-C ended it early.
    pub complete: bool,
    /// The losses that leave pods Pending as things are, the worst first.
    pub shortages: Vec<Shortage>,
    /// The nodes to add.
    pub nodes: LackingNodes,
    /// How much workloads could grow, those that could least first; none where the nodes to add are not known.
    pub growth: Vec<Grows>,
    /// How many workloads were left out of `growth`, since it would take too long: those that request least.
    pub growth_left_out: u32,
    /// In how many orders of the scheduler each number of replicas was tried.
    pub growth_runs: u32,
}

/// What one loss leaves Pending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Shortage {
    /// The loss, such as `zone/eu-1a`.
    pub loss: String,
    /// The workloads, by name.
    pub workloads: Vec<PendingWorkload>,
}

/// Pods of one workload that a loss leaves Pending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PendingWorkload {
    /// The workload.
    pub object: ObjectReference,
    /// How many, in the worst order tried; those that its StatefulSet does not create for that reason among them.
    pub pending: u32,
    /// How many of them no added node helps.
    pub beyond_help: u32,
    /// Why the first of them is, in the scheduler's words.
    pub message: String,
    /// Why an added node, which is empty, would not take those that no node helps, in the scheduler's words; empty where
    /// nodes help all.
    pub refused: String,
}

/// The nodes to add so that no single loss leaves a pod Pending that nodes help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LackingNodes {
    /// Them, by the node that they are like.
    pub added: Vec<AddedNodes>,
    /// How many.
    pub count: u32,
    /// How many it takes at least: with fewer of these kinds some loss leaves a pod Pending in some order.
    pub at_least: u32,
    /// Whether they are enough; false where the limit was reached.
    pub enough: bool,
    /// `certain` where they are enough in every order of the scheduler, `possible` where they are in all that were tried.
    pub certainty: Certainty,
    /// How many nodes may be added.
    pub limit: u32,
    /// Pools of nodes that were not looked at, since there are too many.
    pub pools_left_out: u32,
}

impl LackingNodes {
    /// Whether they are enough for certain, and no fewer are.
    pub fn is_proven_minimum(&self) -> bool {
        self.enough && self.certainty == Certainty::Certain && self.at_least == self.count
    }
}

/// How much a workload could grow, alone, once the nodes to add are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Grows {
    /// The workload.
    pub object: ObjectReference,
    /// How many replicas it wants.
    pub replicas: u32,
    /// How many more it could have so that no single loss leaves a pod Pending which it does not leave without them.
    pub more: u32,
    /// What one more than that leads to; null where no more were tried.
    pub stopped_by: Option<GrowthStop>,
}

/// What stops a workload's growth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GrowthStop {
    /// The loss; null where it is stopped before anything is lost.
    pub loss: Option<String>,
    /// Whose pod is left Pending then; the workload itself where it is stopped otherwise.
    pub object: ObjectReference,
    /// Why, in the scheduler's words where a pod is left Pending.
    pub message: String,
}

//! The report on the losses of all pairs of nodes: aggregated, since there are millions of them in large clusters.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::ObjectReference;
use crate::impact::InstantVerdict;

/// What the losses of all pairs of nodes come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Pairs {
    /// `unreachable` (the nodes stay in the API) or `removed`.
    pub mode: String,
    /// How many pairs there are.
    pub pairs: u64,
    /// Whether all was looked at; false where Ctrl-C ended it early: what was not shown by then depends on order here.
    pub complete: bool,
    /// How many pairs break a workload or a part of the cluster itself right after; exact.
    pub broken_at_once: u64,
    /// How many pairs stop the control plane, etcd or all API servers, so that nothing is made again before it is back;
    /// how they end is told as of then. Exact.
    pub stop_control_plane: u64,
    /// How the pairs end.
    pub recovered: PairEnds,
    /// The pairs that break most right after, the worst first; a bounded list.
    pub worst: Vec<WorstPair>,
    /// What some pair breaks right after.
    pub broken: Vec<BrokenByPairs>,
    /// Workloads that keep pairs from being told, those on most nodes first; a bounded list.
    pub undecided: Vec<UndecidedWorkload>,
    /// How many such workloads there are.
    pub undecided_workloads: u32,
}

/// How many pairs end how, for the pods that have a node now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PairEnds {
    /// Every pod that a controller makes again gets a place, in every order of the scheduler, and none is preempted.
    pub holds: u64,
    /// Some pod has no place, in every order of the scheduler.
    pub breaks: u64,
    /// It depends on the order, or cannot be told.
    pub depends_on_order: u64,
}

/// How a pair ends for the pods that have a node now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PairEnd {
    /// Every pod that a controller makes again gets a place, in every order of the scheduler.
    Holds,
    /// Some pod has no place, in every order.
    Breaks,
    /// It depends on the order, or cannot be told.
    DependsOnOrder,
}

/// A pair that breaks much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorstPair {
    /// The two nodes, by name.
    pub nodes: Vec<String>,
    /// Parts of the cluster itself that stop.
    pub cluster: u32,
    /// Workloads without a ready pod.
    pub down: u32,
    /// Other workloads below what they need.
    pub below: u32,
    /// Whether the control plane stops.
    pub stops_control_plane: bool,
    /// How it ends; where the control plane stops, once it is back.
    pub recovered: PairEnd,
}

/// Something that the loss of a pair breaks, or of one node already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BrokenByPairs {
    /// The workload, or the object of a part of the cluster itself.
    pub object: ObjectReference,
    /// What the part of the cluster is, or what does not happen without it; null for a workload.
    pub part: Option<String>,
    /// Ready before.
    pub before: u32,
    /// Needed.
    pub needed: u32,
    /// How it stands after the worst pair.
    pub verdict: InstantVerdict,
    /// How many nodes break it alone, and so every pair with them.
    pub nodes_alone: u32,
    /// The first of these nodes, by name.
    pub alone: Vec<String>,
    /// How many pairs break it of which neither node does so alone.
    pub pairs: u64,
    /// The first of these pairs, by the names of their nodes.
    pub examples: Vec<Vec<String>>,
}

/// A workload with pods of which it is not shown that they always get a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UndecidedWorkload {
    /// The workload.
    pub object: ObjectReference,
    /// On how many nodes such pods are.
    pub nodes: u32,
}

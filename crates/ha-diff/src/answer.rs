//! What the program around the real scheduler says (`tests/scheduler`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What happened to a case, in one or more runs from the same state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Played {
    /// The cluster at rest, where the program had to place the pods first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Value>,
    /// The counts per workload (`namespace/name`) before the failure.
    #[serde(default)]
    pub before: BTreeMap<String, Counts>,
    /// The pods that waited before the failure.
    #[serde(default)]
    pub pending_before: Vec<PendingPod>,
    /// Whether all runs ended with the same counts.
    pub deterministic: bool,
    /// The different ends, most frequent first.
    pub outcomes: Vec<Outcome>,
}

/// How far a workload got: desired = assigned + pending + not created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// How many pods there should be.
    pub desired: i32,
    /// How many are on a node.
    pub assigned: i32,
    /// How many wait for one.
    pub pending: i32,
    /// How many the controller holds back.
    pub not_created: i32,
}

impl Counts {
    /// How many pods do not run.
    #[must_use]
    pub fn missing(&self) -> i32 {
        self.pending + self.not_created
    }
}

/// One way in which a failure ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// In how many runs.
    pub seen: u32,
    /// The counts when nothing moved any more.
    pub workloads: BTreeMap<String, Counts>,
    /// The counts after every waiting pod was tried again until that moved nothing; the fields below are from then.
    #[serde(default)]
    pub after_retry: BTreeMap<String, Counts>,
    /// The pods that wait, and why.
    pub pending_pods: Vec<PendingPod>,
    /// The pods that were removed to make room.
    #[serde(default)]
    pub preempted: Vec<String>,
    /// Per workload: of how many pods budgets refuse the eviction at the end of a drain.
    #[serde(default)]
    pub refused: Option<BTreeMap<String, i32>>,
    /// Pods per workload and node.
    #[serde(default)]
    pub placements: BTreeMap<String, BTreeMap<String, u32>>,
    /// Per workload with Pending pods: the plugins that rejected them, once for every way in which a run named them.
    #[serde(default)]
    pub reasons: BTreeMap<String, BTreeSet<BTreeSet<String>>>,
}

/// A pod without a node, and the scheduler's last words on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingPod {
    /// Its workload, `namespace/name`.
    pub workload: String,
    /// Its name.
    pub pod: String,
    /// The text of its condition.
    pub message: String,
    /// The plugins that rejected it.
    #[serde(default)]
    pub plugins: Option<BTreeSet<String>>,
    /// The verdict per node, as far as nodes were looked at.
    #[serde(default)]
    pub nodes: Option<BTreeMap<String, Verdict>>,
    /// The verdict on all other nodes.
    #[serde(default)]
    pub rest: Option<Verdict>,
}

impl Outcome {
    /// Of how many pods of a workload the eviction is refused.
    #[must_use]
    pub fn refusals(&self, workload: &str) -> i32 {
        self.refused.as_ref().and_then(|refused| refused.get(workload).copied()).unwrap_or(0)
    }
}

impl PendingPod {
    /// The plugins that are named as the reason, on any node or for the pod as a whole.
    #[must_use]
    pub fn named(&self) -> BTreeSet<&str> {
        let whole = self.plugins.iter().flatten().map(String::as_str);
        let single = self.nodes.iter().flatten().filter_map(|(_, verdict)| verdict.plugin.as_deref());
        whole.chain(single).collect()
    }
}

/// A plugin's answer about one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The plugin that spoke first.
    #[serde(default)]
    pub plugin: Option<String>,
    /// `Unschedulable`, `UnschedulableAndUnresolvable` or `Error`.
    pub code: String,
    /// Its words.
    #[serde(default)]
    pub reasons: Option<Vec<String>>,
}

/// The verdicts of every filter plugin on its own, for pairs of pods and nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filtered {
    /// The nodes that were asked about.
    pub nodes: Vec<String>,
    /// One entry per pod, in the order of the request's namespaces and names.
    pub pods: Vec<FilteredPod>,
}

/// What the plugins say about one pod.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilteredPod {
    /// The pod, `namespace/name`.
    pub pod: String,
    /// Per plugin the nodes that it refuses.
    pub plugins: BTreeMap<String, BTreeMap<String, Verdict>>,
}

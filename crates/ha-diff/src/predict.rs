//! What is compared with the real scheduler: anything that predicts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::Case;

/// Something that says what a failure does without playing it.
pub trait Simulator {
    /// What becomes of a cluster at rest. An error says why the simulator has no answer at all.
    fn predict(&self, case: &Case) -> Result<Prediction, String>;

    /// The same with more effort, where the first answer does not agree: what is called possible is what was found by
    /// trying orders and ties, and some are rare.
    fn predict_thoroughly(&self, case: &Case) -> Result<Prediction, String> {
        self.predict(case)
    }

    /// What each filter plugin says on its own about pods (as the API server would have stored them, not part of the
    /// cluster) and the cluster's nodes: per pod (`namespace/name`) and plugin the nodes that are refused. None where
    /// the simulator cannot be asked for that.
    fn refusals(&self, objects: &[Value], pods: &[Value]) -> Option<Refusals> {
        let _ = (objects, pods);
        None
    }
}

/// Per pod and plugin: the nodes that the plugin refuses. What is left out was not looked at.
pub type Refusals = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// What is predicted for a case.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Per workload, `namespace/name`. Those left out end as they were before.
    pub workloads: BTreeMap<String, Forecast>,
}

/// How a workload ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// How sure that is.
    pub certainty: Certainty,
    /// The expected end.
    pub expected: Missing,
    /// The best possible end.
    pub best: Missing,
    /// The worst possible end.
    pub worst: Missing,
    /// The plugins that keep its pods Pending, once for every way in which orders and ties let them.
    pub plugins: BTreeSet<BTreeSet<String>>,
    /// Of how many pods the eviction is refused, at least and at most.
    #[serde(default)]
    pub refused: (i32, i32),
    /// The scheduler's words.
    #[serde(default)]
    pub messages: Vec<String>,
}

/// How much a forecast claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// It holds for every order and tie.
    Certain,
    /// The end lies between the best and the worst.
    Possible,
    /// The simulator says that it does not know.
    Unknown,
}

/// Pods that do not run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// Created, without a node.
    pub pending: i32,
    /// Held back by their controller.
    pub not_created: i32,
}

impl Missing {
    /// All of them.
    #[must_use]
    pub fn all(self) -> i32 {
        self.pending + self.not_created
    }
}

//! Which disruptions to simulate, and how to show what they do.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::{Connection, OutputTarget, WhatIf};

/// Simulates failures and drains: who is down, who is Pending and why, and for how long.
///
/// Without further words: the loss of every node and of every zone, and a drain of every node, the worst first.
/// Nothing in the cluster is changed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Simulate {
    /// What happens.
    #[command(flatten)]
    pub disruption: DisruptionArguments,
    /// What to look at.
    #[command(flatten)]
    pub input: WhatIf,
    /// FORMAT, or FORMAT=FILE; repeatable.
    #[arg(short, long, value_name = "FORMAT[=FILE]", help_heading = "Output")]
    pub output: Vec<OutputTarget<SimulationFormat>>,
    /// Which workloads to list.
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub show: ShowWorkloads,
    /// Does not fail when data was missing.
    #[arg(long, help_heading = "Output")]
    pub allow_incomplete: bool,
    /// No colours.
    #[arg(long, help_heading = "Output")]
    pub no_color: bool,
    /// The configuration file, instead of the .kubectl-ha.yaml found upwards.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Which cluster.
    #[command(flatten)]
    pub connection: Connection,
}

const EXAMPLES: &str = "Examples:
  kubectl ha simulate                                 every node, every zone, every drain
  kubectl ha simulate --lose zone/eu-1b               one zone, in detail
  kubectl ha simulate --lose node/a1 --lose node/b2   two nodes at once
  kubectl ha simulate --each pair                     every two nodes: what breaks, and whether all come back
  kubectl ha simulate --drain node-a1                 what a drain would meet
  kubectl ha simulate --lose zone/eu-1b --drain node-a1   the same while a zone is gone
  kubectl ha simulate --lose zone/eu-1b --rollout Deployment/shop/cart
  kubectl ha simulate --upgrade pool=web --surge 1    does an upgrade finish, or what stops it
  kubectl ha simulate --headroom zone                 which nodes are lacking, or how much workloads could grow
  kubectl ha simulate --demo --lose zone/eu-1a        an example, without a cluster
  kubectl ha simulate -f deploy.yaml                  the cluster as it would be with this change

Nothing in the cluster is changed. Ctrl-C tells of the scenarios that are complete; once more ends it at once.
Exit codes: 0 simulated, 2 usage, 3 data was missing or it was interrupted, 4 the tool failed";

/// What happens in the simulation. All that is lost or drained is one scenario.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Disruption")]
pub struct DisruptionArguments {
    /// Loses node/NAME, zone/NAME, or all nodes with the label KEY=VALUE; repeatable.
    #[arg(long, value_name = "WHAT")]
    pub lose: Vec<Lost>,
    /// Cordons a node and evicts its pods under their budgets; repeatable. With --lose the loss strikes first and all
    /// comes to rest, then the node is drained.
    #[arg(long, value_name = "NODE")]
    pub drain: Vec<String>,
    /// Simulates every single loss: of each node, each zone, each pair of nodes (told together), or each value of a node
    /// label; or a drain of each node.
    #[arg(long, value_name = "node|zone|pair|drain|KEY", conflicts_with_all = ["lose", "drain"])]
    pub each: Option<String>,
    /// Tells beside all else what comes of it if up to N nodes like those that are left may be added (10 without N).
    #[arg(
        long, value_name = "N", num_args = 0..=1, default_missing_value = "10",
        conflicts_with_all = ["each", "upgrade"]
    )]
    pub with_autoscaler: Option<usize>,
    /// Rolls a workload out, while what --lose says is lost: does the rollout end, how low does the workload fall.
    #[arg(long, value_name = "KIND/NAMESPACE/NAME", conflicts_with_all = ["drain", "each", "upgrade"])]
    pub rollout: Option<Rolled>,
    /// Tells what it takes so that no loss of a single zone (or node) leaves a pod Pending: the nodes to add, of which
    /// kind and where, and then how much each workload could grow.
    #[arg(
        long, value_enum, value_name = "zone|node", hide_possible_values = true,
        conflicts_with_all = ["lose", "drain", "each", "upgrade", "rollout", "with_autoscaler"]
    )]
    pub headroom: Option<Headroom>,
    /// An upgrade of nodes.
    #[command(flatten)]
    pub upgrade: UpgradeArguments,
    /// Whether lost nodes stay in the API.
    #[arg(long, value_enum, default_value_t)]
    pub mode: Mode,
    /// The seed of the first try: the scheduler breaks ties at random.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many orders and ties to try at most where the outcome depends on them; fewer where very many pods move.
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub tries: u32,
}

/// A workload that gets a new revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rolled {
    /// Its kind, such as `Deployment`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl FromStr for Rolled {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            [kind, namespace, name] if ![kind, namespace, name].contains(&"") => {
                Ok(Self { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err("expected KIND/NAMESPACE/NAME, such as Deployment/shop/cart".to_owned()),
        }
    }
}

impl fmt::Display for Rolled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

/// An upgrade: nodes are drained, replaced and uncordoned one after another.
#[derive(Clone, Debug, Args)]
pub struct UpgradeArguments {
    /// Upgrades all nodes, or those with a label: does it finish, in which order, or what stops it.
    #[arg(
        long, value_name = "KEY=VALUE", num_args = 0..=1, default_missing_value = "", value_parser = pool,
        conflicts_with_all = ["lose", "drain", "each"]
    )]
    pub upgrade: Option<Pool>,
    /// So many more nodes are there during the upgrade.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "upgrade")]
    pub surge: usize,
    /// So many nodes are drained at a time.
    #[arg(long, value_name = "N", default_value = "1", requires = "upgrade")]
    pub parallel: NonZeroUsize,
}

/// Which nodes are upgraded: those with a label, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool(Option<(String, String)>);

fn pool(text: &str) -> Result<Pool, String> {
    match text.split_once('=') {
        None if text.is_empty() => Ok(Pool(None)),
        Some((key, value)) if !key.is_empty() => Ok(Pool(Some((key.to_owned(), value.to_owned())))),
        _ => Err("expected KEY=VALUE, a label of the nodes".to_owned()),
    }
}

impl Default for UpgradeArguments {
    fn default() -> Self {
        Self { upgrade: None, surge: 0, parallel: NonZeroUsize::MIN }
    }
}

impl UpgradeArguments {
    /// The label of the nodes; none for all.
    pub fn label(&self) -> Option<(&str, &str)> {
        let (key, value) = self.upgrade.as_ref()?.0.as_ref()?;
        Some((key, value))
    }
}

/// What is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// A node.
    Node(String),
    /// A zone.
    Zone(String),
    /// All nodes with that label.
    Label {
        /// Its key.
        key: String,
        /// Its value.
        value: String,
    },
}

impl FromStr for Lost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = match text.split_once('/') {
            Some((_, "")) => None,
            Some(("node", name)) => Some(Self::Node(name.to_owned())),
            Some(("zone", name)) => Some(Self::Zone(name.to_owned())),
            _ => None,
        };
        let label = || {
            let (key, value) = text.split_once('=')?;
            (!key.is_empty()).then(|| Self::Label { key: key.to_owned(), value: value.to_owned() })
        };
        known.or_else(label).ok_or_else(|| "expected node/NAME, zone/NAME or KEY=VALUE".to_owned())
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(name) => write!(f, "node/{name}"),
            Self::Zone(name) => write!(f, "zone/{name}"),
            Self::Label { key, value } => write!(f, "{key}={value}"),
        }
    }
}

/// Whether lost nodes stay in the API: topology spread sees the two differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// They stay, tainted, as after a power cut.
    #[default]
    Unreachable,
    /// The Node objects are gone.
    Removed,
}

/// What there is to be room for: the loss of every single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Headroom {
    /// Each zone.
    Zone,
    /// Each node.
    Node,
}

/// Which workloads are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ShowWorkloads {
    /// Those that the failure touches.
    #[default]
    Touched,
    /// All of them.
    All,
}

/// A way to write a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SimulationFormat {
    /// What breaks, and why.
    Table,
    /// Every workload that is touched, and the terms of every time.
    Wide,
    /// The simulation; its schema is schemas/simulation.schema.json.
    Json,
    /// The simulation as YAML.
    Yaml,
    /// Markdown, for comments and job summaries.
    Markdown,
    /// A picture of one scenario: zones, nodes and workloads before and after.
    Svg,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_a_label_or_all_nodes() {
        assert_eq!(pool(""), Ok(Pool(None)));
        assert_eq!(pool("pool=web"), Ok(Pool(Some(("pool".into(), "web".into())))));
        assert!(pool("web").is_err() && pool("=web").is_err());
    }

    #[test]
    fn what_is_lost_is_a_node_a_zone_or_a_label() {
        let parse = |text: &str| text.parse::<Lost>();
        assert_eq!(parse("node/a1"), Ok(Lost::Node("a1".into())));
        assert_eq!(parse("zone/eu-1b"), Ok(Lost::Zone("eu-1b".into())));
        let label = Lost::Label { key: "example.com/rack".into(), value: "r1".into() };
        assert_eq!(parse("example.com/rack=r1"), Ok(label));
        for wrong in ["", "a1", "node/", "=x", "pod/a"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

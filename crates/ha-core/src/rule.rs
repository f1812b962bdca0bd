//! A rule: one named check. Its documentation is its doc comment; see `ha_sdk::rule!`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::finding::Findings;
use crate::impact::Impact;
use crate::settings::Settings;
use crate::snapshot::{ResourceKind, Snapshot};
use crate::wire::word;

word! {
    /// What part of a cluster a rule is about; the scorecard has a line for each.
    pub enum Area {
        /// API servers, etcd, schedulers, controllers.
        ControlPlane = "control-plane",
        /// Nodes, pools, zones.
        Nodes = "nodes",
        /// Replicas, their placement and their rollout.
        Replication = "replication",
        /// Budgets and drains.
        Disruption = "disruption",
        /// Services and the ways in.
        Services = "services",
        /// Probes.
        Probes = "probes",
        /// Tolerations, webhooks, leaders: what a failure sets in motion.
        Failover = "failover",
        /// Volumes.
        Storage = "storage",
        /// Cluster DNS.
        Dns = "dns",
        /// Backups.
        Recovery = "recovery",
        /// Monitoring and policy engines.
        Tools = "tools",
    }
}

word! {
    /// How bad a finding is (rules.md 1.2). Ordered: `Low < Critical`.
    pub enum Severity {
        /// Information.
        Low = "low",
        /// Recovery is slower, weaker or depends on luck.
        Medium = "medium",
        /// One ordinary fault stops a workload or blocks maintenance.
        High = "high",
        /// One ordinary fault stops the cluster, blocks recovery, or loses data.
        Critical = "critical",
    }
}

impl Severity {
    /// One step lower; `Low` stays.
    #[must_use]
    pub fn lowered(self) -> Self {
        match self {
            Self::Critical => Self::High,
            Self::High => Self::Medium,
            Self::Medium | Self::Low => Self::Low,
        }
    }
}

word! {
    /// How much a rule must see (rules.md 1.2).
    pub enum Class {
        /// One object.
        A = "A",
        /// Objects of one namespace or bundle.
        B = "B",
        /// A cluster.
        C = "C",
        /// A simulation.
        X = "X",
        /// One object gives a verdict, a bundle a better one.
        AB = "A/B",
        /// One object gives a verdict, a cluster a better one.
        AC = "A/C",
        /// A bundle gives a verdict, a cluster a better one.
        BC = "B/C",
        /// A cluster gives a verdict, a simulation a better one.
        CX = "C/X",
    }
}

/// What a rule sees: nothing else exists for it.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The cluster.
    pub snapshot: &'a Snapshot,
    /// What the user configured.
    pub settings: &'a Settings,
    /// What simulated failures do; empty when nothing was simulated.
    pub impacts: &'a [Impact],
}

/// One named check.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name: it states the problem, in kebab case, and never changes.
    pub name: &'static str,
    /// Its documentation in Markdown; empty inside a Wasm module, where it stands in the `ha:rules` section.
    pub doc: &'static str,
    /// What it is about.
    pub area: Area,
    /// The worst it reports.
    pub severity: Severity,
    /// How much it must see.
    pub class: Class,
    /// What it reads. An unread kind among these makes its verdicts unknown.
    pub needs: &'static [ResourceKind],
    /// The first version that had it.
    pub since: &'static str,
    /// The check itself.
    pub check: fn(&Input, &mut Findings),
}

/// What the `ha:rules` section says about one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleInfo {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub area: Area,
    /// The worst it reports.
    pub severity: Severity,
    /// How much it must see.
    pub class: Class,
    /// What it reads.
    #[serde(default)]
    pub needs: Vec<ResourceKind>,
    /// The first version that had it.
    #[serde(default)]
    pub since: String,
    /// Its documentation in Markdown.
    #[serde(default)]
    pub doc: String,
}

impl RuleInfo {
    /// The first sentence of the documentation: what the rule finds.
    pub fn summary(&self) -> &str {
        self.doc.trim().lines().next().unwrap_or("").trim()
    }
}

impl From<&Rule> for RuleInfo {
    fn from(rule: &Rule) -> Self {
        Self {
            name: rule.name.into(),
            area: rule.area,
            severity: rule.severity,
            class: rule.class,
            needs: rule.needs.to_vec(),
            since: rule.since.into(),
            doc: rule.doc.into(),
        }
    }
}

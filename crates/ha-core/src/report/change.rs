//! What a change does to survivability: the same scenarios without and with it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::ObjectReference;
use super::pairs::{BrokenByPairs, PairEnds, Pairs};
use super::simulation::{Simulation, WorkloadOutcome};
use crate::arithmetic::size;
use crate::impact::InstantVerdict;

/// A change that was laid over the cluster before anything failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What holds it, as it was named.
    pub source: String,
    /// Objects that took the place of others.
    pub replaced: Vec<ObjectReference>,
    /// Objects that were not there.
    pub added: Vec<ObjectReference>,
    /// Pods that keep their node and get the new template.
    pub pods_updated: u32,
    /// Pods that the scheduler placed anew, since the new template asks for other places.
    pub pods_moved: u32,
    /// Pods that come.
    pub pods_created: u32,
    /// Pods that go.
    pub pods_removed: u32,
    /// Pods that have no node once the change has come to rest, those of before included.
    pub pending: Vec<ObjectReference>,
    /// Where a workload fares otherwise with the change: what stands otherwise right after first, then what is worse.
    pub differences: Vec<Difference>,
    /// What pairs of nodes come to otherwise; null unless pairs were simulated.
    pub pairs: Option<PairsChange>,
}

/// What a change does to the losses of pairs of nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PairsChange {
    /// Without the change: how many pairs there are.
    pub pairs: u64,
    /// Without the change: how many of them break something right after.
    pub broken_at_once: u64,
    /// Without the change: how they end.
    pub recovered: PairEnds,
    /// What another number of nodes or pairs breaks with the change, what is worse first.
    pub differences: Vec<PairsDifference>,
}

/// What the losses of one node or two do to one workload or part of the cluster, without and with the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PairsDifference {
    /// The workload, or the object of a part of the cluster itself.
    pub object: ObjectReference,
    /// What the part of the cluster is; null for a workload.
    pub part: Option<String>,
    /// Without the change; null when no pair breaks it.
    pub before: Option<PairsStanding>,
    /// With the change; null when no pair breaks it.
    pub after: Option<PairsStanding>,
}

/// How easily something breaks. What breaks at one node's loss is worse than what takes two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PairsStanding {
    /// How many nodes break it alone.
    pub nodes_alone: u32,
    /// How many pairs break it of which neither node does so alone.
    pub pairs: u64,
    /// How it stands after the worst pair.
    pub verdict: InstantVerdict,
}

impl PairsStanding {
    fn of(broken: &BrokenByPairs) -> Self {
        Self { nodes_alone: broken.nodes_alone, pairs: broken.pairs, verdict: broken.verdict }
    }
}

impl PairsDifference {
    /// Whether the change makes it break more easily.
    pub fn is_worse(&self) -> bool {
        self.after > self.before
    }
}

impl PairsChange {
    /// Compares what pairs come to without a change and with it.
    pub fn between(before: &Pairs, after: &Pairs) -> Self {
        let mut all: BTreeMap<(&ObjectReference, Option<&str>), [Option<PairsStanding>; 2]> = BTreeMap::new();
        for (place, list) in [&before.broken, &after.broken].into_iter().enumerate() {
            for broken in list {
                let standings = all.entry((&broken.object, broken.part.as_deref())).or_default();
                standings[place] = Some(PairsStanding::of(broken));
            }
        }
        let differences = all.into_iter().filter(|(_, [before, after])| before != after);
        let mut differences: Vec<PairsDifference> = differences
            .map(|((object, part), [before, after])| PairsDifference {
                object: object.clone(),
                part: part.map(Into::into),
                before,
                after,
            })
            .collect();
        differences.sort_by_key(|difference| !difference.is_worse());
        let Pairs { pairs, broken_at_once, recovered, .. } = *before;
        Self { pairs, broken_at_once, recovered, differences }
    }
}

/// One workload in one scenario, without and with the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The workload.
    pub object: ObjectReference,
    /// The scenario.
    pub scenario: String,
    /// Without the change; null when the scenario did not touch it, or it was not there.
    pub before: Option<Standing>,
    /// With the change; null when the scenario does not touch it, or it is gone.
    pub after: Option<Standing>,
}

/// How a workload stands in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Right after.
    pub verdict: InstantVerdict,
    /// Ready right after.
    pub ready: u32,
    /// Ready before the failure.
    pub of: u32,
    /// Pods without a place in the end, those not created among them.
    pub missing: u32,
    /// The same in the worst end seen.
    pub missing_at_worst: u32,
    /// Pods that never leave a dead node unaided.
    pub stuck: u32,
}

impl Standing {
    fn of(outcome: &WorkloadOutcome) -> Self {
        let recovered = &outcome.recovered;
        Self {
            verdict: outcome.instant.verdict,
            ready: outcome.instant.ready,
            of: outcome.before,
            missing: recovered.missing(),
            missing_at_worst: recovered.worst.missing(),
            stuck: size(outcome.stuck_until_forced.len()),
        }
    }

    /// By what a difference is told: how it stands, and what is missing at worst; not how many are ready.
    fn rank(&self) -> (InstantVerdict, u32, u32) {
        (self.verdict, self.missing_at_worst.max(self.missing), self.stuck)
    }

    /// Whether this is worse than `other`: right after first, then in the end.
    pub fn is_worse_than(&self, other: &Self) -> bool {
        self.rank() > other.rank()
    }
}

impl Difference {
    /// Whether the change makes it worse here.
    pub fn is_worse(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => after.is_worse_than(before),
            (None, Some(after)) => after.rank() > (InstantVerdict::Holds, 0, 0),
            _ => false,
        }
    }
}

/// Where a workload fares otherwise. Both reports tell of the same scenarios.
pub fn differences(before: &Simulation, after: &Simulation) -> Vec<Difference> {
    let mut differences = Vec::new();
    for scenario in &after.scenarios {
        let Some(old) = before.scenarios.iter().find(|old| old.name == scenario.name) else {
            continue;
        };
        let standing = |outcomes: &[WorkloadOutcome], object: &ObjectReference| {
            outcomes.iter().find(|outcome| outcome.object == *object).map(Standing::of)
        };
        let mut objects: Vec<&ObjectReference> =
            old.workloads.iter().chain(&scenario.workloads).map(|outcome| &outcome.object).collect();
        objects.sort();
        objects.dedup();
        for object in objects {
            let (before, after) = (standing(&old.workloads, object), standing(&scenario.workloads, object));
            let rank = |standing: Option<Standing>| standing.map_or((InstantVerdict::Holds, 0, 0), |s| s.rank());
            if rank(before) != rank(after) {
                let scenario = scenario.name.clone();
                differences.push(Difference { object: object.clone(), scenario, before, after });
            }
        }
    }
    let verdict = |standing: &Option<Standing>| standing.map_or(InstantVerdict::Holds, |standing| standing.verdict);
    differences.sort_by_cached_key(|difference: &Difference| {
        let same = verdict(&difference.before) == verdict(&difference.after);
        (same, !difference.is_worse(), difference.object.clone(), difference.scenario.clone())
    });
    differences
}

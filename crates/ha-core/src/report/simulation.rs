//! The report of a simulation: what JSON promises of it, and what every format shows.
//!
//! [`simulation`] turns impacts into names. Pure, like the report of a check; the impacts come from `ha-sim`.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::assemble::{report_gap, source};
use super::autoscaler::Autoscaled;
use super::change::Change;
use super::headroom::Headroom;
use super::pairs::Pairs;
use super::rollout::Rollout;
use super::upgrade::Upgrade;
use super::{API_VERSION, ObjectReference, ReportGap, ReportSource};
use crate::impact::{
    Certainty, Disruption, DisruptionKind, Impact, InstantVerdict, PendingReason, PodCounts, RecoveryTerm,
    WorkloadImpact, bounds,
};
use crate::remedy::remedy;
use crate::snapshot::{PodId, Snapshot, WorkloadId, WorkloadKind};

/// What disruptions do to the workloads of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Simulation {
    /// `kubectl-ha/v1alpha1`.
    pub api_version: String,
    /// `Simulation`.
    pub kind: String,
    /// What was simulated on.
    pub source: ReportSource,
    /// One per disruption, the worst first: those that stop something of the cluster itself before others.
    pub scenarios: Vec<Scenario>,
    /// Where Ctrl-C ended the simulation early: how much of it is told here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<Interrupted>,
    /// What an autoscaler of nodes would do after the one scenario there is; all else is told without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<Autoscaled>,
    /// The rollout that was simulated, during the one scenario there is, or while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// Every pair of nodes, aggregated; then there are no scenarios.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs: Option<Pairs>,
    /// What it takes so that no single loss leaves a pod Pending; then there are no scenarios.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headroom: Option<Headroom>,
    /// The upgrade that was simulated; then there are no scenarios.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
    /// The change that was laid over the cluster first, and what it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// What each workload survives, as far as these scenarios tell; the most fragile first, and those together that the
    /// same failure breaks.
    pub survival: Vec<Survival>,
    /// What could not be read.
    pub gaps: Vec<ReportGap>,
}

/// How far a simulation came before it was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interrupted {
    /// How many scenarios were simulated whole. Only these are told, also of what workloads survive.
    pub done: u32,
    /// Of how many.
    pub of: u32,
}

/// What a workload survives of the scenarios that were simulated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Survival {
    /// The workload.
    pub object: ObjectReference,
    /// What it survives.
    pub survives: Survives,
    /// The scenario with the fewest nodes in which it has less than it needs, or a zone and a node of another one that
    /// break it together; null when there is none.
    pub smallest_failure: Option<String>,
}

/// What a workload survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Survives {
    /// Not even the loss of one node.
    #[serde(rename = "nothing")]
    Nothing,
    /// The loss of one node; that of more breaks it.
    #[serde(rename = "1 node")]
    Node,
    /// The loss of any zone or node, where every one was tried; a zone and a node of another one break it together.
    #[serde(rename = "1 zone")]
    Zone,
    /// Also the loss of both together.
    #[serde(rename = "1 zone + 1 node")]
    ZoneAndNode,
    /// Every scenario that was tried, where not every zone and node was.
    #[serde(rename = "all of these")]
    AllOfThese,
}

impl Survives {
    /// As it is written in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Node => "1 node",
            Self::Zone => "1 zone",
            Self::ZoneAndNode => "1 zone + 1 node",
            Self::AllOfThese => "all of these",
        }
    }
}

/// One disruption, and what it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Scenario {
    /// Its name, such as `zone/eu-1b`.
    pub name: String,
    /// What happens.
    pub disruption: ScenarioDisruption,
    /// The workloads that it touches, the worst off first.
    pub workloads: Vec<WorkloadOutcome>,
    /// Evictions that are still refused at the end. A pod that a loss brought to the drained node bears the name of the
    /// one that it replaced.
    pub refused_evictions: Vec<Refusal>,
    /// Pods that preemption removed.
    pub preempted: Vec<ObjectReference>,
    /// What the cluster itself loses.
    pub cluster: Vec<ClusterOutcome>,
}

/// What happens in a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ScenarioDisruption {
    /// `loss`, `drain`, `upgrade` or `rollout`.
    pub kind: String,
    /// Of a loss: `unreachable` (the nodes stay in the API) or `removed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Of a rollout: what gets a new revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<ObjectReference>,
    /// The nodes concerned, by name.
    pub nodes: Vec<String>,
    /// Of a drain: what is lost meanwhile, such as `zone/eu-1b`; `mode` is that of this loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<String>,
    /// The nodes that are lost meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
}

/// What a disruption does to one workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkloadOutcome {
    /// The workload.
    pub object: ObjectReference,
    /// Replicas wanted.
    pub desired: u32,
    /// Ready before.
    pub before: u32,
    /// Right after the disruption.
    pub instant: Instant,
    /// Once every pod object on lost nodes is gone.
    pub recovered: Recovered,
    /// Pods that never leave a dead node unaided.
    pub stuck_until_forced: Vec<ObjectReference>,
    /// How long it takes until the workload has again what it needs.
    pub seconds: Seconds,
}

/// How a workload stands right after a disruption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Instant {
    /// Ready pods that survive.
    pub ready: u32,
    /// How many it needs.
    pub needed: u32,
    /// `holds`, `below-minimum`, `below-quorum` or `down`.
    pub verdict: InstantVerdict,
    /// Services left without a ready endpoint.
    pub services_down: Vec<ObjectReference>,
}

/// Where the pods of a workload end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Recovered {
    /// On a node.
    pub scheduled: u32,
    /// Without a node, those included that were so before.
    pub pending: u32,
    /// Not created, since an earlier one is not ready (OrderedReady).
    pub not_created: u32,
    /// Whether this holds for every order and tie of the scheduler.
    pub certainty: Certainty,
    /// The best end seen.
    pub best: Counts,
    /// The worst end seen.
    pub worst: Counts,
    /// Why pods are Pending, in the scheduler's words; of the worst end where the one told has a place for all.
    pub reasons: Vec<Reason>,
    /// What may be done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
}

/// What may be done about pods that are Pending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fix {
    /// The change, in words.
    pub change: String,
    /// What the same scenario comes to with it, where that was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<Proof>,
}

/// What a scenario comes to with a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Proof {
    /// How many pods have a node, in the worst end seen.
    pub scheduled: u32,
    /// Of how many.
    pub of: u32,
    /// Whether this holds for every order and tie of the scheduler.
    pub certainty: Certainty,
}

/// How many pods of a workload ended where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// On a node.
    pub scheduled: u32,
    /// Without a node.
    pub pending: u32,
    /// Not created.
    pub not_created: u32,
}

/// Why pods are Pending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reason {
    /// `0/9 nodes are available: …`.
    pub message: String,
    /// The pods of which this is true.
    pub pods: u32,
    /// How many nodes each plugin refused, by the plugin's name.
    pub nodes: BTreeMap<String, u32>,
    /// The plugins that refused nodes.
    pub plugins: Vec<String>,
}

/// A time with its terms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Seconds {
    /// At least.
    pub min: u32,
    /// At most; null where nothing bounds it.
    pub max: Option<u32>,
    /// What takes the time, one after the other.
    pub terms: Vec<Term>,
}

/// One term of a time, in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Term {
    /// What takes the time.
    pub what: String,
    /// At least.
    pub min: u32,
    /// At most; null where nothing bounds it.
    pub max: Option<u32>,
}

/// An eviction that budgets refuse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refusal {
    /// The pod.
    pub pod: ObjectReference,
    /// The budgets that guard it.
    pub budgets: Vec<ObjectReference>,
    /// The eviction API's words.
    pub message: String,
}

/// Something that the cluster itself loses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClusterOutcome {
    /// The object concerned.
    pub object: ObjectReference,
    /// Whether it no longer does its work, instead of being only weakened.
    pub down: bool,
    /// What is lost, in words.
    pub message: String,
}

/// The report on impacts.
pub fn simulation(snapshot: &Snapshot, impacts: &[Impact]) -> Simulation {
    let mut scenarios: Vec<Scenario> = impacts.iter().map(|impact| scenario(snapshot, impact)).collect();
    scenarios
        .sort_by_cached_key(|scenario| (Reverse((scenario.cluster_down(), scenario.damage())), scenario.name.clone()));
    Simulation {
        api_version: API_VERSION.into(),
        kind: "Simulation".into(),
        source: source(snapshot),
        interrupted: None,
        autoscaler: None,
        rollout: None,
        pairs: None,
        headroom: None,
        upgrade: None,
        change: None,
        survival: survival(&scenarios),
        scenarios,
        gaps: snapshot.gaps.iter().map(|gap| report_gap(snapshot, gap)).collect(),
    }
}

/// The report on the impact of a drain while nodes are lost.
pub fn simulation_during(snapshot: &Snapshot, impact: &Impact, loss: &Disruption) -> Simulation {
    let mut report = simulation(snapshot, core::slice::from_ref(impact));
    for scenario in &mut report.scenarios {
        scenario.disruption.mode = disruption(snapshot, loss).mode;
        scenario.disruption.during = Some(loss.name.clone());
        scenario.disruption.lost = node_names(snapshot, loss);
    }
    report
}

impl Simulation {
    /// Where every zone and every node was tried: tells of workloads that none of them breaks whether a zone and a node
    /// of another one do together. `breaker` names the two, such as `zone/eu-1b + node/a1`.
    pub fn tell_of_zone_and_node(&mut self, breaker: impl Fn(&ObjectReference) -> Option<String>) {
        let first = self.survival.partition_point(|survival| survival.smallest_failure.is_some());
        let whole = &mut self.survival[first..];
        for survival in &mut *whole {
            survival.smallest_failure = breaker(&survival.object);
            let is_broken = survival.smallest_failure.is_some();
            survival.survives = if is_broken { Survives::Zone } else { Survives::ZoneAndNode };
        }
        whole.sort_by_key(|survival| (survival.smallest_failure.is_none(), survival.smallest_failure.clone()));
    }
}

impl Scenario {
    /// What the cluster itself can no longer do.
    pub fn cluster_down(&self) -> usize {
        self.cluster.iter().filter(|outcome| outcome.down).count()
    }

    /// How much it breaks: workloads that are down, then those below what they need, then pods without a place, then
    /// refused evictions.
    pub fn damage(&self) -> (usize, usize, u32, usize) {
        let of = |verdict| self.workloads.iter().filter(|outcome| outcome.instant.verdict == verdict).count();
        let below = of(InstantVerdict::BelowQuorum) + of(InstantVerdict::BelowMinimum);
        (of(InstantVerdict::Down), below, self.missing(), self.refused_evictions.len())
    }

    /// Pods that end without a place, those not created among them.
    pub fn missing(&self) -> u32 {
        self.workloads.iter().fold(0, |sum: u32, outcome| sum.saturating_add(outcome.recovered.missing()))
    }

    fn is_loss(&self) -> bool {
        self.disruption.kind == "loss"
    }
}

impl Recovered {
    /// Pods without a place, those not created among them.
    pub fn missing(&self) -> u32 {
        self.pending.saturating_add(self.not_created)
    }
}

impl Counts {
    /// Pods without a place, those not created among them.
    pub fn missing(&self) -> u32 {
        self.pending.saturating_add(self.not_created)
    }
}

impl WorkloadOutcome {
    /// Whether the workload keeps what it needs and gets all its pods back.
    pub fn is_fine(&self) -> bool {
        self.instant.verdict == InstantVerdict::Holds
            && self.recovered.missing() == 0
            && self.recovered.worst.missing() == 0
            && self.stuck_until_forced.is_empty()
    }
}

/// What each workload survives that some loss touches, the most fragile first.
fn survival(scenarios: &[Scenario]) -> Vec<Survival> {
    let mut smallest: BTreeMap<&ObjectReference, Option<(usize, &str)>> = BTreeMap::new();
    for scenario in scenarios.iter().filter(|scenario| scenario.is_loss()) {
        for outcome in &scenario.workloads {
            let known = smallest.entry(&outcome.object).or_default();
            if outcome.instant.verdict != InstantVerdict::Holds {
                let failure = (scenario.disruption.nodes.len(), scenario.name.as_str());
                *known = Some(known.map_or(failure, |known| known.min(failure)));
            }
        }
    }
    let entry = |(object, failure): (&ObjectReference, Option<(usize, &str)>)| Survival {
        object: object.clone(),
        survives: match failure {
            None => Survives::AllOfThese,
            Some((1, _)) => Survives::Nothing,
            Some(_) => Survives::Node,
        },
        smallest_failure: failure.map(|(_, name)| name.into()),
    };
    let mut order: Vec<_> = smallest.into_iter().collect();
    // What breaks together stands together.
    order.sort_by_key(|(_, failure)| failure.unwrap_or((usize::MAX, "")));
    order.into_iter().map(entry).collect()
}

fn scenario(snapshot: &Snapshot, impact: &Impact) -> Scenario {
    let reference = |id| ObjectReference::of(snapshot, id);
    let pod = |id: PodId| reference(snapshot.pod(id).object);
    // A static pod is a part of its node: that it goes with the node says nothing.
    let told = |outcome: &&WorkloadImpact| snapshot.workload(outcome.workload).kind != WorkloadKind::StaticPod;
    let outcome = |told: &WorkloadImpact| (told.badness(), workload_outcome(snapshot, &impact.disruption, told));
    let mut workloads: Vec<_> = impact.workloads.iter().filter(told).map(outcome).collect();
    workloads.sort_by(|(one, a), (other, b)| other.cmp(one).then_with(|| a.object.cmp(&b.object)));
    Scenario {
        name: impact.disruption.name.clone(),
        disruption: disruption(snapshot, &impact.disruption),
        workloads: workloads.into_iter().map(|(_, outcome)| outcome).collect(),
        refused_evictions: impact
            .refused_evictions
            .iter()
            .map(|refused| Refusal {
                pod: pod(refused.pod),
                budgets: refused.budgets.iter().map(|&id| reference(snapshot.budget(id).object)).collect(),
                message: refused.message.clone(),
            })
            .collect(),
        preempted: impact.preempted.iter().map(|&id| pod(id)).collect(),
        cluster: impact
            .cluster
            .iter()
            .map(|loss| ClusterOutcome {
                object: reference(loss.object),
                down: loss.down,
                message: loss.message.clone(),
            })
            .collect(),
    }
}

fn disruption(snapshot: &Snapshot, disruption: &Disruption) -> ScenarioDisruption {
    let workload = |id: WorkloadId| ObjectReference::of(snapshot, snapshot.workload(id).object);
    let (kind, mode, workload) = match disruption.kind {
        DisruptionKind::Loss(mode) => ("loss", Some(mode.to_string()), None),
        DisruptionKind::Drain => ("drain", None, None),
        DisruptionKind::Upgrade => ("upgrade", None, None),
        DisruptionKind::Rollout(id) => ("rollout", None, Some(workload(id))),
    };
    let nodes = node_names(snapshot, disruption);
    ScenarioDisruption { kind: kind.into(), mode, workload, nodes, during: None, lost: Vec::new() }
}

fn node_names(snapshot: &Snapshot, disruption: &Disruption) -> Vec<String> {
    disruption.nodes.iter().map(|&id| ObjectReference::of(snapshot, snapshot.node(id).object).name).collect()
}

fn workload_outcome(snapshot: &Snapshot, disruption: &Disruption, impact: &WorkloadImpact) -> WorkloadOutcome {
    let reference = |id| ObjectReference::of(snapshot, id);
    let fix = remedy(snapshot, disruption, impact).map(|change| Fix { change, proven: None });
    WorkloadOutcome {
        object: reference(snapshot.workload(impact.workload).object),
        desired: impact.desired,
        before: impact.before,
        instant: Instant {
            ready: impact.ready,
            needed: impact.needed,
            verdict: impact.instant,
            services_down: impact.services_down.iter().map(|&id| reference(snapshot.service(id).object)).collect(),
        },
        recovered: Recovered {
            scheduled: impact.recovered.scheduled,
            pending: impact.recovered.pending,
            not_created: impact.recovered.not_created,
            certainty: impact.certainty,
            best: impact.best.into(),
            worst: impact.worst.into(),
            reasons: impact.reasons.iter().map(Reason::from).collect(),
            fix,
        },
        stuck_until_forced: impact.stuck_until_forced.iter().map(|&id| reference(snapshot.pod(id).object)).collect(),
        seconds: seconds(&impact.recovery),
    }
}

/// The terms follow one another, so that the times add up; one term without bound leaves the sum without.
fn seconds(terms: &[RecoveryTerm]) -> Seconds {
    let (min, max) = bounds(terms);
    Seconds {
        min,
        max,
        terms: terms.iter().map(|term| Term { what: term.what.clone(), min: term.min, max: term.max }).collect(),
    }
}

impl From<PodCounts> for Counts {
    fn from(counts: PodCounts) -> Self {
        Self { scheduled: counts.scheduled, pending: counts.pending, not_created: counts.not_created }
    }
}

impl From<&PendingReason> for Reason {
    fn from(reason: &PendingReason) -> Self {
        let mut nodes: BTreeMap<String, u32> = BTreeMap::new();
        for refusals in &reason.plugins {
            *nodes.entry(refusals.plugin.clone()).or_default() += refusals.nodes;
        }
        let plugins = nodes.keys().cloned().collect();
        Self { message: reason.message.clone(), pods: reason.pods, nodes, plugins }
    }
}

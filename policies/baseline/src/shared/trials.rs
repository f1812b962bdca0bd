//! What simulated losses say about findings on where replicas are (rules.md 1.10): they confirm or lower them.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::impact::{Certainty, Impact, InstantVerdict};
use ha_sdk::snapshot::{ResourceKind, WorkloadId};
use ha_sdk::text::Text;
use ha_sdk::{Finding, Input};

use crate::shared::stranded::{Before, node_losses, zone_losses};

/// What the losses of all nodes, or of all zones, do to each workload.
pub(crate) struct Trials<'i> {
    /// `node` or `zone`.
    kind: &'static str,
    workloads: Vec<Trial<'i>>,
}

/// What all losses of a kind do to one workload.
#[derive(Clone, Copy, Default)]
struct Trial<'i> {
    /// Whether one of them takes a pod of it.
    tried: bool,
    /// The first loss right after which it has less than it needs.
    broken_by: Option<&'i str>,
    /// Whether pods stay without a node after some loss, or the simulation cannot tell.
    comes_back_weaker: bool,
}

/// What the simulation says about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<'i> {
    /// This loss proves it.
    Confirmed(&'i str),
    /// No loss does harm, and all pods come back.
    Refuted,
    /// It says nothing.
    Open,
}

impl<'i> Trials<'i> {
    /// The losses of single nodes.
    pub(crate) fn of_nodes(input: &Input<'i>) -> Self {
        Self::of(input, "node", node_losses(input.impacts))
    }

    /// The losses of zones, in both modes.
    pub(crate) fn of_zones(input: &Input<'i>) -> Self {
        Self::of(input, "zone", zone_losses(input.impacts))
    }

    /// One pass over the impacts. Where nodes or pods were not all read, they prove nothing.
    fn of(input: &Input<'i>, kind: &'static str, losses: impl Iterator<Item = &'i Impact>) -> Self {
        let snapshot = input.snapshot;
        let mut workloads = vec![Trial::default(); snapshot.workloads.len()];
        let all_read = snapshot.first_missing(&[ResourceKind::Node, ResourceKind::Pod], Text::default()).is_none();
        let before = Before::of(snapshot);
        for impact in losses.filter(|_| all_read) {
            for workload in &impact.workloads {
                let trial = &mut workloads[workload.workload.position()];
                let takes_pods = workload.ready < workload.before;
                trial.tried |= takes_pods;
                if takes_pods && workload.instant != InstantVerdict::Holds {
                    trial.broken_by.get_or_insert(&impact.disruption.name);
                }
                let strands = before.strands(workload);
                trial.comes_back_weaker |= strands || workload.certainty == Certainty::Unknown;
            }
        }
        Self { kind, workloads }
    }

    /// What they say about a finding that one loss of this kind takes too many replicas of the workload.
    pub(crate) fn outcome(&self, id: WorkloadId) -> Outcome<'i> {
        match self.workloads[id.position()] {
            Trial { broken_by: Some(loss), .. } => Outcome::Confirmed(loss),
            Trial { tried: true, comes_back_weaker: false, .. } => Outcome::Refuted,
            _ => Outcome::Open,
        }
    }

    /// Names the loss that proves the finding. Where none does harm now, it is one step lower and says so.
    pub(crate) fn weigh(&self, id: WorkloadId, finding: &mut Finding) {
        match self.outcome(id) {
            Outcome::Confirmed(loss) => drop(finding.confirmed_by(loss)),
            Outcome::Refuted => {
                let lowered = finding.severity.lowered();
                let reason = format!("{}; as they are placed now, {}", finding.reason, self.harmless());
                finding.severity(lowered).leads_to(reason);
            }
            Outcome::Open => {}
        }
    }

    /// That no loss does harm, in words.
    pub(crate) fn harmless(&self) -> alloc::string::String {
        format!("no loss of one {} brings it below its need, and its pods come back", self.kind)
    }
}

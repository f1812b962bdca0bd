//! Disruptions, and what they do. `ha-sim` computes impacts; policies only judge them.

use alloc::string::String;
use alloc::vec::Vec;

use crate::snapshot::{BudgetId, NodeId, ObjectId, PodId, ServiceId, WorkloadId};
use crate::wire::{choice, record, word};

word! {
    /// Whether lost nodes stay in the API: topology spread sees the two differently.
    pub enum LossMode {
        /// They stay, tainted, as after a power cut.
        Unreachable = "unreachable",
        /// The Node objects are gone.
        Removed = "removed",
    }
}

choice! {
    /// What happens.
    pub enum DisruptionKind {
        /// Involuntary: nodes are lost.
        Loss(LossMode) = "loss",
        /// Voluntary: nodes are cordoned and their pods evicted under budgets.
        Drain = "drain",
        /// Voluntary: nodes are drained, replaced and uncordoned one after another.
        Upgrade = "upgrade",
        /// Voluntary: a workload gets a new revision.
        Rollout(WorkloadId) = "rollout",
    }
}

impl Default for DisruptionKind {
    fn default() -> Self {
        Self::Loss(LossMode::Unreachable)
    }
}

record! {
    /// One disruption of a cluster, voluntary or involuntary.
    pub struct Disruption {
        /// Its name, such as `zone/eu-1b`.
        pub name: String,
        /// What happens.
        pub kind: DisruptionKind,
        /// To which nodes; of an upgrade those that it gets done, in that order.
        pub nodes: Vec<NodeId>,
    }
}

impl Disruption {
    /// Whether a whole zone is lost, which may have one node only: its name says so.
    pub fn is_of_zone(&self) -> bool {
        self.name.starts_with("zone/")
    }
}

word! {
    /// How a workload stands right after a disruption.
    pub enum InstantVerdict {
        /// It has what it needs.
        Holds = "holds",
        /// Fewer than needed are ready.
        BelowMinimum = "below-minimum",
        /// Fewer than a quorum are ready.
        BelowQuorum = "below-quorum",
        /// None is ready.
        Down = "down",
    }
}

word! {
    /// Whether an outcome holds for every order and tie of the scheduler.
    pub enum Certainty {
        /// It holds for all of them.
        Certain = "certain",
        /// It was seen, others are possible.
        Possible = "possible",
        /// It cannot be told.
        Unknown = "unknown",
    }
}

record! {
    /// How many pods of a workload ended where.
    #[derive(Copy)]
    pub struct PodCounts {
        /// On a node.
        pub scheduled: u32,
        /// Without a node.
        pub pending: u32,
        /// Not created yet (OrderedReady).
        pub not_created as "not-created": u32,
    }
}

impl PodCounts {
    /// Pods without a place, those not created among them.
    pub fn missing(&self) -> u32 {
        self.pending.saturating_add(self.not_created)
    }
}

record! {
    /// Why pods are Pending, in the scheduler's words.
    pub struct PendingReason {
        /// `0/9 nodes are available: …`.
        pub message: String,
        /// The pods of which this is true.
        pub pods: u32,
        /// Per plugin: its name and how many nodes it refused.
        pub plugins: Vec<PluginRefusals>,
    }
}

record! {
    /// How many nodes one scheduler plugin refused.
    pub struct PluginRefusals {
        /// The plugin's name, such as `PodTopologySpread`.
        pub plugin: String,
        /// The nodes.
        pub nodes: u32,
    }
}

record! {
    /// One term of a time to recover, in seconds.
    pub struct RecoveryTerm {
        /// What takes the time.
        pub what: String,
        /// How long at least.
        pub min: u32,
        /// How long at most; none when nothing bounds it.
        pub max: Option<u32>,
    }
}

/// How long all terms take together, one after the other: at least and at most, in seconds. None when nothing bounds it.
pub fn bounds(terms: &[RecoveryTerm]) -> (u32, Option<u32>) {
    let min = terms.iter().fold(0, |sum: u32, term| sum.saturating_add(term.min));
    (min, terms.iter().try_fold(0, |sum: u32, term| Some(sum.saturating_add(term.max?))))
}

record! {
    /// What a disruption does to one workload.
    pub struct WorkloadImpact {
        /// The workload.
        pub workload: WorkloadId,
        /// Replicas wanted.
        pub desired: u32,
        /// Ready before.
        pub before: u32,
        /// Ready right after.
        pub ready: u32,
        /// Needed (rules.md 1.4).
        pub needed: u32,
        /// How it stands right after.
        pub instant: InstantVerdict,
        /// Services left without a ready endpoint.
        pub services_down as "services-down": Vec<ServiceId>,
        /// Where its pods end.
        pub recovered: PodCounts,
        /// Whether that holds for every order and tie.
        pub certainty: Certainty,
        /// The best seen.
        pub best: PodCounts,
        /// The worst seen.
        pub worst: PodCounts,
        /// Why pods are Pending; of the worst end where the one told has a place for all.
        pub reasons: Vec<PendingReason>,
        /// Pods that never leave a dead node unaided.
        pub stuck_until_forced as "stuck-until-forced": Vec<PodId>,
        /// The time to recover, term by term.
        pub recovery: Vec<RecoveryTerm>,
    }
}

impl WorkloadImpact {
    /// The one of that workload among all of a disruption, which are sorted by workload.
    pub fn of(all: &[Self], workload: WorkloadId) -> Option<&Self> {
        all.binary_search_by_key(&workload, |impact| impact.workload).ok().map(|position| &all[position])
    }

    /// How badly off it is, to compare: right after first, then the pods that end without a place, then those that fail.
    pub fn badness(&self) -> (InstantVerdict, u32, u32) {
        (self.instant, self.worst.missing(), self.before.saturating_sub(self.ready))
    }
}

record! {
    /// An eviction that budgets refuse.
    pub struct RefusedEviction {
        /// The pod.
        pub pod: PodId,
        /// The budgets.
        pub budgets: Vec<BudgetId>,
        /// The eviction API's words.
        pub message: String,
    }
}

record! {
    /// What one disruption does.
    pub struct Impact {
        /// The disruption.
        pub disruption: Disruption,
        /// Workloads that it touches.
        pub workloads: Vec<WorkloadImpact>,
        /// Evictions refused at the end.
        pub refused_evictions as "refused-evictions": Vec<RefusedEviction>,
        /// Pods that preemption removed.
        pub preempted: Vec<PodId>,
        /// What the cluster itself loses, in words: quorum, DNS, admission webhooks.
        pub cluster: Vec<ClusterLoss>,
    }
}

record! {
    /// Something the cluster itself loses.
    pub struct ClusterLoss {
        /// The object concerned.
        pub object: ObjectId,
        /// Whether it no longer does its work, instead of being only weakened.
        pub down: bool,
        /// What is lost, in words.
        pub message: String,
    }
}

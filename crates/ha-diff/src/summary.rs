//! How hard the cases were: what they ended in, and which plugins were the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use crate::answer::Played;

/// The filter plugins of the scheduler's default profile that can reject a pod of the scheduling queue, and the gate
/// before the queue. `NodeName` is not among them: a pod that names its node never enters the queue
/// (`pkg/scheduler/eventhandlers.go`, `addPod`); it is compared pair by pair instead.
pub const PLUGINS: [&str; 12] = [
    "InterPodAffinity",
    "NodeAffinity",
    "NodePorts",
    "NodeResourcesFit",
    "NodeUnschedulable",
    "NodeVolumeLimits",
    "PodTopologySpread",
    "SchedulingGates",
    "TaintToleration",
    "VolumeBinding",
    "VolumeRestrictions",
    "VolumeZone",
];

/// What a number of cases had in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hardness {
    /// How many cases.
    pub cases: usize,
    /// How many ended with Pending pods, in any run.
    pub pending: usize,
    /// How many ended in more than one way.
    pub ambiguous: usize,
    /// In how many a pod was preempted.
    pub preempted: usize,
    /// In how many the failure itself made something Pending.
    pub stranded: usize,
    /// In how many each plugin was named as a reason.
    pub reasons: BTreeMap<String, usize>,
}

impl Hardness {
    /// Counts one more case.
    pub fn add(&mut self, played: &Played) {
        self.cases += 1;
        let any = |test: &dyn Fn(&crate::Outcome) -> bool| usize::from(played.outcomes.iter().any(test));
        self.pending += any(&|outcome| !outcome.pending_pods.is_empty());
        self.preempted += any(&|outcome| !outcome.preempted.is_empty());
        self.stranded += any(&|outcome| {
            outcome.after_retry.iter().any(|(workload, counts)| {
                played.before.get(workload).is_none_or(|before| before.missing() < counts.missing())
            })
        });
        self.ambiguous += usize::from(!played.deterministic);
        let named: BTreeSet<&str> =
            played.outcomes.iter().flat_map(|outcome| &outcome.pending_pods).flat_map(|pod| pod.named()).collect();
        for plugin in named {
            *self.reasons.entry(plugin.to_owned()).or_default() += 1;
        }
    }
}

impl Display for Hardness {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        writeln!(
            formatter,
            "{} cases: {} end with Pending pods, {} strand pods, {} end in several ways, {} preempt",
            self.cases, self.pending, self.stranded, self.ambiguous, self.preempted
        )?;
        for plugin in PLUGINS {
            writeln!(formatter, "{:>8}  {plugin}", self.reasons.get(plugin).copied().unwrap_or(0))?;
        }
        let other = self.reasons.iter().filter(|(plugin, _)| !PLUGINS.contains(&plugin.as_str()));
        other.into_iter().try_for_each(|(plugin, count)| writeln!(formatter, "{count:>8}  {plugin}"))
    }
}

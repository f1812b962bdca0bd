//! Pods that a simulated failure leaves without a node: how many more than before, why, and how to say so.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::arithmetic::size;
use ha_sdk::finding::Missing;
use ha_sdk::impact::{Certainty, DisruptionKind, Impact, InstantVerdict, PodCounts, WorkloadImpact};
use ha_sdk::remedy::{lacks_resources, refusals};
use ha_sdk::snapshot::{Container, ObjectId, PodSpec, ResourceKind, Snapshot, Workload, WorkloadId, WorkloadKind};
use ha_sdk::text::Text;
use ha_sdk::{Finding, Severity};

use crate::shared::autoscaling::may_add_nodes;
use crate::shared::cluster::{not_shown, object_name};
use crate::shared::paths::pod_spec_path;
use crate::shared::places::list;
use crate::shared::risk::blast_radius;

/// Most pods and volumes that are named as taking part.
const SHOWN: usize = 5;

/// The losses of one node each. A zone of one node is not among them.
pub(crate) fn node_losses(impacts: &[Impact]) -> impl Iterator<Item = &Impact> {
    // So the simulation names the loss of a node (`ha_sim::matrix`).
    let is_meant = |impact: &&Impact| impact.disruption.name.starts_with("node/") && impact.disruption.nodes.len() == 1;
    losses(impacts).filter(is_meant)
}

/// The losses of one zone each, in both modes.
pub(crate) fn zone_losses(impacts: &[Impact]) -> impl Iterator<Item = &Impact> {
    losses(impacts).filter(|impact| impact.disruption.is_of_zone() && !impact.disruption.nodes.is_empty())
}

/// The drains of one node each.
pub(crate) fn drains(impacts: &[Impact]) -> impl Iterator<Item = &Impact> {
    let is_drain = |impact: &&Impact| impact.disruption.kind == DisruptionKind::Drain;
    impacts.iter().filter(is_drain).filter(|impact| impact.disruption.nodes.len() == 1)
}

fn losses(impacts: &[Impact]) -> impl Iterator<Item = &Impact> {
    impacts.iter().filter(|impact| matches!(impact.disruption.kind, DisruptionKind::Loss(_)))
}

/// What is lost, without the word before it: `node-b1` of `node/node-b1`.
pub(crate) fn lost_name(impact: &Impact) -> &str {
    let name = impact.disruption.name.as_str();
    name.split_once('/').map_or(name, |(_, name)| name)
}

/// What is lost, and how many others of its kind do the same: `node-b1, or one of 2 other nodes,`.
pub(crate) fn one_of(name: &str, all: u32, kind: &str) -> String {
    match all {
        0 | 1 => name.into(),
        2 => format!("{name}, or one other {kind},"),
        _ => format!("{name}, or one of {} other {kind}s,", all - 1),
    }
}

/// Why it is no fault when a workload lacks pods after a loss.
pub(crate) fn exemption(snapshot: &Snapshot, workload: &Workload) -> Option<&'static str> {
    match workload.kind {
        WorkloadKind::DaemonSet | WorkloadKind::StaticPod => return Some("its pods belong to their nodes"),
        WorkloadKind::BarePod => return Some("nothing creates it again"),
        WorkloadKind::Job | WorkloadKind::CronJob => return Some("it runs to an end"),
        _ if workload.replicas == Some(0) => return Some("it is scaled to 0"),
        _ => {}
    }
    let mut pods = snapshot.pods_of(workload).filter(|pod| !pod.is_finished()).peekable();
    if pods.peek().is_none() {
        return Some("none of its pods exists");
    }
    pods.all(|pod| pod.priority < 0).then_some("its priority is negative: it makes room for others")
}

/// How many pods of each workload have no node before anything happens, those included that are not created.
pub(crate) struct Before(Vec<u32>);

impl Before {
    /// Counts as the simulation does at its end.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let mut counts = vec![PodCounts::default(); snapshot.workloads.len()];
        for pod in snapshot.pods.iter().filter(|pod| !pod.is_finished()) {
            let counts = &mut counts[pod.workload.position()];
            if !pod.node_name.is_empty() {
                counts.scheduled += 1;
            } else if pod.deleted_at.is_none() {
                counts.pending += 1;
            }
        }
        let lacking = |(workload, counts): (&Workload, PodCounts)| {
            counts.pending + workload.desired().saturating_sub(counts.scheduled + counts.pending)
        };
        Self(snapshot.workloads.iter().zip(counts).map(lacking).collect())
    }

    /// The workloads of which a failure leaves more pods without a node than there were.
    pub(crate) fn strandings<'i>(&self, impact: &'i Impact) -> impl Iterator<Item = Stranding<'i>> {
        impact.workloads.iter().filter_map(|workload| self.stranding(impact, workload))
    }

    /// Whether a failure leaves more pods of this workload without a node.
    pub(crate) fn stranding_of<'i>(&self, impact: &'i Impact, id: WorkloadId) -> Option<Stranding<'i>> {
        self.stranding(impact, WorkloadImpact::of(&impact.workloads, id)?)
    }

    /// Whether it may leave pods of the workload without a node.
    pub(crate) fn strands(&self, workload: &WorkloadImpact) -> bool {
        self.stranded(workload).possibly > 0
    }

    fn stranding<'i>(&self, impact: &'i Impact, workload: &'i WorkloadImpact) -> Option<Stranding<'i>> {
        let pods = self.stranded(workload);
        (pods.possibly > 0).then_some(Stranding { impact, workload, pods })
    }

    fn stranded(&self, impact: &WorkloadImpact) -> Stranded {
        let before = self.0.get(impact.workload.position()).copied().unwrap_or(0);
        let more = |counts: PodCounts| counts.missing().saturating_sub(before);
        Stranded { surely: more(impact.best), possibly: more(impact.worst) }
    }
}

/// How many more pods lack a node than before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stranded {
    /// In every order that was tried.
    pub(crate) surely: u32,
    /// In the worst of them.
    pub(crate) possibly: u32,
}

impl Stranded {
    /// The number of every order, or that of the worst.
    pub(crate) fn count(self, surely: bool) -> u32 {
        if surely { self.surely } else { self.possibly }
    }
}

/// A failure that leaves pods of a workload without a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stranding<'i> {
    /// The failure.
    pub(crate) impact: &'i Impact,
    /// What it does to the workload.
    pub(crate) workload: &'i WorkloadImpact,
    /// How many pods it leaves without a node.
    pub(crate) pods: Stranded,
}

impl Stranding<'_> {
    /// What is missing where the simulation cannot tell how the workload comes out.
    pub(crate) fn unknown(&self, snapshot: &Snapshot) -> Option<Missing> {
        if self.workload.certainty == Certainty::Unknown {
            let workload = snapshot.workload(self.workload.workload);
            if workload.kind == WorkloadKind::Custom {
                return Some(ha_sdk::arithmetic::replicas::unresolved_owner(snapshot, workload));
            }
            // A reason that counts no pods says why the scheduler's part is not known.
            let why = self.workload.reasons.iter().find(|reason| reason.pods == 0);
            return Some(not_shown(why.map_or("where its pods come to rest", |reason| &reason.message)));
        }
        let by_volumes = refusals(self.workload).iter().any(|(plugin, _)| is_about_volumes(plugin));
        let kinds = [ResourceKind::PersistentVolumeClaim, ResourceKind::PersistentVolume, ResourceKind::StorageClass];
        by_volumes.then(|| snapshot.first_missing(&kinds, Text::default())).flatten()
    }

    /// `2 of 3 pods Pending`, of every order or of the worst; pods that are not created yet are said apart.
    pub(crate) fn words(&self, surely: bool) -> String {
        let count = self.pods.count(surely);
        let counts = if surely { self.workload.best } else { self.workload.worst };
        let all = self.workload.desired.max(count);
        match counts.not_created.min(count) {
            0 => format!("{count} of {all} pods Pending"),
            later => format!("{count} of {all} pods without a node ({later} not created yet)"),
        }
    }

    /// The scheduler's words about most of the pods, without what it says of every refused pod.
    pub(crate) fn scheduler_words(&self) -> Option<&str> {
        let reason = self.workload.reasons.iter().max_by(|a, b| a.pods.cmp(&b.pods).then(b.message.cmp(&a.message)))?;
        let message = reason.message.as_str();
        Some(message.split_once(". ").map_or(message, |(first, _)| first))
    }
}

/// What is said of every stranding in a cluster.
pub(crate) struct Remarks {
    lower_bound: String,
    may_add_nodes: bool,
}

impl Remarks {
    /// Looks at the cluster once.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let without: Vec<bool> = snapshot.pod_specs.iter().map(requests_nothing).collect();
        let pods = || snapshot.pods.iter().filter(|pod| !pod.is_finished());
        let lower_bound = match size(pods().filter(|pod| without[pod.spec.position()]).count()) {
            0 => String::new(),
            count => format!("; a lower bound, since {count} of {} pods request nothing", pods().count()),
        };
        Self { lower_bound, may_add_nodes: may_add_nodes(snapshot) }
    }

    /// Says what a stranding leads to, lowers it where a node autoscaler may help, and adds what it rests on.
    pub(crate) fn explain(&self, snapshot: &Snapshot, stranding: &Stranding, until: &str, finding: &mut Finding) {
        let workload = snapshot.workload(stranding.workload.workload);
        let why = stranding.scheduler_words().map(|words| format!(": {words}")).unwrap_or_default();
        let victims = victims(snapshot, stranding);
        let names: Vec<&str> = victims.iter().map(|&victim| object_name(snapshot, victim)).collect();
        let evicted =
            if names.is_empty() { String::new() } else { format!("pods of higher priority evict {}; ", list(&names)) };
        let ready = match stranding.workload.instant {
            InstantVerdict::Holds => String::new(),
            _ => format!("{} of {} needed stay ready; ", stranding.workload.ready, stranding.workload.needed),
        };
        let (helped, lower_bound) = (self.helped(), &self.lower_bound);
        finding.leads_to(format!("{ready}{evicted}they wait until {until}{why}{helped}{lower_bound}"));
        finding.related(victims.into_iter().take(SHOWN));
        self.lower(stranding.pods, finding);
        add_evidence(snapshot, stranding, finding);
        finding.fix(remedy(snapshot, stranding));
        finding.related(held_volumes(snapshot, stranding));
        let fault = fault(stranding.impact);
        finding.at_risk(blast_radius(snapshot, [workload], vec![fault]));
        finding.confirmed_by(stranding.impact.disruption.name.clone());
    }

    /// What to add where a node autoscaler is seen: with its new nodes the outcome is another one.
    pub(crate) fn helped(&self) -> &'static str {
        if self.may_add_nodes { "; the node autoscaler may add a node, or none" } else { "" }
    }

    /// One step lower for what depends on the order of pods, and one for an autoscaler that may help.
    pub(crate) fn lower(&self, pods: Stranded, finding: &mut Finding) {
        if pods.surely == 0 {
            finding.severity(Severity::Medium);
        }
        if self.may_add_nodes {
            let lowered = finding.severity.lowered();
            finding.severity(lowered);
        }
    }
}

/// The failure in words: `losing node-b1`, `losing zone eu-1b`.
pub(crate) fn fault(impact: &Impact) -> String {
    let what = if matches!(impact.disruption.kind, DisruptionKind::Loss(_)) { "losing" } else { "draining" };
    let zone = if impact.disruption.is_of_zone() { "zone " } else { "" };
    format!("{what} {zone}{}", lost_name(impact))
}

fn requests_nothing(spec: &PodSpec) -> bool {
    spec.requests.is_empty() && spec.long_running_containers().all(|container| container.requests.is_empty())
}

/// The fields that keep the pods off nodes, and the number of replicas.
fn add_evidence(snapshot: &Snapshot, stranding: &Stranding, finding: &mut Finding) {
    let workload = snapshot.workload(stranding.workload.workload);
    let has_slots = |plugin: &str| plugin != "NodeResourcesFit" || lacks_resources(stranding.workload);
    for (plugin, nodes) in refusals(stranding.workload).into_iter().filter(|(plugin, _)| has_slots(plugin)) {
        if let Some(path) = path_of(snapshot, workload, plugin) {
            finding.evidence(path, format!("{plugin} refuses {nodes} node(s)"));
        }
    }
    let replicas = workload.replicas.map_or_else(|| "unset (default 1)".into(), |count| count.to_string());
    finding.evidence("spec.replicas", replicas);
}

/// The path of the field that a scheduler plugin reads. Of taints none: those of the lost nodes are always among them.
fn path_of(snapshot: &Snapshot, workload: &Workload, plugin: &str) -> Option<String> {
    let spec = snapshot.spec_of(workload);
    let of_container = |wanted: &dyn Fn(&Container) -> bool, field: &str| {
        let found = spec.containers.iter().find(|container| wanted(container))?;
        Some(format!("containers[{}].{field}", snapshot.text(found.name)))
    };
    let has_claim_templates =
        || workload.stateful.as_ref().is_some_and(|settings| !settings.claim_templates.is_empty());
    let field = match plugin {
        "NodeResourcesFit" => of_container(&|container| !container.requests.is_empty(), "resources.requests")?,
        "NodePorts" => of_container(&|container| !container.ports.is_empty(), "ports")?,
        "NodeAffinity" if !spec.node_selector.is_empty() => "nodeSelector".into(),
        "NodeAffinity" if spec.node_affinity.is_some() => "affinity.nodeAffinity".into(),
        "PodTopologySpread" => "topologySpreadConstraints".into(),
        "InterPodAffinity" if !spec.pod_anti_affinity.is_empty() => "affinity.podAntiAffinity".into(),
        "InterPodAffinity" if !spec.pod_affinity.is_empty() => "affinity.podAffinity".into(),
        _ if is_about_volumes(plugin) && has_claim_templates() => return Some("spec.volumeClaimTemplates".into()),
        _ if is_about_volumes(plugin) => "volumes".into(),
        _ => return None,
    };
    Some(format!("{}.{field}", pod_spec_path(workload)))
}

fn is_about_volumes(plugin: &str) -> bool {
    matches!(plugin, "VolumeRestrictions" | "NodeVolumeLimits" | "VolumeBinding" | "VolumeZone")
}

/// What helps where the last plugin refuses; pods that are not created yet wait for others that are Pending.
pub(crate) fn remedy(snapshot: &Snapshot, stranding: &Stranding) -> String {
    let change = ha_sdk::remedy::remedy(snapshot, &stranding.impact.disruption, stranding.workload);
    change.unwrap_or_else(|| "add a node that takes its pods".into())
}

/// The workload's own pods that make room for others of higher priority.
fn victims(snapshot: &Snapshot, stranding: &Stranding) -> Vec<ObjectId> {
    let preempted = stranding.impact.preempted.iter().map(|&id| snapshot.pod(id));
    preempted.filter(|pod| pod.workload == stranding.workload.workload).map(|pod| pod.object).collect()
}

/// The volumes of the lost pods that cannot follow to any node; `zonal-volume-stranded` is about them.
fn held_volumes(snapshot: &Snapshot, stranding: &Stranding) -> Vec<ObjectId> {
    if !refusals(stranding.workload).iter().any(|(plugin, _)| matches!(*plugin, "VolumeBinding" | "VolumeZone")) {
        return Vec::new();
    }
    let lost = &stranding.impact.disruption.nodes;
    let pods = snapshot.pods_of(snapshot.workload(stranding.workload.workload));
    let pods = pods.filter(|pod| pod.node.is_some_and(|node| lost.binary_search(&node).is_ok()));
    let claims = pods.flat_map(|pod| pod.claims.of(&snapshot.pod_claims)).filter_map(|claim| claim.claim);
    let volumes = claims.filter_map(|claim| snapshot.claim(claim).volume).map(|volume| snapshot.volume(volume));
    volumes.filter(|volume| volume.node_affinity.is_some()).take(SHOWN).map(|volume| volume.object).collect()
}

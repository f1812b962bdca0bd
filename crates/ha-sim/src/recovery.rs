//! The time until a workload is back, term by term (rules.md 2.7).
//!
//! Sources: `pkg/controller/nodelifecycle` (50 s until a silent node is Unknown, 40 s before 1.32; taints at 0.1 nodes
//! per second and zone; 0.01 in a zone with more than two and at least 55 % unready nodes, none at all when that zone has
//! 50 nodes or fewer; none when all zones are down), `pkg/controller/tainteviction` (tolerationSeconds),
//! `pkg/controller/podgc` (pods of a node that is gone: 40 s of quarantine, looked for every 20 s),
//! `QuotaV1Pod` of `pkg/quota/v1/evaluator/core/pods.go` (a quota counts a pod on a silent node until it should have
//! ended) and `ResourceQuotaSyncPeriod` (5 minutes), `maxWaitForUnmountDuration` of `pkg/controller/volume/attachdetach`
//! (6 minutes). All defaults: what a cluster configures otherwise is not known. Image pulls are not counted.

use ha_core::arithmetic::eligibility::deciding_toleration;
use ha_core::arithmetic::size;
use ha_core::arithmetic::version::Version;
use ha_core::impact::{DisruptionKind, LossMode, RecoveryTerm, bounds};
use ha_core::snapshot::{
    AccessMode, NodeId, Pod, PodSpec, PreStop, Probe, Readiness, Snapshot, Taint, TaintEffect, WorkloadKind,
};
use ha_core::text::Text;
use hashbrown::{HashMap, HashSet};

use crate::model::quotas::Limit;
use crate::state::State;

/// Seconds until a node whose kubelet falls silent is marked, before and from 1.32.
const GRACE: [u32; 2] = [40, 50];
/// How often a kubelet reports, and how often the controller looks.
const HEARTBEAT: u32 = 10;
const MONITOR: u32 = 5;
/// Seconds between two nodes of a zone that get their taint.
const NODE_INTERVAL: u32 = 10;
const SLOW_NODE_INTERVAL: u32 = 100;
/// A zone of so many nodes or fewer gets no taints while it is partly down.
const LARGE_ZONE: usize = 50;
const FORCED_DETACH: u32 = 360;

/// How often quotas are counted anew where nothing tells that they should be.
const QUOTA_SYNC: u32 = 300;
/// The longest that a controller waits before it tries again what was denied (`DefaultTypedControllerRateLimiter`).
const LONGEST_RETRY: u32 = 1000;

/// A zone as the node lifecycle controller names it: region and zone.
type ZoneName = (Text, Text);

/// The nodes of one zone.
#[derive(Clone, Copy, Debug, Default)]
struct ZoneNodes {
    all: usize,
    down: usize,
    lost: usize,
}

/// How many nodes the zones have, and how many of them are down.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    of_name: HashMap<ZoneName, ZoneNodes>,
    /// Nodes that are not down.
    up: usize,
}

impl Zones {
    /// Before anything happens.
    pub fn new(snapshot: &Snapshot) -> Self {
        let mut zones = Self::default();
        for node in &snapshot.nodes {
            let zone = zones.of_name.entry((node.region, node.zone)).or_default();
            let is_up = node.readiness == Readiness::Ready;
            zone.all += 1;
            zone.down += usize::from(!is_up);
            zones.up += usize::from(is_up);
        }
        zones
    }

    /// Once those nodes are lost, which are named once each.
    #[must_use]
    pub fn without(&self, snapshot: &Snapshot, lost: &[NodeId]) -> Self {
        let mut zones = self.clone();
        for node in lost.iter().map(|&id| snapshot.node(id)) {
            let zone = zones.of_name.entry((node.region, node.zone)).or_default();
            let was_up = node.readiness == Readiness::Ready;
            zone.lost += 1;
            zone.down += usize::from(was_up);
            zones.up -= usize::from(was_up);
        }
        zones
    }
}

/// The time until the pods of one workload that a disruption displaced are back, for the slowest of them. `zones` are
/// those without the lost nodes. `quota_is_short` tells that the quotas of the namespace have no room for the
/// replacements beside the old pods.
pub fn terms(
    snapshot: &Snapshot,
    kind: &DisruptionKind,
    zones: &Zones,
    pods: &[&Pod],
    quota_is_short: bool,
) -> Vec<RecoveryTerm> {
    let each = pods.iter().map(|pod| of_pod(snapshot, kind, zones, pod, quota_is_short));
    let worst = |terms: &Vec<RecoveryTerm>| {
        let (min, max) = bounds(terms);
        (max.is_none(), max, min)
    };
    each.max_by_key(worst).unwrap_or_default()
}

/// Whether a pod on an unreachable node stays until somebody deletes it by force: nothing evicts it, or its StatefulSet
/// waits for an object that the silent kubelet cannot let go.
pub fn is_stuck(snapshot: &Snapshot, pod: &Pod) -> bool {
    let kind = snapshot.workload(pod.workload).kind;
    match kind {
        WorkloadKind::DaemonSet | WorkloadKind::StaticPod => false,
        WorkloadKind::StatefulSet => true,
        _ => toleration_seconds(snapshot, snapshot.pod_spec(pod.spec)).is_none(),
    }
}

/// For how long the pod tolerates an unreachable node; none for ever (`getMinTolerationTime`).
fn toleration_seconds(snapshot: &Snapshot, spec: &PodSpec) -> Option<u32> {
    // What no toleration names is tolerated by those without a key only.
    let mut keys = spec.tolerations.iter().map(|toleration| toleration.key);
    let key = keys.find(|&key| snapshot.text(key) == "node.kubernetes.io/unreachable").unwrap_or_default();
    let taint = Taint { key, effect: TaintEffect::NoExecute, ..Taint::default() };
    match deciding_toleration(&spec.tolerations, &taint) {
        None => Some(0),
        Some(position) => {
            let seconds = spec.tolerations[position].seconds?;
            Some(u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
        }
    }
}

fn of_pod(
    snapshot: &Snapshot,
    kind: &DisruptionKind,
    zones: &Zones,
    pod: &Pod,
    quota_is_short: bool,
) -> Vec<RecoveryTerm> {
    let spec = snapshot.pod_spec(pod.spec);
    let mut terms = match kind {
        DisruptionKind::Loss(LossMode::Unreachable) => {
            let mut terms = unreachable(snapshot, zones, pod, spec);
            if quota_is_short && snapshot.workload(pod.workload).kind != WorkloadKind::StatefulSet {
                terms.extend(quota(spec));
            }
            terms
        }
        DisruptionKind::Loss(LossMode::Removed) => {
            vec![term("the pods of a node that is gone are collected", 40, Some(60))]
        }
        _ => vec![termination(spec)],
    };
    if matches!(kind, DisruptionKind::Loss(_)) && has_attached_volume(snapshot, pod) {
        let by = if matches!(kind, DisruptionKind::Loss(LossMode::Removed)) { 0 } else { FORCED_DETACH };
        terms.push(term("the volume is detached by force", by, Some(FORCED_DETACH)));
    }
    terms.push(start(spec));
    terms.retain(|term| term.max != Some(0));
    terms
}

fn term(what: &str, min: u32, max: Option<u32>) -> RecoveryTerm {
    RecoveryTerm { what: what.to_owned(), min, max }
}

fn unreachable(snapshot: &Snapshot, zones: &Zones, pod: &Pod, spec: &PodSpec) -> Vec<RecoveryTerm> {
    let modern = Version::of_server(snapshot).is_none_or(|version| version.minor >= 32);
    let grace = GRACE[usize::from(modern)];
    let mut terms = vec![term("the silent node is marked", grace - HEARTBEAT, Some(grace + MONITOR))];
    terms.push(tainting(snapshot, zones, pod));
    let tolerated = toleration_seconds(snapshot, spec);
    terms.push(term("the pod tolerates an unreachable node", tolerated.unwrap_or(0), tolerated));
    if snapshot.workload(pod.workload).kind == WorkloadKind::StatefulSet {
        terms.push(term("the StatefulSet waits until somebody deletes the old pod by force", 0, None));
    }
    terms
}

/// How long the rate limit keeps the taint `NoExecute` off the node, by the state of its zone.
fn tainting(snapshot: &Snapshot, zones: &Zones, pod: &Pod) -> RecoveryTerm {
    const WHAT: &str = "nodes are tainted one by one";
    let Some(node) = pod.node else {
        return term(WHAT, 0, Some(0));
    };
    if zones.up == 0 {
        return term("all zones are down, so no node is tainted", 0, None);
    }
    let node = snapshot.node(node);
    let ZoneNodes { all, down, lost } = zones.of_name.get(&(node.region, node.zone)).copied().unwrap_or_default();
    let partly = down < all && down > 2 && down * 100 >= all * 55;
    if partly && all <= LARGE_ZONE {
        return term("a small zone that is partly down gets no taints", 0, None);
    }
    let interval = if partly { SLOW_NODE_INTERVAL } else { NODE_INTERVAL };
    let before = lost.saturating_sub(1);
    term(WHAT, 0, Some(interval.saturating_mul(size(before))))
}

/// The namespaces in which quotas have no room for as much as the pods on these nodes use. Of quotas with scopes it is
/// not known.
pub(crate) fn short_quotas(state: &State, nodes: &[NodeId]) -> HashSet<Text> {
    let quotas = &state.model.quotas;
    let (mut short, mut used) = (HashSet::new(), HashMap::new());
    let pods = nodes.iter().filter(|_| !quotas.is_empty()).flat_map(|node| state.pods_on(node.position()));
    for &pod in pods {
        let namespace = state.model.class(state.pod(pod).class).key.namespace;
        let Some(of_namespace) = quotas.get(&namespace) else {
            continue;
        };
        if of_namespace.scoped {
            short.insert(namespace);
        }
        for &(resource, amount) in &state.shape_of(pod).usage.amounts {
            let sum: &mut i64 = used.entry((namespace, resource)).or_default();
            *sum = sum.saturating_add(amount);
            let sum = *sum;
            let exceeds = |limit: &Limit| limit.resource == resource && !limit.admits(0, sum);
            if sum > 0 && of_namespace.limits.iter().any(exceeds) {
                short.insert(namespace);
            }
        }
    }
    short
}

/// How long a quota without room for both keeps the replacement of a pod on a silent node away. A StatefulSet waits for
/// the old object anyway.
fn quota(spec: &PodSpec) -> [RecoveryTerm; 2] {
    let counted = grace(spec).saturating_add(QUOTA_SYNC);
    [
        term("a quota counts the old pod until it should have ended, and is counted anew", 0, Some(counted)),
        term("the controller tries again what the quota denied", 0, Some(counted.min(LONGEST_RETRY))),
    ]
}

fn grace(spec: &PodSpec) -> u32 {
    u32::try_from(spec.grace_seconds.max(0)).unwrap_or(u32::MAX)
}

fn termination(spec: &PodSpec) -> RecoveryTerm {
    let grace = grace(spec);
    let sleeps = spec.long_running_containers().filter_map(|container| match container.pre_stop {
        Some(PreStop::Sleep(seconds) | PreStop::ExecSleep(seconds)) => Some(seconds),
        _ => None,
    });
    term("the old pod ends", sleeps.max().unwrap_or(0).min(grace), Some(grace))
}

/// Whether a volume of the pod can be attached to one node at a time only.
fn has_attached_volume(snapshot: &Snapshot, pod: &Pod) -> bool {
    let claims = pod.claims.of(&snapshot.pod_claims).iter().filter_map(|claim| claim.claim);
    let mut claims = claims.map(|id| snapshot.claim(id));
    claims.any(|claim| {
        let single = [AccessMode::ReadWriteOnce, AccessMode::ReadWriteOncePod];
        let attaches = |driver: Text| {
            let known = snapshot.csi_drivers.iter().find(|known| known.name == driver);
            !driver.is_empty() && known.is_none_or(|known| known.attaches)
        };
        let volume = claim.volume.map(|id| snapshot.volume(id));
        claim.access_modes.iter().all(|mode| single.contains(mode))
            && volume.is_some_and(|volume| attaches(volume.driver))
    })
}

/// From the start of the containers until the pod is ready: at least the delays, at most what the startup probe allows.
fn start(spec: &PodSpec) -> RecoveryTerm {
    let (mut min, mut max) = (0, 0);
    for container in &spec.containers {
        let delay = |probe: &Option<Probe>| probe.as_ref().map_or(0, |probe| probe.initial_delay_seconds);
        let budget = container.startup.as_ref().map_or(0, |probe| {
            probe.initial_delay_seconds.saturating_add(probe.period_seconds.saturating_mul(probe.failure_threshold))
        });
        let ready = container.readiness.as_ref().map_or(0, |probe| {
            probe.initial_delay_seconds.saturating_add(probe.period_seconds.saturating_mul(probe.success_threshold))
        });
        min = min.max(delay(&container.startup).max(delay(&container.readiness)));
        max = max.max(budget.saturating_add(ready));
    }
    term("the containers start, without image pulls", min, Some(max.max(min)))
}

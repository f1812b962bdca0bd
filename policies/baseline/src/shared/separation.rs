//! What keeps the replicas of a workload apart: anti-affinity and spread constraints of its own (rules.md 2.5).
//!
//! Free resources and the pods of other workloads are the simulation's concern.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_sdk::Input;
use ha_sdk::arithmetic::profile::{Detected, has_profile};
use ha_sdk::arithmetic::replicas::needed;
use ha_sdk::labels::{LabelSet, Operator};
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Pod, PodAffinityTerm, PodPhase, Snapshot, SpreadConstraint, Workload, WorkloadKind};
use ha_sdk::text::Text;

/// The label that the kubelet gives to each node.
pub(crate) const HOSTNAME: &str = "kubernetes.io/hostname";
/// The label of a node's zone.
pub(crate) const ZONE: &str = "topology.kubernetes.io/zone";
const OLD_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";
const REGION: &str = "topology.kubernetes.io/region";
const OLD_REGION: &str = "failure-domain.beta.kubernetes.io/region";
/// The label by which the pods of two revisions of a Deployment differ.
pub(crate) const REVISION: &str = "pod-template-hash";

/// What a topology key divides a cluster into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    /// One node each.
    Node,
    /// One zone each.
    Zone,
    /// One region each.
    Region,
    /// Racks and all that is not known: at least one node each.
    Other,
}

/// What the values of a topology key stand for.
pub(crate) fn domain_of(input: &Input, key: Text) -> Domain {
    let key = input.snapshot.text(key);
    let is_one_of = |keys: &[String]| keys.iter().any(|own| own == key);
    match key {
        HOSTNAME => Domain::Node,
        ZONE | OLD_ZONE => Domain::Zone,
        REGION | OLD_REGION => Domain::Region,
        _ if is_one_of(&input.settings.host_keys) => Domain::Node,
        _ if is_one_of(&input.settings.zone_keys) => Domain::Zone,
        _ => Domain::Other,
    }
}

/// How replicas are kept in different domains, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Separation {
    /// Not at all.
    None,
    /// The scheduler tries: preferred anti-affinity, `ScheduleAnyway`.
    Soft,
    /// The scheduler insists, and losing one domain leaves as many as are needed.
    Hard,
}

/// How strongly the pod template itself keeps `replicas` pods in different domains.
pub(crate) fn separation(input: &Input, workload: &Workload, replicas: u32, wanted: Domain) -> Separation {
    let snapshot = input.snapshot;
    let spec = snapshot.spec_of(workload);
    let serves = |key: Text, hard: bool| {
        let domain = domain_of(input, key);
        domain == wanted || hard && is_coarser(domain, wanted)
    };
    let required = spec.pod_anti_affinity.iter();
    if required.clone().any(|term| serves(term.topology_key, true) && repels_itself(snapshot, workload, term)) {
        return Separation::Hard;
    }
    let preferred = spec.preferred_pod_anti_affinity.iter().map(|preferred| &preferred.term);
    let mut best = Separation::None;
    if preferred.into_iter().any(|term| serves(term.topology_key, false) && repels_itself(snapshot, workload, term)) {
        best = Separation::Soft;
    }
    for constraint in &spec.spread_constraints {
        if !serves(constraint.topology_key, constraint.hard) || !counts_itself(snapshot, workload, constraint) {
            continue;
        }
        if !constraint.hard {
            best = best.max(Separation::Soft);
        } else if replicas.saturating_sub(constraint.max_skew) >= needed(input, workload, replicas)
            && has_two_domains(snapshot, constraint.topology_key)
        {
            return Separation::Hard;
        }
    }
    best
}

/// Whether pods in different domains of the first kind are in different ones of the second, too.
fn is_coarser(domain: Domain, wanted: Domain) -> bool {
    match wanted {
        Domain::Node => true,
        Domain::Zone => domain == Domain::Region,
        Domain::Region | Domain::Other => false,
    }
}

/// Whether an anti-affinity term keeps two pods of the workload apart.
pub(crate) fn repels_itself(snapshot: &Snapshot, workload: &Workload, term: &PodAffinityTerm) -> bool {
    let labels = own_labels(snapshot, workload);
    let in_namespace = match &term.namespace_selector {
        None => term.namespaces.is_empty() || term.namespaces.contains(&workload.namespace),
        Some(selector) => {
            selector.is_empty()
                || term.namespaces.contains(&workload.namespace)
                || snapshot
                    .namespace_labels(workload.namespace)
                    .is_some_and(|labels| selector.matches(labels, &snapshot.texts))
        }
    };
    let excluded = |&key: &Text| labels.get(key).is_some() || snapshot.text(key) == REVISION;
    in_namespace
        && term.selector.as_ref().is_some_and(|selector| selector.matches(labels, &snapshot.texts))
        && !term.mismatch_label_keys.iter().any(excluded)
}

/// Whether a spread constraint counts the pods of the workload itself.
pub(crate) fn counts_itself(snapshot: &Snapshot, workload: &Workload, constraint: &SpreadConstraint) -> bool {
    let labels = own_labels(snapshot, workload);
    constraint.selector.as_ref().is_some_and(|selector| selector.matches(labels, &snapshot.texts))
}

fn own_labels<'s>(snapshot: &'s Snapshot, workload: &Workload) -> &'s LabelSet {
    snapshot.labels(workload.template_labels)
}

/// Whether nodes differ under that key; a spread over one value spreads nothing. True where no node was read.
fn has_two_domains(snapshot: &Snapshot, key: Text) -> bool {
    let mut values = snapshot.nodes.iter().filter_map(|node| snapshot.labels(node.labels).get(key));
    match values.next() {
        None => true,
        Some(first) => values.any(|value| value != first),
    }
}

/// Whether the scheduler's default constraints (soft, hostname and zone) apply: the pods have none of their own and
/// belong to a controller that they look at, or to a Service.
pub(crate) fn has_default_spread(snapshot: &Snapshot, workload: &Workload) -> bool {
    use WorkloadKind::{Deployment, ReplicaSet, ReplicationController, StatefulSet};
    let looked_at = matches!(workload.kind, Deployment | ReplicaSet | ReplicationController | StatefulSet);
    snapshot.spec_of(workload).spread_constraints.is_empty() && (looked_at || !workload.services.is_empty())
}

/// A strategic-merge patch with spread constraints over nodes (hard where asked for) and, softly, over zones.
///
/// None where the template has constraints already, or the workload's selector is not made of plain labels.
pub(crate) fn spread_patch(snapshot: &Snapshot, workload: &Workload, hard_over_nodes: bool) -> Option<String> {
    if !snapshot.spec_of(workload).spread_constraints.is_empty() {
        return None;
    }
    let mut labels = Vec::new();
    for requirement in &workload.selector.as_ref()?.requirements {
        let (Operator::In, [value]) = (requirement.operator, &requirement.values[..]) else {
            return None;
        };
        let (key, value) = (snapshot.text(requirement.key), snapshot.text(*value));
        if !is_plain(key) || !is_plain(value) {
            return None;
        }
        labels.push(format!(r#""{key}":"{value}""#));
    }
    let labels = labels.join(",");
    let constraint = |key: &str, hard: bool| {
        let when = if hard { "DoNotSchedule" } else { "ScheduleAnyway" };
        format!(
            r#"{{"maxSkew":1,"topologyKey":"{key}","whenUnsatisfiable":"{when}","labelSelector":{{"matchLabels":{{{labels}}}}}}}"#
        )
    };
    let (nodes, zones) = (constraint(HOSTNAME, hard_over_nodes), constraint(ZONE, false));
    Some(format!(r#"{{"spec":{{"template":{{"spec":{{"topologySpreadConstraints":[{nodes},{zones}]}}}}}}}}"#))
}

/// Whether a string may stand in JSON as it is. Labels always may; files may hold anything.
pub(crate) fn is_plain(string: &str) -> bool {
    string.chars().all(|character| character.is_ascii_alphanumeric() || "-_./".contains(character))
}

/// Whether the cluster is known to have that profile.
pub(crate) fn is_known(input: &Input, profile: Profile) -> bool {
    has_profile(input, profile) == Detected::Yes
}

/// The pods of a workload that run now: placed, of the present revision, neither ended nor being deleted.
pub(crate) fn running_pods<'s>(snapshot: &'s Snapshot, workload: &'s Workload) -> impl Iterator<Item = &'s Pod> {
    snapshot.current_pods_of(workload).filter(|pod| pod.phase == PodPhase::Running && !pod.node_name.is_empty())
}

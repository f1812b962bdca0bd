//! How many replicas a workload has, and how many it needs (rules.md 1.4). One answer for all rules and the simulation.

use crate::arithmetic::eligibility::eligible_nodes;
use crate::finding::Missing;
use crate::rule::Input;
use crate::settings::{Settings, Tier, TierAssignment};
use crate::snapshot::{Absence, GapReason, ResourceKind, Snapshot, SourceKind, Workload, WorkloadKind};

/// The label that names a workload's tier, on the object or its pod template.
pub const TIER_LABEL: &str = "kubectl-ha/tier";

/// How many replicas a workload has in its steady state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replicas {
    /// `replicas: 0`: off on purpose, whatever targets it.
    Off,
    /// An autoscaler may take it to 0 by design.
    Elastic {
        /// The highest count.
        ceiling: u32,
    },
    /// A number, or a range under an autoscaler.
    Range(ReplicaRange),
    /// What tells could not be read.
    Unknown(Missing),
}

/// The counts between which a workload moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaRange {
    /// The worst steady state.
    pub floor: u32,
    /// The largest steady state, without surge.
    pub ceiling: u32,
    /// Whether an autoscaler moves it.
    pub autoscaled: bool,
    /// Whether the count is Kubernetes' default because nobody wrote one.
    pub defaulted: bool,
}

impl Replicas {
    /// The range, when there is one.
    pub fn range(&self) -> Option<ReplicaRange> {
        match self {
            Self::Range(range) => Some(*range),
            _ => None,
        }
    }
}

/// The effective replicas of a workload. The first match of rules.md 1.4 wins.
pub fn effective_replicas(snapshot: &Snapshot, workload: &Workload) -> Replicas {
    if !workload.resolved {
        return Replicas::Unknown(unresolved_owner(snapshot, workload));
    }
    let fixed =
        |count, defaulted| Replicas::Range(ReplicaRange { floor: count, ceiling: count, autoscaled: false, defaulted });
    match workload.kind {
        WorkloadKind::DaemonSet => return daemon_replicas(snapshot, workload),
        WorkloadKind::BarePod | WorkloadKind::StaticPod => return fixed(1, false),
        _ => {}
    }
    if workload.replicas == Some(0) {
        return Replicas::Off;
    }
    if let Some(autoscaled) = autoscaled_replicas(snapshot, workload) {
        return autoscaled;
    }
    if let Some(count) = workload.replicas {
        return fixed(count, false);
    }
    // Unset replicas are right under an autoscaler, which files need not show.
    match snapshot.absence(ResourceKind::HorizontalPodAutoscaler, workload.namespace) {
        Absence::Unknown(missing) if snapshot.source.kind != SourceKind::Cluster => Replicas::Unknown(missing),
        _ => fixed(1, true),
    }
}

/// The range that a HorizontalPodAutoscaler gives, else the one of a ScaledObject.
fn autoscaled_replicas(snapshot: &Snapshot, workload: &Workload) -> Option<Replicas> {
    let autoscalers =
        || workload.autoscalers.iter().map(|&id| snapshot.autoscaler(id)).filter(|autoscaler| !autoscaler.made_by_keda);
    let autoscaler = autoscalers().find(|autoscaler| !autoscaler.is_keda).or_else(|| autoscalers().next())?;
    let (floor, ceiling) = (autoscaler.floor(), autoscaler.ceiling());
    if floor == 0 {
        return Some(Replicas::Elastic { ceiling });
    }
    Some(Replicas::Range(ReplicaRange { floor, ceiling: ceiling.max(floor), autoscaled: true, defaulted: false }))
}

/// A DaemonSet has as many replicas as there are nodes it may use.
fn daemon_replicas(snapshot: &Snapshot, workload: &Workload) -> Replicas {
    if snapshot.nodes.is_empty() {
        let missing = Missing { what: "Node".into(), reason: GapReason::NotInInput, ..Missing::default() };
        return Replicas::Unknown(missing);
    }
    let count = eligible_nodes(snapshot, snapshot.spec_of(workload)).count();
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Replicas::Range(ReplicaRange { floor: count, ceiling: count, autoscaled: false, defaulted: false })
}

/// The fact that is missing when a workload's controller was not read.
pub fn unresolved_owner(snapshot: &Snapshot, workload: &Workload) -> Missing {
    Missing {
        what: snapshot.title(workload.owner.unwrap_or(workload.object)),
        namespace: snapshot.text(workload.namespace).into(),
        reason: GapReason::Unreadable,
    }
}

/// The tier of a workload: its label, that of its pod template, else the configuration.
pub fn tier(input: &Input, workload: &Workload) -> Tier {
    let snapshot = input.snapshot;
    let labelled = [snapshot.object(workload.object).labels, workload.template_labels]
        .into_iter()
        .find_map(|labels| snapshot.labels(labels).get_named(&snapshot.texts, TIER_LABEL))
        .and_then(Tier::from_name);
    labelled.unwrap_or_else(|| assigned_tier(snapshot, input.settings, workload))
}

fn assigned_tier(snapshot: &Snapshot, settings: &Settings, workload: &Workload) -> Tier {
    let object = snapshot.object(workload.object);
    let matches = |assignment: &&TierAssignment| {
        wildcard(&assignment.namespace, snapshot.text(object.namespace))
            && wildcard(&assignment.kind, snapshot.text(object.kind))
            && wildcard(&assignment.name, snapshot.text(object.name))
    };
    settings.tiers.iter().find(matches).map(|assignment| assignment.tier).unwrap_or_default()
}

/// How many replicas the tier asks for.
pub fn minimum_replicas(settings: &Settings, tier: Tier) -> u32 {
    match tier {
        Tier::Critical => settings.minimum_replicas.unwrap_or(3).max(3),
        Tier::Normal => settings.minimum_replicas.unwrap_or(2),
        Tier::Singleton => 1,
    }
}

/// How many replicas must survive a failure: a quorum for a quorum group, else 1, as long as nothing else is configured.
pub fn needed(input: &Input, workload: &Workload, replicas: u32) -> u32 {
    if is_quorum_group(input.snapshot, workload) {
        return crate::arithmetic::quorum::quorum(replicas);
    }
    1
}

/// The label or annotation by which a workload declares itself a quorum group: `true` or `false`.
pub const QUORUM_ANNOTATION: &str = "kubectl-ha/quorum";

/// Systems that vote, by the last part of their image's name without registry and tag.
const QUORUM_IMAGES: &[&str] =
    &["etcd", "zookeeper", "consul", "vault", "nats-server", "nats", "rqlite", "cockroach", "redpanda", "openbao"];

/// Whether a StatefulSet's members vote: declared by annotation, else known by the image of a container.
pub fn is_quorum_group(snapshot: &Snapshot, workload: &Workload) -> bool {
    if workload.kind != WorkloadKind::StatefulSet {
        return false;
    }
    if let Some(declared) = snapshot.annotation(workload.object, QUORUM_ANNOTATION) {
        return declared == "true";
    }
    snapshot
        .spec_of(workload)
        .containers
        .iter()
        .any(|container| QUORUM_IMAGES.contains(&image_name(snapshot.text(container.image))))
}

/// The last path element of an image reference, without tag and digest.
pub fn image_name(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split(':').next().unwrap_or(last)
}

/// Whether `text` matches a pattern in which `*` stands for any characters. An empty pattern matches everything.
pub fn wildcard(pattern: &str, text: &str) -> bool {
    if pattern.is_empty() {
        return true;
    }
    let Some((prefix, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(prefix) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        match text.find(part) {
            Some(start) => text = &text[start + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_expected() {
        let cases = [
            ("", "anything", true),
            ("shop", "shop", true),
            ("shop", "shops", false),
            ("team-*", "team-a", true),
            ("team-*", "tea", false),
            ("*-db", "orders-db", true),
            ("*-db", "orders-dbx", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("*", "", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(wildcard(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn image_names_lose_registry_tag_and_digest() {
        let cases = [
            ("registry.k8s.io/etcd:3.6.1-0", "etcd"),
            ("localhost:5000/team/zookeeper", "zookeeper"),
            ("nats@sha256:abc", "nats"),
            ("redis:7", "redis"),
        ];
        for (image, expected) in cases {
            assert_eq!(image_name(image), expected);
        }
    }

    #[test]
    fn unset_replicas_are_unknown_in_part_of_a_bundle() {
        let workload = Workload { resolved: true, ..Workload::default() };
        let mut snapshot = Snapshot::default();
        snapshot.source.kind = SourceKind::Manifests;
        snapshot.texts = crate::text::Interner::default().finish();
        assert!(matches!(effective_replicas(&snapshot, &workload), Replicas::Unknown(_)));
        snapshot.source.assume_complete = true;
        let range = effective_replicas(&snapshot, &workload).range();
        assert_eq!(range.map(|range| (range.floor, range.defaulted)), Some((1, true)));
        let off = Workload { replicas: Some(0), ..workload };
        assert_eq!(effective_replicas(&snapshot, &off), Replicas::Off);
    }
}

//! Rules about the whole cluster: when they may answer, and what zones mean to them.

use alloc::vec::Vec;

use ha_sdk::arithmetic::profile::{Detected, has_profile};
use ha_sdk::arithmetic::quorum::survives;
use ha_sdk::arithmetic::size;
use ha_sdk::finding::Missing;
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Absence, GapReason, Node, ObjectId, Readiness, ResourceKind, Snapshot};
use ha_sdk::text::Text;
use ha_sdk::{Findings, Input};

/// The well-known label of a node's zone, as an evidence path.
const ZONE_PATH: &str = "metadata.labels.topology.kubernetes.io/zone";

/// Whether a rule about the cluster's nodes may answer: all of them were read, and none of `profiles` rules it out.
/// Where not, answers for the rule.
pub(crate) fn concerns_cluster(
    input: &Input,
    subject: ObjectId,
    profiles: &[Profile],
    findings: &mut Findings,
) -> bool {
    if let Absence::Unknown(missing) = input.snapshot.absence(ResourceKind::Node, Text::default()) {
        findings.unknown(subject, missing);
        return false;
    }
    if input.snapshot.nodes.is_empty() {
        findings.not_applicable(subject, "no node in the input");
        return false;
    }
    for &profile in profiles {
        match has_profile(input, profile) {
            Detected::No => {}
            Detected::Yes => {
                findings.not_applicable(subject, profile_reason(profile));
                return false;
            }
            Detected::Unknown(missing) => {
                findings.unknown(subject, missing);
                return false;
            }
        }
    }
    true
}

/// Whether a rule about simulated failures may answer: as [`concerns_cluster`], and all pods were read. Those that were
/// not take room that the simulation believes free.
pub(crate) fn reads_all_pods(input: &Input, profiles: &[Profile], findings: &mut Findings) -> bool {
    if !concerns_cluster(input, Snapshot::CLUSTER, profiles, findings) {
        return false;
    }
    match input.snapshot.absence(ResourceKind::Pod, Text::default()) {
        Absence::Proven => true,
        Absence::Unknown(missing) => {
            findings.unknown(Snapshot::CLUSTER, missing);
            false
        }
    }
}

/// Whether the cluster is known to have that profile.
pub(crate) fn is_known_to_be(input: &Input, profile: Profile) -> bool {
    has_profile(input, profile) == Detected::Yes
}

const fn profile_reason(profile: Profile) -> &'static str {
    match profile {
        Profile::SingleNode => "single-node cluster",
        Profile::SingleZone => "single-zone cluster",
        Profile::ManagedControlPlane => "managed control plane",
    }
}

/// A fact that no object of the input shows, in words.
pub(crate) fn not_shown(what: &str) -> Missing {
    Missing { what: what.into(), reason: GapReason::NotInInput, ..Missing::default() }
}

/// The zone of a node, by the well-known label or by the user's own key.
pub(crate) fn zone_of(node: &Node) -> Option<Text> {
    (!node.zone.is_empty()).then_some(node.zone)
}

/// Where a node says in which zone it is: the deepest field that is there.
pub(crate) const fn zone_path(node: &Node) -> &'static str {
    if node.zone_label.is_empty() { "metadata.labels" } else { ZONE_PATH }
}

/// What the loss of one zone does to a set that needs a majority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ZoneLoss {
    /// The majority survives the loss of each zone.
    Survived,
    /// Losing `zone` takes `held` members and with them the majority.
    MajorityLost { zone: Text, held: u32 },
    /// Members without a known zone decide.
    Unknown,
}

/// What the loss of the zone with most members does. Each entry is a member's zone, or none when it is not known.
pub(crate) fn worst_zone_loss(zones: &[Option<Text>]) -> ZoneLoss {
    let count = |wanted: Option<Text>| size(zones.iter().filter(|&&zone| zone == wanted).count());
    let members = size(zones.len());
    let mut worst = None;
    for zone in zones.iter().flatten() {
        let held = count(Some(*zone));
        if worst.is_none_or(|(_, most)| held > most) {
            worst = Some((*zone, held));
        }
    }
    match worst {
        Some((zone, held)) if !survives(members, held) => ZoneLoss::MajorityLost { zone, held },
        _ if survives(members, worst.map_or(0, |(_, held)| held) + count(None)) => ZoneLoss::Survived,
        _ => ZoneLoss::Unknown,
    }
}

/// The value of a node's `Ready` condition.
pub(crate) const fn ready_status(node: &Node) -> &'static str {
    match node.readiness {
        Readiness::Ready => "True",
        Readiness::NotReady => "False",
        Readiness::Unknown => "Unknown",
    }
}

/// The evidence path of the condition that nodes and pods have in common.
pub(crate) const READY_PATH: &str = "status.conditions[Ready].status";

/// The name of an object.
pub(crate) fn object_name(snapshot: &Snapshot, id: ObjectId) -> &str {
    snapshot.text(snapshot.object(id).name)
}

/// The names of nodes, for messages.
pub(crate) fn names<'s>(snapshot: &'s Snapshot, nodes: &[&Node]) -> Vec<&'s str> {
    nodes.iter().map(|node| object_name(snapshot, node.object)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_survives_the_loss_of_a_zone_only_if_enough_members_stand_elsewhere() {
        let zones = |text: &str| -> Vec<Option<Text>> {
            text.chars().map(|zone| (zone != '?').then(|| Text { index: u32::from(zone) })).collect()
        };
        let lost = |zone: char, held| ZoneLoss::MajorityLost { zone: Text { index: u32::from(zone) }, held };
        let cases = [
            ("abc", ZoneLoss::Survived),
            ("aab", lost('a', 2)),
            ("aaa", lost('a', 3)),
            // k = 2 is less than the quorum of 3, and yet 2 of 4 are no majority.
            ("aabc", lost('a', 2)),
            ("abcd", ZoneLoss::Survived),
            ("aabbc", ZoneLoss::Survived),
            ("aaabb", lost('a', 3)),
            ("ab?", ZoneLoss::Unknown),
            ("aab?", lost('a', 2)),
            ("abcd?", ZoneLoss::Survived),
            ("???", ZoneLoss::Unknown),
        ];
        for (members, expected) in cases {
            assert_eq!(worst_zone_loss(&zones(members)), expected, "{members}");
        }
    }
}

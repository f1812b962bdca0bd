//! What a cluster is like, so that rules which cannot concern it stay silent (rules.md 1.5).

use crate::arithmetic::profile::Detected::{No, Unknown, Yes};
use crate::finding::Missing;
use crate::rule::Input;
use crate::settings::Profile;
use crate::snapshot::{Absence, GapReason, ResourceKind, Snapshot, WorkloadKind};
use crate::text::Text;

/// Whether a cluster has a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detected {
    /// It has.
    Yes,
    /// It has not.
    No,
    /// What tells could not be read.
    Unknown(Missing),
}

/// Whether the cluster has that profile: set by hand, else detected.
pub fn has_profile(input: &Input, profile: Profile) -> Detected {
    if !input.settings.profiles.is_empty() {
        return if input.settings.profiles.contains(&profile) { Yes } else { No };
    }
    let snapshot = input.snapshot;
    if snapshot.nodes.is_empty() {
        return match snapshot.absence(ResourceKind::Node, Text::default()) {
            Absence::Unknown(missing) => Unknown(missing),
            Absence::Proven => {
                Unknown(Missing { what: "Node".into(), reason: GapReason::NotInInput, ..Missing::default() })
            }
        };
    }
    match profile {
        Profile::SingleNode => yes_if(snapshot.nodes.len() == 1),
        Profile::SingleZone => {
            let zone = snapshot.nodes[0].zone;
            yes_if(!zone.is_empty() && snapshot.nodes.iter().all(|node| node.zone == zone))
        }
        Profile::ManagedControlPlane => managed_control_plane(snapshot),
    }
}

/// Nodes and kube-system pods were listed, and neither control-plane nodes nor etcd members are among them.
fn managed_control_plane(snapshot: &Snapshot) -> Detected {
    if snapshot.nodes.iter().any(|node| node.control_plane)
        || snapshot.workloads.iter().any(|workload| {
            workload.kind == WorkloadKind::StaticPod
                && snapshot.text(workload.namespace) == "kube-system"
                && snapshot.name_of(workload).starts_with("etcd")
        })
    {
        return No;
    }
    let kube_system = snapshot.texts.find("kube-system").unwrap_or_default();
    match snapshot.first_missing(&[ResourceKind::Node, ResourceKind::Pod], kube_system) {
        Some(missing) => Unknown(missing),
        None => Yes,
    }
}

fn yes_if(condition: bool) -> Detected {
    if condition { Yes } else { No }
}

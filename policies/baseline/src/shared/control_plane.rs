//! The parts of the control plane, where a rule about them may answer. What they are stands in
//! [`ha_sdk::roles::control_plane`].

use alloc::vec::Vec;

pub(crate) use ha_sdk::roles::control_plane::{
    Component, Etcd, component_pods, container_flag, control_plane_nodes, etcd, flag, kube_system, namespaces,
};
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Node, ResourceKind, Snapshot};
use ha_sdk::{Findings, Input};

use super::cluster::{concerns_cluster, not_shown};

/// The nodes that run the control plane, where a rule about them may answer. Where not, answers for the rule.
pub(crate) fn judged_control_plane<'s>(
    input: &Input<'s>,
    profiles: &[Profile],
    findings: &mut Findings,
) -> Option<Vec<&'s Node>> {
    if !concerns_cluster(input, Snapshot::CLUSTER, profiles, findings) {
        return None;
    }
    let nodes = control_plane_nodes(input.snapshot);
    if nodes.is_empty() {
        findings.unknown(Snapshot::CLUSTER, not_shown("which nodes run the control plane"));
        return None;
    }
    Some(nodes)
}

/// The voting members of etcd, where a rule about them may answer. Where not, answers for the rule.
pub(crate) fn judged_etcd(input: &Input, profiles: &[Profile], findings: &mut Findings) -> Option<Etcd> {
    let snapshot = input.snapshot;
    if !concerns_cluster(input, Snapshot::CLUSTER, profiles, findings) {
        return None;
    }
    if let Some(missing) = snapshot.first_missing(&[ResourceKind::Pod], kube_system(snapshot)) {
        findings.unknown(Snapshot::CLUSTER, missing);
        return None;
    }
    let found = etcd(snapshot);
    if found.is_none() {
        findings.unknown(Snapshot::CLUSTER, not_shown("the members of etcd"));
    }
    found
}

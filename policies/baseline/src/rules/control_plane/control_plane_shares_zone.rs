use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Node, ResourceKind, Snapshot};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::cluster::{ZoneLoss, names, not_shown, worst_zone_loss, zone_of, zone_path};
use crate::shared::control_plane::judged_control_plane;
use crate::shared::places::list;
use crate::shared::risk::blast_radius;

rule! {
    /// Losing one zone takes the majority of the control-plane nodes.
    ///
    /// ## Why it matters
    /// The control plane survives the loss of a zone only when a majority stands elsewhere: of n nodes, k of them
    /// in the zone, n − k must be at least n/2 + 1 (rounded down). Three nodes in two zones survive the loss of
    /// the smaller zone only, and four nodes do not survive the loss of two.
    ///
    /// ## Remediation
    /// Place three control-plane nodes in three zones. With two zones only, put the third node at a third site,
    /// however small. Where racks or rooms are your zones, declare their label key in the configuration.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata:
    ///   name: cp-1
    ///   labels:
    ///     node-role.kubernetes.io/control-plane: ""
    ///     topology.kubernetes.io/zone: a  # finding: control-plane-shares-zone
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-3, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: b}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: b}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-3, labels: {node-role.kubernetes.io/control-plane: "", topology.kubernetes.io/zone: c}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/setup/best-practices/multiple-zones/>
    pub static CONTROL_PLANE_SHARES_ZONE: Rule = Rule {
        name: "control-plane-shares-zone",
        area: Area::ControlPlane,
        severity: Severity::High,
        class: Class::C,
        needs: &[ResourceKind::Node, ResourceKind::Pod],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let profiles = [Profile::SingleNode, Profile::ManagedControlPlane, Profile::SingleZone];
    let Some(nodes) = judged_control_plane(input, &profiles, findings) else {
        return;
    };
    if nodes.len() < 3 {
        return findings.not_applicable(Snapshot::CLUSTER, "fewer than 3 control-plane nodes bear no loss at all");
    }
    let zones: Vec<_> = nodes.iter().map(|node| zone_of(node)).collect();
    let (zone, held) = match worst_zone_loss(&zones) {
        ZoneLoss::Survived => return findings.pass(Snapshot::CLUSTER),
        ZoneLoss::Unknown => {
            findings.unknown(Snapshot::CLUSTER, not_shown("the zone label of some control-plane nodes"));
            return;
        }
        ZoneLoss::MajorityLost { zone, held } => (zone, held),
    };
    let inside: Vec<&Node> = nodes.iter().copied().filter(|node| zone_of(node) == Some(zone)).collect();
    let zone = snapshot.text(zone);
    let finding =
        findings.fail(Snapshot::CLUSTER, format!("zone {zone} holds {held} of {} control-plane nodes", nodes.len()));
    for node in &inside {
        finding.evidence_of(node.object, zone_path(node), zone);
    }
    let left = nodes.len() - inside.len();
    finding
        .related(nodes.iter().map(|node| node.object))
        .leads_to(format!("losing {} leaves {left}, which is no majority", list(&names(snapshot, &inside))))
        .fix("place the control-plane nodes in 3 zones, so that each holds a minority")
        .at_risk(blast_radius(snapshot, [], vec![format!("losing zone {zone}")]));
}

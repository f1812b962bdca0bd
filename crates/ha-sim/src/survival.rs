//! What breaks a workload that keeps what it needs whatever node or zone is lost: a zone and a node of another one,
//! lost together.
//!
//! Exact, by counting: right after a loss a workload has what it had, less what was ready on the lost nodes. How such a
//! loss ends is left out.

use ha_core::impact::InstantVerdict;
use ha_core::snapshot::{NodeId, WorkloadId};
use ha_core::text::Text;
use ha_core::{Settings, Snapshot};
use hashbrown::HashMap;

use crate::simulate::{demand, verdict};

/// The zone, and the node of another one or of none, whose common loss leaves the workload with the fewest ready pods, if
/// that breaks it; the first by number where there are several.
pub fn zone_and_node(snapshot: &Snapshot, settings: &Settings, id: WorkloadId) -> Option<(Text, NodeId)> {
    let wanted = demand(snapshot, settings, id);
    let mut on_node: HashMap<NodeId, u32> = HashMap::new();
    let mut in_zone: HashMap<Text, u32> = HashMap::new();
    for node in snapshot.pods_of(snapshot.workload(id)).filter(|pod| pod.is_healthy()).filter_map(|pod| pod.node) {
        *on_node.entry(node).or_default() += 1;
        let zone = snapshot.node(node).zone;
        if !zone.is_empty() {
            *in_zone.entry(zone).or_default() += 1;
        }
    }
    let pairs = in_zone.iter().flat_map(|(&zone, &in_zone)| {
        let others = on_node.iter().filter(move |&(&node, _)| snapshot.node(node).zone != zone);
        others.map(move |(&node, &on_node)| (in_zone + on_node, zone, node))
    });
    let (lost, zone, node) =
        pairs.min_by_key(|&(lost, zone, node)| (std::cmp::Reverse(lost), snapshot.text(zone), node))?;
    let left = wanted.healthy.saturating_sub(lost);
    let breaks = verdict(snapshot, id, wanted.desired, left, wanted.needed) != InstantVerdict::Holds;
    breaks.then_some((zone, node))
}

//! What a finding puts at risk.

use alloc::string::String;
use alloc::vec::Vec;

use ha_sdk::finding::BlastRadius;
use ha_sdk::snapshot::{Snapshot, Workload};

/// The workloads and the Services that select them, under these faults.
pub(crate) fn blast_radius<'s>(
    snapshot: &'s Snapshot,
    workloads: impl IntoIterator<Item = &'s Workload>,
    faults: Vec<String>,
) -> BlastRadius {
    let mut radius = BlastRadius { faults, ..BlastRadius::default() };
    for workload in workloads {
        radius.workloads.push(workload.object);
        radius.services.extend(workload.services.iter().map(|&id| snapshot.service(id).object));
    }
    radius.services.sort_unstable();
    radius.services.dedup();
    radius
}

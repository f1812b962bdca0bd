//! What a finding puts at risk.

use alloc::collections::BTreeSet;
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
    // By their place in the table, which is sorted by names: numbers of objects follow the order of the input.
    let mut services = BTreeSet::new();
    for workload in workloads {
        radius.workloads.push(workload.object);
        services.extend(workload.services.iter().copied());
    }
    radius.services = services.into_iter().map(|id| snapshot.service(id).object).collect();
    radius
}

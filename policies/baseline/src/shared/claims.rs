//! Claims that all pods of a workload mount.

use alloc::vec::Vec;

use ha_sdk::snapshot::{AccessMode, Claim, Snapshot, VolumeSource, Workload};
use ha_sdk::text::Text;

/// The names of the claims that every pod of a workload mounts: those that its template names, without those that
/// each pod of a StatefulSet gets for itself.
pub(crate) fn shared_claims(snapshot: &Snapshot, workload: &Workload) -> Vec<Text> {
    let volumes = snapshot.spec_of(workload).volumes.iter();
    volumes
        .filter(|volume| volume.source == VolumeSource::Claim && !is_of_template(workload, volume.name))
        .map(|volume| volume.reference)
        .collect()
}

/// Whether each pod of a StatefulSet gets a claim of its own under this volume's name.
fn is_of_template(workload: &Workload, volume: Text) -> bool {
    workload.stateful.as_ref().is_some_and(|settings| settings.claim_templates.iter().any(|claim| claim.name == volume))
}

/// Whether no access mode lets more than one node, or pod, mount the volume.
pub(crate) fn has_single_writer(claim: &Claim) -> bool {
    !claim.access_modes.is_empty()
        && claim
            .access_modes
            .iter()
            .all(|mode| matches!(mode, AccessMode::ReadWriteOnce | AccessMode::ReadWriteOncePod))
}

/// Whether a second pod could wait for a volume that the first one keeps: pods share a claim that has a single writer,
/// or that was not read.
pub(crate) fn shares_single_writer(snapshot: &Snapshot, workload: &Workload) -> bool {
    let read =
        |name: Text| snapshot.claims.iter().find(|claim| claim.namespace == workload.namespace && claim.name == name);
    shared_claims(snapshot, workload).into_iter().any(|name| read(name).is_none_or(has_single_writer))
}

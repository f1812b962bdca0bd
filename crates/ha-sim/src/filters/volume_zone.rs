//! VolumeZone refuses nodes outside of the zones and regions that a bound volume has as labels.
//!
//! Source: `pkg/scheduler/framework/plugins/volumezone/volume_zone.go`. Nodes without any label of zone or region are
//! always taken, and claims that are not bound yet are not looked at: a pod may start where its volume's label says it
//! cannot, and its replacement cannot stay there.
//! Differs from upstream 1.36: no.

use ha_core::labels::LabelSet;
use ha_core::snapshot::VolumeId;
use ha_core::text::Text;

use crate::cycle::{Cycle, Plugin, Refusal, Rejection};
use crate::ids::ClaimIndex;
use crate::model::storage::Binding;
use crate::state::State;

/// What the labels of the pod's volumes ask for: a key, the key under which a node may have it instead, and values.
pub(crate) type VolumeZones = Vec<(Text, Text, Vec<String>)>;

/// Collects the labels of the volumes that the claims are bound to.
pub(crate) fn start(state: &State, claims: &[ClaimIndex]) -> Result<VolumeZones, Rejection> {
    let mut zones = Vec::new();
    for &claim in claims {
        match state.binding(claim) {
            Binding::Volume(volume) => zones.extend(labels_of(state, volume)),
            Binding::Absent(name) => {
                let message = format!("persistentvolume \"{}\" not found", state.model.names.get(name));
                return Err(Rejection { plugin: Plugin::VolumeZone, message });
            }
            Binding::Unbound | Binding::Promised | Binding::Provisioned(_) => {}
        }
    }
    Ok(zones)
}

fn labels_of(state: &State, volume: VolumeId) -> VolumeZones {
    let model = state.model;
    let snapshot = model.snapshot;
    let labels = snapshot.labels(snapshot.object(snapshot.volume(volume).object).labels);
    let zones = model.storage.zone_keys.iter().filter_map(|&(key, instead)| {
        let values: Vec<String> =
            snapshot.text(labels.get(key)?).split("__").map(|value| value.trim().to_owned()).collect();
        // A label with an empty part is ignored (`LabelZonesToSet`).
        values.iter().all(|value| !value.is_empty()).then_some((key, instead, values))
    });
    zones.collect()
}

/// Whether the node lies outside.
#[inline]
pub fn check(state: &State, cycle: &Cycle, node: usize) -> Option<Refusal> {
    if cycle.zones.is_empty() {
        return None;
    }
    let labels = state.node_labels(node);
    if !state.model.storage.zone_keys.iter().any(|&(key, _)| labels.get(key).is_some()) {
        return None;
    }
    let outside = cycle.zones.iter().any(|zone| !is_inside(state, labels, zone));
    outside.then(|| Refusal::unresolvable(Plugin::VolumeZone))
}

fn is_inside(state: &State, labels: &LabelSet, (key, instead, values): &(Text, Text, Vec<String>)) -> bool {
    let value = labels.get(*key).or_else(|| labels.get(*instead));
    value.is_some_and(|value| values.iter().any(|allowed| allowed == state.model.snapshot.text(value)))
}

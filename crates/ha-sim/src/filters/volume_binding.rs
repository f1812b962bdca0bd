//! VolumeBinding refuses nodes where a bound volume cannot be used, or where no volume is free for a claim that waits
//! for its pod; and the pod as a whole while a claim of it that should have been bound at once is not.
//!
//! Sources: `pkg/scheduler/framework/plugins/volumebinding/volume_binding.go` and `binder.go`, `FindMatchingVolume` in
//! `k8s.io/component-helpers/storage/volume/pv_helpers.go`.
//! Differs from upstream 1.36: storage capacity that a driver publishes (CSIStorageCapacity) is not known, and a pod that
//! needs a volume from such a driver is reported as unknown; nor are volume attributes classes known; in-tree volumes are not translated to CSI; a claim reference of a volume is compared by
//! name, not by identity. A volume that is made on demand during the simulation can from then on be used in the zone of
//! the node for which it was made (on that node, when it has no zone).

use ha_core::arithmetic::size;
use ha_core::snapshot::{AccessMode, NodeId, PersistentVolume, VolumeId};

use crate::cycle::{Cycle, Plugin, Refusal, Rejection};
use crate::ids::{ClaimIndex, PodIndex};
use crate::model::ClaimModel;
use crate::model::storage::{Binding, BindingMode, Reach};
use crate::state::State;

/// The claims of a pod, as binding sees them.
#[derive(Clone, Debug, Default)]
pub(crate) struct VolumeCycle<'m> {
    /// All of them.
    pub(crate) claims: Vec<ClaimIndex>,
    /// How claims are bound, and where a volume of the snapshot can be used, unless that is everywhere.
    bound: Vec<(Binding, Option<Reach<'m>>)>,
    waiting: Vec<ClaimIndex>,
    /// Which of equally small volumes is taken: those from here on in their list.
    pub(crate) rotation: usize,
}

impl<'m> VolumeCycle<'m> {
    /// Where each of the pod's volumes can be used that cannot be used everywhere.
    pub(crate) fn reaches(&self) -> impl Iterator<Item = Reach<'m>> {
        self.bound.iter().filter_map(|&(_, reach)| reach)
    }

    /// Whether chance decides if volumes are found: of several claims one may take what only another could use. Upstream's
    /// list of volumes has no order.
    pub(crate) fn is_by_chance(&self) -> bool {
        self.waiting.len() > 1
    }
}

/// Bits of the reasons.
mod reason {
    pub(super) const NODE_CONFLICT: u64 = 1;
    pub(super) const NO_VOLUME: u64 = 2;
}

/// Sorts the claims into bound and waiting ones (`GetPodVolumeClaims`), or tells what keeps the pod waiting.
pub(crate) fn start<'m>(state: &State<'m>, claims: &[ClaimIndex]) -> Result<VolumeCycle<'m>, Rejection> {
    let rejected = |message: String| Err(Rejection { plugin: Plugin::VolumeBinding, message });
    let mut cycle = VolumeCycle { claims: claims.to_vec(), ..VolumeCycle::default() };
    let mut waits_for_controller = false;
    for &index in claims {
        let claim = state.claim(index);
        let name = state.model.names.get(claim.name);
        if claim.lost {
            return rejected(format!("persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume"));
        }
        if claim.deleting {
            return rejected(format!("persistentvolumeclaim \"{name}\" is being deleted"));
        }
        match state.binding(index) {
            binding @ Binding::Volume(volume) => {
                cycle.bound.push((binding, state.model.storage.reach(state.model.snapshot, volume)));
            }
            binding @ (Binding::Absent(_) | Binding::Provisioned(_)) => cycle.bound.push((binding, None)),
            Binding::Unbound if binds_late(state, claim) => cycle.waiting.push(index),
            Binding::Unbound | Binding::Promised => waits_for_controller = true,
        }
    }
    if waits_for_controller {
        return rejected("pod has unbound immediate PersistentVolumeClaims".to_owned());
    }
    cycle.waiting.sort_by_key(|&claim| state.claim(claim).bytes);
    Ok(cycle)
}

fn binds_late(state: &State, claim: &ClaimModel) -> bool {
    state.model.storage.mode(state.model.snapshot, claim.class) == BindingMode::WaitForFirstConsumer
}

/// Whether a volume is still to be made for the pod by a driver that publishes how much room it has where.
pub(crate) fn needs_capacity(state: &State, pod: PodIndex) -> bool {
    let model = state.model;
    let tracked = |claim: ClaimIndex| {
        let class = model.storage.class(model.snapshot, state.claim(claim).class);
        let is_open = state.binding(claim) == Binding::Unbound && binds_late(state, state.claim(claim));
        is_open && class.is_some_and(|class| model.storage.provisions(class) && model.storage.tracks_capacity(class))
    };
    state.pod(pod).claims.iter().filter_map(|&claim| state.claim_of(pod, claim)).any(tracked)
}

/// Why the node is refused. A volume that does not exist was VolumeZone's reason to reject the pod before any node was
/// looked at.
#[inline]
pub fn check(state: &State, cycle: &Cycle, node: usize) -> Option<Refusal> {
    let volumes = &cycle.volumes;
    if volumes.claims.is_empty() {
        return None;
    }
    let conflicts = |&(binding, reach): &(Binding, Option<Reach>)| {
        reach.is_some_and(|reach| !reach.nodes[node]) || !is_usable(state, binding, node)
    };
    let mut reasons = if volumes.bound.iter().any(conflicts) { reason::NODE_CONFLICT } else { 0 };
    if !volumes.waiting.is_empty() && bindings(state, &volumes.waiting, node, volumes.rotation).is_none() {
        reasons |= reason::NO_VOLUME;
    }
    (reasons != 0).then_some(Refusal { plugin: Plugin::VolumeBinding, reasons, unresolvable: true })
}

/// Whether some volume of the pod can be used on none of the nodes that labels and taints leave: whoever comes or goes,
/// every node refuses the pod.
pub(crate) fn is_out_of_reach<'m>(state: &mut State<'m>, cycle: &Cycle<'m>) -> bool {
    cycle.volumes.reaches().any(|reach| !state.reaches_open_node(cycle.class.statics, reach))
}

/// Whether a volume that was made meanwhile can be used on a node.
fn is_usable(state: &State, binding: Binding, node: usize) -> bool {
    match binding {
        Binding::Provisioned(origin) => {
            let nodes = &state.model.snapshot.nodes;
            let (origin, here) = (origin as usize, &nodes[node]);
            let zone = nodes[origin].zone;
            if zone.is_empty() { origin == node } else { here.zone == zone }
        }
        Binding::Volume(_) | Binding::Absent(_) | Binding::Unbound | Binding::Promised => true,
    }
}

/// How the waiting claims would be bound on a node, the smallest claim first; none when one cannot be. Of equally small
/// volumes the one after `rotation` in their list is taken: the scheduler's list has no order.
pub(crate) fn bindings(
    state: &State,
    waiting: &[ClaimIndex],
    node: usize,
    rotation: usize,
) -> Option<Vec<(ClaimIndex, Binding)>> {
    let mut chosen: Vec<(ClaimIndex, Binding)> = Vec::with_capacity(waiting.len());
    for &index in waiting {
        let claim = state.claim(index);
        let selected = claim.selected_node;
        let node_name = state.model.snapshot.object(state.model.snapshot.node(NodeId::at(node)).object).name;
        if !selected.is_empty() && selected != node_name {
            return None;
        }
        let found =
            if selected.is_empty() { matching_volume(state, index, Some(node), &chosen, rotation) } else { None };
        let binding = match found {
            Some(volume) => Binding::Volume(volume),
            None => provisioned(state, claim, node)?,
        };
        chosen.push((index, binding));
    }
    Some(chosen)
}

/// A volume made on demand, where the claim's class makes any for the node (`checkVolumeProvisions`).
fn provisioned(state: &State, claim: &ClaimModel, node: usize) -> Option<Binding> {
    let model = state.model;
    let class = model.storage.class(model.snapshot, claim.class)?;
    let terms = &class.allowed_topologies.terms;
    let labels = state.node_labels(node);
    // Unlike in a node selector, a topology term without conditions matches (`MatchTopologySelectorTerms`).
    let fits = |term: &ha_core::labels::NodeSelectorTerm| {
        term.expressions.iter().all(|expression| expression.matches(labels, &model.snapshot.texts))
    };
    let allowed = terms.is_empty() || terms.iter().any(fits);
    (model.storage.provisions(class) && allowed).then(|| Binding::Provisioned(size(node)))
}

/// `FindMatchingVolume`: the volume kept for the claim, else the smallest free one that fits it. Without a node the
/// volume controller asks, which binds claims of classes that do not wait.
pub(crate) fn matching_volume(
    state: &State,
    index: ClaimIndex,
    node: Option<usize>,
    chosen: &[(ClaimIndex, Binding)],
    rotation: usize,
) -> Option<VolumeId> {
    let snapshot = state.model.snapshot;
    let claim = state.claim(index);
    let is_chosen = |id: VolumeId| chosen.iter().any(|&(_, binding)| binding == Binding::Volume(id));
    let volumes = state.model.storage.volumes(claim.class);
    let start = if volumes.is_empty() { 0 } else { rotation % volumes.len() };
    let mut smallest: Option<VolumeId> = None;
    for &id in volumes[start..].iter().chain(&volumes[..start]) {
        let volume = snapshot.volume(id);
        let kept = volume.claim_name == claim.name && volume.claim_namespace == claim.namespace;
        let free = volume.claim_name.is_empty();
        let fits = volume.bytes >= claim.bytes && volume.block == claim.block && !volume.deleting;
        if state.is_taken(id) || is_chosen(id) || !(kept || free) || !fits {
            continue;
        }
        let reached = node.is_none_or(|node| state.model.storage.reaches(snapshot, id, node));
        if kept {
            return reached.then_some(id);
        }
        let smaller = smallest.is_none_or(|best| volume.bytes < snapshot.volume(best).bytes);
        if smaller && reached && is_free(state, claim, volume) {
            smallest = Some(id);
        }
    }
    smallest
}

/// Whether a volume that is kept for nobody may be bound to the claim.
fn is_free(state: &State, claim: &ClaimModel, volume: &PersistentVolume) -> bool {
    let snapshot = state.model.snapshot;
    let labels = snapshot.labels(snapshot.object(volume.object).labels);
    let has_mode = |mode: &AccessMode| volume.access_modes.contains(mode);
    snapshot.text(volume.phase) == "Available"
        && claim.selector.as_ref().is_none_or(|selector| selector.matches(labels, &snapshot.texts))
        && claim.modes.iter().all(has_mode)
}

/// How the pod's waiting claims are bound once it is placed on a node.
pub(crate) fn bindings_on(state: &State, cycle: &Cycle, node: usize) -> Vec<(ClaimIndex, Binding)> {
    bindings(state, &cycle.volumes.waiting, node, cycle.volumes.rotation).unwrap_or_default()
}

//! Claims, volumes and classes, as far as binding and attaching look at them.

use std::sync::OnceLock;

use ha_core::Snapshot;
use ha_core::labels::LabelSelector;
use ha_core::snapshot::{AccessMode, ClaimTemplate, CsiNode, PersistentVolume, StorageClass, VolumeId};
use ha_core::text::Text;
use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};

use super::{Names, NodeModel};
use crate::ids::{ClaimIndex, ReachId};

/// A claim: what it asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimModel {
    /// Its namespace.
    pub namespace: Text,
    /// Its name.
    pub name: Text,
    /// Its class; empty for none.
    pub class: Text,
    /// `accessModes`.
    pub modes: Vec<AccessMode>,
    /// Bytes.
    pub bytes: i64,
    /// `selector`.
    pub selector: Option<LabelSelector>,
    /// `volumeMode: Block`.
    pub block: bool,
    /// How it stands before anything happens.
    pub binding: Binding,
    /// The node that was chosen for it.
    pub selected_node: Text,
    /// Its volume does not exist any more.
    pub lost: bool,
    /// It is being deleted.
    pub deleting: bool,
}

/// How a claim is bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// To nothing.
    #[default]
    Unbound,
    /// It names a volume, and the binding is not complete.
    Promised,
    /// To that volume.
    Volume(VolumeId),
    /// To a volume of that name which does not exist.
    Absent(Text),
    /// To a volume made for it on that node.
    Provisioned(u32),
}

/// When a class binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingMode {
    /// As soon as there is a claim.
    Immediate,
    /// When a pod that uses it is placed.
    WaitForFirstConsumer,
}

/// A volume, and the nodes that its node affinity selects.
type Reached = (VolumeId, OnceLock<Box<[bool]>>);

/// Where the volumes with one node affinity can be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach<'m> {
    /// The node affinity.
    pub(crate) id: ReachId,
    /// Per node of the snapshot whether it is selected.
    pub(crate) nodes: &'m [bool],
}

/// Claims, volumes and classes.
#[derive(Debug)]
pub struct StorageModel {
    /// The snapshot's claims, in its order.
    pub claims: Vec<ClaimModel>,
    by_name: HashMap<(Text, Text), ClaimIndex>,
    classes: HashMap<Text, usize>,
    volumes_of_class: HashMap<Text, Vec<VolumeId>>,
    default_class: Text,
    no_provisioner: Text,
    tracking_drivers: Vec<Text>,
    /// Per volume: the number of its node affinity, when it has one.
    affinities: Vec<Option<ReachId>>,
    /// Per node affinity of volumes: the nodes whose labels it selects, once that was asked for.
    reached: Vec<Reached>,
    /// Volumes whose handle some other has, too.
    shared: HashSet<VolumeId>,
    /// Labels of zones and regions: key, and the key under which a node may have it instead.
    pub zone_keys: [(Text, Text); 4],
}

impl StorageModel {
    pub(super) fn new(snapshot: &Snapshot, names: &mut Names) -> Self {
        let mut volumes_of_class: HashMap<Text, Vec<VolumeId>> = HashMap::new();
        for (position, volume) in snapshot.volumes.iter().enumerate() {
            volumes_of_class.entry(volume.storage_class).or_default().push(VolumeId::at(position));
        }
        let zone = names.intern("topology.kubernetes.io/zone");
        let region = names.intern("topology.kubernetes.io/region");
        let old_zone = names.intern("failure-domain.beta.kubernetes.io/zone");
        let old_region = names.intern("failure-domain.beta.kubernetes.io/region");
        let claims: Vec<ClaimModel> = snapshot.claims.iter().map(claim).collect();
        let (affinities, reached) = affinities(snapshot);
        Self {
            by_name: (0..).map(ClaimIndex::at).zip(&claims).map(|(id, c)| ((c.namespace, c.name), id)).collect(),
            claims,
            classes: (0..).zip(&snapshot.storage_classes).map(|(position, class)| (class.name, position)).collect(),
            volumes_of_class,
            affinities,
            reached,
            shared: shared(snapshot),
            default_class: snapshot.default_storage_class().map_or(Text::default(), |class| class.name),
            no_provisioner: names.intern("kubernetes.io/no-provisioner"),
            tracking_drivers: snapshot
                .csi_drivers
                .iter()
                .filter(|driver| driver.tracks_capacity)
                .map(|driver| driver.name)
                .collect(),
            zone_keys: [(zone, zone), (region, region), (old_zone, zone), (old_region, region)],
        }
    }

    /// The claim of that name, among those of the snapshot.
    pub fn find(&self, namespace: Text, name: Text) -> Option<ClaimIndex> {
        self.by_name.get(&(namespace, name)).copied()
    }

    /// The class of that name.
    pub fn class<'s>(&self, snapshot: &'s Snapshot, name: Text) -> Option<&'s StorageClass> {
        Some(&snapshot.storage_classes[*self.classes.get(&name)?])
    }

    /// When claims of that class are bound. A class that does not exist, or none, binds at once (`IsDelayBindingMode`).
    pub fn mode(&self, snapshot: &Snapshot, class: Text) -> BindingMode {
        match self.class(snapshot, class) {
            Some(class) if class.binds_late => BindingMode::WaitForFirstConsumer,
            _ => BindingMode::Immediate,
        }
    }

    /// The volumes of a class.
    pub fn volumes(&self, class: Text) -> &[VolumeId] {
        self.volumes_of_class.get(&class).map_or(&[], Vec::as_slice)
    }

    /// Whether a volume's node affinity selects a node (`CheckNodeAffinity`, which looks at labels only).
    pub fn reaches(&self, snapshot: &Snapshot, volume: VolumeId, node: usize) -> bool {
        self.reach(snapshot, volume).is_none_or(|reach| reach.nodes[node])
    }

    /// Where a volume can be used; none for one that can be used everywhere.
    pub(crate) fn reach(&self, snapshot: &Snapshot, volume: VolumeId) -> Option<Reach<'_>> {
        let id = self.affinities[volume.position()]?;
        let (first, reached) = &self.reached[id.position()];
        let table = reached.get_or_init(|| {
            let affinity = snapshot.volume(*first).node_affinity.as_ref();
            let selects = |node: &ha_core::snapshot::Node| {
                let labels = snapshot.labels(node.labels);
                affinity.is_none_or(|affinity| affinity.matches(labels, Text::default(), &snapshot.texts))
            };
            snapshot.nodes.iter().map(selects).collect()
        });
        Some(Reach { id, nodes: table })
    }

    /// Whether no other volume has the handle of this one.
    pub(crate) fn has_own_handle(&self, volume: VolumeId) -> bool {
        !self.shared.contains(&volume)
    }

    /// Whether volumes of the class are made on demand.
    pub fn provisions(&self, class: &StorageClass) -> bool {
        !class.provisioner.is_empty() && class.provisioner != self.no_provisioner
    }

    /// Whether the class' driver publishes how much room it has where.
    pub fn tracks_capacity(&self, class: &StorageClass) -> bool {
        self.tracking_drivers.contains(&class.provisioner)
    }

    /// What a StatefulSet's claim template asks for.
    pub fn templated(&self, template: &ClaimTemplate, namespace: Text, name: Text) -> ClaimModel {
        ClaimModel {
            namespace,
            name,
            class: template.storage_class.unwrap_or(self.default_class),
            modes: template.access_modes.clone(),
            bytes: template.bytes,
            selector: template.selector.clone(),
            block: template.block,
            ..ClaimModel::default()
        }
    }
}

/// Attach limits and attachments.
pub(super) fn describe_nodes(snapshot: &Snapshot, nodes: &mut [NodeModel]) {
    let limits = |csi: &CsiNode| -> Vec<(Text, i64)> {
        csi.drivers.iter().filter_map(|driver| Some((driver.driver, i64::from(driver.limit?)))).collect()
    };
    for csi in &snapshot.csi_nodes {
        if let Some(node) = csi.node {
            nodes[node.position()].volume_limits = limits(csi);
        }
    }
    let handles: HashMap<Text, (Text, Text)> =
        snapshot.volumes.iter().map(|volume| (volume.name, (volume.driver, volume.handle))).collect();
    for attachment in &snapshot.volume_attachments {
        if let (Some(node), Some(&volume)) = (attachment.node, handles.get(&attachment.volume_name)) {
            nodes[node.position()].attached.push(volume);
        }
    }
}

/// The node affinity of each volume by number, and for each number a volume that has it.
fn affinities(snapshot: &Snapshot) -> (Vec<Option<ReachId>>, Vec<Reached>) {
    let (mut numbers, mut reached) = (HashMap::new(), Vec::new());
    let volumes = (0..).map(VolumeId::at).zip(&snapshot.volumes);
    let number = |(id, volume): (VolumeId, &'_ ha_core::snapshot::PersistentVolume)| {
        let affinity = volume.node_affinity.clone()?;
        Some(*numbers.entry(affinity).or_insert_with(|| {
            reached.push((id, OnceLock::new()));
            ReachId::at(reached.len() - 1)
        }))
    };
    (volumes.map(number).collect(), reached)
}

/// Whether a CSI driver attaches the volume, and counts it.
pub(crate) fn is_csi(volume: &PersistentVolume) -> bool {
    !volume.driver.is_empty() && !volume.handle.is_empty()
}

/// The volumes that share their driver and handle with another.
fn shared(snapshot: &Snapshot) -> HashSet<VolumeId> {
    let mut first: HashMap<(Text, Text), VolumeId> = HashMap::new();
    let mut shared = HashSet::new();
    for (id, volume) in (0..).map(VolumeId::at).zip(&snapshot.volumes).filter(|(_, volume)| is_csi(volume)) {
        match first.entry((volume.driver, volume.handle)) {
            Entry::Vacant(entry) => _ = entry.insert(id),
            Entry::Occupied(entry) => shared.extend([*entry.get(), id]),
        }
    }
    shared
}

fn claim(claim: &ha_core::snapshot::Claim) -> ClaimModel {
    let binding = match (claim.volume_name.is_empty(), claim.bound, claim.volume) {
        (true, ..) => Binding::Unbound,
        (false, false, _) => Binding::Promised,
        (false, true, Some(volume)) => Binding::Volume(volume),
        (false, true, None) => Binding::Absent(claim.volume_name),
    };
    ClaimModel {
        namespace: claim.namespace,
        name: claim.name,
        // An API server gives every new claim without a class the default one: what is without has none.
        class: claim.storage_class.unwrap_or_default(),
        modes: claim.access_modes.clone(),
        bytes: claim.bytes,
        selector: claim.selector.clone(),
        block: claim.block,
        binding,
        selected_node: claim.selected_node,
        lost: claim.lost,
        deleting: claim.deleting,
    }
}

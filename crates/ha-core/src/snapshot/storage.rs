//! Volumes, claims, classes and drivers.

use alloc::vec::Vec;

use super::node::NodeId;
use super::object::ObjectId;
use super::workload::AccessMode;
use crate::labels::{Label, LabelSelector, NodeSelector};
use crate::text::Text;
use crate::wire::{index, record};

index! {
    /// A claim in [`Snapshot::claims`](crate::Snapshot::claims).
    ClaimId,
    /// A volume in [`Snapshot::volumes`](crate::Snapshot::volumes).
    VolumeId,
    /// A class in [`Snapshot::storage_classes`](crate::Snapshot::storage_classes).
    StorageClassId,
}

record! {
    /// A PersistentVolumeClaim.
    pub struct Claim {
        /// Its identity.
        pub object: ObjectId,
        /// Its namespace.
        pub namespace: Text,
        /// Its name.
        pub name: Text,
        /// `storageClassName`; none asks for the default class.
        pub storage_class as "storage-class": Option<Text>,
        /// `accessModes`.
        pub access_modes as "access-modes": Vec<AccessMode>,
        /// Requested bytes.
        pub bytes: i64,
        /// `selector`.
        pub selector: Option<LabelSelector>,
        /// `volumeName`; empty when unbound.
        pub volume_name as "volume-name": Text,
        /// The volume, when it was read.
        pub volume: Option<VolumeId>,
        /// Whether `status.phase` is `Bound`.
        pub bound: bool,
        /// The node chosen for a late binding (`volume.kubernetes.io/selected-node`).
        pub selected_node as "selected-node": Text,
        /// `volumeMode: Block`; the default is `Filesystem`.
        pub block: bool,
        /// Whether `status.phase` is `Lost`: its volume does not exist any more.
        pub lost: bool,
        /// Whether its deletion was asked for.
        pub deleting: bool,
    }
}

record! {
    /// A PersistentVolume.
    pub struct PersistentVolume {
        /// Its identity; zone labels of old volumes stand there.
        pub object: ObjectId,
        /// Its name.
        pub name: Text,
        /// Its class; empty for none.
        pub storage_class as "storage-class": Text,
        /// Bytes.
        pub bytes: i64,
        /// `accessModes`.
        pub access_modes as "access-modes": Vec<AccessMode>,
        /// `nodeAffinity.required`.
        pub node_affinity as "node-affinity": Option<NodeSelector>,
        /// The kind of source, such as `csi`, `local`, `nfs`, `hostPath`.
        pub source: Text,
        /// The CSI driver; empty for other sources.
        pub driver: Text,
        /// The volume's handle, for attach limits.
        pub handle: Text,
        /// `persistentVolumeReclaimPolicy: Delete`.
        pub deleted_with_claim as "deleted-with-claim": bool,
        /// The claim it is bound to or kept for.
        pub claim_namespace as "claim-namespace": Text,
        /// Its name.
        pub claim_name as "claim-name": Text,
        /// `status.phase`.
        pub phase: Text,
        /// `volumeMode: Block`; the default is `Filesystem`.
        pub block: bool,
        /// Whether its deletion was asked for.
        pub deleting: bool,
    }
}

record! {
    /// A StorageClass.
    pub struct StorageClass {
        /// Its identity.
        pub object: ObjectId,
        /// Its name.
        pub name: Text,
        /// Its provisioner.
        pub provisioner: Text,
        /// `volumeBindingMode: WaitForFirstConsumer`; the default is `Immediate`.
        pub binds_late as "binds-late": bool,
        /// `reclaimPolicy: Delete`, the default.
        pub deletes_volumes as "deletes-volumes": bool,
        /// Parameters that tell how a volume is replicated; all others are dropped.
        pub parameters: Vec<Label>,
        /// `allowedTopologies`, as terms.
        pub allowed_topologies as "allowed-topologies": NodeSelector,
        /// Marked as the default class.
        pub is_default as "is-default": bool,
    }
}

record! {
    /// What a CSI driver says about one node.
    pub struct NodeDriver {
        /// The driver's name.
        pub driver: Text,
        /// How many volumes it can attach there; none when it says nothing.
        pub limit: Option<u32>,
        /// Its topology keys.
        pub topology_keys as "topology-keys": Vec<Text>,
    }
}

record! {
    /// A CSINode.
    pub struct CsiNode {
        /// Its identity.
        pub object: ObjectId,
        /// The node, when it was read.
        pub node: Option<NodeId>,
        /// Its drivers.
        pub drivers: Vec<NodeDriver>,
    }
}

record! {
    /// A CSIDriver.
    pub struct CsiDriver {
        /// Its identity.
        pub object: ObjectId,
        /// Its name.
        pub name: Text,
        /// `attachRequired`, true by default.
        pub attaches: bool,
        /// `storageCapacity`: volumes are made only where the driver says that there is room.
        pub tracks_capacity as "tracks-capacity": bool,
    }
}

record! {
    /// A VolumeAttachment.
    pub struct VolumeAttachment {
        /// Its identity.
        pub object: ObjectId,
        /// The driver.
        pub attacher: Text,
        /// The node's name.
        pub node_name as "node-name": Text,
        /// The node, when it was read.
        pub node: Option<NodeId>,
        /// The volume's name.
        pub volume_name as "volume-name": Text,
        /// Whether it is attached.
        pub attached: bool,
    }
}

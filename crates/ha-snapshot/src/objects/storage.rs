//! Volumes, claims, classes and drivers.

use alloc::vec::Vec;

use super::{LabelSelector, Metadata, NodeSelector, ResourceMap, ResourceRequirements, Str, StringMap, slim};

/// `accessModes` as written.
pub type AccessModes = Vec<Str>;

slim! {
    /// `v1` PersistentVolumeClaim.
    pub struct PersistentVolumeClaim {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: ClaimSpec,
        /// Status.
        pub status: ClaimStatus,
    }
}

slim! {
    /// `spec` of a claim.
    pub struct ClaimSpec {
        /// Class.
        pub storage_class_name: Option<Str>,
        /// Access modes.
        pub access_modes: AccessModes,
        /// Size.
        pub resources: ResourceRequirements,
        /// Which volumes.
        pub selector: Option<LabelSelector>,
        /// The volume.
        pub volume_name: Str,
        /// `Filesystem` or `Block`.
        pub volume_mode: Str,
    }
}

slim! {
    /// `status` of a claim.
    pub struct ClaimStatus {
        /// Phase.
        pub phase: Str,
    }
}

slim! {
    /// `v1` PersistentVolume.
    pub struct PersistentVolume {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: PersistentVolumeSpec,
        /// Status.
        pub status: ClaimStatus,
    }
}

slim! {
    /// `spec` of a PersistentVolume.
    pub struct PersistentVolumeSpec {
        /// Class.
        pub storage_class_name: Str,
        /// Size.
        pub capacity: ResourceMap,
        /// Access modes.
        pub access_modes: AccessModes,
        /// Where it can be used.
        pub node_affinity: VolumeNodeAffinity,
        /// `Filesystem` or `Block`.
        pub volume_mode: Str,
        /// What happens when it is released.
        pub persistent_volume_reclaim_policy: Str,
        /// The claim it is kept for.
        pub claim_ref: Option<ClaimReference>,
        /// CSI.
        pub csi: Option<CsiSource>,
        /// Local disk.
        pub local: Option<PathSource>,
        /// Path of a node.
        pub host_path: Option<PathSource>,
        /// NFS.
        pub nfs: Option<PathSource>,
        /// iSCSI.
        pub iscsi: Option<IscsiSource>,
        /// GCE disk.
        pub gce_persistent_disk: Option<GceSource>,
        /// EBS volume.
        pub aws_elastic_block_store: Option<EbsSource>,
        /// Azure disk.
        pub azure_disk: Option<AzureSource>,
        /// Azure file share.
        pub azure_file: Option<PathSource>,
        /// CephFS.
        pub cephfs: Option<PathSource>,
        /// GlusterFS.
        pub glusterfs: Option<PathSource>,
        /// Ceph block device.
        pub rbd: Option<PathSource>,
    }
}

slim! {
    /// Where a volume can be used.
    pub struct VolumeNodeAffinity {
        /// Nodes.
        pub required: Option<NodeSelector>,
    }
}

slim! {
    /// A claim by namespace and name.
    pub struct ClaimReference {
        /// Namespace.
        pub namespace: Str,
        /// Name.
        pub name: Str,
    }
}

slim! {
    /// A CSI volume. Its attributes are left out: they may hold anything.
    pub struct CsiSource {
        /// Driver.
        pub driver: Str,
        /// Handle.
        pub volume_handle: Str,
    }
}

slim! {
    /// A path, here or on a server.
    pub struct PathSource {
        /// The path.
        pub path: Str,
    }
}

slim! {
    /// An iSCSI disk.
    pub struct IscsiSource {
        /// Qualified name.
        pub iqn: Str,
    }
}

slim! {
    /// A GCE disk.
    pub struct GceSource {
        /// Its name.
        pub pd_name: Str,
    }
}

slim! {
    /// An EBS volume.
    pub struct EbsSource {
        /// Its identity.
        #[serde(rename = "volumeID")]
        pub volume_id: Str,
    }
}

slim! {
    /// An Azure disk.
    pub struct AzureSource {
        /// Its name.
        pub disk_name: Str,
    }
}

slim! {
    /// `storage.k8s.io/v1` StorageClass.
    pub struct StorageClass {
        /// Metadata.
        pub metadata: Metadata,
        /// Provisioner.
        pub provisioner: Str,
        /// When volumes are bound.
        pub volume_binding_mode: Str,
        /// What happens to released volumes.
        pub reclaim_policy: Str,
        /// How volumes are replicated; other parameters are left out.
        pub parameters: ReplicationParameters,
        /// Where volumes may be made.
        pub allowed_topologies: Vec<TopologyTerm>,
    }
}

slim! {
    /// Parameters of a StorageClass that tell how its volumes are replicated.
    pub struct ReplicationParameters {
        /// GCE, AWS: the disk's type.
        pub r#type: Str,
        /// GCE: `regional-pd`.
        #[serde(rename = "replication-type")]
        pub replication_type: Str,
        /// Azure: ends in `_ZRS`.
        pub sku_name: Str,
        /// Azure, older.
        pub storageaccounttype: Str,
        /// Longhorn and others.
        pub number_of_replicas: Str,
    }
}

slim! {
    /// A term of `allowedTopologies`.
    pub struct TopologyTerm {
        /// Conditions.
        pub match_label_expressions: Vec<TopologyExpression>,
    }
}

slim! {
    /// A condition of `allowedTopologies`.
    pub struct TopologyExpression {
        /// Key.
        pub key: Str,
        /// Values.
        pub values: Vec<Str>,
    }
}

slim! {
    /// `storage.k8s.io/v1` CSINode.
    pub struct CsiNode {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: CsiNodeSpec,
    }
}

slim! {
    /// `spec` of a CSINode.
    pub struct CsiNodeSpec {
        /// Drivers.
        pub drivers: Vec<NodeDriver>,
    }
}

slim! {
    /// A driver on a node.
    pub struct NodeDriver {
        /// Name.
        pub name: Str,
        /// What it can attach.
        pub allocatable: DriverAllocatable,
        /// Topology keys.
        pub topology_keys: Vec<Str>,
    }
}

slim! {
    /// What a driver can attach.
    pub struct DriverAllocatable {
        /// How many.
        pub count: Option<u32>,
    }
}

slim! {
    /// `storage.k8s.io/v1` CSIDriver.
    pub struct CsiDriver {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: CsiDriverSpec,
    }
}

slim! {
    /// `spec` of a CSIDriver.
    pub struct CsiDriverSpec {
        /// Whether volumes are attached at all.
        pub attach_required: Option<bool>,
        /// Whether the scheduler looks at the capacity that the driver publishes.
        pub storage_capacity: bool,
    }
}

slim! {
    /// `storage.k8s.io/v1` VolumeAttachment.
    pub struct VolumeAttachment {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: VolumeAttachmentSpec,
        /// Status.
        pub status: VolumeAttachmentStatus,
    }
}

slim! {
    /// `spec` of a VolumeAttachment.
    pub struct VolumeAttachmentSpec {
        /// Driver.
        pub attacher: Str,
        /// Node.
        pub node_name: Str,
        /// Volume.
        pub source: AttachmentSource,
    }
}

slim! {
    /// The volume of an attachment.
    pub struct AttachmentSource {
        /// Its name.
        pub persistent_volume_name: Str,
    }
}

slim! {
    /// `status` of a VolumeAttachment.
    pub struct VolumeAttachmentStatus {
        /// Attached.
        pub attached: bool,
    }
}

impl ReplicationParameters {
    /// The parameters that are set, under their own names.
    pub fn entries(&self) -> StringMap {
        let all = [
            ("type", &self.r#type),
            ("replication-type", &self.replication_type),
            ("skuName", &self.sku_name),
            ("storageaccounttype", &self.storageaccounttype),
            ("numberOfReplicas", &self.number_of_replicas),
        ];
        let set = all.into_iter().filter(|(_, value)| !value.is_empty());
        StringMap(set.map(|(key, value)| (key.into(), value.clone())).collect())
    }
}

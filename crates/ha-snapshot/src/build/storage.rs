//! Volumes, claims, classes and drivers.

use alloc::vec::Vec;

use ha_core::labels::{NodeSelector, NodeSelectorTerm, Operator, Requirement};
use ha_core::snapshot::{
    Claim, CsiDriver, CsiNode, NodeDriver, ObjectId, PersistentVolume, StorageClass, VolumeAttachment,
};

use super::Builder;
use super::convert::access_modes;
use super::join::Lookup;
use super::workload::storage_bytes;
use crate::objects::{self as slim, DEFAULT_STORAGE_CLASS_ANNOTATIONS, SELECTED_NODE_ANNOTATION};

impl Builder {
    pub(super) fn claim(&mut self, id: ObjectId, claim: &slim::PersistentVolumeClaim) -> Claim {
        let spec = &claim.spec;
        Claim {
            object: id,
            namespace: self.objects[id.position()].namespace,
            name: self.objects[id.position()].name,
            storage_class: spec.storage_class_name.as_ref().map(|class| self.texts.intern(class)),
            access_modes: access_modes(&spec.access_modes),
            bytes: storage_bytes(&spec.resources.requests),
            selector: spec.selector.as_ref().map(|selector| self.selector(selector)),
            volume_name: self.text(&spec.volume_name),
            volume: None,
            bound: claim.status.phase == "Bound",
            selected_node: self.text(claim.metadata.annotations.get(SELECTED_NODE_ANNOTATION).unwrap_or("")),
            block: spec.volume_mode == "Block",
            lost: claim.status.phase == "Lost",
            deleting: claim.metadata.deletion_timestamp.is_some(),
        }
    }

    pub(super) fn persistent_volume(&mut self, id: ObjectId, volume: &slim::PersistentVolume) -> PersistentVolume {
        let spec = &volume.spec;
        let (source, driver, handle) = source(spec);
        let (driver, handle) = (driver.unwrap_or_default(), handle.unwrap_or_default());
        let (namespace, name) = spec.claim_ref.as_ref().map_or(("", ""), |claim| (&claim.namespace, &claim.name));
        PersistentVolume {
            object: id,
            name: self.objects[id.position()].name,
            storage_class: self.text(&spec.storage_class_name),
            bytes: storage_bytes(&spec.capacity),
            access_modes: access_modes(&spec.access_modes),
            node_affinity: spec.node_affinity.required.as_ref().map(|selector| self.node_selector(selector)),
            source: self.text(source),
            driver: self.text(driver),
            handle: self.text(handle),
            deleted_with_claim: spec.persistent_volume_reclaim_policy == "Delete",
            claim_namespace: self.text(namespace),
            claim_name: self.text(name),
            // `SetDefaults_PersistentVolume` in `pkg/apis/core/v1/defaults.go`.
            phase: self.text(if volume.status.phase.is_empty() { "Pending" } else { &volume.status.phase }),
            block: spec.volume_mode == "Block",
            deleting: volume.metadata.deletion_timestamp.is_some(),
        }
    }

    pub(super) fn storage_class(&mut self, id: ObjectId, class: &slim::StorageClass) -> StorageClass {
        let annotations = &class.metadata.annotations;
        StorageClass {
            object: id,
            name: self.objects[id.position()].name,
            provisioner: self.text(&class.provisioner),
            binds_late: class.volume_binding_mode == "WaitForFirstConsumer",
            deletes_volumes: class.reclaim_policy != "Retain",
            parameters: self.label_list(&class.parameters.entries().0),
            allowed_topologies: self.topologies(&class.allowed_topologies),
            is_default: DEFAULT_STORAGE_CLASS_ANNOTATIONS.iter().any(|key| annotations.get(key) == Some("true")),
        }
    }

    fn topologies(&mut self, terms: &[slim::TopologyTerm]) -> NodeSelector {
        let terms = terms
            .iter()
            .map(|term| NodeSelectorTerm {
                expressions: term
                    .match_label_expressions
                    .iter()
                    .map(|expression| Requirement {
                        key: self.texts.intern(&expression.key),
                        operator: Operator::In,
                        values: self.texts_of(&expression.values),
                    })
                    .collect(),
                fields: Vec::new(),
            })
            .collect();
        NodeSelector { terms }
    }

    pub(super) fn csi_node(&mut self, id: ObjectId, node: &slim::CsiNode, lookup: &Lookup) -> CsiNode {
        let drivers = node
            .spec
            .drivers
            .iter()
            .map(|driver| NodeDriver {
                driver: self.text(&driver.name),
                limit: driver.allocatable.count,
                topology_keys: self.texts_of(&driver.topology_keys),
            })
            .collect();
        let name = self.objects[id.position()].name;
        CsiNode { object: id, node: lookup.nodes.get(&name).copied(), drivers }
    }

    pub(super) fn csi_driver(&mut self, id: ObjectId, driver: &slim::CsiDriver) -> CsiDriver {
        let name = self.objects[id.position()].name;
        let attaches = driver.spec.attach_required.unwrap_or(true);
        CsiDriver { object: id, name, attaches, tracks_capacity: driver.spec.storage_capacity }
    }

    pub(super) fn attachment(
        &mut self,
        id: ObjectId,
        attachment: &slim::VolumeAttachment,
        lookup: &Lookup,
    ) -> VolumeAttachment {
        let node_name = self.text(&attachment.spec.node_name);
        VolumeAttachment {
            object: id,
            attacher: self.text(&attachment.spec.attacher),
            node_name,
            node: lookup.nodes.get(&node_name).copied(),
            volume_name: self.text(&attachment.spec.source.persistent_volume_name),
            attached: attachment.status.attached,
        }
    }
}

/// The kind of a volume's source, its CSI driver, and its handle.
fn source(spec: &slim::PersistentVolumeSpec) -> (&'static str, Option<&str>, Option<&str>) {
    if let Some(csi) = &spec.csi {
        return ("csi", Some(&csi.driver), Some(&csi.volume_handle));
    }
    if let Some(disk) = &spec.gce_persistent_disk {
        return ("gcePersistentDisk", None, Some(&disk.pd_name));
    }
    if let Some(disk) = &spec.aws_elastic_block_store {
        return ("awsElasticBlockStore", None, Some(&disk.volume_id));
    }
    if let Some(disk) = &spec.azure_disk {
        return ("azureDisk", None, Some(&disk.disk_name));
    }
    if let Some(disk) = &spec.iscsi {
        return ("iscsi", None, Some(&disk.iqn));
    }
    let paths = [
        ("local", &spec.local),
        ("hostPath", &spec.host_path),
        ("nfs", &spec.nfs),
        ("azureFile", &spec.azure_file),
        ("cephfs", &spec.cephfs),
        ("glusterfs", &spec.glusterfs),
        ("rbd", &spec.rbd),
    ];
    let named = paths.iter().find_map(|(name, path)| path.as_ref().map(|path| (*name, None, Some(path.path.as_str()))));
    named.unwrap_or(("", None, None))
}

//! Nodes and namespaces.

use alloc::vec::Vec;

use super::object::{Condition, ObjectId, Timestamp};
use crate::labels::LabelsId;
use crate::text::Text;
use crate::wire::{index, record, word};

index! {
    /// A node in [`Snapshot::nodes`](crate::Snapshot::nodes).
    NodeId,
    /// A namespace in [`Snapshot::namespaces`](crate::Snapshot::namespaces).
    NamespaceId,
}

record! {
    /// An amount of one resource: millicores for `cpu`, bytes for memory and storage, else a count.
    #[derive(Copy)]
    pub struct Amount {
        /// The resource's name, such as `memory` or `nvidia.com/gpu`.
        pub resource: Text,
        /// How much.
        pub value: i64,
    }
}

word! {
    /// What a taint does to pods that do not tolerate it.
    pub enum TaintEffect {
        /// New pods stay away.
        NoSchedule = "no-schedule",
        /// New pods stay away if they can.
        PreferNoSchedule = "prefer-no-schedule",
        /// New pods stay away and running ones are evicted.
        NoExecute = "no-execute",
    }
}

record! {
    /// A taint.
    pub struct Taint {
        /// Its key.
        pub key: Text,
        /// Its value.
        pub value: Text,
        /// Its effect.
        pub effect: TaintEffect,
        /// When it was added, for `NoExecute`.
        pub since: Option<Timestamp>,
    }
}

word! {
    /// The node's `Ready` condition.
    pub enum Readiness {
        /// `True`.
        Ready = "ready",
        /// `False`.
        NotReady = "not-ready",
        /// `Unknown`, or no such condition: the kubelet is silent.
        Unknown = "unknown",
    }
}

record! {
    /// A node.
    pub struct Node {
        /// Its identity; its labels stand there.
        pub object: ObjectId,
        /// Its labels, again, for selectors.
        pub labels: LabelsId,
        /// The zone of rules.md 1.8 (region included when two regions use one name); empty when unlabelled.
        pub zone: Text,
        /// The value of `topology.kubernetes.io/zone` itself.
        pub zone_label as "zone-label": Text,
        /// The region; empty when unlabelled.
        pub region: Text,
        /// The value of `kubernetes.io/hostname`; empty when unlabelled.
        pub hostname: Text,
        /// Whether it runs the control plane (role labels of several distributions).
        pub control_plane as "control-plane": bool,
        /// Whether it is a virtual node, which holds one pod each (Fargate, virtual-kubelet).
        pub is_virtual as "is-virtual": bool,
        /// `spec.unschedulable`: cordoned.
        pub unschedulable: bool,
        /// Its taints.
        pub taints: Vec<Taint>,
        /// Its `Ready` condition.
        pub readiness: Readiness,
        /// Since when `readiness` is what it is.
        pub readiness_since as "readiness-since": Option<Timestamp>,
        /// All conditions.
        pub conditions: Vec<Condition>,
        /// What pods may use.
        pub allocatable: Vec<Amount>,
        /// `InternalIP` addresses.
        pub internal_addresses as "internal-addresses": Vec<Text>,
        /// `podCIDRs`.
        pub pod_ranges as "pod-ranges": Vec<Text>,
        /// The kubelet's version, such as `v1.36.3`.
        pub kubelet_version as "kubelet-version": Text,
        /// Volumes that the node reports attached.
        pub volumes_attached as "volumes-attached": Vec<Text>,
        /// Images on the node which pods name, as these name them, and their bytes.
        pub images: Vec<Amount>,
        /// `spec.providerID` up to its scheme: `aws`, `gce`, `azure`, `kind`, …
        pub provider: Text,
    }
}

record! {
    /// A namespace.
    pub struct Namespace {
        /// Its identity; its labels stand there.
        pub object: ObjectId,
        /// Its labels, again, for selectors.
        pub labels: LabelsId,
        /// Its name.
        pub name: Text,
    }
}

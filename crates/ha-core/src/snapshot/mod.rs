//! The state of a cluster, or of a set of manifests, at one instant.
//!
//! Flat tables of typed records, joined by indices: the same shape in the host, on the policy boundary and
//! in a policy. What builds it is `ha-snapshot`; what it leaves out, no rule and no scheduler plugin reads.

use alloc::vec::Vec;

pub mod extension;
pub mod node;
pub mod object;
pub mod operations;
pub mod pod;
pub mod service;
pub mod storage;
pub mod workload;

mod access;

pub use access::Absence;
pub use extension::*;
pub use node::*;
pub use object::*;
pub use operations::*;
pub use pod::*;
pub use service::*;
pub use storage::*;
pub use workload::*;

use crate::labels::LabelSet;
use crate::text::{Text, Texts};
use crate::wire::{record, word};

word! {
    /// Where a snapshot's objects came from.
    pub enum SourceKind {
        /// A running cluster, or a snapshot saved from one.
        Cluster = "cluster",
        /// Files: they show what is written, and prove no absence unless declared whole.
        Manifests = "manifests",
        /// One object on its way through admission, with its neighbourhood.
        Admission = "admission",
    }
}

record! {
    /// What is known about the input as a whole.
    pub struct Source {
        /// Where the objects came from.
        pub kind: SourceKind,
        /// The context's name, or `cluster`.
        pub name: Text,
        /// The server's version, such as `v1.36.3`; empty when not known.
        pub server_version as "server-version": Text,
        /// The instant that the snapshot shows. All ages are counted from here.
        pub taken_at as "taken-at": Timestamp,
        /// The namespaces that were read, when not all of them were; empty when all were.
        pub namespaces: Vec<Text>,
        /// Files only: the user declared the input whole, so what is not in it does not exist.
        pub assume_complete as "assume-complete": bool,
    }
}

record! {
    /// The state of a cluster, or of a set of manifests, at one instant.
    pub struct Snapshot {
        /// What is known about the input as a whole.
        pub source: Source,
        /// All strings.
        pub texts: Texts,
        /// All label sets; the first is empty.
        pub label_sets as "label-sets": Vec<LabelSet>,
        /// All objects; the first is the cluster.
        pub objects: Vec<Object>,
        /// What is missing, and why.
        pub gaps: Vec<Gap>,
        /// What annotations silence.
        pub suppressions: Vec<Suppression>,
        /// Nodes by name.
        pub nodes: Vec<Node>,
        /// Namespaces by name, those included that only other objects name.
        pub namespaces: Vec<Namespace>,
        /// Workloads by namespace, kind and name.
        pub workloads: Vec<Workload>,
        /// Pods by namespace and name.
        pub pods: Vec<Pod>,
        /// Specifications, each once.
        pub pod_specs as "pod-specs": Vec<PodSpec>,
        /// The pods of each workload, one workload after the other.
        pub workload_pods as "workload-pods": Vec<PodId>,
        /// The claims of each pod, one pod after the other.
        pub pod_claims as "pod-claims": Vec<PodClaim>,
        /// Budgets by namespace and name.
        pub budgets: Vec<Budget>,
        /// Autoscalers by namespace and name.
        pub autoscalers: Vec<Autoscaler>,
        /// Services by namespace and name.
        pub services: Vec<Service>,
        /// IngressClasses.
        pub ingress_classes as "ingress-classes": Vec<TrafficClass>,
        /// Ingresses.
        pub ingresses: Vec<TrafficEntry>,
        /// GatewayClasses.
        pub gateway_classes as "gateway-classes": Vec<TrafficClass>,
        /// Gateways; their backends are those of the routes attached to them.
        pub gateways: Vec<TrafficEntry>,
        /// Webhooks, in the order of their configurations.
        pub webhooks: Vec<Webhook>,
        /// Aggregated APIs.
        pub aggregated_apis as "aggregated-apis": Vec<AggregatedApi>,
        /// Custom kinds.
        pub custom_kinds as "custom-kinds": Vec<CustomKind>,
        /// Claims by namespace and name.
        pub claims: Vec<Claim>,
        /// Volumes by name.
        pub volumes: Vec<PersistentVolume>,
        /// Classes by name.
        pub storage_classes as "storage-classes": Vec<StorageClass>,
        /// What drivers say about nodes.
        pub csi_nodes as "csi-nodes": Vec<CsiNode>,
        /// Drivers.
        pub csi_drivers as "csi-drivers": Vec<CsiDriver>,
        /// Attachments.
        pub volume_attachments as "volume-attachments": Vec<VolumeAttachment>,
        /// Priority classes.
        pub priority_classes as "priority-classes": Vec<PriorityClass>,
        /// Leases.
        pub leases: Vec<Lease>,
        /// Limit ranges.
        pub limit_ranges as "limit-ranges": Vec<LimitRange>,
        /// Quotas.
        pub resource_quotas as "resource-quotas": Vec<ResourceQuota>,
        /// Backup schedules.
        pub backup_schedules as "backup-schedules": Vec<BackupSchedule>,
        /// Backups.
        pub backups: Vec<Backup>,
        /// Where backups are kept.
        pub backup_locations as "backup-locations": Vec<BackupLocation>,
        /// Facts from allowed ConfigMaps.
        pub facts: Vec<Fact>,
    }
}

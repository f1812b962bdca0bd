//! Who an object is, where it was read, and which kinds there are.

use alloc::vec::Vec;

use crate::labels::LabelsId;
use crate::text::Text;
use crate::wire::{index, record, word};

index! {
    /// An object of the input in [`Snapshot::objects`](crate::Snapshot::objects). Number 0 is the cluster itself.
    ObjectId
}

/// Seconds since 1970-01-01 UTC.
pub type Timestamp = i64;

record! {
    /// The identity of one object that was read, or of one that others name but that was not read.
    pub struct Object {
        /// Group and version, such as `apps/v1`.
        pub api_version as "api-version": Text,
        /// The kind, such as `Deployment`.
        pub kind: Text,
        /// The namespace; empty for what has none.
        pub namespace: Text,
        /// The name.
        pub name: Text,
        /// Its labels.
        pub labels: LabelsId,
        /// Those annotations that a rule reads; all others are dropped while reading.
        pub annotations: LabelsId,
        /// When the API server stored it.
        pub created_at as "created-at": Option<Timestamp>,
        /// File and line, when it was read from a manifest.
        pub location: Option<Location>,
        /// Whether the object itself was read, not only named by another one.
        pub read: bool,
    }
}

record! {
    /// Where an object stands in a file.
    #[derive(Copy)]
    pub struct Location {
        /// The path as given by the user; `-` for standard input.
        pub file: Text,
        /// The first line of the object, from 1.
        pub line: u32,
    }
}

word! {
    /// The kinds that are read. Words for gaps, needs and proofs of absence.
    pub enum ResourceKind {
        /// `v1` Node.
        Node = "node",
        /// `v1` Namespace.
        Namespace = "namespace",
        /// `v1` Pod.
        Pod = "pod",
        /// `apps/v1` ReplicaSet.
        ReplicaSet = "replica-set",
        /// `v1` ReplicationController.
        ReplicationController = "replication-controller",
        /// `apps/v1` Deployment.
        Deployment = "deployment",
        /// `apps/v1` StatefulSet.
        StatefulSet = "stateful-set",
        /// `apps/v1` DaemonSet.
        DaemonSet = "daemon-set",
        /// `batch/v1` Job.
        Job = "job",
        /// `batch/v1` CronJob.
        CronJob = "cron-job",
        /// `policy/v1` PodDisruptionBudget.
        PodDisruptionBudget = "pod-disruption-budget",
        /// `autoscaling/v2` HorizontalPodAutoscaler.
        HorizontalPodAutoscaler = "horizontal-pod-autoscaler",
        /// `keda.sh` ScaledObject.
        ScaledObject = "scaled-object",
        /// `v1` Service.
        Service = "service",
        /// `discovery.k8s.io/v1` EndpointSlice.
        EndpointSlice = "endpoint-slice",
        /// `networking.k8s.io/v1` Ingress.
        Ingress = "ingress",
        /// `networking.k8s.io/v1` IngressClass.
        IngressClass = "ingress-class",
        /// `gateway.networking.k8s.io` GatewayClass.
        GatewayClass = "gateway-class",
        /// `gateway.networking.k8s.io` Gateway.
        Gateway = "gateway",
        /// `gateway.networking.k8s.io` HTTPRoute.
        HttpRoute = "http-route",
        /// `v1` PersistentVolume.
        PersistentVolume = "persistent-volume",
        /// `v1` PersistentVolumeClaim.
        PersistentVolumeClaim = "persistent-volume-claim",
        /// `storage.k8s.io/v1` StorageClass.
        StorageClass = "storage-class",
        /// `storage.k8s.io/v1` CSINode.
        CsiNode = "csi-node",
        /// `storage.k8s.io/v1` CSIDriver.
        CsiDriver = "csi-driver",
        /// `storage.k8s.io/v1` VolumeAttachment.
        VolumeAttachment = "volume-attachment",
        /// `scheduling.k8s.io/v1` PriorityClass.
        PriorityClass = "priority-class",
        /// `coordination.k8s.io/v1` Lease.
        Lease = "lease",
        /// `admissionregistration.k8s.io/v1` ValidatingWebhookConfiguration.
        ValidatingWebhookConfiguration = "validating-webhook-configuration",
        /// `admissionregistration.k8s.io/v1` MutatingWebhookConfiguration.
        MutatingWebhookConfiguration = "mutating-webhook-configuration",
        /// `apiregistration.k8s.io/v1` APIService.
        ApiService = "api-service",
        /// `apiextensions.k8s.io/v1` CustomResourceDefinition.
        CustomResourceDefinition = "custom-resource-definition",
        /// `v1` LimitRange.
        LimitRange = "limit-range",
        /// `v1` ResourceQuota.
        ResourceQuota = "resource-quota",
        /// `velero.io/v1` Schedule.
        BackupSchedule = "backup-schedule",
        /// `velero.io/v1` Backup.
        Backup = "backup",
        /// `velero.io/v1` BackupStorageLocation.
        BackupStorageLocation = "backup-storage-location",
        /// `v1` ConfigMap: only those of rules.md 1.12, reduced to facts.
        ConfigMap = "config-map",
    }
}

impl ResourceKind {
    /// The kind as Kubernetes writes it, and its API group (empty for the core group).
    pub const fn group_kind(self) -> (&'static str, &'static str) {
        use ResourceKind as K;
        match self {
            K::Node => ("", "Node"),
            K::Namespace => ("", "Namespace"),
            K::Pod => ("", "Pod"),
            K::ReplicaSet => ("apps", "ReplicaSet"),
            K::ReplicationController => ("", "ReplicationController"),
            K::Deployment => ("apps", "Deployment"),
            K::StatefulSet => ("apps", "StatefulSet"),
            K::DaemonSet => ("apps", "DaemonSet"),
            K::Job => ("batch", "Job"),
            K::CronJob => ("batch", "CronJob"),
            K::PodDisruptionBudget => ("policy", "PodDisruptionBudget"),
            K::HorizontalPodAutoscaler => ("autoscaling", "HorizontalPodAutoscaler"),
            K::ScaledObject => ("keda.sh", "ScaledObject"),
            K::Service => ("", "Service"),
            K::EndpointSlice => ("discovery.k8s.io", "EndpointSlice"),
            K::Ingress => ("networking.k8s.io", "Ingress"),
            K::IngressClass => ("networking.k8s.io", "IngressClass"),
            K::GatewayClass => ("gateway.networking.k8s.io", "GatewayClass"),
            K::Gateway => ("gateway.networking.k8s.io", "Gateway"),
            K::HttpRoute => ("gateway.networking.k8s.io", "HTTPRoute"),
            K::PersistentVolume => ("", "PersistentVolume"),
            K::PersistentVolumeClaim => ("", "PersistentVolumeClaim"),
            K::StorageClass => ("storage.k8s.io", "StorageClass"),
            K::CsiNode => ("storage.k8s.io", "CSINode"),
            K::CsiDriver => ("storage.k8s.io", "CSIDriver"),
            K::VolumeAttachment => ("storage.k8s.io", "VolumeAttachment"),
            K::PriorityClass => ("scheduling.k8s.io", "PriorityClass"),
            K::Lease => ("coordination.k8s.io", "Lease"),
            K::ValidatingWebhookConfiguration => ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
            K::MutatingWebhookConfiguration => ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
            K::ApiService => ("apiregistration.k8s.io", "APIService"),
            K::CustomResourceDefinition => ("apiextensions.k8s.io", "CustomResourceDefinition"),
            K::LimitRange => ("", "LimitRange"),
            K::ResourceQuota => ("", "ResourceQuota"),
            K::BackupSchedule => ("velero.io", "Schedule"),
            K::Backup => ("velero.io", "Backup"),
            K::BackupStorageLocation => ("velero.io", "BackupStorageLocation"),
            K::ConfigMap => ("", "ConfigMap"),
        }
    }

    /// The kind as Kubernetes writes it.
    pub const fn kind(self) -> &'static str {
        self.group_kind().1
    }

    /// The kind of that group and name, whatever its version.
    pub fn from_group_kind(group: &str, kind: &str) -> Option<Self> {
        // Ingress and HPA moved between groups long ago; manifests of that age name the old one.
        let group = if group == "extensions" { "networking.k8s.io" } else { group };
        Self::ALL.iter().copied().find(|known| known.group_kind() == (group, kind))
    }
}

record! {
    /// A slice of one of the snapshot's tables of edges.
    #[derive(Copy)]
    pub struct Slice {
        /// The position of the first entry.
        pub first: u32,
        /// How many entries belong to it.
        pub count: u32,
    }
}

impl Slice {
    /// That part of `table`; empty where it lies outside.
    pub fn of<T>(self, table: &[T]) -> &[T] {
        let first = self.first as usize;
        table.get(first..first + self.count as usize).unwrap_or(&[])
    }
}

word! {
    /// Why something is missing from a snapshot.
    pub enum GapReason {
        /// Access was denied.
        Forbidden = "forbidden",
        /// The API server does not know the kind: it is not installed.
        NotInstalled = "not-installed",
        /// It was there and could not be read.
        Unreadable = "unreadable",
        /// The read did not end in time.
        TimedOut = "timed-out",
        /// The input is a set of files, and they do not hold it.
        NotInInput = "not-in-input",
        /// Never read, by design.
        ByDesign = "by-design",
    }
}

record! {
    /// Something that the snapshot lacks, and why.
    pub struct Gap {
        /// What kind is missing; none when the object's kind is not known either.
        pub kind: Option<ResourceKind>,
        /// Where; empty means in the whole cluster.
        pub namespace: Text,
        /// Why.
        pub reason: GapReason,
        /// The one object concerned, when it is not the whole kind.
        pub object: Option<ObjectId>,
        /// What a person should read, with the file and line or the server's words.
        pub message: Text,
    }
}

record! {
    /// One status condition.
    pub struct Condition {
        /// Its `type`.
        pub name: Text,
        /// Its `status`: `True`, `False` or `Unknown`.
        pub status: Text,
        /// Its `reason`.
        pub reason: Text,
        /// When the status last changed.
        pub since: Option<Timestamp>,
    }
}

record! {
    /// An annotation that silences one rule on one object (rules.md 1.6).
    pub struct Suppression {
        /// The rule's name as written.
        pub rule: Text,
        /// The reason given; empty means that it does not take effect.
        pub reason: Text,
        /// The last day on which it holds, `YYYY-MM-DD`; empty for ever.
        pub until: Text,
        /// The object that carries it: a workload, any other object, or a namespace.
        pub object: ObjectId,
        /// Whether it stands on the pod template of `object`.
        pub on_pod_template as "on-pod-template": bool,
    }
}

/// What every table entry of the snapshot is about.
pub trait Subject {
    /// The object that a finding about this entry names.
    fn object(&self) -> ObjectId;
}

/// `Vec<ObjectId>` under a name that says what it is for.
pub type Related = Vec<ObjectId>;

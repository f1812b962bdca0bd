//! Workloads: every controller of pods, and every bare pod, in one normal form; their budgets and autoscalers.

use alloc::vec::Vec;

use super::node::Amount;
use super::object::{Condition, ObjectId, Slice, Timestamp};
use super::pod::{PodId, PodSpecId};
use super::service::ServiceId;
use crate::labels::{LabelSelector, LabelsId};
use crate::text::Text;
use crate::wire::{choice, index, record, word};

index! {
    /// A workload in [`Snapshot::workloads`](crate::Snapshot::workloads).
    WorkloadId,
    /// A budget in [`Snapshot::budgets`](crate::Snapshot::budgets).
    BudgetId,
    /// An autoscaler in [`Snapshot::autoscalers`](crate::Snapshot::autoscalers).
    AutoscalerId,
}

word! {
    /// What kind of controller a workload is.
    pub enum WorkloadKind {
        /// A Deployment.
        Deployment = "deployment",
        /// A StatefulSet.
        StatefulSet = "stateful-set",
        /// A DaemonSet.
        DaemonSet = "daemon-set",
        /// A ReplicaSet without a Deployment.
        ReplicaSet = "replica-set",
        /// A ReplicationController.
        ReplicationController = "replication-controller",
        /// A Job without a CronJob.
        Job = "job",
        /// A CronJob.
        CronJob = "cron-job",
        /// A pod without a controller.
        BarePod = "bare-pod",
        /// A static pod of the kubelet, seen through its mirror.
        StaticPod = "static-pod",
        /// A custom kind, known from its pods' owner references only.
        Custom = "custom",
    }
}

impl WorkloadKind {
    /// The kind as Kubernetes writes it; `Pod` for pods, empty for a custom kind.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::BarePod | Self::StaticPod => "Pod",
            Self::Custom => "",
        }
    }

    /// Whether `spec.replicas` says how many pods there are to be, each of which is made again when it vanishes.
    pub const fn has_replicas(self) -> bool {
        matches!(self, Self::Deployment | Self::StatefulSet | Self::ReplicaSet | Self::ReplicationController)
    }
}

choice! {
    /// An `IntOrString` that counts pods.
    #[derive(Copy)]
    pub enum Threshold {
        /// So many.
        Count(i32) = "count",
        /// So many percent.
        Percent(i32) = "percent",
    }
}

record! {
    /// `RollingUpdate` and its two bounds, defaults filled in.
    #[derive(Copy)]
    pub struct RollingUpdate {
        /// How many may be missing.
        pub max_unavailable as "max-unavailable": Threshold,
        /// How many may be added.
        pub max_surge as "max-surge": Threshold,
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self::Count(0)
    }
}

choice! {
    /// How a workload replaces its pods.
    #[derive(Default)]
    pub enum UpdateStrategy {
        /// Step by step.
        RollingUpdate(RollingUpdate) = "rolling-update",
        /// All old pods go first.
        Recreate = "recreate",
        /// Only when someone deletes a pod.
        OnDelete = "on-delete",
        /// The kind has no such thing.
        #[default]
        None = "none",
    }
}

record! {
    /// What only StatefulSets have.
    pub struct StatefulSettings {
        /// `podManagementPolicy: Parallel`.
        pub parallel: bool,
        /// `serviceName`.
        pub service_name as "service-name": Text,
        /// `updateStrategy.rollingUpdate.partition`.
        pub partition: u32,
        /// `spec.ordinals.start`.
        pub first_ordinal as "first-ordinal": u32,
        /// `volumeClaimTemplates`.
        pub claim_templates as "claim-templates": Vec<ClaimTemplate>,
        /// `persistentVolumeClaimRetentionPolicy.whenScaled: Delete`.
        pub deletes_claims_on_scale_down as "deletes-claims-on-scale-down": bool,
    }
}

record! {
    /// A volume claim template.
    pub struct ClaimTemplate {
        /// Its name.
        pub name: Text,
        /// `storageClassName`; none asks for the default class, empty for no class.
        pub storage_class as "storage-class": Option<Text>,
        /// `accessModes`.
        pub access_modes as "access-modes": Vec<AccessMode>,
        /// Requested bytes.
        pub bytes: i64,
        /// `selector`.
        pub selector: Option<LabelSelector>,
        /// `volumeMode: Block`; the default is `Filesystem`.
        pub block: bool,
    }
}

word! {
    /// How many may mount a volume at once.
    pub enum AccessMode {
        /// One node.
        ReadWriteOnce = "read-write-once",
        /// Many nodes, reading.
        ReadOnlyMany = "read-only-many",
        /// Many nodes.
        ReadWriteMany = "read-write-many",
        /// One pod.
        ReadWriteOncePod = "read-write-once-pod",
    }
}

record! {
    /// What only Jobs and CronJobs have.
    pub struct BatchSettings {
        /// The cron expression; empty for a Job.
        pub schedule: Text,
        /// `timeZone`.
        pub time_zone as "time-zone": Text,
        /// `suspend`.
        pub suspended: bool,
        /// When it last started.
        pub last_started as "last-started": Option<Timestamp>,
        /// When it last succeeded.
        pub last_succeeded as "last-succeeded": Option<Timestamp>,
        /// `completions`, `parallelism` of a Job.
        pub parallelism: u32,
        /// Whether a Job has ended.
        pub finished: bool,
        /// Whether a Job has failed.
        pub failed: bool,
    }
}

record! {
    /// A controller of pods, or a bare pod.
    pub struct Workload {
        /// Its identity.
        pub object: ObjectId,
        /// What it is.
        pub kind: WorkloadKind,
        /// Its namespace.
        pub namespace: Text,
        /// Whether the controller itself was read. A custom owner known by name only was not.
        pub resolved: bool,
        /// `spec.replicas` as written; none when left out.
        pub replicas: Option<u32>,
        /// `status.replicas`, as seen last.
        pub current_replicas as "current-replicas": Option<u32>,
        /// Its selector.
        pub selector: Option<LabelSelector>,
        /// The labels of its pod template (of the pod itself for a bare pod).
        pub template_labels as "template-labels": LabelsId,
        /// The annotations of its pod template that a rule reads.
        pub template_annotations as "template-annotations": LabelsId,
        /// Its pod template.
        pub spec: PodSpecId,
        /// How it replaces its pods.
        pub strategy: UpdateStrategy,
        /// `minReadySeconds`.
        pub min_ready_seconds as "min-ready-seconds": u32,
        /// `progressDeadlineSeconds`.
        pub progress_deadline_seconds as "progress-deadline-seconds": Option<u32>,
        /// `revisionHistoryLimit`.
        pub revision_history_limit as "revision-history-limit": Option<u32>,
        /// `spec.paused`.
        pub paused: bool,
        /// What only StatefulSets have.
        pub stateful: Option<StatefulSettings>,
        /// What only Jobs and CronJobs have.
        pub batch: Option<BatchSettings>,
        /// The revision that new pods get; empty when not known.
        pub current_revision as "current-revision": Text,
        /// The custom owner above it, when there is one.
        pub owner: Option<ObjectId>,
        /// Its pods: a part of [`Snapshot::workload_pods`](crate::Snapshot::workload_pods).
        pub pods: Slice,
        /// Budgets that match its pod template or one of its pods.
        pub budgets: Vec<BudgetId>,
        /// Services that select its pod template or one of its pods.
        pub services: Vec<ServiceId>,
        /// Autoscalers that target it: by group, kind and name.
        pub autoscalers: Vec<AutoscalerId>,
        /// Its containers' requests after the namespace's LimitRange defaults, per container of the spec.
        pub limit_range_defaults as "limit-range-defaults": Vec<Amount>,
    }
}

impl Workload {
    /// Whether it is meant to run all the time: not a Job, CronJob or static pod.
    pub fn serves_continuously(&self) -> bool {
        !matches!(self.kind, WorkloadKind::Job | WorkloadKind::CronJob | WorkloadKind::StaticPod)
    }

    /// Whether replicas, spread and budgets concern it: it serves continuously, is no DaemonSet, and has a
    /// controller (rules.md 1.3).
    pub fn is_replicated_kind(&self) -> bool {
        self.serves_continuously() && !matches!(self.kind, WorkloadKind::DaemonSet | WorkloadKind::BarePod)
    }

    /// How many pods it is to have as `spec.replicas` says; 0 for kinds whose number follows from something else.
    pub fn desired(&self) -> u32 {
        if self.kind.has_replicas() { self.replicas.unwrap_or(1) } else { 0 }
    }
}

word! {
    /// `unhealthyPodEvictionPolicy`.
    pub enum UnhealthyPodEviction {
        /// Unset, which is the same.
        IfHealthyBudget = "if-healthy-budget",
        /// Broken pods may always go.
        AlwaysAllow = "always-allow",
    }
}

record! {
    /// `status` of a budget, as the disruption controller wrote it.
    pub struct BudgetStatus {
        /// `currentHealthy`.
        pub current_healthy as "current-healthy": i32,
        /// `desiredHealthy`.
        pub desired_healthy as "desired-healthy": i32,
        /// `expectedPods`.
        pub expected_pods as "expected-pods": i32,
        /// `disruptionsAllowed`.
        pub disruptions_allowed as "disruptions-allowed": i32,
        /// `observedGeneration`.
        pub observed_generation as "observed-generation": i64,
        /// Its conditions.
        pub conditions: Vec<Condition>,
    }
}

record! {
    /// A PodDisruptionBudget.
    pub struct Budget {
        /// Its identity.
        pub object: ObjectId,
        /// Its namespace.
        pub namespace: Text,
        /// Which pods; none matches no pod. For `policy/v1beta1` an empty one is stored as none (rules.md 2.4).
        pub selector: Option<LabelSelector>,
        /// `minAvailable`.
        pub min_available as "min-available": Option<Threshold>,
        /// `maxUnavailable`.
        pub max_unavailable as "max-unavailable": Option<Threshold>,
        /// `unhealthyPodEvictionPolicy`.
        pub unhealthy_pod_eviction as "unhealthy-pod-eviction": UnhealthyPodEviction,
        /// `metadata.generation`.
        pub generation: i64,
        /// Its status, when it has one.
        pub status: Option<BudgetStatus>,
        /// Workloads whose template or one of whose pods it matches.
        pub workloads: Vec<WorkloadId>,
        /// Pods that it matches.
        pub pods: Vec<PodId>,
    }
}

record! {
    /// A HorizontalPodAutoscaler or a KEDA ScaledObject.
    pub struct Autoscaler {
        /// Its identity.
        pub object: ObjectId,
        /// Its namespace.
        pub namespace: Text,
        /// Whether it is a ScaledObject.
        pub is_keda as "is-keda": bool,
        /// Whether it is the autoscaler that a ScaledObject made; rules leave it out.
        pub made_by_keda as "made-by-keda": bool,
        /// The target's API group.
        pub target_group as "target-group": Text,
        /// The target's kind.
        pub target_kind as "target-kind": Text,
        /// The target's name.
        pub target_name as "target-name": Text,
        /// The target, when it was read.
        pub target: Option<WorkloadId>,
        /// The floor as written.
        pub min_replicas as "min-replicas": Option<u32>,
        /// The ceiling as written.
        pub max_replicas as "max-replicas": Option<u32>,
        /// `status.currentReplicas`.
        pub current_replicas as "current-replicas": Option<u32>,
        /// `status.desiredReplicas`.
        pub desired_replicas as "desired-replicas": Option<u32>,
        /// Its conditions.
        pub conditions: Vec<Condition>,
    }
}

impl Autoscaler {
    /// The lowest count it may set: `minReplicas` (default 1), `minReplicaCount` (default 0).
    pub fn floor(&self) -> u32 {
        self.min_replicas.unwrap_or(u32::from(!self.is_keda))
    }

    /// The highest count it may set: `maxReplicas`, which is required, or `maxReplicaCount` (default 100).
    pub fn ceiling(&self) -> u32 {
        self.max_replicas.unwrap_or(if self.is_keda { 100 } else { self.floor() })
    }
}

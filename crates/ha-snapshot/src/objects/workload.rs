//! Controllers of pods, budgets and autoscalers.

use alloc::vec::Vec;

use super::{
    AccessModes, Condition, IntOrString, LabelSelector, Metadata, PodTemplate, ResourceRequirements, Str, Time, slim,
};

slim! {
    /// `apps/v1` Deployment.
    pub struct Deployment {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: DeploymentSpec,
        /// Status.
        pub status: ReplicaStatus,
    }
}

slim! {
    /// `spec` of a Deployment.
    pub struct DeploymentSpec {
        /// Replicas.
        pub replicas: Option<i32>,
        /// Selector.
        pub selector: Option<LabelSelector>,
        /// Template.
        pub template: PodTemplate,
        /// Strategy.
        pub strategy: DeploymentStrategy,
        /// Seconds until a new pod counts.
        pub min_ready_seconds: u32,
        /// Seconds until a rollout has failed.
        pub progress_deadline_seconds: Option<u32>,
        /// Old ReplicaSets kept.
        pub revision_history_limit: Option<u32>,
        /// Paused.
        pub paused: bool,
    }
}

slim! {
    /// `strategy` of a Deployment, `updateStrategy` of a StatefulSet or DaemonSet.
    pub struct DeploymentStrategy {
        /// Name.
        pub r#type: Str,
        /// Bounds.
        pub rolling_update: RollingUpdate,
    }
}

slim! {
    /// Bounds of a rolling update.
    pub struct RollingUpdate {
        /// May be missing.
        pub max_unavailable: Option<IntOrString>,
        /// May be added.
        pub max_surge: Option<IntOrString>,
        /// First ordinal that is updated.
        pub partition: u32,
    }
}

slim! {
    /// Counts in the status of a controller.
    pub struct ReplicaStatus {
        /// Pods.
        pub replicas: Option<u32>,
        /// The revision that new pods get.
        pub update_revision: Str,
        /// Pods of a DaemonSet.
        pub desired_number_scheduled: Option<u32>,
    }
}

slim! {
    /// `apps/v1` StatefulSet.
    pub struct StatefulSet {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: StatefulSetSpec,
        /// Status.
        pub status: ReplicaStatus,
    }
}

slim! {
    /// `spec` of a StatefulSet.
    pub struct StatefulSetSpec {
        /// Replicas.
        pub replicas: Option<i32>,
        /// Selector.
        pub selector: Option<LabelSelector>,
        /// Template.
        pub template: PodTemplate,
        /// Strategy.
        pub update_strategy: DeploymentStrategy,
        /// `OrderedReady` or `Parallel`.
        pub pod_management_policy: Str,
        /// Governing Service.
        pub service_name: Str,
        /// Claim templates.
        pub volume_claim_templates: Vec<ClaimTemplate>,
        /// Ordinals.
        pub ordinals: Ordinals,
        /// What happens to claims.
        pub persistent_volume_claim_retention_policy: ClaimRetention,
        /// Seconds until a new pod counts.
        pub min_ready_seconds: u32,
        /// Old revisions kept.
        pub revision_history_limit: Option<u32>,
    }
}

slim! {
    /// `spec.ordinals`.
    pub struct Ordinals {
        /// The first.
        pub start: u32,
    }
}

slim! {
    /// What happens to claims.
    pub struct ClaimRetention {
        /// On scale-down.
        pub when_scaled: Str,
    }
}

slim! {
    /// A claim template.
    pub struct ClaimTemplate {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: ClaimTemplateSpec,
    }
}

slim! {
    /// `spec` of a claim template.
    pub struct ClaimTemplateSpec {
        /// Class.
        pub storage_class_name: Option<Str>,
        /// Access modes.
        pub access_modes: AccessModes,
        /// Size.
        pub resources: ResourceRequirements,
        /// Which volumes.
        pub selector: Option<LabelSelector>,
        /// `Filesystem` or `Block`.
        pub volume_mode: Str,
    }
}

slim! {
    /// `apps/v1` DaemonSet.
    pub struct DaemonSet {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: DaemonSetSpec,
        /// Status.
        pub status: ReplicaStatus,
    }
}

slim! {
    /// `spec` of a DaemonSet.
    pub struct DaemonSetSpec {
        /// Selector.
        pub selector: Option<LabelSelector>,
        /// Template.
        pub template: PodTemplate,
        /// Strategy.
        pub update_strategy: DeploymentStrategy,
        /// Seconds until a new pod counts.
        pub min_ready_seconds: u32,
    }
}

slim! {
    /// `apps/v1` ReplicaSet.
    pub struct ReplicaSet {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: ReplicaSetSpec,
        /// Status.
        pub status: ReplicaStatus,
    }
}

slim! {
    /// `spec` of a ReplicaSet.
    pub struct ReplicaSetSpec {
        /// Replicas.
        pub replicas: Option<i32>,
        /// Selector.
        pub selector: Option<LabelSelector>,
        /// Template.
        pub template: PodTemplate,
        /// Seconds until a new pod counts.
        pub min_ready_seconds: u32,
    }
}

slim! {
    /// `v1` ReplicationController.
    pub struct ReplicationController {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: ReplicationControllerSpec,
        /// Status.
        pub status: ReplicaStatus,
    }
}

slim! {
    /// `spec` of a ReplicationController.
    pub struct ReplicationControllerSpec {
        /// Replicas.
        pub replicas: Option<i32>,
        /// Selector: exact labels.
        pub selector: Option<super::StringMap>,
        /// Template.
        pub template: PodTemplate,
        /// Seconds until a new pod counts.
        pub min_ready_seconds: u32,
    }
}

slim! {
    /// `batch/v1` Job.
    pub struct Job {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: JobSpec,
        /// Status.
        pub status: JobStatus,
    }
}

slim! {
    /// `spec` of a Job.
    pub struct JobSpec {
        /// Pods at once.
        pub parallelism: Option<u32>,
        /// Suspended.
        pub suspend: bool,
        /// Selector.
        pub selector: Option<LabelSelector>,
        /// Template.
        pub template: PodTemplate,
    }
}

slim! {
    /// `status` of a Job.
    pub struct JobStatus {
        /// Conditions.
        pub conditions: Vec<Condition>,
        /// Start.
        pub start_time: Option<Time>,
        /// End.
        pub completion_time: Option<Time>,
    }
}

slim! {
    /// `batch/v1` CronJob.
    pub struct CronJob {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: CronJobSpec,
        /// Status.
        pub status: CronJobStatus,
    }
}

slim! {
    /// `spec` of a CronJob.
    pub struct CronJobSpec {
        /// Cron expression.
        pub schedule: Str,
        /// Time zone.
        pub time_zone: Str,
        /// Suspended.
        pub suspend: bool,
        /// Template of its Jobs.
        pub job_template: JobTemplate,
    }
}

slim! {
    /// Template of a Job.
    pub struct JobTemplate {
        /// Specification.
        pub spec: JobSpec,
    }
}

slim! {
    /// `status` of a CronJob.
    pub struct CronJobStatus {
        /// Last start.
        pub last_schedule_time: Option<Time>,
        /// Last success.
        pub last_successful_time: Option<Time>,
    }
}

slim! {
    /// `policy/v1` PodDisruptionBudget.
    pub struct PodDisruptionBudget {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: PodDisruptionBudgetSpec,
        /// Status.
        pub status: Option<PodDisruptionBudgetStatus>,
    }
}

slim! {
    /// `spec` of a PodDisruptionBudget.
    pub struct PodDisruptionBudgetSpec {
        /// Which pods.
        pub selector: Option<LabelSelector>,
        /// Must stay.
        pub min_available: Option<IntOrString>,
        /// May go.
        pub max_unavailable: Option<IntOrString>,
        /// What holds for broken pods.
        pub unhealthy_pod_eviction_policy: Str,
    }
}

slim! {
    /// `status` of a PodDisruptionBudget.
    pub struct PodDisruptionBudgetStatus {
        /// Healthy now.
        pub current_healthy: i32,
        /// Must be healthy.
        pub desired_healthy: i32,
        /// Counted in all.
        pub expected_pods: i32,
        /// May go now.
        pub disruptions_allowed: i32,
        /// Seen generation.
        pub observed_generation: i64,
        /// Conditions.
        pub conditions: Vec<Condition>,
    }
}

slim! {
    /// `autoscaling/v2` HorizontalPodAutoscaler.
    pub struct HorizontalPodAutoscaler {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: HorizontalPodAutoscalerSpec,
        /// Status.
        pub status: HorizontalPodAutoscalerStatus,
    }
}

slim! {
    /// `spec` of a HorizontalPodAutoscaler.
    pub struct HorizontalPodAutoscalerSpec {
        /// Target.
        pub scale_target_ref: ScaleTarget,
        /// Floor.
        pub min_replicas: Option<u32>,
        /// Ceiling.
        pub max_replicas: Option<u32>,
    }
}

slim! {
    /// The target of an autoscaler.
    pub struct ScaleTarget {
        /// Group and version.
        pub api_version: Str,
        /// Kind.
        pub kind: Str,
        /// Name.
        pub name: Str,
    }
}

slim! {
    /// `status` of a HorizontalPodAutoscaler.
    pub struct HorizontalPodAutoscalerStatus {
        /// Now.
        pub current_replicas: Option<u32>,
        /// Wanted.
        pub desired_replicas: Option<u32>,
        /// Conditions.
        pub conditions: Vec<Condition>,
    }
}

slim! {
    /// `keda.sh` ScaledObject. Triggers are left out: they may hold credentials.
    pub struct ScaledObject {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: ScaledObjectSpec,
        /// Status.
        pub status: ScaledObjectStatus,
    }
}

slim! {
    /// `spec` of a ScaledObject.
    pub struct ScaledObjectSpec {
        /// Target.
        pub scale_target_ref: ScaleTarget,
        /// Floor.
        pub min_replica_count: Option<u32>,
        /// Ceiling.
        pub max_replica_count: Option<u32>,
    }
}

slim! {
    /// `status` of a ScaledObject.
    pub struct ScaledObjectStatus {
        /// The autoscaler it made.
        pub hpa_name: Str,
        /// Conditions.
        pub conditions: Vec<Condition>,
    }
}

//! Pods and pod templates.

use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{
    AccessModes, CommandLine, Condition, ExecCommand, IntOrString, LabelSelector, Metadata, NodeSelector,
    NodeSelectorTerm, ResourceMap, Str, StringMap, Time, slim,
};

/// `v1` Pod, with the node that it is bound to beside its specification: that is what differs between the pods of one
/// workload, so that they can share the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "WholePod", into = "WholePod")]
pub struct Pod {
    /// Metadata.
    pub metadata: Metadata,
    /// `spec.nodeName`: the node it is bound to.
    pub node_name: Str,
    /// Specification, without `nodeName`.
    pub spec: Arc<PodSpec>,
    /// Status.
    pub status: PodStatus,
}

slim! {
    /// A pod as the API has it.
    struct WholePod {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: PodSpec,
        /// Status.
        pub status: PodStatus,
    }
}

impl From<WholePod> for Pod {
    fn from(pod: WholePod) -> Self {
        let WholePod { metadata, mut spec, status } = pod;
        let node_name = core::mem::take(&mut spec.node_name);
        Self { metadata, node_name, spec: Arc::new(spec), status }
    }
}

impl From<Pod> for WholePod {
    fn from(pod: Pod) -> Self {
        let Pod { metadata, node_name, spec, status } = pod;
        Self { metadata, spec: PodSpec { node_name, ..Arc::unwrap_or_clone(spec) }, status }
    }
}

slim! {
    /// A pod template.
    pub struct PodTemplate {
        /// Metadata.
        pub metadata: Metadata,
        /// Specification.
        pub spec: PodSpec,
    }
}

slim! {
    /// `spec` of a pod.
    pub struct PodSpec {
        /// The node it is bound to. It stands first, so that pods of one workload are written alike from there on.
        pub node_name: Str,
        /// Containers.
        pub containers: Vec<Container>,
        /// Init containers.
        pub init_containers: Vec<Container>,
        /// Node selector.
        pub node_selector: StringMap,
        /// Affinity.
        pub affinity: Affinity,
        /// Spread constraints.
        pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
        /// Tolerations.
        pub tolerations: Vec<Toleration>,
        /// Volumes.
        pub volumes: Vec<Volume>,
        /// Priority class.
        pub priority_class_name: Str,
        /// Priority.
        pub priority: Option<i32>,
        /// Preemption policy.
        pub preemption_policy: Str,
        /// Scheduler.
        pub scheduler_name: Str,
        /// Host network.
        pub host_network: bool,
        /// Grace period.
        pub termination_grace_period_seconds: Option<i64>,
        /// Restart policy.
        pub restart_policy: Str,
        /// Overhead.
        pub overhead: ResourceMap,
        /// Pod-level resources.
        pub resources: ResourceRequirements,
        /// Scheduling gates.
        pub scheduling_gates: Vec<NamedGate>,
        /// Readiness gates.
        pub readiness_gates: Vec<ReadinessGate>,
        /// Dynamic resource claims.
        pub resource_claims: Vec<NamedGate>,
        /// Service account.
        pub service_account_name: Str,
    }
}

slim! {
    /// Something of a pod that has a name.
    pub struct NamedGate {
        /// The name.
        pub name: Str,
    }
}

slim! {
    /// A readiness gate.
    pub struct ReadinessGate {
        /// The condition.
        pub condition_type: Str,
    }
}

slim! {
    /// `status` of a pod.
    pub struct PodStatus {
        /// Phase.
        pub phase: Str,
        /// Conditions.
        pub conditions: Vec<Condition>,
        /// Containers.
        pub container_statuses: Vec<ContainerStatus>,
        /// Init containers that are being resized.
        pub init_container_statuses: Vec<ContainerStatus>,
        /// When the kubelet saw it.
        pub start_time: Option<Time>,
        /// The node on which preemption made room.
        pub nominated_node_name: Str,
    }
}

slim! {
    /// A container's status.
    pub struct ContainerStatus {
        /// Restarts.
        pub restart_count: u32,
        /// The container, where its resources are not those of the specification.
        pub name: Str,
        /// What the kubelet has set aside for it.
        pub allocated_resources: ResourceMap,
        /// What it has.
        pub resources: Option<ResourceRequirements>,
    }
}

slim! {
    /// A container.
    pub struct Container {
        /// Name.
        pub name: Str,
        /// Image.
        pub image: Str,
        /// Command, reduced.
        pub command: CommandLine,
        /// Arguments, reduced.
        pub args: CommandLine,
        /// Ports.
        pub ports: Vec<ContainerPort>,
        /// Resources.
        pub resources: ResourceRequirements,
        /// Readiness probe.
        pub readiness_probe: Option<Probe>,
        /// Liveness probe.
        pub liveness_probe: Option<Probe>,
        /// Startup probe.
        pub startup_probe: Option<Probe>,
        /// Hooks.
        pub lifecycle: Lifecycle,
        /// `Always` makes an init container a sidecar.
        pub restart_policy: Str,
    }
}

slim! {
    /// Requests and limits.
    pub struct ResourceRequirements {
        /// Requests.
        pub requests: ResourceMap,
        /// Limits.
        pub limits: ResourceMap,
    }
}

slim! {
    /// A port.
    pub struct ContainerPort {
        /// Name.
        pub name: Str,
        /// Number.
        pub container_port: u32,
        /// Port of the node.
        pub host_port: u32,
        /// Address of the node.
        #[serde(rename = "hostIP")]
        pub host_ip: Str,
        /// Protocol.
        pub protocol: Str,
    }
}

slim! {
    /// A probe.
    pub struct Probe {
        /// HTTP.
        pub http_get: Option<HttpGetAction>,
        /// TCP.
        pub tcp_socket: Option<TcpSocketAction>,
        /// gRPC.
        pub grpc: Option<GrpcAction>,
        /// Command.
        pub exec: Option<ExecAction>,
        /// Delay before the first.
        pub initial_delay_seconds: u32,
        /// Time between two.
        pub period_seconds: Option<u32>,
        /// Time for one.
        pub timeout_seconds: Option<u32>,
        /// Failures in a row.
        pub failure_threshold: Option<u32>,
        /// Successes in a row.
        pub success_threshold: Option<u32>,
    }
}

slim! {
    /// An HTTP request. Headers are left out: they may hold secrets.
    pub struct HttpGetAction {
        /// Path.
        pub path: Str,
        /// Port.
        pub port: IntOrString,
        /// Scheme.
        pub scheme: Str,
        /// Host.
        pub host: Str,
    }
}

slim! {
    /// A TCP connection.
    pub struct TcpSocketAction {
        /// Port.
        pub port: IntOrString,
    }
}

slim! {
    /// A gRPC health call.
    pub struct GrpcAction {
        /// Port.
        pub port: u32,
        /// Service.
        pub service: Str,
    }
}

slim! {
    /// A command.
    pub struct ExecAction {
        /// The command, reduced.
        pub command: ExecCommand,
    }
}

slim! {
    /// A pause.
    pub struct SleepAction {
        /// How long.
        pub seconds: u32,
    }
}

slim! {
    /// Hooks of a container.
    pub struct Lifecycle {
        /// Before it is stopped.
        pub pre_stop: Option<LifecycleHandler>,
    }
}

slim! {
    /// A hook.
    pub struct LifecycleHandler {
        /// Command.
        pub exec: Option<ExecAction>,
        /// Pause.
        pub sleep: Option<SleepAction>,
    }
}

slim! {
    /// Affinity of a pod.
    pub struct Affinity {
        /// To nodes.
        pub node_affinity: NodeAffinity,
        /// To pods.
        pub pod_affinity: PodAffinity,
        /// Away from pods.
        pub pod_anti_affinity: PodAffinity,
    }
}

slim! {
    /// Node affinity.
    pub struct NodeAffinity {
        /// Hard.
        pub required_during_scheduling_ignored_during_execution: Option<NodeSelector>,
        /// Soft.
        pub preferred_during_scheduling_ignored_during_execution: Vec<PreferredSchedulingTerm>,
    }
}

slim! {
    /// A soft node term.
    pub struct PreferredSchedulingTerm {
        /// Weight.
        pub weight: u32,
        /// Term.
        pub preference: NodeSelectorTerm,
    }
}

slim! {
    /// Pod affinity or anti-affinity.
    pub struct PodAffinity {
        /// Hard.
        pub required_during_scheduling_ignored_during_execution: Vec<PodAffinityTerm>,
        /// Soft.
        pub preferred_during_scheduling_ignored_during_execution: Vec<WeightedPodAffinityTerm>,
    }
}

slim! {
    /// A term of pod affinity.
    pub struct PodAffinityTerm {
        /// Which pods.
        pub label_selector: Option<LabelSelector>,
        /// Namespaces by name.
        pub namespaces: Vec<Str>,
        /// Namespaces by label.
        pub namespace_selector: Option<LabelSelector>,
        /// Domain.
        pub topology_key: Str,
        /// Keys that must agree.
        pub match_label_keys: Vec<Str>,
        /// Keys that must differ.
        pub mismatch_label_keys: Vec<Str>,
    }
}

slim! {
    /// A soft term of pod affinity.
    pub struct WeightedPodAffinityTerm {
        /// Weight.
        pub weight: u32,
        /// Term.
        pub pod_affinity_term: PodAffinityTerm,
    }
}

slim! {
    /// A spread constraint.
    pub struct TopologySpreadConstraint {
        /// Skew.
        pub max_skew: u32,
        /// Domain.
        pub topology_key: Str,
        /// `DoNotSchedule` or `ScheduleAnyway`.
        pub when_unsatisfiable: Str,
        /// Which pods.
        pub label_selector: Option<LabelSelector>,
        /// Domains at least.
        pub min_domains: Option<u32>,
        /// Keys that must agree.
        pub match_label_keys: Vec<Str>,
        /// `Honor` or `Ignore`.
        pub node_affinity_policy: Str,
        /// `Honor` or `Ignore`.
        pub node_taints_policy: Str,
    }
}

slim! {
    /// A toleration.
    pub struct Toleration {
        /// Key.
        pub key: Str,
        /// Operator.
        pub operator: Str,
        /// Value.
        pub value: Str,
        /// Effect.
        pub effect: Str,
        /// For how long.
        pub toleration_seconds: Option<i64>,
    }
}

slim! {
    /// A volume of a pod.
    pub struct Volume {
        /// Name.
        pub name: Str,
        /// Claim.
        pub persistent_volume_claim: Option<ClaimVolume>,
        /// Claim made for the pod.
        pub ephemeral: Option<EphemeralVolume>,
        /// Scratch space.
        pub empty_dir: Option<EmptyDirVolume>,
        /// Path of the node.
        pub host_path: Option<HostPathVolume>,
        /// Inline CSI volume.
        pub csi: Option<CsiVolume>,
        /// NFS.
        pub nfs: Option<NfsVolume>,
        /// GCE disk.
        pub gce_persistent_disk: Option<GceDisk>,
        /// EBS volume.
        pub aws_elastic_block_store: Option<EbsDisk>,
        /// iSCSI disk.
        pub iscsi: Option<IscsiDisk>,
        /// Ceph block device.
        pub rbd: Option<RbdDisk>,
    }
}

slim! {
    /// A claim named by a pod.
    pub struct ClaimVolume {
        /// Its name.
        pub claim_name: Str,
        /// Read only.
        pub read_only: bool,
    }
}

slim! {
    /// A claim made for a pod.
    pub struct EphemeralVolume {
        /// How it is made.
        pub volume_claim_template: EphemeralTemplate,
    }
}

slim! {
    /// How a pod's own claim is made.
    pub struct EphemeralTemplate {
        /// Specification.
        pub spec: EphemeralSpec,
    }
}

slim! {
    /// Specification of a pod's own claim.
    pub struct EphemeralSpec {
        /// Class.
        pub storage_class_name: Option<Str>,
        /// Access modes.
        pub access_modes: AccessModes,
    }
}

slim! {
    /// Scratch space.
    pub struct EmptyDirVolume {
        /// `Memory`, or the node's disk.
        pub medium: Str,
    }
}

slim! {
    /// A path of the node.
    pub struct HostPathVolume {
        /// The path.
        pub path: Str,
    }
}

slim! {
    /// An inline CSI volume.
    pub struct CsiVolume {
        /// Its driver.
        pub driver: Str,
        /// Read only.
        pub read_only: bool,
    }
}

slim! {
    /// An NFS export.
    pub struct NfsVolume {
        /// Server.
        pub server: Str,
    }
}

slim! {
    /// A GCE disk.
    pub struct GceDisk {
        /// Its name.
        pub pd_name: Str,
        /// Read only.
        pub read_only: bool,
    }
}

slim! {
    /// An EBS volume.
    pub struct EbsDisk {
        /// Its identity.
        #[serde(rename = "volumeID")]
        pub volume_id: Str,
        /// Read only.
        pub read_only: bool,
    }
}

slim! {
    /// An iSCSI disk.
    pub struct IscsiDisk {
        /// Qualified name.
        pub iqn: Str,
        /// Unit.
        pub lun: u32,
        /// Read only.
        pub read_only: bool,
    }
}

slim! {
    /// A Ceph block device.
    pub struct RbdDisk {
        /// Pool.
        pub pool: Str,
        /// Image.
        pub image: Str,
        /// Monitors.
        pub monitors: Vec<Str>,
        /// Read only.
        pub read_only: bool,
    }
}

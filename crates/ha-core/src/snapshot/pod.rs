//! Pods, and the interned part of their specification.
//!
//! A pod is small: what differs between the pods of one workload stands in [`Pod`], the rest once in a
//! [`PodSpec`]. Left out on purpose: environment values, commands and everything else that no rule and no
//! scheduler plugin reads.

use alloc::vec::Vec;

use super::node::{Amount, NodeId, TaintEffect};
use super::object::{ObjectId, Slice, Timestamp};
use super::storage::ClaimId;
use super::workload::WorkloadId;
use crate::labels::{Label, LabelSelector, LabelsId, NodeSelector, NodeSelectorTerm};
use crate::text::Text;
use crate::wire::{choice, index, record, word};

index! {
    /// A pod in [`Snapshot::pods`](crate::Snapshot::pods).
    PodId,
    /// A specification in [`Snapshot::pod_specs`](crate::Snapshot::pod_specs).
    PodSpecId,
}

word! {
    /// `status.phase`.
    pub enum PodPhase {
        /// Not yet running.
        Pending = "pending",
        /// Running.
        Running = "running",
        /// All containers ended well.
        Succeeded = "succeeded",
        /// All containers ended, one badly.
        Failed = "failed",
        /// The node is silent.
        Unknown = "unknown",
    }
}

record! {
    /// A pod that exists.
    pub struct Pod {
        /// Its identity.
        pub object: ObjectId,
        /// Its labels, for selectors.
        pub labels: LabelsId,
        /// The shared part of its specification.
        pub spec: PodSpecId,
        /// The same with the requests that the scheduler counts, where they differ: while it is resized in place.
        pub held_spec as "held-spec": Option<PodSpecId>,
        /// Its top controller, or itself as a bare pod.
        pub workload: WorkloadId,
        /// The node it is bound to, when that node was read.
        pub node: Option<NodeId>,
        /// The name of the node it is bound to; empty when unscheduled.
        pub node_name as "node-name": Text,
        /// The one node that its own required affinity names (DaemonSet pods); empty otherwise.
        pub pinned_node as "pinned-node": Text,
        /// The node on which preemption made room for it.
        pub nominated_node as "nominated-node": Text,
        /// Its phase.
        pub phase: PodPhase,
        /// The `Ready` condition.
        pub ready: bool,
        /// Since when `ready` is what it is.
        pub ready_since as "ready-since": Option<Timestamp>,
        /// When its deletion was asked for.
        pub deleted_at as "deleted-at": Option<Timestamp>,
        /// When the kubelet, or the scheduler, first saw it.
        pub started_at as "started-at": Option<Timestamp>,
        /// A static pod's mirror.
        pub mirror: bool,
        /// Its revision: `pod-template-hash` or `controller-revision-hash`; empty without either.
        pub revision: Text,
        /// Its ReplicaSet, when it has one.
        pub replica_set as "replica-set": Text,
        /// `spec.priority`.
        pub priority: i32,
        /// How often its containers were restarted, summed.
        pub restarts: u32,
        /// Its claims: a part of [`Snapshot::pod_claims`](crate::Snapshot::pod_claims).
        pub claims: Slice,
    }
}

impl Pod {
    /// Whether it has ended for good.
    pub fn is_finished(&self) -> bool {
        matches!(self.phase, PodPhase::Succeeded | PodPhase::Failed)
    }

    /// Whether it counts as one of its workload's healthy pods: Ready and not being deleted
    /// (`countHealthyPods` of the disruption controller).
    pub fn is_healthy(&self) -> bool {
        self.ready && self.deleted_at.is_none() && !self.is_finished()
    }
}

record! {
    /// A claim that a pod mounts.
    #[derive(Copy)]
    pub struct PodClaim {
        /// The claim's name, in the pod's namespace.
        pub name: Text,
        /// The claim, when it was read.
        pub claim: Option<ClaimId>,
    }
}

record! {
    /// What the pods of one workload have in common.
    pub struct PodSpec {
        /// Containers in order.
        pub containers: Vec<Container>,
        /// Init containers in order, native sidecars among them.
        pub init_containers as "init-containers": Vec<Container>,
        /// `nodeSelector`.
        pub node_selector as "node-selector": Vec<Label>,
        /// Required node affinity.
        pub node_affinity as "node-affinity": Option<NodeSelector>,
        /// Preferred node affinity.
        pub preferred_node_affinity as "preferred-node-affinity": Vec<PreferredNode>,
        /// Required pod affinity.
        pub pod_affinity as "pod-affinity": Vec<PodAffinityTerm>,
        /// Preferred pod affinity.
        pub preferred_pod_affinity as "preferred-pod-affinity": Vec<PreferredPods>,
        /// Required pod anti-affinity.
        pub pod_anti_affinity as "pod-anti-affinity": Vec<PodAffinityTerm>,
        /// Preferred pod anti-affinity.
        pub preferred_pod_anti_affinity as "preferred-pod-anti-affinity": Vec<PreferredPods>,
        /// Topology spread constraints.
        pub spread_constraints as "spread-constraints": Vec<SpreadConstraint>,
        /// Tolerations.
        pub tolerations: Vec<Toleration>,
        /// Volumes that matter to availability; projected tokens, secrets and configuration are left out.
        pub volumes: Vec<Volume>,
        /// `nodeName` written in a template.
        pub node_name as "node-name": Text,
        /// `priorityClassName`.
        pub priority_class as "priority-class": Text,
        /// `preemptionPolicy: Never`.
        pub never_preempts as "never-preempts": bool,
        /// `schedulerName`; empty for the default one.
        pub scheduler_name as "scheduler-name": Text,
        /// `hostNetwork`.
        pub host_network as "host-network": bool,
        /// `terminationGracePeriodSeconds`, 30 by default.
        pub grace_seconds as "grace-seconds": i64,
        /// `restartPolicy`: `Always`, `OnFailure` or `Never`.
        pub restart_policy as "restart-policy": Text,
        /// Overhead of the runtime class.
        pub overhead: Vec<Amount>,
        /// Pod-level requests.
        pub requests: Vec<Amount>,
        /// Pod-level limits.
        pub limits: Vec<Amount>,
        /// `schedulingGates`.
        pub scheduling_gates as "scheduling-gates": Vec<Text>,
        /// `readinessGates`.
        pub readiness_gates as "readiness-gates": Vec<Text>,
        /// How many dynamic resource claims it has.
        pub resource_claims as "resource-claims": u32,
        /// `serviceAccountName`.
        pub service_account as "service-account": Text,
    }
}

impl PodSpec {
    /// Containers that run as long as the pod: the ordinary ones and native sidecars.
    pub fn long_running_containers(&self) -> impl Iterator<Item = &Container> {
        let sidecars = self.init_containers.iter().filter(|container| container.is_sidecar);
        self.containers.iter().chain(sidecars)
    }
}

record! {
    /// A container.
    pub struct Container {
        /// Its name.
        pub name: Text,
        /// Its image.
        pub image: Text,
        /// Its ports.
        pub ports: Vec<ContainerPort>,
        /// Requests as the API server would fill them in: a limit without request is the request too.
        pub requests: Vec<Amount>,
        /// Limits.
        pub limits: Vec<Amount>,
        /// `readinessProbe`.
        pub readiness: Option<Probe>,
        /// `livenessProbe`.
        pub liveness: Option<Probe>,
        /// `startupProbe`.
        pub startup: Option<Probe>,
        /// `lifecycle.preStop`.
        pub pre_stop as "pre-stop": Option<PreStop>,
        /// An init container with `restartPolicy: Always`.
        pub is_sidecar as "is-sidecar": bool,
        /// Command line flags that a rule reads (see `ha_snapshot`), as key and value; all others are dropped.
        pub flags: Vec<Label>,
        /// Well-known programs that its command line or image names, such as `etcdctl`.
        pub programs: Vec<Text>,
    }
}

record! {
    /// A container's port.
    pub struct ContainerPort {
        /// Its name; may be empty.
        pub name: Text,
        /// The number.
        pub number: u32,
        /// `hostPort`, or 0.
        pub host_port as "host-port": u32,
        /// `hostIP`; empty for all.
        pub host_address as "host-address": Text,
        /// `TCP`, `UDP` or `SCTP`.
        pub protocol: Text,
    }
}

choice! {
    /// A port by number or by name.
    #[derive(Copy)]
    pub enum PortReference {
        /// The number.
        Number(u32) = "number",
        /// The name of a container port.
        Name(Text) = "name",
    }
}

impl Default for PortReference {
    fn default() -> Self {
        Self::Number(0)
    }
}

record! {
    /// What an HTTP probe asks for.
    #[derive(Copy)]
    pub struct HttpGet {
        /// The path.
        pub path: Text,
        /// The port.
        pub port: PortReference,
        /// `HTTP` or `HTTPS`.
        pub scheme: Text,
        /// Another host than the pod; empty normally.
        pub host: Text,
    }
}

record! {
    /// What a gRPC probe asks for.
    #[derive(Copy)]
    pub struct GrpcCall {
        /// The port.
        pub port: u32,
        /// The service name.
        pub service: Text,
    }
}

choice! {
    /// How a probe asks.
    #[derive(Copy)]
    #[derive(Default)]
    pub enum ProbeHandler {
        /// An HTTP request.
        HttpGet(HttpGet) = "http-get",
        /// A TCP connection to that port.
        TcpSocket(PortReference) = "tcp-socket",
        /// A gRPC health call.
        Grpc(GrpcCall) = "grpc",
        /// A command, known by a digest only: command lines may hold secrets.
        Exec(u64) = "exec",
        /// None was given, or one of a kind that is not known.
        #[default]
        Other = "other",
    }
}

record! {
    /// A probe, with Kubernetes' defaults filled in. All times in seconds.
    pub struct Probe {
        /// How it asks.
        pub handler: ProbeHandler,
        /// `initialDelaySeconds`.
        pub initial_delay_seconds as "initial-delay-seconds": u32,
        /// `periodSeconds`.
        pub period_seconds as "period-seconds": u32,
        /// `timeoutSeconds`.
        pub timeout_seconds as "timeout-seconds": u32,
        /// `failureThreshold`.
        pub failure_threshold as "failure-threshold": u32,
        /// `successThreshold`.
        pub success_threshold as "success-threshold": u32,
    }
}

choice! {
    /// What runs before a container is stopped.
    pub enum PreStop {
        /// `sleep`, in seconds.
        Sleep(u32) = "sleep",
        /// `exec` of a plain `sleep N`.
        ExecSleep(u32) = "exec-sleep",
        /// Any other command or request: its time is not known.
        Other = "other",
    }
}

record! {
    /// A preferred node affinity term.
    pub struct PreferredNode {
        /// 1 to 100.
        pub weight: u32,
        /// The term.
        pub term: NodeSelectorTerm,
    }
}

record! {
    /// A term of pod affinity or anti-affinity.
    pub struct PodAffinityTerm {
        /// Which pods; none matches no pod (rules.md 2.4). `matchLabelKeys` are kept apart.
        pub selector: Option<LabelSelector>,
        /// Namespaces listed by name.
        pub namespaces: Vec<Text>,
        /// Namespaces by label; none means only those listed, or the pod's own.
        pub namespace_selector as "namespace-selector": Option<LabelSelector>,
        /// The domain's label key.
        pub topology_key as "topology-key": Text,
        /// Keys whose value must equal the pod's own.
        pub match_label_keys as "match-label-keys": Vec<Text>,
        /// Keys whose value must differ from the pod's own.
        pub mismatch_label_keys as "mismatch-label-keys": Vec<Text>,
    }
}

record! {
    /// A preferred term of pod affinity or anti-affinity.
    pub struct PreferredPods {
        /// 1 to 100.
        pub weight: u32,
        /// The term.
        pub term: PodAffinityTerm,
    }
}

record! {
    /// A topology spread constraint, with Kubernetes' defaults filled in.
    pub struct SpreadConstraint {
        /// `maxSkew`.
        pub max_skew as "max-skew": u32,
        /// The domain's label key.
        pub topology_key as "topology-key": Text,
        /// `DoNotSchedule`; otherwise `ScheduleAnyway`.
        pub hard: bool,
        /// Which pods are counted; none counts no pod.
        pub selector: Option<LabelSelector>,
        /// `minDomains`; 1 when unset.
        pub min_domains as "min-domains": u32,
        /// Keys whose value must equal the pod's own.
        pub match_label_keys as "match-label-keys": Vec<Text>,
        /// `nodeAffinityPolicy: Honor`, the default.
        pub honors_node_affinity as "honors-node-affinity": bool,
        /// `nodeTaintsPolicy: Honor`; the default is `Ignore`.
        pub honors_node_taints as "honors-node-taints": bool,
    }
}

record! {
    /// A toleration.
    pub struct Toleration {
        /// The taint's key; empty with `Exists` tolerates all.
        pub key: Text,
        /// `Exists`; otherwise `Equal`. `Lt` and `Gt` of 1.35 are kept as `other-operator`.
        pub exists: bool,
        /// An operator other than `Exists` and `Equal`; empty otherwise.
        pub other_operator as "other-operator": Text,
        /// The value compared with.
        pub value: Text,
        /// The effect; none means every effect.
        pub effect: Option<TaintEffect>,
        /// For how long a `NoExecute` taint is tolerated; none means for ever.
        pub seconds: Option<i64>,
    }
}

word! {
    /// Where a pod's volume comes from, as far as it matters to scheduling and survival.
    pub enum VolumeSource {
        /// A PersistentVolumeClaim.
        Claim = "claim",
        /// A claim made for the pod and deleted with it.
        Ephemeral = "ephemeral",
        /// Scratch space on the node.
        EmptyDir = "empty-dir",
        /// A path of the node.
        HostPath = "host-path",
        /// An inline CSI volume.
        Csi = "csi",
        /// A network file system mounted by the pod itself.
        Network = "network",
        /// A disk named in the pod itself (the in-tree kinds).
        Disk = "disk",
    }
}

record! {
    /// A volume of a pod.
    pub struct Volume {
        /// Its name in the pod.
        pub name: Text,
        /// Where it comes from.
        pub source: VolumeSource,
        /// The claim's name in a pod template; the CSI driver's name; the disk's identity. Pods keep claims in `Pod::claims`.
        pub reference: Text,
        /// The storage class of an ephemeral claim.
        pub storage_class as "storage-class": Text,
        /// Whether it is mounted for reading only.
        pub read_only as "read-only": bool,
    }
}

//! The policy as a component: what `wit/policy.wit` asks for, and the trap that a panic becomes.
//!
//! The generated bindings build the types of `ha-core` directly, so that nothing is copied twice.
//! Every type of the contract is listed here; one that is missing does not compile, because
//! `check` would then be of another type.

#![allow(unsafe_code)]

use alloc::vec::Vec;
use core::mem::ManuallyDrop;

use ha_core::finding::CheckOutput;
use ha_core::rule::Input;
use ha_core::{Impact, Settings, Snapshot};

wit_bindgen::generate!({
    path: "../../wit/policy.wit",
    world: "policy-world",
    default_bindings_module: "crate::exports",
    with: {
        "ha:policy/policy@0.1.0/text": ha_core::text::Text,
        "ha:policy/policy@0.1.0/texts": ha_core::text::Texts,
        "ha:policy/policy@0.1.0/labels-id": ha_core::labels::LabelsId,
        "ha:policy/policy@0.1.0/label": ha_core::labels::Label,
        "ha:policy/policy@0.1.0/label-set": ha_core::labels::LabelSet,
        "ha:policy/policy@0.1.0/operator": ha_core::labels::Operator,
        "ha:policy/policy@0.1.0/requirement": ha_core::labels::Requirement,
        "ha:policy/policy@0.1.0/label-selector": ha_core::labels::LabelSelector,
        "ha:policy/policy@0.1.0/node-selector-term": ha_core::labels::NodeSelectorTerm,
        "ha:policy/policy@0.1.0/node-selector": ha_core::labels::NodeSelector,
        "ha:policy/policy@0.1.0/object-id": ha_core::snapshot::ObjectId,
        "ha:policy/policy@0.1.0/object": ha_core::snapshot::Object,
        "ha:policy/policy@0.1.0/location": ha_core::snapshot::Location,
        "ha:policy/policy@0.1.0/resource-kind": ha_core::snapshot::ResourceKind,
        "ha:policy/policy@0.1.0/slice": ha_core::snapshot::Slice,
        "ha:policy/policy@0.1.0/gap-reason": ha_core::snapshot::GapReason,
        "ha:policy/policy@0.1.0/gap": ha_core::snapshot::Gap,
        "ha:policy/policy@0.1.0/condition": ha_core::snapshot::Condition,
        "ha:policy/policy@0.1.0/suppression": ha_core::snapshot::Suppression,
        "ha:policy/policy@0.1.0/node-id": ha_core::snapshot::NodeId,
        "ha:policy/policy@0.1.0/namespace-id": ha_core::snapshot::NamespaceId,
        "ha:policy/policy@0.1.0/amount": ha_core::snapshot::Amount,
        "ha:policy/policy@0.1.0/taint-effect": ha_core::snapshot::TaintEffect,
        "ha:policy/policy@0.1.0/taint": ha_core::snapshot::Taint,
        "ha:policy/policy@0.1.0/readiness": ha_core::snapshot::Readiness,
        "ha:policy/policy@0.1.0/node": ha_core::snapshot::Node,
        "ha:policy/policy@0.1.0/namespace": ha_core::snapshot::Namespace,
        "ha:policy/policy@0.1.0/workload-id": ha_core::snapshot::WorkloadId,
        "ha:policy/policy@0.1.0/budget-id": ha_core::snapshot::BudgetId,
        "ha:policy/policy@0.1.0/autoscaler-id": ha_core::snapshot::AutoscalerId,
        "ha:policy/policy@0.1.0/workload-kind": ha_core::snapshot::WorkloadKind,
        "ha:policy/policy@0.1.0/threshold": ha_core::snapshot::Threshold,
        "ha:policy/policy@0.1.0/rolling-update": ha_core::snapshot::RollingUpdate,
        "ha:policy/policy@0.1.0/update-strategy": ha_core::snapshot::UpdateStrategy,
        "ha:policy/policy@0.1.0/stateful-settings": ha_core::snapshot::StatefulSettings,
        "ha:policy/policy@0.1.0/claim-template": ha_core::snapshot::ClaimTemplate,
        "ha:policy/policy@0.1.0/access-mode": ha_core::snapshot::AccessMode,
        "ha:policy/policy@0.1.0/batch-settings": ha_core::snapshot::BatchSettings,
        "ha:policy/policy@0.1.0/workload": ha_core::snapshot::Workload,
        "ha:policy/policy@0.1.0/unhealthy-pod-eviction": ha_core::snapshot::UnhealthyPodEviction,
        "ha:policy/policy@0.1.0/budget-status": ha_core::snapshot::BudgetStatus,
        "ha:policy/policy@0.1.0/budget": ha_core::snapshot::Budget,
        "ha:policy/policy@0.1.0/autoscaler": ha_core::snapshot::Autoscaler,
        "ha:policy/policy@0.1.0/service-id": ha_core::snapshot::ServiceId,
        "ha:policy/policy@0.1.0/service-type": ha_core::snapshot::ServiceType,
        "ha:policy/policy@0.1.0/service-port": ha_core::snapshot::ServicePort,
        "ha:policy/policy@0.1.0/endpoint": ha_core::snapshot::Endpoint,
        "ha:policy/policy@0.1.0/service": ha_core::snapshot::Service,
        "ha:policy/policy@0.1.0/traffic-class": ha_core::snapshot::TrafficClass,
        "ha:policy/policy@0.1.0/traffic-entry": ha_core::snapshot::TrafficEntry,
        "ha:policy/policy@0.1.0/service-reference": ha_core::snapshot::ServiceReference,
        "ha:policy/policy@0.1.0/claim-id": ha_core::snapshot::ClaimId,
        "ha:policy/policy@0.1.0/volume-id": ha_core::snapshot::VolumeId,
        "ha:policy/policy@0.1.0/storage-class-id": ha_core::snapshot::StorageClassId,
        "ha:policy/policy@0.1.0/claim": ha_core::snapshot::Claim,
        "ha:policy/policy@0.1.0/persistent-volume": ha_core::snapshot::PersistentVolume,
        "ha:policy/policy@0.1.0/storage-class": ha_core::snapshot::StorageClass,
        "ha:policy/policy@0.1.0/node-driver": ha_core::snapshot::NodeDriver,
        "ha:policy/policy@0.1.0/csi-node": ha_core::snapshot::CsiNode,
        "ha:policy/policy@0.1.0/csi-driver": ha_core::snapshot::CsiDriver,
        "ha:policy/policy@0.1.0/volume-attachment": ha_core::snapshot::VolumeAttachment,
        "ha:policy/policy@0.1.0/pod-id": ha_core::snapshot::PodId,
        "ha:policy/policy@0.1.0/pod-spec-id": ha_core::snapshot::PodSpecId,
        "ha:policy/policy@0.1.0/pod-phase": ha_core::snapshot::PodPhase,
        "ha:policy/policy@0.1.0/pod": ha_core::snapshot::Pod,
        "ha:policy/policy@0.1.0/pod-claim": ha_core::snapshot::PodClaim,
        "ha:policy/policy@0.1.0/pod-spec": ha_core::snapshot::PodSpec,
        "ha:policy/policy@0.1.0/container": ha_core::snapshot::Container,
        "ha:policy/policy@0.1.0/container-port": ha_core::snapshot::ContainerPort,
        "ha:policy/policy@0.1.0/port-reference": ha_core::snapshot::PortReference,
        "ha:policy/policy@0.1.0/http-get": ha_core::snapshot::HttpGet,
        "ha:policy/policy@0.1.0/grpc-call": ha_core::snapshot::GrpcCall,
        "ha:policy/policy@0.1.0/probe-handler": ha_core::snapshot::ProbeHandler,
        "ha:policy/policy@0.1.0/probe": ha_core::snapshot::Probe,
        "ha:policy/policy@0.1.0/pre-stop": ha_core::snapshot::PreStop,
        "ha:policy/policy@0.1.0/preferred-node": ha_core::snapshot::PreferredNode,
        "ha:policy/policy@0.1.0/pod-affinity-term": ha_core::snapshot::PodAffinityTerm,
        "ha:policy/policy@0.1.0/preferred-pods": ha_core::snapshot::PreferredPods,
        "ha:policy/policy@0.1.0/spread-constraint": ha_core::snapshot::SpreadConstraint,
        "ha:policy/policy@0.1.0/toleration": ha_core::snapshot::Toleration,
        "ha:policy/policy@0.1.0/volume-source": ha_core::snapshot::VolumeSource,
        "ha:policy/policy@0.1.0/volume": ha_core::snapshot::Volume,
        "ha:policy/policy@0.1.0/webhook-backend": ha_core::snapshot::WebhookBackend,
        "ha:policy/policy@0.1.0/webhook-rule": ha_core::snapshot::WebhookRule,
        "ha:policy/policy@0.1.0/webhook": ha_core::snapshot::Webhook,
        "ha:policy/policy@0.1.0/aggregated-api": ha_core::snapshot::AggregatedApi,
        "ha:policy/policy@0.1.0/custom-kind": ha_core::snapshot::CustomKind,
        "ha:policy/policy@0.1.0/lease": ha_core::snapshot::Lease,
        "ha:policy/policy@0.1.0/priority-class": ha_core::snapshot::PriorityClass,
        "ha:policy/policy@0.1.0/limit-range": ha_core::snapshot::LimitRange,
        "ha:policy/policy@0.1.0/resource-quota": ha_core::snapshot::ResourceQuota,
        "ha:policy/policy@0.1.0/backup-scope": ha_core::snapshot::BackupScope,
        "ha:policy/policy@0.1.0/backup-schedule": ha_core::snapshot::BackupSchedule,
        "ha:policy/policy@0.1.0/backup": ha_core::snapshot::Backup,
        "ha:policy/policy@0.1.0/backup-location": ha_core::snapshot::BackupLocation,
        "ha:policy/policy@0.1.0/fact": ha_core::snapshot::Fact,
        "ha:policy/policy@0.1.0/source-kind": ha_core::snapshot::SourceKind,
        "ha:policy/policy@0.1.0/source": ha_core::snapshot::Source,
        "ha:policy/policy@0.1.0/snapshot": ha_core::snapshot::Snapshot,
        "ha:policy/policy@0.1.0/tier": ha_core::settings::Tier,
        "ha:policy/policy@0.1.0/profile": ha_core::settings::Profile,
        "ha:policy/policy@0.1.0/tier-assignment": ha_core::settings::TierAssignment,
        "ha:policy/policy@0.1.0/settings": ha_core::settings::Settings,
        "ha:policy/policy@0.1.0/loss-mode": ha_core::impact::LossMode,
        "ha:policy/policy@0.1.0/disruption-kind": ha_core::impact::DisruptionKind,
        "ha:policy/policy@0.1.0/disruption": ha_core::impact::Disruption,
        "ha:policy/policy@0.1.0/instant-verdict": ha_core::impact::InstantVerdict,
        "ha:policy/policy@0.1.0/certainty": ha_core::impact::Certainty,
        "ha:policy/policy@0.1.0/pod-counts": ha_core::impact::PodCounts,
        "ha:policy/policy@0.1.0/pending-reason": ha_core::impact::PendingReason,
        "ha:policy/policy@0.1.0/plugin-refusals": ha_core::impact::PluginRefusals,
        "ha:policy/policy@0.1.0/recovery-term": ha_core::impact::RecoveryTerm,
        "ha:policy/policy@0.1.0/workload-impact": ha_core::impact::WorkloadImpact,
        "ha:policy/policy@0.1.0/refused-eviction": ha_core::impact::RefusedEviction,
        "ha:policy/policy@0.1.0/impact": ha_core::impact::Impact,
        "ha:policy/policy@0.1.0/cluster-loss": ha_core::impact::ClusterLoss,
        "ha:policy/policy@0.1.0/severity": ha_core::rule::Severity,
        "ha:policy/policy@0.1.0/verdict": ha_core::finding::Verdict,
        "ha:policy/policy@0.1.0/missing": ha_core::finding::Missing,
        "ha:policy/policy@0.1.0/evidence": ha_core::finding::Evidence,
        "ha:policy/policy@0.1.0/blast-radius": ha_core::finding::BlastRadius,
        "ha:policy/policy@0.1.0/finding": ha_core::finding::Finding,
        "ha:policy/policy@0.1.0/tally": ha_core::finding::Tally,
        "ha:policy/policy@0.1.0/check-output": ha_core::finding::CheckOutput,
    },
});

/// The rules of the policy that this module is built for.
struct Policy;

impl exports::ha::policy::policy::Guest for Policy {
    fn check(snapshot: Snapshot, settings: Settings, impacts: Vec<Impact>) -> CheckOutput {
        // The instance ends with this evaluation, and its memory with it: giving a large snapshot back piece by piece
        // would be a tenth of the work.
        let (snapshot, impacts) = (ManuallyDrop::new(snapshot), ManuallyDrop::new(impacts));
        let input = Input { snapshot: &snapshot, settings: &settings, impacts: &impacts };
        crate::run(crate::export_macro::policy_rules(), &input)
    }
}

export!(Policy);

/// A panic is a bug of a rule. It ends the evaluation, and the host reports the policy as failed.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

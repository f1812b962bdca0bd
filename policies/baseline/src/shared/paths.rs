//! Where the fields of a pod stand in the object that a finding names.

use ha_sdk::snapshot::{Workload, WorkloadKind};

/// The path of a workload's pod specification.
pub(crate) fn pod_spec_path(workload: &Workload) -> &'static str {
    match workload.kind {
        WorkloadKind::BarePod | WorkloadKind::StaticPod => "spec",
        WorkloadKind::CronJob => "spec.jobTemplate.spec.template.spec",
        _ => "spec.template.spec",
    }
}

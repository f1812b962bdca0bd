use alloc::format;

use ha_sdk::arithmetic::replicas::{minimum_replicas, tier};
use ha_sdk::snapshot::{ResourceKind, Workload};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::judged_replicas;

rule! {
    /// A workload runs fewer replicas than its tier asks for.
    ///
    /// ## Why it matters
    /// One pod has no second: a drain, a node failure, a rollout or a crash takes the workload down until a new
    /// pod is scheduled, pulled, started and ready.
    ///
    /// ## Remediation
    /// Set `replicas: 2` or more (3 for the tier `critical`), or give the autoscaler that floor. Where a second
    /// instance must not run, label the workload `kubectl-ha/tier: singleton`.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 1  # finding: single-replica
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// ```yaml passes
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/workloads/pods/disruptions/>
    pub static SINGLE_REPLICA: Rule = Rule {
        name: "single-replica",
        area: Area::Replication,
        severity: Severity::High,
        class: Class::B,
        needs: &[ResourceKind::HorizontalPodAutoscaler, ResourceKind::ScaledObject],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    for workload in &input.snapshot.workloads {
        check_workload(input, workload, findings);
    }
}

fn check_workload(input: &Input, workload: &Workload, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let Some(replicas) = judged_replicas(snapshot, workload, findings) else {
        return;
    };
    let tier = tier(input, workload);
    let minimum = minimum_replicas(input.settings, tier);
    if replicas.floor >= minimum {
        return findings.pass(workload.object);
    }
    let value = if replicas.defaulted { "1 (default)".into() } else { format!("{}", replicas.floor) };
    let finding = findings.fail(
        workload.object,
        format!("{} of at least {minimum} replicas (tier {tier})", replicas.floor),
    );
    finding.leads_to("a drain, a node failure or a crash takes it down until a new pod is ready");
    if replicas.autoscaled {
        let autoscalers = workload.autoscalers.iter().map(|&id| snapshot.autoscaler(id).object);
        finding.related(autoscalers).fix(format!("raise the autoscaler's floor to {minimum}"));
    } else {
        finding.evidence("spec.replicas", value);
        finding.fix(format!("replicas: {minimum}")).patch(format!(r#"{{"spec":{{"replicas":{minimum}}}}}"#));
    }
    if workload.services.is_empty() {
        finding.severity(Severity::Medium);
    }
}

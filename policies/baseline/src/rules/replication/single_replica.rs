use alloc::format;
use alloc::vec::Vec;

use ha_sdk::arithmetic::replicas::{ReplicaRange, Replicas, effective_replicas, minimum_replicas, tier};
use ha_sdk::settings::Tier;
use ha_sdk::snapshot::{ResourceKind, Workload};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::claims::shares_single_writer;
use crate::shared::clients::client_services;
use crate::shared::judged_replicas;
use crate::shared::leaders::Leaders;
use crate::shared::risk::blast_radius;

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
    /// Two are too few for a workload of the tier `critical`:
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: pay, namespace: shop, labels: {kubectl-ha/tier: critical}}
    /// spec:
    ///   replicas: 2  # finding: single-replica
    ///   selector: {matchLabels: {app: pay}}
    ///   template:
    ///     metadata: {labels: {app: pay}}
    ///     spec:
    ///       containers: [{name: pay, image: pay}]
    /// ```
    /// The autoscaler scales a StatefulSet of the same name, not this Deployment:
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:  # finding: single-replica
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: cart}
    ///   minReplicas: 3
    ///   maxReplicas: 9
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
    /// The autoscaler supplies the replicas:
    /// ```yaml passes
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    /// ---
    /// apiVersion: autoscaling/v2
    /// kind: HorizontalPodAutoscaler
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}
    ///   minReplicas: 3
    ///   maxReplicas: 9
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/workloads/pods/disruptions/>
    pub static SINGLE_REPLICA: Rule = Rule {
        name: "single-replica",
        area: Area::Replication,
        severity: Severity::High,
        class: Class::B,
        needs: AUTOSCALERS,
        since: "0.1.0",
        check,
    };
}

const AUTOSCALERS: &[ResourceKind] = &[ResourceKind::HorizontalPodAutoscaler, ResourceKind::ScaledObject];

fn check(input: &Input, findings: &mut Findings) {
    let leaders = Leaders::new(input.snapshot);
    for workload in &input.snapshot.workloads {
        check_workload(input, &leaders, workload, findings);
    }
}

fn check_workload(input: &Input, leaders: &Leaders<'_>, workload: &Workload, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let tier = tier(input, workload);
    if tier == Tier::Singleton {
        return findings.not_applicable(workload.object, "it is declared a singleton");
    }
    let Some(replicas) = replicas_of_tier(input, workload, tier, findings) else {
        return;
    };
    let mut minimum = minimum_replicas(input.settings, tier);
    if minimum > 2 && leaders.elects(workload) {
        // One leads; a second standby adds little.
        minimum = 2;
    }
    if replicas.floor >= minimum {
        // An autoscaler that may not be read could lower what the workload says today.
        return match snapshot.first_missing(AUTOSCALERS, workload.namespace) {
            Some(missing) if snapshot.is_live() && !replicas.autoscaled => {
                findings.unknown(workload.object, missing);
            }
            _ => findings.pass(workload.object),
        };
    }
    let finding =
        findings.fail(workload.object, format!("{} of at least {minimum} replicas (tier {tier})", replicas.floor));
    finding
        .leads_to("a drain, a node failure or a crash takes it down until a new pod is ready")
        .at_risk(blast_radius(snapshot, [workload], Vec::new()));
    if replicas.autoscaled {
        let autoscalers = workload.autoscalers.iter().map(|&id| snapshot.autoscaler(id).object);
        finding.related(autoscalers).fix(format!("raise the autoscaler's floor to {minimum}"));
    } else {
        let value = if replicas.defaulted { "unset (default 1)".into() } else { format!("{}", replicas.floor) };
        finding.evidence("spec.replicas", value);
        if shares_single_writer(snapshot, workload) {
            // More replicas alone would hang on another node.
            finding
                .fix(format!("a volume for each pod, or one that several nodes can mount; then replicas: {minimum}"));
        } else {
            finding.fix(format!("replicas: {minimum}")).patch(format!(r#"{{"spec":{{"replicas":{minimum}}}}}"#));
        }
    }
    if replicas.floor > 1 {
        finding.leads_to(format!("one failure leaves {}", replicas.floor - 1));
    }
    if client_services(snapshot, workload).next().is_none() {
        finding.severity(Severity::Medium);
    }
}

/// The replicas to judge. An autoscaler that goes down to 0 is accepted except in the tier `critical`.
fn replicas_of_tier(input: &Input, workload: &Workload, tier: Tier, findings: &mut Findings) -> Option<ReplicaRange> {
    if tier == Tier::Critical
        && let Replicas::Elastic { ceiling } = effective_replicas(input.snapshot, workload)
    {
        return Some(ReplicaRange { floor: 0, ceiling, autoscaled: true, defaulted: false });
    }
    judged_replicas(input.snapshot, workload, findings)
}

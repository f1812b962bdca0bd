use alloc::format;
use alloc::string::String;

use ha_sdk::arithmetic::replicas::{minimum_replicas, tier};
use ha_sdk::settings::Tier;
use ha_sdk::snapshot::{Absence, Autoscaler, ResourceKind, WorkloadKind};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

rule! {
    /// An autoscaler may go below the replicas that its target needs, has no target, or has no room to scale.
    ///
    /// ## Why it matters
    /// In a quiet hour the autoscaler takes its target down to the floor. A floor of 1, which is also the
    /// default, makes a single point of failure of a workload that looks sound at noon.
    ///
    /// ## Remediation
    /// Set `minReplicas: 2` or more (3 for the tier `critical`) and a higher `maxReplicas`; point
    /// `scaleTargetRef` at a workload of the same namespace by group, kind and name.
    ///
    /// ## Examples
    /// ```yaml fails
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
    ///   minReplicas: 1  # finding: autoscaler-floor-too-low
    ///   maxReplicas: 9
    /// ```
    /// The name agrees with the Deployment's, the kind does not:
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 3
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
    ///   scaleTargetRef:  # finding: autoscaler-floor-too-low
    ///     apiVersion: apps/v1
    ///     kind: StatefulSet
    ///     name: cart
    ///   minReplicas: 3
    ///   maxReplicas: 9
    /// ```
    /// The ceiling equals the floor, so nothing ever scales:
    /// ```yaml fails
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
    ///   maxReplicas: 3  # finding: autoscaler-floor-too-low
    /// ```
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
    ///   minReplicas: 2
    ///   maxReplicas: 9
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/>
    pub static AUTOSCALER_FLOOR_TOO_LOW: Rule = Rule {
        name: "autoscaler-floor-too-low",
        area: Area::Replication,
        severity: Severity::High,
        class: Class::B,
        needs: &[ResourceKind::HorizontalPodAutoscaler, ResourceKind::ScaledObject],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    for autoscaler in &input.snapshot.autoscalers {
        if autoscaler.made_by_keda {
            findings.not_applicable(autoscaler.object, "its ScaledObject is judged instead");
        } else if autoscaler.target.is_none() {
            check_missing_target(input, autoscaler, findings);
        } else {
            check_bounds(input, autoscaler, findings);
        }
    }
}

fn check_missing_target(input: &Input, autoscaler: &Autoscaler, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let [group, kind, name] =
        [autoscaler.target_group, autoscaler.target_kind, autoscaler.target_name].map(|text| snapshot.text(text));
    let Some(resource) = ResourceKind::from_group_kind(group, kind) else {
        // A custom kind scales through its own subresource and is not read; its bounds can be judged all the same.
        return check_bounds(input, autoscaler, findings);
    };
    if let Absence::Unknown(missing) = snapshot.absence(resource, autoscaler.namespace) {
        findings.unknown(autoscaler.object, missing);
        return;
    }
    findings
        .fail(autoscaler.object, format!("its target {kind}/{name} does not exist"))
        .leads_to("nothing is scaled by it")
        .evidence("spec.scaleTargetRef", format!("{kind} {name}"))
        .fix("name a workload of this namespace by apiVersion, kind and name");
}

fn check_bounds(input: &Input, autoscaler: &Autoscaler, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let target = autoscaler.target.map(|id| snapshot.workload(id));
    if target.is_some_and(|target| target.replicas == Some(0)) {
        return findings.not_applicable(autoscaler.object, "its target is scaled to 0");
    }
    if target.is_some_and(|target| target.kind == WorkloadKind::DaemonSet) {
        return findings.not_applicable(autoscaler.object, "a DaemonSet does not scale");
    }
    let tier = target.map_or(Tier::Normal, |target| tier(input, target));
    let minimum = minimum_replicas(input.settings, tier);
    let (floor, ceiling) = (autoscaler.floor(), autoscaler.ceiling());
    if floor == 0 && tier != Tier::Critical {
        return findings.not_applicable(autoscaler.object, "it scales to 0 by design");
    }
    let related = target.map(|target| target.object);
    if floor < minimum {
        let path = Fields::of(autoscaler).floor;
        let finding = findings.fail(
            autoscaler.object,
            format!("it may scale down to {floor}, at least {minimum} are needed (tier {tier})"),
        );
        finding
            .leads_to("in a quiet hour one failure takes the workload down")
            .related(related)
            .evidence(path, written(autoscaler.min_replicas, floor))
            .fix(format!("{}: {minimum}", path.trim_start_matches("spec.")));
        if ceiling > minimum {
            let field = path.trim_start_matches("spec.");
            finding.patch(format!(r#"{{"spec":{{"{field}":{minimum}}}}}"#));
        }
        return;
    }
    if ceiling > floor {
        return findings.pass(autoscaler.object);
    }
    let path = Fields::of(autoscaler).ceiling;
    let finding = findings
        .fail(autoscaler.object, format!("it cannot scale: the ceiling {ceiling} is not above the floor {floor}"));
    finding
        .leads_to("load that replicas could absorb after a failure stays with the survivors")
        .related(related)
        .evidence(path, written(autoscaler.max_replicas, ceiling))
        .fix(format!("raise {} above {floor}", path.trim_start_matches("spec.")));
    if ceiling == floor {
        finding.severity(Severity::Medium);
    }
}

/// How a kind of autoscaler names its bounds.
struct Fields {
    floor: &'static str,
    ceiling: &'static str,
}

impl Fields {
    const fn of(autoscaler: &Autoscaler) -> Self {
        if autoscaler.is_keda {
            Self { floor: "spec.minReplicaCount", ceiling: "spec.maxReplicaCount" }
        } else {
            Self { floor: "spec.minReplicas", ceiling: "spec.maxReplicas" }
        }
    }
}

fn written(value: Option<u32>, default: u32) -> String {
    value.map_or_else(|| format!("unset (default {default})"), |value| format!("{value}"))
}

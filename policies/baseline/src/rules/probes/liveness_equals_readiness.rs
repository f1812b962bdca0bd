use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_sdk::snapshot::{Container, PortReference, Probe, ProbeHandler, Snapshot, Workload, WorkloadKind};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::paths::pod_spec_path;
use crate::shared::risk::blast_radius;

rule! {
    /// A liveness probe is as strict as the readiness probe, or asks for more than the container itself.
    ///
    /// ## Why it matters
    /// Readiness takes a slow pod out of service; liveness restarts it. When both ask the same and give up after the
    /// same time, load that slows all pods restarts all of them, and the restarts make the load worse. A liveness
    /// probe that asks whether a database answers restarts every pod when the database is down.
    ///
    /// ## Remediation
    /// Let liveness ask for less than readiness, or wait at least twice as long before it gives up
    /// (`failureThreshold` × `periodSeconds`). A container that has a readiness probe and no liveness probe is
    /// reported as low only: no liveness probe is better than a wrong one.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers:
    ///       - name: cart
    ///         image: cart
    ///         ports: [{name: http, containerPort: 8080}]
    ///         readinessProbe: {httpGet: {path: /healthz, port: http}}
    ///         livenessProbe: {httpGet: {path: /healthz, port: 8080}}  # finding: liveness-equals-readiness
    /// ```
    /// It asks for what others do:
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers:
    ///       - name: cart
    ///         image: cart
    ///         readinessProbe: {httpGet: {path: /healthz, port: 8080}}
    ///         livenessProbe: {httpGet: {path: /health/db, port: 8080}}  # finding: liveness-equals-readiness
    /// ```
    /// The same question, but liveness waits six times as long:
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
    ///       containers:
    ///       - name: cart
    ///         image: cart
    ///         readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 5, failureThreshold: 2}
    ///         livenessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 10, failureThreshold: 6}
    /// ```
    /// Different questions:
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
    ///       containers:
    ///       - name: cart
    ///         image: cart
    ///         readinessProbe: {httpGet: {path: /readyz, port: 8080}}
    ///         livenessProbe: {httpGet: {path: /livez, port: 8080}}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/>
    /// - <https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/>
    pub static LIVENESS_EQUALS_READINESS: Rule = Rule {
        name: "liveness-equals-readiness",
        area: Area::Probes,
        severity: Severity::High,
        class: Class::A,
        needs: &[],
        since: "0.1.0",
        check,
    };
}

/// Path elements that ask for more than the container itself.
const ASKS_OTHERS: &[&str] =
    &["ready", "readyz", "readiness", "db", "database", "redis", "kafka", "deps", "dependencies", "downstream"];

fn check(input: &Input, findings: &mut Findings) {
    for workload in &input.snapshot.workloads {
        match workload.kind {
            WorkloadKind::DaemonSet => {
                findings.not_applicable(workload.object, "a DaemonSet's pods serve their node");
            }
            _ if !workload.serves_continuously() => {
                findings.not_applicable(workload.object, "it does not serve continuously");
            }
            _ => check_workload(input.snapshot, workload, findings),
        }
    }
}

/// What is wrong with the liveness probe of one container.
struct Fault {
    severity: Severity,
    message: String,
    consequence: &'static str,
    evidence: String,
    /// A failure threshold with which the fault is gone.
    threshold: Option<u32>,
}

fn check_workload(snapshot: &Snapshot, workload: &Workload, findings: &mut Findings) {
    let containers = &snapshot.spec_of(workload).containers;
    let has_probe = |container: &Container| container.readiness.is_some() || container.liveness.is_some();
    if !containers.iter().any(has_probe) {
        return findings.not_applicable(workload.object, "no container has a probe");
    }
    let faults: Vec<_> =
        containers.iter().filter_map(|container| Some((container, fault(snapshot, container)?))).collect();
    let Some((container, worst)) = faults.iter().rev().max_by_key(|(_, fault)| fault.severity) else {
        return findings.pass(workload.object);
    };
    let finding = findings.fail(workload.object, worst.message.clone());
    finding.severity(worst.severity).leads_to(worst.consequence).at_risk(blast_radius(
        snapshot,
        [workload],
        Vec::new(),
    ));
    let path = pod_spec_path(workload);
    for (container, fault) in &faults {
        let probe = format!("{path}.containers[{}].livenessProbe", snapshot.text(container.name));
        finding.evidence(probe, fault.evidence.clone());
    }
    let name = snapshot.text(container.name);
    match worst.threshold {
        None => {
            finding.fix(format!("let liveness of {name} ask only whether the process works"));
        }
        Some(threshold) => {
            finding.fix(format!("livenessProbe.failureThreshold: {threshold}, or a simpler question"));
            if path == "spec.template.spec" && faults.len() == 1 && crate::shared::separation::is_plain(name) {
                finding.patch(format!(
                    r#"{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"{name}","livenessProbe":{{"failureThreshold":{threshold}}}}}]}}}}}}}}"#
                ));
            }
        }
    }
}

fn fault(snapshot: &Snapshot, container: &Container) -> Option<Fault> {
    let name = snapshot.text(container.name);
    let Some(liveness) = &container.liveness else {
        container.readiness.as_ref()?;
        return Some(Fault {
            severity: Severity::Low,
            message: format!("container {name} has a readiness probe and no liveness probe"),
            consequence: "a process that hangs is never restarted",
            evidence: "unset".into(),
            threshold: None,
        });
    };
    let same_question = container
        .readiness
        .as_ref()
        .filter(|readiness| asks_the_same(container, &readiness.handler, &liveness.handler));
    let Some(readiness) = same_question else {
        return asks_others(snapshot, liveness).map(|path| Fault {
            severity: Severity::Medium,
            message: format!("liveness of container {name} asks {path}"),
            consequence: "when something it depends on is down, all its pods are restarted",
            evidence: format!("path {path}"),
            threshold: None,
        });
    };
    let (dies, leaves) = (patience(liveness), patience(readiness));
    if dies >= leaves.saturating_mul(2) {
        return None;
    }
    let how = match dies.cmp(&leaves) {
        core::cmp::Ordering::Less => "stricter than",
        core::cmp::Ordering::Equal => "the same as",
        core::cmp::Ordering::Greater => "hardly slower than",
    };
    let threshold = leaves.saturating_mul(2).div_ceil(u64::from(liveness.period_seconds.max(1)));
    Some(Fault {
        severity: if dies > leaves { Severity::Low } else { Severity::High },
        message: format!("liveness of container {name} is {how} readiness: {dies} s and {leaves} s"),
        consequence: "load that slows its pods restarts them instead of only taking them out of service",
        evidence: format!("the same question as readinessProbe, gives up after {dies} s"),
        threshold: u32::try_from(threshold).ok(),
    })
}

/// For how many seconds a probe fails before something is done.
fn patience(probe: &Probe) -> u64 {
    u64::from(probe.failure_threshold) * u64::from(probe.period_seconds)
}

/// Whether two probes ask the same, a port's name being as good as its number.
fn asks_the_same(container: &Container, one: &ProbeHandler, other: &ProbeHandler) -> bool {
    let number = |port: &PortReference| match *port {
        PortReference::Number(number) => Some(number),
        PortReference::Name(name) => container.ports.iter().find(|port| port.name == name).map(|port| port.number),
    };
    let same_port = |one: &PortReference, other: &PortReference| {
        one == other || number(one).is_some_and(|one| number(other) == Some(one))
    };
    match (one, other) {
        (ProbeHandler::HttpGet(one), ProbeHandler::HttpGet(other)) => {
            one.path == other.path
                && one.scheme == other.scheme
                && one.host == other.host
                && same_port(&one.port, &other.port)
        }
        (ProbeHandler::TcpSocket(one), ProbeHandler::TcpSocket(other)) => same_port(one, other),
        (ProbeHandler::Other, _) => false,
        _ => one == other,
    }
}

/// The path of a liveness probe that names other components.
fn asks_others<'s>(snapshot: &'s Snapshot, liveness: &Probe) -> Option<&'s str> {
    let ProbeHandler::HttpGet(request) = &liveness.handler else {
        return None;
    };
    let path = snapshot.text(request.path);
    let mut elements = path.split(['/', '-', '_', '?', '=']);
    elements.any(|element| ASKS_OTHERS.contains(&element)).then_some(path)
}

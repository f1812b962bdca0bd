use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_sdk::snapshot::{
    Absence, Container, PodSpec, PortReference, ResourceKind, Service, Snapshot, Workload, WorkloadKind,
};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::clients::client_services;
use crate::shared::paths::pod_spec_path;
use crate::shared::risk::blast_radius;

rule! {
    /// A container that answers for a Service has no readiness probe.
    ///
    /// ## Why it matters
    /// Without the probe a pod counts as ready as soon as its process runs. Each rollout and each restart sends
    /// requests to pods that cannot answer yet, and a pod that stops answering is never taken out of service.
    ///
    /// ## Remediation
    /// Add a `readinessProbe` to the container that owns the Service's target port. Sidecars that serve nothing
    /// need none.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   selector: {app: cart}
    ///   ports: [{port: 80, targetPort: http}]
    /// ---
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
    ///       - name: cart  # finding: readiness-probe-absent
    ///         image: cart
    ///         ports: [{name: http, containerPort: 8080}]
    /// ```
    /// The sidecar's probe does not speak for the container that serves:
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   selector: {app: cart}
    ///   ports: [{port: 80, targetPort: 8080}]
    /// ---
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
    ///       - name: metrics
    ///         image: metrics
    ///         ports: [{containerPort: 9090}]
    ///         readinessProbe: {httpGet: {path: /ready, port: 9090}}
    ///       - name: cart  # finding: readiness-probe-absent
    ///         image: cart
    ///         ports: [{containerPort: 8080}]
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   selector: {app: cart}
    ///   ports: [{port: 80, targetPort: http}]
    /// ---
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
    ///         readinessProbe: {httpGet: {path: /ready, port: http}}
    ///       - name: log-shipper
    ///         image: log-shipper
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/>
    /// - <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-readiness-gate>
    pub static READINESS_PROBE_ABSENT: Rule = Rule {
        name: "readiness-probe-absent",
        area: Area::Probes,
        severity: Severity::High,
        class: Class::AB,
        needs: &[ResourceKind::Service],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    for workload in &input.snapshot.workloads {
        match workload.kind {
            WorkloadKind::DaemonSet => {
                findings.not_applicable(workload.object, "a DaemonSet's pods serve their node");
            }
            _ if !workload.serves_continuously() => {
                findings.not_applicable(workload.object, "it does not serve continuously");
            }
            _ if workload.replicas == Some(0) => {
                findings.not_applicable(workload.object, "it is scaled to 0");
            }
            _ => check_workload(input.snapshot, workload, findings),
        }
    }
}

fn check_workload(snapshot: &Snapshot, workload: &Workload, findings: &mut Findings) {
    let spec = snapshot.spec_of(workload);
    let answers = |container: &Container| container.readiness.is_some();
    if !spec.readiness_gates.is_empty() || spec.containers.iter().all(answers) {
        return findings.pass(workload.object);
    }
    let services: Vec<&Service> = client_services(snapshot, workload).collect();
    if services.is_empty() {
        return check_without_service(snapshot, workload, findings);
    }
    // Clients of a Service that publishes unready pods do not ask whether a pod is ready.
    let mut unprobed: Vec<usize> = services
        .iter()
        .filter(|service| !service.publishes_unready)
        .flat_map(|service| serving_containers(spec, service))
        .filter(|&index| !answers(&spec.containers[index]))
        .collect();
    unprobed.sort_unstable();
    unprobed.dedup();
    let Some(&first) = unprobed.first() else {
        return findings.pass(workload.object);
    };
    let name = snapshot.text(spec.containers[first].name);
    let finding = findings.fail(workload.object, format!("container {name} serves without a readiness probe"));
    finding
        .leads_to("each rollout and restart sends requests to pods that cannot answer yet")
        .related(services.iter().map(|service| service.object))
        .fix(format!("a readinessProbe on container {name}"))
        .at_risk(blast_radius(snapshot, [workload], Vec::from(["a rollout".into()])));
    for index in unprobed {
        finding.evidence(probe_path(snapshot, workload, &spec.containers[index]), "unset");
    }
}

/// Without a Service readiness still paces rollouts and budgets; one probe in the pod is enough for that.
fn check_without_service(snapshot: &Snapshot, workload: &Workload, findings: &mut Findings) {
    let containers = &snapshot.spec_of(workload).containers;
    if containers.iter().any(|container| container.readiness.is_some()) {
        return findings.pass(workload.object);
    }
    if let Absence::Unknown(missing) = snapshot.absence(ResourceKind::Service, workload.namespace) {
        findings.unknown(workload.object, missing);
        return;
    }
    let finding = findings
        .fail(workload.object, "no container has a readiness probe; it has no Service with clients")
        .leads_to("a rollout goes on, and a budget counts its pods, before they work")
        .severity(Severity::Medium)
        .fix("a readinessProbe on the main container");
    for container in containers {
        finding.evidence(probe_path(snapshot, workload, container), "unset");
    }
}

fn probe_path(snapshot: &Snapshot, workload: &Workload, container: &Container) -> String {
    format!("{}.containers[{}].readinessProbe", pod_spec_path(workload), snapshot.text(container.name))
}

/// The containers that own a target port of the Service, by position. A number that no container declares is legal:
/// then it may be any of them, and one with a probe is taken to be it.
fn serving_containers(spec: &PodSpec, service: &Service) -> Vec<usize> {
    let owns = |container: &Container, target: &PortReference| {
        container.ports.iter().any(|port| match *target {
            PortReference::Number(number) => port.number == number,
            PortReference::Name(name) => port.name == name,
        })
    };
    let targets = || service.ports.iter().map(|port| &port.target);
    let owner = |target| spec.containers.iter().position(|container| owns(container, target));
    let owners: Vec<usize> = targets().filter_map(owner).collect();
    if !owners.is_empty() {
        return owners;
    }
    let by_sidecar = spec
        .init_containers
        .iter()
        .any(|container| container.is_sidecar && targets().any(|target| owns(container, target)));
    let probed = spec.containers.iter().any(|container| container.readiness.is_some());
    if by_sidecar || probed || spec.containers.is_empty() {
        return Vec::new();
    }
    Vec::from([0])
}

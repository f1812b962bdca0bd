use alloc::format;

use ha_sdk::finding::Missing;
use ha_sdk::labels::{LabelSelector, Requirement};
use ha_sdk::snapshot::{GapReason, ResourceKind, Service, Snapshot, Workload, WorkloadKind};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::endpoints::{idle_reason, managed_selector, ready_endpoints, runtime_key, unread_pods};
use crate::shared::selectors::{Templates, selector_text};

/// The label by which a StatefulSet names each of its pods.
const POD_NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";

rule! {
    /// A Service selects no pod, or none of the pods it selects is ready.
    ///
    /// ## Why it matters
    /// Connections to the Service are refused: there is nowhere to send them. A Service selects pods by the labels
    /// of their template. Labels of the Deployment itself do not count, and every entry must match.
    ///
    /// ## Remediation
    /// Make the selector match the labels of the pod template. When pods match and none is ready, repair them.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: reports, namespace: bi}
    /// spec:
    ///   selector: {app: reports}  # finding: service-selects-nothing
    ///   ports: [{port: 80}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: reports, namespace: bi, labels: {app: reports}}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: reports-api}}
    ///   template:
    ///     metadata: {labels: {app: reports-api}}
    ///     spec:
    ///       containers: [{name: reports, image: reports}]
    /// ```
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: reports, namespace: bi}
    /// spec:
    ///   selector: {app: reports}  # finding: service-selects-nothing
    ///   ports: [{port: 80}]
    /// ---
    /// apiVersion: discovery.k8s.io/v1
    /// kind: EndpointSlice
    /// metadata: {name: reports-x1, namespace: bi, labels: {kubernetes.io/service-name: reports}}
    /// addressType: IPv4
    /// endpoints:
    /// - {addresses: [10.1.0.4], conditions: {ready: false}}
    /// ports: [{port: 80}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: reports, namespace: bi}
    /// spec:
    ///   replicas: 1
    ///   selector: {matchLabels: {app: reports}}
    ///   template:
    ///     metadata: {labels: {app: reports}}
    ///     spec:
    ///       containers: [{name: reports, image: reports}]
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: reports, namespace: bi}
    /// spec:
    ///   selector: {app: reports}
    ///   ports: [{port: 80}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: reports, namespace: bi}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: reports}}
    ///   template:
    ///     metadata: {labels: {app: reports, tier: web}}
    ///     spec:
    ///       containers: [{name: reports, image: reports}]
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: queue-0, namespace: bi}
    /// spec:
    ///   selector: {app: queue, statefulset.kubernetes.io/pod-name: queue-0}
    ///   ports: [{port: 5672}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: queue, namespace: bi}
    /// spec:
    ///   serviceName: queue
    ///   replicas: 3
    ///   selector: {matchLabels: {app: queue}}
    ///   template:
    ///     metadata: {labels: {app: queue}}
    ///     spec:
    ///       containers: [{name: queue, image: queue}]
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: payments, namespace: bi}
    /// spec:
    ///   type: ExternalName
    ///   externalName: payments.example.com
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/services-networking/service/>
    /// - <https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/>
    pub static SERVICE_SELECTS_NOTHING: Rule = Rule {
        name: "service-selects-nothing",
        area: Area::Services,
        severity: Severity::High,
        class: Class::BC,
        needs: &[ResourceKind::Service, ResourceKind::EndpointSlice, ResourceKind::Pod],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let templates = Templates::new(input.snapshot);
    for service in &input.snapshot.services {
        let Some(selector) = managed_selector(service) else {
            findings.not_applicable(service.object, "it has no selector: its endpoints are managed by hand");
            continue;
        };
        if service.workloads.is_empty() {
            unmatched(input.snapshot, &templates, service, selector, findings);
        } else {
            matched(input.snapshot, service, selector, findings);
        }
    }
}

fn matched(snapshot: &Snapshot, service: &Service, selector: &LabelSelector, findings: &mut Findings) {
    if let Some(reason) = idle_reason(snapshot, service) {
        return findings.not_applicable(service.object, reason);
    }
    if service.endpoint_slices == 0 || ready_endpoints(service).next().is_some() {
        // Without slices, files show what is selected; a cluster has slices for every selector.
        let unread = snapshot.first_missing(&[ResourceKind::EndpointSlice], service.namespace);
        return match unread.filter(|_| snapshot.is_live() && service.endpoint_slices == 0) {
            Some(missing) => drop(findings.unknown(service.object, missing)),
            None => findings.pass(service.object),
        };
    }
    let message = match service.endpoints.len() {
        0 => format!("no endpoint: no pod with {} has an address", selector_text(snapshot, selector)),
        count => format!("none of its {count} endpoints is ready"),
    };
    let finding = findings.fail(service.object, message);
    finding.evidence("spec.selector", selector_text(snapshot, selector));
    finding.leads_to("connections to it are refused");
    finding.related(service.workloads.iter().map(|&id| snapshot.workload(id).object));
    finding.fix("find out why the pods behind it are not ready");
}

fn unmatched(
    snapshot: &Snapshot,
    templates: &Templates,
    service: &Service,
    selector: &LabelSelector,
    findings: &mut Findings,
) {
    if ready_endpoints(service).next().is_some() || selects_member(snapshot, service, selector) {
        return findings.pass(service.object);
    }
    if let Some(missing) = unread_pods(snapshot, service) {
        findings.unknown(service.object, missing);
        return;
    }
    if let Some(key) = runtime_key(snapshot, selector).filter(|_| !snapshot.is_live()) {
        let what = format!("label {key}, which pods get at run time");
        findings.unknown(service.object, Missing { what, reason: GapReason::NotInInput, ..Missing::default() });
        return;
    }
    let text = selector_text(snapshot, selector);
    let finding = findings.fail(service.object, format!("no pod has the labels {text}"));
    finding.evidence("spec.selector", text);
    finding.leads_to("connections to it are refused");
    finding.fix("match the labels of the pod template");
    if let Some((id, difference)) = templates.near_miss(selector, service.namespace) {
        let workload = snapshot.workload(id).object;
        finding.related([workload]);
        finding.fix(format!("if it is meant for {}: {difference}", snapshot.title(workload)));
    }
}

/// Whether the selector names one member of a StatefulSet: a label that pods get by their ordinal.
fn selects_member(snapshot: &Snapshot, service: &Service, selector: &LabelSelector) -> bool {
    let is_name = |requirement: &Requirement| snapshot.text(requirement.key) == POD_NAME_LABEL;
    let Some(name) = selector.requirements.iter().find(|requirement| is_name(requirement)) else {
        return false;
    };
    let is_member = |workload: &Workload, pod: &str| {
        let ordinal = pod.strip_prefix(snapshot.name_of(workload));
        let ordinal = ordinal.and_then(|rest| rest.strip_prefix('-')?.parse::<u32>().ok());
        ordinal.is_some_and(|ordinal| ordinal < workload.replicas.unwrap_or(1))
    };
    let names_member = |workload: &Workload| {
        let mut values = name.values.iter();
        workload.kind == WorkloadKind::StatefulSet
            && workload.namespace == service.namespace
            && values.any(|&pod| is_member(workload, snapshot.text(pod)))
    };
    let meets_others = |workload: &Workload| {
        let labels = snapshot.labels(workload.template_labels);
        let mut others = selector.requirements.iter().filter(|other| !is_name(other));
        others.all(|requirement| requirement.matches(labels, &snapshot.texts))
    };
    let mut workloads = snapshot.workloads.iter();
    // In a cluster the pods themselves bear the label.
    !snapshot.is_live() && workloads.any(|workload| names_member(workload) && meets_others(workload))
}

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::finding::Missing;
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{
    Absence, GapReason, ObjectId, Pod, ResourceKind, Service, ServiceReference, Snapshot, Webhook, WebhookBackend,
    Workload,
};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use ha_sdk::roles::admission::{CREATE_POD, VITAL, configurations, listing_rule};
use crate::shared::budgets::{is_covered, unread_budgets};
use crate::shared::cluster::is_known_to_be;
use crate::shared::endpoints::{managed_selector, pods_at_floor, ready_endpoints, unread_pods};
use crate::shared::places::node_names;
use crate::shared::risk::blast_radius;

rule! {
    /// An admission webhook fails closed, and what answers it runs on one pod or one node, or without a budget.
    ///
    /// ## Why it matters
    /// With `failurePolicy: Fail`, the default, the API server refuses every request that it cannot ask the webhook
    /// about. While the one pod behind it is moved, restarted or lost, nothing that it intercepts can be created
    /// anywhere in the cluster, replacements of lost pods included.
    ///
    /// ## Remediation
    /// Run two replicas or more on different nodes with a PodDisruptionBudget, or set `failurePolicy: Ignore` where
    /// the webhook is a convenience and not a guard.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: admissionregistration.k8s.io/v1
    /// kind: MutatingWebhookConfiguration
    /// metadata: {name: injector}
    /// webhooks:
    /// - name: injector.example.com  # finding: webhook-fails-closed-on-fragile-backend
    ///   admissionReviewVersions: [v1]
    ///   sideEffects: None
    ///   clientConfig: {service: {name: injector, namespace: mesh}}
    ///   namespaceSelector:
    ///     matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [mesh, kube-system]}]
    ///   rules:
    ///   - {apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: injector, namespace: mesh}
    /// spec:
    ///   selector: {app: injector}
    ///   ports: [{port: 443}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: injector, namespace: mesh}
    /// spec:
    ///   replicas: 1
    ///   selector: {matchLabels: {app: injector}}
    ///   template:
    ///     metadata: {labels: {app: injector}}
    ///     spec:
    ///       containers: [{name: injector, image: injector}]
    /// ```
    /// ```yaml passes
    /// apiVersion: admissionregistration.k8s.io/v1
    /// kind: MutatingWebhookConfiguration
    /// metadata: {name: injector}
    /// webhooks:
    /// - name: injector.example.com
    ///   admissionReviewVersions: [v1]
    ///   sideEffects: None
    ///   clientConfig: {service: {name: injector, namespace: mesh}}
    ///   rules:
    ///   - {apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: injector, namespace: mesh}
    /// spec:
    ///   selector: {app: injector}
    ///   ports: [{port: 443}]
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: injector, namespace: mesh}
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: {matchLabels: {app: injector}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: injector, namespace: mesh}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: injector}}
    ///   template:
    ///     metadata: {labels: {app: injector}}
    ///     spec:
    ///       containers: [{name: injector, image: injector}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#failure-policy>
    /// - <https://kubernetes.io/docs/concepts/cluster-administration/admission-webhooks-good-practices/>
    pub static WEBHOOK_FAILS_CLOSED_ON_FRAGILE_BACKEND: Rule = Rule {
        name: "webhook-fails-closed-on-fragile-backend",
        area: Area::Failover,
        severity: Severity::Critical,
        class: Class::BC,
        needs: &[
            ResourceKind::ValidatingWebhookConfiguration,
            ResourceKind::MutatingWebhookConfiguration,
            ResourceKind::Service,
            ResourceKind::PodDisruptionBudget,
        ],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    for (configuration, webhooks) in configurations(input.snapshot) {
        check_configuration(input, configuration, &webhooks, findings);
    }
}

/// Why the backend of a webhook is weak.
struct Weakness<'s> {
    why: String,
    service: Option<&'s Service>,
    /// Only the budget is missing.
    unguarded: bool,
}

/// What stands behind a webhook.
enum Backend<'s> {
    /// Enough pods in different places, under a budget.
    Sound,
    /// Not so.
    Fragile(Weakness<'s>),
    /// What tells was not read.
    Unknown(Missing),
}

/// One answer for the whole configuration: its worst webhook.
fn check_configuration(input: &Input, configuration: ObjectId, webhooks: &[&Webhook], findings: &mut Findings) {
    let closed: Vec<&Webhook> = webhooks.iter().copied().filter(|webhook| webhook.fails_closed).collect();
    if closed.is_empty() {
        return findings.not_applicable(configuration, "it lets requests pass when it is down");
    }
    let mut missing = None;
    let mut worst: Option<(Severity, &Webhook, Weakness)> = None;
    for webhook in closed {
        match backend(input, webhook) {
            Backend::Sound => {}
            Backend::Unknown(unread) => missing = missing.or(Some(unread)),
            Backend::Fragile(weakness) => {
                let severity = severity(input.snapshot, webhook, &weakness);
                if worst.as_ref().is_none_or(|(worst, ..)| *worst < severity) {
                    worst = Some((severity, webhook, weakness));
                }
            }
        }
    }
    match (worst, missing) {
        (Some((severity, webhook, weakness)), _) => {
            report(input.snapshot, severity, webhook, &weakness, findings);
        }
        (None, Some(missing)) => drop(findings.unknown(configuration, missing)),
        (None, None) => findings.pass(configuration),
    }
}

/// A narrow webhook, or one that stops nothing the cluster needs to recover, is not a critical one.
fn severity(snapshot: &Snapshot, webhook: &Webhook, weakness: &Weakness) -> Severity {
    let narrow = webhook.match_conditions > 0 || !webhook.object_selector.is_empty();
    let stops_recovery =
        VITAL.iter().chain([&CREATE_POD]).any(|&request| listing_rule(snapshot, webhook, request).is_some());
    let severity = if narrow || !stops_recovery { Severity::High } else { Severity::Critical };
    if weakness.unguarded { severity.lowered() } else { severity }
}

fn backend<'s>(input: &Input<'s>, webhook: &'s Webhook) -> Backend<'s> {
    match &webhook.backend {
        WebhookBackend::Url(_) => Backend::Unknown(Missing {
            what: "what answers at the webhook's URL".into(),
            reason: GapReason::ByDesign,
            ..Missing::default()
        }),
        WebhookBackend::Service(reference) => match reference.service {
            Some(id) => service_backend(input, input.snapshot.service(id)),
            None => absent_service(input.snapshot, reference),
        },
    }
}

fn absent_service<'s>(snapshot: &Snapshot, reference: &ServiceReference) -> Backend<'s> {
    match snapshot.absence(ResourceKind::Service, reference.namespace) {
        Absence::Unknown(missing) => Backend::Unknown(missing),
        Absence::Proven => Backend::Fragile(Weakness {
            why: format!(
                "its Service {}/{} does not exist",
                snapshot.text(reference.namespace),
                snapshot.text(reference.name)
            ),
            service: None,
            unguarded: false,
        }),
    }
}

fn service_backend<'s>(input: &Input<'s>, service: &'s Service) -> Backend<'s> {
    let snapshot = input.snapshot;
    let fragile = |why, unguarded| Backend::Fragile(Weakness { why, service: Some(service), unguarded });
    if managed_selector(service).is_some() && service.workloads.is_empty() {
        return match unread_pods(snapshot, service) {
            Some(missing) => Backend::Unknown(missing),
            None => fragile("no pod answers".into(), false),
        };
    }
    if service.endpoint_slices > 0 {
        let ready = ready_endpoints(service).count();
        if ready < 2 {
            return fragile(if ready == 1 { "one ready pod answers" } else { "no ready pod answers" }.into(), false);
        }
    }
    match pods_at_floor(snapshot, service) {
        Some(pods) if pods < 2 => return fragile(format!("{pods} replica answers"), false),
        None if service.endpoint_slices == 0 => {
            return Backend::Unknown(unread_replicas(snapshot, service));
        }
        _ => {}
    }
    if let Some(node) = only_node(input, service) {
        return fragile(format!("all that answers runs on node {node}"), false);
    }
    unguarded_workload(snapshot, service).map_or(Backend::Sound, |unguarded| {
        match unread_budgets(snapshot, unguarded.namespace) {
            Some(missing) => Backend::Unknown(missing),
            None => fragile(format!("no budget guards {}", snapshot.name_of(unguarded)), true),
        }
    })
}

fn unread_replicas(snapshot: &Snapshot, service: &Service) -> Missing {
    let reason = if snapshot.is_live() { GapReason::Unreadable } else { GapReason::NotInInput };
    let namespace = snapshot.text(service.namespace).into();
    Missing { what: "how many replicas answer".into(), namespace, reason }
}

/// The one node on which all healthy pods behind the Service run.
fn only_node<'s>(input: &Input<'s>, service: &Service) -> Option<&'s str> {
    let snapshot = input.snapshot;
    let healthy = || -> Vec<&Pod> {
        let workloads = service.workloads.iter().map(|&id| snapshot.workload(id));
        workloads.flat_map(|workload| snapshot.current_pods_of(workload)).filter(|pod| pod.is_healthy()).collect()
    };
    let nodes = node_names(snapshot, healthy());
    match nodes[..] {
        [node] if !is_known_to_be(input, Profile::SingleNode) => Some(node),
        _ => None,
    }
}

/// A workload behind the Service whose pods a drain may take all at once.
fn unguarded_workload<'s>(snapshot: &'s Snapshot, service: &Service) -> Option<&'s Workload> {
    let mut workloads = service.workloads.iter().map(|&id| snapshot.workload(id));
    workloads.find(|workload| workload.is_replicated_kind() && !is_covered(snapshot, workload))
}

fn report(snapshot: &Snapshot, severity: Severity, webhook: &Webhook, weakness: &Weakness, findings: &mut Findings) {
    let finding = findings.fail(webhook.object, format!("it fails closed, and {}", weakness.why));
    let policy = if webhook.failure_policy_written { "Fail" } else { "unset (default Fail)" };
    finding.evidence(format!("webhooks[{}].failurePolicy", snapshot.text(webhook.name)), policy);
    finding.leads_to("while nobody answers, the API server refuses all requests it intercepts");
    if let Some(service) = weakness.service {
        let workloads = || service.workloads.iter().map(|&id| snapshot.workload(id));
        finding.related([service.object]).related(workloads().map(|workload| workload.object));
        finding.at_risk(blast_radius(snapshot, workloads(), vec!["losing or draining the node of its pod".into()]));
    }
    finding.fix(if weakness.unguarded {
        "add a PodDisruptionBudget with maxUnavailable: 1 for the pods that answer"
    } else {
        "2 replicas or more on different nodes with a budget, or failurePolicy: Ignore"
    });
    finding.severity(severity);
}

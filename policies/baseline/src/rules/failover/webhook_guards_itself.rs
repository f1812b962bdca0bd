use alloc::format;
use alloc::string::String;
use alloc::vec;

use ha_sdk::finding::Missing;
use ha_sdk::snapshot::{GapReason, ObjectId, ResourceKind, ServiceReference, Snapshot, Webhook, WebhookBackend};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use ha_sdk::roles::admission::{CREATE_POD, Request, VITAL, configurations, listing_rule, selects_namespace};
use crate::shared::risk::blast_radius;

/// Where the pods run without which no other pod starts.
const SYSTEM_NAMESPACE: &str = "kube-system";
/// Where the kubelets' heartbeats are written.
const HEARTBEAT_NAMESPACE: &str = "kube-node-lease";

rule! {
    /// An admission webhook that fails closed intercepts what its own recovery needs.
    ///
    /// ## Why it matters
    /// When its pods are lost together, the API server must ask the webhook before it may create their
    /// replacements, and nobody answers: the outage does not end by itself. The same goes for nodes, their leases,
    /// the binding of pods to nodes, and the pods of kube-system.
    ///
    /// ## Remediation
    /// Exclude the webhook's own namespace and kube-system with a `namespaceSelector` on
    /// `kubernetes.io/metadata.name`, and name resources instead of `*`. To end such an outage, delete the webhook
    /// configuration: that is never intercepted.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: admissionregistration.k8s.io/v1
    /// kind: ValidatingWebhookConfiguration
    /// metadata: {name: image-policy}
    /// webhooks:
    /// - name: image-policy.example.com
    ///   admissionReviewVersions: [v1]
    ///   sideEffects: None
    ///   clientConfig: {service: {name: image-policy, namespace: image-policy}}
    ///   rules:
    ///   - {apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}  # finding: webhook-guards-itself
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: image-policy, namespace: image-policy}
    /// spec:
    ///   selector: {app: image-policy}
    ///   ports: [{port: 443}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: image-policy, namespace: image-policy}
    /// spec:
    ///   replicas: 3
    ///   selector: {matchLabels: {app: image-policy}}
    ///   template:
    ///     metadata: {labels: {app: image-policy}}
    ///     spec:
    ///       containers: [{name: image-policy, image: image-policy}]
    /// ```
    /// ```yaml fails
    /// apiVersion: admissionregistration.k8s.io/v1
    /// kind: MutatingWebhookConfiguration
    /// metadata: {name: everything}
    /// webhooks:
    /// - name: everything.example.com
    ///   admissionReviewVersions: [v1]
    ///   sideEffects: None
    ///   clientConfig: {service: {name: everything, namespace: policy}}
    ///   namespaceSelector:
    ///     matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [policy, kube-system]}]
    ///   rules:
    ///   - {apiGroups: ["*"], apiVersions: ["*"], resources: ["*"], operations: ["*"]}  # finding: webhook-guards-itself
    /// ```
    /// ```yaml passes
    /// apiVersion: admissionregistration.k8s.io/v1
    /// kind: ValidatingWebhookConfiguration
    /// metadata: {name: image-policy}
    /// webhooks:
    /// - name: image-policy.example.com
    ///   admissionReviewVersions: [v1]
    ///   sideEffects: None
    ///   clientConfig: {service: {name: image-policy, namespace: image-policy}}
    ///   namespaceSelector:
    ///     matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [image-policy, kube-system]}]
    ///   rules:
    ///   - {apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/cluster-administration/admission-webhooks-good-practices/>
    /// - <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>
    pub static WEBHOOK_GUARDS_ITSELF: Rule = Rule {
        name: "webhook-guards-itself",
        area: Area::Failover,
        severity: Severity::Critical,
        class: Class::B,
        needs: &[
            ResourceKind::ValidatingWebhookConfiguration,
            ResourceKind::MutatingWebhookConfiguration,
            ResourceKind::Namespace,
        ],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    for (configuration, webhooks) in configurations(input.snapshot) {
        check_configuration(input.snapshot, configuration, &webhooks, findings);
    }
}

/// How a webhook stands in its own way.
struct Circle<'s> {
    webhook: &'s Webhook,
    rule: usize,
    /// What it intercepts, in words.
    what: String,
    severity: Severity,
}

/// What one webhook turned out to be.
enum Answer<'s> {
    NoCircle,
    Circle(Circle<'s>),
    Unknown(Missing),
}

/// One answer for the whole configuration: its worst webhook.
fn check_configuration(snapshot: &Snapshot, configuration: ObjectId, webhooks: &[&Webhook], findings: &mut Findings) {
    if !webhooks.iter().any(|webhook| webhook.fails_closed) {
        return findings.not_applicable(configuration, "it lets requests pass when it is down");
    }
    let mut worst: Option<Circle> = None;
    let mut missing = None;
    for webhook in webhooks.iter().copied().filter(|webhook| webhook.fails_closed) {
        match circle(snapshot, webhook) {
            Answer::NoCircle => {}
            Answer::Unknown(unread) => missing = missing.or(Some(unread)),
            Answer::Circle(circle) => {
                if worst.as_ref().is_none_or(|worst| worst.severity < circle.severity) {
                    worst = Some(circle);
                }
            }
        }
    }
    match (worst, missing) {
        (Some(circle), _) => report(snapshot, configuration, &circle, findings),
        (None, Some(missing)) => drop(findings.unknown(configuration, missing)),
        (None, None) => findings.pass(configuration),
    }
}

fn circle<'s>(snapshot: &Snapshot, webhook: &'s Webhook) -> Answer<'s> {
    let circle = |rule, what: String, severity| Answer::Circle(Circle { webhook, rule, what, severity });
    let mut answer = Answer::NoCircle;
    if let WebhookBackend::Service(backend) = &webhook.backend {
        answer = own_pods(snapshot, webhook, backend);
    }
    if matches!(answer, Answer::Circle(_)) {
        return answer;
    }
    // Conditions are not evaluated, and an object selector may leave out all of these.
    if webhook.match_conditions > 0 || !webhook.object_selector.is_empty() {
        return answer;
    }
    for &request in VITAL {
        if let Some(rule) = listing_rule(snapshot, webhook, request).filter(|_| reaches(snapshot, webhook, request)) {
            return circle(rule, format!("every {} of {}", request.operation, request.resource), Severity::Critical);
        }
    }
    match listing_rule(snapshot, webhook, CREATE_POD) {
        Some(rule) if selects_namespace(snapshot, &webhook.namespace_selector, SYSTEM_NAMESPACE) == Some(true) => {
            circle(rule, format!("the creation of pods in {SYSTEM_NAMESPACE}"), Severity::High)
        }
        _ => answer,
    }
}

/// Whether the webhook looks where such requests are made. Namespace selectors do not bind what has no namespace.
fn reaches(snapshot: &Snapshot, webhook: &Webhook, request: Request) -> bool {
    let selects = |name| selects_namespace(snapshot, &webhook.namespace_selector, name) == Some(true);
    match request.resource {
        _ if !request.namespaced => true,
        "leases" => selects(HEARTBEAT_NAMESPACE),
        _ => match &webhook.backend {
            WebhookBackend::Service(backend) => selects(snapshot.text(backend.namespace)) || selects(SYSTEM_NAMESPACE),
            WebhookBackend::Url(_) => selects(SYSTEM_NAMESPACE),
        },
    }
}

/// Whether the pods behind the webhook are among those whose creation it intercepts.
fn own_pods<'s>(snapshot: &Snapshot, webhook: &'s Webhook, backend: &ServiceReference) -> Answer<'s> {
    let namespace = snapshot.text(backend.namespace);
    let Some(rule) = listing_rule(snapshot, webhook, CREATE_POD) else {
        return Answer::NoCircle;
    };
    match selects_namespace(snapshot, &webhook.namespace_selector, namespace) {
        Some(false) => return Answer::NoCircle,
        Some(true) => {}
        None => {
            return Answer::Unknown(unread(snapshot, format!("labels of namespace {namespace}")));
        }
    }
    if !webhook.object_selector.is_empty() {
        match selects_own_pods(snapshot, webhook, backend) {
            Some(false) => return Answer::NoCircle,
            Some(true) => {}
            None => {
                return Answer::Unknown(unread(snapshot, "labels of the webhook's own pods".into()));
            }
        }
    }
    if webhook.match_conditions > 0 {
        let what = "what its matchConditions leave out".into();
        return Answer::Unknown(Missing { what, reason: GapReason::ByDesign, ..Missing::default() });
    }
    let what = format!("the creation of pods in its own namespace {namespace}");
    Answer::Circle(Circle { webhook, rule, what, severity: Severity::Critical })
}

/// Whether the object selector matches a pod template behind the webhook; none when no template was read.
fn selects_own_pods(snapshot: &Snapshot, webhook: &Webhook, backend: &ServiceReference) -> Option<bool> {
    let service = snapshot.service(backend.service?);
    let mut templates = service.workloads.iter().map(|&id| snapshot.workload(id).template_labels).peekable();
    templates.peek()?;
    Some(templates.any(|labels| webhook.object_selector.matches(snapshot.labels(labels), &snapshot.texts)))
}

fn unread(snapshot: &Snapshot, what: String) -> Missing {
    let reason = if snapshot.is_live() { GapReason::Unreadable } else { GapReason::NotInInput };
    Missing { what, reason, ..Missing::default() }
}

fn report(snapshot: &Snapshot, configuration: ObjectId, circle: &Circle, findings: &mut Findings) {
    let Circle { webhook, rule, what, severity } = circle;
    let finding = findings.fail(configuration, format!("it intercepts {what}, and fails closed"));
    let webhook_path = format!("webhooks[{}]", snapshot.text(webhook.name));
    finding.evidence(format!("{webhook_path}.rules[{rule}]"), what.clone());
    let policy = if webhook.failure_policy_written { "Fail" } else { "unset (default Fail)" };
    finding.evidence(format!("{webhook_path}.failurePolicy"), policy);
    finding.leads_to("once its pods are lost together, what would bring them back is refused");
    let mut own = SYSTEM_NAMESPACE.into();
    if let WebhookBackend::Service(backend) = &webhook.backend {
        own = format!("{} and {SYSTEM_NAMESPACE}", snapshot.text(backend.namespace));
        if let Some(id) = backend.service {
            let service = snapshot.service(id);
            let workloads = || service.workloads.iter().map(|&id| snapshot.workload(id));
            finding.related([service.object]).related(workloads().map(|workload| workload.object));
            finding.at_risk(blast_radius(snapshot, workloads(), vec!["losing its pods together".into()]));
        }
    }
    finding.fix(format!("exclude {own} by namespaceSelector, and name only the resources it needs"));
    finding.severity(*severity);
}

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::finding::Missing;
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Absence, Endpoint, ResourceKind, Service, Snapshot};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::cluster::is_known_to_be;
use crate::shared::endpoints::{idle_reason, managed_selector, pods_at_floor, ready_endpoints, runtime_key};
use crate::shared::risk::blast_radius;

rule! {
    /// All ready endpoints of a Service are one pod, or stand on one node or in one zone.
    ///
    /// ## Why it matters
    /// The Service looks redundant and is not: when that pod, node or zone is lost, connections are refused until
    /// pods are ready elsewhere.
    ///
    /// ## Remediation
    /// Repair the pods that are not ready. Where all are on one node or in one zone, spread them with topology spread
    /// constraints and restart them: nothing moves pods that run already. A Service that leads to one pod on purpose,
    /// such as a database's primary, selects it by its role and is left out.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   selector: {app: cart}  # finding: service-single-endpoint
    ///   ports: [{port: 80}]
    /// ---
    /// apiVersion: discovery.k8s.io/v1
    /// kind: EndpointSlice
    /// metadata: {name: cart-x1, namespace: shop, labels: {kubernetes.io/service-name: cart}}
    /// addressType: IPv4
    /// endpoints:
    /// - {addresses: [10.1.0.4], nodeName: worker-a, conditions: {ready: true}}
    /// - {addresses: [10.1.0.5], nodeName: worker-a, conditions: {ready: true}}
    /// ports: [{port: 80}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: worker-a}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: worker-b}
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
    ///       containers: [{name: cart, image: cart}]
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: cart, namespace: shop}
    /// spec:
    ///   selector: {app: cart}
    ///   ports: [{port: 80}]
    /// ---
    /// apiVersion: discovery.k8s.io/v1
    /// kind: EndpointSlice
    /// metadata: {name: cart-x1, namespace: shop, labels: {kubernetes.io/service-name: cart}}
    /// addressType: IPv4
    /// endpoints:
    /// - {addresses: [10.1.0.4], nodeName: worker-a, conditions: {ready: true}}
    /// - {addresses: [10.1.1.5], nodeName: worker-b, conditions: {ready: true}}
    /// ports: [{port: 80}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: worker-a}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: worker-b}
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
    ///       containers: [{name: cart, image: cart}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/>
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/>
    pub static SERVICE_SINGLE_ENDPOINT: Rule = Rule {
        name: "service-single-endpoint",
        area: Area::Services,
        severity: Severity::High,
        class: Class::C,
        needs: &[ResourceKind::Service, ResourceKind::EndpointSlice, ResourceKind::Node],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let single_node = is_known_to_be(input, Profile::SingleNode);
    let single_zone = is_known_to_be(input, Profile::SingleZone);
    for service in &input.snapshot.services {
        if let Some(endpoints) = judged_endpoints(input.snapshot, service, findings) {
            match shared_place(input.snapshot, &endpoints, single_node, single_zone) {
                Some(place) => report(input.snapshot, service, &endpoints, &place, findings),
                None => findings.pass(service.object),
            }
        }
    }
}

/// The ready endpoints of a Service that ought to have several. Where there is nothing to judge, answers for the rule.
fn judged_endpoints<'s>(
    snapshot: &Snapshot,
    service: &'s Service,
    findings: &mut Findings,
) -> Option<Vec<&'s Endpoint>> {
    let reason = match managed_selector(service) {
        None => "it has no selector: its endpoints are managed by hand",
        Some(selector) if runtime_key(snapshot, selector).is_some() => "it selects its pod by role, on purpose",
        Some(_) => match idle_reason(snapshot, service) {
            Some(reason) => reason,
            None if pods_at_floor(snapshot, service).is_some_and(|pods| pods == 1) => {
                "one replica stands behind it: that is the workload's finding"
            }
            None => match no_endpoint(snapshot, service) {
                None => return Some(ready_endpoints(service).collect()),
                Some(Ok(reason)) => reason,
                Some(Err(missing)) => {
                    findings.unknown(service.object, missing);
                    return None;
                }
            },
        },
    };
    findings.not_applicable(service.object, reason);
    None
}

/// Why there is no ready endpoint, or what is missing to tell. None when there is one.
fn no_endpoint(snapshot: &Snapshot, service: &Service) -> Option<Result<&'static str, Missing>> {
    if ready_endpoints(service).next().is_some() {
        return None;
    }
    if service.endpoint_slices > 0 {
        return Some(Ok("no endpoint is ready: service-selects-nothing says so"));
    }
    Some(match snapshot.absence(ResourceKind::EndpointSlice, service.namespace) {
        Absence::Unknown(missing) => Err(missing),
        Absence::Proven => Ok("no endpoint was read"),
    })
}

/// What all the endpoints share, in words; none when nothing does.
fn shared_place(snapshot: &Snapshot, endpoints: &[&Endpoint], single_node: bool, single_zone: bool) -> Option<String> {
    if endpoints.len() == 1 {
        return Some("one pod".into());
    }
    let node = common(endpoints, |endpoint| endpoint.node);
    if let Some(id) = node.filter(|_| !single_node) {
        return Some(format!("node {}", snapshot.name_of(snapshot.node(id))));
    }
    let zone = common(endpoints, |endpoint| {
        let of_node = endpoint.node.map(|id| snapshot.node(id).zone).unwrap_or_default();
        [of_node, endpoint.zone].into_iter().find(|zone| !zone.is_empty())
    });
    zone.filter(|_| !single_zone && !single_node && has_other_zone(snapshot, zone))
        .map(|zone| format!("zone {}", snapshot.text(zone)))
}

/// The value that every endpoint has; none when one differs or is not known.
fn common<T: PartialEq + Copy>(endpoints: &[&Endpoint], value: impl Fn(&Endpoint) -> Option<T>) -> Option<T> {
    let first = value(endpoints.first()?)?;
    endpoints.iter().all(|endpoint| value(endpoint) == Some(first)).then_some(first)
}

fn has_other_zone(snapshot: &Snapshot, zone: Option<Text>) -> bool {
    snapshot.nodes.iter().any(|node| !node.zone.is_empty() && Some(node.zone) != zone)
}

fn report(snapshot: &Snapshot, service: &Service, endpoints: &[&Endpoint], place: &str, findings: &mut Findings) {
    let workloads = || service.workloads.iter().map(|&id| snapshot.workload(id));
    let message = match (endpoints.len(), pods_at_floor(snapshot, service)) {
        (1, Some(pods)) => format!("1 of {pods} pods behind it is ready"),
        (1, None) => "one ready endpoint".into(),
        (count, _) => format!("all {count} ready endpoints are in {place}").replace("in node", "on node"),
    };
    let finding = findings.fail(service.object, message);
    finding.evidence("spec.selector", format!("{} of {} endpoints ready", endpoints.len(), service.endpoints.len()));
    finding.leads_to(format!("losing {place} refuses all connections until pods are ready elsewhere"));
    finding.related(workloads().map(|workload| workload.object));
    finding.at_risk(blast_radius(snapshot, workloads(), vec![format!("losing {place}")]));
    finding.fix(if endpoints.len() == 1 {
        "repair the pods that are not ready"
    } else {
        "spread the pods with topologySpreadConstraints and restart them"
    });
}

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Node, Readiness, ResourceKind, Service, Snapshot};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::cluster::{concerns_cluster, names};
use crate::shared::control_plane::{Component, component_pods, control_plane_nodes};
use crate::shared::places::list;

rule! {
    /// The Service `default/kubernetes` has fewer than two addresses, or other ones than the live API servers.
    ///
    /// ## Why it matters
    /// Pods reach the API through these addresses. With one of them the loss of its node cuts every controller
    /// off; an address whose server is dead makes one request in n hang until it times out; a server that is not
    /// among them bears no load.
    ///
    /// ## Remediation
    /// Run two or more API servers. Each renews a lease of its own and leaves the list when that runs out: look
    /// at the API server's log for the endpoint reconciler (`--endpoint-reconciler-type`, `lease` by default), and
    /// at its `--advertise-address`.
    ///
    /// ## Examples
    /// ```yaml fails
    /// # The API server on cp-2 is not among the addresses.
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}], addresses: [{type: InternalIP, address: 10.0.1.5}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}], addresses: [{type: InternalIP, address: 10.0.2.5}]}
    /// ---
    /// apiVersion: v1  # finding: api-endpoints-degraded
    /// kind: Service
    /// metadata: {name: kubernetes, namespace: default}
    /// spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443, targetPort: 6443}]}
    /// ---
    /// apiVersion: discovery.k8s.io/v1
    /// kind: EndpointSlice
    /// metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
    /// addressType: IPv4
    /// endpoints:
    /// - {addresses: ["10.0.1.5"], conditions: {ready: true}}
    /// ports: [{name: https, port: 6443}]
    /// ```
    /// ```yaml fails
    /// # 10.0.3.5 belonged to a control-plane node that is gone.
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}], addresses: [{type: InternalIP, address: 10.0.1.5}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}], addresses: [{type: InternalIP, address: 10.0.2.5}]}
    /// ---
    /// apiVersion: v1  # finding: api-endpoints-degraded
    /// kind: Service
    /// metadata: {name: kubernetes, namespace: default}
    /// spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443, targetPort: 6443}]}
    /// ---
    /// apiVersion: discovery.k8s.io/v1
    /// kind: EndpointSlice
    /// metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
    /// addressType: IPv4
    /// endpoints:
    /// - {addresses: ["10.0.1.5"], conditions: {ready: true}}
    /// - {addresses: ["10.0.2.5"], conditions: {ready: true}}
    /// - {addresses: ["10.0.3.5"], conditions: {ready: true}}
    /// ports: [{name: https, port: 6443}]
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-1, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}], addresses: [{type: InternalIP, address: 10.0.1.5}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: cp-2, labels: {node-role.kubernetes.io/control-plane: ""}}
    /// status: {conditions: [{type: Ready, status: "True"}], addresses: [{type: InternalIP, address: 10.0.2.5}]}
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: kubernetes, namespace: default}
    /// spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443, targetPort: 6443}]}
    /// ---
    /// apiVersion: discovery.k8s.io/v1
    /// kind: EndpointSlice
    /// metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
    /// addressType: IPv4
    /// endpoints:
    /// - {addresses: ["10.0.1.5"], conditions: {ready: true}}
    /// - {addresses: ["10.0.2.5"], conditions: {ready: true}}
    /// ports: [{name: https, port: 6443}]
    /// ```
    ///
    /// ## References
    /// - <https://github.com/kubernetes/kubernetes/issues/22609>
    /// - <https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/>
    pub static API_ENDPOINTS_DEGRADED: Rule = Rule {
        name: "api-endpoints-degraded",
        area: Area::ControlPlane,
        severity: Severity::High,
        class: Class::C,
        needs: &[ResourceKind::Service, ResourceKind::EndpointSlice, ResourceKind::Node, ResourceKind::Pod],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let Some(service) = api_service(snapshot) else {
        match snapshot.first_missing(&[ResourceKind::Service], default_namespace(snapshot)) {
            Some(missing) => drop(findings.unknown(Snapshot::CLUSTER, missing)),
            None => findings.not_applicable(Snapshot::CLUSTER, "no Service default/kubernetes in the input"),
        }
        return;
    };
    let profiles = [Profile::SingleNode, Profile::ManagedControlPlane];
    if !concerns_cluster(input, service.object, &profiles, findings) {
        return;
    }
    if let Some(missing) = snapshot.first_missing(&[ResourceKind::EndpointSlice], service.namespace) {
        findings.unknown(service.object, missing);
        return;
    }
    if service.endpoint_slices == 0 && !snapshot.is_live() {
        return findings.not_applicable(service.object, "none of its EndpointSlices is in the input");
    }
    judge(snapshot, service, findings);
}

fn default_namespace(snapshot: &Snapshot) -> Text {
    let mut names = snapshot.namespaces.iter().map(|namespace| namespace.name);
    names.find(|&name| snapshot.text(name) == "default").unwrap_or_default()
}

fn api_service(snapshot: &Snapshot) -> Option<&Service> {
    let default = default_namespace(snapshot);
    let mut services = snapshot.services.iter().filter(|service| service.namespace == default);
    services.find(|service| snapshot.name_of(*service) == "kubernetes")
}

fn judge(snapshot: &Snapshot, service: &Service, findings: &mut Findings) {
    let in_use = service.endpoints.iter().filter(|endpoint| endpoint.ready && !endpoint.terminating);
    let addresses: BTreeSet<&str> = in_use.map(|endpoint| snapshot.text(endpoint.address)).collect();
    let has = |node: &Node, address: &str| node.internal_addresses.iter().any(|&own| snapshot.text(own) == address);
    let belongs_to_a_node = |address: &&str| snapshot.nodes.iter().any(|node| has(node, address));
    let servers = live_servers(snapshot);
    // Addresses of no node are those of a load balancer: nothing can be compared with the servers.
    let comparable = addresses.iter().any(belongs_to_a_node);
    let dead = |address: &&str| comparable && !servers.iter().any(|node| has(node, address));
    let unlisted = |node: &&Node| comparable && !addresses.iter().any(|address| has(node, address));
    let stale: Vec<&str> = addresses.iter().copied().filter(dead).collect();
    let missing: Vec<&Node> = servers.iter().copied().filter(unlisted).collect();
    if addresses.len() >= 2 && stale.is_empty() && missing.is_empty() {
        return findings.pass(service.object);
    }
    let (message, consequence) = describe(snapshot, &addresses, &stale, &missing);
    let shown: Vec<&str> = addresses.iter().copied().collect();
    let finding = findings.fail(service.object, message);
    finding
        .evidence("endpoints", if shown.is_empty() { "none".into() } else { shown.join(", ") })
        .related(servers.iter().map(|node| node.object))
        .leads_to(consequence)
        .fix("run 2 or more API servers that renew their own endpoint, and restart one whose address is stale");
    if addresses.len() == 1 && !comparable {
        finding.severity(Severity::Low);
    }
}

/// The nodes with a healthy API server; where no API server is seen as a pod, the Ready control-plane nodes.
fn live_servers(snapshot: &Snapshot) -> Vec<&Node> {
    let pods = component_pods(snapshot, Component::ApiServer);
    if pods.is_empty() {
        let mut nodes = control_plane_nodes(snapshot);
        nodes.retain(|node| node.readiness == Readiness::Ready);
        return nodes;
    }
    pods.iter().filter(|pod| pod.is_healthy()).filter_map(|pod| pod.node).map(|id| snapshot.node(id)).collect()
}

fn describe(
    snapshot: &Snapshot,
    addresses: &BTreeSet<&str>,
    stale: &[&str],
    missing: &[&Node],
) -> (String, &'static str) {
    if !stale.is_empty() {
        let message = format!("default/kubernetes lists {}, where no API server is Ready", list(stale));
        return (message, "requests to a dead address hang until they time out");
    }
    if !missing.is_empty() && addresses.len() >= 2 {
        let message = format!("default/kubernetes lacks the API server on {}", list(&names(snapshot, missing)));
        return (message, "the servers left bear the load, and fewer losses");
    }
    match addresses.first() {
        Some(only) => {
            let message = format!("default/kubernetes has 1 of at least 2 addresses: {only}");
            (message, "when that address is lost, no pod reaches the API")
        }
        None => (String::from("default/kubernetes has no address"), "no pod reaches the API"),
    }
}

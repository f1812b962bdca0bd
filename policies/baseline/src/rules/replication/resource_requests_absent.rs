use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_sdk::arithmetic::version::Version;
use ha_sdk::finding::Missing;
use ha_sdk::snapshot::{Amount, Container, GapReason, PodSpec, ResourceKind, Snapshot, Workload, WorkloadKind};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::paths::pod_spec_path;

rule! {
    /// A container requests no CPU or no memory.
    ///
    /// ## Why it matters
    /// The scheduler places pods by their requests and sees a node as free where none are made; the kubelet evicts
    /// first what runs above its requests. So such pods die first when a node fails and its load moves, and no
    /// arithmetic about spare capacity holds for them.
    ///
    /// ## Remediation
    /// Set `resources.requests` for CPU and memory on each container, or on the pod as a whole, or defaults by a
    /// LimitRange. A limit without a request is the request, too.
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
    ///         resources:
    ///           requests: {cpu: 100m}  # finding: resource-requests-absent
    /// ```
    /// A native sidecar is a container like any other:
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
    ///       initContainers:
    ///       - name: proxy  # finding: resource-requests-absent
    ///         image: proxy
    ///         restartPolicy: Always
    ///       containers:
    ///       - name: cart
    ///         image: cart
    ///         resources: {requests: {cpu: 100m, memory: 64Mi}}
    /// ```
    /// A limit is the request where none is written:
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
    ///         resources: {requests: {cpu: 100m}, limits: {memory: 64Mi}}
    /// ```
    /// A LimitRange supplies what is missing:
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: LimitRange
    /// metadata: {name: defaults, namespace: shop}
    /// spec:
    ///   limits:
    ///   - type: Container
    ///     defaultRequest: {cpu: 50m, memory: 64Mi}
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
    /// - <https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/>
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#pod-selection-for-kubelet-eviction>
    pub static RESOURCE_REQUESTS_ABSENT: Rule = Rule {
        name: "resource-requests-absent",
        area: Area::Replication,
        severity: Severity::Medium,
        class: Class::A,
        needs: &[ResourceKind::LimitRange],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let requests = Requests::new(input.snapshot);
    for workload in &input.snapshot.workloads {
        match workload.kind {
            WorkloadKind::DaemonSet => {
                findings.not_applicable(workload.object, "a DaemonSet's pods go with their node");
            }
            _ if !workload.serves_continuously() => {
                findings.not_applicable(workload.object, "it does not serve continuously");
            }
            _ if workload.replicas == Some(0) => {
                findings.not_applicable(workload.object, "it is scaled to 0");
            }
            _ => check_workload(&requests, workload, findings),
        }
    }
}

fn check_workload(requests: &Requests<'_>, workload: &Workload, findings: &mut Findings) {
    let snapshot = requests.snapshot;
    let spec = snapshot.spec_of(workload);
    let version = Version::of_server(snapshot);
    let on_pod = version.is_none_or(Version::has_pod_level_resources);
    let lacking = requests.lacking(workload.namespace, spec, on_pod);
    if lacking.is_empty() {
        let differs = version.is_none() && !requests.lacking(workload.namespace, spec, false).is_empty();
        if differs {
            let missing = Missing {
                what: "the server's version (does it honour requests of the pod as a whole?)".into(),
                reason: GapReason::NotInInput,
                ..Missing::default()
            };
            findings.unknown(workload.object, missing);
        } else {
            findings.pass(workload.object);
        }
        return;
    }
    // What a VerticalPodAutoscaler or another webhook supplies stands in the pods only.
    let mut pods = snapshot.current_pods_of(workload).peekable();
    if pods.peek().is_some()
        && pods.all(|pod| {
            let spec = snapshot.pod_spec(pod.spec);
            requests.lacking(workload.namespace, spec, on_pod).is_empty()
        })
    {
        return findings.pass(workload.object);
    }
    fail(snapshot, workload, &lacking, findings);
}

fn fail(snapshot: &Snapshot, workload: &Workload, lacking: &[Lack<'_>], findings: &mut Findings) {
    let Some(first) = lacking.first() else {
        return;
    };
    let others = match lacking.len() {
        1 => String::new(),
        count => format!("; {} more lack some", count - 1),
    };
    let name = snapshot.text(first.container.name);
    let finding = findings.fail(workload.object, format!("container {name} requests no {}{others}", first.resources()));
    finding
        .leads_to("under memory pressure its pods are evicted first, and capacity is miscounted")
        .fix("resources.requests: cpu and memory");
    let path = pod_spec_path(workload);
    for lack in lacking {
        finding.evidence(
            format!("{path}.{}[{}].resources.requests", lack.list, snapshot.text(lack.container.name)),
            format!("no {}", lack.resources()),
        );
    }
}

/// A container that lacks a request.
struct Lack<'s> {
    container: &'s Container,
    list: &'static str,
    cpu: bool,
    memory: bool,
}

impl Lack<'_> {
    const fn resources(&self) -> &'static str {
        match (self.cpu, self.memory) {
            (true, true) => "CPU and no memory",
            (true, false) => "CPU",
            _ => "memory",
        }
    }
}

/// What supplies requests: the names of the two resources, and the defaults of namespaces.
struct Requests<'s> {
    snapshot: &'s Snapshot,
    defaults: BTreeMap<Text, Vec<Amount>>,
}

impl<'s> Requests<'s> {
    fn new(snapshot: &'s Snapshot) -> Self {
        let mut defaults = BTreeMap::<_, Vec<_>>::new();
        for range in &snapshot.limit_ranges {
            defaults.entry(range.namespace).or_default().extend(&range.default_requests);
        }
        Self { snapshot, defaults }
    }

    /// The long-running containers for which CPU or memory is requested nowhere.
    fn lacking<'p>(&self, namespace: Text, spec: &'p PodSpec, on_pod: bool) -> Vec<Lack<'p>> {
        let defaults = self.defaults.get(&namespace).map_or(&[][..], Vec::as_slice);
        let shared = if on_pod { &spec.requests[..] } else { &[] };
        let is_requested = |container: &Container, resource: &str| {
            container
                .requests
                .iter()
                .chain(defaults)
                .chain(shared)
                .any(|amount| self.snapshot.text(amount.resource) == resource)
        };
        let ordinary = spec.containers.iter().map(|container| ("containers", container));
        let sidecars = spec
            .init_containers
            .iter()
            .filter(|container| container.is_sidecar)
            .map(|container| ("initContainers", container));
        ordinary
            .chain(sidecars)
            .map(|(list, container)| Lack {
                container,
                list,
                cpu: !is_requested(container, "cpu"),
                memory: !is_requested(container, "memory"),
            })
            .filter(|lack| lack.cpu || lack.memory)
            .collect()
    }
}

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_sdk::arithmetic::replicas::{ReplicaRange, image_name};
use ha_sdk::finding::Evidence;
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Container, Pod, ResourceKind, Snapshot, VolumeSource, Workload};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::cluster::is_known_to_be;
use crate::shared::control_plane::container_flag;
use crate::shared::judged_replicas;
use crate::shared::places::node_names;
use crate::shared::risk::blast_radius;

/// Images of servers that answer what happens and who must know, and whether they keep data of their own.
const SERVERS: &[(&str, bool)] = &[
    ("prometheus", true),
    ("alertmanager", true),
    ("victoria-metrics", true),
    ("vmstorage", true),
    ("metrics-server", false),
];

/// Images that send metrics elsewhere: with one of them, the servers stand outside of the cluster.
const FORWARDERS: &[&str] = &[
    "agent",
    "alloy",
    "ama-metrics",
    "aws-otel-collector",
    "cloudwatch-agent",
    "dynatrace-operator",
    "gke-metrics-agent",
    "grafana-agent",
    "infrastructure-bundle",
    "k8s-events-forwarder",
    "opentelemetry-collector",
    "opentelemetry-collector-contrib",
    "opentelemetry-collector-k8s",
    "prom_collector",
    "prometheus-engine",
    "vmagent",
];

rule! {
    /// Prometheus, Alertmanager or metrics-server has one replica, one node, or no lasting storage, or is not there.
    ///
    /// ## Why it matters
    /// Monitoring that dies with the node it should report tells nobody. Without metrics-server autoscalers stand
    /// still. A Prometheus on scratch space loses its history with every new pod, and an Alertmanager its
    /// silences (severity low). A Prometheus that only forwards (agent mode) keeps nothing and is left out.
    ///
    /// ## Remediation
    /// Run two replicas on two nodes (two Alertmanagers already gossip, three are better) with a volume claim.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: prometheus, namespace: monitoring}
    /// spec:
    ///   replicas: 1  # finding: monitoring-fragile
    ///   selector: {matchLabels: {app: prometheus}}
    ///   template:
    ///     metadata: {labels: {app: prometheus}}
    ///     spec:
    ///       containers: [{name: prometheus, image: "quay.io/prometheus/prometheus:v3.7.0"}]
    ///   volumeClaimTemplates:
    ///   - metadata: {name: data}
    ///     spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 50Gi}}}
    /// ```
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: prometheus, namespace: monitoring}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: prometheus}}
    ///   template:
    ///     metadata: {labels: {app: prometheus}}
    ///     spec:
    ///       containers: [{name: prometheus, image: "quay.io/prometheus/prometheus:v3.7.0"}]
    ///       volumes: [{name: data, emptyDir: {}}]  # finding: monitoring-fragile
    /// ```
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: metrics-server, namespace: monitoring}
    /// spec:
    ///   replicas: 1  # finding: monitoring-fragile
    ///   selector: {matchLabels: {app: metrics-server}}
    ///   template:
    ///     metadata: {labels: {app: metrics-server}}
    ///     spec:
    ///       containers: [{name: metrics-server, image: "registry.k8s.io/metrics-server/metrics-server:v0.8.0"}]
    /// ```
    /// ```yaml fails
    /// # Made by an operator for an Alertmanager: known by its owner, whatever the image is called.
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata:
    ///   name: alertmanager-main
    ///   namespace: monitoring
    ///   ownerReferences: [{apiVersion: monitoring.coreos.com/v1, kind: Alertmanager, name: main, uid: u1, controller: true}]
    /// spec:
    ///   replicas: 1  # finding: monitoring-fragile
    ///   selector: {matchLabels: {app: alertmanager}}
    ///   template:
    ///     metadata: {labels: {app: alertmanager}}
    ///     spec:
    ///       containers: [{name: alertmanager, image: registry.example/mirror/am:1}]
    /// ```
    /// ```yaml passes
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: prometheus, namespace: monitoring}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: prometheus}}
    ///   template:
    ///     metadata: {labels: {app: prometheus}}
    ///     spec:
    ///       containers: [{name: prometheus, image: "quay.io/prometheus/prometheus:v3.7.0"}]
    ///   volumeClaimTemplates:
    ///   - metadata: {name: data}
    ///     spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 50Gi}}}
    /// ```
    /// ```yaml passes
    /// # It only forwards.
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: agent, namespace: monitoring}
    /// spec:
    ///   replicas: 1
    ///   selector: {matchLabels: {app: agent}}
    ///   template:
    ///     metadata: {labels: {app: agent}}
    ///     spec:
    ///       containers: [{name: agent, image: "quay.io/prometheus/prometheus:v3.7.0", args: ["--agent"]}]
    ///       volumes: [{name: data, emptyDir: {}}]
    /// ```
    /// ```yaml passes
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: metrics-server, namespace: monitoring}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: metrics-server}}
    ///   template:
    ///     metadata: {labels: {app: metrics-server}}
    ///     spec:
    ///       containers: [{name: metrics-server, image: "registry.k8s.io/metrics-server/metrics-server:v0.8.0"}]
    /// ```
    ///
    /// ## References
    /// - <https://prometheus.io/docs/alerting/latest/high_availability/>
    /// - <https://github.com/kubernetes-sigs/metrics-server#high-availability>
    pub static MONITORING_FRAGILE: Rule = Rule {
        name: "monitoring-fragile",
        area: Area::Tools,
        severity: Severity::Medium,
        class: Class::C,
        needs: &[
            ResourceKind::Deployment,
            ResourceKind::StatefulSet,
            ResourceKind::Pod,
            ResourceKind::HorizontalPodAutoscaler,
        ],
        since: "0.1.0",
        check,
    };
}

/// What one workload of the monitoring is.
struct Server {
    name: &'static str,
    keeps_data: bool,
    /// Whether it only sends on what it scrapes.
    forwards: bool,
}

/// What is wrong with one server.
struct Weakness {
    message: String,
    consequence: &'static str,
    fix: &'static str,
    /// The fault that stops it; none when nothing stops but history is lost.
    fault: Option<String>,
    evidence: Evidence,
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let mut found = false;
    for workload in snapshot.workloads.iter().filter(|workload| workload.serves_continuously()) {
        if let Some(server) = server(snapshot, workload) {
            found = true;
            judge(input, workload, &server, findings);
        }
    }
    if !found {
        judge_absence(snapshot, findings);
    }
}

/// The server that a workload runs: by its operator's kind, else by the image of a container.
fn server(snapshot: &Snapshot, workload: &Workload) -> Option<Server> {
    let containers = &snapshot.spec_of(workload).containers;
    let named = |wanted: &str| SERVERS.iter().find(|(name, _)| *name == wanted);
    let owner = workload.owner.map(|owner| snapshot.text(snapshot.object(owner).kind));
    let by_owner = match owner {
        Some("Prometheus" | "PrometheusAgent") => named("prometheus"),
        Some("Alertmanager") => named("alertmanager"),
        _ => None,
    };
    let by_image = || containers.iter().find_map(|container| named(image_name(snapshot.text(container.image))));
    let &(name, keeps_data) = by_owner.or_else(by_image)?;
    let forwards = owner == Some("PrometheusAgent") || containers.iter().any(|container| is_agent(snapshot, container));
    Some(Server { name, keeps_data, forwards })
}

/// Whether a Prometheus runs as an agent, which forwards all that it scrapes.
fn is_agent(snapshot: &Snapshot, container: &Container) -> bool {
    let flag = |name| container_flag(snapshot, container, name);
    flag("agent").is_some_and(|value| value != "false")
        || flag("storage.agent.path").is_some()
        || flag("enable-feature").is_some_and(|features| features.split(',').any(|feature| feature == "agent"))
}

fn judge_absence(snapshot: &Snapshot, findings: &mut Findings) {
    const KINDS: &[ResourceKind] = &[ResourceKind::Deployment, ResourceKind::StatefulSet, ResourceKind::Pod];
    if let Some(missing) = snapshot.first_missing(KINDS, Text::default()) {
        findings.unknown(Snapshot::CLUSTER, missing);
        return;
    }
    let mut images = snapshot.pod_specs.iter().flat_map(|spec| &spec.containers).map(|container| container.image);
    if images.any(|image| FORWARDERS.contains(&image_name(snapshot.text(image)))) {
        return findings.not_applicable(Snapshot::CLUSTER, "metrics are sent out of the cluster");
    }
    if !snapshot.is_live() {
        return findings.not_applicable(Snapshot::CLUSTER, "no monitoring in the input");
    }
    findings
        .fail(Snapshot::CLUSTER, "no Prometheus, Alertmanager or metrics-server runs here")
        .leads_to("failures are noticed by users first")
        .fix("install metrics-server and a monitoring with alerts");
}

fn judge(input: &Input, workload: &Workload, server: &Server, findings: &mut Findings) {
    let snapshot = input.snapshot;
    if is_known_to_be(input, Profile::SingleNode) {
        return findings.not_applicable(workload.object, "single-node cluster");
    }
    if server.forwards {
        return findings.not_applicable(workload.object, "it only forwards");
    }
    let Some(replicas) = judged_replicas(snapshot, workload, findings) else {
        return;
    };
    let weakness = single_replica(snapshot, workload, server, &replicas)
        .or_else(|| shared_node(snapshot, workload, server))
        .or_else(|| lost_history(snapshot, workload, server));
    let Some(weakness) = weakness else {
        return findings.pass(workload.object);
    };
    let finding = findings.fail(workload.object, weakness.message);
    finding.evidence.push(weakness.evidence);
    if weakness.fault.is_none() && server.name == "alertmanager" {
        finding.severity(Severity::Low);
    }
    finding.related(workload.owner).leads_to(weakness.consequence).fix(weakness.fix).at_risk(blast_radius(
        snapshot,
        [workload],
        weakness.fault.into_iter().collect(),
    ));
}

fn single_replica(
    snapshot: &Snapshot,
    workload: &Workload,
    server: &Server,
    replicas: &ReplicaRange,
) -> Option<Weakness> {
    let nodes = node_names(snapshot, snapshot.current_pods_of(workload));
    (replicas.floor < 2).then(|| Weakness {
        message: format!("{} runs 1 replica", server.name),
        consequence: blindness(server),
        fix: "replicas: 2, spread over nodes",
        fault: Some(format!("losing {}", nodes.first().unwrap_or(&"its node"))),
        evidence: Evidence {
            object: None,
            path: "spec.replicas".into(),
            value: if replicas.defaulted { "1 (default)".into() } else { "1".into() },
        },
    })
}

fn shared_node(snapshot: &Snapshot, workload: &Workload, server: &Server) -> Option<Weakness> {
    let pods: Vec<&Pod> = snapshot.current_pods_of(workload).filter(|pod| !pod.node_name.is_empty()).collect();
    let nodes = node_names(snapshot, pods.iter().copied());
    let ([first, _, ..], [node]) = (&pods[..], &nodes[..]) else {
        return None;
    };
    Some(Weakness {
        message: format!("all {} pods of {} run on {node}", pods.len(), server.name),
        consequence: blindness(server),
        fix: "spread the pods over nodes",
        fault: Some(format!("losing {node}")),
        evidence: Evidence { object: Some(first.object), path: "spec.nodeName".into(), value: (*node).into() },
    })
}

fn lost_history(snapshot: &Snapshot, workload: &Workload, server: &Server) -> Option<Weakness> {
    (server.keeps_data && !has_lasting_storage(snapshot, workload)).then(|| Weakness {
        message: format!("{} has no lasting storage", server.name),
        consequence: "every new pod starts without history",
        fix: "give it a volume claim template",
        fault: None,
        evidence: Evidence { object: None, path: "spec.template.spec.volumes".into(), value: "no claim".into() },
    })
}

fn blindness(server: &Server) -> &'static str {
    match server.name {
        "metrics-server" => "autoscalers stand still and kubectl top is empty",
        "alertmanager" => "nobody is told",
        _ => "nothing is measured while things fail",
    }
}

/// Whether its data outlives a pod: a claim, or a Thanos sidecar that carries it away.
fn has_lasting_storage(snapshot: &Snapshot, workload: &Workload) -> bool {
    let spec = snapshot.spec_of(workload);
    let lasts = |source| {
        matches!(source, VolumeSource::Claim | VolumeSource::Network | VolumeSource::Disk | VolumeSource::HostPath)
    };
    workload.stateful.as_ref().is_some_and(|stateful| !stateful.claim_templates.is_empty())
        || spec.volumes.iter().any(|volume| lasts(volume.source))
        || spec.containers.iter().any(|container| image_name(snapshot.text(container.image)) == "thanos")
        || snapshot.pods_of(workload).any(|pod| pod.claims.count > 0)
}

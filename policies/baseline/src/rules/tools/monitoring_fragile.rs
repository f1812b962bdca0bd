use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::arithmetic::replicas::image_name;
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
struct Server<'s> {
    name: &'static str,
    container: &'s Container,
    keeps_data: bool,
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

fn server<'s>(snapshot: &'s Snapshot, workload: &Workload) -> Option<Server<'s>> {
    snapshot.spec_of(workload).containers.iter().find_map(|container| {
        let image = image_name(snapshot.text(container.image));
        let (name, keeps_data) = SERVERS.iter().find(|(name, _)| *name == image)?;
        Some(Server { name, container, keeps_data: *keeps_data })
    })
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
    if forwards(snapshot, server.container) {
        return findings.not_applicable(workload.object, "it only forwards");
    }
    let Some(replicas) = judged_replicas(snapshot, workload, findings) else {
        return;
    };
    let pods: Vec<&Pod> = snapshot.current_pods_of(workload).filter(|pod| !pod.node_name.is_empty()).collect();
    let nodes = node_names(snapshot, pods.iter().copied());
    let name = server.name;
    let (message, consequence, fix, faults): (String, String, &str, Vec<String>) = if replicas.floor < 2 {
        let fault = nodes.first().map_or_else(|| "losing its node".into(), |node| format!("losing {node}"));
        (format!("{name} runs 1 replica"), blind(name), "replicas: 2, spread over nodes", vec![fault])
    } else if pods.len() >= 2 && nodes.len() == 1 {
        let fault = format!("losing {}", nodes[0]);
        (format!("all {} pods of {name} run on {}", pods.len(), nodes[0]), blind(name), "spread the pods over nodes", vec![fault])
    } else if server.keeps_data && !has_lasting_storage(snapshot, workload) {
        let consequence = "every new pod starts without history".into();
        (format!("{name} has no lasting storage"), consequence, "give it a volumeClaimTemplate", Vec::new())
    } else {
        return findings.pass(workload.object);
    };
    let storage_only = faults.is_empty();
    let finding = findings.fail(workload.object, message);
    if storage_only {
        finding.evidence("spec.template.spec.volumes", "no claim");
    } else if replicas.floor < 2 {
        finding.evidence("spec.replicas", if replicas.defaulted { "1 (default)" } else { "1" });
    } else {
        for pod in &pods {
            finding.evidence_of(pod.object, "spec.nodeName", snapshot.text(pod.node_name));
        }
    }
    finding.leads_to(consequence).fix(fix).at_risk(blast_radius(snapshot, [workload], faults));
    if storage_only && name == "alertmanager" {
        finding.severity(Severity::Low);
    }
}

fn blind(name: &str) -> String {
    match name {
        "metrics-server" => "autoscalers stand still and kubectl top is empty".into(),
        "alertmanager" => "nobody is told".into(),
        _ => "nothing is measured while things fail".into(),
    }
}

/// Whether a Prometheus runs as an agent, which forwards all that it scrapes.
fn forwards(snapshot: &Snapshot, container: &Container) -> bool {
    let flag = |name| container_flag(snapshot, container, name);
    flag("agent").is_some_and(|value| value != "false")
        || flag("storage.agent.path").is_some()
        || flag("enable-feature").is_some_and(|features| features.split(',').any(|feature| feature == "agent"))
}

/// Whether its data outlives a pod: a claim, or a Thanos sidecar that carries it away.
fn has_lasting_storage(snapshot: &Snapshot, workload: &Workload) -> bool {
    let spec = snapshot.spec_of(workload);
    let lasts = |source| matches!(source, VolumeSource::Claim | VolumeSource::Network | VolumeSource::Disk | VolumeSource::HostPath);
    workload.stateful.as_ref().is_some_and(|stateful| !stateful.claim_templates.is_empty())
        || spec.volumes.iter().any(|volume| lasts(volume.source))
        || spec.containers.iter().any(|container| image_name(snapshot.text(container.image)) == "thanos")
        || snapshot.pods_of(workload).any(|pod| pod.claims.count > 0)
}

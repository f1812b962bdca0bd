use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::arithmetic::eligibility::eligible_nodes;
use ha_sdk::arithmetic::replicas::{Replicas, effective_replicas};
use ha_sdk::finding::{Finding, Missing};
use ha_sdk::roles::traffic::{Controller, controller};
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{GapReason, ResourceKind, Snapshot, TrafficClass, Workload, WorkloadKind};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::budgets::{is_covered, unread_budgets};
use crate::shared::cluster::is_known_to_be;
use crate::shared::places::node_names;
use crate::shared::risk::blast_radius;

/// Parts of the `controller` field of classes whose controller the provider runs, out of sight.
const PROVIDERS: &[&str] = &["networking.gke.io/", "azure.com/", "azure-application-gateway", "eks.amazonaws.com/"];

rule! {
    /// The ingress or gateway controller runs on one replica or one node, or no budget guards it.
    ///
    /// ## Why it matters
    /// All requests from outside pass through it: while it is down, every application behind it is down.
    ///
    /// ## Remediation
    /// Run two replicas or more on different nodes with a PodDisruptionBudget of `maxUnavailable: 1`, or a DaemonSet
    /// on two nodes or more.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: ingress-nginx-controller, namespace: ingress-nginx}
    /// spec:
    ///   replicas: 1  # finding: ingress-controller-fragile
    ///   selector: {matchLabels: {app: ingress}}
    ///   template:
    ///     metadata: {labels: {app: ingress}}
    ///     spec:
    ///       containers: [{name: controller, image: "registry.k8s.io/ingress-nginx/controller:v1.13.0"}]
    /// ```
    /// ```yaml passes
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: ingress-nginx-controller, namespace: ingress-nginx}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: ingress}}
    ///   template:
    ///     metadata: {labels: {app: ingress}}
    ///     spec:
    ///       containers: [{name: controller, image: "registry.k8s.io/ingress-nginx/controller:v1.13.0"}]
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: ingress-nginx-controller, namespace: ingress-nginx}
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: {matchLabels: {app: ingress}}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/services-networking/ingress-controllers/>
    /// - <https://gateway-api.sigs.k8s.io/>
    pub static INGRESS_CONTROLLER_FRAGILE: Rule = Rule {
        name: "ingress-controller-fragile",
        area: Area::Services,
        severity: Severity::High,
        class: Class::C,
        needs: &[ResourceKind::IngressClass, ResourceKind::Deployment, ResourceKind::DaemonSet],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let mut controllers: Vec<&Controller> = Vec::new();
    for workload in snapshot.workloads.iter().filter(|workload| workload.serves_continuously()) {
        if let Some(known) = controller(snapshot, workload) {
            controllers.push(known);
            check_controller(input, workload, known, findings);
        }
    }
    for class in snapshot.ingress_classes.iter().chain(&snapshot.gateway_classes) {
        check_class(snapshot, class, &controllers, findings);
    }
    if findings.answers_of_this_rule() == 0 {
        nothing_found(snapshot, findings);
    }
}

fn nothing_found(snapshot: &Snapshot, findings: &mut Findings) {
    const KINDS: &[ResourceKind] = &[ResourceKind::Deployment, ResourceKind::DaemonSet, ResourceKind::IngressClass];
    match snapshot.first_missing(KINDS, Text::default()).filter(|_| snapshot.is_live()) {
        Some(missing) => drop(findings.unknown(Snapshot::CLUSTER, missing)),
        None => findings.not_applicable(Snapshot::CLUSTER, "no ingress or gateway controller"),
    }
}

/// A class whose controller was not found among the workloads.
fn check_class(snapshot: &Snapshot, class: &TrafficClass, controllers: &[&Controller], findings: &mut Findings) {
    let name = snapshot.text(class.controller);
    if controllers.iter().any(|known| name.contains(known.class)) {
        return findings.not_applicable(class.object, "its controller is judged itself");
    }
    if PROVIDERS.iter().any(|provider| name.contains(provider)) {
        return findings.not_applicable(class.object, "the provider runs its controller");
    }
    let reason = if snapshot.is_live() { GapReason::Unreadable } else { GapReason::NotInInput };
    let what = format!("the workload behind controller {name}");
    findings.unknown(class.object, Missing { what, reason, ..Missing::default() });
}

/// What is wrong with a controller: in words, and where it can be seen.
#[derive(Default)]
struct Faults {
    words: Vec<String>,
    evidence: Vec<(&'static str, String)>,
    /// The worst of them stops requests from outside.
    stops_traffic: bool,
}

fn check_controller(input: &Input, workload: &Workload, known: &Controller, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let counted = if workload.kind == WorkloadKind::DaemonSet {
        daemon_faults(input, workload)
    } else {
        replica_faults(snapshot, workload)
    };
    let (mut faults, mut missing) = match counted {
        Ok(faults) => (faults, None),
        Err(missing) => (Faults::default(), Some(missing)),
    };
    one_node(input, workload, &mut faults);
    if workload.kind != WorkloadKind::DaemonSet && !is_covered(snapshot, workload) {
        match unread_budgets(snapshot, workload.namespace) {
            Some(unread) => missing = missing.or(Some(unread)),
            None if faults.stops_traffic => {}
            None => {
                faults.words.push("no PodDisruptionBudget".into());
                faults.evidence.push(("spec.template.metadata.labels", "matched by no budget".into()));
            }
        }
    }
    match missing {
        _ if !faults.words.is_empty() => report(snapshot, workload, known, faults, findings),
        Some(missing) => drop(findings.unknown(workload.object, missing)),
        None => findings.pass(workload.object),
    }
}

fn replica_faults(snapshot: &Snapshot, workload: &Workload) -> Result<Faults, Missing> {
    let floor = match effective_replicas(snapshot, workload) {
        Replicas::Range(range) => range.floor,
        Replicas::Elastic { .. } => 0,
        Replicas::Off => return Ok(Faults::default()),
        Replicas::Unknown(missing) => return Err(missing),
    };
    if floor >= 2 {
        return Ok(Faults::default());
    }
    let value = workload.replicas.map_or("unset (default 1)".into(), |replicas| format!("{replicas}"));
    Ok(Faults {
        words: vec![format!("{floor} replica")],
        evidence: vec![("spec.replicas", value)],
        stops_traffic: true,
    })
}

/// A DaemonSet has one replica on each node that may run it.
fn daemon_faults(input: &Input, workload: &Workload) -> Result<Faults, Missing> {
    let snapshot = input.snapshot;
    if snapshot.nodes.is_empty() {
        let unread = snapshot.first_missing(&[ResourceKind::Node], Text::default());
        return unread.map_or(Ok(Faults::default()), Err);
    }
    let nodes = eligible_nodes(snapshot, snapshot.spec_of(workload)).count();
    if nodes >= 2 || is_known_to_be(input, Profile::SingleNode) {
        return Ok(Faults::default());
    }
    Ok(Faults {
        words: vec![format!("{nodes} node may run it")],
        evidence: vec![("spec.template.spec", "node selection and tolerations".into())],
        stops_traffic: true,
    })
}

/// Several ready pods, all of them on one node.
fn one_node(input: &Input, workload: &Workload, faults: &mut Faults) {
    let snapshot = input.snapshot;
    let ready = || snapshot.current_pods_of(workload).filter(|pod| pod.is_healthy());
    let nodes = node_names(snapshot, ready());
    let count = ready().count();
    if count >= 2 && nodes.len() == 1 && !is_known_to_be(input, Profile::SingleNode) {
        faults.words.push(format!("all {count} pods on node {}", nodes[0]));
        faults.evidence.push(("spec.template.spec", format!("{count} ready pods on {}", nodes[0])));
        faults.stops_traffic = true;
    }
}

fn report(snapshot: &Snapshot, workload: &Workload, known: &Controller, faults: Faults, findings: &mut Findings) {
    let finding: &mut Finding = findings.fail(workload.object, faults.words.join(", "));
    for (path, value) in faults.evidence {
        finding.evidence(path, value);
    }
    finding.leads_to(if known.carries_traffic {
        "while it is down, nothing behind it can be reached from outside"
    } else {
        "while it is down, load balancers keep the state of before"
    });
    finding.fix("2 replicas or more on different nodes, and a PodDisruptionBudget with maxUnavailable: 1");
    finding.at_risk(blast_radius(snapshot, [workload], vec!["draining or losing its node".into()]));
    if !faults.stops_traffic || !known.carries_traffic {
        finding.severity(Severity::Medium);
    }
}

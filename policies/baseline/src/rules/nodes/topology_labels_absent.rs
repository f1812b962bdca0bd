use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Node, PodSpecId, ResourceKind, Snapshot, Workload};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::cluster::{concerns_cluster, object_name, zone_of};
use crate::shared::places::list;

const ZONE: &str = "topology.kubernetes.io/zone";
const REGION: &str = "topology.kubernetes.io/region";
const HOSTNAME: &str = "kubernetes.io/hostname";

/// Most nodes and workloads that are listed.
const SHOWN: usize = 10;

rule! {
    /// Nodes lack the label of their zone, region or host name, or share a host name.
    ///
    /// ## Why it matters
    /// The scheduler knows failure domains by these labels only. A node that lacks the topology key of a hard
    /// spread constraint is bypassed: pods there are not counted, and none with that constraint can land there.
    /// Two nodes with one host name are one node to every spread and anti-affinity rule.
    ///
    /// ## Remediation
    /// Label the nodes; on a cloud the cloud controller manager does it. Where another key means zone in your
    /// cluster, declare it in the configuration.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, labels: {kubernetes.io/hostname: w-1, topology.kubernetes.io/zone: a, topology.kubernetes.io/region: r}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata:
    ///   name: w-2
    ///   labels: {kubernetes.io/hostname: w-2}  # finding: topology-labels-absent
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml fails
    /// # Two nodes of one host name are one node to every spread constraint.
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, labels: {kubernetes.io/hostname: w-1, topology.kubernetes.io/zone: a, topology.kubernetes.io/region: r}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata:
    ///   name: w-2
    ///   labels:
    ///     topology.kubernetes.io/region: r
    ///     topology.kubernetes.io/zone: b
    ///     kubernetes.io/hostname: w-1  # finding: topology-labels-absent
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, labels: {kubernetes.io/hostname: w-1, topology.kubernetes.io/zone: a, topology.kubernetes.io/region: r}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-2, labels: {kubernetes.io/hostname: w-2, topology.kubernetes.io/zone: b, topology.kubernetes.io/region: r}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/reference/labels-annotations-taints/>
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/>
    pub static TOPOLOGY_LABELS_ABSENT: Rule = Rule {
        name: "topology-labels-absent",
        area: Area::Nodes,
        severity: Severity::Medium,
        class: Class::C,
        needs: &[ResourceKind::Node],
        since: "0.1.0",
        check,
    };
}

/// One thing wrong with the labels of one node.
struct Fault<'s> {
    node: &'s Node,
    key: &'static str,
    /// The node that has the same host name.
    twin: Option<&'s Node>,
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    if !concerns_cluster(input, Snapshot::CLUSTER, &[Profile::SingleNode], findings) {
        return;
    }
    let faults = faults(input);
    if faults.is_empty() {
        return findings.pass(Snapshot::CLUSTER);
    }
    let finding = findings.fail(Snapshot::CLUSTER, message(snapshot, &faults));
    for fault in faults.iter().take(SHOWN) {
        finding.related([fault.node.object]);
        match fault.twin {
            Some(twin) => {
                let value = format!("{}, as on {}", snapshot.text(fault.node.hostname), snapshot.name_of(twin));
                let path = format!("metadata.labels.{HOSTNAME}");
                finding.related([twin.object]).evidence_of(fault.node.object, path, value)
            }
            None => finding.evidence_of(fault.node.object, "metadata.labels", format!("no {}", fault.key)),
        };
    }
    let bound = bound_workloads(snapshot, &faults);
    finding.related(bound.iter().take(SHOWN).map(|workload| workload.object));
    if bound.is_empty() {
        finding.leads_to("spreading cannot see these failure domains");
    } else {
        let names: Vec<&str> = bound.iter().map(|workload| object_name(snapshot, workload.object)).collect();
        finding.leads_to(format!("pods with hard spread cannot land there: {}", list(&names)));
    }
    finding.fix("label the nodes, or declare your own zone key in the configuration");
}

fn faults<'s>(input: &Input<'s>) -> Vec<Fault<'s>> {
    let snapshot = input.snapshot;
    let mut faults = Vec::new();
    let mut by_hostname: BTreeMap<Text, &Node> = BTreeMap::new();
    for node in snapshot.nodes.iter().filter(|node| !node.is_virtual) {
        let mut absent = |key| {
            faults.push(Fault { node, key, twin: None });
        };
        if zone_of(node).is_none() {
            absent(ZONE);
        }
        // A zone by the user's own key needs no cloud's region.
        if node.region.is_empty() && (zone_of(node).is_none() || !node.zone_label.is_empty()) {
            absent(REGION);
        }
        if node.hostname.is_empty() {
            absent(HOSTNAME);
            continue;
        }
        match by_hostname.get(&node.hostname) {
            Some(&twin) => faults.push(Fault { node, key: HOSTNAME, twin: Some(twin) }),
            None => drop(by_hostname.insert(node.hostname, node)),
        }
    }
    faults
}

fn message(snapshot: &Snapshot, faults: &[Fault]) -> String {
    let all = snapshot.nodes.len();
    let mut parts = Vec::new();
    for (key, name) in [(ZONE, "zone"), (REGION, "region"), (HOSTNAME, "hostname")] {
        let count = faults.iter().filter(|fault| fault.key == key && fault.twin.is_none()).count();
        if count > 0 {
            parts.push(format!("{count} of {all} nodes lack the {name} label"));
        }
    }
    let twins = faults.iter().filter(|fault| fault.twin.is_some()).count();
    if twins > 0 {
        parts.push(format!("{twins} share another node's hostname"));
    }
    parts.join(", ")
}

/// Workloads with a hard spread constraint over a label that is missing somewhere.
fn bound_workloads<'s>(snapshot: &'s Snapshot, faults: &[Fault]) -> Vec<&'s Workload> {
    let absent: BTreeSet<&str> = faults.iter().filter(|fault| fault.twin.is_none()).map(|fault| fault.key).collect();
    let specs: Vec<bool> = snapshot
        .pod_specs
        .iter()
        .map(|spec| {
            let hard = spec.spread_constraints.iter().filter(|constraint| constraint.hard);
            hard.into_iter().any(|constraint| absent.contains(snapshot.text(constraint.topology_key)))
        })
        .collect();
    let is_bound = |id: PodSpecId| specs.get(id.position()).copied().unwrap_or_default();
    snapshot.workloads.iter().filter(|workload| is_bound(workload.spec)).collect()
}

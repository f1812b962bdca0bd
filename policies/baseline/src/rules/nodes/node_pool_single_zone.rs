use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::arithmetic::eligibility::matches_node_selection;
use ha_sdk::arithmetic::replicas::is_quorum_group;
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Node, NodeId, ObjectId, PodSpec, ResourceKind, Snapshot, TaintEffect, Workload, WorkloadId};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::cluster::{concerns_cluster, not_shown, object_name, zone_of, zone_path};
use crate::shared::places::list;
use crate::shared::risk::blast_radius;

/// Labels that name a place, not a pool: pods that select by them are pinned on purpose, which is another rule's concern.
const PLACES: &[&str] =
    &["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone", "kubernetes.io/hostname"];

/// Most nodes and workloads that are listed.
const SHOWN: usize = 10;

rule! {
    /// The nodes that a selector targets stand in fewer than two zones, or three for a quorum group.
    ///
    /// ## Why it matters
    /// Replicas spread over zones only as far as their pool does. Losing the zone takes every place that the pods
    /// of the pool may use, however many nodes are left elsewhere. A quorum group needs three zones: of two,
    /// one holds half or more.
    ///
    /// ## Remediation
    /// Add nodes with the pool's labels in other zones. For zonal volumes the recommended pattern is one pool per
    /// zone and a selector that accepts all of them; that passes.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata:
    ///   name: gpu-1
    ///   labels:
    ///     pool: gpu
    ///     topology.kubernetes.io/zone: a  # finding: node-pool-single-zone
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: gpu-2, labels: {topology.kubernetes.io/zone: a, pool: gpu}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, labels: {topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-2, labels: {topology.kubernetes.io/zone: b}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: train, namespace: ml}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: train}}
    ///   template:
    ///     metadata: {labels: {app: train}}
    ///     spec:
    ///       nodeSelector: {pool: gpu}
    ///       containers: [{name: train, image: train}]
    /// ```
    /// ```yaml fails
    /// # The whole cluster stands in one zone.
    /// apiVersion: v1
    /// kind: Node
    /// metadata:
    ///   name: w-1
    ///   labels:
    ///     topology.kubernetes.io/zone: a  # finding: node-pool-single-zone
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-2, labels: {topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-3, labels: {topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml fails
    /// # A quorum group needs three zones.
    /// apiVersion: v1
    /// kind: Node
    /// metadata:
    ///   name: q-1
    ///   labels:
    ///     pool: quorum
    ///     topology.kubernetes.io/zone: a  # finding: node-pool-single-zone
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: q-2, labels: {topology.kubernetes.io/zone: b, pool: quorum}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: q-3, labels: {topology.kubernetes.io/zone: b, pool: quorum}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, labels: {topology.kubernetes.io/zone: c}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: train, namespace: ml}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: train}}
    ///   template:
    ///     metadata: {labels: {app: train}}
    ///     spec:
    ///       nodeSelector: {pool: quorum}
    ///       containers: [{name: train, image: zookeeper:3.9}]
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: gpu-1, labels: {topology.kubernetes.io/zone: a, pool: gpu}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: gpu-2, labels: {topology.kubernetes.io/zone: b, pool: gpu}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, labels: {topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: train, namespace: ml}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: train}}
    ///   template:
    ///     metadata: {labels: {app: train}}
    ///     spec:
    ///       nodeSelector: {pool: gpu}
    ///       containers: [{name: train, image: train}]
    /// ```
    /// ```yaml passes
    /// # One pool per zone; the selector accepts both.
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a-1, labels: {topology.kubernetes.io/zone: a, pool: data}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b-1, labels: {topology.kubernetes.io/zone: b, pool: data}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: w-1, labels: {topology.kubernetes.io/zone: a}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: {name: train, namespace: ml}
    /// spec:
    ///   replicas: 2
    ///   selector: {matchLabels: {app: train}}
    ///   template:
    ///     metadata: {labels: {app: train}}
    ///     spec:
    ///       nodeSelector: {pool: data}
    ///       containers: [{name: train, image: train}]
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/setup/best-practices/multiple-zones/>
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/>
    pub static NODE_POOL_SINGLE_ZONE: Rule = Rule {
        name: "node-pool-single-zone",
        area: Area::Nodes,
        severity: Severity::High,
        class: Class::C,
        needs: &[ResourceKind::Node],
        since: "0.1.0",
        check,
    };
}

/// Nodes that pods select, and the workloads that select them.
struct Pool {
    nodes: Vec<NodeId>,
    workloads: Vec<WorkloadId>,
}

fn check(input: &Input, findings: &mut Findings) {
    if !concerns_cluster(input, Snapshot::CLUSTER, &[Profile::SingleNode], findings) {
        return;
    }
    let pools = pools(input);
    for (position, pool) in pools.iter().enumerate() {
        let first = pool.nodes.first().map(|&id| input.snapshot.node(id).object);
        // The first pool is what is left without any selector: the cluster itself.
        let subject = if position == 0 { Some(Snapshot::CLUSTER) } else { first };
        if let Some(subject) = subject {
            judge(input, pool, subject, findings);
        }
    }
}

/// The ordinary nodes first, then each other set of nodes that some selector targets.
fn pools(input: &Input) -> Vec<Pool> {
    let snapshot = input.snapshot;
    let mut pools = vec![Pool { nodes: ordinary_nodes(snapshot), workloads: Vec::new() }];
    // Which pool each specification targets: thousands of workloads share a few selections.
    let mut of_spec: Vec<Option<Option<usize>>> = vec![None; snapshot.pod_specs.len()];
    let mut selections: Vec<(&PodSpec, Option<usize>)> = Vec::new();
    for (id, workload) in snapshot.workloads_by_id().filter(|(_, workload)| workload.is_replicated_kind()) {
        let spec = snapshot.spec_of(workload);
        let known = of_spec.get(workload.spec.position()).copied().flatten();
        let pool = known.unwrap_or_else(|| {
            let same = selections.iter().find(|(other, _)| selects_alike(other, spec));
            let pool = same.map_or_else(|| pool_of(input, spec, &mut pools), |(_, pool)| *pool);
            if same.is_none() {
                selections.push((spec, pool));
            }
            pool
        });
        if let Some(slot) = of_spec.get_mut(workload.spec.position()) {
            *slot = Some(pool);
        }
        if let Some(pool) = pool.and_then(|pool| pools.get_mut(pool)) {
            pool.workloads.push(id);
        }
    }
    pools
}

/// Nodes that a pod without selector and tolerations may use, were they all Ready; all of them where none is such.
fn ordinary_nodes(snapshot: &Snapshot) -> Vec<NodeId> {
    let is_reserved = |node: &Node| {
        let mut keys = node.taints.iter().filter(|taint| taint.effect != TaintEffect::PreferNoSchedule);
        // The cluster's own taints say how a node is, not what it is for.
        keys.any(|taint| !snapshot.text(taint.key).starts_with("node.kubernetes.io/"))
    };
    let real = || snapshot.nodes_by_id().filter(|(_, node)| !node.is_virtual);
    let ordinary: Vec<NodeId> = real().filter(|(_, node)| !is_reserved(node)).map(|(id, _)| id).collect();
    if ordinary.is_empty() { real().map(|(id, _)| id).collect() } else { ordinary }
}

fn selects_alike(one: &PodSpec, other: &PodSpec) -> bool {
    one.node_selector == other.node_selector
        && one.node_affinity == other.node_affinity
        && one.node_name == other.node_name
}

/// The pool that a specification targets, added when it is new; none when it names a place, or no node at all.
fn pool_of(input: &Input, spec: &PodSpec, pools: &mut Vec<Pool>) -> Option<usize> {
    let snapshot = input.snapshot;
    if names_a_place(input, spec) {
        return None;
    }
    let selected = |node: &Node| !node.is_virtual && matches_node_selection(snapshot, spec, node);
    let nodes: Vec<NodeId> = snapshot.nodes_by_id().filter(|(_, node)| selected(node)).map(|(id, _)| id).collect();
    if nodes.is_empty() {
        return None;
    }
    let holds_all_ordinary =
        pools.first().is_some_and(|pool| pool.nodes.iter().all(|id| nodes.binary_search(id).is_ok()));
    if holds_all_ordinary {
        return Some(0);
    }
    let known = pools.iter().position(|pool| pool.nodes == nodes);
    known.or_else(|| {
        pools.push(Pool { nodes, workloads: Vec::new() });
        Some(pools.len() - 1)
    })
}

fn names_a_place(input: &Input, spec: &PodSpec) -> bool {
    let is_place = |key: Text| {
        let key = input.snapshot.text(key);
        PLACES.contains(&key) || input.settings.zone_keys.iter().chain(&input.settings.host_keys).any(|own| own == key)
    };
    let terms = spec.node_affinity.iter().flat_map(|affinity| &affinity.terms);
    let mut by_affinity = terms.flat_map(|term| term.expressions.iter().chain(&term.fields));
    !spec.node_name.is_empty()
        || spec.node_selector.iter().any(|label| is_place(label.key))
        || by_affinity
            .any(|requirement| is_place(requirement.key) || input.snapshot.text(requirement.key) == "metadata.name")
}

fn judge(input: &Input, pool: &Pool, subject: ObjectId, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let workloads: Vec<&Workload> = pool.workloads.iter().map(|&id| snapshot.workload(id)).collect();
    let quorum = workloads.iter().copied().find(|workload| is_quorum_group(snapshot, workload));
    let needed = if quorum.is_some() { 3 } else { 2 };
    let nodes: Vec<&Node> = pool.nodes.iter().map(|&id| snapshot.node(id)).collect();
    let zones: BTreeSet<Option<&str>> =
        nodes.iter().map(|node| zone_of(node).map(|zone| snapshot.text(zone))).collect();
    let known: Vec<&str> = zones.iter().flatten().copied().collect();
    if known.len() >= needed {
        return findings.pass(subject);
    }
    if zones.contains(&None) {
        findings.unknown(subject, not_shown("the zone label of some nodes"));
        return;
    }
    let places = if known.len() == 1 { "zone" } else { "zones" };
    let message = format!("{} in {places} {}, {needed} zones are needed", what(pool, subject), list(&known));
    let finding = findings.fail(subject, message);
    for node in nodes.iter().take(SHOWN) {
        let zone = zone_of(node).map_or("", |zone| snapshot.text(zone));
        finding.related([node.object]).evidence_of(node.object, zone_path(node), zone);
    }
    finding.related(workloads.iter().take(SHOWN).map(|workload| workload.object));
    let faults = known.iter().map(|zone| format!("losing zone {zone}")).collect();
    finding
        .leads_to(consequence(snapshot, &workloads, quorum, &known))
        .fix("add nodes with the same labels in another zone")
        .at_risk(blast_radius(snapshot, workloads, faults));
}

fn what(pool: &Pool, subject: ObjectId) -> String {
    let count = pool.nodes.len();
    match (subject == Snapshot::CLUSTER, count) {
        (true, _) => format!("all {count} ordinary nodes are"),
        (false, 1) => "the only node of its pool is".into(),
        (false, _) => format!("all {count} nodes of the pool are"),
    }
}

fn consequence(snapshot: &Snapshot, workloads: &[&Workload], quorum: Option<&Workload>, zones: &[&str]) -> String {
    if let Some(quorum) = quorum.filter(|_| zones.len() > 1) {
        return format!("losing the larger zone takes the quorum of {}", object_name(snapshot, quorum.object));
    }
    let names: Vec<&str> = workloads.iter().map(|workload| object_name(snapshot, workload.object)).collect();
    if names.is_empty() {
        return "losing the zone takes every node that pods may use".into();
    }
    format!("losing the zone takes every place of {}", list(&names))
}

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;

use ha_sdk::arithmetic::replicas::needed;
use ha_sdk::finding::Missing;
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Absence, GapReason, ResourceKind, Snapshot, Workload, WorkloadId};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Finding, Findings, Input, Severity, rule};

use crate::shared::judged_replicas;
use crate::shared::risk::blast_radius;
use crate::shared::separation::{ZONE, is_known, running_pods};
use crate::shared::trials::Trials;

rule! {
    /// Right now one node or zone holds so many replicas that its loss leaves fewer than are needed.
    ///
    /// ## Why it matters
    /// The scheduler decides once, when a pod is made. Pods that started while only one node existed stay there:
    /// nothing rebalances them when nodes join later, whatever the template asks for softly.
    ///
    /// ## Remediation
    /// Make the pods anew while other nodes have room (`kubectl rollout restart`), and let a hard spread
    /// constraint keep it so; or run the descheduler.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: cart, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: cart
    ///   replicas: 2  # finding: replicas-placed-together
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: cart-0
    ///   namespace: shop
    ///   labels: {app: cart}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: cart, uid: u1, controller: true}]
    /// spec: {nodeName: a1, containers: [{name: cart, image: cart}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: cart-1
    ///   namespace: shop
    ///   labels: {app: cart}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: cart, uid: u1, controller: true}]
    /// spec: {nodeName: a1, containers: [{name: cart, image: cart}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// Two of four voters are fewer than a quorum, and yet losing them leaves 2 of the 3 that are needed:
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: c1, labels: {kubernetes.io/hostname: c1}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: zk, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: zk
    ///   replicas: 4  # finding: replicas-placed-together
    ///   selector: {matchLabels: {app: zk}}
    ///   template:
    ///     metadata: {labels: {app: zk}}
    ///     spec:
    ///       containers: [{name: zk, image: zookeeper}]
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: zk-0
    ///   namespace: shop
    ///   labels: {app: zk}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: zk, uid: u1, controller: true}]
    /// spec: {nodeName: a1, containers: [{name: zk, image: zookeeper}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: zk-1
    ///   namespace: shop
    ///   labels: {app: zk}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: zk, uid: u1, controller: true}]
    /// spec: {nodeName: a1, containers: [{name: zk, image: zookeeper}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: zk-2
    ///   namespace: shop
    ///   labels: {app: zk}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: zk, uid: u1, controller: true}]
    /// spec: {nodeName: b1, containers: [{name: zk, image: zookeeper}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: zk-3
    ///   namespace: shop
    ///   labels: {app: zk}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: zk, uid: u1, controller: true}]
    /// spec: {nodeName: c1, containers: [{name: zk, image: zookeeper}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1}}
    /// status: {conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: cart, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: cart
    ///   replicas: 2
    ///   selector: {matchLabels: {app: cart}}
    ///   template:
    ///     metadata: {labels: {app: cart}}
    ///     spec:
    ///       containers: [{name: cart, image: cart}]
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: cart-0
    ///   namespace: shop
    ///   labels: {app: cart}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: cart, uid: u1, controller: true}]
    /// spec: {nodeName: a1, containers: [{name: cart, image: cart}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: cart-1
    ///   namespace: shop
    ///   labels: {app: cart}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: cart, uid: u1, controller: true}]
    /// spec: {nodeName: b1, containers: [{name: cart, image: cart}]}
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/#known-limitations>
    /// - <https://github.com/kubernetes-sigs/descheduler>
    pub static REPLICAS_PLACED_TOGETHER: Rule = Rule {
        name: "replicas-placed-together",
        area: Area::Replication,
        severity: Severity::High,
        class: Class::C,
        needs: &[ResourceKind::Pod, ResourceKind::Node],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let single_node = is_known(input, Profile::SingleNode);
    let judges_zones = !is_known(input, Profile::SingleZone) && snapshot.nodes.iter().any(|node| !node.zone.is_empty());
    let trials = (Trials::of_nodes(input), Trials::of_zones(input));
    for (id, workload) in snapshot.workloads_by_id() {
        if judged_replicas(snapshot, workload, findings).is_none() {
            continue;
        }
        if single_node {
            findings.not_applicable(workload.object, "single-node cluster");
        } else {
            check_workload(input, (id, workload), judges_zones, &trials, findings);
        }
    }
}

/// `trials` are those of nodes and those of zones.
fn check_workload(
    input: &Input,
    (id, workload): (WorkloadId, &Workload),
    judges_zones: bool,
    trials: &(Trials, Trials),
    findings: &mut Findings,
) {
    let snapshot = input.snapshot;
    let placed = Placed::of(input, workload);
    if placed.pods < 2 {
        if let Absence::Unknown(missing) = snapshot.absence(ResourceKind::Pod, workload.namespace) {
            findings.unknown(workload.object, missing);
        } else {
            findings.not_applicable(workload.object, "fewer than two of its pods run");
        }
        return;
    }
    // Voters that do not run do not vote, but they are counted by those that do.
    let total = workload.replicas.unwrap_or(0).max(placed.pods);
    let needed = needed(input, workload, total);
    if let Some((&node, &count)) = most(snapshot, &placed.by_node)
        && placed.pods - count < needed
    {
        let finding = fail(input, workload, &placed, ("node", node, count, needed), findings);
        return trials.0.weigh(id, finding);
    }
    if !judges_zones {
        return findings.pass(workload.object);
    }
    let unlabelled = placed.by_zone.get(&Text::default()).copied().unwrap_or(0);
    let labelled = placed.by_zone.iter().filter(|(zone, _)| !zone.is_empty());
    let fullest = most(snapshot, labelled);
    let count = fullest.map_or(0, |(_, &count)| count);
    match fullest {
        Some((&zone, _)) if placed.pods - count < needed => {
            let finding = fail(input, workload, &placed, ("zone", zone, count, needed), findings);
            trials.1.weigh(id, finding);
        }
        _ if unlabelled > 0 && placed.pods - count - unlabelled < needed => {
            let missing = Missing {
                what: format!("label {ZONE} of the nodes of {unlabelled} pods"),
                reason: GapReason::NotInInput,
                ..Missing::default()
            };
            findings.unknown(workload.object, missing);
        }
        _ => findings.pass(workload.object),
    }
}

/// How the running pods of a workload are distributed.
struct Placed {
    pods: u32,
    by_node: BTreeMap<Text, u32>,
    /// By zone; the empty one holds pods on nodes without a zone label.
    by_zone: BTreeMap<Text, u32>,
}

impl Placed {
    fn of(input: &Input, workload: &Workload) -> Self {
        let snapshot = input.snapshot;
        let mut placed = Self { pods: 0, by_node: BTreeMap::new(), by_zone: BTreeMap::new() };
        for pod in running_pods(snapshot, workload) {
            let zone = pod.node.map_or(Text::default(), |node| snapshot.node(node).zone);
            placed.pods += 1;
            *placed.by_node.entry(pod.node_name).or_insert(0) += 1;
            *placed.by_zone.entry(zone).or_insert(0) += 1;
        }
        placed
    }
}

/// The fullest domain; of several the one whose name comes first.
fn most<'c>(snapshot: &Snapshot, counts: impl IntoIterator<Item = (&'c Text, &'c u32)>) -> Option<(&'c Text, &'c u32)> {
    let fuller = |one: &(&Text, &u32), other: &(&Text, &u32)| {
        one.1.cmp(other.1).then_with(|| snapshot.text(*other.0).cmp(snapshot.text(*one.0)))
    };
    counts.into_iter().max_by(fuller)
}

/// One domain holds too many: its kind, its name, how many it holds, and how many are needed.
fn fail<'f>(
    input: &Input,
    workload: &Workload,
    placed: &Placed,
    (kind, name, count, needed): (&str, Text, u32, u32),
    findings: &'f mut Findings,
) -> &'f mut Finding {
    let snapshot = input.snapshot;
    let (name, pods) = (snapshot.text(name), placed.pods);
    let here = running_pods(snapshot, workload)
        .filter(|pod| kind == "node" && snapshot.text(pod.node_name) == name)
        .filter_map(|pod| pod.node);
    let nodes = here.take(1).map(|id| snapshot.node(id).object);
    findings
        .fail(workload.object, format!("{count} of {pods} replicas run on {kind} {name}"))
        .leads_to(format!("losing {name} leaves {} of {needed} needed", pods - count))
        .evidence("spec.replicas", format!("{pods} running, {count} of them on {name}"))
        .related(nodes)
        .at_risk(blast_radius(snapshot, [workload], vec![format!("losing {name}")]))
        .fix("a hard spread constraint, then kubectl rollout restart")
}

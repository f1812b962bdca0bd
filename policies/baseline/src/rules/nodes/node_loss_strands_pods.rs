use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{ResourceKind, Snapshot, Workload};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::cluster::reads_all_pods;
use crate::shared::stranded::{Before, Remarks, Stranding, exemption, lost_name, node_losses, one_of};

rule! {
    /// Losing one node leaves pods without a place.
    ///
    /// ## Why it matters
    /// What ran on a node must find room on the others, under the same rules: requests, taints, node selection,
    /// spread, affinity, volumes. A sum of free memory does not tell, since it may be on nodes that the pods cannot
    /// use. Pods without a place stay Pending until the node is back, and the next failure meets a weaker workload.
    /// The loss of every node is simulated as after a power cut: its Node object stays, tainted. Pods of DaemonSets
    /// vanish with their node, and pods of negative priority only keep room for others. Pods that request nothing fit
    /// everywhere by the scheduler's count, so with them the answer is a lower bound.
    ///
    /// ## Remediation
    /// Keep the room of one node free in every pool, or loosen what keeps the pods off the other nodes; the scheduler's
    /// own words say what that is. Where a node autoscaler is seen the finding is one step lower: it may add a node,
    /// but it needs time, quota and a provider that has the machine.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: db, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: db
    ///   replicas: 2
    ///   selector: {matchLabels: {app: db}}
    ///   template:
    ///     metadata: {labels: {app: db}}
    ///     spec:
    ///       containers:
    ///       - name: db
    ///         image: db
    ///         resources: {requests: {memory: 3Gi}}  # finding: node-loss-strands-pods
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: db-0
    ///   namespace: shop
    ///   labels: {app: db}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: a1
    ///   containers: [{name: db, image: db, resources: {requests: {memory: 3Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: db-1
    ///   namespace: shop
    ///   labels: {app: db}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: b1
    ///   containers: [{name: db, image: db, resources: {requests: {memory: 3Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// The sum of what is free is enough, but the free part is on a tainted node:
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: gpu1, labels: {kubernetes.io/hostname: gpu1}}
    /// spec: {taints: [{key: gpu, effect: NoSchedule}]}
    /// status:
    ///   allocatable: {cpu: "4", memory: 64Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: db, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: db
    ///   replicas: 2
    ///   selector: {matchLabels: {app: db}}
    ///   template:
    ///     metadata: {labels: {app: db}}
    ///     spec:
    ///       containers:
    ///       - name: db
    ///         image: db
    ///         resources: {requests: {memory: 3Gi}}  # finding: node-loss-strands-pods
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: db-0
    ///   namespace: shop
    ///   labels: {app: db}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: a1
    ///   containers: [{name: db, image: db, resources: {requests: {memory: 3Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: db-1
    ///   namespace: shop
    ///   labels: {app: db}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: b1
    ///   containers: [{name: db, image: db, resources: {requests: {memory: 3Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// A node that is lost but still there counts as a domain with no pod:
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: db, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: db
    ///   replicas: 2
    ///   selector: {matchLabels: {app: db}}
    ///   template:
    ///     metadata: {labels: {app: db}}
    ///     spec:
    ///       topologySpreadConstraints:  # finding: node-loss-strands-pods
    ///       - maxSkew: 1
    ///         topologyKey: kubernetes.io/hostname
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: {matchLabels: {app: db}}
    ///       containers: [{name: db, image: db}]
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: db-0
    ///   namespace: shop
    ///   labels: {app: db}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: a1
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: kubernetes.io/hostname
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: db}}
    ///   containers: [{name: db, image: db}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: db-1
    ///   namespace: shop
    ///   labels: {app: db}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: b1
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: kubernetes.io/hostname
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: db}}
    ///   containers: [{name: db, image: db}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: db, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: db
    ///   replicas: 2
    ///   selector: {matchLabels: {app: db}}
    ///   template:
    ///     metadata: {labels: {app: db}}
    ///     spec:
    ///       topologySpreadConstraints:
    ///       - maxSkew: 1
    ///         topologyKey: kubernetes.io/hostname
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: {matchLabels: {app: db}}
    ///         nodeTaintsPolicy: Honor
    ///       containers: [{name: db, image: db}]
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: db-0
    ///   namespace: shop
    ///   labels: {app: db}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: a1
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: kubernetes.io/hostname
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: db}}
    ///     nodeTaintsPolicy: Honor
    ///   containers: [{name: db, image: db}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: db-1
    ///   namespace: shop
    ///   labels: {app: db}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: b1
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: kubernetes.io/hostname
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: db}}
    ///     nodeTaintsPolicy: Honor
    ///   containers: [{name: db, image: db}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: c1, labels: {kubernetes.io/hostname: c1}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: db, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: db
    ///   replicas: 2
    ///   selector: {matchLabels: {app: db}}
    ///   template:
    ///     metadata: {labels: {app: db}}
    ///     spec:
    ///       containers:
    ///       - name: db
    ///         image: db
    ///         resources: {requests: {memory: 3Gi}}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: db-0
    ///   namespace: shop
    ///   labels: {app: db}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: a1
    ///   containers: [{name: db, image: db, resources: {requests: {memory: 3Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: db-1
    ///   namespace: shop
    ///   labels: {app: db}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: b1
    ///   containers: [{name: db, image: db, resources: {requests: {memory: 3Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/>
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/>
    pub static NODE_LOSS_STRANDS_PODS: Rule = Rule {
        name: "node-loss-strands-pods",
        area: Area::Nodes,
        severity: Severity::High,
        class: Class::X,
        needs: &[ResourceKind::Node, ResourceKind::Pod],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    if !reads_all_pods(input, &[Profile::SingleNode], findings) {
        return;
    }
    if node_losses(input.impacts).next().is_none() {
        return findings.not_applicable(Snapshot::CLUSTER, "no loss of a node was simulated");
    }
    let losses = losses(input);
    let remarks = Remarks::of(snapshot);
    for (workload, losses) in snapshot.workloads.iter().zip(&losses) {
        answer(snapshot, workload, losses, &remarks, findings);
    }
}

/// The losses that leave pods of one workload without a node.
#[derive(Clone, Default)]
struct Losses<'i> {
    /// The worst; of several the first.
    worst: Option<Stranding<'i>>,
    /// How many there are.
    nodes: u32,
    /// One of which the simulation cannot tell how it comes out.
    unknown: Option<Stranding<'i>>,
}

/// What single nodes do to each workload, in one pass over the impacts.
fn losses<'i>(input: &Input<'i>) -> Vec<Losses<'i>> {
    let snapshot = input.snapshot;
    let before = Before::of(snapshot);
    let mut losses = vec![Losses::default(); snapshot.workloads.len()];
    for stranding in node_losses(input.impacts).flat_map(|impact| before.strandings(impact)) {
        let of_workload = &mut losses[stranding.workload.workload.position()];
        if stranding.unknown(snapshot).is_some() {
            of_workload.unknown.get_or_insert(stranding);
            continue;
        }
        of_workload.nodes += 1;
        if of_workload.worst.is_none_or(|worst| stranding.pods > worst.pods) {
            of_workload.worst = Some(stranding);
        }
    }
    losses
}

fn answer(snapshot: &Snapshot, workload: &Workload, losses: &Losses, remarks: &Remarks, findings: &mut Findings) {
    if let Some(reason) = exemption(snapshot, workload) {
        return findings.not_applicable(workload.object, reason);
    }
    if let Some(worst) = &losses.worst {
        let finding = findings.fail(workload.object, message(worst, losses.nodes));
        remarks.explain(snapshot, worst, "the node is back", finding);
        let lost = worst.impact.disruption.nodes.iter();
        finding.related(lost.map(|&node| snapshot.node(node).object));
    } else if let Some(missing) = losses.unknown.and_then(|stranding| stranding.unknown(snapshot)) {
        findings.unknown(workload.object, missing);
    } else {
        findings.pass(workload.object);
    }
}

fn message(worst: &Stranding, nodes: u32) -> String {
    let surely = worst.pods.surely > 0;
    let (leaves, order) = if surely { ("leaves", "") } else { ("may leave", ", depending on order") };
    let up_to = if nodes > 1 && worst.pods.count(surely) > 1 { "up to " } else { "" };
    let lost = one_of(lost_name(worst.impact), nodes, "node");
    format!("losing {lost} {leaves} {up_to}{}{order}", worst.words(surely))
}

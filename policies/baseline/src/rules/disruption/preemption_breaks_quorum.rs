use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::arithmetic::size;
use ha_sdk::arithmetic::quorum::quorum;
use ha_sdk::arithmetic::replicas::is_quorum_group;
use ha_sdk::impact::Impact;
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Pod, PodId, ResourceKind, Snapshot, Workload, WorkloadId};
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::cluster::{object_name, reads_all_pods};
use crate::shared::paths::pod_spec_path;
use crate::shared::places::list;
use crate::shared::risk::blast_radius;
use crate::shared::stranded::{fault, node_losses, zone_losses};

rule! {
    /// After a loss, pods of higher priority evict members of a quorum group, so that it loses its majority.
    ///
    /// ## Why it matters
    /// What ran on a lost node looks for room, and where there is none the scheduler evicts pods of lower priority. It
    /// honours PodDisruptionBudgets only as long as other victims would do. A quorum group that has just lost one
    /// member may lose the next this way, and stops: a small failure becomes an outage.
    ///
    /// ## Remediation
    /// Give the members a priority class that is not below that of the pods around them, or keep room for the latter.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 8Gi, pods: "110"}
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
    /// metadata: {name: zk, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: zk
    ///   replicas: 3
    ///   selector: {matchLabels: {app: zk}}
    ///   template:
    ///     metadata: {labels: {app: zk}}
    ///     spec:  # finding: preemption-breaks-quorum
    ///       containers:
    ///       - name: zk
    ///         image: zookeeper
    ///         resources: {requests: {memory: 2Gi}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: api, namespace: shop, uid: u2}
    /// spec:
    ///   serviceName: api
    ///   replicas: 1
    ///   selector: {matchLabels: {app: api}}
    ///   template:
    ///     metadata: {labels: {app: api}}
    ///     spec:
    ///       priorityClassName: high
    ///       containers:
    ///       - name: api
    ///         image: api
    ///         resources: {requests: {memory: 3Gi}}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: zk-0
    ///   namespace: shop
    ///   labels: {app: zk}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: zk, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: a1
    ///   priority: 0
    ///   containers: [{name: zk, image: zookeeper, resources: {requests: {memory: 2Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: zk-1
    ///   namespace: shop
    ///   labels: {app: zk}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: zk, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: b1
    ///   priority: 0
    ///   containers: [{name: zk, image: zookeeper, resources: {requests: {memory: 2Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: zk-2
    ///   namespace: shop
    ///   labels: {app: zk}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: zk, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: c1
    ///   priority: 0
    ///   containers: [{name: zk, image: zookeeper, resources: {requests: {memory: 2Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: api-0
    ///   namespace: shop
    ///   labels: {app: api}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: api, uid: u2, controller: true}]
    /// spec:
    ///   nodeName: a1
    ///   priority: 1000
    ///   containers: [{name: api, image: api, resources: {requests: {memory: 3Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 8Gi, pods: "110"}
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
    /// metadata: {name: zk, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: zk
    ///   replicas: 3
    ///   selector: {matchLabels: {app: zk}}
    ///   template:
    ///     metadata: {labels: {app: zk}}
    ///     spec:
    ///       priorityClassName: high
    ///       containers:
    ///       - name: zk
    ///         image: zookeeper
    ///         resources: {requests: {memory: 2Gi}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: api, namespace: shop, uid: u2}
    /// spec:
    ///   serviceName: api
    ///   replicas: 1
    ///   selector: {matchLabels: {app: api}}
    ///   template:
    ///     metadata: {labels: {app: api}}
    ///     spec:
    ///       priorityClassName: high
    ///       containers:
    ///       - name: api
    ///         image: api
    ///         resources: {requests: {memory: 3Gi}}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: zk-0
    ///   namespace: shop
    ///   labels: {app: zk}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: zk, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: a1
    ///   priority: 1000
    ///   containers: [{name: zk, image: zookeeper, resources: {requests: {memory: 2Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: zk-1
    ///   namespace: shop
    ///   labels: {app: zk}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: zk, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: b1
    ///   priority: 1000
    ///   containers: [{name: zk, image: zookeeper, resources: {requests: {memory: 2Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: zk-2
    ///   namespace: shop
    ///   labels: {app: zk}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: zk, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: c1
    ///   priority: 1000
    ///   containers: [{name: zk, image: zookeeper, resources: {requests: {memory: 2Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: api-0
    ///   namespace: shop
    ///   labels: {app: api}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: api, uid: u2, controller: true}]
    /// spec:
    ///   nodeName: a1
    ///   priority: 1000
    ///   containers: [{name: api, image: api, resources: {requests: {memory: 3Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/>
    /// - <https://github.com/kubernetes/kubernetes/issues/91492>
    pub static PREEMPTION_BREAKS_QUORUM: Rule = Rule {
        name: "preemption-breaks-quorum",
        area: Area::Disruption,
        severity: Severity::Medium,
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
    if node_losses(input.impacts).chain(zone_losses(input.impacts)).next().is_none() {
        return findings.not_applicable(Snapshot::CLUSTER, "no loss was simulated");
    }
    let mut breaks: BTreeMap<WorkloadId, Break> = BTreeMap::new();
    // The smallest failures first: the first that breaks a quorum is the one to name.
    for impact in node_losses(input.impacts).chain(zone_losses(input.impacts)) {
        for (id, victims) in voting_victims(snapshot, impact) {
            if let Some(found) = Break::of(snapshot, id, impact, victims) {
                breaks.entry(id).or_insert(found);
            }
        }
    }
    for (id, workload) in snapshot.workloads_by_id() {
        if !is_quorum_group(snapshot, workload) {
            findings.not_applicable(workload.object, "its pods do not vote");
        } else if let Some(found) = breaks.get(&id) {
            report(snapshot, workload, found, findings);
        } else {
            findings.pass(workload.object);
        }
    }
}

/// The members of quorum groups that preemption removes, by group.
fn voting_victims(snapshot: &Snapshot, impact: &Impact) -> BTreeMap<WorkloadId, Vec<PodId>> {
    let mut victims: BTreeMap<WorkloadId, Vec<PodId>> = BTreeMap::new();
    for &pod in &impact.preempted {
        victims.entry(snapshot.pod(pod).workload).or_default().push(pod);
    }
    victims.retain(|&id, _| is_quorum_group(snapshot, snapshot.workload(id)));
    victims
}

/// How a group loses its quorum to preemption.
struct Break<'i> {
    impact: &'i Impact,
    victims: Vec<PodId>,
    /// Voting members before the failure.
    members: u32,
    /// Those that the failure itself leaves.
    survivors: u32,
}

impl<'i> Break<'i> {
    /// None where the quorum holds, and where the failure alone breaks it.
    fn of(snapshot: &Snapshot, id: WorkloadId, impact: &'i Impact, mut victims: Vec<PodId>) -> Option<Self> {
        let workload = snapshot.workload(id);
        let lost = &impact.disruption.nodes;
        let survives = |pod: &Pod| pod.is_healthy() && pod.node.is_none_or(|node| lost.binary_search(&node).is_err());
        victims.retain(|&pod| survives(snapshot.pod(pod)));
        let members = workload.replicas.unwrap_or(1);
        let survivors = size(snapshot.pods_of(workload).filter(|pod| survives(pod)).count());
        let left = survivors.saturating_sub(size(victims.len()));
        let breaks = survivors >= quorum(members) && left < quorum(members);
        breaks.then_some(Self { impact, victims, members, survivors })
    }
}

fn report(snapshot: &Snapshot, workload: &Workload, found: &Break, findings: &mut Findings) {
    let victims = found.victims.iter().map(|&pod| snapshot.pod(pod));
    let names: Vec<&str> = victims.clone().map(|pod| object_name(snapshot, pod.object)).collect();
    let (count, survivors) = (size(names.len()), found.survivors);
    let needed = quorum(found.members);
    let message = format!(
        "after {}, pods of higher priority can evict {count} of the {survivors} members left ({}): {} of {} remain, \
         {needed} are needed",
        fault(found.impact),
        list(&names),
        survivors - count.min(survivors),
        found.members,
    );
    let finding = findings.fail(workload.object, message);
    let class = snapshot.spec_of(workload).priority_class;
    let priority = victims.clone().next().map_or(0, |pod| pod.priority);
    let value: String = match snapshot.text(class) {
        "" => format!("unset (priority {priority})"),
        class => format!("{class} (priority {priority})"),
    };
    finding
        .leads_to("the group loses its majority and stops; budgets do not bind preemption")
        .evidence(format!("{}.priorityClassName", pod_spec_path(workload)), value)
        .related(victims.map(|pod| pod.object))
        .at_risk(blast_radius(snapshot, [workload], vec![fault(found.impact)]))
        .confirmed_by(found.impact.disruption.name.clone())
        .fix("a priorityClassName not below that of the pods around it, or more room");
}

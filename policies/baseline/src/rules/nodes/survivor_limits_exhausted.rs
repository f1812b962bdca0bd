use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::impact::{Impact, PendingReason};
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{NodeId, ResourceKind, Snapshot, WorkloadId};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Finding, Findings, Input, Severity, rule};

use crate::shared::cluster::reads_all_pods;
use crate::shared::risk::blast_radius;
use crate::shared::stranded::{Before, Remarks, Stranded, Stranding, exemption, fault, lost_name, node_losses, one_of};

/// Most nodes and workloads that are named.
const SHOWN: usize = 5;

rule! {
    /// After the loss of a node the others run out of pod slots or volume attachments.
    ///
    /// ## Why it matters
    /// A node takes a limited number of pods, 110 by default and far fewer where each needs an address of a network
    /// card, and its storage drivers attach a limited number of volumes. Memory and CPU may be plenty, and what ran on
    /// the lost node still stays Pending. Nobody sees these limits before they are reached. Addresses of a node's
    /// `podCIDR` are not judged: whether they are used is the network plugin's matter. Nor are quotas, which count the
    /// pods of a silent node some minutes longer: `kubectl ha simulate` tells that as part of the time to recover.
    ///
    /// ## Remediation
    /// More nodes, a higher `maxPods` of the kubelets where addresses allow it, or machines that attach more volumes.
    ///
    /// ## Examples
    /// There is memory, but no pod slot:
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "2"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1}}
    /// status:
    ///   allocatable:
    ///     cpu: "4"
    ///     memory: 4Gi
    ///     pods: "2"  # finding: survivor-limits-exhausted
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: web, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: web
    ///   replicas: 3
    ///   selector: {matchLabels: {app: web}}
    ///   template:
    ///     metadata: {labels: {app: web}}
    ///     spec:
    ///       containers: [{name: web, image: web}]
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web-0
    ///   namespace: shop
    ///   labels: {app: web}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: a1
    ///   containers: [{name: web, image: web}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web-1
    ///   namespace: shop
    ///   labels: {app: web}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: b1
    ///   containers: [{name: web, image: web}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web-2
    ///   namespace: shop
    ///   labels: {app: web}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: b1
    ///   containers: [{name: web, image: web}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// The other node can attach no second volume:
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
    /// apiVersion: storage.k8s.io/v1
    /// kind: CSINode
    /// metadata: {name: a1}
    /// spec:
    ///   drivers:
    ///   - name: ebs.csi.aws.com
    ///     nodeID: a1
    ///     allocatable: {count: 1}
    /// ---
    /// apiVersion: storage.k8s.io/v1
    /// kind: CSINode
    /// metadata: {name: b1}
    /// spec:
    ///   drivers:
    ///   - name: ebs.csi.aws.com
    ///     nodeID: b1
    ///     allocatable: {count: 1}  # finding: survivor-limits-exhausted
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolume
    /// metadata: {name: disk-0}
    /// spec:
    ///   capacity: {storage: 1Gi}
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   claimRef: {namespace: shop, name: data-db-0}
    ///   csi: {driver: ebs.csi.aws.com, volumeHandle: disk-0}
    /// status: {phase: Bound}
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data-db-0, namespace: shop}
    /// spec:
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   volumeName: disk-0
    ///   resources: {requests: {storage: 1Gi}}
    /// status: {phase: Bound}
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolume
    /// metadata: {name: disk-1}
    /// spec:
    ///   capacity: {storage: 1Gi}
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   claimRef: {namespace: shop, name: data-db-1}
    ///   csi: {driver: ebs.csi.aws.com, volumeHandle: disk-1}
    /// status: {phase: Bound}
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data-db-1, namespace: shop}
    /// spec:
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   volumeName: disk-1
    ///   resources: {requests: {storage: 1Gi}}
    /// status: {phase: Bound}
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
    ///       containers: [{name: db, image: db}]
    ///   volumeClaimTemplates:
    ///   - metadata: {name: data}
    ///     spec:
    ///       accessModes: [ReadWriteOnce]
    ///       storageClassName: block
    ///       resources: {requests: {storage: 1Gi}}
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
    ///   volumes: [{name: data, persistentVolumeClaim: {claimName: data-db-0}}]
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
    ///   volumes: [{name: data, persistentVolumeClaim: {claimName: data-db-1}}]
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
    /// apiVersion: storage.k8s.io/v1
    /// kind: CSINode
    /// metadata: {name: a1}
    /// spec:
    ///   drivers:
    ///   - name: ebs.csi.aws.com
    ///     nodeID: a1
    ///     allocatable: {count: 2}
    /// ---
    /// apiVersion: storage.k8s.io/v1
    /// kind: CSINode
    /// metadata: {name: b1}
    /// spec:
    ///   drivers:
    ///   - name: ebs.csi.aws.com
    ///     nodeID: b1
    ///     allocatable: {count: 2}
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolume
    /// metadata: {name: disk-0}
    /// spec:
    ///   capacity: {storage: 1Gi}
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   claimRef: {namespace: shop, name: data-db-0}
    ///   csi: {driver: ebs.csi.aws.com, volumeHandle: disk-0}
    /// status: {phase: Bound}
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data-db-0, namespace: shop}
    /// spec:
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   volumeName: disk-0
    ///   resources: {requests: {storage: 1Gi}}
    /// status: {phase: Bound}
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolume
    /// metadata: {name: disk-1}
    /// spec:
    ///   capacity: {storage: 1Gi}
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   claimRef: {namespace: shop, name: data-db-1}
    ///   csi: {driver: ebs.csi.aws.com, volumeHandle: disk-1}
    /// status: {phase: Bound}
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data-db-1, namespace: shop}
    /// spec:
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   volumeName: disk-1
    ///   resources: {requests: {storage: 1Gi}}
    /// status: {phase: Bound}
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
    ///       containers: [{name: db, image: db}]
    ///   volumeClaimTemplates:
    ///   - metadata: {name: data}
    ///     spec:
    ///       accessModes: [ReadWriteOnce]
    ///       storageClassName: block
    ///       resources: {requests: {storage: 1Gi}}
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
    ///   volumes: [{name: data, persistentVolumeClaim: {claimName: data-db-0}}]
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
    ///   volumes: [{name: data, persistentVolumeClaim: {claimName: data-db-1}}]
    ///   containers: [{name: db, image: db}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/storage/storage-limits/>
    /// - <https://kubernetes.io/docs/setup/best-practices/cluster-large/>
    pub static SURVIVOR_LIMITS_EXHAUSTED: Rule = Rule {
        name: "survivor-limits-exhausted",
        area: Area::Nodes,
        severity: Severity::Medium,
        class: Class::X,
        needs: &[ResourceKind::Node, ResourceKind::Pod, ResourceKind::CsiNode],
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
    let shortages = shortages(input);
    let remarks = Remarks::of(snapshot);
    for shortage in shortages.iter().filter(|shortage| shortage.worst.is_some()) {
        report(snapshot, shortage, &remarks, findings);
    }
    if shortages.iter().any(|shortage| shortage.worst.is_some()) {
        return;
    }
    // Without CSINodes the simulation attaches any number of volumes.
    let attaches = snapshot.volumes.iter().any(|volume| !volume.driver.is_empty());
    match snapshot.first_missing(&[ResourceKind::CsiNode], Text::default()).filter(|_| attaches) {
        Some(missing) => drop(findings.unknown(Snapshot::CLUSTER, missing)),
        None => findings.pass(Snapshot::CLUSTER),
    }
}

/// What a node has a limited number of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limit {
    PodSlots,
    Attachments,
}

impl Limit {
    /// On how many nodes the scheduler says that this is what pods lack.
    fn nodes_without(self, reason: &PendingReason) -> u32 {
        match self {
            Self::PodSlots => number_before(&reason.message, " Too many pods"),
            Self::Attachments => {
                let refusals = reason.plugins.iter().find(|refused| refused.plugin == "NodeVolumeLimits");
                refusals.map_or(0, |refused| refused.nodes)
            }
        }
    }
}

/// The number that stands before these words; 0 without.
fn number_before(message: &str, words: &str) -> u32 {
    let before = message.find(words).map_or("", |end| &message[..end]);
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The losses of nodes after which pods lack one thing.
struct Shortage<'i> {
    limit: Limit,
    worst: Option<Lack<'i>>,
    /// How many losses there are.
    losses: u32,
}

/// What one loss leaves Pending for want of one thing.
#[derive(Clone)]
struct Lack<'i> {
    impact: &'i Impact,
    pods: Stranded,
    /// The most nodes that have none left, for one of the workloads.
    nodes: u32,
    workloads: Vec<WorkloadId>,
}

/// What pods lack after the loss of a node, in one pass over the impacts.
fn shortages<'i>(input: &Input<'i>) -> [Shortage<'i>; 2] {
    let snapshot = input.snapshot;
    let before = Before::of(snapshot);
    let mut shortages = [Limit::PodSlots, Limit::Attachments].map(|limit| Shortage { limit, worst: None, losses: 0 });
    for impact in node_losses(input.impacts) {
        for shortage in &mut shortages {
            let Some(lack) = lack(snapshot, shortage.limit, impact, before.strandings(impact)) else {
                continue;
            };
            shortage.losses += 1;
            if shortage.worst.as_ref().is_none_or(|worst| lack.pods > worst.pods) {
                shortage.worst = Some(lack);
            }
        }
    }
    shortages
}

fn lack<'i>(
    snapshot: &Snapshot,
    limit: Limit,
    impact: &'i Impact,
    strandings: impl Iterator<Item = Stranding<'i>>,
) -> Option<Lack<'i>> {
    let mut lack = Lack { impact, pods: Stranded::default(), nodes: 0, workloads: Vec::new() };
    for stranding in strandings {
        let reasons = stranding.workload.reasons.iter();
        let lacking: Vec<&PendingReason> = reasons.filter(|reason| limit.nodes_without(reason) > 0).collect();
        let id = stranding.workload.workload;
        let is_told = exemption(snapshot, snapshot.workload(id)).is_none() && stranding.unknown(snapshot).is_none();
        if lacking.is_empty() || !is_told {
            continue;
        }
        let pods = lacking.iter().fold(0, |sum: u32, reason| sum.saturating_add(reason.pods));
        lack.pods.surely = lack.pods.surely.saturating_add(pods.min(stranding.pods.surely));
        lack.pods.possibly = lack.pods.possibly.saturating_add(pods.min(stranding.pods.possibly));
        lack.nodes = lacking.iter().map(|reason| limit.nodes_without(reason)).fold(lack.nodes, u32::max);
        lack.workloads.push(id);
    }
    (lack.pods.possibly > 0).then_some(lack)
}

fn report(snapshot: &Snapshot, shortage: &Shortage, remarks: &Remarks, findings: &mut Findings) {
    let Some(lack) = &shortage.worst else {
        return;
    };
    let finding = findings.fail(Snapshot::CLUSTER, message(shortage, lack));
    match shortage.limit {
        Limit::PodSlots => {
            slots(snapshot, lack, finding);
            finding.fix("more nodes, or a higher maxPods of the kubelets where addresses allow it");
        }
        Limit::Attachments => {
            attachments(snapshot, lack, finding);
            finding.fix("more nodes, or machines that attach more volumes");
        }
    }
    finding.leads_to(format!("they wait until the node is back, however much memory is free{}", remarks.helped()));
    remarks.lower(lack.pods, finding);
    let workloads = || lack.workloads.iter().map(|&id| snapshot.workload(id));
    finding.related(workloads().take(SHOWN).map(|workload| workload.object));
    finding.at_risk(blast_radius(snapshot, workloads(), vec![fault(lack.impact)]));
    finding.confirmed_by(lack.impact.disruption.name.clone());
}

fn message(shortage: &Shortage, lack: &Lack) -> String {
    let lost = one_of(lost_name(lack.impact), shortage.losses, "node");
    let surely = lack.pods.surely > 0;
    let (leaves, order) = if surely { ("leaves", "") } else { ("may leave", ", depending on order") };
    let up_to = if shortage.losses > 1 && lack.pods.count(surely) > 1 { "up to " } else { "" };
    let pods = counted(lack.pods.count(surely), "pod");
    let has = if lack.nodes == 1 { "has" } else { "have" };
    let what = match shortage.limit {
        Limit::PodSlots => "no free pod slot",
        Limit::Attachments => "no volume attachment left",
    };
    format!("losing {lost} {leaves} {up_to}{pods} Pending{order}: {} {has} {what}", counted(lack.nodes, "node"))
}

/// `1 pod`, `2 pods`.
fn counted(count: u32, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The nodes with the fewest free slots besides the lost one.
fn slots(snapshot: &Snapshot, lack: &Lack, finding: &mut Finding) {
    let mut used = vec![0_i64; snapshot.nodes.len()];
    for node in snapshot.pods.iter().filter(|pod| !pod.is_finished()).filter_map(|pod| pod.node) {
        used[node.position()] += 1;
    }
    let slots = |id: NodeId| {
        let amounts = snapshot.node(id).allocatable.iter();
        amounts.filter(|amount| snapshot.text(amount.resource) == "pods").map(|amount| amount.value).next()
    };
    let survivors = snapshot.nodes_by_id().map(|(id, _)| id).filter(|id| !lack.impact.disruption.nodes.contains(id));
    let mut nodes: Vec<(i64, NodeId)> =
        survivors.filter_map(|id| Some((slots(id)?.saturating_sub(used[id.position()]), id))).collect();
    nodes.sort_unstable();
    for (_, id) in nodes.into_iter().take(SHOWN) {
        let value = format!("{} ({} used now)", slots(id).unwrap_or(0), used[id.position()]);
        finding.evidence_of(snapshot.node(id).object, "status.allocatable.pods", value);
    }
}

/// The drivers with the lowest limits on the other nodes.
fn attachments(snapshot: &Snapshot, lack: &Lack, finding: &mut Finding) {
    let survives = |node: Option<NodeId>| node.is_none_or(|id| !lack.impact.disruption.nodes.contains(&id));
    let nodes = snapshot.csi_nodes.iter().filter(|csi| survives(csi.node));
    let drivers = nodes.flat_map(|csi| csi.drivers.iter().map(move |driver| (csi, driver)));
    let mut limits: Vec<_> = drivers.filter_map(|(csi, driver)| Some((driver.limit?, csi, driver))).collect();
    limits.sort_by_key(|(limit, ..)| *limit);
    for (limit, csi, driver) in limits.into_iter().take(SHOWN) {
        let path = format!("spec.drivers[{}].allocatable.count", snapshot.text(driver.driver));
        finding.evidence_of(csi.object, path, format!("{limit}"));
    }
}

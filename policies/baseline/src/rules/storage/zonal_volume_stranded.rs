use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::arithmetic::size;
use ha_sdk::arithmetic::eligibility::is_eligible;
use ha_sdk::labels::{NodeSelector, Operator, Requirement};
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{
    ClaimId, NodeId, PersistentVolume, PodSpecId, ResourceKind, Snapshot, VolumeId, Workload, WorkloadId, WorkloadKind,
};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Finding, Findings, Input, Severity, rule};

use crate::shared::claims::shared_claims;
use crate::shared::cluster::{concerns_cluster, names};
use crate::shared::places::list;
use crate::shared::risk::blast_radius;
use crate::shared::selectors::requirement_text;
use crate::shared::separation::HOSTNAME;
use crate::shared::stranded::{Before, Stranding, node_losses};

/// A pod that loses its node needs a second one.
const NEEDED: usize = 2;

/// Most volumes that are named.
const SHOWN: usize = 5;

rule! {
    /// A bound volume can be used on fewer than two nodes that take its pod.
    ///
    /// ## Why it matters
    /// A zonal disk does not leave its zone, and a local one not its node: `spec.nodeAffinity` of the PersistentVolume
    /// says where it is. The pod has to follow. When only one node there is Ready, not cordoned, tolerated and selected
    /// by the pod, its loss leaves the pod Pending, however many nodes the other zones have. Two nodes help against
    /// the loss of one; when the zone itself is down, the data is out of reach whatever the nodes do.
    ///
    /// ## Remediation
    /// Have two nodes of the pod's pool in each zone that holds its volumes: a node pool per zone, with a minimum of
    /// two. Or use storage that is replicated over zones.
    ///
    /// ## Examples
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1, topology.kubernetes.io/zone: a, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1, topology.kubernetes.io/zone: b, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b2, labels: {kubernetes.io/hostname: b2, topology.kubernetes.io/zone: b, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolume
    /// metadata: {name: disk}
    /// spec:
    ///   capacity: {storage: 1Gi}
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   claimRef: {namespace: shop, name: data-db-0}
    ///   csi: {driver: ebs.csi.aws.com, volumeHandle: disk}
    ///   nodeAffinity:  # finding: zonal-volume-stranded
    ///     required:
    ///       nodeSelectorTerms:
    ///       - matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [a]}]
    /// status: {phase: Bound}
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data-db-0, namespace: shop}
    /// spec:
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   volumeName: disk
    ///   resources: {requests: {storage: 1Gi}}
    /// status: {phase: Bound}
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: db, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: db
    ///   replicas: 1
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
    /// ```
    /// The second node of the zone is cordoned:
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1, topology.kubernetes.io/zone: a, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a2, labels: {kubernetes.io/hostname: a2, topology.kubernetes.io/zone: a, topology.kubernetes.io/region: r}}
    /// spec: {unschedulable: true}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1, topology.kubernetes.io/zone: b, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolume
    /// metadata: {name: disk}
    /// spec:
    ///   capacity: {storage: 1Gi}
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   claimRef: {namespace: shop, name: data-db-0}
    ///   csi: {driver: ebs.csi.aws.com, volumeHandle: disk}
    ///   nodeAffinity:  # finding: zonal-volume-stranded
    ///     required:
    ///       nodeSelectorTerms:
    ///       - matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [a]}]
    /// status: {phase: Bound}
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data-db-0, namespace: shop}
    /// spec:
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   volumeName: disk
    ///   resources: {requests: {storage: 1Gi}}
    /// status: {phase: Bound}
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: db, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: db
    ///   replicas: 1
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
    /// ```
    /// A disk of one node:
    /// ```yaml fails
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1, topology.kubernetes.io/zone: a, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a2, labels: {kubernetes.io/hostname: a2, topology.kubernetes.io/zone: a, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolume
    /// metadata: {name: disk}
    /// spec:
    ///   capacity: {storage: 1Gi}
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   claimRef: {namespace: shop, name: data-db-0}
    ///   csi: {driver: ebs.csi.aws.com, volumeHandle: disk}
    ///   nodeAffinity:  # finding: zonal-volume-stranded
    ///     required:
    ///       nodeSelectorTerms:
    ///       - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [a1]}]
    /// status: {phase: Bound}
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data-db-0, namespace: shop}
    /// spec:
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   volumeName: disk
    ///   resources: {requests: {storage: 1Gi}}
    /// status: {phase: Bound}
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: db, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: db
    ///   replicas: 1
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
    /// ```
    /// ```yaml passes
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a1, labels: {kubernetes.io/hostname: a1, topology.kubernetes.io/zone: a, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: a2, labels: {kubernetes.io/hostname: a2, topology.kubernetes.io/zone: a, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1, topology.kubernetes.io/zone: b, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolume
    /// metadata: {name: disk}
    /// spec:
    ///   capacity: {storage: 1Gi}
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   claimRef: {namespace: shop, name: data-db-0}
    ///   csi: {driver: ebs.csi.aws.com, volumeHandle: disk}
    ///   nodeAffinity:
    ///     required:
    ///       nodeSelectorTerms:
    ///       - matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [a]}]
    /// status: {phase: Bound}
    /// ---
    /// apiVersion: v1
    /// kind: PersistentVolumeClaim
    /// metadata: {name: data-db-0, namespace: shop}
    /// spec:
    ///   accessModes: [ReadWriteOnce]
    ///   storageClassName: block
    ///   volumeName: disk
    ///   resources: {requests: {storage: 1Gi}}
    /// status: {phase: Bound}
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: db, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: db
    ///   replicas: 1
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
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/concepts/storage/persistent-volumes/#node-affinity>
    /// - <https://kubernetes.io/docs/setup/best-practices/multiple-zones/#storage-access-for-zones>
    pub static ZONAL_VOLUME_STRANDED: Rule = Rule {
        name: "zonal-volume-stranded",
        area: Area::Storage,
        severity: Severity::High,
        class: Class::CX,
        needs: &[
            ResourceKind::PersistentVolume,
            ResourceKind::PersistentVolumeClaim,
            ResourceKind::Node,
            ResourceKind::Pod,
        ],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    if !concerns_cluster(input, Snapshot::CLUSTER, &[Profile::SingleNode], findings) {
        return;
    }
    let volumes = tied_volumes(snapshot);
    let mut places = Places::new(snapshot);
    let before = Before::of(snapshot);
    let losses: BTreeMap<NodeId, _> =
        node_losses(input.impacts).map(|impact| (impact.disruption.nodes[0], impact)).collect();
    for (id, workload) in snapshot.workloads_by_id() {
        if let Some(reason) = exemption(workload) {
            findings.not_applicable(workload.object, reason);
            continue;
        }
        let of_workload = volumes.range((id, VolumeId::at(0), PodSpecId::at(0))..).take_while(|(of, ..)| *of == id);
        let mut narrow: Vec<Narrow> = Vec::new();
        let mut tied = 0;
        for &(_, volume, spec) in of_workload {
            tied += 1;
            let nodes = places.usable(volume, spec);
            if nodes.len() < NEEDED {
                narrow.push(Narrow { volume, nodes });
            }
        }
        if narrow.is_empty() {
            without_fault(snapshot, workload, tied, findings);
            continue;
        }
        let strands = |narrow: &Narrow| before.stranding_of(losses.get(narrow.nodes.first()?)?, id);
        let stranding = narrow.iter().find_map(strands).filter(|stranding| is_proof(snapshot, stranding));
        report(snapshot, workload, (&narrow, tied), stranding, findings);
    }
}

/// A volume, and the nodes on which its pod may run.
struct Narrow {
    volume: VolumeId,
    nodes: Vec<NodeId>,
}

fn is_proof(snapshot: &Snapshot, stranding: &Stranding) -> bool {
    stranding.pods.surely > 0 && stranding.unknown(snapshot).is_none()
}

fn exemption(workload: &Workload) -> Option<&'static str> {
    match workload.kind {
        WorkloadKind::DaemonSet | WorkloadKind::StaticPod => Some("its pods belong to their nodes"),
        WorkloadKind::Job | WorkloadKind::CronJob => Some("it runs to an end"),
        _ => None,
    }
}

/// The bound volumes with a node affinity that workloads use, each with the specification of the pod that uses it;
/// ordered by workload.
fn tied_volumes(snapshot: &Snapshot) -> BTreeSet<(WorkloadId, VolumeId, PodSpecId)> {
    let tied = |claim: ClaimId| {
        let volume = snapshot.claim(claim).volume?;
        snapshot.volume(volume).node_affinity.as_ref().map(|_| volume)
    };
    let mut volumes = BTreeSet::new();
    for pod in snapshot.pods.iter().filter(|pod| !pod.is_finished()) {
        let claims = pod.claims.of(&snapshot.pod_claims).iter().filter_map(|claim| claim.claim);
        volumes.extend(claims.filter_map(tied).map(|volume| (pod.workload, volume, pod.spec)));
    }
    // Of a workload without pods the template names the claims that all of them share.
    let by_name: BTreeMap<(Text, Text), ClaimId> = snapshot
        .claims
        .iter()
        .enumerate()
        .map(|(position, claim)| ((claim.namespace, claim.name), ClaimId::at(position)))
        .collect();
    for (id, workload) in snapshot.workloads_by_id().filter(|(_, workload)| workload.pods.count == 0) {
        let claims = shared_claims(snapshot, workload).into_iter();
        let claims = claims.filter_map(|name| by_name.get(&(workload.namespace, name)).copied());
        volumes.extend(claims.filter_map(tied).map(|volume| (id, volume, workload.spec)));
    }
    volumes
}

/// Looks up on which nodes a pod with a volume may run.
struct Places<'s> {
    snapshot: &'s Snapshot,
    /// Nodes by label.
    by_label: BTreeMap<(Text, Text), Vec<NodeId>>,
    /// What was found for volumes that name a single label value: most do, and many name the same.
    known: BTreeMap<(PodSpecId, Text, Text), Vec<NodeId>>,
}

impl<'s> Places<'s> {
    fn new(snapshot: &'s Snapshot) -> Self {
        let mut by_label: BTreeMap<(Text, Text), Vec<NodeId>> = BTreeMap::new();
        let keys: BTreeSet<Text> = snapshot.volumes.iter().filter_map(affinity_label).map(|(key, _)| key).collect();
        for (id, node) in snapshot.nodes_by_id() {
            for label in snapshot.labels(node.labels).labels.iter().filter(|label| keys.contains(&label.key)) {
                by_label.entry((label.key, label.value)).or_default().push(id);
            }
        }
        Self { snapshot, by_label, known: BTreeMap::new() }
    }

    /// The first nodes that the volume's node affinity admits and that take the pod: no more than are needed.
    fn usable(&mut self, id: VolumeId, spec: PodSpecId) -> Vec<NodeId> {
        let snapshot = self.snapshot;
        let volume = snapshot.volume(id);
        let Some(affinity) = &volume.node_affinity else {
            return Vec::new();
        };
        let Some((key, value)) = affinity_label(volume) else {
            return first_usable(snapshot, affinity, spec, snapshot.nodes_by_id().map(|(id, _)| id));
        };
        if let Some(known) = self.known.get(&(spec, key, value)) {
            return known.clone();
        }
        let here = self.by_label.get(&(key, value)).into_iter().flatten().copied();
        let found = first_usable(snapshot, affinity, spec, here);
        self.known.insert((spec, key, value), found.clone());
        found
    }
}

fn first_usable(
    snapshot: &Snapshot,
    affinity: &NodeSelector,
    spec: PodSpecId,
    nodes: impl Iterator<Item = NodeId>,
) -> Vec<NodeId> {
    let spec = snapshot.pod_spec(spec);
    let usable = |id: &NodeId| {
        let node = snapshot.node(*id);
        let name = snapshot.object(node.object).name;
        affinity.matches(snapshot.labels(node.labels), name, &snapshot.texts) && is_eligible(snapshot, spec, node)
    };
    nodes.filter(usable).take(NEEDED).collect()
}

/// The one label value that a volume's node affinity asks for; none where it says more.
fn affinity_label(volume: &PersistentVolume) -> Option<(Text, Text)> {
    let [requirement] = only_expressions(volume)? else {
        return None;
    };
    match (requirement.operator, &requirement.values[..]) {
        (Operator::In, [value]) => Some((requirement.key, *value)),
        _ => None,
    }
}

/// The conditions of a node affinity with a single term about labels.
fn only_expressions(volume: &PersistentVolume) -> Option<&[Requirement]> {
    match &volume.node_affinity.as_ref()?.terms[..] {
        [term] if term.fields.is_empty() => Some(&term.expressions),
        _ => None,
    }
}

/// Nothing was found: a pass where all was read.
fn without_fault(snapshot: &Snapshot, workload: &Workload, tied: u32, findings: &mut Findings) {
    let mounts_claims = snapshot.pods_of(workload).any(|pod| pod.claims.count > 0)
        || !shared_claims(snapshot, workload).is_empty()
        || workload.stateful.as_ref().is_some_and(|settings| !settings.claim_templates.is_empty());
    if !mounts_claims {
        return findings.not_applicable(workload.object, "its pods mount no claim");
    }
    let storage = [ResourceKind::PersistentVolume, ResourceKind::PersistentVolumeClaim];
    let missing = snapshot.first_missing(&storage, Text::default());
    match missing.or_else(|| snapshot.first_missing(&[ResourceKind::Pod], workload.namespace)) {
        Some(missing) => drop(findings.unknown(workload.object, missing)),
        None if tied == 0 => findings.not_applicable(workload.object, "none of its volumes is tied to nodes"),
        None => findings.pass(workload.object),
    }
}

fn report(
    snapshot: &Snapshot,
    workload: &Workload,
    (narrow, tied): (&[Narrow], u32),
    stranding: Option<Stranding>,
    findings: &mut Findings,
) {
    let finding = findings.fail(workload.object, message(snapshot, narrow, tied));
    for narrow in narrow.iter().take(SHOWN) {
        let volume = snapshot.volume(narrow.volume);
        finding.evidence_of(volume.object, "spec.nodeAffinity", affinity_text(snapshot, volume));
        finding.related([volume.object]);
        finding.related(narrow.nodes.iter().map(|&node| snapshot.node(node).object));
    }
    explain(snapshot, workload, &narrow[0], finding);
    let faults = match narrow.iter().find_map(|narrow| narrow.nodes.first()) {
        Some(&node) => format!("losing {}", snapshot.name_of(snapshot.node(node))),
        None => "losing its pod".into(),
    };
    finding.at_risk(blast_radius(snapshot, [workload], vec![faults]));
    if let Some(stranding) = stranding {
        finding.confirmed_by(stranding.impact.disruption.name.clone());
    }
}

/// `1 of 3 volumes can be used on 1 node only: node-b1`.
fn message(snapshot: &Snapshot, narrow: &[Narrow], tied: u32) -> String {
    let nowhere = narrow.iter().filter(|narrow| narrow.nodes.is_empty()).count();
    let nodes: BTreeSet<NodeId> = narrow.iter().flat_map(|narrow| narrow.nodes.iter().copied()).collect();
    let nodes: Vec<_> = nodes.into_iter().map(|id| snapshot.node(id)).collect();
    let count = size(narrow.len());
    let volumes = match tied {
        1 => format!("its volume {}", snapshot.name_of(snapshot.volume(narrow[0].volume))),
        _ if count == tied => format!("its {tied} volumes"),
        _ => format!("{count} of its {tied} volumes"),
    };
    let place = match (nodes.len(), nowhere) {
        (0, _) => "no node that takes its pod now".into(),
        (1, 0) => format!("one node only ({})", list(&names(snapshot, &nodes))),
        (_, 0) => format!("one node each ({})", list(&names(snapshot, &nodes))),
        _ => format!("one node each ({}) or none", list(&names(snapshot, &nodes))),
    };
    format!("{volumes} can be used on {place}")
}

/// Says what follows. A disk of one node is one step lower where the workload has other replicas: it does
/// not stop then, but it gets weaker.
fn explain(snapshot: &Snapshot, workload: &Workload, narrow: &Narrow, finding: &mut Finding) {
    let volume = snapshot.volume(narrow.volume);
    let local = is_local(snapshot, volume);
    let place = if local { "that node".into() } else { format!("a node with {}", affinity_text(snapshot, volume)) };
    let data = if local {
        "the data is out of reach as long"
    } else {
        "should that place fail, the data is out of reach whatever the nodes do"
    };
    finding.leads_to(if narrow.nodes.is_empty() {
        format!("a pod that ends now waits for {place}; {data}")
    } else {
        format!("the loss of such a node leaves the pod Pending until {place} is back; {data}")
    });
    finding.fix(if local {
        "storage that more than one node reaches"
    } else {
        "two nodes where the volume is that take its pod, or storage that is replicated over zones"
    });
    if local && workload.replicas.unwrap_or(1) > 1 {
        finding.severity(Severity::Medium);
    }
}

/// Whether the volume is a disk of one node, by the label that its node affinity names.
fn is_local(snapshot: &Snapshot, volume: &PersistentVolume) -> bool {
    affinity_label(volume).is_some_and(|(key, _)| {
        let key = snapshot.text(key);
        key == HOSTNAME || key.ends_with("/hostname") || key.ends_with("/node")
    })
}

/// What the node affinity asks for: `topology.kubernetes.io/zone=eu-1b`.
fn affinity_text(snapshot: &Snapshot, volume: &PersistentVolume) -> String {
    match only_expressions(volume) {
        Some(expressions) if !expressions.is_empty() => {
            let texts: Vec<String> =
                expressions.iter().map(|requirement| requirement_text(snapshot, requirement)).collect();
            texts.join(",")
        }
        _ => "its node affinity".into(),
    }
}

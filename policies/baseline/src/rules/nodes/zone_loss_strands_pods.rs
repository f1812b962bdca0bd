use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::impact::{DisruptionKind, LossMode};
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{ResourceKind, Snapshot, Workload};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::cluster::{not_shown, reads_all_pods};
use crate::shared::separation::ZONE;
use crate::shared::stranded::{
    Before, Remarks, Stranded, Stranding, exemption, lost_name, node_losses, one_of, zone_losses,
};

rule! {
    /// Losing one zone leaves pods without a place.
    ///
    /// ## Why it matters
    /// Spreading over zones keeps a workload alive, but what ran in the lost zone must find room in the others. Every
    /// zone is lost twice here. At first its nodes are still there, unreachable and tainted: a spread constraint with
    /// `nodeTaintsPolicy: Ignore`, the default, counts the zone as one with no pod, and the others may take none. Once
    /// the Node objects are gone the zone does not exist, but neither does its room. Volumes of the zone do not move.
    /// Pods that one node of the zone strands as well belong to `node-loss-strands-pods`.
    ///
    /// ## Remediation
    /// Keep the room of one zone free in the others, and set `nodeTaintsPolicy: Honor` in hard spread constraints over
    /// zones. Where a node autoscaler is seen the finding is one step lower: it may add nodes in the other zones, but
    /// everybody asks the provider for them at that moment.
    ///
    /// ## Examples
    /// While its nodes are still there, tainted, the lost zone counts as one with no pod, so that nobody may take more:
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
    /// kind: Node
    /// metadata: {name: c1, labels: {kubernetes.io/hostname: c1, topology.kubernetes.io/zone: c, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: c2, labels: {kubernetes.io/hostname: c2, topology.kubernetes.io/zone: c, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: web, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: web
    ///   podManagementPolicy: Parallel
    ///   replicas: 6
    ///   selector: {matchLabels: {app: web}}
    ///   template:
    ///     metadata: {labels: {app: web}}
    ///     spec:
    ///       topologySpreadConstraints:  # finding: zone-loss-strands-pods
    ///       - maxSkew: 1
    ///         topologyKey: topology.kubernetes.io/zone
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: {matchLabels: {app: web}}
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
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: topology.kubernetes.io/zone
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: web}}
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
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: topology.kubernetes.io/zone
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: web}}
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
    ///   nodeName: c1
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: topology.kubernetes.io/zone
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: web}}
    ///   containers: [{name: web, image: web}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web-3
    ///   namespace: shop
    ///   labels: {app: web}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: a2
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: topology.kubernetes.io/zone
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: web}}
    ///   containers: [{name: web, image: web}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web-4
    ///   namespace: shop
    ///   labels: {app: web}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: b2
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: topology.kubernetes.io/zone
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: web}}
    ///   containers: [{name: web, image: web}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web-5
    ///   namespace: shop
    ///   labels: {app: web}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: c2
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: topology.kubernetes.io/zone
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: web}}
    ///   containers: [{name: web, image: web}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// The room of one node is free, that of a zone is not:
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
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: web, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: web
    ///   podManagementPolicy: Parallel
    ///   replicas: 3
    ///   selector: {matchLabels: {app: web}}
    ///   template:
    ///     metadata: {labels: {app: web}}
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: web
    ///         resources: {requests: {memory: 3Gi}}  # finding: zone-loss-strands-pods
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
    ///   containers: [{name: web, image: web, resources: {requests: {memory: 3Gi}}}]
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
    ///   nodeName: a2
    ///   containers: [{name: web, image: web, resources: {requests: {memory: 3Gi}}}]
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
    ///   containers: [{name: web, image: web, resources: {requests: {memory: 3Gi}}}]
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
    /// kind: Node
    /// metadata: {name: b2, labels: {kubernetes.io/hostname: b2, topology.kubernetes.io/zone: b, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: c1, labels: {kubernetes.io/hostname: c1, topology.kubernetes.io/zone: c, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: v1
    /// kind: Node
    /// metadata: {name: c2, labels: {kubernetes.io/hostname: c2, topology.kubernetes.io/zone: c, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: web, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: web
    ///   podManagementPolicy: Parallel
    ///   replicas: 6
    ///   selector: {matchLabels: {app: web}}
    ///   template:
    ///     metadata: {labels: {app: web}}
    ///     spec:
    ///       topologySpreadConstraints:
    ///       - maxSkew: 1
    ///         topologyKey: topology.kubernetes.io/zone
    ///         whenUnsatisfiable: DoNotSchedule
    ///         labelSelector: {matchLabels: {app: web}}
    ///         nodeTaintsPolicy: Honor
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
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: topology.kubernetes.io/zone
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: web}}
    ///     nodeTaintsPolicy: Honor
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
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: topology.kubernetes.io/zone
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: web}}
    ///     nodeTaintsPolicy: Honor
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
    ///   nodeName: c1
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: topology.kubernetes.io/zone
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: web}}
    ///     nodeTaintsPolicy: Honor
    ///   containers: [{name: web, image: web}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web-3
    ///   namespace: shop
    ///   labels: {app: web}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: a2
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: topology.kubernetes.io/zone
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: web}}
    ///     nodeTaintsPolicy: Honor
    ///   containers: [{name: web, image: web}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web-4
    ///   namespace: shop
    ///   labels: {app: web}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: b2
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: topology.kubernetes.io/zone
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: web}}
    ///     nodeTaintsPolicy: Honor
    ///   containers: [{name: web, image: web}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web-5
    ///   namespace: shop
    ///   labels: {app: web}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: c2
    ///   topologySpreadConstraints:
    ///   - maxSkew: 1
    ///     topologyKey: topology.kubernetes.io/zone
    ///     whenUnsatisfiable: DoNotSchedule
    ///     labelSelector: {matchLabels: {app: web}}
    ///     nodeTaintsPolicy: Honor
    ///   containers: [{name: web, image: web}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// The loss of one node strands as many: `node-loss-strands-pods` says so.
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
    /// metadata: {name: b1, labels: {kubernetes.io/hostname: b1, topology.kubernetes.io/zone: b, topology.kubernetes.io/region: r}}
    /// status:
    ///   allocatable: {cpu: "4", memory: 4Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: web, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: web
    ///   podManagementPolicy: Parallel
    ///   replicas: 2
    ///   selector: {matchLabels: {app: web}}
    ///   template:
    ///     metadata: {labels: {app: web}}
    ///     spec:
    ///       containers:
    ///       - name: web
    ///         image: web
    ///         resources: {requests: {memory: 3Gi}}
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
    ///   containers: [{name: web, image: web, resources: {requests: {memory: 3Gi}}}]
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
    ///   containers: [{name: web, image: web, resources: {requests: {memory: 3Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    ///
    /// ## References
    /// - <https://kubernetes.io/docs/setup/best-practices/multiple-zones/>
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/>
    pub static ZONE_LOSS_STRANDS_PODS: Rule = Rule {
        name: "zone-loss-strands-pods",
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
    if !reads_all_pods(input, &[Profile::SingleNode, Profile::SingleZone], findings) {
        return;
    }
    if snapshot.nodes.iter().all(|node| node.zone.is_empty()) {
        findings.unknown(Snapshot::CLUSTER, not_shown(&format!("label {ZONE} of the nodes")));
        return;
    }
    if zone_losses(input.impacts).next().is_none() {
        return findings.not_applicable(Snapshot::CLUSTER, "no loss of a zone was simulated");
    }
    let losses = losses(input);
    let remarks = Remarks::of(snapshot);
    for (workload, losses) in snapshot.workloads.iter().zip(&losses) {
        answer(snapshot, workload, losses, &remarks, findings);
    }
}

/// What the loss of one zone does to one workload.
#[derive(Clone, Copy, Default)]
struct ZoneLoss<'i> {
    /// While its nodes are unreachable.
    unreachable: Option<Stranding<'i>>,
    /// Once they are gone.
    removed: Option<Stranding<'i>>,
    /// The most that a single node of the zone strands, in every order and in the worst.
    by_one_node: Stranded,
}

impl<'i> ZoneLoss<'i> {
    /// The mode that strands more; of equals the one that comes first in time.
    fn worse(&self) -> Option<Stranding<'i>> {
        let pods = |stranding: Option<Stranding>| stranding.map(|stranding| stranding.pods);
        if pods(self.removed) > pods(self.unreachable) { self.removed } else { self.unreachable }
    }

    /// The pods that the zone strands, where they are more than one of its nodes strands: this is what is judged.
    fn beyond_one_node(&self) -> Stranded {
        let most = |count: fn(Stranded) -> u32| {
            let modes = [self.unreachable, self.removed].into_iter().flatten();
            modes.map(|stranding| count(stranding.pods)).max().unwrap_or(0)
        };
        let beyond = |zone: u32, node: u32| if zone > node { zone } else { 0 };
        Stranded {
            surely: beyond(most(|pods| pods.surely), self.by_one_node.surely),
            possibly: beyond(most(|pods| pods.possibly), self.by_one_node.possibly),
        }
    }
}

/// The losses of zones that strand pods of one workload, by the zones' order.
#[derive(Clone, Default)]
struct Losses<'i> {
    zones: BTreeMap<usize, ZoneLoss<'i>>,
    /// One of which the simulation cannot tell how it comes out.
    unknown: Option<Stranding<'i>>,
}

/// What zones do to each workload, in one pass over the impacts of zones and one over those of nodes.
fn losses<'i>(input: &Input<'i>) -> Vec<Losses<'i>> {
    let snapshot = input.snapshot;
    let before = Before::of(snapshot);
    let mut losses = vec![Losses::default(); snapshot.workloads.len()];
    let mut places: BTreeMap<Text, usize> = BTreeMap::new();
    let zone_of = |stranding: &Stranding| snapshot.node(stranding.impact.disruption.nodes[0]).zone;
    for stranding in zone_losses(input.impacts).flat_map(|impact| before.strandings(impact)) {
        let next = places.len();
        let place = *places.entry(zone_of(&stranding)).or_insert(next);
        let of_workload = &mut losses[stranding.workload.workload.position()];
        if stranding.unknown(snapshot).is_some() {
            of_workload.unknown.get_or_insert(stranding);
            continue;
        }
        let zone = of_workload.zones.entry(place).or_default();
        match stranding.impact.disruption.kind {
            DisruptionKind::Loss(LossMode::Removed) => zone.removed = Some(stranding),
            _ => zone.unreachable = Some(stranding),
        }
    }
    for stranding in node_losses(input.impacts).flat_map(|impact| before.strandings(impact)) {
        let of_workload = &mut losses[stranding.workload.workload.position()];
        let place = places.get(&zone_of(&stranding));
        if let Some(zone) = place.and_then(|place| of_workload.zones.get_mut(place)) {
            zone.by_one_node.surely = zone.by_one_node.surely.max(stranding.pods.surely);
            zone.by_one_node.possibly = zone.by_one_node.possibly.max(stranding.pods.possibly);
        }
    }
    losses
}

fn answer(snapshot: &Snapshot, workload: &Workload, losses: &Losses, remarks: &Remarks, findings: &mut Findings) {
    if let Some(reason) = exemption(snapshot, workload) {
        return findings.not_applicable(workload.object, reason);
    }
    let judged = |zone: &&ZoneLoss| zone.beyond_one_node() > Stranded::default();
    let (mut worst, mut zones): (Option<&ZoneLoss>, _) = (None, 0);
    for zone in losses.zones.values().filter(judged) {
        zones += 1;
        if worst.is_none_or(|worst| zone.beyond_one_node() > worst.beyond_one_node()) {
            worst = Some(zone);
        }
    }
    if let Some(zone) = worst {
        fail(snapshot, workload, (zone, zones), remarks, findings);
    } else if let Some(missing) = losses.unknown.and_then(|stranding| stranding.unknown(snapshot)) {
        findings.unknown(workload.object, missing);
    } else if runs_outside_zones(snapshot, workload) {
        findings.unknown(workload.object, not_shown(&format!("label {ZONE} of the nodes of its pods")));
    } else if losses.zones.is_empty() {
        findings.pass(workload.object);
    } else {
        findings.not_applicable(workload.object, "the loss of one node strands as many of its pods");
    }
}

/// Whether a pod of the workload is on a node of which the zone is not known, so that no simulated loss takes it.
fn runs_outside_zones(snapshot: &Snapshot, workload: &Workload) -> bool {
    let mut pods = snapshot.pods_of(workload).filter(|pod| !pod.is_finished());
    pods.any(|pod| pod.node.is_some_and(|node| snapshot.node(node).zone.is_empty()))
}

/// The worst zone, and how many there are.
fn fail(
    snapshot: &Snapshot,
    workload: &Workload,
    (zone, zones): (&ZoneLoss, u32),
    remarks: &Remarks,
    findings: &mut Findings,
) {
    let Some(worse) = zone.worse() else {
        return;
    };
    // The order of pods decides where only the worst order strands more than one node does.
    let surely = zone.beyond_one_node().surely > 0;
    let finding = findings.fail(workload.object, message((zone, zones), &worse, surely));
    let until = match (zone.removed, zone.unreachable) {
        (None, _) => "the zone is back or its Node objects are deleted",
        _ => "the zone is back",
    };
    remarks.explain(snapshot, &worse, until, finding);
    if !surely {
        finding.severity(Severity::Medium);
    }
}

fn message((zone, zones): (&ZoneLoss, u32), worse: &Stranding, surely: bool) -> String {
    let (leaves, order) = if surely { ("leaves", "") } else { ("may leave", ", depending on order") };
    let lost = one_of(lost_name(worse.impact), zones, "zone");
    let up_to = if zones > 1 && worse.pods.count(surely) > 1 { "up to " } else { "" };
    let what = format!("losing zone {lost} {leaves} {up_to}{}", worse.words(surely));
    let when = match (zone.unreachable, zone.removed) {
        (Some(unreachable), Some(removed)) if unreachable.pods == removed.pods => {
            ", while its nodes are unreachable and once they are gone".into()
        }
        (Some(unreachable), Some(removed)) if unreachable.pods > removed.pods => {
            format!(" while its nodes are unreachable, {} once they are gone", fewer(removed.pods, surely))
        }
        (Some(unreachable), Some(_)) => {
            format!(" once its nodes are gone, {} while they are unreachable", fewer(unreachable.pods, surely))
        }
        (Some(_), None) => " while its nodes are unreachable, none once they are gone".into(),
        (None, _) => " once its nodes are gone, none while they are unreachable".into(),
    };
    format!("{what}{when}{order}")
}

/// How many pods the milder mode strands.
fn fewer(pods: Stranded, surely: bool) -> String {
    match pods.count(surely) {
        0 => format!("{} in some orders", pods.possibly),
        count => format!("{count}"),
    }
}

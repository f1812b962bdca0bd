//! What may be done about pods that find no place, read off the scheduler's own reasons.
//!
//! A remedy is a proposal in words. Whether it helps is for the simulation to try.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::impact::{Disruption, WorkloadImpact};
use crate::snapshot::{Snapshot, Workload, WorkloadKind};

/// The filters of the default profile in the order in which the scheduler asks them.
const FILTERS: &[&str] = &[
    "NodeUnschedulable",
    "NodeName",
    "TaintToleration",
    "NodeAffinity",
    "NodePorts",
    "NodeResourcesFit",
    "VolumeRestrictions",
    "NodeVolumeLimits",
    "VolumeBinding",
    "VolumeZone",
    "PodTopologySpread",
    "InterPodAffinity",
];

/// The scheduler plugins that refuse nodes to pods of the workload, and how many; the one that comes last in a scheduling
/// cycle first, since nothing else keeps the pods off its nodes.
pub fn refusals(impact: &WorkloadImpact) -> Vec<(&str, u32)> {
    let mut refusals: Vec<(&str, u32)> = Vec::new();
    for refused in impact.reasons.iter().flat_map(|reason| &reason.plugins) {
        match refusals.iter_mut().find(|(plugin, _)| *plugin == refused.plugin) {
            Some((_, nodes)) => *nodes = refused.nodes.max(*nodes),
            None => refusals.push((&refused.plugin, refused.nodes)),
        }
    }
    let place = |plugin: &str| FILTERS.iter().position(|filter| *filter == plugin);
    refusals.sort_by(|(a, _), (b, _)| place(b).cmp(&place(a)).then(a.cmp(b)));
    refusals
}

/// Whether some node lacks what the pods request, not only pod slots.
pub fn lacks_resources(impact: &WorkloadImpact) -> bool {
    impact.reasons.iter().any(|reason| reason.message.contains("Insufficient "))
}

/// What helps a workload after a disruption: where the last plugin refuses, or where nothing creates a pod anew.
pub fn remedy(snapshot: &Snapshot, disruption: &Disruption, impact: &WorkloadImpact) -> Option<String> {
    let domain = if disruption.is_of_zone() { "zone" } else { "node" };
    let workload = snapshot.workload(impact.workload);
    let refusals = refusals(impact);
    let Some((plugin, _)) = refusals.first() else {
        let is_gone = workload.kind == WorkloadKind::BarePod && impact.worst.scheduled < impact.before;
        return is_gone.then(|| "a controller, such as a Deployment: nothing creates this pod anew".into());
    };
    let change = match *plugin {
        "NodeResourcesFit" if !lacks_resources(impact) => "add nodes: the others have no pod slot left".into(),
        "NodeResourcesFit" => format!(
            "keep the room of one {domain} free: add nodes (kubectl ha simulate --headroom {domain} tells how many), or \
             lower requests"
        ),
        "PodTopologySpread" if counts_lost_nodes(snapshot, workload) => {
            "nodeTaintsPolicy: Honor in its spread constraints, or nodes in one domain more".into()
        }
        "PodTopologySpread" => "a larger maxSkew, or nodes in one domain more".into(),
        "InterPodAffinity" => "add a node that its affinity admits, or make the rule preferred".into(),
        "NodeAffinity" | "NodeName" => "label or add another node that its node selection admits".into(),
        "NodePorts" => "leave out hostPort, or add a node".into(),
        "VolumeBinding" | "VolumeZone" if disruption.is_of_zone() => "storage that is replicated over zones".into(),
        "VolumeBinding" | "VolumeZone" => "a second node where its volumes are, or storage that all nodes reach".into(),
        "NodeVolumeLimits" => "add a node: the others can attach no further volume".into(),
        _ => "add a node that takes its pods".into(),
    };
    Some(change)
}

/// Whether a hard spread constraint of the workload counts nodes that are tainted as unreachable.
pub fn counts_lost_nodes(snapshot: &Snapshot, workload: &Workload) -> bool {
    snapshot.spec_of(workload).spread_constraints.iter().any(|spread| spread.hard && !spread.honors_node_taints)
}

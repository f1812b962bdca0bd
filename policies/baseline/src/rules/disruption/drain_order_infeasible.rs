use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ha_sdk::arithmetic::size;
use ha_sdk::arithmetic::budget::{At, BudgetState, steady_state};
use ha_sdk::impact::{DisruptionKind, Impact, RefusedEviction};
use ha_sdk::settings::Profile;
use ha_sdk::snapshot::{Budget, BudgetId, NodeId, ResourceKind, Snapshot, WorkloadKind};
use ha_sdk::text::Text;
use ha_sdk::{Area, Class, Findings, Input, Severity, rule};

use crate::shared::budgets::{allowed_now, deciding_field, unread_budgets};
use crate::shared::cluster::{not_shown, reads_all_pods};
use crate::shared::places::list;
use crate::shared::risk::blast_radius;
use crate::shared::stranded::{Before, Remarks, Stranding, drains, fault, lost_name, one_of, remedy};

/// Most pods and nodes that are named.
const SHOWN: usize = 5;

rule! {
    /// The drain of a node never ends, since evicted pods find no other place and their budget keeps the rest.
    ///
    /// ## Why it matters
    /// A budget that allows one eviction lets the first pod go. When its replacement stays Pending, the budget allows
    /// none any more, and the drain waits: upgrades hang half-way, with one replica less. Neither the budget nor the
    /// capacity shows it alone. The drain of every single node is simulated, with the eviction API's own arithmetic.
    /// Where one never ends, so is an upgrade of all nodes, one after another, which comes back to those that it could
    /// not drain: when it gets them done the finding is medium, and gives the order. Budgets that allow no eviction to
    /// begin with are told by `budget-blocks-drain`, `budget-exhausted-now` and `budgets-overlap`.
    ///
    /// ## Remediation
    /// Make room for the replacement before the drain: add a node, or loosen what keeps the pods off the others. A
    /// looser budget lets the drain end with fewer replicas.
    ///
    /// ## Examples
    /// The replacement of the first pod finds no room, and the budget keeps the second:
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
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: db, namespace: shop}
    /// spec:
    ///   maxUnavailable: 1  # finding: drain-order-infeasible
    ///   selector: {matchLabels: {app: db}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: db, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: db
    ///   podManagementPolicy: Parallel
    ///   replicas: 3
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
    ///   nodeName: a1
    ///   containers: [{name: db, image: db, resources: {requests: {memory: 3Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: db-2
    ///   namespace: shop
    ///   labels: {app: db}
    ///   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u1, controller: true}]
    /// spec:
    ///   nodeName: b1
    ///   containers: [{name: db, image: db, resources: {requests: {memory: 3Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ```
    /// The same with room elsewhere takes two rounds, and ends:
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
    ///   allocatable: {cpu: "4", memory: 16Gi, pods: "110"}
    ///   conditions: [{type: Ready, status: "True"}]
    /// ---
    /// apiVersion: policy/v1
    /// kind: PodDisruptionBudget
    /// metadata: {name: db, namespace: shop}
    /// spec:
    ///   maxUnavailable: 1
    ///   selector: {matchLabels: {app: db}}
    /// ---
    /// apiVersion: apps/v1
    /// kind: StatefulSet
    /// metadata: {name: db, namespace: shop, uid: u1}
    /// spec:
    ///   serviceName: db
    ///   podManagementPolicy: Parallel
    ///   replicas: 3
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
    ///   nodeName: a1
    ///   containers: [{name: db, image: db, resources: {requests: {memory: 3Gi}}}]
    /// status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: db-2
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
    /// - <https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/>
    /// - <https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/>
    pub static DRAIN_ORDER_INFEASIBLE: Rule = Rule {
        name: "drain-order-infeasible",
        area: Area::Disruption,
        severity: Severity::High,
        class: Class::X,
        needs: &[ResourceKind::Node, ResourceKind::Pod, ResourceKind::PodDisruptionBudget],
        since: "0.1.0",
        check,
    };
}

fn check(input: &Input, findings: &mut Findings) {
    let snapshot = input.snapshot;
    if !reads_all_pods(input, &[Profile::SingleNode], findings) {
        return;
    }
    if drains(input.impacts).next().is_none() {
        return findings.not_applicable(Snapshot::CLUSTER, "no drain was simulated");
    }
    // Budgets that were read are judged even where others were not.
    if let Some(missing) = unread_budgets(snapshot, Text::default()) {
        findings.unknown(Snapshot::CLUSTER, missing);
    }
    let stuck = stuck_drains(input);
    let remarks = Remarks::of(snapshot);
    for (budget, stuck) in snapshot.budgets.iter().zip(&stuck) {
        match (told_elsewhere(snapshot, budget), stuck) {
            (Some(reason), _) => findings.not_applicable(budget.object, reason),
            (None, None) => findings.pass(budget.object),
            (None, Some(stuck)) => answer(input, budget, stuck, &remarks, findings),
        }
    }
}

/// Why a drain that waits for this budget says nothing new: it allows no eviction whatever is drained.
fn told_elsewhere(snapshot: &Snapshot, budget: &Budget) -> Option<&'static str> {
    match steady_state(snapshot, budget, At::Floor) {
        BudgetState::Empty => return Some("it matches no pod"),
        BudgetState::Undefined | BudgetState::Unscalable(_) => return Some("budget-blocks-drain is about it"),
        BudgetState::Counted(allowance) if allowance.allowed() == 0 => return Some("budget-blocks-drain is about it"),
        _ => {}
    }
    (allowed_now(snapshot, budget) == Some(0)).then_some("it allows no eviction now: budget-exhausted-now")
}

/// The drains that end with evictions which one budget refuses.
struct Stuck<'i> {
    /// That with most refusals; of several the first.
    worst: StuckDrain<'i>,
    /// The nodes that are drained.
    nodes: Vec<NodeId>,
}

#[derive(Clone)]
struct StuckDrain<'i> {
    impact: &'i Impact,
    refused: Vec<&'i RefusedEviction>,
    /// The budget's workload that ends with most pods Pending.
    stranding: Option<Stranding<'i>>,
}

/// The drains that end with refused evictions, per budget, in one pass over the impacts. Pods that more than one budget
/// matches are left out: no drain evicts them.
fn stuck_drains<'i>(input: &Input<'i>) -> Vec<Option<Stuck<'i>>> {
    let snapshot = input.snapshot;
    let before = Before::of(snapshot);
    let mut stuck: Vec<Option<Stuck>> = Vec::new();
    stuck.resize_with(snapshot.budgets.len(), || None);
    for impact in drains(input.impacts) {
        let mut refused: BTreeMap<BudgetId, Vec<&RefusedEviction>> = BTreeMap::new();
        for eviction in &impact.refused_evictions {
            if let [budget] = eviction.budgets[..] {
                refused.entry(budget).or_default().push(eviction);
            }
        }
        for (id, refused) in refused {
            let workloads = &snapshot.budget(id).workloads;
            let mut stranding: Option<Stranding> = None;
            for found in workloads.iter().filter_map(|&workload| before.stranding_of(impact, workload)) {
                if stranding.is_none_or(|worst| found.pods > worst.pods) {
                    stranding = Some(found);
                }
            }
            let drain = StuckDrain { impact, refused, stranding };
            match &mut stuck[id.position()] {
                Some(known) => {
                    known.nodes.extend(&impact.disruption.nodes);
                    if drain.refused.len() > known.worst.refused.len() {
                        known.worst = drain;
                    }
                }
                none => *none = Some(Stuck { nodes: impact.disruption.nodes.clone(), worst: drain }),
            }
        }
    }
    stuck
}

/// The nodes to drain before the worst drain, in their order, so that it ends, as do all others; none where an upgrade
/// does not get them done.
fn drained_first<'i>(impacts: &'i [Impact], stuck: &Stuck) -> Option<&'i [NodeId]> {
    let upgrade = impacts.iter().find(|impact| impact.disruption.kind == DisruptionKind::Upgrade)?;
    let done = &upgrade.disruption.nodes;
    let worst = stuck.worst.impact.disruption.nodes.first()?;
    let first = &done[..done.iter().position(|node| node == worst)?];
    (!first.is_empty() && stuck.nodes.iter().all(|node| done.contains(node))).then_some(first)
}

fn answer(input: &Input, budget: &Budget, stuck: &Stuck, remarks: &Remarks, findings: &mut Findings) {
    let snapshot = input.snapshot;
    let has_bare_pod = budget.workloads.iter().any(|&id| snapshot.workload(id).kind == WorkloadKind::BarePod);
    let missing = match &stuck.worst.stranding {
        Some(stranding) => stranding.unknown(snapshot),
        None => (!has_bare_pod).then(|| not_shown("why the budget goes on refusing")),
    };
    if let Some(missing) = missing {
        findings.unknown(budget.object, missing);
        return;
    }
    let drain = &stuck.worst;
    let first = drained_first(input.impacts, stuck);
    let finding = findings.fail(budget.object, message(snapshot, budget, stuck, first.is_some()));
    let (path, value) = deciding_field(budget);
    finding.evidence(path, value);
    for eviction in drain.refused.iter().take(SHOWN) {
        let pod = snapshot.pod(eviction.pod);
        finding.evidence_of(pod.object, "spec.nodeName", snapshot.text(pod.node_name)).related([pod.object]);
    }
    let workloads = || budget.workloads.iter().map(|&id| snapshot.workload(id));
    finding.related(workloads().map(|workload| workload.object));
    finding.related(drain.impact.disruption.nodes.iter().map(|&node| snapshot.node(node).object));
    finding.at_risk(blast_radius(snapshot, workloads(), vec![fault(drain.impact)]));
    finding.confirmed_by(drain.impact.disruption.name.clone());
    let node_name = |node: &NodeId| snapshot.name_of(snapshot.node(*node));
    let order = first.map(|nodes| list(&nodes.iter().map(node_name).collect::<Vec<_>>()));
    let stops = match &order {
        Some(_) => "an upgrade that does not come back to it later stops there",
        None => "an upgrade stops there",
    };
    let (why, mut fix) = match &drain.stranding {
        Some(stranding) => {
            remarks.lower(stranding.pods, finding);
            let words = stranding.scheduler_words().map(|words| format!(": {words}")).unwrap_or_default();
            (format!("{words}{}", remarks.helped()), remedy(snapshot, stranding))
        }
        None => (String::new(), "give its pods a controller that replaces them".into()),
    };
    finding.leads_to(format!("{stops}, with a replica less{why}"));
    if let Some(order) = order {
        finding.severity(Severity::Medium);
        fix = format!("drain {order} first, in this order; or {fix}");
    }
    finding.fix(fix);
}

fn message(snapshot: &Snapshot, budget: &Budget, stuck: &Stuck, ends_later: bool) -> String {
    let drain = &stuck.worst;
    let is_here = |id: &&ha_sdk::snapshot::PodId| {
        let pod = snapshot.pod(**id);
        let drained = pod.node.is_some_and(|node| drain.impact.disruption.nodes.contains(&node));
        let kind = snapshot.workload(pod.workload).kind;
        drained && !pod.is_finished() && !matches!(kind, WorkloadKind::DaemonSet | WorkloadKind::StaticPod)
    };
    let refused = size(drain.refused.len());
    let pods = size(budget.pods.iter().filter(is_here).count()).max(refused);
    let lost = one_of(lost_name(drain.impact), size(stuck.nodes.len()), "node");
    let (never, cause) = match &drain.stranding {
        Some(stranding) if stranding.pods.surely > 0 => {
            ("never ends", format!("{} Pending", replacements(stranding.pods.surely)))
        }
        Some(stranding) => {
            ("may never end", format!("{} Pending, depending on order", replacements(stranding.pods.possibly)))
        }
        None => ("never ends", "nothing replaces what was evicted".into()),
    };
    let never = if ends_later { "ends only after that of other nodes" } else { never };
    format!("the drain of {lost} {never}: {refused} of {pods} evictions refused, {cause}")
}

fn replacements(count: u32) -> String {
    if count == 1 { "1 replacement".into() } else { format!("{count} replacements") }
}

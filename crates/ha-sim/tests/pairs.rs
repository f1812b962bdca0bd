//! Every pair of nodes: what is told by reasoning must be what trying each pair shows.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use common::{machine, small, snapshot, web};
use ha_core::impact::{Disruption, DisruptionKind, Impact, InstantVerdict, LossMode, PodCounts};
use ha_core::snapshot::{NodeId, WorkloadId};
use ha_core::{Settings, Snapshot};
use ha_sim::pairs::{End, Pair, Pairs, Subject, pairs, reasoned};
use ha_sim::simulate::{Options, simulate};
use ha_sim::{Model, State, outcome};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

const HOSTNAME: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";
const MODES: [LossMode; 2] = [LossMode::Unreachable, LossMode::Removed];

fn options(settings: &Settings) -> Options<'_> {
    Options { settings, tries: 1, least: 1, seed: 0, show_all: true }
}

fn told(snapshot: &Snapshot, mode: LossMode) -> Pairs {
    let settings = Settings::default();
    pairs(&Model::new(snapshot), mode, &options(&settings), &AtomicBool::new(false))
}

fn all_pairs(snapshot: &Snapshot) -> Vec<Pair> {
    let nodes = || (0..snapshot.nodes.len()).map(NodeId::at);
    nodes().flat_map(|first| nodes().filter(move |&second| first < second).map(move |second| (first, second))).collect()
}

fn loss(nodes: &[NodeId], mode: LossMode) -> Disruption {
    Disruption { name: String::new(), kind: DisruptionKind::Loss(mode), nodes: nodes.to_vec() }
}

/// A node.
#[derive(Clone, Debug)]
struct Node {
    zone: usize,
    milli: u32,
    slots: u32,
    ssd: bool,
    tainted: bool,
}

/// A workload and where its pods are.
#[derive(Clone, Debug)]
struct Workload {
    kind: &'static str,
    milli: u32,
    priority: i32,
    rule: &'static str,
    tolerates: bool,
    /// A node for each pod, none for one that waits, and whether it is ready.
    pods: Vec<(Option<Index>, bool)>,
}

/// Rules of the scheduler.
const RULES: &[&str] = &[
    "none",
    "none",
    "spread zone",
    "spread host",
    "spread both",
    "honor zone",
    "repel host",
    "repel zone",
    "attract zone",
    "attract host",
    "ssd",
    "port",
];

type Cluster = (Vec<Node>, Vec<Workload>);

/// What clusters are made of.
#[derive(Clone, Debug)]
struct Kit {
    nodes: std::ops::Range<usize>,
    /// Of nodes and of pods, in millicores.
    sizes: [&'static [u32]; 2],
    /// How many pods a node may hold.
    slots: &'static [u32],
    rules: &'static [&'static str],
    /// How likely a pod has a node.
    placed: f64,
    /// How many pods a workload has.
    pods: std::ops::Range<usize>,
    /// How likely a node has a taint.
    tainted: f64,
}

/// Much more room than pods need.
fn roomy() -> Kit {
    let sizes: [&[u32]; 2] = [&[16_000], &[100, 500]];
    Kit { nodes: 9..14, sizes, slots: &[20], rules: RULES, placed: 0.97, pods: 1..6, tainted: 0.1 }
}

/// Hardly room for what is lost.
fn short() -> Kit {
    Kit { nodes: 3..9, sizes: [&[1_000, 2_000], &[100, 500, 900, 1_500]], ..roomy() }
}

/// Nothing but room decides, and pods wait for it.
fn crowded() -> Kit {
    let sizes: [&[u32]; 2] = [&[1_000], &[10, 10, 300, 500, 600]];
    Kit { nodes: 6..10, sizes, slots: &[2, 20], rules: &["none"], placed: 0.9, ..roomy() }
}

/// Nothing but other pods of the same kind decides, and pods wait.
fn contended() -> Kit {
    const RULES: &[&str] = &["port", "spread host", "spread both", "repel host"];
    Kit { nodes: 5..10, rules: RULES, placed: 0.9, pods: 1..13, tainted: 0.25, ..roomy() }
}

fn any_cluster(kit: Kit) -> impl Strategy<Value = Cluster> {
    const KINDS: &[&str] = &["ReplicaSet", "ReplicaSet", "ReplicaSet", "StatefulSet", "Parallel", "DaemonSet", "Pod"];
    let node = (0_usize..3, select(kit.sizes[0]), select(kit.slots), any::<bool>(), prop::bool::weighted(kit.tainted))
        .prop_map(|(zone, milli, slots, ssd, tainted)| Node { zone, milli, slots, ssd, tainted });
    let pods = prop::collection::vec(
        (prop::option::weighted(kit.placed, any::<Index>()), prop::bool::weighted(0.95)),
        kit.pods,
    );
    let tolerates = prop::bool::weighted(0.1);
    let workload =
        (select(KINDS), select(kit.sizes[1]), select(&[0, 0, 0, 100][..]), select(kit.rules), tolerates, pods)
            .prop_map(|(kind, milli, priority, rule, tolerates, pods)| Workload {
                kind,
                milli,
                priority,
                rule,
                tolerates,
                pods,
            });
    (prop::collection::vec(node, kit.nodes), prop::collection::vec(workload, 1..5))
}

fn node_object(number: usize, node: &Node) -> Value {
    let name = format!("node-{number:02}");
    let mut labels = json!({HOSTNAME: name, ZONE: format!("zone-{}", node.zone)});
    if node.ssd {
        labels["disk"] = "ssd".into();
    }
    let taints = if node.tainted { json!([{"key": "gpu", "effect": "NoSchedule"}]) } else { json!([]) };
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": {"taints": taints},
        "status": {"allocatable": {"cpu": format!("{}m", node.milli), "memory": "64Gi",
            "pods": node.slots.to_string()},
            "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn spec(workload: &Workload, app: &str) -> Value {
    let selector = json!({"matchLabels": {"app": app}});
    let requests = json!({"cpu": format!("{}m", workload.milli), "memory": "64Mi"});
    let mut container = json!({"name": "app", "resources": {"requests": requests}});
    if workload.rule == "port" {
        container["ports"] = json!([{"containerPort": 80, "hostPort": 8080, "protocol": "TCP"}]);
    }
    let mut spec = json!({"containers": [container], "priority": workload.priority});
    let key = if workload.rule.ends_with("zone") { ZONE } else { HOSTNAME };
    let term = json!([{"topologyKey": key, "labelSelector": selector}]);
    let constraint = |key: &str, taints: &str| {
        json!({"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector,
            "nodeTaintsPolicy": taints})
    };
    match workload.rule.split(' ').next() {
        Some("spread") if workload.rule.ends_with("both") => {
            spec["topologySpreadConstraints"] = json!([constraint(ZONE, "Ignore"), constraint(HOSTNAME, "Ignore")]);
        }
        Some("spread") => spec["topologySpreadConstraints"] = json!([constraint(key, "Ignore")]),
        Some("honor") => spec["topologySpreadConstraints"] = json!([constraint(key, "Honor")]),
        Some("repel") => spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = term,
        Some("attract") => spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = term,
        Some("ssd") => spec["nodeSelector"] = json!({"disk": "ssd"}),
        _ => {}
    }
    if workload.tolerates {
        spec["tolerations"] = json!([{"operator": "Exists"}]);
    }
    spec
}

/// What a DaemonSet's controller adds to a pod.
fn made_for(mut spec: Value, node: &str) -> Value {
    let term = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]});
    let required = json!({"nodeSelectorTerms": [term]});
    spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = required;
    spec["tolerations"] = json!([{"operator": "Exists"}]);
    spec
}

fn workload_objects(number: usize, workload: &Workload, nodes: usize) -> Vec<Value> {
    let app = format!("app-{number}");
    let (labels, uid, template) = (json!({"app": app}), format!("uid-{number}"), spec(workload, &app));
    let kind = if workload.kind == "Parallel" { "StatefulSet" } else { workload.kind };
    let mut object = json!({"apiVersion": "apps/v1", "kind": kind,
        "metadata": {"namespace": "shop", "name": app, "uid": uid},
        "spec": {"replicas": workload.pods.len(), "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": template}}});
    if workload.kind == "Parallel" {
        object["spec"]["podManagementPolicy"] = "Parallel".into();
    }
    let owner = json!([{"apiVersion": "apps/v1", "kind": kind, "name": app, "uid": uid, "controller": true}]);
    let mut objects = if kind == "Pod" { Vec::new() } else { vec![object] };
    let mut taken = BTreeSet::new();
    for (ordinal, (node, ready)) in workload.pods.iter().enumerate() {
        let place = node.map(|node| format!("node-{:02}", node.index(nodes)));
        // A DaemonSet has one pod on a node, and none that waits for nothing.
        if kind == "DaemonSet" && !place.as_ref().is_some_and(|place| taken.insert(place.clone())) {
            continue;
        }
        let mut spec = template.clone();
        if let (true, Some(place)) = (kind == "DaemonSet", &place) {
            spec = made_for(spec, place);
        }
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "status": {"phase": "Pending"},
            "metadata": {"namespace": "shop", "name": format!("{app}-{ordinal}"), "labels": labels}});
        if kind != "Pod" {
            pod["metadata"]["ownerReferences"] = owner.clone();
        }
        if let Some(place) = place {
            spec["nodeName"] = place.into();
            let is_ready = if *ready { "True" } else { "False" };
            pod["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": is_ready}]});
        }
        pod["spec"] = spec;
        objects.push(pod);
    }
    objects
}

fn built((nodes, workloads): &Cluster) -> Snapshot {
    let mut objects: Vec<Value> = nodes.iter().enumerate().map(|(number, node)| node_object(number, node)).collect();
    for (number, workload) in workloads.iter().enumerate() {
        objects.extend(workload_objects(number, workload, nodes.len()));
    }
    snapshot(&objects)
}

fn missing(counts: &PodCounts) -> u32 {
    counts.pending + counts.not_created
}

/// Every pair is tried in many orders.
fn ends_are_those_of_every_run(cluster: &Cluster) -> Result<(), TestCaseError> {
    let snapshot = built(cluster);
    let model = Model::new(&snapshot);
    let mut state = State::new(&model);
    let settings = Settings::default();
    let now =
        simulate(&mut state, &Disruption { nodes: Vec::new(), ..loss(&[], LossMode::Removed) }, &options(&settings));
    let desired: BTreeMap<WorkloadId, u32> = now.workloads.iter().map(|told| (told.workload, told.desired)).collect();
    for mode in MODES {
        let end = reasoned(&model, mode);
        // Of the worst pairs what simulating them by themselves came to.
        let worst: BTreeMap<Pair, End> =
            told(&snapshot, mode).worst.iter().map(|pair| (pair.nodes, pair.end)).collect();
        for pair in all_pairs(&snapshot) {
            let told = worst.get(&pair).copied().unwrap_or_else(|| end(pair));
            for seed in 0..12 {
                let run = outcome::run(&mut state, &loss(&[pair.0, pair.1], mode), seed, true);
                let lacks =
                    |(id, counts): (&WorkloadId, &PodCounts)| missing(counts) > before(&snapshot, *id, &desired);
                let lacking = run.counts.iter().any(lacks);
                let place = format!("{pair:?} {mode:?} seed {seed} by reasoning {:?}", end(pair));
                match told {
                    End::Holds => prop_assert!(!lacking && run.preempted.is_empty(), "{place}: lacks"),
                    End::Breaks => prop_assert!(lacking, "{place}: lacks nothing"),
                    End::Open => {}
                }
            }
        }
    }
    Ok(())
}

/// Pods without a place before anything is lost.
fn before(snapshot: &Snapshot, id: WorkloadId, desired: &BTreeMap<WorkloadId, u32>) -> u32 {
    let pods = || snapshot.pods_of(snapshot.workload(id));
    let waiting = pods().filter(|pod| pod.node.is_none()).count();
    let there = pods().count();
    u32::try_from(waiting).unwrap() + desired[&id].saturating_sub(u32::try_from(there).unwrap())
}

/// What each pair breaks at once: `(workload, how it stands)`.
fn broken(impact: &Impact, now: &BTreeMap<WorkloadId, InstantVerdict>) -> BTreeMap<WorkloadId, InstantVerdict> {
    let worse = impact.workloads.iter().filter(|told| told.instant > now[&told.workload]);
    worse.map(|told| (told.workload, told.instant)).collect()
}

fn instants_are_those_of_trying(cluster: &Cluster) -> Result<(), TestCaseError> {
    let snapshot = built(cluster);
    let model = Model::new(&snapshot);
    let mut state = State::new(&model);
    let settings = Settings::default();
    let mut lose = |nodes: &[NodeId]| simulate(&mut state, &loss(nodes, LossMode::Removed), &options(&settings));
    let now: BTreeMap<_, _> = lose(&[]).workloads.iter().map(|told| (told.workload, told.instant)).collect();
    let alone: Vec<BTreeMap<_, _>> =
        (0..snapshot.nodes.len()).map(|node| broken(&lose(&[NodeId::at(node)]), &now)).collect();
    let mut expected: BTreeMap<WorkloadId, (BTreeSet<NodeId>, BTreeSet<Pair>)> = BTreeMap::new();
    let mut damage: Vec<(u32, u32)> = Vec::new();
    for pair in all_pairs(&snapshot) {
        let broken = broken(&lose(&[pair.0, pair.1]), &now);
        let down = broken.values().filter(|&&verdict| verdict == InstantVerdict::Down).count();
        damage.push((u32::try_from(down).unwrap(), u32::try_from(broken.len() - down).unwrap()));
        for &workload in broken.keys() {
            let (nodes, pairs) = expected.entry(workload).or_default();
            let lonely: Vec<NodeId> =
                [pair.0, pair.1].into_iter().filter(|node| alone[node.position()].contains_key(&workload)).collect();
            if lonely.is_empty() {
                pairs.insert(pair);
            }
            nodes.extend(lonely);
        }
    }
    damage.retain(|&damage| damage > (0, 0));
    damage.sort_unstable_by(|a, b| b.cmp(a));
    let found = told(&snapshot, LossMode::Removed);
    prop_assert_eq!(found.broken_at_once, damage.len() as u64);
    let worst: Vec<(u32, u32)> = found.worst.iter().map(|pair| (pair.down, pair.below)).collect();
    damage.truncate(worst.len().max(50));
    prop_assert_eq!(worst, damage);
    let found: BTreeMap<_, _> = found
        .broken
        .into_iter()
        .filter_map(|broken| match broken.subject {
            Subject::Workload(id) => {
                let (nodes, pairs) = (broken.alone.1, broken.pairs.1);
                Some((id, (nodes.into_iter().collect(), pairs.into_iter().collect())))
            }
            Subject::Cluster(..) => None,
        })
        .collect();
    prop_assert_eq!(found, expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn ends_hold_in_every_run_where_there_is_room(cluster in any_cluster(roomy())) {
        ends_are_those_of_every_run(&cluster)?;
    }

    #[test]
    fn ends_hold_in_every_run_where_room_is_short(cluster in any_cluster(short())) {
        ends_are_those_of_every_run(&cluster)?;
    }

    #[test]
    fn ends_hold_in_every_run_where_only_room_decides(cluster in any_cluster(crowded())) {
        ends_are_those_of_every_run(&cluster)?;
    }

    #[test]
    fn ends_hold_in_every_run_where_pods_of_a_kind_contend(cluster in any_cluster(contended())) {
        ends_are_those_of_every_run(&cluster)?;
    }

    #[test]
    fn what_breaks_at_once_is_what_trying_shows(cluster in any_cluster(Kit { nodes: 2..9, ..contended() })) {
        instants_are_those_of_trying(&cluster)?;
    }
}

/// The properties above say nothing about pairs that are open, so these must not be all.
#[test]
fn the_argument_reaches_many_of_these_pairs() {
    let share = |kit: Kit| {
        let mut runner = TestRunner::deterministic();
        let mut ends: BTreeMap<End, usize> = BTreeMap::new();
        for _ in 0..150 {
            let snapshot = built(&any_cluster(kit.clone()).new_tree(&mut runner).unwrap().current());
            let model = Model::new(&snapshot);
            let end = reasoned(&model, LossMode::Unreachable);
            for pair in all_pairs(&snapshot) {
                *ends.entry(end(pair)).or_default() += 1;
            }
        }
        let all: usize = ends.values().sum();
        [End::Holds, End::Breaks].map(|end| ends.get(&end).copied().unwrap_or(0) * 100 / all)
    };
    let shares = [roomy(), short(), crowded(), contended()].map(share);
    let least = [[40, 0], [15, 3], [40, 0], [8, 1]];
    let reached = |(shares, least): (&[usize; 2], &[usize; 2])| shares[0] >= least[0] && shares[1] >= least[1];
    assert!(shares.iter().zip(&least).all(reached), "{shares:?}");
}

/// Pods of `web` that need the label of two nodes, which others do not have.
#[test]
fn a_pair_that_takes_all_that_a_pod_may_use_breaks() {
    let mut spec = small();
    spec["nodeSelector"] = json!({"pool": "web"});
    let mut objects: Vec<Value> = ["a", "b"].map(|name| common::labelled(name, &json!({"pool": "web"}))).into();
    objects.extend(["c", "d", "e"].map(machine));
    objects.extend(web(&["a"], &spec));
    let snapshot = snapshot(&objects);
    let model = Model::new(&snapshot);
    let end = reasoned(&model, LossMode::Unreachable);
    let pair = |one, other| (common::node(&snapshot, one), common::node(&snapshot, other));
    assert_eq!(end(pair("a", "b")), End::Breaks);
    assert_eq!(end(pair("c", "d")), End::Holds);
    // Reasoning alone needs more than two nodes; trying shows that b takes the pod.
    assert_eq!(end(pair("a", "c")), End::Open);
    let found = told(&snapshot, LossMode::Unreachable);
    assert_eq!((found.all, found.hold, found.break_for_good, found.open), (10, 9, 1, 0));
    assert_eq!(found.broken_at_once, 4);
}

/// Two nodes hold two pods each, and three others have room for one more pod each, whatever it requests.
#[test]
fn places_for_pods_run_short_as_well() {
    let slots = |name| {
        let mut node = machine(name);
        node["status"]["allocatable"]["pods"] = "2".into();
        node
    };
    let mut objects: Vec<Value> = ["a", "b", "c", "d", "e"].map(slots).into();
    let tiny = json!({"containers": [{"name": "web", "image": "web"}]});
    objects.extend(web(&["a", "a", "b", "b", "c", "d", "e"], &tiny));
    let snapshot = snapshot(&objects);
    let model = Model::new(&snapshot);
    let end = reasoned(&model, LossMode::Unreachable);
    assert_eq!(end((common::node(&snapshot, "a"), common::node(&snapshot, "b"))), End::Open);
}

/// Eight of nine nodes hold a pod, and no node may hold two of them.
#[test]
fn nodes_with_a_pod_that_repels_are_not_counted() {
    let names: Vec<String> = (0..9).map(|number| format!("n{number}")).collect();
    let mut spec = small();
    let term = json!({"topologyKey": HOSTNAME, "labelSelector": {"matchLabels": {"app": "web"}}});
    spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = json!([term]);
    let mut objects: Vec<Value> = names.iter().map(|name| machine(name)).collect();
    let held: Vec<&str> = names[..8].iter().map(String::as_str).collect();
    objects.extend(web(&held, &spec));
    let snapshot = snapshot(&objects);
    let model = Model::new(&snapshot);
    let end = reasoned(&model, LossMode::Unreachable);
    assert_eq!(end((common::node(&snapshot, "n0"), common::node(&snapshot, "n1"))), End::Open);
}

/// Two of 10 nodes cannot take away all that each pod may use, so nothing needs to be tried.
#[test]
fn pairs_of_many_nodes_hold_by_reasoning() {
    let names: Vec<String> = (0..10).map(|number| format!("n{number}")).collect();
    let mut objects: Vec<Value> = names.iter().map(|name| machine(name)).collect();
    objects.extend(web(&["n0", "n1"], &small()));
    let snapshot = snapshot(&objects);
    let model = Model::new(&snapshot);
    let end = reasoned(&model, LossMode::Removed);
    assert!(all_pairs(&snapshot).into_iter().all(|pair| end(pair) == End::Holds));
    let found = told(&snapshot, LossMode::Removed);
    let [web] = &found.broken[..] else { panic!("one workload") };
    assert_eq!((web.alone.0, web.pairs.0, web.verdict), (0, 1, InstantVerdict::Down));
}

#[test]
fn what_is_not_shown_before_it_is_cancelled_is_open() {
    let mut objects: Vec<Value> = ["a", "b", "c"].map(machine).into();
    objects.extend(web(&["a"], &small()));
    let snapshot = snapshot(&objects);
    let settings = Settings::default();
    let found = pairs(&Model::new(&snapshot), LossMode::Removed, &options(&settings), &AtomicBool::new(true));
    assert_eq!((found.is_complete, found.all, found.open, found.broken_at_once), (false, 3, 2, 2));
}

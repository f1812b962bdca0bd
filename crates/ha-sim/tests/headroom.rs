//! What it takes so that no single loss leaves a pod Pending: small clusters with known answers, and others against trying
//! every set of nodes.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use common::{labelled, owner, running, small, snapshot, web};
use ha_core::impact::{Certainty, Disruption, LossMode};
use ha_core::snapshot::{NodeId, WorkloadId};
use ha_core::{Settings, Snapshot};
use ha_sim::headroom::{Domain, Growth, Lacking, Question, growth, lacking, shortages};
use ha_sim::simulate::Options;
use ha_sim::state::flag;
use ha_sim::{Model, State, outcome};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

const ZONE: &str = "topology.kubernetes.io/zone";
const TRIES: u64 = 8;

/// A node in a zone. Those whose names begin with `+` are not there, but may be added.
fn machine(name: &str, zone: &str, milli: u32) -> Value {
    let mut node = labelled(name, &json!({"kubernetes.io/hostname": name, ZONE: zone}));
    node["status"]["allocatable"]["cpu"] = format!("{milli}m").into();
    node
}

/// Nodes of one processor that may be added in a zone.
fn pool(zone: &str) -> Vec<Value> {
    (0..5).map(|number| machine(&format!("+{zone}{number}"), zone, 1000)).collect()
}

/// Asks it of a cluster; the nodes that may be added are a pool per zone.
fn ask<T>(snapshot: &Snapshot, domain: Domain, answer: impl FnOnce(&Model, &Question) -> T) -> T {
    let mut pools: BTreeMap<String, Vec<NodeId>> = BTreeMap::new();
    for (id, node) in snapshot.nodes_by_id().filter(|(_, node)| snapshot.name_of(*node).starts_with('+')) {
        pools.entry(snapshot.text(node.zone).to_owned()).or_default().push(id);
    }
    let (settings, cancelled) = (Settings::default(), AtomicBool::new(false));
    let question = Question {
        domain,
        mode: LossMode::Unreachable,
        pools: pools.into_values().collect(),
        limit: 10,
        options: Options { settings: &settings, tries: TRIES, least: 2, seed: 0, show_all: false },
        cancelled: &cancelled,
    };
    answer(&Model::new(snapshot), &question)
}

fn lacks(objects: &[Value], domain: Domain) -> (Lacking, Vec<String>) {
    let snapshot = snapshot(objects);
    let found = ask(&snapshot, domain, lacking);
    let zones = found.added.iter().map(|&id| snapshot.text(snapshot.node(id).zone).to_owned());
    let mut zones: Vec<String> = zones.collect();
    zones.sort();
    (found, zones)
}

fn grows(objects: &[Value], domain: Domain) -> Growth {
    ask(&snapshot(objects), domain, |model, question| growth(model, question, &[]))
}

/// A node holds two pods; what is lost with one of two must fit the other.
#[test]
fn without_a_shortage_nothing_is_added_and_growth_is_exact() {
    let mut objects = vec![machine("a", "a", 1000), machine("b", "b", 1000)];
    objects.extend(web(&["a"], &small()));
    let tight = snapshot(&objects);
    let short = ask(&tight, Domain::Zone, shortages);
    assert_eq!((short.list.len(), short.never), (0, true));
    for domain in [Domain::Zone, Domain::Node] {
        let found = grows(&objects, domain);
        let [web] = &found.workloads[..] else { panic!("one workload: {found:?}") };
        assert_eq!((web.replicas, web.more), (1, 1), "{domain:?}");
        let stop = web.stop.as_ref().unwrap();
        assert!(stop.loss.is_some() && stop.message.contains("Insufficient cpu"), "{stop:?}");
    }
}

/// Zone a holds four pods, of which the one node of zone b takes two.
#[test]
fn one_node_in_another_zone_is_enough() {
    let mut objects = vec![machine("a", "a", 2000), machine("b", "b", 1000)];
    objects.extend([pool("a"), pool("b")].concat());
    objects.extend(web(&["a"; 4], &small()));
    let (found, zones) = lacks(&objects, Domain::Zone);
    assert_eq!((zones, found.at_least), (vec!["b".to_owned()], 1));
    assert_eq!((found.enough, found.certainty), (true, Certainty::Certain), "{found:?}");
}

/// Each zone is full but for one place, so one more node would be lost with its own zone.
#[test]
fn two_nodes_in_two_zones_are_a_proven_minimum() {
    let mut objects: Vec<Value> = ["a", "b", "c"].map(|name| machine(name, name, 1000)).into();
    objects.extend(["a", "b", "c"].map(pool).concat());
    objects.extend(web(&["a", "a", "b", "b", "c"], &small()));
    let (found, zones) = lacks(&objects, Domain::Zone);
    assert_eq!((found.at_least, found.added.len(), found.certainty), (2, 2, Certainty::Certain), "{found:?}");
    assert!(found.enough && zones[0] != zones[1], "{zones:?}");
    // The loss of a node alone takes no other with it.
    let (found, _) = lacks(&objects, Domain::Node);
    assert_eq!((found.at_least, found.added.len(), found.enough), (1, 1, true), "{found:?}");
}

#[test]
fn what_no_node_helps_is_told_apart() {
    let mut objects = vec![machine("a", "a", 1000), machine("b", "b", 1000)];
    objects.extend([pool("a"), pool("b")].concat());
    let mut spec = small();
    spec["nodeSelector"] = json!({ZONE: "a"});
    objects.extend(web(&["a", "a"], &spec));
    let (found, zones) = lacks(&objects, Domain::Zone);
    assert_eq!((zones.len(), found.at_least, found.enough), (0, 0, true), "{found:?}");
    assert_eq!(found.beyond_help.iter().map(|(_, workloads)| workloads[0].1).collect::<Vec<_>>(), [2]);
    // Another node of the same zone helps where the zone is not lost.
    let (found, zones) = lacks(&objects, Domain::Node);
    assert_eq!((zones, found.at_least, found.beyond_help.len()), (vec!["a".to_owned()], 1, 0), "{found:?}");
}

#[test]
fn the_limit_is_told() {
    let mut objects = vec![machine("a", "a", 16_000), machine("b", "b", 1000)];
    objects.extend([pool("a"), pool("b")].concat());
    objects.extend(web(&["a"; 40], &small()));
    let (found, _) = lacks(&objects, Domain::Zone);
    assert!(!found.enough && found.at_least >= 10, "{found:?}");
}

/// What waits before anything is lost takes what is added at once, and then is lost with it.
#[test]
fn what_waits_already_counts_as_well() {
    let mut objects = vec![machine("a", "a", 1000), machine("b", "b", 1000)];
    objects.extend([pool("a"), pool("b")].concat());
    objects.extend(web(&["a", "a", "b", "b", "-"], &small()));
    for pod in objects.iter_mut().filter(|object| object["spec"]["nodeName"] == "-") {
        pod["spec"]["nodeName"] = Value::Null;
        pod["status"] = json!({"phase": "Pending"});
    }
    // Five pods take three nodes in each zone.
    let (found, zones) = lacks(&objects, Domain::Zone);
    assert_eq!((found.enough, found.at_least, zones.len()), (true, 4, 4), "{found:?}");
}

/// Pods of a StatefulSet come one after the other, and their names are those of their place.
#[test]
fn stateful_sets_grow_too() {
    let mut objects = vec![machine("a", "a", 1000), machine("b", "b", 2000)];
    let spec = small();
    let mut set = web(&[], &spec).remove(0);
    set["kind"] = "StatefulSet".into();
    set["spec"]["replicas"] = 2.into();
    objects.push(set);
    let owner = owner("StatefulSet", "web");
    objects.extend([running(0, &spec, "a", &owner), running(1, &spec, "b", &owner)]);
    let found = grows(&objects, Domain::Node);
    // Node a alone takes two.
    assert_eq!(found.workloads.iter().map(|web| (web.replicas, web.more)).collect::<Vec<_>>(), [(2, 0)]);
    objects.push(machine("c", "c", 1000));
    let found = grows(&objects, Domain::Node);
    assert_eq!(found.workloads.iter().map(|web| (web.replicas, web.more)).collect::<Vec<_>>(), [(2, 2)]);
}

/// A workload: what a pod requests, a rule, and on which node each pod is.
type Workload = (u32, &'static str, Vec<usize>);

/// Nodes by zone and size, and workloads.
fn any_cluster() -> impl Strategy<Value = (Vec<(usize, u32)>, Vec<Workload>)> {
    let node = (0_usize..3, select(&[1000_u32, 2000][..]));
    let rule = select(&["none", "none", "none", "zone", "host", "a"][..]);
    let workload = (select(&[200_u32, 400, 700][..]), rule, prop::collection::vec(0_usize..5, 1..5));
    (prop::collection::vec(node, 2..5), prop::collection::vec(workload, 1..4))
}

fn built((nodes, workloads): &(Vec<(usize, u32)>, Vec<Workload>)) -> Snapshot {
    let zones = ["a", "b", "c"];
    let mut objects: Vec<Value> = Vec::new();
    for (number, &(zone, milli)) in nodes.iter().enumerate() {
        objects.push(machine(&format!("node-{number}"), zones[zone], milli));
    }
    objects.extend(zones.map(pool).concat());
    let mut left: Vec<u32> = nodes.iter().map(|&(_, milli)| milli).collect();
    for (number, (milli, rule, places)) in workloads.iter().enumerate() {
        let app = format!("app-{number}");
        let selector = json!({"matchLabels": {"app": app}});
        let mut spec = small();
        spec["containers"][0]["resources"]["requests"]["cpu"] = format!("{milli}m").into();
        match *rule {
            "zone" => {
                spec["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": ZONE,
                    "whenUnsatisfiable": "DoNotSchedule", "nodeTaintsPolicy": "Honor", "labelSelector": selector}]);
            }
            "host" => {
                spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
                    json!([{"topologyKey": "kubernetes.io/hostname", "labelSelector": selector}]);
            }
            "a" => spec["nodeSelector"] = json!({ZONE: "a"}),
            _ => {}
        }
        let fits = |place: &usize| {
            let node = place % nodes.len();
            let fits = left[node] >= *milli;
            left[node] -= if fits { *milli } else { 0 };
            fits.then(|| format!("node-{node}"))
        };
        let on: Vec<String> = places.iter().filter_map(fits).collect();
        let mut all = web(&on.iter().map(String::as_str).collect::<Vec<_>>(), &spec);
        for object in &mut all {
            let text = object.to_string().replace("\"web", &format!("\"{app}"));
            *object = serde_json::from_str(&text).unwrap();
        }
        objects.extend(all);
    }
    snapshot(&objects)
}

/// Whether a loss leaves a pod Pending in one order beyond what is allowed, when these nodes are there: tried without any of
/// the code that is tested.
fn is_short(model: &Model, added: &[NodeId], loss: &Disruption, seed: u64, allowed: &[(WorkloadId, u32)]) -> bool {
    let snapshot = model.snapshot;
    let mut state = State::new(model);
    for (id, node) in snapshot.nodes_by_id() {
        if snapshot.name_of(node).starts_with('+') && !added.contains(&id) {
            state.set_flags(id.position(), flag::ABSENT);
        }
    }
    let zone = |id: NodeId| snapshot.node(id).zone;
    let mut loss = loss.clone();
    let zone_lost = loss.name.starts_with("zone/").then(|| zone(loss.nodes[0]));
    loss.nodes.extend(added.iter().filter(|&&id| Some(zone(id)) == zone_lost));
    let run = outcome::run(&mut state, &loss, seed, true);
    let allowed = |id: WorkloadId| allowed.iter().find(|(known, _)| *known == id).map_or(0, |&(_, pods)| pods);
    run.counts.iter().any(|(&id, counts)| counts.pending + counts.not_created > allowed(id))
}

/// All sets of so many of the nodes that may be added, the first of each pool.
fn sets(pools: &[Vec<NodeId>], size: usize) -> Vec<Vec<NodeId>> {
    let Some((pool, rest)) = pools.split_first() else {
        return if size == 0 { vec![Vec::new()] } else { Vec::new() };
    };
    let with = |count: usize| sets(rest, size - count).into_iter().map(move |set| [&pool[..count], &set].concat());
    (0..=size.min(pool.len())).flat_map(with).collect()
}

#[test]
fn what_is_told_is_what_trying_every_set_shows() {
    let mut runner = TestRunner::deterministic();
    let (mut proven, mut several) = (0, 0);
    for number in 0..120 {
        let cluster = any_cluster().new_tree(&mut runner).unwrap().current();
        let snapshot = built(&cluster);
        let domain = if number % 2 == 0 { Domain::Zone } else { Domain::Node };
        let (found, losses, pools) = ask(&snapshot, domain, |model, question| {
            (lacking(model, question), question.losses(model.snapshot), question.pools.clone())
        });
        let model = Model::new(&snapshot);
        let beyond = |loss: usize| {
            found.beyond_help.iter().find(|(known, _)| *known == loss).map_or(&[][..], |(_, pods)| &pods[..])
        };
        let fails = |added: &[NodeId], tries: u64| {
            let short = |loss: usize, seed| is_short(&model, added, &losses[loss], seed, beyond(loss));
            (0..losses.len()).any(|loss| (0..tries).any(|seed| short(loss, seed)))
        };
        if found.enough {
            let tries = if found.certainty == Certainty::Certain { 5 * TRIES } else { TRIES };
            assert!(!fails(&found.added, tries), "{domain:?} {cluster:?}: {found:?}");
        }
        for set in (0..found.at_least.min(4)).flat_map(|size| sets(&pools, size)) {
            assert!(fails(&set, 5 * TRIES), "{domain:?} {cluster:?}: {set:?} instead of {found:?}");
        }
        let is_proven = found.enough && found.certainty == Certainty::Certain && found.at_least == found.added.len();
        proven += usize::from(is_proven && found.at_least > 0);
        several += usize::from(is_proven && found.at_least > 1);
    }
    assert!(proven > 10 && several > 2, "{proven} proven, {several} of them with several nodes");
}

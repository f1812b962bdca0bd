//! `kubectl ha simulate`: what is asked for, and what comes out, on the built-in demo cluster.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Bench, FRAGILE, Ran, repository, text};

fn simulate(arguments: &[&str]) -> Ran {
    let ran = Bench::new().run(["simulate", "--demo"].iter().chain(arguments));
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    ran
}

/// The scenarios of a run, by name.
fn scenarios(arguments: &[&str]) -> Vec<(String, Value)> {
    let report = simulate(&[arguments, &["-o", "json"]].concat()).json();
    let scenarios = report["scenarios"].as_array().unwrap();
    scenarios.iter().map(|scenario| (text(&scenario["name"]).to_owned(), scenario.clone())).collect()
}

/// The outcome of one workload in a scenario; none when it is not touched.
fn outcome<'a>(scenario: &'a Value, name: &str) -> Option<&'a Value> {
    scenario["workloads"].as_array().unwrap().iter().find(|outcome| outcome["object"]["name"] == name)
}

#[test]
fn tables_look_as_reviewed() {
    insta::assert_snapshot!("simulate-zone", simulate(&["--lose", "zone/eu-1a"]).out);
    insta::assert_snapshot!("simulate-drain", simulate(&["--drain", "node-b1"]).out);
    insta::assert_snapshot!("simulate-matrix", simulate(&[]).out);
}

#[test]
fn without_words_every_node_every_zone_and_every_drain_is_tried() {
    let names: Vec<String> = scenarios(&[]).into_iter().map(|(name, _)| name).collect();
    let of = |kind: &str| names.iter().filter(|name| name.starts_with(kind)).count();
    assert_eq!((of("node/"), of("zone/"), of("drain/")), (9, 3, 9), "{names:?}");
    assert_eq!(names.len(), 21);
}

/// Every zone is lost together with every node of another one, and what was said of this is so.
#[test]
fn what_survives_a_zone_and_a_node_is_what_any_two_of_them_leave_standing() {
    let nodes = ["cp-a", "node-a1", "node-a2", "cp-b", "node-b1", "node-b2", "cp-c", "node-c1", "node-c2"];
    let mut broken: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for zone in ["a", "b", "c"] {
        for node in nodes.iter().filter(|node| !node.split_once('-').unwrap().1.starts_with(zone)) {
            let both = [format!("zone/eu-1{zone}"), format!("node/{node}")];
            for (name, scenario) in scenarios(&["--lose", &both[0], "--lose", &both[1]]) {
                let outcomes = scenario["workloads"].as_array().unwrap().iter();
                for outcome in outcomes.filter(|outcome| outcome["instant"]["verdict"] != "holds") {
                    broken.entry(outcome["object"].to_string()).or_default().push(name.clone());
                }
            }
        }
    }
    let report = simulate(&["-o", "json"]).json();
    let mut told = [0; 2];
    for survival in report["survival"].as_array().unwrap() {
        let breakers = broken.get(&survival["object"].to_string());
        match text(&survival["survives"]) {
            "1 zone" => {
                told[0] += 1;
                let breaker = text(&survival["smallestFailure"]).to_owned();
                assert!(breakers.is_some_and(|known| known.contains(&breaker)), "{survival}: {breakers:?}");
            }
            "1 zone + 1 node" => {
                told[1] += 1;
                assert_eq!((&survival["smallestFailure"], breakers), (&Value::Null, None), "{survival}");
            }
            fragile => assert!(["nothing", "1 node"].contains(&fragile), "{survival}"),
        }
    }
    assert!(told.iter().all(|&workloads| workloads > 5), "{told:?}");
}

#[test]
fn json_keeps_the_published_schema() {
    let schema = std::fs::read_to_string(repository().join("schemas/simulation.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let cases = [
        &["--lose", "zone/eu-1a"][..],
        &["--drain", "node-b1"],
        &["--lose", "zone/eu-1a", "--drain", "node-b1"],
        &["--each", "node"],
        &["--each", "pair"],
        &["--show", "all"],
    ];
    for arguments in cases {
        let report = simulate(&[arguments, &["-o", "json"]].concat()).json();
        let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{arguments:?}: {errors:?}");
    }
}

/// DNS runs on one node, and the volume of `wordpress` cannot leave its zone.
#[test]
fn a_lost_zone_takes_what_is_only_there() {
    let [(name, scenario)] = &scenarios(&["--lose", "zone/eu-1a"])[..] else { panic!("one scenario") };
    assert_eq!(name, "zone/eu-1a");
    assert_eq!(scenario["disruption"]["mode"], "unreachable");
    let dns = outcome(scenario, "coredns").unwrap();
    assert_eq!((&dns["instant"]["ready"], &dns["instant"]["verdict"]), (&0.into(), &"down".into()));
    assert_eq!(dns["instant"]["servicesDown"][0]["name"], "kube-dns");
    let wordpress = &outcome(scenario, "wordpress").unwrap()["recovered"];
    assert_eq!((&wordpress["pending"], &wordpress["certainty"]), (&2.into(), &"certain".into()));
    let reason = text(&wordpress["reasons"][0]["message"]);
    assert!(reason.starts_with("0/9 nodes are available: 1 node(s) were unschedulable, "), "{reason}");
    let database = outcome(scenario, "postgres").unwrap();
    assert_eq!(database["stuckUntilForced"][0]["name"], "postgres-0");
}

/// What the cluster itself loses: two zones of three hold the majority of etcd, and nothing comes back without it.
#[test]
fn what_the_cluster_loses_stands_before_what_workloads_lose() {
    let lost = |zones: &[&str]| -> Vec<(bool, String)> {
        let arguments: Vec<&str> = zones.iter().flat_map(|zone| ["--lose", zone]).collect();
        let scenario = scenarios(&arguments).remove(0).1;
        let cluster = scenario["cluster"].as_array().unwrap();
        cluster.iter().map(|loss| (loss["down"].as_bool().unwrap(), text(&loss["message"]).to_owned())).collect()
    };
    let etcd = "etcd members left, quorum is 2";
    let [(down, message), ..] = &lost(&["zone/eu-1c"])[..] else { panic!("etcd has a member there") };
    assert_eq!((*down, message.split(": ").next()), (false, Some(&*format!("2 of 3 {etcd}"))));
    let both = lost(&["zone/eu-1c", "zone/eu-1b"]);
    assert_eq!((both[0].0, both[0].1.split(": ").next()), (true, Some(&*format!("1 of 3 {etcd}"))));
    let own = |(down, message): &&(bool, String)| *down && message.contains("its own pods among them");
    let all = lost(&["zone/eu-1a", "zone/eu-1b", "zone/eu-1c"]);
    assert_eq!(all.iter().filter(own).count(), 1, "{all:?}");
}

/// Nodes that are gone are counted no more, and nothing waits for their kubelets.
#[test]
fn removed_nodes_leave_the_messages_and_hold_no_pods() {
    let [(_, scenario)] = &scenarios(&["--lose", "zone/eu-1a", "--mode", "removed"])[..] else {
        panic!("one scenario")
    };
    assert_eq!(scenario["disruption"]["mode"], "removed");
    let database = outcome(scenario, "postgres").unwrap();
    assert_eq!(database["stuckUntilForced"], Value::Array(Vec::new()));
    let reason = text(&database["recovered"]["reasons"][0]["message"]);
    assert!(reason.starts_with("0/6 nodes are available: "), "{reason}");
}

#[test]
fn several_losses_are_one_scenario() {
    let [(name, scenario)] = &scenarios(&["--lose", "node/node-a1", "--lose", "node/node-b2"])[..] else {
        panic!("one scenario")
    };
    assert_eq!(name, "node/node-a1 + node/node-b2");
    assert_eq!(scenario["disruption"]["nodes"], serde_json::json!(["node-a1", "node-b2"]));
    let zone = scenarios(&["--lose", "topology.kubernetes.io/zone=eu-1a"]);
    assert_eq!(zone[0].1["disruption"]["nodes"].as_array().unwrap().len(), 3);
}

/// Both replicas of `cart` and its budget: where a zone is gone the drain meets other numbers.
#[test]
fn a_drain_during_a_loss_is_one_scenario() {
    let arguments = ["--lose", "zone/eu-1a", "--drain", "node-b1"];
    let [(name, scenario)] = &scenarios(&arguments)[..] else { panic!("one scenario") };
    assert_eq!(name, "drain/node-b1 during zone/eu-1a");
    let disruption = &scenario["disruption"];
    assert_eq!((&disruption["kind"], &disruption["mode"]), (&"drain".into(), &"unreachable".into()));
    assert_eq!((&disruption["during"], &disruption["nodes"]), (&"zone/eu-1a".into(), &serde_json::json!(["node-b1"])));
    assert_eq!(disruption["lost"].as_array().unwrap().len(), 3);
    // What the loss alone breaks is told, too.
    assert_eq!(outcome(scenario, "coredns").unwrap()["instant"]["verdict"], "down");
    insta::assert_snapshot!("simulate-drain-during-loss", simulate(&arguments).out);
    assert!(simulate(&[&arguments[..], &["-o", "svg"]].concat()).out.contains("drained"));
}

/// Two of three control plane nodes take etcd's quorum; `postgres` has two replicas on two nodes.
#[test]
fn every_pair_of_nodes_is_told_together() {
    insta::assert_snapshot!("simulate-pairs", simulate(&["--each", "pair"]).out);
    let report = simulate(&["--each", "pair", "--mode", "removed", "-o", "json"]).json();
    assert_eq!(report["scenarios"], Value::Array(Vec::new()));
    let pairs = &report["pairs"];
    assert_eq!((&pairs["pairs"], &pairs["complete"], &pairs["mode"]), (&36.into(), &true.into(), &"removed".into()));
    let ends = ["holds", "breaks", "dependsOnOrder"].map(|end| pairs["recovered"][end].as_u64().unwrap());
    assert_eq!(ends.iter().sum::<u64>(), 36);
    let broken = pairs["broken"].as_array().unwrap();
    let etcd = broken.iter().find(|broken| broken["part"] == "etcd").unwrap();
    assert_eq!((&etcd["pairs"], &etcd["nodesAlone"], &etcd["needed"]), (&3.into(), &0.into(), &2.into()));
    let postgres = broken.iter().find(|broken| broken["object"]["name"] == "postgres").unwrap();
    assert_eq!(postgres["examples"], serde_json::json!([["node-a2", "node-b2"]]));
}

#[test]
fn a_drain_is_refused_by_budgets_in_the_words_of_the_api_server() {
    let [(_, scenario)] = &scenarios(&["--drain", "node-b1"])[..] else { panic!("one scenario") };
    let refused = scenario["refusedEvictions"].as_array().unwrap();
    let of = |budget: &str| refused.iter().find(|refusal| refusal["budgets"][0]["name"] == budget).unwrap();
    let ledger = text(&of("ledger")["message"]);
    assert!(ledger.contains("The disruption budget ledger needs 3 healthy pods and has 3 currently"), "{ledger}");
    assert_eq!(of("cart")["budgets"].as_array().unwrap().len(), 2);
}

#[test]
fn formats_go_where_they_are_sent() {
    let bench = Bench::new();
    let ran =
        bench.run(["simulate", "--demo", "--each", "zone", "-o", "table", "-o", "yaml=a.yaml", "-o", "markdown=a.md"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("SCENARIO"), "{}", ran.out);
    assert!(bench.read("a.yaml").starts_with("apiVersion: kubectl-ha/v1alpha1\nkind: Simulation\n"));
    assert!(bench.read("a.md").contains("| zone/eu-1b |"));
}

#[test]
fn what_is_not_there_cannot_be_lost() {
    let bench = Bench::new();
    bench.write("fragile.yaml", FRAGILE);
    bench.write("node.yaml", node("a"));
    bench.write("zoned.yaml", node("a").replace("labels: {", "labels: {topology.kubernetes.io/zone: z, "));
    let cases: &[(&[&str], &str)] = &[
        (&["--demo", "--lose", "node/nowhere"], "there is no node \"nowhere\"; there are the nodes cp-a, cp-b"),
        (&["--demo", "--lose", "zone/eu-1x"], "there is no zone \"eu-1x\"; there are the zones eu-1a, eu-1b, eu-1c"),
        (&["--demo", "--lose", "rack=7"], "no node has the label \"rack\"; there are the labels"),
        (
            &["--demo", "--lose", "kubernetes.io/os=plan9"],
            "no node has kubernetes.io/os=plan9; there are the values linux",
        ),
        (&["--demo", "--lose", "zone/eu-1b", "--drain", "node-b1"], "node-b1 is lost with zone/eu-1b, so it cannot be"),
        (
            &["--demo", "--lose", "zone/eu-1b", "--drain", "node-a1", "--with-autoscaler"],
            "of a loss or of a drain, not",
        ),
        (&["--demo", "--drain", "nowhere"], "there is no node \"nowhere\""),
        (&["--demo", "--each", "rack"], "no node has the label \"rack\""),
        (&["--demo", "--lose", "eu-1a"], "node/NAME"),
        (&["--demo", "-o", "sarif"], "there is no format \"sarif\"; there are table, wide, json, yaml, markdown, svg"),
        (&["--demo", "--upgrade", "pool=x"], "nothing to upgrade: no node has the label \"pool\""),
        (&["--demo", "--upgrade", "pool"], "expected KEY=VALUE"),
        (&["--demo", "--surge", "1"], "--upgrade"),
        (&["--demo", "--with-autoscaler"], "--with-autoscaler is told of one scenario"),
        (&["--demo", "--headroom", "zone", "--lose", "zone/eu-1a"], "'--headroom <zone|node>' cannot be used with"),
        (&["--demo", "--headroom", "node", "--each", "zone"], "cannot be used with"),
        (&["--demo", "--headroom", "zone", "--upgrade"], "cannot be used with"),
        (&["--demo", "--headroom", "zone", "--with-autoscaler"], "cannot be used with"),
        (&["--demo", "--headroom", "rack"], "invalid value 'rack'"),
        (&["--demo", "--headroom", "zone", "-o", "svg"], "a picture shows one scenario"),
        (&["-f", "node.yaml", "--headroom", "zone"], "no node has a zone"),
        (&["-f", "zoned.yaml", "--headroom", "zone"], "zone/z holds all nodes, and nothing survives its loss"),
        (&["--demo", "--rollout", "cart"], "expected KIND/NAMESPACE/NAME"),
        (&["--demo", "--rollout", "Deployment/cms/x"], "there is no Deployment/cms/x; there are the names of that"),
        (&["--demo", "--rollout", "Pod/ops/import-helper"], "Pod/ops/import-helper has no rollout"),
        (&["--demo", "--upgrade", "-o", "svg"], "a picture shows one scenario"),
        (&["--demo", "--each", "pair", "-o", "svg"], "a picture shows one scenario"),
        (&["--demo", "-o", "svg"], "a picture shows one scenario: say which with --lose or --drain"),
    ];
    for (arguments, told) in cases {
        let ran = bench.run(["simulate"].iter().chain(*arguments));
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(told), "{arguments:?} says\n{}", ran.err);
    }
}

/// The budget of `ledger` allows nothing, and two budgets guard `cart`: both for good, whatever else happens.
#[test]
fn an_upgrade_names_what_stops_it_and_how_low_workloads_fall() {
    insta::assert_snapshot!("simulate-upgrade", simulate(&["--upgrade"]).out);
    let report = simulate(&["--upgrade", "--surge", "2", "--parallel", "2", "-o", "json"]).json();
    let upgrade = &report["upgrade"];
    assert_eq!((&upgrade["finishes"], &upgrade["certainty"]), (&false.into(), &"certain".into()), "{upgrade}");
    assert_eq!((&upgrade["nodes"], &report["source"]["nodes"]), (&9.into(), &9.into()));
    let blocked = upgrade["blocked"].as_array().unwrap();
    let sets = || blocked.iter().flat_map(|blocked| blocked["sets"].as_array().unwrap());
    let by = |budget: &str| sets().find(|set| set["budgets"][0]["name"] == budget).unwrap();
    assert_eq!((&by("ledger")["smallest"], &by("cart")["smallest"]), (&true.into(), &true.into()));
    let schema = std::fs::read_to_string(repository().join("schemas/simulation.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    assert!(validator.is_valid(&report));
}

/// What waits for room gets it; `postgres` waits for its volume, and no node of another zone helps.
#[test]
fn an_autoscaler_is_told_beside_what_comes_without_it() {
    let report = simulate(&["--lose", "zone/eu-1a", "--with-autoscaler", "-o", "json"]).json();
    let autoscaler = &report["autoscaler"];
    let workloads = autoscaler["workloads"].as_array().unwrap();
    let of = |name: &str| workloads.iter().find(|helped| helped["object"]["name"] == name).unwrap();
    assert_eq!((&of("checkout")["pendingWithout"], &of("checkout")["pendingWith"]), (&2.into(), &0.into()));
    assert_eq!((&of("postgres")["pendingWithout"], &of("postgres")["pendingWith"]), (&1.into(), &1.into()));
    let zones: Vec<&str> = autoscaler["added"].as_array().unwrap().iter().map(|added| text(&added["zone"])).collect();
    assert!(!zones.is_empty() && !zones.contains(&"eu-1a"), "{zones:?}");
    // All else is told without it.
    let plain = simulate(&["--lose", "zone/eu-1a", "-o", "json"]).json();
    assert_eq!((&report["scenarios"], &report["source"]), (&plain["scenarios"], &plain["source"]));
    let table = simulate(&["--lose", "zone/eu-1a", "--with-autoscaler", "3"]).out;
    assert!(table.contains("WITH MORE with an autoscaler that may add 3 nodes: "), "{table}");
}

/// `postgres` has its volume in a lost zone, where no node of another zone helps; `checkout` waits for room.
#[test]
fn headroom_names_nodes_to_add_and_tells_what_none_helps() {
    insta::assert_snapshot!("simulate-headroom-zone", simulate(&["--headroom", "zone"]).out);
    insta::assert_snapshot!("simulate-headroom-node", simulate(&["--headroom", "node"]).out);
    let report = simulate(&["--headroom", "zone", "-o", "json"]).json();
    let headroom = &report["headroom"];
    let told = ["domain", "losses", "complete"].map(|field| &headroom[field]);
    assert_eq!(told, [&Value::from("zone"), &3.into(), &true.into()]);
    assert_eq!(report["scenarios"], Value::Array(Vec::new()));
    let shortages = headroom["shortages"].as_array().unwrap();
    let lost = shortages.iter().find(|shortage| shortage["loss"] == "zone/eu-1a").unwrap();
    let of = |name: &str| {
        let workloads = lost["workloads"].as_array().unwrap();
        workloads.iter().find(|workload| workload["object"]["name"] == name).unwrap().clone()
    };
    assert_eq!((&of("checkout")["beyondHelp"], &of("postgres")["beyondHelp"]), (&0.into(), &1.into()));
    let nodes = &headroom["nodes"];
    assert_eq!((&nodes["enough"], nodes["count"] == 0), (&true.into(), false), "{nodes}");
    assert!(nodes["atLeast"].as_u64() <= nodes["count"].as_u64() && nodes["atLeast"] != 0, "{nodes}");
    // All else is told of the cluster as it is.
    assert_eq!(report["source"]["nodes"], 9);
    let schema = std::fs::read_to_string(repository().join("schemas/simulation.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    assert!(validator.is_valid(&report));
    let markdown = simulate(&["--headroom", "zone", "-o", "markdown"]).out;
    assert!(markdown.contains("| StatefulSet/data/postgres | 1 | zone/eu-1a, zone/eu-1b | node"), "{markdown}");
}

/// A change that asks for more is told with the nodes that it takes.
#[test]
fn headroom_is_told_of_a_change() {
    let bench = Bench::new();
    let more = FRAGILE.replace("replicas: 1", "replicas: 30");
    bench.write("more.yaml", more);
    let count = |arguments: &[&str]| {
        let arguments = ["simulate", "--demo", "--headroom", "zone", "-o", "json"].iter().chain(arguments);
        bench.run(arguments).json()["headroom"]["nodes"]["count"].as_u64().unwrap()
    };
    let (without, with) = (count(&[]), count(&["-f", "more.yaml"]));
    assert!(with > without, "{without} nodes without the change, {with} with it");
}

/// Where `transcoder` runs there is room for no other pod of it once a zone is lost.
#[test]
fn a_rollout_during_a_failure_tells_whether_it_ends() {
    let alone = simulate(&["--rollout", "deployment/shop/cart", "-o", "json"]).json();
    let rollout = &alone["rollout"];
    assert_eq!((&rollout["finishes"], &rollout["during"], &rollout["lowest"]), (&true.into(), &Value::Null, &3.into()));
    assert_eq!(alone["scenarios"], Value::Array(Vec::new()));
    let stuck = simulate(&["--lose", "zone/eu-1b", "--rollout", "Deployment/media/transcoder"]).out;
    insta::assert_snapshot!("simulate-rollout", stuck.split("CLUSTER").next().unwrap());
    let report = simulate(&["--lose", "zone/eu-1b", "--rollout", "Deployment/media/transcoder", "-o", "json"]).json();
    assert_eq!((&report["rollout"]["finishes"], &report["rollout"]["during"]), (&false.into(), &"zone/eu-1b".into()));
    let schema = std::fs::read_to_string(repository().join("schemas/simulation.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    assert!(validator.is_valid(&report));
}

#[test]
fn an_upgrade_of_a_pool_touches_its_nodes_only() {
    let pool = "topology.kubernetes.io/zone=eu-1c";
    let upgrade = simulate(&["--upgrade", pool, "-o", "json"]).json()["upgrade"].clone();
    assert_eq!((&upgrade["pool"], &upgrade["nodes"]), (&pool.into(), &3.into()));
    let upgraded = upgrade["steps"].as_array().unwrap().iter().flat_map(|step| step.as_array().unwrap());
    let mut all: Vec<&str> = upgraded.map(text).collect();
    all.extend(upgrade["blocked"].as_array().unwrap().iter().map(|blocked| text(&blocked["node"])));
    all.sort_unstable();
    assert_eq!(all, ["cp-c", "node-c1", "node-c2"]);
}

/// Three pods on one node, told to spread over zones.
const SPREAD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: pricing, namespace: shop}
spec:
  selector: {matchLabels: {app: pricing}}
  template:
    metadata: {labels: {app: pricing}}
    spec:
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: topology.kubernetes.io/zone
        whenUnsatisfiable: DoNotSchedule
        nodeTaintsPolicy: Honor
        labelSelector: {matchLabels: {app: pricing}}
      containers: [{name: app, image: pricing}]
";

#[test]
fn a_change_is_laid_over_the_cluster_before_anything_fails() {
    let bench = Bench::new();
    bench.write("spread.yaml", SPREAD);
    let arguments = ["simulate", "--demo", "-f", "spread.yaml", "--lose", "zone/eu-1a", "-o"];
    let report = bench.run(arguments.iter().chain(&["json"])).json();
    let change = &report["change"];
    assert_eq!(change["replaced"][0]["name"], "pricing", "{change}");
    assert_eq!((&change["podsMoved"], &change["podsCreated"]), (&3.into(), &0.into()), "{change}");
    let is_pricing = |difference: &&Value| difference["object"]["name"] == "pricing";
    let difference = change["differences"].as_array().unwrap().iter().find(is_pricing).unwrap();
    assert_eq!((&difference["before"]["verdict"], &difference["before"]["ready"]), (&"down".into(), &0.into()));
    assert_eq!((&difference["after"]["verdict"], &difference["after"]["ready"]), (&"holds".into(), &2.into()));
    let told = bench.run(arguments.iter().chain(&["table"])).out;
    assert!(told.contains("spread.yaml is laid over the cluster: 1 object replaced, 3 pods"), "{told}");
    assert!(told.contains("BETTER    Deployment/shop/pricing  zone/eu-1a: down, 0 of 3 ready"), "{told}");
    let schema = std::fs::read_to_string(repository().join("schemas/simulation.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    assert!(validator.is_valid(&report));
}

/// One node took all three pods; with the change it takes two nodes to get below what is needed, or more.
#[test]
fn a_change_shows_in_what_pairs_of_nodes_break() {
    let bench = Bench::new();
    bench.write("spread.yaml", SPREAD);
    let arguments = ["simulate", "--demo", "-f", "spread.yaml", "--each", "pair", "-o"];
    let report = bench.run(arguments.iter().chain(&["json"])).json();
    let pairs = &report["change"]["pairs"];
    assert_eq!(pairs["pairs"], 36);
    let is_pricing = |difference: &&Value| difference["object"]["name"] == "pricing";
    let difference = pairs["differences"].as_array().unwrap().iter().find(is_pricing).unwrap();
    assert_eq!(difference["before"]["nodesAlone"], 1, "{difference}");
    assert_eq!(difference["after"]["nodesAlone"].as_u64().unwrap_or(0), 0, "{difference}");
    let told = bench.run(arguments.iter().chain(&["table"])).out;
    assert!(told.contains(" of 36 pairs break something at once; in the end "), "{told}");
    assert!(told.contains("BETTER    Deployment/shop/pricing: 1 node alone -> "), "{told}");
    let markdown = bench.run(arguments.iter().chain(&["markdown"])).out;
    assert!(markdown.contains("| better | Deployment/shop/pricing | 1 node alone |"), "{markdown}");
    let schema = std::fs::read_to_string(repository().join("schemas/simulation.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    assert!(validator.is_valid(&report));
}

/// What no pod has to do with makes no difference.
#[test]
fn a_change_that_concerns_no_pod_makes_no_difference() {
    let bench = Bench::new();
    bench.write("class.yaml", "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: x}\nvalue: 7\n");
    let report = bench.run(["simulate", "--demo", "-f", "class.yaml", "-o", "json"]).json();
    assert_eq!(report["change"]["differences"], Value::Array(Vec::new()));
    assert_eq!(report["change"]["added"][0]["name"], "x");
}

/// Without Node objects manifests are no cluster: they change one, which must be there.
#[test]
fn manifests_without_nodes_are_a_change_to_the_current_cluster() {
    let bench = Bench::new();
    bench.write("fragile.yaml", FRAGILE);
    let ran = bench.run(["simulate", "-f", "fragile.yaml"]);
    assert_eq!(ran.out, "", "{ran:?}");
    assert!(ran.err.contains("there is no node in the files, so they are a change"), "{ran:?}");
}

#[test]
fn a_picture_shows_zones_nodes_and_workloads_before_and_after() {
    let picture = simulate(&["--lose", "zone/eu-1a", "-o", "svg"]).out;
    assert_eq!(elements(&picture).1, ["svg", "title", "rect", "text", "path", "circle"]);
    insta::assert_snapshot!("simulate-picture", picture);
}

/// All texts of an XML document, and the names of its elements in the order of their first use.
fn elements(xml: &str) -> (String, Vec<String>) {
    use quick_xml::events::Event;
    let (mut texts, mut names) = (String::new(), Vec::new());
    let mut reader = quick_xml::Reader::from_str(xml);
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => return (quick_xml::escape::unescape(&texts).unwrap().into_owned(), names),
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.name().as_ref().to_owned();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            Event::Text(text) => texts.push_str(&text.into_inner()),
            Event::GeneralRef(reference) => texts.extend(["&", &*reference, ";"]),
            _ => {}
        }
    }
}

/// Names come from anywhere; a picture is opened in a browser.
#[test]
fn a_picture_holds_no_foreign_elements() {
    let hostile = "a</text><script>alert(1)</script>";
    let named = node("b").replace("name: b", &format!("name: '{hostile}'"));
    let zone = node("c").replace("labels: {", "labels: {topology.kubernetes.io/zone: '<b onload=x>', ");
    let bench = Bench::new();
    bench.write("nodes.yaml", [named, zone].concat());
    let ran = bench.run(["simulate", "-f", "nodes.yaml", "--lose", "node/c", "-o", "svg"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let (texts, used) = elements(&ran.out);
    assert_eq!(used, ["svg", "title", "rect", "text", "path", "circle"], "{}", ran.out);
    assert!(texts.contains("zone <b onload=x>") && texts.contains("a</text><script"), "{texts}");
}

/// Above 100 nodes each zone is one box, and nothing grows with the nodes.
#[test]
fn a_picture_of_many_nodes_shows_zones() {
    let nodes: String = (0..120)
        .map(|number| {
            let zone = format!("labels: {{topology.kubernetes.io/zone: z{}, ", number % 3);
            node(&format!("n{number}")).replace("labels: {", &zone)
        })
        .collect();
    let bench = Bench::new();
    bench.write("nodes.yaml", nodes);
    let picture = bench.run(["simulate", "-f", "nodes.yaml", "--lose", "zone/z1", "-o", "svg"]).out;
    assert!(picture.contains("40 nodes, 40 lost"), "{picture}");
    assert!(picture.len() < 10_000, "{}", picture.len());
}

fn node(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}}}}}\nstatus:\n  \
         allocatable: {{cpu: '4', memory: 8Gi, pods: '110'}}\n  conditions: [{{type: Ready, status: 'True'}}]\n---\n"
    )
}

/// Whether the process simulates by now: it catches SIGINT, and has several threads (proc_pid_status(5)).
#[cfg(target_os = "linux")]
fn simulates(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0").trim();
    u64::from_str_radix(field("SigCgt:"), 16).unwrap() & (1 << 1) != 0 && field("Threads:") != "1"
}

/// With so many tries each scenario takes a while, and there are 21.
#[cfg(target_os = "linux")]
#[test]
fn what_is_complete_is_told_when_it_is_interrupted() {
    let bench = Bench::new();
    let mut command = bench.command(["simulate", "--demo", "--tries", "500", "-o", "json", "-o", "table=table"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !simulates(child.id()) {
        std::thread::yield_now();
    }
    let sent = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (done, of) = (report["interrupted"]["done"].as_u64().unwrap(), report["interrupted"]["of"].as_u64().unwrap());
    assert!(done < of && of == 21, "{done} of {of}");
    assert_eq!(report["scenarios"].as_array().unwrap().len() as u64, done);
    let told = format!("PARTIAL   interrupted after {done} of 21 scenarios: only these are told");
    assert!(bench.read("table").contains(&told), "{}", bench.read("table"));
}

/// What the input holds is simulated, without a cluster.
#[test]
fn manifests_with_nodes_are_simulated() {
    let pod = "\
apiVersion: v1
kind: Pod
metadata: {name: alone, namespace: shop}
spec: {nodeName: a, containers: [{name: app, image: app}]}
status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}
";
    let manifest = [node("a"), node("b"), pod.to_owned()].concat();
    let bench = Bench::new();
    let mut command = bench.command(["simulate", "-f", "-", "--lose", "node/a", "-o", "json"]);
    let report = Ran::with_input(&mut command, &manifest).json();
    let outcome = &report["scenarios"][0]["workloads"][0];
    // Nothing makes a bare pod again.
    assert_eq!(outcome["object"]["name"], "alone");
    assert_eq!((&outcome["instant"]["verdict"], &outcome["recovered"]["scheduled"]), (&"down".into(), &0.into()));
}

/// Pods that cannot be seen take room that the simulation believes free.
#[test]
fn what_could_not_be_read_is_told_by_the_exit_code() {
    let bench = Bench::new();
    bench.write("a.yaml", [node("a"), "apiVersion: v1\nkind: Pod\nmetadata: {name: [x]}\n".to_owned()].concat());
    let arguments = ["simulate", "-f", "a.yaml", "--lose", "node/a", "-o", "json"];
    let ran = bench.run(arguments);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert_eq!(ran.json()["gaps"].as_array().unwrap().len(), 1, "{ran:?}");
    let ran = bench.run(arguments.iter().chain(&["--allow-incomplete"]));
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

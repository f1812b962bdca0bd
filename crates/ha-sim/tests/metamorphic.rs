//! What must not change the result does not, and what is called certain holds in every run: small random clusters, once
//! as they are and once changed.
#![allow(clippy::unwrap_used, reason = "a helper of tests may fail like a test")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use ha_core::impact::{Certainty, Disruption, Impact, LossMode, PodCounts};
use ha_core::{Settings, Snapshot};
use ha_sim::cycle::Cycle;
use ha_sim::simulate::{Options, simulate};
use ha_sim::{Model, State, filters, matrix, outcome};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

const HOSTNAME: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

/// A node; names are made from its number.
#[derive(Clone, Debug)]
struct Node {
    zone: Option<usize>,
    milli: u32,
    pods: u32,
    ssd: bool,
    tainted: bool,
}

/// A ReplicaSet and where its pods are.
#[derive(Clone, Debug)]
struct Workload {
    milli: u32,
    priority: i32,
    rule: &'static str,
    tolerates: bool,
    budget: Option<u32>,
    /// A node for each pod; none for one that waits.
    pods: Vec<Option<Index>>,
}

#[derive(Clone, Debug)]
struct Cluster {
    nodes: Vec<Node>,
    workloads: Vec<Workload>,
}

/// What nodes and zones are called.
type Naming = fn(&'static str, usize) -> String;

fn plain(kind: &'static str, number: usize) -> String {
    format!("{kind}-{number}")
}

/// Other names in the same order.
fn prefixed(kind: &'static str, number: usize) -> String {
    format!("renamed.{kind}-{number}")
}

/// Other names in the opposite order.
fn reversed(kind: &'static str, number: usize) -> String {
    format!("{kind}-{}", 99 - number)
}

fn any_node() -> impl Strategy<Value = Node> {
    let zone = prop_oneof![1 => Just(None), 8 => (0_usize..3).prop_map(Some)];
    (zone, select(&[1_000, 2_000, 4_000][..]), any::<bool>(), prop::bool::weighted(0.15))
        .prop_map(|(zone, milli, ssd, tainted)| Node { zone, milli, pods: 4, ssd, tainted })
}

fn any_workload() -> impl Strategy<Value = Workload> {
    const RULES: &[&str] =
        &["none", "none", "spread zone", "spread host", "repel host", "repel zone", "attract zone", "ssd", "port"];
    let pods = prop::collection::vec(prop::option::weighted(0.85, any::<Index>()), 1..5);
    let budget = prop::option::weighted(0.3, 0_u32..3);
    let priority = select(&[0, 0, 0, 100][..]);
    (select(&[100, 500, 900, 1_500][..]), priority, select(RULES), prop::bool::weighted(0.2), budget, pods).prop_map(
        |(milli, priority, rule, tolerates, budget, pods)| Workload { milli, priority, rule, tolerates, budget, pods },
    )
}

fn any_cluster() -> impl Strategy<Value = Cluster> {
    (prop::collection::vec(any_node(), 2..7), prop::collection::vec(any_workload(), 1..5))
        .prop_map(|(nodes, workloads)| Cluster { nodes, workloads })
}

/// Large nodes and small pods, so that what decides is spread and affinity.
fn roomy_cluster() -> impl Strategy<Value = Cluster> {
    const RULES: &[&str] = &["none", "spread zone", "spread host", "repel host", "repel zone", "attract zone"];
    let zone = prop_oneof![1 => Just(None), 9 => (0_usize..3).prop_map(Some)];
    let node = (zone, prop::bool::weighted(0.1)).prop_map(|(zone, tainted)| Node {
        zone,
        milli: 16_000,
        pods: 30,
        ssd: false,
        tainted,
    });
    let pods = prop::collection::vec(prop::option::weighted(0.95, any::<Index>()), 1..6);
    let budget = prop::option::weighted(0.3, 0_u32..3);
    let workload =
        (select(RULES), select(&[0, 0, 0, 100][..]), budget, pods).prop_map(|(rule, priority, budget, pods)| {
            Workload { milli: 100, priority, rule, tolerates: false, budget, pods }
        });
    (prop::collection::vec(node, 3..9), prop::collection::vec(workload, 1..5))
        .prop_map(|(nodes, workloads)| Cluster { nodes, workloads })
}

impl Cluster {
    fn objects(&self, name: Naming) -> Vec<Value> {
        let mut objects: Vec<Value> =
            self.nodes.iter().enumerate().map(|(number, node)| node.object(name, number)).collect();
        for (number, workload) in self.workloads.iter().enumerate() {
            objects.extend(workload.objects(name, number, self.nodes.len()));
        }
        objects
    }
}

impl Node {
    fn object(&self, name: Naming, number: usize) -> Value {
        let node = name("node", number);
        let mut labels = json!({ HOSTNAME: node });
        if let Some(zone) = self.zone {
            labels[ZONE] = json!(name("zone", zone));
        }
        if self.ssd {
            labels["disk"] = json!("ssd");
        }
        let taints = if self.tainted { json!([{"key": "gpu", "effect": "NoSchedule"}]) } else { json!([]) };
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node, "labels": labels},
            "spec": {"taints": taints}, "status": {
                "allocatable": {"cpu": format!("{}m", self.milli), "memory": "8Gi", "pods": self.pods.to_string()},
                "conditions": [{"type": "Ready", "status": "True"}]}})
    }
}

impl Workload {
    fn spec(&self, app: &str) -> Value {
        let selector = json!({"matchLabels": {"app": app}});
        let mut container =
            json!({"name": "app", "resources": {"requests": {"cpu": format!("{}m", self.milli), "memory": "64Mi"}}});
        if self.rule == "port" {
            container["ports"] = json!([{"containerPort": 80, "hostPort": 8080, "protocol": "TCP"}]);
        }
        let mut spec = json!({"containers": [container], "priority": self.priority});
        let key = if self.rule.ends_with("zone") { ZONE } else { HOSTNAME };
        let term = json!([{"topologyKey": key, "labelSelector": selector}]);
        match self.rule.split(' ').next() {
            Some("spread") => {
                spec["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": key,
                    "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}]);
            }
            Some("repel") => {
                spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = term;
            }
            Some("attract") => {
                spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = term;
            }
            Some("ssd") => spec["nodeSelector"] = json!({"disk": "ssd"}),
            _ => {}
        }
        if self.tolerates {
            spec["tolerations"] = json!([{"key": "gpu", "operator": "Exists"}]);
        }
        spec
    }

    fn objects(&self, name: Naming, number: usize, nodes: usize) -> Vec<Value> {
        let app = format!("app-{number}");
        let (labels, spec, uid) = (json!({"app": app}), self.spec(&app), format!("uid-{number}"));
        let selector = json!({"matchLabels": labels});
        let mut objects = vec![json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"namespace": "shop", "name": app, "uid": uid, "labels": labels},
            "spec": {"replicas": self.pods.len(), "selector": selector,
                "template": {"metadata": {"labels": labels}, "spec": spec}}})];
        let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": app, "uid": uid, "controller": true});
        for (ordinal, node) in self.pods.iter().enumerate() {
            let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": spec, "status": {"phase": "Pending"},
                "metadata": {"namespace": "shop", "name": format!("{app}-{ordinal}"), "labels": labels,
                    "ownerReferences": [owner]}});
            if let Some(node) = node {
                pod["spec"]["nodeName"] = json!(name("node", node.index(nodes)));
                pod["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
            }
            objects.push(pod);
        }
        if let Some(available) = self.budget {
            objects.push(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
                "metadata": {"namespace": "shop", "name": app},
                "spec": {"minAvailable": available, "selector": selector}}));
        }
        objects
    }
}

/// Every loss of a node in both ways, and every drain.
fn disruptions(snapshot: &Snapshot) -> Vec<Disruption> {
    let mut all = matrix::each_node(snapshot, LossMode::Removed);
    all.extend(matrix::each_node(snapshot, LossMode::Unreachable));
    all.extend(matrix::each_drain(snapshot));
    all
}

fn impacts(snapshot: &Snapshot) -> Vec<Impact> {
    let (model, settings) = (Model::new(snapshot), Settings::default());
    let mut state = State::new(&model);
    let options = Options { settings: &settings, tries: 4, least: 2, seed: 0, show_all: true };
    disruptions(snapshot).iter().map(|disruption| simulate(&mut state, disruption, &options)).collect()
}

/// What is said of each workload, by its name, in words that hold no numbers of tables.
fn told(snapshot: &Snapshot, impact: &Impact) -> BTreeMap<String, String> {
    let of_workload = impact.workloads.iter().map(|told| {
        let name = snapshot.name_of(snapshot.workload(told.workload)).to_owned();
        let counts = (told.desired, told.before, told.ready, told.needed, told.recovered, told.best, told.worst);
        (name, format!("{counts:?} {:?} {:?} {:?}", told.instant, told.certainty, told.reasons))
    });
    of_workload.collect()
}

fn all_told(snapshot: &Snapshot) -> Vec<BTreeMap<String, String>> {
    impacts(snapshot).iter().map(|impact| told(snapshot, impact)).collect()
}

/// What is certain of each workload, by its name: the end, and what is ready at once.
fn certain(snapshot: &Snapshot, impact: &Impact) -> BTreeMap<String, (u32, PodCounts)> {
    let sure = impact.workloads.iter().filter(|told| told.certainty == Certainty::Certain);
    sure.map(|told| {
        let name = snapshot.name_of(snapshot.workload(told.workload)).to_owned();
        (name, (told.ready, told.recovered))
    })
    .collect()
}

/// Per waiting pod and filter: the nodes that it refuses, by name. Spread looks at all nodes, and is left out.
fn refusals(snapshot: &Snapshot) -> BTreeMap<String, BTreeSet<(&'static str, String)>> {
    let model = Model::new(snapshot);
    let mut state = State::new(&model);
    let mut found: BTreeMap<String, BTreeSet<(&'static str, String)>> = BTreeMap::new();
    for &pod in &model.waiting {
        let cycle = Cycle::start(&mut state, pod).unwrap();
        let refused = found.entry(model.names.get(state.pod(pod).name).to_owned()).or_default();
        for node in 0..model.nodes.len() {
            let mask = state.static_mask(cycle.class.statics, node);
            let verdicts = [
                filters::node_unschedulable::check(mask),
                filters::taint_toleration::check(mask),
                filters::node_affinity::check(mask),
                filters::node_ports::check(&state, &cycle, node),
                filters::node_resources_fit::check(&state, &cycle, node),
                filters::inter_pod_affinity::check(&state, &cycle, node),
            ];
            let name = model.node_name(node);
            refused.extend(verdicts.into_iter().flatten().map(|refusal| (refusal.plugin.as_str(), name.to_owned())));
        }
    }
    found
}

/// Runs with other seeds, and the plain one, which is not made where the end is certain.
fn certain_ends_are_those_of_every_run(cluster: &Cluster) -> Result<(), TestCaseError> {
    let snapshot = common::snapshot(&cluster.objects(plain));
    let model = Model::new(&snapshot);
    let mut state = State::new(&model);
    for (disruption, impact) in disruptions(&snapshot).iter().zip(impacts(&snapshot)) {
        let sure: Vec<_> = impact.workloads.iter().filter(|told| told.certainty == Certainty::Certain).collect();
        for seed in 0..25 {
            let run = outcome::run(&mut state, disruption, seed, true);
            for told in &sure {
                prop_assert_eq!(told.recovered, run.counts[&told.workload], "{} seed {}", &disruption.name, seed);
            }
            if sure.len() == impact.workloads.len() {
                prop_assert!(run.preempted.is_empty(), "{} seed {}", &disruption.name, seed);
                let mut refused: Vec<_> = run.refused.iter().map(|refused| &refused.refusal.message).collect();
                let mut told: Vec<_> = impact.refused_evictions.iter().map(|refused| &refused.message).collect();
                refused.sort_unstable();
                told.sort_unstable();
                prop_assert_eq!(told, refused, "{} seed {}", &disruption.name, seed);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_the_input_does_not_matter(cluster in any_cluster(), keys in prop::collection::vec(any::<u32>(), 64)) {
        let objects = cluster.objects(plain);
        let mut shuffled: Vec<(u32, Value)> = keys.into_iter().cycle().zip(objects.clone()).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let shuffled: Vec<Value> = shuffled.into_iter().map(|(_, object)| object).collect();
        prop_assert_eq!(all_told(&common::snapshot(&objects)), all_told(&common::snapshot(&shuffled)));
    }

    #[test]
    fn names_of_nodes_and_zones_do_not_matter(cluster in any_cluster()) {
        let (before, after) = (common::snapshot(&cluster.objects(plain)), common::snapshot(&cluster.objects(prefixed)));
        prop_assert_eq!(all_told(&before), all_told(&after));
    }

    #[test]
    fn the_order_of_names_does_not_matter_where_the_result_is_certain(cluster in any_cluster()) {
        let (before, after) = (common::snapshot(&cluster.objects(plain)), common::snapshot(&cluster.objects(reversed)));
        let mut mirrored = impacts(&after);
        // Disruptions come in the order of names, once for each of three kinds.
        for part in mirrored.chunks_mut(cluster.nodes.len()) {
            part.reverse();
        }
        for (one, other) in impacts(&before).iter().zip(&mirrored) {
            prop_assert_eq!(certain(&before, one), certain(&after, other));
        }
    }

    #[test]
    fn another_node_changes_no_verdict_about_the_others(cluster in any_cluster(), node in any_node()) {
        let before = refusals(&common::snapshot(&cluster.objects(plain)));
        let mut larger = cluster.objects(plain);
        larger.push(node.object(plain, cluster.nodes.len()));
        let new = plain("node", cluster.nodes.len());
        let mut after = refusals(&common::snapshot(&larger));
        for refused in after.values_mut() {
            refused.retain(|(_, node)| *node != new);
        }
        prop_assert_eq!(before, after);
    }

    #[test]
    fn what_is_certain_holds_in_every_run(cluster in any_cluster()) {
        certain_ends_are_those_of_every_run(&cluster)?;
    }

    #[test]
    fn what_is_certain_holds_in_every_run_where_there_is_room(cluster in roomy_cluster()) {
        certain_ends_are_those_of_every_run(&cluster)?;
    }
}

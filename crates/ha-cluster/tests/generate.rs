//! Generated clusters keep what `generate` promises.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, HashSet};

use std::sync::LazyLock;

use ha_cluster::generate::{Size, live, manifests};
use serde_json::Value;
use sha2::{Digest, Sha256};

const SIZE: Size = Size { pods: 4_000, nodes: 120, workloads: 600, templates: 100 };

/// The cluster most tests look at.
static CLUSTER: LazyLock<Vec<Value>> = LazyLock::new(|| cluster(7));

fn cluster(seed: u64) -> Vec<Value> {
    let mut objects = Vec::new();
    live(SIZE, seed, &mut |object| {
        objects.push(object);
        Ok(())
    })
    .unwrap();
    objects
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The constraints of a pod or pod template that forbid a place.
fn hard_spreads(spec: &Value) -> Vec<&Value> {
    let constraints = spec["topologySpreadConstraints"].as_array();
    let hard = |constraint: &&Value| constraint["whenUnsatisfiable"] == "DoNotSchedule";
    constraints.into_iter().flatten().filter(hard).collect()
}

fn required_anti_affinity(spec: &Value) -> bool {
    spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"].is_array()
}

fn within_a_point(share: usize, of: usize, percent: usize) -> bool {
    (share * 100).abs_diff(of * percent) <= of
}

#[test]
fn the_same_seed_gives_the_same_cluster_and_another_seed_another() {
    assert!(*CLUSTER == cluster(7));
    assert!(*CLUSTER != cluster(8));
}

/// Benchmarks name a seed instead of publishing a file: a change here is a change of them all.
#[test]
fn a_published_seed_still_means_the_same_cluster() {
    let mut hash = Sha256::new();
    live(Size::of(300, None), 1, &mut |mut object| {
        object.sort_all_objects(); // the order of fields is a build option of serde_json
        hash.update(object.to_string());
        Ok(())
    })
    .unwrap();
    let hash = format!("{:x}", hash.finalize());
    assert_eq!(hash, "a42c8b197404555dcde17022a4f88f3ed173e7f139dae307c39ede7af79d171b");
}

#[test]
fn sizes_are_exact_and_names_unique() {
    let objects = CLUSTER.as_slice();
    assert_eq!(of_kind(objects, "Pod").len(), SIZE.pods);
    assert_eq!(of_kind(objects, "Node").len(), SIZE.nodes);
    let workloads = ["Deployment", "StatefulSet", "CronJob"].map(|kind| of_kind(objects, kind));
    let of_teams = |object: &&&Value| object["metadata"]["namespace"] != "kube-system";
    assert_eq!(workloads.iter().flatten().filter(of_teams).count(), SIZE.workloads);

    let name = |object: &Value| {
        let metadata = &object["metadata"];
        format!("{} {} {}", object["kind"], metadata["namespace"], metadata["name"])
    };
    let names: HashSet<String> = objects.iter().map(name).collect();
    assert_eq!(names.len(), objects.len());
    let uids: HashSet<&Value> = objects.iter().map(|object| &object["metadata"]["uid"]).collect();
    assert_eq!(uids.len(), objects.len());
}

#[test]
fn shares_are_those_of_the_benchmark() {
    let objects = CLUSTER.as_slice();
    let (sets, deployments) = (of_kind(objects, "StatefulSet"), of_kind(objects, "Deployment"));
    let workloads = || sets.iter().chain(&deployments).map(|object| &object["spec"]["template"]);
    let count = |keep: fn(&Value) -> bool| workloads().filter(|t| keep(&t["spec"])).count();
    let hard = count(|spec| !hard_spreads(spec).is_empty());
    let apart = count(required_anti_affinity);
    assert!(within_a_point(hard, SIZE.workloads, 20), "{hard} spread strictly");
    assert!(within_a_point(apart, SIZE.workloads, 5), "{apart} require different nodes");
    assert!(within_a_point(sets.len(), SIZE.workloads, 10), "{} have volumes", sets.len());

    let image = |template: &Value| template["spec"]["containers"][0]["image"].to_string();
    let images: BTreeSet<String> = workloads().map(image).collect();
    assert!(images.len() >= SIZE.templates, "{} templates", images.len());
}

#[test]
fn pods_are_where_their_own_rules_allow_them() {
    let objects = CLUSTER.as_slice();
    let pods = of_kind(objects, "Pod");
    let mut siblings: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for pod in &pods {
        assert_eq!(pod["status"]["phase"], "Running", "{}", pod["metadata"]["name"]);
        let owner = pod["metadata"]["ownerReferences"][0]["uid"].to_string();
        siblings.entry(owner).or_default().push(pod);
    }
    for pods in siblings.values() {
        let spec = &pods[0]["spec"];
        let nodes: HashSet<_> = pods.iter().map(|pod| &pod["spec"]["nodeName"]).collect();
        if required_anti_affinity(spec) {
            assert_eq!(nodes.len(), pods.len(), "{}", pods[0]["metadata"]["name"]);
        }
        if hard_spreads(spec).iter().any(|hard| hard["topologyKey"] != "kubernetes.io/hostname") {
            let mut zones: BTreeMap<String, usize> = BTreeMap::new();
            for pod in pods {
                let label = &pod["metadata"]["labels"]["topology.kubernetes.io/zone"];
                *zones.entry(label.to_string()).or_default() += 1;
            }
            let least = if zones.len() < 3 { 0 } else { zones.values().copied().min().unwrap() };
            assert!(zones.values().max().unwrap() - least <= 1, "{zones:?}");
        }
    }
}

#[test]
fn owners_and_claims_exist() {
    let objects = CLUSTER.as_slice();
    let uids: HashSet<&Value> = objects.iter().map(|object| &object["metadata"]["uid"]).collect();
    let owners = objects.iter().filter_map(|object| object["metadata"]["ownerReferences"].as_array());
    assert!(owners.flatten().all(|owner| uids.contains(&owner["uid"])));

    let key = |namespace: &Value, name: &Value| format!("{namespace}/{name}");
    let claims: HashSet<String> = of_kind(objects, "PersistentVolumeClaim")
        .iter()
        .map(|claim| key(&claim["metadata"]["namespace"], &claim["metadata"]["name"]))
        .collect();
    let mut used = 0;
    for pod in of_kind(objects, "Pod") {
        for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
            if let Some(claim) = volume.pointer("/persistentVolumeClaim/claimName") {
                assert!(claims.contains(&key(&pod["metadata"]["namespace"], claim)), "{claim}");
                used += 1;
            }
        }
    }
    assert_eq!(used, claims.len());
}

#[test]
fn manifests_carry_nothing_that_controllers_write() {
    manifests(SIZE, 7, &mut |object| {
        assert!(object["metadata"]["uid"].is_null());
        assert!(object["kind"] == "Node" || object["status"].is_null(), "{}", object["kind"]);
        assert_ne!(object["kind"], "ReplicaSet");
        Ok(())
    })
    .unwrap();
}

#[test]
fn impossible_sizes_are_refused_with_the_reason() {
    let refused = |size| live(size, 1, &mut |_| Ok(())).unwrap_err().to_string();
    assert!(refused(Size { nodes: 5, ..SIZE }).contains("6 nodes"));
    assert!(refused(Size { pods: 700, ..SIZE }).contains("at least 854 pods"));
    assert!(refused(Size { nodes: 20, ..SIZE }).contains("at most 1600 pods"));
}

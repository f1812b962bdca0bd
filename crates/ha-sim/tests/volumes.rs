//! What the filters say of a pod with claims and two nodes: `a` in zone `a`, and `b` in zone `b`.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{attaches_one, labelled, snapshot, zoned};
use ha_core::Settings;
use ha_core::impact::{Certainty, Disruption, DisruptionKind, LossMode};
use ha_sim::cycle::{Cycle, Plugin};
use ha_sim::filters;
use ha_sim::ids::PodIndex;
use ha_sim::model::storage::Binding;
use ha_sim::schedule::{Search, schedule};
use ha_sim::simulate::{Options, simulate};
use ha_sim::{Model, State};
use serde_json::{Value, json};

fn nodes() -> Vec<Value> {
    vec![zoned("a"), zoned("b")]
}

/// Writes the second over the first, object by object.
fn merged(mut base: Value, more: &Value) -> Value {
    match (base.as_object_mut(), more.as_object()) {
        (Some(fields), Some(more)) => {
            for (name, value) in more {
                let before = fields.remove(name).unwrap_or(Value::Null);
                fields.insert(name.clone(), merged(before, value));
            }
            base
        }
        _ => more.clone(),
    }
}

/// A class that waits for the pod, with volumes that exist already.
fn class(more: &Value) -> Value {
    let base = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "local"},
        "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer"});
    merged(base, more)
}

/// A free volume of that class.
fn volume(name: &str, more: &Value) -> Value {
    let base = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {"capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "local",
            "csi": {"driver": "disks", "volumeHandle": name}},
        "status": {"phase": "Available"}});
    merged(base, more)
}

/// What restricts a volume to a zone.
fn in_zone(zone: &str) -> Value {
    let term =
        json!({"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}]});
    json!({"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}})
}

/// A claim that is not bound yet.
fn claim(name: &str, more: &Value) -> Value {
    let base = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "local",
            "resources": {"requests": {"storage": "2Gi"}}},
        "status": {"phase": "Pending"}});
    merged(base, more)
}

/// What binds a claim.
fn bound_to(volume: &str) -> Value {
    json!({"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
        "spec": {"volumeName": volume}, "status": {"phase": "Bound"}})
}

/// A pod with claims, on a node or waiting.
fn pod(name: &str, claims: &[&str], node: Option<&str>) -> Value {
    let volumes: Vec<Value> =
        claims.iter().map(|claim| json!({"name": claim, "persistentVolumeClaim": {"claimName": claim}})).collect();
    let mut spec = json!({"containers": [{"name": "a", "image": "a"}], "volumes": volumes});
    if let Some(node) = node {
        spec["nodeName"] = node.into();
    }
    let phase = if node.is_some() { "Running" } else { "Pending" };
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"}, "spec": spec,
        "status": {"phase": phase}})
}

/// The plugins that refuse the pod `p` on either node, or the words with which it is refused before.
fn verdicts(more: &[Value]) -> Result<[Option<Plugin>; 2], String> {
    verdicts_after(more, |_| ())
}

fn verdicts_after(more: &[Value], change: impl Fn(&mut State)) -> Result<[Option<Plugin>; 2], String> {
    verdicts_of(&[&nodes()[..], more].concat(), change)
}

fn verdicts_of(objects: &[Value], change: impl Fn(&mut State)) -> Result<[Option<Plugin>; 2], String> {
    let snapshot = snapshot(objects);
    let model = Model::new(&snapshot);
    let mut state = State::new(&model);
    change(&mut state);
    let pod = common::pod_named(&state, "p");
    let cycle = Cycle::start(&mut state, pod).map_err(|rejection| rejection.message)?;
    Ok(["a", "b"].map(|name| {
        let node = common::node(&snapshot, name).position();
        filters::check(&state, &cycle, node).map(|refusal| refusal.plugin)
    }))
}

const BOTH: Result<[Option<Plugin>; 2], String> = Ok([None, None]);
const ONLY_A: Result<[Option<Plugin>; 2], String> = Ok([None, Some(Plugin::VolumeBinding)]);
const NEITHER: Result<[Option<Plugin>; 2], String> = Ok([Some(Plugin::VolumeBinding), Some(Plugin::VolumeBinding)]);

#[test]
fn a_claim_that_waits_needs_a_free_volume_that_fits_it() {
    let cases = [
        ("fits", json!({}), json!({}), BOTH),
        ("larger", json!({"spec": {"capacity": {"storage": "3Gi"}}}), json!({}), BOTH),
        ("too small", json!({"spec": {"capacity": {"storage": "1Gi"}}}), json!({}), NEITHER),
        ("in one zone", in_zone("a"), json!({}), ONLY_A),
        ("block alone", json!({"spec": {"volumeMode": "Block"}}), json!({}), NEITHER),
        ("block for both", json!({"spec": {"volumeMode": "Block"}}), json!({"spec": {"volumeMode": "Block"}}), BOTH),
        ("going", json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}), json!({}), NEITHER),
        ("of another class", json!({"spec": {"storageClassName": "other"}}), json!({}), NEITHER),
        ("released", json!({"status": {"phase": "Released"}}), json!({}), NEITHER),
        ("of another mode", json!({}), json!({"spec": {"accessModes": ["ReadWriteMany"]}}), NEITHER),
        ("not selected", json!({}), json!({"spec": {"selector": {"matchLabels": {"tier": "x"}}}}), NEITHER),
        (
            "selected",
            json!({"metadata": {"labels": {"tier": "x"}}}),
            json!({"spec": {"selector": {"matchLabels": {"tier": "x"}}}}),
            BOTH,
        ),
        ("kept for it", json!({"spec": {"claimRef": {"namespace": "shop", "name": "data"}}}), json!({}), BOTH),
        ("kept for another", json!({"spec": {"claimRef": {"namespace": "shop", "name": "x"}}}), json!({}), NEITHER),
        ("kept elsewhere", json!({"spec": {"claimRef": {"namespace": "x", "name": "data"}}}), json!({}), NEITHER),
        (
            "the node is chosen",
            json!({}),
            json!({"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "a"}}}),
            NEITHER,
        ),
    ];
    for (words, of_volume, of_claim, expected) in cases {
        let objects = [class(&json!({})), volume("v", &of_volume), claim("data", &of_claim), pod("p", &["data"], None)];
        assert_eq!(verdicts(&objects), expected, "{words}");
    }
}

#[test]
fn volumes_are_made_where_the_class_allows() {
    let driver = json!({"provisioner": "disks"});
    let terms = |zone: &str| {
        json!({"provisioner": "disks", "allowedTopologies":
            [{"matchLabelExpressions": [{"key": "topology.kubernetes.io/zone", "values": [zone]}]}]})
    };
    let chosen = json!({"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "a"}}});
    let cases = [
        ("none are made", json!({}), json!({}), NEITHER),
        ("anywhere", driver.clone(), json!({}), BOTH),
        ("in a zone", terms("a"), json!({}), ONLY_A),
        ("for a node", driver, chosen, ONLY_A),
    ];
    for (words, of_class, of_claim, expected) in cases {
        let objects = [class(&of_class), claim("data", &of_claim), pod("p", &["data"], None)];
        assert_eq!(verdicts(&objects), expected, "{words}");
    }
}

/// Two claims cannot have the same volume, and the smaller claim does not take the larger volume from the other.
#[test]
fn several_claims_take_several_volumes_the_smallest_first() {
    let large = json!({"spec": {"capacity": {"storage": "5Gi"}}});
    let wants_much = json!({"spec": {"resources": {"requests": {"storage": "4Gi"}}}});
    let claims = [claim("much", &wants_much), claim("little", &json!({})), pod("p", &["much", "little"], None)];
    let with = |volumes: &[Value]| verdicts(&[&[class(&json!({}))], volumes, &claims].concat());
    assert_eq!(with(&[volume("large", &large)]), NEITHER);
    assert_eq!(with(&[volume("large", &large), volume("small", &json!({}))]), BOTH);
    assert_eq!(with(&[volume("a-small", &json!({})), volume("large", &large)]), BOTH);
    let small_in_a = merged(volume("small", &json!({})), &in_zone("a"));
    assert_eq!(with(&[volume("large", &large), small_in_a]), ONLY_A);
}

#[test]
fn a_volume_that_another_claim_has_got_meanwhile_is_taken() {
    let objects = [
        class(&json!({})),
        volume("v", &json!({})),
        claim("data", &json!({})),
        claim("other", &json!({})),
        pod("p", &["data"], None),
    ];
    let taken = |state: &mut State| {
        let model = state.model;
        let other = model.storage.find(model.snapshot.claims[0].namespace, name_of(state, "other")).unwrap();
        state.bind(other, Binding::Volume(ha_core::snapshot::VolumeId::at(0)));
    };
    assert_eq!(verdicts(&objects), BOTH);
    assert_eq!(verdicts_after(&objects, taken), NEITHER);
}

fn name_of(state: &State, name: &str) -> ha_core::text::Text {
    let claims = &state.model.snapshot.claims;
    claims.iter().find(|claim| state.model.snapshot.text(claim.name) == name).unwrap().name
}

/// Made during the simulation, a volume can be used in the zone of its node, or on that node alone.
#[test]
fn a_volume_that_was_made_meanwhile_stays_in_its_zone() {
    let objects = [class(&json!({"provisioner": "disks"})), claim("data", &json!({})), pod("p", &["data"], None)];
    let made = |state: &mut State| {
        let model = state.model;
        let data = model.storage.find(model.snapshot.claims[0].namespace, name_of(state, "data")).unwrap();
        let node = common::node(model.snapshot, "a").position();
        state.bind(data, Binding::Provisioned(u32::try_from(node).unwrap()));
    };
    assert_eq!(verdicts_after(&objects, made), ONLY_A);
    for (zones, expected) in [(["z", "z"], BOTH), (["", ""], ONLY_A)] {
        let node = |(name, zone): (&str, &str)| {
            let labels = if zone.is_empty() { json!({}) } else { json!({"topology.kubernetes.io/zone": zone}) };
            labelled(name, &labels)
        };
        let nodes: Vec<Value> = ["a", "b"].into_iter().zip(zones).map(node).collect();
        assert_eq!(verdicts_of(&[&nodes[..], &objects].concat(), made), expected, "{zones:?}");
    }
}

#[test]
fn claims_that_nobody_binds_reject_the_pod() {
    let reject = |objects: &[Value]| verdicts(objects).unwrap_err();
    let immediate = class(&json!({"volumeBindingMode": "Immediate"}));
    let waiting = pod("p", &["data"], None);
    let unbound = reject(&[immediate, volume("v", &json!({})), claim("data", &json!({})), waiting.clone()]);
    assert_eq!(unbound, "pod has unbound immediate PersistentVolumeClaims");
    let promised = claim("data", &json!({"spec": {"volumeName": "v"}}));
    let promised = reject(&[class(&json!({})), volume("v", &json!({})), promised, waiting.clone()]);
    assert_eq!(promised, "pod has unbound immediate PersistentVolumeClaims");
    let absent = reject(&[class(&json!({})), claim("data", &bound_to("gone")), waiting]);
    assert_eq!(absent, "persistentvolume \"gone\" not found");
}

#[test]
fn which_of_several_waiting_claims_gets_which_volume_is_chance() {
    let by_chance = |claims: &[&str]| {
        let mut objects = vec![class(&json!({"provisioner": "disks"})), pod("p", claims, None)];
        objects.extend(claims.iter().map(|name| claim(name, &json!({}))));
        let snapshot = snapshot(&[nodes(), objects].concat());
        let model = Model::new(&snapshot);
        let mut state = State::new(&model);
        let pod = state.pods().next().unwrap();
        Cycle::start(&mut state, pod).unwrap().binds_by_chance()
    };
    assert!(!by_chance(&["x"]));
    assert!(by_chance(&["x", "y"]));
}

/// Only where the driver says how much room it has where, and a volume is still to be made.
#[test]
fn a_driver_that_tracks_its_capacity_leaves_the_end_unknown() {
    let tracks = json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": "disks"},
        "spec": {"storageCapacity": true}});
    let of = |late: &str, driver: Option<&Value>, of_claim: &Value| {
        let mut objects = nodes();
        objects.push(class(&json!({"provisioner": "disks", "volumeBindingMode": late})));
        objects.extend([volume("v", &json!({})), claim("data", of_claim), pod("p", &["data"], None)]);
        objects.extend(driver.cloned());
        let snapshot = snapshot(&objects);
        let settings = Settings::default();
        let options = Options { settings: &settings, tries: 2, least: 2, seed: 0, show_all: true };
        let model = Model::new(&snapshot);
        let loss = Disruption {
            name: "b".to_owned(),
            kind: DisruptionKind::Loss(LossMode::Unreachable),
            nodes: vec![common::node(&snapshot, "b")],
        };
        let impact = simulate(&mut State::new(&model), &loss, &options);
        impact.workloads.iter().any(|workload| workload.certainty == Certainty::Unknown)
    };
    let late = "WaitForFirstConsumer";
    assert!(of(late, Some(&tracks), &json!({})));
    assert!(!of(late, None, &json!({})));
    assert!(!of("Immediate", Some(&tracks), &json!({})));
    assert!(!of(late, Some(&tracks), &bound_to("v")));
}

/// A node to which one volume can be attached has one already.
#[test]
fn limits_count_the_volumes_of_their_driver() {
    let other = json!({"spec": {"csi": {"driver": "others"}}});
    let objects = |driver: &str, there: &Value| {
        [
            volume("v", &json!({})),
            claim("data", &bound_to("v")),
            volume("there", there),
            claim("there", &bound_to("there")),
            volume("more", there),
            claim("more", &bound_to("more")),
            pod("x", &["there", "more"], Some("a")),
            attaches_one(driver, "a"),
            pod("p", &["data"], None),
        ]
    };
    let full = Ok([Some(Plugin::NodeVolumeLimits), None]);
    assert_eq!(verdicts(&objects("disks", &json!({}))), full);
    assert_eq!(verdicts(&objects("disks", &other)), BOTH);
    assert_eq!(verdicts(&objects("others", &other)), BOTH, "the pod adds none of that driver");
}

#[test]
fn one_volume_more_than_the_limit_is_refused() {
    let of = |there: &[&str]| {
        let mut objects = vec![volume("v", &json!({})), claim("data", &bound_to("v")), attaches_one("disks", "a")];
        for name in there {
            objects.extend([volume(name, &json!({})), claim(name, &bound_to(name)), pod(name, &[name], Some("a"))]);
        }
        objects.push(pod("p", &["data"], None));
        verdicts(&objects)
    };
    assert_eq!(of(&[]), BOTH);
    assert_eq!(of(&["x"]), Ok([Some(Plugin::NodeVolumeLimits), None]));
}

/// A disk that a pod names itself, without a claim.
#[test]
fn a_disk_that_a_pod_names_is_mounted_once() {
    let on_disk = |name: &str, node: Option<&str>, read_only: bool| {
        let mut pod = pod(name, &[], node);
        pod["spec"]["volumes"] = json!([{"name": "d", "gcePersistentDisk": {"pdName": "d", "readOnly": read_only}}]);
        pod
    };
    let full = Ok([Some(Plugin::VolumeRestrictions), None]);
    assert_eq!(verdicts(&[on_disk("x", Some("a"), false), on_disk("p", None, false)]), full);
    assert_eq!(verdicts(&[on_disk("x", Some("a"), true), on_disk("p", None, true)]), BOTH);
    assert_eq!(verdicts(&[pod("x", &[], Some("a")), on_disk("p", None, false)]), BOTH);
}

#[test]
fn a_claim_for_one_pod_is_used_by_one_pod() {
    let single = json!({"spec": {"accessModes": ["ReadWriteOncePod"]}});
    let volume = [volume("v", &single), claim("data", &merged(bound_to("v"), &single))];
    let of = |node, p: Value| verdicts(&[&volume[..], &[pod("x", &["data"], node), p]].concat());
    let waiting = pod("p", &["data"], None);
    let nowhere = Ok([Some(Plugin::VolumeRestrictions), Some(Plugin::VolumeRestrictions)]);
    assert_eq!(of(None, waiting.clone()), BOTH);
    assert_eq!(of(Some("a"), waiting.clone()), nowhere);
    let mut with_disk = waiting;
    let disk = json!({"name": "d", "gcePersistentDisk": {"pdName": "d"}});
    with_disk["spec"]["volumes"].as_array_mut().unwrap().push(disk);
    assert_eq!(of(None, with_disk), BOTH);
}

#[test]
fn labels_of_a_volume_say_in_which_zones_it_is() {
    let of = |key: &str, value: &str| {
        let volume = volume("v", &json!({"metadata": {"labels": {key: value}}}));
        verdicts(&[volume, claim("data", &bound_to("v")), pod("p", &["data"], None)])
    };
    let only_a = Ok([None, Some(Plugin::VolumeZone)]);
    let zone = "topology.kubernetes.io/zone";
    assert_eq!(of(zone, "a"), only_a);
    assert_eq!(of(zone, "a__b"), BOTH);
    assert_eq!(of(zone, "x__a"), only_a);
    assert_eq!(of(zone, "a__"), BOTH, "a label with an empty part is ignored");
    assert_eq!(of("failure-domain.beta.kubernetes.io/zone", "a"), only_a, "nodes may have it under the newer key");
    assert_eq!(of("topology.kubernetes.io/region", "r"), Ok([Some(Plugin::VolumeZone), Some(Plugin::VolumeZone)]));
    assert_eq!(of("tier", "x"), BOTH);
}

#[test]
fn a_pod_that_is_placed_binds_its_claims() {
    let objects = [class(&json!({})), volume("v", &json!({})), claim("data", &json!({})), pod("p", &["data"], None)];
    let snapshot = snapshot(&[&nodes()[..], &objects].concat());
    let model = Model::new(&snapshot);
    let mut state = State::new(&model);
    let pod = state.pods().next().unwrap();
    let cycle = Cycle::start(&mut state, pod).unwrap();
    let claim = claim_of(&state, pod);
    assert_eq!(state.binding(claim), Binding::Unbound);
    schedule(&mut state, &mut Search::new(0, 2), cycle);
    assert!(matches!(state.binding(claim), Binding::Volume(_)));
}

fn claim_of(state: &State, pod: PodIndex) -> ha_sim::ids::ClaimIndex {
    state.claim_of(pod, state.pod(pod).claims[0]).unwrap()
}

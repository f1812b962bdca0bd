//! Renaming: nothing tells whose cluster it is, and everything that belonged together still does.

use ha_core::snapshot::ResourceKind;
use ha_read::saved::Anonymizer;
use ha_snapshot::objects::{Body, Object, Pod, StatefulSet};

use crate::{cluster, saved};

/// Words of the test cluster that are its owner's own.
const PRIVATE: &[&str] = &[
    "acme-",
    "acme.com",
    "-shop",
    "orders",
    "orion",
    "payments",
    "globex",
    "Globex",
    "jane",
    "eu-west",
    "10-20-30-40",
    "10.20.30.40",
    "10.244",
    "172.20",
    "i-0abc",
];

fn renamed() -> Vec<Object> {
    let objects = cluster();
    let mut anonymizer = Anonymizer::new(&objects);
    objects.iter().map(|object| anonymizer.object(object).unwrap()).collect()
}

fn bodies<'o, T>(objects: &'o [Object], body: impl Fn(&'o Body) -> Option<&'o T>) -> Vec<&'o T> {
    objects.iter().filter_map(|object| body(&object.body)).collect()
}

fn stateful_set(objects: &[Object]) -> &StatefulSet {
    bodies(objects, |body| if let Body::StatefulSet(found) = body { Some(&**found) } else { None })[0]
}

fn pods(objects: &[Object]) -> Vec<&Pod> {
    bodies(objects, |body| if let Body::Pod(found) = body { Some(&**found) } else { None })
}

fn named(objects: &[Object], kind: ResourceKind) -> Vec<&str> {
    objects.iter().filter(|object| object.kind() == kind).map(|object| object.metadata().name.as_str()).collect()
}

#[test]
fn no_private_word_is_left() {
    for object in renamed() {
        let text = serde_json::to_string(&object.body).unwrap();
        let text = text.replace("registry.acme.example/postgres:16", "");
        for word in PRIVATE {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
}

#[test]
fn the_header_tells_nothing_either() {
    let objects = cluster();
    let mut anonymizer = Anonymizer::new(&objects);
    let saved = anonymizer.saved(&saved());
    let text = format!("{saved:?}");
    for word in PRIVATE {
        assert!(!text.contains(word), "{word} in {text}");
    }
    assert_eq!(saved.reading.server_version, "v1.36.3");
    assert_eq!(saved.reading.gaps[0].kind, Some(ResourceKind::Lease));
    let namespaces = cluster().iter().filter(|object| object.kind() == ResourceKind::Namespace).count();
    assert_eq!(saved.reading.namespaces.len(), namespaces);
}

#[test]
fn what_belonged_together_still_does() {
    let objects = renamed();
    let set = stateful_set(&objects);
    let pod = pods(&objects)[0];
    let name = set.metadata.name.as_str();
    assert_eq!(pod.metadata.name, format!("{name}-0"));
    assert_eq!(set.spec.service_name, name);
    assert_eq!(pod.metadata.owner_references[0].name, name);
    assert_eq!(pod.metadata.owner_references[0].uid, set.metadata.uid);
    assert_eq!(named(&objects, ResourceKind::Service)[0], name);
    assert_eq!(named(&objects, ResourceKind::Namespace), [pod.metadata.namespace.as_str()]);

    let claim = format!("{}-{name}-0", set.spec.volume_claim_templates[0].metadata.name);
    assert_eq!(named(&objects, ResourceKind::PersistentVolumeClaim), [claim.as_str()]);
    assert_eq!(pod.spec.volumes[0].persistent_volume_claim.as_ref().unwrap().claim_name, claim);
    let class = set.spec.volume_claim_templates[0].spec.storage_class_name.as_deref();
    assert_eq!(class, named(&objects, ResourceKind::StorageClass).first().copied());

    for (key, value) in &set.spec.selector.as_ref().unwrap().match_labels.0 {
        assert_eq!(pod.metadata.labels.get(key), Some(value.as_str()));
    }
    for expression in &set.spec.selector.as_ref().unwrap().match_expressions {
        assert_eq!(pod.metadata.labels.get(&expression.key), Some(expression.values[0].as_str()));
    }
}

#[test]
fn nodes_and_zones_still_match() {
    let objects = renamed();
    let nodes = bodies(&objects, |body| if let Body::Node(found) = body { Some(&**found) } else { None });
    let (node, pod) = (nodes[0], pods(&objects)[0]);
    assert_eq!(node.metadata.name, "node-1");
    assert_eq!(pod.node_name, "node-1");
    assert_eq!(node.metadata.labels.get("kubernetes.io/hostname"), Some("node-1"));
    assert_eq!(node.metadata.labels.get("topology.kubernetes.io/zone"), Some("zone-1"));
    assert_eq!(node.metadata.labels.get("topology.kubernetes.io/region"), Some("region-1"));
    assert_eq!(node.metadata.labels.get("kubernetes.io/os"), Some("linux"));
    let terms = &pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution;
    let values = &terms.as_ref().unwrap().node_selector_terms[0].match_expressions[0].values;
    assert_eq!(values, &["zone-1", "zone-2"]);
    for (key, value) in &pod.spec.node_selector.0 {
        assert_eq!(node.metadata.labels.get(key), Some(value.as_str()));
    }
    let (taint, toleration) = (&node.spec.taints[0], &pod.spec.tolerations[0]);
    assert_eq!((&taint.key, &taint.value, &taint.effect), (&toleration.key, &toleration.value, &toleration.effect));
    let slices = bodies(&objects, |body| if let Body::EndpointSlice(found) = body { Some(&**found) } else { None });
    assert_eq!((slices[0].endpoints[0].zone.as_str(), slices[0].endpoints[0].node_name.as_str()), ("zone-1", "node-1"));
}

#[test]
fn the_system_stays_recognisable() {
    let objects = renamed();
    let system = pods(&objects)[1];
    assert_eq!(
        (system.metadata.namespace.as_str(), system.metadata.name.as_str()),
        ("kube-system", "kube-apiserver-node-1")
    );
    assert_eq!(system.metadata.owner_references[0].name, "node-1");
    assert_eq!(system.metadata.labels.get("component"), Some("kube-apiserver"));
    assert_eq!(system.spec.priority_class_name, "system-node-critical");
    assert_eq!(system.spec.containers[0].image, "registry.k8s.io/kube-apiserver:v1.36.3");
    assert_eq!(named(&objects, ResourceKind::Service)[1], "frobnicator");
    assert_eq!(named(&objects, ResourceKind::Lease), ["node-1", "kube-scheduler"]);
}

#[test]
fn what_is_no_name_is_kept() {
    let (objects, original) = (renamed(), cluster());
    let (set, before) = (stateful_set(&objects), stateful_set(&original));
    assert_eq!(set.spec.update_strategy, before.spec.update_strategy);
    assert_eq!(set.spec.template.spec.containers[0].image, before.spec.template.spec.containers[0].image);
    assert_eq!(set.spec.template.spec.containers[0].resources, before.spec.template.spec.containers[0].resources);
    let reason = set.spec.template.metadata.annotations.get("kubectl-ha/ignore.single-replica").unwrap();
    assert!(reason.starts_with("until 2026-12-31: "), "{reason}");
}

#[test]
fn renaming_is_one_to_one() {
    let names = |objects: &[Object]| -> Vec<String> {
        objects.iter().map(|object| object.metadata().name.to_string()).collect()
    };
    let (before, after) = (names(&cluster()), names(&renamed()));
    for (left, left_renamed) in before.iter().zip(&after) {
        for (right, right_renamed) in before.iter().zip(&after) {
            assert_eq!(left == right, left_renamed == right_renamed, "{left} and {right}");
        }
    }
}

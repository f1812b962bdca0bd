//! What a cluster's objects would be after a change: manifests laid over what was read, before anything is applied.
//!
//! An object of the change takes the place of the one with its kind, namespace and name, and keeps what the server and
//! the controllers wrote into that one: identity, status, and replicas that the manifest leaves open. Workloads are
//! carried out to their end as if all went well: see the modules `template` (pods of a changed template) and `scale`
//! (pods that come and go). Pods that must be placed anew have no node afterwards: where they go is the scheduler's part.
//!
//! Left out: what admission would make of new objects (defaults of LimitRanges are applied by the builder), Jobs that a
//! changed CronJob would start, and objects that a change removes: manifests cannot say that.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use ha_core::snapshot::ResourceKind;
use hashbrown::{HashMap, HashSet};

use crate::build::ObjectName;
use crate::objects::{Body, Metadata, Object, PersistentVolume, PersistentVolumeClaim, Pod, PodStatus, Str};

mod autoscaler;
mod daemons;
mod scale;
mod template;
mod workload;

use workload::Controlled;

/// What an object is told by: kind, namespace, name.
type Key = (ResourceKind, Str, Str);

/// A cluster's objects after a change.
#[derive(Clone, Debug, Default)]
pub struct Overlaid {
    /// All objects.
    pub objects: Vec<Object>,
    /// What took the place of something.
    pub replaced: Vec<ObjectName>,
    /// What was not there before.
    pub added: Vec<ObjectName>,
    /// Pods that keep their node and get the new template.
    pub updated: u32,
    /// Pods that the scheduler must place anew, since the new template asks for other places.
    pub moved: u32,
    /// Pods that come.
    pub created: u32,
    /// Pods that go.
    pub removed: u32,
}

/// Lays `changes` over `base`. Objects of the change that name no namespace go to `namespace`. Of several changes of one
/// object the last counts.
pub fn overlay(base: Vec<Object>, changes: Vec<Object>, namespace: &str) -> Overlaid {
    let as_they_are: HashSet<(Str, Str, Str)> = base.iter().filter_map(pod_of).filter_map(unresolved).collect();
    let mut overlaid = Overlaid { objects: base, ..Overlaid::default() };
    let positions: HashMap<Key, usize> =
        overlaid.objects.iter().enumerate().map(|(position, object)| (key(object), position)).collect();
    let mut carried_out: Vec<(Option<Object>, usize)> = Vec::new();
    for change in last_of_each(changes, namespace) {
        let name = name_of(&change);
        let position = if let Some(&position) = positions.get(&key(&change)) {
            let merged = merge(&overlaid.objects[position], change);
            let old = core::mem::replace(&mut overlaid.objects[position], merged);
            overlaid.replaced.push(name);
            carried_out.push((Some(old), position));
            continue;
        } else {
            overlaid.objects.push(with_uid(change));
            overlaid.objects.len() - 1
        };
        overlaid.added.push(name);
        carried_out.push((None, position));
    }
    let mut controlled = Controlled::of(&overlaid.objects);
    for (old, position) in &carried_out {
        workload::carry_out(&mut overlaid, &mut controlled, old.as_ref(), *position);
    }
    autoscaler::carry_out(&mut overlaid, &mut controlled, &carried_out);
    overlaid.objects.retain(|object| !is_removed(object));
    resolve_priorities(&mut overlaid.objects, &as_they_are);
    overlaid
}

/// A pod that has no priority: its namespace, name and class.
fn unresolved(pod: &Pod) -> Option<(Str, Str, Str)> {
    let names = || (pod.metadata.namespace.clone(), pod.metadata.name.clone(), pod.spec.priority_class_name.clone());
    pod.spec.priority.is_none().then(names)
}

/// Gives pods that have no priority yet that of their class, or of the default class (admission plugin `Priority`). Pods
/// that came without one from the cluster stay as they are.
fn resolve_priorities(objects: &mut [Object], as_they_are: &HashSet<(Str, Str, Str)>) {
    let mut classes: HashMap<Str, i32> =
        [("system-cluster-critical".into(), 2_000_000_000), ("system-node-critical".into(), 2_000_001_000)].into();
    let mut default = 0;
    for object in &*objects {
        if let Body::PriorityClass(class) = &object.body {
            classes.insert(class.metadata.name.clone(), class.value);
            default = if class.global_default { class.value } else { default };
        }
    }
    let is_new = |pod: &&mut Pod| unresolved(pod).is_some_and(|names| !as_they_are.contains(&names));
    for pod in objects.iter_mut().filter_map(pod_mut).filter(is_new) {
        let name = &pod.spec.priority_class_name;
        let priority = if name.is_empty() { default } else { classes.get(name).copied().unwrap_or(0) };
        if priority != 0 {
            Arc::make_mut(&mut pod.spec).priority = Some(priority);
        }
    }
}

impl Overlaid {
    /// Takes pods off their nodes: others took the room. Bare pods, which nobody makes again, go for good.
    pub fn evict(&mut self, is_evicted: impl Fn(&str, &str) -> bool) {
        self.objects.retain_mut(|object| {
            let Some(pod) = pod_mut(object).filter(|pod| is_evicted(&pod.metadata.namespace, &pod.metadata.name))
            else {
                return true;
            };
            template::lift(pod);
            pod.metadata.controller().is_some()
        });
    }

    /// Pods got nodes: `(namespace, name) → node`. They count as started and ready.
    pub fn place(&mut self, nodes: &HashMap<(String, String), String>) {
        for pod in self.objects.iter_mut().filter_map(pod_mut) {
            let name = (pod.metadata.namespace.to_string(), pod.metadata.name.to_string());
            if let Some(node) = nodes.get(&name).filter(|_| pod.node_name.is_empty()) {
                pod.node_name = node.as_str().into();
                pod.status = scale::running();
            }
        }
    }

    /// Claims, by namespace and name, were bound: to a volume that there is, or to one made in the zone of a node.
    pub fn bind(&mut self, bound: &[(String, String, Bound)]) {
        for (namespace, name, volume) in bound {
            let claims = self.objects.iter_mut().filter_map(|object| match &mut object.body {
                Body::PersistentVolumeClaim(claim) => Some(claim),
                _ => None,
            });
            let mut claims =
                claims.filter(|claim| claim.metadata.namespace == *namespace && claim.metadata.name == *name);
            let Some(claim) = claims.next() else {
                continue;
            };
            match volume {
                Bound::Volume(volume) => claim.spec.volume_name = volume.as_str().into(),
                Bound::Made { driver, zone } => {
                    let made = made_volume(claim, driver, zone.as_ref());
                    claim.spec.volume_name.clone_from(&made.metadata.name);
                    self.objects.push(object("v1", Body::PersistentVolume(alloc::boxed::Box::new(made))));
                }
            }
        }
    }
}

/// To what a claim was bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A volume that there is, by name.
    Volume(String),
    /// A new one.
    Made {
        /// Who makes it.
        driver: String,
        /// The label of the zone where it can be used, and its value; none when it can be used everywhere.
        zone: Option<(String, String)>,
    },
}

fn made_volume(claim: &PersistentVolumeClaim, driver: &str, zone: Option<&(String, String)>) -> PersistentVolume {
    use crate::objects::{CsiSource, Expression, NodeSelector, NodeSelectorTerm};
    let name = alloc::format!("pvc-{}-{}", claim.metadata.namespace, claim.metadata.name);
    let mut volume = PersistentVolume {
        metadata: Metadata { name: name.as_str().into(), ..Metadata::default() },
        ..PersistentVolume::default()
    };
    volume.spec.storage_class_name = claim.spec.storage_class_name.clone().unwrap_or_default();
    volume.spec.access_modes.clone_from(&claim.spec.access_modes);
    volume.spec.capacity = claim.spec.resources.requests.clone();
    volume.spec.csi = Some(CsiSource { driver: driver.into(), volume_handle: name.as_str().into() });
    if let Some((key, value)) = zone {
        let requirement =
            Expression { key: key.as_str().into(), operator: "In".into(), values: alloc::vec![value.as_str().into()] };
        let term = NodeSelectorTerm { match_expressions: alloc::vec![requirement], ..NodeSelectorTerm::default() };
        volume.spec.node_affinity.required = Some(NodeSelector { node_selector_terms: alloc::vec![term] });
    }
    volume
}

/// The changes in their order, without those that a later one replaces, in their namespaces.
fn last_of_each(changes: Vec<Object>, namespace: &str) -> Vec<Object> {
    let mut seen: HashSet<Key> = HashSet::new();
    let mut last: Vec<Object> = Vec::new();
    for mut change in changes.into_iter().rev() {
        let metadata = change.body.metadata_mut();
        if metadata.name.is_empty() {
            // The server would make a name of `generateName`; for us the prefix is one.
            metadata.name.clone_from(&metadata.generate_name);
        }
        if metadata.namespace.is_empty() && is_namespaced(change.kind()) {
            change.body.metadata_mut().namespace = namespace.into();
        }
        if seen.insert(key(&change)) {
            last.push(change);
        }
    }
    last.reverse();
    last
}

fn key(object: &Object) -> Key {
    let metadata = object.metadata();
    (object.kind(), metadata.namespace.clone(), metadata.name.clone())
}

fn name_of(object: &Object) -> ObjectName {
    let metadata = object.metadata();
    ObjectName {
        api_version: object.api_version.to_string(),
        kind: object.kind().kind().to_string(),
        namespace: metadata.namespace.to_string(),
        name: metadata.name.to_string(),
    }
}

/// An owner is found by its identity, which only the server gives.
fn with_uid(mut object: Object) -> Object {
    let kind = object.kind().kind();
    let metadata = object.body.metadata_mut();
    if metadata.uid.is_empty() {
        metadata.uid = compact_str::format_compact!("change:{kind}/{}/{}", metadata.namespace, metadata.name);
    }
    object
}

/// The object as it would be stored: what the manifest says, and what the server keeps.
fn merge(old: &Object, mut new: Object) -> Object {
    let (before, after) = (old.metadata().clone(), new.body.metadata_mut());
    after.uid = before.uid;
    after.creation_timestamp = before.creation_timestamp;
    after.generation = before.generation;
    if after.owner_references.is_empty() {
        after.owner_references = before.owner_references;
    }
    for (key, value) in before.annotations.0 {
        if after.annotations.get(&key).is_none() {
            after.annotations.0.push((key, value));
        }
    }
    after.annotations.0.sort();
    keep_status(&old.body, &mut new.body);
    with_uid(new)
}

fn keep_status(old: &Body, new: &mut Body) {
    match (old, new) {
        (Body::Deployment(old), Body::Deployment(new)) => {
            new.status = old.status.clone();
            new.spec.replicas = new.spec.replicas.or(old.spec.replicas);
        }
        (Body::StatefulSet(old), Body::StatefulSet(new)) => {
            new.status = old.status.clone();
            new.spec.replicas = new.spec.replicas.or(old.spec.replicas);
        }
        (Body::ReplicaSet(old), Body::ReplicaSet(new)) => {
            new.status = old.status.clone();
            new.spec.replicas = new.spec.replicas.or(old.spec.replicas);
        }
        (Body::ReplicationController(old), Body::ReplicationController(new)) => {
            new.status = old.status.clone();
            new.spec.replicas = new.spec.replicas.or(old.spec.replicas);
        }
        (Body::DaemonSet(old), Body::DaemonSet(new)) => new.status = old.status.clone(),
        (Body::PodDisruptionBudget(old), Body::PodDisruptionBudget(new)) => new.status.clone_from(&old.status),
        (Body::HorizontalPodAutoscaler(old), Body::HorizontalPodAutoscaler(new)) => new.status = old.status.clone(),
        (Body::ScaledObject(old), Body::ScaledObject(new)) => new.status = old.status.clone(),
        (Body::Node(old), Body::Node(new)) if new.status == crate::objects::NodeStatus::default() => {
            new.status = old.status.clone();
        }
        (Body::Pod(old), Body::Pod(new)) if new.status == PodStatus::default() => {
            new.status = old.status.clone();
            new.node_name.clone_from(&old.node_name);
        }
        (Body::PersistentVolumeClaim(old), Body::PersistentVolumeClaim(new)) => {
            new.status = old.status.clone();
            if new.spec.volume_name.is_empty() {
                new.spec.volume_name.clone_from(&old.spec.volume_name);
            }
        }
        (Body::PersistentVolume(old), Body::PersistentVolume(new)) => new.status = old.status.clone(),
        _ => {}
    }
}

const fn is_namespaced(kind: ResourceKind) -> bool {
    use ResourceKind as Kind;
    !matches!(
        kind,
        Kind::Node
            | Kind::Namespace
            | Kind::PersistentVolume
            | Kind::StorageClass
            | Kind::CsiNode
            | Kind::CsiDriver
            | Kind::VolumeAttachment
            | Kind::PriorityClass
            | Kind::ValidatingWebhookConfiguration
            | Kind::MutatingWebhookConfiguration
            | Kind::ApiService
            | Kind::CustomResourceDefinition
            | Kind::IngressClass
            | Kind::GatewayClass
    )
}

fn object(api_version: &str, body: Body) -> Object {
    Object { api_version: api_version.into(), body, location: None }
}

fn pod_of(object: &Object) -> Option<&Pod> {
    match &object.body {
        Body::Pod(pod) => Some(pod),
        _ => None,
    }
}

fn pod_mut(object: &mut Object) -> Option<&mut Pod> {
    match &mut object.body {
        Body::Pod(pod) => Some(pod),
        _ => None,
    }
}

/// Positions must stay while a change is carried out: what goes is marked, and dropped at the end.
const REMOVED: &str = "\u{0}";

fn remove(object: &mut Object) {
    object.body.metadata_mut().name = REMOVED.into();
}

fn is_removed(object: &Object) -> bool {
    object.metadata().name == REMOVED
}

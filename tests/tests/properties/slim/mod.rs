//! The slim types hold what the whole types of the Kubernetes client hold, in every field that they keep.
//!
//! Three ways to see that: the slim types' own lists of fields against a typed object with everything in it; random
//! typed objects, value by value; and manifests that go through both on their way to a snapshot. Last, what the API
//! server fills in makes no difference to a snapshot.
//!
//! Custom kinds have no typed form in the client: KEDA, Velero, the Gateway API. ConfigMaps are reduced before they
//! become slim.

mod defaults;
mod fields;
mod random;

use std::collections::{BTreeMap, BTreeSet};

use fields::{Kept, kept};
use ha_core::Snapshot;
use ha_core::snapshot::{ResourceKind, SourceKind};
use ha_snapshot::objects::Object;
use ha_snapshot::{Builder, Origin};
use ha_tests::{inputs, native};
use proptest::collection::vec;
use proptest::prelude::*;
use random::{Choices, Made};
use serde_json::Value;

/// What the client's type of a kind can do for these tests.
struct Typed {
    kind: ResourceKind,
    api_version: &'static str,
    /// An object of these choices, as the API writes it.
    make: fn(&mut Choices) -> Value,
    /// A manifest, read and written by the client.
    through: fn(&Value) -> Value,
}

macro_rules! typed {
    ($( $kind:ident => $path:path ),* $(,)?) => {
        /// Every kind that the client has a type for.
        const TYPED: &[Typed] = &[$( Typed {
            kind: ResourceKind::$kind,
            api_version: <$path as k8s_openapi::Resource>::API_VERSION,
            make: |choices| {
                let object: $path = serde::Deserialize::deserialize(Made::object(choices)).unwrap();
                serde_json::to_value(object).unwrap()
            },
            through: |manifest| {
                let object: $path = serde_json::from_value(manifest.clone())
                    .unwrap_or_else(|error| panic!("{error}: {manifest:#}"));
                serde_json::to_value(object).unwrap()
            },
        } ),*];
    };
}

use k8s_openapi::api::{
    admissionregistration, apps, autoscaling, batch, coordination, core, discovery, networking, policy, scheduling,
    storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration;

typed! {
    Node => core::v1::Node,
    Namespace => core::v1::Namespace,
    Pod => core::v1::Pod,
    ReplicaSet => apps::v1::ReplicaSet,
    ReplicationController => core::v1::ReplicationController,
    Deployment => apps::v1::Deployment,
    StatefulSet => apps::v1::StatefulSet,
    DaemonSet => apps::v1::DaemonSet,
    Job => batch::v1::Job,
    CronJob => batch::v1::CronJob,
    PodDisruptionBudget => policy::v1::PodDisruptionBudget,
    HorizontalPodAutoscaler => autoscaling::v2::HorizontalPodAutoscaler,
    Service => core::v1::Service,
    EndpointSlice => discovery::v1::EndpointSlice,
    Ingress => networking::v1::Ingress,
    IngressClass => networking::v1::IngressClass,
    PersistentVolume => core::v1::PersistentVolume,
    PersistentVolumeClaim => core::v1::PersistentVolumeClaim,
    StorageClass => storage::v1::StorageClass,
    CsiNode => storage::v1::CSINode,
    CsiDriver => storage::v1::CSIDriver,
    VolumeAttachment => storage::v1::VolumeAttachment,
    PriorityClass => scheduling::v1::PriorityClass,
    Lease => coordination::v1::Lease,
    ValidatingWebhookConfiguration => admissionregistration::v1::ValidatingWebhookConfiguration,
    MutatingWebhookConfiguration => admissionregistration::v1::MutatingWebhookConfiguration,
    ApiService => apiregistration::v1::APIService,
    CustomResourceDefinition => apiextensions::v1::CustomResourceDefinition,
    LimitRange => core::v1::LimitRange,
    ResourceQuota => core::v1::ResourceQuota,
}

/// Kinds without a typed form.
const UNTYPED: &[ResourceKind] = &[
    ResourceKind::ScaledObject,
    ResourceKind::GatewayClass,
    ResourceKind::Gateway,
    ResourceKind::HttpRoute,
    ResourceKind::BackupSchedule,
    ResourceKind::Backup,
    ResourceKind::BackupStorageLocation,
    ResourceKind::ConfigMap,
];

/// Leaves by path, in list order: `spec.containers[0].name`. Empty structures and lists are leaves, too.
type Leaves = BTreeMap<String, Value>;

fn leaves(value: &Value) -> Leaves {
    let mut found = Leaves::new();
    collect(value, String::new(), &mut found);
    found
}

fn collect(value: &Value, path: String, found: &mut Leaves) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let separator = if path.is_empty() { "" } else { "." };
            for (key, value) in fields {
                collect(value, format!("{path}{separator}{key}"), found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{path}[{index}]"), found);
            }
        }
        leaf => {
            found.insert(path, leaf.clone());
        }
    }
}

/// The path without positions in lists: `spec.containers[].name`.
fn general(path: &str) -> String {
    let mut general = String::with_capacity(path.len());
    let mut inside = false;
    for character in path.chars() {
        inside = (inside || character == '[') && character != ']';
        if !inside || character == '[' {
            general.push(character);
        }
    }
    general
}

/// How a field is kept; of a map's entry, how the map is.
fn kept_as(fields: &BTreeMap<String, Kept>, path: &str) -> Option<Kept> {
    let path = general(path);
    fields.get(&path).copied().or_else(|| {
        let (_, map) = fields.range(..path.clone()).rev().find(|(map, kept)| {
            kept.map && path.strip_prefix(map.as_str()).is_some_and(|rest| rest.starts_with('.'))
        })?;
        Some(*map)
    })
}

/// Fields that are reduced while they are read, and have tests of their own: command lines, and certificates.
fn is_reduced(path: &str) -> bool {
    let path = general(path);
    let reduced = [".command", ".args", ".caBundle"];
    reduced
        .iter()
        .any(|field| path.split("[]").any(|part| part.ends_with(field)) || path.contains(&format!("{field}.")))
}

/// Annotations are kept by name; of those that are made up here, these.
fn is_dropped_annotation(path: &str) -> bool {
    path.contains("annotations.") && path.ends_with("last-applied-configuration")
}

/// A ReplicaSet under a Deployment only leads to it.
fn is_dropped_template(typed: &Typed, object: &Value, path: &str) -> bool {
    let mut owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    typed.kind == ResourceKind::ReplicaSet
        && path.starts_with("spec.template.")
        && owners.any(|owner| owner["controller"] == true && owner["kind"] == "Deployment")
}

/// What a container really has is kept where that is not what its specification asks for (`reduce.rs` tests it).
fn is_settled_container(typed: &Typed, path: &str) -> bool {
    let is_restarts = path.starts_with("status.containerStatuses[") && path.ends_with(".restartCount");
    typed.kind == ResourceKind::Pod && path.contains("ontainerStatuses[") && !is_restarts
}

/// Whether a value says nothing: the slim types do not write it.
fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// An instant without the fraction of its second.
fn whole_seconds(value: &Value) -> Value {
    let text = value.as_str().filter(|text| text.ends_with('Z') && text.contains('T'));
    match text.and_then(|text| text.split_once('.')) {
        Some((seconds, _)) => Value::String(format!("{seconds}Z")),
        None => value.clone(),
    }
}

fn slim(typed: &Typed, object: &Value) -> Object {
    Object::from_json(typed.api_version, typed.kind, &object.to_string())
        .unwrap_or_else(|error| panic!("{}: {error}: {object:#}", typed.kind))
}

/// What differs between a typed object and its slim form, one line each.
fn differences(typed: &Typed, fields: &BTreeMap<String, Kept>, object: &Value) -> Vec<String> {
    let (whole, slim) = (leaves(object), leaves(&serde_json::to_value(&slim(typed, object).body).unwrap()));
    let mut wrong = Vec::new();
    for (path, value) in &whole {
        let Some(kept) = kept_as(fields, path) else { continue };
        let is_left_out = is_reduced(path)
            || is_dropped_annotation(path)
            || is_dropped_template(typed, object, path)
            || is_settled_container(typed, path);
        if is_left_out || is_default(value) && !kept.presence {
            continue;
        }
        let found = slim.get(path);
        if found != Some(&whole_seconds(value)) {
            wrong.push(format!("{} {path}: {value} became {found:?}", typed.kind));
        }
    }
    for (path, value) in slim.iter().filter(|(path, _)| !is_reduced(path) && !is_settled_container(typed, path)) {
        // A structure of which nothing is kept is there and empty.
        let is_part = || whole.keys().any(|whole| whole.starts_with(path.as_str()));
        let is_known = whole.contains_key(path) || (is_default(value) && is_part());
        if !is_known {
            wrong.push(format!("{} {path}: {value} came from nowhere", typed.kind));
        }
    }
    wrong
}

#[test]
fn every_kind_has_a_typed_form_or_a_reason() {
    let kinds: BTreeSet<ResourceKind> = TYPED.iter().map(|typed| typed.kind).chain(UNTYPED.iter().copied()).collect();
    assert_eq!(kinds.len(), TYPED.len() + UNTYPED.len());
    assert_eq!(kinds, ResourceKind::ALL.iter().copied().collect());
    for typed in TYPED {
        let group = typed.api_version.split_once('/').map_or("", |(group, _)| group);
        assert_eq!(typed.kind.group_kind().0, group, "{}", typed.kind);
    }
}

/// Fields that a kind does not have, but another whose slim type it shares: status counts, rollout bounds, and the
/// sources of volumes of which only the kind is read. Each is a field of some kind, so that a misspelt one is found.
const OF_ANOTHER_KIND: &[(ResourceKind, &str)] = &[
    (ResourceKind::DaemonSet, "spec.updateStrategy.rollingUpdate.partition"),
    (ResourceKind::DaemonSet, "status.replicas"),
    (ResourceKind::DaemonSet, "status.updateRevision"),
    (ResourceKind::Deployment, "spec.strategy.rollingUpdate.partition"),
    (ResourceKind::Deployment, "status.desiredNumberScheduled"),
    (ResourceKind::Deployment, "status.updateRevision"),
    (ResourceKind::PersistentVolume, "spec.azureFile.path"),
    (ResourceKind::PersistentVolume, "spec.rbd.path"),
    (ResourceKind::ReplicaSet, "status.desiredNumberScheduled"),
    (ResourceKind::ReplicaSet, "status.updateRevision"),
    (ResourceKind::ReplicationController, "status.desiredNumberScheduled"),
    (ResourceKind::ReplicationController, "status.updateRevision"),
    (ResourceKind::StatefulSet, "spec.updateStrategy.rollingUpdate.maxSurge"),
    (ResourceKind::StatefulSet, "status.desiredNumberScheduled"),
];

fn last_of(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

/// A name that is misspelt in a slim type is a field that never has a value.
#[test]
fn every_slim_field_is_one_of_the_api() {
    let (mut known, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for typed in TYPED {
        let whole = (typed.make)(&mut Choices::All);
        let paths: BTreeSet<String> = leaves(&whole).keys().map(|path| general(path)).collect();
        for (field, _) in kept(typed.kind) {
            let is_part = |path: &String| path.strip_prefix(&field).is_some_and(|rest| rest.starts_with(['.', '[']));
            if !paths.contains(&field) && !paths.iter().any(is_part) {
                unknown.insert(format!("{} {field}", typed.kind));
            } else {
                known.insert(last_of(&field).to_owned());
            }
        }
        assert_eq!(differences(typed, &kept(typed.kind), &whole), Vec::<String>::new());
    }
    let shared: BTreeSet<String> = OF_ANOTHER_KIND.iter().map(|(kind, field)| format!("{kind} {field}")).collect();
    assert_eq!(unknown, shared, "fields that the API does not have, and those that are known to be another kind's");
    let misspelt: Vec<_> = OF_ANOTHER_KIND.iter().filter(|(_, field)| !known.contains(last_of(field))).collect();
    assert!(misspelt.is_empty(), "no kind has {misspelt:?}");
}

/// How many times random objects of every kind are made.
const CASES: u32 = 64;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn random_objects_are_the_same_in_both_forms(bytes in vec(any::<u8>(), 0..6000)) {
        for typed in TYPED {
            let object = (typed.make)(&mut Choices::Bytes(bytes.iter()));
            prop_assert_eq!(differences(typed, &kept(typed.kind), &object), Vec::<String>::new());
        }
    }

    #[test]
    fn what_a_slim_object_writes_it_reads(bytes in vec(any::<u8>(), 0..6000)) {
        for typed in TYPED {
            let object = slim(typed, &(typed.make)(&mut Choices::Bytes(bytes.iter())));
            let written = serde_json::to_string(&object.body).unwrap();
            let again = Object::from_json(typed.api_version, typed.kind, &written).unwrap();
            prop_assert_eq!(again, object);
        }
    }

    #[test]
    fn what_the_server_fills_in_changes_no_snapshot(bytes in vec(any::<u8>(), 0..6000)) {
        let made = TYPED.iter().map(|typed| {
            let mut object = (typed.make)(&mut Choices::Bytes(bytes.iter()));
            name(typed, &mut object);
            forget_resizes(&mut object);
            (typed, object)
        });
        let written: Vec<(&Typed, Value)> = made.collect();
        let mut served = written.clone();
        for (typed, object) in &mut served {
            defaults::fill_in(typed.kind, object);
        }
        let (written, served) = (snapshot(&written), snapshot(&served));
        prop_assert_eq!(defaults::as_counted(written), defaults::as_counted(served));
    }
}

/// Takes away what containers really have: only the server says so, and then it has filled the specification in.
fn forget_resizes(object: &mut Value) {
    for list in ["containerStatuses", "initContainerStatuses"] {
        for status in object.pointer_mut(&format!("/status/{list}")).and_then(Value::as_array_mut).into_iter().flatten()
        {
            if let Some(status) = status.as_object_mut() {
                status.remove("resources");
                status.remove("allocatedResources");
            }
        }
    }
}

/// Gives an object the name and namespace without which the server takes none.
fn name(typed: &Typed, object: &mut Value) {
    let metadata = &mut object["metadata"];
    metadata["name"] = typed.kind.as_str().into();
    metadata["namespace"] = "shop".into();
}

fn snapshot(objects: &[(&Typed, Value)]) -> Snapshot {
    let mut builder = Builder::new(&[]);
    for (typed, object) in objects {
        builder.add(slim(typed, object));
    }
    builder.finish(&Origin { kind: SourceKind::Cluster, taken_at: native::TAKEN_AT, ..Origin::default() })
}

/// The typed form of a manifest's kind.
fn typed_of(manifest: &Value) -> Option<&'static Typed> {
    let api_version = manifest["apiVersion"].as_str()?;
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = ResourceKind::from_group_kind(group, manifest["kind"].as_str()?)?;
    TYPED.iter().find(|typed| typed.kind == kind && typed.api_version == api_version)
}

#[test]
fn manifests_give_the_same_snapshot_through_whole_types() {
    let mut files = inputs::case_files();
    files.extend(inputs::corpus_files());
    files.push(inputs::root().join("crates/ha-read/tests/saved/cluster.jsonl"));
    let mut seen = BTreeSet::new();
    for file in files {
        let manifests = inputs::documents(&file);
        let typed: Vec<(&Typed, Value)> =
            manifests.into_iter().filter_map(|manifest| Some((typed_of(&manifest)?, manifest))).collect();
        let whole: Vec<(&Typed, Value)> =
            typed.iter().map(|(typed, manifest)| (*typed, (typed.through)(manifest))).collect();
        seen.extend(typed.iter().map(|(typed, _)| typed.kind.as_str()));
        assert_eq!(snapshot(&typed), snapshot(&whole), "{}", file.display());
    }
    assert!(seen.len() >= 15, "only {seen:?}");
}

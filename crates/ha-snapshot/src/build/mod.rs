//! Joins slim objects into a snapshot.
//!
//! Objects come in any order, one at a time. Pods and controllers are reduced to interned records at once, so that
//! 150,000 pods never stand in memory as objects; what is rare is kept and joined at the end. The result does not
//! depend on the order: every table is sorted by names.

use alloc::string::String;
use alloc::vec::Vec;

use ha_core::finding::Evidence;
use ha_core::labels::{Label, LabelSet, LabelsId};
use ha_core::snapshot::{
    Gap, GapReason, Location, Object as Identity, ObjectId, ResourceKind, Snapshot, Source, SourceKind, Timestamp,
};
use ha_core::text::{Interner, Text};

use crate::objects::{Body, Metadata, Object, Str};

mod convert;
mod edges;
mod extension;
mod intern;
mod join;
mod node;
mod operations;
mod owner;
mod ownership;
mod pod;
mod quantity;
mod schedule;
mod service;
mod spec;
mod storage;
mod suppression;
mod workload;

use intern::Interned;
use owner::Owners;
use pod::{KnownSpec, PodDraft};
use workload::WorkloadDraft;

/// What is known about the input as a whole.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Where the objects came from.
    pub kind: SourceKind,
    /// The context's name; `cluster` when empty.
    pub name: String,
    /// The server's version; empty when not known.
    pub server_version: String,
    /// The instant that the snapshot shows, in seconds since 1970.
    pub taken_at: Timestamp,
    /// The namespaces that were read, when not all of them were; empty when all were.
    pub namespaces: Vec<String>,
    /// Files only: the user declared the input whole.
    pub assume_complete: bool,
}

/// The name of an object that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectName {
    /// Group and version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// Something that could not be read, as the reader found it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GapRecord {
    /// What kind is missing; none when it is not known.
    pub kind: Option<ResourceKind>,
    /// Where; empty means in the whole cluster.
    pub namespace: String,
    /// Why.
    pub reason: GapReason,
    /// What a person should read.
    pub message: String,
    /// The one object concerned, when it is not the whole kind.
    pub object: Option<ObjectName>,
}

/// Collects objects and gaps, and joins them into a snapshot.
#[derive(Debug)]
pub struct Builder {
    texts: Interner,
    label_sets: Interned<LabelSet>,
    /// The labels that came last, since objects of one workload come together.
    last_labels: LabelsId,
    pod_specs: Interned<ha_core::snapshot::PodSpec>,
    objects: Vec<Identity>,
    gaps: Vec<Gap>,
    suppressions: Vec<ha_core::snapshot::Suppression>,
    zone_keys: Vec<String>,
    owners: Owners,
    pods: Vec<PodDraft>,
    last_spec: Option<KnownSpec>,
    claims_of_pods: Vec<Text>,
    workloads: Vec<WorkloadDraft>,
    /// ReplicaSets under Deployments: the Deployment, the revision's number, the pod-template-hash.
    replica_set_revisions: Vec<(owner::OwnerKey, u64, Text)>,
    rest: Vec<(ObjectId, Object)>,
}

impl Builder {
    /// An empty builder. `zone_keys` are label keys that mean zone besides the well-known ones (rules.md 1.8).
    pub fn new(zone_keys: &[String]) -> Self {
        let mut label_sets = Interned::default();
        label_sets.intern(LabelSet::default());
        Self {
            texts: Interner::default(),
            label_sets,
            last_labels: LabelsId::default(),
            pod_specs: Interned::default(),
            objects: alloc::vec![Identity::default()],
            gaps: Vec::new(),
            suppressions: Vec::new(),
            zone_keys: zone_keys.to_vec(),
            owners: Owners::default(),
            pods: Vec::new(),
            last_spec: None,
            claims_of_pods: Vec::new(),
            workloads: Vec::new(),
            replica_set_revisions: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// Takes one object.
    pub fn add(&mut self, mut object: Object) {
        if is_noise(&object) {
            return;
        }
        if let Body::Namespace(namespace) = &mut object.body {
            label_with_name(&mut namespace.metadata);
        }
        let id = self.identify(&object);
        match object.body {
            Body::Pod(pod) => self.add_pod(id, *pod),
            Body::Deployment(deployment) => self.add_deployment(id, *deployment),
            Body::StatefulSet(set) => self.add_stateful_set(id, *set),
            Body::DaemonSet(set) => self.add_daemon_set(id, *set),
            Body::ReplicaSet(set) => self.add_replica_set(id, *set),
            Body::ReplicationController(controller) => self.add_replication_controller(id, *controller),
            Body::Job(job) => self.add_job(id, &job),
            Body::CronJob(job) => self.add_cron_job(id, &job),
            _ => self.rest.push((id, object)),
        }
    }

    /// Takes note of something that could not be read.
    pub fn add_gap(&mut self, gap: &GapRecord) {
        let object = gap
            .object
            .as_ref()
            .map(|name| self.name_object(&name.api_version, &name.kind, &name.namespace, &name.name));
        let gap = Gap {
            kind: gap.kind,
            namespace: self.texts.intern(&gap.namespace),
            reason: gap.reason,
            object,
            message: self.texts.intern(&gap.message),
        };
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// Joins all that was taken into a snapshot.
    pub fn finish(mut self, origin: &Origin) -> Snapshot {
        let name = if origin.name.is_empty() { "cluster" } else { &origin.name };
        self.objects[0] = Identity {
            api_version: self.texts.intern("kubectl-ha/v1alpha1"),
            kind: self.texts.intern("Cluster"),
            name: self.texts.intern(name),
            read: true,
            ..Identity::default()
        };
        let source = Source {
            kind: origin.kind,
            name: self.texts.intern(name),
            server_version: self.texts.intern(&origin.server_version),
            taken_at: origin.taken_at,
            namespaces: origin.namespaces.iter().map(|name| self.texts.intern(name)).collect(),
            assume_complete: origin.assume_complete,
        };
        join::join(self, source)
    }

    /// Makes an object's entry in the table of objects and takes note of its suppressions.
    fn identify(&mut self, object: &Object) -> ObjectId {
        let kind = object.kind().kind();
        let metadata = object.metadata();
        let id = self.add_identity(&object.api_version, kind, metadata);
        if let Some(location) = &object.location {
            let file = self.texts.intern(&location.file);
            self.objects[id.position()].location = Some(Location { file, line: location.line });
        }
        // A pod repeats the annotations of its template, where they are read already.
        if object.kind() != ResourceKind::Pod || metadata.controller().is_none() {
            self.add_suppressions(id, &metadata.annotations, false);
        }
        id
    }

    fn add_identity(&mut self, api_version: &str, kind: &str, metadata: &Metadata) -> ObjectId {
        let labels = self.labels(&metadata.labels.0);
        let annotations = self.labels(&metadata.annotations.0);
        let name = if metadata.name.is_empty() { &metadata.generate_name } else { &metadata.name };
        let identity = Identity {
            api_version: self.texts.intern(api_version),
            kind: self.texts.intern(kind),
            namespace: self.texts.intern(&metadata.namespace),
            name: self.texts.intern(name),
            labels,
            annotations,
            created_at: metadata.creation_timestamp.map(|time| time.0),
            location: None,
            read: true,
        };
        self.objects.push(identity);
        ObjectId::at(self.objects.len() - 1)
    }

    /// An entry for an object that others name and that was not read.
    fn name_object(&mut self, api_version: &str, kind: &str, namespace: &str, name: &str) -> ObjectId {
        let identity = Identity {
            api_version: self.texts.intern(api_version),
            kind: self.texts.intern(kind),
            namespace: self.texts.intern(namespace),
            name: self.texts.intern(name),
            ..Identity::default()
        };
        self.objects.push(identity);
        ObjectId::at(self.objects.len() - 1)
    }

    /// Takes note that a value of an object makes no sense.
    fn nonsense(&mut self, id: ObjectId, kind: ResourceKind, evidence: &Evidence) {
        let object = &self.objects[id.position()];
        let (namespace, name) = (self.texts.get(object.namespace), self.texts.get(object.name));
        let place = if namespace.is_empty() { String::new() } else { alloc::format!("{namespace}/") };
        let message =
            alloc::format!("{} {place}{name}: {} has no meaning: {}", kind.kind(), evidence.path, evidence.value);
        let namespace = object.namespace;
        let message = self.texts.intern(&message);
        self.gaps.push(Gap { kind: Some(kind), namespace, reason: GapReason::Unreadable, object: Some(id), message });
    }

    fn labels(&mut self, entries: &[(Str, Str)]) -> LabelsId {
        if entries.is_empty() {
            return LabelsId::default();
        }
        let last = &self.label_sets.get(self.last_labels.position()).labels;
        let is_same = |label: &Label, (key, value): &(Str, Str)| {
            self.texts.get(label.key) == key && self.texts.get(label.value) == value
        };
        if last.len() == entries.len() && last.iter().zip(entries).all(|(label, entry)| is_same(label, entry)) {
            return self.last_labels;
        }
        let labels = entries
            .iter()
            .map(|(key, value)| Label { key: self.texts.intern(key), value: self.texts.intern(value) })
            .collect();
        self.last_labels = LabelsId::at(self.label_sets.intern(LabelSet { labels }));
        self.last_labels
    }
}

/// Gives a namespace the label with its name, as the API server does (`SetDefaults_Namespace`).
fn label_with_name(metadata: &mut Metadata) {
    const KEY: &str = "kubernetes.io/metadata.name";
    let labels = &mut metadata.labels.0;
    if let Err(position) = labels.binary_search_by(|(key, _)| key.as_str().cmp(KEY))
        && !metadata.name.is_empty()
    {
        labels.insert(position, (KEY.into(), metadata.name.clone()));
    }
}

/// Objects that say nothing about availability and would only fill memory: the nodes' own leases.
fn is_noise(object: &Object) -> bool {
    matches!(&object.body, Body::Lease(lease) if lease.metadata.namespace == "kube-node-lease")
}

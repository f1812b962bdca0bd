//! Reading a snapshot: from indices to entries, from names to entries, and what may be concluded from absence.

use alloc::string::String;
use alloc::vec::Vec;

use super::{
    Autoscaler, AutoscalerId, Budget, BudgetId, Claim, ClaimId, GapReason, Node, NodeId, Object, ObjectId,
    PersistentVolume, Pod, PodId, PodSpec, PodSpecId, ResourceKind, Service, ServiceId, Snapshot, SourceKind,
    StorageClass, Subject, VolumeId, Workload, WorkloadId,
};
use crate::finding::Missing;
use crate::labels::{LabelSet, LabelsId};
use crate::text::Text;

/// Whether something that is not in the snapshot is known not to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The kind was read whole: what is not there does not exist.
    Proven,
    /// It could not be read, or files need not hold it.
    Unknown(Missing),
}

macro_rules! tables {
    ($( $(#[$meta:meta])* $entry:ident($id:ty) -> $record:ty: $table:ident; )*) => {
        impl Snapshot {
            $( $(#[$meta])*
            ///
            /// # Panics
            /// On an index of another snapshot. Indices of this one are valid by construction, and the
            /// host checks those that a policy returns.
            pub fn $entry(&self, id: $id) -> &$record {
                &self.$table[id.position()]
            } )*
        }
        $( impl Subject for $record {
            fn object(&self) -> ObjectId { self.object }
        } )*
    };
}

tables! {
    /// The node at `id`.
    node(NodeId) -> Node: nodes;
    /// The workload at `id`.
    workload(WorkloadId) -> Workload: workloads;
    /// The pod at `id`.
    pod(PodId) -> Pod: pods;
    /// The budget at `id`.
    budget(BudgetId) -> Budget: budgets;
    /// The autoscaler at `id`.
    autoscaler(AutoscalerId) -> Autoscaler: autoscalers;
    /// The Service at `id`.
    service(ServiceId) -> Service: services;
    /// The claim at `id`.
    claim(ClaimId) -> Claim: claims;
    /// The volume at `id`.
    volume(VolumeId) -> PersistentVolume: volumes;
}

macro_rules! subjects {
    ($($record:ident),* $(,)?) => {
        $( impl Subject for super::$record {
            fn object(&self) -> ObjectId { self.object }
        } )*
    };
}

subjects! {
    AggregatedApi, Backup, BackupLocation, BackupSchedule, CsiDriver, CsiNode, CustomKind, Fact, Lease, LimitRange,
    Namespace, PriorityClass, ResourceQuota, StorageClass, TrafficClass, TrafficEntry, VolumeAttachment, Webhook,
}

impl Snapshot {
    /// The object that stands for the cluster itself.
    pub const CLUSTER: ObjectId = ObjectId { index: 0 };

    /// The namespace of a gap that concerns all namespaces but those of [`Source::namespaces`](super::Source).
    pub const OTHER_NAMESPACES: &str = "*";

    /// The string of that number.
    pub fn text(&self, text: Text) -> &str {
        self.texts.get(text)
    }

    /// The object at `id`.
    ///
    /// # Panics
    /// On an index of another snapshot.
    pub fn object(&self, id: ObjectId) -> &Object {
        &self.objects[id.position()]
    }

    /// The specification at `id`.
    ///
    /// # Panics
    /// On an index of another snapshot.
    pub fn pod_spec(&self, id: PodSpecId) -> &PodSpec {
        &self.pod_specs[id.position()]
    }

    /// The label set at `id`.
    ///
    /// # Panics
    /// On an index of another snapshot.
    pub fn labels(&self, id: LabelsId) -> &LabelSet {
        &self.label_sets[id.position()]
    }

    /// An object's name.
    pub fn name_of(&self, subject: &impl Subject) -> &str {
        self.text(self.object(subject.object()).name)
    }

    /// `Kind/namespace/name`, or `Kind/name` for what has no namespace.
    pub fn title(&self, id: ObjectId) -> String {
        let object = self.object(id);
        let parts = [object.kind, object.namespace, object.name];
        let present: Vec<&str> = parts.iter().map(|&part| self.text(part)).filter(|part| !part.is_empty()).collect();
        present.join("/")
    }

    /// The value of an annotation that rules read, on the object itself.
    pub fn annotation(&self, id: ObjectId, key: &str) -> Option<&str> {
        self.labels(self.object(id).annotations).get_named(&self.texts, key)
    }

    /// All nodes with their indices.
    pub fn nodes_by_id(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(position, node)| (NodeId::at(position), node))
    }

    /// All workloads with their indices.
    pub fn workloads_by_id(&self) -> impl Iterator<Item = (WorkloadId, &Workload)> {
        self.workloads.iter().enumerate().map(|(position, workload)| (WorkloadId::at(position), workload))
    }

    /// A workload's pods that exist, those being deleted included.
    pub fn pods_of(&self, workload: &Workload) -> impl Iterator<Item = &Pod> {
        workload.pods.of(&self.workload_pods).iter().map(|&id| self.pod(id))
    }

    /// A workload's pods of its present revision that are neither ended nor being deleted.
    ///
    /// Where the present revision is not known, all revisions count.
    pub fn current_pods_of(&self, workload: &Workload) -> impl Iterator<Item = &Pod> {
        let revision = workload.current_revision;
        self.pods_of(workload)
            .filter(|pod| pod.deleted_at.is_none() && !pod.is_finished())
            .filter(move |pod| revision.is_empty() || pod.revision.is_empty() || pod.revision == revision)
    }

    /// A workload's pod template.
    pub fn spec_of(&self, workload: &Workload) -> &PodSpec {
        self.pod_spec(workload.spec)
    }

    /// The storage class of that name.
    pub fn storage_class_named(&self, name: Text) -> Option<&StorageClass> {
        self.storage_classes.iter().find(|class| class.name == name)
    }

    /// The class that claims without one get: of several defaults the newest wins (rules.md 2.8).
    pub fn default_storage_class(&self) -> Option<&StorageClass> {
        let defaults = self.storage_classes.iter().filter(|class| class.is_default);
        defaults.max_by_key(|class| self.object(class.object).created_at)
    }

    /// The namespace's labels; none when the namespace was not read.
    pub fn namespace_labels(&self, name: Text) -> Option<&LabelSet> {
        let namespace = self.namespaces.iter().find(|namespace| namespace.name == name)?;
        self.object(namespace.object).read.then(|| self.labels(namespace.labels))
    }

    /// Whether this is a running cluster, not a set of files.
    pub fn is_live(&self) -> bool {
        self.source.kind == SourceKind::Cluster
    }

    /// What may be concluded when something of that kind is not there.
    ///
    /// `namespace` is empty for what has none, or when every namespace is meant. A kind that is not installed
    /// proves absence. Files prove it only when declared whole (rules.md 1.9).
    pub fn absence(&self, kind: ResourceKind, namespace: Text) -> Absence {
        if self.source.kind != SourceKind::Cluster && !self.source.assume_complete {
            return Absence::Unknown(self.missing(kind, namespace, GapReason::NotInInput));
        }
        let read = self.source.namespaces.as_slice();
        let concerns = |gap_namespace: Text| {
            let is_read = || read.contains(&namespace);
            gap_namespace.is_empty()
                || namespace.is_empty()
                || gap_namespace == namespace
                || (self.text(gap_namespace) == Self::OTHER_NAMESPACES && !is_read())
        };
        self.gaps
            .iter()
            .find(|gap| gap.kind == Some(kind) && gap.reason != GapReason::NotInstalled && concerns(gap.namespace))
            .map_or(Absence::Proven, |gap| Absence::Unknown(self.missing(kind, namespace, gap.reason)))
    }

    /// The first of `kinds` whose absence is not proven.
    pub fn first_missing(&self, kinds: &[ResourceKind], namespace: Text) -> Option<Missing> {
        kinds.iter().find_map(|&kind| match self.absence(kind, namespace) {
            Absence::Proven => None,
            Absence::Unknown(missing) => Some(missing),
        })
    }

    fn missing(&self, kind: ResourceKind, namespace: Text, reason: GapReason) -> Missing {
        Missing { what: kind.kind().into(), namespace: self.text(namespace).into(), reason }
    }
}

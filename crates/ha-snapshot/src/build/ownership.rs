//! Gives every pod its workload (rules.md 1.3), and lays both tables out.

use alloc::vec::Vec;

use ha_core::snapshot::{GapReason, PodId, ResourceKind, Snapshot, SourceKind, Workload, WorkloadId, WorkloadKind};
use ha_core::text::Text;
use hashbrown::HashMap;

use super::Builder;
use super::join::{Lookup, lone, slice};
use super::owner::OwnerKey;
use super::pod::PodDraft;
use super::workload::WorkloadDraft;
use crate::objects::OwnerReference;

/// Fills the tables of workloads and pods, and the edges between them.
pub(super) fn place_workloads_and_pods(builder: &mut Builder, snapshot: &mut Snapshot, lookup: &mut Lookup) {
    builder.name_current_revisions();
    let mut pods = core::mem::take(&mut builder.pods);
    pods.sort_by(|a, b| builder.compare(a.pod.object, b.pod.object));
    let draft_of_pod = builder.find_workloads(snapshot, &pods);
    let position_of_draft = builder.place_workloads(snapshot, lookup);
    for (draft, mut pod) in draft_of_pod.into_iter().zip(pods) {
        pod.pod.workload = WorkloadId::at(position_of_draft[draft]);
        pod.pod.node = lookup.nodes.get(&pod.pod.node_name).copied();
        snapshot.pods.push(pod.pod);
    }
    list_pods_of_workloads(snapshot);
    builder.place_pod_claims(snapshot, lookup);
}

impl Builder {
    /// A Deployment's present revision is that of its newest ReplicaSet.
    fn name_current_revisions(&mut self) {
        let mut newest: HashMap<usize, (u64, Text)> = HashMap::new();
        for &(key, revision, hash) in &self.replica_set_revisions {
            if let Ok(draft) = self.owners.top(key) {
                let entry = newest.entry(draft).or_insert((revision, hash));
                // Without the annotation all are of revision 0; which is taken must not hang on the order of the input.
                if (revision, self.texts.get(hash)) > (entry.0, self.texts.get(entry.1)) {
                    *entry = (revision, hash);
                }
            }
        }
        for (position, draft) in self.workloads.iter_mut().enumerate() {
            if let Some(&(_, hash)) = newest.get(&position) {
                draft.workload.current_revision = hash;
            }
        }
    }

    /// The draft of each pod's workload; workloads that are known from pods only are added.
    fn find_workloads(&mut self, snapshot: &Snapshot, pods: &[PodDraft]) -> Vec<usize> {
        let mut unread: HashMap<OwnerKey, usize> = HashMap::new();
        let mut drafts = Vec::with_capacity(pods.len());
        for draft in pods {
            let pod = &draft.pod;
            let namespace = self.objects[pod.object.position()].namespace;
            let lone_kind = if pod.mirror { WorkloadKind::StaticPod } else { WorkloadKind::BarePod };
            let position = match draft.owner.map(|key| self.owners.top(key)) {
                Some(Ok(position)) => position,
                Some(Err(lost)) if !self.is_proven_absent(snapshot, lost, namespace) => {
                    *unread.entry(lost).or_insert_with(|| {
                        let workload = self.unread_owner(lost, lone(WorkloadKind::Custom, pod, namespace));
                        self.push_draft(workload)
                    })
                }
                _ => self.push_draft(lone(lone_kind, pod, namespace)),
            };
            drafts.push(position);
        }
        drafts
    }

    fn push_draft(&mut self, workload: Workload) -> usize {
        self.workloads.push(WorkloadDraft { workload, owner: None });
        self.workloads.len() - 1
    }

    /// Whether the owner that a reference names would have been read if it existed.
    fn is_proven_absent(&self, snapshot: &Snapshot, key: OwnerKey, namespace: Text) -> bool {
        let Some(kind) = kind_of(self.owners.reference(key)) else {
            return false;
        };
        let complete = snapshot.source.kind == SourceKind::Cluster || snapshot.source.assume_complete;
        let gap = self.gaps.iter().any(|gap| {
            gap.kind == Some(kind)
                && gap.reason != GapReason::NotInstalled
                && (gap.namespace.is_empty() || gap.namespace == namespace)
        });
        complete && !gap
    }

    /// A workload that stands for an owner which was not read.
    fn unread_owner(&mut self, key: OwnerKey, workload: Workload) -> Workload {
        let owner = self.owners.reference(key).clone();
        let namespace: alloc::string::String = self.texts.get(workload.namespace).into();
        let object = self.name_object(&owner.api_version, &owner.kind, &namespace, &owner.name);
        Workload { object, resolved: false, ..workload }
    }

    /// Fills the table of workloads. Returns the position of each draft in it.
    fn place_workloads(&mut self, snapshot: &mut Snapshot, lookup: &mut Lookup) -> Vec<usize> {
        let mut drafts = core::mem::take(&mut self.workloads);
        for draft in &mut drafts {
            draft.workload.owner = draft.owner.map(|key| self.owner_object(key, draft.workload.namespace));
        }
        let mut order: Vec<usize> = (0..drafts.len()).collect();
        order.sort_by(|&a, &b| self.compare(drafts[a].workload.object, drafts[b].workload.object));
        let mut position_of_draft = alloc::vec![0; drafts.len()];
        let mut slots: Vec<Option<Workload>> = drafts.into_iter().map(|draft| Some(draft.workload)).collect();
        for (position, &draft) in order.iter().enumerate() {
            position_of_draft[draft] = position;
            if let Some(workload) = slots[draft].take() {
                let object = &self.objects[workload.object.position()];
                lookup.workloads.insert((object.namespace, object.kind, object.name), WorkloadId::at(position));
                snapshot.workloads.push(workload);
            }
        }
        position_of_draft
    }

    /// The object that a reference names; it gets an entry of its own when it was not read.
    fn owner_object(&mut self, key: OwnerKey, namespace: Text) -> ha_core::snapshot::ObjectId {
        let owner = self.owners.reference(key).clone();
        let namespace: alloc::string::String = self.texts.get(namespace).into();
        self.name_object(&owner.api_version, &owner.kind, &namespace, &owner.name)
    }
}

/// The kind that a reference names, when it is one that is read.
fn kind_of(owner: &OwnerReference) -> Option<ResourceKind> {
    let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
    ResourceKind::from_group_kind(group, &owner.kind)
}

/// Lays the pods of each workload out, one workload after the other.
fn list_pods_of_workloads(snapshot: &mut Snapshot) {
    let mut counts = alloc::vec![0_usize; snapshot.workloads.len()];
    for pod in &snapshot.pods {
        counts[pod.workload.position()] += 1;
    }
    let mut next = Vec::with_capacity(counts.len());
    let mut first = 0;
    for (workload, count) in snapshot.workloads.iter_mut().zip(counts) {
        workload.pods = slice(first, first + count);
        next.push(first);
        first += count;
    }
    let mut listed = alloc::vec![PodId::default(); snapshot.pods.len()];
    for (position, pod) in snapshot.pods.iter().enumerate() {
        let slot = &mut next[pod.workload.position()];
        listed[*slot] = PodId::at(position);
        *slot += 1;
    }
    snapshot.workload_pods = listed;
}

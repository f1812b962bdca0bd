//! Pods, reduced as they come.

use alloc::vec::Vec;

use ha_core::snapshot::{ObjectId, Pod, PodPhase, Slice};
use ha_core::text::Text;

use super::Builder;
use super::owner::{OwnerKey, is_node};
use crate::objects::{self as slim, MIRROR_ANNOTATION, NodeSelector, Str};

/// A pod whose owner and node are not looked up yet.
#[derive(Debug)]
pub(super) struct PodDraft {
    /// The record, without `workload`, `node` and the claims' identities.
    pub(super) pod: Pod,
    /// Who controls it.
    pub(super) owner: Option<OwnerKey>,
}

impl Builder {
    pub(super) fn add_pod(&mut self, id: ObjectId, pod: slim::Pod) {
        let slim::Pod { metadata, mut spec, status } = pod;
        let node_name = self.text(&core::mem::take(&mut spec.node_name));
        let priority = spec.priority.take().unwrap_or(0);
        let pinned_node = take_pinned_node(&mut spec).map(|name| self.text(&name)).unwrap_or_default();
        let claims = self.take_claims(&mut spec);
        let owner = metadata.controller().filter(|owner| !is_node(owner)).map(|owner| self.owners.key(owner));
        let mirror =
            metadata.annotations.get(MIRROR_ANNOTATION).is_some() || metadata.controller().is_some_and(is_node);
        let ready = status.conditions.iter().find(|condition| condition.r#type == "Ready");
        let labels = &metadata.labels;
        let revision = labels.get("pod-template-hash").or_else(|| labels.get("controller-revision-hash")).unwrap_or("");
        let replica_set =
            metadata.controller().filter(|owner| owner.kind == "ReplicaSet").map_or("", |owner| &owner.name);
        let record = Pod {
            object: id,
            labels: self.objects[id.position()].labels,
            spec: self.intern_spec(spec),
            node_name,
            pinned_node,
            nominated_node: self.text(&status.nominated_node_name),
            phase: phase(&status.phase),
            ready: ready.is_some_and(|condition| condition.status == "True"),
            ready_since: ready.and_then(|condition| condition.last_transition_time).map(|time| time.0),
            deleted_at: metadata.deletion_timestamp.map(|time| time.0),
            started_at: status.start_time.map(|time| time.0),
            mirror,
            revision: self.text(revision),
            replica_set: self.text(replica_set),
            priority,
            restarts: status
                .container_statuses
                .iter()
                .fold(0, |sum: u32, status| sum.saturating_add(status.restart_count)),
            claims,
            ..Pod::default()
        };
        self.pods.push(PodDraft { pod: record, owner });
    }

    /// Takes the claims' names out of a pod's volumes: they differ between the pods of a StatefulSet.
    fn take_claims(&mut self, spec: &mut slim::PodSpec) -> Slice {
        let first = self.claims_of_pods.len();
        for volume in &mut spec.volumes {
            if let Some(claim) = &mut volume.persistent_volume_claim {
                let name = core::mem::take(&mut claim.claim_name);
                self.claims_of_pods.push(self.texts.intern(&name));
            }
        }
        // Tokens and configuration get names of their own in each pod, and do not matter.
        spec.volumes.retain(matters);
        Slice {
            first: u32::try_from(first).unwrap_or(u32::MAX),
            count: u32::try_from(self.claims_of_pods.len() - first).unwrap_or(0),
        }
    }

    /// The names of a pod's claims.
    pub(super) fn claim_names(&self, pod: &Pod) -> Vec<Text> {
        pod.claims.of(&self.claims_of_pods).to_vec()
    }
}

/// Whether a volume has a source that is kept.
fn matters(volume: &slim::Volume) -> bool {
    let kept = slim::Volume { name: Str::default(), ..volume.clone() };
    kept != slim::Volume::default()
}

/// The one node that the DaemonSet controller pins a pod to, taken out of its affinity.
///
/// Source: `ReplaceDaemonSetPodNodeNameNodeAffinity` in `pkg/controller/daemon/util`.
fn take_pinned_node(spec: &mut slim::PodSpec) -> Option<Str> {
    let required = &mut spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution;
    let name = pinned_node(required.as_ref()?)?;
    // What is left of each term is the template's own affinity.
    if let Some(selector) = required {
        for term in &mut selector.node_selector_terms {
            term.match_fields.clear();
        }
        selector.node_selector_terms.retain(|term| !term.match_expressions.is_empty());
        if selector.node_selector_terms.is_empty() {
            *required = None;
        }
    }
    Some(name)
}

fn pinned_node(selector: &NodeSelector) -> Option<Str> {
    let mut name: Option<&Str> = None;
    for term in &selector.node_selector_terms {
        let [field] = term.match_fields.as_slice() else {
            return None;
        };
        let [value] = field.values.as_slice() else {
            return None;
        };
        if field.key != "metadata.name" || field.operator != "In" || name.is_some_and(|name| name != value) {
            return None;
        }
        name = Some(value);
    }
    name.cloned()
}

fn phase(phase: &str) -> PodPhase {
    match phase {
        "Running" => PodPhase::Running,
        "Succeeded" => PodPhase::Succeeded,
        "Failed" => PodPhase::Failed,
        "Unknown" => PodPhase::Unknown,
        _ => PodPhase::Pending,
    }
}

//! Pods, reduced as they come.

use alloc::sync::Arc;
use alloc::vec::Vec;

use ha_core::labels::{NodeSelector, Operator};
use ha_core::snapshot::{ObjectId, Pod, PodPhase, PodSpec, PodSpecId, VolumeSource};
use ha_core::text::Text;

use super::Builder;
use super::join::slice;
use super::owner::{OwnerKey, is_node};
use super::quantity;
use crate::objects::{self as slim, MIRROR_ANNOTATION, ResourceMap};

/// A pod whose owner and node are not looked up yet.
#[derive(Debug)]
pub(super) struct PodDraft {
    /// The record, without `workload`, `node` and the claims' identities.
    pub(super) pod: Pod,
    /// Who controls it.
    pub(super) owner: Option<OwnerKey>,
}

/// What was made of the specification of the last pod. The next pod is probably of the same workload.
#[derive(Debug)]
pub(super) struct KnownSpec {
    slim: Arc<slim::PodSpec>,
    id: PodSpecId,
    priority: i32,
    pinned_node: Text,
    claims: Vec<Text>,
}

impl Builder {
    pub(super) fn add_pod(&mut self, id: ObjectId, pod: slim::Pod) {
        let slim::Pod { metadata, node_name, spec, status } = pod;
        let spec = self.known_spec(spec);
        let first = self.claims_of_pods.len();
        self.claims_of_pods.extend_from_slice(&spec.claims);
        let owner = metadata.controller().filter(|owner| !is_node(owner)).map(|owner| self.owners.key(owner));
        let mirror =
            metadata.annotations.get(MIRROR_ANNOTATION).is_some() || metadata.controller().is_some_and(is_node);
        let ready = status.conditions.iter().find(|condition| condition.r#type == "Ready");
        let labels = &metadata.labels;
        let revision = labels.get("pod-template-hash").or_else(|| labels.get("controller-revision-hash")).unwrap_or("");
        let replica_set =
            metadata.controller().filter(|owner| owner.kind == "ReplicaSet").map_or("", |owner| &owner.name);
        let held_spec = self.held_spec(&spec.slim, &status);
        let record = Pod {
            object: id,
            labels: self.objects[id.position()].labels,
            spec: spec.id,
            held_spec,
            node_name: self.text(&node_name),
            pinned_node: spec.pinned_node,
            nominated_node: self.text(&status.nominated_node_name),
            phase: phase(&status.phase),
            ready: ready.is_some_and(|condition| condition.status == "True"),
            ready_since: ready.and_then(|condition| condition.last_transition_time).map(|time| time.0),
            deleted_at: metadata.deletion_timestamp.map(|time| time.0),
            started_at: status.start_time.map(|time| time.0),
            mirror,
            revision: self.text(revision),
            replica_set: self.text(replica_set),
            priority: spec.priority,
            restarts: status
                .container_statuses
                .iter()
                .fold(0, |sum: u32, status| sum.saturating_add(status.restart_count)),
            claims: slice(first, self.claims_of_pods.len()),
            ..Pod::default()
        };
        self.pods.push(PodDraft { pod: record, owner });
        self.last_spec = Some(spec);
    }

    /// What there is to know of a specification. The caller puts it back as `last_spec`.
    fn known_spec(&mut self, slim: Arc<slim::PodSpec>) -> KnownSpec {
        if let Some(last) = self.last_spec.take().filter(|last| last.slim == slim) {
            return last;
        }
        let mut spec = self.convert_spec(&slim);
        let pinned_node = self.take_pinned_node(&mut spec);
        let claims = take_claims(&mut spec);
        let id = PodSpecId::at(self.pod_specs.intern(spec));
        KnownSpec { id, priority: slim.priority.unwrap_or(0), pinned_node, claims, slim }
    }

    /// The specification with what its containers hold while they are resized in place: the most of what is asked for,
    /// set aside and had, or of the latter two when the node said that the resize will never fit
    /// (`determineEffectiveRequests` in `k8s.io/component-helpers/resource/helpers.go`).
    fn held_spec(&mut self, slim: &slim::PodSpec, status: &slim::PodStatus) -> Option<PodSpecId> {
        let resized = |statuses: &[slim::ContainerStatus]| statuses.iter().any(|status| status.resources.is_some());
        if !resized(&status.container_statuses) && !resized(&status.init_container_statuses) {
            return None;
        }
        let pending = status.conditions.iter().find(|condition| condition.r#type == "PodResizePending");
        let infeasible = pending.is_some_and(|condition| condition.reason == "Infeasible");
        let mut held = slim.clone();
        let sidecars = held.init_containers.iter_mut().filter(|container| container.restart_policy == "Always");
        let containers = held.containers.iter_mut().zip(core::iter::repeat(&status.container_statuses));
        for (container, statuses) in containers.chain(sidecars.zip(core::iter::repeat(&status.init_container_statuses)))
        {
            let of_container = statuses.iter().find(|status| status.name == container.name);
            if let Some((status, actual)) = of_container.and_then(|status| Some((status, status.resources.as_ref()?))) {
                let wanted = if infeasible { &ResourceMap::default() } else { &container.resources.requests };
                let requests = most(&[wanted, &actual.requests, &status.allocated_resources]);
                // A limit would be taken for a request.
                let is_requested = |name: &slim::Str| requests.0.iter().any(|(requested, _)| requested == name);
                container.resources.limits.0.retain(|(name, _)| is_requested(name));
                container.resources.requests = requests;
            }
        }
        let mut spec = self.convert_spec(&held);
        self.take_pinned_node(&mut spec);
        take_claims(&mut spec);
        Some(PodSpecId::at(self.pod_specs.intern(spec)))
    }

    /// The one node that the DaemonSet controller pins a pod to, taken out of its affinity.
    ///
    /// Source: `ReplaceDaemonSetPodNodeNameNodeAffinity` in `pkg/controller/daemon/util`.
    fn take_pinned_node(&self, spec: &mut PodSpec) -> Text {
        let pinned = spec.node_affinity.as_ref().and_then(|selector| self.pinned_node(selector));
        let (Some(name), Some(selector)) = (pinned, &mut spec.node_affinity) else {
            return Text::default();
        };
        // What is left of each term is the template's own affinity.
        for term in &mut selector.terms {
            term.fields.clear();
        }
        selector.terms.retain(|term| !term.expressions.is_empty());
        if selector.terms.is_empty() {
            spec.node_affinity = None;
        }
        name
    }

    fn pinned_node(&self, selector: &NodeSelector) -> Option<Text> {
        let mut name = None;
        for term in &selector.terms {
            let [field] = term.fields.as_slice() else {
                return None;
            };
            let [value] = field.values.as_slice() else {
                return None;
            };
            let is_name = self.texts.get(field.key) == "metadata.name" && field.operator == Operator::In;
            if !is_name || name.is_some_and(|name| name != *value) {
                return None;
            }
            name = Some(*value);
        }
        name
    }

    /// The names of a pod's claims.
    pub(super) fn claim_names(&self, pod: &Pod) -> &[Text] {
        pod.claims.of(&self.claims_of_pods)
    }
}

/// The highest amount of each resource.
fn most(maps: &[&ResourceMap]) -> ResourceMap {
    let mut most = ResourceMap::default();
    for (resource, quantity) in maps.iter().flat_map(|map| &map.0) {
        let value = |quantity: &slim::Quantity| quantity::amount(resource, &quantity.0);
        match most.0.iter_mut().find(|(known, _)| known == resource) {
            Some((_, known)) if value(known) < value(quantity) => *known = quantity.clone(),
            Some(_) => {}
            None => most.0.push((resource.clone(), quantity.clone())),
        }
    }
    most
}

/// Takes the claims' names out of a pod's volumes: they differ between the pods of a StatefulSet.
fn take_claims(spec: &mut PodSpec) -> Vec<Text> {
    let claims = spec.volumes.iter_mut().filter(|volume| volume.source == VolumeSource::Claim);
    claims.map(|volume| core::mem::take(&mut volume.reference)).collect()
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

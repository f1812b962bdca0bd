//! StatefulSets: which ordinals exist, and what the pods of those that do not exist will be.

use ha_core::labels::Label;
use ha_core::snapshot::{PodId, PodSpecId, Workload, WorkloadId, WorkloadKind};
use ha_core::text::Text;
use hashbrown::HashMap;

use super::class::{ClassKey, Group};
use super::classes::ClassBuilder;
use super::{ClaimRef, PodModel, relabelled};
use crate::ids::PodIndex;

/// A StatefulSet.
#[derive(Clone, Debug)]
pub struct StatefulModel {
    /// Its first ordinal.
    pub first: u32,
    /// Whether pods are created without waiting for each other.
    pub parallel: bool,
    /// Per ordinal from the first: the pod that exists.
    pub slots: Vec<Option<PodIndex>>,
    /// Per ordinal from the first: what the pod will be that does not exist yet.
    pub prototypes: Vec<Option<PodModel>>,
}

/// The most ordinals of one set that are modelled; a set of more is a mistake of the input.
const MOST_ORDINALS: u32 = 100_000;

/// All StatefulSets. Their pods learn their ordinals.
pub(super) fn stateful_sets(builder: &mut ClassBuilder, pods: &mut [PodModel]) -> HashMap<WorkloadId, StatefulModel> {
    let snapshot = builder.snapshot;
    let sets = snapshot.workloads_by_id().filter(|(_, workload)| workload.kind == WorkloadKind::StatefulSet);
    sets.map(|(id, workload)| (id, stateful_set(builder, pods, id, workload))).collect()
}

fn stateful_set(
    builder: &mut ClassBuilder,
    pods: &mut [PodModel],
    id: WorkloadId,
    workload: &Workload,
) -> StatefulModel {
    let snapshot = builder.snapshot;
    let settings = workload.stateful.as_ref();
    let first = settings.map_or(0, |settings| settings.first_ordinal);
    let replicas = workload.replicas.unwrap_or(1).min(MOST_ORDINALS);
    let mut slots = vec![None; replicas as usize];
    for &pod in workload.pods.of(&snapshot.workload_pods) {
        let ordinal = ordinal_of(builder.names.get(pods[pod.position()].name));
        pods[pod.position()].ordinal = ordinal;
        let slot = ordinal.and_then(|ordinal| ordinal.checked_sub(first)).and_then(|n| slots.get_mut(n as usize));
        if let Some(slot) = slot {
            *slot = Some(PodIndex::at(pod.position()));
        }
    }
    let sibling = workload.pods.of(&snapshot.workload_pods).first().copied();
    let prototypes = (first..)
        .zip(&slots)
        .map(|(ordinal, slot)| slot.is_none().then(|| prototype(builder, id, workload, sibling, ordinal)))
        .collect();
    StatefulModel { first, parallel: settings.is_some_and(|settings| settings.parallel), slots, prototypes }
}

fn ordinal_of(name: &str) -> Option<u32> {
    name.rsplit_once('-')?.1.parse().ok()
}

/// The pod that the controller will create (`newStatefulSetPod`). Its specification is that of a pod of the set that
/// exists, since admission may have changed it; without one, that of the template.
fn prototype(
    builder: &mut ClassBuilder,
    id: WorkloadId,
    workload: &Workload,
    sibling: Option<PodId>,
    ordinal: u32,
) -> PodModel {
    let snapshot = builder.snapshot;
    let set = snapshot.name_of(workload).to_owned();
    let name = builder.names.intern(&format!("{set}-{ordinal}"));
    let (spec, priority) = match sibling.map(|pod| snapshot.pod(pod)) {
        Some(pod) => (pod.spec, pod.priority),
        None => (workload.spec, template_priority(builder, workload.spec)),
    };
    let mut added = Vec::new();
    let index = builder.names.intern(&ordinal.to_string());
    for (key, value) in [
        ("statefulset.kubernetes.io/pod-name", name),
        ("apps.kubernetes.io/pod-index", index),
        ("controller-revision-hash", workload.current_revision),
    ] {
        let key = builder.names.intern(key);
        added.push(Label { key, value });
    }
    let labels = relabelled(builder.names, snapshot.labels(workload.template_labels), &[], &added);
    let labels = builder.add_labels(labels);
    let group = Some(Group { workload: id, revision: Text::default() });
    let namespace = workload.namespace;
    let class =
        builder.class(ClassKey { namespace, spec, held: spec, labels, priority, pinned: Text::default(), group });
    let claims = claims(builder, workload, &set, sibling, ordinal);
    PodModel { class, workload: id, name, ordinal: Some(ordinal), claims, started: None, terminating: false }
}

/// The value of the template's priority class; the global default's without one.
fn template_priority(builder: &ClassBuilder, spec: PodSpecId) -> i32 {
    let snapshot = builder.snapshot;
    let name = snapshot.pod_spec(spec).priority_class;
    let of_template = |class: &&ha_core::snapshot::PriorityClass| {
        if name.is_empty() { class.global_default } else { class.name == name }
    };
    snapshot.priority_classes.iter().find(of_template).map_or(0, |class| class.value)
}

/// `<template>-<set>-<ordinal>` for each claim template, and the claims that all pods of the set share.
fn claims(
    builder: &mut ClassBuilder,
    workload: &Workload,
    set: &str,
    sibling: Option<PodId>,
    ordinal: u32,
) -> Box<[ClaimRef]> {
    let snapshot = builder.snapshot;
    let templates = workload.stateful.as_ref().map_or(&[][..], |settings| &settings.claim_templates);
    let prefix = |template: Text| format!("{}-{set}-", snapshot.text(template));
    let mut claims: Vec<Text> = Vec::new();
    for template in templates {
        let name = format!("{}{ordinal}", prefix(template.name));
        claims.push(builder.names.intern(&name));
    }
    let shared: Vec<Text> = if let Some(pod) = sibling {
        snapshot.pod(pod).claims.of(&snapshot.pod_claims).iter().map(|claim| claim.name).collect()
    } else {
        let volumes = snapshot.spec_of(workload).volumes.iter();
        let of_claims = volumes.filter(|volume| volume.source == ha_core::snapshot::VolumeSource::Claim);
        of_claims.map(|volume| volume.reference).collect()
    };
    let is_own = |name: &Text| templates.iter().any(|t| snapshot.text(*name).starts_with(&prefix(t.name)));
    claims.extend(shared.into_iter().filter(|name| !is_own(name)));
    claims.into_iter().map(|name| builder.claim_ref(workload.namespace, name)).collect()
}

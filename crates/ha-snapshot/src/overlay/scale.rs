//! Pods that come and go when a workload is scaled.
//!
//! Sources: `ActivePodsWithRanks.Less` in `pkg/controller/controller_utils.go` (which pods a ReplicaSet deletes first;
//! pod-deletion-cost and the age are left out), `newStatefulSetPod` in `pkg/controller/statefulset/stateful_set_utils.go`.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::{HashMap, HashSet};

use super::workload::{Controlled, present, template};
use super::{Overlaid, object, remove};
use crate::objects::{
    Body, ClaimSpec, ClaimVolume, Condition, Metadata, Object, OwnerReference, PersistentVolumeClaim, Pod, PodStatus,
    StatefulSet, Str, Volume,
};

/// The most pods that a change adds to one workload; more is a mistake of the input.
const MOST: usize = 20_000;

/// Scales a workload that wanted `known` pods to `wanted`: what it lacked before, it still lacks.
pub(super) fn scale(
    overlaid: &mut Overlaid,
    controlled: &mut Controlled,
    workload: &Object,
    known: usize,
    wanted: usize,
) {
    if let Body::StatefulSet(set) = &workload.body {
        return scale_set(overlaid, controlled, workload, set, wanted);
    }
    let pods = present(overlaid, controlled, &workload.metadata().uid);
    if wanted < known {
        let surplus = pods.len().saturating_sub(wanted);
        for pod in in_order_of_deletion(overlaid, &pods).into_iter().take(surplus) {
            remove(&mut overlaid.objects[pod]);
            overlaid.removed += 1;
        }
        return;
    }
    let sibling = pods.first().copied();
    for number in 0..(wanted - known).min(MOST) {
        let name = compact_str::format_compact!("{}-new-{number}", workload.metadata().name);
        create(overlaid, controlled, workload, sibling, &name);
    }
}

/// Waiting ones first, then broken ones, then those that share their node with most others of the set.
fn in_order_of_deletion(overlaid: &Overlaid, pods: &[usize]) -> Vec<usize> {
    let pod = |position: usize| match &overlaid.objects[position].body {
        Body::Pod(pod) => Some(pod),
        _ => None,
    };
    let mut on_node: HashMap<Str, usize> = HashMap::new();
    for pod in pods.iter().filter_map(|&position| pod(position)) {
        *on_node.entry(pod.node_name.clone()).or_insert(0) += 1;
    }
    let mut ranked: Vec<_> = pods
        .iter()
        .filter_map(|&position| {
            let pod = pod(position)?;
            let ready = pod.status.conditions.iter().any(|c| c.r#type == "Ready" && c.status == "True");
            let others = on_node.get(&pod.node_name).copied().unwrap_or(0);
            let rank = (!pod.node_name.is_empty(), pod.status.phase != "Pending", ready, usize::MAX - others);
            Some((rank, core::cmp::Reverse(pod.metadata.name.clone()), position))
        })
        .collect();
    ranked.sort();
    ranked.into_iter().map(|(.., position)| position).collect()
}

/// Ordinals outside of the new range go, those that lack come.
fn scale_set(
    overlaid: &mut Overlaid,
    controlled: &mut Controlled,
    workload: &Object,
    set: &StatefulSet,
    wanted: usize,
) {
    let first = set.spec.ordinals.start as usize;
    let pods = present(overlaid, controlled, &workload.metadata().uid);
    let ordinal = |overlaid: &Overlaid, pod: usize| {
        overlaid.objects[pod].metadata().name.rsplit_once('-').and_then(|(_, ordinal)| ordinal.parse::<usize>().ok())
    };
    let range = first..first.saturating_add(wanted.min(MOST));
    let mut there: HashSet<usize> = HashSet::new();
    for &pod in &pods {
        match ordinal(overlaid, pod) {
            Some(ordinal) if range.contains(&ordinal) => drop(there.insert(ordinal)),
            _ => {
                remove(&mut overlaid.objects[pod]);
                overlaid.removed += 1;
            }
        }
    }
    let sibling = pods.iter().copied().find(|&pod| !super::is_removed(&overlaid.objects[pod]));
    let mut claims = claims_of(overlaid, &set.metadata.namespace);
    for ordinal in range.filter(|ordinal| !there.contains(ordinal)) {
        let name = compact_str::format_compact!("{}-{ordinal}", workload.metadata().name);
        create(overlaid, controlled, workload, sibling, &name);
        add_claims(overlaid, set, ordinal, &mut claims);
    }
}

/// A pod that waits for the scheduler: like its sibling, which admission has seen, else as the template says.
pub(super) fn create(
    overlaid: &mut Overlaid,
    controlled: &mut Controlled,
    workload: &Object,
    sibling: Option<usize>,
    name: &Str,
) {
    let sibling = sibling.and_then(|position| match &overlaid.objects[position].body {
        Body::Pod(pod) => Some((**pod).clone()),
        _ => None,
    });
    let mut pod = sibling.unwrap_or_else(|| of_template(workload));
    pod.metadata.name.clone_from(name);
    pod.metadata.uid = Str::default();
    pod.metadata.creation_timestamp = None;
    pod.node_name = Str::default();
    pod.status = PodStatus { phase: "Pending".into(), ..PodStatus::default() };
    if let Body::StatefulSet(set) = &workload.body {
        number(&mut pod, set, name);
    }
    overlaid.objects.push(object("v1", Body::Pod(Box::new(pod))));
    controlled.add(&workload.metadata().uid, overlaid.objects.len() - 1);
    overlaid.created += 1;
}

fn of_template(workload: &Object) -> Pod {
    let (metadata, template) = (workload.metadata(), template(&workload.body).cloned().unwrap_or_default());
    let owner = OwnerReference {
        api_version: workload.api_version.clone(),
        kind: workload.kind().kind().into(),
        name: metadata.name.clone(),
        uid: metadata.uid.clone(),
        controller: true,
    };
    let metadata = Metadata {
        namespace: metadata.namespace.clone(),
        labels: template.metadata.labels,
        annotations: template.metadata.annotations,
        owner_references: alloc::vec![owner],
        ..Metadata::default()
    };
    Pod {
        metadata,
        node_name: template.spec.node_name.clone(),
        spec: Arc::new(template.spec),
        status: PodStatus::default(),
    }
}

/// Gives a pod of a StatefulSet the labels and the claims of its ordinal.
fn number(pod: &mut Pod, set: &StatefulSet, name: &Str) {
    let ordinal: Str = name.rsplit_once('-').map_or("", |(_, ordinal)| ordinal).into();
    for (key, value) in [("statefulset.kubernetes.io/pod-name", name), ("apps.kubernetes.io/pod-index", &ordinal)] {
        pod.metadata.labels.0.retain(|(known, _)| known != key);
        pod.metadata.labels.0.push((key.into(), value.clone()));
    }
    pod.metadata.labels.0.sort();
    let mut spec = (*pod.spec).clone();
    for template in &set.spec.volume_claim_templates {
        let volume = &template.metadata.name;
        spec.volumes.retain(|known| known.name != *volume);
        let claim_name = compact_str::format_compact!("{volume}-{name}");
        spec.volumes.push(Volume {
            name: volume.clone(),
            persistent_volume_claim: Some(ClaimVolume { claim_name, ..ClaimVolume::default() }),
            ..Volume::default()
        });
    }
    pod.spec = Arc::new(spec);
}

/// The names of the claims in a namespace.
fn claims_of(overlaid: &Overlaid, namespace: &Str) -> HashSet<Str> {
    let claims = overlaid.objects.iter().filter(|object| matches!(object.body, Body::PersistentVolumeClaim(_)));
    let here = claims.map(Object::metadata).filter(|metadata| metadata.namespace == *namespace);
    here.map(|metadata| metadata.name.clone()).collect()
}

/// Adds the claims of an ordinal that are not among the known ones.
fn add_claims(overlaid: &mut Overlaid, set: &StatefulSet, ordinal: usize, known: &mut HashSet<Str>) {
    for template in &set.spec.volume_claim_templates {
        let name = compact_str::format_compact!("{}-{}-{ordinal}", template.metadata.name, set.metadata.name);
        let namespace = &set.metadata.namespace;
        if !known.insert(name.clone()) {
            continue;
        }
        let spec = &template.spec;
        let claim = PersistentVolumeClaim {
            metadata: Metadata {
                name,
                namespace: namespace.clone(),
                labels: template.metadata.labels.clone(),
                ..Metadata::default()
            },
            spec: ClaimSpec {
                storage_class_name: spec.storage_class_name.clone(),
                access_modes: spec.access_modes.clone(),
                resources: spec.resources.clone(),
                selector: spec.selector.clone(),
                volume_mode: spec.volume_mode.clone(),
                ..ClaimSpec::default()
            },
            ..PersistentVolumeClaim::default()
        };
        overlaid.objects.push(object("v1", Body::PersistentVolumeClaim(Box::new(claim))));
    }
}

/// The status of a pod that has started and is ready.
pub(super) fn running() -> PodStatus {
    let ready = Condition { r#type: "Ready".into(), status: "True".into(), ..Condition::default() };
    PodStatus { phase: "Running".into(), conditions: alloc::vec![ready], ..PodStatus::default() }
}

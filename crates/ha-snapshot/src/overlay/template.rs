//! Pods of a changed template.
//!
//! A pod is its template and what admission added: other tolerations, priority, injected containers, requests. What the
//! change leaves alone stays as it is in the pod; what it changes is taken from the new template.
//! Where the new template asks for other places (labels, affinity, spread, tolerations, requests, ports, volumes), the
//! pod loses its node and is placed anew, as by the end of a rollout. Else it stays where it is: a rollout may place it
//! elsewhere, but nothing asks for that, and what survives should differ by the change alone.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Overlaid, pod_mut};
use crate::objects::{Container, Pod, PodSpec, PodStatus, PodTemplate, Str, StringMap, Toleration};

/// Gives the pod at `position` the new of two templates, if its ordinal is not below `first`. Daemons keep their node.
pub(super) fn roll(
    overlaid: &mut Overlaid,
    position: usize,
    (before, after): (&PodTemplate, &PodTemplate),
    first: u32,
    is_daemon: bool,
) {
    let Some(pod) = pod_mut(&mut overlaid.objects[position]) else {
        return;
    };
    let ordinal = pod.metadata.name.rsplit_once('-').and_then(|(_, ordinal)| ordinal.parse::<u32>().ok());
    if first > 0 && ordinal.is_none_or(|ordinal| ordinal < first) {
        return;
    }
    let spec = updated(&pod.spec, &before.spec, &after.spec);
    let labels = relabelled(&pod.metadata.labels, &before.metadata.labels, &after.metadata.labels);
    let moves = !is_daemon && (labels != pod.metadata.labels || asks_for_other_places(&pod.spec, &spec));
    pod.spec = Arc::new(spec);
    pod.metadata.labels = labels;
    if moves {
        lift(pod);
        overlaid.moved += 1;
    } else {
        overlaid.updated += 1;
    }
}

/// Takes a pod off its node.
pub(super) fn lift(pod: &mut Pod) {
    pod.node_name = Str::default();
    pod.metadata.creation_timestamp = None;
    pod.status = PodStatus { phase: "Pending".into(), ..PodStatus::default() };
}

fn relabelled(pod: &StringMap, before: &StringMap, after: &StringMap) -> StringMap {
    let added = pod.0.iter().filter(|(key, _)| before.get(key).is_none() && after.get(key).is_none());
    let mut labels: Vec<(Str, Str)> = after.0.iter().chain(added).cloned().collect();
    labels.sort();
    StringMap(labels)
}

macro_rules! take_changed {
    ($pod:ident, $before:ident, $after:ident: $($field:ident),* $(,)?) => {
        $( if $before.$field != $after.$field {
            $pod.$field = $after.$field.clone();
        } )*
    };
}

fn updated(pod: &PodSpec, before: &PodSpec, after: &PodSpec) -> PodSpec {
    let mut spec = pod.clone();
    take_changed!(spec, before, after: node_selector, affinity, topology_spread_constraints, scheduler_name,
        host_network, termination_grace_period_seconds, restart_policy, overhead, resources, scheduling_gates,
        readiness_gates, resource_claims, preemption_policy);
    if before.priority_class_name != after.priority_class_name {
        spec.priority_class_name.clone_from(&after.priority_class_name);
        // Admission resolves it again.
        spec.priority = after.priority;
    }
    spec.containers = containers(&pod.containers, &before.containers, &after.containers);
    spec.init_containers = containers(&pod.init_containers, &before.init_containers, &after.init_containers);
    if before.tolerations != after.tolerations {
        let added = pod.tolerations.iter().filter(|&own| !before.tolerations.contains(own) && !is_said(after, own));
        spec.tolerations = after.tolerations.iter().chain(added).cloned().collect();
    }
    if before.volumes != after.volumes {
        let added = pod.volumes.iter().filter(|own| {
            let named = |spec: &PodSpec| spec.volumes.iter().any(|volume| volume.name == own.name);
            !named(before) && !named(after)
        });
        spec.volumes = after.volumes.iter().chain(added).cloned().collect();
    }
    spec
}

/// DefaultTolerationSeconds adds its tolerations only where the pod has none for that key.
fn is_said(template: &PodSpec, own: &Toleration) -> bool {
    template.tolerations.iter().any(|said| said.key == own.key && (said.effect == own.effect || said.effect.is_empty()))
}

fn containers(pod: &[Container], before: &[Container], after: &[Container]) -> Vec<Container> {
    let named = |list: &[Container], name: &Str| list.iter().find(|container| container.name == *name).cloned();
    let one = |new: &Container| match (named(before, &new.name), named(pod, &new.name)) {
        (Some(old), Some(own)) if old == *new => own,
        // What nobody changed may have been defaulted.
        (Some(old), Some(own)) if old.resources == new.resources => {
            Container { resources: own.resources, ..new.clone() }
        }
        _ => new.clone(),
    };
    let injected = pod.iter().filter(|own| named(before, &own.name).is_none() && named(after, &own.name).is_none());
    after.iter().map(one).chain(injected.cloned()).collect()
}

/// Whether the scheduler could come to another verdict on a node.
fn asks_for_other_places(before: &PodSpec, after: &PodSpec) -> bool {
    let resources = |spec: &PodSpec| -> Vec<_> {
        let all = spec.containers.iter().chain(&spec.init_containers);
        all.map(|container| (container.resources.clone(), container.ports.clone(), container.restart_policy.clone()))
            .collect()
    };
    before.node_selector != after.node_selector
        || before.affinity != after.affinity
        || before.topology_spread_constraints != after.topology_spread_constraints
        || before.tolerations != after.tolerations
        || before.volumes != after.volumes
        || before.priority_class_name != after.priority_class_name
        || before.scheduler_name != after.scheduler_name
        || before.host_network != after.host_network
        || before.overhead != after.overhead
        || before.resources != after.resources
        || before.scheduling_gates != after.scheduling_gates
        || before.resource_claims != after.resource_claims
        || resources(before) != resources(after)
}

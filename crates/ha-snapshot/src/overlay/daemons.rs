//! The pods of a new or changed DaemonSet: one on each node that may run it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use ha_core::arithmetic::eligibility::eligible_nodes;

use super::workload::{Controlled, present};
use super::{Overlaid, pod_mut, remove, scale};
use crate::build::{Builder, Origin};
use crate::objects::{Body, Expression, NodeSelector, NodeSelectorTerm, Object, Pod, PodSpec, Str};

/// Creates the pods that nodes lack, and removes those that may no longer be there.
pub(super) fn fit(overlaid: &mut Overlaid, controlled: &mut Controlled, set: &Object) {
    let wanted = nodes(overlaid, set);
    let pods = present(overlaid, controlled, &set.metadata().uid);
    let mut there: Vec<Str> = Vec::new();
    for &position in &pods {
        let Some(pod) = pod_mut(&mut overlaid.objects[position]) else {
            continue;
        };
        let node = pod.node_name.clone();
        if wanted.contains(&node) {
            pin(pod, &node);
            there.push(node);
        } else if !node.is_empty() {
            remove(&mut overlaid.objects[position]);
            overlaid.removed += 1;
        }
    }
    let sibling = pods.iter().copied().find(|&pod| !super::is_removed(&overlaid.objects[pod]));
    for node in wanted.into_iter().filter(|node| !there.contains(node)) {
        let name = compact_str::format_compact!("{}-new-{node}", set.metadata().name);
        scale::create(overlaid, controlled, set, sibling, &name);
        if let Some(pod) = overlaid.objects.last_mut().and_then(pod_mut) {
            pin(pod, &node);
        }
    }
}

/// The nodes on which the controller wants a pod (`NodeShouldRunDaemonPod`), by name.
fn nodes(overlaid: &Overlaid, set: &Object) -> Vec<Str> {
    let mut builder = Builder::new(&[]);
    for object in overlaid.objects.iter().filter(|object| matches!(object.body, Body::Node(_))) {
        builder.add(object.clone());
    }
    builder.add(set.clone());
    let snapshot = builder.finish(&Origin::default());
    let Some(workload) = snapshot.workloads.first() else {
        return Vec::new();
    };
    let spec = snapshot.spec_of(workload);
    eligible_nodes(&snapshot, spec).map(|node| snapshot.name_of(node).into()).collect()
}

/// `ReplaceDaemonSetPodNodeNameNodeAffinity` in `pkg/controller/daemon/util`.
fn pin(pod: &mut Pod, node: &Str) {
    let mut spec: PodSpec = (*pod.spec).clone();
    let field = Expression { key: "metadata.name".into(), operator: "In".into(), values: alloc::vec![node.clone()] };
    let required = &mut spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution;
    let terms = required.take().map(|selector| selector.node_selector_terms).unwrap_or_default();
    let mut terms: Vec<NodeSelectorTerm> =
        if terms.is_empty() { alloc::vec![NodeSelectorTerm::default()] } else { terms };
    for term in &mut terms {
        term.match_fields = alloc::vec![field.clone()];
    }
    *required = Some(NodeSelector { node_selector_terms: terms });
    pod.spec = Arc::new(spec);
}

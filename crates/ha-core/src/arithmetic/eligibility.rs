//! Which nodes a pod may use at all: taints, selectors and affinity of the pod, state of the node (rules.md 1.8).
//!
//! Resources, ports, volumes, spread and the affinity between pods are the simulation's concern.
//! Sources: `ToleratesTaint` in `k8s.io/api/core/v1/toleration.go`, `GetRequiredNodeAffinity` in
//! `k8s.io/component-helpers/scheduling/corev1/nodeaffinity`.

use crate::snapshot::{Node, PodSpec, Readiness, Snapshot, Taint, TaintEffect, Toleration};

/// Whether a toleration tolerates a taint.
pub fn tolerates(snapshot: &Snapshot, toleration: &Toleration, taint: &Taint) -> bool {
    if toleration.effect.is_some_and(|effect| effect != taint.effect) {
        return false;
    }
    if !toleration.key.is_empty() && toleration.key != taint.key {
        return false;
    }
    if toleration.exists {
        return true;
    }
    match snapshot.text(toleration.other_operator) {
        "" => !toleration.key.is_empty() && toleration.value == taint.value,
        operator => compares(snapshot, operator, toleration, taint),
    }
}

/// The numeric operators of 1.35 (KEP-5471): the taint's value against the toleration's.
fn compares(snapshot: &Snapshot, operator: &str, toleration: &Toleration, taint: &Taint) -> bool {
    let number = |text| snapshot.text(text).parse::<i64>().ok();
    let (Some(have), Some(want)) = (number(taint.value), number(toleration.value)) else {
        return false;
    };
    match operator {
        "Lt" => have < want,
        "Gt" => have > want,
        _ => false,
    }
}

/// The first taint that keeps the pod off the node.
pub fn untolerated_taint<'a>(snapshot: &Snapshot, spec: &PodSpec, node: &'a Node) -> Option<&'a Taint> {
    node.taints
        .iter()
        .filter(|taint| taint.effect != TaintEffect::PreferNoSchedule)
        .find(|taint| !spec.tolerations.iter().any(|toleration| tolerates(snapshot, toleration, taint)))
}

/// Whether the node meets the pod's node selector and required node affinity.
pub fn matches_node_selection(snapshot: &Snapshot, spec: &PodSpec, node: &Node) -> bool {
    let labels = snapshot.labels(node.labels);
    let selected = spec.node_selector.iter().all(|wanted| labels.get(wanted.key) == Some(wanted.value));
    let name = snapshot.object(node.object).name;
    selected
        && spec.node_affinity.as_ref().is_none_or(|affinity| affinity.matches(labels, name, &snapshot.texts))
        && (spec.node_name.is_empty() || spec.node_name == name)
}

/// Whether the node may take the pod today: Ready, not cordoned, tolerated, selected.
pub fn is_eligible(snapshot: &Snapshot, spec: &PodSpec, node: &Node) -> bool {
    node.readiness == Readiness::Ready
        && !node.unschedulable
        && !node.is_virtual
        && untolerated_taint(snapshot, spec, node).is_none()
        && matches_node_selection(snapshot, spec, node)
}

/// The nodes that may take the pod today.
pub fn eligible_nodes<'a>(snapshot: &'a Snapshot, spec: &'a PodSpec) -> impl Iterator<Item = &'a Node> {
    snapshot.nodes.iter().filter(move |node| is_eligible(snapshot, spec, node))
}

/// Whether a node is a worker today: Ready, not cordoned, not virtual, and without a taint that keeps ordinary pods off.
pub fn is_worker(snapshot: &Snapshot, node: &Node) -> bool {
    is_eligible(snapshot, &PodSpec::default(), node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Interner;

    #[test]
    fn tolerations_follow_the_api() {
        let mut interner = Interner::default();
        let (gpu, spot, yes) = (interner.intern("gpu"), interner.intern("spot"), interner.intern("yes"));
        let snapshot = Snapshot { texts: interner.finish(), ..Snapshot::default() };
        let taint = Taint { key: gpu, value: yes, effect: TaintEffect::NoSchedule, since: None };
        let equal = Toleration { key: gpu, value: yes, ..Toleration::default() };
        let cases = [
            (equal.clone(), true),
            (Toleration { value: spot, ..equal.clone() }, false),
            (Toleration { key: spot, exists: true, ..Toleration::default() }, false),
            (Toleration { key: gpu, exists: true, ..Toleration::default() }, true),
            (Toleration { exists: true, ..Toleration::default() }, true),
            (Toleration { effect: Some(TaintEffect::NoExecute), ..equal.clone() }, false),
            (Toleration { effect: Some(TaintEffect::NoSchedule), ..equal }, true),
        ];
        for (toleration, expected) in cases {
            assert_eq!(tolerates(&snapshot, &toleration, &taint), expected, "{toleration:?}");
        }
    }
}

//! Which nodes a pod may use at all: taints, selectors and affinity of the pod, state of the node (rules.md 1.8).
//!
//! Resources, ports, volumes, spread and the affinity between pods are the simulation's concern.
//! Sources: `ToleratesTaint` in `k8s.io/api/core/v1/toleration.go`, `GetRequiredNodeAffinity` in
//! `k8s.io/component-helpers/scheduling/corev1/nodeaffinity`.

use crate::snapshot::{Node, PodSpec, Readiness, Snapshot, Taint, TaintEffect, Toleration};

/// Whether a toleration tolerates a taint.
///
/// The operators `Lt` and `Gt` tolerate nothing: their feature gate, TaintTolerationComparisonOperators, is off by
/// default in 1.36 (`pkg/features/kube_features.go`).
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect_fits = toleration.effect.is_none_or(|effect| effect == taint.effect);
    let key_fits = toleration.key.is_empty() || toleration.key == taint.key;
    let value_fits = || toleration.exists || (!toleration.key.is_empty() && toleration.value == taint.value);
    effect_fits && key_fits && toleration.other_operator.is_empty() && value_fits()
}

/// The position of the toleration that decides how long a pod may stay under a taint: the first that tolerates it
/// (`GetMatchingTolerations` in `pkg/apis/core/v1/helper`, for one taint).
pub fn deciding_toleration(tolerations: &[Toleration], taint: &Taint) -> Option<usize> {
    tolerations.iter().position(|toleration| tolerates(toleration, taint))
}

/// Whether a taint keeps new pods with these tolerations off a node.
pub fn repels(tolerations: &[Toleration], taint: &Taint) -> bool {
    taint.effect != TaintEffect::PreferNoSchedule && deciding_toleration(tolerations, taint).is_none()
}

/// The first taint that keeps the pod off the node.
pub fn untolerated_taint<'a>(spec: &PodSpec, node: &'a Node) -> Option<&'a Taint> {
    node.taints.iter().find(|taint| repels(&spec.tolerations, taint))
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
        && untolerated_taint(spec, node).is_none()
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
            (Toleration { key: gpu, value: yes, other_operator: spot, ..Toleration::default() }, false),
        ];
        for (toleration, expected) in cases {
            assert_eq!(tolerates(&toleration, &taint), expected, "{toleration:?}");
        }
    }
}

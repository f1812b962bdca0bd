//! NodeAffinity prefers nodes that preferred node affinity selects.
//!
//! Source: `Score` in `pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go`, `NewPreferredSchedulingTerms` in
//! `k8s.io/component-helpers/scheduling/corev1/nodeaffinity`.
//! Differs from upstream 1.36: no affinity is added by the scheduler's configuration.

use ha_core::snapshot::NodeId;

use super::normalize;
use crate::cycle::Cycle;
use crate::state::State;

/// One score per node; none when the pod prefers nothing.
pub fn scores(state: &State, cycle: &Cycle, nodes: &[usize]) -> Option<Vec<i64>> {
    let snapshot = state.model.snapshot;
    let terms = &snapshot.pod_spec(cycle.class.key.spec).preferred_node_affinity;
    if terms.is_empty() {
        return None;
    }
    let score = |&node: &usize| {
        let labels = state.node_labels(node);
        let name = snapshot.object(snapshot.node(NodeId::at(node)).object).name;
        let matching = terms.iter().filter(|preferred| preferred.term.matches(labels, name, &snapshot.texts));
        matching.map(|preferred| i64::from(preferred.weight)).sum()
    };
    Some(normalize(nodes.iter().map(score).collect(), false))
}

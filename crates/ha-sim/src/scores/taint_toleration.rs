//! TaintToleration prefers nodes with few taints `PreferNoSchedule` that the pod does not tolerate.
//!
//! Source: `Score` in `pkg/scheduler/framework/plugins/tainttoleration/taint_toleration.go`.
//! Differs from upstream 1.36: no.

use ha_core::arithmetic::eligibility::tolerates;
use ha_core::snapshot::{NodeId, TaintEffect, Toleration};

use super::normalize;
use crate::cycle::Cycle;
use crate::state::State;

/// One score per node; none where all nodes score alike, since none has such a taint.
pub fn scores(state: &State, cycle: &Cycle, nodes: &[usize]) -> Option<Vec<i64>> {
    if !state.model.some_prefer_no_pods {
        return None;
    }
    let prefers =
        |toleration: &&Toleration| toleration.effect.is_none_or(|effect| effect == TaintEffect::PreferNoSchedule);
    let tolerations: Vec<&Toleration> = cycle.statics.spec.tolerations.iter().filter(prefers).collect();
    let count = |&node: &usize| {
        let taints = state.model.snapshot.node(NodeId::at(node)).taints.iter();
        let soft = taints.filter(|taint| taint.effect == TaintEffect::PreferNoSchedule);
        let counted = soft.filter(|taint| !tolerations.iter().any(|toleration| tolerates(toleration, taint))).count();
        i64::try_from(counted).unwrap_or(i64::MAX)
    };
    Some(normalize(nodes.iter().map(count).collect(), true))
}

//! TaintToleration refuses nodes with a taint `NoSchedule` or `NoExecute` that the pod does not tolerate.
//!
//! Source: `Filter` in `pkg/scheduler/framework/plugins/tainttoleration/taint_toleration.go`. What it looks at is compiled into a table of
//! verdicts per node (`model/statics.rs`), to which `State::static_mask` adds what the failure changed.
//! Differs from upstream 1.36: no, except that a cluster may have the gate TaintTolerationComparisonOperators switched on.

use crate::cycle::{Plugin, Refusal};
use crate::model::statics::bit;

/// The refusal that a node's mask stands for.
pub fn check(mask: u8) -> Option<Refusal> {
    (mask & bit::TAINT != 0).then(|| Refusal::unresolvable(Plugin::TaintToleration))
}

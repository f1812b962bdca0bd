//! NodeAffinity refuses nodes that node selector or required node affinity do not select.
//!
//! Source: `Filter` in `pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go`. What it looks at is compiled into a table of
//! verdicts per node (`model/statics.rs`), to which `State::static_mask` adds what the failure changed.
//! Differs from upstream 1.36: no node affinity is added by the scheduler's configuration (`addedAffinity`).

use crate::cycle::{Plugin, Refusal};
use crate::model::statics::bit;

/// The refusal that a node's mask stands for.
pub fn check(mask: u8) -> Option<Refusal> {
    (mask & bit::AFFINITY != 0).then(|| Refusal::unresolvable(Plugin::NodeAffinity))
}

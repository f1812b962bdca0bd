//! NodeName refuses every node but the one that `spec.nodeName` names.
//!
//! Source: `Filter` in `pkg/scheduler/framework/plugins/nodename/node_name.go`. What it looks at is compiled into a table of
//! verdicts per node (`model/statics.rs`), to which `State::static_mask` adds what the failure changed.
//! Differs from upstream 1.36: no.

use crate::cycle::{Plugin, Refusal};
use crate::model::statics::bit;

/// The refusal that a node's mask stands for.
pub fn check(mask: u8) -> Option<Refusal> {
    (mask & bit::NAME != 0).then(|| Refusal::unresolvable(Plugin::NodeName))
}

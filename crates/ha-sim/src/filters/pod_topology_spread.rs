//! PodTopologySpread refuses nodes in domains that have too many matching pods compared with the emptiest domain.
//!
//! Source: `pkg/scheduler/framework/plugins/podtopologyspread/filtering.go` and `common.go`. Counts are kept in tallies
//! (`tally.rs`) instead of being taken anew for each pod. Nodes that lost their machine but not their Node object are
//! domains still, unless the constraint honours taints; removed ones are not.
//! Differs from upstream 1.36: no. An empty selector counts no existing pod there either.

use crate::cycle::{Cycle, Plugin, Refusal, SpreadCheck};
use crate::model::PodClass;
use crate::state::State;

/// Prepares the constraints of a pod.
pub(crate) fn start(state: &mut State, class: &PodClass) -> Vec<SpreadCheck> {
    let check = |spread: &crate::model::Spread| SpreadCheck {
        key: spread.key,
        tally: state.spread_tally(spread),
        allowance: spread.max_skew - i64::from(spread.matches_itself),
        min_domains: spread.min_domains,
        min: 0,
        full: None,
    };
    class.hard_spread.iter().map(check).collect()
}

/// Why the node is refused: bit 0 it lacks a label, bit 1 its domain has too many pods.
#[inline]
pub fn check(state: &State, cycle: &Cycle, node: usize) -> Option<Refusal> {
    for check in &cycle.spread {
        let Some(domain) = state.model.topology.domain(check.key, node) else {
            return Some(Refusal::unresolvable(Plugin::PodTopologySpread));
        };
        let is_full = match check.full {
            Some(full) => full >> domain.position() & 1 == 1,
            None => state.tallies.get(check.tally).get(domain) - check.min > check.allowance,
        };
        if is_full {
            return Some(Refusal { plugin: Plugin::PodTopologySpread, reasons: 2, unresolvable: false });
        }
    }
    None
}

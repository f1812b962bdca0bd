//! What an autoscaler of nodes would do after a disruption: add nodes, one at a time, as long as one more gives some
//! waiting pod a place.
//!
//! The nodes that may be added are in the snapshot already, grouped by pool, and count as absent until they are added.
//! What real autoscalers weigh besides (price, expanders, time) is left out: pools are tried in their order.

use ha_core::impact::Disruption;
use ha_core::snapshot::{NodeId, WorkloadId};

use crate::failure;
use crate::settle::Settling;
use crate::state::{State, flag};

/// What one run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grown {
    /// The nodes that were added, in order.
    pub added: Vec<NodeId>,
    /// Pods that wait without them, by workload.
    pub without: Vec<(WorkloadId, u32)>,
    /// Pods that wait with them.
    pub with: Vec<(WorkloadId, u32)>,
    /// Whether it was given up: pods chased each other without end.
    pub endless: bool,
}

/// Lets at most `limit` nodes of the pools be added after a disruption. The state is as before afterwards.
pub fn grow(state: &mut State, disruption: &Disruption, pools: &[Vec<NodeId>], limit: usize, seed: u64) -> Grown {
    let mark = state.mark();
    for node in pools.iter().flatten() {
        state.set_flags(node.position(), flag::ABSENT);
    }
    let mut settling = Settling::new(state, seed);
    failure::apply(&mut settling, disruption);
    settling.retry();
    let mut grown = Grown { without: waiting(&settling), ..Grown::default() };
    let mut left: Vec<&[NodeId]> = pools.iter().map(Vec::as_slice).collect();
    while grown.added.len() < limit && !settling.waiting().is_empty() && !settling.endless {
        let Some(node) = left.iter_mut().find_map(|pool| add_from(&mut settling, pool)) else {
            break;
        };
        grown.added.push(node);
    }
    grown.with = waiting(&settling);
    grown.endless = settling.endless;
    settling.state.undo_to(mark);
    grown
}

/// Adds the next node of a pool if that gives some pod a place.
fn add_from(settling: &mut Settling, pool: &mut &[NodeId]) -> Option<NodeId> {
    let (&node, rest) = pool.split_first()?;
    let position = node.position();
    let before = settling.waiting().len();
    let pods = settling.state.pods_on(position).len();
    settling.state.set_flags(position, 0);
    settling.note_change_of_nodes();
    settling.settle();
    settling.retry();
    if settling.waiting().len() >= before && settling.state.pods_on(position).len() <= pods {
        settling.state.set_flags(position, flag::ABSENT);
        return None;
    }
    *pool = rest;
    Some(node)
}

fn waiting(settling: &Settling) -> Vec<(WorkloadId, u32)> {
    let mut waiting: Vec<(WorkloadId, u32)> = settling.waiting_by_workload().into_iter().collect();
    waiting.sort_unstable();
    waiting
}

//! How nodes suit pods with the same requests: whether there is room, and what NodeResourcesFit and
//! NodeResourcesBalancedAllocation make of it.
//!
//! Many pods of a cluster request the same, and when one is placed a single node changes. So what was found for a node
//! is kept until pods come or go there.

use hashbrown::HashMap;

use crate::cycle::Cycle;
use crate::filters::node_resources_fit;
use crate::model::Requests;
use crate::scores;
use crate::state::State;

/// What was found for pods with the same requests.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// Per node the stamp that it had then, and the verdict in the lowest bits.
    found: Vec<u64>,
}

const BITS: u32 = 16;
const MASK: u64 = (1 << BITS) - 1;
/// The verdict where there is no room. Scores are far below.
const NO_ROOM: u64 = MASK;

impl Room {
    /// The sum of both scores of a node; none where there is no room.
    #[inline]
    pub(crate) fn score(&mut self, state: &State, cycle: &Cycle, node: usize) -> Option<i64> {
        let found = self.found[node];
        if found >> BITS != state.stamp(node) {
            return self.find(state, cycle, node);
        }
        let verdict = found & MASK;
        if verdict == NO_ROOM { None } else { i64::try_from(verdict).ok() }
    }

    fn find(&mut self, state: &State, cycle: &Cycle, node: usize) -> Option<i64> {
        let has_room = node_resources_fit::check(state, cycle, node).is_none();
        let score = has_room.then(|| scores::of_resources(state, cycle, node));
        // What absurd requests score is not kept.
        let verdict = score.map_or(Some(NO_ROOM), |score| u64::try_from(score).ok().filter(|&score| score < NO_ROOM));
        if let Some(verdict) = verdict {
            self.found[node] = state.stamp(node) << BITS | verdict;
        }
        score
    }
}

/// What was found for pods of all kinds.
#[derive(Debug, Default)]
pub(crate) struct Rooms<'m> {
    of_requests: HashMap<&'m Requests, Room>,
}

/// A copy finds it anew: it is made for another thread, which goes through other pods.
impl Clone for Rooms<'_> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// For so many different requests it is kept, so that it takes no more than some megabytes.
const MOST: usize = 400;

impl<'m> Rooms<'m> {
    /// Takes out what was found, to go on with it.
    pub(crate) fn take(&mut self, requests: &Requests, nodes: usize) -> Room {
        self.of_requests.remove(requests).unwrap_or_else(|| Room { found: vec![0; nodes] })
    }

    /// Puts it back.
    pub(crate) fn keep(&mut self, requests: &'m Requests, room: Room) {
        if self.of_requests.len() >= MOST {
            self.of_requests.clear();
        }
        self.of_requests.insert(requests, room);
    }
}

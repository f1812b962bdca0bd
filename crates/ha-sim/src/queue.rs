//! The scheduling queue: by priority, then by time.
//!
//! Source: `Less` in `pkg/scheduler/framework/plugins/queuesort/priority_sort.go`. Pods that a failure displaces reach
//! the queue in an order that is chance: controllers work at the same time. A queue therefore takes a wave beside the
//! priority; pods of a later wave had not arrived when those of an earlier one were placed.
//! Differs from upstream 1.36: no back-off; a pod that was refused comes back when something changed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::ids::PodIndex;

/// The scheduling queue.
#[derive(Debug, Default)]
pub struct Queue {
    entries: BinaryHeap<Entry>,
    pushed: u64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    wave: Reverse<u32>,
    priority: i32,
    time: Reverse<(u64, u64)>,
    pod: PodIndex,
}

impl Queue {
    /// Adds a pod. `time` orders pods of one wave and priority; among equals the first added comes first.
    pub fn push(&mut self, pod: PodIndex, wave: u32, priority: i32, time: u64) {
        self.pushed += 1;
        self.entries.push(Entry { wave: Reverse(wave), priority, time: Reverse((time, self.pushed)), pod });
    }

    /// The next pod, with its wave.
    pub fn pop(&mut self) -> Option<(PodIndex, u32)> {
        self.entries.pop().map(|entry| (entry.pod, entry.wave.0))
    }

    /// Whether no pod waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priority_goes_before_time_and_waves_before_priority() {
        let mut queue = Queue::default();
        for (pod, wave, priority, time) in [(0, 0, 0, 1), (1, 0, 0, 0), (2, 0, 9, 5), (3, 1, 99, 0), (4, 0, 0, 1)] {
            queue.push(PodIndex::at(pod), wave, priority, time);
        }
        let order: Vec<usize> = std::iter::from_fn(|| queue.pop()).map(|(pod, _)| pod.position()).collect();
        assert_eq!(order, [2, 1, 0, 4, 3]);
    }
}

//! Every change of a state, with what undoes it.

use ha_core::text::Text;

use super::State;
use crate::ids::{ClaimIndex, PodIndex};
use crate::model::storage::Binding;

/// One change.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Placed(PodIndex),
    Removed(PodIndex, usize),
    Vanished(PodIndex),
    Flags(usize, u8),
    Created,
    Claimed(Text, Text),
    Bound(ClaimIndex, Binding),
    Nominated(PodIndex, usize),
    Withdrawn(PodIndex, usize),
}

impl State<'_> {
    /// A point to return to.
    pub fn mark(&self) -> usize {
        self.journal.len()
    }

    /// Returns to a point.
    pub fn undo_to(&mut self, mark: usize) {
        while self.journal.len() > mark {
            let Some(change) = self.journal.pop() else {
                return;
            };
            self.undo(&change);
        }
    }

    pub(super) fn note(&mut self, change: Change) {
        self.version += 1;
        self.journal.push(change);
    }

    /// Tells this moment from all others after which something changed, even if it was undone.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    fn undo(&mut self, change: &Change) {
        self.version += 1;
        match *change {
            Change::Placed(pod) => {
                if let Some(node) = self.detach(pod) {
                    self.changes[node] -= 1;
                }
            }
            Change::Removed(pod, node) => {
                self.gone[pod.position()] = false;
                self.attach(pod, node);
                self.changes[node] -= 1;
            }
            Change::Vanished(pod) => self.gone[pod.position()] = false,
            Change::Flags(node, flags) => {
                self.change_flags(node, flags);
                self.changes[node] -= 1;
            }
            Change::Created => {
                if let Some(pod) = self.created.pop()
                    && let Some(alike) = self.created_of_class.get_mut(&pod.class)
                {
                    alike.pop();
                }
                self.node_of.pop();
                self.gone.pop();
            }
            Change::Claimed(namespace, name) => {
                self.claims.pop();
                self.bindings.pop();
                self.users.pop();
                self.claim_names.remove(&(namespace, name));
            }
            Change::Bound(claim, binding) => self.change_binding(claim, binding),
            Change::Nominated(pod, node) => {
                self.nominations[node] -= 1;
                self.nominated.retain(|&entry| entry != (pod, node));
            }
            Change::Withdrawn(pod, node) => {
                self.nominations[node] += 1;
                self.nominated.push((pod, node));
            }
        }
    }
}

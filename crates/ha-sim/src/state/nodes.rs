//! Which nodes exist, and which of them labels and taints refuse; kept until what happened to some node changes.

use std::sync::Arc;

use super::{State, flag};
use crate::cycle::Refusal;
use crate::filters;
use crate::ids::{KeyId, StaticId};
use crate::model::storage::Reach;
use crate::model::{Inclusion, Model, Static, statics};
use crate::tally::DENSE;

/// The nodes that exist, in the scheduler's order.
#[derive(Debug)]
pub(crate) struct Order {
    /// Them.
    pub(crate) nodes: Vec<u32>,
    /// Per node of the snapshot its place among them; of one that does not exist, that of the next which does.
    places: Vec<u32>,
}

impl Order {
    fn of(order: &[u32], flags: &[u8]) -> Self {
        let (mut nodes, mut places, mut place) = (Vec::with_capacity(order.len()), vec![0; order.len()], 0);
        for &node in order {
            places[node as usize] = place;
            if flags[node as usize] & flag::ABSENT == 0 {
                nodes.push(node);
                place += 1;
            }
        }
        Self { nodes, places }
    }

    /// A node's place.
    pub(crate) fn place(&self, node: u32) -> usize {
        self.places[node as usize] as usize
    }
}

impl State<'_> {
    /// The nodes that exist, in the scheduler's order.
    pub(crate) fn order(&mut self) -> Arc<Order> {
        let (flags, order) = (&self.flags, &self.model.node_order);
        self.order.get_or_insert_with(|| Arc::new(Order::of(order, flags))).clone()
    }

    /// How many of the nodes that exist are refused by labels and taints, by the first filter that refuses them.
    pub(crate) fn refused_by_labels(&mut self, id: StaticId) -> Arc<[(Refusal, usize)]> {
        if let Some(known) = self.refused.get(&id) {
            return known.clone();
        }
        let mut masks = [0; 1 + u8::MAX as usize];
        for node in (0..self.flags.len()).filter(|&node| self.is_present(node)) {
            masks[usize::from(self.static_mask(id, node))] += 1;
        }
        let refusals = (0..=u8::MAX).filter_map(|mask| Some((filters::first_static(mask)?, masks[usize::from(mask)])));
        let refused: Arc<[(Refusal, usize)]> = refusals.filter(|&(_, nodes)| nodes > 0).collect();
        self.refused.insert(id, refused.clone());
        refused
    }

    /// The domains of a topology of few domains with a node that labels and taints do not refuse, one bit each.
    pub(crate) fn open_domains(&mut self, id: StaticId, key: KeyId) -> u64 {
        if let Some(&known) = self.open.get(&(id, key)) {
            return known;
        }
        let is_open = |&node: &usize| self.is_present(node) && self.static_mask(id, node) == 0;
        let domains = (0..self.flags.len()).filter(is_open).filter_map(|node| self.model.topology.domain(key, node));
        let open = domains.fold(0, |bits, domain| bits | 1 << (domain.position() % DENSE));
        self.open.insert((id, key), open);
        open
    }

    /// Whether volumes can be used on a node that labels and taints do not refuse.
    pub(crate) fn reaches_open_node(&mut self, id: StaticId, reach: Reach) -> bool {
        if let Some(&known) = self.reaching.get(&(id, reach.id)) {
            return known;
        }
        let is_open = |node: usize| self.is_present(node) && self.static_mask(id, node) == 0;
        let reaching = (0..).zip(reach.nodes).any(|(node, &reached)| reached && is_open(node));
        self.reaching.insert((id, reach.id), reaching);
        reaching
    }

    /// The filters on labels and taints that refuse a node.
    pub fn static_mask(&self, statics: StaticId, node: usize) -> u8 {
        static_mask(self.model, self.flags[node], self.model.statics(statics), node)
    }
}

fn static_mask(model: &Model, flags: u8, statics: &Static, node: usize) -> u8 {
    statics.mask(model.snapshot, node) | mask_of_flags(flags, statics)
}

/// The filters that refuse a node for what happened to it.
pub(crate) fn mask_of_flags(flags: u8, statics: &Static) -> u8 {
    let mut mask = 0;
    if flags & flag::CORDONED != 0 && !statics.tolerates_cordon {
        mask |= statics::bit::UNSCHEDULABLE | statics::bit::TAINT;
    }
    if flags & flag::UNREACHABLE != 0 && !statics.tolerates_unreachable {
        mask |= statics::bit::TAINT;
    }
    mask
}

/// Whether a spread constraint looks at a node.
pub(super) fn includes(model: &Model, flags: u8, inclusion: &Inclusion, node: usize) -> bool {
    let passes = |id: Option<StaticId>, bit: u8| {
        id.is_none_or(|id| static_mask(model, flags, model.statics(id), node) & bit == 0)
    };
    flags & flag::ABSENT == 0
        && inclusion.keys.iter().all(|&key| model.topology.domain(key, node).is_some())
        && passes(inclusion.affinity, statics::bit::AFFINITY)
        && passes(inclusion.taints, statics::bit::TAINT)
}

#[cfg(test)]
mod tests {
    use super::{Order, flag};

    #[test]
    fn nodes_that_are_gone_have_the_place_of_the_next() {
        let order = Order::of(&[2, 0, 3, 1], &[flag::ABSENT, flag::UNREACHABLE, 0, 0]);
        assert_eq!(order.nodes, [2, 3, 1]);
        assert_eq!([2, 0, 3, 1].map(|node| order.place(node)), [0, 1, 1, 2]);
    }
}

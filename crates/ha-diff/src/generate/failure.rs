//! What breaks.

use super::Draft;
use crate::case::{Failure, Kind};

impl Draft {
    /// One node, two nodes, or a zone; mostly so that nodes are left.
    pub(super) fn failure(&mut self) -> Failure {
        let kind = self.dice.one(&[
            Kind::Removed,
            Kind::Removed,
            Kind::Removed,
            Kind::Unreachable,
            Kind::Unreachable,
            Kind::Unreachable,
            Kind::Drained,
        ]);
        let zone = self.dice.one_of(&self.nodes).zone.clone();
        if let Some(zone) = zone
            && self.dice.chance(50)
        {
            let nodes: Vec<String> = self
                .nodes
                .iter()
                .filter(|node| node.zone.as_deref() == Some(&zone))
                .map(|node| node.name.clone())
                .collect();
            if nodes.len() < self.nodes.len() || self.dice.chance(30) {
                return Failure { kind, zone: Some(zone), nodes };
            }
        }
        let mut nodes = vec![self.dice.one_of(&self.nodes).name.clone()];
        if self.dice.chance(25) {
            nodes.push(self.dice.one_of(&self.nodes).name.clone());
        }
        nodes.sort();
        nodes.dedup();
        Failure { kind, zone: None, nodes }
    }
}

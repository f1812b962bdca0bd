//! Topology keys and their domains.

use ha_core::labels::LabelSet;
use ha_core::text::Text;
use hashbrown::HashMap;

use crate::ids::{DomainId, KeyId};

/// The node labels that some pod of the cluster means as a topology.
#[derive(Debug, Default)]
pub struct Topology {
    keys: Vec<Key>,
    numbers: HashMap<Text, KeyId>,
}

/// One label key.
#[derive(Debug)]
struct Key {
    name: Text,
    /// Per node: its value's number, when it has the label.
    of_node: Vec<Option<DomainId>>,
    domains: usize,
    /// Whether every node has the label.
    is_complete: bool,
}

impl Topology {
    /// The number of a key, which is added when it is new. `labels` are those of all nodes, in order.
    pub(super) fn add<'l>(&mut self, name: Text, labels: impl Iterator<Item = &'l LabelSet>) -> KeyId {
        if let Some(&id) = self.numbers.get(&name) {
            return id;
        }
        let mut domains: HashMap<Text, DomainId> = HashMap::new();
        let of_node: Vec<Option<DomainId>> = labels
            .map(|labels| {
                let value = labels.get(name)?;
                let next = DomainId::at(domains.len());
                Some(*domains.entry(value).or_insert(next))
            })
            .collect();
        let id = KeyId::at(self.keys.len());
        let is_complete = of_node.iter().all(Option::is_some);
        self.keys.push(Key { name, of_node, domains: domains.len(), is_complete });
        self.numbers.insert(name, id);
        id
    }

    /// The number of a topology in which every node is a domain of its own, whatever its labels say.
    pub(super) fn add_nodes(&mut self, nodes: usize) -> KeyId {
        let id = KeyId::at(self.keys.len());
        let of_node = (0..nodes).map(|node| Some(DomainId::at(node))).collect();
        self.keys.push(Key { name: Text::default(), of_node, domains: nodes, is_complete: true });
        id
    }

    /// The domain of the node at `node`; none when it lacks the label.
    #[inline]
    pub fn domain(&self, key: KeyId, node: usize) -> Option<DomainId> {
        self.keys[key.position()].of_node[node]
    }

    /// The domains of all nodes.
    pub(crate) fn of_nodes(&self, key: KeyId) -> &[Option<DomainId>] {
        &self.keys[key.position()].of_node
    }

    /// Whether every node has the label.
    pub(crate) fn is_complete(&self, key: KeyId) -> bool {
        self.keys[key.position()].is_complete
    }

    /// Whether every node is a domain of its own: then nodes and domains have the same numbers.
    pub(crate) fn is_each_node(&self, key: KeyId) -> bool {
        let key = &self.keys[key.position()];
        key.is_complete && key.domains == key.of_node.len()
    }

    /// How many values the key has.
    pub fn domains(&self, key: KeyId) -> usize {
        self.keys[key.position()].domains
    }

    /// The label's key.
    pub fn name(&self, key: KeyId) -> Text {
        self.keys[key.position()].name
    }
}

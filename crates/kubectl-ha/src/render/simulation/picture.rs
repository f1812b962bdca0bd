//! What a picture of one scenario shows: zones, their nodes, and what becomes of the pods there.

use std::collections::BTreeMap;

use ha_core::Snapshot;
use ha_core::impact::{Disruption, DisruptionKind};
use ha_core::snapshot::{NodeId, WorkloadId};
use ha_sim::places::Fate;

use crate::sanitize::Texts;

/// One scenario, before and after.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// Zones by name, nodes without one last.
    pub zones: Vec<Zone>,
    /// Pods without a node in the end.
    pub waiting: u32,
}

/// A zone.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    /// Its name; empty for the nodes without one.
    pub name: String,
    /// Its nodes by name.
    pub nodes: Vec<Node>,
}

/// A node.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What happens to it.
    pub fate: NodeFate,
    /// What becomes of the pods.
    pub pods: Pods,
}

/// What happens to a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeFate {
    /// Nothing.
    #[default]
    Stays,
    /// It is lost.
    Lost,
    /// It is cordoned and drained.
    Drained,
}

/// How many pods stay, go and come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    /// Before and after.
    pub stay: u32,
    /// Before only.
    pub go: u32,
    /// Afterwards only.
    pub come: u32,
}

impl Pods {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { stay: self.stay + other.stay, go: self.go + other.go, come: self.come + other.come }
    }
}

impl Picture {
    /// From what becomes of every pod under these disruptions, one after the other.
    pub fn new(snapshot: &Snapshot, disruptions: &[&Disruption], fates: &[(WorkloadId, Fate)]) -> Self {
        let mut pods = vec![Pods::default(); snapshot.nodes.len()];
        let mut waiting = 0;
        for (_, fate) in fates {
            match *fate {
                Fate::Stays(node) => pods[node.position()].stay += 1,
                Fate::Goes(node) => pods[node.position()].go += 1,
                Fate::Comes(node) => pods[node.position()].come += 1,
                Fate::Waits => waiting += 1,
            }
        }
        let fate = |id: NodeId| match disruptions.iter().find(|disruption| disruption.nodes.contains(&id)) {
            None => NodeFate::Stays,
            Some(disruption) if matches!(disruption.kind, DisruptionKind::Loss(_)) => NodeFate::Lost,
            Some(_) => NodeFate::Drained,
        };
        let mut zones: BTreeMap<(bool, &str), Vec<Node>> = BTreeMap::new();
        for (id, node) in snapshot.nodes_by_id() {
            let zone = snapshot.text(node.zone);
            let name = snapshot.name_of(node).to_owned();
            let node = Node { name, fate: fate(id), pods: pods[id.position()] };
            zones.entry((zone.is_empty(), zone)).or_default().push(node);
        }
        let zones = zones.into_iter().map(|((_, name), nodes)| Zone { name: name.to_owned(), nodes });
        Self { zones: zones.collect(), waiting }
    }
}

impl Texts for Picture {
    fn for_each_text(&mut self, visit: &mut dyn FnMut(&mut String)) {
        let Self { zones, waiting: _ } = self;
        for Zone { name, nodes } in zones {
            visit(name);
            for Node { name, fate: _, pods: _ } in nodes {
                visit(name);
            }
        }
    }
}

//! What NodeUnschedulable, NodeName, TaintToleration and NodeAffinity look at: labels and taints. Pods that agree in
//! it share one table of verdicts per node, computed when first asked for.

use std::sync::OnceLock;

use ha_core::arithmetic::eligibility::repels;
use ha_core::labels::{Label, NodeSelector, Operator};
use ha_core::snapshot::{PodSpec, Snapshot, Taint, TaintEffect, Toleration};
use ha_core::text::Text;

use super::names::Names;

/// The part of a pod that these filters read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StaticSpec {
    /// `spec.nodeName` of a pod that is not bound yet.
    pub node_name: Text,
    /// The one node that a DaemonSet's pod asks for.
    pub pinned: Text,
    /// `nodeSelector`.
    pub node_selector: Vec<Label>,
    /// Required node affinity.
    pub node_affinity: Option<NodeSelector>,
    /// Tolerations.
    pub tolerations: Vec<Toleration>,
}

impl StaticSpec {
    pub(super) fn of(spec: &PodSpec, pinned: Text) -> Self {
        Self {
            node_name: spec.node_name,
            pinned,
            node_selector: spec.node_selector.clone(),
            node_affinity: spec.node_affinity.clone(),
            tolerations: spec.tolerations.clone(),
        }
    }
}

/// Filters that refuse a node, one bit each, in the scheduler's order.
pub mod bit {
    /// NodeUnschedulable.
    pub const UNSCHEDULABLE: u8 = 1;
    /// NodeName.
    pub const NAME: u8 = 2;
    /// TaintToleration.
    pub const TAINT: u8 = 4;
    /// NodeAffinity.
    pub const AFFINITY: u8 = 8;
}

/// A static specification and what follows from it.
#[derive(Debug)]
pub struct Static {
    /// The specification.
    pub spec: StaticSpec,
    /// Whether it tolerates both taints of an unreachable node that stop new pods (`NoSchedule` and `NoExecute`).
    pub tolerates_unreachable: bool,
    /// Whether it tolerates a cordon.
    pub tolerates_cordon: bool,
    /// The only nodes that can be meant, when every alternative of the affinity names some (`PreFilterResult`).
    pub only_nodes: Option<Vec<Text>>,
    masks: OnceLock<Box<[u8]>>,
    passing: OnceLock<Box<[u32]>>,
}

/// Keys of the taints that failures and drains bring.
#[derive(Clone, Copy, Debug)]
pub struct TaintKeys {
    /// `node.kubernetes.io/unreachable`.
    pub unreachable: Text,
    /// `node.kubernetes.io/unschedulable`.
    pub unschedulable: Text,
}

impl TaintKeys {
    pub(super) fn new(names: &mut Names) -> Self {
        Self {
            unreachable: names.intern("node.kubernetes.io/unreachable"),
            unschedulable: names.intern("node.kubernetes.io/unschedulable"),
        }
    }
}

impl Static {
    pub(super) fn new(names: &Names, keys: TaintKeys, spec: StaticSpec) -> Self {
        let all = |key: Text, effects: &[TaintEffect]| {
            let taint = |effect| Taint { key, effect, ..Taint::default() };
            effects.iter().all(|&effect| !repels(&spec.tolerations, &taint(effect)))
        };
        Self {
            tolerates_unreachable: all(keys.unreachable, &[TaintEffect::NoSchedule, TaintEffect::NoExecute]),
            tolerates_cordon: all(keys.unschedulable, &[TaintEffect::NoSchedule]),
            only_nodes: only_nodes(names, &spec),
            masks: OnceLock::new(),
            passing: OnceLock::new(),
            spec,
        }
    }

    /// The filters that refuse a node of the snapshot, before any failure.
    pub fn mask(&self, snapshot: &Snapshot, node: usize) -> u8 {
        self.masks(snapshot).map_or_else(|| self.compute(snapshot, node), |masks| masks[node])
    }

    /// The same of all nodes; none for pods that are pinned to different nodes, which share no table and look at hardly any
    /// other node.
    pub(crate) fn masks(&self, snapshot: &Snapshot) -> Option<&[u8]> {
        let all = || (0..snapshot.nodes.len()).map(|node| self.compute(snapshot, node)).collect();
        self.spec.pinned.is_empty().then(|| &**self.masks.get_or_init(all))
    }

    /// The nodes of the snapshot, in the scheduler's order `order`, that no filter refuses before any failure.
    pub(crate) fn passing(&self, snapshot: &Snapshot, order: &[u32]) -> &[u32] {
        let passes = |&node: &u32| self.mask(snapshot, node as usize) == 0;
        self.passing.get_or_init(|| order.iter().copied().filter(passes).collect())
    }

    fn compute(&self, snapshot: &Snapshot, position: usize) -> u8 {
        let node = &snapshot.nodes[position];
        let name = snapshot.object(node.object).name;
        let spec = &self.spec;
        let mut mask = 0;
        if node.unschedulable && !self.tolerates_cordon {
            mask |= bit::UNSCHEDULABLE;
        }
        if !spec.node_name.is_empty() && spec.node_name != name {
            mask |= bit::NAME;
        }
        if node.taints.iter().any(|taint| repels(&spec.tolerations, taint)) {
            mask |= bit::TAINT;
        }
        let labels = snapshot.labels(node.labels);
        let selected = spec.node_selector.iter().all(|wanted| labels.get(wanted.key) == Some(wanted.value))
            && spec.node_affinity.as_ref().is_none_or(|affinity| affinity.matches(labels, name, &snapshot.texts))
            && (spec.pinned.is_empty() || spec.pinned == name);
        if !selected {
            mask |= bit::AFFINITY;
        }
        mask
    }
}

/// The nodes named by every alternative of the affinity, as `PreFilter` of the NodeAffinity plugin collects them: none
/// where an alternative names no node. The snapshot keeps the node that all alternatives name apart, as `pinned`.
fn only_nodes(names: &Names, spec: &StaticSpec) -> Option<Vec<Text>> {
    if !spec.pinned.is_empty() {
        return Some(vec![spec.pinned]);
    }
    let terms = &spec.node_affinity.as_ref()?.terms;
    let mut all = Vec::new();
    for term in terms {
        let mut meant: Option<Vec<Text>> = None;
        let by_name = |field: &&ha_core::labels::Requirement| {
            field.operator == Operator::In && names.get(field.key) == "metadata.name"
        };
        for field in term.fields.iter().filter(by_name) {
            meant = Some(match meant {
                None => field.values.clone(),
                Some(before) => before.into_iter().filter(|name| field.values.contains(name)).collect(),
            });
        }
        all.extend(meant?);
    }
    all.sort_unstable();
    all.dedup();
    (!terms.is_empty()).then_some(all)
}

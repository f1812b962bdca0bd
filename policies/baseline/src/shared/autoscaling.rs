//! Whether something adds nodes when pods wait for one.

use ha_sdk::snapshot::{Fact, Snapshot};

/// The label that Karpenter gives to the nodes that it makes.
const KARPENTER_LABEL: &str = "karpenter.sh/nodepool";

/// Whether a node autoscaler is seen that could add a node now: Karpenter by its nodes, the cluster autoscaler by its
/// status, unless that says that it is unhealthy or that all its groups are as large as they may become.
pub(crate) fn may_add_nodes(snapshot: &Snapshot) -> bool {
    let karpenter = snapshot.texts.find(KARPENTER_LABEL);
    let made_by_karpenter =
        karpenter.is_some_and(|key| snapshot.nodes.iter().any(|node| snapshot.labels(node.labels).get(key).is_some()));
    made_by_karpenter || cluster_autoscaler_has_room(snapshot)
}

fn cluster_autoscaler_has_room(snapshot: &Snapshot) -> bool {
    let fact = |name: &str| {
        let facts = snapshot.facts.iter().find(|fact| snapshot.text(fact.name) == name);
        facts.map(|fact| snapshot.text(fact.value))
    };
    let health = fact(Fact::AUTOSCALER_HEALTH);
    let groups = fact(Fact::AUTOSCALER_FULL_GROUPS).and_then(|groups| groups.split_once('/'));
    let is_seen = health.is_some() || groups.is_some();
    is_seen && health != Some("Unhealthy") && groups.is_none_or(|(full, all)| full != all)
}

//! The same scores in fewer steps, where nodes of one domain score alike but for the few with pods that are counted on
//! the node itself: a spread over zones, over host names, or over both.

use super::{Scored, by_node, normal, rounded, weight_of_size};
use crate::ids::{DomainId, KeyId};
use crate::model::{Model, Spread};
use crate::scores::{Nodes, ScorePlan};
use crate::state::State;
use crate::tally::{DENSE, Tally};

/// Adds the weighted scores, or scores that are all less by the same. Returns whether it could; every node must have all
/// labels.
pub(super) fn add(state: &State, spreads: &[Spread], plan: &ScorePlan, nodes: &mut Nodes, weight: i64) -> bool {
    let Some(parts) = Parts::of(state, spreads, plan, nodes.list()) else {
        return false;
    };
    let mut apart: Vec<usize> = Vec::new();
    for node in parts.nodes_apart() {
        apart.extend(nodes.find(node));
    }
    apart.sort_unstable();
    apart.dedup();
    // How many nodes of each domain are like each other.
    let mut alike = parts.sizes;
    let mut raw_apart = Vec::with_capacity(apart.len());
    for &number in &apart {
        let node = nodes.list()[number];
        alike[parts.domain(node)] -= 1;
        raw_apart.push(parts.raw(parts.domain(node), Some(node)));
    }
    let present = |sizes: &[u32; DENSE], domain: usize| sizes[domain] > 0;
    let raw: [i64; DENSE] =
        std::array::from_fn(|domain| if present(&parts.sizes, domain) { parts.raw(domain, None) } else { 0 });
    let all =
        || (0..DENSE).filter(|&domain| present(&alike, domain)).map(|domain| raw[domain]).chain(raw_apart.clone());
    let (min, max) = (all().min().unwrap_or(i64::MAX), all().max().unwrap_or(0).max(0));
    let normals = raw.map(|raw| weight * normal(raw, min, max));
    // With host names alone all others score the same, which decides nothing and is left out.
    if parts.key.is_some() {
        let domains = parts.domains;
        for (&node, score) in nodes.list.iter().zip(&mut nodes.scores) {
            *score += normals[domain_of(domains, node)];
        }
    }
    for (&number, &raw) in apart.iter().zip(&raw_apart) {
        let domain = parts.domain(nodes.list[number]);
        nodes.scores[number] += weight * normal(raw, min, max) - normals[domain];
    }
    true
}

/// Constraints, told apart by where they count pods.
struct Parts<'c> {
    constraints: Vec<Scored<'c>>,
    /// The one topology of few domains; none where all constraints are by host name.
    key: Option<KeyId>,
    domains: &'c [Option<DomainId>],
    /// How many nodes each domain has.
    sizes: [u32; DENSE],
    model: &'c Model<'c>,
}

impl<'c> Parts<'c> {
    /// None where nodes differ by more than one topology, or too many by themselves.
    fn of(state: &'c State, spreads: &'c [Spread], plan: &ScorePlan, nodes: &[usize]) -> Option<Self> {
        let model = state.model;
        let mut key = None;
        let mut constraints = Vec::with_capacity(spreads.len());
        for (spread, &(counted, tally)) in spreads.iter().zip(&plan.spread) {
            let tally = tally.map(|id| state.tallies.get(id)).filter(|tally| !tally.is_empty());
            if by_node(model, spread) {
                // Few nodes have counts of their own.
                if tally.is_some_and(|tally| tally.few().is_some() || tally.nonzero() > nodes.len()) {
                    return None;
                }
            } else if model.topology.domains(spread.key) > DENSE || key.is_some_and(|key| key != spread.key) {
                return None;
            } else {
                key = Some(spread.key);
            }
            constraints.push(Scored { spread, key: counted, tally, weight: 0.0 });
        }
        let domains = key.map_or(&[][..], |key| model.topology.of_nodes(key));
        let mut sizes = [0; DENSE];
        for &node in nodes {
            sizes[domain_of(domains, node)] += 1;
        }
        let mut parts = Self { constraints, key, domains, sizes, model };
        parts.weigh(nodes.len());
        Some(parts)
    }

    /// The more domains, the more a pod weighs.
    fn weigh(&mut self, nodes: usize) {
        let domains = self.sizes.iter().filter(|&&size| size > 0).count();
        for constraint in &mut self.constraints {
            let size = if by_node(self.model, constraint.spread) { nodes } else { domains };
            constraint.weight = weight_of_size(size);
        }
    }

    fn domain(&self, node: usize) -> usize {
        domain_of(self.domains, node)
    }

    /// The nodes that have counts of their own.
    fn nodes_apart(&self) -> impl Iterator<Item = usize> {
        let tallies = self.constraints.iter().filter(|constraint| by_node(self.model, constraint.spread));
        tallies
            .filter_map(|constraint| constraint.tally.and_then(Tally::counted))
            .flatten()
            .map(|(domain, _)| domain.position())
    }

    /// The score of a node in that domain: of this one, or of those without pods that are counted by node.
    fn raw(&self, domain: usize, node: Option<usize>) -> i64 {
        let sum = self.constraints.iter().fold(0.0, |sum, constraint| {
            let domain = if by_node(self.model, constraint.spread) { node } else { Some(domain) };
            let count = constraint.tally.zip(domain).map_or(0, |(tally, domain)| tally.get(DomainId::at(domain)));
            sum + constraint.of_count(count)
        });
        rounded(sum)
    }
}

/// The number of a node's domain; all are of one where there is no topology.
fn domain_of(domains: &[Option<DomainId>], node: usize) -> usize {
    domains.get(node).copied().flatten().map_or(0, DomainId::position) % DENSE
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use std::collections::BTreeSet;

    use ha_core::Snapshot;
    use ha_core::snapshot::ResourceKind;
    use ha_snapshot::objects::Object;
    use ha_snapshot::{Builder, Origin};
    use serde_json::{Value, json};

    use super::super::of_each;
    use crate::cycle::Cycle;
    use crate::scores::Nodes;
    use crate::{Model, State};

    const NODES: usize = 90;

    /// Nodes in three zones, pods of a set on some of them, several on one, and one that waits.
    fn cluster(constraints: &Value) -> Snapshot {
        let labels = json!({"app": "web"});
        let mut objects: Vec<Value> = (0..NODES)
            .map(|number| {
                let name = format!("n{number:02}");
                let labels =
                    json!({"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": format!("z{}", number % 3)});
                json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
                    "status": {"allocatable": {"cpu": "8", "memory": "8Gi", "pods": "110"}}})
            })
            .collect();
        objects.push(json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "namespace": "shop", "uid": "u"},
            "spec": {"replicas": 6, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": []}}}}));
        for (number, node) in ["n00", "n01", "n01", "n30", "n44", ""].into_iter().enumerate() {
            objects.push(json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": format!("web-{number}"), "namespace": "shop", "labels": labels,
                    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "u", "controller": true}]},
                "spec": {"nodeName": node, "containers": [], "topologySpreadConstraints": constraints},
                "status": {"phase": if node.is_empty() { "Pending" } else { "Running" }}}));
        }
        let mut builder = Builder::new(&[]);
        for value in &objects {
            let api_version = value["apiVersion"].as_str().unwrap();
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            let kind = ResourceKind::from_group_kind(group, value["kind"].as_str().unwrap()).unwrap();
            builder.add(Object::from_json(api_version, kind, &value.to_string()).unwrap());
        }
        builder.finish(&Origin::default())
    }

    #[test]
    fn nodes_differ_by_as_much_as_one_by_one() {
        let soft = |key: &str| {
            json!({"maxSkew": 2, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app": "web"}}})
        };
        let (host, zone) = (soft("kubernetes.io/hostname"), soft("topology.kubernetes.io/zone"));
        for constraints in [json!([]), json!([host]), json!([zone]), json!([zone, host])] {
            let snapshot = cluster(&constraints);
            let model = Model::new(&snapshot);
            let mut state = State::new(&model);
            let pod = model.waiting[0];
            let plan = state.score_plan(state.pod(pod).class);
            let cycle = Cycle::start(&mut state, pod).unwrap();
            let spreads = &cycle.class.soft_spread;
            assert!(!spreads.is_empty());
            for list in [0..NODES, 1..NODES, 0..2, 10..25, 30..40] {
                let list: Vec<usize> = list.collect();
                let mut nodes = Nodes::default();
                for &node in list.iter().rev() {
                    nodes.push(node, 0);
                }
                let done = super::add(&state, spreads, &plan, &mut nodes, 1);
                let one_by_one = of_each(&state, spreads, &plan, nodes.list(), |_| true);
                // The default spread counts 4 nodes by themselves, which is too many for a short list.
                assert!(done || list.len() < 4, "{constraints} {list:?}");
                let by: BTreeSet<i64> =
                    nodes.scores().iter().zip(&one_by_one).map(|(score, exact)| exact - score).collect();
                assert!(!done || by.len() == 1, "{constraints} {:?} {one_by_one:?}", nodes.scores());
            }
        }
    }
}

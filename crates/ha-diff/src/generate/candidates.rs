//! Pods to ask the filter plugins about, one plugin at a time.

use serde_json::{Value, json};

use super::dice::Dice;
use crate::case::Case;

/// How many pods of a cluster are asked about at most.
const MOST: usize = 8;

/// Copies of some pods of a cluster at rest, as if one more of each were to be scheduled: without a node and the labels
/// that come with it, and some with a node's name, which only the plugin NodeName looks at.
#[must_use]
pub fn candidates(case: &Case) -> Vec<Value> {
    let mut dice = Dice::new(case.seed);
    let nodes: Vec<&Value> = case.objects.iter().filter(|object| object["kind"] == "Node").collect();
    let mut pods: Vec<&Value> = case.objects.iter().filter(|object| object["kind"] == "Pod").collect();
    let mut copies = Vec::new();
    while copies.len() < MOST && !pods.is_empty() {
        let last = u32::try_from(pods.len() - 1).unwrap_or(0);
        let chosen = pods.swap_remove(dice.from(0, last) as usize);
        let mut copy = chosen.clone();
        copy["metadata"]["name"] = json!(format!("candidate-{}", copies.len()));
        copy["metadata"]["uid"] = json!(format!("00000000-0000-4000-8000-{:012x}", copies.len()));
        copy["status"] = json!({"phase": "Pending"});
        for label in ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"] {
            if let Some(labels) = copy["metadata"]["labels"].as_object_mut() {
                labels.remove(label);
            }
        }
        if let Some(spec) = copy["spec"].as_object_mut() {
            spec.remove("nodeName");
            if dice.chance(15) && !nodes.is_empty() {
                spec.insert("nodeName".to_owned(), dice.one(&nodes)["metadata"]["name"].clone());
            }
        }
        copies.push(copy);
    }
    copies
}

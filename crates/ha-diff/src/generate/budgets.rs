//! Budgets: preemption prefers victims whose budgets allow it.

use serde_json::{Value, json};

use super::Draft;
use super::template::About;
use super::workloads::selector;

impl Draft {
    pub(super) fn add_budget(&mut self, about: &About, template: &Value) {
        let by_tier = json!({"matchLabels": {"tier": template["metadata"]["labels"]["tier"]}});
        let mut spec = json!({"selector": if self.dice.chance(15) { by_tier } else { selector(about) }});
        let (field, value) = self
            .dice
            .one_of(&[
                ("maxUnavailable", json!(1)),
                ("maxUnavailable", json!(0)),
                ("maxUnavailable", json!("34%")),
                ("minAvailable", json!(1)),
                ("minAvailable", json!(2)),
                ("minAvailable", json!("50%")),
            ])
            .clone();
        spec[field] = value;
        self.add(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": spec,
            "metadata": {"name": about.name, "namespace": about.namespace}}));
    }
}

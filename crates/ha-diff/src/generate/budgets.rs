//! Budgets: preemption prefers victims whose budgets allow it, and drains wait for them. Quotas: they may deny what is
//! created anew.

use serde_json::{Value, json};

use super::template::About;
use super::workloads::selector;
use super::{Draft, NAMESPACES};

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
        if self.dice.chance(20) {
            spec["unhealthyPodEvictionPolicy"] = json!(self.dice.one(&["AlwaysAllow", "IfHealthyBudget"]));
        }
        self.add(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": spec,
            "metadata": {"name": about.name, "namespace": about.namespace}}));
    }

    /// Quotas that come once the pods run: some allow less than there is.
    pub(super) fn quotas(&mut self) -> Vec<Value> {
        let mut quotas = Vec::new();
        for (namespace, _, _) in NAMESPACES {
            if !self.dice.chance(self.theme.quotas) {
                continue;
            }
            let mut hard = json!({"pods": self.dice.from(1, 24).to_string()});
            match self.dice.from(0, 5) {
                0 => hard = json!({"requests.cpu": format!("{}m", self.dice.from(2, 80) * 100)}),
                1 => hard["cpu"] = json!(self.dice.from(1, 9).to_string()),
                2 => hard["requests.memory"] = json!(format!("{}Gi", self.dice.from(1, 20))),
                3 => hard["limits.memory"] = json!(format!("{}Gi", self.dice.from(1, 9))),
                4 => hard["requests.example.com/gpu"] = json!(self.dice.from(0, 4).to_string()),
                _ => {}
            }
            quotas.push(json!({"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": hard},
                "metadata": {"name": "quota", "namespace": namespace}}));
        }
        quotas
    }
}

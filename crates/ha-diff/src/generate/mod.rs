//! Random clusters and failures, hard ones.
//!
//! A generated case has controllers without pods: the real scheduler places them first, so that every cluster is one
//! that it could have made. Small clusters on purpose: what decides is how few nodes and rules interact, and small ones
//! can be read by a person.

mod budgets;
mod candidates;
mod constraints;
mod dice;
mod failure;
mod nodes;
mod template;
mod theme;
mod volumes;
mod workloads;

use serde_json::{Value, json};

use crate::case::Case;
pub use candidates::candidates;
use dice::Dice;
use theme::Theme;

/// What has been made so far of one case.
struct Draft {
    dice: Dice,
    theme: Theme,
    objects: Vec<Value>,
    nodes: Vec<nodes::Node>,
    /// Milli-CPU that pods may still ask for until the load is reached.
    free: i64,
    volumes: volumes::Volumes,
}

/// The namespaces of every case, with their labels.
const NAMESPACES: [(&str, &str, &str); 3] = [("shop", "prod", "red"), ("data", "prod", "blue"), ("lab", "dev", "red")];

/// The case of a seed.
#[must_use]
pub fn case(seed: u64) -> Case {
    let mut dice = Dice::new(seed);
    let theme = Theme::choose(&mut dice);
    let volumes = volumes::Volumes::default();
    let mut draft = Draft { dice, theme, objects: Vec::new(), nodes: Vec::new(), free: 0, volumes };
    draft.add_surroundings();
    draft.add_nodes();
    draft.add_workloads();
    draft.add_spare_volumes();
    let later = draft.later();
    let failure = draft.failure();
    Case { name: format!("seed-{seed}"), seed, objects: draft.objects, later, failure, at_rest: false }
}

impl Draft {
    fn add(&mut self, object: Value) {
        self.objects.push(object);
    }

    /// What every case has: namespaces, priorities, storage classes.
    fn add_surroundings(&mut self) {
        for (name, env, team) in NAMESPACES {
            let labels = json!({"env": env, "team": team, "kubernetes.io/metadata.name": name});
            self.add(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}));
        }
        for (name, value, policy) in [
            ("low", -100, "PreemptLowerPriority"),
            ("high", 1_000, "PreemptLowerPriority"),
            ("higher", 2_000, "PreemptLowerPriority"),
            ("patient", 1_000, "Never"),
        ] {
            self.add(json!({
                "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name},
                "value": value, "preemptionPolicy": policy,
            }));
        }
        self.add_storage_classes();
    }
}

//! Where pods may and would like to run: node affinity, pod affinity, topology spread.

use serde_json::{Value, json};

use super::Draft;
use super::template::About;

const HOSTNAME: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";
/// The keys that pods are spread and gathered over.
const TOPOLOGIES: [&str; 6] = [HOSTNAME, HOSTNAME, ZONE, ZONE, "rack", "topology.kubernetes.io/region"];

impl Draft {
    pub(super) fn add_constraints(&mut self, spec: &mut Value, about: &About) {
        if self.dice.chance(self.theme.node_affinity) {
            self.add_required_nodes(spec);
        }
        if self.dice.chance(self.theme.soft) {
            let term = json!({"weight": self.dice.from(1, 100), "preference": self.node_term()});
            spec["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"] = json!([term]);
        }
        // A DaemonSet's pods go where they must: terms that depend on others only make them wait.
        let theme = self.theme.clone();
        if self.dice.chance(theme.pod_affinity) {
            self.add_required_pods(spec, about);
        }
        if self.dice.chance(theme.soft) {
            let kind = self.dice.one(&["podAffinity", "podAntiAffinity"]);
            let term = json!({"weight": self.dice.from(1, 100), "podAffinityTerm": self.pod_term(about, kind)});
            spec["affinity"][kind]["preferredDuringSchedulingIgnoredDuringExecution"] = json!([term]);
        }
        let mut constraints = Vec::new();
        if self.dice.chance(theme.spread) {
            constraints.push(self.spread(about, "DoNotSchedule"));
            if self.dice.chance(35) {
                constraints.push(self.spread(about, "DoNotSchedule"));
            }
        }
        if self.dice.chance(theme.soft) {
            constraints.push(self.spread(about, "ScheduleAnyway"));
        }
        constraints
            .dedup_by(|a, b| a["topologyKey"] == b["topologyKey"] && a["whenUnsatisfiable"] == b["whenUnsatisfiable"]);
        if !constraints.is_empty() {
            spec["topologySpreadConstraints"] = json!(constraints);
        }
    }

    fn add_required_nodes(&mut self, spec: &mut Value) {
        if self.dice.chance(35) {
            let (key, value) =
                self.dice.one(&[("pool", "general"), ("pool", "memory"), ("disk", "ssd"), ("rack", "r1")]);
            spec["nodeSelector"] = json!({key: value});
        }
        if self.dice.chance(75) {
            let mut terms = vec![self.node_term()];
            if self.dice.chance(30) {
                terms.push(self.node_term());
            }
            let required = json!({"nodeSelectorTerms": terms});
            spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = required;
        }
    }

    /// One term of a node affinity; its expressions hold together.
    fn node_term(&mut self) -> Value {
        if self.dice.chance(8) {
            let node = self.dice.one_of(&self.nodes).name.clone();
            let operator = self.dice.one(&["In", "NotIn"]);
            return json!({"matchFields": [{"key": "metadata.name", "operator": operator, "values": [node]}]});
        }
        let mut expressions = vec![self.node_expression()];
        if self.dice.chance(25) {
            expressions.push(self.node_expression());
        }
        json!({"matchExpressions": expressions})
    }

    fn node_expression(&mut self) -> Value {
        match self.dice.from(0, 6) {
            0 => json!({"key": "generation", "operator": "Gt", "values": [self.dice.one(&["1", "2"])]}),
            1 => json!({"key": "generation", "operator": "Lt", "values": [self.dice.one(&["2", "3"])]}),
            2 => {
                let operator = self.dice.one(&["Exists", "DoesNotExist"]);
                json!({"key": self.dice.one(&["rack", "disk", ZONE]), "operator": operator})
            }
            3 => json!({"key": "pool", "operator": self.dice.one(&["In", "NotIn"]),
                "values": self.dice.some(&["general", "memory", "edge"])}),
            4 => json!({"key": "disk", "operator": "NotIn", "values": ["ssd"]}),
            _ => json!({"key": ZONE, "operator": self.dice.one(&["In", "In", "NotIn"]),
                "values": self.dice.some(&["zone-a", "zone-b", "zone-c"])}),
        }
    }

    fn add_required_pods(&mut self, spec: &mut Value, about: &About) {
        let kinds: &[&str] = match self.dice.from(0, 9) {
            0..=5 => &["podAntiAffinity"],
            6..=8 => &["podAffinity"],
            _ => &["podAffinity", "podAntiAffinity"],
        };
        for kind in kinds {
            let mut terms = vec![self.pod_term(about, kind)];
            if self.dice.chance(15) {
                terms.push(self.pod_term(about, kind));
            }
            spec["affinity"][kind]["requiredDuringSchedulingIgnoredDuringExecution"] = json!(terms);
        }
    }

    /// A term about other pods, of this workload more often than of another.
    fn pod_term(&mut self, about: &About, kind: &str) -> Value {
        let mut term = json!({"topologyKey": self.dice.one(&TOPOLOGIES[..5]), "labelSelector": self.selector(about)});
        match self.dice.from(0, 9) {
            0 => term["namespaces"] = json!(self.dice.some(&["shop", "data", "lab"])),
            1 => term["namespaceSelector"] = json!({}),
            2 => term["namespaceSelector"] = json!({"matchLabels": {"env": "prod"}}),
            3 => {
                term["namespaces"] = json!(["lab"]);
                term["namespaceSelector"] =
                    json!({"matchExpressions": [{"key": "team", "operator": "In", "values": ["red"]}]});
            }
            _ => {}
        }
        if self.dice.chance(12) && about.kind == "Deployment" {
            term["matchLabelKeys"] = json!(["pod-template-hash"]);
        } else if self.dice.chance(8) && kind == "podAntiAffinity" {
            // Only tiers other than the pod's own count then.
            term["labelSelector"] = json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]});
            term["mismatchLabelKeys"] = json!(["tier"]);
        }
        term
    }

    fn selector(&mut self, about: &About) -> Value {
        let own = json!({"matchLabels": {"app": about.name}});
        match self.dice.from(0, 19) {
            0..=10 => own,
            11..=14 => json!({"matchLabels": {"app": self.dice.one_of(about.names)}}),
            15 => json!({"matchExpressions": [{"key": "app", "operator": "In", "values": [about.name, "web-0"]}]}),
            16 => json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["store"]}]}),
            17 => json!({}),
            _ => json!({"matchLabels": {"tier": self.dice.one(&["front", "back", "store"])}}),
        }
    }

    fn spread(&mut self, about: &About, when: &str) -> Value {
        let mut constraint = json!({
            "maxSkew": self.dice.one(&[1, 1, 1, 2, 3]), "topologyKey": self.dice.one(&TOPOLOGIES),
            "whenUnsatisfiable": when, "labelSelector": self.selector(about),
        });
        if when == "DoNotSchedule" && self.dice.chance(20) {
            constraint["minDomains"] = json!(self.dice.from(1, 4));
        }
        if self.dice.chance(20) {
            constraint["nodeAffinityPolicy"] = json!(self.dice.one(&["Honor", "Ignore"]));
        }
        if self.dice.chance(30) {
            constraint["nodeTaintsPolicy"] = json!(self.dice.one(&["Honor", "Ignore"]));
        }
        if self.dice.chance(15) && about.kind == "Deployment" {
            constraint["matchLabelKeys"] = json!(["pod-template-hash"]);
        }
        constraint
    }
}

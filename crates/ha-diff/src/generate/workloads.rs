//! Controllers of pods.

use serde_json::{Value, json};

use super::template::About;
use super::{Draft, NAMESPACES};

impl Draft {
    pub(super) fn add_workloads(&mut self) {
        let mut names: Vec<String> = Vec::new();
        for index in 0..self.dice.from(2, 8) {
            let kind = self.dice.one(&[
                "Deployment",
                "Deployment",
                "Deployment",
                "Deployment",
                "StatefulSet",
                "StatefulSet",
                "StatefulSet",
                "DaemonSet",
                "Job",
                "Pod",
            ]);
            let name = format!("{}-{index}", self.dice.one(&["web", "api", "db", "cache"]));
            let (namespace, _, _) = self.dice.one(&NAMESPACES);
            names.push(name.clone());
            let replicas = match kind {
                "Pod" => 1,
                "DaemonSet" => u32::try_from(self.nodes.len()).unwrap_or(1),
                _ => self.dice.one(&[1, 2, 2, 3, 3, 3, 4, 5, 7]),
            };
            self.add_workload(&About { name: &name, namespace, names: &names, kind, replicas });
        }
    }

    fn add_workload(&mut self, about: &About) {
        let mut template = self.template(about);
        let claims = self.add_volumes(&mut template["spec"], about);
        if self.dice.chance(self.theme.budgets) && about.kind != "Pod" {
            self.add_budget(about, &template);
        }
        match about.kind {
            "Deployment" => self.add_deployment(about, template),
            "StatefulSet" => self.add_stateful_set(about, &template, &claims),
            "DaemonSet" => {
                let spec = json!({"selector": selector(about), "template": template});
                self.add(object("apps/v1", about, &spec));
            }
            "Job" => self.add_job(about, template),
            _ => {
                let metadata = json!({"name": about.name, "namespace": about.namespace, "labels": template["metadata"]["labels"],
                        "annotations": template["metadata"]["annotations"]});
                self.add(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}));
            }
        }
    }

    /// A Deployment and its one ReplicaSet, as the Deployment controller would have made it.
    fn add_deployment(&mut self, about: &About, template: Value) {
        let spec = json!({"replicas": about.replicas, "selector": selector(about), "template": template});
        let mut deployment = object("apps/v1", about, &spec);
        let uid = self.uid();
        deployment["metadata"]["uid"] = json!(uid);
        let hash = format!("{:09x}", self.dice.seed() % (1 << 36));
        let mut template = template;
        template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
        self.add(deployment);
        let owner = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": about.name, "uid": uid,
            "controller": true, "blockOwnerDeletion": true});
        let labels = template["metadata"]["labels"].clone();
        self.add(json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": format!("{}-{hash}", about.name), "namespace": about.namespace,
                "labels": labels, "ownerReferences": [owner]},
            "spec": {"replicas": about.replicas, "template": template,
                "selector": {"matchLabels": {"app": about.name, "pod-template-hash": hash}}},
        }));
    }

    fn add_stateful_set(&mut self, about: &About, template: &Value, claims: &[Value]) {
        let mut spec = json!({
            "replicas": about.replicas, "selector": selector(about), "template": template, "serviceName": about.name,
            "podManagementPolicy": self.dice.one(&["OrderedReady", "Parallel"]),
        });
        if !claims.is_empty() {
            spec["volumeClaimTemplates"] = json!(claims);
        }
        let set = object("apps/v1", about, &spec);
        self.add(set);
    }

    fn add_job(&mut self, about: &About, mut template: Value) {
        template["spec"]["restartPolicy"] = json!("Never");
        template["metadata"]["labels"]["job-name"] = json!(about.name);
        template["metadata"]["labels"]["batch.kubernetes.io/job-name"] = json!(about.name);
        let spec = json!({"parallelism": about.replicas, "completions": about.replicas, "template": template,
            "selector": {"matchLabels": {"batch.kubernetes.io/job-name": about.name}}, "manualSelector": true});
        self.add(object("batch/v1", about, &spec));
    }

    fn uid(&mut self) -> String {
        format!("{:08x}-0000-4000-8000-{:012x}", self.dice.seed() >> 32, self.dice.seed() >> 16)
    }
}

pub(super) fn selector(about: &About) -> Value {
    json!({"matchLabels": {"app": about.name}})
}

fn object(version: &str, about: &About, spec: &Value) -> Value {
    json!({"apiVersion": version, "kind": about.kind, "spec": spec,
        "metadata": {"name": about.name, "namespace": about.namespace, "labels": {"app": about.name}}})
}

//! The cluster, kubectl with the plugin on its PATH, and the objects that tests start from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ha_cluster::Cluster;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) struct Bench {
    cluster: Cluster,
    /// A folder that holds the plugin only, for the PATH.
    plugins: PathBuf,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// What `kubectl ha check -o json` said.
pub(crate) struct Checked {
    pub(crate) code: Option<i32>,
    pub(crate) report: Value,
    pub(crate) errors: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let cluster = Cluster::start("e2e").unwrap();
        let plugins = cluster.path().join("plugins");
        std::fs::create_dir_all(&plugins).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-ha"), plugins.join("kubectl-ha")).unwrap();
        Self { cluster, plugins }
    }

    /// A path in the cluster's folder.
    pub(crate) fn path(&self, name: &str) -> String {
        self.cluster.path().join(name).to_string_lossy().into_owned()
    }

    /// The kubeconfig of one of the cluster's users.
    pub(crate) fn kubeconfig(&self, user: &str) -> PathBuf {
        self.cluster.token_kubeconfig(user).unwrap()
    }

    /// The token of one of the cluster's users.
    pub(crate) fn token(&self, user: &str) -> String {
        let config: Value = serde_json::from_slice(&std::fs::read(self.kubeconfig(user)).unwrap()).unwrap();
        config["users"][0]["user"]["token"].as_str().unwrap().to_owned()
    }

    /// Applies objects, in their order.
    pub(crate) fn apply(&self, name: &str, objects: &[Value]) {
        let file = self.path(&format!("{name}.json"));
        std::fs::write(&file, json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()).unwrap();
        self.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", &file]);
    }

    /// Standard output of a kubectl that has to succeed.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        let ran = Ran::of(self.cluster.kubectl().args(arguments).output().unwrap());
        assert_eq!(ran.code, Some(0), "kubectl {arguments:?}: {}\n{}", ran.err, self.unsettled());
        ran.out
    }

    /// What is not as it should be in the cluster, for whoever looks into a failure.
    fn unsettled(&self) -> String {
        let looks: [&[&str]; 3] = [
            &["get", "nodes"],
            &["get", "pods", "-A", "-o", "wide", "--field-selector=status.phase!=Running"],
            &["get", "events", "-n", "kube-system", "--sort-by=.lastTimestamp"],
        ];
        let look = |arguments: &&[&str]| Ran::of(self.cluster.kubectl().args(*arguments).output().unwrap()).out;
        looks.iter().map(look).collect::<Vec<_>>().join("\n")
    }

    /// Waits until a namespace's Service has that many ready endpoints.
    pub(crate) fn wait_for_endpoints(&self, namespace: &str, count: usize) {
        let last = format!("--for=jsonpath={{.endpoints[{}].conditions.ready}}=true", count - 1);
        self.kubectl(&["wait", "--timeout=300s", &last, "endpointslices", "--all", "-n", namespace]);
    }

    /// `kubectl ha …` as the administrator, through kubectl's own look-up of plugins.
    pub(crate) fn ha(&self, arguments: &[&str]) -> Ran {
        self.ha_as(self.cluster.kubeconfig_path(), arguments)
    }

    /// `kubectl ha …` as another user.
    pub(crate) fn ha_as(&self, kubeconfig: &Path, arguments: &[&str]) -> Ran {
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new(self.cluster.kubectl_path())
            .arg("ha")
            .args(arguments)
            .env("KUBECONFIG", kubeconfig)
            .env("PATH", format!("{}:{path}", self.plugins.display()))
            .env("RUST_LOG", "trace")
            .output();
        Ran::of(output.unwrap())
    }

    /// `kubectl ha check -o json …` as the administrator.
    pub(crate) fn check(&self, arguments: &[&str]) -> Checked {
        self.check_as(self.cluster.kubeconfig_path(), arguments)
    }

    /// `kubectl ha check -o json …` as another user.
    pub(crate) fn check_as(&self, kubeconfig: &Path, arguments: &[&str]) -> Checked {
        let all = ["check", "-o", "json"].iter().chain(arguments).copied().collect::<Vec<_>>();
        let ran = self.ha_as(kubeconfig, &all);
        Checked { code: ran.code, report: ran.json(), errors: ran.err }
    }
}

/// Rule and object of what failed with one of the severities.
pub(crate) fn failed(report: &Value, severities: &[&str]) -> BTreeSet<String> {
    let results = report["results"].as_array().unwrap().iter();
    let severe = results
        .filter(|result| result["verdict"] == "fail" && severities.contains(&result["severity"].as_str().unwrap()));
    severe.map(title).collect()
}

/// Every answer that was listed: verdict, rule and object.
pub(crate) fn answers(report: &Value) -> BTreeSet<String> {
    let results = report["results"].as_array().unwrap().iter();
    results.map(|result| format!("{} {}", result["verdict"].as_str().unwrap(), title(result))).collect()
}

/// `rule Kind/namespace/name`.
pub(crate) fn title(result: &Value) -> String {
    let object = &result["object"];
    let parts = ["kind", "namespace", "name"].map(|part| object[part].as_str().unwrap());
    let present: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{} {}", result["rule"].as_str().unwrap(), present.join("/"))
}

/// A node, in a zone or without one.
pub(crate) fn node(name: &str, zone: Option<&str>) -> Value {
    let mut node = json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}});
    if let Some(zone) = zone {
        let labels = &mut node["metadata"]["labels"];
        labels["topology.kubernetes.io/zone"] = json!(format!("zone-{zone}"));
        labels["topology.kubernetes.io/region"] = json!("eu");
    }
    node
}

/// The sound web service of the cases, in a namespace of its own, to be changed.
pub(crate) struct Sound {
    pub(crate) namespace: String,
    pub(crate) deployment: Value,
    pub(crate) service: Value,
    pub(crate) budget: Value,
    /// Objects besides; those without a namespace of their own get this one.
    pub(crate) more: Vec<Value>,
}

impl Sound {
    pub(crate) fn new(namespace: &str) -> Self {
        let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/sound-web-service/input.yaml");
        let text = std::fs::read_to_string(case).unwrap();
        let mut objects =
            serde_yaml::Deserializer::from_str(&text).map(|document| Value::deserialize(document).unwrap());
        let mut next = |kind: &str| {
            let object = objects.next().unwrap();
            assert_eq!(object["kind"], kind);
            object
        };
        let (deployment, service, budget) = (next("Deployment"), next("Service"), next("PodDisruptionBudget"));
        Self { namespace: namespace.to_owned(), deployment, service, budget, more: Vec::new() }
    }

    /// The pod template's specification.
    pub(crate) fn pod(&mut self) -> &mut Value {
        &mut self.deployment["spec"]["template"]["spec"]
    }

    /// All objects, the namespace first; those that were set to null are left out.
    pub(crate) fn objects(mut self) -> Vec<Value> {
        let name = self.namespace.clone();
        let mut objects = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})];
        for object in [&mut self.deployment, &mut self.service, &mut self.budget] {
            if !object.is_null() {
                object["metadata"]["namespace"] = json!(name);
                objects.push(object.take());
            }
        }
        for mut object in self.more {
            let of_cluster =
                ["StorageClass", "PersistentVolume", "PriorityClass", "Node", "ValidatingWebhookConfiguration"];
            let namespaced =
                object["metadata"]["namespace"].is_null() && !of_cluster.contains(&object["kind"].as_str().unwrap());
            if namespaced {
                object["metadata"]["namespace"] = json!(name);
            }
            objects.push(object);
        }
        objects
    }
}

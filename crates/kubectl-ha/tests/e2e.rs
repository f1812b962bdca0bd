//! The plugin against a real control plane, through the real kubectl: what is sound, a fault, and users with few rights.

#![allow(clippy::unwrap_used, reason = "a helper of tests may fail like a test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ha_cluster::Cluster;
use serde_json::Value;

/// Four nodes in four zones.
fn nodes() -> String {
    let node = |zone: &str| {
        format!(
            "apiVersion: v1\nkind: Node\nmetadata:\n  name: node-{zone}\n  labels: {{kubernetes.io/hostname: node-{zone}, \
             topology.kubernetes.io/zone: zone-{zone}, topology.kubernetes.io/region: eu}}\n---\n"
        )
    };
    ["a", "b", "c", "d"].map(node).concat()
}

/// The sound web service of the cases, in a namespace of its own.
fn sound() -> String {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/sound-web-service/input.yaml");
    let service = std::fs::read_to_string(case).unwrap();
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: site}}\n---\n{service}")
}

const FAULT: &str = "
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: second, namespace: site}
spec: {maxUnavailable: 1, selector: {}}
";

struct Bench {
    cluster: Cluster,
    /// A folder that holds the plugin only, for the PATH.
    plugins: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let cluster = Cluster::start("e2e").unwrap();
        let plugins = cluster.path().join("plugins");
        std::fs::create_dir_all(&plugins).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-ha"), plugins.join("kubectl-ha")).unwrap();
        Self { cluster, plugins }
    }

    fn apply(&self, name: &str, objects: &str) {
        let file = self.cluster.path().join(name);
        std::fs::write(&file, objects).unwrap();
        self.kubectl(&["apply", "-f", &file.to_string_lossy()]);
    }

    fn kubectl(&self, arguments: &[&str]) {
        let output = self.cluster.kubectl().args(arguments).output().unwrap();
        assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// `kubectl ha check -o json` as a user, through kubectl's own look-up of plugins.
    fn check(&self, kubeconfig: &Path) -> (Option<i32>, Value) {
        let path = std::env::var("PATH").unwrap_or_default();
        let output: Output = Command::new(self.cluster.kubectl_path())
            .args(["ha", "check", "-o", "json"])
            .env("KUBECONFIG", kubeconfig)
            .env("PATH", format!("{}:{path}", self.plugins.display()))
            .output()
            .unwrap();
        let report = serde_json::from_slice(&output.stdout);
        (output.status.code(), report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))))
    }
}

/// Rules that failed with one of the severities, with their objects.
fn failed<'r>(report: &'r Value, severities: &[&str]) -> Vec<(&'r str, &'r str)> {
    let results = report["results"].as_array().unwrap().iter();
    results
        .filter(|result| result["verdict"] == "fail" && severities.contains(&result["severity"].as_str().unwrap()))
        .map(|result| (result["rule"].as_str().unwrap(), result["object"]["name"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_sound_cluster_is_sound_a_fault_is_found_and_rights_are_respected() {
    let bench = Bench::new();
    bench.apply("nodes.yaml", &nodes());
    bench.kubectl(&["wait", "--timeout=60s", "--for=condition=Ready", "nodes", "--all"]);
    bench.apply("sound.yaml", &sound());
    bench.kubectl(&["rollout", "status", "--timeout=60s", "deployment/landing", "-n", "site"]);
    let endpoints = "--for=jsonpath={.endpoints[2].conditions.ready}=true";
    bench.kubectl(&["wait", "--timeout=60s", endpoints, "endpointslices", "--all", "-n", "site"]);

    let admin = bench.cluster.kubeconfig_path().to_path_buf();
    let (code, report) = bench.check(&admin);
    assert_eq!(failed(&report, &["critical", "high"]), [], "a sound cluster");
    assert_eq!(code, Some(0));

    bench.apply("fault.yaml", FAULT);
    let (code, report) = bench.check(&admin);
    assert!(failed(&report, &["critical"]).iter().any(|(rule, _)| *rule == "budgets-overlap"), "{report:#}");
    assert_eq!(code, Some(1));

    let stranger = bench.cluster.token_kubeconfig("stranger").unwrap();
    let (code, report) = bench.check(&stranger);
    assert_eq!(code, Some(3), "nothing could be read");
    let gaps = report["gaps"].as_array().unwrap();
    assert!(
        gaps.iter().any(|gap| gap["message"].as_str().is_some_and(|text| text.contains("forbidden for user stranger")))
    );
    assert!(report["results"].as_array().unwrap().iter().all(|result| result["verdict"] != "pass"));
}

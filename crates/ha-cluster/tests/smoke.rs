//! A cluster starts, runs pods, keeps its users apart, and leaves nothing behind.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use ha_cluster::Cluster;

const OBJECTS: &str = r"
apiVersion: v1
kind: Node
metadata:
  name: node-1
  labels: {kubernetes.io/hostname: node-1, topology.kubernetes.io/zone: zone-a}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: registry.example/web:1}]
";

/// Standard output of a kubectl that has to succeed.
fn kubectl(cluster: &Cluster, kubeconfig: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(cluster.kubectl_path());
    let output = command.env("KUBECONFIG", kubeconfig).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {}: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

fn may(cluster: &Cluster, user: &str, arguments: &[&str]) -> bool {
    let kubeconfig = cluster.token_kubeconfig(user).unwrap();
    let mut command = Command::new(cluster.kubectl_path());
    let command = command.env("KUBECONFIG", kubeconfig).args(["auth", "can-i"]).args(arguments);
    command.output().unwrap().status.success()
}

#[test]
fn a_cluster_runs_pods_and_ends_with_its_owner() {
    let cluster = Cluster::start("smoke").unwrap();
    let admin = cluster.kubeconfig_path().to_path_buf();
    let folder: PathBuf = cluster.path().to_path_buf();

    let version = kubectl(&cluster, &admin, &["version", "-o", "json"]);
    assert!(version.contains(r#""gitVersion": "v1."#), "{version}");

    let manifest = folder.join("objects.yaml");
    std::fs::write(&manifest, OBJECTS).unwrap();
    kubectl(&cluster, &admin, &["create", "-f", &manifest.to_string_lossy()]);
    let wait = ["wait", "--timeout=60s", "--for=condition=Available", "deployment/web"];
    kubectl(&cluster, &admin, &wait);
    let ready = ["get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].status.phase}"];
    assert_eq!(kubectl(&cluster, &admin, &ready), "Running Running");

    assert!(may(&cluster, "viewer", &["list", "pods", "-A"]));
    assert!(!may(&cluster, "viewer", &["list", "nodes"]));
    assert!(may(&cluster, "tenant", &["list", "pods", "-n", "tenant"]));
    assert!(!may(&cluster, "tenant", &["list", "pods", "-n", "default"]));
    assert!(!may(&cluster, "stranger", &["list", "namespaces"]));
    assert!(cluster.token_kubeconfig("nobody").unwrap_err().to_string().contains("stranger"));

    assert!(cluster.health().unwrap().iter().all(|component| component.alive && component.ready));
    let server = cluster.server().trim_start_matches("https://").to_owned();
    drop(cluster);
    assert!(std::net::TcpStream::connect(server).is_err(), "the API server still listens");
    assert!(!folder.exists(), "{} is left", folder.display());
}

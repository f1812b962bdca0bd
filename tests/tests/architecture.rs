//! What ARCHITECTURE.md promises about the shape of the workspace, checked against what cargo and the sources say.
#![allow(clippy::unwrap_used, reason = "a helper of tests may fail like a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The ordinary dependencies of each member of the workspace.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        dependencies
            .filter(|dependency| dependency["kind"].is_null())
            .map(|d| d["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.map(|package| (package["name"].as_str().unwrap().to_owned(), names(package))).collect()
}

#[test]
fn the_kubernetes_client_is_known_to_the_reader_only() {
    // ha-cluster drives the test cluster and is not shipped.
    let allowed = ["ha-read", "ha-cluster"];
    for (name, dependencies) in dependencies() {
        let knows = ["kube", "k8s-openapi", "kube-client"].iter().any(|client| dependencies.contains(*client));
        assert!(!knows || allowed.contains(&name.as_str()), "{name} depends on the Kubernetes client");
    }
}

#[test]
fn dependencies_point_one_way() {
    // (crate, members it may name)
    let may: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("ha-core", &[][..]),
        ("ha-snapshot", &["ha-core"]),
        ("ha-read", &["ha-core", "ha-snapshot"]),
        ("ha-host", &["ha-core"]),
        ("ha-sdk", &["ha-core", "ha-snapshot", "ha-read"]),
        ("baseline", &["ha-core", "ha-sdk"]),
        ("ha-sim", &["ha-core"]),
        ("kubectl-ha", &["ha-core", "ha-snapshot", "ha-read", "ha-host", "ha-sim", "ha-sdk", "baseline"]),
    ]);
    let dependencies = dependencies();
    let members: BTreeSet<&String> = dependencies.keys().collect();
    for (name, allowed) in may {
        let named = dependencies.get(name).unwrap_or_else(|| panic!("no member {name}"));
        for dependency in named.iter().filter(|dependency| members.contains(dependency)) {
            assert!(allowed.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn pure_crates_are_no_std() {
    for library in ["crates/ha-core", "crates/ha-snapshot", "crates/ha-sdk", "policies/baseline"] {
        let source = std::fs::read_to_string(root().join(library).join("src/lib.rs")).unwrap();
        assert!(source.contains("#![no_std]"), "{library} must be no_std: that proves it does no I/O");
    }
}

#[test]
fn wit_types_appear_on_the_two_sides_of_the_boundary_only() {
    for file in rust_sources() {
        let path = file.strip_prefix(root()).unwrap().display().to_string();
        let allowed = ["crates/ha-host/", "crates/ha-sdk/", "crates/ha-core/src/wire.rs", "crates/xtask/", "tests/"];
        if allowed.iter().any(|prefix| path.starts_with(prefix)) {
            continue;
        }
        let source = std::fs::read_to_string(&file).unwrap();
        for word in ["wit_bindgen", "wasmtime::"] {
            assert!(!source.contains(word), "{path} mentions {word}");
        }
    }
}

#[test]
fn the_reader_has_no_write_verb() {
    let reader = root().join("crates/ha-read/src");
    for file in rust_sources().into_iter().filter(|file| file.starts_with(&reader)) {
        let source = std::fs::read_to_string(&file).unwrap();
        for word in [
            "Method::POST",
            "Method::PUT",
            "Method::PATCH",
            "Method::DELETE",
            "::post(",
            "::put(",
            "::patch(",
            "PostParams",
            "PatchParams",
            "DeleteParams",
        ] {
            assert!(!source.contains(word), "{} mentions {word}: nothing may change a cluster", file.display());
        }
    }
}

fn rust_sources() -> Vec<PathBuf> {
    let output = Command::new("git").args(["ls-files", "*.rs"]).current_dir(root()).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let files: Vec<PathBuf> = listed.lines().map(|line| root().join(line)).filter(|path| path.exists()).collect();
    assert!(files.len() > 50, "git lists the sources");
    files
}

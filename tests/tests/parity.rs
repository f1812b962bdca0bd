//! The built-in rules say the same in the sandbox as they do natively: every case, every example of ours, every field.
//!
//! What is compared is everything that a policy returns, in its order, with every answer listed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper of tests may fail like a test")]

use std::path::{Path, PathBuf};

use baseline::RULES;
use ha_core::rule::Input;
use ha_core::snapshot::SourceKind;
use ha_core::{CheckOutput, Settings, Snapshot};
use ha_host::Host;
use ha_read::saved;
use ha_snapshot::{Builder, Origin};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The cases, and the example cluster.
fn clusters() -> Vec<(String, Snapshot)> {
    let mut clusters = Vec::new();
    for case in std::fs::read_dir(root().join("tests/cases")).unwrap() {
        let input = case.unwrap().path().join("input.yaml");
        if !input.exists() {
            continue;
        }
        for assume_complete in [false, true] {
            let (snapshot, _) = ha_tests::native::read(&input, assume_complete).unwrap();
            clusters.push((format!("{} assume_complete={assume_complete}", input.display()), snapshot));
        }
    }
    let mut builder = Builder::new(&[]);
    let shop = root().join("crates/kubectl-ha/demo/shop.ha");
    let saved = saved::read(&shop, &mut |object| builder.add(object)).unwrap();
    let origin = Origin { kind: SourceKind::Cluster, taken_at: saved.taken_at, ..Origin::default() };
    clusters.push(("the example cluster".into(), builder.finish(&origin)));
    clusters
}

#[test]
fn the_sandboxed_rules_say_what_the_native_ones_say() {
    let component = root().join("target/policies/baseline.component.wasm");
    let bytes = std::fs::read(&component).expect("the built-in policy is missing: run `cargo xtask wasm`");
    let host = Host::new(None).unwrap();
    let policy = host.load(&bytes).unwrap();
    let settings = Settings { list_all: true, ..Settings::default() };
    let clusters = clusters();
    assert!(clusters.len() > 60, "only {} clusters", clusters.len());
    for (name, snapshot) in clusters {
        let native = ha_sdk::run(RULES, &Input { snapshot: &snapshot, settings: &settings, impacts: &[] });
        let sandboxed =
            host.evaluate(&policy, &Input { snapshot: &snapshot, settings: &settings, impacts: &[] }).unwrap();
        assert_same(&name, &native, &sandboxed);
        let in_shares = host
            .evaluate_in_shares(2, &policy, &Input { snapshot: &snapshot, settings: &settings, impacts: &[] })
            .unwrap();
        assert_same(&format!("{name}, in shares"), &native, &in_shares);
    }
}

fn assert_same(name: &str, native: &CheckOutput, sandboxed: &CheckOutput) {
    for (native, sandboxed) in native.findings.iter().zip(&sandboxed.findings) {
        assert_eq!(native, sandboxed, "{name}: {}", RULES[native.rule as usize].name);
    }
    assert_eq!(native, sandboxed, "{name}");
}

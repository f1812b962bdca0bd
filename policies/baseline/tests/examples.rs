//! The examples in the rules' documentation, run as tests.

use std::sync::atomic::AtomicBool;

use baseline::RULES;
use ha_sdk::harness::{Mismatches, check_documentation, check_examples, check_examples_with};
use ha_sdk::impact::Impact;
use ha_sdk::{Findings, Input, Rule, Settings, Snapshot};
use ha_sim::simulate::Options;
use ha_sim::{Model, matrix};

#[test]
fn every_rule_is_documented() -> Result<(), Mismatches> {
    check_documentation(RULES)
}

#[test]
fn every_example_fails_or_passes_as_it_says() -> Result<(), Mismatches> {
    check_examples_with(RULES, impacts)
}

/// What `kubectl ha check` simulates for its policies.
fn impacts(snapshot: &Snapshot) -> Vec<Impact> {
    let options = Options { settings: &Settings::default(), tries: 16, least: 2, seed: 0, show_all: false };
    matrix::check(&Model::new(snapshot), &options, &AtomicBool::new(false))
}

/// What the harness says about a rule whose documentation is this.
fn complaint(doc: &'static str) -> String {
    let check = |input: &Input, findings: &mut Findings| {
        for workload in &input.snapshot.workloads {
            match workload.replicas {
                Some(1) => drop(findings.fail(workload.object, "one").evidence("spec.replicas", "1")),
                _ => findings.pass(workload.object),
            }
        }
    };
    let rule = Rule { doc, check, name: "one-replica", needs: &[], ..*RULES[0] };
    check_examples(&[&rule]).map_or_else(|mismatches| mismatches.to_string(), |()| String::new())
}

#[test]
fn the_harness_complains_about_wrong_marks() {
    let example = |kind: &str, replicas: &str| -> &'static str {
        let yaml = [
            format!("```yaml {kind}"),
            "apiVersion: apps/v1".into(),
            "kind: Deployment".into(),
            "metadata: {name: web}".into(),
            "spec:".into(),
            format!("  replicas: {replicas}"),
            "```".into(),
        ];
        // A doc comment puts a space before each line.
        yaml.map(|line| format!(" {line}\n")).concat().leak()
    };
    assert_eq!(complaint(example("fails", "1  # finding: one-replica")), "");
    assert_eq!(complaint(example("passes", "2")), "");
    let unmarked = complaint(example("passes", "1"));
    assert!(unmarked.contains("+   5 |   replicas: 1\n       ^ one"), "{unmarked}");
    let unfounded = complaint(example("fails", "2  # finding: one-replica"));
    assert!(unfounded.contains("-   5 |   replicas: 2"), "{unfounded}");
    assert!(complaint(example("fails", "2")).contains("no line is marked"));
    assert!(complaint("```yaml passes\nkind: [\n```\n").contains("no Kubernetes object"));
}

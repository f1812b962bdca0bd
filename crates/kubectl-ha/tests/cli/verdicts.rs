//! Exit codes and what decides them; baselines; suppressions; incomplete readings.

use std::path::Path;

use ha_core::snapshot::{GapReason, ResourceKind};
use ha_read::{Gap, Reading, saved};
use ha_snapshot::objects::Object;
use serde::Deserialize;
use serde_json::Value;

use crate::{Bench, FRAGILE, Ran, sound};

/// Saves manifests as what a user could read of a cluster who may not list budgets.
fn without_budgets(file: &Path, manifests: &str, reason: GapReason) {
    let objects: Vec<Object> = serde_yaml::Deserializer::from_str(manifests)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|value| value["kind"] != "PodDisruptionBudget")
        .map(|value| {
            let api_version = value["apiVersion"].as_str().unwrap();
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            let kind = ResourceKind::from_group_kind(group, value["kind"].as_str().unwrap()).unwrap();
            Object::deserialize(api_version, kind, &value).unwrap()
        })
        .collect();
    let gap = Gap {
        kind: Some(ResourceKind::PodDisruptionBudget),
        namespace: String::new(),
        name: String::new(),
        reason,
        message: "cannot list poddisruptionbudgets.policy: forbidden for user jane".into(),
    };
    let reading = Reading { context: "prod".into(), gaps: vec![gap], ..Reading::default() };
    saved::write(file, &saved::Saved { taken_at: 1_767_225_600, reading }, &objects).unwrap();
}

/// The codes stand in one order: 2, 4, 1, 3, 0. Each of these runs has everything that the ones below it have.
#[test]
fn the_first_exit_code_that_applies_wins() {
    let bench = Bench::new();
    bench.write("broken.wasm", "no policy");
    bench.write("wrong.yaml", "minimumReplicas: many\n");
    without_budgets(&bench.path("cluster.ha"), &format!("{}---\n{FRAGILE}", sound()), GapReason::Forbidden);
    let run = |more: &[&str]| {
        let arguments = ["check", "--snapshot", "cluster.ha", "-o", "json"].iter().chain(more);
        bench.run(arguments)
    };
    let usage = run(&["--policy", "broken.wasm", "--config", "wrong.yaml"]);
    assert_eq!((usage.code, usage.out.as_str()), (Some(2), ""), "{usage:?}");
    assert_eq!(run(&["--policy", "broken.wasm"]).code, Some(4));
    let findings = run(&[]);
    assert_eq!(findings.code, Some(1), "{findings:?}");
    assert_eq!(findings.json()["summary"]["incomplete"], true);
    assert_eq!(run(&["--fail-on", "never"]).code, Some(3));
    assert_eq!(run(&["--fail-on", "critical"]).code, Some(3));
    assert_eq!(run(&["--fail-on", "never", "--allow-incomplete"]).code, Some(0));
    assert_eq!(run(&["--allow-incomplete"]).code, Some(1), "findings are not incompleteness");
}

#[test]
fn what_was_not_installed_or_not_in_the_files_is_not_incomplete() {
    let bench = Bench::new();
    without_budgets(&bench.path("cluster.ha"), &sound(), GapReason::NotInstalled);
    let ran = bench.run(["check", "--snapshot", "cluster.ha", "--fail-on", "never"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let files = bench.run_on(FRAGILE, &["--fail-on", "never"]);
    assert_eq!(files.code, Some(0), "{files:?}");
    assert!(files.out.contains("not in input"), "{files:?}");
}

#[test]
fn an_incomplete_reading_says_what_became_unknown_and_what_to_do() {
    let bench = Bench::new();
    without_budgets(&bench.path("cluster.ha"), &sound(), GapReason::Forbidden);
    let ran = bench.run(["check", "--snapshot", "cluster.ha", "--fail-on", "never"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    for line in [
        "this user may not read it (PodDisruptionBudget",
        "cannot list poddisruptionbudgets.policy: forbidden for user jane",
        "the rights it needs: kubectl ha rbac",
        "exit 3: data was missing; --allow-incomplete accepts that",
    ] {
        assert!(ran.out.contains(line), "{line} is not in\n{}", ran.out);
    }
}

#[test]
fn fail_on_is_the_least_severity_that_fails() {
    let bench = Bench::new();
    for (limit, code) in [("critical", 0), ("high", 1), ("medium", 1), ("low", 1), ("never", 0)] {
        let ran = bench.run_on(FRAGILE, &["--fail-on", limit]);
        assert_eq!(ran.code, Some(code), "{limit}: {ran:?}");
    }
    let unknown = bench.run_on(FRAGILE, &["--fail-on", "severe"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("critical, high, medium, low, never"), "{unknown:?}");
}

#[test]
fn show_chooses_answers_and_nothing_else() {
    let bench = Bench::new();
    let verdicts = |ran: &Ran| {
        let report = ran.json();
        let mut verdicts: Vec<String> = report["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| result["verdict"].as_str().unwrap().to_owned())
            .collect();
        verdicts.sort();
        verdicts.dedup();
        (verdicts.join(" "), report["summary"].clone(), ran.code)
    };
    let of = |show: &[&str]| {
        let mut arguments = vec!["-o", "json"];
        arguments.extend(show);
        verdicts(&bench.run_on(FRAGILE, &arguments))
    };
    let (default, summary, code) = of(&[]);
    assert_eq!((default.as_str(), code), ("fail unknown", Some(1)));
    for (show, expected) in [
        ("fail", "fail"),
        ("unknown", "unknown"),
        ("fail,unknown", "fail unknown"),
        ("all", "fail not-applicable pass unknown"),
    ] {
        assert_eq!(of(&["--show", show]), (expected.to_owned(), summary.clone(), code));
    }
}

#[test]
fn a_baseline_leaves_what_is_new() {
    let bench = Bench::new();
    bench.write("old.json", bench.run_on(FRAGILE, &["-o", "json"]).out);
    let same = bench.run_on(FRAGILE, &["--baseline", "old.json", "-o", "json"]);
    assert_eq!((same.code, same.findings()), (Some(0), vec![]), "{same:?}");
    assert!(same.json()["summary"]["known"].as_u64() >= Some(1));
    // Other lines, other numbers, another API version: the same problem.
    let moved = format!("# moved\n\n{}", FRAGILE.replace("cpu: 1", "cpu: 2"));
    let moved = bench.run_on(&moved, &["--baseline", "old.json"]);
    assert_eq!(moved.code, Some(0), "{moved:?}");
    assert!(moved.out.contains("known from the baseline"), "{moved:?}");

    let two = format!("{FRAGILE}---\n{}", FRAGILE.replace("mailer", "billing"));
    let more = bench.run_on(&two, &["--baseline", "old.json", "-o", "json"]);
    assert_eq!(more.code, Some(1));
    assert!(more.findings().iter().all(|finding| finding.ends_with(" billing")), "{:?}", more.findings());
}

/// Two containers lack something; mending one of them leaves an old problem, not a new one.
#[test]
fn a_half_mended_finding_is_still_the_old_one() {
    let bench = Bench::new();
    let lacking = "      - {name: NAME, image: mailer}\n";
    let (first, second) = (lacking.replace("NAME", "first"), lacking.replace("NAME", "second"));
    let (head, _) = FRAGILE.split_once("      - name").unwrap();
    let both = format!("{head}{first}{second}");
    bench.write("old.json", bench.run_on(&both, &["-o", "json"]).out);
    let mended = both.replace(
        "name: first, image: mailer",
        "name: first, image: mailer, resources: {requests: {cpu: 1, memory: 1Gi}}",
    );
    let ran = bench.run_on(&mended, &["--baseline", "old.json", "-o", "json"]);
    assert_eq!(ran.findings(), Vec::<String>::new(), "{ran:?}");
    let without = bench.run_on(&mended, &["-o", "json"]);
    assert!(without.findings().contains(&"resource-requests-absent mailer".to_owned()), "{without:?}");
}

#[test]
fn a_baseline_that_is_none_is_a_mistake_of_the_command_line() {
    let bench = Bench::new();
    bench.write("old.json", "[]");
    for (file, why) in [("old.json", "it is no JSON report of kubectl ha"), ("none.json", "No such file")] {
        let ran = bench.run_on(FRAGILE, &["--baseline", file]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(&format!("cannot use the baseline {file}")) && ran.err.contains(why), "{ran:?}");
    }
}

#[test]
fn the_nearest_configuration_counts() {
    let bench = Bench::new();
    bench.write(".kubectl-ha.yaml", "rules: {single-replica: off}\n");
    bench.write("deeper/a.yaml", FRAGILE);
    let mut command = bench.command(["check", "-f", "a.yaml", "-o", "json"]);
    let ran = Ran::of(command.current_dir(bench.path("deeper")));
    assert!(!ran.findings().iter().any(|finding| finding.starts_with("single-replica")), "{ran:?}");
    bench.write("deeper/.kubectl-ha.yaml", "rules: {single-replica: low}\n");
    let mut command = bench.command(["check", "-f", "a.yaml", "-o", "json"]);
    let ran = Ran::of(command.current_dir(bench.path("deeper")));
    let report = ran.json();
    let results = report["results"].as_array().unwrap();
    let single = results.iter().find(|result| result["rule"] == "single-replica").unwrap();
    assert_eq!(single["severity"], "low");
}

//! What manifests are read from: standard input, directories, lists, kustomizations.

use std::process::Command;

use crate::{Bench, FRAGILE, Ran, fragile_workload, kubectl, path_with, repository, sound};

/// `FRAGILE` under another name.
fn named(name: &str) -> String {
    FRAGILE.replace("mailer", name)
}

#[test]
fn standard_input_is_read_once() {
    let bench = Bench::new();
    let ran = bench.run_on(FRAGILE, &["-o", "json"]);
    assert!(ran.findings().contains(&"single-replica mailer".to_owned()), "{ran:?}");
    let location = &ran.json()["results"][0]["location"];
    assert_eq!((location["file"].as_str(), location["line"].as_u64()), (Some("-"), Some(5)));
}

#[test]
fn a_directory_is_read_and_its_subdirectories_on_request() {
    let bench = Bench::new();
    bench.write("deploy/a.yaml", named("a"));
    bench.write("deploy/notes.txt", "no manifest");
    bench.write("deploy/deeper/b.yml", named("b"));
    let single = |ran: &Ran| -> Vec<String> {
        ran.findings().into_iter().filter(|finding| finding.starts_with("single-replica")).collect()
    };
    let flat = bench.run(["check", "-f", "deploy", "-o", "json"]);
    assert_eq!(single(&flat), ["single-replica a"]);
    let deep = bench.run(["check", "-f", "deploy", "-R", "-o", "json"]);
    assert_eq!(single(&deep), ["single-replica a", "single-replica b"]);
}

#[test]
fn files_in_another_order_give_the_same_report() {
    let bench = Bench::new();
    bench.write("a.yaml", named("a"));
    bench.write("b.yaml", sound());
    let of = |first: &str, second: &str| bench.run(["check", "-f", first, "-f", second, "-o", "json", "--show", "all"]);
    let (one, other) = (of("a.yaml", "b.yaml"), of("b.yaml", "a.yaml"));
    assert_eq!(one.code, Some(1));
    assert_eq!(one.out, other.out);
}

/// What `kubectl get deployments -o json` prints.
#[test]
fn a_list_is_read_item_by_item() {
    let item: serde_json::Value = serde_yaml::from_str(fragile_workload()).unwrap();
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""},
        "items": [item, item.to_string().parse::<serde_json::Value>().unwrap()]});
    let bench = Bench::new();
    let pretty = format!("{list:#}");
    let ran = bench.run_on(&pretty, &["-o", "json"]);
    let lines: Vec<u64> = ran.json()["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|result| result["rule"] == "single-replica")
        .map(|result| result["location"]["line"].as_u64().unwrap())
        .collect();
    let replicas =
        |line: &u64| pretty.lines().nth(usize::try_from(*line).unwrap() - 1).unwrap().contains("\"replicas\": 1");
    assert_eq!(lines.len(), 2, "{ran:?}");
    assert!(lines.iter().all(replicas), "{lines:?} in\n{pretty}");
}

#[test]
fn a_kustomization_is_built_by_kubectl() {
    let bench = Bench::new();
    bench.write("base/web.yaml", FRAGILE);
    bench.write("base/kustomization.yaml", "resources: [web.yaml]\nnamePrefix: blue-\n");
    let ran = Ran::of(bench.command(["check", "-k", "base", "-o", "json"]).env("PATH", path_with(&[kubectl()])));
    assert!(ran.findings().contains(&"single-replica blue-mailer".to_owned()), "{ran:?}");
    let file = &ran.json()["results"][0]["location"]["file"];
    assert_eq!(file, "base (kustomize)");
}

#[test]
fn a_kustomization_without_kubectl_says_what_is_missing() {
    let bench = Bench::new();
    bench.write("base/kustomization.yaml", "resources: []\n");
    let ran = Ran::of(bench.command(["check", "-k", "base"]).env("PATH", ""));
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("cannot run kubectl kustomize"), "{ran:?}");
}

/// Standard input may be anything, also something that ends the reading early.
#[test]
fn rendered_charts_are_read_from_a_pipe() {
    let bench = Bench::new();
    bench.write("chart.yaml", sound());
    let program = env!("CARGO_BIN_EXE_kubectl-ha");
    let script = format!("cat chart.yaml | '{program}' check -f - --assume-complete -o name");
    let mut shell = Command::new("sh");
    bench.prepare(&mut shell);
    let ran = Ran::of(shell.args(["-c", &script]));
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "", ""));
}

/// What a finding quotes is the line it names, in every document of every case.
#[test]
fn excerpts_are_the_lines_they_name() {
    let bench = Bench::new();
    let mut quoted = 0;
    for case in std::fs::read_dir(repository().join("tests/cases")).unwrap() {
        let file = case.unwrap().path().join("input.yaml");
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let name = file.display().to_string();
        let mut command = bench.command(["check", "--assume-complete", "-f", &name]);
        let ran = Ran::of(command.env("COLUMNS", "400"));
        for line in ran.out.lines().filter_map(|line| line.trim_start().strip_prefix("at     ")) {
            let rest = line.strip_prefix(&format!("{name}:")).unwrap_or_else(|| panic!("{line}"));
            let (number, excerpt) = rest.split_once("  ").unwrap_or_else(|| panic!("{line}"));
            let number: usize = number.parse().unwrap();
            assert_eq!(text.lines().nth(number - 1).unwrap().trim(), excerpt, "{name}:{number}");
            quoted += 1;
        }
    }
    assert!(quoted > 30, "only {quoted} excerpts");
}

//! Others' policies, beside the built-in one and instead of it: good ones, and ones that give no answer.

#[path = "../../../ha-host/tests/hostile/component.rs"]
#[allow(dead_code, clippy::expect_used, clippy::cast_possible_truncation, reason = "ha-host's own tests use more")]
mod component;

use component::{RULES, answer, answering, module};

use crate::{Bench, FRAGILE, repository, text};

/// A policy whose one rule, `hostile`, traps.
fn crashing() -> Vec<u8> {
    component::component(&module("", "unreachable"), RULES)
}

/// A policy whose one rule passes three times.
fn harmless() -> Vec<u8> {
    answering(&answer(0, 0, [0, 3, 0, 0, 0]))
}

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("crash.wasm", crashing());
    bench.write("harmless.wasm", harmless());
    bench.write("garbage.wasm", b"\\0asm and nothing more");
    bench
}

#[test]
fn a_policy_answers_beside_the_built_in_one() {
    let ran = bench().run_on(FRAGILE, &["--policy", "harmless.wasm", "-o", "json", "--show", "all"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.findings().contains(&"single-replica mailer".to_owned()));
    let report = ran.json();
    let areas = report["summary"]["areas"].as_array().unwrap();
    let nodes = areas.iter().find(|area| area["area"] == "nodes").unwrap();
    assert!(nodes["pass"].as_u64() >= Some(3), "{nodes}");
    assert_eq!(report["summary"]["failedPolicies"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_policy_answers_instead_of_the_built_in_one() {
    let bench = bench();
    let built_in = repository().join("target/policies/baseline.component.wasm");
    std::fs::copy(built_in, bench.path("copy.wasm")).unwrap();
    let arguments = ["--no-baseline-policy", "--policy", "copy.wasm", "-o", "json"];
    let ran = bench.run_on(FRAGILE, &arguments);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.json()["results"].as_array().unwrap().iter().all(|result| result["policy"] == "copy"));

    let ran = bench.run_on(FRAGILE, &["--no-baseline-policy", "--policy", "harmless.wasm"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("No problem found in 3 checks."), "{ran:?}");
    let alone = bench.run_on(FRAGILE, &["--no-baseline-policy"]);
    assert_eq!(alone.code, Some(2), "no policy at all");
}

#[test]
fn a_policy_that_crashes_is_unknown_and_the_others_still_answer() {
    let bench = bench();
    for (file, why) in [("crash", "unreachable"), ("garbage", "garbage.wasm")] {
        let ran = bench.run_on(FRAGILE, &["--policy", &format!("{file}.wasm"), "-o", "json"]);
        assert_eq!(ran.code, Some(4), "{ran:?}");
        assert!(ran.findings().contains(&"single-replica mailer".to_owned()), "{ran:?}");
        let report = ran.json();
        assert_eq!(report["summary"]["failedPolicies"], serde_json::json!([file]));
        let results = report["results"].as_array().unwrap();
        let failed = results.iter().find(|result| result["rule"] == "policy-failed").unwrap();
        assert_eq!((&failed["verdict"], &failed["policy"]), (&"unknown".into(), &file.into()));
        assert!(text(&failed["message"]).contains(file), "{failed}");
        assert!(text(&failed["reason"]).contains(why), "{failed}");
    }
}

/// Whichever way somebody looks at a run, a policy without an answer shows.
#[test]
fn every_format_tells_of_a_policy_without_an_answer() {
    let bench = bench();
    for format in ["table", "wide", "json", "yaml", "sarif", "junit", "markdown"] {
        let ran = bench.run_on(FRAGILE, &["--policy", "crash.wasm", "-o", format]);
        assert_eq!(ran.code, Some(4), "{format}");
        assert!(ran.out.contains("policy crash gave no answer"), "{format}: {}", ran.out);
    }
    let hidden = bench.run_on(FRAGILE, &["--policy", "crash.wasm", "--show", "fail"]);
    assert!(hidden.out.ends_with("exit 4: no answer from policy crash\n"), "{}", hidden.out);
}

#[test]
fn a_policy_file_that_is_not_there_is_a_mistake_of_the_command_line() {
    let ran = bench().run_on(FRAGILE, &["--policy", "crush.wasm"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.contains("crush.wasm"), "{ran:?}");
}

#[test]
fn inspect_shows_what_a_policy_is_without_running_it() {
    let bench = bench();
    let ran = bench.run(["policy", "inspect", "crash.wasm"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for line in ["contract  ha:policy@0.1.0", "imports   nothing: it sees the snapshot and nothing else"] {
        assert!(ran.out.contains(line), "{}", ran.out);
    }
    assert!(ran.out.contains("hostile (medium, class C)"), "{}", ran.out);

    let built_in = bench.run(["policy", "inspect", "-o", "json"]).json();
    let rules = built_in["rules"].as_array().unwrap();
    assert_eq!((rules.len(), &built_in["imports"]), (baseline::RULES.len(), &serde_json::json!([])));
    assert!(rules.iter().any(|rule| rule["needs"].as_array().is_some_and(|needs| !needs.is_empty())));
    let names = bench.run(["policy", "inspect", "crash.wasm", "-o", "name"]);
    assert_eq!(names.out, "hostile\n");

    for (file, message) in [("garbage.wasm", "garbage.wasm is no policy"), ("none.wasm", "cannot read none.wasm")] {
        let ran = bench.run(["policy", "inspect", file]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(message), "{ran:?}");
    }
}

//! Policies from elsewhere through the command itself: what is wrong with one is said, the others answer all the same.
//!
//! What a policy may do while it runs is tested in `ha-host`; here is what it does to the program around it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper of tests may fail like a test")]
#![allow(clippy::cast_possible_truncation)]

#[path = "../../ha-host/tests/hostile/component.rs"]
#[allow(dead_code, reason = "the other crate's tests need more of it")]
mod component;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use component::{RULES, append_rules, module};
use serde_json::Value;
use tempfile::TempDir;

/// What `kubectl ha check --demo --policy theirs.wasm` says.
struct Run {
    code: Option<i32>,
    report: Value,
    took: Duration,
    /// Where compiled policies are kept.
    cache: TempDir,
}

impl Run {
    fn with(policy: &[u8]) -> Self {
        Self::in_cache(policy, tempfile::tempdir().unwrap())
    }

    fn in_cache(policy: &[u8], cache: TempDir) -> Self {
        let file = cache.path().join("theirs.wasm");
        std::fs::write(&file, policy).unwrap();
        let started = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_kubectl-ha"))
            .args(["check", "--demo", "-o", "json", "--policy"])
            .arg(&file)
            .env("XDG_CACHE_HOME", cache.path())
            .output()
            .unwrap();
        let report = serde_json::from_slice(&output.stdout);
        let report = report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        Self { code: output.status.code(), report, took: started.elapsed(), cache }
    }

    /// Why the policy has no answer; that the built-in one has its own is checked by the way.
    fn failure(&self) -> String {
        let results = self.report["results"].as_array().unwrap();
        assert!(results.iter().any(|result| result["policy"] == "baseline" && result["verdict"] == "fail"));
        assert_eq!(self.report["summary"]["failedPolicies"], serde_json::json!(["theirs"]));
        assert_eq!(self.code, Some(4));
        self.report.to_string()
    }
}

/// How many compiled policies are kept.
fn kept(cache: &Path) -> usize {
    std::fs::read_dir(cache.join("kubectl-ha")).map_or(0, Iterator::count)
}

/// A harmless policy that reports so many passes.
fn harmless(passes: u32) -> Vec<u8> {
    component::answering(&component::answer(0, 0, [0, passes, 0, 0, 0]))
}

#[test]
fn a_policy_is_compiled_apart_once_and_then_taken_from_the_cache() {
    let first = Run::with(&harmless(3));
    assert_eq!((first.code, kept(first.cache.path())), (Some(1), 1), "{}", first.report["summary"]);
    let second = Run::in_cache(&harmless(3), first.cache);
    assert_eq!((second.code, kept(second.cache.path())), (Some(1), 1));
    assert_eq!(second.report, first.report);
}

/// Nested loops that all carry all of the locals: a few bytes each, and for the compiler a value per local and loop.
fn bomb(locals: usize, depth: usize) -> Vec<u8> {
    let declared = "(local i32)".repeat(locals);
    let every = |text: &dyn Fn(usize) -> String| (1..=locals).map(text).collect::<String>();
    let work = every(&|local| format!("(local.set {local} (i32.add (local.get {local}) (local.get {})))", local - 1));
    let start = "(loop ".repeat(depth);
    let end = "(br_if 0 (local.get 1)))".repeat(depth);
    let body = format!("{declared} {start} {work} {end} (local.get {locals})");
    component::component(&module("", &body), RULES)
}

#[test]
fn a_compile_bomb_costs_bounded_time_and_memory() {
    // The first takes minutes, the second several gigabytes. Which limit is met first depends on the machine.
    for (locals, depth) in [(1_000, 1_000), (10_000, 10_000)] {
        let run = Run::with(&bomb(locals, depth));
        let failure = run.failure();
        let met = |limit: &str| failure.contains(&format!("compiling it takes more than {limit}"));
        assert!(met("10 s of processor time") || met("1024 MiB of memory"), "{locals}×{depth}: {failure}");
        assert!(run.took < Duration::from_secs(70), "{:?}", run.took);
        assert_eq!(kept(run.cache.path()), 0);
    }
}

#[test]
fn another_contract_is_named_when_the_policy_is_loaded() {
    let mut other_version =
        wat::parse_str(r#"(component (instance $i) (export "ha:policy/policy@0.0.9" (instance $i)))"#).unwrap();
    append_rules(&mut other_version, RULES);
    let failure = Run::with(&other_version).failure();
    assert!(failure.contains("exports ha:policy/policy@0.0.9") && failure.contains("needs ha:policy/policy@0.1.0"));

    let mut other_types = wat::parse_str(
        r#"(component
            (core module $m (func (export "check") (param i32) (result i32) (local.get 0)))
            (core instance $c (instantiate $m))
            (func $check (param "snapshot" u32) (result u32) (canon lift (core func $c "check")))
            (instance $i (export "check" (func $check)))
            (export "ha:policy/policy@0.1.0" (instance $i)))"#,
    )
    .unwrap();
    append_rules(&mut other_types, RULES);
    let failure = Run::with(&other_types).failure();
    assert!(failure.contains("not that of this version of kubectl ha") && failure.contains("expected"), "{failure}");
}

#[test]
fn what_is_no_policy_does_not_hide_the_built_in_one() {
    assert!(Run::with(b"hello").failure().contains("not a WebAssembly component"));
    let trap = component::component(&module("", "unreachable"), RULES);
    assert!(Run::with(&trap).failure().contains("unreachable"));
}

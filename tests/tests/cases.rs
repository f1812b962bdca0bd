//! Small situations with the right answer: `tests/cases/<case>/{input,expected}.yaml`, as `tests/cases/README.md` says.

// A helper of a test may fail like the test itself.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use baseline::RULES;
use ha_core::finding::Verdict;
use ha_core::report::{CheckResult, Report};
use ha_tests::native;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Expected {
    why: String,
    assume_complete: bool,
    #[serde(default)]
    expect: Vec<Expectation>,
    #[serde(default)]
    forbid: Vec<Prohibition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    rule: String,
    object: Option<Objects>,
    verdict: Verdict,
    suppressed: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prohibition {
    rule: String,
    object: Option<Objects>,
}

/// One object, or several of which any will do.
#[derive(Deserialize)]
#[serde(untagged)]
enum Objects {
    One(String),
    Any(Vec<String>),
}

impl Objects {
    fn contains(&self, object: &str) -> bool {
        match self {
            Self::One(one) => one == object,
            Self::Any(any) => any.iter().any(|one| one == object),
        }
    }
}

fn concerns(objects: Option<&Objects>, result: &CheckResult) -> bool {
    objects.is_none_or(|objects| objects.contains(&result.object.to_string()))
}

fn is_present(rule: &str) -> bool {
    rule == "*" || RULES.iter().any(|present| present.name == rule)
}

#[test]
fn every_case_gets_the_right_answer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut cases: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    assert!(cases.len() >= 32, "only {} cases in {}", cases.len(), folder.display());
    let (mut wrong, mut not_yet) = (String::new(), Vec::new());
    for case in &cases {
        wrong.push_str(&mistakes(case, &mut not_yet));
    }
    not_yet.sort();
    println!("not yet: {} expectations on rules to come: {}", not_yet.len(), not_yet.join(", "));
    assert!(wrong.is_empty(), "{wrong}");
}

/// What is wrong with the answer to a case, in words; empty when it is right.
fn mistakes(case: &Path, not_yet: &mut Vec<String>) -> String {
    let name = case.file_name().unwrap().to_string_lossy();
    let text = fs::read_to_string(case.join("expected.yaml")).unwrap();
    let expected: Expected = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (snapshot, manifests) = native::read(&case.join("input.yaml"), expected.assume_complete).unwrap();
    assert!(manifests.problems.is_empty(), "{name}: {:?}", manifests.problems);
    assert!(snapshot.gaps.is_empty(), "{name}: {}", snapshot.text(snapshot.gaps[0].message));
    let report = native::report(&snapshot);
    let mut wrong = String::new();
    for expectation in expected.expect {
        if is_present(&expectation.rule) {
            missing(&report, &expectation, &mut wrong);
        } else {
            not_yet.push(expectation.rule);
        }
    }
    for prohibition in &expected.forbid {
        for result in forbidden(&report, prohibition) {
            let _ = writeln!(wrong, "  forbidden: {}", in_words(result));
        }
    }
    if wrong.is_empty() { wrong } else { format!("{name}: {}\n{wrong}", expected.why) }
}

fn missing(report: &Report, expectation: &Expectation, wrong: &mut String) {
    let candidates: Vec<&CheckResult> = report
        .results
        .iter()
        .filter(|result| result.rule == expectation.rule && concerns(expectation.object.as_ref(), result))
        .collect();
    let agrees = |result: &&CheckResult| {
        result.verdict == expectation.verdict
            && expectation.suppressed.is_none_or(|suppressed| result.suppressed.is_some() == suppressed)
    };
    if candidates.iter().any(agrees) {
        return;
    }
    let suppressed = match expectation.suppressed {
        Some(true) => " suppressed",
        Some(false) => " not suppressed",
        None => "",
    };
    let _ = writeln!(wrong, "  expected: {} {}{suppressed}", expectation.rule, expectation.verdict);
    for result in candidates {
        let _ = writeln!(wrong, "    instead: {}", in_words(result));
    }
}

fn forbidden<'r>(report: &'r Report, prohibition: &'r Prohibition) -> impl Iterator<Item = &'r CheckResult> {
    report.results.iter().filter(|result| {
        (prohibition.rule == "*" || prohibition.rule == result.rule)
            && concerns(prohibition.object.as_ref(), result)
            && if prohibition.rule == "*" { result.is_finding() } else { result.verdict == Verdict::Fail }
    })
}

fn in_words(result: &CheckResult) -> String {
    let text = if result.message.is_empty() { &result.reason } else { &result.message };
    format!("{} {} {}: {text}", result.rule, result.verdict, result.object)
}

//! Other projects' manifests: what is found in them, as golden files that hold our answers and none of their text.
//!
//! The manifests lie in `../shared/corpus` beside the repository and are no part of it. Where they are not, the tests
//! say so and check nothing. `UPDATE_GOLDEN=1` writes the golden files anew.

// A helper of a test may fail, and speak, like the test itself.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use ha_core::Severity;
use ha_core::finding::Verdict;
use ha_core::report::{CheckResult, Report};
use ha_tests::native;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder of the corpus; none, with a line that says so, where it is not.
fn corpus() -> Option<PathBuf> {
    let folder = root().join("../shared/corpus");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("not checked: the corpus is not at {}", folder.display());
    None
}

fn report_on(file: &Path) -> Report {
    let (snapshot, manifests) = native::read(file, true).unwrap();
    assert!(manifests.problems.is_empty(), "{}: {:?}", file.display(), manifests.problems);
    native::report(&snapshot)
}

/// One line for each fail and unknown: rule, object, verdict, severity, message.
fn golden(report: &Report) -> String {
    let mut text = String::new();
    for result in &report.results {
        let (severity, words) = match result.verdict {
            Verdict::Fail => (result.severity.as_str(), &result.message),
            Verdict::Unknown => ("-", &result.reason),
            Verdict::Pass | Verdict::NotApplicable => continue,
        };
        let _ = writeln!(text, "{} {} {} {severity}: {words}", result.rule, result.object, result.verdict);
    }
    text
}

#[test]
fn findings_in_the_corpus_are_those_of_the_golden_files() {
    let Some(corpus) = corpus() else { return };
    let mut files: Vec<PathBuf> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "the corpus is empty");
    let folder = root().join("tests/golden/corpus");
    let mut differing = Vec::new();
    for file in &files {
        let found = golden(&report_on(file));
        let wanted = folder.join(file.file_name().unwrap()).with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&wanted, &found).unwrap();
        }
        let golden = fs::read_to_string(&wanted).unwrap_or_default();
        if golden != found {
            differing.push(format!("{}:\n{}", wanted.display(), difference(&golden, &found)));
        }
    }
    assert!(differing.is_empty(), "UPDATE_GOLDEN=1 accepts this:\n{}", differing.join("\n"));
}

/// Lines that only one of the two texts has.
fn difference(golden: &str, found: &str) -> String {
    let only = |sign: char, lines: &str, others: &str| {
        let others: Vec<&str> = others.lines().collect();
        let mut text = String::new();
        for line in lines.lines().filter(|line| !others.contains(line)) {
            let _ = writeln!(text, "{sign} {line}");
        }
        text
    };
    only('-', golden, found) + &only('+', found, golden)
}

/// The second manifest has one workload more, and rules about several replicas (budgets, zones) have nothing to say
/// about one. So the number of all findings need not fall; what stops the product at one ordinary fault must.
#[test]
fn argo_cd_for_high_availability_has_clearly_fewer_and_milder_findings() {
    let Some(corpus) = corpus() else { return };
    let (plain, available) = (report_on(&corpus.join("argo-cd.yaml")), report_on(&corpus.join("argo-cd-ha.yaml")));
    let alone = |report: &Report| {
        let finding = |result: &&CheckResult| result.is_finding() && result.rule == "single-replica";
        report.results.iter().filter(finding).count()
    };
    let severe =
        |report: &Report| report.summary.findings.get(Severity::Critical) + report.summary.findings.get(Severity::High);
    println!("argo-cd: {:?}\nargo-cd-ha: {:?}", plain.summary.findings, available.summary.findings);
    assert!(alone(&available) * 3 <= alone(&plain) * 2, "single replicas: {} of {}", alone(&available), alone(&plain));
    assert!(severe(&available) < severe(&plain), "severe findings: {} of {}", severe(&available), severe(&plain));
    let shares =
        (severe(&available) * plain.summary.findings.total(), severe(&plain) * available.summary.findings.total());
    assert!(shares.0 * 3 <= shares.1 * 2, "the share of severe findings is hardly smaller: {shares:?}");
}

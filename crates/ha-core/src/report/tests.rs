//! Assembly, suppression and exit codes over a hand-built snapshot.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::Snapshot;
use crate::finding::{CheckOutput, Findings, Missing};
use crate::labels::LabelSet;
use crate::rule::{Class, RuleInfo};
use crate::snapshot::{Object, ObjectId, Suppression};
use crate::text::Interner;

const CART: ObjectId = ObjectId::at(1);
const SHOP: ObjectId = ObjectId::at(2);
/// 2026-08-01.
const NOW: i64 = 1_785_542_400;

fn snapshot(suppressions: &[(ObjectId, &str, &str)]) -> Snapshot {
    let mut texts = Interner::default();
    let object = |texts: &mut Interner, version: &str, kind: &str, namespace: &str, name: &str| Object {
        api_version: texts.intern(version),
        kind: texts.intern(kind),
        namespace: texts.intern(namespace),
        name: texts.intern(name),
        read: true,
        ..Object::default()
    };
    let objects = vec![
        object(&mut texts, API_VERSION, "Cluster", "", "shop-eu"),
        object(&mut texts, "apps/v1", "Deployment", "shop", "cart"),
        object(&mut texts, "v1", "Namespace", "", "shop"),
    ];
    let suppressions = suppressions.iter().map(|(object, reason, until)| Suppression {
        rule: texts.intern("single-replica"),
        reason: texts.intern(reason),
        until: texts.intern(until),
        object: *object,
        on_pod_template: false,
    });
    let suppressions = suppressions.collect();
    let mut snapshot = Snapshot { objects, suppressions, label_sets: vec![LabelSet::default()], ..Snapshot::default() };
    snapshot.source.name = texts.intern("shop-eu");
    snapshot.source.taken_at = NOW;
    snapshot.texts = texts.finish();
    snapshot
}

fn rules() -> Vec<RuleInfo> {
    let rule = |name: &str, severity| RuleInfo {
        name: name.into(),
        area: Area::Replication,
        severity,
        class: Class::B,
        needs: Vec::new(),
        since: "0.1.0".into(),
        doc: String::new(),
    };
    vec![rule("single-replica", Severity::High), rule("budget-absent", Severity::Medium)]
}

fn one_fail() -> CheckOutput {
    let mut findings = Findings::new(false);
    findings.begin(0, Severity::High);
    findings.fail(CART, "1 of 2 replicas");
    findings.pass(SHOP);
    findings.finish()
}

fn report(snapshot: &Snapshot, output: Result<CheckOutput, String>, options: &ReportOptions) -> Report {
    let rules = rules();
    let outcome = PolicyOutcome { policy: "baseline", rules: &rules, output };
    assemble(snapshot, vec![outcome], options)
}

fn exit(report: &Report) -> ExitCode {
    report.exit_code(Some(Severity::High), false, false)
}

#[test]
fn a_fail_is_counted_named_and_fails_the_run() {
    let report = report(&snapshot(&[]), Ok(one_fail()), &ReportOptions::default());
    assert_eq!(report.results.len(), 1);
    assert_eq!(report.results[0].object.to_string(), "Deployment/shop/cart");
    assert_eq!(report.summary.findings.high, 1);
    assert_eq!((report.summary.areas[0].fail, report.summary.areas[0].pass), (1, 1));
    assert_eq!(exit(&report), ExitCode::Findings);
    assert_eq!(report.exit_code(Some(Severity::Critical), false, false), ExitCode::Success);
    assert_eq!(report.exit_code(None, false, false), ExitCode::Success);
    assert_eq!(report.exit_code(None, false, true), ExitCode::Failed);
}

#[test]
fn a_suppression_silences_with_a_reason_until_its_last_day() {
    for (object, reason, until, silenced, diagnostic) in [
        (CART, "licence seat", "", true, None),
        (SHOP, "licence seat", "2026-08-01", true, None),
        (CART, "licence seat", "2026-07-31", false, Some(DiagnosticKind::SuppressionExpired)),
        (CART, "", "", false, Some(DiagnosticKind::SuppressionWithoutReason)),
        (CART, "licence seat", "soon", false, Some(DiagnosticKind::SuppressionWithoutDate)),
    ] {
        let report = report(&snapshot(&[(object, reason, until)]), Ok(one_fail()), &ReportOptions::default());
        assert_eq!(report.results[0].suppressed.is_some(), silenced, "{reason:?} {until:?}");
        assert_eq!(report.summary.suppressed, usize::from(silenced));
        let kinds: Vec<_> = report.diagnostics.iter().map(|diagnostic| diagnostic.kind).collect();
        assert_eq!(kinds, diagnostic.into_iter().collect::<Vec<_>>());
        assert_eq!(exit(&report) == ExitCode::Success, silenced);
        let expired = diagnostic == Some(DiagnosticKind::SuppressionExpired);
        assert_eq!(report.results[0].notes.len(), usize::from(expired));
    }
}

#[test]
fn an_unused_suppression_is_reported_unless_the_rule_did_not_know() {
    let annotated = snapshot(&[(CART, "licence seat", "")]);
    for (verdict, reported) in [("pass", true), ("unknown", false)] {
        let mut findings = Findings::new(false);
        findings.begin(0, Severity::High);
        match verdict {
            "pass" => findings.pass(CART),
            _ => _ = findings.unknown(CART, Missing::default()),
        }
        let report = report(&annotated, Ok(findings.finish()), &ReportOptions::default());
        let unused = report.diagnostics.iter().any(|d| d.kind == DiagnosticKind::SuppressionUnused);
        assert_eq!(unused, reported, "{verdict}");
    }
}

#[test]
fn a_configured_suppression_must_match_in_every_field() {
    let suppression = ConfiguredSuppression {
        rule: "single-replica".into(),
        reason: "licence seat".into(),
        namespace: "sh*".into(),
        kind: "Deployment".into(),
        place: ".kubectl-ha.yaml:3".into(),
        ..ConfiguredSuppression::default()
    };
    for (name, silenced) in [("cart", true), ("c*t", true), ("", true), ("card", false)] {
        let options = ReportOptions {
            suppressions: vec![ConfiguredSuppression { name: name.into(), ..suppression.clone() }],
            ..ReportOptions::default()
        };
        let report = report(&snapshot(&[]), Ok(one_fail()), &options);
        assert_eq!(report.results[0].suppressed.is_some(), silenced, "{name}");
        assert_eq!(report.diagnostics.len(), usize::from(!silenced));
    }
}

#[test]
fn severities_are_overridden_and_milder_findings_stay_milder() {
    for (wanted, mild, expected) in [
        (Severity::Critical, false, Severity::Critical),
        (Severity::Critical, true, Severity::High),
        (Severity::Low, true, Severity::Low),
    ] {
        let mut output = one_fail();
        if mild {
            output.findings[0].severity(Severity::Medium);
        }
        let mut options = ReportOptions::default();
        options.rules.insert("single-replica".into(), RuleSetting::Severity(wanted));
        let report = report(&snapshot(&[]), Ok(output), &options);
        assert_eq!(report.results[0].severity, expected);
    }
}

#[test]
fn a_policy_that_fails_or_speaks_nonsense_is_one_unknown() {
    let mut no_object = one_fail();
    no_object.findings[0].related.push(ObjectId::at(99));
    let mut no_rule = one_fail();
    no_rule.findings[0].rule = 2;
    for output in [Err("it ran out of fuel".into()), Ok(no_object), Ok(no_rule)] {
        let report = report(&snapshot(&[]), output, &ReportOptions::default());
        assert_eq!(report.results.len(), 1);
        assert_eq!(report.results[0].rule, POLICY_FAILED);
        assert_eq!(report.results[0].verdict, Verdict::Unknown);
        assert_eq!(report.results[0].object.to_string(), "Cluster/shop-eu");
        assert_eq!(exit(&report), ExitCode::Failed);
    }
}

#[test]
fn only_reads_that_went_wrong_make_a_report_incomplete() {
    for (reason, expected) in [
        (GapReason::Forbidden, ExitCode::Incomplete),
        (GapReason::TimedOut, ExitCode::Incomplete),
        (GapReason::NotInInput, ExitCode::Success),
        (GapReason::NotInstalled, ExitCode::Success),
    ] {
        let mut findings = Findings::new(false);
        findings.begin(1, Severity::Medium);
        findings.unknown(CART, Missing { what: "Node".into(), reason, ..Missing::default() });
        let report = report(&snapshot(&[]), Ok(findings.finish()), &ReportOptions::default());
        assert_eq!(exit(&report), expected, "{reason}");
        assert_eq!(report.exit_code(None, true, false), ExitCode::Success);
        assert_eq!(report.summary.unknown, 1);
    }
}

#[test]
fn the_same_answer_twice_is_one_and_two_answers_have_two_fingerprints() {
    let mut findings = Findings::new(false);
    findings.begin(0, Severity::High);
    for message in ["a", "a", "b"] {
        findings.fail(CART, message);
    }
    let report = report(&snapshot(&[]), Ok(findings.finish()), &ReportOptions::default());
    assert_eq!(report.results.len(), 2);
    assert_ne!(report.results[0].fingerprint, report.results[1].fingerprint);
}

#[test]
fn what_a_baseline_knows_is_counted_and_not_listed() {
    let old = report(&snapshot(&[]), Ok(one_fail()), &ReportOptions::default());
    let known = |verdict| Baseline {
        results: vec![baseline::KnownResult { verdict, fingerprint: old.results[0].fingerprint.clone() }],
    };
    let mut new = old.clone();
    new.keep_new(&known(Verdict::Fail));
    assert_eq!((new.results.len(), new.summary.known, new.summary.findings.high), (0, 1, 0));
    assert_eq!(exit(&new), ExitCode::Success);
    let mut new = old.clone();
    new.keep_new(&known(Verdict::Unknown));
    assert_eq!((new.results.len(), new.summary.known), (1, 0));
}

#[test]
fn a_rule_that_is_off_says_nothing_even_when_a_policy_runs_it() {
    let mut options = ReportOptions::default();
    options.rules.insert("single-replica".into(), RuleSetting::Off);
    let report = report(&snapshot(&[(CART, "licence seat", "")]), Ok(one_fail()), &options);
    assert_eq!(report.results, []);
    assert_eq!(report.diagnostics, []);
}

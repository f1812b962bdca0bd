//! SARIF 2.1.0, within the limits of GitHub code scanning.
//!
//! Findings are results; what gave no answer is a notification of the run, since an unknown is no alert.
//! Limits: <https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>.

use std::collections::BTreeMap;

use ha_core::Verdict;
use ha_core::report::{CheckResult, ExitCode, ObjectReference, POLICY_FAILED, Report};
use ha_core::rule::{RuleInfo, Severity};
use serde_json::{Value, json};

use super::gaps;
use super::text::file_of;
use super::view::View;
use crate::sanitize;

/// GitHub shows the first 5,000 results of a run; they are the worst, since results are sorted.
const RESULTS: usize = 5000;
/// Related locations of one result.
const RELATED: usize = 20;
/// Notifications of the run.
const NOTIFICATIONS: usize = 100;
/// Characters of a message or description; GitHub cuts at 1024.
const MESSAGE: usize = 1000;

/// Writes the log of one run.
pub fn render(report: &Report, view: &View) -> String {
    let failed: Vec<&CheckResult> = report.results.iter().filter(|result| result.verdict == Verdict::Fail).collect();
    let shown = &failed[..failed.len().min(RESULTS)];
    let rules = rules(shown, view.rules);
    let numbers: BTreeMap<&str, usize> = rules.keys().copied().zip(0..).collect();
    let run = json!({
        "tool": {"driver": {
            "name": "kubectl-ha",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "informationUri": env!("CARGO_PKG_REPOSITORY"),
            "rules": rules.values().collect::<Vec<_>>(),
        }},
        "invocations": [{
            "executionSuccessful": view.exit.0 != ExitCode::Failed,
            "toolExecutionNotifications": notifications(report, failed.len() - shown.len()),
        }],
        "columnKind": "unicodeCodePoints",
        "results": shown.iter().map(|finding| result(finding, &numbers)).collect::<Vec<_>>(),
    });
    super::json::to_string(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }))
}

/// The rules that have results, by name.
fn rules<'a>(results: &[&'a CheckResult], infos: &[RuleInfo]) -> BTreeMap<&'a str, Value> {
    let mut rules = BTreeMap::new();
    for result in results {
        let info = infos.iter().find(|info| info.name == result.rule);
        rules.entry(result.rule.as_str()).or_insert_with(|| rule(result, info));
    }
    rules
}

fn rule(result: &CheckResult, info: Option<&RuleInfo>) -> Value {
    // GitHub asks for the three texts, also where a policy says nothing about its rule.
    let summary = info.map(RuleInfo::summary).filter(|summary| !summary.is_empty()).unwrap_or(&result.rule);
    let mut rule = json!({
        "id": result.rule,
        "shortDescription": {"text": message(summary)},
        "fullDescription": {"text": message(summary)},
        "help": {"text": message(summary)},
        "defaultConfiguration": {"level": level(info.map_or(result.severity, |info| info.severity))},
        "properties": {"tags": ["high-availability", result.area.as_str()]},
    });
    if let Some(info) = info {
        rule["help"]["markdown"] = json!(sanitize::lines(&info.doc));
    }
    rule
}

fn result(finding: &CheckResult, numbers: &BTreeMap<&str, usize>) -> Value {
    let mut text = format!("{}: {}", finding.object, finding.message);
    for (lead, part) in [("", &finding.reason), ("fix: ", &finding.remediation)] {
        if !part.is_empty() {
            text.push_str(&format!("\n{lead}{part}"));
        }
    }
    let related = finding.related.iter().take(RELATED).enumerate();
    let suppressions = finding.suppressed.iter();
    json!({
        "ruleId": finding.rule,
        "ruleIndex": numbers.get(finding.rule.as_str()),
        "level": level(finding.severity),
        "message": {"text": message(&text)},
        "locations": [location(finding)],
        "relatedLocations": related.map(|(number, object)| json!({
            "id": number,
            "physicalLocation": physical(&object.to_string(), 1),
            "logicalLocations": [logical(object)],
            "message": {"text": object.to_string()},
        })).collect::<Vec<_>>(),
        // The second is the one that GitHub goes by. Left out, it would be made from the line's text.
        "partialFingerprints": {"kubectlHa/v1": finding.fingerprint, "primaryLocationLineHash": finding.fingerprint},
        "suppressions": suppressions.map(|suppressed| json!({
            "kind": "external",
            "status": "accepted",
            "justification": suppressed.reason,
        })).collect::<Vec<_>>(),
        "properties": {"severity": finding.severity, "policy": finding.policy},
    })
}

/// Where a result stands.
fn location(finding: &CheckResult) -> Value {
    let (path, line) = file_of(finding);
    json!({"physicalLocation": physical(&path, line), "logicalLocations": [logical(&finding.object)]})
}

/// GitHub asks every location for a file.
fn physical(path: &str, line: u32) -> Value {
    json!({"artifactLocation": {"uri": uri(path)}, "region": {"startLine": line}})
}

fn logical(object: &ObjectReference) -> Value {
    json!({"name": object.name, "fullyQualifiedName": object.to_string(), "kind": "resource"})
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// How many results were left out, then what was not answered or not read, the worst first.
fn notifications(report: &Report, left_out: usize) -> Vec<Value> {
    let notification = |level: &str, text: &str| json!({"level": level, "message": {"text": message(text)}});
    let mut notifications = Vec::new();
    if left_out > 0 {
        notifications.push(notification("warning", &format!("{left_out} milder results were left out")));
    }
    let unknown = || report.results.iter().filter(|result| result.verdict == Verdict::Unknown);
    let failed = unknown().filter(|result| result.rule == POLICY_FAILED);
    notifications.extend(failed.map(|result| notification("error", &format!("{}: {}", result.message, result.reason))));
    notifications.extend(gaps::lines(&report.gaps).iter().map(|line| notification("warning", line)));
    notifications.extend(unknown().filter(|result| result.rule != POLICY_FAILED).map(|result| {
        let text = format!("{}: {}: unknown: {}", result.rule, result.object, result.reason);
        notification("note", &text)
    }));
    notifications.truncate(NOTIFICATIONS);
    notifications
}

/// A text within the limit, cut at a character.
fn message(text: &str) -> String {
    if text.chars().count() <= MESSAGE {
        return text.to_owned();
    }
    text.chars().take(MESSAGE - 1).chain(['…']).collect()
}

/// A path as a URI reference: everything but unreserved characters and `/` is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.replace('\\', "/").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    #[test]
    fn paths_become_uri_references() {
        assert_eq!(super::uri("deploy/my app.yaml"), "deploy/my%20app.yaml");
        assert_eq!(super::uri("javascript:x\u{1b}"), "javascript%3Ax%1B");
        assert_eq!(super::uri("/srv/a.yaml"), "file:///srv/a.yaml");
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let text = "ä".repeat(1001);
        let cut = super::message(&text);
        assert_eq!(cut.chars().count(), 1000);
        assert!(cut.ends_with("ä…"));
    }
}

//! SARIF 2.1.0, within the limits of GitHub code scanning.
//!
//! Findings are results; what gave no answer is a notification of the run, since an unknown is no alert.
//! Limits: <https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>.

use std::collections::BTreeMap;

use ha_core::Verdict;
use ha_core::report::{CheckResult, ExitCode, ObjectReference, Report};
use ha_core::rule::{RuleInfo, Severity};
use serde_json::{Value, json};

use super::view::View;
use crate::sanitize;

/// GitHub shows the first 5,000 results of a run; they are the worst, since results are sorted.
const RESULTS: usize = 5000;
/// Related locations of one result.
const RELATED: usize = 20;
/// Notifications of the run.
const NOTIFICATIONS: usize = 100;
/// Characters of a message that GitHub shows.
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
    let mut rule = json!({
        "id": result.rule,
        "defaultConfiguration": {"level": level(info.map_or(result.severity, |info| info.severity))},
        "properties": {"tags": ["high-availability", result.area.as_str()]},
    });
    if let Some(info) = info {
        rule["shortDescription"] = json!({"text": message(info.summary())});
        rule["help"] = json!({
            "text": message(info.summary()),
            "markdown": sanitize::lines(&info.doc),
        });
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
            "logicalLocations": [logical(object)],
            "message": {"text": object.to_string()},
        })).collect::<Vec<_>>(),
        "partialFingerprints": {"kubectlHa/v1": finding.fingerprint},
        "suppressions": suppressions.map(|suppressed| json!({
            "kind": "external",
            "status": "accepted",
            "justification": suppressed.reason,
        })).collect::<Vec<_>>(),
        "properties": {"severity": finding.severity, "policy": finding.policy},
    })
}

/// Where a result stands. GitHub asks for a file: an object of a cluster is named as one.
fn location(finding: &CheckResult) -> Value {
    let (path, line) = match &finding.location {
        Some(location) if location.file == "-" => ("stdin".to_owned(), location.line),
        Some(location) => (location.file.trim_start_matches("./").to_owned(), location.line),
        None => (finding.object.to_string(), 1),
    };
    json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(&path)},
            "region": {"startLine": line.max(1)},
        },
        "logicalLocations": [logical(&finding.object)],
    })
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

/// What was not answered or not read, and how many results were left out.
fn notifications(report: &Report, left_out: usize) -> Vec<Value> {
    let notification = |level: &str, text: &str| json!({"level": level, "message": {"text": message(text)}});
    let mut notifications = Vec::new();
    if left_out > 0 {
        notifications.push(notification("warning", &format!("{left_out} milder results were left out")));
    }
    for result in report.results.iter().filter(|result| result.verdict == Verdict::Unknown) {
        let failed = report.summary.failed_policies.contains(&result.policy) && result.missing.is_empty();
        let text = format!("{}: {}: unknown: {}", result.rule, result.object, result.reason);
        notifications.push(notification(if failed { "error" } else { "note" }, &text));
    }
    notifications.extend(report.gaps.iter().map(|gap| notification("warning", &gap.message)));
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

/// A path as a relative URI reference: everything but unreserved characters and `/` is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::new();
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
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let text = "ä".repeat(1001);
        let cut = super::message(&text);
        assert_eq!(cut.chars().count(), 1000);
        assert!(cut.ends_with("ä…"));
    }
}

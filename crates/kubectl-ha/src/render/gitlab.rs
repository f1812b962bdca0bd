//! A GitLab code quality report: a JSON list of issues.

use ha_core::report::{CheckResult, Report};
use ha_core::rule::Severity;
use serde_json::{Value, json};

use super::text::file_of;

/// Writes one issue for each finding.
pub fn render(report: &Report) -> String {
    let findings = report.results.iter().filter(|result| result.is_finding());
    super::json::to_string(&findings.map(issue).collect::<Vec<_>>())
}

fn issue(finding: &CheckResult) -> Value {
    let severity = match finding.severity {
        Severity::Critical => "critical",
        Severity::High => "major",
        Severity::Medium => "minor",
        Severity::Low => "info",
    };
    // An issue needs a place.
    let (path, line) = file_of(finding);
    json!({
        "description": format!("{}: {}", finding.object, finding.message),
        "check_name": finding.rule,
        "fingerprint": finding.fingerprint,
        "severity": severity,
        "location": {"path": path, "lines": {"begin": line}},
    })
}

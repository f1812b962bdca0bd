//! GitHub workflow commands: findings become annotations of the lines they are about.

use ha_core::report::CheckResult;
use ha_core::rule::Severity;

use super::text::path;
use crate::sanitize::SafeReport;

/// Writes one command for each finding. GitHub shows the first ten errors and warnings of a step: the worst ones.
pub fn render(report: &SafeReport) -> String {
    report.results.iter().filter(|result| result.is_finding()).map(command).collect()
}

fn command(finding: &CheckResult) -> String {
    let level = match finding.severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "notice",
    };
    let mut properties = Vec::new();
    if let Some(location) = finding.location.as_ref().filter(|location| location.file != "-") {
        properties.push(format!("file={}", property(path(&location.file))));
        properties.push(format!("line={}", location.line));
    }
    let title = format!("{}: {}", finding.rule, finding.object);
    properties.push(format!("title={}", property(&title)));
    let mut message = finding.message.clone();
    for (lead, text) in [("", &finding.reason), ("fix: ", &finding.remediation)] {
        if !text.is_empty() {
            message.push_str(&format!("\n{lead}{text}"));
        }
    }
    format!("::{level} {}::{}\n", properties.join(","), data(&message))
}

/// What may stand after the second `::`. The runner reads line by line and knows no other escapes.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What may stand as the value of a property: it ends at a comma or `::`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_text_can_end_its_place() {
        assert_eq!(super::data("50%\r\n::error::x"), "50%25%0D%0A::error::x");
        assert_eq!(super::property("a,line=1::b"), "a%2Cline=1%3A%3Ab");
    }
}

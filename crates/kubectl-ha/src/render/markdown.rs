//! Markdown for comments and job summaries.

use ha_core::report::CheckResult;

use super::text::{count, heading, severities};
use super::view::View;
use crate::sanitize::SafeReport;

/// GitHub refuses comments above 65,536 characters; this many findings stay below.
const SHOWN: usize = 100;

/// Writes a table of findings and the scorecard.
pub fn render(report: &SafeReport, view: &View) -> String {
    let facts = heading(report, &crate::sanitize::line(&view.input));
    let mut out = format!("## {}\n\n", escape(&facts.join(" · ")));
    let findings: Vec<&CheckResult> = report.results.iter().filter(|result| result.is_finding()).collect();
    if findings.is_empty() {
        out.push_str("No findings.\n\n");
    } else {
        out.push_str(&format!("**{}**\n\n", severities(&report.summary.findings)));
        out.push_str("| Severity | Rule | Object | What | Fix |\n|---|---|---|---|---|\n");
        out.extend(findings.iter().take(SHOWN).map(|finding| row(finding)));
        if findings.len() > SHOWN {
            out.push_str(&format!("\n{} more.\n", count(findings.len() - SHOWN, "finding")));
        }
        out.push('\n');
    }
    out.push_str("| Area | Pass | Fail | Unknown | N/A |\n|---|---:|---:|---:|---:|\n");
    for area in &report.summary.areas {
        let numbers = [area.pass, area.fail, area.unknown, area.not_applicable].map(|number| number.to_string());
        out.push_str(&format!("| {} | {} |\n", area.area, numbers.join(" | ")));
    }
    let rest = [(report.summary.suppressed, "suppressed"), (report.summary.known, "known from the baseline")];
    for (number, what) in rest.into_iter().filter(|(number, _)| *number > 0) {
        out.push_str(&format!("\n{} {what}.\n", count(number, "finding")));
    }
    for gap in &report.gaps {
        out.push_str(&format!("\nNot read: {}\n", escape(&gap.message)));
    }
    out
}

fn row(finding: &CheckResult) -> String {
    let mut object = escape(&finding.object.to_string());
    if let Some(location) = &finding.location {
        object.push_str(&format!("<br>{}:{}", escape(&location.file), location.line));
    }
    let what = [&finding.message, &finding.reason].map(|text| escape(text));
    let what = what.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("<br>");
    let (rule, fix) = (escape(&finding.rule), escape(&finding.remediation));
    format!("| {} | {rule} | {object} | {what} | {fix} |\n", finding.severity)
}

/// Text that Markdown and HTML show as it is: no link, image, mention, tag or table cell comes out of it.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A mention notifies people, and a bare address becomes a link.
            '@' => out.push_str("&#64;"),
            ':' => out.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_is_left_that_markdown_acts_on() {
        let text = "![x](http://e) | <img onerror=1> @team `a`";
        let safe = super::escape(text);
        assert_eq!(safe, "\\!\\[x\\]\\(http&#58;//e\\) \\| &lt;img onerror=1&gt; &#64;team \\`a\\`");
    }
}

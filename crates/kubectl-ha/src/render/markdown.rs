//! Markdown for comments and job summaries.

use ha_core::report::CheckResult;

use super::gaps;
use super::table::unknown_lines;
use super::text::{count, cut, heading, severities};
use super::view::View;
use crate::sanitize::SafeReport;

/// GitHub refuses comments above 65,536 characters. The table of findings takes this many at most; what comes after
/// it is short.
const CHARACTERS: usize = 48_000;

/// Lines about what was not read or not answered.
const LINES: usize = 20;

/// Columns of such a line.
const LINE: usize = 300;

/// Writes a table of findings, the scorecard, and what is not known.
pub fn render(report: &SafeReport, view: &View) -> String {
    let facts = heading(report, &crate::sanitize::line(&view.input));
    let mut out = format!("## {}\n\n", escape(&facts.join(" · ")));
    let findings: Vec<&CheckResult> = report.results.iter().filter(|result| result.is_finding()).collect();
    if findings.is_empty() {
        out.push_str("No findings.\n\n");
    } else {
        out.push_str(&format!("**{}**\n\n", severities(&report.summary.findings)));
        out.push_str("| Severity | Rule | Object | What | Fix |\n|---|---|---|---|---|\n");
        let mut shown = 0;
        for row in findings.iter().map(|finding| row(finding)) {
            if out.len() + row.len() > CHARACTERS {
                break;
            }
            out.push_str(&row);
            shown += 1;
        }
        if findings.len() > shown {
            out.push_str(&format!("\n{} more.\n", count(findings.len() - shown, "finding")));
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
    let unknown = unknown_lines(report);
    let gaps = gaps::lines(&report.gaps);
    for (title, lines) in [("Unknown", unknown), ("Not read", gaps)] {
        for line in lines.iter().take(LINES) {
            let line = cut(line, LINE);
            out.push_str(&format!("\n{title}: {}\n", escape(&line)));
        }
        if lines.len() > LINES {
            out.push_str(&format!("\n{title}: {} more.\n", lines.len() - LINES));
        }
    }
    out
}

fn row(finding: &CheckResult) -> String {
    let mut object = escape(&finding.object.to_string());
    if let Some(location) = &finding.location {
        object.push_str(&format!("<br>{}&#58;{}", escape(&location.file), location.line));
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
            // A mention notifies people, and a bare address becomes a link, also one that starts with `www.`.
            '@' => out.push_str("&#64;"),
            ':' => out.push_str("&#58;"),
            '.' if ends_with_www(&out) => out.push_str("&#46;"),
            // Mathematics.
            '$' => out.push_str("&#36;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out
}

fn ends_with_www(text: &str) -> bool {
    text.get(text.len().saturating_sub(3)..).is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_is_left_that_markdown_acts_on() {
        for (text, safe) in [
            ("![x](http://e)", "\\!\\[x\\]\\(http&#58;//e\\)"),
            ("a | <img onerror=1>", "a \\| &lt;img onerror=1&gt;"),
            ("@team `a`", "&#64;team \\`a\\`"),
            ("WWW.example.org, web.example.org", "WWW&#46;example.org, web.example.org"),
            ("$x$ #12", "&#36;x&#36; \\#12"),
        ] {
            assert_eq!(super::escape(text), safe);
        }
    }
}

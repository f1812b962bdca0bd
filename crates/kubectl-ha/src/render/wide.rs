//! The table without limits: every finding with what it rests on, every unknown, every suppressed finding, every gap.

use ha_core::Verdict;
use ha_core::report::{CheckResult, ObjectReference, ReportGap};

use super::table::{INDENT, bottom, by_object, object_block, push_paragraph, top};
use super::text::pad;
use super::view::View;
use crate::sanitize::SafeReport;

/// Where the text of a detail starts.
const DETAIL: &str = "                   ";

/// Writes everything for a person.
pub fn render(report: &SafeReport, view: &View) -> String {
    let mut out = top(report, view);
    let findings: Vec<&CheckResult> = report.results.iter().filter(|result| result.is_finding()).collect();
    for group in by_object(&findings) {
        out.push_str(&object_block(&group, view, true));
    }
    for (title, verdict) in [
        ("SUPPRESSED", Verdict::Fail),
        ("UNKNOWN", Verdict::Unknown),
        ("N/A", Verdict::NotApplicable),
        ("PASS", Verdict::Pass),
    ] {
        let results = report.results.iter().filter(|result| result.verdict == verdict && !result.is_finding());
        let lines: Vec<String> = results.map(one_line).collect();
        list(&mut out, title, &lines, view);
    }
    let gaps: Vec<String> = report.gaps.iter().map(gap_line).collect();
    list(&mut out, "NOT READ", &gaps, view);
    out.push_str(&bottom(report, view));
    out
}

/// What stands below the fix of a finding.
pub(super) fn details(finding: &CheckResult, view: &View) -> String {
    let mut out = String::new();
    let mut detail = |word: &str, text: &str| {
        if !text.is_empty() {
            let first = format!("{INDENT}{}", pad(word, DETAIL.len() - INDENT.len()));
            push_paragraph(&mut out, text, view, &first, DETAIL);
        }
    };
    for evidence in &finding.evidence {
        let of = evidence.object.as_ref().map_or(String::new(), |object| format!(" of {object}"));
        detail("read", &format!("{}: {}{of}", evidence.path, evidence.value));
    }
    detail("related", &titles(&finding.related));
    if let Some(risk) = &finding.blast_radius {
        detail("faults", &risk.faults.join(", "));
        detail("takes", &titles(risk.services.iter().chain(&risk.workloads)));
    }
    detail("patch", finding.patch.as_deref().unwrap_or_default());
    let room = view.page.width.saturating_sub(INDENT.len());
    let snippet = view.excerpts.and_then(|excerpts| excerpts.snippet(finding, room));
    for line in snippet.iter().flat_map(|snippet| snippet.lines()) {
        out.push_str(&view.paint(View::dim(), format!("{INDENT}{line}").trim_end()));
        out.push('\n');
    }
    out
}

fn titles<'a>(objects: impl IntoIterator<Item = &'a ObjectReference>) -> String {
    let titles: Vec<String> = objects.into_iter().map(ToString::to_string).collect();
    titles.join(", ")
}

fn list(out: &mut String, title: &str, lines: &[String], view: &View) {
    if lines.is_empty() {
        return;
    }
    out.push_str(&view.paint(View::bold(), title));
    out.push('\n');
    for line in lines {
        push_paragraph(out, line, view, "  ", "      ");
    }
    out.push('\n');
}

fn one_line(result: &CheckResult) -> String {
    let text = match &result.suppressed {
        Some(suppressed) => {
            let until = suppressed.until.as_ref().map_or(String::new(), |until| format!(" until {until}"));
            format!("{} (suppressed{until} by {}: {})", result.message, suppressed.place, suppressed.reason)
        }
        None if result.message.is_empty() => result.reason.clone(),
        None if result.reason.is_empty() => result.message.clone(),
        None => format!("{}: {}", result.message, result.reason),
    };
    let head = format!("{}  {}", result.rule, result.object);
    if text.is_empty() { head } else { format!("{head}  {text}") }
}

fn gap_line(gap: &ReportGap) -> String {
    let what = gap.kind.as_deref().unwrap_or("object");
    format!("{what}  {}  {}", gap.reason, gap.message)
}

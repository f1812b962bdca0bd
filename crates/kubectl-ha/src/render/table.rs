//! The table: what a person sees first.
//!
//! Findings stand together by object, the worst first: what is so, what it leads to, what to do. Then a scorecard,
//! what was not looked at, and the exit code. At most [`SHOWN`] findings; `wide` has the rest.

use std::collections::HashSet;

use ha_core::Verdict;
use ha_core::report::{AreaCounts, CheckResult, ExitCode};
use ha_core::rule::Severity;
use ha_core::snapshot::{GapReason, SourceKind};

use super::text::{WORST_FIRST, count, cut, edges, heading, pad, severities, width, wrap};
use super::view::View;
use super::{gaps, wide};
use crate::sanitize::SafeReport;

/// How many findings the table shows.
pub const SHOWN: usize = 15;

/// Where everything below a severity starts.
pub(super) const INDENT: &str = "          ";

/// Columns at which scorecard and gaps stand side by side.
const SIDE_BY_SIDE: usize = 100;

/// Writes the report for a person with little time.
pub fn render(report: &SafeReport, view: &View) -> String {
    let mut out = top(report, view);
    let findings: Vec<&CheckResult> = report.results.iter().filter(|result| result.is_finding()).collect();
    let groups = by_object(&findings);
    let mut shown = 0;
    for group in &groups {
        if shown >= SHOWN {
            break;
        }
        out.push_str(&object_block(group, view, view.evidence));
        shown += group.len();
    }
    if shown < findings.len() {
        let rest = rest_line(report, &groups, shown);
        out.push_str(&wrap(&rest, view.page.width, INDENT, INDENT));
        out.push_str("\n\n");
    }
    out.push_str(&bottom(report, view));
    out
}

/// The first line, and the one honest line of a clean report.
pub(super) fn top(report: &SafeReport, view: &View) -> String {
    let parts = heading(report, &crate::sanitize::line(&view.input));
    let facts = parts.join("  ");
    let mut right: Vec<String> = Vec::new();
    if let Some(time) = view.read_in {
        right.push(format!("read in {:.1} s", time.as_secs_f64()));
    }
    let lost = report.gaps.iter().filter(|gap| gaps::is_lost(gap.reason)).count();
    if lost > 0 {
        right.push(count(lost, "gap"));
    }
    let right = right.join(", ");
    let line = edges(&facts, &right, view.page.width);
    let line = if width(&line) <= view.page.width {
        line
    } else {
        let first = wrap(&facts, view.page.width, "", "  ");
        format!("{first}\n{}", wrap(&right, view.page.width, "  ", "  "))
    };
    let mut out = match line.strip_prefix(parts[0].as_str()) {
        Some(rest) => format!("{}{rest}\n\n", view.paint(View::bold(), &parts[0])),
        None => format!("{line}\n\n"),
    };
    if report.summary.findings.total() == 0 {
        out.push_str(&clean_line(report, view));
    }
    out
}

/// What may be said when nothing was found.
fn clean_line(report: &SafeReport, view: &View) -> String {
    let answered: usize = report.summary.areas.iter().map(|area| area.pass).sum();
    let mut text = match answered {
        0 => "Nothing could be judged".to_owned(),
        _ => format!("No problem found in {}", count(answered, "check")),
    };
    if report.summary.suppressed > 0 {
        text.push_str(&format!("; {} suppressed", report.summary.suppressed));
    }
    if report.summary.unknown > 0 {
        text.push_str(&format!("; {} not answered, see below", count(report.summary.unknown, "check")));
    }
    format!("{}\n\n", wrap(&format!("{text}."), view.page.width, "", ""))
}

/// Findings about one object together, in the order of their worst one.
pub(super) fn by_object<'a>(findings: &[&'a CheckResult]) -> Vec<Vec<&'a CheckResult>> {
    let mut groups: Vec<Vec<&CheckResult>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for finding in findings {
        let place = *places.entry(&finding.object).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(finding);
    }
    groups
}

/// All findings about one object; its name stands once.
pub(super) fn object_block(group: &[&CheckResult], view: &View, wide: bool) -> String {
    let mut out = String::new();
    for (position, finding) in group.iter().enumerate() {
        let object = if position == 0 { finding.object.to_string() } else { String::new() };
        out.push_str(&finding_lines(finding, &object, view));
        if wide {
            out.push_str(&wide::details(finding, view));
        }
    }
    out.push('\n');
    out
}

fn finding_lines(finding: &CheckResult, object: &str, view: &View) -> String {
    let severity = pad(&finding.severity.as_str().to_uppercase(), INDENT.len());
    let severity = view.paint(View::severity_style(finding.severity), &severity);
    let mut out = severity;
    let rule = pad(&finding.rule, 22);
    let confirmed = finding.confirmed_by.as_ref().map_or(String::new(), |fault| format!("confirmed: {fault}"));
    if object.is_empty() {
        out.push_str(&finding.rule);
    } else if INDENT.len() + width(&rule) + 2 + width(object) <= view.page.width {
        out.push_str(&format!("{rule}  {}", view.paint(View::bold(), object)));
    } else {
        out.push_str(&format!("{}\n{INDENT}{}", finding.rule, view.paint(View::bold(), object)));
    }
    out.push('\n');
    for text in [&finding.message, &finding.reason, &confirmed] {
        push_paragraph(&mut out, text, view, INDENT, INDENT);
    }
    for note in &finding.notes {
        push_paragraph(&mut out, &format!("note   {note}"), view, INDENT, "                 ");
    }
    push_fix(&mut out, finding, view);
    push_place(&mut out, finding, view);
    out
}

fn push_fix(out: &mut String, finding: &CheckResult, view: &View) {
    if !finding.remediation.is_empty() {
        let text = format!("fix    {}", finding.remediation);
        push_paragraph(out, &text, view, INDENT, "                 ");
    }
}

/// File, line and what stands there, in one line.
fn push_place(out: &mut String, finding: &CheckResult, view: &View) {
    let Some(location) = &finding.location else {
        return;
    };
    let excerpt = view.excerpts.and_then(|excerpts| excerpts.line(finding)).unwrap_or_default();
    let text = format!("{INDENT}at     {}:{}  {excerpt}", location.file, location.line);
    out.push_str(&view.paint(View::dim(), &cut(text.trim_end(), view.page.width)));
    out.push('\n');
}

pub(super) fn push_paragraph(out: &mut String, text: &str, view: &View, first: &str, rest: &str) {
    if !text.is_empty() {
        out.push_str(&wrap(text, view.page.width, first, rest));
        out.push('\n');
    }
}

/// `7 more high findings, 12 medium, 5 low: -o wide shows all`.
fn rest_line(report: &SafeReport, groups: &[Vec<&CheckResult>], shown: usize) -> String {
    let shown: Vec<Severity> = groups.iter().flatten().take(shown).map(|finding| finding.severity).collect();
    let mut parts = Vec::new();
    for severity in WORST_FIRST {
        let seen = shown.iter().filter(|&&other| other == severity).count();
        let rest = report.summary.findings.get(severity) - seen;
        match rest {
            0 => {}
            1 if parts.is_empty() => parts.push(format!("1 more {severity} finding")),
            _ if parts.is_empty() => parts.push(format!("{rest} more {severity} findings")),
            _ => parts.push(format!("{rest} {severity}")),
        }
    }
    format!("{}: -o wide shows all", parts.join(", "))
}

/// Scorecard, unknowns, gaps, diagnostics and the exit line.
pub(super) fn bottom(report: &SafeReport, view: &View) -> String {
    let scorecard = scorecard(&report.summary.areas);
    let mut notes = Vec::new();
    let room = if view.page.width >= SIDE_BY_SIDE { view.page.width - SCORECARD_WIDTH } else { view.page.width };
    notes.extend(section("UNKNOWN", &unknown_lines(report), room));
    notes.extend(section("GAPS", &gap_lines(report), room));
    notes.extend(section("NOTES", &note_lines(report), room));
    let mut out = String::new();
    if view.page.width >= SIDE_BY_SIDE {
        for row in 0..scorecard.len().max(notes.len()) {
            let left = scorecard.get(row).map_or("", String::as_str);
            let right = notes.get(row).map_or("", String::as_str);
            out.push_str(format!("{}{right}", pad(left, SCORECARD_WIDTH)).trim_end());
            out.push('\n');
        }
    } else {
        for line in scorecard.iter().chain([&String::new()]).chain(&notes) {
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    if !out.ends_with("\n\n") {
        out.push('\n');
    }
    out.push_str(&exit_line(report, view));
    out.push('\n');
    out
}

/// The scorecard's columns and the space to what stands beside it.
const SCORECARD_WIDTH: usize = 56;

fn scorecard(areas: &[AreaCounts]) -> Vec<String> {
    let any_suppressed = areas.iter().any(|area| area.suppressed > 0);
    let last = if any_suppressed { "  SUPPR" } else { "" };
    let mut lines = vec![format!("{:<13} {:>7} {:>5} {:>8} {:>7}{last}", "AREA", "PASS", "FAIL", "UNKNOWN", "N/A")];
    for AreaCounts { area, pass, fail, unknown, not_applicable, suppressed } in areas {
        let last = if any_suppressed { format!("  {suppressed:>5}") } else { String::new() };
        lines.push(format!("{area:<13} {pass:>7} {fail:>5} {unknown:>8} {not_applicable:>7}{last}"));
    }
    lines
}

fn section(title: &str, lines: &[String], columns: usize) -> Vec<String> {
    let mut section = Vec::new();
    for line in lines {
        let title = if section.is_empty() { title } else { "" };
        let wrapped = wrap(line, columns, &pad(title, 9), &pad("", 9));
        section.extend(wrapped.lines().map(ToOwned::to_owned));
    }
    if !section.is_empty() {
        section.push(String::new());
    }
    section
}

/// Unknowns folded by why they are unknown: `31 checks of 12 rules: not in input (Node, …)`.
pub(super) fn unknown_lines(report: &SafeReport) -> Vec<String> {
    let unknowns = || report.results.iter().filter(|result| result.verdict == Verdict::Unknown);
    let mut lines = Vec::new();
    for &reason in GapReason::ALL {
        let mut rules = HashSet::new();
        let mut kinds: Vec<&str> = Vec::new();
        let mut checks = 0;
        for result in unknowns() {
            let Some(missing) = result.missing.first().filter(|missing| missing.reason == reason) else {
                continue;
            };
            checks += 1;
            rules.insert(&result.rule);
            if !kinds.contains(&missing.what.as_str()) {
                kinds.push(&missing.what);
            }
        }
        if checks > 0 {
            let (checks, rules) = (count(checks, "check"), count(rules.len(), "rule"));
            lines.push(format!("{checks} of {rules}: {} ({})", why(reason), some_of(&kinds, 4)));
        }
    }
    let unexplained = unknowns().filter(|result| result.missing.is_empty());
    lines.extend(unexplained.map(|result| {
        let parts: Vec<&str> =
            [result.message.as_str(), &result.reason].into_iter().filter(|part| !part.is_empty()).collect();
        format!("{} {}: {}", result.rule, result.object, parts.join(": "))
    }));
    lines
}

fn why(reason: GapReason) -> &'static str {
    match reason {
        GapReason::Forbidden => "this user may not read it",
        GapReason::NotInstalled => "not installed",
        GapReason::Unreadable => "unreadable",
        GapReason::TimedOut => "the read timed out",
        GapReason::NotInInput => "not in input",
        GapReason::ByDesign => "never read, by design",
    }
}

/// The first few of a list, and how many more there are.
fn some_of(names: &[&str], most: usize) -> String {
    let shown = names.iter().take(most).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// How many lines the table has about what was not read.
const GAPS: usize = 8;

/// What was not read. Kinds that are not installed are no loss, and are told in `wide` alone.
fn gap_lines(report: &SafeReport) -> Vec<String> {
    let mut lines = gaps::lines(&report.gaps);
    let more = lines.len().saturating_sub(GAPS);
    lines.truncate(GAPS);
    if more > 0 {
        lines.push(format!("{more} more: -o wide shows all"));
    }
    let forbidden = report.gaps.iter().any(|gap| gap.reason == GapReason::Forbidden);
    if forbidden {
        lines.push("the rights it needs: kubectl ha rbac".into());
    }
    if report.source.kind == SourceKind::Cluster {
        lines.push("Secrets: never read, by design".into());
    }
    lines
}

fn note_lines(report: &SafeReport) -> Vec<String> {
    let summary = &report.summary;
    let mut lines = Vec::new();
    if summary.suppressed > 0 {
        lines.push(format!("{} suppressed", count(summary.suppressed, "finding")));
    }
    if summary.known > 0 {
        lines.push(format!("{} known from the baseline", count(summary.known, "finding")));
    }
    let diagnostics = report.diagnostics.iter();
    lines.extend(diagnostics.map(|diagnostic| match diagnostic.place.as_str() {
        "" => diagnostic.message.clone(),
        place => format!("{place}: {}", diagnostic.message),
    }));
    lines
}

/// `exit 1: 2 critical, 9 high`.
fn exit_line(report: &SafeReport, view: &View) -> String {
    let (code, fail_on) = view.exit;
    let findings = &report.summary.findings;
    let why = match code {
        ExitCode::Success if findings.total() > 0 => match fail_on {
            Some(limit) => format!("nothing at or above {limit}; {}", severities(findings)),
            None => severities(findings),
        },
        ExitCode::Success => "no findings".into(),
        ExitCode::Findings => severities(findings),
        ExitCode::Usage => "the command line or the configuration is wrong".into(),
        ExitCode::Incomplete => "data was missing; --allow-incomplete accepts that".into(),
        ExitCode::Failed if report.summary.failed_policies.is_empty() => "something failed, see above".into(),
        ExitCode::Failed => format!("no answer from policy {}", report.summary.failed_policies.join(", ")),
    };
    format!("exit {}: {why}", code as u8)
}

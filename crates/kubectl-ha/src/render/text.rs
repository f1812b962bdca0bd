//! What the text formats share: words, counts, wrapping and columns.

use ha_core::report::{CheckResult, Report, SeverityCounts};
use ha_core::rule::Severity;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The severities, worst first.
pub(super) const WORST_FIRST: [Severity; 4] = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];

/// `1 zone`, `3 zones`, `2 policies`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if number == 1 => format!("1 {noun}"),
        Some(stem) => format!("{number} {stem}ies"),
        None if noun.ends_with('s') => format!("{number} {noun}es"),
        None => format!("{number} {noun}s"),
    }
}

/// The same of a number as reports have it.
pub(crate) fn number(number: impl Into<u64>, noun: &str) -> String {
    count(usize::try_from(number.into()).unwrap_or(usize::MAX), noun)
}

/// `2 critical, 9 high`; only severities that occur.
pub(super) fn severities(counts: &SeverityCounts) -> String {
    let present = WORST_FIRST.iter().filter(|&&severity| counts.get(severity) > 0);
    let parts: Vec<String> = present.map(|&severity| format!("{} {severity}", counts.get(severity))).collect();
    parts.join(", ")
}

/// The path and line of a finding for programs that show files of a repository. An object that comes from no file is
/// named as one, since they show nothing without.
pub(super) fn file_of(finding: &CheckResult) -> (String, u32) {
    match &finding.location {
        Some(location) => (path(&location.file).to_owned(), location.line.max(1)),
        None => (finding.object.to_string(), 1),
    }
}

/// A path as such programs compare it.
pub(super) fn path(file: &str) -> &str {
    match file {
        "-" => "stdin",
        file => file.trim_start_matches("./"),
    }
}

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text and spaces up to that many columns.
pub(super) fn pad(text: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(spaces))
}

/// The text broken into lines of at most `width` columns; all but the first are indented.
pub(super) fn wrap(text: &str, width: usize, first: &str, rest: &str) -> String {
    let options = textwrap::Options::new(width.max(40))
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(text, options)
}

/// The text, cut to that many columns.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for character in text.chars() {
        used += character.width().unwrap_or_default();
        if used >= columns {
            break;
        }
        out.push(character);
    }
    out.push('…');
    out
}

/// `left` and, at the right edge, `right`; two spaces apart where the line is too short.
pub(super) fn edges(left: &str, right: &str, columns: usize) -> String {
    if right.is_empty() {
        return left.to_owned();
    }
    let gap = columns.saturating_sub(width(left) + width(right)).max(2);
    format!("{left}{}{right}", " ".repeat(gap))
}

/// The first line: which cluster, or which files, and how large it is.
pub(super) fn heading(report: &Report, input: &str) -> Vec<String> {
    let source = &report.source;
    let name = if input.is_empty() { &source.name } else { input };
    let mut parts = vec![name.to_owned()];
    if !source.server_version.is_empty() {
        parts.push(source.server_version.clone());
    }
    for (number, noun) in
        [(source.zones, "zone"), (source.nodes, "node"), (source.workloads, "workload"), (source.pods, "pod")]
    {
        if number > 0 || noun == "workload" {
            parts.push(count(number, noun));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_agree_with_their_number() {
        assert_eq!(count(1, "policy"), "1 policy");
        assert_eq!(count(2, "policy"), "2 policies");
        assert_eq!(count(0, "zone"), "0 zones");
    }

    #[test]
    fn columns_are_counted_as_a_terminal_shows_them() {
        assert_eq!(pad("大", 4), "大  ");
        assert_eq!(cut("大大大", 4), "大…");
        assert_eq!(cut("abcd", 4), "abcd");
        assert_eq!(edges("a", "b", 5), "a   b");
        assert_eq!(edges("aaaa", "bb", 5), "aaaa  bb");
    }
}

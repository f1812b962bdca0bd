//! `kubectl ha explain RULE`: why it matters, how to fix it, examples, references.

use std::fmt::Write;

use anstyle::Style;
use ha_core::rule::RuleInfo;

use crate::cli::{Explain, ExplainFormat};
use crate::config::unknown_rule;
use crate::policies::Policies;
use crate::render::json;
use crate::{sanitize, terminal};

/// Finds the rule and writes what its author wrote about it.
pub(super) fn run(arguments: &Explain) -> anyhow::Result<()> {
    let rules = Policies::load(&arguments.policies)?.rules();
    let rule = rules.iter().find(|rule| rule.name == arguments.rule);
    let rule = rule.ok_or_else(|| unknown_rule(&arguments.rule, &rules))?;
    let text = match arguments.output {
        ExplainFormat::Json => json::to_string(rule),
        ExplainFormat::Markdown => markdown(rule),
        ExplainFormat::Text => text(rule, terminal::colour(false), terminal::width()),
    };
    terminal::print(&text)?;
    Ok(())
}

fn facts(rule: &RuleInfo) -> String {
    let needs: Vec<&str> = rule.needs.iter().map(|kind| kind.kind()).collect();
    let mut facts = format!("{} · {} · class {} · since {}", rule.severity, rule.area, rule.class, rule.since);
    if !needs.is_empty() {
        // Writing into a String cannot fail.
        let _ = write!(facts, " · reads {}", needs.join(", "));
    }
    sanitize::line(&facts).into_owned()
}

fn markdown(rule: &RuleInfo) -> String {
    format!("# {}\n\n*{}*\n\n{}\n", sanitize::line(&rule.name), facts(rule), sanitize::lines(&rule.doc).trim())
}

/// Markdown as a person reads it: headings stand out, code is indented, prose is wrapped.
fn text(rule: &RuleInfo, colour: bool, width: usize) -> String {
    let bold = if colour { Style::new().bold() } else { Style::new() };
    let dim = if colour { Style::new().dimmed() } else { Style::new() };
    let mut out = format!("{bold}{}{bold:#}\n{dim}{}{dim:#}\n\n", sanitize::line(&rule.name), facts(rule));
    let mut prose = String::new();
    let mut in_code = false;
    for line in sanitize::lines(&rule.doc).trim().lines() {
        if let Some(fence) = line.trim_start().strip_prefix("```") {
            flush(&mut out, &mut prose, width);
            if !in_code && !fence.is_empty() {
                let _ = writeln!(out, "  {dim}{}{dim:#}", fence.split_whitespace().last().unwrap_or_default());
            }
            in_code = !in_code;
            if !in_code {
                out.push('\n');
            }
        } else if in_code {
            let _ = writeln!(out, "    {line}");
        } else if let Some(heading) = line.strip_prefix('#') {
            flush(&mut out, &mut prose, width);
            let heading = heading.trim_start_matches('#').trim().to_uppercase();
            let _ = writeln!(out, "{bold}{heading}{bold:#}");
        } else if line.trim().is_empty() {
            flush(&mut out, &mut prose, width);
            if !out.ends_with("\n\n") && !ends_with_heading(&out) {
                out.push('\n');
            }
        } else {
            if line.trim_start().starts_with("- ") {
                flush(&mut out, &mut prose, width);
            }
            prose.push_str(line.trim());
            prose.push(' ');
        }
    }
    flush(&mut out, &mut prose, width);
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// Writes the paragraph that was collected.
fn flush(out: &mut String, prose: &mut String, width: usize) {
    if prose.is_empty() {
        return;
    }
    let plain = prose.replace(['`', '<', '>'], "");
    let rest = if plain.starts_with("- ") { "    " } else { "  " };
    let options = textwrap::Options::new(width.min(100))
        .initial_indent("  ")
        .subsequent_indent(rest)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let _ = writeln!(out, "{}", textwrap::fill(plain.trim(), options));
    prose.clear();
}

fn ends_with_heading(out: &str) -> bool {
    let last = out.trim_end().lines().last().unwrap_or_default();
    !last.starts_with(' ')
}

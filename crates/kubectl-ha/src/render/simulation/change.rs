//! What a change does to survivability: before and after, workload by workload.

use ha_core::Severity;
use ha_core::impact::InstantVerdict;
use ha_core::report::change::{Change, Difference, Standing};

use super::super::markdown::escape;
use super::super::text::{count, pad, wrap};
use super::super::view::{Page, View};
use super::table::{INDENT, section};

/// The objects and pods that change, and where workloads fare otherwise; upgrades and rollouts are not compared.
pub(super) fn table(change: &Change, has_no_scenario: bool, page: &Page, most: usize) -> String {
    let mut out = section("CHANGE", &what_changes(change), page);
    let pending = change.pending.len();
    if pending > 0 {
        let names: Vec<String> = change.pending.iter().take(3).map(ToString::to_string).collect();
        let more = if pending > names.len() { format!(" and {} more", pending - names.len()) } else { String::new() };
        let text =
            format!("{} without a node before anything fails: {}{more}", count(pending, "pod"), names.join(", "));
        out.push_str(&section("", &text, page));
    }
    for difference in change.differences.iter().take(most) {
        let (word, severity) =
            if difference.is_worse() { ("WORSE", Severity::High) } else { ("BETTER", Severity::Low) };
        let word = page.paint(View::severity_style(severity), &pad(word, INDENT.len()));
        let text = format!("{}  {}: {}", difference.object, difference.scenario, before_and_after(difference));
        out.push_str(&format!("{word}{}\n", wrap(&text, page.width, INDENT, INDENT).trim_start()));
    }
    let more = change.differences.len().saturating_sub(most);
    if more > 0 {
        out.push_str(&format!("{INDENT}{} more: -o wide shows all\n", count(more, "difference")));
    }
    if change.differences.is_empty() && !has_no_scenario {
        out.push_str(&section("", "no workload fares otherwise in what is simulated here", page));
    }
    out.push('\n');
    out
}

/// The same for Markdown.
pub(super) fn markdown(change: &Change, has_no_scenario: bool, most: usize) -> String {
    let mut out = format!("{}\n\n", escape(&what_changes(change)));
    if has_no_scenario {
        return out;
    }
    if change.differences.is_empty() {
        out.push_str("No workload fares otherwise in what is simulated here.\n\n");
        return out;
    }
    out.push_str("| | Workload | Scenario | Before | After |\n|---|---|---|---|---|\n");
    for difference in change.differences.iter().take(most) {
        let word = if difference.is_worse() { "worse" } else { "better" };
        out.push_str(&format!(
            "| {word} | {} | {} | {} | {} |\n",
            escape(&difference.object.to_string()),
            escape(&difference.scenario),
            standing(difference.before),
            standing(difference.after),
        ));
    }
    if change.differences.len() > most {
        out.push_str(&format!("\n{} more.\n", change.differences.len() - most));
    }
    out.push('\n');
    out
}

/// `shop.yaml is laid over the cluster: 1 object replaced, 3 pods placed anew`.
fn what_changes(change: &Change) -> String {
    let pods = |number: u32, what: &str| {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        (number > 0).then(|| format!("{} {what}", count(number, "pod")))
    };
    let objects = |number: usize, what: &str| (number > 0).then(|| format!("{} {what}", count(number, "object")));
    let parts = [
        objects(change.replaced.len(), "replaced"),
        objects(change.added.len(), "added"),
        pods(change.pods_updated, "updated in place"),
        pods(change.pods_moved, "placed anew"),
        pods(change.pods_created, "created"),
        pods(change.pods_removed, "removed"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("{} is laid over the cluster: {}", change.source, parts.join(", "))
}

/// `down, 0 of 3 ready -> holds, 2 of 3 ready`.
fn before_and_after(difference: &Difference) -> String {
    format!("{} -> {}", standing(difference.before), standing(difference.after))
}

fn standing(standing: Option<Standing>) -> String {
    let Some(Standing { verdict, ready, of, missing, missing_at_worst, stuck }) = standing else {
        return "not touched".to_owned();
    };
    let word = match verdict {
        InstantVerdict::Holds => "holds",
        InstantVerdict::BelowMinimum => "below minimum",
        InstantVerdict::BelowQuorum => "below quorum",
        InstantVerdict::Down => "down",
    };
    let mut text = format!("{word}, {ready} of {of} ready");
    match missing_at_worst.max(missing) {
        0 => {}
        worst if worst > missing => text.push_str(&format!(", {missing} to {worst} Pending later")),
        _ => text.push_str(&format!(", {missing} Pending later")),
    }
    if stuck > 0 {
        text.push_str(&format!(", {stuck} stuck"));
    }
    text
}

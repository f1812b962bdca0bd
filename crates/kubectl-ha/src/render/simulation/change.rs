//! What a change does to survivability: before and after, workload by workload.

use std::collections::BTreeSet;

use ha_core::Severity;
use ha_core::impact::InstantVerdict;
use ha_core::report::change::{Change, Difference, PairsChange, PairsDifference, PairsStanding, Standing};
use ha_core::report::pairs::PairEnds;

use super::super::markdown::escape;
use super::super::text::{count, number, pad, wrap};
use super::super::view::{Page, View};
use super::pairs::name_of;
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
        let text = format!("{}  {}: {}", difference.object, difference.scenario, before_and_after(difference));
        out.push_str(&marked(difference.is_worse(), &text, page));
    }
    let mut more = change.differences.len().saturating_sub(most);
    if let Some(pairs) = &change.pairs {
        out.push_str(&section("", &without(pairs), page));
        let otherwise = otherwise(pairs);
        for (name, difference) in otherwise.iter().take(most) {
            let (before, after) = (by_pairs(difference.before), by_pairs(difference.after));
            out.push_str(&marked(difference.is_worse(), &format!("{name}: {before} -> {after}"), page));
        }
        more += otherwise.len().saturating_sub(most);
    }
    if more > 0 {
        out.push_str(&format!("{INDENT}{} more: -o wide shows all\n", count(more, "difference")));
    }
    let is_the_same = change.pairs.as_ref().map_or(!has_no_scenario, |pairs| pairs.differences.is_empty());
    if is_the_same && change.differences.is_empty() {
        out.push_str(&section("", "no workload fares otherwise in what is simulated here", page));
    }
    out.push('\n');
    out
}

/// A line that says first whether it is worse.
fn marked(is_worse: bool, text: &str, page: &Page) -> String {
    let (word, severity) = if is_worse { ("WORSE", Severity::High) } else { ("BETTER", Severity::Low) };
    let word = page.paint(View::severity_style(severity), &pad(word, INDENT.len()));
    format!("{word}{}\n", wrap(text, page.width, INDENT, INDENT).trim_start())
}

/// `without it 3 of 36 pairs break something at once; in the end 30 hold, 2 break, 4 depend on order`.
fn without(pairs: &PairsChange) -> String {
    let PairsChange { pairs, broken_at_once, recovered: PairEnds { holds, breaks, depends_on_order }, .. } = pairs;
    format!(
        "without it {broken_at_once} of {} break something at once; in the end {holds} hold, {breaks} break, \
         {depends_on_order} depend on order",
        number(*pairs, "pair")
    )
}

/// What breaks otherwise, by name, each once: a workload may be a part of the cluster itself.
fn otherwise(pairs: &PairsChange) -> Vec<(String, &PairsDifference)> {
    let mut told = BTreeSet::new();
    let named = pairs.differences.iter().map(|difference| {
        let name = name_of(&difference.object, difference.part.as_deref());
        (name, difference)
    });
    named.filter(|(name, _)| told.insert(name.clone())).collect()
}

/// `1 node alone, 3 pairs more`.
fn by_pairs(standing: Option<PairsStanding>) -> String {
    match standing {
        None => "no pair breaks it".to_owned(),
        Some(PairsStanding { nodes_alone: 0, pairs, .. }) => number(pairs, "pair"),
        Some(PairsStanding { nodes_alone, pairs: 0, .. }) => format!("{} alone", number(nodes_alone, "node")),
        Some(PairsStanding { nodes_alone, pairs, .. }) => {
            format!("{} alone, {} more", number(nodes_alone, "node"), number(pairs, "pair"))
        }
    }
}

/// The same for Markdown.
pub(super) fn markdown(change: &Change, has_no_scenario: bool, most: usize) -> String {
    let mut out = format!("{}\n\n", escape(&what_changes(change)));
    if let Some(pairs) = &change.pairs {
        out.push_str(&markdown_of_pairs(pairs, most));
        return out;
    }
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

fn markdown_of_pairs(pairs: &PairsChange, most: usize) -> String {
    let mut out = format!("{}.\n\n", escape(&without(pairs)));
    let otherwise = otherwise(pairs);
    if otherwise.is_empty() {
        return out;
    }
    out.push_str("| | Broken by one node or two | Before | After |\n|---|---|---|---|\n");
    for (name, difference) in otherwise.iter().take(most) {
        let word = if difference.is_worse() { "worse" } else { "better" };
        let (before, after) = (by_pairs(difference.before), by_pairs(difference.after));
        out.push_str(&format!("| {word} | {} | {before} | {after} |\n", escape(name)));
    }
    if otherwise.len() > most {
        out.push_str(&format!("\n{} more.\n", otherwise.len() - most));
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

//! Every pair of nodes: how many break what, the worst of them, and what takes two nodes to break.

use std::collections::BTreeSet;

use ha_core::report::ObjectReference;
use ha_core::report::pairs::{BrokenByPairs, PairEnd, Pairs, WorstPair};

use super::super::markdown::escape;
use super::super::text::{cut, number, pad, width, wrap};
use super::super::view::{Page, View};
use super::table::section;

/// For a terminal. What one node breaks already is counted, not listed: `--each node` tells of it.
pub(super) fn table(pairs: &Pairs, page: &Page, most: usize) -> String {
    let mut out = format!("{}\n\n", page.paint(View::bold(), &wrap(&headline(pairs), page.width, "", "  ")));
    if !pairs.complete {
        out.push_str(&section("PARTIAL", PARTIAL, page));
    }
    out.push_str(&section("AT ONCE", &at_once(pairs), page));
    out.push_str(&section("RECOVERED", &recovered(pairs), page));
    if !pairs.undecided.is_empty() {
        out.push_str(&section("", &undecided(pairs), page));
    }
    out.push('\n');
    out.push_str(&worst(&pairs.worst, page, most));
    out.push_str(&takes_two(&pairs.broken, page, most));
    out
}

/// The same for Markdown.
pub(super) fn markdown(pairs: &Pairs, most: usize) -> String {
    let mut out = format!("**{}**\n\n", escape(&headline(pairs)));
    let mut lines = vec![at_once(pairs), recovered(pairs)];
    if !pairs.undecided.is_empty() {
        lines.push(undecided(pairs));
    }
    if !pairs.complete {
        lines.insert(0, PARTIAL.to_owned());
    }
    out.extend(lines.iter().map(|line| format!("- {}\n", escape(line))));
    if !pairs.worst.is_empty() {
        out.push_str("\n| Pair | Cluster | Down | Below | Recovered |\n|---|---:|---:|---:|---|\n");
        out.extend(pairs.worst.iter().take(most).map(|pair| {
            let WorstPair { nodes, cluster, down, below, .. } = pair;
            let names = escape(&nodes.join(" + "));
            format!("| {names} | {cluster} | {down} | {below} | {} |\n", end(pair))
        }));
    }
    let two = broken_by(&pairs.broken, false);
    if !two.is_empty() {
        out.push_str("\n| Takes two nodes | Ready | Pairs | Broken by |\n|---|---:|---:|---|\n");
        out.extend(two.iter().take(most).map(|broken| {
            let (what, by) = (escape(&subject(broken)), escape(&by(broken)));
            format!("| {what} | {} | {} | {by} |\n", broken.before, broken.pairs)
        }));
        if two.len() > most {
            out.push_str(&format!("\n{} more.\n", two.len() - most));
        }
    }
    out
}

const PARTIAL: &str = "interrupted: what was not shown by then is counted as depending on order";

/// `36 pairs of nodes, each lost together (they stay in the API, unreachable)`.
fn headline(pairs: &Pairs) -> String {
    let how = if pairs.mode == "removed" { "gone from the API" } else { "they stay in the API, unreachable" };
    format!("{} of nodes, each lost together ({how})", number(pairs.pairs, "pair"))
}

/// What a node alone breaks, or does not, each object once: a workload may be a part of the cluster itself.
fn broken_by(broken: &[BrokenByPairs], alone: bool) -> Vec<&BrokenByPairs> {
    let mut told = BTreeSet::new();
    let meant = broken.iter().filter(|broken| (broken.nodes_alone > 0) == alone);
    meant.filter(|broken| told.insert(subject(broken))).collect()
}

fn at_once(pairs: &Pairs) -> String {
    let (two, one) = (broken_by(&pairs.broken, false).len(), broken_by(&pairs.broken, true).len());
    let is = if one == 1 { "is" } else { "are" };
    let alone =
        if one == 0 { String::new() } else { format!("; {one} {is} broken by one node already: --each node tells") };
    format!(
        "{} ({}) break something; {two} of these things take two nodes{alone}",
        pairs.broken_at_once,
        percent(pairs.broken_at_once, pairs.pairs)
    )
}

fn recovered(pairs: &Pairs) -> String {
    let ends = pairs.recovered;
    let share = |part: u64| percent(part, pairs.pairs);
    let mut text =
        format!("{} ({}) hold: every pod made again gets a place, in every order", ends.holds, share(ends.holds));
    if ends.breaks > 0 {
        text.push_str(&format!("; {} ({}) break: some pod gets none, in every order", ends.breaks, share(ends.breaks)));
    }
    if ends.depends_on_order > 0 {
        let open = ends.depends_on_order;
        text.push_str(&format!("; {open} ({}) depend on order, or cannot be told", share(open)));
    }
    if pairs.stop_control_plane > 0 {
        let stop = if pairs.stop_control_plane == 1 { "stops" } else { "stop" };
        let pairs = number(pairs.stop_control_plane, "pair");
        text.push_str(&format!(". {pairs} {stop} the control plane: nothing is made again before it is back"));
    }
    text
}

/// The workloads because of which pairs are not told without trying them.
fn undecided(pairs: &Pairs) -> String {
    const NAMED: usize = 3;
    let named: Vec<String> = pairs
        .undecided
        .iter()
        .take(NAMED)
        .map(|undecided| format!("{} (on {})", undecided.object, number(undecided.nodes, "node")))
        .collect();
    let all = usize::try_from(pairs.undecided_workloads).unwrap_or(usize::MAX);
    let more = if all > named.len() { format!(" and {} more", all - named.len()) } else { String::new() };
    format!("no argument covers all pods of {}{more}", named.join(", "))
}

fn percent(part: u64, all: u64) -> String {
    match (part, all) {
        (0, _) | (_, 0) => "0 %".to_owned(),
        (part, all) if part == all => "100 %".to_owned(),
        // Neither none nor all is what is not so.
        (part, all) => match u128::from(part) * 100 / u128::from(all) {
            0 => "< 1 %".to_owned(),
            whole => format!("{whole} %"),
        },
    }
}

/// How a pair ends; without a control plane nothing is made again.
fn end(pair: &WorstPair) -> String {
    let end = match pair.recovered {
        PairEnd::Holds => "holds",
        PairEnd::Breaks => "breaks",
        PairEnd::DependsOnOrder => "depends on order",
    };
    let after = if pair.stops_control_plane { ", once the control plane is back" } else { "" };
    format!("{end}{after}")
}

fn worst(worst: &[WorstPair], page: &Page, most: usize) -> String {
    if worst.is_empty() {
        return String::new();
    }
    let names: Vec<String> = worst.iter().take(most).map(|pair| pair.nodes.join(" + ")).collect();
    let first = names.iter().map(|name| width(name)).max().unwrap_or_default().clamp("WORST PAIRS".len(), 36);
    let mut out = format!("{}  {:>7} {:>5} {:>5}  RECOVERED\n", pad("WORST PAIRS", first), "CLUSTER", "DOWN", "BELOW");
    for (name, pair) in names.iter().zip(worst) {
        let WorstPair { cluster, down, below, .. } = pair;
        let name = pad(&cut(name, first), first);
        let line = format!("{name}  {cluster:>7} {down:>5} {below:>5}  {}", end(pair));
        out.push_str(&cut(&line, page.width));
        out.push('\n');
    }
    out.push('\n');
    out
}

fn takes_two(broken: &[BrokenByPairs], page: &Page, most: usize) -> String {
    let two = broken_by(broken, false);
    if two.is_empty() {
        return String::new();
    }
    let names: Vec<String> = two.iter().take(most).map(|broken| subject(broken)).collect();
    let first = names.iter().map(|name| width(name)).max().unwrap_or_default().clamp("TAKES TWO NODES".len(), 40);
    let mut out = format!("{}  {:>5} {:>5}  BROKEN BY\n", pad("TAKES TWO NODES", first), "READY", "PAIRS");
    for (name, broken) in names.iter().zip(&two) {
        let line =
            format!("{}  {:>5} {:>5}  {}", pad(&cut(name, first), first), broken.before, broken.pairs, by(broken));
        out.push_str(&cut(&line, page.width));
        out.push('\n');
    }
    if two.len() > most {
        out.push_str(&format!("{} more: -o wide shows all\n", two.len() - most));
    }
    out
}

/// The workload, or what stops in the cluster itself.
fn subject(broken: &BrokenByPairs) -> String {
    name_of(&broken.object, broken.part.as_deref())
}

/// A workload, or a part of the cluster itself, by the name of its object where it has one.
pub(super) fn name_of(object: &ObjectReference, part: Option<&str>) -> String {
    match part {
        Some(part) if object.is_cluster() => part.to_owned(),
        _ => object.to_string(),
    }
}

fn by(broken: &BrokenByPairs) -> String {
    broken.examples.iter().map(|pair| pair.join(" + ")).collect::<Vec<_>>().join(", ")
}

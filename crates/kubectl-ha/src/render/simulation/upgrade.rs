//! An upgrade: whether it finishes, what stops it, the order, and how low workloads fall.

use ha_core::Severity;
use ha_core::impact::{Certainty, InstantVerdict};
use ha_core::report::upgrade::{BlockedNode, BlockingSet, LowestPoint, Upgrade};

use super::super::markdown::escape;
use super::super::text::{count, pad, wrap};
use super::super::view::{Page, View};
use super::table::INDENT;

/// Workloads that keep what they need are listed with `-o wide` only.
pub(super) fn table(upgrade: &Upgrade, page: &Page, most: usize) -> String {
    let mut out = format!("{}\n\n", page.paint(View::bold(), &wrap(&headline(upgrade), page.width, "", "  ")));
    for blocked in upgrade.blocked.iter().take(most) {
        let word = page.paint(View::severity_style(Severity::Critical), &pad("BLOCKED", INDENT.len()));
        out.push_str(&format!("{word}{}\n", page.paint(View::bold(), &format!("node/{}", blocked.node))));
        for line in blocked.sets.iter().flat_map(set_lines) {
            out.push_str(&format!("{}\n", wrap(&line, page.width, INDENT, INDENT)));
        }
        out.push('\n');
    }
    out.push_str(&more(upgrade.blocked.len(), most, "node"));
    let low: Vec<&LowestPoint> = upgrade.lowest.iter().filter(|point| is_low(point) || most == usize::MAX).collect();
    for point in low.iter().take(most) {
        let (word, severity) = match point.verdict {
            InstantVerdict::Down => ("DOWN", Severity::Critical),
            InstantVerdict::Holds => ("LOWEST", Severity::Low),
            _ => ("BELOW", Severity::High),
        };
        let word = page.paint(View::severity_style(severity), &pad(word, INDENT.len()));
        out.push_str(&format!("{word}{}\n", wrap(&lowest_line(point), page.width, INDENT, INDENT).trim_start()));
    }
    out.push_str(&more(low.len(), most, "workload"));
    out.push_str(&format!("{}\n", wrap(&fine_line(upgrade), page.width, &pad("FINE", INDENT.len()), INDENT)));
    out.push_str(&format!("{}\n", wrap(&order_line(upgrade, most), page.width, &pad("ORDER", INDENT.len()), INDENT)));
    out
}

fn more(all: usize, most: usize, noun: &str) -> String {
    if all > most { format!("{INDENT}{} more: -o wide shows all\n", count(all - most, noun)) } else { String::new() }
}

/// The same for Markdown.
pub(super) fn markdown(upgrade: &Upgrade, most: usize) -> String {
    let mut out = format!("**{}**\n\n", escape(&headline(upgrade)));
    for BlockedNode { node, sets } in upgrade.blocked.iter().take(most) {
        let lines: Vec<String> = sets.iter().flat_map(set_lines).map(|line| escape(&line)).collect();
        out.push_str(&format!("- **node/{}**: {}\n", escape(node), lines.join("<br>")));
    }
    if !upgrade.blocked.is_empty() {
        out.push('\n');
    }
    out.push_str("| Workload | At the lowest | Ready | Of | Needed | While |\n|---|---|---:|---:|---:|---|\n");
    for point in upgrade.lowest.iter().take(most) {
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            escape(&point.object.to_string()),
            point.verdict,
            point.ready,
            point.before,
            point.needed,
            escape(&point.nodes.join(", ")),
        ));
    }
    if upgrade.lowest.len() > most {
        out.push_str(&format!("\n{} more.\n", count(upgrade.lowest.len() - most, "workload")));
    }
    out.push_str(&format!("\nOrder: {}\n", escape(&order_line(upgrade, most))));
    out
}

/// `the upgrade of 6 nodes with pool=web does not finish, whatever the order: 2 nodes cannot be drained`.
fn headline(upgrade: &Upgrade) -> String {
    let nodes = count(size(upgrade.nodes), "node");
    let pool = if upgrade.pool.is_empty() { String::new() } else { format!(" with {}", upgrade.pool) };
    let mut how = format!("{} at a time", upgrade.parallel);
    if upgrade.surge > 0 {
        how.push_str(&format!(", {} more meanwhile", upgrade.surge));
    }
    let what = if upgrade.finishes {
        format!("finishes{}", certainty(upgrade))
    } else if upgrade.certainty == Certainty::Unknown {
        "cannot be told: it was given up, since pods chase each other or nodes wait for one another".to_owned()
    } else {
        format!("does not finish{}: {} cannot be drained", certainty(upgrade), count(upgrade.blocked.len(), "node"))
    };
    format!("the upgrade of {nodes}{pool} ({how}) {what}")
}

fn certainty(upgrade: &Upgrade) -> String {
    match upgrade.certainty {
        Certainty::Certain => ", whatever the order".to_owned(),
        Certainty::Unknown => String::new(),
        Certainty::Possible => {
            let like = if upgrade.finishes { upgrade.finished_runs } else { upgrade.runs - upgrade.finished_runs };
            format!(", as in {like} of {} orders tried", upgrade.runs)
        }
    }
}

/// The eviction API's words, what waits, and whether less would block, too.
fn set_lines(set: &BlockingSet) -> Vec<String> {
    let names = |objects: &[ha_core::report::ObjectReference]| {
        let shown: Vec<String> = objects.iter().take(3).map(ToString::to_string).collect();
        let more = if objects.len() > 3 { format!(" and {} more", objects.len() - 3) } else { String::new() };
        format!("{}{more}", shown.join(", "))
    };
    let others = (set.other_pods > 0).then(|| format!("{} created meanwhile", count(size(set.other_pods), "pod")));
    let pods = (!set.pods.is_empty()).then(|| names(&set.pods));
    let pods: Vec<String> = pods.into_iter().chain(others).collect();
    let verb = if set.budgets.len() == 1 { "keeps" } else { "keep" };
    let mut lines = vec![format!("{} {verb} {} there: {}", names(&set.budgets), pods.join(" and "), set.message)];
    for waiting in &set.waiting {
        lines.push(format!("{} waits for a node: {}", waiting.object, waiting.message));
    }
    lines.push(match (set.smallest, set.waiting.is_empty()) {
        (true, _) => "this alone blocks the node, in every order; nothing smaller does".to_owned(),
        (false, true) => "this alone blocks the node here; in another order it may not".to_owned(),
        (false, false) => {
            "a larger budget or room for what waits would free it; whether less does is not proven".to_owned()
        }
    });
    lines
}

fn is_low(point: &LowestPoint) -> bool {
    point.verdict != InstantVerdict::Holds
}

/// `Deployment/shop/cart: 0 of 2 ready while node-a1 is drained, 1 needed`.
fn lowest_line(point: &LowestPoint) -> String {
    let LowestPoint { object, before, ready, needed, nodes, .. } = point;
    let verb = if nodes.len() == 1 { "is" } else { "are" };
    format!("{object}: {ready} of {before} ready while {} {verb} drained, {needed} needed", nodes.join(", "))
}

fn fine_line(upgrade: &Upgrade) -> String {
    let fine: Vec<&LowestPoint> = upgrade.lowest.iter().filter(|point| !is_low(point)).collect();
    let lowest = fine.iter().min_by_key(|point| point.ready.saturating_sub(point.needed));
    let lowest =
        lowest.map_or(String::new(), |point| format!("; lowest: {} {} of {}", point.object, point.ready, point.before));
    let pending = match upgrade.most_pending {
        0 => String::new(),
        number => format!("; at most {} without a node after a step", count(size(number), "pod")),
    };
    format!("{} that it moves keep what they need{lowest}{pending}", count(fine.len(), "workload"))
}

/// `node-a1, node-a2; then node-b1 + node-b2`.
fn order_line(upgrade: &Upgrade, most: usize) -> String {
    if upgrade.steps.is_empty() {
        return "no node can be upgraded".to_owned();
    }
    let steps: Vec<String> = upgrade.steps.iter().take(most).map(|step| step.join(" + ")).collect();
    let more = upgrade.steps.len().saturating_sub(most);
    let more = if more > 0 { format!(" and {} more", count(more, "step")) } else { String::new() };
    format!("{}{more}", steps.join(", "))
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

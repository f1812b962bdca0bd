//! What an autoscaler of nodes would do, beside what comes without it.

use ha_core::report::autoscaler::{Autoscaled, Helped};

use super::super::markdown::escape;
use super::super::text::{count, pad, wrap};
use super::super::view::Page;
use super::table::INDENT;

/// One section, for a terminal.
pub(super) fn table(autoscaled: &Autoscaled, page: &Page, most: usize) -> String {
    let mut out = format!("{}\n", wrap(&headline(autoscaled), page.width, &pad("WITH MORE", INDENT.len()), INDENT));
    let left: Vec<&Helped> = autoscaled.workloads.iter().filter(|helped| helped.pending_with > 0).collect();
    for helped in left.iter().take(most) {
        out.push_str(&format!("{}\n", wrap(&line(helped), page.width, INDENT, INDENT)));
    }
    if left.len() > most {
        out.push_str(&format!("{INDENT}{} more: -o wide shows all\n", count(left.len() - most, "workload")));
    }
    out.push('\n');
    out
}

/// The same for Markdown.
pub(super) fn markdown(autoscaled: &Autoscaled, most: usize) -> String {
    let mut out = format!("{}\n\n", escape(&headline(autoscaled)));
    for helped in autoscaled.workloads.iter().filter(|helped| helped.pending_with > 0).take(most) {
        out.push_str(&format!("- {}\n", escape(&line(helped))));
    }
    out.push('\n');
    out
}

/// `with up to 10 more nodes: 3 are added (2 like node-b1 in eu-1b, 1 like node-c1 in eu-1c); 1 of 13 pods waits`.
fn headline(autoscaled: &Autoscaled) -> String {
    let sum = |pods: fn(&Helped) -> u32| autoscaled.workloads.iter().map(pods).fold(0, u32::saturating_add);
    let (without, with) = (sum(|helped| helped.pending_without), sum(|helped| helped.pending_with));
    let nodes: Vec<String> = autoscaled
        .added
        .iter()
        .map(|added| {
            let zone = if added.zone.is_empty() { String::new() } else { format!(" in {}", added.zone) };
            format!("{} like {}{zone}", added.count, added.like)
        })
        .collect();
    let added = if nodes.is_empty() { "none helps".to_owned() } else { nodes.join(", ") };
    let limit = count(usize::try_from(autoscaled.limit).unwrap_or(usize::MAX), "node");
    let runs = if with == 0 {
        format!("no pod waits, as in {} of {} orders tried", autoscaled.complete_runs, autoscaled.runs)
    } else {
        format!("{with} pods wait instead of {without}")
    };
    format!("with an autoscaler that may add {limit}: {added}; {runs}")
}

fn line(helped: &Helped) -> String {
    format!("{}: {} Pending, {} without more nodes", helped.object, helped.pending_with, helped.pending_without)
}

//! What it takes so that no single loss leaves a pod Pending: nodes to add, what none of them helps, and how much
//! workloads could grow.

use std::collections::BTreeMap;

use ha_core::Severity;
use ha_core::impact::Certainty;
use ha_core::report::ObjectReference;
use ha_core::report::headroom::{Grows, GrowthStop, Headroom, PendingWorkload, Shortage};

use super::super::markdown::escape;
use super::super::text::{count, cut, number, pad, width, wrap};
use super::super::view::{Page, View};
use super::table::{INDENT, section};

/// For a terminal.
pub(super) fn table(headroom: &Headroom, page: &Page, most: usize) -> String {
    let mut out = format!("{}\n\n", page.paint(View::bold(), &wrap(&headline(headroom), page.width, "", "  ")));
    if !headroom.complete {
        out.push_str(&section("PARTIAL", PARTIAL, page));
    }
    out.push_str(&lines("ADD", &to_add(headroom), page));
    let pending: Vec<String> = headroom.shortages.iter().filter_map(helped).collect();
    out.push_str(&lines("PENDING", &shown(pending, most, "loss"), page));
    out.push_str(&helpless_section(headroom, page, most));
    if let Some(line) = growth_line(headroom) {
        out.push_str(&format!("\n{}\n", wrap(&line, page.width, "", "")));
    }
    if !headroom.growth.is_empty() {
        out.push_str(&format!("\n{}", growth(&headroom.growth, page, most)));
    }
    out
}

/// The same for Markdown.
pub(super) fn markdown(headroom: &Headroom, most: usize) -> String {
    let mut out = format!("**{}**\n\n", escape(&headline(headroom)));
    let mut lines = to_add(headroom);
    if !headroom.complete {
        lines.insert(0, PARTIAL.to_owned());
    }
    lines.extend(shown(headroom.shortages.iter().filter_map(helped).collect(), most, "loss"));
    out.extend(lines.iter().map(|line| format!("- {}\n", escape(line))));
    let helpless = helpless(headroom);
    if !helpless.is_empty() {
        out.push_str("\n| No node helps | Pending | After | Added nodes |\n|---|---:|---|---|\n");
    }
    for (object, helpless) in helpless.iter().take(most) {
        let (object, losses) = (escape(&object.to_string()), escape(&helpless.losses.join(", ")));
        out.push_str(&format!("| {object} | {} | {losses} | {} |\n", helpless.pods, escape(helpless.message)));
    }
    if let Some(line) = growth_line(headroom) {
        out.push_str(&format!("\n{}\n", escape(&line)));
    }
    if headroom.growth.is_empty() {
        return out;
    }
    out.push_str("\n| Workload | Replicas | More | Stopped by |\n|---|---:|---:|---|\n");
    for grows in headroom.growth.iter().take(most) {
        let why =
            grows.stopped_by.as_ref().map_or(String::new(), |stop| format!("{}: {}", stopped(grows), stop.message));
        let why = if why.is_empty() { stopped(grows) } else { why };
        let object = escape(&grows.object.to_string());
        out.push_str(&format!("| {object} | {} | {} | {} |\n", grows.replicas, more(grows), escape(&why)));
    }
    if headroom.growth.len() > most {
        out.push_str(&format!("\n{} more.\n", headroom.growth.len() - most));
    }
    out
}

const PARTIAL: &str = "interrupted: what is told of nodes and of growth is what was found by then";

/// One section of several lines; nothing without any.
fn lines(title: &str, lines: &[String], page: &Page) -> String {
    let titles = std::iter::once(title).chain(std::iter::repeat(""));
    lines.iter().zip(titles).map(|(line, title)| section(title, line, page)).collect()
}

/// The first of the lines, and how many more there are.
fn shown(mut lines: Vec<String>, most: usize, noun: &str) -> Vec<String> {
    let all = lines.len();
    if all > most {
        lines.truncate(most);
        lines.push(format!("{} more: -o wide shows all", count(all - most, noun)));
    }
    lines
}

/// Pods that nodes help, and pods that they do not, after a loss.
fn pods(shortage: &Shortage) -> (u32, u32) {
    let sum = |pods: fn(&PendingWorkload) -> u32| shortage.workloads.iter().map(pods).fold(0, u32::saturating_add);
    let beyond = sum(|workload| workload.beyond_help);
    (sum(|workload| workload.pending).saturating_sub(beyond), beyond)
}

/// `2 of 3 zones, each lost alone (nodes stay in the API, unreachable), leave pods Pending: 2 more nodes and none does`.
fn headline(headroom: &Headroom) -> String {
    let how = if headroom.mode == "removed" { "gone from the API" } else { "nodes stay in the API, unreachable" };
    let each = number(headroom.losses, &headroom.domain);
    let nodes = &headroom.nodes;
    let short = headroom.shortages.len();
    if short == 0 {
        let orders = if nodes.certainty == Certainty::Certain { "" } else { " in any order that was tried" };
        return format!("none of {each}, lost alone ({how}), leaves a pod Pending{orders}");
    }
    let leaves = if short == 1 { "leaves" } else { "leave" };
    let head = format!("{short} of {each}, each lost alone ({how}), {leaves} pods Pending");
    let can_be_helped = headroom.shortages.iter().any(|shortage| pods(shortage).0 > 0);
    match nodes.count {
        _ if !nodes.enough && !headroom.complete => head,
        _ if !nodes.enough => format!("{head}: {} more nodes are not enough", nodes.limit),
        0 if can_be_helped => format!("{head}, in some order only"),
        0 => format!("{head}; no node that is added helps"),
        _ if headroom.shortages.iter().any(|shortage| pods(shortage).1 > 0) => {
            format!("{head}: {} for all that nodes help", number(nodes.count, "more node"))
        }
        _ => format!("{head}: {} and none does", number(nodes.count, "more node")),
    }
}

/// `1 node like node-b1 in eu-1b, 1 node like node-c1 in eu-1c`, and how sure that is.
fn to_add(headroom: &Headroom) -> Vec<String> {
    let nodes = &headroom.nodes;
    if nodes.added.is_empty() {
        return Vec::new();
    }
    let each = nodes.added.iter().map(|added| {
        let zone = if added.zone.is_empty() { String::new() } else { format!(" in {}", added.zone) };
        format!("{} like {}{zone}", number(added.count, "node"), added.like)
    });
    let mut lines = vec![each.collect::<Vec<_>>().join(", ")];
    lines.push(sureness(headroom));
    if nodes.pools_left_out > 0 {
        lines.push(format!("{} not looked at: those with the fewest nodes", number(nodes.pools_left_out, "pool")));
    }
    lines
}

/// Whether they are enough, and whether fewer would be.
fn sureness(headroom: &Headroom) -> String {
    let nodes = &headroom.nodes;
    if !nodes.enough {
        return format!("these are not enough, and no more were tried; it takes {} at least", nodes.at_least);
    }
    if nodes.is_proven_minimum() {
        return "enough in every order of the scheduler, and fewer are not: a proven minimum".to_owned();
    }
    let enough = match nodes.certainty {
        Certainty::Certain => "enough in every order of the scheduler",
        _ => "enough in every order that was tried",
    };
    if nodes.at_least == nodes.count {
        return format!("{enough}; fewer are not");
    }
    format!("{enough}; at least {} are needed, and whether fewer than {} do is not proven", nodes.at_least, nodes.count)
}

/// `zone/eu-1b leaves 9 without a node: 3 of Deployment/shop/cart, …`; none where nodes help nobody.
fn helped(shortage: &Shortage) -> Option<String> {
    const NAMED: usize = 4;
    let left = |workload: &&PendingWorkload| workload.pending > workload.beyond_help;
    let workloads: Vec<&PendingWorkload> = shortage.workloads.iter().filter(left).collect();
    let (pods, _) = pods(shortage);
    let named: Vec<String> = workloads
        .iter()
        .take(NAMED)
        .map(|workload| format!("{} of {}", workload.pending - workload.beyond_help, workload.object))
        .collect();
    let more = if workloads.len() > NAMED { format!(", and {} more", workloads.len() - NAMED) } else { String::new() };
    (pods > 0).then(|| format!("{} leaves {pods} without a node: {}{more}", shortage.loss, named.join(", ")))
}

/// What no node helps of one workload.
struct Helpless<'h> {
    /// How many pods after the worst of the losses.
    pods: u32,
    losses: Vec<&'h str>,
    /// Why an added node would not take them, after the first of these losses.
    message: &'h str,
}

fn helpless(headroom: &Headroom) -> BTreeMap<&ObjectReference, Helpless<'_>> {
    let mut found: BTreeMap<&ObjectReference, Helpless> = BTreeMap::new();
    for shortage in &headroom.shortages {
        for workload in shortage.workloads.iter().filter(|workload| workload.beyond_help > 0) {
            let entry = found.entry(&workload.object).or_insert_with(|| Helpless {
                pods: 0,
                losses: Vec::new(),
                message: &workload.refused,
            });
            entry.pods = entry.pods.max(workload.beyond_help);
            entry.losses.push(&shortage.loss);
        }
    }
    found
}

fn helpless_section(headroom: &Headroom, page: &Page, most: usize) -> String {
    const NAMED: usize = 3;
    let helpless = helpless(headroom);
    let word = page.paint(View::severity_style(Severity::Medium), &pad("NO NODE", INDENT.len()));
    let mut out = String::new();
    for (position, (object, Helpless { pods, losses, message })) in helpless.iter().take(most).enumerate() {
        let title = match position {
            0 => word.clone(),
            1 => pad("HELPS", INDENT.len()),
            _ => INDENT.to_owned(),
        };
        let more = if losses.len() > NAMED { format!(" and {} more", losses.len() - NAMED) } else { String::new() };
        let losses = losses.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let line = format!("{object}: {pods} Pending after {losses}{more}");
        out.push_str(&format!("{title}{}\n", wrap(&line, page.width, INDENT, INDENT).trim_start()));
        out.push_str(&format!("{}\n", wrap(&format!("added nodes: {message}"), page.width, INDENT, INDENT)));
    }
    if helpless.len() > most {
        out.push_str(&section(
            "",
            &format!("{} more: -o wide shows all", count(helpless.len() - most, "workload")),
            page,
        ));
    }
    out
}

/// What the numbers below mean, or why there are none.
fn growth_line(headroom: &Headroom) -> Option<String> {
    if headroom.growth.is_empty() {
        let why = "How much each workload could grow is not told: to try that on so many pods would take too long.";
        return (headroom.growth_left_out > 0 && headroom.complete).then(|| why.to_owned());
    }
    let with = match headroom.nodes.count {
        0 => String::new(),
        1 => ", once this node is there,".to_owned(),
        nodes => format!(", once these {nodes} nodes are there,"),
    };
    let what = if headroom.shortages.is_empty() { "leaves a pod Pending" } else { "leaves one more pod Pending" };
    let orders = number(headroom.growth_runs, "order");
    let mut line = format!(
        "Each workload alone could have so many more replicas{with} and still no loss of a single {} {what} ({orders} \
         of the scheduler tried):",
        headroom.domain
    );
    if headroom.growth_left_out > 0 {
        let left_out = number(headroom.growth_left_out, "workload");
        line.push_str(&format!(" {left_out} that request less are left out, since that would take too long."));
    }
    Some(line)
}

fn growth(growth: &[Grows], page: &Page, most: usize) -> String {
    let names: Vec<String> = growth.iter().take(most).map(|grows| grows.object.to_string()).collect();
    let first = names.iter().map(|name| width(name)).max().unwrap_or_default().clamp("WORKLOAD".len(), 40);
    let mut out = format!("{}  {:>8}  {:>6}  STOPPED BY\n", pad("WORKLOAD", first), "REPLICAS", "MORE");
    for (name, grows) in names.iter().zip(growth) {
        let name = pad(&cut(name, first), first);
        let line = format!("{name}  {:>8}  {:>6}  {}", grows.replicas, more(grows), stopped(grows));
        out.push_str(&format!("{}\n", cut(&line, page.width)));
        if let Some(stop) = grows.stopped_by.as_ref().filter(|_| most == usize::MAX) {
            out.push_str(&format!("{}\n", wrap(&why(grows, stop), page.width, INDENT, INDENT)));
        }
    }
    if growth.len() > most {
        out.push_str(&format!("{} more: -o wide shows all, and why\n", count(growth.len() - most, "workload")));
    }
    out
}

/// `Deployment/shop/cart: 0/9 nodes are available: …`; its own name is left out.
fn why(grows: &Grows, stop: &GrowthStop) -> String {
    if stop.object == grows.object { stop.message.clone() } else { format!("{}: {}", stop.object, stop.message) }
}

/// `+3`, or that more were not tried.
fn more(grows: &Grows) -> String {
    let sign = if grows.stopped_by.is_none() { ">=" } else { "+" };
    if grows.more == 0 { "0".to_owned() } else { format!("{sign}{}", grows.more) }
}

/// Which loss stops it.
fn stopped(grows: &Grows) -> String {
    match &grows.stopped_by {
        None => "no more were tried".to_owned(),
        Some(GrowthStop { loss: Some(loss), .. }) => loss.clone(),
        Some(_) => "no room before any loss".to_owned(),
    }
}

//! The table of a simulation: who is down, who is Pending and why, and for how long.
//!
//! One scenario is told in detail. Of several, the worst come first, one line each, and then what each workload
//! survives.

use std::collections::HashMap;

use anstyle::Style;
use ha_core::Severity;
use ha_core::impact::{Certainty, InstantVerdict};
use ha_core::report::ObjectReference;
use ha_core::report::simulation::{
    ClusterOutcome, Fix, Interrupted, Proof, Recovered, Scenario, ScenarioDisruption, Simulation, Survival, Survives,
    Term, WorkloadOutcome,
};

use super::super::text::{count, cut, pad, width, wrap};
use super::super::view::{Page, View};

/// Where everything below a verdict starts.
pub(super) const INDENT: &str = "          ";
/// How many workloads, scenarios or lines of survival the table shows.
const SHOWN: usize = 20;

/// Writes the simulation for a person with little time; `wide` leaves nothing out.
pub(super) fn render(simulation: &Simulation, page: &Page, wide: bool) -> String {
    let most = if wide { usize::MAX } else { SHOWN };
    let mut out = format!("{}\n\n", wrap(&heading(simulation), page.width, "", "  "));
    if let Some(interrupted) = simulation.interrupted {
        out.push_str(&format!("{}\n", section("PARTIAL", &partial(interrupted), page)));
    }
    if let Some(change) = &simulation.change {
        out.push_str(&super::change::table(change, simulation.scenarios.is_empty(), page, most));
    }
    if let Some(pairs) = &simulation.pairs {
        out.push_str(&super::pairs::table(pairs, page, most));
        return out;
    }
    if let Some(headroom) = &simulation.headroom {
        out.push_str(&super::headroom::table(headroom, page, most));
        return out;
    }
    if let Some(upgrade) = &simulation.upgrade {
        out.push_str(&super::upgrade::table(upgrade, page, most));
        return out;
    }
    if let Some(rollout) = &simulation.rollout {
        out.push_str(&super::rollout::table(rollout, page));
    }
    if let Some(autoscaled) = &simulation.autoscaler {
        out.push_str(&super::autoscaler::table(autoscaled, page, most));
    }
    match simulation.scenarios.as_slice() {
        [] if simulation.rollout.is_some() || simulation.interrupted.is_some() => {}
        [] => out.push_str("There is nothing to simulate: the input holds no node.\n"),
        [scenario] if simulation.interrupted.is_none() => out.push_str(&detail(scenario, page, most, wide)),
        scenarios => {
            out.push_str(&matrix(scenarios, page, most));
            out.push_str(&survival(&simulation.survival, page, most));
        }
    }
    out
}

fn heading(simulation: &Simulation) -> String {
    let source = &simulation.source;
    let mut parts = vec![source.name.clone()];
    if !source.server_version.is_empty() {
        parts.push(source.server_version.clone());
    }
    for (number, noun) in
        [(source.zones, "zone"), (source.nodes, "node"), (source.workloads, "workload"), (source.pods, "pod")]
    {
        if number > 0 {
            parts.push(count(number, noun));
        }
    }
    parts.join("  ")
}

/// `interrupted after 12 of 21 scenarios: only these are told`.
pub(super) fn partial(interrupted: Interrupted) -> String {
    format!("interrupted after {} of {} scenarios: only these are told", interrupted.done, interrupted.of)
}

/// Everything about one scenario.
fn detail(scenario: &Scenario, page: &Page, most: usize, wide: bool) -> String {
    let mut out = format!("{}\n\n", page.paint(View::bold(), &wrap(&what_happens(scenario), page.width, "", "  ")));
    // Where the cluster itself stops, nothing that is told below happens by itself.
    out.push_str(&cluster(&scenario.cluster, page));
    let broken: Vec<&WorkloadOutcome> = scenario.workloads.iter().filter(|outcome| !outcome.is_fine()).collect();
    for (outcome, why) in with_why(&broken).take(most) {
        out.push_str(&workload(outcome, &why, page, wide));
    }
    if broken.len() > most {
        out.push_str(&format!("{INDENT}{} more: -o wide shows all\n\n", count(broken.len() - most, "workload")));
    }
    let fine: Vec<&WorkloadOutcome> = scenario.workloads.iter().filter(|outcome| outcome.is_fine()).collect();
    out.push_str(&section("FINE", &fine_line(&fine), page));
    for refusal in scenario.refused_evictions.iter().take(most) {
        let budgets = refusal.budgets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        out.push_str(&section("REFUSED", &format!("{}: {} ({budgets})", refusal.pod, refusal.message), page));
    }
    if !scenario.preempted.is_empty() {
        let pods = scenario.preempted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        out.push_str(&section("PREEMPTED", &pods, page));
    }
    out
}

/// What the cluster itself loses; a blank line after it.
fn cluster(losses: &[ClusterOutcome], page: &Page) -> String {
    let mut out = String::new();
    for loss in losses {
        let style =
            if loss.down { View::severity_style(Severity::Critical) } else { View::severity_style(Severity::Low) };
        let text = wrap(&cluster_line(loss), page.width, INDENT, INDENT);
        let word = page.paint(style, &pad("CLUSTER", INDENT.len()));
        out.push_str(&format!("{word}{}\n", text.trim_start()));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// `Service/kube-system/kube-dns: 1 of 2 pods ready`; the cluster's own name says nothing.
pub(super) fn cluster_line(loss: &ClusterOutcome) -> String {
    if loss.object.is_cluster() { loss.message.clone() } else { format!("{}: {}", loss.object, loss.message) }
}

/// `zone/eu-1b is lost (3 nodes stay in the API, unreachable)`.
pub(super) fn what_happens(scenario: &Scenario) -> String {
    let nodes = count(scenario.disruption.nodes.len(), "node");
    if let Some(during) = &scenario.disruption.during {
        return drained_during(scenario, during);
    }
    // A drain is told apart by its verb.
    let name = scenario.name.replace("drain/", "node/");
    match (scenario.disruption.kind.as_str(), scenario.disruption.mode.as_deref()) {
        ("loss", Some("removed")) => format!("{name} is lost ({nodes} gone from the API)"),
        ("loss", _) if scenario.disruption.nodes.len() == 1 => {
            format!("{name} is lost (the node stays in the API, unreachable)")
        }
        ("loss", _) => format!("{name} is lost ({nodes} stay in the API, unreachable)"),
        ("drain", _) => format!("{name} is drained ({nodes} cordoned, pods evicted under their budgets)"),
        (kind, _) => format!("{name}: {kind} of {nodes}"),
    }
}

/// `node/b1 is drained while zone/eu-1a is lost (3 nodes stay in the API, unreachable; 1 node cordoned, …)`.
fn drained_during(scenario: &Scenario, during: &str) -> String {
    let ScenarioDisruption { nodes, lost, mode, .. } = &scenario.disruption;
    let drained: Vec<String> = nodes.iter().map(|node| format!("node/{node}")).collect();
    let (lost, cordoned) = (count(lost.len(), "node"), count(nodes.len(), "node"));
    let how = if mode.as_deref() == Some("removed") { "gone from the API" } else { "unreachable" };
    format!("{} is drained while {during} is lost ({lost} {how}; {cordoned} cordoned)", drained.join(" + "))
}

/// Outcomes, and why pods are Pending; what was said of one before is not said again.
pub(super) fn with_why<'o>(
    outcomes: &[&'o WorkloadOutcome],
) -> impl Iterator<Item = (&'o WorkloadOutcome, Vec<String>)> {
    let mut told: HashMap<Vec<String>, &ObjectReference> = HashMap::new();
    outcomes.iter().map(move |&outcome| {
        let why = why_lines(outcome);
        if let Some(same) = told.get(&why).filter(|_| !why.is_empty()) {
            return (outcome, vec![format!("for the same reason as {same}")]);
        }
        told.insert(why.clone(), &outcome.object);
        (outcome, why)
    })
}

/// Why pods are Pending, in the scheduler's words, and what may be done.
fn why_lines(outcome: &WorkloadOutcome) -> Vec<String> {
    let reasons = outcome.recovered.reasons.iter().map(|reason| reason.message.clone());
    reasons.chain(fix_line(outcome)).collect()
}

/// One workload; `why` its pods are Pending may have been told of another one.
fn workload(outcome: &WorkloadOutcome, why: &[String], page: &Page, wide: bool) -> String {
    let word = match outcome.instant.verdict {
        InstantVerdict::Down => "DOWN",
        InstantVerdict::BelowQuorum | InstantVerdict::BelowMinimum => "BELOW",
        InstantVerdict::Holds => "PENDING",
    };
    let word = page.paint(verdict_style(outcome.instant.verdict), &pad(word, INDENT.len()));
    let mut out = format!("{word}{}\n", page.paint(View::bold(), &outcome.object.to_string()));
    let mut lines = vec![instant_line(outcome), recovered_line(outcome)];
    lines.extend_from_slice(why);
    if !outcome.stuck_until_forced.is_empty() {
        let pods = names(outcome.stuck_until_forced.iter().map(|pod| pod.name.as_str()), 3);
        let verb = if outcome.stuck_until_forced.len() == 1 { "never leaves its" } else { "never leave their" };
        lines.push(format!("{pods} {verb} dead node unaided: kubectl delete pod --force"));
    }
    lines.push(time_line(outcome));
    if wide {
        let term = |term: &Term| format!("  {}: {}", term.what, span(term.min, term.max));
        lines.extend(outcome.seconds.terms.iter().map(term));
    }
    for line in lines.iter().filter(|line| !line.is_empty()) {
        out.push_str(&wrap(line, page.width, INDENT, INDENT));
        out.push('\n');
    }
    out.push('\n');
    out
}

/// Down is what critical is in a report, below what high is.
fn verdict_style(verdict: InstantVerdict) -> Style {
    View::severity_style(match verdict {
        InstantVerdict::Down => Severity::Critical,
        InstantVerdict::BelowQuorum | InstantVerdict::BelowMinimum => Severity::High,
        InstantVerdict::Holds => Severity::Medium,
    })
}

/// `0 of 3 ready, quorum is 2; Service/shop/pricing has no endpoint`.
fn instant_line(outcome: &WorkloadOutcome) -> String {
    let instant = &outcome.instant;
    let needed = match instant.verdict {
        InstantVerdict::BelowQuorum => format!(", quorum is {}", instant.needed),
        _ => format!(", {} needed", instant.needed),
    };
    let services = match instant.services_down.as_slice() {
        [] => String::new(),
        [one] => format!("; {one} has no endpoint"),
        several => format!("; {} have no endpoint", names(several.iter().map(|service| service.name.as_str()), 3)),
    };
    format!("{} of {} ready right after{needed}{services}", instant.ready, outcome.before.max(outcome.desired))
}

/// `then 4 of 6 scheduled, 2 Pending (certain)`.
fn recovered_line(outcome: &WorkloadOutcome) -> String {
    let Recovered { scheduled, pending, not_created, certainty, best, worst, .. } = &outcome.recovered;
    let mut line = format!("then {scheduled} of {} scheduled", outcome.desired);
    if *pending > 0 {
        line.push_str(&format!(", {pending} Pending"));
    }
    if *not_created > 0 {
        line.push_str(&format!(", {not_created} not created yet"));
    }
    match certainty {
        Certainty::Certain => line.push_str(", certain"),
        Certainty::Unknown => line.push_str(", which cannot be told"),
        Certainty::Possible if best.missing() == worst.missing() => line.push_str(" in every order tried"),
        Certainty::Possible => {
            line.push_str(&format!("; {} to {} missing, depending on order", best.missing(), worst.missing()));
        }
    }
    line
}

/// What may be done about Pending pods.
fn fix_line(outcome: &WorkloadOutcome) -> Option<String> {
    let Fix { change, proven } = outcome.recovered.fix.as_ref()?;
    let Some(Proof { scheduled, of, certainty }) = proven else {
        return Some(format!("fix: {change}"));
    };
    let how = if *certainty == Certainty::Certain { "proven" } else { "in every order tried" };
    Some(format!("fix: {change}; {how}: simulated with it, {scheduled} of {of} scheduled"))
}

/// When it has again what it needs; nothing where it never lost that.
fn time_line(outcome: &WorkloadOutcome) -> String {
    let seconds = &outcome.seconds;
    if outcome.instant.verdict == InstantVerdict::Holds || seconds.terms.is_empty() {
        return String::new();
    }
    if outcome.recovered.best.scheduled < outcome.instant.needed {
        return "does not come back by itself".to_owned();
    }
    let longest = seconds.terms.iter().max_by_key(|term| term.max.unwrap_or(u32::MAX));
    let longest = longest.map_or(String::new(), |term| format!("; longest: {}", term.what));
    match seconds.max {
        Some(_) => format!("back after {}{longest}", span(seconds.min, seconds.max)),
        None => format!("not back by itself; at least {}{longest}", duration(seconds.min)),
    }
}

/// `50 s to 6 min 20 s`, `at least 50 s`.
fn span(min: u32, max: Option<u32>) -> String {
    match max {
        Some(max) if max == min => duration(min),
        Some(max) => format!("{} to {}", duration(min), duration(max)),
        None => format!("at least {}", duration(min)),
    }
}

/// `6 min 20 s`.
fn duration(seconds: u32) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// The first few of a list, and how many more there are.
fn names<'a>(all: impl ExactSizeIterator<Item = &'a str>, most: usize) -> String {
    let total = all.len();
    let shown = all.take(most).collect::<Vec<_>>().join(", ");
    if total > most { format!("{shown} and {} more", total - most) } else { shown }
}

fn fine_line(fine: &[&WorkloadOutcome]) -> String {
    let lowest = fine.iter().min_by_key(|outcome| outcome.instant.ready.saturating_sub(outcome.instant.needed));
    let lowest = lowest.map_or(String::new(), |outcome| {
        format!("; lowest: {} {} of {}", outcome.object, outcome.instant.ready, outcome.before)
    });
    match fine.len() {
        0 => String::new(),
        1 => format!("1 workload that it touches keeps what it needs{lowest}"),
        number => format!("{number} workloads that it touches keep what they need{lowest}"),
    }
}

/// Lines under a title that stands beside the first of them; nothing without text.
pub(super) fn section(title: &str, text: &str, page: &Page) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("{}\n", wrap(text, page.width, &pad(title, INDENT.len()), INDENT))
}

/// One line a scenario.
fn matrix(scenarios: &[Scenario], page: &Page, most: usize) -> String {
    let first = scenarios.iter().take(most).map(|scenario| width(&scenario.name)).max().unwrap_or_default();
    let first = first.clamp("SCENARIO".len(), 36);
    let title = pad("SCENARIO", first);
    let mut out =
        format!("{title}  {:>7} {:>5} {:>5} {:>7} {:>7}  WORST\n", "CLUSTER", "DOWN", "BELOW", "PENDING", "REFUSED");
    for scenario in scenarios.iter().take(most) {
        let (down, below, pending, refused) = scenario.damage();
        let worst = scenario.workloads.iter().find(|outcome| !outcome.is_fine());
        let worst = worst.map_or("-".to_owned(), |outcome| outcome.object.to_string());
        let name = pad(&cut(&scenario.name, first), first);
        let cluster = scenario.cluster_down();
        let line = format!("{name}  {cluster:>7} {down:>5} {below:>5} {pending:>7} {refused:>7}  {worst}");
        out.push_str(&cut(&line, page.width));
        out.push('\n');
    }
    if scenarios.len() > most {
        out.push_str(&format!("{} more: -o wide shows all\n", count(scenarios.len() - most, "scenario")));
    }
    out.push('\n');
    out
}

/// What each workload survives; those that survive everything in one line.
fn survival(survival: &[Survival], page: &Page, most: usize) -> String {
    let broken: Vec<&Survival> = survival.iter().filter(|entry| entry.smallest_failure.is_some()).collect();
    let first = broken.iter().take(most).map(|entry| width(&entry.object.to_string())).max().unwrap_or_default();
    let first = first.clamp("WORKLOAD".len(), 44);
    let mut out = String::new();
    if !broken.is_empty() {
        out.push_str(&format!("{}  {:<10}  BROKEN BY\n", pad("WORKLOAD", first), "SURVIVES"));
    }
    for entry in broken.iter().take(most) {
        let object = pad(&cut(&entry.object.to_string(), first), first);
        let by = entry.smallest_failure.as_deref().unwrap_or_default();
        out.push_str(&cut(&format!("{object}  {:<10}  {by}", entry.survives.as_str()), page.width));
        out.push('\n');
    }
    if broken.len() > most {
        out.push_str(&format!("{} more: -o wide shows all\n", count(broken.len() - most, "workload")));
    }
    let whole = survival.len() - broken.len();
    if whole > 0 {
        let is_beyond = survival.last().is_some_and(|entry| entry.survives == Survives::ZoneAndNode);
        let beyond = if is_beyond { ", and after any zone together with a node of another" } else { "" };
        let line = format!("{} keep what they need in all of these{beyond}.", count(whole, "workload"));
        out.push_str(&format!("\n{}\n", wrap(&line, page.width, "", "")));
    }
    out
}

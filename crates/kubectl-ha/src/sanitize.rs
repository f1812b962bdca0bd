//! The one place where foreign text becomes safe to show.
//!
//! Names, messages and errors come from clusters, files, servers and policies, and may hold what moves a terminal's
//! cursor, rewrites its title or clipboard, or reverses the reading order. Every text format and every error passes
//! through here; JSON escapes the same characters instead (see `render::json`).

use std::borrow::Cow;

use ha_core::report::autoscaler::{AddedNodes, Autoscaled, Helped};
use ha_core::report::change::{Change, Difference, PairsChange, PairsDifference};
use ha_core::report::headroom::{Grows, GrowthStop, Headroom, LackingNodes, PendingWorkload, Shortage};
use ha_core::report::pairs::{BrokenByPairs, Pairs, UndecidedWorkload, WorstPair};
use ha_core::report::rollout::Rollout;
use ha_core::report::simulation::{
    ClusterOutcome, Fix, Reason, Refusal, Scenario, ScenarioDisruption, Simulation, Survival, Term, WorkloadOutcome,
};
use ha_core::report::upgrade::{BlockedNode, BlockingSet, LowestPoint, Upgrade, WaitingWorkload};
use ha_core::report::{
    CheckResult, Diagnostic, FileLocation, MissingFact, ObjectReference, ReadValue, Report, ReportGap, ReportSource,
    Risk, Summary, Suppressed,
};

/// Stands where something was taken out, so that a doctored name does not look like an honest one.
const REMOVED: char = '\u{fffd}';

/// Whether a character may act on a terminal or on the reader instead of being shown.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Whether a text is of nothing but printable ASCII. Nearly all are, and bytes are looked at many at a time.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The text as one safe line: line breaks and tabs become spaces.
pub fn line(text: &str) -> Cow<'_, str> {
    clean(text, |character| match character {
        '\n' | '\t' => ' ',
        _ => REMOVED,
    })
}

/// The text with its lines kept.
pub fn lines(text: &str) -> Cow<'_, str> {
    clean(text, |character| match character {
        '\n' => '\n',
        '\t' => ' ',
        _ => REMOVED,
    })
}

fn clean(text: &str, replace: fn(char) -> char) -> Cow<'_, str> {
    if is_plain(text) || !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    // A line end of two characters is one.
    let text = text.replace("\r\n", "\n");
    let safe = |character| {
        if is_unsafe(character) { replace(character) } else { character }
    };
    Cow::Owned(text.chars().map(safe).collect())
}

/// Something with texts of others in it.
pub trait Texts {
    /// Calls `visit` with each text.
    fn for_each_text(&mut self, visit: &mut dyn FnMut(&mut String));
}

/// Something whose texts are all safe to show. Text formats take nothing else.
#[derive(Clone, Debug)]
pub struct Safe<T>(T);

/// A report that is safe to show.
pub type SafeReport = Safe<Report>;

/// A simulation that is safe to show.
pub type SafeSimulation = Safe<Simulation>;

impl<T: Texts> Safe<T> {
    /// Makes every text one safe line.
    pub fn new(mut shown: T) -> Self {
        shown.for_each_text(&mut |text| {
            if let Cow::Owned(safe) = line(text) {
                *text = safe;
            }
        });
        Self(shown)
    }
}

impl<T> std::ops::Deref for Safe<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

type Visit<'a> = &'a mut dyn FnMut(&mut String);

// The patterns below name every field on purpose: a new one does not compile until it is visited.

impl Texts for Report {
    fn for_each_text(&mut self, visit: Visit) {
        let Report { api_version, kind, source, summary, results, diagnostics, gaps } = self;
        visit(api_version);
        visit(kind);
        visit_source(source, visit);
        let Summary { findings: _, suppressed: _, known: _, unknown: _, incomplete: _, failed_policies, areas: _ } =
            summary;
        failed_policies.iter_mut().for_each(&mut *visit);
        for result in results {
            visit_result(result, visit);
        }
        for Diagnostic { kind: _, message, place } in diagnostics {
            [message, place].into_iter().for_each(&mut *visit);
        }
        visit_gaps(gaps, visit);
    }
}

fn visit_source(source: &mut ReportSource, visit: Visit) {
    let ReportSource {
        kind: _,
        name,
        server_version,
        taken_at,
        assume_complete: _,
        zones: _,
        nodes: _,
        workloads: _,
        pods: _,
    } = source;
    [name, server_version, taken_at].into_iter().for_each(&mut *visit);
}

fn visit_gaps(gaps: &mut [ReportGap], visit: Visit) {
    for ReportGap { kind, namespace, reason: _, object, message } in gaps {
        kind.iter_mut().chain([namespace, message]).for_each(&mut *visit);
        visit_objects(object, visit);
    }
}

fn visit_rollout(rollout: &mut Rollout, visit: Visit) {
    let Rollout {
        object,
        during,
        desired: _,
        before: _,
        ready_at_start: _,
        lowest: _,
        needed: _,
        verdict: _,
        finishes: _,
        certainty: _,
        runs: _,
        finished_runs: _,
        updated: _,
        old: _,
        pending: _,
        reasons,
    } = rollout;
    during.iter_mut().chain(reasons).for_each(&mut *visit);
    visit_objects([object], visit);
}

fn visit_pairs(pairs: &mut Pairs, visit: Visit) {
    let Pairs {
        mode,
        pairs: _,
        complete: _,
        broken_at_once: _,
        stop_control_plane: _,
        recovered: _,
        worst,
        broken,
        undecided,
        undecided_workloads: _,
    } = pairs;
    visit(mode);
    for WorstPair { nodes, cluster: _, down: _, below: _, stops_control_plane: _, recovered: _ } in worst {
        nodes.iter_mut().for_each(&mut *visit);
    }
    for broken in broken {
        let BrokenByPairs { object, part, before: _, needed: _, verdict: _, nodes_alone: _, alone, pairs: _, examples } =
            broken;
        part.iter_mut().chain(alone).chain(examples.iter_mut().flatten()).for_each(&mut *visit);
        visit_objects([object], visit);
    }
    for UndecidedWorkload { object, nodes: _ } in undecided {
        visit_objects([object], visit);
    }
}

fn visit_added(added: &mut [AddedNodes], visit: Visit) {
    for AddedNodes { like, zone, count: _ } in added {
        [like, zone].into_iter().for_each(&mut *visit);
    }
}

fn visit_headroom(headroom: &mut Headroom, visit: Visit) {
    let Headroom { domain, mode, losses: _, complete: _, shortages, nodes, growth, growth_left_out: _, growth_runs: _ } =
        headroom;
    [domain, mode].into_iter().for_each(&mut *visit);
    for Shortage { loss, workloads } in shortages {
        visit(loss);
        for PendingWorkload { object, pending: _, beyond_help: _, message, refused } in workloads {
            [message, refused].into_iter().for_each(&mut *visit);
            visit_objects([object], visit);
        }
    }
    let LackingNodes { added, count: _, at_least: _, enough: _, certainty: _, limit: _, pools_left_out: _ } = nodes;
    visit_added(added, visit);
    for Grows { object, replicas: _, more: _, stopped_by } in growth {
        visit_objects([object], visit);
        if let Some(GrowthStop { loss, object, message }) = stopped_by {
            loss.iter_mut().chain([message]).for_each(&mut *visit);
            visit_objects([object], visit);
        }
    }
}

fn visit_upgrade(upgrade: &mut Upgrade, visit: Visit) {
    let Upgrade {
        pool,
        nodes: _,
        parallel: _,
        surge: _,
        finishes: _,
        certainty: _,
        runs: _,
        finished_runs: _,
        steps,
        blocked,
        most_pending: _,
        lowest,
    } = upgrade;
    visit(pool);
    steps.iter_mut().flatten().for_each(&mut *visit);
    for BlockedNode { node, sets } in blocked {
        visit(node);
        for BlockingSet { budgets, pods, other_pods: _, message, waiting, smallest: _ } in sets {
            visit(message);
            visit_objects(budgets.iter_mut().chain(pods), visit);
            for WaitingWorkload { object, message } in waiting {
                visit(message);
                visit_objects([object], visit);
            }
        }
    }
    for LowestPoint { object, before: _, ready: _, needed: _, verdict: _, nodes } in lowest {
        nodes.iter_mut().for_each(&mut *visit);
        visit_objects([object], visit);
    }
}

fn visit_change(change: &mut Change, visit: Visit) {
    let Change {
        source,
        replaced,
        added,
        pods_updated: _,
        pods_moved: _,
        pods_created: _,
        pods_removed: _,
        pending,
        differences,
        pairs,
    } = change;
    visit(source);
    visit_objects(replaced.iter_mut().chain(added).chain(pending), visit);
    for Difference { object, scenario, before: _, after: _ } in differences {
        visit(scenario);
        visit_objects([object], visit);
    }
    if let Some(PairsChange { pairs: _, broken_at_once: _, recovered: _, differences }) = pairs {
        for PairsDifference { object, part, before: _, after: _ } in differences {
            part.iter_mut().for_each(&mut *visit);
            visit_objects([object], visit);
        }
    }
}

impl Texts for Simulation {
    fn for_each_text(&mut self, visit: Visit) {
        let Simulation {
            api_version,
            kind,
            source,
            scenarios,
            interrupted: _,
            autoscaler,
            rollout,
            pairs,
            headroom,
            upgrade,
            change,
            survival,
            gaps,
        } = self;
        visit(api_version);
        visit(kind);
        visit_source(source, visit);
        if let Some(Autoscaled { limit: _, added, workloads, runs: _, complete_runs: _ }) = autoscaler {
            visit_added(added, visit);
            for Helped { object, pending_without: _, pending_with: _ } in workloads {
                visit_objects([object], visit);
            }
        }
        if let Some(rollout) = rollout {
            visit_rollout(rollout, visit);
        }
        if let Some(pairs) = pairs {
            visit_pairs(pairs, visit);
        }
        if let Some(headroom) = headroom {
            visit_headroom(headroom, visit);
        }
        if let Some(upgrade) = upgrade {
            visit_upgrade(upgrade, visit);
        }
        if let Some(change) = change {
            visit_change(change, visit);
        }
        for scenario in scenarios {
            visit_scenario(scenario, visit);
        }
        for Survival { object, survives: _, smallest_failure } in survival {
            smallest_failure.iter_mut().for_each(&mut *visit);
            visit_objects([object], visit);
        }
        visit_gaps(gaps, visit);
    }
}

fn visit_scenario(scenario: &mut Scenario, visit: Visit) {
    let Scenario { name, disruption, workloads, refused_evictions, preempted, cluster } = scenario;
    visit(name);
    let ScenarioDisruption { kind, mode, workload, nodes, during, lost } = disruption;
    mode.iter_mut().chain(during).chain(nodes).chain(lost).chain([kind]).for_each(&mut *visit);
    visit_objects(workload, visit);
    for outcome in workloads {
        visit_outcome(outcome, visit);
    }
    for Refusal { pod, budgets, message } in refused_evictions {
        visit(message);
        visit_objects(budgets.iter_mut().chain([pod]), visit);
    }
    visit_objects(preempted, visit);
    for ClusterOutcome { object, down: _, message } in cluster {
        visit(message);
        visit_objects([object], visit);
    }
}

fn visit_outcome(outcome: &mut WorkloadOutcome, visit: Visit) {
    let WorkloadOutcome { object, desired: _, before: _, instant, recovered, stuck_until_forced, seconds } = outcome;
    visit_objects(stuck_until_forced.iter_mut().chain(&mut instant.services_down).chain([object]), visit);
    for Reason { message, pods: _, nodes, plugins } in &mut recovered.reasons {
        plugins.iter_mut().chain([message]).for_each(&mut *visit);
        *nodes = std::mem::take(nodes)
            .into_iter()
            .map(|(mut plugin, count)| {
                visit(&mut plugin);
                (plugin, count)
            })
            .collect();
    }
    if let Some(Fix { change, proven: _ }) = &mut recovered.fix {
        visit(change);
    }
    for Term { what, min: _, max: _ } in &mut seconds.terms {
        visit(what);
    }
}

fn visit_result(result: &mut CheckResult, visit: Visit) {
    let CheckResult {
        policy,
        rule,
        area: _,
        verdict: _,
        severity: _,
        object,
        related,
        message,
        reason,
        missing,
        evidence,
        blast_radius,
        confirmed_by,
        remediation,
        patch,
        location,
        fingerprint,
        suppressed,
        notes,
    } = result;
    [policy, rule, message, reason, remediation, fingerprint].into_iter().for_each(&mut *visit);
    confirmed_by.iter_mut().chain(patch).chain(notes).for_each(&mut *visit);
    visit_objects([object], visit);
    visit_objects(related, visit);
    visit_grounds(missing, evidence, blast_radius, visit);
    if let Some(FileLocation { file, line: _ }) = location {
        visit(file);
    }
    if let Some(Suppressed { reason, until, place }) = suppressed {
        until.iter_mut().chain([reason, place]).for_each(&mut *visit);
    }
}

/// What an answer rests on, and what is at risk.
fn visit_grounds(missing: &mut [MissingFact], evidence: &mut [ReadValue], risk: &mut Option<Risk>, visit: Visit) {
    for MissingFact { what, namespace, reason: _ } in missing {
        [what, namespace].into_iter().for_each(&mut *visit);
    }
    for ReadValue { path, value, object } in evidence {
        [path, value].into_iter().for_each(&mut *visit);
        visit_objects(object, visit);
    }
    if let Some(Risk { services, workloads, faults }) = risk {
        visit_objects(services, visit);
        visit_objects(workloads, visit);
        faults.iter_mut().for_each(&mut *visit);
    }
}

fn visit_objects<'a>(objects: impl IntoIterator<Item = &'a mut ObjectReference>, visit: Visit) {
    for ObjectReference { namespace, kind, name, api_version } in objects {
        [namespace, kind, name, api_version].into_iter().for_each(&mut *visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_or_a_reader_is_left() {
        for (text, safe) in [
            ("cart", "cart"),
            ("Größe 大", "Größe 大"),
            ("\u{1b}[2Jcart", "\u{fffd}[2Jcart"),
            ("\u{1b}]52;c;ZXZpbA==\u{7}", "\u{fffd}]52;c;ZXZpbA==\u{fffd}"),
            ("\u{9b}31m", "\u{fffd}31m"),
            ("pay\u{200b}ments", "pay\u{fffd}ments"),
            ("\u{202e}txt.exe", "\u{fffd}txt.exe"),
            ("a\r\nb\tc\rd", "a b c\u{fffd}d"),
            ("\u{85}\u{2028}", "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(line(text), safe);
        }
        assert_eq!(lines("a\r\nb\u{8}"), "a\nb\u{fffd}");
    }
}

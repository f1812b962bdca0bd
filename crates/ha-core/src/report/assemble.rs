//! From what policies said to a report.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::fingerprint::{element, fingerprint};
use super::suppressions::{Answer, ConfiguredSuppression, Suppressions};
use super::{
    API_VERSION, AreaCounts, CheckResult, FileLocation, MissingFact, ObjectReference, POLICY_FAILED, ReadValue, Report,
    ReportGap, ReportSource, Risk, Summary, kind_name,
};
use crate::finding::{BlastRadius, CheckOutput, Evidence, Finding, Verdict};
use crate::rule::{Area, RuleInfo, Severity};
use crate::snapshot::{Gap, GapReason, ObjectId, Snapshot};

/// What one policy said, or why it said nothing.
#[derive(Clone, Debug)]
pub struct PolicyOutcome<'a> {
    /// Its name.
    pub policy: &'a str,
    /// Its rules, in the order of their numbers.
    pub rules: &'a [RuleInfo],
    /// Its answers, or what went wrong.
    pub output: Result<CheckOutput, String>,
}

/// What the user wants of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleSetting {
    /// It does not run.
    Off,
    /// It has this severity instead of its own.
    Severity(Severity),
}

/// What the user wants of a report.
#[derive(Clone, Debug, Default)]
pub struct ReportOptions {
    /// Rules that are off or have another severity, by name.
    pub rules: BTreeMap<String, RuleSetting>,
    /// Suppressions of the configuration file.
    pub suppressions: Vec<ConfiguredSuppression>,
    /// Whether only a part of the input was looked at, so that a suppression may be about another part.
    pub narrowed: bool,
}

/// The report on `snapshot`, from what every policy said about it.
///
/// A policy that failed, or that speaks of rules or objects that do not exist, is one `unknown` naming it; the
/// other policies' answers stand. Same input, same report.
pub fn assemble(snapshot: &Snapshot, outcomes: Vec<PolicyOutcome>, options: &ReportOptions) -> Report {
    let mut assembly = Assembly {
        snapshot,
        options,
        suppressions: Suppressions::new(snapshot, &options.suppressions),
        results: Vec::new(),
        areas: BTreeMap::new(),
        failed: Vec::new(),
        ran: BTreeSet::new(),
        known: BTreeSet::new(),
    };
    for outcome in outcomes {
        assembly.take(outcome);
    }
    assembly.finish()
}

struct Assembly<'a> {
    snapshot: &'a Snapshot,
    options: &'a ReportOptions,
    suppressions: Suppressions<'a>,
    /// Each with the element of its object that it is about.
    results: Vec<(CheckResult, String)>,
    areas: BTreeMap<Area, AreaCounts>,
    failed: Vec<String>,
    ran: BTreeSet<String>,
    known: BTreeSet<String>,
}

impl Assembly<'_> {
    fn take(&mut self, outcome: PolicyOutcome) {
        let PolicyOutcome { policy, rules, output } = outcome;
        self.known.extend(rules.iter().map(|rule| rule.name.clone()));
        let output = output.and_then(|output| match self.first_invalid(&output, rules) {
            None => Ok(output),
            Some(what) => Err(what),
        });
        match output {
            Ok(output) => self.take_output(policy, rules, output),
            Err(problem) => self.take_failure(policy, rules, &problem),
        }
    }

    /// What a policy's answer names that does not exist.
    fn first_invalid(&self, output: &CheckOutput, rules: &[RuleInfo]) -> Option<String> {
        let objects = self.snapshot.objects.len();
        let no_rule = |rule: u32| rule as usize >= rules.len();
        let no_object = |id: ObjectId| id.position() >= objects;
        if output.tallies.iter().any(|tally| no_rule(tally.rule)) {
            return Some("it counts for a rule that it does not have".into());
        }
        output.findings.iter().find_map(|finding| {
            if no_rule(finding.rule) {
                Some(format!("it answers for rule number {}, which it does not have", finding.rule))
            } else if named_objects(finding).any(no_object) {
                let rule = &rules[finding.rule as usize].name;
                Some(format!("rule {rule} names an object that does not exist"))
            } else {
                None
            }
        })
    }

    fn take_output(&mut self, policy: &str, rules: &[RuleInfo], output: CheckOutput) {
        for rule in rules {
            if self.options.rules.get(&rule.name) != Some(&RuleSetting::Off) {
                self.ran.insert(rule.name.clone());
                self.area(rule.area);
            }
        }
        for tally in output.tallies {
            let counts = self.area(rules[tally.rule as usize].area);
            counts.pass += tally.pass as usize;
            counts.not_applicable += tally.not_applicable as usize;
        }
        self.results.reserve(output.findings.len());
        for finding in output.findings {
            let rule = &rules[finding.rule as usize];
            if self.ran.contains(&rule.name) {
                self.take_finding(policy, rule, finding);
            }
        }
    }

    fn take_finding(&mut self, policy: &str, rule: &RuleInfo, finding: Finding) {
        let answer = match finding.verdict {
            Verdict::Fail => self.suppressions.judge(&rule.name, finding.object),
            Verdict::Unknown => {
                self.suppressions.excuse(&rule.name, finding.object);
                Answer::default()
            }
            Verdict::Pass | Verdict::NotApplicable => Answer::default(),
        };
        let reference = |id: ObjectId| ObjectReference::of(self.snapshot, id);
        let references = |ids: Vec<ObjectId>| ids.into_iter().map(reference).collect();
        let element = element(&finding).to_string();
        let result = CheckResult {
            policy: policy.into(),
            rule: rule.name.clone(),
            area: rule.area,
            verdict: finding.verdict,
            severity: self.severity(rule, finding.severity),
            object: reference(finding.object),
            related: references(finding.related),
            message: finding.message,
            reason: finding.reason,
            missing: finding.missing.into_iter().map(MissingFact::from).collect(),
            evidence: finding.evidence.into_iter().map(|value| self.read_value(value)).collect(),
            blast_radius: finding.blast_radius.map(|risk| Risk {
                services: references(risk.services),
                workloads: references(risk.workloads),
                faults: risk.faults,
            }),
            confirmed_by: non_empty(finding.confirmed_by),
            remediation: finding.remediation,
            patch: non_empty(finding.patch),
            location: self.location(finding.object),
            fingerprint: String::new(),
            suppressed: answer.suppressed,
            notes: answer.notes,
        };
        self.results.push((result, element));
    }

    fn take_failure(&mut self, policy: &str, rules: &[RuleInfo], problem: &str) {
        let rules = match rules.len() {
            0 => "its rules".into(),
            1 => "its one rule".into(),
            count => format!("its {count} rules"),
        };
        self.failed.push(policy.into());
        let result = CheckResult {
            policy: policy.into(),
            rule: POLICY_FAILED.into(),
            area: Area::Tools,
            verdict: Verdict::Unknown,
            severity: Severity::High,
            fingerprint: String::new(),
            object: ObjectReference::cluster(self.snapshot),
            related: Vec::new(),
            message: format!("policy {policy} gave no answer"),
            reason: format!("{problem}; {rules} said nothing"),
            missing: Vec::new(),
            evidence: Vec::new(),
            blast_radius: None,
            confirmed_by: None,
            remediation: String::new(),
            patch: None,
            location: None,
            suppressed: None,
            notes: Vec::new(),
        };
        self.results.push((result, String::new()));
    }

    /// The severity after the user's wish: a finding that is milder than its rule stays that much milder.
    fn severity(&self, rule: &RuleInfo, found: Severity) -> Severity {
        let found = found.min(rule.severity);
        let Some(&RuleSetting::Severity(wanted)) = self.options.rules.get(&rule.name) else {
            return found;
        };
        let steps = rule.severity as u8 - found as u8;
        (0..steps).fold(wanted, |severity, _| severity.lowered())
    }

    fn read_value(&self, evidence: Evidence) -> ReadValue {
        ReadValue {
            path: evidence.path,
            value: evidence.value,
            object: evidence.object.map(|id| ObjectReference::of(self.snapshot, id)),
        }
    }

    fn location(&self, id: ObjectId) -> Option<FileLocation> {
        self.snapshot
            .object(id)
            .location
            .map(|location| FileLocation { file: self.snapshot.text(location.file).into(), line: location.line })
    }

    fn area(&mut self, area: Area) -> &mut AreaCounts {
        self.areas.entry(area).or_insert(AreaCounts {
            area,
            pass: 0,
            fail: 0,
            unknown: 0,
            not_applicable: 0,
            suppressed: 0,
        })
    }

    fn finish(mut self) -> Report {
        let mut results = sorted(core::mem::take(&mut self.results));
        // The same answer given twice is one answer.
        results.dedup();
        let results = with_fingerprints(results);
        let summary = self.summary(&results);
        let ran: Vec<&str> = self.ran.iter().map(String::as_str).collect();
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        let mut diagnostics = self.suppressions.diagnostics(&ran, &known, self.options.narrowed);
        diagnostics.sort();
        Report {
            api_version: API_VERSION.into(),
            kind: "Report".into(),
            source: source(self.snapshot),
            summary,
            results,
            diagnostics,
            gaps: self.snapshot.gaps.iter().map(|gap| report_gap(self.snapshot, gap)).collect(),
        }
    }

    fn summary(&mut self, results: &[CheckResult]) -> Summary {
        let mut summary = Summary::default();
        for result in results {
            let counts = self.area(result.area);
            match result.verdict {
                Verdict::Fail if result.suppressed.is_some() => {
                    counts.suppressed += 1;
                    summary.suppressed += 1;
                }
                Verdict::Fail => {
                    counts.fail += 1;
                    summary.findings.add(result.severity);
                }
                Verdict::Unknown => {
                    counts.unknown += 1;
                    summary.unknown += 1;
                }
                // The tallies have counted these, listed or not.
                Verdict::Pass | Verdict::NotApplicable => {}
            }
        }
        let lacked = results.iter().flat_map(|result| &result.missing);
        summary.incomplete = lacked.map(|missing| missing.reason).any(is_incomplete)
            || self.snapshot.gaps.iter().any(|gap| gap.reason == GapReason::Unreadable);
        summary.areas = self.areas.values().cloned().collect();
        summary.failed_policies = core::mem::take(&mut self.failed);
        summary
    }
}

/// The results in their order. A result is large, so each is moved once, and positions are sorted instead.
fn sorted(results: Vec<(CheckResult, String)>) -> Vec<(CheckResult, String)> {
    let mut positions: Vec<usize> = (0..results.len()).collect();
    positions.sort_by(|&a, &b| order(&results[a].0).cmp(&order(&results[b].0)));
    let mut slots: Vec<Option<(CheckResult, String)>> = results.into_iter().map(Some).collect();
    positions.into_iter().filter_map(|position| slots[position].take()).collect()
}

/// Gives every result its fingerprint; several about the same element are numbered in their order.
fn with_fingerprints(results: Vec<(CheckResult, String)>) -> Vec<CheckResult> {
    let mut occurrences: BTreeMap<String, usize> = BTreeMap::new();
    results
        .into_iter()
        .map(|(mut result, element)| {
            let of = |occurrence| fingerprint(&result.policy, &result.rule, &result.object, &element, occurrence);
            let first = of(0);
            let count = occurrences.entry(first.clone()).or_default();
            let print = if *count == 0 { first } else { of(*count) };
            *count += 1;
            result.fingerprint = print;
            result
        })
        .collect()
}

/// Whether something missing for that reason makes a report incomplete. What is not in the given files does not:
/// the user chose them.
fn is_incomplete(reason: GapReason) -> bool {
    matches!(reason, GapReason::Forbidden | GapReason::Unreadable | GapReason::TimedOut)
}

/// Every object that a finding names.
fn named_objects(finding: &Finding) -> impl Iterator<Item = ObjectId> + '_ {
    let risk = finding.blast_radius.iter();
    let at_risk = risk.flat_map(|BlastRadius { services, workloads, .. }| services.iter().chain(workloads));
    let evidence = finding.evidence.iter().filter_map(|evidence| evidence.object);
    let related = finding.related.iter().chain(at_risk).copied();
    core::iter::once(finding.object).chain(related).chain(evidence)
}

/// The order of results. The message comes last, so that equal answers stand together.
fn order(result: &CheckResult) -> impl Ord + '_ {
    let rank = match result.verdict {
        Verdict::Fail => 0,
        Verdict::Unknown => 1,
        Verdict::NotApplicable => 2,
        Verdict::Pass => 3,
    };
    let severity = core::cmp::Reverse(result.severity);
    (rank, severity, &result.object, &result.rule, &result.policy, &result.message)
}

pub(super) fn source(snapshot: &Snapshot) -> ReportSource {
    let zones: BTreeSet<_> = snapshot.nodes.iter().map(|node| node.zone).collect();
    let taken_at = jiff::Timestamp::from_second(snapshot.source.taken_at).unwrap_or_default();
    ReportSource {
        kind: snapshot.source.kind,
        name: ObjectReference::cluster(snapshot).name,
        server_version: snapshot.text(snapshot.source.server_version).into(),
        taken_at: taken_at.to_string(),
        assume_complete: snapshot.source.assume_complete,
        zones: zones.iter().filter(|zone| !zone.is_empty()).count(),
        nodes: snapshot.nodes.len(),
        workloads: snapshot.workloads.len(),
        pods: snapshot.pods.len(),
    }
}

pub(super) fn report_gap(snapshot: &Snapshot, gap: &Gap) -> ReportGap {
    ReportGap {
        kind: gap.kind.map(kind_name),
        namespace: snapshot.text(gap.namespace).into(),
        reason: gap.reason,
        object: gap.object.map(|id| ObjectReference::of(snapshot, id)),
        message: snapshot.text(gap.message).into(),
    }
}

fn non_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

impl From<crate::finding::Missing> for MissingFact {
    fn from(missing: crate::finding::Missing) -> Self {
        Self { what: missing.what, namespace: missing.namespace, reason: missing.reason }
    }
}

//! What a rule says: verdicts, and the findings that carry them.
//!
//! Passes are counted per rule and listed only when asked for: a hundred rules over 30,000 workloads give
//! millions of them. What is shown and how is decided elsewhere.

use alloc::string::String;
use alloc::vec::Vec;

use crate::rule::Severity;
use crate::snapshot::{GapReason, ObjectId};
use crate::wire::{record, word};

word! {
    /// The four answers (rules.md 1.1).
    pub enum Verdict {
        /// Every needed fact was read, and the problem is not there.
        Pass = "pass",
        /// The problem is there.
        Fail = "fail",
        /// A needed fact could not be read. Never shown, counted or scored as `pass`.
        Unknown = "unknown",
        /// The rule does not concern this object or this cluster; the reason is given.
        NotApplicable = "not-applicable",
    }
}

record! {
    /// A fact that an `unknown` verdict lacked.
    pub struct Missing {
        /// The kind, or the fact in words.
        pub what: String,
        /// Where; empty means in the whole cluster.
        pub namespace: String,
        /// Why it is missing.
        pub reason: GapReason,
    }
}

record! {
    /// A value that was read, on which a finding rests.
    pub struct Evidence {
        /// The object, when it is not the finding's own.
        pub object: Option<ObjectId>,
        /// The field's path, such as `spec.replicas` or `spec.containers[app].image`: an element of a list by its name,
        /// or by its position from 0 where it has none.
        pub path: String,
        /// The value read, or the default applied (then it says so).
        pub value: String,
    }
}

record! {
    /// What a finding puts at risk, and through which faults.
    pub struct BlastRadius {
        /// Services that lose their endpoints.
        pub services: Vec<ObjectId>,
        /// Workloads that go down.
        pub workloads: Vec<ObjectId>,
        /// The faults that do it, in words: `losing node-a1`.
        pub faults: Vec<String>,
    }
}

record! {
    /// One answer of one rule about one object.
    pub struct Finding {
        /// The rule's position in the policy's list.
        pub rule: u32,
        /// The answer.
        pub verdict: Verdict,
        /// How bad it is; at most the rule's own severity.
        pub severity: Severity,
        /// The object it is about.
        pub object: ObjectId,
        /// Others that take part.
        pub related: Vec<ObjectId>,
        /// What is so, in one line, with the numbers of this cluster.
        pub message: String,
        /// What it leads to (fail), or why there is no answer (unknown, not applicable).
        pub reason: String,
        /// What an unknown verdict lacked.
        pub missing: Vec<Missing>,
        /// Values it rests on.
        pub evidence: Vec<Evidence>,
        /// What is at risk.
        pub blast_radius as "blast-radius": Option<BlastRadius>,
        /// The simulated fault that proves it; empty without.
        pub confirmed_by as "confirmed-by": String,
        /// What to do, in one sentence or one field.
        pub remediation: String,
        /// A strategic-merge patch (JSON) of the object that removes the finding; empty without.
        pub patch: String,
    }
}

impl Finding {
    /// Lowers the severity; a finding is never worse than its rule.
    pub fn severity(&mut self, severity: Severity) -> &mut Self {
        self.severity = self.severity.min(severity);
        self
    }

    /// Says what it leads to.
    pub fn leads_to(&mut self, consequence: impl Into<String>) -> &mut Self {
        self.reason = consequence.into();
        self
    }

    /// Adds a value read from the object itself.
    pub fn evidence(&mut self, path: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.evidence.push(Evidence { object: None, path: path.into(), value: value.into() });
        self
    }

    /// Adds a value read from another object.
    pub fn evidence_of(&mut self, object: ObjectId, path: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.evidence.push(Evidence { object: Some(object), path: path.into(), value: value.into() });
        self
    }

    /// Adds others that take part; the finding's own object and repetitions are left out.
    pub fn related(&mut self, objects: impl IntoIterator<Item = ObjectId>) -> &mut Self {
        for object in objects {
            if object != self.object && !self.related.contains(&object) {
                self.related.push(object);
            }
        }
        self
    }

    /// Says what to do.
    pub fn fix(&mut self, remediation: impl Into<String>) -> &mut Self {
        self.remediation = remediation.into();
        self
    }

    /// Gives a strategic-merge patch of the object, as JSON.
    pub fn patch(&mut self, patch: impl Into<String>) -> &mut Self {
        self.patch = patch.into();
        self
    }

    /// Says what is at risk.
    pub fn at_risk(&mut self, blast_radius: BlastRadius) -> &mut Self {
        self.blast_radius = Some(blast_radius);
        self
    }

    /// Names the simulated fault that proves it.
    pub fn confirmed_by(&mut self, fault: impl Into<String>) -> &mut Self {
        self.confirmed_by = fault.into();
        self
    }
}

record! {
    /// How often a rule gave each answer.
    #[derive(Copy)]
    pub struct Tally {
        /// The rule's position in the policy's list.
        pub rule: u32,
        /// Passes.
        pub pass: u32,
        /// Fails.
        pub fail: u32,
        /// Unknowns.
        pub unknown: u32,
        /// Objects that do not concern it.
        pub not_applicable as "not-applicable": u32,
    }
}

record! {
    /// All that a policy says about a snapshot.
    pub struct CheckOutput {
        /// Fails and unknowns; passes and not-applicables too when the settings ask for them.
        pub findings: Vec<Finding>,
        /// One per rule, in the policy's order.
        pub tallies: Vec<Tally>,
    }
}

/// Where a rule puts its answers.
#[derive(Debug, Default)]
pub struct Findings {
    output: CheckOutput,
    rule: u32,
    severity: Severity,
    list_all: bool,
    unlisted: Finding,
}

impl Findings {
    /// An empty collection. `list_all` keeps passes and not-applicables as findings, too.
    pub fn new(list_all: bool) -> Self {
        Self { list_all, ..Self::default() }
    }

    /// Says which rule speaks from here on. Called by the SDK, once per rule in the policy's order.
    pub fn begin(&mut self, rule: u32, severity: Severity) {
        self.rule = rule;
        self.severity = severity;
        self.output.tallies.push(Tally { rule, ..Tally::default() });
    }

    /// The problem is there. `message` says what is so, with numbers.
    pub fn fail(&mut self, object: ObjectId, message: impl Into<String>) -> &mut Finding {
        let finding = self.push(Verdict::Fail, object, true);
        finding.message = message.into();
        finding
    }

    /// The problem is not there.
    pub fn pass(&mut self, object: ObjectId) {
        self.push(Verdict::Pass, object, false);
    }

    /// A needed fact is missing.
    pub fn unknown(&mut self, object: ObjectId, missing: Missing) -> &mut Finding {
        let finding = self.push(Verdict::Unknown, object, true);
        finding.reason = missing.to_string();
        finding.missing.push(missing);
        finding
    }

    /// The rule does not concern this object, for that reason.
    pub fn not_applicable(&mut self, object: ObjectId, reason: &str) {
        let listed = self.list_all;
        let finding = self.push(Verdict::NotApplicable, object, false);
        if listed {
            finding.reason = reason.into();
        }
    }

    /// How often the rule that speaks now has answered.
    pub fn answers_of_this_rule(&self) -> u32 {
        self.output.tallies.last().map_or(0, |tally| tally.pass + tally.fail + tally.unknown + tally.not_applicable)
    }

    /// All that was said.
    pub fn finish(self) -> CheckOutput {
        self.output
    }

    fn push(&mut self, verdict: Verdict, object: ObjectId, always: bool) -> &mut Finding {
        if let Some(tally) = self.output.tallies.last_mut() {
            let count = match verdict {
                Verdict::Pass => &mut tally.pass,
                Verdict::Fail => &mut tally.fail,
                Verdict::Unknown => &mut tally.unknown,
                Verdict::NotApplicable => &mut tally.not_applicable,
            };
            *count += 1;
        }
        let finding = Finding { rule: self.rule, verdict, severity: self.severity, object, ..Finding::default() };
        if !always && !self.list_all {
            self.unlisted = finding;
            return &mut self.unlisted;
        }
        let position = self.output.findings.len();
        self.output.findings.push(finding);
        &mut self.output.findings[position]
    }
}

impl core::fmt::Display for Missing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let reason = match self.reason {
            GapReason::Forbidden => "access was denied",
            GapReason::NotInstalled => "the kind is not installed",
            GapReason::Unreadable => "it could not be read",
            GapReason::TimedOut => "the read timed out",
            GapReason::NotInInput => "not in input",
            GapReason::ByDesign => "it is never read, by design",
        };
        write!(f, "{}", self.what)?;
        if !self.namespace.is_empty() {
            write!(f, " in namespace {}", self.namespace)?;
        }
        write!(f, ": {reason}")
    }
}

use alloc::string::ToString;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_never_worse_than_its_rule() {
        let mut findings = Findings::new(false);
        findings.begin(0, Severity::Medium);
        findings.fail(ObjectId::at(1), "m").severity(Severity::Critical);
        findings.fail(ObjectId::at(1), "m").severity(Severity::Low);
        let severities: Vec<_> = findings.finish().findings.iter().map(|finding| finding.severity).collect();
        assert_eq!(severities, [Severity::Medium, Severity::Low]);
    }

    #[test]
    fn passes_are_counted_and_listed_only_when_asked_for() {
        for list_all in [false, true] {
            let mut findings = Findings::new(list_all);
            findings.begin(3, Severity::High);
            findings.pass(ObjectId::at(1));
            findings.not_applicable(ObjectId::at(2), "single-node cluster");
            let output = findings.finish();
            assert_eq!(output.findings.len(), if list_all { 2 } else { 0 });
            assert_eq!((output.tallies[0].pass, output.tallies[0].not_applicable), (1, 1));
        }
    }
}

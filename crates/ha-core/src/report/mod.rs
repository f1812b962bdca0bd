//! The report: what every format shows and what JSON promises.
//!
//! [`assemble`] turns what policies said about a snapshot into a [`Report`]: indices become names, suppressions
//! and severities of the user take effect, order and fingerprints are fixed. Pure: nothing here reads a file, knows
//! a format, or strips control characters; texts are as the cluster wrote them.

mod assemble;
pub mod autoscaler;
mod baseline;
pub mod change;
mod exit;
mod fingerprint;
pub mod headroom;
mod object;
pub mod pairs;
pub mod rollout;
#[cfg(feature = "schema")]
mod schema;
pub mod simulation;
mod suppressions;
#[cfg(test)]
mod tests;
pub mod upgrade;

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::finding::Verdict;
use crate::rule::{Area, Severity};
use crate::snapshot::{GapReason, ResourceKind, SourceKind};
use crate::wire::word;

pub use assemble::{PolicyOutcome, ReportOptions, RuleSetting, assemble};
pub use baseline::Baseline;
pub use exit::ExitCode;
pub use object::ObjectReference;
pub use suppressions::ConfiguredSuppression;

/// The version of the JSON report, and of the object that stands for the cluster.
pub const API_VERSION: &str = "kubectl-ha/v1alpha1";

/// The rule name under which a policy stands that gave no answer at all.
pub const POLICY_FAILED: &str = "policy-failed";

/// What was found, what was not looked at, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// `kubectl-ha/v1alpha1`.
    pub api_version: String,
    /// `Report`.
    pub kind: String,
    /// What was judged.
    pub source: ReportSource,
    /// Counts over all results, those included that are not listed.
    pub summary: Summary,
    /// The answers: fails first, most severe first, then by object and rule.
    pub results: Vec<CheckResult>,
    /// What the user should know about the run itself: suppressions that do nothing, notices of the source.
    pub diagnostics: Vec<Diagnostic>,
    /// What could not be read.
    pub gaps: Vec<ReportGap>,
}

/// What was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReportSource {
    /// A cluster, manifests, or an object in admission.
    pub kind: SourceKind,
    /// The context's name, or `cluster`.
    pub name: String,
    /// Such as `v1.36.3`; empty when not known.
    pub server_version: String,
    /// The instant that was judged, in RFC 3339.
    pub taken_at: String,
    /// Whether files were declared whole.
    pub assume_complete: bool,
    /// Zones among the nodes.
    pub zones: usize,
    /// Nodes.
    pub nodes: usize,
    /// Workloads.
    pub workloads: usize,
    /// Pods.
    pub pods: usize,
}

/// Counts over all results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Fails that are neither suppressed nor known, by severity.
    pub findings: SeverityCounts,
    /// Suppressed fails.
    pub suppressed: usize,
    /// Fails that the baseline report already had.
    pub known: usize,
    /// Verdicts for which data was missing.
    pub unknown: usize,
    /// Whether a forbidden, unreadable or timed-out read changed a verdict.
    pub incomplete: bool,
    /// Policies that gave no answer.
    pub failed_policies: Vec<String>,
    /// One line per area, in the areas' order; only those that a rule is about.
    pub areas: Vec<AreaCounts>,
}

/// How many findings there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeverityCounts {
    /// Critical ones.
    pub critical: usize,
    /// High ones.
    pub high: usize,
    /// Medium ones.
    pub medium: usize,
    /// Low ones.
    pub low: usize,
}

/// The scorecard's line of one area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AreaCounts {
    /// The area.
    pub area: Area,
    /// Passes.
    pub pass: usize,
    /// Fails, without those suppressed.
    pub fail: usize,
    /// Unknowns.
    pub unknown: usize,
    /// Objects that its rules do not concern.
    pub not_applicable: usize,
    /// Suppressed fails.
    pub suppressed: usize,
}

/// One answer of one rule about one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckResult {
    /// The policy that speaks.
    pub policy: String,
    /// Its rule; `policy-failed` when the policy itself gave no answer.
    pub rule: String,
    /// What the rule is about.
    pub area: Area,
    /// The answer.
    pub verdict: Verdict,
    /// How bad it is, or would be.
    pub severity: Severity,
    /// What it is about; the cluster itself has the kind `Cluster`.
    pub object: ObjectReference,
    /// Others that take part.
    pub related: Vec<ObjectReference>,
    /// What is so, with numbers.
    pub message: String,
    /// What it leads to (fail), or why there is no answer (unknown, not applicable).
    pub reason: String,
    /// What an unknown verdict lacked.
    pub missing: Vec<MissingFact>,
    /// Values it rests on.
    pub evidence: Vec<ReadValue>,
    /// What is at risk.
    pub blast_radius: Option<Risk>,
    /// The simulated fault that proves it.
    pub confirmed_by: Option<String>,
    /// What to do.
    pub remediation: String,
    /// A strategic-merge patch of the object, as JSON text for `kubectl patch --patch`.
    pub patch: Option<String>,
    /// Where the object stands, when it was read from a file.
    pub location: Option<FileLocation>,
    /// The same for the same problem in every run: policy, rule and object, never wording, line or severity.
    pub fingerprint: String,
    /// Who silenced it, if anyone did.
    pub suppressed: Option<Suppressed>,
    /// What else to know, such as a suppression that has expired.
    pub notes: Vec<String>,
}

/// A fact that an unknown verdict lacked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MissingFact {
    /// The kind, or the fact in words.
    pub what: String,
    /// Where; empty means in the whole cluster.
    pub namespace: String,
    /// Why it is missing.
    pub reason: GapReason,
}

/// A value that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReadValue {
    /// The field's path, an element of a list by its name where it has one: `spec.containers[app].image`.
    pub path: String,
    /// Its value, or the default applied.
    pub value: String,
    /// The object it was read from, when it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectReference>,
}

/// What a finding puts at risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Risk {
    /// Services that lose their endpoints.
    pub services: Vec<ObjectReference>,
    /// Workloads that go down.
    pub workloads: Vec<ObjectReference>,
    /// The faults that do it, in words.
    pub faults: Vec<String>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileLocation {
    /// The path as the user gave it; `-` for standard input.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// Who silenced a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Suppressed {
    /// The reason given.
    pub reason: String,
    /// The last day on which it holds, `YYYY-MM-DD`; none for ever.
    pub until: Option<String>,
    /// The annotation or the configuration entry.
    #[serde(rename = "where")]
    pub place: String,
}

word! {
    /// What a diagnostic is about.
    pub enum DiagnosticKind {
        /// Something about the source, such as an unverified certificate.
        Notice = "notice",
        /// A suppression that silenced nothing.
        SuppressionUnused = "suppression-unused",
        /// A suppression without a reason; it does not take effect.
        SuppressionWithoutReason = "suppression-without-reason",
        /// A suppression that no longer holds.
        SuppressionExpired = "suppression-expired",
        /// A suppression whose last day is no date; it does not take effect.
        SuppressionWithoutDate = "suppression-without-date",
        /// A rule is named that no policy has.
        RuleUnknown = "rule-unknown",
    }
}

/// Something about the run itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Diagnostic {
    /// What it is about.
    pub kind: DiagnosticKind,
    /// What is so, and what to do.
    pub message: String,
    /// The annotation, file or source concerned.
    #[serde(rename = "where")]
    pub place: String,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReportGap {
    /// The kind as Kubernetes writes it; none when it is not known.
    pub kind: Option<String>,
    /// Where; empty means in the whole cluster.
    pub namespace: String,
    /// Why.
    pub reason: GapReason,
    /// The one object concerned, when it is not the whole kind.
    pub object: Option<ObjectReference>,
    /// What a person should read.
    pub message: String,
}

impl SeverityCounts {
    fn count(&mut self, severity: Severity) -> &mut usize {
        match severity {
            Severity::Critical => &mut self.critical,
            Severity::High => &mut self.high,
            Severity::Medium => &mut self.medium,
            Severity::Low => &mut self.low,
        }
    }

    fn add(&mut self, severity: Severity) {
        *self.count(severity) += 1;
    }

    fn remove(&mut self, severity: Severity) {
        let count = self.count(severity);
        *count = count.saturating_sub(1);
    }

    /// How many there are of that severity.
    pub fn get(&self, severity: Severity) -> usize {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low => self.low,
        }
    }

    /// How many there are in all.
    pub fn total(&self) -> usize {
        self.critical + self.high + self.medium + self.low
    }
}

impl CheckResult {
    /// Whether it is a problem that nobody silenced.
    pub fn is_finding(&self) -> bool {
        self.verdict == Verdict::Fail && self.suppressed.is_none()
    }
}

impl Report {
    /// Lists only results for which `wanted` holds; the summary keeps its counts.
    pub fn list_only(&mut self, wanted: impl FnMut(&CheckResult) -> bool) {
        self.results.retain(wanted);
    }
}

/// The name of a kind in a report.
fn kind_name(kind: ResourceKind) -> String {
    kind.kind().into()
}

//! Runs the rules of a policy over one input, and writes down what they are.

use alloc::string::String;
use alloc::vec::Vec;

use ha_core::finding::CheckOutput;
use ha_core::rule::{Input, Rule, RuleInfo};
use ha_core::{Class, Findings, Snapshot};

/// Runs every rule in the list's order. Disabled rules keep their place, with an empty tally.
///
/// A rule that only a simulation can answer (class X) is not applicable where none was run.
pub fn run(rules: &[&Rule], input: &Input) -> CheckOutput {
    let mut findings = Findings::new(input.settings.list_all);
    for (index, rule) in (0_u32..).zip(rules) {
        findings.begin(index, rule.severity);
        if input.settings.disabled_rules.iter().any(|name| name == rule.name) {
            continue;
        }
        if rule.class == Class::X && input.impacts.is_empty() {
            findings.not_applicable(Snapshot::CLUSTER, "no failure was simulated");
            continue;
        }
        (rule.check)(input, &mut findings);
    }
    findings.finish()
}

/// The `ha:rules` section of a policy: a JSON list of [`RuleInfo`], in the list's order.
pub fn metadata_json(rules: &[&Rule]) -> String {
    let mut infos: Vec<RuleInfo> = rules.iter().map(|rule| RuleInfo::from(*rule)).collect();
    for info in &mut infos {
        info.doc = unindent(&info.doc);
    }
    serde_json::to_string(&infos).unwrap_or_default()
}

/// Takes away the one space that follows `///` in a doc comment.
pub(crate) fn unindent(doc: &str) -> String {
    let lines: Vec<&str> = doc.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join("\n")
}

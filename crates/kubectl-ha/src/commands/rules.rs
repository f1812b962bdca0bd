//! `kubectl ha rules`: every rule of every policy.

use std::fmt::Write;

use ha_core::rule::RuleInfo;
use serde_json::json;

use crate::cli::{Rules, RulesFormat};
use crate::policies::Policies;
use crate::render::json;
use crate::{sanitize, terminal};

/// Lists them in the policies' order.
pub(super) fn run(arguments: &Rules) -> anyhow::Result<()> {
    let rules = Policies::load(&arguments.policies)?.rules();
    terminal::print(&list(&rules, arguments.output))?;
    Ok(())
}

/// The rules in one of the formats.
pub(super) fn list(rules: &[RuleInfo], format: RulesFormat) -> String {
    match format {
        RulesFormat::Json => json::to_string(&json!({
            "apiVersion": ha_core::report::API_VERSION,
            "kind": "RuleList",
            "rules": rules,
        })),
        RulesFormat::Name => rules.iter().map(|rule| format!("{}\n", sanitize::line(&rule.name))).collect(),
        RulesFormat::Table => table(rules),
    }
}

fn table(rules: &[RuleInfo]) -> String {
    let longest = rules.iter().map(|rule| rule.name.len()).max().unwrap_or_default().max(4);
    let mut out = format!("{:<longest$}  {:<13}  {:<8}  {:<5}  {}\n", "RULE", "AREA", "SEVERITY", "CLASS", "FINDS");
    for rule in rules {
        let (name, summary) = (sanitize::line(&rule.name), sanitize::line(rule.summary()));
        // Writing into a String cannot fail.
        let _ =
            writeln!(out, "{name:<longest$}  {:<13}  {:<8}  {:<5}  {summary}", rule.area, rule.severity, rule.class);
    }
    out
}

//! Checks a policy's answer: it may only speak about what exists, and must not contradict itself.

use ha_core::finding::{CheckOutput, Finding, Tally};
use ha_core::snapshot::ObjectId;
use ha_core::{Snapshot, Verdict};

use crate::evaluate::PolicyFailure;
use crate::inspect::Inspection;
use crate::limits::Limits;

/// Refuses the whole answer when one part of it is not right: a policy with such a bug has others.
pub(crate) fn check(
    output: &CheckOutput,
    policy: &Inspection,
    snapshot: &Snapshot,
    limits: &Limits,
) -> Result<(), PolicyFailure> {
    let found = output.findings.len();
    if found > limits.findings {
        return Err(PolicyFailure::TooManyFindings { found, allowed: limits.findings });
    }
    check_tallies(&output.tallies, policy)?;
    for finding in &output.findings {
        check_rule(finding, policy)?;
        check_objects(finding, snapshot)?;
    }
    check_counts(output)
}

/// One tally per rule, in the rules' order.
fn check_tallies(tallies: &[Tally], policy: &Inspection) -> Result<(), PolicyFailure> {
    if let Some(tally) = tallies.iter().find(|tally| policy.rules.get(tally.rule as usize).is_none()) {
        return Err(PolicyFailure::UnknownRule { rule: tally.rule });
    }
    let rules = 0..u32::try_from(policy.rules.len()).unwrap_or(u32::MAX);
    if tallies.iter().map(|tally| tally.rule).eq(rules) {
        Ok(())
    } else {
        Err(garbage("it does not have one tally per rule, in the rules' order"))
    }
}

fn check_rule(finding: &Finding, policy: &Inspection) -> Result<(), PolicyFailure> {
    let rule = policy.rules.get(finding.rule as usize).ok_or(PolicyFailure::UnknownRule { rule: finding.rule })?;
    if finding.severity > rule.severity {
        return Err(garbage(&format!(
            "a finding of {} is {}, worse than the rule ({})",
            rule.name, finding.severity, rule.severity
        )));
    }
    Ok(())
}

fn check_objects(finding: &Finding, snapshot: &Snapshot) -> Result<(), PolicyFailure> {
    let in_evidence = finding.evidence.iter().filter_map(|evidence| evidence.object.as_ref());
    let at_risk = finding.blast_radius.iter().flat_map(|radius| radius.services.iter().chain(&radius.workloads));
    let all = std::iter::once(&finding.object).chain(&finding.related).chain(in_evidence).chain(at_risk);
    let unknown = |object: &&ObjectId| object.position() >= snapshot.objects.len();
    all.into_iter().find(unknown).map_or(Ok(()), |object| Err(PolicyFailure::UnknownObject { object: object.index }))
}

/// What is listed was counted: else the scorecard and the list would tell different stories.
fn check_counts(output: &CheckOutput) -> Result<(), PolicyFailure> {
    let mut listed = vec![(0_u32, 0_u32); output.tallies.len()];
    for finding in &output.findings {
        if let Some((fails, unknowns)) = listed.get_mut(finding.rule as usize) {
            match finding.verdict {
                Verdict::Fail => *fails += 1,
                Verdict::Unknown => *unknowns += 1,
                Verdict::Pass | Verdict::NotApplicable => {}
            }
        }
    }
    let counted = output.tallies.iter().map(|tally| (tally.fail, tally.unknown));
    if counted.eq(listed) { Ok(()) } else { Err(garbage("its tallies do not match its findings")) }
}

fn garbage(what: &str) -> PolicyFailure {
    PolicyFailure::Garbage { what: what.to_owned() }
}

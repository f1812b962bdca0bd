//! Asks a policy about a large snapshot in shares, side by side: each share is some of its rules, in a sandbox of its
//! own that holds the whole snapshot.
//!
//! Rules answer independently of each other (the contract's `disabled-rules` may leave out any of them), so the shares
//! together say what the policy says at once. A small snapshot is not worth a second sandbox.

use std::thread;

use ha_core::finding::CheckOutput;
use ha_core::rule::Input;
use ha_core::{Settings, Snapshot};

use crate::evaluate::{Host, PolicyFailure};
use crate::limits::{self, Limits};
use crate::load::Policy;

/// Each share takes a copy of the snapshot, in time and memory: more than two would cost more than they save.
const MOST_SHARES: usize = 2;
/// With fewer records a policy has answered before a second sandbox has its copy.
const LARGE: u64 = 250_000;

/// In how many shares a policy is asked about a snapshot, on this machine.
pub(crate) fn worthwhile(snapshot: &Snapshot) -> usize {
    if limits::records(snapshot) < LARGE {
        return 1;
    }
    thread::available_parallelism().map_or(1, |threads| threads.get().min(MOST_SHARES))
}

/// Asks in so many shares, and puts the answers together.
pub(crate) fn evaluate(
    host: &Host,
    shares: usize,
    policy: &Policy,
    input: &Input,
) -> Result<CheckOutput, PolicyFailure> {
    let ask = |share: usize| {
        let settings = &settings_of(share, shares, policy, input.settings);
        host.evaluate_within(Limits::of(input.snapshot, input.impacts), policy, &Input { settings, ..*input })
    };
    let answers: Vec<_> = thread::scope(|scope| {
        let others: Vec<_> = (1..shares).map(|share| scope.spawn(move || ask(share))).collect();
        let first = ask(0);
        std::iter::once(first).chain(others.into_iter().map(|other| other.join().unwrap_or_else(died))).collect()
    });
    Ok(joined(answers.into_iter().collect::<Result<_, _>>()?))
}

/// The share that answers for a rule. Neighbours in the list often need the same effort, so they are dealt out in turn.
fn share_of(rule: usize, shares: usize) -> usize {
    rule % shares
}

/// The settings under which a policy answers for one share only.
fn settings_of(share: usize, shares: usize, policy: &Policy, settings: &Settings) -> Settings {
    let rules = policy.inspection().rules.iter().enumerate();
    let others = rules.filter(|(rule, _)| share_of(*rule, shares) != share).map(|(_, info)| info.name.clone());
    let disabled_rules = settings.disabled_rules.iter().cloned().chain(others).collect();
    Settings { disabled_rules, ..settings.clone() }
}

/// Each rule's answer from the share that was asked for it, in the order of the rules.
fn joined(answers: Vec<CheckOutput>) -> CheckOutput {
    let shares = answers.len();
    let mut whole = CheckOutput::default();
    for (share, mut answer) in answers.into_iter().enumerate() {
        // A policy that answers for a rule that is off says the same in the rule's own share.
        let is_own = |rule: u32| share_of(rule as usize, shares) == share;
        answer.findings.retain(|finding| is_own(finding.rule));
        answer.tallies.retain(|tally| is_own(tally.rule));
        whole.findings.append(&mut answer.findings);
        whole.tallies.append(&mut answer.tallies);
    }
    whole.findings.sort_by_key(|finding| finding.rule);
    whole.tallies.sort_by_key(|tally| tally.rule);
    whole
}

/// A thread of ours that panicked: a fault of the sandbox, which takes nothing else down.
fn died<T>(_: T) -> Result<CheckOutput, PolicyFailure> {
    Err(PolicyFailure::Trapped("the sandbox's thread died".to_owned()))
}

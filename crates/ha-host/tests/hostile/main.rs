//! Hostile and broken policies (hostile.md 1 to 11 and 13). Each ends as the right failure of that
//! one policy: never a crash of ours, never a pass.
//!
//! Escape sequences in messages (10) are removed where texts are shown, and tested there.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests
#![allow(clippy::cast_possible_truncation)]

mod cache;
mod component;
mod files;
mod output;
mod running;

use ha_core::Settings;
use ha_core::finding::CheckOutput;
use ha_core::rule::Input;
use ha_host::{Host, Limits, PolicyFailure};

/// Asks a policy about an empty cluster.
fn ask(wasm: &[u8]) -> Result<CheckOutput, PolicyFailure> {
    ask_within(Limits::of(&component::snapshot(), &[]), wasm)
}

fn ask_within(limits: Limits, wasm: &[u8]) -> Result<CheckOutput, PolicyFailure> {
    let host = Host::new(None).expect("the engine starts");
    let policy = host.load(wasm).expect("the policy loads");
    host.evaluate_within(
        limits,
        &policy,
        &Input { snapshot: &component::snapshot(), settings: &Settings::default(), impacts: &[] },
    )
}

//! Asks the packed policy about a cluster without anything in it.
//!
//! The host checks every answer against the list of rules that the file shows, so this finds
//! a module and a list that are not of the same build, and a contract that the two sides see
//! differently.

use anyhow::{Context, Result};
use ha_core::labels::LabelSet;
use ha_core::rule::Input;
use ha_core::snapshot::Object;
use ha_core::{Settings, Snapshot};
use ha_host::Host;

/// Fails when the policy does not load or does not answer.
#[allow(unsafe_code)]
pub(super) fn try_out(component: &[u8], native: &[u8]) -> Result<()> {
    let host = Host::new(None)?;
    // SAFETY: `native` was made from `component` just now, by this process.
    let policy = unsafe { host.load_precompiled(component, native) }.context("the packed policy does not load")?;
    let mut empty =
        Snapshot { objects: vec![Object::default()], label_sets: vec![LabelSet::default()], ..Snapshot::default() };
    empty.texts.ends = vec![0];
    host.evaluate(&policy, &Input { snapshot: &empty, settings: &Settings::default(), impacts: &[] })
        .context("the packed policy has no answer for an empty cluster")?;
    Ok(())
}

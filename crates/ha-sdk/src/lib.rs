//! What a policy author writes against.
//!
//! A policy is a list of [`Rule`]s. [`rule!`] declares one, documentation and metadata together;
//! `export_policy!` turns the list into a Wasm module that is a `ha:policy` component and an OPA policy
//! at once; the harness runs the examples in the rules' documentation as tests.
//!
//! Nothing here knows a particular rule, and nothing here does I/O outside of the harness.
#![no_std]

extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod allocator;
mod export_macro;
#[cfg(target_arch = "wasm32")]
mod exports;
#[cfg(feature = "harness")]
pub mod harness;
#[cfg(any(test, target_arch = "wasm32"))]
mod opa;
mod rule_macro;
mod run;

pub use ha_core::rule::{Area, Class, Input, Rule, RuleInfo, Severity};
pub use ha_core::{
    Finding, Findings, Settings, Snapshot, Verdict, arithmetic, finding, impact, labels, remedy, roles, settings,
    snapshot, text,
};
pub use run::{metadata_json, run};

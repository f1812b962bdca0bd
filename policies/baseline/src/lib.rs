//! The built-in policy of `kubectl ha`: [`RULES`], one file each.
//!
//! What two rules share lives in [`shared`](mod@shared), in the words of the catalogue; what Kubernetes computes
//! lives in `ha_core::arithmetic`. Rules never parse Kubernetes objects and never compute impacts.
#![no_std]

extern crate alloc;

mod rules;
mod shared;

pub use rules::RULES;

ha_sdk::export_policy!(RULES);

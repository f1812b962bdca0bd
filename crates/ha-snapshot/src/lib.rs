//! Kubernetes objects in, [`Snapshot`](ha_core::Snapshot) out.
//!
//! [`objects`] are slim forms of the kinds that are read; [`Builder`] joins them into a snapshot: every controller of
//! pods becomes one workload, and selectors, owners, volumes and domains become edges between flat tables.
//!
//! Pure, `no_std`: the same code runs in the host and inside a policy. It judges nothing, and it never fails: an
//! object that makes no sense becomes a gap.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod objects;

mod build;
pub mod overlay;

pub use build::{Builder, GapRecord, ObjectName, Origin};

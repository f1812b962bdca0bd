//! The model of `kubectl ha` and its words.
//!
//! A [`Snapshot`] shows a cluster at one instant. A [`Rule`] judges it and reports [`Finding`]s, each with a
//! [`Verdict`]. A [`Disruption`] applied to a snapshot has an [`Impact`]. What a snapshot lacks is a
//! [`Gap`](snapshot::Gap). The arithmetic of Kubernetes that rules and simulation share stands here once.
//!
//! Pure: no I/O, no clock, no randomness; it compiles for `wasm32-unknown-unknown` without `std`. It knows
//! neither the shape of Kubernetes objects (that is `ha-snapshot`) nor how anything is shown.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "host"))]
extern crate std;

mod wire;

pub mod arithmetic;
pub mod finding;
pub mod impact;
pub mod labels;
pub mod remedy;
pub mod report;
pub mod roles;
pub mod rule;
pub mod settings;
pub mod snapshot;
pub mod text;

pub use finding::{CheckOutput, Finding, Findings, Verdict};
pub use impact::{Disruption, Impact};
pub use rule::{Area, Class, Rule, Severity};
pub use settings::Settings;
pub use snapshot::Snapshot;

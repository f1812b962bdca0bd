//! Runs policies in a sandbox: a policy is a WebAssembly component that imports nothing.
//!
//! A policy is a pure function of a snapshot. Whatever it does instead of answering (loop, eat
//! memory, crash, lie) ends as a [`PolicyFailure`] of that policy, and the others still answer.
//! [`Policy::inspect`] reads a file without running or compiling it, [`Host::load`] compiles it,
//! [`Host::evaluate`] asks it.
//!
//! How verdicts are shown, and what follows from a failed policy, is decided elsewhere.

mod cache;
mod compile;
mod engine;
mod evaluate;
mod inspect;
mod limits;
mod load;
mod output;
mod shares;
mod vet;

pub use cache::Cache;
pub use compile::{Compiler, answer as compile};
pub use engine::{HostError, engine_config};
pub use evaluate::{Host, PolicyFailure};
pub use inspect::{CONTRACT, Inspection};
pub use limits::Limits;
pub use load::{LoadError, Policy};

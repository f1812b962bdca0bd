//! Reads clusters that behave, that misbehave and that forbid, from a scripted server.
//! The numbers in comments are those of hostile.md.
#![allow(clippy::unwrap_used)] // Helpers of tests are tests too.

mod api;
mod credentials;
mod faults;
mod kubeconfig;
mod namespaces;
mod paging;
mod permissions;
mod server;
mod tls;
mod versions;
mod whole;

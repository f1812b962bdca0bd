//! What some workloads do for the whole cluster: the control plane, DNS, admission webhooks, the way in, storage and
//! autoscaling. Told by labels, names and images; rules and simulation share the answers.

pub mod admission;
pub mod control_plane;
pub mod controllers;
pub mod dns;
pub mod traffic;

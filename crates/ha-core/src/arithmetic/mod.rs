//! The arithmetic of Kubernetes that rules and simulation share (rules.md 1.4, 1.8 and 2). Once, here.

pub mod budget;
pub mod eligibility;
pub mod profile;
pub mod quorum;
pub mod replicas;
pub mod rollout;
pub mod rounding;
pub mod version;

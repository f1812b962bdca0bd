//! The arithmetic of Kubernetes that rules and simulation share (rules.md 1.4, 1.8 and 2). Once, here.

pub mod budget;
pub mod eligibility;
pub mod profile;
pub mod quorum;
pub mod replicas;
pub mod rollout;
pub mod rounding;
pub mod version;

/// A count of records as the contract's types carry it. A count beyond them, which no memory holds, is their largest.
pub fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

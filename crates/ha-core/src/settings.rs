//! What a user may set, as far as rules read it. Configuration files are read elsewhere.

use alloc::string::String;
use alloc::vec::Vec;

use crate::wire::{record, word};

word! {
    /// How much a workload must hold (rules.md 1.4).
    pub enum Tier {
        /// Two replicas.
        Normal = "normal",
        /// Three replicas.
        Critical = "critical",
        /// One, on purpose.
        Singleton = "singleton",
    }
}

word! {
    /// What a cluster is like (rules.md 1.5).
    pub enum Profile {
        /// One node.
        SingleNode = "single-node",
        /// All nodes in one zone.
        SingleZone = "single-zone",
        /// The provider runs the control plane.
        ManagedControlPlane = "managed-control-plane",
    }
}

record! {
    /// Which workloads are of a tier. Empty fields match everything; `*` stands for any characters.
    pub struct TierAssignment {
        /// The namespace.
        pub namespace: String,
        /// The kind.
        pub kind: String,
        /// The name.
        pub name: String,
        /// Their tier.
        pub tier: Tier,
    }
}

record! {
    /// What a user may set, as far as rules read it.
    pub struct Settings {
        /// Replicas that a workload of the normal tier must have; 2 when unset.
        pub minimum_replicas as "minimum-replicas": Option<u32>,
        /// Tiers by name; the first that matches wins, and the label `kubectl-ha/tier` wins over all.
        pub tiers: Vec<TierAssignment>,
        /// Label keys besides the well-known one that mean zone.
        pub zone_keys as "zone-keys": Vec<String>,
        /// Label keys besides the well-known one that mean node.
        pub host_keys as "host-keys": Vec<String>,
        /// Label keys of racks and other domains between the two.
        pub rack_keys as "rack-keys": Vec<String>,
        /// Profiles set by hand; detected when empty.
        pub profiles: Vec<Profile>,
        /// For how long a node may be away, in seconds; 3600 when unset.
        pub node_unavailable_seconds as "node-unavailable-seconds": Option<u32>,
        /// Rules that are not to run.
        pub disabled_rules as "disabled-rules": Vec<String>,
        /// Whether passes and not-applicables are listed, not only counted.
        pub list_all as "list-all": bool,
    }
}

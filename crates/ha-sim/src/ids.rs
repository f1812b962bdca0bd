//! Typed positions in the tables of the model and the state, so that tables cannot be mixed up.

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident),* $(,)?) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// The index of the entry at `position`. Tables are far below 2³² entries: readers limit the input.
            #[allow(clippy::cast_possible_truncation)]
            pub const fn at(position: usize) -> Self {
                Self(position as u32)
            }

            /// The position as a slice index.
            pub const fn position(self) -> usize {
                self.0 as usize
            }
        }
    )* };
}

ids! {
    /// A pod of the simulation: first those of the snapshot in its order, then those that controllers create.
    PodIndex,
    /// What pods that the scheduler cannot tell apart (but for their claims) have in common.
    ClassId,
    /// The part of a class that its specification alone determines: requests, ports, disks.
    ShapeId,
    /// What the filters need that look at a node's labels and taints only.
    StaticId,
    /// A label key that means a topology.
    KeyId,
    /// One value of a topology key.
    DomainId,
    /// A selector with the namespaces in which it selects.
    MatcherId,
    /// A count of pods per domain of one topology key.
    TallyId,
    /// A resource other than `pods`.
    ResourceId,
    /// A node affinity of volumes.
    ReachId,
    /// A claim of the simulation: first those of the snapshot, then those that StatefulSets create.
    ClaimIndex,
}

impl ResourceId {
    /// Where it stands in a list that begins with the number of pods, such as that of what is left on a node.
    pub(crate) const fn after_pods(self) -> usize {
        self.position() + 1
    }
}

//! Which workloads keep standby replicas: one leads, the others wait.

use alloc::collections::BTreeSet;

use ha_sdk::snapshot::{Snapshot, Workload};
use ha_sdk::text::Text;

/// Flags that switch leader election on.
const ELECTION_FLAGS: &[&str] = &["leader-elect", "leader-election", "enable-leader-election"];

/// The pods that hold a Lease, so that their workloads can be told from others.
pub(crate) struct Leaders<'s> {
    snapshot: &'s Snapshot,
    /// Namespace of the Lease, and the name of the pod that holds it.
    holders: BTreeSet<(Text, &'s str)>,
}

impl<'s> Leaders<'s> {
    /// Reads all Leases. A holder's identity is the pod's name, often with `_` and a random part behind it.
    pub(crate) fn new(snapshot: &'s Snapshot) -> Self {
        let identity = |holder| snapshot.text(holder).split('_').next().unwrap_or_default();
        let holders = snapshot.leases.iter().map(|lease| (lease.namespace, identity(lease.holder))).collect();
        Self { snapshot, holders }
    }

    /// Whether one replica leads and the others wait: by a flag of a container, or because a pod holds a Lease.
    pub(crate) fn elects(&self, workload: &Workload) -> bool {
        let snapshot = self.snapshot;
        let by_flag = snapshot
            .spec_of(workload)
            .containers
            .iter()
            .flat_map(|container| &container.flags)
            .any(|flag| ELECTION_FLAGS.contains(&snapshot.text(flag.key)) && snapshot.text(flag.value) != "false");
        by_flag
            || snapshot.pods_of(workload).any(|pod| {
                let name = snapshot.text(snapshot.object(pod.object).name);
                self.holders.contains(&(workload.namespace, name))
            })
    }
}

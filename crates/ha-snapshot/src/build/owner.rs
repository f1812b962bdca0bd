//! Who controls what.
//!
//! An owner reference counts only when the owner exists and its UID agrees (rules.md 1.3): a forged one must not buy
//! an exemption. Owners of kinds that are never read are kept by name, and what depends on them stays unknown.

use hashbrown::HashMap;

use crate::objects::{Metadata, OwnerReference, Str};

/// An owner reference, shortened: its position in [`Owners::references`].
pub(super) type OwnerKey = u32;

/// Owner references, each once, and the objects that may be meant.
#[derive(Debug, Default)]
pub(super) struct Owners {
    references: super::intern::Interned<OwnerReference>,
    /// The reference that came last, since the pods of one owner come together.
    last: usize,
    /// Workload drafts by UID.
    workloads: HashMap<Str, usize>,
    /// ReplicaSets under a Deployment, and Jobs under a CronJob: their own controller by UID.
    parents: HashMap<Str, OwnerKey>,
}

impl Owners {
    /// The key of a reference.
    pub(super) fn key(&mut self, owner: &OwnerReference) -> OwnerKey {
        if self.last >= self.references.len() || self.references.get(self.last) != owner {
            self.last = self.references.intern(owner.clone());
        }
        u32::try_from(self.last).unwrap_or(u32::MAX)
    }

    /// The reference of a key.
    pub(super) fn reference(&self, key: OwnerKey) -> &OwnerReference {
        self.references.get(key as usize)
    }

    /// Takes note of a workload.
    pub(super) fn add_workload(&mut self, metadata: &Metadata, draft: usize) {
        if !metadata.uid.is_empty() {
            self.workloads.insert(metadata.uid.clone(), draft);
        }
    }

    /// Takes note of an object that only stands between pods and their workload.
    pub(super) fn add_between(&mut self, metadata: &Metadata, parent: OwnerKey) {
        if !metadata.uid.is_empty() {
            self.parents.insert(metadata.uid.clone(), parent);
        }
    }

    /// The top controller of a reference that was read: a draft, or the reference at which the trace is lost.
    pub(super) fn top(&self, key: OwnerKey) -> Result<usize, OwnerKey> {
        let mut key = key;
        // Owners may name each other in a circle; no real chain is longer than a few steps.
        for _ in 0..8 {
            let reference = self.reference(key);
            if let Some(&draft) = self.workloads.get(&reference.uid) {
                return Ok(draft);
            }
            match self.parents.get(&reference.uid) {
                Some(&parent) => key = parent,
                None => return Err(key),
            }
        }
        Err(key)
    }
}

/// Whether a controller is a node: the owner of a static pod's mirror.
pub(super) fn is_node(owner: &OwnerReference) -> bool {
    owner.kind == "Node"
}

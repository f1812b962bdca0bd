//! Claims: those of the snapshot, those that came since, and how they are bound.

use ha_core::snapshot::VolumeId;
use ha_core::text::Text;

use super::State;
use super::journal::Change;
use crate::ids::{ClaimIndex, PodIndex};
use crate::model::storage::Binding;
use crate::model::{ClaimModel, ClaimRef};

impl State<'_> {
    /// The claim that a pod means, when it exists by now.
    pub fn claim_of(&self, pod: PodIndex, claim: ClaimRef) -> Option<ClaimIndex> {
        match claim {
            ClaimRef::Known(claim) => Some(claim),
            ClaimRef::Missing(name) => {
                let namespace = self.model.class(self.pod(pod).class).key.namespace;
                self.claim_names.get(&(namespace, name)).copied()
            }
        }
    }

    /// The claim of that name that was created since the snapshot.
    pub fn find_claim(&self, namespace: Text, name: Text) -> Option<ClaimIndex> {
        self.claim_names.get(&(namespace, name)).copied()
    }

    /// The claim at `claim`.
    pub fn claim(&self, claim: ClaimIndex) -> &ClaimModel {
        let known = &self.model.storage.claims;
        match claim.position().checked_sub(known.len()) {
            None => &known[claim.position()],
            Some(position) => &self.claims[position],
        }
    }

    /// How a claim is bound now.
    #[inline]
    pub fn binding(&self, claim: ClaimIndex) -> Binding {
        self.bindings[claim.position()]
    }

    /// How many pods on nodes use a claim.
    #[inline]
    pub fn users(&self, claim: ClaimIndex) -> u32 {
        self.users[claim.position()]
    }

    /// Whether a volume was given to a claim since the snapshot.
    pub fn is_taken(&self, volume: VolumeId) -> bool {
        self.taken.contains_key(&volume)
    }

    /// A new claim, not yet bound.
    pub fn create_claim(&mut self, claim: ClaimModel) -> ClaimIndex {
        let index = ClaimIndex::at(self.bindings.len());
        self.claim_names.insert((claim.namespace, claim.name), index);
        self.note(Change::Claimed(claim.namespace, claim.name));
        self.claims.push(claim);
        self.bindings.push(Binding::Unbound);
        self.users.push(0);
        index
    }

    /// Binds a claim.
    pub fn bind(&mut self, claim: ClaimIndex, binding: Binding) {
        self.note(Change::Bound(claim, self.bindings[claim.position()]));
        self.change_binding(claim, binding);
    }

    pub(super) fn change_binding(&mut self, claim: ClaimIndex, binding: Binding) {
        if let Binding::Volume(volume) = self.bindings[claim.position()] {
            self.taken.remove(&volume);
        }
        if let Binding::Volume(volume) = binding {
            self.taken.insert(volume, claim);
        }
        self.bindings[claim.position()] = binding;
    }
}

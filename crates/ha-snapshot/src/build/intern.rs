//! A table in which equal entries stand once.

use alloc::vec::Vec;
use core::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// A table in which equal entries stand once, in the order in which they came.
#[derive(Debug)]
pub(super) struct Interned<T> {
    entries: Vec<T>,
    /// Each entry's hash and position. The hash is kept so that the table can grow without reading all entries again.
    positions: HashTable<(u64, usize)>,
    hasher: DefaultHashBuilder,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), positions: HashTable::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl<T: Hash + Eq> Interned<T> {
    /// The position of an entry equal to `entry`, which is added when it is new.
    pub(super) fn intern(&mut self, entry: T) -> usize {
        let hash = self.hasher.hash_one(&entry);
        let entries = &self.entries;
        let is_same = |&(other, position): &(u64, usize)| other == hash && entries[position] == entry;
        if let Some(&(_, position)) = self.positions.find(hash, is_same) {
            return position;
        }
        let position = self.entries.len();
        self.entries.push(entry);
        self.positions.insert_unique(hash, (hash, position), |&(hash, _)| hash);
        position
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry at `position`.
    pub(super) fn get(&self, position: usize) -> &T {
        &self.entries[position]
    }

    /// All entries, in the order in which they came.
    pub(super) fn entries(&self) -> &[T] {
        &self.entries
    }

    /// All entries.
    pub(super) fn into_entries(self) -> Vec<T> {
        self.entries
    }
}

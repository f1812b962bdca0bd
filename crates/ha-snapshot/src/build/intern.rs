//! A table in which equal entries stand once.

use alloc::vec::Vec;
use core::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// A table in which equal entries stand once, in the order in which they came.
#[derive(Debug)]
pub(super) struct Interned<T> {
    entries: Vec<T>,
    positions: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), positions: HashTable::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl<T: Hash + Eq> Interned<T> {
    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry at `position`.
    pub(super) fn get(&self, position: usize) -> &T {
        &self.entries[position]
    }

    /// All entries.
    pub(super) fn into_entries(self) -> Vec<T> {
        self.entries
    }
}

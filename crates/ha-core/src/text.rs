//! Interned strings.
//!
//! A cluster repeats itself: 150,000 pods share a few thousand names of labels, images and nodes.
//! Every string of a snapshot stands once in one table, tables hold its number, and two strings of
//! the same snapshot are equal exactly when their numbers are. Nothing here knows what a string means.

use alloc::string::String;
use alloc::vec::Vec;
use core::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::wire::{index, record};

index! {
    /// A string of the snapshot. The default is the empty string, which also stands for "not set"
    /// where Kubernetes makes no difference between the two.
    Text
}

impl Text {
    /// Whether this is the empty string.
    pub const fn is_empty(self) -> bool {
        self.index == 0
    }
}

record! {
    /// The table of strings: all of them one after the other.
    pub struct Texts {
        /// The strings, concatenated in the order of their numbers.
        pub bytes: String,
        /// Where each string ends in `bytes`. The first is the empty string: `ends[0] == 0`.
        pub ends: Vec<u32>,
    }
}

impl Texts {
    /// The string of that number; the empty string where the number is not in this table.
    pub fn get(&self, text: Text) -> &str {
        let position = text.position();
        let Some(&end) = self.ends.get(position) else {
            return "";
        };
        let start = match position.checked_sub(1) {
            Some(previous) => self.ends[previous],
            None => 0,
        };
        self.bytes.get(start as usize..end as usize).unwrap_or("")
    }

    /// How many strings the table holds.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the table holds no string at all, not even the empty one.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The number of a string that is already in the table, found by looking at each of them.
    /// For the few look-ups of a rule; builders use [`Interner`].
    pub fn find(&self, wanted: &str) -> Option<Text> {
        (0..self.len()).map(Text::at).find(|&text| self.get(text) == wanted)
    }
}

/// Builds a [`Texts`] table, giving equal strings the same number.
#[derive(Debug)]
pub struct Interner {
    texts: Texts,
    /// Each string's hash and number. The hash is kept so that the table can grow without reading all strings again.
    numbers: HashTable<(u64, u32)>,
    hasher: DefaultHashBuilder,
}

impl Default for Interner {
    fn default() -> Self {
        let mut interner =
            Self { texts: Texts::default(), numbers: HashTable::new(), hasher: DefaultHashBuilder::default() };
        interner.intern("");
        interner
    }
}

impl Interner {
    /// The number of `string`, which is added when it is new.
    pub fn intern(&mut self, string: &str) -> Text {
        // The commonest of all.
        if string.is_empty() && !self.texts.is_empty() {
            return Text::default();
        }
        let hash = self.hasher.hash_one(string);
        let texts = &self.texts;
        let is_same = |&(other, index): &(u64, u32)| other == hash && texts.get(Text { index }) == string;
        if let Some(&(_, index)) = self.numbers.find(hash, is_same) {
            return Text { index };
        }
        let text = Text::at(self.texts.len());
        self.texts.bytes.push_str(string);
        self.texts.ends.push(end_of(&self.texts.bytes));
        self.numbers.insert_unique(hash, (hash, text.index), |&(hash, _)| hash);
        text
    }

    /// The string of that number.
    pub fn get(&self, text: Text) -> &str {
        self.texts.get(text)
    }

    /// The table as it is now.
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// The finished table.
    pub fn finish(self) -> Texts {
        self.texts
    }
}

/// The table's strings together stay below 4 GiB: readers refuse larger inputs.
#[allow(clippy::cast_possible_truncation)]
fn end_of(bytes: &str) -> u32 {
    bytes.len() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_share_a_number() {
        let mut interner = Interner::default();
        let a = interner.intern("zone-a");
        let b = interner.intern("zone-b");
        assert_eq!(interner.intern("zone-a"), a);
        assert_ne!(a, b);
        let texts = interner.finish();
        assert_eq!((texts.get(a), texts.get(b)), ("zone-a", "zone-b"));
        assert_eq!(texts.get(Text::default()), "");
        assert_eq!(texts.find("zone-b"), Some(b));
        assert_eq!(texts.get(Text { index: 99 }), "");
    }
}

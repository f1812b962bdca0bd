//! Chance, from a seed.

use fastrand::Rng;

/// A source of random choices; the same seed makes the same choices.
pub(super) struct Dice(Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// True in so many of a hundred cases.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.0.u32(0..100) < percent
    }

    /// A number from `low` to `high`, both possible.
    pub(super) fn from(&mut self, low: u32, high: u32) -> u32 {
        self.0.u32(low..=high)
    }

    /// One of some things, all alike likely.
    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(0..of.len())]
    }

    /// One of some things, by reference.
    pub(super) fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.0.usize(0..of.len())]
    }

    /// Some of some things, at least one, in their order.
    pub(super) fn some<T: Copy>(&mut self, of: &[T]) -> Vec<T> {
        let sure = self.0.usize(0..of.len());
        let mut chosen = Vec::new();
        for (index, thing) in of.iter().enumerate() {
            if index == sure || self.chance(30) {
                chosen.push(*thing);
            }
        }
        chosen
    }

    /// A seed for something of its own.
    pub(super) fn seed(&mut self) -> u64 {
        self.0.u64(..)
    }
}

//! The dice of the scheduler: where it breaks ties at random, or where order is chance, these numbers decide. They are
//! the same for the same seed.

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators").
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Dice for a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Skips as many numbers as these dice gave between two moments.
    pub(crate) fn skip(&mut self, before: &Self, after: &Self) {
        self.0 = self.0.wrapping_add(after.0.wrapping_sub(before.0));
    }

    /// A number below `bound`; 0 when that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        usize::try_from(self.roll() % bound).unwrap_or(0)
    }

    /// Puts a list into another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn skipped_numbers_are_those_that_were_given_elsewhere() {
        let (mut dice, mut others) = (Random::new(7), Random::new(99));
        let before = others.clone();
        for _ in 0..3 {
            others.roll();
        }
        let mut skipping = dice.clone();
        skipping.skip(&before, &others);
        for _ in 0..3 {
            dice.roll();
        }
        assert_eq!(skipping.roll(), dice.roll());
    }
}

//! Which elements a collection that is being read has surely not got yet.
//!
//! A compact collection finds an element by walking over all of them, and one that arrives element
//! by element would be walked over for each. A filter of a few bits answers most of that at once;
//! what it cannot answer is looked for.

use foldhash::quality::FixedState;

/// Enough for few wrong guesses about a collection of as many elements as a compact one has.
const WORDS: usize = 32;

/// The elements that were noted, as bits of their hashes.
#[derive(Clone, Debug)]
pub struct Seen {
    bits: [u64; WORDS],
    hasher: FixedState,
}

/// What is known of an element before it is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// It is not there.
    Sure,
    /// It may be there.
    Unsure,
}

impl Seen {
    /// None.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { bits: [0; WORDS], hasher: FixedState::with_seed(seed) }
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.bits = [0; WORDS];
    }

    /// Notes an element, and tells what was known of it.
    pub fn note(&mut self, element: &[u8]) -> Novelty {
        use core::hash::BuildHasher as _;
        let hash = self.hasher.hash_one(element) as usize;
        let (word, bit) = (&mut self.bits[hash / 64 % WORDS], 1 << (hash % 64));
        let novelty = if *word & bit == 0 { Novelty::Sure } else { Novelty::Unsure };
        *word |= bit;
        novelty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_never_surely_new_and_little_else_is_unsure() {
        let mut seen = Seen::new(7);
        let element = |number: u32| number.to_le_bytes();
        let sure = |seen: &mut Seen, numbers: core::ops::Range<u32>| {
            numbers.filter(|&number| seen.note(&element(number)) == Novelty::Sure).count()
        };
        assert!(sure(&mut seen, 0..128) > 115);
        assert_eq!(sure(&mut seen, 0..128), 0);
        seen.clear();
        assert!(sure(&mut seen, 0..128) > 115);
    }
}

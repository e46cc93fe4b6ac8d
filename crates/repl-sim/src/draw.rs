//! Randomness of a run: one named stream per purpose, all of them functions of the run's seed.
//!
//! Adding a draw for one purpose does not shift the draws of another, so that a change of the
//! workload leaves the network's choices alone.

use std::time::Duration;

use repl_core::base::rng::{Rng, Seed};

/// One stream of draws.
#[derive(Clone, Debug)]
pub(crate) struct Draw(Rng);

impl Draw {
    /// The stream that `seed` holds for `purpose`.
    #[must_use]
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        Self(Rng::new(Seed::from_u64(seed), purpose))
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.bits()
    }

    /// A number of `low..=high`.
    ///
    /// # Panics
    /// When `low` is above `high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "an empty range has no number");
        match (high - low).checked_add(1) {
            Some(width) => low + self.0.below(width),
            None => self.bits(),
        }
    }

    /// An index below `len`.
    ///
    /// # Panics
    /// When `len` is zero.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.0.below(len as u64)).expect("it is below a usize")
    }

    /// A span of `low..=high`.
    pub(crate) fn span(&mut self, low: Duration, high: Duration) -> Duration {
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.between(nanos(low), nanos(high)))
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.index(choices.len())]
    }

    /// `true` once in `n` draws.
    pub(crate) fn once_in(&mut self, n: u64) -> bool {
        self.0.below(n) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_includes_both_its_ends() {
        let mut draw = Draw::new(1, "test");
        let drawn: Vec<u64> = (0..200).map(|_| draw.between(3, 5)).collect();
        assert!(drawn.iter().all(|n| (3..=5).contains(n)));
        assert!([3, 4, 5].iter().all(|n| drawn.contains(n)));
        assert_eq!(draw.between(7, 7), 7);
    }
}

//! Randomness as data: every draw comes from the node's seed, one named stream per purpose, so that
//! adding a draw for one purpose does not shift the draws of another.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng};

/// What a node's randomness is a function of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seed([u8; 32]);

impl Seed {
    /// A seed from 32 bytes, for example of the operating system's randomness.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A seed from a number, for tests and simulations.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        let n = number.to_le_bytes();
        let mut bytes = [0; 32];
        let mut i = 0;
        while i < n.len() {
            bytes[i] = n[i];
            i += 1;
        }
        Self(bytes)
    }
}

/// One named stream of draws.
#[derive(Clone, Debug)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// The stream that `seed` holds for `purpose`. Two purposes never share draws.
    #[must_use]
    pub fn new(seed: Seed, purpose: &str) -> Self {
        let mut rng = ChaCha8Rng::from_seed(seed.0);
        // FNV-1a: short, fixed for ever, and good enough to keep a handful of names apart.
        let stream = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        rng.set_stream(stream);
        Self(rng)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`.
    ///
    /// # Panics
    /// When `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "no number is below zero");
        // Multiply-shift: the bias is below bound / 2^64.
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// `N` random lower-case hexadecimal digits.
    pub fn hex<const N: usize>(&mut self) -> [u8; N] {
        let mut digits = [0; N];
        self.0.fill_bytes(&mut digits);
        digits.map(|byte| b"0123456789abcdef"[usize::from(byte & 15)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_repeats_and_two_purposes_differ() {
        let draw = |purpose| Rng::new(Seed::from_u64(1), purpose).bits();
        assert_eq!(draw("replid"), draw("replid"));
        assert_ne!(draw("replid"), draw("hash"));
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::new(Seed::from_u64(2), "test");
        assert!((0..1000).all(|_| rng.below(3) < 3));
    }
}

//! What must hold of the whole node for all inputs, as checks that take a source of choices: the tests of this
//! room feed them from a seed, the fuzz targets from a fuzzer.
//!
//! Each check panics when its property is broken. Must not be part of a server.

mod menu;
mod stream;
mod world;

pub use self::{
    stream::{any_stream, any_stream_bytes},
    world::any_inputs,
};

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use arbitrary::{Result, Unstructured};

    use super::*;
    use crate::base::rng::{Rng, Seed};

    /// Runs `property` on the choices of many seeds.
    fn check<T>(purpose: &str, seeds: u64, property: fn(&mut Unstructured<'_>) -> Result<T>) {
        for seed in 0..seeds {
            let _ran_out = property(&mut Unstructured::new(&choices(purpose, seed)));
        }
    }

    fn choices(purpose: &str, seed: u64) -> Vec<u8> {
        let mut rng = Rng::new(Seed::from_u64(seed), purpose);
        (0..512).flat_map(|_| rng.bits().to_le_bytes()).collect()
    }

    #[test]
    fn no_sequence_of_inputs_breaks_the_contract() {
        check("inputs", 1500, any_inputs);
    }

    #[test]
    fn the_same_inputs_have_the_same_effects() {
        for seed in 0..100 {
            let choices = choices("again", seed);
            let once = any_inputs(&mut Unstructured::new(&choices));
            let again = any_inputs(&mut Unstructured::new(&choices));
            assert_eq!(once.ok(), again.ok(), "seed {seed}");
        }
    }

    #[test]
    fn a_stream_in_any_pieces_is_applied_the_same_and_passed_on_verbatim() {
        check("stream", 1500, any_stream);
    }
}

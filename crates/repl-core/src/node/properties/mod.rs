//! What must hold of the whole node for all inputs, as checks that take a source of choices: the
//! tests of this room feed them from a seed, the fuzz targets from a fuzzer.
//!
//! Each check panics when its property is broken. Must not be part of a server.

mod disk;
mod menu;
mod stream;
mod world;

pub use self::{
    stream::{any_stream, any_stream_bytes},
    world::{Seen, any_inputs},
};

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use arbitrary::Unstructured;

    use super::*;
    use crate::base::rng::{Rng, Seed};

    fn choices(purpose: &str, seed: u64) -> Vec<u8> {
        let mut rng = Rng::new(Seed::from_u64(seed), purpose);
        (0..512).flat_map(|_| rng.bits().to_le_bytes()).collect()
    }

    #[test]
    fn no_sequence_of_inputs_breaks_the_contract() {
        let mut sum = Seen::default();
        for seed in 0..1500 {
            let Ok(seen) = any_inputs(&mut Unstructured::new(&choices("inputs", seed))) else {
                continue;
            };
            sum.online_replicas += usize::from(seen.online_replicas > 0);
            sum.streaming += u64::from(seen.streaming > 0);
            sum.full_syncs += seen.full_syncs;
            sum.partial_syncs += seen.partial_syncs;
            sum.blocked += u64::from(seen.blocked > 0);
        }
        // The choices come to what they are meant to come to.
        assert!(sum.online_replicas > 100 && sum.streaming > 100, "{sum:?}");
        assert!(sum.full_syncs > 100 && sum.partial_syncs > 20, "{sum:?}");
        assert!(sum.blocked > 100, "{sum:?}");
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
        let mut whole = 0;
        for seed in 0..1500 {
            whole +=
                u32::from(any_stream(&mut Unstructured::new(&choices("stream", seed))).is_ok());
        }
        assert!(whole > 1400, "the choices ran out in all but {whole} cases");
    }
}

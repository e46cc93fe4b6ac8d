//! Requests: whatever arrives, in whatever pieces, the parser neither panics nor contradicts
//! itself.
//!
//! The properties are those of the tests; here a fuzzer makes the choices.
#![no_main]

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use repl_core::resp::properties;

fuzz_target!(|data: &[u8]| {
    // The bytes as they are, so that the fuzzer learns the protocol from the parser's own branches.
    properties::any_bytes_in_any_pieces(data, &properties::LIMITS);
    // And the bytes as choices, which come to whole requests much sooner. Choices that run out are
    // no failure: what was checked until then counts.
    let _ran_out = choose(&mut Unstructured::new(data));
});

fn choose(choices: &mut Unstructured<'_>) -> Result<()> {
    match choices.int_in_range(0..=2)? {
        0 => properties::pieces_do_not_matter(choices),
        1 => properties::encoding_is_read_back(choices),
        _ => properties::canonical_is_what_encoding_gives(choices),
    }
}

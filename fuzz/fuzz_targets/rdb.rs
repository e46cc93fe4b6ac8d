//! Snapshots: whatever a master sends as a payload, in whatever pieces, the decoder neither panics
//! nor takes more memory than there are bytes, and what our encoder wrote is read back.
#![no_main]

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use repl_core::rdb::{
    Decoder, Fed, Limits, RdbError,
    sample::{Event, Recorder, Sample},
};

const LIMITS: Limits = Limits { string_max_bytes: 1 << 20 };

fuzz_target!(|data: &[u8]| {
    // The bytes as they are: whole, and one by one.
    let whole = decode(data, data.len().max(1));
    assert_eq!(decode(data, 1), whole, "pieces do not matter");
    // And the bytes as choices of a snapshot that must be read back.
    let _ran_out = read_back(&mut Unstructured::new(data));
});

/// What a snapshot says, and how many bytes it took.
fn decode(bytes: &[u8], piece: usize) -> (Vec<Event>, Result<Option<usize>, RdbError>) {
    let (mut decoder, mut recorder) = (Decoder::new(LIMITS), Recorder::default());
    let mut taken = 0;
    for piece in bytes.chunks(piece) {
        match decoder.feed(piece, &mut recorder) {
            Ok(Fed::More) => taken += piece.len(),
            Ok(Fed::Done { consumed }) => return (recorder.events, Ok(Some(taken + consumed))),
            Err(error) => return (recorder.events, Err(error)),
        }
    }
    (recorder.events, Ok(None))
}

fn read_back(choices: &mut Unstructured<'_>) -> Result<()> {
    let sample: Sample = choices.arbitrary()?;
    let mut bytes = sample.encode();
    let piece = choices.int_in_range(1..=bytes.len())?;
    let expect = (sample.events, Ok(Some(bytes.len())));
    assert_eq!(decode(&bytes, piece), expect);
    // A damaged one may be refused or not, but not depend on the pieces.
    let at = choices.choose_index(bytes.len())?;
    bytes[at] = choices.arbitrary()?;
    assert_eq!(decode(&bytes, piece), decode(&bytes, bytes.len()));
    Ok(())
}

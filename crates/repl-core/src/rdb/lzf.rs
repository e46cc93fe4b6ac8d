//! LZF, the compression of strings in a snapshot. Knows only bytes.
//!
//! A compressed string is a sequence of two kinds of tokens:
//!
//! ```text
//! 000nnnnn                    n + 1 literal bytes follow
//! nnnooooo oooooooo           copy n + 2 bytes (n is 1..=6) from o + 1 bytes back
//! 111ooooo mmmmmmmm oooooooo  copy m + 9 bytes from o + 1 bytes back
//! ```

use alloc::{boxed::Box, vec, vec::Vec};

/// The bytes are not LZF, or not of the length they claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The longest run of literals one token holds, in bytes.
const LITERALS_MAX: usize = 32;
/// How far back a copy reaches, in bytes.
const DISTANCE_MAX: usize = 1 << 13;
/// The longest copy one token holds, in bytes.
const COPY_MAX: usize = 264;
/// Three bytes expand to at most [`COPY_MAX`], and no token does better.
const RATIO_MAX: u64 = 88;

/// Whether `compressed_bytes` bytes can hold a string of `plain_bytes`. A length that fails this is
/// a lie, and no memory should be reserved for it.
pub(crate) const fn is_plausible(compressed_bytes: u64, plain_bytes: u64) -> bool {
    plain_bytes <= compressed_bytes.saturating_mul(RATIO_MAX)
}

/// Replaces `out` by what `input` expands to, which must be `len` bytes.
///
/// # Errors
/// When `input` ends inside a token, reaches back before its start, or holds more or less than
/// `len` bytes. `out` then holds some prefix. It never grows beyond `len`.
#[deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
pub(crate) fn decompress(input: &[u8], len: usize, out: &mut Vec<u8>) -> Result<(), Malformed> {
    out.clear();
    out.reserve_exact(len);
    let mut rest = input;
    while let Some((&control, after)) = rest.split_first() {
        let room = len - out.len();
        if control < 32 {
            let run = usize::from(control) + 1;
            let (literals, after) = after.split_at_checked(run).ok_or(Malformed)?;
            if run > room {
                return Err(Malformed);
            }
            out.extend_from_slice(literals);
            rest = after;
        } else {
            let (more, low, after) = match (control >> 5, after) {
                (7, [more, low, after @ ..]) => (usize::from(*more), *low, after),
                (0..7, [low, after @ ..]) => (0, *low, after),
                _ => return Err(Malformed),
            };
            let run = usize::from(control >> 5) + more + 2;
            let distance = (usize::from(control & 31) << 8) + usize::from(low) + 1;
            if run > room || distance > out.len() {
                return Err(Malformed);
            }
            copy_back(out, distance, run);
            rest = after;
        }
    }
    if out.len() == len { Ok(()) } else { Err(Malformed) }
}

/// Appends `run` bytes of `out` that begin `distance` bytes before its end. A run longer than the
/// distance repeats itself.
fn copy_back(out: &mut Vec<u8>, distance: usize, run: usize) {
    let from = out.len() - distance;
    let mut left = run;
    while left > 0 {
        // Everything since `from` has the period `distance`, so each turn can copy twice as much.
        let piece = left.min(out.len() - from);
        out.extend_from_within(from..from + piece);
        left -= piece;
    }
}

/// Compresses strings, one after the other. Keeps its table between them, so that a short string
/// does not pay for clearing it.
///
/// Data that does not compress must not cost much, so there are two brakes. Inside a string the
/// search takes larger steps the longer it finds nothing. And after [`PATIENCE`] short strings in
/// a row did not pay, only every [`SAMPLE_EVERY`]th short one is tried, until one pays again.
pub(crate) struct Compressor {
    /// By the hash of three bytes: where they were seen last, as position + `base`.
    table: Box<[u32; TABLE_SIZE]>,
    /// Positions below this belong to earlier strings.
    base: u32,
    /// How many short strings in a row did not pay.
    failures: u32,
    out: Vec<u8>,
}

const TABLE_BITS: u32 = 14;
const TABLE_SIZE: usize = 1 << TABLE_BITS;
/// The longest string that is tried, in bytes: its positions must fit the table. No server that we
/// know of holds a longer one.
const LEN_MAX: u32 = 1 << 31;
/// A buffer larger than this is given back before the next string.
const BUFFER_KEPT_BYTES: usize = 64 * 1024;
/// Strings below this many bytes are short.
const SHORT: usize = 1024;
const PATIENCE: u32 = 32;
const SAMPLE_EVERY: u32 = 16;
/// The search's step grows by one each time it has gone this many bytes without a match.
const STEP_GROWS_EVERY: usize = 64;

impl Compressor {
    pub(crate) fn new() -> Self {
        let table: Box<[u32]> = vec![0; TABLE_SIZE].into_boxed_slice();
        let table = table.try_into().expect("the slice has the array's length");
        Self { table, base: 1, failures: 0, out: Vec::new() }
    }

    /// The compressed form of `input`, if that saves at least four bytes and was worth a try.
    pub(crate) fn compress(&mut self, input: &[u8]) -> Option<&[u8]> {
        self.out.clear();
        self.out.shrink_to(BUFFER_KEPT_BYTES);
        let len = u32::try_from(input.len()).ok().filter(|len| *len <= LEN_MAX)?;
        if input.len() < SHORT && self.failures >= PATIENCE {
            // Beyond the patience the count goes round: it is how many were passed over.
            self.failures += 1;
            if self.failures < PATIENCE + SAMPLE_EVERY {
                return None;
            }
            self.failures = PATIENCE;
        }
        self.make_room(len);
        let paid = self.search(input);
        self.base += len;
        if paid {
            self.failures = 0;
            Some(&self.out)
        } else {
            if input.len() < SHORT {
                self.failures = (self.failures + 1).min(PATIENCE);
            }
            None
        }
    }

    /// Makes sure that positions of the next `len` bytes fit the table.
    fn make_room(&mut self, len: u32) {
        if self.base.checked_add(len).is_none() {
            self.table.fill(0);
            self.base = 1;
        }
    }

    /// Fills `self.out`; whether the result pays.
    fn search(&mut self, input: &[u8]) -> bool {
        let budget = input.len().saturating_sub(4);
        let mut literals_from = 0;
        let mut at = 0;
        while let Some(&[a, b, c]) = input.get(at..).and_then(|rest| rest.first_chunk()) {
            let slot = &mut self.table[slot_of(a, b, c)];
            let seen = core::mem::replace(slot, self.base + at as u32);
            let found = seen
                .checked_sub(self.base)
                .map(|position| position as usize)
                .filter(|position| at - position <= DISTANCE_MAX)
                .filter(|position| input[*position..].starts_with(&[a, b, c]));
            let Some(position) = found else {
                at += 1 + (at - literals_from) / STEP_GROWS_EVERY;
                continue;
            };
            let run = 3 + common_prefix(&input[position + 3..], &input[at + 3..], COPY_MAX - 3);
            self.put_literals(&input[literals_from..at]);
            self.put_copy(at - position, run);
            if self.out.len() > budget {
                return false;
            }
            at += run;
            literals_from = at;
            // What ends a copy often begins the next one. Learning the rest of it does not pay.
            self.learn(input, at - 2);
            self.learn(input, at - 1);
        }
        // A run of literals costs a byte per 32.
        let tail = &input[literals_from..];
        if self.out.len() + tail.len() + tail.len().div_ceil(LITERALS_MAX) > budget {
            return false;
        }
        self.put_literals(tail);
        true
    }

    /// Remembers where the three bytes at `at` are.
    fn learn(&mut self, input: &[u8], at: usize) {
        if let Some(&[a, b, c]) = input.get(at..).and_then(|rest| rest.first_chunk()) {
            self.table[slot_of(a, b, c)] = self.base + at as u32;
        }
    }

    fn put_literals(&mut self, literals: &[u8]) {
        for run in literals.chunks(LITERALS_MAX) {
            self.out.push((run.len() - 1) as u8);
            self.out.extend_from_slice(run);
        }
    }

    fn put_copy(&mut self, distance: usize, run: usize) {
        assert!((1..=DISTANCE_MAX).contains(&distance), "the search looks no further");
        assert!((3..=COPY_MAX).contains(&run), "the search takes no other runs");
        let [low, high] = ((distance - 1) as u16).to_le_bytes();
        match run - 2 {
            short @ 0..7 => self.out.extend_from_slice(&[(short as u8) << 5 | high, low]),
            long => self.out.extend_from_slice(&[7 << 5 | high, (long - 7) as u8, low]),
        }
    }
}

impl core::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Compressor").field("failures", &self.failures).finish_non_exhaustive()
    }
}

fn slot_of(a: u8, b: u8, c: u8) -> usize {
    // Multiplicative hashing: the product's high bits depend on all three bytes.
    let product = u32::from_le_bytes([0, a, b, c]).wrapping_mul(0x9e37_79b1);
    (product >> (32 - TABLE_BITS)) as usize
}

/// How many bytes `a` and `b` have in common at their start, at most `max`.
fn common_prefix(a: &[u8], b: &[u8], max: usize) -> usize {
    a.iter().zip(b).take(max).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(input: &[u8], len: usize) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::new();
        decompress(input, len, &mut out)?;
        Ok(out)
    }

    /// Compresses with a fresh table and checks that it can be undone.
    fn compressed(input: &[u8]) -> Option<Vec<u8>> {
        let compressed = Compressor::new().compress(input).map(<[u8]>::to_vec)?;
        assert!(compressed.len() + 4 <= input.len(), "it pays");
        assert!(is_plausible(compressed.len() as u64, input.len() as u64));
        assert_eq!(expand(&compressed, input.len()).as_deref(), Ok(input));
        Some(compressed)
    }

    #[test]
    fn what_redis_compressed_is_expanded() {
        // Taken from a snapshot of redis-server 7.0.15.
        assert_eq!(expand(b"\x01aa\xe0\x57\x00\x01aa", 100), Ok(vec![b'a'; 100]));
        assert_eq!(
            expand(b"\x06hello h\xe0\x14\x05\x04world", 41).as_deref(),
            Ok(&b"hello hello hello hello hello hello world"[..])
        );
    }

    #[test]
    fn malformed_bytes_are_refused() {
        for (input, len) in [
            (&b"\x02ab"[..], 3),    // Literals are missing.
            (b"\x00a\x20", 4),      // Half a copy.
            (b"\x00a\xe0", 10),     // A third of a long copy.
            (b"\x00a\xe0\x00", 10), // Two thirds of it.
            (b"\x20\x00", 3),       // Copies from before the start.
            (b"\x00a\x20\x01", 4),  // One byte too far back.
            (b"\x01ab", 1),         // Literals beyond the length.
            (b"\x00a\x20\x00", 3),  // A copy beyond the length.
            (b"\x00a", 2),          // Too short.
            (b"", 1),               // Nothing at all.
        ] {
            assert_eq!(expand(input, len), Err(Malformed), "{input:x?}");
        }
        assert_eq!(expand(b"\x00a\x20\x00", 4).as_deref(), Ok(&b"aaaa"[..]));
    }

    #[test]
    fn runs_of_every_length_and_distance_are_found_again() {
        for period in [1, 2, 3, 5, 8, 31, 32, 33, 100] {
            for len in 21..400 {
                let input: Vec<u8> = (0..len).map(|i| (i % period * 7) as u8).collect();
                // A copy of the rest saves nothing when there is hardly a rest.
                assert!(compressed(&input).is_some() || len < period + 8 + period / 16);
            }
        }
        let block: [u8; 40] = core::array::from_fn(|i| i as u8 + 1);
        for distance in 8185..8200 {
            let mut input = block.to_vec();
            input.resize(distance, 0);
            input.extend_from_slice(&block);
            let len = compressed(&input).expect("zeros compress").len();
            // The second block is a copy of the first, unless that is out of reach.
            assert_eq!(len < 150, distance <= DISTANCE_MAX, "{distance}: {len}");
        }
    }

    #[test]
    fn what_cannot_be_compressed_is_soon_left_alone() {
        let mut state = 1_u64;
        let mut noise = |len: usize| -> Vec<u8> {
            let next = |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            };
            (0..len).map(next).collect()
        };
        assert_eq!(compressed(&noise(100_000)), None);

        let mut compressor = Compressor::new();
        for _ in 0..PATIENCE {
            assert_eq!(compressor.compress(&noise(64)), None);
        }
        // From here on only every so many short strings are tried, and a long one always is.
        let tried = (0..SAMPLE_EVERY).filter(|_| compressor.compress(&[7; 64]).is_some()).count();
        assert_eq!(tried, 1);
        assert!(compressor.compress(&[7; 64]).is_some(), "one that paid ends the restraint");
        for _ in 0..PATIENCE {
            assert_eq!(compressor.compress(&noise(64)), None);
        }
        assert!(compressor.compress(&[7; SHORT]).is_some());
    }

    #[test]
    fn a_large_string_leaves_no_large_buffer() {
        let mut compressor = Compressor::new();
        let long: Vec<u8> =
            (0..1_000_000_u32).map(|i| ((i.wrapping_mul(i) >> 12) & 0xf0) as u8).collect();
        assert!(compressor.compress(&long).is_some());
        assert!(compressor.out.capacity() > BUFFER_KEPT_BYTES);
        assert!(compressor.compress(b"short").is_none());
        assert!(compressor.out.capacity() <= BUFFER_KEPT_BYTES);
    }

    #[test]
    fn positions_of_earlier_strings_are_never_used() {
        let mut compressor = Compressor::new();
        compressor.base = u32::MAX - 1000;
        let mut out = Vec::new();
        for i in 0..100_u8 {
            let input = [[i; 40], [i / 2; 40], [3; 40]].concat();
            let packed = compressor.compress(&input).expect("runs compress");
            assert_eq!(decompress(packed, input.len(), &mut out), Ok(()));
            assert_eq!(out, input);
        }
        assert!(compressor.base < 20_000, "the table was cleared once");
    }
}

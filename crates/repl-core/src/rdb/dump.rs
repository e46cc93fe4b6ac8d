//! One value outside of a snapshot, as `DUMP` hands it out and `RESTORE` takes it.
//!
//! ```text
//! type value version crc64      1 byte, as in a snapshot, 2 and 8 bytes little-endian
//! ```
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use alloc::vec::Vec;

use super::{
    crc64,
    decoder::{Decoder, Fed, Limits, Sink},
    encoder::{put_value, type_code},
    error::RdbErrorKind,
    format::{MAGIC, VERSION, opcode},
    lzf::Compressor,
};
use crate::{
    base::time::UnixMillis,
    value::{Shape, Value, View},
};

/// Why a value cannot be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpError {
    /// It was damaged, or comes from a later version.
    Footer,
    /// It is none of the values we know, or longer than allowed.
    Value,
}

/// A value that was dumped.
#[derive(Clone, Debug)]
pub enum Restored {
    /// A string.
    String(Vec<u8>),
    /// Any other type.
    Value(Value),
}

/// Appends a value as `DUMP` hands it out.
pub fn dump(out: &mut Vec<u8>, value: View<'_>) {
    let start = out.len();
    out.push(type_code(value));
    put_value(&mut Some(Compressor::new()), out, value);
    out.extend_from_slice(&VERSION.to_le_bytes());
    let crc = crc64::update(0, out.get(start..).unwrap_or_default());
    out.extend_from_slice(&crc.to_le_bytes());
}

/// The value in `payload`, whose strings are of at most `bytes_max` bytes.
///
/// # Errors
/// When the payload was damaged, or holds something else.
// redis: cluster.c, verifyDumpPayload
pub fn restore(payload: &[u8], bytes_max: u64, shape: Shape) -> Result<Restored, DumpError> {
    let (summed, checksum) = payload.split_last_chunk().ok_or(DumpError::Footer)?;
    let (value, version) = summed.split_last_chunk().ok_or(DumpError::Footer)?;
    let is_sound = u64::from_le_bytes(*checksum) == crc64::update(0, summed);
    if !is_sound || u16::from_le_bytes(*version) > VERSION {
        return Err(DumpError::Footer);
    }
    decode(value, bytes_max, shape).ok_or(DumpError::Value)
}

/// Reads the value as the only one of a snapshot, under the empty key.
fn decode(value: &[u8], bytes_max: u64, shape: Shape) -> Option<Restored> {
    let (code, body) = value.split_first()?;
    // What is no type of a value says something else in a snapshot.
    if *code >= opcode::SLOT_IMPORT_OR_KEY_META {
        return None;
    }
    let mut decoder = Decoder::new(Limits { string_max_bytes: bytes_max }).with_shape(shape);
    let mut only = Only(None);
    let snapshot: [&[u8]; 4] = [MAGIC, &[*code, 0], body, &[opcode::EOF, 0, 0, 0, 0, 0, 0, 0, 0]];
    let (mut taken, mut fed) = (0, Fed::More);
    for piece in snapshot {
        fed = decoder.feed(piece, &mut only).ok()?;
        taken = piece.len();
    }
    // The value ends where the payload ends.
    if fed == (Fed::Done { consumed: taken }) { only.0 } else { None }
}

/// Takes one value and nothing else.
struct Only(Option<Restored>);

impl Only {
    fn take(&mut self, restored: Restored) -> Result<(), RdbErrorKind> {
        match self.0.replace(restored) {
            None => Ok(()),
            Some(_) => Err(RdbErrorKind::DuplicateKey),
        }
    }
}

impl Sink for Only {
    fn aux(&mut self, _name: &[u8], _value: &[u8]) {}

    fn select_db(&mut self, db: u64) -> Result<(), RdbErrorKind> {
        Err(RdbErrorKind::TooManyDatabases(db))
    }

    fn resize_db(&mut self, _keys: u64, _expires: u64) {}

    fn string(
        &mut self,
        _key: &[u8],
        value: &[u8],
        _expires_at: Option<UnixMillis>,
    ) -> Result<(), RdbErrorKind> {
        self.take(Restored::String(value.to_vec()))
    }

    fn value(
        &mut self,
        _key: &[u8],
        value: Value,
        _expires_at: Option<UnixMillis>,
    ) -> Result<(), RdbErrorKind> {
        self.take(Restored::Value(value))
    }

    fn function(&mut self, _code: &[u8]) -> Result<(), RdbErrorKind> {
        Err(RdbErrorKind::UnusableFunctions)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    const FOOTER_BYTES: usize = 2 + 8;

    fn string(payload: &[u8], bytes_max: u64) -> Result<Vec<u8>, DumpError> {
        match restore(payload, bytes_max, Shape::default())? {
            Restored::String(string) => Ok(string),
            Restored::Value(value) => panic!("{value:?} is no string"),
        }
    }

    /// What redis-server 7.0.15 gives for `SET k VALUE` and `DUMP k`.
    #[test]
    fn short_strings_are_dumped_as_redis_dumps_them() {
        let dumped = |value: &[u8]| {
            let mut out = Vec::new();
            dump(&mut out, View::String(value));
            out
        };
        assert_eq!(dumped(b"10"), b"\x00\xc0\n\n\x00n\x9fWE\x0e\xaec\xbb");
        assert_eq!(dumped(b"hello"), b"\x00\x05hello\n\x00cr\xdfve4 \n");
    }

    #[test]
    fn what_was_dumped_is_restored() {
        for value in [&b""[..], b"x", b"-129", b"99999999999", &[b'z'; 5_000], &[0xff; 70]] {
            let mut out = vec![1, 2, 3];
            dump(&mut out, View::String(value));
            assert_eq!(string(&out[3..], 5_000), Ok(value.to_vec()));
        }
    }

    #[test]
    fn a_sound_footer_does_not_make_a_value() {
        let sealed = |body: &[u8], version: u16| {
            let mut out = body.to_vec();
            out.extend_from_slice(&version.to_le_bytes());
            out.extend_from_slice(&crc64::update(0, &out).to_le_bytes());
            out
        };
        let restored = |body: &[u8], version, bytes_max| string(&sealed(body, version), bytes_max);
        for body in [&b""[..], b"\x00", b"\x00\x05hell", b"\x2a\x01x", b"\x00\xc3\x01\x05x"] {
            // The string must end within the payload, and the footer is no part of it.
            assert_eq!(restored(body, VERSION, 100), Err(DumpError::Value), "{body:?}");
        }
        assert_eq!(restored(b"\x00\x01x", 7, 100), Ok(b"x".to_vec()));
        assert_eq!(restored(b"\x00\x01x", VERSION + 1, 100), Err(DumpError::Footer));
        assert_eq!(restored(b"\x00\x05hello", 7, 4), Err(DumpError::Value));
        let short = string(&[0; FOOTER_BYTES - 1], 4);
        assert_eq!(short, Err(DumpError::Footer));
    }
}

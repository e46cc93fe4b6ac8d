//! One value outside of a snapshot, as `DUMP` hands it out and `RESTORE` takes it.
//!
//! ```text
//! type value version crc64      1 byte, as in a snapshot, 2 and 8 bytes little-endian
//! ```

use alloc::vec::Vec;

use super::{
    crc64,
    decoder::read_string,
    encoder::put_string,
    format::{VERSION, value_type},
    lzf::Compressor,
};

/// Why a value cannot be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpError {
    /// It was damaged, or comes from a later version.
    Footer,
    /// It is none of the values we know, or longer than allowed.
    Value,
}

/// Appends a string as `DUMP` hands it out.
pub fn dump_string(out: &mut Vec<u8>, value: &[u8]) {
    let start = out.len();
    out.push(value_type::STRING);
    put_string(&mut Some(Compressor::new()), out, value);
    out.extend_from_slice(&VERSION.to_le_bytes());
    let crc = crc64::update(0, out.get(start..).unwrap_or_default());
    out.extend_from_slice(&crc.to_le_bytes());
}

/// The string of at most `bytes_max` bytes in `payload`: where it lies if possible, otherwise in
/// `room`.
///
/// # Errors
/// When the payload was damaged, or holds something else.
// redis: cluster.c, verifyDumpPayload
pub fn restore_string<'a>(
    payload: &'a [u8],
    bytes_max: u64,
    room: &'a mut Vec<u8>,
) -> Result<&'a [u8], DumpError> {
    let (summed, checksum) = payload.split_last_chunk().ok_or(DumpError::Footer)?;
    let (value, version) = summed.split_last_chunk().ok_or(DumpError::Footer)?;
    let is_sound = u64::from_le_bytes(*checksum) == crc64::update(0, summed);
    if !is_sound || u16::from_le_bytes(*version) > VERSION {
        return Err(DumpError::Footer);
    }
    match value {
        [value_type::STRING, string @ ..] => {
            read_string(string, bytes_max, room).ok_or(DumpError::Value)
        }
        [..] => Err(DumpError::Value),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    const FOOTER_BYTES: usize = 2 + 8;

    /// What redis-server 7.0.15 gives for `SET k VALUE` and `DUMP k`.
    #[test]
    fn short_strings_are_dumped_as_redis_dumps_them() {
        let dumped = |value: &[u8]| {
            let mut out = Vec::new();
            dump_string(&mut out, value);
            out
        };
        assert_eq!(dumped(b"10"), b"\x00\xc0\n\n\x00n\x9fWE\x0e\xaec\xbb");
        assert_eq!(dumped(b"hello"), b"\x00\x05hello\n\x00cr\xdfve4 \n");
    }

    #[test]
    fn what_was_dumped_is_restored() {
        for value in [&b""[..], b"x", b"-129", b"99999999999", &[b'z'; 5_000], &[0xff; 70]] {
            let (mut out, mut room) = (vec![1, 2, 3], Vec::new());
            dump_string(&mut out, value);
            assert_eq!(restore_string(&out[3..], 5_000, &mut room), Ok(value));
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
        let restored = |body: &[u8], version, bytes_max| {
            let mut room = Vec::new();
            restore_string(&sealed(body, version), bytes_max, &mut room).map(<[u8]>::to_vec)
        };
        for body in [&b""[..], b"\x00", b"\x00\x05hell", b"\x2a\x01x", b"\x00\xc3\x01\x05x"] {
            // The string must end within the payload, and the footer is no part of it.
            assert_eq!(restored(body, VERSION, 100), Err(DumpError::Value), "{body:?}");
        }
        assert_eq!(restored(b"\x00\x01x", 7, 100), Ok(b"x".to_vec()));
        assert_eq!(restored(b"\x00\x01x", VERSION + 1, 100), Err(DumpError::Footer));
        assert_eq!(restored(b"\x00\x05hello", 7, 4), Err(DumpError::Value));
        let short = restore_string(&[0; FOOTER_BYTES - 1], 4, &mut Vec::new()).map(<[u8]>::to_vec);
        assert_eq!(short, Err(DumpError::Footer));
    }
}

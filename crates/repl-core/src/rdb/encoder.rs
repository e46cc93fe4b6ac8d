//! Writes a snapshot: one method per item, each appended to a buffer of the caller, who asks for
//! the next item when there is room. Knows neither where the items come from nor where they go.

use alloc::vec::Vec;

use super::{
    crc64,
    format::{MAGIC, length, opcode, string_encoding, value_type},
    lzf::Compressor,
};
use crate::{
    base::{number::DIGITS_MAX, time::UnixMillis},
    value::View,
};

/// How a snapshot is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// `rdbcompression`.
    pub compression: Compression,
    /// `rdbchecksum`.
    pub checksum: Checksum,
}

/// Whether strings of more than 20 bytes are compressed when that pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// They are.
    On,
    /// They are written as they are.
    Off,
}

/// Whether the snapshot ends with a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It does.
    On,
    /// It ends with zeros, which mean that there is none.
    Off,
}

/// Writes one snapshot, from [`header`](Self::header) to [`end`](Self::end).
///
/// Every method only appends to `out`, so the caller may drain it between calls.
#[derive(Debug)]
pub struct Encoder {
    compressor: Option<Compressor>,
    checksum: Checksum,
    /// Of everything appended so far.
    crc: u64,
}

/// A string of up to this many bytes may be written as an integer.
const INTEGER_MAX_BYTES: usize = 11;
/// A string of up to this many bytes is never compressed.
const UNCOMPRESSED_MAX_BYTES: usize = 20;

impl Encoder {
    /// An encoder at the beginning of a snapshot.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let compressor = match options.compression {
            Compression::On => Some(Compressor::new()),
            Compression::Off => None,
        };
        Self { compressor, checksum: options.checksum, crc: 0 }
    }

    /// The signature and version. Comes first.
    pub fn header(&mut self, out: &mut Vec<u8>) {
        self.item(out, |_, out| out.extend_from_slice(MAGIC));
    }

    /// A fact about the snapshot or its origin.
    pub fn aux(&mut self, out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
        self.item(out, |compressor, out| {
            out.push(opcode::AUX);
            put_string(compressor, out, name);
            put_string(compressor, out, value);
        });
    }

    /// The keys that follow belong to database `db`.
    pub fn select_db(&mut self, out: &mut Vec<u8>, db: u64) {
        self.item(out, |_, out| {
            out.push(opcode::SELECT_DB);
            put_length(out, db);
        });
    }

    /// How many keys the database holds, and how many of them expire: a hint for its loader.
    pub fn resize_db(&mut self, out: &mut Vec<u8>, keys: u64, expires: u64) {
        self.item(out, |_, out| {
            out.push(opcode::RESIZE_DB);
            put_length(out, keys);
            put_length(out, expires);
        });
    }

    /// A key whose value is a string.
    pub fn string(
        &mut self,
        out: &mut Vec<u8>,
        key: &[u8],
        value: &[u8],
        expires_at: Option<UnixMillis>,
    ) {
        self.value(out, key, View::String(value), expires_at);
    }

    /// A key with its value: of the forms of each type, the plain one, which every server loads.
    pub fn value(
        &mut self,
        out: &mut Vec<u8>,
        key: &[u8],
        value: View<'_>,
        expires_at: Option<UnixMillis>,
    ) {
        self.item(out, |compressor, out| {
            if let Some(UnixMillis(millis)) = expires_at {
                out.push(opcode::EXPIRE_TIME_MS);
                out.extend_from_slice(&millis.to_le_bytes());
            }
            out.push(type_code(value));
            put_string(compressor, out, key);
            put_value(compressor, out, value);
        });
    }

    /// The end of the snapshot and its checksum. Comes last.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        self.item(out, |_, out| out.push(opcode::EOF));
        // Without a checksum nothing was summed up and this is the zero that says so.
        out.extend_from_slice(&self.crc.to_le_bytes());
    }

    /// Lets `write` append an item, and brings the checksum up to date.
    fn item(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Option<Compressor>, &mut Vec<u8>),
    ) {
        let start = out.len();
        write(&mut self.compressor, out);
        match self.checksum {
            Checksum::On => self.crc = crc64::update(self.crc, &out[start..]),
            Checksum::Off => {}
        }
    }
}

fn put_length(out: &mut Vec<u8>, len: u64) {
    if len < 1 << 6 {
        out.push(length::BITS6 << 6 | len as u8);
    } else if len < 1 << 14 {
        let [high, low] = (len as u16).to_be_bytes();
        out.extend_from_slice(&[length::BITS14 << 6 | high, low]);
    } else if let Ok(len) = u32::try_from(len) {
        out.push(length::U32);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(length::U64);
        out.extend_from_slice(&len.to_be_bytes());
    }
}

/// The type of the plain form.
pub(super) const fn type_code(value: View<'_>) -> u8 {
    match value {
        View::String(_) => value_type::STRING,
        View::List(_) => value_type::LIST,
        View::Set(_) => value_type::SET,
        View::SortedSet(_) => value_type::ZSET_2,
        View::Hash(_) => value_type::HASH,
    }
}

pub(super) fn put_value(compressor: &mut Option<Compressor>, out: &mut Vec<u8>, value: View<'_>) {
    match value {
        View::String(string) => put_string(compressor, out, string),
        View::List(list) => {
            put_length(out, list.len() as u64);
            list.iter().for_each(|item| put_string(compressor, out, item));
        }
        View::Set(set) => {
            let mut digits = [0; DIGITS_MAX];
            put_length(out, set.len() as u64);
            set.iter().for_each(|item| put_string(compressor, out, item.text(&mut digits)));
        }
        View::SortedSet(set) => {
            put_length(out, set.len() as u64);
            // From the highest down, as Redis does: who inserts each in front is fast.
            for (member, score) in set.iter().rev() {
                put_string(compressor, out, member);
                out.extend_from_slice(&score.to_le_bytes());
            }
        }
        View::Hash(hash) => {
            put_length(out, hash.len() as u64);
            for (field, value) in hash.iter() {
                put_string(compressor, out, field);
                put_string(compressor, out, value);
            }
        }
    }
}

fn put_string(compressor: &mut Option<Compressor>, out: &mut Vec<u8>, string: &[u8]) {
    if let Some(number) = canonical_integer(string) {
        put_integer(out, number);
        return;
    }
    if string.len() > UNCOMPRESSED_MAX_BYTES
        && let Some(compressed) = compressor.as_mut().and_then(|c| c.compress(string))
    {
        out.push(length::ENCODED << 6 | string_encoding::LZF);
        put_length(out, compressed.len() as u64);
        put_length(out, string.len() as u64);
        out.extend_from_slice(compressed);
        return;
    }
    put_length(out, string.len() as u64);
    out.extend_from_slice(string);
}

fn put_integer(out: &mut Vec<u8>, number: i32) {
    let mut put = |encoding: u8, bytes: &[u8]| {
        out.push(length::ENCODED << 6 | encoding);
        out.extend_from_slice(bytes);
    };
    if let Ok(number) = i8::try_from(number) {
        put(string_encoding::INT8, &number.to_le_bytes());
    } else if let Ok(number) = i16::try_from(number) {
        put(string_encoding::INT16, &number.to_le_bytes());
    } else {
        put(string_encoding::INT32, &number.to_le_bytes());
    }
}

/// The number that `text` is, if printing the number gives back the same text: no leading zeros, no
/// plus sign, no minus zero, no blanks, 32 bits.
// redis: rdb.c, rdbTryIntegerEncoding.
fn canonical_integer(text: &[u8]) -> Option<i32> {
    if text.len() > INTEGER_MAX_BYTES {
        return None;
    }
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        [b'0'] if text.len() == 1 => return Some(0),
        [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => {}
        _ => return None,
    }
    // Eleven digits fit 64 bits.
    let magnitude = digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let number = if digits.len() == text.len() { magnitude } else { -magnitude };
    i32::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn only_what_prints_back_the_same_is_an_integer() {
        for number in [0, 1, -1, 127, 128, -128, -129, 32767, 32768, i32::MAX, i32::MIN] {
            assert_eq!(canonical_integer(format!("{number}").as_bytes()), Some(number));
        }
        for text in
            ["", "-", "-0", "00", "01", "+1", " 1", "1 ", "1e3", "2147483648", "-2147483649"]
        {
            assert_eq!(canonical_integer(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(canonical_integer(b"99999999999"), None);
    }

    #[test]
    fn a_length_takes_the_fewest_bytes() {
        let bytes = |len| {
            let mut out = Vec::new();
            put_length(&mut out, len);
            out
        };
        assert_eq!(bytes(63), [63]);
        assert_eq!(bytes(64), [0x40, 64]);
        assert_eq!(bytes(16383), [0x7f, 0xff]);
        assert_eq!(bytes(16384), [0x80, 0, 0, 0x40, 0]);
        assert_eq!(bytes(u64::from(u32::MAX)), [0x80, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(bytes(1 << 32), [0x81, 0, 0, 0, 1, 0, 0, 0, 0]);
    }
}

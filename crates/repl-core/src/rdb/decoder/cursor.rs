//! Reads the fields of one item from the bytes that are there. Knows lengths, integers and strings,
//! but no opcode and no type.

use alloc::vec::Vec;

use crate::rdb::{
    error::RdbErrorKind,
    format::{length, string_encoding},
    lzf,
};

/// Why an item cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// It has at least this many bytes, and they are not all there yet.
    Need(usize),
    /// It is wrong, `at` bytes after its beginning.
    Bad {
        /// Where in the item.
        at: usize,
        /// How.
        kind: RdbErrorKind,
    },
}

impl From<RdbErrorKind> for Halt {
    /// A fault of the item as a whole.
    fn from(kind: RdbErrorKind) -> Self {
        Self::Bad { at: 0, kind }
    }
}

/// A position in the bytes of an item.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    /// Bytes read; never more than there are.
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The beginning of an item that begins where `bytes` begin, and may end before or after them.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(super) const fn position(&self) -> usize {
        self.at
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Halt> {
        let end = self.at.saturating_add(count);
        let taken = self.bytes.get(self.at..end).ok_or(Halt::Need(end))?;
        self.at = end;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Halt> {
        let start = self.at;
        let end = start.saturating_add(N);
        self.take(N)?.first_chunk().copied().ok_or(Halt::Need(end))
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Result<u8, Halt> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// The next length, or any other number that is written as one.
    pub(super) fn len(&mut self) -> Result<u64, Halt> {
        let start = self.at;
        match self.prefix()? {
            Prefix::Len(len) => Ok(len),
            Prefix::Encoded(code) => {
                let byte = length::ENCODED << 6 | code;
                Err(Halt::Bad { at: start, kind: RdbErrorKind::UnknownLength(byte) })
            }
        }
    }

    /// The next string, of at most `max` bytes. It is not expanded yet: an item must be complete
    /// before it costs more than looking at its lengths, since it may be looked at several times.
    pub(super) fn text(&mut self, max: u64) -> Result<Text<'a>, Halt> {
        let start = self.at;
        let bad = |kind| Halt::Bad { at: start, kind };
        // A string that fits no address space is too long as well.
        let checked = |len: u64| match usize::try_from(len) {
            Ok(count) if len <= max => Ok(count),
            Ok(_) | Err(_) => Err(bad(RdbErrorKind::StringTooLong(len))),
        };
        match self.prefix()? {
            Prefix::Len(len) => Ok(Text::Plain(self.take(checked(len)?)?)),
            Prefix::Encoded(string_encoding::INT8) => {
                Ok(Text::Integer(i8::from_le_bytes(self.array()?).into()))
            }
            Prefix::Encoded(string_encoding::INT16) => {
                Ok(Text::Integer(i16::from_le_bytes(self.array()?).into()))
            }
            Prefix::Encoded(string_encoding::INT32) => {
                Ok(Text::Integer(i32::from_le_bytes(self.array()?)))
            }
            Prefix::Encoded(string_encoding::LZF) => {
                let compressed_len = self.len()?;
                let len = self.len()?;
                let compressed_count = checked(compressed_len)?;
                let count = checked(len)?;
                if !lzf::is_plausible(compressed_len, len) {
                    return Err(bad(RdbErrorKind::MalformedLzf));
                }
                Ok(Text::Lzf { bytes: self.take(compressed_count)?, len: count })
            }
            Prefix::Encoded(code) => Err(bad(RdbErrorKind::UnknownStringEncoding(code))),
        }
    }

    fn prefix(&mut self) -> Result<Prefix, Halt> {
        let start = self.at;
        let first = self.byte()?;
        let low = first & 0b0011_1111;
        Ok(match (first >> 6, first) {
            (length::BITS6, _) => Prefix::Len(low.into()),
            (length::BITS14, _) => Prefix::Len(u16::from_be_bytes([low, self.byte()?]).into()),
            (length::WORD, length::U32) => Prefix::Len(u32::from_be_bytes(self.array()?).into()),
            (length::WORD, length::U64) => Prefix::Len(u64::from_be_bytes(self.array()?)),
            (length::ENCODED, _) => Prefix::Encoded(low),
            _ => {
                let kind = RdbErrorKind::UnknownLength(first);
                return Err(Halt::Bad { at: start, kind });
            }
        })
    }
}

/// What a length begins with.
enum Prefix {
    Len(u64),
    /// One of [`string_encoding`], or nothing known.
    Encoded(u8),
}

/// A string as it lies in the snapshot.
#[derive(Clone, Copy)]
pub(super) enum Text<'a> {
    Plain(&'a [u8]),
    Integer(i32),
    Lzf {
        bytes: &'a [u8],
        /// Of the expanded string; checked to be plausible.
        len: usize,
    },
}

impl<'a> Text<'a> {
    /// The string itself: where it lies if possible, otherwise in `scratch`.
    pub(super) fn expand<'s>(self, scratch: &'s mut Vec<u8>) -> Result<&'s [u8], Halt>
    where
        'a: 's,
    {
        match self {
            Self::Plain(bytes) => Ok(bytes),
            Self::Integer(number) => {
                scratch.clear();
                scratch.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
                Ok(scratch)
            }
            Self::Lzf { bytes, len } => match lzf::decompress(bytes, len, scratch) {
                Ok(()) => Ok(scratch),
                Err(lzf::Malformed) => Err(RdbErrorKind::MalformedLzf.into()),
            },
        }
    }
}

//! One key with its string or its small collection and its expiry, packed into one allocation.
//!
//! ```text
//!  flags  slack  key length   [expiry]   key        value        unused
//! +------+------+------------+----------+----------+------------+----------------+
//! | u8   | u8   | u8 or u32  | i64      | n bytes  | the rest   | `slack` bytes  |
//! +------+------+------------+----------+----------+------------+----------------+
//! ```
//!
//! A key of 16 bytes with a value of 64 takes 83 bytes, rounded up to 88. The unused end lets a
//! value of about the same size take the place of the old one without an allocation. When `slack`
//! reads 255 the true count stands in the last eight bytes, little endian.
//!
//! A collection that is changed takes the allocation with it, header and key in front, and brings
//! it back: no byte of it is copied unless it grows.

use alloc::{boxed::Box, vec, vec::Vec};
use core::mem;

use crate::{
    base::time::UnixMillis,
    value::{Compact, View},
};

/// The key length takes four bytes instead of one.
const LONG_KEY: u8 = 1 << 0;
/// The eight bytes of an expiry follow the key length.
const EXPIRES: u8 = 1 << 1;
/// The value was changed in place by a command that gives up the compact encodings (`APPEND`).
const RAW: u8 = 1 << 2;
/// The value is the elements of a small hash.
const HASH: u8 = 1 << 3;
/// The value is the members of a small sorted set, with their scores.
const SORTED_SET: u8 = 1 << 4;
/// The first of the bits, one per snapshot, that say "this entry's image is out already".
const EMITTED_SHIFT: u8 = 6;
/// The flags that describe the value's layout rather than its history.
const LAYOUT: u8 = LONG_KEY | EXPIRES;
/// The flags that describe the value.
const VALUE: u8 = RAW | COLLECTION;
/// The flags that say which collection the value is.
const COLLECTION: u8 = HASH | SORTED_SET;

/// A slack that does not fit one byte.
const SLACK_LONG: u8 = u8::MAX;
/// Bytes that the count of a long slack takes at the end.
const SLACK_LONG_BYTES: usize = 8;
/// Allocations are rounded up to this.
const ROUND_BYTES: usize = 8;
/// An old allocation is kept for a new value unless more than a quarter and more than this would
/// lie idle.
const WASTE_BYTES: usize = 32;

/// How a string value came to be, as far as `OBJECT ENCODING` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Set as a whole: `int`, `embstr` or `raw` by its content.
    Whole,
    /// Grown in place: `raw` whatever its content.
    Grown,
}

/// A key, its value and its expiry.
#[derive(Clone, Debug)]
pub(super) struct Packed(Box<[u8]>);

/// Where the parts of an entry lie.
#[derive(Clone, Copy)]
struct Layout {
    key_at: usize,
    value_at: usize,
    value_end: usize,
}

impl Packed {
    /// An entry that fits its content, with less than eight bytes to spare.
    pub(super) fn new(
        key: &[u8],
        value: &[u8],
        expires_at: Option<UnixMillis>,
        form: Form,
    ) -> Self {
        Self::with_slack(key, value, expires_at, form, 0)
    }

    /// An entry with a small collection, whose elements `stored` holds.
    pub(super) fn collection(
        key: &[u8],
        (compact, stored): (Compact, &[u8]),
        expires_at: Option<UnixMillis>,
    ) -> Self {
        let mut entry = Self::new(key, stored, expires_at, Form::Whole);
        entry.0[0] |= match compact {
            Compact::Hash => HASH,
            Compact::SortedSet => SORTED_SET,
        };
        entry
    }

    fn with_slack(
        key: &[u8],
        value: &[u8],
        expires_at: Option<UnixMillis>,
        form: Form,
        slack: usize,
    ) -> Self {
        let long_key = key.len() > usize::from(u8::MAX);
        let header = 2 + if long_key { 4 } else { 1 } + if expires_at.is_some() { 8 } else { 0 };
        let used = header + key.len() + value.len();
        let capacity = (used + slack).next_multiple_of(ROUND_BYTES);
        let mut flags = if long_key { LONG_KEY } else { 0 };
        if expires_at.is_some() {
            flags |= EXPIRES;
        }
        if form == Form::Grown {
            flags |= RAW;
        }
        let mut bytes = Vec::with_capacity(capacity);
        bytes.extend_from_slice(&[flags, 0]);
        if long_key {
            let length = u32::try_from(key.len()).expect("the protocol limits keys to 512 MB");
            bytes.extend_from_slice(&length.to_le_bytes());
        } else {
            bytes.push(key.len() as u8);
        }
        if let Some(at) = expires_at {
            bytes.extend_from_slice(&at.0.to_le_bytes());
        }
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
        bytes.resize(capacity, 0);
        let mut entry = Self(bytes.into_boxed_slice());
        entry.write_slack(capacity - used);
        entry
    }

    /// The key.
    pub(super) fn key(&self) -> &[u8] {
        let layout = self.layout();
        &self.0[layout.key_at..layout.value_at]
    }

    /// The value.
    pub(super) fn value(&self) -> &[u8] {
        let layout = self.layout();
        &self.0[layout.value_at..layout.value_end]
    }

    /// Which collection the value is; `None` for a string.
    #[inline]
    pub(super) fn compact(&self) -> Option<Compact> {
        match self.0[0] & COLLECTION {
            0 => None,
            HASH => Some(Compact::Hash),
            _ => Some(Compact::SortedSet),
        }
    }

    /// The value as what it is.
    pub(super) fn view(&self) -> View<'_> {
        match self.compact() {
            None => View::String(self.value()),
            Some(compact) => compact.view(self.value()),
        }
    }

    /// Gives away the allocation of a collection that is about to be changed, and how many bytes
    /// come before its elements. Nothing may be asked of the entry until `take_back`.
    pub(super) fn lend(&mut self) -> (Vec<u8>, usize) {
        let layout = self.layout();
        let mut bytes = mem::take(&mut self.0).into_vec();
        bytes.truncate(layout.value_end);
        (bytes, layout.value_at)
    }

    /// Takes back what `lend` gave away.
    pub(super) fn take_back(&mut self, mut bytes: Vec<u8>) {
        let (used, capacity) = (bytes.len(), bytes.capacity());
        bytes.resize(capacity, 0);
        self.0 = bytes.into_boxed_slice();
        self.write_slack(capacity - used);
    }

    /// When the key ceases to exist, if ever.
    pub(super) fn expires_at(&self) -> Option<UnixMillis> {
        if self.0[0] & EXPIRES == 0 {
            return None;
        }
        let at = if self.0[0] & LONG_KEY == 0 { 3 } else { 6 };
        let bytes = self.0[at..at + 8].try_into().expect("the slice is eight bytes long");
        Some(UnixMillis(i64::from_le_bytes(bytes)))
    }

    /// How the value came to be.
    pub(super) fn form(&self) -> Form {
        if self.0[0] & RAW == 0 { Form::Whole } else { Form::Grown }
    }

    /// Bytes of memory the entry owns.
    pub(super) fn memory_bytes(&self) -> usize {
        self.0.len()
    }

    /// Whether the key is `key`.
    #[inline]
    pub(super) fn has_key(&self, key: &[u8]) -> bool {
        let (key_at, key_length) = self.key_span();
        key_length == key.len() && self.0.get(key_at..key_at + key_length) == Some(key)
    }

    /// Reads the first and the last byte, so that they are close when they are needed.
    #[inline]
    pub(super) fn warm(&self) -> usize {
        let ends = [self.0.first(), self.0.last()];
        ends.into_iter().flatten().map(|byte| usize::from(*byte)).sum()
    }

    /// Whether the key ever ceases to exist.
    #[inline]
    pub(super) fn is_volatile(&self) -> bool {
        self.0[0] & EXPIRES != 0
    }

    /// Replaces value and expiry; without an allocation when the new content fits the old one's
    /// place.
    pub(super) fn replace(&mut self, value: &[u8], expires_at: Option<UnixMillis>, form: Form) {
        if self.is_volatile() == expires_at.is_some() && self.overwrite(value) {
            if let Some(at) = expires_at {
                self.write_expiry(at);
            }
            self.set_form(form);
        } else {
            let emitted = self.0[0] & !(LAYOUT | VALUE);
            let mut entry = Self::new(self.key(), value, expires_at, form);
            entry.0[0] |= emitted;
            *self = entry;
        }
    }

    /// Replaces the value and leaves the expiry as it is.
    pub(super) fn set_value(&mut self, value: &[u8]) {
        if self.overwrite(value) {
            self.set_form(Form::Whole);
        } else {
            self.replace(value, self.expires_at(), Form::Whole);
        }
    }

    /// Puts `value` in the place of the old one, if it fits there without wasting much.
    fn overwrite(&mut self, value: &[u8]) -> bool {
        let (key_at, key_length) = self.key_span();
        let value_at = key_at + key_length;
        let used = value_at + value.len();
        let capacity = self.0.len();
        let fits = used <= capacity && capacity - used <= WASTE_BYTES.max(capacity / 4);
        if fits {
            self.0[value_at..used].copy_from_slice(value);
            self.write_slack(capacity - used);
        }
        fits
    }

    fn set_form(&mut self, form: Form) {
        match form {
            Form::Whole => self.0[0] &= !VALUE,
            Form::Grown => self.0[0] = self.0[0] & !VALUE | RAW,
        }
    }

    /// Appends to the value. Growth is geometric up to a megabyte ahead, as in Redis' strings.
    pub(super) fn append(&mut self, tail: &[u8]) {
        const AHEAD_BYTES_MAX: usize = 1024 * 1024;
        let layout = self.layout();
        let used = layout.value_end + tail.len();
        if used <= self.0.len() {
            self.0[layout.value_end..used].copy_from_slice(tail);
            self.0[0] |= RAW;
            self.write_slack(self.0.len() - used);
            return;
        }
        let length = layout.value_end - layout.value_at + tail.len();
        let slack = length.min(AHEAD_BYTES_MAX);
        let emitted = self.0[0] & !(LAYOUT | RAW);
        let mut entry = Self::with_slack(
            self.key(),
            self.value(),
            self.expires_at(),
            Form::Grown,
            tail.len() + slack,
        );
        entry.0[0] |= emitted;
        *self = entry;
        self.append(tail);
    }

    /// Puts `bytes` at `at` of the value, which grows with zeros in between when it must.
    pub(super) fn write_at(&mut self, at: usize, bytes: &[u8]) {
        let length = self.value().len();
        if at > length {
            self.append(&vec![0; at - length]);
        }
        let (within, behind) = bytes.split_at(bytes.len().min(length.max(at) - at));
        let start = self.layout().value_at + at;
        self.0[start..start + within.len()].copy_from_slice(within);
        self.append(behind);
    }

    /// The same value under another key, with the same expiry. No snapshot knows it yet.
    pub(super) fn under_key(&self, key: &[u8]) -> Self {
        let mut entry = Self::new(key, self.value(), self.expires_at(), self.form());
        entry.0[0] |= self.0[0] & VALUE;
        entry
    }

    /// Sets or removes the expiry.
    pub(super) fn set_expiry(&mut self, expires_at: Option<UnixMillis>) {
        match (expires_at, self.expires_at()) {
            (Some(at), Some(_)) => self.write_expiry(at),
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                let emitted = self.0[0] & !(LAYOUT | RAW);
                let mut entry = Self::new(self.key(), self.value(), expires_at, self.form());
                entry.0[0] |= emitted;
                *self = entry;
            }
        }
    }

    /// One bit per snapshot: the entry's image is out already.
    pub(super) fn emitted(&self) -> u8 {
        self.0[0] >> EMITTED_SHIFT
    }

    /// Whether the image of this entry is out for the snapshot in `slot`.
    pub(super) fn is_emitted(&self, slot: u8) -> bool {
        self.0[0] & (1 << (EMITTED_SHIFT + slot)) != 0
    }

    /// Says so.
    pub(super) fn mark_emitted(&mut self, slot: u8) {
        self.0[0] |= 1 << (EMITTED_SHIFT + slot);
    }

    /// Forgets it.
    pub(super) fn clear_emitted(&mut self, slot: u8) {
        self.0[0] &= !(1 << (EMITTED_SHIFT + slot));
    }

    /// Where the key starts and how long it is.
    #[inline]
    fn key_span(&self) -> (usize, usize) {
        let bytes = &self.0;
        let (key_length, after_length) = if bytes[0] & LONG_KEY == 0 {
            (usize::from(bytes[2]), 3)
        } else {
            let length = bytes[2..6].try_into().expect("the slice is four bytes long");
            (u32::from_le_bytes(length) as usize, 6)
        };
        (after_length + if bytes[0] & EXPIRES == 0 { 0 } else { 8 }, key_length)
    }

    #[inline]
    fn layout(&self) -> Layout {
        let bytes = &self.0;
        let (key_at, key_length) = self.key_span();
        let slack = match bytes[1] {
            SLACK_LONG => {
                let tail = bytes.last_chunk::<SLACK_LONG_BYTES>();
                u64::from_le_bytes(*tail.expect("a long slack has room for its count")) as usize
            }
            short => usize::from(short),
        };
        Layout { key_at, value_at: key_at + key_length, value_end: bytes.len() - slack }
    }

    fn write_slack(&mut self, slack: usize) {
        if slack < usize::from(SLACK_LONG) {
            self.0[1] = slack as u8;
        } else {
            let count = slack as u64;
            let start = self.0.len() - SLACK_LONG_BYTES;
            self.0[1] = SLACK_LONG;
            self.0[start..].copy_from_slice(&count.to_le_bytes());
        }
    }

    fn write_expiry(&mut self, at: UnixMillis) {
        let start = if self.0[0] & LONG_KEY == 0 { 3 } else { 6 };
        self.0[start..start + 8].copy_from_slice(&at.0.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entry: &Packed, key: &[u8], value: &[u8], expires_at: Option<i64>) {
        assert_eq!(entry.key(), key);
        assert_eq!(entry.value(), value);
        assert_eq!(entry.expires_at(), expires_at.map(UnixMillis));
    }

    #[test]
    fn sixteen_and_sixty_four_bytes_take_eighty_eight() {
        let entry = Packed::new(&[b'k'; 16], &[b'v'; 64], None, Form::Whole);
        assert_eq!(entry.memory_bytes(), 88);
        check(&entry, &[b'k'; 16], &[b'v'; 64], None);
    }

    #[test]
    fn keys_longer_than_a_byte_counts_keep_their_length() {
        for length in [0, 1, 255, 256, 70_000] {
            let key = alloc::vec![b'k'; length];
            check(
                &Packed::new(&key, b"v", Some(UnixMillis(-5)), Form::Whole),
                &key,
                b"v",
                Some(-5),
            );
        }
    }

    #[test]
    fn a_value_of_about_the_same_size_keeps_the_allocation() {
        let mut entry = Packed::new(b"key", &[b'a'; 64], None, Form::Whole);
        let at = entry.0.as_ptr();
        entry.replace(&[b'b'; 60], None, Form::Whole);
        assert_eq!(entry.0.as_ptr(), at);
        check(&entry, b"key", &[b'b'; 60], None);
        entry.replace(b"tiny", None, Form::Whole);
        check(&entry, b"key", b"tiny", None);
        assert!(entry.memory_bytes() < 24, "a much smaller value gives its memory back");
    }

    #[test]
    fn an_expiry_comes_and_goes_without_touching_the_rest() {
        let mut entry = Packed::new(b"key", b"value", None, Form::Grown);
        entry.mark_emitted(1);
        entry.set_expiry(Some(UnixMillis(99)));
        check(&entry, b"key", b"value", Some(99));
        entry.set_expiry(Some(UnixMillis(100)));
        check(&entry, b"key", b"value", Some(100));
        entry.set_expiry(None);
        check(&entry, b"key", b"value", None);
        assert!(entry.is_emitted(1) && !entry.is_emitted(0));
        assert_eq!(entry.form(), Form::Grown);
    }

    #[test]
    fn appending_byte_by_byte_reallocates_rarely() {
        let mut entry = Packed::new(b"key", b"", Some(UnixMillis(7)), Form::Whole);
        let mut model = Vec::new();
        let mut moves = 0;
        for i in 0..10_000_u32 {
            let at = entry.0.as_ptr();
            entry.append(&[i as u8]);
            model.push(i as u8);
            moves += u32::from(entry.0.as_ptr() != at);
        }
        check(&entry, b"key", &model, Some(7));
        assert!(moves < 30, "{moves} moves");
    }

    #[test]
    fn bytes_are_written_within_behind_and_across_the_end() {
        let mut entry = Packed::new(b"key", b"hello", Some(UnixMillis(7)), Form::Whole);
        entry.write_at(1, b"a");
        check(&entry, b"key", b"hallo", Some(7));
        entry.write_at(4, b"!?");
        check(&entry, b"key", b"hall!?", Some(7));
        entry.write_at(8, b"x");
        check(&entry, b"key", b"hall!?\0\0x", Some(7));
        entry.write_at(9, b"y");
        check(&entry, b"key", b"hall!?\0\0xy", Some(7));
        assert_eq!(entry.form(), Form::Grown);
        check(&entry.under_key(b"k"), b"k", b"hall!?\0\0xy", Some(7));
    }
}

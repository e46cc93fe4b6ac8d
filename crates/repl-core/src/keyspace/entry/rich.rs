//! One key with a value that is not a string, and its expiry.

use alloc::boxed::Box;

use crate::{base::time::UnixMillis, value::Value};

/// Parts of their own: such a value changes without moving its key.
#[derive(Clone, Debug)]
pub(super) struct Rich {
    pub(super) key: Box<[u8]>,
    pub(super) value: Value,
    pub(super) expires_at: Expiry,
    /// One bit per snapshot: the entry's image is out already.
    pub(super) emitted: u8,
}

/// When a key ceases to exist, in eight bytes: the first millisecond of all, long past, stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expiry(i64);

impl From<Option<UnixMillis>> for Expiry {
    fn from(at: Option<UnixMillis>) -> Self {
        Self(at.map_or(i64::MIN, |at| at.0))
    }
}

impl Expiry {
    pub(super) fn time(self) -> Option<UnixMillis> {
        (self.0 != i64::MIN).then_some(UnixMillis(self.0))
    }
}

impl Rich {
    /// Bytes of memory it owns, itself included.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.key.len() + self.value.memory_bytes()
    }
}

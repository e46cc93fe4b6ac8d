//! Collections as blobs: what Redis keeps small values in, and sends as they are. Read only: we
//! send the plain forms, which every server loads.
//!
//! A blob comes from a peer. Every length in it is checked against the bytes that are there, and
//! its header against what was found.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub(super) mod intset;
pub(super) mod listpack;
#[cfg(test)]
mod tests;
pub(super) mod ziplist;

use crate::{rdb::error::RdbErrorKind, value::Item};

/// A format of blobs.
#[derive(Clone, Copy)]
pub(super) struct Compact {
    /// Checks the header. `None` when it is wrong.
    pub(super) open: fn(&[u8]) -> Option<Items<'_>>,
    /// What a wrong blob is called.
    pub(super) malformed: RdbErrorKind,
}

/// The elements of a blob. Yields `Some(None)` once where the blob turns out to be wrong.
pub(super) struct Items<'a> {
    /// The bytes after the last element that was read.
    rest: &'a [u8],
    /// Elements to come, if the header says how many.
    left: Option<usize>,
    read: ReadItem,
}

/// Takes one element from the front of the bytes.
type ReadItem = for<'a> fn(&mut &'a [u8]) -> Option<Read<'a>>;

/// What was at the front.
enum Read<'a> {
    Item(Item<'a>),
    End,
}

impl<'a> Iterator for Items<'a> {
    type Item = Option<Item<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = (self.read)(&mut self.rest);
        let item = match (read, &mut self.left) {
            (Some(Read::End), None | Some(0)) if self.rest.is_empty() => return None,
            (Some(Read::Item(item)), None) => Some(item),
            (Some(Read::Item(item)), Some(left)) if *left > 0 => {
                *left -= 1;
                Some(item)
            }
            (Some(Read::Item(_) | Read::End) | None, _) => None,
        };
        Some(item)
    }
}

/// The next `count` bytes.
fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(count)?;
    *rest = behind;
    Some(taken)
}

/// The next `N` bytes.
fn array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    take(rest, N)?.try_into().ok()
}

/// The next three bytes as a number.
fn int24(rest: &mut &[u8]) -> Option<i64> {
    let [low, middle, high] = array(rest)?;
    Some(i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8))
}

/// Header of listpack and ziplist: the element count in two bytes, all ones for unknown.
fn count(field: [u8; 2]) -> Option<usize> {
    let count = u16::from_le_bytes(field);
    (count != u16::MAX).then_some(usize::from(count))
}

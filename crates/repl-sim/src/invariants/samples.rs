//! Made-up nodes for the tests of the properties.

use std::ops::RangeInclusive;

use repl_core::base::{
    ids::ReplId,
    rng::{Rng, Seed},
};

use super::{Question, Seen};
use crate::node_view::View;

/// Some different ids, always the same ones.
pub(super) fn ids<const N: usize>() -> [ReplId; N] {
    let mut rng = Rng::new(Seed::from_u64(1), "test");
    std::array::from_fn(|_| ReplId::random(&mut rng))
}

/// A master with these bytes in its backlog.
pub(super) const fn master(replid: ReplId, backlog: RangeInclusive<u64>) -> View {
    let (first, last) = (*backlog.start(), *backlog.end());
    View { replid, offset: last, backlog: Some((first, last)), ..View::NOTHING }
}

/// What the judge remembers of such a node.
pub(super) const fn seen(view: View) -> Seen {
    Seen { view, backlog_began: Some(1), full_sync_pending: false }
}

/// A question to a master whose backlog of so many bytes began with the first byte of its history.
pub(super) const fn question(granter: &View, backlog_size: u64) -> Question<'_> {
    Question { asker: None, granter, backlog_size, backlog_began: Some(1) }
}

/// A command as a history has it.
pub(super) fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
    }
    bytes
}

//! The requests behind the one at hand: their keys are brought close before their turn comes.

use super::Node;
use crate::{
    keyspace::{DbIndex, KeyHash},
    resp::look_ahead,
};

/// How many requests of a pipeline are looked at ahead of their turn.
const AHEAD_REQUESTS: usize = 16;

impl Node {
    /// In a pipeline most of the time goes into waiting for the memory of one key after the other.
    /// So the keys of the next requests are warmed together, before the first of them is executed.
    /// Returns how far it looked.
    pub(super) fn warm_ahead(&mut self, db: DbIndex, buf: &[u8], at: usize) -> usize {
        let mut hashes = [KeyHash::default(); AHEAD_REQUESTS];
        let mut count = 0;
        let Self { ahead, keyspace, .. } = self;
        let end = look_ahead(buf, at, AHEAD_REQUESTS, ahead, |key| {
            hashes[count] = keyspace.hash(key);
            count += 1;
        });
        if count > 1 {
            keyspace.warm(db, &hashes[..count]);
        }
        end
    }
}

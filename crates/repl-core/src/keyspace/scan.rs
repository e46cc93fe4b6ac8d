//! Looking through a database without holding on to it: scans in hash order, and keys drawn at
//! random.
//!
//! A scan goes upwards through the hashes and its cursor is the next one. Splits move no key in
//! this order, so whatever happens between two steps, a key that is there from the first to the
//! last is met once.

use alloc::vec::Vec;

use super::{DbIndex, Entry, Keyspace};
use crate::base::rng::Rng;

/// Bits of a hash that are not part of a cursor. Clients that read cursors into a floating-point
/// number keep 53 bits; the keys that share the 48 that are left, if there are such, are met
/// together.
const HIDDEN_BITS: u32 = 16;
const POSITIONS: u64 = 1 << (u64::BITS - HIDDEN_BITS);

/// Where a scan goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanCursor(pub u64);

impl ScanCursor {
    /// Before the first key, and behind the last.
    pub const START: Self = Self(0);

    fn of(hash: u64) -> Self {
        Self(hash >> HIDDEN_BITS)
    }

    /// The lowest hash to be met, if it can be one.
    fn hash(self) -> Option<u64> {
        (self.0 < POSITIONS).then_some(self.0 << HIDDEN_BITS)
    }
}

impl Keyspace {
    /// Shows about `count` entries from `cursor` on to `visit`, in no order, and returns where to
    /// go on: [`ScanCursor::START`] when that was all of `db`.
    pub fn scan<'a>(
        &'a self,
        db: DbIndex,
        cursor: ScanCursor,
        count: usize,
        mut visit: impl FnMut(&'a Entry),
    ) -> ScanCursor {
        let directory = self.directory(db);
        let (mut from, mut left) = (cursor.hash(), count.max(1));
        while let Some(at) = from {
            let (entries, next) = directory.segment_from(at);
            let mut entries: Vec<(u64, &Entry)> = entries.collect();
            if entries.len() > left {
                let (_, (hash, _), _) = entries.select_nth_unstable_by_key(left - 1, |pair| pair.0);
                let last = ScanCursor::of(*hash);
                let met = entries.iter().filter(|(hash, _)| ScanCursor::of(*hash).0 <= last.0);
                met.for_each(|(_, entry)| visit(entry));
                return ScanCursor((last.0 + 1) % POSITIONS);
            }
            left -= entries.len();
            entries.iter().for_each(|(_, entry)| visit(entry));
            from = next;
            if left == 0 {
                break;
            }
        }
        from.map_or(ScanCursor::START, ScanCursor::of)
    }

    /// A key of `db` drawn at random, if there is one. Every key has about the same chance.
    pub fn random(&self, db: DbIndex, rng: &mut Rng) -> Option<&Entry> {
        if self.len(db) == 0 {
            return None;
        }
        let mut from = rng.bits();
        loop {
            let (entry, next) =
                self.directory(db).pick(from, |count| rng.below(count as u64) as usize);
            if entry.is_some() {
                return entry;
            }
            // Some segment is not empty, so this ends.
            from = next.unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::{base::rng::Seed, keyspace::KeyHasher};

    const DB: DbIndex = DbIndex(0);

    fn filled(seed: u64, keys: u32) -> Keyspace {
        let mut keyspace = Keyspace::new(KeyHasher::new(seed), 1);
        for key in 0..keys {
            add(&mut keyspace, key);
        }
        keyspace
    }

    fn add(keyspace: &mut Keyspace, key: u32) {
        let key = key.to_le_bytes();
        keyspace.set(DB, keyspace.hash(&key), &key, b"", None);
    }

    #[test]
    fn a_scan_meets_every_key_once_in_steps_of_the_size_asked_for() {
        for (keys, count) in
            [(0, 10), (1, 1), (500, 10), (5_000, 7), (5_000, 1_000), (5_000, 9_999)]
        {
            let keyspace = filled(3, keys);
            let (mut cursor, mut met, mut steps) = (ScanCursor::START, BTreeSet::new(), 0);
            loop {
                let mut step = 0;
                cursor = keyspace.scan(DB, cursor, count, |entry| {
                    assert!(met.insert(entry.key().to_vec()), "met twice");
                    step += 1;
                });
                steps += 1;
                assert!(step <= count && cursor.0 < POSITIONS);
                if cursor == ScanCursor::START {
                    break;
                }
            }
            assert_eq!(met.len(), keys as usize);
            assert!(steps <= keys as usize / count + 2, "{steps} steps of {count}");
        }
    }

    #[test]
    fn keys_that_stay_are_met_once_while_others_come_and_go_and_segments_split() {
        for seed in 0..20 {
            let mut rng = Rng::new(Seed::from_u64(seed), "scan");
            let mut keyspace = filled(seed, 2_000);
            let (mut cursor, mut met) = (ScanCursor::START, BTreeMap::<Vec<u8>, u32>::new());
            let mut fresh = 1_000_000;
            loop {
                let count = 1 + rng.below(50) as usize;
                cursor = keyspace.scan(DB, cursor, count, |entry| {
                    *met.entry(entry.key().to_vec()).or_default() += 1;
                });
                if cursor == ScanCursor::START {
                    break;
                }
                for _ in 0..rng.below(200) {
                    fresh += 1;
                    add(&mut keyspace, fresh);
                }
                let victim = (1_000 + rng.below(1_000) as u32).to_le_bytes();
                keyspace.remove(DB, keyspace.hash(&victim), &victim);
            }
            for key in 0..1_000_u32 {
                assert_eq!(met.get(&key.to_le_bytes()[..]), Some(&1), "seed {seed}, key {key}");
            }
        }
    }

    #[test]
    fn a_cursor_that_no_scan_gave_ends_the_scan() {
        let keyspace = filled(1, 100);
        for cursor in [POSITIONS, u64::MAX] {
            let end = keyspace.scan(DB, ScanCursor(cursor), 10, |_| panic!("there is nothing"));
            assert_eq!(end, ScanCursor::START);
        }
    }

    #[test]
    fn every_key_is_drawn_about_as_often() {
        let keyspace = filled(5, 2_000);
        let mut rng = Rng::new(Seed::from_u64(9), "draw");
        let mut drawn = BTreeMap::<&[u8], u32>::new();
        for _ in 0..100_000 {
            let entry = keyspace.random(DB, &mut rng).expect("there are keys");
            *drawn.entry(entry.key()).or_default() += 1;
        }
        assert_eq!(drawn.len(), 2_000);
        assert!(drawn.values().all(|count| (5..150).contains(count)));
        assert!(filled(5, 0).random(DB, &mut rng).is_none());
    }
}

//! Which keys are being watched, and whether they changed since (`WATCH`).
//!
//! Every write passes the keyspace's few methods, and each of them says which key it changed: no
//! command can forget to. While nobody watches, that costs a comparison. Knows nothing of clients
//! or transactions.

use alloc::{boxed::Box, collections::BTreeMap};

use super::{DbIndex, KeyHash, Keyspace};
use crate::base::time::UnixMillis;

/// One key somebody watches. Given back with [`Keyspace::unwatch`].
#[derive(Debug, PartialEq, Eq)]
pub struct Watch {
    db: DbIndex,
    hash: KeyHash,
    key: Box<[u8]>,
    /// The count of changes when the watch began.
    since: u64,
    state: AtStart,
}

impl Watch {
    /// Whether it watches this key.
    pub fn is_for(&self, db: DbIndex, key: &[u8]) -> bool {
        self.db == db && *self.key == *key
    }
}

/// What the key was when the watch began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtStart {
    /// There with its time over: for its watcher it was not there, so that its removal is no
    /// change.
    Expired,
    /// There, or not there.
    Plain,
}

/// The watched keys. Two keys with the same hash share a spot: a change of one counts for both,
/// which costs a transaction a retry once in 2^64.
#[derive(Debug, Default)]
pub(super) struct Watched {
    spots: BTreeMap<(DbIndex, KeyHash), Spot>,
    /// Counts changes of watched keys.
    changes: u64,
}

#[derive(Debug)]
struct Spot {
    key: Box<[u8]>,
    watchers: usize,
    changed_at: u64,
}

impl Watched {
    pub(super) fn is_empty(&self) -> bool {
        self.spots.is_empty()
    }

    fn touch(&mut self, db: DbIndex, hash: KeyHash) {
        if let Some(spot) = self.spots.get_mut(&(db, hash)) {
            self.changes += 1;
            spot.changed_at = self.changes;
        }
    }

    /// Counts a change for every key that `holds`.
    fn touch_where(&mut self, holds: impl Fn(DbIndex, KeyHash, &[u8]) -> bool) {
        for ((db, hash), spot) in &mut self.spots {
            if holds(*db, *hash, &spot.key) {
                self.changes += 1;
                spot.changed_at = self.changes;
            }
        }
    }
}

impl Keyspace {
    /// Begins to watch `key`.
    pub fn watch(&mut self, db: DbIndex, key: &[u8], now: UnixMillis) -> Watch {
        let hash = self.hash(key);
        let expired = self.is_expired(db, hash, key, now);
        let fresh = || Spot { key: key.into(), watchers: 0, changed_at: 0 };
        let spot = self.watched.spots.entry((db, hash)).or_insert_with(fresh);
        spot.watchers += 1;
        let state = if expired { AtStart::Expired } else { AtStart::Plain };
        Watch { db, hash, key: key.into(), since: self.watched.changes, state }
    }

    /// Ends a watch.
    pub fn unwatch(&mut self, watch: Watch) {
        let place = (watch.db, watch.hash);
        let Some(spot) = self.watched.spots.get_mut(&place) else { return };
        spot.watchers -= 1;
        if spot.watchers == 0 {
            self.watched.spots.remove(&place);
        }
    }

    /// Whether the key changed since the watch began, be it that its time has come.
    // redis: multi.c, isWatchedKeyExpired and touchWatchedKey
    pub fn has_changed(&self, watch: &Watch, now: UnixMillis) -> bool {
        let spot = self.watched.spots.get(&(watch.db, watch.hash));
        let changed = spot.is_some_and(|spot| spot.changed_at > watch.since);
        let exists = || self.find(watch.db, watch.hash, &watch.key).is_some();
        match watch.state {
            AtStart::Expired => changed && exists(),
            AtStart::Plain => changed || self.is_expired(watch.db, watch.hash, &watch.key, now),
        }
    }

    /// Every write of a key says so here.
    #[inline]
    pub(super) fn touch(&mut self, db: DbIndex, hash: KeyHash) {
        if !self.watched.is_empty() {
            self.watched.touch(db, hash);
        }
    }

    /// `db` is about to be emptied: a key that is not there does not change.
    pub(super) fn touch_before_flush(&mut self, db: DbIndex) {
        if !self.watched.is_empty() {
            let mut watched = core::mem::take(&mut self.watched);
            watched.touch_where(|of, hash, key| of == db && self.find(db, hash, key).is_some());
            self.watched = watched;
        }
    }

    /// Two databases are about to change places: a key that is in neither does not change.
    // redis: multi.c, touchAllWatchedKeysInDb
    pub(super) fn touch_before_swap(&mut self, one: DbIndex, other: DbIndex) {
        if !self.watched.is_empty() {
            let mut watched = core::mem::take(&mut self.watched);
            watched.touch_where(|of, hash, key| {
                let exists = |db| self.find(db, hash, key).is_some();
                (of == one || of == other) && (exists(one) || exists(other))
            });
            self.watched = watched;
        }
    }

    /// The databases of `other` are about to take the place of these; the watches stay here.
    pub(super) fn touch_before_replacement(&mut self, other: &Self) -> Watched {
        let mut watched = core::mem::take(&mut self.watched);
        watched.touch_where(|db, hash, key| {
            [&*self, other].into_iter().any(|one| one.find(db, hash, key).is_some())
        });
        watched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::KeyHasher;

    const NOW: UnixMillis = UnixMillis(1_000);
    const DB: DbIndex = DbIndex(0);

    fn set(keyspace: &mut Keyspace, key: &[u8], expires_at: Option<i64>) {
        let hash = keyspace.hash(key);
        keyspace.set(DB, hash, key, b"value", expires_at.map(UnixMillis));
    }

    /// Whether a watch on `k`, begun after `before`, sees what `between` does.
    #[track_caller]
    fn check(before: fn(&mut Keyspace), between: fn(&mut Keyspace), expect: bool) {
        let mut keyspace = Keyspace::new(KeyHasher::new(1), 2);
        before(&mut keyspace);
        let watch = keyspace.watch(DB, b"k", NOW);
        assert!(!keyspace.has_changed(&watch, NOW));
        between(&mut keyspace);
        assert_eq!(keyspace.has_changed(&watch, NOW), expect);
        keyspace.unwatch(watch);
        assert!(keyspace.watched.is_empty());
    }

    fn remove(keyspace: &mut Keyspace) {
        let hash = keyspace.hash(b"k");
        keyspace.remove(DB, hash, b"k");
    }

    #[test]
    fn every_way_to_write_a_key_is_seen() {
        check(|_| {}, |_| {}, false);
        check(|_| {}, |k| set(k, b"k", None), true);
        check(|_| {}, |k| set(k, b"other", None), false);
        check(|k| set(k, b"k", None), |k| set(k, b"k", None), true);
        check(|k| set(k, b"k", None), remove, true);
        check(|_| {}, remove, false);
        let update = |k: &mut Keyspace| {
            let hash = k.hash(b"k");
            k.update(DB, hash, b"k", |_| ());
        };
        check(|k| set(k, b"k", None), update, true);
        check(|_| {}, update, false);
    }

    #[test]
    fn a_flush_and_a_full_sync_change_the_keys_that_were_or_will_be_there() {
        check(|k| set(k, b"k", None), |k| assert_eq!(k.flush(DB), 1), true);
        check(|k| set(k, b"k", None), |k| assert_eq!(k.flush(DbIndex(1)), 0), false);
        check(|k| set(k, b"other", None), |k| assert_eq!(k.flush(DB), 1), false);
        check(|k| set(k, b"k", None), |k| k.replace_with(k.empty_twin()), true);
        check(|_| {}, |k| k.replace_with(k.empty_twin()), false);
        let arrives = |k: &mut Keyspace| {
            let mut twin = k.empty_twin();
            set(&mut twin, b"k", None);
            k.replace_with(twin);
        };
        check(|_| {}, arrives, true);
    }

    #[test]
    fn a_key_that_was_expired_when_the_watch_began_changes_only_when_it_is_written() {
        check(|k| set(k, b"k", Some(1)), remove, false);
        check(|k| set(k, b"k", Some(1)), |k| assert_eq!(k.flush(DB), 1), false);
        check(|k| set(k, b"k", Some(1)), |k| set(k, b"k", None), true);
        let mut keyspace = Keyspace::new(KeyHasher::new(1), 1);
        set(&mut keyspace, b"k", Some(1_001));
        let watch = keyspace.watch(DB, b"k", NOW);
        assert!(keyspace.has_changed(&watch, UnixMillis(1_002)), "its time has come since");
    }
}

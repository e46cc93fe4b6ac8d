//! The keys to which clients of a writable replica gave an expiry: nobody else will delete them.
//!
//! A replica leaves expired keys to its master, which knows nothing of keys that were written
//! here. Every expiry passes the keyspace's few methods, and each of them says so here: no command
//! can forget to. What is noted is exactly the keys that are there and have their expiry from here,
//! so that the notes are bounded by the dataset. While nothing is noted and nobody may note
//! anything, that costs a comparison.
// redis: expire.c, slaveKeysWithExpire

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
};

use super::{DbIndex, Entry, KeyHash, Keyspace};
use crate::base::time::UnixMillis;

/// Whose expiries are given to keys from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpiryOf {
    /// Those of the owner of the dataset: our master's, or our own when we have none.
    #[default]
    TheOwner,
    /// Those of a writable replica's client.
    AGuest,
}

/// The noted keys, by the time at which they expire.
#[derive(Debug, Default)]
pub(super) struct OwnExpiries {
    given: ExpiryOf,
    due: BTreeMap<(UnixMillis, DbIndex), BTreeSet<Box<[u8]>>>,
    count: usize,
}

impl OwnExpiries {
    /// Whether a change of an expiry is of interest.
    #[inline]
    fn looks(&self) -> bool {
        self.count > 0 || self.given == ExpiryOf::AGuest
    }

    /// The expiry of a key is now `after`.
    fn change(
        &mut self,
        db: DbIndex,
        key: &[u8],
        before: Option<UnixMillis>,
        after: Option<UnixMillis>,
    ) {
        if before == after {
            return;
        }
        if let Some(at) = before {
            self.forget(db, key, at);
        }
        if let Some(at) = after
            && self.given == ExpiryOf::AGuest
        {
            let keys = self.due.entry((at, db)).or_default();
            self.count += usize::from(keys.insert(key.into()));
        }
    }

    fn forget(&mut self, db: DbIndex, key: &[u8], at: UnixMillis) {
        let Some(keys) = self.due.get_mut(&(at, db)) else { return };
        self.count -= usize::from(keys.remove(key));
        if keys.is_empty() {
            self.due.remove(&(at, db));
        }
    }
}

impl Keyspace {
    /// Whose expiries the keys get from here on.
    pub fn give_expiries_of(&mut self, whose: ExpiryOf) {
        self.own_expiries.given = whose;
    }

    /// How many keys have their expiry from clients of this replica.
    pub fn own_expiries(&self) -> usize {
        self.own_expiries.count
    }

    /// From here on every key is the owner's: of a dataset that is now our own, for instance.
    pub fn forget_own_expiries(&mut self) {
        self.own_expiries = OwnExpiries::default();
    }

    /// A key with an expiry of this replica's own whose time has passed at `now`, if there is one.
    pub fn next_own_expired(&self, now: UnixMillis) -> Option<(DbIndex, &[u8])> {
        let (&(at, db), keys) = self.own_expiries.due.first_key_value()?;
        let key = keys.first().expect("no empty set is kept");
        (now > at).then_some((db, key))
    }

    /// The expiry of `key` if changes of it are of interest. To be asked before a change.
    #[inline]
    pub(super) fn expiry_before(
        &self,
        db: DbIndex,
        hash: KeyHash,
        key: &[u8],
    ) -> Option<UnixMillis> {
        if !self.own_expiries.looks() {
            return None;
        }
        self.find(db, hash, key).and_then(Entry::expires_at)
    }

    /// The expiry of `key` may have changed; it was `before`.
    #[inline]
    pub(super) fn note_expiry_of_key(
        &mut self,
        db: DbIndex,
        hash: KeyHash,
        key: &[u8],
        before: Option<UnixMillis>,
    ) {
        if self.own_expiries.looks() {
            let after = self.find(db, hash, key).and_then(Entry::expires_at);
            self.own_expiries.change(db, key, before, after);
        }
    }

    /// A key comes, maybe with an expiry.
    #[inline]
    pub(super) fn note_expiry_of(&mut self, db: DbIndex, entry: &Entry) {
        if self.own_expiries.looks() {
            self.own_expiries.change(db, entry.key(), None, entry.expires_at());
        }
    }

    /// A key goes.
    #[inline]
    pub(super) fn forget_expiry_of(&mut self, db: DbIndex, entry: &Entry) {
        if self.own_expiries.looks() {
            self.own_expiries.change(db, entry.key(), entry.expires_at(), None);
        }
    }

    /// `db` is about to be emptied.
    pub(super) fn forget_own_expiries_of(&mut self, db: DbIndex) {
        let own = &mut self.own_expiries;
        own.due.retain(|(_, of), _| *of != db);
        own.count = own.due.values().map(BTreeSet::len).sum();
    }

    /// Two databases trade places.
    pub(super) fn swap_own_expiries(&mut self, one: DbIndex, other: DbIndex) {
        let traded = |db| match db {
            db if db == one => other,
            db if db == other => one,
            db => db,
        };
        let due = core::mem::take(&mut self.own_expiries.due);
        self.own_expiries.due =
            due.into_iter().map(|((at, db), keys)| ((at, traded(db)), keys)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::KeyHasher;

    const ZERO: DbIndex = DbIndex(0);
    const ONE: DbIndex = DbIndex(1);

    /// A keyspace whose keys get their expiry from a guest.
    fn keyspace() -> Keyspace {
        let mut keyspace = Keyspace::new(KeyHasher::new(1), 2);
        keyspace.give_expiries_of(ExpiryOf::AGuest);
        keyspace
    }

    fn set(keyspace: &mut Keyspace, db: DbIndex, key: &[u8], expires_at: Option<i64>) {
        let hash = keyspace.hash(key);
        keyspace.set(db, hash, key, b"value", expires_at.map(UnixMillis));
    }

    /// The keys that are due in the end, taken one after the other.
    #[track_caller]
    fn check(mut keyspace: Keyspace, expect: &[(DbIndex, &[u8])]) {
        assert_eq!(keyspace.own_expiries(), expect.len());
        let mut found = alloc::vec::Vec::new();
        while let Some((db, key)) = keyspace.next_own_expired(UnixMillis(i64::MAX)) {
            let key = key.to_vec();
            assert!(keyspace.remove(db, keyspace.hash(&key), &key), "what is noted is there");
            found.push((db, key));
        }
        assert!(found.iter().map(|(db, key)| (*db, key.as_slice())).eq(expect.iter().copied()));
        assert_eq!(keyspace.own_expiries(), 0);
    }

    #[test]
    fn what_a_guest_lets_expire_is_due_in_the_order_of_time() {
        let mut keyspace = keyspace();
        set(&mut keyspace, ZERO, b"late", Some(9));
        set(&mut keyspace, ONE, b"soon", Some(5));
        set(&mut keyspace, ZERO, b"never", None);
        assert_eq!(keyspace.next_own_expired(UnixMillis(5)), None, "its time is not over yet");
        assert_eq!(keyspace.next_own_expired(UnixMillis(6)), Some((ONE, b"soon".as_slice())));
        check(keyspace, &[(ONE, b"soon"), (ZERO, b"late")]);
    }

    #[test]
    fn what_the_owner_writes_is_the_owners() {
        let mut keyspace = keyspace();
        for key in [b"kept", b"sett", b"gone", b"last"] {
            set(&mut keyspace, ZERO, key, Some(5));
        }
        keyspace.give_expiries_of(ExpiryOf::TheOwner);
        set(&mut keyspace, ZERO, b"sett", Some(6));
        set(&mut keyspace, ZERO, b"last", None);
        set(&mut keyspace, ONE, b"kept", Some(5));
        keyspace.remove(ZERO, keyspace.hash(b"gone"), b"gone");
        check(keyspace, &[(ZERO, b"kept")]);
    }

    #[test]
    fn copies_moves_flushes_and_swaps_are_followed() {
        let mut keyspace = keyspace();
        set(&mut keyspace, ZERO, b"a", Some(5));
        assert!(keyspace.copy((ZERO, b"a"), (ZERO, b"b")));
        assert!(keyspace.relocate((ZERO, b"a"), (ONE, b"c")));
        assert_eq!(keyspace.own_expiries(), 2);
        keyspace.swap(ZERO, ONE);
        set(&mut keyspace, ZERO, b"d", Some(4));
        keyspace.flush(ONE);
        check(keyspace, &[(ZERO, b"d"), (ZERO, b"c")]);
    }

    #[test]
    fn another_dataset_begins_without_notes() {
        let mut keyspace = keyspace();
        set(&mut keyspace, ZERO, b"a", Some(5));
        let twin = keyspace.empty_twin();
        keyspace.replace_with(twin);
        set(&mut keyspace, ZERO, b"a", Some(5));
        check(keyspace, &[]);
    }
}

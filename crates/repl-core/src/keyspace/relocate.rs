//! Values that change their key or their database: copies, moves, and databases that trade places.
//!
//! Snapshots under way see none of it: what is removed or replaced has its image saved, what is new
//! is marked as not there at the cut, and a snapshot names directories, not databases.

use super::{DbIndex, Event, Keyspace};

/// A key and its database.
pub type Place<'a> = (DbIndex, &'a [u8]);

impl Keyspace {
    /// Puts a copy of the value and expiry at `from` to `to`, in the place of whatever is there.
    /// Whether there was anything at `from`. Copying a key to itself changes nothing.
    pub fn copy(&mut self, from: Place<'_>, to: Place<'_>) -> bool {
        let found = self.find(from.0, self.hash(from.1), from.1);
        let Some(copy) = found.map(|entry| entry.under_key(to.1)) else { return false };
        if from != to {
            let hash = self.hash(to.1);
            self.remove(to.0, hash, to.1);
            self.insert(to.0, hash, copy);
            self.note(to.0, Event::NEW, to.1);
        }
        true
    }

    /// Like [`copy`](Self::copy), and removes `from`.
    pub fn relocate(&mut self, from: Place<'_>, to: Place<'_>) -> bool {
        let found = self.copy(from, to);
        if found && from != to {
            self.remove(from.0, self.hash(from.1), from.1);
        }
        found
    }

    /// Puts copies of all that `other` holds here, in the place of what is there.
    pub fn merge(&mut self, other: &Self) {
        for db in other.indexes() {
            for entry in other.iter(db) {
                let (key, hash) = (entry.key(), self.hash(entry.key()));
                self.remove(db, hash, key);
                self.insert(db, hash, entry.clone());
            }
        }
    }

    /// Whether some key is there in both.
    pub fn shares_a_key_with(&self, other: &Self) -> bool {
        let is_here = |db, key: &[u8]| self.find(db, self.hash(key), key).is_some();
        other.indexes().any(|db| other.iter(db).any(|entry| is_here(db, entry.key())))
    }

    /// Swaps what two databases hold.
    pub fn swap(&mut self, one: DbIndex, other: DbIndex) {
        if one == other {
            return;
        }
        self.touch_before_swap(one, other);
        self.databases.swap(one.0 as usize, other.0 as usize);
        self.swap_own_expiries(one, other);
        self.mark_what_is_there(|db| db == one || db == other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::time::UnixMillis, keyspace::KeyHasher};

    #[test]
    fn a_copy_brings_its_expiry_and_replaces_what_was_there() {
        let mut keyspace = Keyspace::new(KeyHasher::new(1), 2);
        let (zero, one) = (DbIndex(0), DbIndex(1));
        let (a, b) = (keyspace.hash(b"a"), keyspace.hash(b"b"));
        keyspace.set(zero, a, b"a", b"1", Some(UnixMillis(5)));
        keyspace.set(one, b, b"b", b"2", None);
        assert!(keyspace.copy((zero, b"a"), (one, b"b")));
        assert!(!keyspace.copy((zero, b"b"), (one, b"b")));
        let entry = keyspace.find(one, b, b"b").expect("it was copied there");
        assert_eq!((entry.string(), entry.expires_at()), (Ok(&b"1"[..]), Some(UnixMillis(5))));
        assert!(keyspace.relocate((one, b"b"), (one, b"b")), "to itself");
        assert!(keyspace.relocate((one, b"b"), (zero, b"b")));
        assert_eq!((keyspace.len(zero), keyspace.len(one)), (2, 0));
        assert_eq!(keyspace.volatile_len(zero), 2);
        keyspace.swap(zero, one);
        assert_eq!((keyspace.len(zero), keyspace.len(one)), (0, 2));
    }
}

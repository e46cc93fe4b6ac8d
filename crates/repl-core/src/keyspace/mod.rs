//! The keyspace: numbered databases of keys with values and expiries, and point-in-time walks over
//! them.
//!
//! Knows nothing of protocols, snapshots' encodings or replication. Every write goes through the
//! few methods here, and each of them first saves the old image for the snapshots that have not
//! reached the key: no command can forget to.
//!
//! Expiry is not decided here. A key whose time has passed is still an entry; whether it is
//! deleted, hidden or simply there depends on who asks (`command::Data::lookup`).

mod awaited;
mod digest;
mod directory;
mod entry;
mod own_expiry;
mod relocate;
mod scan;
mod snapshot;
mod watch;

use alloc::vec::Vec;
use core::mem;

use self::{
    awaited::Awaited, directory::Directory, own_expiry::OwnExpiries, snapshot::Snapshot,
    watch::Watched,
};
pub use self::{
    awaited::{Spot, Ticket},
    directory::{KeyHash, KeyHasher},
    entry::{Entry, Form, WrongType},
    own_expiry::ExpiryOf,
    relocate::Place,
    scan::ScanCursor,
    snapshot::{Image, SnapshotId, Walked},
    watch::Watch,
};
use crate::{
    base::{config::Config, time::UnixMillis},
    value::{PackLimit, Shape, Value},
};

/// How many snapshots may be under way at a time: one bit of an entry each.
pub const SNAPSHOTS_MAX: usize = 2;

/// A flush of so many keys takes no time that anybody would notice.
const KEYS_DROPPED_AT_ONCE: usize = 4_096;

/// The number of a database, as `SELECT` takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DbIndex(pub u32);

/// Whether an entry that was there to be changed is now another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is.
    Made,
    /// It is as it was.
    None,
}

/// A directory's place in the pool. Databases and snapshots name directories by it, so that a flush
/// can take a directory from its database while a snapshot still walks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DirId(usize);

/// All databases of a node.
#[derive(Debug)]
pub struct Keyspace {
    hasher: KeyHasher,
    shape: Shape,
    pool: Vec<Option<Directory>>,
    databases: Vec<DirId>,
    snapshots: [Option<Snapshot>; SNAPSHOTS_MAX],
    /// Directories nobody will ask again, freed a few segments at a time.
    garbage: Vec<Directory>,
    /// Where the expiry cycle goes on.
    expiry_cursor: (usize, u64),
    /// The keys whose changes somebody wants to know of.
    watched: Watched,
    /// The keys that somebody waits for.
    awaited: Awaited,
    /// The keys that clients of a writable replica gave an expiry.
    own_expiries: OwnExpiries,
}

impl Keyspace {
    /// `databases` empty databases.
    ///
    /// # Panics
    /// When `databases` is zero.
    pub fn new(hasher: KeyHasher, databases: usize) -> Self {
        assert!(databases > 0, "a node has at least one database");
        Self {
            pool: (0..databases).map(|_| Some(Directory::new(hasher.clone()))).collect(),
            databases: (0..databases).map(DirId).collect(),
            shape: Shape::new(hasher.hash(b"values").bits()),
            hasher,
            snapshots: [const { None }; SNAPSHOTS_MAX],
            garbage: Vec::new(),
            expiry_cursor: (0, 0),
            watched: Watched::default(),
            awaited: Awaited::default(),
            own_expiries: OwnExpiries::default(),
        }
    }

    /// As many empty databases as this keyspace has, with the same hasher and forms of values.
    pub fn empty_twin(&self) -> Self {
        Self { shape: self.shape, ..Self::new(self.hasher.clone(), self.databases.len()) }
    }

    /// The database numbered `number`, if there is one.
    pub fn database(&self, number: i64) -> Option<DbIndex> {
        let index = u32::try_from(number).ok()?;
        ((index as usize) < self.databases.len()).then_some(DbIndex(index))
    }

    /// How many databases there are.
    pub fn database_count(&self) -> usize {
        self.databases.len()
    }

    /// The databases in order.
    pub fn indexes(&self) -> impl Iterator<Item = DbIndex> + use<> {
        (0..self.databases.len() as u32).map(DbIndex)
    }

    /// The hash of `key`, to be made once per command and key.
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        self.hasher.hash(key)
    }

    /// The forms that values take here.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Takes the limits of the forms of values from `config`. Values that are there keep their
    /// form until they are written to.
    pub fn set_limits(&mut self, config: &Config) {
        let limit = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        self.shape = Shape {
            hash_entries_max: limit(config.hash_max_listpack_entries),
            hash_value_bytes_max: limit(config.hash_max_listpack_value),
            set_ints_max: limit(config.set_max_intset_entries),
            zset_entries_max: limit(config.zset_max_listpack_entries),
            zset_value_bytes_max: limit(config.zset_max_listpack_value),
            list_pack: PackLimit::from_size(config.list_max_listpack_size.into()),
            ..self.shape
        };
    }

    fn id(&self, db: DbIndex) -> DirId {
        self.databases[db.0 as usize]
    }

    fn directory(&self, db: DbIndex) -> &Directory {
        self.pool[self.id(db).0].as_ref().expect("a database's directory is in the pool")
    }

    fn directory_mut(&mut self, id: DirId) -> &mut Directory {
        self.pool[id.0].as_mut().expect("a database's directory is in the pool")
    }

    /// Keys of `db`, expired ones included, as `DBSIZE` counts.
    pub fn len(&self, db: DbIndex) -> usize {
        self.directory(db).len()
    }

    /// Keys of all databases, expired ones included.
    pub fn key_count(&self) -> u64 {
        self.indexes().map(|db| self.len(db) as u64).sum()
    }

    /// Whether there are more keys than that whose time has not passed. Looks at keys until it
    /// knows.
    pub fn has_more_than(&self, count: u64, now: UnixMillis) -> bool {
        let keys = self.indexes().flat_map(|db| self.iter(db));
        let mut living = keys.filter(|entry| !entry.is_expired(now));
        usize::try_from(count).is_ok_and(|count| living.nth(count).is_some())
    }

    /// Whether no database has a key.
    pub fn is_empty(&self) -> bool {
        self.indexes().all(|db| self.len(db) == 0)
    }

    /// Keys of `db` with an expiry.
    pub fn volatile_len(&self, db: DbIndex) -> usize {
        self.directory(db).volatile_len()
    }

    /// The entry of `key`, whether or not its time has passed.
    pub fn find(&self, db: DbIndex, hash: KeyHash, key: &[u8]) -> Option<&Entry> {
        self.directory(db).find(hash, key)
    }

    /// Brings close what look-ups of these keys need. Changes nothing.
    pub fn warm(&self, db: DbIndex, hashes: &[KeyHash]) {
        let directory = self.directory(db);
        let touched: usize = hashes.iter().map(|hash| directory.warm(*hash)).sum();
        core::hint::black_box(touched);
    }

    /// Whether `key` is there and its time has passed. Free when no key of `db` has an expiry.
    pub fn is_expired(&self, db: DbIndex, hash: KeyHash, key: &[u8], now: UnixMillis) -> bool {
        let directory = self.directory(db);
        directory.volatile_len() > 0
            && directory.find(hash, key).is_some_and(|entry| entry.is_expired(now))
    }

    /// Sets `key` to `value`, whatever it was before.
    pub fn set(
        &mut self,
        db: DbIndex,
        hash: KeyHash,
        key: &[u8],
        value: &[u8],
        expires_at: Option<UnixMillis>,
    ) {
        let replaced = self
            .update(db, hash, key, |entry| entry.replace(value, expires_at, Form::Whole))
            .is_some();
        if !replaced {
            self.insert(db, hash, Entry::new(key, value, expires_at, Form::Whole));
        }
    }

    /// Sets `key` to a value that is not a string, whatever it was before.
    pub fn set_value(
        &mut self,
        db: DbIndex,
        hash: KeyHash,
        key: &[u8],
        value: Value,
        expires_at: Option<UnixMillis>,
    ) {
        let kind = value.kind();
        let mut value = Some(value);
        self.update(db, hash, key, |entry| {
            entry.replace_rich(value.take().expect("an entry is updated once"), expires_at);
        });
        match value {
            Some(value) => self.insert(db, hash, Entry::rich(key, value, expires_at)),
            None => self.mark_ready(db, kind, key),
        }
    }

    /// Adds an entry whose key is not there.
    fn insert(&mut self, db: DbIndex, hash: KeyHash, mut entry: Entry) {
        let id = self.id(db);
        for slot in self.snapshots_ahead(id, hash) {
            // The key did not exist at the cut: the walk must not take it for one that did.
            entry.mark_emitted(slot);
        }
        self.mark_ready(db, entry.view().kind(), entry.key());
        self.note_expiry_of(db, &entry);
        self.directory_mut(id).insert(hash, entry);
        self.touch(db, hash);
    }

    /// Changes the entry of `key`. `None` when there is none.
    pub fn update<R>(
        &mut self,
        db: DbIndex,
        hash: KeyHash,
        key: &[u8],
        change: impl FnOnce(&mut Entry) -> R,
    ) -> Option<R> {
        self.update_if(db, hash, key, |entry| (change(entry), Change::Made))
    }

    /// Changes the entry of `key` or not: who watches the key hears of it only when the change was
    /// made. `None` when there is none.
    pub fn update_if<R>(
        &mut self,
        db: DbIndex,
        hash: KeyHash,
        key: &[u8],
        change: impl FnOnce(&mut Entry) -> (R, Change),
    ) -> Option<R> {
        let id = self.id(db);
        if self.has_snapshots() {
            self.save_image(id, hash, key);
        }
        let before = self.expiry_before(db, hash, key);
        let (result, made) = self.directory_mut(id).update(hash, key, change)?;
        self.note_expiry_of_key(db, hash, key, before);
        if made == Change::Made {
            self.touch(db, hash);
        }
        Some(result)
    }

    /// Removes `key`; whether it was there.
    pub fn remove(&mut self, db: DbIndex, hash: KeyHash, key: &[u8]) -> bool {
        let id = self.id(db);
        if self.has_snapshots() {
            self.save_image(id, hash, key);
        }
        let Some(removed) = self.directory_mut(id).remove(hash, key) else { return false };
        self.forget_expiry_of(db, &removed);
        self.touch(db, hash);
        true
    }

    /// Empties `db`; how many keys went. Takes no time: the memory is freed by `collect_garbage`.
    pub fn flush(&mut self, db: DbIndex) -> usize {
        let old = self.id(db);
        let keys = self.len(db);
        if keys == 0 {
            return 0;
        }
        self.touch_before_flush(db);
        self.forget_own_expiries_of(db);
        let fresh = Directory::new(self.hasher.clone());
        if self.snapshots.iter().flatten().any(|snapshot| snapshot.needs(old)) {
            // The old directory stays in the pool until the last snapshot has walked it.
            self.databases[db.0 as usize] = self.adopt(fresh);
        } else {
            let old = mem::replace(self.directory_mut(old), fresh);
            if keys > KEYS_DROPPED_AT_ONCE {
                self.garbage.push(old);
            }
        }
        keys
    }

    /// Takes over the databases of `other`, which has as many; the old ones go. Snapshots under way
    /// end. Watches and lines stay; what has come does not make a key ready, and is the owner's.
    pub fn replace_with(&mut self, other: Self) {
        assert_eq!(self.databases.len(), other.databases.len(), "a twin has as many databases");
        let watched = self.touch_before_replacement(&other);
        let awaited = mem::take(&mut self.awaited);
        let (garbage, shape) = (mem::take(&mut self.garbage), self.shape);
        let old = mem::replace(self, other);
        self.watched = watched;
        self.awaited = awaited;
        self.shape = shape;
        self.garbage.extend(garbage);
        self.garbage.extend(old.pool.into_iter().flatten());
    }

    /// Frees up to `segments` small tables of what was flushed; whether more is left.
    pub fn collect_garbage(&mut self, segments: usize) -> bool {
        let mut left = segments;
        while left > 0
            && let Some(directory) = self.garbage.last_mut()
        {
            left -= directory.dismantle(left);
            if directory.is_dismantled() {
                self.garbage.pop();
            }
        }
        !self.garbage.is_empty()
    }

    /// Every entry of `db`, in no order that means anything.
    pub fn iter(&self, db: DbIndex) -> impl Iterator<Item = &Entry> {
        self.directory(db).iter()
    }

    /// One step of the expiry cycle: some keys of one database that have expired at `now` (copies;
    /// the caller removes them), or `None` when this call has been through all databases without
    /// finding any.
    ///
    /// The next step goes on where this one ended. Segments whose earliest expiry is to come cost a
    /// comparison.
    pub fn next_expired(
        &mut self,
        now: UnixMillis,
        limit: usize,
    ) -> Option<(DbIndex, Vec<Vec<u8>>)> {
        let mut visited = 0;
        while visited <= self.databases.len() {
            let (number, from) = self.expiry_cursor;
            let db = DbIndex(number as u32);
            let id = self.id(db);
            let directory = self.directory_mut(id);
            let (keys, next) = if directory.volatile_len() == 0 {
                (Vec::new(), None)
            } else {
                directory.expired_keys(from, now, limit)
            };
            if !keys.is_empty() {
                return Some((db, keys));
            }
            self.expiry_cursor = match next {
                Some(at) => (number, at),
                None => {
                    visited += 1;
                    ((number + 1) % self.databases.len(), 0)
                }
            };
        }
        None
    }

    /// Puts a directory into a free place of the pool.
    fn adopt(&mut self, directory: Directory) -> DirId {
        match self.pool.iter().position(Option::is_none) {
            Some(at) => {
                self.pool[at] = Some(directory);
                DirId(at)
            }
            None => {
                self.pool.push(Some(directory));
                DirId(self.pool.len() - 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyspace() -> Keyspace {
        Keyspace::new(KeyHasher::new(1), 3)
    }

    fn set(keyspace: &mut Keyspace, db: u32, key: &[u8], expires_at: Option<i64>) {
        let hash = keyspace.hash(key);
        keyspace.set(DbIndex(db), hash, key, b"value", expires_at.map(UnixMillis));
    }

    #[test]
    fn databases_are_apart() {
        let mut keyspace = keyspace();
        set(&mut keyspace, 1, b"a", None);
        assert_eq!((keyspace.len(DbIndex(0)), keyspace.len(DbIndex(1))), (0, 1));
        assert!(keyspace.find(DbIndex(0), keyspace.hash(b"a"), b"a").is_none());
        assert_eq!(keyspace.database(3), None);
        assert_eq!(keyspace.database(-1), None);
        assert_eq!(keyspace.database(2), Some(DbIndex(2)));
    }

    #[test]
    fn the_expiry_cycle_finds_every_expired_key_of_every_database() {
        let mut keyspace = keyspace();
        for db in 0..3 {
            for i in 0..50_u8 {
                set(&mut keyspace, db, &[i], Some(if i % 2 == 0 { 10 } else { 1_000 }));
            }
        }
        let mut found = 0;
        while let Some((db, keys)) = keyspace.next_expired(UnixMillis(11), 7) {
            found += keys.len();
            for key in keys {
                let hash = keyspace.hash(&key);
                assert!(keyspace.remove(db, hash, &key));
            }
        }
        assert_eq!(found, 75);
    }

    #[test]
    fn a_flush_takes_no_time_and_leaves_garbage() {
        let mut keyspace = keyspace();
        for i in 0..30_000_u32 {
            set(&mut keyspace, 0, &i.to_le_bytes(), None);
        }
        assert_eq!(keyspace.flush(DbIndex(0)), 30_000);
        assert!(!keyspace.garbage.is_empty());
        assert_eq!(keyspace.flush(DbIndex(0)), 0);
        assert!(keyspace.is_empty());
        while keyspace.collect_garbage(1) {}
        assert!(keyspace.garbage.is_empty());
    }
}

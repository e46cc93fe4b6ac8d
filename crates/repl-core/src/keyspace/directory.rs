//! The index of one database: an extendible hash directory of small tables.
//!
//! ```text
//!   high bits of the hash      segments (up to SEGMENT_KEYS_MAX keys each)
//!   000 --+
//!   001 --+-> [ table, depth 2 ]   every key whose hash starts with 00
//!   010 ----> [ table, depth 3 ]   ... with 010
//!   011 ----> [ table, depth 3 ]   ... with 011
//!   1xx ----> [ table, depth 1 ]   ... with 1
//! ```
//!
//! A full segment splits in two; nothing else moves, so no write ever waits for the whole table to
//! be rehashed. Segments lie in **hash order**: a walk from hash 0 upwards meets every key that was
//! there all the time exactly once, whatever splits meanwhile. Snapshots, scans and the expiry
//! cycle walk that way.
//!
//! This is the only hash table of the node that may be iterated. The hasher is seeded by the node's
//! seed.

use core::hash::BuildHasher;

use alloc::{vec, vec::Vec};
use foldhash::quality::FixedState;
use hashbrown::{HashTable, hash_table};

use super::entry::Entry;
use crate::base::time::UnixMillis;

/// A segment with this many keys splits. A hashbrown table of 1,024 buckets holds 896 keys.
const SEGMENT_KEYS_MAX: usize = 896;

/// Splitting stops here (equal hashes cannot be told apart): then the table grows instead.
const DEPTH_MAX: u32 = 32;

/// The hash of a key. Only the directory makes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyHash(u64);

impl KeyHash {
    /// The number the directory orders by.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// For the table inside a segment. All its keys share the high bits, and hashbrown takes its
    /// seven-bit tags from there: turn the hash, so that tags and buckets come from bits that
    /// differ.
    fn in_segment(self) -> u64 {
        self.0.rotate_left(32)
    }
}

/// Makes the hashes of a node's keys; one for all databases.
#[derive(Clone, Debug)]
pub struct KeyHasher(FixedState);

impl KeyHasher {
    /// A hasher that is a function of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(FixedState::with_seed(seed))
    }

    /// The hash of `key`.
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        KeyHash(self.0.hash_one(key))
    }
}

/// The keys whose hashes begin with the same `depth` bits.
#[derive(Clone, Debug)]
struct Segment {
    table: HashTable<Entry>,
    depth: u32,
    /// No key of this segment expires before this. May be too early, never too late.
    earliest_expiry: UnixMillis,
}

impl Segment {
    fn new(depth: u32, capacity: usize) -> Self {
        Self {
            table: HashTable::with_capacity(capacity),
            depth,
            earliest_expiry: UnixMillis(i64::MAX),
        }
    }

    fn note_expiry(&mut self, expires_at: Option<UnixMillis>) {
        if let Some(at) = expires_at {
            self.earliest_expiry = self.earliest_expiry.min(at);
        }
    }
}

/// All keys of one database.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    hasher: KeyHasher,
    segments: Vec<Segment>,
    /// 2^depth numbers of segments, indexed by the first `depth` bits of a hash.
    index: Vec<u32>,
    depth: u32,
    keys: usize,
    /// Keys with an expiry.
    volatile: usize,
}

impl Directory {
    /// An empty database.
    pub(super) fn new(hasher: KeyHasher) -> Self {
        Self {
            hasher,
            segments: vec![Segment::new(0, 0)],
            index: vec![0],
            depth: 0,
            keys: 0,
            volatile: 0,
        }
    }

    /// How many keys there are, expired ones included.
    pub(super) fn len(&self) -> usize {
        self.keys
    }

    /// How many keys have an expiry.
    pub(super) fn volatile_len(&self) -> usize {
        self.volatile
    }

    fn segment_of(&self, hash: KeyHash) -> usize {
        let at = if self.depth == 0 { 0 } else { hash.0 >> (64 - self.depth) };
        self.index[at as usize] as usize
    }

    /// The entry of `key`.
    pub(super) fn find(&self, hash: KeyHash, key: &[u8]) -> Option<&Entry> {
        let segment = &self.segments[self.segment_of(hash)];
        segment.table.find(hash.in_segment(), |entry| entry.has_key(key))
    }

    /// Brings what a look-up of `hash` needs close to the processor, and nothing else: the result
    /// only keeps the compiler from leaving it out. Look-ups of several keys wait for memory one
    /// after the other; warm-ups of several keys wait together.
    #[inline]
    pub(super) fn warm(&self, hash: KeyHash) -> usize {
        let mut touched = 0;
        let segment = &self.segments[self.segment_of(hash)];
        let none = segment.table.find(hash.in_segment(), |entry| {
            touched += entry.warm();
            false
        });
        touched + usize::from(none.is_some())
    }

    /// Changes the entry of `key` in place, expiry included. `None` when there is no such key.
    pub(super) fn update<R>(
        &mut self,
        hash: KeyHash,
        key: &[u8],
        change: impl FnOnce(&mut Entry) -> R,
    ) -> Option<R> {
        let at = self.segment_of(hash);
        let segment = &mut self.segments[at];
        let entry = segment.table.find_mut(hash.in_segment(), |entry| entry.has_key(key))?;
        let was_volatile = entry.is_volatile();
        let result = change(entry);
        if was_volatile || entry.is_volatile() {
            let expires_at = entry.expires_at();
            segment.note_expiry(expires_at);
            self.volatile -= usize::from(was_volatile);
            self.volatile += usize::from(expires_at.is_some());
        }
        Some(result)
    }

    /// Adds an entry whose key is not there yet.
    pub(super) fn insert(&mut self, hash: KeyHash, entry: Entry) {
        debug_assert!(self.find(hash, entry.key()).is_none(), "keys are unique");
        let mut at = self.segment_of(hash);
        while self.segments[at].table.len() >= SEGMENT_KEYS_MAX
            && self.segments[at].depth < DEPTH_MAX
        {
            self.split(at, hash);
            at = self.segment_of(hash);
        }
        let Self { segments, hasher, .. } = self;
        let segment = &mut segments[at];
        segment.note_expiry(entry.expires_at());
        self.keys += 1;
        self.volatile += usize::from(entry.expires_at().is_some());
        segment
            .table
            .insert_unique(hash.in_segment(), entry, |e| hasher.hash(e.key()).in_segment());
    }

    /// Takes the entry of `key` out.
    pub(super) fn remove(&mut self, hash: KeyHash, key: &[u8]) -> Option<Entry> {
        let at = self.segment_of(hash);
        let table = &mut self.segments[at].table;
        let found = table.find_entry(hash.in_segment(), |entry| entry.has_key(key)).ok()?;
        let (entry, _) = found.remove();
        if table.capacity() > 64 && table.len() < table.capacity() / 8 {
            let hasher = &self.hasher;
            table.shrink_to(table.len() * 2, |e| hasher.hash(e.key()).in_segment());
        }
        self.keys -= 1;
        self.volatile -= usize::from(entry.expires_at().is_some());
        Some(entry)
    }

    /// Splits segment `at`, to which `hash` belongs, by the next bit of its keys' hashes.
    fn split(&mut self, at: usize, hash: KeyHash) {
        let depth = self.segments[at].depth;
        if depth == self.depth {
            self.index = self.index.iter().flat_map(|&segment| [segment, segment]).collect();
            self.depth += 1;
        }
        let half = self.segments[at].table.len() / 2 + 1;
        let old = core::mem::replace(&mut self.segments[at], Segment::new(depth + 1, half));
        let mut high = Segment::new(depth + 1, half);
        let high_at = self.segments.len();
        let hasher = &self.hasher;
        for entry in old.table {
            let hash = hasher.hash(entry.key());
            let to_high = hash.0 & (1 << (63 - depth)) != 0;
            let side = if to_high { &mut high } else { &mut self.segments[at] };
            side.note_expiry(entry.expires_at());
            side.table
                .insert_unique(hash.in_segment(), entry, |e| hasher.hash(e.key()).in_segment());
        }
        self.segments.push(high);
        // The index entries of the old segment are consecutive; their upper half now means the new
        // one.
        let span = 1_usize << (self.depth - depth - 1);
        let first = (hash.0 >> (64 - self.depth)) as usize & !(2 * span - 1);
        let number = u32::try_from(high_at).expect("the depth limit bounds the segments");
        self.index[first + span..first + 2 * span].fill(number);
    }

    /// The segment that holds hash `from`, and the hash at which the next one begins (`None` after
    /// the last).
    fn segment_at(&self, from: u64) -> (usize, Option<u64>) {
        let at = self.segment_of(KeyHash(from));
        let depth = self.segments[at].depth;
        if depth == 0 {
            return (at, None);
        }
        let width = 1_u64 << (64 - depth);
        let start = from & !(width - 1);
        (at, start.checked_add(width))
    }

    /// The entries of the segment that holds hash `from`, in no order, and where the next segment
    /// begins. For marking entries: keys and expiries must stay as they are.
    pub(super) fn walk_mut(&mut self, from: u64) -> (hash_table::IterMut<'_, Entry>, Option<u64>) {
        let (at, next) = self.segment_at(from);
        (self.segments[at].table.iter_mut(), next)
    }

    /// The entries of the segment that holds hash `from` whose hashes are not below it, in no
    /// order, each with its hash; and where the next segment begins.
    pub(super) fn segment_from(
        &self,
        from: u64,
    ) -> (impl Iterator<Item = (u64, &Entry)>, Option<u64>) {
        let (at, next) = self.segment_at(from);
        let hashed =
            self.segments[at].table.iter().map(|entry| (self.hasher.hash(entry.key()).0, entry));
        (hashed.filter(move |(hash, _)| *hash >= from), next)
    }

    /// One entry of the segment that holds hash `from`, chosen by `choose` from so many. `None` and
    /// the beginning of the next segment when this one is empty.
    pub(super) fn pick(
        &self,
        from: u64,
        choose: impl FnOnce(usize) -> usize,
    ) -> (Option<&Entry>, Option<u64>) {
        let (at, next) = self.segment_at(from);
        let table = &self.segments[at].table;
        let picked = if table.is_empty() { None } else { table.iter().nth(choose(table.len())) };
        (picked, next)
    }

    /// Every entry, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.segments.iter().flat_map(|segment| segment.table.iter())
    }

    /// Looks at the segment of hash `from` for keys expired at `now`: at most `limit` of them, as
    /// copies of their keys, and where the next segment begins. Costs nothing when the segment's
    /// earliest expiry is to come.
    pub(super) fn expired_keys(
        &mut self,
        from: u64,
        now: UnixMillis,
        limit: usize,
    ) -> (Vec<Vec<u8>>, Option<u64>) {
        let (at, next) = self.segment_at(from);
        let segment = &mut self.segments[at];
        if segment.earliest_expiry >= now {
            return (Vec::new(), next);
        }
        let mut found = Vec::new();
        let mut earliest = UnixMillis(i64::MAX);
        for entry in &segment.table {
            // Found keys count as well: whether the caller removes them is not known here.
            if let Some(at) = entry.expires_at() {
                earliest = earliest.min(at);
                if entry.is_expired(now) && found.len() < limit {
                    found.push(entry.key().to_vec());
                }
            }
        }
        segment.earliest_expiry = earliest;
        (found, next)
    }

    /// Gives up to `segments` segments, at least one, back to the allocator; how many that were.
    /// For a directory that nobody will ask again: dropping a large one at once would stall the
    /// node.
    pub(super) fn dismantle(&mut self, segments: usize) -> usize {
        let count = segments.clamp(1, self.segments.len().max(1));
        self.segments.truncate(self.segments.len().saturating_sub(count));
        count
    }

    /// Whether nothing is left to give back.
    pub(super) fn is_dismantled(&self) -> bool {
        self.segments.is_empty()
    }

    #[cfg(test)]
    fn segment_count(&self) -> usize {
        self.segments.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::entry::Form;
    use alloc::{collections::BTreeSet, format, string::String};

    fn filled(keys: u32) -> Directory {
        let mut directory = Directory::new(KeyHasher::new(3));
        for i in 0..keys {
            let key = format!("key:{i}");
            let hash = directory.hasher.hash(key.as_bytes());
            directory.insert(hash, Entry::new(key.as_bytes(), b"v", None, Form::Whole));
        }
        directory
    }

    fn keys_from(directory: &mut Directory, mut from: u64) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        loop {
            let (entries, next) = directory.walk_mut(from);
            for entry in entries {
                let key = String::from_utf8(entry.key().to_vec()).expect("made of ASCII");
                assert!(seen.insert(key), "no key is met twice");
            }
            match next {
                Some(at) => from = at,
                None => return seen,
            }
        }
    }

    #[test]
    fn a_hundred_thousand_keys_are_found_again_and_walked_once() {
        let mut directory = filled(100_000);
        assert!(directory.segment_count() > 100);
        for i in 0..100_000 {
            let key = format!("key:{i}");
            assert!(
                directory.find(directory.hasher.hash(key.as_bytes()), key.as_bytes()).is_some()
            );
        }
        assert_eq!(keys_from(&mut directory, 0).len(), 100_000);
    }

    #[test]
    fn a_walk_meets_the_old_keys_once_while_segments_split() {
        let mut directory = filled(2_000);
        let mut seen = BTreeSet::new();
        let mut from = 0;
        let mut fresh = 0;
        loop {
            let (entries, next) = directory.walk_mut(from);
            for entry in entries {
                assert!(seen.insert(entry.key().to_vec()), "no key is met twice");
            }
            for _ in 0..3_000 {
                fresh += 1;
                let key = format!("fresh:{fresh}");
                let hash = directory.hasher.hash(key.as_bytes());
                directory.insert(hash, Entry::new(key.as_bytes(), b"v", None, Form::Whole));
            }
            match next {
                Some(at) if seen.len() < 20_000 => from = at,
                Some(_) | None => break,
            }
        }
        // What was there from the start and lies below the cursor was met.
        for i in 0..2_000 {
            let key = format!("key:{i}");
            if directory.hasher.hash(key.as_bytes()).bits() < from {
                assert!(seen.contains(key.as_bytes()));
            }
        }
    }

    #[test]
    fn removing_everything_leaves_nothing() {
        let mut directory = filled(5_000);
        for i in 0..5_000 {
            let key = format!("key:{i}");
            let hash = directory.hasher.hash(key.as_bytes());
            assert!(directory.remove(hash, key.as_bytes()).is_some());
            assert!(directory.remove(hash, key.as_bytes()).is_none());
        }
        assert_eq!((directory.len(), directory.iter().count()), (0, 0));
    }

    #[test]
    fn expired_keys_are_found_without_looking_at_segments_that_have_none() {
        let mut directory = filled(10);
        let hash = directory.hasher.hash(b"volatile");
        directory.insert(hash, Entry::new(b"volatile", b"v", Some(UnixMillis(100)), Form::Whole));
        assert_eq!(directory.volatile_len(), 1);
        assert!(directory.expired_keys(0, UnixMillis(100), 10).0.is_empty());
        assert_eq!(directory.expired_keys(0, UnixMillis(101), 10).0, [b"volatile".to_vec()]);
        directory.update(hash, b"volatile", |entry| entry.set_expiry(None));
        assert_eq!(directory.volatile_len(), 0);
        assert!(directory.expired_keys(0, UnixMillis(101), 10).0.is_empty());
    }
}

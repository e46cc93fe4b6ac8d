//! Digests of the whole dataset: Redis' own, comparable across servers, and a fast one for the
//! laboratory.

use core::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;
use sha1::{Digest, Sha1};

use super::{Entry, Keyspace};
use crate::{
    base::{double, number::DIGITS_MAX},
    value::{Item, View},
};

/// A SHA-1 sum that combines in any order.
type Sum = [u8; 20];

fn xor(sum: &mut Sum, bytes: &[u8]) {
    let hash = Sha1::digest(bytes);
    sum.iter_mut().zip(hash).for_each(|(byte, other)| *byte ^= other);
}

fn mix(sum: &mut Sum, bytes: &[u8]) {
    xor(sum, bytes);
    *sum = Sha1::digest(*sum).into();
}

fn entry_digest(entry: &Entry) -> Sum {
    let mut sum = Sum::default();
    mix(&mut sum, entry.key());
    mix_value(&mut sum, entry);
    sum
}

/// The value's type, itself, and whether it expires.
// redis: debug.c, xorObjectDigest
fn mix_value(sum: &mut Sum, entry: &Entry) {
    mix_content(sum, entry.view());
    if entry.expires_at().is_some() {
        xor(sum, b"!!expire!!");
    }
}

/// The value's type, and itself.
fn mix_content(sum: &mut Sum, view: View<'_>) {
    let type_number: u32 = match view {
        View::String(_) => 0,
        View::List(_) => 1,
        View::Set(_) => 2,
        View::SortedSet(_) => 3,
        View::Hash(_) => 4,
    };
    mix(sum, &type_number.to_be_bytes());
    match view {
        View::String(string) => mix(sum, string),
        View::List(list) => list.iter().for_each(|item| mix(sum, item)),
        View::Set(set) => {
            let mut digits = [0; DIGITS_MAX];
            set.iter().for_each(|member| xor(sum, member.text(&mut digits)));
        }
        View::SortedSet(set) => {
            let mut room = [0; double::TEXT_MAX];
            for (member, score) in set.iter() {
                let mut pair = Sum::default();
                mix(&mut pair, member);
                mix(&mut pair, double::format(&mut room, score));
                xor(sum, &pair);
            }
        }
        View::Hash(hash) => {
            for (field, value) in hash.iter() {
                let mut pair = Sum::default();
                mix(&mut pair, field);
                mix(&mut pair, value);
                xor(sum, &pair);
            }
        }
    }
}

/// A hash of a value that does not depend on the order of what has none.
fn value_hash(hasher: &FixedState, view: View<'_>) -> u64 {
    match view {
        View::String(string) => hasher.hash_one((0_u8, string)),
        View::List(list) => {
            let mut hash = hasher.build_hasher();
            hash.write_u8(1);
            for item in list.iter() {
                hash.write_usize(item.len());
                hash.write(item);
            }
            hash.finish()
        }
        View::Set(set) => {
            let mut digits = [0; DIGITS_MAX];
            let hash = |item: Item<'_>| hasher.hash_one((2_u8, item.text(&mut digits)));
            set.iter().map(hash).fold(2, u64::wrapping_add)
        }
        View::SortedSet(set) => {
            // The two zeros are one score: which of them it is hangs on the form of the set.
            let hash = |(member, score): (&[u8], f64)| {
                hasher.hash_one((3_u8, member, (score + 0.0).to_bits()))
            };
            set.iter().map(hash).fold(3, u64::wrapping_add)
        }
        View::Hash(hash) => {
            hash.iter().map(|pair| hasher.hash_one((4_u8, pair))).fold(4, u64::wrapping_add)
        }
    }
}

impl Keyspace {
    /// What `DEBUG DIGEST` shows: Redis' algorithm (`debug.c`, `computeDatasetDigest`), so that
    /// digests of this server and of Redis compare. Depends on keys, values, types and on *whether*
    /// a key expires.
    pub fn digest(&self) -> Sum {
        let mut total = Sum::default();
        for db in self.indexes().filter(|&db| self.len(db) > 0) {
            mix(&mut total, &db.0.to_be_bytes());
            for entry in self.iter(db) {
                xor(&mut total, &entry_digest(entry));
            }
        }
        total
    }

    /// What `DEBUG DIGEST-VALUE` shows for one key: its value and whether it expires, not its name.
    pub fn value_digest(entry: &Entry) -> Sum {
        let mut sum = Sum::default();
        mix_value(&mut sum, entry);
        sum
    }

    /// As [`Keyspace::value_digest`], of the value alone.
    pub fn content_digest(entry: &Entry) -> Sum {
        let mut sum = Sum::default();
        mix_content(&mut sum, entry.view());
        sum
    }

    /// A hash of everything two nodes at the same offset must agree on: database, key, value and
    /// the absolute expiry of each physical entry. Independent of order and of the node's seed; not
    /// for adversaries.
    pub fn dataset_hash(&self) -> u64 {
        self.hash_of(|_| true)
    }

    /// The same of the entries that do not expire.
    pub fn lasting_hash(&self) -> u64 {
        self.hash_of(|entry| entry.expires_at().is_none())
    }

    fn hash_of(&self, counts: impl Fn(&Entry) -> bool) -> u64 {
        let hasher = FixedState::with_seed(0);
        let mut total = 0_u64;
        for db in self.indexes() {
            for entry in self.iter(db).filter(|entry| counts(entry)) {
                let mut hash = hasher.build_hasher();
                hash.write_u32(db.0);
                hash.write_usize(entry.key().len());
                hash.write(entry.key());
                hash.write_u64(value_hash(&hasher, entry.view()));
                hash.write_i64(entry.expires_at().map_or(-1, |at| at.0));
                total = total.wrapping_add(hash.finish());
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::time::UnixMillis,
        keyspace::{DbIndex, KeyHasher},
        value::{Collection as _, Shape, SortedSet},
    };
    use alloc::{format, string::String};

    fn hex(sum: Sum) -> String {
        sum.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn an_empty_dataset_has_the_digest_of_zeros() {
        assert_eq!(Keyspace::new(KeyHasher::new(0), 16).digest(), [0; 20]);
    }

    #[test]
    fn the_digest_is_what_redis_computes() {
        let mut keyspace = Keyspace::new(KeyHasher::new(0), 16);
        let mut set = |db, key: &[u8], value: &[u8], expires_at| {
            let hash = keyspace.hash(key);
            keyspace.set(DbIndex(db), hash, key, value, expires_at);
        };
        set(0, b"foo", b"bar", None);
        set(0, b"n", b"12345", None);
        set(3, b"volatile", b"x", Some(UnixMillis(4_102_444_800_000)));
        assert_eq!(hex(keyspace.digest()), "3cdb3fb32abf0124c431656d48ffe98e44635df2");
    }

    /// As redis-server 7.0.15 says of these sets in a listpack and in a skiplist.
    #[test]
    fn the_digest_of_a_sorted_set_is_what_redis_computes() {
        let digest = |zset_entries_max, members: &[(f64, &[u8])]| {
            let shape = Shape { zset_entries_max, ..Shape::default() };
            let mut set = SortedSet::new();
            members.iter().for_each(|(score, member)| set.set(&shape, member, *score));
            hex(Keyspace::value_digest(&Entry::rich(b"z", set.into_value(), None)))
        };
        let common: [(f64, &[u8]); 3] = [(1.0, b"a"), (2.5, b"12"), (f64::NEG_INFINITY, b"c")];
        let compact = [&common[..], &[(1e17, b"d"), (-70_000.0, b"e")]].concat();
        assert_eq!(digest(128, &compact), "f4eeef313d00dc128f312214cc6f94f2c1cc26fc");
        let ranked = [&common[..], &[(-0.0, b"x")]].concat();
        assert_eq!(digest(0, &ranked), "65d2e0bd402093fef85d3847f5a86746649ddec3");
    }

    #[test]
    fn the_fast_hash_sees_absolute_expiries_and_not_the_seed() {
        let with = |seed, at| {
            let mut keyspace = Keyspace::new(KeyHasher::new(seed), 2);
            let hash = keyspace.hash(b"k");
            keyspace.set(DbIndex(0), hash, b"k", b"v", Some(UnixMillis(at)));
            keyspace.dataset_hash()
        };
        assert_eq!(with(1, 5), with(2, 5));
        assert_ne!(with(1, 5), with(1, 6));
    }
}

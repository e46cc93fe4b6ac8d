//! Which keys somebody waits for, in which order, and which of them have become ready (`BLPOP`).
//!
//! A key becomes ready when a value of the awaited type appears under it. Every value that appears
//! passes the keyspace's few methods, and each of them says so here: no command can forget to.
//! While nobody waits, that costs a comparison. Who stands behind a [`Ticket`] is not known here.
//!
//! A ready key is one that has a line: whoever leaves last takes the mark along.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
};
use core::ops::Bound;

use super::{DbIndex, Keyspace};
use crate::value::Kind;

/// Somebody's place among all who wait: the lower, the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// A key, and the type of value that is awaited there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The database of the key.
    pub db: DbIndex,
    /// The type.
    pub kind: Kind,
    /// The key.
    pub key: Box<[u8]>,
}

/// Those who wait for one key.
#[derive(Debug, Default)]
struct Line {
    tickets: BTreeSet<Ticket>,
    /// Its mark in `Awaited::ready`, if the key is ready.
    mark: Option<u64>,
}

/// The lines of one database and type, by key.
type Lines = BTreeMap<Box<[u8]>, Line>;

/// The awaited keys.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    lines: BTreeMap<(DbIndex, Kind), Lines>,
    /// The ready keys in the order in which they became ready.
    ready: BTreeMap<u64, Spot>,
    /// Counts marks.
    marks: u64,
}

impl Awaited {
    fn line_mut(&mut self, db: DbIndex, kind: Kind, key: &[u8]) -> Option<&mut Line> {
        self.lines.get_mut(&(db, kind))?.get_mut(key)
    }

    fn mark(&mut self, db: DbIndex, kind: Kind, key: &[u8]) {
        let mark = self.marks + 1;
        if let Some(line) = self.line_mut(db, kind, key).filter(|line| line.mark.is_none()) {
            line.mark = Some(mark);
            self.marks = mark;
            self.ready.insert(mark, Spot { db, kind, key: key.into() });
        }
    }

    fn leave(&mut self, db: DbIndex, kind: Kind, key: &[u8], ticket: Ticket) {
        let Some(lines) = self.lines.get_mut(&(db, kind)) else { return };
        let Some(line) = lines.get_mut(key) else { return };
        line.tickets.remove(&ticket);
        if line.tickets.is_empty() {
            if let Some(mark) = line.mark {
                self.ready.remove(&mark);
            }
            lines.remove(key);
            if lines.is_empty() {
                self.lines.remove(&(db, kind));
            }
        }
    }

    /// The first ready key, which is not ready any more.
    fn take_ready(&mut self) -> Option<Spot> {
        let (_, spot) = self.ready.pop_first()?;
        if let Some(line) = self.line_mut(spot.db, spot.kind, &spot.key) {
            line.mark = None;
        }
        Some(spot)
    }
}

impl Keyspace {
    /// From here on `ticket` waits for a value of this type to appear under `key`. To say so twice
    /// changes nothing.
    pub fn line_up(&mut self, db: DbIndex, kind: Kind, key: &[u8], ticket: Ticket) {
        let lines = self.awaited.lines.entry((db, kind)).or_default();
        match lines.get_mut(key) {
            Some(line) => line.tickets.insert(ticket),
            None => lines.entry(key.into()).or_default().tickets.insert(ticket),
        };
    }

    /// `ticket` waits for `key` no more.
    pub fn leave_line(&mut self, db: DbIndex, kind: Kind, key: &[u8], ticket: Ticket) {
        self.awaited.leave(db, kind, key, ticket);
    }

    /// Who is next in the line for a key, behind `after`.
    pub fn next_in_line(&self, spot: &Spot, after: Option<Ticket>) -> Option<Ticket> {
        let line = self.awaited.lines.get(&(spot.db, spot.kind))?.get(&spot.key)?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        line.tickets.range((from, Bound::Unbounded)).next().copied()
    }

    /// Whether a key that somebody waits for has become ready.
    #[inline]
    pub fn has_ready(&self) -> bool {
        !self.awaited.ready.is_empty()
    }

    /// The key that became ready first; it must become ready again to be taken again.
    pub fn take_ready(&mut self) -> Option<Spot> {
        self.awaited.take_ready()
    }

    /// No key is ready, whatever has appeared.
    pub fn forget_ready(&mut self) {
        while self.awaited.take_ready().is_some() {}
    }

    /// Every awaited key is ready under which the awaited is there already.
    pub fn mark_all_ready(&mut self) {
        self.mark_what_is_there(|_| true);
    }

    /// Whether what is awaited is there, be its time over or not.
    pub fn holds(&self, spot: &Spot) -> bool {
        self.holds_kind(spot.db, spot.kind, &spot.key)
    }

    fn holds_kind(&self, db: DbIndex, kind: Kind, key: &[u8]) -> bool {
        let entry = self.find(db, self.hash(key), key);
        entry.is_some_and(|entry| entry.view().kind() == kind)
    }

    /// A value of this type has appeared under `key`, or is about to.
    #[inline]
    pub(super) fn mark_ready(&mut self, db: DbIndex, kind: Kind, key: &[u8]) {
        if !self.awaited.lines.is_empty() {
            self.awaited.mark(db, kind, key);
        }
    }

    /// What is in these databases may have come with them.
    pub(super) fn mark_what_is_there(&mut self, may_have: impl Fn(DbIndex) -> bool) {
        let mut awaited = core::mem::take(&mut self.awaited);
        let mut found = alloc::vec::Vec::new();
        for ((db, kind), lines) in awaited.lines.iter().filter(|((db, _), _)| may_have(*db)) {
            let there = lines.keys().filter(|key| self.holds_kind(*db, *kind, key));
            found.extend(there.map(|key| (*db, *kind, key.clone())));
        }
        for (db, kind, key) in found {
            awaited.mark(db, kind, &key);
        }
        self.awaited = awaited;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        keyspace::KeyHasher,
        value::{Collection as _, End, List, Set, Shape},
    };

    const DB: DbIndex = DbIndex(0);
    const OTHER: DbIndex = DbIndex(1);

    fn keyspace() -> Keyspace {
        Keyspace::new(KeyHasher::new(1), 2)
    }

    fn put_list(keyspace: &mut Keyspace, db: DbIndex, key: &[u8]) {
        let mut list = List::new();
        list.push(&Shape::default(), End::Left, b"x");
        let hash = keyspace.hash(key);
        keyspace.set_value(db, hash, key, list.into_value(), None);
    }

    fn set_string(keyspace: &mut Keyspace, db: DbIndex, key: &[u8]) {
        let hash = keyspace.hash(key);
        keyspace.set(db, hash, key, b"v", None);
    }

    /// The keys that are ready, taken.
    fn ready(keyspace: &mut Keyspace) -> alloc::vec::Vec<alloc::string::String> {
        let mut keys = alloc::vec::Vec::new();
        while let Some(spot) = keyspace.take_ready() {
            keys.push(alloc::string::String::from_utf8(spot.key.into()).expect("ASCII"));
        }
        keys
    }

    fn wait(keyspace: &mut Keyspace, keys: &[&[u8]], ticket: u64) {
        keys.iter().for_each(|key| keyspace.line_up(DB, Kind::List, key, Ticket(ticket)));
    }

    /// Whether `k` becomes ready by what `change` does to it after `before`.
    #[track_caller]
    fn check(before: fn(&mut Keyspace), change: fn(&mut Keyspace), expect: bool) {
        let mut keyspace = keyspace();
        before(&mut keyspace);
        wait(&mut keyspace, &[b"k"], 1);
        change(&mut keyspace);
        assert_eq!(keyspace.has_ready(), expect);
        keyspace.leave_line(DB, Kind::List, b"k", Ticket(1));
        assert!(!keyspace.has_ready() && keyspace.awaited.lines.is_empty(), "nothing is left");
    }

    #[test]
    fn every_way_in_which_a_list_appears_makes_its_key_ready() {
        check(|_| {}, |_| {}, false);
        check(|_| {}, |k| put_list(k, DB, b"k"), true);
        check(|_| {}, |k| put_list(k, OTHER, b"k"), false);
        check(|_| {}, |k| put_list(k, DB, b"l"), false);
        check(|_| {}, |k| set_string(k, DB, b"k"), false);
        check(|k| set_string(k, DB, b"k"), |k| put_list(k, DB, b"k"), true);
        check(|k| put_list(k, DB, b"l"), |k| assert!(k.copy((DB, b"l"), (DB, b"k"))), true);
        check(|k| put_list(k, DB, b"l"), |k| assert!(k.relocate((DB, b"l"), (DB, b"k"))), true);
        check(|k| put_list(k, OTHER, b"k"), |k| assert!(k.copy((OTHER, b"k"), (DB, b"k"))), true);
        check(|k| put_list(k, OTHER, b"k"), |k| k.swap(DB, OTHER), true);
        check(|k| set_string(k, OTHER, b"k"), |k| k.swap(DB, OTHER), false);
        check(|k| put_list(k, DB, b"k"), |k| k.swap(DB, OTHER), false);
        check(|k| put_list(k, DB, b"k"), Keyspace::mark_all_ready, true);
        check(|k| put_list(k, DB, b"k"), |k| assert_eq!(k.flush(DB), 1), false);
        let set = |k: &mut Keyspace| {
            let hash = k.hash(b"k");
            k.set_value(DB, hash, b"k", Set::new().into_value(), None);
        };
        check(|_| {}, set, false);
        let full_sync = |k: &mut Keyspace| {
            let mut twin = k.empty_twin();
            put_list(&mut twin, DB, b"k");
            k.replace_with(twin);
        };
        check(|_| {}, full_sync, false);
    }

    #[test]
    fn a_full_sync_leaves_the_lines() {
        let mut keyspace = keyspace();
        wait(&mut keyspace, &[b"k"], 1);
        keyspace.replace_with(keyspace.empty_twin());
        put_list(&mut keyspace, DB, b"k");
        assert_eq!(ready(&mut keyspace), ["k"]);
    }

    #[test]
    fn keys_are_ready_in_the_order_in_which_they_became_so_and_once() {
        let mut keyspace = keyspace();
        wait(&mut keyspace, &[b"a", b"b", b"c"], 1);
        for key in [b"b", b"a", b"b", b"c"] {
            put_list(&mut keyspace, DB, key);
        }
        assert_eq!(ready(&mut keyspace), ["b", "a", "c"]);
        put_list(&mut keyspace, DB, b"a");
        keyspace.forget_ready();
        assert!(ready(&mut keyspace).is_empty());
        put_list(&mut keyspace, DB, b"a");
        assert_eq!(ready(&mut keyspace), ["a"], "what was forgotten can become ready again");
    }

    #[test]
    fn a_line_is_in_the_order_of_tickets_and_whoever_leaves_is_not_met() {
        let mut keyspace = keyspace();
        for ticket in [3, 1, 2, 1] {
            wait(&mut keyspace, &[b"k"], ticket);
        }
        put_list(&mut keyspace, DB, b"k");
        let spot = keyspace.take_ready().expect("a list appeared");
        assert!(keyspace.holds(&spot));
        assert_eq!(keyspace.next_in_line(&spot, None), Some(Ticket(1)));
        keyspace.leave_line(DB, Kind::List, b"k", Ticket(2));
        assert_eq!(keyspace.next_in_line(&spot, Some(Ticket(1))), Some(Ticket(3)));
        assert_eq!(keyspace.next_in_line(&spot, Some(Ticket(3))), None);
        keyspace.leave_line(DB, Kind::List, b"k", Ticket(1));
        keyspace.leave_line(DB, Kind::List, b"k", Ticket(3));
        assert_eq!(keyspace.next_in_line(&spot, None), None);
        keyspace.leave_line(DB, Kind::List, b"k", Ticket(3));
    }
}

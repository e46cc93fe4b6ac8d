//! What happens to keys, for those who listen (`notify-keyspace-events`): noted while a command
//! runs, in the order in which it happens.
//!
//! That a key is new, the keyspace notes by itself; that one is gone or has expired, whoever
//! removes it. Commands name the rest. Knows nothing of channels and of who listens.

use alloc::{boxed::Box, vec::Vec};
use core::mem;

use super::{DbIndex, Keyspace};
use crate::base::config::EventClasses;

/// What happened to a key, as Redis names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    class: EventClasses,
    name: &'static str,
}

impl Event {
    /// It is gone.
    pub const DEL: Self = Self::generic("del");
    /// It has another expiry.
    pub const EXPIRE: Self = Self::generic("expire");
    /// Its time has passed, and it is gone.
    pub const EXPIRED: Self = Self { class: EventClasses::EXPIRED, name: "expired" };
    /// Somebody wanted to read it, and it was not there.
    pub const KEY_MISS: Self = Self { class: EventClasses::KEY_MISS, name: "keymiss" };
    /// It was not there before, or another value was under its name.
    pub const NEW: Self = Self { class: EventClasses::NEW, name: "new" };
    /// It has no expiry any more.
    pub const PERSIST: Self = Self::generic("persist");
    /// It holds another string.
    pub const SET: Self = Self::string("set");

    /// Of a command on keys whatever they hold.
    pub const fn generic(name: &'static str) -> Self {
        Self { class: EventClasses::GENERIC, name }
    }

    /// Of a command on strings.
    pub const fn string(name: &'static str) -> Self {
        Self { class: EventClasses::STRING, name }
    }

    /// Of a command on lists.
    pub const fn list(name: &'static str) -> Self {
        Self { class: EventClasses::LIST, name }
    }

    /// Of a command on sets.
    pub const fn set(name: &'static str) -> Self {
        Self { class: EventClasses::SET, name }
    }

    /// Of a command on hashes.
    pub const fn hash(name: &'static str) -> Self {
        Self { class: EventClasses::HASH, name }
    }

    /// Of a command on sorted sets.
    pub const fn sorted_set(name: &'static str) -> Self {
        Self { class: EventClasses::SORTED_SET, name }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

/// An event, and the key that it is about.
#[derive(Debug, PartialEq, Eq)]
pub struct Noted {
    /// The key's database.
    pub db: DbIndex,
    /// What happened.
    pub event: Event,
    /// The key.
    pub key: Box<[u8]>,
}

/// The events that nobody has been told of yet.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// None, as long as nothing is published at all.
    wanted: EventClasses,
    noted: Vec<Noted>,
}

impl Keyspace {
    /// Takes from `classes` which events are noted from here on.
    pub fn set_events(&mut self, classes: EventClasses) {
        let is_published = classes.meets(EventClasses::BY_KEY.and(EventClasses::BY_EVENT));
        self.events.wanted = if is_published { classes } else { EventClasses::NONE };
    }

    /// Whether this event would be noted. Nothing is, unless somebody has asked for it.
    #[inline]
    pub fn wants(&self, event: Event) -> bool {
        self.events.wanted.meets(event.class)
    }

    /// Whether any event would be.
    pub fn wants_events(&self) -> bool {
        self.events.wanted != EventClasses::NONE
    }

    /// Notes an event, if it is wanted.
    #[inline]
    pub fn note(&mut self, db: DbIndex, event: Event, key: &[u8]) {
        if self.wants(event) {
            self.events.add(db, event, key);
        }
    }

    /// Whether there are events that nobody has been told of.
    #[inline]
    pub fn has_events(&self) -> bool {
        !self.events.noted.is_empty()
    }

    /// These events, in the order in which they happened. They are forgotten.
    pub fn take_events(&mut self) -> Vec<Noted> {
        mem::take(&mut self.events.noted)
    }
}

impl Events {
    #[cold]
    fn add(&mut self, db: DbIndex, event: Event, key: &[u8]) {
        self.noted.push(Noted { db, event, key: key.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::KeyHasher;

    #[test]
    fn nothing_is_noted_unless_it_is_wanted_and_published_in_some_way() {
        let mut keyspace = Keyspace::new(KeyHasher::new(1), 1);
        let mut count = |classes: EventClasses| {
            keyspace.set_events(classes);
            keyspace.note(DbIndex(0), Event::DEL, b"k");
            keyspace.note(DbIndex(0), Event::SET, b"k");
            keyspace.take_events().len()
        };
        assert_eq!(count(EventClasses::NONE), 0);
        assert_eq!(count(EventClasses::GENERIC.and(EventClasses::STRING)), 0);
        assert_eq!(count(EventClasses::BY_KEY), 0);
        assert_eq!(count(EventClasses::BY_KEY.and(EventClasses::STRING)), 1);
        let all = EventClasses::GENERIC.and(EventClasses::STRING);
        assert_eq!(count(EventClasses::BY_EVENT.and(all)), 2);
    }
}

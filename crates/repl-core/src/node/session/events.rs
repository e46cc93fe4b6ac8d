//! What happens to keys, on its way to channels: `__keyspace@db__:key` carries the names of events,
//! `__keyevent@db__:event` the names of keys.
//!
//! Whoever listens here hears of it, be it a client's command or our master's. It is never told to
//! replicas: they hear of their own keys.
//!
//! A client that listens may itself be what makes things happen. Its messages come before the reply
//! to its command, never within.

use alloc::vec::Vec;
use core::mem;

use super::super::{Node, requests::Caller};
use crate::{
    base::{config::EventClasses, ids::ConnId, time::Now},
    conn::Topic,
    keyspace::DbIndex,
};

/// A client that gets a reply of several parts, and the messages that it is to find before it.
#[derive(Debug)]
pub(in crate::node) struct Aside {
    pub(super) listener: ConnId,
    pub(super) messages: Vec<u8>,
}

impl Node {
    /// Where the next reply to `caller` begins among its unsent bytes. Asked before anything
    /// happens that it may listen to.
    #[inline]
    pub(in crate::node) fn reply_start(&mut self, caller: Caller) -> usize {
        if self.keyspace.wants_events() { self.unsent_bytes(caller) } else { 0 }
    }

    fn unsent_bytes(&mut self, caller: Caller) -> usize {
        let Caller::Conn(id) = caller else { return 0 };
        self.conns.get_mut(id).map_or(0, |conn| conn.outbox.writer().len())
    }

    /// Publishes what has happened during a command of `caller`, whose reply begins at `start`.
    #[cold]
    pub(in crate::node) fn publish_events_of(&mut self, now: Now, caller: Caller, start: usize) {
        let end = self.unsent_bytes(caller);
        self.publish_events(now);
        let Caller::Conn(id) = caller else { return };
        if let Some(conn) = self.conns.get_mut(id) {
            // What has come behind the reply goes in front of it.
            conn.outbox.writer()[start..].rotate_left(end - start);
        }
    }

    /// Publishes what has happened.
    // redis: notify.c, notifyKeyspaceEvent
    pub(in crate::node) fn publish_events(&mut self, now: Now) {
        let events = self.keyspace.take_events();
        if self.channels.is_empty() {
            return;
        }
        let classes = self.config.notify_keyspace_events;
        for noted in events {
            let (key, name) = (&*noted.key, noted.event.name().as_bytes());
            if classes.meets(EventClasses::BY_KEY) {
                self.publish(now, Topic::Channel, &channel("__keyspace@", noted.db, key), name);
            }
            if classes.meets(EventClasses::BY_EVENT) {
                self.publish(now, Topic::Channel, &channel("__keyevent@", noted.db, name), key);
            }
        }
    }

    /// From here on `listener` gets a reply of several parts. Where it begins.
    pub(super) fn begin_aside(&mut self, listener: ConnId) -> usize {
        assert!(self.aside.is_none(), "one client at a time");
        self.aside = Some(Aside { listener, messages: Vec::new() });
        self.unsent_bytes(Caller::Conn(listener))
    }

    /// The reply that begins at `start` is complete: what `listener` heard meanwhile goes before
    /// it.
    pub(super) fn end_aside(&mut self, start: usize) {
        let Some(Aside { listener, messages }) = mem::take(&mut self.aside) else { return };
        if messages.is_empty() {
            return;
        }
        if let Some(conn) = self.conns.get_mut(listener) {
            conn.outbox.writer().splice(start..start, messages);
        }
    }

    /// How much `id` is yet to find before its reply.
    pub(in crate::node) fn aside_bytes(&self, id: ConnId) -> u64 {
        let aside = self.aside.as_ref().filter(|aside| aside.listener == id);
        aside.map_or(0, |aside| aside.messages.len() as u64)
    }
}

/// The name of a channel about a key or about an event.
fn channel(kind: &str, db: DbIndex, name: &[u8]) -> Vec<u8> {
    let mut digits = itoa::Buffer::new();
    [kind.as_bytes(), digits.format(db.0).as_bytes(), b"__:", name].concat()
}

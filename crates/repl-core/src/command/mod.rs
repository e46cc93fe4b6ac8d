//! Commands: their specs, their handlers, and what a handler may touch.
//!
//! A file per group holds that group's `SPECS`, handlers and tests; adding a command touches one
//! file. A handler sees the dataset and a reply, never a connection or the backlog. It returns an
//! [`Outcome`] that says what replicas must hear; the node feeds it to the history. The same
//! handlers run for clients and for the stream of our master.

mod about_commands;
mod acl;
mod acl_error;
mod blocking;
mod client;
mod collection;
mod config;
mod connection;
mod debug;
mod diagnostics;
mod error;
mod expire;
mod hash;
mod key_specs;
mod keys;
mod list;
mod memory;
mod node_command;
mod pubsub;
mod repl;
mod script;
mod server;
mod session_error;
mod set;
mod set_algebra;
mod sorted_set;
mod spec;
mod string;
mod subcommands;
mod table;

use alloc::boxed::Box;
use core::{mem, ptr};

use crate::{
    base::{
        number::{DIGITS_MAX, format_i64},
        rng::Rng,
        time::UnixMillis,
    },
    keyspace::{DbIndex, Entry, Event, KeyHash, Keyspace},
    marks::{Mark, Marks},
    repl::Effects,
    resp::Reply,
};

pub use self::{
    acl_error::{AclError, Denial},
    blocking::{Block, Claim, Served},
    error::{CommandError, DataError, Text},
    key_specs::{Access, Key, KeySpec, Keys, Place},
    node_command::{
        AclCommand, ClientCommand, CommandCommand, ConfigCommand, DebugCommand, LatencyCommand,
        MemoryCommand, NodeCommand, PubsubCommand, SlowlogCommand,
    },
    session_error::SessionError,
    spec::{Flags, Handler, Spec},
    subcommands::{Subcommand, Subcommands, at_most},
    table::{RenameError, Table},
};

/// What a handler did to the dataset, as replicas must hear it.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to tell.
    Unchanged,
    /// The command as it was received.
    Propagate,
    /// Other commands, which the handler has put into the effects.
    Rewritten,
    /// There is no reply yet: the client waits, if it may.
    Block(Box<Block>),
}

/// What becomes of a key whose time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// We own the dataset: whoever meets the key deletes it, and replicas hear of it.
    Delete,
    /// We are a replica: clients do not see the key, but only the master deletes it.
    Hide,
    /// The command comes from our master, in whose eyes the key exists until it says otherwise.
    Ignore,
}

/// Whether whoever asks may see what the keyspace holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Whatever is found.
    AsFound,
    /// A replica's client must not see this key.
    Hidden,
}

/// Whether it is told of a key (`keymiss`) that somebody wanted to read it and it was not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misses {
    /// Whoever reads, and does not only look.
    Told,
    /// Who looks for a key in order to write it, or looks without touching it.
    Untold,
}

/// Everything a handler may touch.
pub struct Data<'a> {
    /// The dataset.
    pub keyspace: &'a mut Keyspace,
    /// Where commands for replicas go, when the command itself will not do.
    pub effects: &'a mut Effects,
    /// The reply.
    pub reply: Reply<'a>,
    /// The selected database.
    pub db: DbIndex,
    /// The wall clock at the start of the command.
    pub now: UnixMillis,
    /// What becomes of expired keys.
    pub expiry: Expiry,
    /// `proto-max-bulk-len` in bytes.
    pub value_bytes_max: u64,
    /// Whether keys that are looked for in vain are told of: if the command only reads. One that
    /// also writes says where it reads with `reading`.
    pub misses: Misses,
    /// For what a client leaves to chance.
    pub rng: &'a mut Rng,
    /// Counts keys deleted because their time has passed.
    pub expired_count: &'a mut u64,
    /// Counts what becomes of them.
    pub marks: &'a mut Marks,
}

impl Data<'_> {
    /// Deals with a key whose time has passed. What `Keyspace::find` says next about `key` is what
    /// whoever asks may see, unless it is hidden.
    pub fn meet(&mut self, key: &[u8]) -> (KeyHash, Sight) {
        self.meet_in(self.db, key)
    }

    /// Like [`meet`](Self::meet), for a key of another database than the selected one.
    pub fn meet_in(&mut self, db: DbIndex, key: &[u8]) -> (KeyHash, Sight) {
        let hash = self.keyspace.hash(key);
        if self.keyspace.is_expired(db, hash, key, self.now) {
            match self.expiry {
                Expiry::Ignore => self.marks.hit(Mark::ExpiredIgnored),
                Expiry::Hide => {
                    self.marks.hit(Mark::ExpiredHidden);
                    if self.misses == Misses::Told {
                        self.keyspace.note(db, Event::KEY_MISS, key);
                    }
                    return (hash, Sight::Hidden);
                }
                Expiry::Delete => {
                    self.marks.hit(Mark::ExpiredOnAccess);
                    self.keyspace.remove(db, hash, key);
                    self.keyspace.note(db, Event::EXPIRED, key);
                    self.effects.push(db, [b"DEL".as_slice(), key]);
                    *self.expired_count += 1;
                }
            }
        }
        if self.misses == Misses::Told && self.keyspace.find(db, hash, key).is_none() {
            self.keyspace.note(db, Event::KEY_MISS, key);
        }
        (hash, Sight::AsFound)
    }

    /// Does something in which keys are looked for in order to be read.
    fn reading<R>(&mut self, read: impl FnOnce(&mut Self) -> R) -> R {
        let told = if self.keyspace.wants(Event::KEY_MISS) { Misses::Told } else { Misses::Untold };
        let misses = mem::replace(&mut self.misses, told);
        let result = read(self);
        self.misses = misses;
        result
    }

    /// The hash of `key`, which is about to get a value whatever it held. If its time has passed,
    /// it need not go first: value and expiry are gone either way, here and on every replica. Who
    /// listens wants to hear of it, though.
    fn meet_to_replace(&mut self, key: &[u8]) -> KeyHash {
        if self.keyspace.wants_events() { self.meet(key).0 } else { self.keyspace.hash(key) }
    }

    /// Removes `key`, whether or not its time has passed; whether it was there.
    fn delete(&mut self, hash: KeyHash, key: &[u8]) -> bool {
        let removed = self.keyspace.remove(self.db, hash, key);
        if removed {
            self.note(Event::DEL, key);
        }
        removed
    }

    /// Tells of something that happened to `key`.
    #[inline]
    fn note(&mut self, event: Event, key: &[u8]) {
        self.keyspace.note(self.db, event, key);
    }

    /// The hash of `key`, and the entry if it exists for whoever asks. A key whose time has passed
    /// is dealt with.
    pub fn lookup(&mut self, key: &[u8]) -> (KeyHash, Option<&Entry>) {
        match self.meet(key) {
            (hash, Sight::Hidden) => (hash, None),
            (hash, Sight::AsFound) => (hash, self.keyspace.find(self.db, hash, key)),
        }
    }

    /// Whether the key exists for whoever asks.
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.exists_in(self.db, key)
    }

    /// Whether the key exists in `db` for whoever asks.
    pub fn exists_in(&mut self, db: DbIndex, key: &[u8]) -> bool {
        match self.meet_in(db, key) {
            (_, Sight::Hidden) => false,
            (hash, Sight::AsFound) => self.keyspace.find(db, hash, key).is_some(),
        }
    }

    /// Tells replicas that `key` now expires at `at`, in terms that no clock can bend.
    fn propagate_expiry(&mut self, key: &[u8], at: UnixMillis) {
        let mut digits = [0; DIGITS_MAX];
        let at = format_i64(&mut digits, at.0);
        self.effects.push(self.db, [b"PEXPIREAT".as_slice(), key, at]);
    }
}

const GROUPS: &[&[Spec]] = &[
    about_commands::SPECS,
    acl::SPECS,
    client::SPECS,
    config::SPECS,
    connection::SPECS,
    debug::SPECS,
    diagnostics::SPECS,
    expire::SPECS,
    hash::SPECS,
    keys::SPECS,
    keys::dump::SPECS,
    keys::object::SPECS,
    keys::relocate::SPECS,
    keys::scan::SPECS,
    keys::sort::SPECS,
    list::SPECS,
    list::BLOCKING_SPECS,
    list::MOVE_SPECS,
    memory::SPECS,
    pubsub::SPECS,
    repl::SPECS,
    script::SPECS,
    server::SPECS,
    set::SPECS,
    set_algebra::SPECS,
    sorted_set::SPECS,
    sorted_set::ALGEBRA_SPECS,
    sorted_set::POP_SPECS,
    sorted_set::RANGE_SPECS,
    sorted_set::STORE_SPECS,
    string::SPECS,
    string::float::SPECS,
    string::lcs::SPECS,
    string::many::SPECS,
    string::range::SPECS,
    string::variants::SPECS,
];

const SPEC_COUNT: usize = {
    let mut count = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
};

static SPECS: [Spec; SPEC_COUNT] = {
    let mut specs = [GROUPS[0][0]; SPEC_COUNT];
    let (mut count, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut at = 0;
        while at < GROUPS[group].len() {
            specs[count] = GROUPS[group][at];
            count += 1;
            at += 1;
        }
        group += 1;
    }
    specs
};

/// How many commands are counted apart: every command, and every subcommand that `COMMAND` knows.
pub const COUNTED: usize = {
    let (mut count, mut at) = (SPEC_COUNT, 0);
    while at < SPEC_COUNT {
        count += SPECS[at].subcommands.listed().len();
        at += 1;
    }
    count
};

/// The names of what is counted apart, in the order of their numbers.
pub fn counted() -> impl Iterator<Item = &'static str> {
    counted_specs().map(|spec| spec.name)
}

/// What is counted apart, in the order of the numbers.
pub fn counted_specs() -> impl Iterator<Item = &'static Spec> {
    let listed = SPECS.iter().flat_map(|spec| spec.subcommands.listed());
    SPECS.iter().chain(listed.map(|one| &one.spec))
}

/// The number of a command among what is counted apart: that of its container, if it is a
/// subcommand that `COMMAND` does not know.
#[inline]
pub fn number(spec: &Spec) -> usize {
    // Commands lie one behind the other, subcommands wherever they want.
    let bytes = ptr::from_ref(spec).addr().wrapping_sub(SPECS.as_ptr().addr());
    let number = bytes / size_of::<Spec>();
    if number < SPEC_COUNT { number } else { number_by_name(spec) }
}

#[cold]
fn number_by_name(spec: &Spec) -> usize {
    let named = |name: &str| counted().position(|one| one == name);
    named(spec.name).or_else(|| named(spec.container())).expect("every command is counted")
}

/// Whether an argument is this word, in any case. `word` is in upper case.
fn is_word(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod touched;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_apart_has_a_number_and_a_name() {
        let names: alloc::vec::Vec<_> = counted().collect();
        assert_eq!(names.len(), COUNTED);
        for spec in &SPECS {
            assert_eq!(names[number(spec)], spec.name);
            for one in spec.subcommands.listed() {
                assert_eq!(names[number(&one.spec)], one.spec.name);
            }
        }
        let debug = Table::new().find(b"debug").and_then(|debug| debug.subcommand(b"digest"));
        assert_eq!(debug.map(|digest| names[number(digest)]), Some("debug"));
    }

    #[test]
    fn names_are_unique() {
        let mut names: alloc::vec::Vec<_> = SPECS.iter().map(|spec| spec.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SPEC_COUNT);
    }
}

//! What a client has said so far, and what it waits for.

use alloc::{boxed::Box, string::String, vec::Vec};

use super::Subscriptions;
use crate::{
    base::time::Instant,
    keyspace::{DbIndex, Ticket, Watch},
    repl::master::Capabilities,
    resp::{Proto, Reply},
};

/// What a client has said so far.
#[derive(Debug)]
pub struct Client {
    /// Whether it has authenticated, or need not.
    pub login: Login,
    /// The selected database.
    pub db: DbIndex,
    /// The version of the protocol it chose.
    pub proto: Proto,
    /// Whether it wants to hear replies.
    pub hears: Hears,
    /// What it waits for: until then, what it sends is kept unread.
    pub waits: Option<Waits>,
    /// The last command it ran, in lower case; empty for none.
    pub last_command: &'static str,
    /// The end of the history just after its last command, be it a write of its own or a read of
    /// somebody else's: what `WAIT` waits for.
    pub knows_until: u64,
    /// A transaction that has begun.
    pub transaction: Option<Queue>,
    /// The keys whose change makes `EXEC` do nothing.
    pub watches: Vec<Watch>,
    /// What it listens to; `None` for nothing.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// What it calls itself; empty for nothing.
    pub name: String,
    /// The name and the version of its library, as far as it said; empty for nothing.
    pub library: [String; 2],
    /// `CLIENT NO-EVICT on` and `CLIENT NO-TOUCH on`, which only `CLIENT LIST` shows: nothing is
    /// evicted here.
    pub exempt: Exempt,
    /// Whether it is shown every command.
    pub monitors: bool,
    /// What it said with `REPLCONF`.
    pub capabilities: Capabilities,
    /// Since when it leaves more replies unread than the soft output limit.
    pub over_soft_since: Option<Instant>,
}

/// Whether a client is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// It has not given the password.
    Stranger,
    /// It has, or there is none.
    Known,
}

/// `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hears {
    /// Every reply.
    All,
    /// Every reply but the next.
    AllButNext,
    /// None. Messages of channels still reach it.
    Nothing,
}

/// From what a client is exempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exempt {
    /// From being closed to free memory.
    pub eviction: bool,
    /// From counting as a user of the keys it reads.
    pub touching: bool,
}

/// A wait and its place among all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// Who began earlier has a lower one.
    pub ticket: Ticket,
    /// What for.
    pub on: Wait,
}

/// What a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The end of `CLIENT PAUSE`. The command is still in the inbox.
    Pause,
    /// The end of the process, which it asked for.
    Shutdown,
    /// `CONFIG REWRITE` and some of `CONFIG SET`: the host to do its part.
    Config,
    /// `SAVE` and `DEBUG RELOAD`: the dataset to be written, and read.
    Disk,
    /// `DEBUG SLEEP`: the end of it.
    StandStill {
        /// When that is.
        until: Instant,
    },
    /// `WAIT`: so many replicas that have everything before `offset`, or the deadline.
    Replicas {
        /// How many.
        count: u64,
        /// The last byte of the history they must have.
        offset: u64,
        /// `None` for ever.
        deadline: Option<Instant>,
    },
    /// `BLPOP` and its kin: a key that becomes ready, or the deadline.
    Keys {
        /// `None` for ever.
        deadline: Option<Instant>,
    },
}

/// The commands of a transaction, as they will be executed.
#[derive(Debug, Default)]
pub struct Queue {
    /// One after the other, each as `encode_command` writes it.
    pub commands: Vec<u8>,
    /// How many there are.
    pub count: usize,
    /// Whether one of them may write.
    pub writes: bool,
    /// Whether one of them may tell replicas something.
    pub may_replicate: bool,
    /// Whether one of them may not run on a replica that is cut off and must not serve stale data.
    pub needs_fresh_data: bool,
    /// Whether a command could not be queued, so that `EXEC` must fail.
    pub spoiled: bool,
}

/// Replies that nobody hears give back more memory than this.
const UNHEARD_KEPT_BYTES: usize = 16 * 1024;

impl Client {
    /// Where the next reply to it goes: to `out`, or to `unheard` when it wants to hear none.
    pub fn reply<'a>(&self, out: &'a mut Vec<u8>, unheard: &'a mut Vec<u8>) -> Reply<'a> {
        match self.hears {
            Hears::All => Reply::new(out, self.proto),
            Hears::AllButNext | Hears::Nothing => {
                unheard.clear();
                unheard.shrink_to(UNHEARD_KEPT_BYTES);
                Reply::new(unheard, self.proto)
            }
        }
    }

    /// A client that has said nothing yet.
    pub fn new(login: Login) -> Self {
        Self {
            login,
            db: DbIndex(0),
            proto: Proto::Resp2,
            hears: Hears::All,
            waits: None,
            last_command: "",
            knows_until: 0,
            transaction: None,
            watches: Vec::new(),
            subscriptions: None,
            name: String::new(),
            library: [const { String::new() }; 2],
            exempt: Exempt::default(),
            monitors: false,
            capabilities: Capabilities::default(),
            over_soft_since: None,
        }
    }
}

//! A run as data: what reports, exported histories and programs of others are made of.
//!
//! Kept only where [`Keep::Record`](crate::run::Keep) asks for it: a sweep records nothing. What a
//! record says and what the trace says is the same run; recording changes nothing in it.
//!
//! | file | what happens there |
//! |---|---|
//! | `wire` | the bytes of a replication link become messages |
//! | `tap` | each message gets the moments at which it left and arrived |
//! | `recorder` | a record in the making |
//! | `history` | what clients asked and were told, as EDN and JSON |

pub mod history;
mod recorder;
mod tap;
mod wire;

use repl_core::{
    base::{
        ids::ReplId,
        time::{Instant, UnixMillis},
    },
    io::Level,
};

pub(crate) use self::recorder::Recorder;
use crate::lab::Reply;
pub use crate::node_view::Role;

/// See this file's header.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The names of the nodes; elsewhere a node is its place here.
    pub nodes: Vec<String>,
    /// What happened, by time.
    pub events: Vec<Event>,
    /// What nodes sent one another, by the time it was sent.
    pub messages: Vec<Message>,
    /// When links between nodes changed, by time.
    pub links: Vec<LinkChange>,
    /// What clients asked, by the time they asked it.
    pub operations: Vec<Operation>,
}

/// Something that happened, at a node or in the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Virtual time.
    pub at: Instant,
    /// How many lines the trace had before it.
    pub line: u64,
    /// The node and what it was like afterwards; `None` for what the lab does.
    pub node: Option<(usize, State)>,
    /// What it was.
    pub what: What,
}

/// What a node said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Its wall clock.
    pub wall: UnixMillis,
    /// How far that clock is off, in milliseconds, without its drift.
    pub skew_millis: i64,
    /// Master or replica.
    pub role: Role,
    /// The replica's end of its link: `none`, `connect`, `connecting`, `handshake`, `sync` or
    /// `connected`.
    pub link: &'static str,
    /// The name of its history.
    pub replid: ReplId,
    /// The number of the last byte produced or applied.
    pub offset: u64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A process began.
    Booted,
    /// A process was killed, or its machine went dark.
    Died,
    /// A connection was accepted.
    Accepted,
    /// A dial succeeded.
    Connected,
    /// A connection ended or a dial failed.
    Closed,
    /// So many bytes were handled.
    Received(usize),
    /// So many bytes left.
    Sent(usize),
    /// A replica's PSYNC was answered: what it asked for, and the answer.
    Decided(String),
    /// A deadline passed.
    Woken,
    /// A line of the node's log.
    Logged(Level, String),
    /// The process ended itself, with this status.
    Exited(i32),
    /// The lab made something go wrong.
    Fault(String),
    /// The lab did something else: an operator's order, a restart, a heal.
    Order(String),
    /// The lab says what it is about.
    Note(String),
    /// A property broke.
    Broken(&'static str),
}

/// Which of two things the lab does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It makes something go wrong.
    Fault,
    /// Everything else.
    Order,
}

impl What {
    /// What the lab did, in its words; `None` for everything else.
    #[must_use]
    pub fn act(&self) -> Option<(Act, &str)> {
        match self {
            Self::Fault(text) => Some((Act::Fault, text)),
            Self::Order(text) => Some((Act::Order, text)),
            Self::Booted
            | Self::Died
            | Self::Accepted
            | Self::Connected
            | Self::Closed
            | Self::Received(_)
            | Self::Sent(_)
            | Self::Decided(_)
            | Self::Woken
            | Self::Logged(..)
            | Self::Exited(_)
            | Self::Note(_)
            | Self::Broken(_) => None,
        }
    }
}

/// What a message between nodes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What comes before PSYNC, and its answers.
    Handshake,
    /// `PSYNC` or `SYNC`.
    Psync,
    /// `+FULLRESYNC`.
    FullResync,
    /// `+CONTINUE`.
    Continue,
    /// A whole snapshot.
    Snapshot,
    /// A piece of the stream.
    Stream,
    /// `REPLCONF ACK`, or the question for it.
    Ack,
    /// Says only that somebody is there.
    Keepalive,
    /// A refusal.
    Error,
}

/// Something one node sent another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The connection, by its number in the run.
    pub conn: u64,
    /// Who sent it.
    pub from: usize,
    /// Who it was sent to.
    pub to: usize,
    /// What it is.
    pub kind: Kind,
    /// What it says.
    pub text: String,
    /// How many bytes it is.
    pub bytes: u64,
    /// The numbers of the first and the last byte of the stream in it, where they are known.
    pub offsets: Option<(u64, u64)>,
    /// When its first byte was written.
    pub sent_at: Instant,
    /// When its last byte was written; `None` if it never was.
    pub left_at: Option<Instant>,
    /// When its last byte was read; `None` if it never was.
    pub received_at: Option<Instant>,
}

/// Whether anything passes in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It does.
    Open,
    /// Nothing passes and nothing is lost.
    Stalled,
    /// What is sent is lost.
    Cut,
    /// The connections were reset at this moment; the link is as it was.
    Reset,
}

/// One direction between two nodes is another one from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkChange {
    /// When.
    pub at: Instant,
    /// From whom.
    pub from: usize,
    /// To whom.
    pub to: usize,
    /// What it is now.
    pub passage: Passage,
}

/// Requests that a client sent together, and their replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The client's number.
    pub client: usize,
    /// Whom it asked.
    pub node: usize,
    /// The words of each request.
    pub requests: Vec<Vec<Vec<u8>>>,
    /// When they were sent.
    pub at: Instant,
    /// What came of it, and when; `None` if nothing had by the end of the run.
    pub outcome: Option<(Instant, Outcome)>,
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// One reply per request.
    Answered(Vec<Reply>),
    /// The connection was lost before the last reply: some of the requests may have been carried
    /// out.
    Lost,
}

impl Record {
    /// The place of the node with this name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node == name)
    }

    /// The nodes whose names are words of `text`.
    pub(crate) fn nodes_in(&self, text: &str) -> Vec<usize> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        let mut nodes: Vec<usize> = words.filter_map(|word| self.node(word)).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}

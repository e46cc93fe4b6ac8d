//! Connections: the slot table, what each connection is, its unparsed tail and its unsent replies.
//!
//! Knows no command and no keyspace. A connection's role decides who reads its bytes and what it is
//! sent.

mod outbox;
mod slots;

use alloc::{boxed::Box, vec::Vec};

pub use self::{outbox::Outbox, slots::Slots};
use crate::{
    base::time::Instant,
    io::PeerInfo,
    keyspace::DbIndex,
    repl::master::{Capabilities, Session},
    resp::Parser,
};

/// One connection.
#[derive(Debug)]
pub struct Conn {
    /// Both ends of it.
    pub peer: PeerInfo,
    /// What it is.
    pub role: Role,
    /// Bytes received that do not make a whole request yet.
    pub inbox: Inbox,
    /// Bytes to send.
    pub outbox: Outbox,
    /// Whether it lives on.
    pub fate: Fate,
    /// When it was made.
    pub created_at: Instant,
    /// When something last came in or left.
    pub last_io_at: Instant,
}

/// Whether a connection lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It does.
    Lives,
    /// It is closed as soon as what it was promised has left. Nothing more is read.
    ClosesAfterReplies,
}

/// What a connection is.
#[derive(Debug)]
pub enum Role {
    /// A client.
    Client(Box<Client>),
    /// A replica of ours.
    Replica(Box<Session>),
    /// Our master. Its state is in the node's link.
    Master,
}

/// What a client has said so far.
#[derive(Debug)]
pub struct Client {
    /// Whether it has authenticated, or need not.
    pub login: Login,
    /// The selected database.
    pub db: DbIndex,
    /// A transaction that has begun.
    pub transaction: Option<Queue>,
    /// What it said with `REPLCONF`.
    pub capabilities: Capabilities,
}

/// Whether a client is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// It has not given the password.
    Stranger,
    /// It has, or there is none.
    Known,
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
    /// Whether one of them may not run on a replica that is cut off and must not serve stale data.
    pub needs_fresh_data: bool,
    /// Whether a command could not be queued, so that `EXEC` must fail.
    pub spoiled: bool,
}

/// Bytes received that do not make a whole request yet.
#[derive(Debug, Default)]
pub struct Inbox {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How far they were understood.
    pub parser: Parser,
}

impl Conn {
    /// A connection with `peer`, made at `now`.
    pub fn new(peer: PeerInfo, role: Role, now: Instant) -> Self {
        Self {
            peer,
            role,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            fate: Fate::Lives,
            created_at: now,
            last_io_at: now,
        }
    }

    /// The replica behind it, if it is one.
    pub fn session(&self) -> Option<&Session> {
        match &self.role {
            Role::Replica(session) => Some(session),
            Role::Client(_) | Role::Master => None,
        }
    }

    /// The replica behind it, if it is one.
    pub fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.role {
            Role::Replica(session) => Some(session),
            Role::Client(_) | Role::Master => None,
        }
    }

    /// The client behind it, if it is one.
    pub fn client_mut(&mut self) -> Option<&mut Client> {
        match &mut self.role {
            Role::Client(client) => Some(client),
            Role::Replica(_) | Role::Master => None,
        }
    }
}

impl Client {
    /// A client that has said nothing yet.
    pub fn new(login: Login) -> Self {
        Self { login, db: DbIndex(0), transaction: None, capabilities: Capabilities::default() }
    }
}

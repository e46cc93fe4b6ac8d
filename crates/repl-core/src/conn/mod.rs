//! Connections: the slot table, what each connection is, its unparsed tail and its unsent replies.
//!
//! Knows no command and no keyspace. A connection's role decides who reads its bytes and what it is
//! sent.

mod channels;
mod client;
mod outbox;
mod slots;

use alloc::{boxed::Box, vec::Vec};

pub use self::{
    channels::{Channels, Subscriptions, Topic},
    client::{Client, Exempt, Hears, Login, Queue, Wait, Waits},
    outbox::Outbox,
    slots::Slots,
};
use crate::{
    base::{
        ids::UserId,
        room::{Use, free_spare},
        time::Instant,
    },
    io::PeerInfo,
    repl::master::Session,
    resp::Parser,
};

/// One connection.
#[derive(Debug)]
pub struct Conn {
    /// Its number, as `CLIENT ID` says it: counts connections from 1. The table of connections
    /// gives it.
    pub number: u64,
    /// Both ends of it.
    pub peer: PeerInfo,
    /// What it is.
    pub role: Role,
    /// Whom it has said to be.
    pub user: UserId,
    /// What that user may do.
    pub rights: Rights,
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

/// How far a connection's commands are looked at before they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Not at all: its user may do everything.
    All,
    /// One by one.
    Some,
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
            number: 0,
            peer,
            role,
            user: UserId::DEFAULT,
            rights: Rights::All,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            fate: Fate::Lives,
            created_at: now,
            last_io_at: now,
        }
    }

    /// Gives back the memory of its buffers that holds nothing.
    pub fn free_spare_memory(&mut self, used: Use) {
        free_spare(&mut self.inbox.bytes, used);
        free_spare(self.outbox.writer(), used);
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
    pub fn client(&self) -> Option<&Client> {
        match &self.role {
            Role::Client(client) => Some(client),
            Role::Replica(_) | Role::Master => None,
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

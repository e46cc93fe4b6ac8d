//! The link to our master: one state per thing waited for.

use alloc::{boxed::Box, vec::Vec};

use super::{Handshake, Payload};
use crate::{
    base::{ids::ConnId, time::Instant},
    keyspace::DbIndex,
};

/// Where the link is. Every state but `Waiting` has a connection; it is dropped with the state.
///
/// | here | `ROLE` | classic states of the protocol |
/// |---|---|---|
/// | `Waiting` | connect | CONNECT |
/// | `Dialing` | connecting | CONNECTING |
/// | `Greeting` | handshake | RECEIVE_PING_REPLY ... RECEIVE_PSYNC_REPLY |
/// | `Loading` | sync | TRANSFER |
/// | `Streaming` | connected | CONNECTED |
#[derive(Debug)]
pub enum Link {
    /// There is none; the next attempt comes at `retry_at`.
    Waiting {
        /// When.
        retry_at: Instant,
    },
    /// A dial is under way.
    Dialing {
        /// Its connection.
        conn: ConnId,
    },
    /// The handshake is under way.
    Greeting {
        /// Its connection.
        conn: ConnId,
        /// What is waited for.
        handshake: Box<Handshake>,
    },
    /// The payload of a full sync is arriving.
    Loading {
        /// Its connection.
        conn: ConnId,
        /// What has come.
        payload: Box<Payload>,
    },
    /// The master's stream is applied as it comes.
    Streaming {
        /// Its connection.
        conn: ConnId,
        /// Where in the stream we are.
        stream: Stream,
    },
}

/// Where in the master's stream we are.
#[derive(Debug)]
pub struct Stream {
    /// The database it has selected.
    pub db: DbIndex,
    /// A transaction that has begun and not ended.
    pub transaction: Option<Transaction>,
}

/// A transaction of the stream: it is applied, counted and passed on as a whole, or not at all.
#[derive(Debug, Default)]
pub struct Transaction {
    /// Its bytes, `MULTI` included, as they came.
    pub bytes: Vec<u8>,
}

impl Link {
    /// The connection, if there is one.
    pub fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Waiting { .. } => None,
            Self::Dialing { conn }
            | Self::Greeting { conn, .. }
            | Self::Loading { conn, .. }
            | Self::Streaming { conn, .. } => Some(*conn),
        }
    }

    /// Whether the stream is being applied.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Streaming { .. })
    }

    /// The state as `ROLE` names it.
    pub fn role_name(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "connect",
            Self::Dialing { .. } => "connecting",
            Self::Greeting { .. } => "handshake",
            Self::Loading { .. } => "sync",
            Self::Streaming { .. } => "connected",
        }
    }

    /// What is being done, for the message when it takes too long.
    pub fn doing(&self) -> &'static str {
        match self {
            Self::Waiting { .. } | Self::Dialing { .. } | Self::Greeting { .. } => {
                "connecting to the MASTER..."
            }
            Self::Loading { .. } => {
                "receiving bulk data from MASTER... If the problem persists try to set the \
                 'repl-timeout' parameter in redis.conf to a larger value."
            }
            Self::Streaming { .. } => "no data nor PING received...",
        }
    }
}

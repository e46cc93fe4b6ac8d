//! Why a link to a master ended. The replica logs it and tries again.

use alloc::string::String;
use core::fmt;

use crate::{io::CloseCause, rdb::RdbError, resp::ProtocolError};

/// What went wrong on the link, by who must look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// The connection could not be made, or broke.
    Closed(CloseCause),
    /// Nothing came for `repl-timeout`.
    Timeout(&'static str),
    /// The master answered `PING` with this error.
    PingRefused(String),
    /// The master refused our password.
    AuthRefused(String),
    /// The master cannot synchronise us now.
    TryLater(String),
    /// The master goes on with a history that we said we do not have.
    NothingToContinue,
    /// A line longer than any answer.
    LineTooLong,
    /// The master gave up instead of sending a payload.
    PayloadRefused(String),
    /// The line before the payload is none that is known.
    PayloadHeader(String),
    /// The payload is damaged.
    Payload(RdbError),
    /// The payload is shorter or longer than announced.
    PayloadLength,
    /// The bytes behind the payload are not the mark that was announced.
    PayloadMark,
    /// The payload has none of our keys, and comes from a master that had them.
    EmptyMaster {
        /// Keys in the payload.
        theirs: u64,
        /// Keys here.
        ours: u64,
    },
    /// The stream holds bytes that are no command.
    Protocol(ProtocolError),
    /// The stream holds an inline command.
    Inline,
}

impl LinkError {
    /// Whether the bytes of the stream can no longer be trusted, so that the next synchronisation
    /// must be full.
    // redis: replicationCacheMaster is skipped for a client with CLIENT_PROTOCOL_ERROR
    pub fn spoils_history(&self) -> bool {
        matches!(self, Self::Protocol(_) | Self::Inline)
    }

    /// Whether a payload was on its way, which has cost the master something.
    pub fn is_of_a_payload(&self) -> bool {
        matches!(
            self,
            Self::PayloadRefused(_)
                | Self::PayloadHeader(_)
                | Self::Payload(_)
                | Self::PayloadLength
                | Self::PayloadMark
                | Self::EmptyMaster { .. }
        )
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(cause) => write!(f, "{cause}"),
            Self::Timeout(doing) => write!(f, "Timeout {doing}"),
            Self::PingRefused(text) => write!(f, "Error reply to PING from master: '{text}'"),
            Self::AuthRefused(text) => write!(f, "Unable to AUTH to MASTER: {text}"),
            Self::TryLater(text) => {
                write!(f, "Master is currently unable to PSYNC but should be in the future: {text}")
            }
            Self::NothingToContinue => {
                write!(f, "The master continues a stream although a full sync was asked for")
            }
            Self::LineTooLong => write!(f, "The master sent a line that does not end"),
            Self::PayloadRefused(text) => {
                write!(f, "MASTER aborted replication with an error: {text}")
            }
            Self::PayloadHeader(text) => write!(
                f,
                "Bad protocol from MASTER, the first byte is not '$' (we received '{text}'), are \
                 you sure the host and port are right?"
            ),
            Self::Payload(error) => {
                write!(f, "Failed trying to load the MASTER synchronization DB: {error}")
            }
            Self::PayloadLength => write!(f, "The payload does not have the length announced"),
            Self::PayloadMark => write!(f, "Replication stream EOF marker is broken"),
            Self::EmptyMaster { theirs, ours } => write!(
                f,
                "The master came back with {theirs} keys, and here are {ours}: they are kept \
                 (replica-refuse-empty-master). REPLICAOF of the same master takes its dataset, \
                 REPLICAOF NO ONE makes this the master"
            ),
            Self::Protocol(error) => write!(f, "Protocol error ({error}) from master"),
            Self::Inline => write!(f, "Protocol error (inline command) from master"),
        }
    }
}

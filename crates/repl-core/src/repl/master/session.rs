//! One replica, as its master sees it.
//!
//! ```text
//!            +FULLRESYNC            payload sent          first ACK
//!  Waiting --------------> Loading --------------> AwaitAck ----------> Online
//!     ^                       |       ($length)                           ^
//!   PSYNC, full               +-------------------------------------------+
//!                                                     PSYNC, +CONTINUE ---+
//! ```
//!
//! After an `$EOF:` payload nothing may be sent until the replica acknowledges: it looks for the
//! mark at the end of what it read, so a byte behind the mark would hide it. After `$length` the
//! stream follows at once.

use alloc::string::String;

use super::transfer::TransferId;
use crate::base::time::Instant;

/// What a replica said it can do, with `REPLCONF`, before it asked to synchronise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `capa eof`: it takes snapshots whose length is not known in advance.
    pub eof: bool,
    /// `capa psync2`: it understands `+CONTINUE <replid>`.
    pub psync2: bool,
    /// `listening-port`: zero if it did not say.
    pub listening_port: u16,
    /// `ip-address`: empty if it did not say.
    pub ip_address: String,
    /// `rdb-only 1`: it wants a snapshot and nothing more.
    pub rdb_only: bool,
    /// `rdb-filter-only ""`: it wants an empty snapshot.
    pub empty_rdb: bool,
}

/// What follows the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// The stream.
    Stream,
    /// Nothing: the connection is closed.
    Close,
}

/// Where a replica is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits for the next snapshot to be cut.
    Waiting {
        /// Since when.
        since: Instant,
    },
    /// The payload is on its way.
    Loading {
        /// Which one.
        transfer: TransferId,
        /// How many bytes of it have left.
        position: u64,
        /// The first byte of the stream that the snapshot does not contain.
        next: u64,
    },
    /// The payload has left; the stream waits for the first acknowledgement.
    AwaitAck {
        /// The first byte of the stream to send.
        next: u64,
    },
    /// It follows the stream.
    Online {
        /// The next byte to send.
        next: u64,
    },
}

/// Whether the replica came with `PSYNC`, or with the old `SYNC`, which knows no acknowledgements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `PSYNC`.
    Psync,
    /// `SYNC`.
    Sync,
}

/// One replica.
#[derive(Debug)]
pub struct Session {
    /// What it can do.
    pub capabilities: Capabilities,
    /// Where it is.
    pub phase: Phase,
    /// How it came.
    pub protocol: Protocol,
    /// The last offset it acknowledged.
    pub ack_offset: u64,
    /// When it last gave a sign of life.
    pub ack_at: Instant,
    /// Since when it holds more than the soft output limit.
    pub over_soft_since: Option<Instant>,
}

impl Session {
    /// A replica in `phase`, at `now`.
    pub fn new(capabilities: Capabilities, protocol: Protocol, phase: Phase, now: Instant) -> Self {
        Self { capabilities, phase, protocol, ack_offset: 0, ack_at: now, over_soft_since: None }
    }

    /// The first byte of the stream it still needs; `None` while it has been promised none.
    pub fn reader(&self) -> Option<u64> {
        match self.phase {
            Phase::Waiting { .. } => None,
            Phase::Loading { next, .. } | Phase::AwaitAck { next } | Phase::Online { next } => {
                Some(next)
            }
        }
    }

    /// Whether it follows the stream.
    pub fn is_online(&self) -> bool {
        matches!(self.phase, Phase::Online { .. })
    }

    /// Whether its dataset has left: what Redis calls online, though it may still be loading.
    pub fn has_payload(&self) -> bool {
        matches!(self.phase, Phase::AwaitAck { .. } | Phase::Online { .. })
    }

    /// The `state=` of `INFO replication`.
    pub fn state_name(&self) -> &'static str {
        match self.phase {
            Phase::Waiting { .. } => "wait_bgsave",
            Phase::Loading { .. } => "send_bulk",
            // redis: a diskless replica counts as online as soon as the payload has left
            Phase::AwaitAck { .. } | Phase::Online { .. } => "online",
        }
    }

    /// What follows its payload.
    pub fn completion(&self) -> Completion {
        if self.capabilities.rdb_only { Completion::Close } else { Completion::Stream }
    }

    /// `REPLCONF ACK offset`. Returns whether the stream may start now.
    pub fn acknowledge(&mut self, offset: u64, now: Instant) -> bool {
        self.ack_offset = self.ack_offset.max(offset);
        self.ack_at = now;
        if let Phase::AwaitAck { next } = self.phase {
            self.phase = Phase::Online { next };
            return true;
        }
        false
    }
}

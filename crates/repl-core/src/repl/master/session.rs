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

use core::time::Duration;

use super::transfer::TransferId;
use crate::base::time::Instant;

/// How long bytes of the stream wait for more, at most, after the last that left.
///
/// A write costs the master a system call and the replica a wake-up, whether it carries one command
/// or fifty: ARCHITECTURE has the figures. Bytes on an idle link do not wait at all.
const GATHER: Duration = Duration::from_micros(300);

/// So many bytes of the stream are worth a write of their own.
const GATHERED_BYTES: u64 = 16 * 1024;

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

/// When new bytes of the stream should leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// As soon as the socket can.
    Now,
    /// At this instant, with what has come until then.
    At(Instant),
    /// When the bytes before them do, which is already arranged.
    Arranged,
}

/// Whether somebody waits for the replica to have the newest bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Nobody.
    Ordinary,
    /// A client that waits for its acknowledgement.
    Awaited,
}

/// How far a replica is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Bytes of the history that it has not acknowledged.
    pub bytes: u64,
    /// For how long it may have lacked some of them. Acknowledgements come once a second, so a
    /// stream without a pause shows up to two, however fast the replica is.
    pub span: Duration,
}

/// Whether the replica came with `PSYNC`, or with the old `SYNC`, which knows no acknowledgements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `PSYNC`.
    Psync,
    /// `SYNC`.
    Sync,
}

/// Whether a replica is in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settling {
    /// A full sync is ahead, under way, or so fresh that the replica has yet to catch up.
    Syncing,
    /// It was in step since it came, at least for a moment.
    Settled,
    /// It was too slow once and needed everything again. That must not go on for ever, so it is
    /// waited for as long as it stays.
    Indulged,
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
    /// When it had everything that there was, as far as it has said.
    complete_at: Instant,
    /// The end of the history at an acknowledgement, and when that was: whoever acknowledges that
    /// much had everything then.
    goal: (u64, Instant),
    /// Whether it has ever been in step.
    pub settling: Settling,
    /// Since when it holds more than the soft output limit.
    pub over_soft_since: Option<Instant>,
    /// When bytes of the stream last left.
    sent_at: Option<Instant>,
    /// Whether a departure has been arranged and has not taken place.
    is_arranged: bool,
}

impl Session {
    /// A replica in `phase`, at `now`.
    pub fn new(capabilities: Capabilities, protocol: Protocol, phase: Phase, now: Instant) -> Self {
        let settling = match phase {
            Phase::Online { .. } => Settling::Settled,
            Phase::Waiting { .. } | Phase::Loading { .. } | Phase::AwaitAck { .. } => {
                Settling::Syncing
            }
        };
        Self {
            settling,
            capabilities,
            phase,
            protocol,
            ack_offset: 0,
            ack_at: now,
            complete_at: now,
            goal: (u64::MAX, now),
            over_soft_since: None,
            sent_at: None,
            is_arranged: false,
        }
    }

    /// The stream has grown to `end`, the byte after its last: when what it lacks should leave.
    /// `None` if it is not online.
    pub fn departure(&mut self, now: Instant, end: u64, urgency: Urgency) -> Option<Departure> {
        let Phase::Online { next } = self.phase else { return None };
        let gathers_until = self.sent_at.map(|at| at + GATHER).filter(|until| *until > now);
        let departure = match gathers_until {
            Some(_) if urgency == Urgency::Awaited => Departure::Now,
            Some(_) if end.saturating_sub(next) >= GATHERED_BYTES => Departure::Now,
            Some(_) if self.is_arranged => Departure::Arranged,
            Some(until) => Departure::At(until),
            None => Departure::Now,
        };
        self.is_arranged = departure != Departure::Now;
        Some(departure)
    }

    /// Bytes of the stream have left.
    pub fn sent(&mut self, now: Instant, count: u64) {
        if let Phase::Online { next } = &mut self.phase {
            *next += count;
            self.sent_at = Some(now);
            self.is_arranged = false;
        }
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

    /// The `state=` of `INFO replication`: `is_encoded` tells whether a transfer is encoded to its
    /// end.
    // redis: a replica waits for the child process as long as that writes
    pub fn state_name(&self, is_encoded: impl Fn(TransferId) -> bool) -> &'static str {
        match self.phase {
            Phase::Loading { transfer, .. } if is_encoded(transfer) => "send_bulk",
            Phase::Waiting { .. } | Phase::Loading { .. } => "wait_bgsave",
            // redis: a diskless replica counts as online as soon as the payload has left
            Phase::AwaitAck { .. } | Phase::Online { .. } => "online",
        }
    }

    /// What follows its payload.
    pub fn completion(&self) -> Completion {
        if self.capabilities.rdb_only { Completion::Close } else { Completion::Stream }
    }

    /// `REPLCONF ACK offset` while the history ends with byte `end`, which is no less. Returns
    /// whether the stream may start now.
    pub fn acknowledge(&mut self, offset: u64, end: u64, now: Instant) -> bool {
        self.note_progress(offset, end, now);
        self.ack_offset = self.ack_offset.max(offset);
        self.ack_at = now;
        if let Phase::AwaitAck { next } = self.phase {
            self.phase = Phase::Online { next };
            return true;
        }
        false
    }
}

impl Session {
    fn note_progress(&mut self, acked: u64, end: u64, now: Instant) {
        if acked >= self.goal.0 {
            self.complete_at = self.goal.1;
        }
        if acked >= end {
            self.complete_at = now;
        }
        if acked >= self.goal.0 || self.goal.0 == u64::MAX {
            self.goal = (end, now);
        }
    }

    /// How far it is behind a history that ends with byte `end`. `None` before its first
    /// acknowledgement, when nobody knows.
    pub fn lag(&self, now: Instant, end: u64) -> Option<Lag> {
        if !self.is_online() || self.goal.0 == u64::MAX {
            return None;
        }
        let bytes = end.saturating_sub(self.ack_offset);
        let span = if bytes == 0 { Duration::ZERO } else { now.since(self.complete_at) };
        Some(Lag { bytes, span })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_lags_since_it_last_had_everything() {
        let (mut session, start) = just_sent();
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(session.lag(at(0), 100), None, "it has said nothing yet");
        session.acknowledge(100, 100, at(0));
        let lag = |session: &Session, millis, end| {
            let lag = session.lag(at(millis), end).expect("it has acknowledged something");
            (lag.bytes, lag.span.as_millis())
        };
        assert_eq!(lag(&session, 900, 100), (0, 0), "silence in an idle stream is no lag");
        assert_eq!(lag(&session, 900, 150), (50, 900));
        session.acknowledge(120, 150, at(1_000));
        assert_eq!(lag(&session, 1_000, 150), (30, 1_000), "it had everything at the start");
        session.acknowledge(150, 190, at(2_000));
        assert_eq!(lag(&session, 2_000, 190), (40, 1_000), "and after a second again");
        session.acknowledge(190, 190, at(3_000));
        assert_eq!(lag(&session, 9_000, 190), (0, 0));
    }

    /// A replica that has just been sent its first hundred bytes, and when.
    fn just_sent() -> (Session, Instant) {
        let now = Instant::from_nanos(5_000_000);
        let phase = Phase::Online { next: 1 };
        let mut session = Session::new(Capabilities::default(), Protocol::Psync, phase, now);
        assert_eq!(session.departure(now, 101, Urgency::Ordinary), Some(Departure::Now));
        session.sent(now, 100);
        (session, now)
    }

    #[test]
    fn bytes_right_behind_others_wait_for_company_once() {
        let (mut session, now) = just_sent();
        let due = now + GATHER;
        assert_eq!(session.departure(now, 102, Urgency::Ordinary), Some(Departure::At(due)));
        assert_eq!(session.departure(now, 103, Urgency::Ordinary), Some(Departure::Arranged));
        session.sent(due, 2);
        let next = due + GATHER;
        assert_eq!(session.departure(due, 104, Urgency::Ordinary), Some(Departure::At(next)));
    }

    #[test]
    fn bytes_on_an_idle_link_do_not_wait() {
        let (mut session, now) = just_sent();
        assert_eq!(session.departure(now + GATHER, 102, Urgency::Ordinary), Some(Departure::Now));
    }

    #[test]
    fn many_bytes_do_not_wait() {
        let (mut session, now) = just_sent();
        let end = 101 + GATHERED_BYTES;
        assert_eq!(session.departure(now, end, Urgency::Ordinary), Some(Departure::Now));
    }

    #[test]
    fn bytes_whose_acknowledgement_somebody_waits_for_do_not_wait() {
        let (mut session, now) = just_sent();
        assert!(session.departure(now, 102, Urgency::Ordinary) != Some(Departure::Now));
        assert_eq!(session.departure(now, 139, Urgency::Awaited), Some(Departure::Now));
    }

    #[test]
    fn a_replica_that_is_not_online_has_no_departures() {
        let now = Instant::from_nanos(0);
        let phase = Phase::AwaitAck { next: 1 };
        let mut session = Session::new(Capabilities::default(), Protocol::Psync, phase, now);
        assert_eq!(session.departure(now, 9, Urgency::Awaited), None);
    }
}

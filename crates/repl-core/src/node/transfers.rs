//! Snapshots on their way to replicas: when one is cut, who shares it, and what each replica is
//! sent next.

use alloc::{format, vec::Vec};
use core::mem;

use super::{Node, sync::replica_name};
use crate::{
    base::{
        ids::ConnId,
        time::{Instant, Now},
    },
    conn::{Conn, Fate},
    io::{Level, LossCause},
    marks::Mark,
    rdb::{Checksum, Compression, Options},
    repl::{
        Place,
        master::{
            Completion, Framing, Origin, Phase, Protocol, Session, Settling, Transfer, TransferId,
        },
    },
};

/// The replicas that one snapshot can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// They take a payload that ends with a mark.
    Mark,
    /// They need to know the length first.
    Length,
    /// They want a snapshot without keys.
    Empty,
}

const GROUPS: [Group; 3] = [Group::Mark, Group::Length, Group::Empty];

impl Node {
    /// When something is due that no input will bring: a snapshot that waits for more replicas, or
    /// one that is encoded ahead.
    pub(super) fn sync_deadline(&self) -> Option<Instant> {
        if self.replicas.is_empty() {
            return None;
        }
        let encoded = self.transfers.iter().filter_map(|transfer| {
            let is_ahead = !transfer.is_readable();
            let is_read_up = || transfer.due().is_some() && self.has_starving_reader(transfer);
            let is_waited_for = !transfer.is_complete() && (is_ahead || is_read_up());
            is_waited_for.then(|| transfer.due().unwrap_or(Instant::ORIGIN))
        });
        encoded.chain(GROUPS.into_iter().filter_map(|group| self.group_start(group))).min()
    }

    /// Whether somebody has read all that is encoded.
    fn has_starving_reader(&self, transfer: &Transfer) -> bool {
        let mut readers = self.replicas.iter();
        readers.any(|id| self.position_in(*id, transfer.id()) == Some(transfer.end()))
    }

    pub(super) fn group_of(&self, session: &Session) -> Group {
        if session.capabilities.empty_rdb {
            Group::Empty
        } else if session.capabilities.eof {
            // Also without `repl-diskless-sync`: encoding everything before the first byte leaves
            // would only cost memory here. The directive decides whether to wait for more replicas.
            Group::Mark
        } else {
            Group::Length
        }
    }

    fn waiting(&self, group: Group) -> impl Iterator<Item = (ConnId, Instant)> {
        self.replicas.iter().filter_map(move |id| {
            let session = self.conns.get(*id)?.session()?;
            match session.phase {
                Phase::Waiting { since } if self.group_of(session) == group => Some((*id, since)),
                Phase::Waiting { .. }
                | Phase::Loading { .. }
                | Phase::AwaitAck { .. }
                | Phase::Online { .. } => None,
            }
        })
    }

    /// When the next snapshot for `group` is to be cut; `None` when nobody waits, or when there is
    /// no room for another snapshot until one of those under way ends.
    pub(super) fn group_start(&self, group: Group) -> Option<Instant> {
        let since = self.waiting(group).map(|(_, since)| since).min()?;
        if group != Group::Empty && !self.keyspace.can_begin_snapshot() {
            return None;
        }
        let max = self.config.repl_diskless_sync_max_replicas as usize;
        let enough = max > 0 && self.waiting(group).count() >= max;
        match group {
            Group::Mark if self.config.repl_diskless_sync && !enough => {
                Some(since + self.config.repl_diskless_sync_delay)
            }
            Group::Mark | Group::Length | Group::Empty => Some(since),
        }
    }

    /// Cuts the snapshots that are due.
    pub(super) fn start_transfers(&mut self, now: Now) {
        for group in GROUPS {
            if self.group_start(group).is_some_and(|at| at <= now.mono) {
                self.start_transfer(now, group);
            }
        }
    }

    fn start_transfer(&mut self, now: Now, group: Group) {
        let snapshot = match group {
            Group::Empty => None,
            Group::Mark | Group::Length => {
                let Some(id) = self.keyspace.begin_snapshot() else { return };
                Some(id)
            }
        };
        if self.following.is_none() {
            // The replicas of this snapshot know no database: the stream must name one.
            self.history.reselect();
        }
        let place = self.history.place();
        let origin = self.origin(now, Some(place));
        let replicas: Vec<ConnId> = self.waiting(group).map(|(id, _)| id).collect();
        self.mark_cut(group, replicas.len());
        let options = self.snapshot_options();
        let transfer = self.next_transfer();
        let eof = replicas.iter().all(|id| {
            let session = self.conns.get(*id).and_then(Conn::session);
            session.is_some_and(|session| session.capabilities.eof)
        });
        let framing = match group {
            Group::Length => Framing::Length,
            Group::Mark | Group::Empty if eof => Framing::mark(&mut self.rng),
            Group::Mark | Group::Empty => Framing::Length,
        };
        self.transfers.push(Transfer::new(transfer, framing, snapshot, options, origin));
        // Redis names the child process that does it. Here it is this one.
        let started = format!("Background RDB transfer started by pid {}", self.facts.pid);
        self.log(Level::Notice, started);
        let line = format!("+FULLRESYNC {} {}\r\n", place.replid, place.offset);
        for id in replicas {
            let Some(conn) = self.conns.get_mut(id) else { continue };
            let name = replica_name(conn);
            let Some(session) = conn.session_mut() else { continue };
            session.phase = Phase::Loading { transfer, position: 0, next: place.offset + 1 };
            session.ack_at = now.mono;
            let protocol = session.protocol;
            if protocol == Protocol::Psync {
                conn.outbox.writer().extend_from_slice(line.as_bytes());
            }
            self.wake(id);
            self.log(Level::Notice, format!("Starting snapshot for SYNC of replica {name}"));
        }
    }

    /// What a snapshot that is cut now says of its origin.
    pub(super) fn origin(&self, now: Now, place: Option<Place>) -> Origin {
        Origin { place, ctime: now.wall.as_secs(), used_memory: self.facts.used_memory }
    }

    /// How snapshots are written now.
    pub(super) fn snapshot_options(&self) -> Options {
        let compression =
            if self.config.rdbcompression { Compression::On } else { Compression::Off };
        let checksum = if self.config.rdbchecksum { Checksum::On } else { Checksum::Off };
        Options { compression, checksum }
    }

    /// A name for one more transfer.
    pub(super) fn next_transfer(&mut self) -> TransferId {
        self.transfer_count += 1;
        TransferId(self.transfer_count)
    }

    /// Why a snapshot is cut now, and for whom.
    fn mark_cut(&mut self, group: Group, replica_count: usize) {
        let enough = self.config.repl_diskless_sync_max_replicas as usize;
        match group {
            Group::Mark if self.config.repl_diskless_sync => {
                if enough > 0 && replica_count >= enough {
                    self.marks.hit(Mark::SnapshotEnough);
                } else if !self.config.repl_diskless_sync_delay.is_zero() {
                    self.marks.hit(Mark::SnapshotDelayOver);
                }
            }
            Group::Mark | Group::Length | Group::Empty => {}
        }
        self.marks.hit(match group {
            Group::Mark => Mark::SnapshotMark,
            Group::Length => Mark::SnapshotLength,
            Group::Empty => Mark::SnapshotEmpty,
        });
        if replica_count > 1 {
            self.marks.hit(Mark::SnapshotShared);
        }
        if self.following.is_some() {
            self.marks.hit(Mark::SnapshotOfReplica);
        }
    }

    /// Encodes ahead what must be whole before it is sent, and what has a pace and is due.
    pub(super) fn spool_transfers(&mut self, now: Now) {
        let pace = self.save_pace(now);
        let mut transfers = mem::take(&mut self.transfers);
        for transfer in &mut transfers {
            let is_paced = || transfer.due().is_some() && self.has_starving_reader(transfer);
            if transfer.is_readable() && !is_paced() {
                continue;
            }
            transfer.produce(&mut self.keyspace, pace);
            if transfer.is_readable() {
                self.wake_readers(transfer.id());
            }
        }
        self.transfers = transfers;
    }

    fn wake_readers(&mut self, transfer: TransferId) {
        for at in 0..self.replicas.len() {
            let id = self.replicas[at];
            if self.position_in(id, transfer).is_some() {
                self.wake(id);
            }
        }
    }

    fn position_in(&self, id: ConnId, wanted: TransferId) -> Option<u64> {
        match self.conns.get(id)?.session()?.phase {
            Phase::Loading { transfer, position, .. } if transfer == wanted => Some(position),
            Phase::Waiting { .. }
            | Phase::Loading { .. }
            | Phase::AwaitAck { .. }
            | Phase::Online { .. } => None,
        }
    }

    fn transfer(&self, id: TransferId) -> Option<&Transfer> {
        self.transfers.iter().find(|transfer| transfer.id() == id)
    }

    /// The `state=` of `INFO replication`.
    pub(super) fn state_name(&self, session: &Session) -> &'static str {
        session.state_name(|id| self.transfer(id).is_some_and(Transfer::is_complete))
    }

    /// Nobody reads a transfer any more: Redis says so of its child process.
    // redis: replication.c, rdbPipeReadHandler
    fn log_end(&mut self, transfer: &Transfer) {
        let have_all = transfer.delivered().iter().filter(|id| self.replicas.contains(id)).count();
        let text = if have_all == 0 {
            "Diskless rdb transfer, last replica dropped, killing fork child.".into()
        } else {
            format!("Diskless rdb transfer, done reading from pipe, {have_all} replicas still up.")
        };
        self.log(Level::Notice, text);
    }

    /// Frees what every reader has read, and ends transfers without readers.
    pub(super) fn drop_unread_transfers(&mut self) {
        let mut transfers = mem::take(&mut self.transfers);
        transfers.retain_mut(|transfer| {
            let readers = self.replicas.iter();
            match readers.filter_map(|id| self.position_in(*id, transfer.id())).min() {
                Some(position) => {
                    transfer.release(position);
                    true
                }
                None => {
                    self.log_end(transfer);
                    if let Some(snapshot) = transfer.snapshot() {
                        self.marks.hit(Mark::SnapshotAbandoned);
                        self.keyspace.abandon_snapshot(snapshot);
                    }
                    false
                }
            }
        });
        self.transfers = transfers;
    }

    /// What a connection is sent next: replies first, then what its phase says.
    pub(super) fn slices<'a>(&'a self, conn: &'a Conn) -> [&'a [u8]; 2] {
        let replies = conn.outbox.pending();
        if !replies.is_empty() {
            return [replies, &[]];
        }
        match conn.session().map(|session| session.phase) {
            Some(Phase::Loading { transfer, position, .. }) => match self.transfer(transfer) {
                Some(transfer) if transfer.is_readable() => transfer.slices(position),
                Some(_) | None => [&[], &[]],
            },
            Some(Phase::Online { next }) => {
                self.history.backlog().map_or([&[], &[]], |backlog| backlog.slices(next))
            }
            Some(Phase::Waiting { .. } | Phase::AwaitAck { .. }) | None => [&[], &[]],
        }
    }

    /// Bytes have left.
    pub(super) fn on_sent(&mut self, now: Now, id: ConnId, count: usize) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        self.stats.writes += 1;
        if !conn.outbox.is_empty() {
            self.stats.net_output_bytes += count as u64;
            conn.last_io_at = now.mono;
            conn.outbox.consume(count);
            if conn.outbox.is_empty() && conn.fate == Fate::ClosesAfterReplies {
                self.close(now, id);
            }
            return;
        }
        conn.last_io_at = now.mono;
        let Some(session) = conn.session_mut() else { return };
        self.stats.net_repl_output_bytes += count as u64;
        match &mut session.phase {
            Phase::Loading { transfer, position, .. } => {
                *position += count as u64;
                session.ack_at = now.mono;
                let transfer = *transfer;
                self.advance_transfer(now, id, transfer);
            }
            Phase::Online { .. } => session.sent(now.mono, count as u64),
            Phase::Waiting { .. } | Phase::AwaitAck { .. } => {
                unreachable!("nothing was shown to be sent")
            }
        }
    }

    /// A reader has read on: more is encoded when it has read everything.
    fn advance_transfer(&mut self, now: Now, id: ConnId, which: TransferId) {
        let Some(position) = self.position_in(id, which) else { return };
        let pace = self.save_pace(now);
        let Some(transfer) = self.transfers.iter_mut().find(|one| one.id() == which) else {
            return;
        };
        if position == transfer.end() {
            if transfer.is_complete() {
                self.payload_sent(now, id);
            } else {
                transfer.produce(&mut self.keyspace, pace);
                self.wake_readers(which);
                self.grown = true;
            }
        }
        self.drop_unread_transfers();
    }

    fn payload_sent(&mut self, now: Now, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let name = replica_name(conn);
        let Some(session) = conn.session_mut() else { return };
        let Phase::Loading { transfer, next, .. } = session.phase else { return };
        if next < self.history.next() {
            self.marks.hit(Mark::SnapshotOutrun);
        }
        if session.completion() == Completion::Close {
            self.marks.hit(Mark::SnapshotOnly);
            self.log(
                Level::Notice,
                format!(
                    "RDB transfer completed, rdb only replica ({name}) should be disconnected asap"
                ),
            );
            self.close_after_replies(now, id);
            return;
        }
        let transfer = self.transfers.iter_mut().find(|one| one.id() == transfer);
        let framing = transfer.map(|transfer| {
            transfer.note_delivery(id);
            transfer.framing()
        });
        let Some(session) = self.conns.get_mut(id).and_then(Conn::session_mut) else { return };
        session.ack_at = now.mono;
        match framing {
            Some(Framing::Mark(_)) => {
                session.phase = Phase::AwaitAck { next };
                self.marks.hit(Mark::SnapshotAwaitsAck);
                self.log(
                    Level::Notice,
                    format!(
                        "Streamed replica with replica {name} succeeded. Waiting for REPLCONF ACK \
                         from replica to enable streaming"
                    ),
                );
            }
            Some(Framing::Length | Framing::Bare) | None => {
                session.phase = Phase::Online { next };
                self.marks.hit(Mark::SnapshotOnline);
                self.log(Level::Notice, format!("Synchronization with replica {name} succeeded"));
                self.wake(id);
            }
        }
    }

    /// The directories that snapshots walk are about to go: who is sent one begins anew.
    pub(super) fn drop_loading_replicas(&mut self, now: Now) {
        let loads = |id: &ConnId| {
            let session = self.conns.get(*id).and_then(Conn::session);
            session.is_some_and(|session| matches!(session.phase, Phase::Loading { .. }))
        };
        let loading: Vec<ConnId> = self.replicas.iter().copied().filter(loads).collect();
        for id in loading {
            self.marks.hit(Mark::ReloadDropsReplicas);
            self.close(now, id);
        }
    }

    /// `repl-backlog-size` may have changed.
    pub(super) fn resize_backlog(&mut self) {
        if self.history.resize(self.config.repl_backlog_size) {
            self.marks.hit(Mark::BacklogResized);
        }
    }

    /// Drops what no replica needs and the backlog's size does not ask for.
    pub(super) fn trim_history(&mut self) {
        let sessions = self.replicas.iter().filter_map(|id| self.conns.get(*id)?.session());
        let reader = sessions.filter_map(Session::reader).min().unwrap_or(u64::MAX);
        let trimmed = self.history.trim(reader);
        self.mark_trim(trimmed);
    }

    /// `client-output-buffer-limit replica`: a replica that is too far behind is dropped, not the
    /// server.
    // redis: the hard limit is never less than the backlog, which would be kept anyway
    pub(super) fn enforce_replica_limits(&mut self, now: Now) {
        let limit = self.config.output_limit_replica;
        let (hard, soft) = (self.hard_limit(), self.raised(limit.soft_bytes));
        let in_step = self.config.repl_backlog_size;
        let waits = self.can_wait_for_replicas();
        let next = self.history.next();
        let mut dropped = Vec::new();
        let mut any_syncs = false;
        for id in &self.replicas {
            let held = self.held_for(*id, next);
            let Some(conn) = self.conns.get_mut(*id) else { continue };
            let Some(session) = conn.session_mut() else { continue };
            if session.is_online() && held <= in_step && session.settling == Settling::Syncing {
                session.settling = Settling::Settled;
            }
            let syncs = waits && session.settling != Settling::Settled;
            any_syncs |= syncs;
            // Who is waited for may take its time.
            let too_long = if held > soft && !syncs {
                let since = *session.over_soft_since.get_or_insert(now.mono);
                now.mono.since(since) > limit.soft_after
            } else {
                session.over_soft_since = None;
                false
            };
            if held > hard || too_long {
                // Named only now: this runs after every write.
                let (mark, cause) = if held > hard {
                    (Mark::LimitHard, LossCause::HardLimit { held, limit: hard })
                } else {
                    let span = limit.soft_after;
                    (Mark::LimitSoft, LossCause::SoftLimit { held, limit: soft, span })
                };
                dropped.push((*id, replica_name(conn), mark, cause));
            }
        }
        for (id, name, mark, cause) in dropped {
            self.marks.hit(mark);
            self.stats.output_limit_disconnections += 1;
            let text = format!(
                "Client {name} scheduled to be closed ASAP for overcoming of output buffer limits."
            );
            self.log(Level::Warning, text);
            self.note_loss(now, id, cause);
            self.close(now, id);
        }
        if any_syncs {
            self.slow_writes(now);
        }
    }

    /// What may be held for one replica at the most.
    pub(super) fn hard_limit(&self) -> u64 {
        self.raised(self.config.output_limit_replica.hard_bytes)
    }

    /// A limit that is none below the backlog's size, which is kept anyway.
    fn raised(&self, bytes: u64) -> u64 {
        if bytes == 0 { u64::MAX } else { bytes.max(self.config.repl_backlog_size) }
    }

    /// Bytes of memory that are kept for this replica: what of the history it has yet to read, and
    /// what its snapshot holds back.
    pub(super) fn held_for(&self, id: ConnId, next: u64) -> u64 {
        let Some(session) = self.conns.get(id).and_then(Conn::session) else { return 0 };
        let stream = session.reader().map_or(0, |reader| next.saturating_sub(reader));
        let payload = match session.phase {
            Phase::Loading { transfer, position, .. } => {
                self.transfer(transfer).map_or(0, |transfer| {
                    let saved = transfer
                        .snapshot()
                        .map_or(0, |id| self.keyspace.snapshot_backlog_bytes(id) as u64);
                    transfer.end() - position + saved
                })
            }
            Phase::Waiting { .. } | Phase::AwaitAck { .. } | Phase::Online { .. } => 0,
        };
        stream + payload
    }
}

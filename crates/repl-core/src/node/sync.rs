//! Our replicas: what they ask for, the snapshots on their way, and what each is sent next.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::mem;

use super::{Node, requests::Caller};
use crate::{
    base::{
        ids::{ConnId, ReplId},
        number::{parse_i64, parse_u64},
        time::{Instant, Now},
    },
    command::{CommandError, NodeCommand},
    conn::{Conn, Fate, Role},
    io::{Decision, Effect, FullReason, Level, Verdict},
    keyspace::DbIndex,
    rdb::{Checksum, Compression, Options},
    repl::master::{Completion, Framing, Origin, Phase, Protocol, Session, Transfer, TransferId},
    resp::Args,
};

/// How many chunks of a payload with a length in front are encoded per turn.
const SPOOL_CHUNKS_PER_TURN: usize = 8;

/// The replicas that one snapshot can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    /// They take a payload that ends with a mark.
    Mark,
    /// They need to know the length first.
    Length,
    /// They want a snapshot without keys.
    Empty,
}

const GROUPS: [Group; 3] = [Group::Mark, Group::Length, Group::Empty];

/// How the log calls a replica: its address, and the port it listens on if it said so.
pub(super) fn replica_name(conn: &Conn) -> String {
    let port = match &conn.role {
        Role::Replica(session) => session.capabilities.listening_port,
        Role::Client(client) => client.capabilities.listening_port,
        Role::Master => 0,
    };
    format!("{}:{}", conn.peer.ip, if port == 0 { conn.peer.port } else { port })
}

impl Node {
    // ---- what replicas ask ----

    /// `PSYNC replid offset [FAILOVER]` and `SYNC`.
    // redis: replication.c, syncCommand
    pub(super) fn sync<'a>(
        &mut self,
        now: Now,
        caller: Caller,
        command: NodeCommand,
        args: Args<'a>,
    ) -> Result<(), CommandError<'a>> {
        let Caller::Conn(id) = caller else { return Ok(()) };
        let Some(conn) = self.conns.get(id) else { return Ok(()) };
        if conn.session().is_some() {
            return Ok(());
        }
        if args.try_get(3).is_some_and(|word| word.eq_ignore_ascii_case(b"FAILOVER")) {
            // Planned failover is not there yet: neither a master nor a replica of ours grants it.
            return Err(CommandError::FailoverToMaster);
        }
        if self.following.as_ref().is_some_and(|following| !following.link.is_up()) {
            return Err(CommandError::NoMasterLink);
        }
        if !conn.outbox.is_empty() {
            return Err(CommandError::PendingOutput);
        }
        let name = replica_name(conn);
        self.forget_client(id);
        self.log(Level::Notice, format!("Replica {name} asks for synchronization"));
        let (protocol, asked) = match command {
            NodeCommand::Sync => (Protocol::Sync, None),
            _ => (Protocol::Psync, asked_for(args)?),
        };
        let verdict = match asked {
            None => Err(FullReason::Asked),
            Some((replid, next)) => self.history.can_continue(replid, next),
        };
        let decision = match verdict {
            Ok(()) => Verdict::Continue,
            Err(reason) => Verdict::Full(reason),
        };
        match verdict {
            Ok(()) => self.grant_continue(now, id, asked.map_or(0, |(_, next)| next), &name),
            Err(reason) => {
                self.log_refusal(reason, asked, &name);
                self.grant_full(now, id, protocol, asked.is_some());
            }
        }
        self.effects.push_back(Effect::Decided(Decision { conn: id, asked, verdict: decision }));
        Ok(())
    }

    fn log_refusal(&mut self, reason: FullReason, asked: Option<(ReplId, u64)>, name: &str) {
        let (replid, next) = asked.unwrap_or((ReplId::NONE, 0));
        let text = match reason {
            FullReason::Asked => format!("Full resync requested by replica {name}"),
            FullReason::OtherHistory => format!(
                "Partial resynchronization not accepted: Replication ID mismatch (Replica asked for \
                 '{replid}', my replication IDs are '{}' and '{}')",
                self.history.replid(),
                self.history.replid2(),
            ),
            FullReason::BeyondSwitch => format!(
                "Partial resynchronization not accepted: Requested offset for second ID was {next}, \
                 but I can reply up to {}",
                self.history.switch().unwrap_or(0),
            ),
            FullReason::BeforeBacklog => format!(
                "Unable to partial resync with replica {name} for lack of backlog (Replica request \
                 was: {next})."
            ),
            FullReason::AfterEnd => format!(
                "Warning: replica {name} tried to PSYNC with an offset that is greater than the \
                 master replication offset."
            ),
        };
        self.log(Level::Notice, text);
    }

    fn grant_continue(&mut self, now: Now, id: ConnId, next: u64, name: &str) {
        let behind = self.history.next() - next;
        let replid = self.history.replid();
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Some(client) = conn.client_mut() else { return };
        let capabilities = mem::take(&mut client.capabilities);
        let reply = if capabilities.psync2 {
            format!("+CONTINUE {replid}\r\n")
        } else {
            "+CONTINUE\r\n".into()
        };
        let phase = Phase::Online { next };
        let session = Session::new(capabilities, Protocol::Psync, phase, now.mono);
        conn.role = Role::Replica(Box::new(session));
        conn.outbox.writer().extend_from_slice(reply.as_bytes());
        self.replicas.push(id);
        self.stats.sync_partial_ok += 1;
        self.log(
            Level::Notice,
            format!(
                "Partial resynchronization request from {name} accepted. Sending {behind} bytes of \
                 backlog starting from offset {next}."
            ),
        );
    }

    fn grant_full(&mut self, now: Now, id: ConnId, protocol: Protocol, named_history: bool) {
        self.stats.sync_full += 1;
        self.stats.sync_partial_err += u64::from(named_history);
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Some(client) = conn.client_mut() else { return };
        let capabilities = mem::take(&mut client.capabilities);
        let phase = Phase::Waiting { since: now.mono };
        conn.role = Role::Replica(Box::new(Session::new(capabilities, protocol, phase, now.mono)));
        self.replicas.push(id);
        if self.following.is_none() && self.history.begin() {
            let text = format!(
                "Replication backlog created, my new replication IDs are '{}' and '{}'",
                self.history.replid(),
                self.history.replid2(),
            );
            self.log(Level::Notice, text);
        }
        self.start_transfers(now);
    }

    /// `REPLCONF option value ...`
    // redis: replication.c, replconfCommand
    pub(super) fn replconf<'a>(
        &mut self,
        now: Now,
        caller: Caller,
        args: Args<'a>,
    ) -> Result<(), CommandError<'a>> {
        if args.len().is_multiple_of(2) {
            return Err(CommandError::Syntax);
        }
        let Caller::Conn(id) = caller else {
            // GETACK is dealt with where the stream is applied; the rest is not for replicas.
            return Ok(());
        };
        for at in (1..args.len()).step_by(2) {
            let (option, value) = (args.get(at), args.get(at + 1));
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            if is("ACK") {
                self.on_ack(now, id, value);
                return Ok(());
            }
            if is("GETACK") {
                return Ok(());
            }
            let Some(conn) = self.conns.get_mut(id) else { return Ok(()) };
            let capabilities = match &mut conn.role {
                Role::Client(client) => &mut client.capabilities,
                Role::Replica(session) => &mut session.capabilities,
                Role::Master => return Ok(()),
            };
            if is("LISTENING-PORT") {
                let port = parse_i64(value).ok_or(CommandError::NotInteger)?;
                // Redis takes any number here; one that is no port counts as none.
                capabilities.listening_port = u16::try_from(port).unwrap_or(0);
            } else if is("IP-ADDRESS") {
                if value.len() >= 256 {
                    return Err(CommandError::AnnouncedIpTooLong(value.len()));
                }
                capabilities.ip_address = String::from_utf8_lossy(value).into_owned();
            } else if is("CAPA") {
                capabilities.eof |= value.eq_ignore_ascii_case(b"eof");
                capabilities.psync2 |= value.eq_ignore_ascii_case(b"psync2");
            } else if is("RDB-ONLY") {
                capabilities.rdb_only = parse_i64(value).ok_or(CommandError::NotInteger)? != 0;
            } else if is("RDB-FILTER-ONLY") {
                capabilities.empty_rdb = match value {
                    b"" => true,
                    // No functions are kept here, so a snapshot of nothing else is an empty one.
                    _ if value.eq_ignore_ascii_case(b"functions") => true,
                    _ => return Err(CommandError::UnsupportedFilter(value)),
                };
            } else if is("VERSION") || is("RDB-CHANNEL") {
                // Newer peers say so; nothing here depends on it.
            } else {
                return Err(CommandError::UnknownReplconf(option));
            }
        }
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    fn on_ack(&mut self, now: Now, id: ConnId, value: &[u8]) {
        let Some(offset) = parse_u64(value) else { return };
        let end = self.history.offset();
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Some(session) = conn.session_mut() else { return };
        // Nobody can have applied a byte that does not exist.
        if session.acknowledge(offset.min(end), now.mono) {
            let name = replica_name(conn);
            self.log(Level::Notice, format!("Synchronization with replica {name} succeeded"));
            self.wake(id);
        }
        if !self.waiting.is_empty() {
            self.end_satisfied_waits();
        }
    }

    // ---- snapshots on their way ----

    /// When something is due that no input will bring: a snapshot that waits for more replicas, or one that is
    /// encoded ahead.
    pub(super) fn sync_deadline(&self) -> Option<Instant> {
        if self.replicas.is_empty() {
            return None;
        }
        if self.transfers.iter().any(|transfer| !transfer.is_readable()) {
            return Some(Instant::ORIGIN);
        }
        GROUPS.into_iter().filter_map(|group| self.group_start(group)).min()
    }

    fn group_of(&self, session: &Session) -> Group {
        if session.capabilities.empty_rdb {
            Group::Empty
        } else if session.capabilities.eof {
            // Also without `repl-diskless-sync`: encoding everything before the first byte leaves would only
            // cost memory here. The directive decides whether to wait for more replicas.
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

    /// When the next snapshot for `group` is to be cut; `None` when nobody waits, or when there is no room for
    /// another snapshot until one of those under way ends.
    fn group_start(&self, group: Group) -> Option<Instant> {
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
        let origin = Origin {
            replid: self.history.replid(),
            offset: self.history.offset(),
            stream_db: self.history.stream_db().unwrap_or(DbIndex(0)),
            ctime: now.wall.as_secs(),
            used_memory: self.facts.used_memory,
        };
        let options = Options {
            compression: if self.config.rdbcompression {
                Compression::On
            } else {
                Compression::Off
            },
            checksum: if self.config.rdbchecksum { Checksum::On } else { Checksum::Off },
        };
        self.transfer_count += 1;
        let transfer = TransferId(self.transfer_count);
        let replicas: Vec<ConnId> = self.waiting(group).map(|(id, _)| id).collect();
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
        let line = format!("+FULLRESYNC {} {}\r\n", origin.replid, origin.offset);
        for id in replicas {
            let Some(conn) = self.conns.get_mut(id) else { continue };
            let name = replica_name(conn);
            let Some(session) = conn.session_mut() else { continue };
            session.phase = Phase::Loading { transfer, position: 0, next: origin.offset + 1 };
            session.ack_at = now.mono;
            let protocol = session.protocol;
            if protocol == Protocol::Psync {
                conn.outbox.writer().extend_from_slice(line.as_bytes());
            }
            self.wake(id);
            self.log(Level::Notice, format!("Starting snapshot for SYNC of replica {name}"));
        }
    }

    /// Encodes ahead what must be whole before it is sent.
    pub(super) fn spool_transfers(&mut self) {
        let mut complete = Vec::new();
        for transfer in &mut self.transfers {
            if transfer.is_readable() {
                continue;
            }
            for _ in 0..SPOOL_CHUNKS_PER_TURN {
                transfer.produce(&mut self.keyspace);
            }
            if transfer.is_readable() {
                complete.push(transfer.id());
            }
        }
        for id in complete {
            self.wake_readers(id);
        }
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
                    if let Some(snapshot) = transfer.snapshot() {
                        self.keyspace.abandon_snapshot(snapshot);
                    }
                    false
                }
            }
        });
        self.transfers = transfers;
    }

    // ---- what is sent ----

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
            Phase::Online { next } => *next += count as u64,
            Phase::Waiting { .. } | Phase::AwaitAck { .. } => {
                unreachable!("nothing was shown to be sent")
            }
        }
    }

    /// A reader has read on: more is encoded when it has read everything.
    fn advance_transfer(&mut self, now: Now, id: ConnId, which: TransferId) {
        let Some(position) = self.position_in(id, which) else { return };
        let Some(transfer) = self.transfers.iter_mut().find(|one| one.id() == which) else {
            return;
        };
        if position == transfer.end() {
            if transfer.is_complete() {
                self.payload_sent(now, id);
            } else {
                transfer.produce(&mut self.keyspace);
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
        if session.completion() == Completion::Close {
            self.log(
                Level::Notice,
                format!(
                    "RDB transfer completed, rdb only replica ({name}) should be disconnected asap"
                ),
            );
            self.close_after_replies(now, id);
            return;
        }
        let framing = self.transfers.iter().find(|one| one.id() == transfer).map(Transfer::framing);
        let Some(session) = self.conns.get_mut(id).and_then(Conn::session_mut) else { return };
        session.ack_at = now.mono;
        match framing {
            Some(Framing::Mark(_)) => {
                session.phase = Phase::AwaitAck { next };
                self.log(
                    Level::Notice,
                    format!(
                        "Streamed replica with replica {name} succeeded. Waiting for REPLCONF ACK \
                         from replica to enable streaming"
                    ),
                );
            }
            Some(Framing::Length) | None => {
                session.phase = Phase::Online { next };
                self.log(Level::Notice, format!("Synchronization with replica {name} succeeded"));
                self.wake(id);
            }
        }
    }

    // ---- limits ----

    /// Drops what no replica needs and the backlog's size does not ask for.
    pub(super) fn trim_history(&mut self) {
        let sessions = self.replicas.iter().filter_map(|id| self.conns.get(*id)?.session());
        let reader = sessions.filter_map(Session::reader).min().unwrap_or(u64::MAX);
        self.history.trim(reader);
    }

    /// `client-output-buffer-limit replica`: a replica that is too far behind is dropped, not the server.
    // redis: the hard limit is never less than the backlog, which would be kept anyway
    pub(super) fn enforce_replica_limits(&mut self, now: Now) {
        let limit = self.config.output_limit_replica;
        let raise = |bytes: u64| match bytes {
            0 => u64::MAX,
            bytes => bytes.max(self.config.repl_backlog_size),
        };
        let (hard, soft) = (raise(limit.hard_bytes), raise(limit.soft_bytes));
        let next = self.history.next();
        let mut dropped = Vec::new();
        for id in &self.replicas {
            let held = self.held_for(*id, next);
            let Some(conn) = self.conns.get_mut(*id) else { continue };
            let Some(session) = conn.session_mut() else { continue };
            let too_long = if held > soft {
                let since = *session.over_soft_since.get_or_insert(now.mono);
                now.mono.since(since) > limit.soft_after
            } else {
                session.over_soft_since = None;
                false
            };
            if held > hard || too_long {
                // Named only now: this runs after every write.
                dropped.push((*id, replica_name(conn)));
            }
        }
        for (id, name) in dropped {
            self.stats.output_limit_disconnections += 1;
            let text = format!(
                "Client {name} scheduled to be closed ASAP for overcoming of output buffer limits."
            );
            self.log(Level::Warning, text);
            self.close(now, id);
        }
    }

    /// Bytes of memory that are kept for this replica: what of the history it has yet to read, and what its
    /// snapshot holds back.
    fn held_for(&self, id: ConnId, next: u64) -> u64 {
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

    /// Closes every replica: their history ends here, or has a new name that they must learn.
    pub(super) fn drop_replicas(&mut self, now: Now) {
        for id in self.replicas.clone() {
            self.close(now, id);
        }
    }
}

/// The history and the byte that `PSYNC` names; `None` for `?`.
fn asked_for(args: Args<'_>) -> Result<Option<(ReplId, u64)>, CommandError<'_>> {
    let offset = parse_i64(args.get(2)).ok_or(CommandError::NotInteger)?;
    if args.get(1) == b"?" {
        return Ok(None);
    }
    // An id that is none, or a byte before the first, is a history nobody has.
    let replid = ReplId::parse(args.get(1)).unwrap_or(ReplId::NONE);
    Ok(Some((replid, u64::try_from(offset).unwrap_or(0))))
}

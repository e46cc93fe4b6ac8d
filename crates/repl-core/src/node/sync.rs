//! What our replicas ask for: `PSYNC SYNC REPLCONF`, and what they are granted.

use alloc::{boxed::Box, format, string::String};
use core::mem;

use super::{Node, requests::Caller};
use crate::{
    base::{
        ids::{ConnId, ReplId},
        number::{parse_i64, parse_u64},
        time::Now,
    },
    command::{CommandError, SessionError},
    conn::{Conn, Role},
    io::{Decision, Effect, FullReason, Level, Standing, Verdict},
    marks::Mark,
    repl::master::{Phase, Protocol, Session, Settling},
    resp::Args,
};

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
    /// `PSYNC replid offset [FAILOVER]` and `SYNC`.
    // redis: replication.c, syncCommand
    pub(super) fn sync<'a>(
        &mut self,
        now: Now,
        caller: Caller,
        protocol: Protocol,
        args: Args<'a>,
    ) -> Result<(), CommandError<'a>> {
        let Caller::Conn(id) = caller else { return Ok(()) };
        let Some(conn) = self.conns.get(id) else { return Ok(()) };
        // A client that monitors is a kind of replica, too.
        if conn.session().is_some() || conn.client().is_some_and(|client| client.monitors) {
            self.marks.hit(Mark::SyncAgain);
            return Ok(());
        }
        let takes_over = args.try_get(3).is_some_and(|it| it.eq_ignore_ascii_case(b"FAILOVER"));
        if protocol == Protocol::Psync && takes_over {
            self.take_over(now, args.get(1), &replica_name(conn))?;
        }
        if self.failover.is_some() {
            self.marks.hit(Mark::RefusedFailingOver);
            return Err(SessionError::SyncWhileFailingOver.into());
        }
        let Some(conn) = self.conns.get(id) else { return Ok(()) };
        if self.following.as_ref().is_some_and(|following| !following.link.is_up()) {
            self.marks.hit(Mark::RefusedNoMasterLink);
            return Err(CommandError::NoMasterLink);
        }
        if !conn.outbox.is_empty() {
            self.marks.hit(Mark::RefusedPendingOutput);
            return Err(CommandError::PendingOutput);
        }
        let said = conn.client().map(|client| &client.capabilities);
        if said.is_some_and(|said| said.empty_rdb && !said.eof) {
            self.marks.hit(Mark::RefusedFilter);
            return Err(CommandError::FilterWithoutEof);
        }
        let name = replica_name(conn);
        self.log(Level::Notice, format!("Replica {name} asks for synchronization"));
        let asked = match protocol {
            Protocol::Sync => {
                self.marks.hit(Mark::SyncAsked);
                None
            }
            Protocol::Psync => asked_for(args).inspect_err(|_| self.refuse_offset(&name))?,
        };
        self.forget_client(id);
        let verdict = match protocol {
            Protocol::Sync => Verdict::Full(FullReason::OldProtocol),
            Protocol::Psync => self.judge_resync(now, asked, &name),
        };
        let standing = self.history.standing();
        let decision = Decision { conn: id, asked, standing, verdict };
        self.mark_verdict(&decision);
        match verdict {
            Verdict::Continue => {
                self.grant_continue(now, id, asked.map_or(0, |(_, next)| next), &name);
            }
            Verdict::Full(reason) => {
                self.log_refusal(reason, &standing, &name);
                self.grant_full(now, id, protocol, asked.is_some());
                let session = self.conns.get_mut(id).and_then(Conn::session_mut);
                if let Some(session) = session.filter(|_| reason.was_too_slow()) {
                    session.settling = Settling::Indulged;
                }
            }
        }
        self.note_decision(now, &decision, name);
        self.effects.push_back(Effect::Decided(Box::new(decision)));
        Ok(())
    }

    fn refuse_offset(&mut self, name: &str) {
        self.marks.hit(Mark::RefusedOffset);
        let text = format!("Replica {name} asks for synchronization but with a wrong offset");
        self.log(Level::Warning, text);
    }

    /// Our master wants to follow us: `PSYNC replid offset FAILOVER`.
    fn take_over(
        &mut self,
        now: Now,
        replid: &[u8],
        name: &str,
    ) -> Result<(), SessionError<'static>> {
        let text = format!("Failover request received for replid {}.", replid.escape_ascii());
        self.log(Level::Notice, text);
        // Nor does a master that is handing over take over.
        if self.following.is_none() || self.failover.is_some() {
            self.marks.hit(Mark::RefusedFailover);
            return Err(SessionError::TakeOverOfMaster);
        }
        if !replid.eq_ignore_ascii_case(self.history.replid().as_bytes()) {
            self.marks.hit(Mark::RefusedFailoverOfAnother);
            return Err(SessionError::TakeOverOfAnother);
        }
        self.marks.hit(Mark::TakesOver);
        self.become_master(now);
        let text = format!("MASTER MODE enabled (failover request from '{name}')");
        self.log(Level::Notice, text);
        Ok(())
    }

    /// The refusal in the words of Redis, which people and tools look for in logs.
    fn log_refusal(&mut self, reason: FullReason, standing: &Standing, name: &str) {
        let Standing { replid, replid2, .. } = standing;
        let text = match reason {
            FullReason::Asked | FullReason::OldProtocol | FullReason::BrokenOff(_) => {
                format!("Full resync requested by replica {name}")
            }
            FullReason::OtherHistory { asked, .. } | FullReason::LeftHistory { asked, .. } => {
                format!(
                    "Partial resynchronization not accepted: Replication ID mismatch (Replica \
                     asked for '{asked}', my replication IDs are '{replid}' and '{replid2}')"
                )
            }
            FullReason::BeyondSwitch { next, switch } => format!(
                "Partial resynchronization not accepted: Requested offset for second ID was \
                 {next}, but I can reply up to {switch}"
            ),
            FullReason::NoBacklog { next }
            | FullReason::BeforeBegin { next, .. }
            | FullReason::BeforeBacklog { next, .. } => format!(
                "Unable to partial resync with replica {name} for lack of backlog (Replica request \
                 was: {next})."
            ),
            FullReason::AfterEnd { .. } => format!(
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
            self.marks.hit(Mark::ContinueWithoutId);
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
            self.marks.hit(Mark::BacklogCreated);
        }
        self.start_transfers(now);
        if let Some(session) = self.conns.get(id).and_then(Conn::session) {
            self.mark_start(session.phase, self.group_start(self.group_of(session)));
        }
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
                capabilities.rdb_only = match parse_i64(value).ok_or(CommandError::NotInteger)? {
                    0 => false,
                    1 => true,
                    _ => return Err(CommandError::NotZeroOrOne),
                };
            } else if is("RDB-FILTER-ONLY") {
                // No functions are kept here, so a snapshot of nothing else is an empty one.
                capabilities.empty_rdb = true;
                let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
                if let Some(word) =
                    words.into_iter().find(|word| !word.eq_ignore_ascii_case(b"functions"))
                {
                    return Err(CommandError::UnsupportedFilter(word));
                }
            } else if is("VERSION") || is("RDB-CHANNEL") {
                // Newer peers say so; nothing here depends on it.
            } else {
                self.marks.hit(Mark::ReplconfUnknown);
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
        if offset > end {
            self.marks.hit(Mark::AckBeyondEnd);
        }
        // Nobody can have applied a byte that does not exist.
        if session.acknowledge(offset.min(end), end, now.mono) {
            let name = replica_name(conn);
            self.log(Level::Notice, format!("Synchronization with replica {name} succeeded"));
            self.marks.hit(Mark::AckStartsStream);
            self.wake(id);
        }
        self.end_satisfied_waits();
    }

    /// Closes every replica: their history ends here, or has a new name that they must learn.
    pub(super) fn drop_replicas(&mut self, now: Now, mark: Mark) {
        if !self.replicas.is_empty() {
            self.marks.hit(mark);
        }
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

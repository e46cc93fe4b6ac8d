//! Clients that wait: `WAIT` for replicas, `CLIENT PAUSE` for time to pass, `SHUTDOWN` for the end,
//! `BLPOP` for a key (the file `blocking`).
//!
//! What would block becomes a state of the client. While it waits, nothing it sends is looked at;
//! it stays in the inbox, within the limits of the inbox. When the wait is over, the client gets
//! its reply and its inbox is worked off at the end of the input at hand, as if it had come just
//! now.

use alloc::vec::Vec;
use core::{mem, time::Duration};

use super::{
    super::{Node, requests::Caller},
    Outcome,
};
use crate::{
    base::{
        ids::ConnId,
        number::parse_i64,
        time::{Instant, Now},
    },
    command::{CommandError, Flags, Handler, NodeCommand, SessionError, Spec},
    conn::Wait,
    io::Level,
    keyspace::Ticket,
    marks::Mark,
    repl::master::{Session, Urgency},
    resp::Args,
};

/// `CLIENT PAUSE`: which commands are held back, and until when.
#[derive(Clone, Copy, Debug)]
pub(in crate::node) struct Pause {
    pub(in crate::node) of: Paused,
    pub(in crate::node) until: Instant,
}

/// What a pause holds back. The later includes the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::node) enum Paused {
    /// What may tell replicas something.
    Writes,
    /// Everything.
    All,
}

/// A timeout in milliseconds; zero means for ever.
pub(super) fn timeout(text: &[u8]) -> Result<u64, CommandError<'static>> {
    let millis = parse_i64(text).ok_or(CommandError::Session(SessionError::TimeoutNotInteger))?;
    u64::try_from(millis).map_err(|_| CommandError::Session(SessionError::TimeoutNegative))
}

impl Node {
    /// `WAIT count timeout`
    // redis: replication.c, waitCommand
    pub(super) fn wait<'a>(&mut self, now: Now, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        if self.following.is_some() {
            self.marks.hit(Mark::WaitOnReplica);
            return Err(CommandError::Session(SessionError::WaitOnReplica));
        }
        let Caller::Conn(id) = caller else { return Ok(()) };
        let count = parse_i64(args.get(1)).ok_or(CommandError::NotInteger)?;
        let millis = timeout(args.get(2))?;
        let offset = self.client(caller).map_or(0, |client| client.knows_until);
        let count = u64::try_from(count).unwrap_or(0);
        let have = self.replicas_that_have(offset);
        if have >= count || self.within_transaction {
            self.marks.hit(if have >= count { Mark::WaitAtOnce } else { Mark::WaitInTransaction });
            self.with_reply(caller, |reply| reply.int(have as i64));
            return Ok(());
        }
        let deadline = (millis > 0).then(|| now.mono + Duration::from_millis(millis));
        self.begin_wait(id, Wait::Replicas { count, offset, deadline });
        self.marks.hit(Mark::WaitBegins);
        self.wants_acks = true;
        Ok(())
    }

    /// How many replicas have acknowledged everything up to `offset`.
    fn replicas_that_have(&self, offset: u64) -> u64 {
        let sessions = self.replicas.iter().filter_map(|id| self.conns.get(*id)?.session());
        let has = |session: &&Session| session.is_online() && session.ack_offset >= offset;
        sessions.filter(has).count() as u64
    }

    /// Replicas that gave a sign of life lately.
    // redis: replication.c, refreshGoodSlavesCount
    pub(in crate::node) fn good_replicas(&self, now: Now) -> u32 {
        let lag_max = self.config.min_replicas_max_lag.as_secs();
        let sessions = self.replicas.iter().filter_map(|id| self.conns.get(*id)?.session());
        let is_good = |session: &&Session| {
            session.is_online() && now.mono.since(session.ack_at).as_secs() <= lag_max
        };
        sessions.filter(is_good).count() as u32
    }

    /// From here on the client waits.
    pub(in crate::node) fn begin_wait(&mut self, id: ConnId, on: Wait) -> Option<Ticket> {
        let client = self.conns.get_mut(id)?.client_mut()?;
        let waits = self.waiting.begin(id, on);
        client.waits = Some(waits);
        Some(waits.ticket)
    }

    pub(in crate::node) fn wait_of(&self, id: ConnId) -> Option<Wait> {
        Some(self.conns.get(id)?.client()?.waits?.on)
    }

    /// When a pause or the wait of some client is over, at the latest.
    pub(in crate::node) fn wait_deadline(&self) -> Option<Instant> {
        let pause = self.pause.map(|pause| pause.until);
        [pause, self.waiting.deadline()].into_iter().flatten().min()
    }

    /// Ends the waits whose time has come, and the pause.
    pub(in crate::node) fn end_waits(&mut self, now: Now) {
        if self.pause.is_some_and(|pause| pause.until <= now.mono) {
            self.pause = None;
            self.release_paused();
        }
        while let Some(id) = self.waiting.next_due(now.mono) {
            self.mark_overdue(self.wait_of(id));
            self.end_wait(id);
        }
    }

    /// A replica has acknowledged: those that waited for it go on.
    pub(in crate::node) fn end_satisfied_waits(&mut self) {
        if self.waiting.wants_no_ack() {
            return;
        }
        let sessions = self.replicas.iter().filter_map(|id| self.conns.get(*id)?.session());
        let online = sessions.filter(|session| session.is_online());
        let mut acked: Vec<u64> = online.map(|session| session.ack_offset).collect();
        acked.sort_unstable_by(|one, other| other.cmp(one));
        // What the first so many of them all have.
        for (have, offset) in (1..).zip(acked) {
            while let Some(id) = self.waiting.next_satisfied(have, offset) {
                self.marks.hit(Mark::WaitSatisfied);
                self.end_wait(id);
            }
        }
    }

    /// The client waits no more: it gets the reply that is due, and what it sent meanwhile is
    /// worked off at the end of this input.
    pub(in crate::node) fn end_wait(&mut self, id: ConnId) {
        let Some(wait) = self.take_wait(id) else { return };
        match wait {
            // The command is still to be run.
            Wait::Pause => return self.run_again(id),
            Wait::Shutdown => {}
            Wait::Config | Wait::Disk | Wait::StandStill { .. } => {
                self.with_reply(Caller::Conn(id), |reply| reply.ok());
            }
            Wait::Replicas { offset, .. } => {
                let have = self.replicas_that_have(offset) as i64;
                self.with_reply(Caller::Conn(id), |reply| reply.int(have));
            }
            Wait::Keys { .. } => self.with_reply(Caller::Conn(id), |reply| reply.null_array()),
        }
        self.go_on(id);
    }

    /// The client has its reply, and goes on with what it sent meanwhile.
    pub(super) fn go_on(&mut self, id: ConnId) {
        self.hear_again(id);
        self.run_again(id);
    }

    fn run_again(&mut self, id: ConnId) {
        self.resumed.push(id);
        self.wake(id);
    }

    /// As `end_wait`, but the reply is an error.
    pub(in crate::node) fn break_wait(&mut self, id: ConnId, error: &str) {
        if self.take_wait(id).is_some() {
            self.reply_error(Caller::Conn(id), error);
            self.go_on(id);
        }
    }

    /// The client waits for nothing.
    pub(in crate::node) fn take_wait(&mut self, id: ConnId) -> Option<Wait> {
        let waits = self.client(Caller::Conn(id))?.waits.take()?;
        self.leave_lines(waits.ticket);
        self.waiting.end(waits);
        Some(waits.on)
    }

    /// We become a replica: who waits for ours waits in vain.
    // redis: blocked.c, disconnectAllBlockedClients
    pub(in crate::node) fn disconnect_waiting(&mut self, now: Now) {
        for id in self.waiting.clients() {
            match self.wait_of(id) {
                None | Some(Wait::Pause | Wait::StandStill { .. }) => continue,
                Some(Wait::Config | Wait::Disk) => continue,
                Some(Wait::Replicas { .. } | Wait::Shutdown | Wait::Keys { .. }) => {}
            }
            self.mark_demoted(self.wait_of(id));
            self.break_wait(
                id,
                "UNBLOCKED force unblock from blocking operation, instance state changed (master \
                 -> replica?)",
            );
            self.close_after_replies(now, id);
        }
    }

    /// At the end of an input: works off what resumed clients sent while they waited, and asks
    /// replicas for the acknowledgements that somebody waits for. Such a question does not wait for
    /// company.
    pub(in crate::node) fn settle_waits(&mut self, now: Now) -> Urgency {
        if self.keyspace.has_ready() {
            self.serve_ready(now);
        }
        while !self.resumed.is_empty() {
            for id in mem::take(&mut self.resumed) {
                self.on_requests(now, id, &[]);
            }
        }
        // While the role is handed over the question waits, too.
        if self.failover.is_none()
            && mem::take(&mut self.wants_acks)
            && self.following.is_none()
            && self.history.is_recording()
            && !(self.waiting.wants_no_ack() && self.shutdown.is_none())
        {
            self.history.feed_getack();
            self.grown = true;
            return Urgency::Awaited;
        }
        Urgency::Ordinary
    }

    /// Whether a pause holds this command back.
    // redis: server.c, processCommand
    pub(in crate::node) fn is_held_back(&mut self, now: Now, id: ConnId, spec: &Spec) -> bool {
        let Some(held) = self.holds_back(now) else { return false };
        // redis: server.c, processCommand: replicas are never paused. Ours say nothing else.
        let replica = self.conns.get(id).is_some_and(|conn| conn.session().is_some());
        if replica && matches!(spec.handler, Handler::Node(NodeCommand::Replconf)) {
            return false;
        }
        let told = spec.flags.has(Flags::WRITE) || spec.flags.has(Flags::MAY_REPLICATE);
        match held {
            Paused::All => true,
            Paused::Writes if told => true,
            Paused::Writes => {
                let queue = self.client(Caller::Conn(id)).and_then(|one| one.transaction.as_ref());
                matches!(spec.handler, Handler::Node(NodeCommand::Exec))
                    && queue.is_some_and(|queue| queue.may_replicate)
            }
        }
    }

    /// Whether nothing may change by itself now, expired keys included.
    pub(in crate::node) fn is_paused(&self, now: Now) -> bool {
        self.holds_back(now).is_some()
    }

    /// Whether anything may be held back: a look that costs next to nothing.
    #[inline]
    pub(in crate::node) fn may_hold_back(&self) -> bool {
        self.pause.is_some()
            || self.shutdown.is_some()
            || self.failover.is_some()
            || self.is_reloading()
    }

    /// What is held back now, by `CLIENT PAUSE`, a shutdown, a failover or `DEBUG RELOAD`.
    fn holds_back(&self, now: Now) -> Option<Paused> {
        let pause = self.pause.filter(|pause| pause.until > now.mono).map(|pause| pause.of);
        let reload = self.is_reloading().then_some(Paused::All);
        pause.max(self.held_by_shutdown()).max(self.held_by_failover()).max(reload)
    }

    /// A pause is over. What another one still holds back is held back again.
    pub(in crate::node) fn release_paused(&mut self) {
        for id in self.waiting.held_back() {
            self.end_wait(id);
        }
    }

    /// `CLIENT PAUSE`: a pause may be prolonged and widened, not shortened.
    pub(super) fn begin_pause(&mut self, now: Now, of: Paused, millis: u64) {
        self.end_waits(now);
        let until = now.mono + Duration::from_millis(millis);
        self.pause = Some(match self.pause {
            Some(pause) => Pause { of: pause.of.max(of), until: pause.until.max(until) },
            None => Pause { of, until },
        });
        self.log(Level::Verbose, "Clients are paused".into());
    }

    /// `CLIENT UNPAUSE`.
    pub(super) fn end_pause(&mut self, now: Now) {
        self.pause = None;
        self.release_paused();
        self.end_waits(now);
    }
}

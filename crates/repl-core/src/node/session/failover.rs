//! `FAILOVER`: a master hands its role to one of its replicas, and loses nothing.
//!
//! ```text
//!             FAILOVER              a replica has it all         +CONTINUE, +FULLRESYNC
//!  (master) ------------> Waiting ----------------------> Handing ---------------------> (replica)
//!     ^                      |   we follow it, and ask       |
//!     |                      |   PSYNC id offset FAILOVER    |
//!     +-- ABORT, TIMEOUT ----+----- ABORT, any other answer -+
//! ```
//!
//! Writes are held back from the first arrow to the last, and nothing else moves the offset: no
//! pings, no questions for acknowledgements, no expiry. So there is an end that a replica can
//! reach.

use alloc::{format, string::String};
use core::time::Duration;

use super::{
    super::{Node, requests::Caller, role::announced},
    Outcome,
    waiting::Paused,
};
use crate::{
    base::{
        ids::{ConnId, Endpoint},
        number::parse_i64,
        time::{Instant, Now},
    },
    command::{CommandError, SessionError},
    conn::Conn,
    io::Level,
    marks::Mark,
    repl::replica::{Answer, Link, LinkError},
    resp::Args,
};

/// How far it has come.
#[derive(Clone, Debug)]
pub(in crate::node) enum Failover {
    /// For a replica that has everything.
    Waiting {
        /// The replica that is to take over; `None` for whichever is first.
        target: Option<Endpoint>,
        /// When it waits no longer.
        until: Option<Instant>,
        overdue: Overdue,
    },
    /// For the answer of the replica that we follow now.
    Handing {
        /// That replica.
        target: Endpoint,
    },
}

/// What happens when the time of `TIMEOUT` is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum Overdue {
    /// We stay the master.
    Abort,
    /// `FORCE`: the target takes over with what it has.
    Force,
}

/// What `FAILOVER` was told.
#[derive(Default)]
struct Options {
    target: Option<Endpoint>,
    timeout: Option<Duration>,
    force: bool,
    abort: bool,
}

impl Options {
    // redis: replication.c, failoverCommand
    fn parse<'a>(args: Args<'a>) -> Result<Self, CommandError<'a>> {
        let mut options = Self::default();
        let mut at = 1;
        while let Some(word) = args.try_get(at) {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if is("TIMEOUT") && options.timeout.is_none() && at + 1 < args.len() {
                let millis = parse_i64(args.get(at + 1)).ok_or(CommandError::NotInteger)?;
                let millis = u64::try_from(millis).ok().filter(|millis| *millis > 0);
                let millis = millis.ok_or(SessionError::FailoverTimeout)?;
                options.timeout = Some(Duration::from_millis(millis));
                at += 2;
            } else if is("TO") && options.target.is_none() && at + 2 < args.len() {
                let port = parse_i64(args.get(at + 2)).ok_or(CommandError::NotInteger)?;
                let host = String::from_utf8_lossy(args.get(at + 1)).into_owned();
                // No replica listens on a port that is none.
                options.target = Some(Endpoint { host, port: u16::try_from(port).unwrap_or(0) });
                at += 3;
            } else if is("FORCE") && !options.force {
                options.force = true;
                at += 1;
            } else if is("ABORT") && args.len() == 2 {
                options.abort = true;
                at += 1;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

impl Node {
    /// `FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]`. The reply says that it has
    /// begun; how it ends is in the log and in `INFO`.
    pub(super) fn failover<'a>(&mut self, now: Now, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let options = Options::parse(args)?;
        if options.abort {
            if self.failover.is_none() {
                return Err(SessionError::NoFailover.into());
            }
            self.abort_failover(now, "Failover manually aborted");
        } else {
            self.check_failover(&options)?;
            self.begin_failover(now, options);
        }
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    fn check_failover(&self, options: &Options) -> Result<(), SessionError<'static>> {
        if self.failover.is_some() {
            return Err(SessionError::FailoverUnderWay);
        }
        if self.following.is_some() {
            return Err(SessionError::FailoverOnReplica);
        }
        if self.replicas.is_empty() {
            return Err(SessionError::FailoverWithoutReplicas);
        }
        if options.force && (options.timeout.is_none() || options.target.is_none()) {
            return Err(SessionError::FailoverForce);
        }
        let Some(target) = &options.target else { return Ok(()) };
        let mut found = self.replicas.iter().filter_map(|id| self.conns.get(*id));
        let found = found.find(|conn| is_at(conn, target));
        let session = found.and_then(Conn::session).ok_or(SessionError::FailoverToNobody)?;
        if session.has_payload() { Ok(()) } else { Err(SessionError::FailoverToLoading) }
    }

    fn begin_failover(&mut self, now: Now, options: Options) {
        let Options { target, timeout, force, .. } = options;
        self.log(Level::Notice, format!("FAILOVER requested to {}.", named(target.as_ref())));
        self.marks.hit(Mark::FailoverBegins);
        let until = timeout.map(|timeout| now.mono + timeout);
        let overdue = if force { Overdue::Force } else { Overdue::Abort };
        self.failover = Some(Failover::Waiting { target, until, overdue });
    }

    /// At the end of every input: whether what it waits for has come.
    // redis: replication.c, updateFailoverStatus
    pub(in crate::node) fn advance_failover(&mut self, now: Now) {
        let Some(Failover::Waiting { target, until, overdue }) = &self.failover else { return };
        if until.is_some_and(|until| until <= now.mono) {
            match (overdue, target.clone()) {
                (Overdue::Force, Some(target)) => {
                    let text = format!("Failover to {target} time out exceeded, failing over.",);
                    self.log(Level::Notice, text);
                    self.marks.hit(Mark::FailoverForced);
                    self.hand_over(now, target);
                }
                (Overdue::Abort | Overdue::Force, _) => {
                    self.marks.hit(Mark::FailoverOverdue);
                    self.abort_failover(now, "Replica never caught up before timeout");
                }
            }
            return;
        }
        let end = self.history.offset();
        let mut replicas = self.replicas.iter().filter_map(|id| self.conns.get(*id));
        let heir = replicas.find(|conn| {
            let has_all = conn.session().is_some_and(|it| it.is_online() && it.ack_offset == end);
            has_all && target.as_ref().is_none_or(|target| is_at(conn, target))
        });
        let Some(heir) = heir.map(endpoint) else { return };
        self.log(Level::Notice, "Failover target is synced, failing over.".into());
        self.marks.hit(Mark::FailoverSynced);
        self.hand_over(now, heir);
    }

    fn hand_over(&mut self, now: Now, target: Endpoint) {
        self.failover = Some(Failover::Handing { target: target.clone() });
        self.follow(now, target);
    }

    /// Our master has answered `PSYNC` over this connection. Whether it was to take over from us
    /// and does not: then the connection is gone, and we are the master again.
    // redis: replication.c, syncWithMaster
    pub(in crate::node) fn is_left_by_heir(
        &mut self,
        now: Now,
        conn: ConnId,
        answer: &Result<Option<Answer>, LinkError>,
    ) -> bool {
        if self.failover.is_none() {
            return false;
        }
        match answer {
            Ok(None) => false,
            Ok(Some(Answer::Continue(_) | Answer::Full(Some(_)))) => {
                self.failover = None;
                self.marks.hit(Mark::FailoverAccepted);
                self.release_paused();
                false
            }
            Ok(Some(Answer::Full(None))) | Err(_) => {
                self.set_link(Link::Dialing { conn });
                self.abort_failover(now, "Failover target rejected psync request");
                true
            }
        }
    }

    /// We stay the master, or become it again.
    // redis: replication.c, abortFailover
    pub(in crate::node) fn abort_failover(&mut self, now: Now, why: &str) {
        let Some(failover) = self.failover.take() else { return };
        let target = match &failover {
            Failover::Waiting { target, .. } => target.as_ref(),
            Failover::Handing { target } => Some(target),
        };
        self.log(Level::Notice, format!("FAILOVER to {} aborted: {why}", named(target)));
        if matches!(failover, Failover::Handing { .. }) {
            self.marks.hit(Mark::FailoverTakenBack);
            self.become_master(now);
        } else {
            self.marks.hit(Mark::FailoverAborted);
        }
        self.release_paused();
    }

    /// When a failover waits no longer.
    pub(in crate::node) fn failover_deadline(&self) -> Option<Instant> {
        match self.failover.as_ref()? {
            Failover::Waiting { until, .. } => *until,
            Failover::Handing { .. } => None,
        }
    }

    /// What a failover holds back.
    pub(super) fn held_by_failover(&self) -> Option<Paused> {
        self.failover.as_ref().map(|_| Paused::Writes)
    }

    /// The `master_failover_state` of `INFO replication`: `no-failover`, `waiting-for-sync` or
    /// `failover-in-progress`.
    pub fn failover_state(&self) -> &'static str {
        match self.failover {
            None => "no-failover",
            Some(Failover::Waiting { .. }) => "waiting-for-sync",
            Some(Failover::Handing { .. }) => "failover-in-progress",
        }
    }
}

/// Whether a replica says that it listens there.
fn is_at(conn: &Conn, target: &Endpoint) -> bool {
    let (host, port) = announced(conn);
    port == target.port && host.eq_ignore_ascii_case(&target.host)
}

fn endpoint(conn: &Conn) -> Endpoint {
    let (host, port) = announced(conn);
    Endpoint { host: host.into(), port }
}

fn named(target: Option<&Endpoint>) -> String {
    target.map_or_else(|| "any replica".into(), |target| format!("{target}"))
}

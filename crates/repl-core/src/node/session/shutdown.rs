//! `SHUTDOWN` and the operator's signals: the end of the process, and the wait for replicas before
//! it.
//!
//! ```text
//!              replicas lag                 they have it all, or shutdown-timeout
//!  (serving) ---------------> Waiting ------------------------------------------> Ending
//!      ^                         |
//!      +------ SHUTDOWN ABORT ---+
//! ```
//!
//! While it waits, nothing is written, so that replicas can come to the end. Once it ends, nothing
//! at all is executed: what would still be answered might reach no replica.

use alloc::{format, vec::Vec};
use core::time::Duration;

use super::{
    super::{Node, requests::Caller, sync::replica_name},
    Outcome,
    waiting::Paused,
};
use crate::{
    base::{
        config::ShutdownOptions,
        time::{Instant, Now},
    },
    command::{CommandError, SessionError},
    conn::{Conn, Wait},
    io::{Effect, Level, Signal},
    marks::Mark,
    repl::master::Session,
    resp::Args,
};

/// How far the end of the process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum Shutdown {
    /// Replicas have until then to take what was written.
    Waiting {
        /// When it ends without them.
        until: Instant,
        /// The offset when it began. Nothing but signs of life comes behind it, for which nobody
        /// waits: they would keep in step with the acknowledgements.
        written: u64,
    },
    /// The process has been told to end.
    Ending,
}

/// Whether a shutdown gives replicas time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Haste {
    /// As long as `shutdown-timeout` says.
    Patient,
    /// None: `NOW`.
    Now,
}

/// What `SHUTDOWN` was told.
#[derive(Default)]
struct Options {
    told: ShutdownOptions,
    abort: bool,
}

impl Options {
    // redis: db.c, shutdownCommand
    fn parse<'a>(args: Args<'a>) -> Result<Self, CommandError<'a>> {
        let mut options = Self::default();
        for word in args.iter().skip(1) {
            let option = options.option(word).ok_or(CommandError::Syntax)?;
            *option = true;
        }
        let contradicts = options.told.saves && options.told.saves_not;
        if contradicts || (options.abort && options.told != ShutdownOptions::default()) {
            return Err(CommandError::Syntax);
        }
        Ok(options)
    }

    fn option(&mut self, word: &[u8]) -> Option<&mut bool> {
        [
            ("SAVE", &mut self.told.saves),
            ("NOSAVE", &mut self.told.saves_not),
            ("NOW", &mut self.told.now),
            ("FORCE", &mut self.told.force),
            ("ABORT", &mut self.abort),
        ]
        .into_iter()
        .find_map(|(name, option)| word.eq_ignore_ascii_case(name.as_bytes()).then_some(option))
    }
}

const fn haste(options: ShutdownOptions) -> Haste {
    if options.now { Haste::Now } else { Haste::Patient }
}

impl Node {
    /// `SHUTDOWN [SAVE|NOSAVE] [NOW] [FORCE]` and `SHUTDOWN ABORT`. There is no reply, unless it
    /// fails.
    pub(super) fn shutdown<'a>(&mut self, now: Now, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let options = Options::parse(args)?;
        if options.abort {
            if !matches!(self.shutdown, Some(Shutdown::Waiting { .. })) {
                return Err(CommandError::Session(SessionError::NoShutdown));
            }
            self.abort_shutdown();
            self.with_reply(caller, |reply| reply.ok());
            return Ok(());
        }
        let options = options.told;
        let saves = options.saves || !(self.config.save.is_empty() || options.saves_not);
        if saves && !options.force {
            self.log_cannot_save();
            return Err(CommandError::ShutdownCannotSave);
        }
        if let Caller::Conn(id) = caller {
            self.begin_wait(id, Wait::Shutdown);
        }
        self.begin_shutdown(now, haste(options));
        Ok(())
    }

    /// The operator's signal means `SHUTDOWN` with the options that `shutdown-on-sigterm` or
    /// `shutdown-on-sigint` name.
    pub(in crate::node) fn on_signal(&mut self, now: Now, signal: Signal) {
        let options = match signal {
            Signal::Terminate => self.config.shutdown_on_sigterm,
            Signal::Interrupt => self.config.shutdown_on_sigint,
        };
        if options.saves && !options.force {
            return self.log_cannot_save();
        }
        self.begin_shutdown(now, haste(options));
    }

    fn log_cannot_save(&mut self) {
        let text = "This version writes no snapshot files: use SHUTDOWN NOSAVE";
        self.log(Level::Warning, text.into());
    }

    /// The process is to end. While that is under way it changes nothing to ask again.
    // redis: server.c, prepareForShutdown
    fn begin_shutdown(&mut self, now: Now, haste: Haste) {
        if self.shutdown.is_some() {
            return;
        }
        self.log(Level::Warning, "User requested shutdown...".into());
        let patience = match haste {
            Haste::Patient => self.config.shutdown_timeout,
            Haste::Now => Duration::ZERO,
        };
        let written = self.history.offset();
        if patience.is_zero() || self.replicas_have(written) {
            self.marks.hit(Mark::ShutdownAtOnce);
            self.finish_shutdown(now, written);
            return;
        }
        self.shutdown = Some(Shutdown::Waiting { until: now.mono + patience, written });
        self.marks.hit(Mark::ShutdownWaits);
        self.wants_acks = true;
        self.log(Level::Notice, "Waiting for replicas before shutting down.".into());
    }

    /// At the end of every input: whether what a shutdown waits for has come.
    pub(in crate::node) fn advance_shutdown(&mut self, now: Now) {
        let Some(Shutdown::Waiting { until, written }) = self.shutdown else { return };
        let satisfied = self.replicas_have(written);
        if until <= now.mono || satisfied {
            self.marks.hit(if satisfied { Mark::ShutdownSatisfied } else { Mark::ShutdownOverdue });
            self.finish_shutdown(now, written);
        }
    }

    /// When a shutdown waits no longer.
    pub(in crate::node) fn shutdown_deadline(&self) -> Option<Instant> {
        match self.shutdown? {
            Shutdown::Waiting { until, .. } => Some(until),
            Shutdown::Ending => None,
        }
    }

    /// What a shutdown holds back.
    pub(super) fn held_by_shutdown(&self) -> Option<Paused> {
        self.shutdown.map(|shutdown| match shutdown {
            Shutdown::Waiting { .. } => Paused::Writes,
            Shutdown::Ending => Paused::All,
        })
    }

    /// The replicas that lack something up to byte `written`.
    fn lagging(&self, written: u64) -> impl Iterator<Item = (&Conn, &Session)> {
        let sessions = self.replicas.iter().filter_map(|id| {
            let conn = self.conns.get(*id)?;
            Some((conn, conn.session()?))
        });
        // redis: server.c, isReadyToShutdown: also those that are still being synchronised
        sessions.filter(move |(_, session)| session.ack_offset < written)
    }

    fn replicas_have(&self, written: u64) -> bool {
        self.lagging(written).next().is_none()
    }

    // redis: server.c, finishShutdown
    fn finish_shutdown(&mut self, now: Now, written: u64) {
        let lines: Vec<_> = self
            .lagging(written)
            .map(|(conn, session)| {
                let lag =
                    if session.is_online() { now.mono.since(session.ack_at).as_secs() } else { 0 };
                format!(
                    "Lagging replica {} reported offset {} behind master, lag={lag}, state={}.",
                    replica_name(conn),
                    written.saturating_sub(session.ack_offset),
                    session.state_name(),
                )
            })
            .collect();
        let (all, lagging) = (self.replicas.len(), lines.len());
        for line in lines {
            self.log(Level::Warning, line);
        }
        if all > 0 {
            let synced = all - lagging;
            let text = format!("{synced} of {all} replicas are in sync when shutting down.");
            self.log(Level::Notice, text);
        }
        self.shutdown = Some(Shutdown::Ending);
        self.log(Level::Warning, "Redis is now ready to exit, bye bye...".into());
        self.effects.push_back(Effect::Exit(0));
    }

    // redis: server.c, abortShutdown
    fn abort_shutdown(&mut self) {
        self.shutdown = None;
        self.marks.hit(Mark::ShutdownAborted);
        for id in self.waiting.clients() {
            if self.wait_of(id) == Some(Wait::Shutdown) {
                self.break_wait(id, &format!("{}", CommandError::ShutdownCannotSave));
            }
        }
        self.release_paused();
        self.log(Level::Notice, "Shutdown manually aborted.".into());
    }
}

//! `SHUTDOWN` and the operator's signals: the end of the process, and the wait for replicas before
//! it.
//!
//! ```text
//!              replicas lag            they have it all, or shutdown-timeout
//!  (serving) ---------------> Waiting ------------------------> Saving ------> Ending
//!      ^                         |                                |
//!      +------ SHUTDOWN ABORT ---+   the dataset cannot be saved  |
//!      +----------------------------------------------------------+
//! ```
//!
//! While it waits, nothing is written, so that replicas can come to the end. Once it saves or ends,
//! nothing at all is executed: what would still be answered might reach no replica, nor the file.

use alloc::{format, vec::Vec};
use core::time::Duration;

use super::{
    super::{
        Node,
        requests::Caller,
        saves::{Outcome, Purpose},
        sync::replica_name,
    },
    Outcome as Answer,
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
        /// What is done then.
        end: End,
    },
    /// The dataset is on its way to the disk, or will be as soon as there is room for a cut.
    Saving(Insistence),
    /// The process has been told to end.
    Ending,
}

impl Shutdown {
    /// Whether the last cut may have been taken.
    pub(in crate::node) const fn has_cut(self) -> bool {
        match self {
            Self::Waiting { .. } => false,
            Self::Saving(_) | Self::Ending => true,
        }
    }
}

/// What a shutdown ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum End {
    /// Nothing is saved.
    AtOnce,
    /// The dataset is.
    Save(Insistence),
}

/// Whether the process ends although its dataset cannot be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum Insistence {
    /// It goes on.
    Gives,
    /// It ends: `FORCE`.
    Insists,
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
    pub(super) fn shutdown<'a>(&mut self, now: Now, caller: Caller, args: Args<'a>) -> Answer<'a> {
        let options = Options::parse(args)?;
        if options.abort {
            if !matches!(self.shutdown, Some(Shutdown::Waiting { .. })) {
                return Err(CommandError::Session(SessionError::NoShutdown));
            }
            self.abort_shutdown();
            self.with_reply(caller, |reply| reply.ok());
            return Ok(());
        }
        if let Caller::Conn(id) = caller {
            self.begin_wait(id, Wait::Shutdown);
        }
        self.begin_shutdown(now, options.told);
        Ok(())
    }

    /// The operator's signal means `SHUTDOWN` with the options that `shutdown-on-sigterm` or
    /// `shutdown-on-sigint` name.
    pub(in crate::node) fn on_signal(&mut self, now: Now, signal: Signal) {
        let options = match signal {
            Signal::Terminate => self.config.shutdown_on_sigterm,
            Signal::Interrupt => self.config.shutdown_on_sigint,
        };
        self.begin_shutdown(now, options);
    }

    /// What `options` ask for in the end. A dataset that is not all there is not saved.
    // redis: server.c, prepareForShutdown and finishShutdown
    fn end_of(&self, options: ShutdownOptions) -> End {
        let wanted = options.saves || !(self.config.save.is_empty() || options.saves_not);
        let insists = if options.force { Insistence::Insists } else { Insistence::Gives };
        if wanted && !self.is_loading() { End::Save(insists) } else { End::AtOnce }
    }

    /// The process is to end. While that is under way it changes nothing to ask again.
    // redis: server.c, prepareForShutdown
    fn begin_shutdown(&mut self, now: Now, options: ShutdownOptions) {
        if self.shutdown.is_some() {
            return;
        }
        self.log(Level::Warning, "User requested shutdown...".into());
        let end = self.end_of(options);
        let patience = match haste(options) {
            Haste::Patient => self.config.shutdown_timeout,
            Haste::Now => Duration::ZERO,
        };
        let written = self.history.offset();
        if patience.is_zero() || self.replicas_have(written) {
            self.marks.hit(Mark::ShutdownAtOnce);
            self.finish_shutdown(now, written, end);
            return;
        }
        self.shutdown = Some(Shutdown::Waiting { until: now.mono + patience, written, end });
        self.marks.hit(Mark::ShutdownWaits);
        self.wants_acks = true;
        self.log(Level::Notice, "Waiting for replicas before shutting down.".into());
    }

    /// At the end of every input: whether what a shutdown waits for has come.
    pub(in crate::node) fn advance_shutdown(&mut self, now: Now) {
        let Some(Shutdown::Waiting { until, written, end }) = self.shutdown else {
            return self.begin_last_save(now);
        };
        let satisfied = self.replicas_have(written);
        if until <= now.mono || satisfied {
            self.marks.hit(if satisfied { Mark::ShutdownSatisfied } else { Mark::ShutdownOverdue });
            self.finish_shutdown(now, written, end);
        }
    }

    /// When a shutdown waits no longer.
    pub(in crate::node) fn shutdown_deadline(&self) -> Option<Instant> {
        match self.shutdown? {
            Shutdown::Waiting { until, .. } => Some(until),
            Shutdown::Saving(_) | Shutdown::Ending => None,
        }
    }

    /// What a shutdown holds back.
    pub(super) fn held_by_shutdown(&self) -> Option<Paused> {
        self.shutdown.map(|shutdown| match shutdown {
            Shutdown::Waiting { .. } => Paused::Writes,
            Shutdown::Saving(_) | Shutdown::Ending => Paused::All,
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
    fn finish_shutdown(&mut self, now: Now, written: u64, end: End) {
        let lines: Vec<_> = self
            .lagging(written)
            .map(|(conn, session)| {
                let lag =
                    if session.is_online() { now.mono.since(session.ack_at).as_secs() } else { 0 };
                format!(
                    "Lagging replica {} reported offset {} behind master, lag={lag}, state={}.",
                    replica_name(conn),
                    written.saturating_sub(session.ack_offset),
                    self.state_name(session),
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
        if let End::Save(insistence) = end {
            self.log(Level::Notice, "Saving the final RDB snapshot before exiting.".into());
            self.shutdown = Some(Shutdown::Saving(insistence));
            self.make_room_for_last_save();
            self.begin_last_save(now);
        } else {
            self.end_process();
        }
    }

    fn end_process(&mut self) {
        self.shutdown = Some(Shutdown::Ending);
        // The disk has to hear that nobody wants the file, or what is there of it would stay.
        self.abandon_save();
        self.end_when_idle();
    }

    /// A process that is to end does so once nothing is being written any more.
    pub(in crate::node) fn end_when_idle(&mut self) {
        if self.saves.under_way.is_none() {
            self.log(Level::Warning, "Redis is now ready to exit, bye bye...".into());
            self.effects.push_back(Effect::Exit(0));
        }
    }

    /// Whatever else is being saved, loaded or sent as a snapshot is given up.
    fn make_room_for_last_save(&mut self) {
        let under_way = self.saves.under_way.as_ref().map(|save| save.purpose);
        if under_way == Some(Purpose::Background) {
            self.log(Level::Warning, "There is a child saving an .rdb. Killing it!".into());
        }
        self.abandon_save();
        self.loading = None;
        self.end_reload("ERR");
    }

    /// As soon as the disk is free and there is room for a cut: the last one.
    fn begin_last_save(&mut self, now: Now) {
        let waits = matches!(self.shutdown, Some(Shutdown::Saving(_)));
        if !waits || self.saves.under_way.is_some() {
            return;
        }
        if !self.keyspace.can_begin_snapshot() {
            // Replicas that are sent a snapshot lose their master in any case.
            self.drop_loading_replicas(now);
            self.keyspace.clear_snapshot_marks(usize::MAX);
        }
        self.begin_save(now, Purpose::Last, Vec::new());
    }

    /// The last save is over.
    pub(in crate::node) fn on_last_saved(&mut self, outcome: Outcome) {
        let Some(Shutdown::Saving(insistence)) = self.shutdown else { return };
        match (outcome, insistence) {
            (Outcome::Good, _) => self.end_process(),
            (Outcome::Failed, Insistence::Insists) => {
                let text = "Error trying to save the DB. Exit anyway.";
                self.log(Level::Warning, text.into());
                self.end_process();
            }
            (Outcome::Failed, Insistence::Gives) => {
                self.log(Level::Warning, "Error trying to save the DB, can't exit.".into());
                let text = "Errors trying to shut down the server. Check the logs for more \
                            information.";
                self.log(Level::Warning, text.into());
                self.marks.hit(Mark::ShutdownUnsaved);
                self.call_off_shutdown();
            }
        }
    }

    // redis: server.c, abortShutdown
    fn abort_shutdown(&mut self) {
        self.marks.hit(Mark::ShutdownAborted);
        self.call_off_shutdown();
        self.log(Level::Notice, "Shutdown manually aborted.".into());
    }

    /// The process goes on; those who wanted it to end are told, those who were held back go on.
    fn call_off_shutdown(&mut self) {
        self.shutdown = None;
        for id in self.waiting.clients() {
            if self.wait_of(id) == Some(Wait::Shutdown) {
                self.break_wait(id, &format!("{}", CommandError::ShutdownFailed));
            }
        }
        self.release_paused();
        self.wake_link();
    }
}

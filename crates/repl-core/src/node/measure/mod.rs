//! What commands cost: how often each was called, refused and failed, how long it took, the slow
//! log and the latency monitor.
//!
//! A clock is read once per lap. A lap is one command, or up to [`LAP_MAX`] commands of a pipeline
//! that are brief by nature: each of them is given an equal part of it. Reading a clock costs a
//! tenth of what a `SET` in a pipeline does. Counting is an increment at the command's number.

mod events;
mod report;
mod slow_log;

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec::Vec};

pub(super) use self::{
    events::{Event, Events, Series},
    slow_log::{Noted, SlowLog, is_secret},
};
use super::{
    Node,
    requests::{Caller, Request},
};
use crate::{
    base::{
        histogram::Histogram,
        time::{Instant, Now, Stopwatch, UnixMillis},
    },
    command::{self, COUNTED, Flags, Handler, Spec},
    conn::Conn,
    resp::Args,
};

/// So many brief commands are timed together at most.
const LAP_MAX: usize = 16;

/// An operator who wants to see what takes less than this has every command timed by itself.
const LAP_MICROS: i64 = 1000;

/// What is known of one command.
#[derive(Debug, Default)]
struct Counter {
    calls: u64,
    nanos: u64,
    rejected: u64,
    failed: u64,
    /// How the times of its calls are distributed, in nanoseconds.
    times: Option<Box<Histogram>>,
}

/// Brief commands that are timed together.
#[derive(Debug)]
struct Lap {
    /// When the command before it ended.
    began: Instant,
    numbers: [u16; LAP_MAX],
    len: usize,
    /// The one that moved by far the most bytes, or the first. A lap that takes long is its doing.
    suspect: Suspect,
}

#[derive(Debug)]
struct Suspect {
    bytes: usize,
    caller: Caller,
    event: Event,
    noted: Noted,
}

/// All that is measured.
#[derive(Debug)]
pub(super) struct Measure {
    watch: Option<Box<dyn Stopwatch>>,
    /// By the number of the command.
    counters: Vec<Counter>,
    /// Errors by their code.
    errors: BTreeMap<String, u64>,
    /// Errors that have been put down to a command, or came before it.
    errors_seen: u64,
    lap: Lap,
    /// The wall clock of the input at hand.
    wall: UnixMillis,
    /// Bytes of the reply to the command at hand.
    pub(super) reply_bytes: usize,
    pub(super) slow_log: SlowLog,
    pub(super) events: Events,
}

impl Measure {
    pub(super) fn new(now: Now) -> Self {
        let suspect = Suspect {
            bytes: 0,
            caller: Caller::Master,
            event: Event::Command,
            noted: Noted::default(),
        };
        Self {
            watch: None,
            counters: (0..COUNTED).map(|_| Counter::default()).collect(),
            errors: BTreeMap::new(),
            errors_seen: 0,
            lap: Lap { began: now.mono, numbers: [0; LAP_MAX], len: 0, suspect },
            wall: now.wall,
            reply_bytes: 0,
            slow_log: SlowLog::default(),
            events: Events::default(),
        }
    }

    /// `CONFIG RESETSTAT`.
    pub(super) fn reset(&mut self) {
        self.counters.fill_with(Counter::default);
        self.errors.clear();
    }

    /// The distribution of the times of the command with this number: of none if it never ran, or
    /// if nobody wanted to know.
    pub(super) fn times(&self, number: usize) -> Option<&Histogram> {
        self.counters[number].times.as_deref()
    }

    /// One more error of this code.
    fn count_error(&mut self, text: &str) {
        // redis: networking.c, afterErrorReply
        const CODE_MAX: usize = 32;
        let code = text.split_once(' ').map_or("ERR", |(code, _)| code);
        let code = if code.len() < CODE_MAX { code } else { "ERR" };
        match self.errors.get_mut(code) {
            Some(count) => *count += 1,
            None => {
                self.errors.insert(code.into(), 1);
            }
        }
    }

    fn read(&self) -> Instant {
        self.watch.as_ref().map_or(self.lap.began, |watch| watch.read())
    }
}

/// Whether a command takes so little time that it is measured together with others.
fn is_brief(spec: &Spec) -> bool {
    spec.flags.has(Flags::BRIEF)
        || (spec.flags.has(Flags::FAST) && matches!(spec.handler, Handler::Data(_)))
}

impl Node {
    /// Hands over a clock to measure commands by. Without one, none takes any time.
    ///
    /// What it says is shown by `INFO`, `SLOWLOG` and `LATENCY`; nothing else depends on it.
    pub fn set_stopwatch(&mut self, watch: Box<dyn Stopwatch>) {
        self.measure.watch = Some(watch);
    }

    /// An input comes in.
    #[inline]
    pub(super) fn begin_measuring(&mut self, now: Now) {
        self.measure.lap.began = now.mono;
        self.measure.wall = now.wall;
    }

    /// Commands that were brief are given their time.
    #[inline]
    pub(super) fn close_lap(&mut self) {
        if self.measure.lap.len > 0 {
            self.lap();
        }
    }

    /// Ends a lap and begins the next.
    fn lap(&mut self) -> Instant {
        let now = self.measure.read();
        let lap = &mut self.measure.lap;
        let nanos = now.since(lap.began).as_nanos() as u64;
        lap.began = now;
        let count = core::mem::take(&mut lap.len);
        if count == 0 {
            return now;
        }
        let numbers = lap.numbers;
        for same in numbers[..count].chunk_by(|one, next| one == next) {
            self.add_times(usize::from(same[0]), same.len() as u64, nanos / count as u64);
        }
        let (event, caller) = (self.measure.lap.suspect.event, self.measure.lap.suspect.caller);
        self.note_event(event, nanos);
        if self.is_slow(nanos) {
            let noted = self.measure.lap.suspect.noted.clone();
            self.log_slow(caller, noted, nanos);
        }
        self.measure.lap.suspect.bytes = 0;
        now
    }

    /// So many calls took so long, each.
    fn add_times(&mut self, number: usize, count: u64, nanos: u64) {
        let counter = &mut self.measure.counters[number];
        counter.nanos += count * nanos;
        if self.config.latency_tracking {
            counter.times.get_or_insert_default().record(nanos, count);
        }
    }

    /// A command is about to run. When it began, if it is timed by itself.
    #[inline]
    pub(super) fn begin_command(&mut self, spec: &Spec) -> Option<Instant> {
        self.measure.errors_seen = self.stats.error_replies;
        self.measure.reply_bytes = 0;
        let precise = (0..LAP_MICROS).contains(&self.config.slowlog_log_slower_than);
        if is_brief(spec) && !precise {
            return None;
        }
        self.close_lap();
        Some(self.measure.lap.began)
    }

    /// A command has run.
    #[inline]
    pub(super) fn end_command(
        &mut self,
        caller: Caller,
        spec: &'static Spec,
        request: Request<'_>,
        begun: Option<Instant>,
    ) {
        self.stats.commands += 1;
        let number = command::number(spec);
        let failed = self.stats.error_replies > self.measure.errors_seen;
        self.measure.errors_seen = self.stats.error_replies;
        let counter = &mut self.measure.counters[number];
        counter.calls += 1;
        counter.failed += u64::from(failed);
        match begun {
            None => self.join_lap(caller, spec, number, request),
            Some(begun) => self.end_alone(caller, spec, number, request.args, begun),
        }
    }

    fn join_lap(&mut self, caller: Caller, spec: &Spec, number: usize, request: Request<'_>) {
        if self.measure.lap.len > 0 && self.measure.lap.suspect.caller != caller {
            self.lap();
        }
        let bytes = request.canonical.map_or(1, <[u8]>::len) + self.measure.reply_bytes;
        let lap = &mut self.measure.lap;
        lap.numbers[lap.len] = number as u16;
        lap.len += 1;
        // Twice, so that it is not noted again and again.
        if bytes > 2 * lap.suspect.bytes {
            lap.suspect.bytes = bytes;
            lap.suspect.caller = caller;
            lap.suspect.event = Event::of(spec);
            lap.suspect.noted.note(spec, request.args);
        }
        if lap.len == LAP_MAX {
            self.lap();
        }
    }

    fn end_alone(
        &mut self,
        caller: Caller,
        spec: &Spec,
        number: usize,
        args: Args<'_>,
        begun: Instant,
    ) {
        // Those of a transaction come first.
        let nanos = self.lap().since(begun).as_nanos() as u64;
        self.note_event(Event::of(spec), nanos);
        if self.client(caller).is_some_and(|client| client.waits.is_some()) {
            // The rest is measured when it is served.
            self.measure.counters[number].nanos += nanos;
            return;
        }
        self.add_times(number, 1, nanos);
        if self.is_slow(nanos) && !spec.flags.has(Flags::SKIP_SLOWLOG) {
            self.log_slow(caller, Noted::of(spec, args), nanos);
        }
        self.trim_slow_log();
    }

    /// A client that waited is about to be served.
    pub(super) fn begin_service(&mut self) -> Instant {
        self.close_lap();
        self.measure.errors_seen = self.stats.error_replies;
        self.measure.lap.began
    }

    /// A client that waited was served.
    // redis: blocked.c, updateStatsOnUnblock
    pub(super) fn end_service(
        &mut self,
        caller: Caller,
        spec: &'static Spec,
        noted: &Noted,
        begun: Instant,
    ) {
        let nanos = self.lap().since(begun).as_nanos() as u64;
        let number = command::number(spec);
        let failed = self.stats.error_replies > self.measure.errors_seen;
        self.measure.counters[number].failed += u64::from(failed);
        self.add_times(number, 1, nanos);
        self.note_event(Event::CommandUnblocking, nanos);
        if self.is_slow(nanos) {
            self.log_slow(caller, noted.clone(), nanos);
        }
    }

    /// The expiry cycle is about to run.
    pub(super) fn begin_expiry(&mut self) -> Instant {
        self.lap()
    }

    /// The expiry cycle has run since then.
    pub(super) fn end_expiry(&mut self, begun: Instant) {
        let nanos = self.lap().since(begun).as_nanos() as u64;
        self.stats.expiry_nanos += nanos;
        self.note_event(Event::ExpireCycle, nanos);
    }

    /// A command of our master that is no command of a client.
    pub(super) fn count_call(&mut self, spec: &'static Spec) {
        self.stats.commands += 1;
        self.measure.counters[command::number(spec)].calls += 1;
    }

    /// What is asked of this command was refused before it ran. A subcommand that does not exist is
    /// nobody's.
    pub(super) fn count_rejection(&mut self, command: &'static Spec, args: Args<'_>) {
        if let Ok(spec) = command.of_request(args) {
            self.measure.counters[command::number(spec)].rejected += 1;
        }
    }

    /// An error was replied to somebody.
    pub(super) fn count_error(&mut self, text: &str) {
        self.stats.error_replies += 1;
        self.measure.count_error(text);
    }

    fn note_event(&mut self, event: Event, nanos: u64) {
        let threshold = self.config.latency_monitor_threshold;
        let millis = nanos / 1_000_000;
        if threshold > 0 && millis >= threshold {
            self.measure.events.add(event, self.measure.wall.as_secs(), millis);
        }
    }

    /// `slowlog-log-slower-than`.
    fn is_slow(&self, nanos: u64) -> bool {
        u64::try_from(self.config.slowlog_log_slower_than)
            .is_ok_and(|threshold| nanos / 1000 >= threshold)
    }

    fn log_slow(&mut self, caller: Caller, noted: Noted, nanos: u64) {
        let conn = self.conn_of(caller);
        let peer = conn
            .map_or_else(String::new, |conn| alloc::format!("{}:{}", conn.peer.ip, conn.peer.port));
        let name = conn.and_then(Conn::client).map_or_else(String::new, |one| one.name.clone());
        let at = self.measure.wall.as_secs();
        self.measure.slow_log.push(at, nanos / 1000, noted, peer, name);
        self.trim_slow_log();
    }

    fn trim_slow_log(&mut self) {
        if self.config.slowlog_log_slower_than >= 0 {
            self.measure.slow_log.trim(self.config.slowlog_max_len);
        }
    }

    /// The connection of `caller`.
    pub(super) fn conn_of(&self, caller: Caller) -> Option<&Conn> {
        match caller {
            Caller::Conn(id) => self.conns.get(id),
            Caller::Master => self.conns.get(self.following.as_ref()?.link.conn()?),
        }
    }
}

//! The platform on tokio: real clocks, sockets, signals' process, one thread.
//!
//! Everything runs inside one runtime that stays on its thread ([`run`]). Knows nothing of
//! the protocol: the driver moves the bytes.

mod alarm;
mod files;
mod host;
mod socket;
mod tls;

use std::{
    cell::Cell,
    future::{self, Future},
    io::{self, Write as _},
    path::PathBuf,
    pin::pin,
    rc::Rc,
    task::Context,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use repl_core::{
    Node,
    base::{
        config::{Config, ConfigError},
        ids::Endpoint,
        time::{Instant, Now, Stopwatch, UnixMillis},
    },
    io::{ConfigChange, HostFacts, Level, Wire},
    node::Role as NodeRole,
};
use tokio::{
    runtime::{self, LocalOptions},
    task, time,
};

use self::{alarm::Alarm, host::Host};
pub use self::{
    files::{HostDisk, HostFile},
    host::enter_folder,
    socket::{Acceptor, BindError, Connection, bind_all, bind_tls, bind_unix},
    tls::{Tls, TlsError},
};
use crate::{
    log::{self, Role, Speaker},
    open_files,
    platform::{Event, Platform},
};

/// How far ahead the runtime's timer is set at most: it cannot hold every instant the node can
/// name.
const SLEEP_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// The wall clock is read so often: who turns it is noticed that much later.
const WALL_EVERY: Duration = Duration::from_millis(1);

/// Real clocks, sockets and log. Its monotonic clock starts when it is made.
#[derive(Debug)]
pub struct TokioPlatform {
    origin: time::Instant,
    config_file: PathBuf,
    host: Host,
    alarm: Rc<Alarm>,
    wall_seen: Cell<WallSeen>,
    keepalive: Duration,
    tls: Tls,
    speaker: Speaker,
    /// `jemalloc-bg-thread`, as it was last acted on.
    background_thread: Cell<bool>,
    /// `maxclients`, as it was last acted on.
    maxclients: Cell<u32>,
}

impl TokioPlatform {
    /// A platform for this process.
    ///
    /// `config_file` is what `INFO` shows and `CONFIG REWRITE` writes, empty for none; `keepalive`
    /// is how long a silent connection is left unprobed, zero for ever.
    #[must_use]
    pub fn new(config_file: String, keepalive: Duration) -> Self {
        let speaker = Speaker::default();
        Self {
            origin: time::Instant::now(),
            config_file: PathBuf::from(&config_file),
            host: Host::new(config_file),
            alarm: Rc::default(),
            wall_seen: Cell::default(),
            keepalive,
            tls: Tls::new(speaker.clone()),
            speaker,
            background_thread: Cell::new(false),
            maxclients: Cell::new(0),
        }
    }

    /// What it dials with, and whoever listens may accept with.
    pub const fn tls(&self) -> &Tls {
        &self.tls
    }
}

/// The monotonic clock since then.
#[derive(Debug)]
struct Monotonic(time::Instant);

impl Stopwatch for Monotonic {
    fn read(&self) -> Instant {
        let nanos = u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Instant::from_nanos(nanos)
    }
}

/// A reading of the wall clock: what it reads a moment later follows from the monotonic one.
#[derive(Clone, Copy, Debug, Default)]
struct WallSeen {
    at: Instant,
    since_epoch: Duration,
}

impl WallSeen {
    fn now(mono: Instant) -> Self {
        // A clock set before 1970 reads as 1970.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { at: mono, since_epoch }
    }
}

impl Platform for TokioPlatform {
    type Stream = Connection;
    type Listener = Acceptor;
    type Disk = HostDisk;

    fn now(&self) -> Now {
        let mono = Monotonic(self.origin).read();
        let mut seen = self.wall_seen.get();
        if mono.since(seen.at) >= WALL_EVERY || seen.since_epoch.is_zero() {
            seen = WallSeen::now(mono);
            self.wall_seen.set(seen);
        }
        let wall = (seen.since_epoch + mono.since(seen.at)).as_millis();
        Now { mono, wall: UnixMillis(i64::try_from(wall).unwrap_or(i64::MAX)) }
    }

    fn stopwatch(&self) -> Box<dyn Stopwatch> {
        Box::new(Monotonic(self.origin))
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        task::spawn_local(task);
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + 'static {
        nap_until(self.origin, at, |left| time::sleep(left.min(SLEEP_MAX)))
    }

    fn sleep_briefly(&self, at: Instant) -> impl Future<Output = ()> + 'static {
        let alarm = Rc::clone(&self.alarm);
        nap_until(self.origin, at, move |left| {
            let alarm = Rc::clone(&alarm);
            async move { alarm.ring_in(left).await }
        })
    }

    /// A task that wakes itself is polled some sixty times before the runtime looks at sockets. One
    /// that yields is polled after that.
    fn wake_later(&self, cx: &mut Context<'_>) {
        // The first poll leaves the waker where it is woken from; nobody polls a second time.
        let _ = pin!(task::yield_now()).poll(cx);
    }

    fn dial(
        &self,
        to: Endpoint,
        over: Wire,
    ) -> impl Future<Output = io::Result<Self::Stream>> + 'static {
        let tls = match over {
            Wire::Plain => None,
            Wire::Tls => Some(self.tls.clone()),
        };
        socket::dial(to, tls, self.keepalive)
    }

    fn log(&self, level: Level, text: &str) {
        self.speaker.say(level, text);
    }

    /// All files that are read here are small, and the server has nothing to wait with.
    fn apply(
        &self,
        change: &ConfigChange,
    ) -> impl Future<Output = Result<Config, ConfigError>> + 'static {
        future::ready(host::apply(change, &self.tls))
    }

    fn disk(&self) -> HostDisk {
        HostDisk
    }

    fn config_file(&self) -> PathBuf {
        self.config_file.clone()
    }

    fn host_facts(&self) -> HostFacts {
        self.host.facts(self.origin.elapsed())
    }

    /// Once per turn of the node's periodic work, lets the log know who speaks and how loud it may
    /// be, the allocator whether it may have a thread, and the system how many clients there may
    /// be.
    fn observe(&self, node: &Node, event: Event<'_>) {
        if let Event::Woken = event {
            let config = node.config();
            log::set_threshold(config.loglevel);
            if self.background_thread.replace(config.jemalloc_bg_thread)
                != config.jemalloc_bg_thread
            {
                host::set_background_thread(config.jemalloc_bg_thread);
            }
            if self.maxclients.replace(config.maxclients) != config.maxclients
                && let Ok(allowance) = open_files::raise(config.maxclients)
            {
                allowance.remarks.iter().for_each(|(level, text)| self.log(*level, text));
            }
            self.speaker.set(match node.replication().role {
                NodeRole::Master => Role::Master,
                NodeRole::Replica => Role::Replica,
            });
        }
    }

    /// Leaves the end of the process to whoever runs the driver, so that files are removed and
    /// destructors run:
    /// `Driver::run` resolves with the status right after this.
    fn exit(&self, _status: i32) {
        // Each line of the log is written at its end; a program that embeds the server may buffer
        // more.
        let _ = io::stdout().flush();
    }
}

/// Naps until the monotonic clock that began at `origin` reads `at`: a nap may end early.
async fn nap_until<N: Future<Output = ()>>(
    origin: time::Instant,
    at: Instant,
    nap: impl Fn(Duration) -> N,
) {
    let deadline = Duration::from_nanos(at.as_nanos());
    loop {
        let left = deadline.saturating_sub(origin.elapsed());
        if left.is_zero() {
            return;
        }
        nap(left).await;
    }
}

/// Runs `main` with everything it spawns on this thread, and returns its result.
///
/// Tasks that are left are dropped; a name that is still being resolved does not hold up the end.
///
/// Of tokio's knobs none is turned: sockets are looked at after every 61 polls of a task.
///
/// # Errors
/// The operating system has no event queue or timer to give.
pub fn run<T>(main: impl Future<Output = T>) -> io::Result<T> {
    // One thread for the names of masters, which may take long, and one for files: who writes one
    // waits for each step.
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .build_local(LocalOptions::default())?;
    let result = runtime.block_on(main);
    runtime.shutdown_background();
    Ok(result)
}

#[cfg(test)]
mod tests;

//! What the driver needs of the world: a clock, sockets, tasks, a log, an exit.
//!
//! The driver is generic over this trait and knows no runtime. `repl-server` implements it on
//! tokio,
//! `repl-sim` on madsim; nothing of the node or the driver is written twice or switched off in
//! simulation.

use std::{
    future::Future,
    io::{self, IoSlice},
    path::PathBuf,
    task::{Context, Poll},
};

use repl_core::{
    Node,
    base::{
        config::{Config, ConfigError},
        ids::{ConnId, Endpoint},
        time::{Instant, Now, Stopwatch},
    },
    io::{ConfigChange, Decision, HostFacts, Level, PeerInfo, Wire},
};

use crate::disk::Disk;

/// The world outside a node.
///
/// Everything runs on one thread: futures need not be `Send`.
pub trait Platform: Sized + 'static {
    /// A connected byte stream.
    type Stream: Stream;
    /// A listening socket.
    type Listener: Listener<Stream = Self::Stream>;
    /// Where files are.
    type Disk: Disk;

    /// Both clocks of this node, read once per input.
    fn now(&self) -> Now;

    /// A clock for the node to measure its commands by: the monotonic one of [`Platform::now`].
    fn stopwatch(&self) -> Box<dyn Stopwatch>;

    /// Runs `task` until it ends, on this thread.
    fn spawn(&self, task: impl Future<Output = ()> + 'static);

    /// Ends when the monotonic clock reads `at` or later.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + 'static;

    /// As `sleep_until`, for instants less than a millisecond away, which runtimes' timers round up
    /// to.
    fn sleep_briefly(&self, at: Instant) -> impl Future<Output = ()> + 'static {
        self.sleep_until(at)
    }

    /// Has the task go on when everybody else had a turn, also those for whom something has arrived
    /// that nobody has looked for yet.
    fn wake_later(&self, cx: &mut Context<'_>) {
        cx.waker().wake_by_ref();
    }

    /// Connects to `to`.
    ///
    /// # Errors
    /// Refused, timed out, unreachable: as the operating system reports it.
    fn dial(
        &self,
        to: Endpoint,
        over: Wire,
    ) -> impl Future<Output = io::Result<Self::Stream>> + 'static;

    /// Writes one line of the log.
    fn log(&self, level: Level, text: &str);

    /// Puts into force what of `change` is of effect `Host`, all of it or nothing, and tells what
    /// is in force then: a folder, for one, by its whole name. Nobody else writes these directives.
    ///
    /// # Errors
    /// The directive that cannot be had, and why.
    fn apply(
        &self,
        change: &ConfigChange,
    ) -> impl Future<Output = Result<Config, ConfigError>> + 'static;

    /// The files of this host.
    fn disk(&self) -> Self::Disk;

    /// The configuration file, empty for none.
    fn config_file(&self) -> PathBuf;

    /// What only the host knows.
    fn host_facts(&self) -> HostFacts;

    /// Ends the process. The driver does no more work for the node after this.
    fn exit(&self, status: i32);

    /// Called after the node has finished with one input. The simulator checks its properties here;
    /// everybody else leaves it empty.
    fn observe(&self, node: &Node, event: Event<'_>) {
        let _ = (node, event);
    }
}

/// What the node has just been through, for [`Platform::observe`].
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A client or a replica was accepted.
    Accepted(ConnId),
    /// A dial succeeded.
    Connected(ConnId),
    /// These bytes were handled.
    Received(ConnId, &'a [u8]),
    /// That many bytes left.
    Sent(ConnId, usize),
    /// A connection ended or a dial failed.
    Closed(ConnId),
    /// A replica asked to resynchronise and was answered.
    Decided(&'a Decision),
    /// A deadline passed, or the host asked for something.
    Woken,
}

/// A connected byte stream.
pub trait Stream: 'static {
    /// Reads some bytes; `Ok(0)` is the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes some of the bytes of `from`, in order. What is written leaves without a flush, but
    /// for what [`Stream::poll_flush`] says.
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>])
    -> Poll<io::Result<usize>>;

    /// Sees off what the stream holds back because the socket was full: whoever has written calls
    /// it when woken. A stream that holds nothing back has nothing to do.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = cx;
        Poll::Ready(Ok(()))
    }

    /// Both ends.
    fn peer(&self) -> PeerInfo;
}

/// A listening socket.
pub trait Listener: 'static {
    /// What it accepts.
    type Stream: Stream;

    /// The next connection.
    ///
    /// # Errors
    /// As the operating system reports them; the driver logs them and goes on.
    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Stream>>;
}

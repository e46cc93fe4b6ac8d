//! What goes into the node and what comes out of it, as data.
//!
//! Bytes, time and facts about the host come in as [`Input`]; connections to wake or dial, log
//! lines and the end of the process come out as [`Effect`]. Bytes to send are not pushed: they are
//! pulled by [`Node::transmit`](crate::Node::transmit) when the socket has room, and by
//! [`Node::snapshot_piece`](crate::Node::snapshot_piece) when the disk has.

mod decision;
mod reason;
mod wording;

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{fmt, time::Duration};

use bytes::Bytes;

pub use self::{
    decision::{Decision, Standing, Verdict, Why},
    reason::{
        Begin, FullReason, LinkLoss, Loss, LossCause, LossPhase, NeedReason, Parting, Reason,
        Remedy, Scratch, Start,
    },
};
use crate::base::{
    config::{Config, ConfigError},
    ids::{ConnId, Endpoint},
    time::Instant,
};

/// One thing that happened outside the node.
#[derive(Debug)]
pub enum Input<'a> {
    /// A dial the node asked for succeeded.
    Connected {
        /// The connection named in [`Effect::Dial`].
        conn: ConnId,
        /// Both ends of it.
        peer: PeerInfo,
    },
    /// Bytes arrived. They are parsed where they lie; only an incomplete tail is copied.
    Received {
        /// Where from.
        conn: ConnId,
        /// Never empty.
        bytes: &'a [u8],
    },
    /// The first `count` bytes of what `transmit` showed have left.
    Sent {
        /// Where to.
        conn: ConnId,
        /// At most what `transmit` showed.
        count: usize,
    },
    /// The connection is gone, or the dial failed.
    Closed {
        /// Which one.
        conn: ConnId,
        /// Why.
        cause: CloseCause,
    },
    /// What only the host knows; once per turn of the periodic work.
    Host(HostFacts),
    /// What `Effect::RewriteConfig` asked for is done.
    ConfigRewritten {
        /// Who asked.
        asker: ConnId,
        /// Or why the file is as it was.
        outcome: Result<(), String>,
    },
    /// What `Effect::ApplyConfig` asked for is done, or refused.
    ConfigApplied {
        /// What was asked, with the host's directives as the system has them now.
        change: Box<ConfigChange>,
        /// Or why nothing has changed.
        outcome: Result<(), ConfigError>,
    },
    /// What became of something that `Effect::Disk` asked for.
    Disk(DiskEvent<'a>),
    /// The operator asks the process to end.
    Terminate(Signal),
    /// The deadline of `poll_timeout` has come.
    TimerFired,
}

/// A `CONFIG SET` that needs the host's consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// Who asks.
    pub asker: ConnId,
    /// Names and values, as they were given.
    pub pairs: Vec<(Vec<u8>, Vec<u8>)>,
    /// What is to be in force.
    pub config: Config,
}

impl ConfigChange {
    /// What it makes of `current`: others may have set something since it was asked, and theirs
    /// stays.
    ///
    /// # Errors
    /// It is possible no more.
    pub fn upon(&self, current: &Config) -> Result<Config, ConfigError> {
        let pairs: Vec<(&[u8], &[u8])> =
            self.pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        let mut config = current.clone();
        config.set_running(&pairs)?;
        Ok(config)
    }

    /// The names that are set, in lower case.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let text = |name: &[u8]| String::from_utf8_lossy(name).to_ascii_lowercase();
        self.pairs.iter().map(move |(name, _)| text(name))
    }
}

/// What became of a request to the disk, or of a part of it.
#[derive(Debug)]
pub enum DiskEvent<'a> {
    /// The piece that `snapshot_piece` showed has been written: show the next.
    Written,
    /// A save is over: the new file outlasts a loss of power, or the old one is there.
    Saved(Result<(), SaveFailure>),
    /// The next bytes of the file to load.
    Read {
        /// Never empty.
        bytes: &'a [u8],
        /// How many the file has in all, as far as anybody knows: for those who ask how far it is.
        file_bytes: u64,
    },
    /// There are no more.
    ReadToEnd,
    /// There is no such file.
    Missing,
    /// The file cannot be read, in the operating system's words.
    Unreadable(&'a str),
}

/// Why there is no new file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveFailure {
    /// How far it came.
    pub step: SaveStep,
    /// The operating system's words.
    pub text: String,
}

/// The parts of a save that fail with words of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveStep {
    /// Creating the temporary file.
    Open,
    /// Everything behind that.
    Write,
}

/// What is asked of the disk: one thing at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskRequest {
    /// Put the snapshot that `Node::snapshot_piece` shows, piece by piece, into a temporary file
    /// and that in the place of `target`. Say `Written` for each piece, and `Saved` in the end.
    Save {
        /// The file.
        target: String,
        /// Another name in the same folder.
        temporary: String,
    },
    /// Read a file from its beginning to its end, and say `Read` for each piece and `ReadToEnd`, or
    /// why not.
    Load {
        /// The file.
        path: String,
    },
}

/// What of a snapshot is to be written next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Bytes),
    /// Nothing: it is complete.
    End,
    /// Nothing: nobody wants it any more, and what was written must not become the file.
    Abandoned,
}

/// How an operator asks a process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM.
    Terminate,
    /// SIGINT, usually Ctrl-C.
    Interrupt,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// The peer closed its writing half.
    EndOfStream,
    /// The peer reset the connection, or sending to it failed.
    Reset,
    /// The dial was refused.
    Refused,
    /// The dial or the connection timed out in the network stack.
    TimedOut,
    /// The host of the dial could not be resolved or reached.
    Unreachable,
}

impl fmt::Display for CloseCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndOfStream => "connection closed by peer",
            Self::Reset => "Connection reset by peer",
            Self::Refused => "Connection refused",
            Self::TimedOut => "Connection timed out",
            Self::Unreachable => "No route to host",
        })
    }
}

/// Both ends of a connection, as text the protocol shows.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PeerInfo {
    /// What the connection runs over.
    pub transport: Transport,
    /// The peer's address without port; of a Unix socket its path.
    pub ip: String,
    /// The peer's port; 0 for a Unix socket.
    pub port: u16,
    /// Our end, `ip:port`, or `path:0` of a Unix socket.
    pub local: String,
}

/// What a connection runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Transport {
    /// A network.
    #[default]
    Tcp,
    /// A socket of this host's file system.
    Unix,
}

/// What lies between a dialled connection's bytes and the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Nothing.
    Plain,
    /// TLS: a connection exists once each end has seen who the other is.
    Tls,
}

impl PeerInfo {
    /// Whether the peer is on this host.
    pub fn is_local(&self) -> bool {
        self.transport == Transport::Unix || self.ip.starts_with("127.") || self.ip == "::1"
    }
}

/// Something the node wants done outside.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// The interest of this connection may have changed, or it has bytes to send.
    Wake(ConnId),
    /// The connection has bytes to send that gain by waiting for more: as `Wake`, at this instant.
    /// Earlier is allowed, much later is a replica that lags.
    WakeBy(ConnId, Instant),
    /// Open a connection, then say `Connected` or `Closed`.
    Dial {
        /// Its name, already given.
        conn: ConnId,
        /// Where to.
        to: Endpoint,
        /// How.
        over: Wire,
    },
    /// A line for the log.
    Log(Level, String),
    /// The answer to a replica's `PSYNC`, for whoever checks such answers. The log has it as text.
    Decided(Box<Decision>),
    /// Write the configuration file anew, so that it says what is in force now, then say
    /// `ConfigRewritten`.
    RewriteConfig {
        /// Who asked.
        asker: ConnId,
        /// What is in force, with the master that is followed now.
        config: Box<Config>,
    },
    /// Put those directives into force whose effect is [`Host`](crate::base::config::Effect::Host),
    /// all of them or none, then say `ConfigApplied`.
    ApplyConfig(Box<ConfigChange>),
    /// Something is wanted of the disk.
    Disk(DiskRequest),
    /// Do nothing for that long: neither read nor write, accept, dial or fire timers.
    StandStill(Duration),
    /// End the process with this status.
    Exit(i32),
}

/// How loud a log line is, with the marks of Redis' log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `.`
    Debug,
    /// `-`
    Verbose,
    /// `*`
    Notice,
    /// `#`
    Warning,
}

/// Whether the node can use one direction of a connection now. A level, not an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Not now: the node says `Wake` when that changes.
    Idle,
    /// As soon as the socket can.
    Ready,
}

/// What the node wants of a connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// The node knows it no more: close the socket.
    Gone,
    /// Alive.
    Open {
        /// Whether to read.
        read: Want,
        /// Whether `transmit` has bytes.
        write: Want,
    },
}

/// What `INFO` reports and only the host knows.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct HostFacts {
    /// Process id.
    pub pid: u32,
    /// `uname`-like description of the operating system.
    pub os: String,
    /// Path of the binary.
    pub executable: String,
    /// Path of the configuration file, empty for none.
    pub config_file: String,
    /// Clients for which the operating system allows open files; 0: it does not say.
    pub clients_max: u32,
    /// Bytes the allocator has handed out.
    pub used_memory: u64,
    /// Resident set size in bytes.
    pub used_memory_rss: u64,
    /// CPU time in the kernel, microseconds.
    pub cpu_sys_micros: u64,
    /// CPU time in user space, microseconds.
    pub cpu_user_micros: u64,
}

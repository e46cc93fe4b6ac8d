//! The logs of the nodes of a soak: every line that warns is explained by what has happened.
//!
//! Knows the words of our server. Lines that only tell are not looked at.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Seek as _, SeekFrom},
    path::PathBuf,
};

use super::script::Event::{self, *};
use crate::fixture::server::Server;

/// What lets a process start.
const STARTS: &[Event] = &[
    Begin,
    BreakSnapshot,
    KillReplica,
    KillMaster,
    OldFile,
    EmptyMaster,
    RestartReplica,
    RestartMaster,
];

/// What ends a process in order.
const STOPS: &[Event] = &[RestartReplica, RestartMaster];

/// What makes a replica the master.
const PROMOTIONS: &[Event] = &[KillMaster, EmptyMaster, Promote, Failover, FailoverForced];

/// What ends the connection of a replica that has done nothing: links break, masters end, and who
/// gets another history lets its replicas ask again.
const LINKS: &[Event] = &[
    Begin,
    Cut,
    LongCut,
    Reset,
    BreakSnapshot,
    SmallLimit,
    Silence,
    Directives,
    KillReplica,
    KillMaster,
    OldFile,
    EmptyMaster,
    RestartReplica,
    RestartMaster,
    Promote,
    Failover,
    FailoverForced,
];

/// What a line may say, and the events that explain it. The first that fits is meant.
const EXPLAINED: &[(&str, &[Event])] = &[
    (" version=", STARTS),
    ("No config file given: using the defaults", STARTS),
    ("Connection with master lost: ", LINKS),
    ("Connection with replica ", LINKS),
    ("MASTER <-> REPLICA sync: connection closed by peer", LINKS),
    ("MASTER <-> REPLICA sync: Connection reset by peer", LINKS),
    ("should be in the future: -NOMASTERLINK ", LINKS),
    ("MASTER <-> REPLICA sync: Error reply to PING from master: '-LOADING ", STARTS),
    ("MASTER <-> REPLICA sync: The master came back with 0 keys", &[EmptyMaster]),
    ("Setting secondary replication ID to ", PROMOTIONS),
    ("User requested shutdown...", STOPS),
    ("Received SIGTERM scheduling shutdown...", &[RestartReplica]),
    // Whose acknowledgement is a second old: only a master can ask for one.
    ("Lagging replica ", STOPS),
    ("Redis is now ready to exit, bye bye...", STOPS),
    ("for overcoming of output buffer limits.", &[SmallLimit]),
    ("Disconnecting timedout replica (", &[Silence]),
    ("is taken although it lost ours", &[EmptyMaster]),
    ("DB reloaded by DEBUG RELOAD", &[Reload]),
];

/// The logs of all nodes, and how far they were read.
#[derive(Debug)]
pub(super) struct Logs {
    files: Vec<(PathBuf, u64)>,
    /// How often which explanation was needed.
    pub(super) counts: BTreeMap<&'static str, u64>,
}

impl Logs {
    pub(super) fn of(servers: &[Server]) -> Self {
        let files = servers.iter().map(|server| (server.folder().join("log"), 0)).collect();
        Self { files, counts: BTreeMap::new() }
    }

    /// Reads on, and demands that something in `happened` explains every line that warns.
    ///
    /// # Panics
    /// With the lines that nothing explains.
    #[track_caller]
    pub(super) fn check(&mut self, happened: &BTreeSet<Event>) {
        let mut strange = Vec::new();
        for (node, (path, seen)) in self.files.iter_mut().enumerate() {
            for line in read_on(path, seen).lines() {
                match explanation(line, happened) {
                    Explanation::NotNeeded => {}
                    Explanation::Found(pattern) => *self.counts.entry(pattern).or_default() += 1,
                    Explanation::Missing => strange.push(format!("node {node}: {line}")),
                }
            }
        }
        assert!(
            strange.is_empty(),
            "lines of logs that nothing explains, after {happened:?}:\n{}",
            strange.join("\n")
        );
    }
}

/// Whole lines that have come since byte `seen`.
fn read_on(path: &PathBuf, seen: &mut u64) -> String {
    let mut file = fs::File::open(path).expect("a server has a log");
    file.seek(SeekFrom::Start(*seen)).expect("a log is a file");
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).expect("a log can be read");
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    bytes.truncate(whole);
    *seen += whole as u64;
    String::from_utf8_lossy(&bytes).into_owned()
}

enum Explanation {
    /// The line is no warning.
    NotNeeded,
    /// This part of it is explained.
    Found(&'static str),
    /// It is a warning, or no line of a log at all, such as the message of a panic.
    Missing,
}

/// `4711:M 22 Nov 2026 07:15:00.123 * Ready to accept connections`
fn explanation(line: &str, happened: &BTreeSet<Event>) -> Explanation {
    let mut words = line.splitn(7, ' ').skip(5);
    match (words.next(), words.next()) {
        (Some("." | "-" | "*"), Some(_)) => Explanation::NotNeeded,
        (Some("#"), Some(text)) => {
            let fits = |(pattern, causes): &&(&str, &[Event])| {
                text.contains(pattern) && causes.iter().any(|cause| happened.contains(cause))
            };
            match EXPLAINED.iter().find(fits) {
                Some((pattern, _)) => Explanation::Found(pattern),
                None => Explanation::Missing,
            }
        }
        _ => Explanation::Missing,
    }
}

//! The directives of replication: both servers take, refuse, show and keep the same values.

use std::fs;

use libtest_mimic::Trial;

use crate::{
    fixture::{
        client::{Client, Reply},
        server::{
            CONFIG_FILE,
            Kind::{Ours, Redis},
            Server, Stop,
        },
    },
    trial,
};

pub(crate) fn trials() -> Vec<Trial> {
    let needs = vec![Ours, Redis];
    vec![
        trial("directives of replication are set and shown alike".to_owned(), needs.clone(), set),
        trial("directives of replication outlive a restart".to_owned(), needs, outlive),
    ]
}

struct Directive {
    name: &'static str,
    /// The name of earlier versions, if there was one.
    alias: Option<&'static str>,
    /// Values that are taken; the last one is no default.
    good: &'static [&'static str],
    bad: &'static [&'static str],
}

const fn row(
    name: &'static str,
    good: &'static [&'static str],
    bad: &'static [&'static str],
) -> Directive {
    Directive { name, alias: None, good, bad }
}

const fn renamed(
    name: &'static str,
    alias: &'static str,
    good: &'static [&'static str],
    bad: &'static [&'static str],
) -> Directive {
    Directive { name, alias: Some(alias), good, bad }
}

const YES_NO: &[&str] = &["yes", "no", "YES", "No"];
const NO_YES: &[&str] = &["no", "yes", "No", "YES"];
const NO_BOOL: &[&str] = &["", "maybe", "1", "yes no", " yes"];
const COUNTS: &[&str] = &["0", "1", "2147483647", "7"];
const NO_COUNT: &[&str] = &["", "-1", "x", "1.5", "2147483648", "7 ", "+7", "07", "1kb"];
const SPANS: &[&str] = &["1", "2147483647", "7"];
const NO_SPAN: &[&str] = &["", "0", "-1", "x", "2147483648"];
const SIGNED: &[&str] = &["0", "-2147483648", "2147483647", "-1"];
const NO_SIGNED: &[&str] = &["", "x", "-2147483649", "2147483648"];
/// Not while the server runs.
const NEVER: &[&str] = &["", "yes", "no", "x", "127.0.0.1 1"];

const DIRECTIVES: &[Directive] = &[
    row("masterauth", &["", "secret", "two words", "quoted\"'\\"], &[]),
    row("masteruser", &["", "somebody", "two words"], &[]),
    renamed("replicaof", "slaveof", &[], NEVER),
    renamed("replica-serve-stale-data", "slave-serve-stale-data", YES_NO, NO_BOOL),
    renamed("replica-read-only", "slave-read-only", YES_NO, NO_BOOL),
    row("repl-diskless-sync", YES_NO, NO_BOOL),
    row("repl-diskless-sync-delay", COUNTS, NO_COUNT),
    row("repl-diskless-sync-max-replicas", COUNTS, NO_COUNT),
    row(
        "repl-diskless-load",
        &["disabled", "on-empty-db", "Swapdb", "swapdb"],
        &["", "yes", "flush-before-load", "disabled swapdb"],
    ),
    renamed("repl-ping-replica-period", "repl-ping-slave-period", SPANS, NO_SPAN),
    row("repl-timeout", SPANS, NO_SPAN),
    row("repl-disable-tcp-nodelay", NO_YES, NO_BOOL),
    row(
        "repl-backlog-size",
        &["1", "16384", "16kb", "1mb", "1g", "2GB", "3000000"],
        &["", "0", "-1", "x", "1.5mb", "9223372036854775808", "mb"],
    ),
    row("repl-backlog-ttl", &["0", "9223372036854775807", "7"], &["", "-1", "x", "1h"]),
    renamed("replica-priority", "slave-priority", COUNTS, NO_COUNT),
    row("replica-announced", YES_NO, NO_BOOL),
    renamed("replica-announce-ip", "slave-announce-ip", &["", "a-name", "10.1.2.3"], &[]),
    renamed(
        "replica-announce-port",
        "slave-announce-port",
        &["0", "65535", "7"],
        &["", "-1", "65536", "x"],
    ),
    renamed("min-replicas-to-write", "min-slaves-to-write", COUNTS, NO_COUNT),
    renamed("min-replicas-max-lag", "min-slaves-max-lag", COUNTS, NO_COUNT),
    renamed("replica-lazy-flush", "slave-lazy-flush", NO_YES, NO_BOOL),
    renamed("replica-ignore-maxmemory", "slave-ignore-maxmemory", YES_NO, NO_BOOL),
    row("replica-ignore-disk-write-errors", NO_YES, NO_BOOL),
    row(
        "propagation-error-behavior",
        &["ignore", "panic", "Panic-On-Replicas", "panic-on-replicas"],
        &["", "yes", "panic-on-masters"],
    ),
    row("rdb-del-sync-files", NO_YES, NO_BOOL),
    row(
        "client-output-buffer-limit",
        &["replica 256mb 64mb 60", "slave 0 0 0", "replica 100mb 50kb 7"],
        &["replica", "replica 1 2", "nobody 1 2 3", "replica x 1 1", "master 1 1 1"],
    ),
    row("shutdown-timeout", COUNTS, NO_COUNT),
    row("key-load-delay", SIGNED, NO_SIGNED),
    row("rdb-key-save-delay", SIGNED, NO_SIGNED),
    row("rdbcompression", YES_NO, NO_BOOL),
    row("rdbchecksum", &[], NEVER),
    row("hz", &["1", "500", "501", "0", "20"], &["", "-1", "x"]),
    row("dynamic-hz", YES_NO, NO_BOOL),
];

impl Directive {
    fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.name].into_iter().chain(self.alias)
    }
}

fn ask(client: &mut Client, words: &[&str]) -> Reply {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    client.ask_words(&words)
}

/// What both servers answer to these words, which is the same.
#[track_caller]
fn both(clients: &mut [Client; 2], words: &[&str]) -> Reply {
    let [ours, redis] = clients.each_mut().map(|client| ask(client, words));
    assert_eq!(ours, redis, "ours and redis to {words:?}");
    ours
}

/// The value of a directive, under each of its names.
#[track_caller]
fn shown(clients: &mut [Client; 2], directive: &Directive) -> String {
    let mut values = directive.names().map(|name| {
        let pair = both(clients, &["CONFIG", "GET", name]).array();
        let pair: Vec<String> = pair.into_iter().map(Reply::text).collect();
        let [found, value] = &pair[..] else { panic!("{name}: {pair:?}") };
        assert_eq!(found, name);
        value.clone()
    });
    let value = values.next().expect("there is a name");
    assert!(values.all(|other| other == value), "{} under its other name", directive.name);
    value
}

fn servers() -> [Server; 2] {
    [Ours, Redis].map(|kind| Server::start_with_file(kind, Some("# Mine.\n"), &[]))
}

fn set() {
    let servers = servers();
    let mut clients = servers.each_ref().map(Server::client);
    for directive in DIRECTIVES {
        let default = shown(&mut clients, directive);
        for name in directive.names() {
            for value in directive.bad {
                let refused = both(&mut clients, &["CONFIG", "SET", name, value]);
                assert!(matches!(refused, Reply::Error(_)), "{name} {value:?}: {refused:?}");
                assert_eq!(shown(&mut clients, directive), default, "{name} {value:?}");
            }
        }
        for name in directive.names() {
            for value in directive.good {
                let taken = both(&mut clients, &["CONFIG", "SET", name, value]);
                assert_eq!(taken, Reply::Simple("OK".to_owned()), "{name} {value:?}");
                shown(&mut clients, directive);
            }
        }
        let last = shown(&mut clients, directive);
        assert!(directive.good.is_empty() || last != default, "{} was changed", directive.name);
        if directive.name == "shutdown-timeout" || directive.name.starts_with("min-") {
            // Nobody is to wait for what this test has made up.
            both(&mut clients, &["CONFIG", "SET", directive.name, &default]);
        }
    }
}

/// These are given to every server of these tests when it starts, and a file does not change that.
const GIVEN: [&str; 2] = ["repl-diskless-sync-delay", "repl-ping-replica-period"];

fn outlive() {
    let mut servers = servers();
    for which in [<[&str]>::last, <[&str]>::first] {
        let mut clients = servers.each_ref().map(Server::client);
        for directive in DIRECTIVES {
            if let Some(value) = which(directive.good) {
                both(&mut clients, &["CONFIG", "SET", directive.name, value]);
            }
        }
        let before: Vec<String> =
            DIRECTIVES.iter().map(|directive| shown(&mut clients, directive)).collect();
        assert_eq!(both(&mut clients, &["CONFIG", "REWRITE"]), Reply::Simple("OK".to_owned()));
        for server in &mut servers {
            let file = server.folder().join(CONFIG_FILE);
            let text = fs::read_to_string(file).expect("the file is there");
            for (directive, value) in DIRECTIVES.iter().zip(&before) {
                let line = format!("{} {value}", directive.name);
                let is_there = text.lines().any(|found| found == line);
                assert!(is_there || !GIVEN.contains(&directive.name), "{line} in {text}");
            }
            server.stop(Stop::Kill);
            server.start_again(&[]);
        }
        let mut clients = servers.each_ref().map(Server::client);
        for (directive, before) in DIRECTIVES.iter().zip(before) {
            if !GIVEN.contains(&directive.name) {
                assert_eq!(shown(&mut clients, directive), before, "{}", directive.name);
            }
        }
    }
}

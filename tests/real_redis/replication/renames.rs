//! `rename-command`: who is called what, and what replicas are told.

use std::{fs, process::Command};

use libtest_mimic::Trial;

use super::wire::{line_after_newlines, payload};
use crate::{
    fixture::{
        client::{Client, Reply, encode},
        server::{
            CONFIG_FILE,
            Kind::{self, Ours, Redis},
            Server,
        },
        wait_for,
    },
    inspect, trial,
};

const FILE: &str = "\
# Names of our own.
rename-command CONFIG b840fc02d524045429941cc15f59e41cb7be6c52
RENAME-COMMAND slaveof Follow
rename-command REPLICAOF \"\"
rename-command flushall ''
rename-command GET fetch
rename-command set Put
rename-command expireat later
rename-command getdel get
rename-command DEL drop
rename-command keys KEYS
rename-command publish shout
rename-command object [thing
";

pub(super) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("renamed commands answer as in redis".to_owned(), vec![Ours, Redis], answer_alike),
        trial("renamed commands in the stream".to_owned(), vec![Ours, Redis], are_told_alike),
        trial("names that cannot be given".to_owned(), vec![Ours, Redis], are_refused_alike),
    ];
    for kinds in [[Ours, Redis], [Redis, Ours], [Ours, Ours]] {
        let [master, replica] = kinds.map(Kind::name);
        let title = format!("renamed commands on both ends of a link: {master}, {replica}");
        trials.push(trial(title, kinds.to_vec(), move || reach_replicas(kinds)));
    }
    trials
}

fn start(kind: Kind, directives: &[(&str, &str)]) -> Server {
    Server::start_with_file(kind, Some(FILE), directives)
}

const ASKED: &[&str] = &[
    "CONFIG GET port",
    "B840FC02D524045429941CC15F59E41CB7BE6C52 GET hz",
    "b840fc02d524045429941cc15f59e41cb7be6c52 FOO",
    "b840fc02d524045429941cc15f59e41cb7be6c52 GET",
    "b840fc02d524045429941cc15f59e41cb7be6c52 GET rename-command",
    "b840fc02d524045429941cc15f59e41cb7be6c52 SET rename-command x",
    "SET k v",
    "PUT k v",
    "put k",
    "GET k",
    "fetch k",
    "Get k",
    "FLUSHALL",
    "del k",
    "drop k",
    "Keys *",
    "[thing ENCODING k",
    "[THING FOO k",
    "{thing ENCODING k",
    "REPLICAOF NO ONE",
    "SLAVEOF NO ONE",
    "follow NO ONE",
    "COMMAND INFO get set config flushall object",
    "COMMAND LIST FILTERBY PATTERN flushal*",
    "COMMAND LIST FILTERBY PATTERN put",
    "COMMAND GETKEYS put k v",
    "COMMAND GETKEYS set k v",
    "COMMAND GETKEYS fetch k",
    "ACL SETUSER u on nopass ~* +get +set",
    "ACL SETUSER u +fetch",
    "ACL DRYRUN u fetch k",
    "ACL DRYRUN u put k v",
    "ACL DRYRUN u set k v",
    "ACL DRYRUN u drop k",
    "LATENCY HISTOGRAM del",
    "MULTI",
    "put q 1",
    "set q 1",
    "fetch q",
    "EXEC",
    "MULTI",
    "put q 1",
    "fetch q",
    "EXEC",
];

fn answer_alike() {
    let servers = [Ours, Redis].map(|kind| start(kind, &[]));
    let mut clients = servers.each_ref().map(Server::client);
    for line in ASKED {
        let [ours, theirs] = clients.each_mut().map(|client| client.ask(line));
        assert_eq!(shown(ours), shown(theirs), "{line}");
    }
    let names = servers.each_ref().map(|server| {
        let text = server.client().ask("INFO commandstats").text();
        let names = text.lines().filter_map(|line| line.split_once(':').map(|(name, _)| name));
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.retain(|name| name.starts_with("cmdstat_"));
        names.sort();
        names
    });
    assert_eq!(names[0], names[1], "commands are counted under their own names");
    for server in &servers {
        let mut client = server.client();
        client.ok("b840fc02d524045429941cc15f59e41cb7be6c52 SET hz 17");
        client.ok("b840fc02d524045429941cc15f59e41cb7be6c52 REWRITE");
        let text = fs::read_to_string(server.folder().join(CONFIG_FILE)).expect("it is there");
        assert!(text.starts_with(FILE) && text.contains("\nhz 17"), "{text}");
    }
    assert_eq!(monitored(&servers[0]), monitored(&servers[1]));
}

/// Of descriptions of commands the beginnings: notes and subcommands differ in any case.
fn shown(reply: Reply) -> String {
    if let Reply::Array(items) = &reply
        && items.iter().any(|item| matches!(item, Reply::Array(_)))
        && items.iter().all(is_command)
    {
        let beginning = |item: &Reply| match item {
            Reply::Array(parts) => format!("{:?}", &parts[..2]),
            Reply::Null
            | Reply::Simple(_)
            | Reply::Error(_)
            | Reply::Integer(_)
            | Reply::Bulk(_) => format!("{item:?}"),
        };
        return items.iter().map(beginning).collect();
    }
    format!("{reply:?}")
}

fn is_command(reply: &Reply) -> bool {
    match reply {
        Reply::Array(parts) => parts.len() == 10,
        Reply::Null => true,
        Reply::Simple(_) | Reply::Error(_) | Reply::Integer(_) | Reply::Bulk(_) => false,
    }
}

/// What a monitor is shown of commands, without times and addresses.
fn monitored(server: &Server) -> Vec<String> {
    let mut monitor = server.client();
    monitor.ok("MONITOR");
    let mut client = server.client();
    for line in ["PUT k v", "fetch k", "b840fc02d524045429941cc15f59e41cb7be6c52 GET hz", "PING"] {
        client.ask(line);
    }
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.contains("PING")) {
        let line = monitor.line().expect("a monitor is shown what happens");
        lines.push(line.split_once("] ").map_or("", |(_, words)| words).to_owned());
    }
    lines
}

const TOLD: &[&str] = &[
    "put a 1",
    "PUT b 2 PXAT 33177117420000",
    "Later a 33177117420",
    "INCRBYFLOAT a 1.5",
    "GETEX a PERSIST",
    "MULTI",
    "put c 1",
    "Drop c none",
    "EXEC",
    "get b",
    "shout x y",
    "RPUSH l 1 2",
    "BLPOP l 0",
    "put end 1",
];

/// The very bytes: as the client called it, and by its own name where it is told otherwise.
fn are_told_alike() {
    let told = [Ours, Redis].map(|kind| {
        let master = start(kind, &[super::NO_PINGS, ("repl-diskless-sync-delay", "0")]);
        let mut replica = master.client();
        replica.send(b"SYNC\r\n").expect("the master reads");
        let header = line_after_newlines(&mut replica);
        payload(&mut replica, &header);
        let mut client = master.client();
        TOLD.iter().for_each(|line| _ = client.ask(line));
        up_to(&mut replica, &encode(&[b"put", b"end", b"1"]))
    });
    assert_eq!(told[0], told[1]);
    for part in ["put\\r\\n$1\\r\\na", "SET\\r\\n$1\\r\\nb", "PEXPIREAT", "Drop", "DEL", "shout"] {
        assert!(told[0].contains(part), "{part} in {}", told[0]);
    }
}

fn up_to(replica: &mut Client, end: &[u8]) -> String {
    let mut stream = Vec::new();
    while !stream.ends_with(end) {
        stream.extend(replica.bytes(1).expect("the stream goes on"));
    }
    stream.escape_ascii().to_string()
}

/// A replica finds commands by the names that it has given them itself.
fn reach_replicas([master, replica]: [Kind; 2]) {
    let master = start(master, &[]);
    let follows = format!("127.0.0.1 {}", master.port());
    let replica = start(replica, &[("replicaof", &follows)]);
    wait_for("a replica that is in step", || match replica.info("master_link_status") {
        up if up == "up" => Ok(()),
        status => Err(status),
    });
    let mut client = master.client();
    client.ok("put gone 1 PX 1");
    TOLD.iter().for_each(|line| _ = client.ask(line));
    wait_for("what was written, on the replica", || match replica.client().ask("fetch end") {
        found if found == Reply::Bulk(b"1".to_vec()) => Ok(()),
        found => Err(found),
    });
    assert_eq!(replica.client().ask("fetch a"), Reply::Bulk(b"1".to_vec()), "SET is unknown");
    assert_eq!(client.ask("fetch a"), Reply::Bulk(b"2.5".to_vec()));
    // What is deleted in other words than the client's does not go: Redis' manual warns of it.
    let none = Reply::Integer(0);
    for key in ["b", "gone"] {
        wait_for("a key that is gone", || match client.ask(&format!("EXISTS {key}")) {
            found if found == none => Ok(()),
            found => Err(found),
        });
    }
    assert_eq!(client.ask("DBSIZE"), Reply::Integer(3));
    wait_for("an unknown DEL", || match replica.count("unexpected_error_replies") {
        0 => Err(0),
        _ => Ok(()),
    });
    assert_eq!(replica.info("master_link_status"), "up");
    replica.client().ok("Follow NO ONE");
    assert_eq!(replica.info("role"), "master");
}

fn are_refused_alike() {
    for (names, why) in [
        (&["nosuch", "x"][..], "No such command in rename-command"),
        (&["", "x"], "No such command in rename-command"),
        (&["get", "SET"], "Target command name already exists"),
        (&["get", "a", "b"], "Bad directive or wrong number of arguments"),
    ] {
        let words = [&["--port", "0", "--rename-command"], names].concat();
        let theirs = Command::new("redis-server").args(&words).output().expect("it can be started");
        for output in [inspect::run(&words), theirs] {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            assert!(!output.status.success() && said.contains(why), "{words:?}: {said}");
        }
    }
}

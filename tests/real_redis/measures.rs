//! What commands cost: the same commands to our server and to redis-server, and the same counts,
//! entries and shapes from both. Times are not compared.

use libtest_mimic::Trial;

use crate::{
    fixture::{
        client::{Client, Reply, encode},
        server::{
            Kind::{Ours, Redis},
            Server,
        },
        wait_for,
    },
    trial,
};

type Case = fn(&Server) -> Vec<String>;

/// What each is told by both servers alike.
const CASES: [(&str, Case); 5] = [
    ("calls, refusals, failures and errors are counted alike", counts),
    ("the slow log holds the same entries", slow_log),
    ("latency events are named alike", events),
    ("distributions have the same shape", distributions),
    ("no field of INFO that is told here is told otherwise there", fields),
];

pub(crate) fn trials() -> Vec<Trial> {
    let one = |(name, case): (&str, Case)| {
        trial(format!("measures: {name}"), vec![Ours, Redis], move || {
            let [ours, redis] = [Ours, Redis].map(|kind| case(&Server::start(kind, &[])));
            assert_eq!(ours, redis, "ours, and redis");
            assert!(!ours.is_empty());
        })
    };
    CASES.into_iter().map(one).collect()
}

/// The lines of a section of `INFO`, without what depends on time, in the order of the alphabet.
fn section(client: &mut Client, name: &str) -> Vec<String> {
    let text = client.ask(&format!("INFO {name}")).text();
    let is_time = |field: &&str| !field.starts_with("usec");
    let shown = |line: &str| line.split(',').filter(is_time).collect::<Vec<_>>().join(",");
    let mut lines: Vec<String> = text.lines().map(shown).collect();
    lines.sort();
    lines
}

fn ask_all(client: &mut Client, commands: &str) {
    commands.split('|').for_each(|words| drop(client.ask(words.trim())));
}

fn counts(server: &Server) -> Vec<String> {
    let mut client = server.client();
    client.ok("CONFIG RESETSTAT");
    ask_all(&mut client, "foo bar | SET k v | INCR k | CONFIG GET | CONFIG foo | OBJECT | GET k x");
    ask_all(&mut client, "MULTI | INCR k | SET a b | EXEC | MULTI | GET | EXEC | EXEC | DISCARD");
    ask_all(&mut client, "CONFIG SET nope 1 | AUTH x | HELLO 9 | OBJECT ENCODING k | OBJECT HELP");
    ask_all(&mut client, "LPUSH k 1 | BLPOP q 0.01 | SLOWLOG LEN | CLIENT ID | CLIENT");
    ask_all(&mut client, "MULTI | SET a b | nope | EXEC | WATCH k | MULTI | WATCH k | DISCARD");
    ask_all(&mut client, "SUBSCRIBE c | GET k | UNSUBSCRIBE c | SPOP k | PING x y");
    let mut lines = Vec::new();
    for name in ["commandstats", "errorstats"] {
        lines.extend(section(&mut client, name));
    }
    lines.extend(section(&mut client, "stats").into_iter().filter(|line| {
        ["total_error_replies", "total_commands_processed"].iter().any(|one| line.starts_with(one))
    }));
    lines
}

fn slow_log(server: &Server) -> Vec<String> {
    let mut client = server.client();
    client.ok("CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 1000");
    client.ok("SLOWLOG RESET");
    ask_all(&mut client, "HELLO 2 SETNAME bob | AUTH x | AUTH a b | HELLO 2 AUTH default pw");
    ask_all(&mut client, "CONFIG SET masterauth secret maxmemory 0 | CONFIG SET masteruser me");
    ask_all(&mut client, "CONFIG SET requirepass pw | AUTH pw");
    client.ask_words(&[b"CONFIG", b"SET", b"requirepass", b""]);
    ask_all(&mut client, "MULTI | SET a b | EXEC | GET | nope | PING | CONFIG GET port");
    for count in [31, 32, 33, 40] {
        client.ask(&format!("DEL{}", " k".repeat(count - 1)));
    }
    for length in [127, 128, 129, 500] {
        client.ask(&format!("SET k {}", "x".repeat(length)));
    }
    let mut waiting = server.client();
    waiting.send(&encode(&[b"BLPOP", b"q", b"0"])).expect("the server reads");
    wait_for("a blocked client", || {
        let found = server.count("blocked_clients");
        Ok::<_, i64>(found == 1)
    });
    client.ask("RPUSH q v");
    waiting.reply().expect("it is served");
    let entries = client.ask("SLOWLOG GET -1").array();
    let of_test = |line: &String| !line.contains("INFO");
    entries.into_iter().map(entry).filter(of_test).collect()
}

/// All of an entry but its number, its times and the port of its client.
fn entry(entry: Reply) -> String {
    let mut fields = entry.array().into_iter().skip(3);
    let mut next = || fields.next().expect("an entry has six fields");
    let args: Vec<String> = next().array().into_iter().map(Reply::text).collect();
    let (peer, name) = (next().text(), next().text());
    let (ip, port) = peer.rsplit_once(':').expect("an address has a port");
    assert!(port.parse::<u16>().is_ok(), "{peer}");
    format!("{args:?} {ip} {name}")
}

fn events(server: &Server) -> Vec<String> {
    let mut client = server.client();
    let mut lines = vec![client.ask("LATENCY DOCTOR").text()];
    // An hour: nothing is slow, however busy the machine is.
    client.ok("CONFIG SET latency-monitor-threshold 3600000");
    lines.push(client.ask("LATENCY DOCTOR").text());
    for words in ["LATENCY LATEST", "LATENCY RESET", "LATENCY HISTORY x", "LATENCY GRAPH x"] {
        lines.push(format!("{words}: {:?}", client.ask(words)));
    }
    client.ok("CONFIG SET latency-monitor-threshold 1");
    slow_command(&mut client);
    let latest = client.ask("LATENCY LATEST").array();
    for event in latest {
        let fields = event.array();
        lines.push(format!("{} {:?}", fields.len(), fields[0]));
    }
    let samples = client.ask("LATENCY HISTORY command").array();
    assert!(samples.iter().all(|sample| sample.clone().array().len() == 2));
    let graph = client.ask("LATENCY GRAPH command").text();
    lines.extend(graph.lines().skip(1).take(1).map(str::to_owned));
    lines.push(format!("{:?}", client.ask("LATENCY RESET x COMMAND")));
    lines
}

/// A command that takes some milliseconds on either server.
fn slow_command(client: &mut Client) {
    let mut push = vec![b"RPUSH".as_slice(), b"long"];
    push.extend(vec![b"9".as_slice(); 100_000]);
    for _ in 0..5 {
        client.ask_words(&push);
    }
    client.ask("LATENCY RESET");
    client.ask("SORT long DESC");
}

fn distributions(server: &Server) -> Vec<String> {
    let mut client = server.client();
    client.ok("CONFIG RESETSTAT");
    ask_all(&mut client, "SET k v | SET k v | INCR k | CONFIG GET port | GET");
    let mut lines = Vec::new();
    let mut histograms = client.ask("LATENCY HISTOGRAM set incr nonsense get config").array();
    histograms.chunks_exact_mut(2).for_each(|pair| {
        let fields = pair[1].clone().array();
        let (calls, steps) = (fields[1].clone().integer(), fields[3].clone().array());
        let last = steps.last().cloned().map(Reply::integer);
        assert_eq!(last, Some(calls), "the last step counts all calls");
        lines.push(format!("{:?} {:?} {calls} {:?}", pair[0], fields[0], fields[2]));
    });
    for percentiles in ["50 99 99.9", "0 100"] {
        client.ask_words(&[
            b"CONFIG",
            b"SET",
            b"latency-tracking-info-percentiles",
            percentiles.as_bytes(),
        ]);
        let names = |line: String| {
            let parts = line.split(['=', ',']).filter(|part| part.parse::<f64>().is_err());
            parts.collect::<Vec<_>>().join(" ")
        };
        lines.extend(section(&mut client, "latencystats").into_iter().map(names));
    }
    lines.sort();
    lines
}

/// Fields of `INFO` that must be the same on a server that has done nothing.
fn fields(server: &Server) -> Vec<String> {
    const SAME: [&str; 24] = [
        "io_threads_active",
        "cluster_connections",
        "tracking_clients",
        "maxmemory",
        "maxmemory_human",
        "maxmemory_policy",
        "active_defrag_running",
        "lazyfree_pending_objects",
        "rdb_saves",
        "aof_enabled",
        "aof_rewrite_in_progress",
        "aof_rewrite_scheduled",
        "module_fork_in_progress",
        "evicted_keys",
        "evicted_clients",
        "latest_fork_usec",
        "total_forks",
        "tracking_total_keys",
        "cluster_enabled",
        "expire_cycle_cpu_milliseconds",
        "instantaneous_input_repl_kbps",
        "instantaneous_output_repl_kbps",
        "mem_clients_slaves",
        "blocked_clients",
    ];
    let told = |name: &&str| format!("{name}:{}", server.info(name));
    SAME.iter().map(told).collect()
}

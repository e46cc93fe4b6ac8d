//! What a node says about replication when it is asked: `INFO`, `ROLE`, counters.

use crate::{
    net::{Net, command, config},
    script::{MARK, MODERN, OTHER_ID, attach, fullresync, greet, psync, snapshot, with_mark},
};

/// The values of these fields of `INFO replication`; `none` for a field that is not there.
fn info(net: &mut Net, name: &str, fields: &[&str]) -> String {
    let text = net.ask(name, "INFO replication");
    let value = |field: &&str| {
        let start = format!("{field}:");
        text.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or("none").to_owned()
    };
    fields.iter().map(value).collect::<Vec<_>>().join(" ")
}

const SYNC: &[&str] = &[
    "master_sync_in_progress",
    "master_sync_total_bytes",
    "master_sync_read_bytes",
    "master_sync_left_bytes",
    "master_sync_perc",
    "master_sync_last_io_seconds_ago",
];

const OFFSETS: &[&str] = &["slave_read_repl_offset", "slave_repl_offset", "master_repl_offset"];

#[test]
fn how_far_a_full_sync_has_come_is_told() {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    assert_eq!(info(&mut net, "b", SYNC), "0 none none none none none");
    let (master, _) = greet(&mut net, "x");
    net.send(master, &fullresync(100));
    assert_eq!(info(&mut net, "b", SYNC), "1 -1 0 -1 -0.00 0");
    let payload = snapshot(0, &[("k", "v")]);
    let half = payload.len() / 2;
    net.send(master, format!("${}\r\n", payload.len()).as_bytes());
    net.send(master, &payload[..half]);
    let (total, left) = (payload.len(), payload.len() - half);
    let percent = half as f64 * 100.0 / total as f64;
    let expect = format!("1 {total} {half} {left} {percent:.2} 0");
    assert_eq!(info(&mut net, "b", SYNC), expect);
    net.close(master);
    net.pass_secs(1);
    let (master, _) = greet(&mut net, "x");
    net.send(master, &fullresync(100));
    net.send(master, format!("$EOF:{MARK}\r\n").as_bytes());
    net.send(master, &payload[..5]);
    assert_eq!(info(&mut net, "b", SYNC), "1 0 5 -5 0.00 0", "nobody knows the length");
    net.send(master, &with_mark(&payload)[47 + 5..]);
    assert_eq!(info(&mut net, "b", SYNC), "0 none none none none none");
}

#[test]
fn bytes_that_came_and_bytes_that_were_applied_are_told_apart() {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    assert_eq!(info(&mut net, "b", OFFSETS), "1 1 0", "there was never a master");
    let (master, _) = greet(&mut net, "x");
    net.send(master, &fullresync(100));
    net.send(master, &with_mark(&snapshot(0, &[])));
    assert_eq!(info(&mut net, "b", OFFSETS), "100 100 100");
    net.send(master, b"*1\r\n$4\r\nPI");
    assert_eq!(info(&mut net, "b", OFFSETS), "110 100 100");
    net.send(master, b"NG\r\n");
    assert_eq!(info(&mut net, "b", OFFSETS), "114 114 114");
    net.send(master, &command("MULTI"));
    net.send(master, &command("SET k 1"));
    assert_eq!(info(&mut net, "b", OFFSETS), "156 114 114");
    net.send(master, &command("EXEC"));
    assert_eq!(info(&mut net, "b", OFFSETS), "170 170 170");
    net.close(master);
    assert_eq!(info(&mut net, "b", OFFSETS), "170 170 170", "there will be a partial sync");
    let (master, _) = greet(&mut net, "x");
    net.send(master, format!("+CONTINUE {OTHER_ID}\r\nPING\r\n").as_bytes());
    assert_eq!(info(&mut net, "b", OFFSETS), "1 1 170", "an inline command ends the history");
}

#[test]
fn a_replica_is_listed_as_it_announced_itself_once_its_dataset_has_left() {
    let mut net = Net::with(&["a"], &config());
    let replica = psync(&mut net, "a", MODERN, "PSYNC ? -1");
    let expect = "*3\r\n$6\r\nmaster\r\n:0\r\n*1\r\n*3\r\n$0\r\n\r\n$1\r\n0\r\n$1\r\n0\r\n";
    let role = net.ask("a", "ROLE").replace("$9\r\n127.0.0.1", "$0\r\n");
    assert_eq!(role, expect, "it is loading");
    net.close(replica);
    let said = "capa eof listening-port 7 ip-address 1.2.3.4";
    let replica = psync(&mut net, "a", said, "PSYNC ? -1");
    assert!(!net.read(replica).is_empty());
    let line = info(&mut net, "a", &["slave0"]);
    assert_eq!(line, "ip=1.2.3.4,port=7,state=online,offset=0,lag=0");
}

#[test]
fn errors_on_either_end_of_a_link_are_counted() {
    let mut net = Net::with(&["a", "b"], &config());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let (master, _) = greet(&mut net, "x");
    net.send(master, &fullresync(100));
    net.send(master, &with_mark(&snapshot(0, &[("k", "v")])));
    for words in ["nonsense", "SET k", "INCR k", "MULTI", "INCR k", "EXEC", "CONFIG GET x", "PING"]
    {
        net.send(master, &command(words));
    }
    let stats = net.node("b").stats();
    assert_eq!((stats.unexpected_error_replies, stats.error_replies), (5, 5));
    let (replica, ..) = attach(&mut net, "a");
    net.send(replica, &command("nonsense"));
    assert_eq!(net.node("a").stats().unexpected_error_replies, 1);
    assert!(!net.is_open(replica));
}

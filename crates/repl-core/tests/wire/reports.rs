//! What a node says about replication when it is asked: `INFO`, `ROLE`, counters.

use std::time::Duration;

use repl_core::base::config::Config;

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
    net.until_dialled("x");
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
    assert!(net.log("a").contains("Replica generated a reply to command '<unknown>', disconn"));
    assert!(!net.is_open(replica));
}

/// How many connections of each type `CLIENT LIST` shows: normal, master, replica, pubsub.
fn listed(net: &mut Net, name: &str) -> [usize; 4] {
    ["normal", "master", "replica", "pubsub"].map(|kind| {
        let list = net.ask(name, &format!("CLIENT LIST TYPE {kind}"));
        list.lines().filter(|line| line.starts_with("id=")).count()
    })
}

/// `INFO clients`' count.
fn connected_clients(net: &mut Net, name: &str) -> String {
    let text = net.ask(name, "INFO clients");
    let found = text.lines().find_map(|line| line.strip_prefix("connected_clients:"));
    found.unwrap_or("none").to_owned()
}

/// `a`, its replica `b`, and the replica `c` of that.
fn chain(config: &Config) -> Net {
    let mut net = Net::with(&["a", "b", "c"], config);
    net.follow("b", "a");
    net.follow("c", "b");
    net.run("a", "SELECT 3");
    net.run("a", "SET k v");
    net
}

#[test]
fn links_are_listed_as_what_they_are_and_counted_as_redis_counts_them() {
    let mut net = chain(&config());
    assert_eq!(
        ["a", "b", "c"].map(|name| listed(&mut net, name)),
        [[1, 0, 1, 0], [1, 1, 1, 0], [1, 1, 0, 0]]
    );
    assert_eq!(["a", "b", "c"].map(|name| connected_clients(&mut net, name)), ["1", "2", "2"]);
    let line = net.ask("b", "CLIENT LIST TYPE master");
    assert!(
        line.contains(" flags=M db=3 ") && line.contains(" cmd=set user=(superuser)"),
        "{line}"
    );
    let line = net.ask("b", "CLIENT LIST TYPE slave");
    assert!(line.contains(" flags=S db=0 ") && line.contains(" cmd=replconf "), "{line}");
    // A master that does not answer yet is no client.
    net.script("silent");
    net.follow("b", "silent");
    assert_eq!(
        (listed(&mut net, "b"), connected_clients(&mut net, "b")),
        ([1, 0, 1, 0], "1".into())
    );
    assert_eq!(net.ask("b", "CLIENT KILL TYPE master"), ":0\r\n");
}

#[test]
fn a_killed_link_goes_on_where_it_was() {
    let mut net = chain(&config());
    assert_eq!(net.ask("b", "CLIENT KILL TYPE master"), ":1\r\n");
    assert_eq!(net.ask("b", "CLIENT KILL TYPE replica"), ":1\r\n");
    net.pass_secs(3);
    assert_eq!(
        ["a", "b", "c"].map(|name| listed(&mut net, name)),
        [[1, 0, 1, 0], [1, 1, 1, 0], [1, 1, 0, 0]]
    );
    let syncs =
        ["a", "b"].map(|name| net.node(name).stats()).map(|s| (s.sync_full, s.sync_partial_ok));
    assert_eq!(syncs, [(1, 1), (1, 1)]);
}

#[test]
fn both_ends_of_a_link_count_the_same_bytes() {
    let mut net = chain(&config());
    net.pass_secs(12);
    let [a, b, c] = ["a", "b", "c"].map(|name| *net.node(name).stats());
    assert!(a.net_repl_output_bytes > 100);
    assert_eq!(a.net_repl_output_bytes, b.net_repl_input_bytes);
    assert_eq!(b.net_repl_output_bytes, c.net_repl_input_bytes);
    assert_eq!((a.net_repl_input_bytes, c.net_repl_output_bytes), (0, 0));
}

#[test]
fn the_rates_of_a_link_are_told_on_both_ends() {
    let mut net = chain(&config());
    for number in 0..20 {
        net.run("a", &format!("SET key:{number} {}", "x".repeat(1024)));
        net.pass(Duration::from_millis(100));
    }
    // A kilobyte and a little more, ten times a second.
    let rates = ["input", "output"].map(|direction| {
        ["a", "b", "c"].map(|name| {
            let text = net.ask(name, "INFO stats");
            let name = format!("instantaneous_{direction}_repl_kbps:");
            let rate = text.lines().find_map(|line| line.strip_prefix(&name));
            let rate: f64 = rate.and_then(|rate| rate.parse().ok()).expect("it is told");
            (rate > 9.0 && rate < 12.0, rate > 0.0)
        })
    });
    let (flows, rests) = ((true, true), (false, false));
    assert_eq!(rates, [[rests, flows, flows], [flows, flows, rests]]);
}

#[test]
fn the_timeout_of_idle_clients_closes_no_link() {
    let impatient = Config { timeout: Duration::from_secs(1), ..config() };
    let mut net = chain(&impatient);
    let client = net.connect("b");
    net.stall("a", "b");
    net.stall("b", "c");
    net.pass_secs(5);
    assert!(!net.is_open(client), "who says nothing is closed");
    net.heal();
    net.pass_secs(2);
    let asker = net.connect("b");
    let info = net.command(asker, "INFO replication");
    assert!(
        info.contains("master_link_status:up") && info.contains("connected_slaves:1"),
        "{info}"
    );
    assert_eq!((net.node("a").stats().connections, net.node("b").stats().sync_partial_ok), (2, 0));
    net.assert_same(&["a", "b", "c"]);
}

#[test]
fn how_long_a_link_is_down_is_counted_anew_each_time() {
    let mut net = chain(&config());
    let down = |net: &mut Net| info(net, "b", &["master_link_down_since_seconds"]);
    assert_eq!(down(&mut net), "none");
    for _ in 0..2 {
        net.cut("a", "b");
        net.pass_secs(5);
        assert_eq!(down(&mut net), "5");
        net.heal();
        net.pass_secs(2);
        assert_eq!(down(&mut net), "none", "it is up");
    }
}

#[test]
fn a_full_sync_changes_the_watched_keys_that_are_there_before_or_after() {
    let mut net = Net::with(&["a", "b"], &config());
    for words in ["SET same 1", "SET fresh 1"] {
        net.run("a", words);
    }
    for words in ["SET same 1", "SET gone 1"] {
        net.run("b", words);
    }
    let watchers = ["same", "fresh", "gone", "never"].map(|key| {
        let client = net.connect("b");
        net.command(client, &format!("WATCH {key}"));
        client
    });
    net.follow("b", "a");
    let outcomes = watchers.map(|client| {
        net.command(client, "MULTI");
        net.command(client, "PING");
        net.command(client, "EXEC")
    });
    assert_eq!(outcomes, ["*-1\r\n", "*-1\r\n", "*-1\r\n", "*1\r\n+PONG\r\n"]);
}

#[test]
fn a_fresh_node_has_an_id_and_no_history() {
    let mut net = Net::with(&["a", "b"], &config());
    let fields = ["master_replid2", "second_repl_offset", "master_repl_offset"];
    let backlog = ["repl_backlog_active", "repl_backlog_first_byte_offset", "repl_backlog_histlen"];
    let mut ids = ["a", "b"].map(|name| {
        assert_eq!(info(&mut net, name, &fields), format!("{} -1 0", "0".repeat(40)));
        assert_eq!(info(&mut net, name, &backlog), "0 0 0");
        let id = info(&mut net, name, &["master_replid"]);
        assert!(id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        id
    });
    assert_ne!(ids[0], ids[1]);
    attach(&mut net, "a");
    ids[1] = info(&mut net, "a", &["master_replid"]);
    let text = format!("Replication backlog created, my new replication IDs are '{}'", ids[1]);
    assert!(ids[0] != ids[1] && net.log("a").contains(&text), "{}", net.log("a"));
    net.run("a", "SET k 1");
    let end = net.view("a").offset;
    assert_eq!(info(&mut net, "a", &backlog), format!("1 1 {end}"));
}

/// The state and the offset in the `ROLE` of a replica.
fn standing(net: &mut Net, name: &str) -> (String, String) {
    let role = net.ask(name, "ROLE");
    let lines: Vec<&str> = role.lines().collect();
    assert_eq!(lines[..3], ["*5", "$5", "slave"], "{role}");
    (lines[7].to_owned(), lines[8].to_owned())
}

#[test]
fn every_state_of_a_link_has_its_name() {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    let at = |state: &str, offset: &str| (state.to_owned(), offset.to_owned());
    net.run("b", "REPLICAOF nobody 1");
    net.settle();
    assert_eq!(standing(&mut net, "b"), at("connect", ":-1"));
    net.run("b", "REPLICAOF void 1");
    assert_eq!(standing(&mut net, "b"), at("connecting", ":-1"));
    net.run("b", "REPLICAOF x 1");
    let (master, _) = greet(&mut net, "x");
    assert_eq!(standing(&mut net, "b"), at("handshake", ":-1"));
    net.send(master, &fullresync(100));
    assert_eq!(standing(&mut net, "b"), at("sync", ":-1"));
    net.send(master, &with_mark(&snapshot(0, &[])));
    assert_eq!(standing(&mut net, "b"), at("connected", ":100"));
}

#[test]
fn a_replica_is_on_the_list_of_role_when_its_snapshot_has_left() {
    let patient = Config { repl_diskless_sync_delay: Duration::from_secs(3), ..config() };
    let mut net = Net::with(&["a"], &patient);
    net.run("a", &format!("SET k {}", "x".repeat(1000)));
    let waiting = psync(&mut net, "a", MODERN, "PSYNC ? -1");
    let state = |net: &mut Net| {
        let is_listed = !net.ask("a", "ROLE").ends_with(":0\r\n*0\r\n");
        let line = info(net, "a", &["slave0"]);
        let state = line.split("state=").nth(1).and_then(|rest| rest.split(',').next());
        (state.unwrap_or_default().to_owned(), is_listed)
    };
    assert_eq!(state(&mut net), ("wait_bgsave".into(), false));
    net.close(waiting);
    // It waits for no company, and what it is sent is encoded ahead.
    let replica = net.connect("a");
    net.hold(replica);
    net.send(replica, &command("PSYNC ? -1"));
    assert_eq!(state(&mut net), ("send_bulk".into(), false));
    net.release(replica);
    assert_eq!(state(&mut net), ("online".into(), true));
}

#[test]
fn another_process_has_another_run_id() {
    let mut net = Net::with(&["a"], &config());
    let run_id = |net: &mut Net| {
        let text = net.ask("a", "INFO server");
        let id = text.lines().find_map(|line| line.strip_prefix("run_id:"));
        id.expect("it is told").to_owned()
    };
    let before = run_id(&mut net);
    assert_eq!(before.len(), 40);
    assert_eq!(run_id(&mut net), before);
    net.run("a", "BGSAVE");
    net.save("a");
    net.restart("a", config());
    assert_ne!(run_id(&mut net), before);
}

//! `FAILOVER`: the role changes hands and nothing is lost, or everything is as before.

use crate::{
    net::{Net, Peer, command, config},
    script::{MODERN, OTHER_ID, attach_as, psync, text},
};

/// A master `a` and its replicas `b` and `c`.
fn siblings() -> Net {
    let mut net = Net::with(&["a", "b", "c"], &config());
    for replica in ["b", "c"] {
        net.follow(replica, "a");
    }
    net.run("a", "SET k 1");
    net.pass_secs(2);
    net
}

fn state(net: &mut Net, name: &str) -> String {
    let info = net.ask(name, "INFO replication");
    let line = info.lines().find_map(|line| line.strip_prefix("master_failover_state:"));
    line.expect("INFO names the state").to_owned()
}

/// A write that is held back.
fn held_write(net: &mut Net) -> Peer {
    let writer = net.connect("a");
    assert_eq!(net.command(writer, "SET held 1"), "", "it is held back");
    writer
}

#[test]
fn the_role_is_handed_over_and_nobody_needs_a_full_sync() {
    let mut net = siblings();
    let before = net.view("a");
    assert_eq!(net.ask("a", "FAILOVER TO b 6379"), "+OK\r\n");
    net.pass_secs(3);
    let [a, b] = ["a", "b"].map(|name| net.view(name));
    assert_eq!(net.ask("b", "ROLE").lines().nth(2), Some("master"));
    assert_eq!((b.replid2, b.replid), (before.replid, a.replid));
    assert_eq!(state(&mut net, "a"), "no-failover");
    net.run("b", "SET k 2");
    net.pass_secs(3);
    net.assert_same(&["a", "b", "c"]);
    let stats = net.ask("b", "INFO stats");
    assert!(stats.contains("\r\nsync_full:0\r\n"), "the old master went on");
    assert!(net.log("a").contains("\nFailover target is synced, failing over.\n"));
    assert!(net.log("b").contains("\nMASTER MODE enabled (failover request from 'a:6379')\n"));
}

#[test]
fn whoever_has_everything_first_takes_over_when_nobody_is_named() {
    let mut net = siblings();
    net.stall("a", "b");
    net.run("a", "SET k 2");
    net.run("a", "FAILOVER");
    net.pass_secs(3);
    assert_eq!(net.ask("c", "ROLE").lines().nth(2), Some("master"));
    net.heal();
    net.pass_secs(3);
    net.assert_same(&["a", "b", "c"]);
}

#[test]
fn writes_wait_until_it_is_over_and_nothing_else_moves_the_offset() {
    let mut net = siblings();
    net.stall("a", "b");
    net.stall("a", "c");
    net.run("a", "SET k 2");
    let offset = net.view("a").offset;
    net.run("a", "FAILOVER TO b 6379");
    let writer = held_write(&mut net);
    let waiter = net.connect("a");
    net.command(waiter, "WAIT 2 0");
    net.pass_secs(15);
    assert_eq!(net.view("a").offset, offset, "no pings, and no questions");
    assert_eq!(state(&mut net, "a"), "waiting-for-sync");
    net.heal();
    net.pass_secs(5);
    assert_eq!(net.view("a").offset, offset);
    let readonly = "-READONLY You can't write against a read only replica.\r\n";
    assert_eq!(net.read_text(writer), readonly);
    net.assert_same(&["a", "b", "c"]);
}

#[test]
fn it_can_be_called_off() {
    let mut net = siblings();
    net.stall("a", "b");
    net.run("a", "SET k 2");
    net.run("a", "FAILOVER TO b 6379");
    let writer = held_write(&mut net);
    let refused = "-ERR REPLICAOF not allowed while failing over.\r\n";
    assert_eq!(net.ask("a", "REPLICAOF NO ONE"), refused);
    let replica = psync(&mut net, "a", MODERN, "PSYNC ? -1");
    assert_eq!(net.read_text(replica), "-NOMASTERLINK Can't SYNC while failing over\r\n");
    assert_eq!(net.ask("a", "FAILOVER"), "-ERR FAILOVER already in progress.\r\n");
    assert_eq!(net.ask("a", "FAILOVER ABORT"), "+OK\r\n");
    assert_eq!(net.read_text(writer), "+OK\r\n");
    assert_eq!(net.ask("a", "FAILOVER ABORT"), "-ERR No failover in progress.\r\n");
    assert!(net.log("a").ends_with("FAILOVER to b:6379 aborted: Failover manually aborted"));
    net.heal();
    net.pass_secs(3);
    net.assert_same(&["a", "b", "c"]);
}

#[test]
fn a_replica_that_does_not_catch_up_in_time_does_not_take_over() {
    let mut net = siblings();
    net.stall("a", "b");
    net.run("a", "SET k 2");
    net.run("a", "FAILOVER TO b 6379 TIMEOUT 4000");
    let writer = held_write(&mut net);
    net.pass_secs(3);
    assert_eq!(net.read_text(writer), "");
    net.pass_secs(2);
    assert_eq!(net.read_text(writer), "+OK\r\n");
    assert!(net.log("a").contains("aborted: Replica never caught up before timeout"));
}

/// A scripted replica of `a` that says it listens at `heir:7`.
fn heir(net: &mut Net) -> (Peer, String, u64) {
    net.script("heir");
    attach_as(net, "a", "ip-address heir listening-port 7 capa eof capa psync2")
}

#[test]
fn by_force_it_takes_over_with_what_it_has() {
    let mut net = Net::with(&["a"], &config());
    let (_, id, _) = heir(&mut net);
    net.run("a", "SET k 1");
    net.run("a", "FAILOVER TO heir 7 FORCE TIMEOUT 1000");
    let writer = held_write(&mut net);
    net.pass_secs(2);
    assert_eq!(state(&mut net, "a"), "failover-in-progress");
    assert!(net.ask("a", "SET k 2").starts_with("-READONLY"), "it is a replica already");
    let other = psync(&mut net, "a", MODERN, &format!("PSYNC {id} 1 FAILOVER"));
    let refused = "-ERR PSYNC FAILOVER can't be sent to a master.\r\n";
    assert_eq!(net.read_text(other), refused, "nobody takes the role of who hands it over");
    let heir = net.accept_dial("heir");
    net.send(heir, b"+PONG\r\n");
    net.send(heir, b"+OK\r\n+OK\r\n");
    let next = net.view("a").offset + 1;
    let asked = net.read_text(heir);
    assert!(asked.ends_with(&text(&format!("PSYNC {id} {next} FAILOVER"))), "{asked:?}");
    net.send(heir, b"\n");
    assert_eq!(state(&mut net, "a"), "failover-in-progress", "a sign of life is no answer");
    net.send(heir, format!("+CONTINUE {OTHER_ID}\r\n").as_bytes());
    assert_eq!(state(&mut net, "a"), "no-failover");
    assert!(net.read_text(writer).starts_with("-READONLY"));
    assert_eq!(net.view("a").replid.to_string(), OTHER_ID);
}

#[test]
fn a_replica_is_heard_while_all_clients_are_paused() {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = heir(&mut net);
    net.run("a", "SET k 1");
    net.run("a", "FAILOVER");
    net.run("a", "CLIENT PAUSE 60000 ALL");
    let offset = net.view("a").offset;
    net.send(replica, &command(&format!("REPLCONF ACK {offset}")));
    assert!(net.is_dialled("heir"));
}

#[test]
fn a_target_that_refuses_leaves_the_master_what_it_was() {
    for refusal in ["-ERR no", "-NOMASTERLINK not now", "+what"] {
        let mut net = Net::with(&["a"], &config());
        let (replica, id, _) = heir(&mut net);
        net.run("a", "SET k 1");
        net.run("a", "FAILOVER");
        let writer = held_write(&mut net);
        let offset = net.view("a").offset;
        net.send(replica, &command(&format!("REPLCONF ACK {offset}")));
        let heir = net.accept_dial("heir");
        net.send(heir, b"+PONG\r\n");
        net.send(heir, b"+OK\r\n+OK\r\n");
        net.read_text(heir);
        net.send(heir, format!("{refusal}\r\n").as_bytes());
        assert_eq!(state(&mut net, "a"), "no-failover");
        assert!(net.log("a").contains("heir:7 aborted: Failover target rejected psync request"));
        assert!(!net.is_open(heir));
        assert_eq!(net.read_text(writer), "+OK\r\n", "{refusal}");
        assert_eq!(net.view("a").replid2.to_string(), id, "it has been a replica");
    }
}

#[test]
fn what_cannot_be_handed_over_is_refused() {
    let mut net = Net::with(&["a", "b"], &config());
    let refused = |net: &mut Net, name: &str, words: &str, why: &str| {
        assert_eq!(net.ask(name, words), format!("-ERR {why}\r\n"), "{words}");
    };
    let integer = "value is not an integer or out of range";
    for (words, why) in [
        ("FAILOVER ABORT", "No failover in progress."),
        ("FAILOVER", "FAILOVER requires connected replicas."),
        ("FAILOVER TIMEOUT 0", "FAILOVER timeout must be greater than 0"),
        ("FAILOVER TIMEOUT -5", "FAILOVER timeout must be greater than 0"),
        ("FAILOVER TIMEOUT x", integer),
        ("FAILOVER TO b x", integer),
        ("FAILOVER TO b", "syntax error"),
        ("FAILOVER ABORT TIMEOUT 10", "syntax error"),
        ("FAILOVER TIMEOUT 10 TIMEOUT 20", "syntax error"),
        ("FAILOVER FORCE FORCE", "syntax error"),
        ("PSYNC ? -1 FAILOVER", "PSYNC FAILOVER can't be sent to a master."),
    ] {
        refused(&mut net, "a", words, why);
    }
    net.follow("b", "a");
    let force = "FAILOVER with force option requires both a timeout and target HOST and IP.";
    for (words, why) in [
        ("FAILOVER FORCE", force),
        ("FAILOVER FORCE TIMEOUT 10", force),
        ("FAILOVER TO b 6379 FORCE", force),
        ("FAILOVER TO b 6380", "FAILOVER target HOST and PORT is not a replica."),
        ("FAILOVER TO b -7", "FAILOVER target HOST and PORT is not a replica."),
    ] {
        refused(&mut net, "a", words, why);
    }
    refused(&mut net, "b", "FAILOVER", "FAILOVER is not valid when server is a replica.");
    let stranger = format!("PSYNC {OTHER_ID} 1 FAILOVER");
    refused(&mut net, "b", &stranger, "PSYNC FAILOVER replid must match my replid.");
    net.assert_same(&["a", "b"]);
}

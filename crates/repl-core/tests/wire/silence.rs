//! Silence and refusals: dead peers are noticed within `repl-timeout`, living ones are left alone,
//! and every failed attempt is followed by another.

use std::time::Duration;

use repl_core::base::config::Config;

use crate::{
    net::{Net, Peer, command, config},
    script::{
        MODERN, OTHER_ID, attach, feed, fullresync, greet, psync, snapshot, text, with_length,
    },
};

/// A replica of the scripted master `x`, with a history already, whose link is down for the moment.
fn follower() -> Net {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let master = feed(&mut net, "x", 100, &[("k", "1")]);
    net.close(master);
    net
}

/// The master falls silent after `state`: the replica gives up after `repl-timeout` and not before.
fn noticed(state: &str, prepare: impl Fn(&mut Net) -> Peer) {
    let mut net = follower();
    let master = prepare(&mut net);
    net.pass_secs(58);
    assert!(net.is_open(master), "{state}: given up too early");
    net.pass_secs(5);
    assert!(!net.is_open(master), "{state}: not noticed");
    assert!(net.log("b").contains("Timeout "), "{state}: {}", net.log("b"));
    assert!(net.is_dialled("x"), "{state}: not tried again");
    let (_, asked) = greet(&mut net, "x");
    assert_eq!(asked, format!("PSYNC {OTHER_ID} 101"), "{state}: its history is not lost");
    assert_eq!(net.ask("b", "GET k"), "$1\r\n1\r\n");
}

#[test]
fn a_master_that_falls_silent_in_any_state_is_noticed() {
    noticed("before the first answer", |net| net.accept_dial("x"));
    noticed("after PONG", |net| {
        let master = net.accept_dial("x");
        net.send(master, b"+PONG\r\n");
        master
    });
    noticed("between the answers to REPLCONF", |net| {
        let master = net.accept_dial("x");
        net.send(master, b"+PONG\r\n+OK\r\n");
        master
    });
    noticed("in the middle of a line", |net| {
        let master = net.accept_dial("x");
        net.send(master, b"+PO");
        master
    });
    noticed("before the answer to PSYNC", |net| greet(net, "x").0);
    noticed("before the payload", |net| {
        let (master, _) = greet(net, "x");
        net.send(master, &fullresync(200));
        master
    });
    noticed("inside the payload", |net| {
        let (master, _) = greet(net, "x");
        net.send(master, &fullresync(200));
        net.send(master, &with_length(&snapshot(0, &[("new", "1")]))[..30]);
        master
    });
    noticed("in the stream", |net| {
        let (master, _) = greet(net, "x");
        net.send(master, b"+CONTINUE\r\n");
        master
    });
}

#[test]
fn a_dial_that_nobody_answers_is_given_up_and_tried_again() {
    let mut net = Net::with(&["b"], &config());
    net.run("b", "REPLICAOF void 1");
    net.pass_secs(200);
    let attempts = net.log("b").matches("Timeout connecting to the MASTER").count();
    assert!((2..=3).contains(&attempts), "{attempts}");
    assert!(net.node("b").connection_count() <= 2, "no dial is left behind");
}

#[test]
fn signs_of_life_keep_every_state_alive() {
    let mut net = follower();
    let (master, _) = greet(&mut net, "x");
    let alive = |net: &mut Net| {
        for _ in 0..100 {
            net.send(master, b"\n");
            net.pass_secs(1);
        }
        assert!(net.is_open(master));
    };
    alive(&mut net);
    net.send(master, &fullresync(200));
    alive(&mut net);
    assert!(net.read_text(master).ends_with("\n\n\n"), "and the replica gives its own");
    net.send(master, &with_length(&snapshot(0, &[])));
    assert_eq!(net.view("b").link, "connected");
}

#[test]
fn acknowledgements_do_not_hide_a_dead_master() {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let master = feed(&mut net, "x", 100, &[]);
    net.pass_secs(58);
    assert!(net.is_open(master));
    assert_eq!(net.read_text(master).matches("ACK").count(), 58);
    net.pass_secs(5);
    assert!(!net.is_open(master));
}

#[test]
fn a_replica_that_falls_silent_is_dropped() {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = attach(&mut net, "a");
    net.pass_secs(58);
    assert!(net.is_open(replica));
    net.pass_secs(5);
    assert!(!net.is_open(replica));
    assert!(net.log("a").contains("Disconnecting timedout replica (streaming sync)"));
    let (replica, _, offset) = attach(&mut net, "a");
    for _ in 0..100 {
        net.send(replica, &command(&format!("REPLCONF ACK {offset}")));
        net.pass_secs(1);
    }
    assert!(net.is_open(replica));
}

#[test]
fn a_replica_that_takes_long_to_load_is_waited_for() {
    let mut net = Net::with(&["a"], &config());
    let replica = psync(&mut net, "a", MODERN, "PSYNC ? -1");
    net.run("a", "SET k 1");
    net.read(replica);
    for _ in 0..200 {
        net.send(replica, b"\n");
        net.pass_secs(1);
    }
    assert!(net.is_open(replica), "a bare newline is a sign of life");
    net.send(replica, &command("REPLCONF ACK 0"));
    assert!(net.read_text(replica).starts_with(&(text("SELECT 0") + &text("SET k 1"))));
    let mute = psync(&mut net, "a", MODERN, "PSYNC ? -1");
    net.pass_secs(63);
    assert!(!net.is_open(mute));
}

#[test]
fn a_replica_that_does_not_read_its_payload_is_dropped() {
    let mut net = Net::with(&["a"], &config());
    net.run("a", &format!("SET k {}", "x".repeat(1000)));
    let replica = net.connect("a");
    net.command(replica, "REPLCONF capa eof");
    net.hold(replica);
    net.send(replica, &command("PSYNC ? -1"));
    net.pass_secs(63);
    net.release(replica);
    assert!(!net.is_open(replica));
    assert!(net.log("a").contains("Disconnecting timedout replica (full sync)"));
}

#[test]
fn a_refusal_for_the_moment_costs_nothing_but_time() {
    for line in ["-NOMASTERLINK Can't SYNC", "-LOADING Redis is loading the dataset in memory"] {
        let mut net = follower();
        let (master, _) = greet(&mut net, "x");
        net.send(master, format!("{line}\r\n").as_bytes());
        assert!(!net.is_open(master) && !net.is_dialled("x"));
        net.until_dialled("x");
        let (_, asked) = greet(&mut net, "x");
        assert_eq!(asked, format!("PSYNC {OTHER_ID} 101"), "after {line}");
    }
    let mut net = follower();
    let master = net.accept_dial("x");
    net.send(master, b"-MASTERDOWN Link with MASTER is down\r\n");
    assert!(!net.is_open(master));
    net.until_dialled("x");
    let (_, asked) = greet(&mut net, "x");
    assert_eq!(asked, format!("PSYNC {OTHER_ID} 101"));
}

#[test]
fn a_replica_of_itself_or_of_a_ring_keeps_trying_and_lives() {
    let mut net = Net::with(&["a", "b", "c"], &config());
    net.run("a", "SET k 1");
    net.run("a", "REPLICAOF a 1");
    net.run("b", "REPLICAOF c 1");
    net.run("c", "REPLICAOF b 1");
    net.pass_secs(20);
    assert!(net.log("a").contains("NOMASTERLINK"), "{}", net.log("a"));
    for name in ["a", "b", "c"] {
        assert_eq!(net.ask(name, "PING"), "+PONG\r\n");
        assert!(net.node(name).connection_count() < 6);
    }
    assert_eq!(net.ask("a", "GET k"), "$1\r\n1\r\n");
    net.run("c", "REPLICAOF NO ONE");
    net.run("a", "REPLICAOF NO ONE");
    net.follow("c", "a");
    net.pass_secs(3);
    net.assert_same(&["a", "c", "b"]);
}

#[test]
fn a_ring_that_was_once_a_chain_does_not_feed_itself() {
    let mut net = Net::with(&["a", "b", "c"], &config());
    net.follow("b", "a");
    net.follow("c", "b");
    net.run("a", "SET k 1");
    net.follow("a", "c");
    let before = ["a", "b", "c"].map(|name| net.view(name).offset);
    net.pass_secs(100);
    assert_eq!(["a", "b", "c"].map(|name| net.view(name).offset), before, "nobody writes");
    net.run("b", "REPLICAOF NO ONE");
    net.pass_secs(5);
    net.run("b", "SET k 2");
    net.assert_same(&["b", "c", "a"]);
}

#[test]
fn a_timeout_may_be_shorter() {
    let (repl_timeout, repl_ping_replica_period) = (Duration::from_secs(5), Duration::from_secs(1));
    let short = Config { repl_timeout, repl_ping_replica_period, ..config() };
    let mut net = Net::with(&["a", "b"], &short);
    net.follow("b", "a");
    net.pass_secs(20);
    assert!(!net.log("a").contains("timedout") && !net.log("b").contains("Timeout"));
    net.stall("a", "b");
    net.pass_secs(8);
    assert!(net.log("a").contains("timedout") && net.log("b").contains("Timeout"));
    net.assert_same(&["a", "b"]);
}

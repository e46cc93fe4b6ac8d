//! The handshake between a replica and its master, word by word, from either end.

use repl_core::base::config::Config;

use crate::{
    net::{Net, Peer, command, config},
    script::{MARK, MODERN, OTHER_ID, attach, attach_as, feed, fullresync, psync, snapshot, text},
};

/// A node that has been told to follow the scripted `x`, and the connection that it makes.
fn follower(config: &Config) -> (Net, Peer) {
    let mut net = Net::with(&["b"], config);
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let master = net.accept_dial("x");
    (net, master)
}

#[test]
fn a_replica_says_ping_and_everything_else_when_that_is_answered() {
    let known = Config {
        masteruser: "u".into(),
        masterauth: "p".into(),
        replica_announce_ip: "1.2.3.4".into(),
        replica_announce_port: 7,
        ..config()
    };
    let (mut net, master) = follower(&known);
    assert_eq!(net.read_text(master), text("PING"));
    net.pass_secs(3);
    assert_eq!(net.read_text(master), "", "it waits");
    net.send(master, b"+PONG\r\n");
    let all = ["AUTH u p", "REPLCONF listening-port 7", "REPLCONF ip-address 1.2.3.4"];
    let all = all.map(text).concat() + &text("REPLCONF capa eof capa psync2");
    assert_eq!(net.read_text(master), all, "at once");
    for answer in ["+OK\r\n", "-ERR what\r\n", "+OK\r\n"] {
        net.send(master, answer.as_bytes());
        assert_eq!(net.read_text(master), "", "one answer is left");
    }
    net.send(master, b"-ERR what\r\n");
    assert_eq!(net.read_text(master), text("PSYNC ? -1"));

    let (mut net, master) = follower(&Config { port: 77, ..config() });
    net.send(master, b"+PONG\r\n");
    let least = text("PING") + &text("REPLCONF listening-port 77");
    assert_eq!(net.read_text(master), least + &text("REPLCONF capa eof capa psync2"));
}

#[test]
fn whoever_answers_ping_somehow_is_spoken_to_and_whoever_refuses_it_is_not() {
    for answer in ["+hello", "-NOAUTH say who", "-NOPERM no", "-ERR operation not permitted"] {
        let (mut net, master) = follower(&config());
        net.read(master);
        net.send(master, format!("{answer}\r\n").as_bytes());
        assert!(net.read_text(master).contains("capa"), "after {answer}");
    }
    for answer in ["-ERR not now", "-BUSY", "PONG", ":1", "$4"] {
        let (mut net, master) = follower(&config());
        net.send(master, format!("{answer}\r\n").as_bytes());
        assert!(!net.is_open(master), "after {answer}");
        assert!(!net.is_dialled("x"));
        net.until_dialled("x");
    }
}

#[test]
fn following_begins_at_once_and_leaves_replicas_where_they_are() {
    let mut net = Net::with(&["a", "b"], &config());
    net.script("x");
    net.script("y");
    net.follow("b", "a");
    let (below, ..) = attach(&mut net, "b");
    assert_eq!(net.ask("b", "REPLICAOF x 1"), "+OK\r\n");
    let first = net.accept_dial("x");
    net.read(first);
    assert_eq!(net.ask("b", "SLAVEOF y 1"), "+OK\r\n");
    assert!(!net.is_open(first), "the attempt under way is given up");
    let second = net.accept_dial("y");
    net.send(second, b"+PONG\r\n+OK\r\n+OK\r\n");
    let payload = snapshot(0, &[("k", "1")]);
    net.send(second, &fullresync(100));
    net.send(second, format!("$EOF:{MARK}\r\n").as_bytes());
    net.send(second, &payload);
    net.pass_secs(1);
    assert!(net.is_open(below), "its history has not ended yet");
    net.send(second, MARK.as_bytes());
    assert!(!net.is_open(below), "now it has");
    let (_, id, offset) = attach(&mut net, "b");
    assert_eq!((id.as_str(), offset), (OTHER_ID, 100));
}

#[test]
fn a_loaded_replica_says_so_at_once_and_then_each_second() {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    // That the first one comes at once is demanded there.
    let master = feed(&mut net, "x", 100, &[]);
    assert_eq!(net.read_text(master), "");
    net.pass_secs(2);
    assert_eq!(net.read_text(master), text("REPLCONF ACK 100").repeat(2));
}

#[test]
fn what_was_acknowledged_stays_acknowledged() {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = attach(&mut net, "a");
    net.run("a", "SET k 1");
    let end = net.view("a").offset;
    // Who has an append-only file says how far that is as well.
    for acked in [end.to_string(), "0".into(), (end - 1).to_string(), format!("{end} FACK 1")] {
        net.send(replica, &command(&format!("REPLCONF ACK {acked}")));
        let listed = net.ask("a", "INFO replication");
        assert!(listed.contains(&format!("state=online,offset={end},lag=0")), "{listed}");
    }
}

#[test]
fn a_replica_that_goes_on_is_online_at_once() {
    let mut net = Net::with(&["a"], &config());
    let (replica, id, offset) = attach(&mut net, "a");
    net.run("a", "SET k 1");
    net.close(replica);
    let again = psync(&mut net, "a", MODERN, &format!("PSYNC {id} {}", offset + 1));
    assert!(net.ask("a", "INFO replication").contains("state=online,offset=0,lag=0"));
    net.run("a", "SET k 2");
    let told = format!("+CONTINUE {id}\r\n{}", text("SELECT 0"));
    assert_eq!(net.read_text(again), told + &text("SET k 1") + &text("SET k 2"));
}

#[test]
fn what_newer_replicas_offer_is_taken_as_if_it_had_not_been_said() {
    for offer in [
        "capa eof capa psync2 capa rdb-channel-repl",
        "capa eof capa psync2 capa dual-channel capa skip-rdb-checksum version 9.0.0",
    ] {
        let mut net = Net::with(&["a"], &config());
        let (replica, ..) = attach_as(&mut net, "a", offer);
        net.run("a", "SET k 1");
        assert_eq!(net.read_text(replica), text("SELECT 0") + &text("SET k 1"), "{offer}");
    }
    let mut net = Net::with(&["a"], &config());
    for option in ["set-rdb-client-id", "main-ch-client-id", "set-cluster-node-id"] {
        let refused = format!("-ERR Unrecognized REPLCONF option: {option}\r\n");
        assert_eq!(net.ask("a", &format!("REPLCONF {option} 5")), refused);
    }
}

#[test]
fn a_master_that_wants_two_connections_is_asked_the_old_way() {
    for answer in ["+RDBCHANNELSYNC 5\r\n", "+DUALCHANNELSYNC\r\n"] {
        let (mut net, master) = follower(&config());
        net.send(master, b"+PONG\r\n+OK\r\n+OK\r\n");
        net.read(master);
        net.send(master, answer.as_bytes());
        assert_eq!(net.read_text(master), "SYNC\r\n", "nobody has offered that: {answer}");
    }
}

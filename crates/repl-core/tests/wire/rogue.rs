//! Peers that misbehave: whatever they send ends in a clear error or a closed connection, never in
//! the stream.

use repl_core::base::config::Config;

use crate::{
    net::{Net, Peer, command, config},
    script::{MODERN, attach, psync, text},
};

/// What a replica's connection gets after it sent `bytes`, with writes before and after.
fn misbehaves(bytes: &[u8]) -> (String, bool) {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = attach(&mut net, "a");
    net.run("a", "SET k 1");
    // Half a command has left when the bytes come in: whatever is said now would become a part of
    // it.
    net.send(replica, bytes);
    net.run("a", "SET k 2");
    net.pass_secs(1);
    let heard = net.read_text(replica);
    let open = net.is_open(replica);
    assert_eq!(net.ask("a", "GET k"), "$1\r\n2\r\n", "the master lives");
    (heard, open)
}

#[test]
fn no_command_of_a_replica_is_answered_in_the_stream() {
    let whole = text("SELECT 0") + &text("SET k 1") + &text("SET k 2");
    for words in [
        "GET k",
        "SET k 9",
        "PING",
        "nonsense",
        "CONFIG GET maxmemory",
        "INFO",
        "EXEC",
        "MULTI",
        "REPLICAOF NO ONE",
        "REPLICAOF a 1",
        "REPLCONF listening-port 7",
        "REPLCONF what 1",
        "REPLCONF odd",
        "QUIT",
        "SELECT 1",
        "COMMAND",
        "ROLE",
        "GET",
        "AUTH x",
        "DEBUG DIGEST",
        "SHUTDOWN what",
    ] {
        let (heard, open) = misbehaves(&command(words));
        assert!(!open, "{words} would be answered, so the connection ends");
        assert!(whole.starts_with(&heard), "{words}: {heard:?}");
    }
    for words in ["PSYNC ? -1", "SYNC", "REPLCONF ACK 999999", "REPLCONF GETACK *"] {
        assert_eq!(misbehaves(&command(words)), (whole.clone(), true), "{words} is ignored");
    }
}

#[test]
fn garbage_of_a_replica_is_not_answered_in_the_stream_either() {
    let whole = text("SELECT 0") + &text("SET k 1") + &text("SET k 2");
    for garbage in [&b"*x\r\n"[..], b"*1\r\n+x\r\n", b"\"\r\n", b"*1\r\n$-9\r\n", &[b'z'; 70_000]] {
        let (heard, open) = misbehaves(garbage);
        assert!(!open, "{}", garbage.escape_ascii());
        assert!(whole.starts_with(&heard), "{heard:?}");
    }
}

#[test]
fn a_refusal_never_cuts_into_a_command_that_has_half_left() {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = attach(&mut net, "a");
    net.slow("script", "a", 20);
    net.run("a", &format!("SET k {}", "x".repeat(500)));
    net.pass_secs(1);
    net.send(replica, b"*x\r\n");
    net.pass_secs(60);
    assert!(!net.is_open(replica));
    assert!(!net.read_text(replica).contains("ERR"));
}

#[test]
fn nobody_can_have_applied_a_byte_that_does_not_exist() {
    let mut net = Net::with(&["a"], &config());
    let (replica, _, offset) = attach(&mut net, "a");
    net.send(replica, &command("REPLCONF ACK 18446744073709551615"));
    net.send(replica, &command("REPLCONF ACK -1"));
    net.send(replica, &command("REPLCONF ACK x"));
    let role = net.ask("a", "ROLE");
    assert!(role.ends_with(&format!("${}\r\n{offset}\r\n", offset.to_string().len())), "{role:?}");
    assert!(net.is_open(replica));
}

/// The reply to `words` on a fresh connection, after `before`.
fn reply(net: &mut Net, name: &str, before: &str, words: &str) -> String {
    let peer = net.connect(name);
    if !before.is_empty() {
        net.command(peer, before);
    }
    net.command(peer, words)
}

const FILTER: &str = "-ERR Filtered replica requires EOF capability\r\n";

#[test]
fn psync_is_refused_in_clear_words() {
    let mut net = Net::with(&["a", "b"], &config());
    net.run("b", "REPLICAOF a 1");
    net.cut("a", "b");
    let cases = [
        ("a", "", "PSYNC ? x", "-ERR value is not an integer or out of range\r\n"),
        ("a", "", "PSYNC ?", "-ERR wrong number of arguments for 'psync' command\r\n"),
        ("a", "MULTI", "PSYNC ? -1", "-ERR Command not allowed inside a transaction\r\n"),
        ("a", "", "PSYNC ? -1 FAILOVER", "-ERR PSYNC FAILOVER can't be sent to a master.\r\n"),
        ("b", "", "PSYNC ? -1", "-NOMASTERLINK Can't SYNC while not connected with my master\r\n"),
        ("a", "REPLCONF rdb-filter-only functions", "PSYNC ? x", FILTER),
        ("a", "REPLCONF rdb-filter-only functions", "SYNC", FILTER),
        ("b", "", "SYNC", "-NOMASTERLINK Can't SYNC while not connected with my master\r\n"),
    ];
    for (name, before, words, expect) in cases {
        assert_eq!(reply(&mut net, name, before, words), expect, "{words}");
    }
    let pipelined = net.connect("a");
    net.send(pipelined, &[command("PING"), command("PSYNC ? -1")].concat());
    let expect = "+PONG\r\n-ERR SYNC and PSYNC are invalid with pending output\r\n";
    assert_eq!(net.read_text(pipelined), expect);
    assert!(net.is_open(pipelined));
    let (monitor, before) = (net.connect("a"), net.node("a").stats().sync_full);
    assert_eq!(net.command(monitor, "MONITOR"), "+OK\r\n");
    for words in ["PSYNC ? -1", "SYNC", "MONITOR"] {
        assert_eq!(net.command(monitor, words), "", "to {words}");
    }
    assert!(net.is_open(monitor));
    assert_eq!(net.node("a").stats().sync_full, before);
}

#[test]
fn replconf_is_refused_in_clear_words() {
    let mut net = Net::with(&["a"], &config());
    let long = "1".repeat(256);
    let cases = [
        ("REPLCONF capa", "-ERR syntax error\r\n".to_owned()),
        ("REPLCONF what 1", "-ERR Unrecognized REPLCONF option: what\r\n".into()),
        ("REPLCONF listening-port x", "-ERR value is not an integer or out of range\r\n".into()),
        ("REPLCONF rdb-only x", "-ERR value is not an integer or out of range\r\n".into()),
        (
            "REPLCONF rdb-only 2",
            "-ERR value is out of range, value must between 0 and 1\r\n".into(),
        ),
        (
            "REPLCONF rdb-filter-only keys",
            "-ERR Unsupported rdb-filter-only option: keys\r\n".into(),
        ),
        ("REPLCONF version 8.0.0 rdb-channel 1", "+OK\r\n".into()),
        ("REPLCONF ACK 5", String::new()),
    ];
    for (words, expect) in cases {
        assert_eq!(reply(&mut net, "a", "", words), expect, "{words}");
    }
    let refused = reply(&mut net, "a", "", &format!("REPLCONF ip-address {long}"));
    assert!(refused.starts_with("-ERR REPLCONF ip-address"), "{refused}");
}

#[test]
fn malformed_requests_end_in_an_error_and_a_closed_connection() {
    let cases: [(&[u8], &str); 7] = [
        (b"*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1000000000000\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\n+a\r\n", "-ERR Protocol error: expected '$', got '+'\r\n"),
        (b"*1\r\n$x\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        (b"GET \"k\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
        (&[b'a'; 70_000], "-ERR Protocol error: too big inline request\r\n"),
    ];
    for (bytes, expect) in cases {
        let mut net = Net::with(&["a"], &config());
        let peer = net.connect("a");
        net.send(peer, &[&command("SET k 1")[..], bytes, &command("SET k 2")].concat());
        assert_eq!(net.read_text(peer), format!("+OK\r\n{expect}"));
        assert!(!net.is_open(peer));
        assert_eq!(net.ask("a", "GET k"), "$1\r\n1\r\n", "nothing behind it is looked at");
    }
}

#[test]
fn a_stranger_may_not_become_a_replica() {
    let secret = Config { requirepass: "s".into(), masterauth: "s".into(), ..config() };
    let mut net = Net::with(&["a", "b"], &secret);
    for words in ["PSYNC ? -1", "SYNC", "REPLCONF capa eof", "REPLICAOF NO ONE", "GET k", "INFO"] {
        assert_eq!(reply(&mut net, "a", "", words), "-NOAUTH Authentication required.\r\n");
    }
    net.run("b", "AUTH s");
    net.follow("b", "a");
    net.assert_same(&["a", "b"]);
    net.run("b", "CONFIG SET masterauth wrong");
    net.reset("a", "b");
    net.pass_secs(3);
    assert_eq!(net.view("b").link, "connect");
    assert!(net.log("b").contains("Unable to AUTH to MASTER"));
}

#[test]
fn psync_twice_is_one_replica() {
    let mut net = Net::with(&["a"], &config());
    let replica: Peer = psync(&mut net, "a", MODERN, "PSYNC ? -1");
    let first = net.read(replica).len();
    net.send(replica, &command("PSYNC ? -1"));
    assert_eq!((net.read(replica).len(), first > 100), (0, true));
    assert_eq!(net.node("a").stats().sync_full, 1);
    net.close(replica);
    assert_eq!(net.node("a").connection_count(), 0);
}

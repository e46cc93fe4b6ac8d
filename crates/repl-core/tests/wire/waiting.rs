//! Clients that wait for replicas, and writes that need them.

use repl_core::base::config::Config;

use crate::{
    net::{Net, command, config},
    script::{MODERN, attach, psync, text},
};

#[test]
fn wait_counts_at_once_when_it_need_not_wait() {
    let mut net = Net::with(&["a"], &config());
    for (words, expect) in [
        ("WAIT x 1", "-ERR value is not an integer or out of range\r\n"),
        ("WAIT 1 x", "-ERR timeout is not an integer or out of range\r\n"),
        ("WAIT 1 -1", "-ERR timeout is negative\r\n"),
        ("WAIT -1 1", ":0\r\n"),
        ("WAIT 0 0", ":0\r\n"),
    ] {
        assert_eq!(net.ask("a", words), expect, "{words}");
    }
    attach(&mut net, "a");
    assert_eq!(net.ask("a", "WAIT 1 0"), ":1\r\n", "who wrote nothing waits for nothing");
}

#[test]
fn wait_asks_replicas_and_goes_on_when_they_answer() {
    let mut net = Net::with(&["a"], &config());
    let (replica, _, offset) = attach(&mut net, "a");
    let client = net.connect("a");
    net.command(client, "SET k 1");
    net.read(replica);
    let sent = [command("WAIT 1 0"), command("GET k")].concat();
    net.send(client, &sent);
    assert_eq!(net.read_text(client), "", "it waits, and so does what it sent next");
    assert_eq!(net.read_text(replica), text("REPLCONF GETACK *"));
    net.send(replica, &command(&format!("REPLCONF ACK {}", offset + 1)));
    assert_eq!(net.read_text(client), "", "the write is not acknowledged yet");
    let end = net.view("a").offset;
    net.send(replica, &command(&format!("REPLCONF ACK {end}")));
    assert_eq!(net.read_text(client), ":1\r\n$1\r\n1\r\n");
}

#[test]
fn who_has_seen_a_write_of_another_waits_for_it_too() {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = attach(&mut net, "a");
    let (reader, stranger) = (net.connect("a"), net.connect("a"));
    net.run("a", "SET k 1");
    assert_eq!(net.command(reader, "GET k"), "$1\r\n1\r\n");
    assert_eq!(net.command(reader, "WAIT 1 0"), "");
    assert_eq!(net.command(stranger, "WAIT 1 0"), ":1\r\n", "who has seen nothing does not");
    let end = net.view("a").offset;
    net.send(replica, &command(&format!("REPLCONF ACK {end}")));
    assert_eq!(net.read_text(reader), ":1\r\n");
}

#[test]
fn wait_gives_up_after_its_timeout() {
    let mut net = Net::with(&["a"], &config());
    attach(&mut net, "a");
    let client = net.connect("a");
    net.command(client, "SET k 1");
    assert_eq!(net.command(client, "WAIT 1 1500"), "");
    net.pass_secs(1);
    assert_eq!(net.read_text(client), "");
    net.pass_secs(1);
    assert_eq!(net.read_text(client), ":0\r\n");
    assert_eq!(net.command(client, "PING"), "+PONG\r\n");
    // redis: 7.0 has this overflow, and waits for ever as well
    assert_eq!(net.command(client, "WAIT 2 9223372036854775807"), "");
    net.pass_secs(100_000);
    assert_eq!(net.read_text(client), "");
}

#[test]
fn real_replicas_are_waited_for() {
    let mut net = Net::with(&["a", "b", "c"], &config());
    net.follow("b", "a");
    net.follow("c", "a");
    net.run("a", "SET k 1");
    assert_eq!(net.ask("a", "WAIT 2 0"), ":2\r\n");
    net.stall("a", "c");
    net.run("a", "SET k 2");
    assert_eq!(net.ask("a", "WAIT 1 0"), ":1\r\n");
    assert_eq!(net.ask("a", "WAIT 2 100"), "");
}

#[test]
fn in_a_transaction_wait_does_not_wait() {
    let mut net = Net::with(&["a"], &config());
    attach(&mut net, "a");
    for words in ["SET k 1", "MULTI", "WAIT 1 0", "PING"] {
        net.run("a", words);
    }
    assert_eq!(net.ask("a", "EXEC"), "*2\r\n:0\r\n+PONG\r\n");
}

#[test]
fn another_client_can_end_a_wait() {
    let mut net = Net::with(&["a"], &config());
    let client = net.connect("a");
    attach(&mut net, "a");
    for (how, unblocked, reply) in [
        ("CLIENT UNBLOCK 1", ":1\r\n", ":0\r\n"),
        ("CLIENT UNBLOCK 1 ERROR", ":1\r\n", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"),
        ("CLIENT UNBLOCK 99", ":0\r\n", ""),
    ] {
        net.command(client, "SET k 1");
        net.command(client, "WAIT 1 0");
        assert_eq!(net.ask("a", how), unblocked, "{how}");
        assert_eq!(net.read_text(client), reply, "{how}");
    }
    let wrong = "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n";
    assert_eq!(net.ask("a", "CLIENT UNBLOCK 1 foo"), wrong);
}

#[test]
fn who_waits_for_replicas_is_disconnected_when_we_become_one() {
    let mut net = Net::with(&["a", "b"], &config());
    attach(&mut net, "a");
    let (client, closed) = (net.connect("a"), net.connect("a"));
    for one in [client, closed] {
        net.command(one, "SET k 1");
        assert_eq!(net.command(one, "WAIT 1 0"), "");
    }
    net.close(closed);
    net.follow("a", "b");
    assert!(net.read_text(client).starts_with("-UNBLOCKED force unblock from blocking operation"));
    assert!(!net.is_open(client));
    let reply = net.ask("a", "WAIT 1 0");
    assert!(reply.starts_with("-ERR WAIT cannot be used with replica instances."), "{reply}");
}

#[test]
fn writes_need_replicas_that_live() {
    let config = Config { min_replicas_to_write: 1, ..config() };
    let mut net = Net::with(&["a"], &config);
    let refusal = "-NOREPLICAS Not enough good replicas to write.\r\n";
    assert_eq!(net.ask("a", "SET k 1"), refusal);
    assert_eq!(net.ask("a", "GET k"), "$-1\r\n");
    let loading = psync(&mut net, "a", MODERN, "PSYNC ? -1");
    assert!(!net.read(loading).is_empty());
    assert_eq!(net.ask("a", "SET k 1"), refusal, "nothing says that it holds the dataset");
    net.close(loading);
    attach(&mut net, "a");
    net.run("a", "SET k 1");
    net.run("a", "MULTI");
    net.run("a", "SET k 2");
    net.pass_secs(12);
    let reply = net.ask("a", "EXEC");
    assert!(
        reply.starts_with("-EXECABORT Transaction discarded because of: NOREPLICAS"),
        "{reply}"
    );
    assert_eq!(net.ask("a", "SET k 1"), refusal, "the replica has been silent for too long");
}

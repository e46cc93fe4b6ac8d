//! Clients that wait for a key: who is served, with what, in which order, and what replicas hear.

use std::time::Duration;

use repl_core::base::config::{Access, Config};

use crate::{
    net::{Net, Peer, command, config},
    script::{attach, feed, text},
};

const UNBLOCKED: &str = "-UNBLOCKED force unblock from blocking operation, instance state changed \
                         (master -> replica?)\r\n";
const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

/// A client that has sent a command and waits.
fn waiter(net: &mut Net, words: &str) -> Peer {
    let client = net.connect("a");
    assert_eq!(net.command(client, words), "", "{words}");
    client
}

fn bulk(item: &str) -> String {
    format!("${}\r\n{item}\r\n", item.len())
}

/// The reply to `BLPOP`.
fn pair(key: &str, item: &str) -> String {
    format!("*2\r\n{}{}", bulk(key), bulk(item))
}

/// What replicas hear, as commands that are separated by semicolons.
fn told(words: &str) -> String {
    words.split("; ").filter(|words| !words.is_empty()).map(text).collect()
}

/// Clients wait, in this order; commands run; each waiter has its reply, and a replica has heard
/// what it must.
#[track_caller]
fn check(waiters: &[(&str, String)], commands: &str, stream: &str) {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = attach(&mut net, "a");
    for words in ["SET s v", "RPUSH o x y"] {
        net.run("a", words);
    }
    let clients: Vec<Peer> = waiters.iter().map(|(words, _)| waiter(&mut net, words)).collect();
    net.read(replica);
    commands.split("; ").for_each(|words| net.run("a", words));
    for (client, (words, reply)) in clients.into_iter().zip(waiters) {
        assert_eq!(net.read_text(client), *reply, "{words}");
    }
    assert_eq!(net.read_text(replica), told(stream));
}

#[test]
fn whatever_brings_a_list_serves_who_waits_for_it() {
    for (commands, stream) in [
        ("RPUSH k x", "RPUSH k x; LPOP k"),
        ("LMOVE o k LEFT LEFT", "LMOVE o k LEFT LEFT; LPOP k"),
        ("BRPOPLPUSH o k 0", "RPOPLPUSH o k; LPOP k"),
        ("RENAME o k", "RENAME o k; LPOP k"),
        ("COPY o k", "COPY o k; LPOP k"),
        ("SET k v; COPY o k REPLACE", "SET k v; COPY o k REPLACE; LPOP k"),
        ("MOVE o 1; SWAPDB 0 1; SELECT 1", "MOVE o 1; SWAPDB 0 1"),
    ] {
        let item = if commands.starts_with("BR") { "y" } else { "x" };
        let reply = if commands.contains("SWAP") { String::new() } else { pair("k", item) };
        check(&[("BLPOP k 0", reply)], commands, stream);
    }
    let other_db = "SELECT 1; RPUSH k x; SELECT 0; SWAPDB 0 1";
    let stream = "SELECT 1; RPUSH k x; SELECT 0; SWAPDB 0 1; LPOP k";
    let stream = stream.replace("SELECT 0; ", "");
    // The stream selects a database when it must: for the push, and for the pop.
    let stream = stream.replace("SWAPDB 0 1; LPOP", "SELECT 0; SWAPDB 0 1; LPOP");
    check(&[("BLPOP k 0", pair("k", "x"))], other_db, &stream);
}

#[test]
fn what_brings_no_list_serves_nobody() {
    for (commands, stream) in [
        ("SET k v; DEL k", "SET k v; DEL k"),
        ("SADD k x", "SADD k x"),
        ("RPUSHX k x", ""),
        ("MULTI; RPUSH k x; DEL k; EXEC", "MULTI; RPUSH k x; DEL k; EXEC"),
        ("MULTI; RPUSH k x; DEL k; SET k v; EXEC", "MULTI; RPUSH k x; DEL k; SET k v; EXEC"),
        ("MULTI; RPUSH k x; PEXPIREAT k 1; EXEC", "MULTI; RPUSH k x; DEL k; EXEC"),
        ("FLUSHALL", "FLUSHALL"),
        ("SELECT 1; RPUSH k x", "SELECT 1; RPUSH k x"),
    ] {
        check(&[("BLPOP k 0", String::new())], commands, stream);
    }
    check(
        &[("BLPOP k 0", pair("k", "2"))],
        "FLUSHALL; SET k 1; DEL k; RPUSH k 2",
        "FLUSHALL; SET k 1; DEL k; RPUSH k 2; LPOP k",
    );
}

#[test]
fn who_came_first_is_served_first_as_far_as_it_goes() {
    check(
        &[
            ("BLPOP k 0", pair("k", "1")),
            ("BRPOP k 0", pair("k", "5")),
            (
                "BLMPOP 0 1 k RIGHT COUNT 2",
                format!("*2\r\n{}*2\r\n{}{}", bulk("k"), bulk("4"), bulk("3")),
            ),
            ("BLMPOP 0 1 k LEFT COUNT 2", format!("*2\r\n{}*1\r\n{}", bulk("k"), bulk("2"))),
            ("BLPOP k 0", String::new()),
        ],
        "RPUSH k 1 2 3 4 5",
        "RPUSH k 1 2 3 4 5; LPOP k; RPOP k; RPOP k 2; LPOP k 1",
    );
}

#[test]
fn the_key_that_became_ready_first_serves_first() {
    check(
        &[
            ("BLPOP j k 0", pair("k", "1")),
            ("BLPOP k 0", String::new()),
            ("BLPOP k j k j 0", pair("j", "2")),
        ],
        "MULTI; RPUSH k 1; RPUSH j 2; EXEC",
        "MULTI; RPUSH k 1; RPUSH j 2; EXEC; LPOP k; LPOP j",
    );
}

#[test]
fn a_move_serves_who_waits_for_its_target() {
    let waiters = [
        ("BLPOP l 0", pair("l", "1")),
        ("BRPOPLPUSH k l 0", bulk("1")),
        ("BLMOVE j k RIGHT LEFT 0", bulk("1")),
    ];
    let stream = "RPUSH j 1; LMOVE j k right left; RPOPLPUSH k l; LPOP l";
    check(&waiters, "RPUSH j 1", stream);
    let onto_itself = [
        ("BLMOVE k k LEFT RIGHT 0", bulk("1")),
        ("BRPOPLPUSH k k 0", bulk("2")),
        ("BLPOP k 0", pair("k", "1")),
    ];
    let told = "RPUSH k 1 2; LMOVE k k left right; RPOPLPUSH k k; LPOP k";
    let mut rotated = onto_itself.clone();
    // 1 2, then 2 1, then the 1 at the right goes to the left.
    rotated[1].1 = bulk("1");
    check(&rotated, "RPUSH k 1 2", told);
}

#[test]
fn a_move_to_something_else_fails_when_it_is_served_and_takes_nothing() {
    check(
        &[("BLMOVE k s LEFT LEFT 0", WRONG.into()), ("BLPOP k 0", pair("k", "1"))],
        "RPUSH k 1",
        "RPUSH k 1; LPOP k",
    );
    check(&[("BRPOPLPUSH k s 0", WRONG.into())], "RPUSH k 1", "RPUSH k 1");
}

#[test]
fn a_target_that_has_expired_goes_in_the_same_unit() {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = attach(&mut net, "a");
    net.run("a", "RPUSH l old");
    net.run("a", "PEXPIRE l 10");
    let client = waiter(&mut net, "BLMOVE k l LEFT LEFT 0");
    net.read(replica);
    // No timer fires in between: it is the move that meets the key.
    net.skew("a", 20);
    net.run("a", "RPUSH k new");
    assert_eq!(net.read_text(client), bulk("new"));
    let heard = told("RPUSH k new; MULTI; DEL l; LMOVE k l left left; EXEC");
    assert_eq!(net.read_text(replica), heard);
    assert_eq!(net.ask("a", "LRANGE l 0 -1"), format!("*1\r\n{}", bulk("new")));
}

#[test]
fn a_timeout_is_a_null_in_the_clients_protocol() {
    let mut net = Net::with(&["a"], &config());
    for (hello, null) in [("HELLO 2", "*-1\r\n"), ("HELLO 3", "_\r\n")] {
        for words in
            ["BLPOP k 1.5", "BLMOVE k l LEFT LEFT 1.5", "BRPOPLPUSH k l 1.5", "BLMPOP 1.5 1 k LEFT"]
        {
            let client = net.connect("a");
            net.command(client, hello);
            net.send(client, &[command(words), command("PING")].concat());
            net.pass(Duration::from_millis(1400));
            assert_eq!(net.read_text(client), "", "{words}");
            net.pass(Duration::from_millis(200));
            assert_eq!(net.read_text(client), format!("{null}+PONG\r\n"), "{words}");
        }
    }
    net.run("a", "RPUSH k 1");
    assert_eq!(net.ask("a", "LLEN k"), ":1\r\n", "nobody waits any more");
}

#[test]
fn nobody_waits_in_a_transaction() {
    let mut net = Net::with(&["a"], &config());
    for (hello, nulls) in [("HELLO 2", ["*-1", "$-1", "$-1", "*-1"]), ("HELLO 3", ["_"; 4])] {
        net.ask("a", hello);
        let commands = [
            "MULTI",
            "BLPOP k 0",
            "BLMOVE k l LEFT LEFT 0",
            "BRPOPLPUSH k l 0",
            "BLMPOP 0 1 k LEFT",
        ];
        commands.iter().for_each(|words| net.run("a", words));
        let reply = net.ask("a", "EXEC");
        assert_eq!(reply, format!("*4\r\n{}\r\n", nulls.join("\r\n")));
    }
    assert_eq!(net.ask("a", "PING"), "+PONG\r\n");
}

#[test]
fn a_client_that_has_gone_takes_nothing() {
    let mut net = Net::with(&["a"], &config());
    let (gone, killed) = (waiter(&mut net, "BLPOP k 0"), waiter(&mut net, "BLPOP k j 0"));
    let stays = waiter(&mut net, "BRPOP k 0");
    net.close(gone);
    net.run("a", "CLIENT KILL ID 2");
    assert!(!net.is_open(killed));
    net.run("a", "RPUSH k 1 2");
    assert_eq!(net.read_text(stays), pair("k", "2"));
    assert_eq!(net.ask("a", "LRANGE k 0 -1"), format!("*1\r\n{}", bulk("1")));
    net.run("a", "RPUSH j 1");
    assert_eq!(net.ask("a", "LLEN j"), ":1\r\n");
}

#[test]
fn waiting_clients_are_shown_and_can_be_unblocked() {
    let mut net = Net::with(&["a"], &config());
    let client = waiter(&mut net, "BLPOP k 100");
    let info = net.ask("a", "INFO clients");
    for field in ["blocked_clients:1\r\n", "clients_in_timeout_table:1\r\n"] {
        assert!(info.contains(field), "{info}");
    }
    let list = net.ask("a", "CLIENT LIST ID 1");
    assert!(list.contains(" flags=b ") && list.contains(" cmd=blpop "), "{list}");
    assert_eq!(net.ask("a", "CLIENT UNBLOCK 1"), ":1\r\n");
    assert_eq!(net.read_text(client), "*-1\r\n");
    net.command(client, "BLPOP k 0");
    assert_eq!(net.ask("a", "CLIENT UNBLOCK 1 ERROR"), ":1\r\n");
    assert_eq!(net.read_text(client), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    assert_eq!(net.ask("a", "CLIENT UNBLOCK 1"), ":0\r\n");
    let info = net.ask("a", "INFO clients");
    for field in ["blocked_clients:0\r\n", "clients_in_timeout_table:0\r\n"] {
        assert!(info.contains(field), "{info}");
    }
}

#[test]
fn a_reply_that_is_not_wanted_is_not_given_however_late() {
    let mut net = Net::with(&["a"], &config());
    let client = net.connect("a");
    for ending in ["RPUSH k 1", "CLIENT UNBLOCK 1", "CLIENT UNBLOCK 1 ERROR"] {
        net.send(client, &[command("CLIENT REPLY SKIP"), command("BLPOP k 0")].concat());
        net.run("a", ending);
        assert_eq!(net.command(client, "PING"), "+PONG\r\n", "{ending}");
    }
    net.send(client, &[command("CLIENT REPLY OFF"), command("BLPOP k 0")].concat());
    net.run("a", "RPUSH k 1");
    assert_eq!(net.command(client, "PING"), "");
    assert_eq!(net.ask("a", "EXISTS k"), ":0\r\n");
}

#[test]
fn a_served_pop_changes_the_key_for_who_watches_it() {
    let mut net = Net::with(&["a"], &config());
    let (watcher, client) = (net.connect("a"), net.connect("a"));
    net.command(watcher, "WATCH l");
    net.command(client, "BLMOVE k l LEFT LEFT 0");
    net.run("a", "RPUSH k 1");
    net.command(watcher, "MULTI");
    net.command(watcher, "PING");
    assert_eq!(net.command(watcher, "EXEC"), "*-1\r\n");
}

#[test]
fn nobody_is_served_while_writes_are_paused() {
    let mut net = Net::with(&["a"], &config());
    let client = waiter(&mut net, "BLPOP k 0");
    let impatient = waiter(&mut net, "BLPOP j 0.1");
    for words in ["MULTI", "RPUSH k 1", "CLIENT PAUSE 1000 WRITE", "EXEC"] {
        net.run("a", words);
    }
    net.pass(Duration::from_millis(900));
    assert_eq!(net.read_text(client), "");
    assert_eq!(net.read_text(impatient), "*-1\r\n", "time passes all the same");
    net.pass(Duration::from_millis(200));
    assert_eq!(net.read_text(client), pair("k", "1"));
}

#[test]
fn wait_after_a_served_pop_waits_for_the_pop() {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = attach(&mut net, "a");
    let client = net.connect("a");
    for words in ["BLPOP k 0", "BLMOVE k l LEFT LEFT 0"] {
        assert_eq!(net.command(client, words), "");
        let sent = [command("WAIT 1 0"), command("ECHO x")].concat();
        net.send(client, &sent);
        net.run("a", "RPUSH k 1");
        let served = net.read_text(client);
        assert!(served.ends_with(&bulk("1")), "the wait goes on: {served}");
        let end = net.view("a").offset - text("REPLCONF GETACK *").len() as u64;
        net.send(replica, &command(&format!("REPLCONF ACK {}", end - 1)));
        assert_eq!(net.read_text(client), "", "all but the last byte of the pop");
        net.send(replica, &command(&format!("REPLCONF ACK {end}")));
        assert_eq!(net.read_text(client), format!(":1\r\n{}", bulk("x")));
    }
}

#[test]
fn who_waits_for_a_key_is_disconnected_when_we_become_a_replica() {
    let mut net = Net::with(&["a", "b"], &config());
    let client = waiter(&mut net, "BLPOP k 0");
    net.follow("a", "b");
    assert_eq!(net.read_text(client), UNBLOCKED);
    assert!(!net.is_open(client));
    net.run("b", "RPUSH k 1");
    net.assert_same(&["a", "b"]);
    assert_eq!(net.ask("a", "LLEN k"), ":1\r\n");
    let refusal = "-READONLY You can't write against a read only replica.\r\n";
    assert_eq!(net.ask("a", "BLPOP k 0"), refusal);
}

#[test]
fn a_demotion_in_the_transaction_that_pushes_serves_nobody() {
    let mut net = Net::with(&["a", "b"], &config());
    let client = waiter(&mut net, "BLPOP k 0");
    for words in ["MULTI", "RPUSH k 1", "REPLICAOF b 1", "EXEC"] {
        net.run("a", words);
    }
    assert_eq!(net.read_text(client), UNBLOCKED);
    assert!(!net.is_open(client));
}

#[test]
fn a_writable_replica_serves_its_own_pushes_and_never_those_of_its_master() {
    let writable = Config { replica_read_only: false, ..config() };
    let mut net = Net::with(&["a", "b"], &writable);
    net.follow("a", "b");
    let client = waiter(&mut net, "BLPOP k 0");
    for words in ["RPUSH k 1", "MULTI", "RPUSH k 2", "RENAME k l", "RENAME l k", "EXEC"] {
        net.run("b", words);
    }
    net.assert_same(&["a", "b"]);
    assert_eq!(net.read_text(client), "");
    net.run("b", "DEL k");
    net.run("a", "RPUSH k own");
    assert_eq!(net.read_text(client), pair("k", "own"));
    net.assert_same(&["a", "b"]);
}

#[test]
fn a_promotion_serves_with_what_is_there() {
    let writable =
        Config { replica_read_only: false, enable_debug_command: Access::Yes, ..config() };
    let mut net = Net::with(&["a", "b"], &writable);
    net.follow("a", "b");
    let (client, other) = (waiter(&mut net, "BLPOP k 0"), waiter(&mut net, "BLPOP j 0"));
    net.run("b", "RPUSH k 1");
    // A full sync while they wait: the dataset is another, the lines are the same.
    net.run("b", "DEBUG CHANGE-REPL-ID");
    net.reset("a", "b");
    net.pass_secs(3);
    assert_eq!(net.node("b").stats().sync_full, 2);
    assert_eq!(net.read_text(client), "");
    net.run("a", "REPLICAOF NO ONE");
    assert_eq!(net.read_text(client), pair("k", "1"));
    assert_eq!(net.ask("a", "EXISTS k"), ":0\r\n");
    net.run("a", "RPUSH j 1");
    assert_eq!(net.read_text(other), pair("j", "1"));
}

#[test]
fn a_stream_never_makes_us_wait() {
    let mut net = Net::with(&["a"], &config());
    net.script("x");
    net.run("a", "REPLICAOF x 1");
    let master = feed(&mut net, "x", 100, &[]);
    let said =
        [command("BLPOP k 0"), command("BLMOVE k l LEFT LEFT 0"), command("SET s v")].concat();
    net.send(master, &said);
    assert_eq!(net.view("a").offset, 100 + said.len() as u64);
    assert_eq!(net.ask("a", "GET s"), bulk("v"));
    assert_eq!(net.node("a").stats().unexpected_error_replies, 0);
}

#[test]
fn thousands_wait_and_each_is_served_once() {
    const CLIENTS: usize = 2_000;
    let mut net = Net::with(&["a"], &config());
    let clients: Vec<Peer> = (0..CLIENTS)
        .map(|number| waiter(&mut net, &format!("BLPOP all k{number} {}", 1 + number % 50)))
        .collect();
    let items: Vec<String> = (0..CLIENTS / 2).map(|number| number.to_string()).collect();
    net.run("a", &format!("RPUSH all {}", items.join(" ")));
    for (client, item) in clients.iter().zip(&items) {
        assert_eq!(net.read_text(*client), pair("all", item));
    }
    net.pass_secs(51);
    for client in &clients[CLIENTS / 2..] {
        assert_eq!(net.read_text(*client), "*-1\r\n");
    }
    let info = net.ask("a", "INFO clients");
    for field in ["blocked_clients:0\r\n", "clients_in_timeout_table:0\r\n"] {
        assert!(info.contains(field), "{info}");
    }
}

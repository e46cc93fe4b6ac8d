//! Connections as clients know them: protocol versions, transactions with watches, clients about
//! themselves and about others. What is compared was asked of redis-server 7.0.15.

use repl_core::base::config::{Access, Config};

use crate::{
    net::{Net, Peer, command, config},
    script::{attach, text},
};

/// Sends each command on its client (`a`, `b`, ...) and compares each reply.
#[track_caller]
fn check(net: &mut Net, clients: &[Peer], lines: &[(usize, &str, &str)]) {
    for (client, words, expect) in lines {
        let reply = net.command(clients[*client], words);
        assert_eq!(reply.replace("\r\n", " ").trim_end(), *expect, "{words}");
    }
}

fn two_clients() -> (Net, [Peer; 2]) {
    let config = Config { enable_debug_command: Access::Yes, ..config() };
    let mut net = Net::with(&["a"], &config);
    let clients = [net.connect("a"), net.connect("a")];
    (net, clients)
}

const HELLO: &str = "$6 server $5 redis $7 version $6 7.0.15 $5 proto";
const MODE: &str = "$4 mode $10 standalone $4 role $6 master $7 modules *0";

#[test]
fn hello_chooses_the_protocol_and_replies_are_written_in_it() {
    let (mut net, clients) = two_clients();
    let resp2 = format!("*14 {HELLO} :2 $2 id :1 {MODE}");
    let resp3 = format!("%7 {HELLO} :3 $2 id :1 {MODE}");
    check(
        &mut net,
        &clients,
        &[
            (0, "HELLO", &resp2),
            (0, "GET nothing", "$-1"),
            (0, "HELLO 3", &resp3),
            (0, "GET nothing", "_"),
            (0, "HELLO", &resp3),
            (0, "HELLO 4", "-NOPROTO unsupported protocol version"),
            (0, "HELLO x", "-ERR Protocol version is not an integer or out of range"),
            (0, "HELLO 2 AUTH", "-ERR Syntax error in HELLO option 'AUTH'"),
            (0, "HELLO 2 FOO bar", "-ERR Syntax error in HELLO option 'FOO'"),
            (
                0,
                "HELLO 2 AUTH foo x",
                "-WRONGPASS invalid username-password pair or user is disabled.",
            ),
            (0, "GET nothing", "_"),
            (0, "HELLO 2 AUTH default x SETNAME me", &resp2),
            (0, "CLIENT GETNAME", "$2 me"),
            (1, "CLIENT GETNAME", "$-1"),
            (1, "CLIENT ID", ":2"),
        ],
    );
}

#[test]
fn reset_makes_a_client_new() {
    let (mut net, clients) = two_clients();
    check(
        &mut net,
        &clients,
        &[
            (0, "CLIENT SETNAME me", "+OK"),
            (0, "SELECT 3", "+OK"),
            (0, "WATCH k", "+OK"),
            (0, "SUBSCRIBE c", "*3 $9 subscribe $1 c :1"),
            (0, "RESET", "+RESET"),
            (0, "CLIENT GETNAME", "$-1"),
            (1, "PUBLISH c hi", ":0"),
            (0, "MULTI", "+OK"),
            (0, "RESET", "+RESET"),
            (0, "EXEC", "-ERR EXEC without MULTI"),
            (0, "SET k 1", "+OK"),
            (1, "GET k", "$1 1"),
        ],
    );
}

#[test]
fn a_password_is_asked_for_before_hello() {
    let mut net = Net::with(&["a"], &Config { requirepass: "secret".into(), ..config() });
    let client = net.connect("a");
    let refused = net.command(client, "HELLO 3");
    assert!(
        refused.starts_with("-NOAUTH HELLO must be called with the client already"),
        "{refused}"
    );
    assert!(net.command(client, "PING").starts_with("-NOAUTH"));
    assert!(net.command(client, "HELLO 3 AUTH default wrong").starts_with("-WRONGPASS"));
    assert!(net.command(client, "HELLO 3 AUTH default secret").starts_with("%7\r\n"));
    assert_eq!(net.command(client, "PING"), "+PONG\r\n");
    assert_eq!(net.command(client, "RESET"), "+RESET\r\n");
    assert!(net.command(client, "PING").starts_with("-NOAUTH"), "it must say who it is again");
}

#[test]
fn a_transaction_is_dropped_when_a_watched_key_changed() {
    let (mut net, clients) = two_clients();
    for (change, expect) in [
        ("SET k 1", "*-1"),
        ("SET other 1", "*1 +PONG"),
        ("DEL k", "*-1"),
        ("DEL k", "*1 +PONG"),
        ("FLUSHALL", "*1 +PONG"),
        ("SET k 1", "*-1"),
        ("EXPIRE k 100", "*-1"),
        ("FLUSHDB", "*-1"),
        ("GET k", "*1 +PONG"),
        ("SWAPDB 0 1", "*1 +PONG"),
        ("SET k 1", "*-1"),
        ("SWAPDB 0 1", "*-1"),
        ("SWAPDB 0 1", "*-1"),
        ("RENAME k l", "*-1"),
        ("COPY l k", "*-1"),
        ("COPY k m", "*1 +PONG"),
    ] {
        check(
            &mut net,
            &clients,
            &[(0, "WATCH k", "+OK"), (0, "MULTI", "+OK"), (0, "PING", "+QUEUED")],
        );
        net.command(clients[1], change);
        check(&mut net, &clients, &[(0, "EXEC", expect)]);
    }
    check(
        &mut net,
        &clients,
        &[
            // Its own write counts, the watch ends with EXEC, and UNWATCH and DISCARD end it as
            // well.
            (0, "WATCH k", "+OK"),
            (0, "SET k 1", "+OK"),
            (0, "MULTI", "+OK"),
            (0, "WATCH l", "-ERR WATCH inside MULTI is not allowed"),
            (0, "EXEC", "*-1"),
            (0, "MULTI", "+OK"),
            (0, "EXEC", "*0"),
            (0, "WATCH k", "+OK"),
            (1, "SET k 2", "+OK"),
            (0, "UNWATCH", "+OK"),
            (0, "MULTI", "+OK"),
            (0, "EXEC", "*0"),
            (0, "WATCH k", "+OK"),
            (1, "SET k 3", "+OK"),
            (0, "MULTI", "+OK"),
            (0, "DISCARD", "+OK"),
            (0, "MULTI", "+OK"),
            (0, "EXEC", "*0"),
        ],
    );
}

#[test]
fn a_watched_key_whose_time_has_come_has_changed() {
    let (mut net, clients) = two_clients();
    check(
        &mut net,
        &clients,
        &[
            (0, "DEBUG SET-ACTIVE-EXPIRE 0", "+OK"),
            (0, "SET k 1 PX 500", "+OK"),
            (0, "WATCH k", "+OK"),
        ],
    );
    net.pass_secs(1);
    check(&mut net, &clients, &[(0, "MULTI", "+OK"), (0, "PING", "+QUEUED"), (0, "EXEC", "*-1")]);
    // Expired at the start: that it is deleted now is no news.
    check(
        &mut net,
        &clients,
        &[
            (0, "WATCH k", "+OK"),
            (1, "GET k", "$-1"),
            (0, "MULTI", "+OK"),
            (0, "PING", "+QUEUED"),
            (0, "EXEC", "*1 +PONG"),
        ],
    );
}

#[test]
fn a_replica_notices_that_its_master_changed_a_watched_key() {
    let mut net = Net::with(&["a", "b"], &config());
    net.follow("b", "a");
    let client = net.connect("b");
    for change in ["SET k 1", "FLUSHALL"] {
        for words in ["WATCH k", "MULTI", "PING"] {
            net.command(client, words);
        }
        net.run("a", change);
        assert_eq!(net.command(client, "EXEC"), "*-1\r\n", "{change}");
    }
}

#[test]
fn what_clients_say_about_themselves() {
    let (mut net, clients) = two_clients();
    check(
        &mut net,
        &clients,
        &[
            (0, "CLIENT", "-ERR wrong number of arguments for 'client' command"),
            (0, "CLIENT ID x", "-ERR wrong number of arguments for 'client|id' command"),
            (0, "CLIENT FOO", "-ERR unknown subcommand 'FOO'. Try CLIENT HELP."),
            (
                0,
                "CLIENT SETNAME a\nb",
                "-ERR Client names cannot contain spaces, newlines or special characters.",
            ),
            (0, "CLIENT SETINFO LIB-NAME redis-rs", "+OK"),
            (0, "CLIENT NO-EVICT on", "+OK"),
            (0, "CLIENT NO-EVICT x", "-ERR syntax error"),
            (0, "CLIENT NO-TOUCH on", "+OK"),
            (0, "CLIENT GETREDIR", ":-1"),
            (0, "CLIENT TRACKINGINFO", "*6 $5 flags *1 $3 off $8 redirect :-1 $8 prefixes *0"),
            (0, "CLIENT LIST TYPE foo", "-ERR Unknown client type 'foo'"),
            (0, "CLIENT LIST ID x", "-ERR Invalid client ID"),
            (0, "CLIENT LIST ID", "-ERR syntax error"),
            (0, "CLIENT LIST foo bar", "-ERR syntax error"),
            (0, "CLIENT LIST ID 99", "$0"),
            (0, "CLIENT LIST TYPE master", "$0"),
        ],
    );
    let line = net.command(clients[0], "CLIENT INFO");
    let known = "id=1 addr=127.0.0.1:9 laddr= fd=0 name= age=0 idle=0 flags=eT db=0 sub=0 psub=0 \
                 ssub=0 multi=-1 qbuf=0";
    assert!(line.contains(known), "{line}");
    assert!(
        line.contains(" cmd=client|info user=default redir=-1 resp=2 lib-name=redis-rs"),
        "{line}"
    );
    net.command(clients[1], "GET k");
    let list = net.command(clients[0], "CLIENT LIST TYPE normal");
    assert!(list.contains("id=2 ") && list.contains(" cmd=get "), "{list}");
}

#[test]
fn clients_are_killed_by_what_they_are() {
    let (mut net, clients) = two_clients();
    check(
        &mut net,
        &clients,
        &[
            (0, "CLIENT KILL 1.2.3.4:5", "-ERR No such client"),
            (0, "CLIENT KILL ID x", "-ERR client-id should be greater than 0"),
            (0, "CLIENT KILL ID 0", "-ERR client-id should be greater than 0"),
            (0, "CLIENT KILL ID 99", ":0"),
            (0, "CLIENT KILL TYPE foo", "-ERR Unknown client type 'foo'"),
            (0, "CLIENT KILL FOO bar", "-ERR syntax error"),
            (0, "CLIENT KILL USER foo", "-ERR No such user 'foo'"),
            (0, "CLIENT KILL SKIPME foo", "-ERR syntax error"),
            (1, "SUBSCRIBE c", "*3 $9 subscribe $1 c :1"),
            (0, "CLIENT KILL TYPE pubsub", ":1"),
        ],
    );
    assert!(net.is_open(clients[0]) && !net.is_open(clients[1]));
    let (replica, ..) = attach(&mut net, "a");
    check(&mut net, &clients, &[(0, "CLIENT KILL TYPE replica", ":1")]);
    assert!(!net.is_open(replica));
    for words in ["MULTI", "CLIENT KILL ID 1 SKIPME no", "PING"] {
        net.command(clients[0], words);
    }
    check(&mut net, &clients, &[(0, "EXEC", "*2 :1")]);
    assert!(!net.is_open(clients[0]), "after the reply to that");
}

#[test]
fn a_sentinel_reconfigures_in_one_transaction() {
    let mut net = Net::with(&["a", "b"], &config());
    let (sentinel, client, listener) = (net.connect("b"), net.connect("b"), net.connect("b"));
    net.command(listener, "SUBSCRIBE c");
    for words in [
        "MULTI",
        "SLAVEOF a 1",
        "CONFIG REWRITE",
        "CLIENT KILL TYPE normal",
        "CLIENT KILL TYPE pubsub",
    ] {
        net.command(sentinel, words);
    }
    let reply = net.command(sentinel, "EXEC");
    let no_file = "-ERR The server is running without a config file\r\n";
    assert_eq!(reply, format!("*4\r\n+OK\r\n{no_file}:1\r\n:1\r\n"));
    assert!(!net.is_open(client) && !net.is_open(listener) && net.is_open(sentinel));
    net.pass_secs(2);
    assert_eq!(net.view("b").link, "connected");
}

#[test]
fn a_killed_link_to_the_master_is_made_again() {
    let mut net = Net::with(&["a", "b"], &config());
    net.follow("b", "a");
    assert_eq!(net.ask("b", "CLIENT KILL TYPE master"), ":1\r\n");
    net.pass_secs(2);
    assert_eq!(net.view("b").link, "connected");
    assert_eq!(net.decisions("a").len(), 2);
}

#[test]
fn replies_can_be_switched_off() {
    let (mut net, clients) = two_clients();
    check(
        &mut net,
        &clients,
        &[
            (0, "CLIENT REPLY foo", "-ERR syntax error"),
            (0, "CLIENT REPLY SKIP", ""),
            (0, "PING", ""),
            (0, "PING", "+PONG"),
            (0, "CLIENT REPLY OFF", ""),
            (0, "PING", ""),
            (0, "NONSENSE", ""),
            (0, "CLIENT REPLY SKIP", ""),
            (0, "PING", ""),
            (0, "PING", ""),
            (0, "SUBSCRIBE c", "*3 $9 subscribe $1 c :1"),
            (0, "UNSUBSCRIBE", "*3 $11 unsubscribe $1 c :0"),
            (0, "SET k 1", ""),
            (0, "CLIENT REPLY ON", "+OK"),
            (0, "GET k", "$1 1"),
        ],
    );
}

#[test]
fn a_pause_holds_back_writes_and_what_follows_them() {
    let (mut net, clients) = two_clients();
    check(
        &mut net,
        &clients,
        &[
            (1, "CLIENT PAUSE x", "-ERR timeout is not an integer or out of range"),
            (1, "CLIENT PAUSE -1", "-ERR timeout is negative"),
            (1, "CLIENT PAUSE 1 FOO", "-ERR CLIENT PAUSE mode must be WRITE or ALL"),
            (1, "CLIENT PAUSE 5000 WRITE", "+OK"),
            (0, "GET k", "$-1"),
            (0, "SET k 1", ""),
            (0, "GET k", ""),
            (1, "PUBLISH c hi", ""),
        ],
    );
    net.pass_secs(4);
    assert_eq!(net.read_text(clients[0]), "");
    net.pass_secs(1);
    assert_eq!(net.read_text(clients[0]), "+OK\r\n$1\r\n1\r\n");
    assert_eq!(net.read_text(clients[1]), ":0\r\n");
    check(
        &mut net,
        &clients,
        &[
            (0, "MULTI", "+OK"),
            (0, "SET k 2", "+QUEUED"),
            (1, "CLIENT PAUSE 100000 WRITE", "+OK"),
            (0, "EXEC", ""),
            (1, "CLIENT UNPAUSE", "+OK"),
        ],
    );
    assert_eq!(net.read_text(clients[0]), "*1\r\n+OK\r\n");
}

#[test]
fn while_clients_are_paused_nothing_expires() {
    let (mut net, clients) = two_clients();
    let (replica, ..) = attach(&mut net, "a");
    net.command(clients[0], "SET k 1 PX 500");
    net.command(clients[0], "CLIENT PAUSE 3000 WRITE");
    net.read(replica);
    net.pass_secs(2);
    check(&mut net, &clients, &[(0, "GET k", "$-1"), (0, "DBSIZE", ":1")]);
    assert_eq!(net.read_text(replica), "");
    net.pass_secs(2);
    assert!(net.read_text(replica).ends_with(&text("DEL k")));
}

#[test]
fn monitors_see_commands_but_no_secrets() {
    let (mut net, clients) = two_clients();
    check(&mut net, &clients, &[(0, "MONITOR", "+OK")]);
    net.command(clients[1], "SET a\"'b 1");
    net.command(clients[1], "AUTH default secret");
    net.command(clients[1], "HELLO 2 AUTH default secret SETNAME q");
    net.command(clients[1], "CONFIG GET port");
    let seen = net.read_text(clients[0]);
    let expect = "+1700000000.000000 [0 127.0.0.1:9] \"SET\" \"a\\\"'b\" \"1\"\r\n\
                  +1700000000.000000 [0 127.0.0.1:9] \"AUTH\" \"(redacted)\" \"(redacted)\"\r\n\
                  +1700000000.000000 [0 127.0.0.1:9] \"HELLO\" \"2\" \"AUTH\" \"(redacted)\" \
                  \"(redacted)\" \"SETNAME\" \"q\"\r\n";
    assert_eq!(seen, expect);
    let refusal = "-ERR Replica can't interact with the keyspace";
    check(&mut net, &clients, &[(0, "GET k", refusal), (0, "RESET", "+RESET")]);
    net.command(clients[1], "GET k");
    assert_eq!(net.read_text(clients[0]), "");
}

#[test]
fn strangers_from_afar_are_refused_without_a_password() {
    let protected = Config { protected_mode: true, ..config() };
    let mut net = Net::with(&["a"], &protected);
    net.add("b", config());
    let near = net.connect("a");
    assert_eq!(net.command(near, "PING"), "+PONG\r\n");
    // Node b's address is its name.
    net.run("b", "REPLICAOF a 1");
    net.pass_secs(3);
    assert_ne!(net.view("b").link, "connected");
    assert!(net.log("b").contains("DENIED"), "{}", net.log("b"));
    net.send(near, &command("CONFIG SET protected-mode no"));
    net.pass_secs(3);
    assert_eq!(net.view("b").link, "connected");
}

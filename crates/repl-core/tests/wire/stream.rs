//! The steady stream: what a master says, what a replica applies, and what neither of them answers.

use repl_core::base::config::Config;

use crate::{
    net::{Net, Peer, command, config},
    script::{OTHER_ID, attach, feed, greet, text},
};

#[test]
fn replicas_hear_effects_in_order_and_transactions_as_such() {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = attach(&mut net, "a");
    for words in ["SET k 1", "GET k", "INCR k", "DEL none", "SET k 5 NX", "EXPIRE k 0"] {
        net.run("a", words);
    }
    let heard = text("SELECT 0") + &text("SET k 1") + &text("INCR k") + &text("DEL k");
    assert_eq!(net.read_text(replica), heard);
    for words in ["MULTI", "SET a 1", "SELECT 1", "SET b 2", "GET b", "EXEC"] {
        net.run("a", words);
    }
    let heard = text("MULTI") + &text("SET a 1") + &text("SELECT 1") + &text("SET b 2");
    assert_eq!(net.read_text(replica), heard + &text("EXEC"));
    for words in ["MULTI", "SET b 3", "EXEC", "MULTI", "GET b", "EXEC"] {
        net.run("a", words);
    }
    assert_eq!(net.read_text(replica), text("SET b 3"), "one command goes bare, none not at all");
}

/// A replica whose master is scripted and has said 100 bytes, in a dataset without keys.
fn fed() -> (Net, Peer) {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let master = feed(&mut net, "x", 100, &[]);
    (net, master)
}

#[test]
fn what_a_replica_passes_on_is_what_its_master_said() {
    let (mut net, master) = fed();
    let (replica, id, offset) = attach(&mut net, "b");
    assert_eq!((id.as_str(), offset), (OTHER_ID, 100));
    // Lower case, commands that fail or do not exist, none at all: all of it counts and goes on
    // verbatim.
    let said = [
        &command("set k 1")[..],
        &command("nonsense at all"),
        &command("SET too few arguments here"),
        &command("PING"),
        b"*0\r\n",
        &command("del k"),
    ]
    .concat();
    net.send(master, &said);
    assert_eq!(net.read_text(replica), String::from_utf8_lossy(&said));
    assert_eq!(net.view("b").offset, 100 + said.len() as u64);
    assert_eq!(net.ask("b", "GET k"), "$-1\r\n");
    assert_eq!(net.log("b").matches("== CRITICAL ==").count(), 2);
}

#[test]
fn a_replica_answers_its_master_with_nothing_but_acknowledgements() {
    let (mut net, master) = fed();
    for words in ["PING", "SET k 1", "GET k", "nonsense", "INFO", "EXEC", "CONFIG GET *", "QUIT"] {
        net.send(master, &command(words));
        assert_eq!(net.read_text(master), "", "after {words}");
    }
    let asked = command("REPLCONF GETACK *");
    let before = net.view("b").offset;
    net.send(master, &asked);
    // The question itself counts.
    let end = before + asked.len() as u64;
    assert_eq!(net.read_text(master), text(&format!("REPLCONF ACK {end}")));
    net.pass_secs(3);
    assert_eq!(net.read_text(master), text(&format!("REPLCONF ACK {end}")).repeat(3));
}

#[test]
fn a_master_pings_and_only_a_master() {
    let mut net = Net::with(&["a", "b", "c"], &config());
    net.follow("b", "a");
    net.follow("c", "b");
    let before = net.view("a").offset;
    net.pass_secs(30);
    let pings = (net.view("a").offset - before) / command("PING").len() as u64;
    assert!((2..=4).contains(&pings), "{pings}");
    net.assert_same(&["a", "b", "c"]);
}

/// The link breaks, and the node asks for everything.
fn spoils(bytes: &[u8], reason: &str) {
    let mut net = Net::with(&["b"], &config());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let master = feed(&mut net, "x", 100, &[("k", "1")]);
    net.send(master, bytes);
    assert!(!net.is_open(master), "after {}", bytes.escape_ascii());
    assert!(net.log("b").contains(reason), "{}", net.log("b"));
    let (_, asked) = greet(&mut net, "x");
    assert_eq!(asked, "PSYNC ? -1", "these bytes belong to no history");
    assert_eq!(net.ask("b", "GET k"), "$1\r\n1\r\n", "what was applied stays until then");
}

#[test]
fn bytes_that_are_no_command_break_the_link_and_end_the_history() {
    spoils(b"PING\r\n", "inline command");
    spoils(b"-ERR out of memory\r\n", "inline command");
    spoils(b"*1\r\n+PING\r\n", "Protocol error");
    spoils(b"*x\r\n", "Protocol error");
    spoils(b"*1\r\n$-5\r\n", "Protocol error");
    spoils(&[&command("SET k 1")[..], b"*9999999999\r\n"].concat(), "Protocol error");
}

#[test]
fn a_master_may_send_more_than_clients_may() {
    let small = Config { proto_max_bulk_len: 1000, client_query_buffer_limit: 2000, ..config() };
    let mut net = Net::with(&["b"], &small);
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let master = feed(&mut net, "x", 100, &[]);
    net.send(master, &command(&format!("SET k {}", "x".repeat(5_000))));
    assert!(net.is_open(master));
    net.send(master, &command("APPEND k y"));
    assert_eq!(net.ask("b", "STRLEN k"), ":5001\r\n");
    assert_eq!(net.node("b").stats().unexpected_error_replies, 0);
}

#[test]
fn a_master_cannot_make_its_replica_panic_with_any_command() {
    for words in [
        "REPLICAOF NO ONE",
        "REPLICAOF x 1",
        "REPLICAOF y 2",
        "MULTI",
        "EXEC",
        "DISCARD",
        "QUIT",
        "SHUTDOWN NOSAVE",
        "PSYNC ? -1",
        "SYNC",
        "REPLCONF ACK 5",
        "REPLCONF capa eof",
        "REPLCONF x",
        "AUTH p",
        "SELECT 99",
        "SELECT 3",
        "CONFIG SET repl-backlog-size 100",
        "DEBUG DIGEST",
        "DEBUG CHANGE-REPL-ID",
        "FLUSHALL",
        "ROLE",
        "INFO",
        "COMMAND",
        "KEYS *",
        "REPLCONF GETACK",
    ] {
        let (mut net, master) = fed();
        let (replica, ..) = attach(&mut net, "b");
        for _ in 0..2 {
            net.send(master, &command(words));
            net.send(master, &[command("MULTI"), command(words), command("EXEC")].concat());
            net.send(master, &command("SET k 1"));
        }
        net.read(replica);
        net.pass_secs(3);
        assert_eq!(net.ask("b", "PING"), "+PONG\r\n", "after {words}");
    }
}

#[test]
fn a_monitor_of_a_replica_sees_what_its_master_says() {
    let (mut net, master) = fed();
    let monitor = net.connect("b");
    net.command(monitor, "MONITOR");
    assert!(net.ask("b", "CLIENT LIST").contains(" flags=O "));
    net.send(master, &[command("SELECT 3"), command("set k 1")].concat());
    let seen = net.read_text(monitor);
    let line = seen.lines().last().unwrap_or_default();
    assert!(line.contains(" [3 x:1] \"set\" \"k\" \"1\""), "{seen}");
}

#[test]
fn commands_that_are_not_here_are_passed_on_and_counted_and_nothing_stops() {
    let (mut net, master) = fed();
    let (replica, ..) = attach(&mut net, "b");
    let said = [
        "XADD s 5-1 f v",
        "XTRIM s MAXLEN = 5",
        "EVAL return 0",
        "FUNCTION FLUSH",
        "PFADD h a",
        "SETBIT bits 7 1",
        "BITOP NOT to bits",
        "GEOSEARCHSTORE a b FROMMEMBER c BYRADIUS 1 m",
        "HPEXPIREAT h 1 FIELDS 1 f",
    ];
    for words in said {
        net.send(master, &command(words));
        assert_eq!(net.read_text(replica), text(words));
    }
    net.send(master, &command("SET k 1"));
    assert_eq!(net.ask("b", "GET k"), "$1\r\n1\r\n");
    assert_eq!(net.node("b").stats().unexpected_error_replies, said.len() as u64);
    assert_eq!(net.log("b").matches("'unknown command' after").count(), said.len());
    // And clients are told.
    for words in said.iter().chain(&["WAITAOF 0 1 0", "MIGRATE h 1 k 0 5", "GEOADD g 1 1 m"]) {
        assert!(net.ask("b", words).starts_with("-ERR unknown command"), "{words}");
    }
}

#[test]
fn what_newer_masters_say_is_applied_in_older_words_and_passed_on_as_it_came() {
    let (mut net, master) = fed();
    let (replica, ..) = attach(&mut net, "b");
    let said = [
        &command("HSETEX h KEEPTTL FIELDS 2 f 1.5 g 2")[..],
        &command("MULTI"),
        &command("hgetdel h FIELDS 1 g"),
        &command("msetex 2 a 1 b 2 PXAT 9999999999999"),
        &command("EXEC"),
        &command("set a 3 IFEQ 1"),
        &command("HPERSIST h FIELDS 1 f"),
    ]
    .concat();
    net.send(master, &said);
    assert_eq!(net.read_text(replica), String::from_utf8_lossy(&said));
    assert_eq!(net.view("b").offset, 100 + said.len() as u64);
    assert_eq!(net.ask("b", "HGETALL h"), "*2\r\n$1\r\nf\r\n$3\r\n1.5\r\n");
    assert_eq!(net.ask("b", "MGET a b"), "*2\r\n$1\r\n3\r\n$1\r\n2\r\n");
    assert_eq!(net.ask("b", "PEXPIRETIME b"), ":9999999999999\r\n");
    assert_eq!(net.node("b").stats().unexpected_error_replies, 0);
}

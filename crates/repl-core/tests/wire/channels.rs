//! Channels: who listens, what they are sent, and that replicas hear it. What is compared was asked
//! of redis-server 7.0.15.

use repl_core::base::config::{Config, OutputLimit};

use crate::{
    net::{Net, command, config},
    script::{attach, text},
};

#[test]
fn listeners_by_name_by_pattern_and_by_shard() {
    let mut net = Net::with(&["a"], &config());
    let (one, other) = (net.connect("a"), net.connect("a"));
    let mut say = |client, words: &str| net.command(client, words).replace("\r\n", " ");
    let refusal = "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in \
                   this context";
    assert_eq!(
        say(one, "SUBSCRIBE x y x"),
        "*3 $9 subscribe $1 x :1 *3 $9 subscribe $1 y :2 *3 $9 subscribe $1 x :2 "
    );
    assert_eq!(say(one, "PSUBSCRIBE x*"), "*3 $10 psubscribe $2 x* :3 ");
    assert_eq!(say(one, "PING"), "*2 $4 pong $0  ");
    assert_eq!(say(one, "PING hi"), "*2 $4 pong $2 hi ");
    assert_eq!(say(one, "GET a"), format!("-ERR Can't execute 'get': {refusal} "));
    assert_eq!(say(one, "HELLO 3"), format!("-ERR Can't execute 'hello': {refusal} "));
    assert_eq!(say(one, "SSUBSCRIBE s"), "*3 $10 ssubscribe $1 s :1 ");
    for (words, expect) in [
        ("PUBLISH x hi", ":2 "),
        ("PUBLISH zz hi", ":0 "),
        ("SPUBLISH s hi", ":1 "),
        ("PUBSUB CHANNELS", "*2 $1 x $1 y "),
        ("PUBSUB CHANNELS x*", "*1 $1 x "),
        ("PUBSUB NUMSUB x y zz", "*6 $1 x :1 $1 y :1 $2 zz :0 "),
        ("PUBSUB NUMSUB", "*0 "),
        ("PUBSUB NUMPAT", ":1 "),
        ("PUBSUB NUMPAT x", "-ERR wrong number of arguments for 'pubsub|numpat' command "),
        ("PUBSUB SHARDCHANNELS", "*1 $1 s "),
        ("PUBSUB SHARDNUMSUB s", "*2 $1 s :1 "),
        ("PUBSUB FOO", "-ERR unknown subcommand 'FOO'. Try PUBSUB HELP. "),
        ("PUBSUB", "-ERR wrong number of arguments for 'pubsub' command "),
    ] {
        assert_eq!(say(other, words), expect, "{words}");
    }
    assert_eq!(
        say(one, "UNSUBSCRIBE nope"),
        "*3 $7 message $1 x $2 hi *4 $8 pmessage $2 x* $1 x $2 hi *3 $8 smessage $1 s $2 hi \
         *3 $11 unsubscribe $4 nope :3 "
    );
    assert_eq!(say(one, "UNSUBSCRIBE"), "*3 $11 unsubscribe $1 x :2 *3 $11 unsubscribe $1 y :1 ");
    assert_eq!(say(one, "UNSUBSCRIBE"), "*3 $11 unsubscribe $-1 :1 ");
    assert_eq!(say(one, "PUNSUBSCRIBE"), "*3 $12 punsubscribe $2 x* :0 ");
    assert_eq!(say(one, "SUNSUBSCRIBE"), "*3 $12 sunsubscribe $1 s :0 ");
    assert_eq!(say(one, "GET a"), "$-1 ");
}

#[test]
fn in_resp3_messages_are_pushes_and_every_command_is_allowed() {
    let mut net = Net::with(&["a"], &config());
    let client = net.connect("a");
    net.command(client, "HELLO 3");
    let mut say = |words: &str| net.command(client, words).replace("\r\n", " ");
    assert_eq!(say("SUBSCRIBE x"), ">3 $9 subscribe $1 x :1 ");
    assert_eq!(say("GET foo"), "_ ");
    assert_eq!(say("PING"), "+PONG ");
    assert_eq!(say("PUBLISH x self"), ">3 $7 message $1 x $4 self :1 ");
    assert_eq!(say("UNSUBSCRIBE"), ">3 $11 unsubscribe $1 x :0 ");
    assert_eq!(say("MULTI"), "+OK ");
    assert_eq!(say("SUBSCRIBE q"), "+QUEUED ");
    assert_eq!(say("GET a"), "+QUEUED ");
    assert_eq!(say("EXEC"), "*2 >3 $9 subscribe $1 q :1 _ ");
}

#[test]
fn a_message_reaches_the_listeners_of_replicas_and_their_replicas() {
    let mut net = Net::with(&["a", "b", "c"], &config());
    net.follow("b", "a");
    net.follow("c", "b");
    let (stream, ..) = attach(&mut net, "a");
    let listener = net.connect("c");
    net.command(listener, "SUBSCRIBE x");
    net.read(stream);
    assert_eq!(net.ask("a", "PUBLISH x hi"), ":0\r\n");
    assert_eq!(net.read_text(listener), "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$2\r\nhi\r\n");
    assert!(net.read_text(stream).ends_with(&text("PUBLISH x hi")));
    net.run("a", "SPUBLISH s hi");
    assert_eq!(net.read_text(stream), text("SPUBLISH s hi"));
    net.assert_same(&["a", "b", "c"]);
    // A replica's own messages stay with it.
    assert_eq!(net.ask("b", "PUBLISH x hi"), ":0\r\n");
    assert_eq!(net.read_text(listener), "");
    net.assert_same(&["a", "b", "c"]);
}

#[test]
fn a_listener_that_becomes_a_replica_listens_no_more() {
    let mut net = Net::with(&["a"], &config());
    let listener = net.connect("a");
    for words in ["HELLO 3", "SUBSCRIBE x", "WATCH k", "PSYNC ? -1"] {
        assert_ne!(net.command(listener, words), "", "to {words}");
    }
    net.send(listener, &command("REPLCONF ACK 0"));
    assert_eq!(net.ask("a", "PUBLISH x hi"), ":0\r\n");
    assert_eq!(net.read_text(listener), text("SELECT 0") + &text("PUBLISH x hi"));
    let resp2 = net.connect("a");
    net.command(resp2, "SUBSCRIBE x");
    assert!(net.command(resp2, "PSYNC ? -1").starts_with("-ERR Can't execute 'psync'"));
}

#[test]
fn a_listener_that_does_not_read_is_dropped_and_forgotten() {
    let output_limit_pubsub =
        OutputLimit { hard_bytes: 100_000, ..Config::default().output_limit_pubsub };
    let mut net = Net::with(&["a"], &Config { output_limit_pubsub, ..config() });
    let slow = net.connect("a");
    net.command(slow, "SUBSCRIBE x");
    net.hold(slow);
    for _ in 0..300 {
        net.run("a", &format!("PUBLISH x {}", "m".repeat(1000)));
    }
    assert_eq!(net.ask("a", "PUBLISH x m"), ":0\r\n");
    net.release(slow);
    assert!(!net.is_open(slow));
    assert!(net.log("a").contains("overcoming of output buffer limits"));
}

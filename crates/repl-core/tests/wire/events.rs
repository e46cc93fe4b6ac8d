//! What happens to keys, as those hear it who listen. What is compared was asked of redis-server
//! 7.0.15.

use core::time::Duration;

use repl_core::base::config::{Config, When};

use crate::{
    net::{Net, Peer, config},
    script::{attach, text},
};

/// Nodes that publish all events by name.
fn net(names: &[&str]) -> Net {
    let mut config = config();
    let set = config.set(b"notify-keyspace-events", &[b"EAnm"], When::Boot);
    set.expect("letters that are known");
    Net::with(names, &config)
}

fn listener(net: &mut Net, name: &str) -> Peer {
    let listener = net.connect(name);
    net.command(listener, "PSUBSCRIBE __key*__:*");
    listener
}

/// The events that a listener has got, each with its key.
fn heard(net: &mut Net, listener: Peer) -> String {
    let text = net.read_text(listener);
    let lines: Vec<&str> = text.split("\r\n").collect();
    let events = lines.windows(7).filter(|lines| lines[0] == "pmessage").map(|lines| {
        let channel = lines[4].strip_prefix("__keyevent@").expect("events go by their names");
        format!("{} {}", channel.replace("__", ""), lines[6])
    });
    events.collect::<Vec<_>>().join(", ")
}

#[test]
fn each_event_goes_to_a_channel_of_the_key_and_to_one_of_its_name() {
    let mut net = Net::with(&["a"], &config());
    let (one, other) = (net.connect("a"), net.connect("a"));
    net.command(one, "SUBSCRIBE __keyspace@2__:k __keyevent@2__:lpush");
    net.command(other, "SELECT 2");
    net.command(other, "LPUSH k 1");
    assert_eq!(net.read_text(one), "", "nothing is published unless somebody wants it");
    net.command(other, "CONFIG SET notify-keyspace-events lE");
    net.command(other, "LPUSH k 1");
    let by_name = "*3\r\n$7\r\nmessage\r\n$20\r\n__keyevent@2__:lpush\r\n$1\r\nk\r\n";
    assert_eq!(net.read_text(one), by_name);
    net.command(other, "CONFIG SET notify-keyspace-events KEA");
    net.command(other, "LPUSH k 1");
    let by_key = "*3\r\n$7\r\nmessage\r\n$16\r\n__keyspace@2__:k\r\n$5\r\nlpush\r\n";
    assert_eq!(net.read_text(one), format!("{by_key}{by_name}"));
    net.command(other, "CONFIG SET notify-keyspace-events KEg$");
    net.command(other, "LPUSH k 1");
    net.command(other, "CONFIG SET notify-keyspace-events A");
    net.command(other, "LPUSH k 1");
    assert_eq!(net.read_text(one), "", "another class, or published in no way");
}

/// In the middle of a reply they would break it: there they stand in Redis, where they happen.
#[test]
fn messages_of_what_a_client_does_itself_come_before_its_reply_and_never_within() {
    let mut net = net(&["a"]);
    let client = net.connect("a");
    net.command(client, "HELLO 3");
    net.command(client, "SUBSCRIBE __keyevent@0__:keymiss __keyevent@0__:set x");
    let mut say = |words: &str| net.command(client, words).replace("\r\n", " ");
    let miss = |key: &str| format!(">3 $7 message $22 __keyevent@0__:keymiss $1 {key} ");
    let set = |key: &str| format!(">3 $7 message $18 __keyevent@0__:set $1 {key} ");
    assert_eq!(say("SET k v"), format!("{}+OK ", set("k")));
    assert_eq!(say("MGET a k b"), format!("{}{}*3 _ $1 v _ ", miss("a"), miss("b")));
    assert_eq!(say("GETSET a w"), format!("{}{}_ ", miss("a"), set("a")));
    for words in ["MULTI", "SET k w", "MGET k c", "PUBLISH x y"] {
        say(words);
    }
    let published = ">3 $7 message $1 x $1 y ";
    let reply = "*3 +OK *2 $1 w _ :1 ";
    assert_eq!(say("EXEC"), format!("{}{}{published}{reply}", set("k"), miss("c")));
    say("CLIENT REPLY OFF");
    assert_eq!(say("SET k v"), set("k"));
}

#[test]
fn what_expires_by_itself_is_told_of_and_a_replica_hears_that_it_is_deleted() {
    let mut net = net(&["a", "b"]);
    net.follow("b", "a");
    let (here, there) = (listener(&mut net, "a"), listener(&mut net, "b"));
    net.run("a", "SET k v PX 5");
    net.run("a", "SET l v PX 5");
    net.pass(Duration::from_millis(10));
    net.run("a", "SET l w");
    net.pass(Duration::from_secs(1));
    net.settle();
    let born = "0:new k, 0:set k, 0:expire k, 0:new l, 0:set l, 0:expire l";
    let told = "0:expired l, 0:new l, 0:set l, 0:expired k";
    assert_eq!(heard(&mut net, here), format!("{born}, {told}"));
    let told = "0:del l, 0:new l, 0:set l, 0:del k";
    assert_eq!(heard(&mut net, there), format!("{born}, {told}"));
}

#[test]
fn what_a_waiting_client_takes_is_told_behind_what_served_it() {
    let mut net = net(&["a"]);
    let (one, other) = (net.connect("a"), net.connect("a"));
    net.command(one, "BLMOVE k l LEFT RIGHT 0");
    net.command(other, "BZPOPMIN z 0");
    let listener = listener(&mut net, "a");
    net.run("a", "RPUSH k 1");
    let told = "0:new k, 0:rpush k, 0:new l, 0:rpush l, 0:lpop k, 0:del k";
    assert_eq!(heard(&mut net, listener), told);
    net.run("a", "ZADD z 1 m");
    assert_eq!(heard(&mut net, listener), "0:new z, 0:zadd z, 0:zpopmin z, 0:del z");
}

#[test]
fn events_stay_where_they_happen_and_a_full_sync_is_none() {
    let mut net = net(&["a", "b"]);
    net.run("a", "SET before 1");
    let there = listener(&mut net, "b");
    net.follow("b", "a");
    assert_eq!(heard(&mut net, there), "", "what a snapshot brings is no event");
    let (stream, ..) = attach(&mut net, "a");
    net.read(stream);
    let here = listener(&mut net, "a");
    net.run("a", "SET k v");
    net.settle();
    assert_eq!(net.read_text(stream), text("SELECT 0") + &text("SET k v"));
    assert_eq!(heard(&mut net, here), "0:new k, 0:set k");
    assert_eq!(heard(&mut net, there), "0:new k, 0:set k");
    net.run("b", "GET nothing");
    assert_eq!(heard(&mut net, there), "0:keymiss nothing");
    assert_eq!(heard(&mut net, here), "");
    net.assert_same(&["a", "b"]);
}

#[test]
fn a_listener_of_events_that_does_not_read_is_dropped() {
    let mut config = Config { ..config() };
    for (name, value) in
        [("notify-keyspace-events", "KEA"), ("client-output-buffer-limit", "pubsub 10000 0 0")]
    {
        config.set(name.as_bytes(), &[value.as_bytes()], When::Boot).expect("a valid value");
    }
    let mut net = Net::with(&["a"], &config);
    let client = net.connect("a");
    net.command(client, "HELLO 3");
    net.command(client, "PSUBSCRIBE __key*__:*");
    let key = "k".repeat(1000);
    net.command(client, "MULTI");
    for _ in 0..20 {
        net.command(client, &format!("SET {key} v"));
    }
    net.command(client, "SET last v");
    net.command(client, "EXEC");
    assert_eq!(net.ask("a", "EXISTS last"), ":0\r\n", "it was dropped before that");
    assert!(!net.is_open(client), "also within its own transaction");
    assert!(net.log("a").contains("overcoming of output buffer limits"));
    assert_eq!(net.ask("a", "PING"), "+PONG\r\n");
}

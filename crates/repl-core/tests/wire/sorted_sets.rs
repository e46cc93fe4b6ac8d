//! Sorted sets between nodes and over connections: who waits for members and what he gets, what
//! replicas hear, what a full sync brings, and the shapes of replies in RESP3.

use std::time::Duration;

use repl_core::base::config::Config;

use crate::{
    net::{Net, Peer, command, config},
    script::{attach, text},
};

/// A client that has sent a command and waits.
fn waiter(net: &mut Net, words: &str) -> Peer {
    let client = net.connect("a");
    assert_eq!(net.command(client, words), "", "{words}");
    client
}

/// A reply with `$` and the length before each word that is no head, as in `*2 k x`.
fn reply(words: &str) -> String {
    let part = |word: &str| match word.as_bytes().first() {
        Some(b'*' | b':' | b'_' | b',' | b'~' | b'%') => format!("{word}\r\n"),
        _ => format!("${}\r\n{word}\r\n", word.len()),
    };
    words.split(' ').filter(|word| !word.is_empty()).map(part).collect()
}

/// What replicas hear, as commands that are separated by semicolons.
fn told(words: &str) -> String {
    words.split("; ").filter(|words| !words.is_empty()).map(text).collect()
}

/// Clients wait, in this order; commands run; each waiter has its reply, and a replica has heard
/// what it must.
#[track_caller]
fn check(waiters: &[(&str, &str)], commands: &str, stream: &str) {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = attach(&mut net, "a");
    for words in ["ZADD o 1 x 2 y", "SADD s m"] {
        net.run("a", words);
    }
    let clients: Vec<Peer> = waiters.iter().map(|(words, _)| waiter(&mut net, words)).collect();
    net.read(replica);
    commands.split("; ").for_each(|words| net.run("a", words));
    for (client, (words, expect)) in clients.into_iter().zip(waiters) {
        assert_eq!(net.read_text(client), reply(expect), "{words}");
    }
    assert_eq!(net.read_text(replica), told(stream));
}

#[test]
fn whatever_brings_a_sorted_set_serves_who_waits_for_it() {
    for (commands, stream) in [
        ("ZADD k 1 x", "ZADD k 1 x; ZPOPMIN k"),
        ("ZINCRBY k 1 x", "ZINCRBY k 1 x; ZPOPMIN k"),
        ("ZADD k INCR 1 x", "ZADD k INCR 1 x; ZPOPMIN k"),
        ("RENAME o k", "RENAME o k; ZPOPMIN k"),
        ("COPY o k", "COPY o k; ZPOPMIN k"),
        ("SET k v; COPY o k REPLACE", "SET k v; COPY o k REPLACE; ZPOPMIN k"),
        ("ZRANGESTORE k o 0 -1", "ZRANGESTORE k o 0 -1; ZPOPMIN k"),
        ("ZUNIONSTORE k 1 o", "ZUNIONSTORE k 1 o; ZPOPMIN k"),
        ("ZINTERSTORE k 2 o o WEIGHTS 1 0", "ZINTERSTORE k 2 o o WEIGHTS 1 0; ZPOPMIN k"),
        ("ZDIFFSTORE k 2 o s", "ZDIFFSTORE k 2 o s; ZPOPMIN k"),
        ("MULTI; ZADD k 2 w; ZADD k 1 x; EXEC", "MULTI; ZADD k 2 w; ZADD k 1 x; EXEC; ZPOPMIN k"),
    ] {
        check(&[("BZPOPMIN k 0", "*3 k x 1")], commands, stream);
    }
}

#[test]
fn what_brings_no_sorted_set_serves_nobody() {
    for (commands, stream) in [
        ("SET k v; DEL k", "SET k v; DEL k"),
        ("SADD k x", "SADD k x"),
        ("RPUSH k x", "RPUSH k x"),
        ("ZADD k XX 1 x", ""),
        ("MULTI; ZADD k 1 x; DEL k; EXEC", "MULTI; ZADD k 1 x; DEL k; EXEC"),
        ("ZUNIONSTORE k 1 none", ""),
        ("SELECT 1; ZADD k 1 x", "SELECT 1; ZADD k 1 x"),
    ] {
        check(&[("BZPOPMAX k 0", "")], commands, stream);
    }
}

#[test]
fn who_came_first_is_served_first_as_far_as_it_goes() {
    check(
        &[
            ("BZPOPMIN k 0", "*3 k a 1"),
            ("BZPOPMAX j k 0", "*3 k e 5"),
            ("BZMPOP 0 1 k MAX COUNT 2", "*2 k *2 *2 d 4 *2 c 3"),
            ("BZMPOP 0 1 k MIN COUNT 9", "*2 k *1 *2 b 2"),
            ("BZPOPMIN k 0", ""),
        ],
        "ZADD k 1 a 2 b 3 c 4 d 5 e",
        "ZADD k 1 a 2 b 3 c 4 d 5 e; ZPOPMIN k; ZPOPMAX k; ZPOPMAX k 2; ZPOPMIN k 1",
    );
}

#[test]
fn who_waits_for_another_type_under_the_same_key_goes_on_waiting() {
    check(
        &[("BLPOP k 0", "*2 k item"), ("BZPOPMIN k 0", "*3 k m 7")],
        "ZADD k 7 m; RPUSH k item",
        "ZADD k 7 m; ZPOPMIN k; RPUSH k item; LPOP k",
    );
}

#[test]
fn a_timeout_is_a_null_and_nobody_waits_in_a_transaction() {
    let mut net = Net::with(&["a"], &config());
    let commands = ["BZPOPMIN k 1.5", "BZPOPMAX k 1.5", "BZMPOP 1.5 1 k MIN"];
    for (hello, null) in [("HELLO 2", "*-1\r\n"), ("HELLO 3", "_\r\n")] {
        for words in commands {
            let client = net.connect("a");
            net.command(client, hello);
            net.send(client, &[command(words), command("PING")].concat());
            net.pass(Duration::from_millis(1400));
            assert_eq!(net.read_text(client), "", "{words}");
            net.pass(Duration::from_millis(200));
            assert_eq!(net.read_text(client), format!("{null}+PONG\r\n"), "{words}");
        }
        net.ask("a", hello);
        net.run("a", "MULTI");
        commands.iter().for_each(|words| net.run("a", words));
        assert_eq!(net.ask("a", "EXEC"), format!("*3\r\n{}", null.repeat(3)));
    }
}

#[test]
fn replies_have_the_shapes_of_the_clients_protocol() {
    let mut net = Net::with(&["a"], &config());
    net.run("a", "ZADD z 1 a 2.5 b inf c");
    net.run("a", "ZADD y 1 x");
    for (words, resp2, resp3) in [
        ("ZSCORE z b", "2.5", ",2.5"),
        ("ZMSCORE z c x", "*2 inf", "*2 ,inf _"),
        ("ZINCRBY z 0 a", "1", ",1"),
        ("ZADD z NX INCR 1 a", "", "_"),
        ("ZRANGE z 0 1", "*2 a b", "*2 a b"),
        ("ZRANGE z 0 1 WITHSCORES", "*4 a 1 b 2.5", "*2 *2 a ,1 *2 b ,2.5"),
        ("ZRANDMEMBER z 1 WITHSCORES", "*2", "*1 *2"),
        ("ZUNION 1 y WITHSCORES", "*2 x 1", "*1 *2 x ,1"),
        ("ZSCAN y 0", "*2 0 *2 x 1", "*2 0 *2 x 1"),
        ("ZRANK z x", "", "_"),
        ("ZPOPMIN y 0", "*0", "*0"),
        ("ZPOPMIN none 2", "*0", "*0"),
        ("ZMPOP 1 none MIN", "*-1", "_"),
    ] {
        for (hello, expect) in [("HELLO 2", resp2), ("HELLO 3", resp3)] {
            net.ask("a", hello);
            let found = net.ask("a", words);
            assert!(found.starts_with(&reply(expect)), "{words}: {found}");
        }
    }
    for (words, resp2, resp3) in [
        ("ZPOPMIN z", "*2 a 1", "*2 a ,1"),
        ("ZPOPMIN z 1", "*2 a 1", "*1 *2 a ,1"),
        ("ZMPOP 1 z MIN", "*2 z *1 *2 a 1", "*2 z *1 *2 a ,1"),
        ("BZPOPMIN z 0", "*3 z a 1", "*3 z a ,1"),
    ] {
        for (hello, expect) in [("HELLO 2", resp2), ("HELLO 3", resp3)] {
            net.run("a", "ZADD z 1 a");
            net.ask("a", hello);
            assert_eq!(net.ask("a", words), reply(expect), "{words}");
        }
    }
}

#[test]
fn sorted_sets_are_the_same_after_a_full_sync_and_in_the_stream() {
    let tight = Config { zset_max_listpack_entries: 2, ..config() };
    let mut net = Net::with(&["a"], &config());
    net.add("b", tight);
    net.run("a", "ZADD small 1 a -inf b 2.5 c");
    let many: Vec<String> = (0..500).map(|number| format!("{} m{number}", number % 7)).collect();
    net.run("a", &format!("ZADD large {}", many.join(" ")));
    net.follow("b", "a");
    net.assert_same(&["a", "b"]);
    assert_eq!(net.ask("a", "OBJECT ENCODING small"), reply("listpack"));
    assert_eq!(net.ask("b", "OBJECT ENCODING small"), reply("skiplist"));
    assert_eq!(net.ask("b", "ZRANGE small 0 -1 WITHSCORES"), reply("*6 b -inf a 1 c 2.5"));
    for words in [
        "ZADD small GT CH 5 a 1 c",
        "ZINCRBY large 0.1 m7",
        "ZPOPMAX large 3",
        "ZMPOP 2 none large MIN COUNT 9",
        "BZPOPMIN small 0",
        "ZREMRANGEBYSCORE large 2 (3",
        "ZUNIONSTORE sum 2 small large WEIGHTS 0.1 0.2",
        "ZINTERSTORE common 2 sum large AGGREGATE MIN",
        "ZRANGESTORE part sum (1 +inf BYSCORE LIMIT 2 9",
        "ZDIFFSTORE rest 2 sum part",
        "ZREMRANGEBYRANK rest 0 5",
        "COPY rest copy",
        "ZREM copy m9 m10 m11",
        "DEL part",
    ] {
        net.run("a", words);
        net.assert_same(&["a", "b"]);
    }
}

#[test]
fn limits_of_compact_sorted_sets_count_from_the_next_member_on() {
    let mut net = Net::with(&["a"], &config());
    for (words, expect) in [
        ("CONFIG SET zset-max-ziplist-entries 2 zset-max-listpack-value 3", "+OK\r\n".to_owned()),
        ("ZADD z 1 a 2 b", ":2\r\n".to_owned()),
        ("OBJECT ENCODING z", reply("listpack")),
        ("CONFIG SET zset-max-listpack-entries 1", "+OK\r\n".to_owned()),
        ("ZADD z 3 a", ":0\r\n".to_owned()),
        ("OBJECT ENCODING z", reply("listpack")),
        ("ZADD z 3 c", ":1\r\n".to_owned()),
        ("OBJECT ENCODING z", reply("skiplist")),
        ("ZADD y 1 1234", ":1\r\n".to_owned()),
        ("OBJECT ENCODING y", reply("skiplist")),
        ("TYPE y", "+zset\r\n".to_owned()),
        ("SCAN 0 TYPE zset COUNT 100", String::new()),
    ] {
        let found = net.ask("a", words);
        assert!(found.starts_with(&expect), "{words}: {found}");
    }
}

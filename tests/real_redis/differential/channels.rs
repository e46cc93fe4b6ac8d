//! Sequences about channels: a listener in either protocol, and somebody who publishes.

use std::fmt::Write as _;

use super::{
    alike::Alike,
    connection::{Connection, Value},
    draw::Draw,
};
use crate::fixture::server::Server;

/// Of the listener. Nothing here changes the protocol or ends the connection.
const LISTENER: &[&str] = &[
    "SUBSCRIBE a",
    "SUBSCRIBE a b a",
    "PSUBSCRIBE a*",
    "PSUBSCRIBE * [ab]",
    "SSUBSCRIBE s",
    "SUNSUBSCRIBE",
    "UNSUBSCRIBE",
    "UNSUBSCRIBE a c",
    "PUNSUBSCRIBE",
    "PUNSUBSCRIBE a* z",
    "SUBSCRIBE",
    "GET key",
    "PING",
    "PUBLISH a self",
    "SET key 1",
    "MULTI",
    "EXEC",
];
const PUBLISHER: &[&str] = &[
    "PUBLISH a one",
    "PUBLISH b two",
    "PUBLISH ab three",
    "PUBLISH none four",
    "SPUBLISH s five",
    "PUBSUB CHANNELS",
    "PUBSUB CHANNELS a*",
    "PUBSUB NUMSUB a b c",
    "PUBSUB NUMPAT",
    "PUBSUB SHARDCHANNELS",
    "PUBSUB SHARDNUMSUB s",
    "PUBLISH a",
];

/// # Panics
/// With the commands so far, when the servers differ.
pub(super) fn run(servers: [&Server; 2], sequence: u64) {
    let mut draw = Draw::of(sequence);
    let protocol = 2 + draw.below(2);
    let mut listeners = servers.map(|server| Connection::to(server.port()));
    let mut publishers = servers.map(|server| Connection::to(server.port()));
    for listener in &mut listeners {
        listener.ask(&format!("HELLO {protocol}"));
    }
    let mut told = format!("HELLO {protocol}\n");
    let mut in_transaction = false;
    for number in 0..10 + draw.below(20) {
        let line = if draw.below(2) == 0 {
            let line = *draw.one_of(LISTENER);
            // Inside a transaction nothing says where the replies end.
            if in_transaction && line != "EXEC" {
                continue;
            }
            in_transaction = line == "MULTI";
            writeln!(told, "listener: {line}").expect("a string takes all");
            for listener in &mut listeners {
                listener.send(&[&words(line)]);
            }
            line
        } else {
            let line = *draw.one_of(PUBLISHER);
            writeln!(told, "publisher: {line}").expect("a string takes all");
            let [ours, theirs] = publishers.each_mut().map(|publisher| publisher.ask(line));
            compare(sequence, &told, line, &[ours], &[theirs]);
            line
        };
        if in_transaction {
            continue;
        }
        let mark = format!("mark-{number}");
        let [ours, theirs] = listeners.each_mut().map(|listener| up_to(listener, &mark));
        compare(sequence, &told, line, &ours, &theirs);
    }
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.into()).collect()
}

/// Everything that comes before the answer to a `PING` with this text.
fn up_to(listener: &mut Connection, mark: &str) -> Vec<Value> {
    listener.send(&[&words(&format!("PING {mark}"))]);
    let is_mark = |value: &Value| {
        value.is(b'$', mark.as_bytes())
            || value.items().get(1).is_some_and(|text| text.is(b'$', mark.as_bytes()))
    };
    let mut values = Vec::new();
    loop {
        let value = listener.reply();
        if is_mark(&value) {
            return values;
        }
        values.push(value);
    }
}

fn compare(sequence: u64, told: &str, line: &str, ours: &[Value], theirs: &[Value]) {
    // The order in which a listener is told that it hears nothing any more, and lists of channels,
    // depend on hashes, and so does the order of the patterns that match a message. Messages may
    // have come before the reply to EXEC.
    let loose = ["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "EXEC"].contains(&line)
        || line.starts_with("PUB");
    let alike = if loose { Alike::InAnyOrder } else { Alike::Exactly };
    let same = ours.len() == theirs.len()
        && if loose && ours.len() > 1 {
            last_counts(ours) == last_counts(theirs)
        } else {
            ours.iter().zip(theirs).all(|(ours, theirs)| alike.holds(ours, theirs))
        };
    assert!(same, "sequence {sequence}: ours {ours:?}, redis {theirs:?}, after\n{told}");
}

/// The counts in a row of confirmations, and the channels in order.
fn last_counts(values: &[Value]) -> (Vec<Option<i64>>, Vec<Option<Vec<u8>>>) {
    let count = |value: &Value| value.items().get(2).and_then(Value::integer);
    let mut channels: Vec<_> = values
        .iter()
        .map(|value| value.items().get(1).and_then(Value::bulk).map(<[u8]>::to_vec))
        .collect();
    channels.sort();
    (values.iter().map(count).collect(), channels)
}

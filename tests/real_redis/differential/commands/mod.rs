//! What both servers say of the commands they have, compared field by field. What differs on
//! purpose is a row of `docs/DEVIATIONS.md`, and a row that no longer holds is a failure as well.

mod metadata;
mod requests;

use std::collections::BTreeMap;

use libtest_mimic::Trial;

use super::connection::{Body, Connection, Value};
use crate::{
    fixture::server::{Kind, Server},
    trial,
};

/// In each protocol the same marks stand for other things.
const PROTOCOLS: [&str; 2] = ["2", "3"];

pub(super) fn trials() -> Vec<Trial> {
    let compare = |what: &str, body: fn(&mut [Connection; 2])| {
        trial(format!("differential: {what}"), vec![Kind::Ours, Kind::Redis], move || {
            let servers = [Kind::Ours, Kind::Redis].map(|kind| Server::start(kind, &[]));
            for protocol in PROTOCOLS {
                body(&mut servers.each_ref().map(|server| {
                    let mut connection = Connection::to(server.port());
                    connection.ask(&format!("HELLO {protocol}"));
                    connection
                }));
            }
        })
    };
    vec![
        compare("what COMMAND INFO says of every command and subcommand", metadata::info),
        compare("what COMMAND LIST and DOCS say", metadata::lists),
        compare("the keys of generated requests, in COMMAND GETKEYS", requests::keys),
        compare("the HELP of every container", requests::help),
        compare("wrong subcommands and wrong numbers of arguments", requests::refusals),
    ]
}

/// The fields of an entry of `COMMAND INFO`, in their order.
const FIELDS: [&str; 10] = [
    "name",
    "arity",
    "flags",
    "first key",
    "last key",
    "step",
    "ACL categories",
    "tips",
    "key specifications",
    "subcommands",
];

/// All commands and subcommands of a server, with their fields.
fn catalogue(connection: &mut Connection) -> BTreeMap<String, Vec<Value>> {
    let mut all = BTreeMap::new();
    let mut left = connection.ask("COMMAND INFO").items().to_vec();
    while let Some(entry) = left.pop() {
        let fields = entry.items().to_vec();
        assert_eq!(fields.len(), FIELDS.len(), "{entry:?}");
        left.extend_from_slice(fields[9].items());
        all.insert(text(&fields[0]), fields);
    }
    all
}

/// Keeps only what both have.
fn common<T>(all: [BTreeMap<String, T>; 2]) -> BTreeMap<String, [T; 2]> {
    let [ours, mut theirs] = all;
    let both = ours.into_iter().filter_map(|(name, ours)| {
        let theirs = theirs.remove(&name)?;
        Some((name, [ours, theirs]))
    });
    both.collect()
}

fn text(value: &Value) -> String {
    match &value.body {
        Body::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Body::Items(_) | Body::Nothing => panic!("expected text, not {value:?}"),
    }
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.into()).collect()
}

/// What both servers reply to `line`.
fn replies(connections: &mut [Connection; 2], line: &str) -> [Value; 2] {
    connections.each_mut().map(|connection| connection.ask(line))
}

//! `COMMAND INFO`, `LIST`, `DOCS` and `COUNT`.

use std::collections::BTreeMap;

use super::{FIELDS, catalogue, common, replies, text};
use crate::differential::connection::{Body, Connection, Value};

const DEVIATIONS: &str = include_str!("../../../../docs/DEVIATIONS.md");
/// How a row begins that is about a field of a command, as in "`COMMAND INFO` of `config get`:
/// tips".
const ROW: &str = "| `COMMAND INFO` of `";

/// The commands and their fields that may differ, and must.
fn accepted() -> Vec<(String, String)> {
    let rows = DEVIATIONS.lines().filter_map(|line| line.strip_prefix(ROW));
    let rows = rows.map(|row| {
        let (command, rest) = row.split_once("`: ").expect("a row names a command and a field");
        let (field, _) = rest.split_once(" |").expect("a row has cells");
        (command.replace(' ', "|"), field.to_owned())
    });
    rows.collect()
}

pub(super) fn info(connections: &mut [Connection; 2]) {
    let both = common(connections.each_mut().map(catalogue));
    assert!(both.len() > 170, "{} commands and subcommands", both.len());
    let accepted = accepted();
    let mut differing = Vec::new();
    for (name, [ours, theirs]) in &both {
        for (at, field) in FIELDS.iter().enumerate() {
            let [ours, theirs] = [ours, theirs].map(|fields| shown(field, &fields[at]));
            if ours != theirs {
                let row = (name.clone(), (*field).to_owned());
                if !accepted.contains(&row) {
                    eprintln!("{name}, {field}: ours {ours:?}, redis {theirs:?}");
                }
                differing.push(row);
            }
        }
    }
    differing.sort();
    let mut accepted = accepted;
    accepted.sort();
    assert_eq!(differing, accepted, "what differs, and what may");

    // By name: subcommands, and what is none.
    let named =
        "COMMAND INFO config|get CONFIG|GET client|id get nope get|x config|get|x config| |";
    let [ours, theirs] = replies(connections, named);
    assert_eq!(ours.items().len(), theirs.items().len());
    for (ours, theirs) in ours.items().iter().zip(theirs.items()) {
        assert_eq!(ours, theirs);
    }
}

/// A field as it is compared: of subcommands the kind of list, since they are compared one by one.
/// The notes of key specifications are Redis' prose.
fn shown(field: &str, value: &Value) -> Value {
    match (field, &value.body) {
        ("subcommands", Body::Items(items)) => {
            let is_empty = items.is_empty();
            let body = if is_empty { Body::Items(Vec::new()) } else { Body::Nothing };
            Value { mark: value.mark, body }
        }
        ("key specifications", Body::Items(specs)) => {
            let specs = specs.iter().map(|spec| {
                let pairs = spec.items().chunks(2).filter(|pair| text(&pair[0]) != "notes");
                let items = pairs.flatten().cloned().collect();
                Value { mark: spec.mark, body: Body::Items(items) }
            });
            Value { mark: value.mark, body: Body::Items(specs.collect()) }
        }
        _ => value.clone(),
    }
}

pub(super) fn lists(connections: &mut [Connection; 2]) {
    for [connection] in connections.each_mut().map(|connection| [connection]) {
        let listed = names(&connection.ask("COMMAND LIST"));
        assert_eq!(listed, catalogue(connection).into_keys().collect::<Vec<_>>());
        let count = listed.iter().filter(|name| !name.contains('|')).count();
        assert_eq!(connection.ask("COMMAND COUNT").integer(), i64::try_from(count).ok());
        assert_eq!(connection.ask("COMMAND").items().len(), count);
    }
    let both = common(connections.each_mut().map(catalogue));
    for filter in [
        "PATTERN *",
        "PATTERN C*|?E*",
        "pattern config|get",
        "PATTERN [gs]et",
        "PATTERN nope",
        "ACLCAT read",
        "aclcat WRITE",
        "ACLCAT @read",
        "ACLCAT dangerous",
        "ACLCAT connection",
        "ACLCAT scripting",
        "ACLCAT nope",
        "MODULE nope",
    ] {
        let line = format!("COMMAND LIST FILTERBY {filter}");
        let [ours, theirs] = replies(connections, &line).map(|reply| {
            let names = names(&reply);
            let kept = names.into_iter().filter(|name| both.contains_key(name));
            (reply.mark, kept.collect::<Vec<_>>())
        });
        assert_eq!(ours, theirs, "{line}");
    }
    for line in [
        "COMMAND LIST x",
        "COMMAND LIST FILTERBY",
        "COMMAND LIST FILTERBY PATTERN",
        "COMMAND LIST FILTERBY nope x",
        "COMMAND LIST FILTERBY PATTERN x y",
        "COMMAND LIST x PATTERN y",
        "COMMAND COUNT x",
        "COMMAND NOPE",
        "COMMAND DOCS nope",
        "COMMAND INFO nope",
    ] {
        let [ours, theirs] = replies(connections, line);
        assert_eq!(ours, theirs, "{line}");
    }
    documents(connections);
}

fn names(reply: &Value) -> Vec<String> {
    let mut names: Vec<String> = reply.items().iter().map(text).collect();
    names.sort();
    names
}

/// What a map holds, by its keys.
fn entries(map: &Value) -> BTreeMap<String, Value> {
    map.items().chunks(2).map(|pair| (text(&pair[0]), pair[1].clone())).collect()
}

/// `COMMAND DOCS`: the same facts in other words.
fn documents(connections: &mut [Connection; 2]) {
    let all = connections.each_mut().map(|connection| {
        let mut all = BTreeMap::new();
        let mut left = entries(&connection.ask("COMMAND DOCS"));
        while let Some((name, document)) = left.pop_last() {
            let document = entries(&document);
            if let Some(subcommands) = document.get("subcommands") {
                left.extend(entries(subcommands));
            }
            all.insert(name, document);
        }
        all
    });
    let both = common(all);
    assert!(both.len() > 170, "{} documents", both.len());
    for (name, [ours, theirs]) in both {
        for fact in ["since", "group"] {
            assert_eq!(ours[fact], theirs[fact], "{name}");
        }
        assert_ne!(text(&ours["summary"]), "", "{name}");
        assert_ne!(ours["summary"], theirs["summary"], "{name}: the words are not ours");
    }
}

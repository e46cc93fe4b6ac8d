//! `COMMAND GETKEYS` of generated requests, `HELP`, and requests that are refused before they run.

use std::collections::BTreeSet;

use super::{catalogue, common, replies, text, words};
use crate::differential::{
    connection::{Connection, Value},
    draw::Draw,
};

const REQUESTS_PER_COMMAND: u64 = 60;
/// What requests are made of: keys, counts good and bad, and the words that move keys. A count that
/// only C takes for one is not among them (`docs/DEVIATIONS.md`).
const ARGUMENTS: &[&str] = &[
    "a",
    "b",
    "k\0y",
    "",
    "0",
    "1",
    "1",
    "2",
    "2",
    "3",
    "-1",
    "x",
    "9223372036854775807",
    "9223372036854775808",
    "GET",
    "get",
    "STORE",
    "store",
    "BY",
    "by",
    "LIMIT",
    "limit",
    "LEFT",
    "NX",
    "PATTERN",
    "DESC",
];

/// The arity of everything that both servers have.
fn arities(connections: &mut [Connection; 2]) -> Vec<(String, i64)> {
    let both = common(connections.each_mut().map(catalogue));
    let arity = |fields: &[Value]| fields[1].integer().expect("an arity");
    both.into_iter().map(|(name, [_, theirs])| (name, arity(&theirs))).collect()
}

fn ask_both(connections: &mut [Connection; 2], words: &[Vec<u8>]) -> [Value; 2] {
    connections
        .each_mut()
        .map(|connection| connection.ask_all(&[words]).pop().expect("one command has one reply"))
}

fn shown(words: &[Vec<u8>]) -> String {
    words.iter().map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
}

pub(super) fn keys(connections: &mut [Connection; 2]) {
    let mut draw = Draw::of(0);
    let (mut found, mut refused) = (0, BTreeSet::new());
    for (name, arity) in arities(connections) {
        for _ in 0..REQUESTS_PER_COMMAND {
            let mut request: Vec<Vec<u8>> = name.split('|').map(|word| word.into()).collect();
            // From one too few to some too many.
            let wanted = (arity.unsigned_abs() + draw.below(7)).saturating_sub(1).max(2);
            while (request.len() as u64) < wanted {
                request.push((*draw.one_of(ARGUMENTS)).into());
            }
            for ask in ["COMMAND GETKEYS", "COMMAND GETKEYSANDFLAGS"] {
                let words: Vec<Vec<u8>> = words(ask).into_iter().chain(request.clone()).collect();
                let [ours, theirs] = ask_both(connections, &words);
                assert_eq!(ours, theirs, "{}", shown(&words));
                match ours.mark {
                    b'-' => drop(refused.insert(text(&ours))),
                    _ => found += 1,
                }
            }
        }
    }
    assert!(found > 5_000, "{found} requests had keys");
    assert_eq!(refused.len(), 4, "{refused:?}");
    for line in [
        "COMMAND GETKEYS",
        "COMMAND GETKEYS get",
        "COMMAND GETKEYS nope x",
        "COMMAND GETKEYS config x y",
        "COMMAND GETKEYS object what k",
        "COMMAND GETKEYS object|encoding k k",
        "COMMAND GETKEYSANDFLAGS get",
        "COMMAND GETKEYS sort k limit store 1 store d",
        "COMMAND GETKEYS sort k store",
        "COMMAND GETKEYS set k v ex 1 gEt",
    ] {
        let [ours, theirs] = replies(connections, line);
        assert_eq!(ours, theirs, "{line}");
    }
}

pub(super) fn help(connections: &mut [Connection; 2]) {
    let mut containers: BTreeSet<String> = BTreeSet::from(["debug".to_owned()]);
    for (name, _) in arities(connections) {
        containers.extend(name.split_once('|').map(|(container, _)| container.to_owned()));
    }
    assert!(containers.len() >= 8, "{containers:?}");
    for container in containers {
        let line = format!("{container} help");
        let [ours, theirs] = replies(connections, &line);
        assert_eq!(ours.mark, theirs.mark, "{line}");
        let [ours, theirs] = [&ours, &theirs].map(Value::items);
        assert_eq!(ours[0], theirs[0], "{line}");
        assert_eq!(ours[ours.len() - 2..], theirs[theirs.len() - 2..], "{line}");
        for (at, one) in ours.iter().enumerate() {
            assert_eq!(one.mark, b'+', "{line}");
            let explains = at > 0 && at % 2 == 0;
            assert_eq!(text(one).starts_with("    "), explains, "{line}: {one:?}");
        }
        for one in &ours[1..ours.len() - 2] {
            let explains = text(one).starts_with("    ");
            assert!(!explains || !theirs.contains(one), "{line}: {one:?} is not in our words");
        }
    }
}

/// Every subcommand with every number of arguments it does not take, words that are no subcommand,
/// and what Redis refuses only when it runs: alone, and in a transaction.
pub(super) fn refusals(connections: &mut [Connection; 2]) {
    let mut lines = Vec::new();
    for (name, arity) in arities(connections) {
        for count in 1..7 {
            let fits = if arity < 0 { count >= -arity } else { count == arity };
            let named: Vec<&str> = name.split('|').collect();
            let rest = usize::try_from(count).expect("it is small").checked_sub(named.len());
            if let (false, Some(rest)) = (fits, rest) {
                lines.push([named, vec!["1"; rest]].concat().join(" "));
            }
        }
        if let Some((container, _)) = name.split_once('|') {
            lines.extend(["what", "HELPX", "get|x"].map(|word| format!("{container} {word}")));
        }
    }
    lines.extend(
        [
            "DEBUG",
            "DEBUG what",
            "DEBUG DIGEST x",
            "DEBUG CHANGE-REPL-ID x",
            "DEBUG HELP x",
            "SLOWLOG GET 1 2",
            "PUBSUB CHANNELS a b",
            "PUBSUB SHARDCHANNELS a b",
            "CLIENT PAUSE 0 ALL x",
            "CLIENT UNBLOCK 1 ERROR x",
            "CONFIG SET hz 10 x",
            "CONFIG|GET x",
            "OBJECT|HELP",
        ]
        .map(str::to_owned),
    );
    assert!(lines.len() > 200, "{} requests", lines.len());
    for line in lines {
        let alone = replies(connections, &line);
        let mut seen = vec![alone];
        for around in ["MULTI", &line, "EXEC"] {
            seen.push(replies(connections, around));
        }
        for [ours, theirs] in seen {
            assert_eq!(ours, theirs, "{line}");
        }
    }
}

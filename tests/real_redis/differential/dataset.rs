//! All keys of a server, to be compared with those of another.

use std::collections::BTreeMap;

use super::{
    alike::{Alike, is_near, sorted},
    connection::{Connection, Value},
};

const DATABASES: u64 = 3;

/// What is compared of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    value: Value,
    encoding: Value,
    /// Milliseconds since the Unix epoch.
    expires_at: Option<i64>,
}

impl Found {
    /// `objects` says how encodings must be alike.
    pub(super) fn is_like(&self, other: &Self, objects: Alike) -> bool {
        self.value == other.value
            && objects.holds(&self.encoding, &other.encoding)
            && match (self.expires_at, other.expires_at) {
                (Some(one), Some(other)) => is_near(one, other),
                (one, other) => one == other,
            }
    }
}

pub(super) fn of(connection: &mut Connection) -> BTreeMap<(u64, Vec<u8>), Found> {
    let mut dataset = BTreeMap::new();
    connection.ask("RESET");
    for database in 0..DATABASES {
        connection.ask(&format!("SELECT {database}"));
        let keys = keys(connection);
        let values = values(connection, &keys);
        for (key, value) in keys.into_iter().zip(values) {
            let words = |name: &str| name.split(' ').map(Into::into).collect::<Vec<Vec<u8>>>();
            let encoding = [words("OBJECT ENCODING"), vec![key.clone()]].concat();
            let expiry = [words("PEXPIRETIME"), vec![key.clone()]].concat();
            let mut replies = connection.ask_all(&[&encoding, &expiry]);
            let expires_at = replies.pop().and_then(|value| value.integer());
            let encoding = replies.pop().expect("two commands have two replies");
            dataset.insert((database, key), Found { value, encoding, expires_at });
        }
    }
    dataset
}

fn keys(connection: &mut Connection) -> Vec<Vec<u8>> {
    let keys = connection.ask("KEYS *");
    keys.items().iter().filter_map(|key| key.bulk().map(<[u8]>::to_vec)).collect()
}

/// What each key holds, whatever its type; what has no order is sorted.
fn values(connection: &mut Connection, keys: &[Vec<u8>]) -> Vec<Value> {
    let with = |words: &[&str], key: &Vec<u8>| -> Vec<Vec<u8>> {
        let mut command: Vec<Vec<u8>> = words.iter().map(|word| (*word).into()).collect();
        command.insert(1, key.clone());
        command
    };
    let types: Vec<Vec<Vec<u8>>> = keys.iter().map(|key| with(&["TYPE"], key)).collect();
    let types = connection.ask_all(&types.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let reads: Vec<Vec<Vec<u8>>> = keys
        .iter()
        .zip(&types)
        .map(|(key, of_type)| {
            if of_type.is(b'+', b"list") {
                with(&["LRANGE", "0", "-1"], key)
            } else if of_type.is(b'+', b"set") {
                with(&["SMEMBERS"], key)
            } else if of_type.is(b'+', b"zset") {
                with(&["ZRANGE", "0", "-1", "WITHSCORES"], key)
            } else if of_type.is(b'+', b"hash") {
                with(&["HSCAN", "0", "COUNT", "100000"], key)
            } else {
                with(&["GET"], key)
            }
        })
        .collect();
    let values = connection.ask_all(&reads.iter().map(Vec::as_slice).collect::<Vec<_>>());
    values
        .into_iter()
        .zip(&types)
        .map(|(value, of_type)| match value.items() {
            // Pairs stay pairs.
            [_, pairs] if of_type.is(b'+', b"hash") => {
                let map = Value { mark: b'%', body: pairs.body.clone() };
                sorted(&map)
            }
            _ if of_type.is(b'+', b"list") || of_type.is(b'+', b"zset") => value,
            _ => sorted(&value),
        })
        .collect()
}

/// What one server dumps, the other restores; both hold the same then. Leaves keys behind.
pub(super) fn exchange_dumps(from: &mut Connection, to: &mut Connection, sequence: u64) {
    for connection in [&mut *from, &mut *to] {
        connection.ask("RESET");
    }
    let keys = keys(from);
    let dumps: Vec<Vec<Vec<u8>>> =
        keys.iter().map(|key| vec![b"DUMP".to_vec(), key.clone()]).collect();
    let dumps = from.ask_all(&dumps.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let name = |number: usize| format!("restored:{number}").into_bytes();
    let restores: Vec<Vec<Vec<u8>>> = dumps
        .iter()
        .enumerate()
        .filter_map(|(number, dump)| {
            let words = [b"RESTORE".as_slice(), &name(number), b"0", dump.bulk()?, b"REPLACE"];
            Some(words.map(<[u8]>::to_vec).to_vec())
        })
        .collect();
    assert_eq!(restores.len(), keys.len(), "sequence {sequence}: every key has a dump");
    let replies = to.ask_all(&restores.iter().map(Vec::as_slice).collect::<Vec<_>>());
    for (reply, restore) in replies.iter().zip(&restores) {
        assert!(reply.is(b'+', b"OK"), "sequence {sequence}: {reply:?} to {restore:?}");
    }
    let restored: Vec<Vec<u8>> = (0..keys.len()).map(name).collect();
    let (there, here) = (values(from, &keys), values(to, &restored));
    assert_eq!(here, there, "sequence {sequence}: what was restored");
}

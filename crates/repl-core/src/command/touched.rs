//! The key specifications against the handlers: what a command changes is what its spec names as a
//! key that it writes. And no command forgets to tell of it.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use super::{Flags, Handler, Keys, Spec, Table, testing::Bench};
use crate::{
    base::{
        config::{Config, When},
        rng::{Rng, Seed},
        time::UnixMillis,
    },
    keyspace::{DbIndex, Event, Keyspace},
    resp::Argv,
};

const REQUESTS_PER_COMMAND: usize = 400;
const KEYS: [&str; 10] = ["l", "l2", "s", "s2", "z", "z2", "h", "n", "t", "none"];
/// What requests are made of beside keys: elements that are there, numbers, options.
const WORDS: [&str; 22] = [
    "0", "1", "2", "-1", "3", "a", "b", "c", "NX", "XX", "GET", "STORE", "BY", "LIMIT", "ALPHA",
    "LEFT", "RIGHT", "BEFORE", "EX", "COUNT", "REPLACE", "PERSIST",
];
/// What chance seldom hits upon: changes of several keys, and of an element that must be there.
const RARE: [&str; 34] = [
    "blmove l l2 LEFT RIGHT 0",
    "blmpop 0 2 none l LEFT",
    "brpoplpush l l2 0",
    "bzmpop 0 2 none z MIN",
    "bzpopmax none z 0",
    "bzpopmin none z 0",
    "copy t none",
    "del n t",
    "getex t PERSIST",
    "linsert l BEFORE 1 x",
    "lmove l l2 LEFT LEFT",
    "lmpop 2 none l RIGHT COUNT 1",
    "lrem l 0 1",
    "ltrim l 1 2",
    "mset n 1 none 2",
    "msetnx none 1 none 2",
    "rename t none",
    "renamenx t none",
    "rpoplpush l l2",
    "sdiffstore none s s2",
    "sinterstore none s s2",
    "smove s s2 a",
    "sort l BY n STORE x STORE none",
    "sunionstore none s s2",
    "unlink n t",
    "zdiffstore none 2 z z2",
    "zinterstore none 2 z s",
    "zmpop 2 none z MAX",
    "zrangestore none z 0 1",
    "zremrangebylex z [a [b",
    "zremrangebyrank z 0 1",
    "zremrangebyscore z 1 2",
    "zrem z a",
    "zunionstore none 2 z s",
];
/// Changes whole databases, which no key stands for, or needs a payload that nobody draws.
const EXEMPT: [&str; 4] = ["flushall", "flushdb", "restore", "swapdb"];

fn bench() -> Bench {
    let mut bench = Bench::new();
    for line in [
        "RPUSH l 3 1 2 1",
        "RPUSH l2 1",
        "SADD s a b c",
        "SADD s2 b 1",
        "ZADD z 1 a 2 b 3 c",
        "ZADD z2 1 b",
        "HSET h a 1 b 2",
        "SET n 5",
        "SET t text PX 1000000",
    ] {
        bench.run(line);
    }
    let mut config = Config::default();
    config.set(b"notify-keyspace-events", &[b"EAn"], When::Boot).expect("known letters");
    bench.keyspace.set_events(config.notify_keyspace_events);
    bench
}

/// Every key with what tells its value and its expiry from others.
fn image(bench: &Bench) -> BTreeMap<&'static str, ([u8; 20], Option<UnixMillis>)> {
    let found = KEYS.into_iter().filter_map(|key| {
        let hash = bench.keyspace.hash(key.as_bytes());
        let entry = bench.keyspace.find(DbIndex(0), hash, key.as_bytes())?;
        Some((key, (Keyspace::value_digest(entry), entry.expires_at())))
    });
    found.collect()
}

/// The keys that `request` may change, as the spec has it.
fn written(keys: &Keys, request: &[&str]) -> Vec<String> {
    let mut argv = Argv::new();
    argv.fill(request.iter().map(|word| word.as_bytes()));
    let found = keys.find(argv.view(&[])).unwrap_or_default();
    let writes = found
        .into_iter()
        .filter(|key| ["RW", "OW", "RM"].into_iter().any(|write| key.access.contains(&write)));
    writes.map(|key| request[key.at].into()).collect()
}

fn draw(rng: &mut Rng, spec: &Spec) -> Vec<&'static str> {
    let mut below = |bound: usize| (rng.bits() % bound as u64) as usize;
    let mut request = Vec::from([spec.name]);
    let more = if spec.arity < 0 { below(5) } else { 0 };
    let count = usize::from(spec.arity.unsigned_abs()) + more;
    while request.len() < count {
        // Keys where keys are likely to be, but not only there.
        let key = below(8) < if request.len() == 1 { 7 } else { 3 };
        request.push(if key { KEYS[below(KEYS.len())] } else { WORDS[below(WORDS.len())] });
    }
    request
}

#[test]
fn a_command_changes_no_key_but_those_that_its_spec_names_and_tells_of_each() {
    let mut rng = Rng::new(Seed::from_u64(1), "requests");
    for spec in Table::new().iter().filter(|spec| !EXEMPT.contains(&spec.name)) {
        if !matches!(spec.handler, Handler::Data(_)) {
            continue;
        }
        let mut changes = 0;
        let rare = RARE.into_iter().map(|line| line.split(' ').collect::<Vec<_>>());
        let rare = rare.filter(|request| request[0] == spec.name);
        let drawn = (0..REQUESTS_PER_COMMAND).map(|_| draw(&mut rng, spec));
        for request in rare.chain(drawn) {
            let mut bench = bench();
            let before = image(&bench);
            bench.run_words(&request.iter().map(|word| word.as_bytes()).collect::<Vec<_>>());
            let after = image(&bench);
            let changed: Vec<&str> =
                KEYS.into_iter().filter(|key| before.get(key) != after.get(key)).collect();
            let written = written(&spec.keys, &request);
            assert!(
                changed.iter().all(|key| written.iter().any(|written| written == key)),
                "{request:?} changed {changed:?}, its spec says {written:?}"
            );
            let events = bench.keyspace.take_events();
            let is_told = |key: &&str| {
                let about = events.iter().filter(|noted| *noted.key == *key.as_bytes());
                // That a key is new, the keyspace tells.
                about.into_iter().any(|noted| noted.event != Event::NEW)
            };
            assert!(changed.iter().all(is_told), "{request:?} changed {changed:?}: {events:?}");
            changes += changed.len();
        }
        assert_eq!(changes > 0, spec.flags.has(Flags::WRITE), "{} changes something", spec.name);
    }
}

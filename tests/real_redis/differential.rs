//! The same generated commands to our server and to redis-server, compared reply by reply, and key
//! by key at the end of each sequence.
//!
//! A sequence is a function of its number. `REPL_TEST_SEQUENCES` says how many there are, and
//! `REPL_TEST_SEQUENCE_FIRST` which is the first: a failure names the number to run alone.

use std::{collections::BTreeMap, env, fmt::Write as _};

use libtest_mimic::Trial;

use crate::{
    fixture::{
        client::{Client, Reply, encode},
        server::{Kind, Server},
    },
    trial,
};

const SEQUENCES: u64 = 300;
const COMMANDS_MAX: u64 = 60;
const DATABASES: u64 = 3;
/// Commands that are sent at once reach two servers at slightly different times.
const CLOCK_TOLERANCE_MILLIS: i64 = 5_000;

pub(crate) fn trials() -> Vec<Trial> {
    let number = |name: &str, default| {
        env::var(name).map_or(default, |text| text.parse().expect("it is set to a number"))
    };
    let count = number("REPL_TEST_SEQUENCES", SEQUENCES);
    let first = number("REPL_TEST_SEQUENCE_FIRST", 0);
    let title = format!("differential: {count} sequences of commands on strings and keys");
    vec![trial(title, vec![Kind::Ours, Kind::Redis], move || {
        let servers = [Kind::Ours, Kind::Redis].map(|kind| Server::start(kind, &[]));
        let mut clients = servers.each_ref().map(Server::client);
        for client in &mut clients {
            // A key whose time is over is counted until somebody meets it: on both servers the
            // same.
            client.ok("DEBUG SET-ACTIVE-EXPIRE 0");
        }
        for sequence in first..first + count {
            run(&mut clients, sequence);
        }
    })]
}

/// What the dump of a string begins with that LZF has shortened.
const COMPRESSED: &[u8] = b"\x00\xc3";

/// How the replies of two servers must be alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alike {
    Exactly,
    /// Arrays hold the same elements.
    InAnyOrder,
    /// Numbers depend on the clock.
    Nearly,
    /// A serialization: another compressor may have written it. What it says is compared when the
    /// other server restores it.
    AsDump,
    /// What `OBJECT` says: idle seconds, or whether a text has become an integer, which depends on
    /// how it came to be (`docs/DEVIATIONS.md`).
    AsObject,
}

struct Step {
    words: Vec<Vec<u8>>,
    alike: Alike,
}

/// Runs one sequence against both servers.
///
/// # Panics
/// With the commands so far, when the servers differ.
fn run(clients: &mut [Client; 2], sequence: u64) {
    let mut draw = Draw(sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d);
    let count = 5 + draw.below(COMMANDS_MAX - 5);
    let mut steps = vec![exact("FLUSHALL"), exact("SELECT 0")];
    steps.extend((0..count).map(|_| command(&mut draw)));
    let [ours, theirs] = clients.each_mut().map(|client| ask_all(client, &steps));
    let mut told = String::new();
    for ((step, ours), theirs) in steps.iter().zip(ours).zip(theirs) {
        let words = step.words.iter().map(|word| format!("{:?}", String::from_utf8_lossy(word)));
        writeln!(told, "{}", words.collect::<Vec<_>>().join(" ")).expect("a string takes all");
        assert!(
            are_alike(step.alike, &ours, &theirs),
            "sequence {sequence}: ours {ours:?}, redis {theirs:?}, after\n{told}"
        );
    }
    let [ours, theirs] = clients.each_mut().map(dataset);
    for (key, theirs) in &theirs {
        let found = ours.get(key);
        let same = found.is_some_and(|ours| {
            ours.value == theirs.value
                && are_alike(Alike::AsObject, &ours.encoding, &theirs.encoding)
                && is_near(ours.expires_at, theirs.expires_at)
        });
        assert!(
            same,
            "sequence {sequence}: {key:?} is {found:?}, in redis {theirs:?}, after\n{told}"
        );
    }
    assert_eq!(ours.len(), theirs.len(), "sequence {sequence}: surplus keys, after\n{told}");
    let [ours, theirs] = clients;
    exchange_dumps(ours, theirs);
    exchange_dumps(theirs, ours);
}

/// What one server dumps, the other restores. Leaves a key behind.
fn exchange_dumps(from: &mut Client, to: &mut Client) {
    for key in from.ask("KEYS *").array().into_iter().filter_map(Reply::bulk) {
        let Some(dump) = from.ask_words(&[b"DUMP", &key]).bulk() else { continue };
        let restored = to.ask_words(&[b"RESTORE", b"restored", b"0", &dump, b"REPLACE"]);
        assert_eq!(restored, Reply::Simple("OK".to_owned()), "{dump:?}");
        let value = from.ask_words(&[b"GET", &key]);
        assert_eq!(to.ask_words(&[b"GET", b"restored"]), value, "{dump:?}");
    }
}

fn ask_all(client: &mut Client, steps: &[Step]) -> Vec<Reply> {
    let encoded = steps
        .iter()
        .flat_map(|step| encode(&step.words.iter().map(Vec::as_slice).collect::<Vec<_>>()));
    client.send(&encoded.collect::<Vec<u8>>()).expect("the server takes commands");
    steps.iter().map(|_| client.reply().expect("the server replies to each")).collect()
}

fn is_near(one: i64, other: i64) -> bool {
    one == other || (one > 0 && other > 0 && one.abs_diff(other) <= CLOCK_TOLERANCE_MILLIS as u64)
}

fn are_alike(alike: Alike, ours: &Reply, theirs: &Reply) -> bool {
    match (alike, ours, theirs) {
        (Alike::Nearly, Reply::Integer(ours), Reply::Integer(theirs)) => is_near(*ours, *theirs),
        (Alike::InAnyOrder, Reply::Array(ours), Reply::Array(theirs)) => {
            let sorted = |replies: &[Reply]| {
                let mut shown: Vec<String> = replies.iter().map(sorted_text).collect();
                shown.sort();
                shown
            };
            sorted(ours) == sorted(theirs)
        }
        (Alike::AsDump, Reply::Bulk(ours), Reply::Bulk(theirs)) => {
            ours == theirs || ours.starts_with(COMPRESSED) || theirs.starts_with(COMPRESSED)
        }
        (Alike::AsObject, ours, theirs) => {
            let may_be_either = [
                Reply::Integer(0),
                Reply::Integer(1),
                Reply::Integer(i64::from(i32::MAX)),
                bulk("int"),
                bulk("embstr"),
            ];
            ours == theirs || (may_be_either.contains(ours) && may_be_either.contains(theirs))
        }
        (_, ours, theirs) => ours == theirs,
    }
}

fn bulk(text: &str) -> Reply {
    Reply::Bulk(text.into())
}

fn sorted_text(reply: &Reply) -> String {
    match reply {
        Reply::Array(replies) => {
            let mut shown: Vec<String> = replies.iter().map(sorted_text).collect();
            shown.sort();
            shown.join(",")
        }
        other @ (Reply::Simple(_)
        | Reply::Error(_)
        | Reply::Integer(_)
        | Reply::Bulk(_)
        | Reply::Null) => format!("{other:?}"),
    }
}

/// What is compared of a key at the end.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    value: Reply,
    encoding: Reply,
    /// Milliseconds since the Unix epoch.
    expires_at: i64,
}

fn dataset(client: &mut Client) -> BTreeMap<(u64, Vec<u8>), Found> {
    let mut dataset = BTreeMap::new();
    for database in 0..DATABASES {
        client.ok(&format!("SELECT {database}"));
        let keys = client.ask("KEYS *").array();
        for key in keys.into_iter().filter_map(Reply::bulk) {
            let value = client.ask_words(&[b"GET", &key]);
            let encoding = client.ask_words(&[b"OBJECT", b"ENCODING", &key]);
            let expires_at = client.ask_words(&[b"PEXPIRETIME", &key]).integer();
            dataset.insert((database, key), Found { value, encoding, expires_at });
        }
    }
    dataset
}

/// Steele and Vigna's splitmix64: small, and the same for ever.
struct Draw(u64);

impl Draw {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }
}

fn exact(line: &str) -> Step {
    Step { words: line.split(' ').map(|word| word.into()).collect(), alike: Alike::Exactly }
}

/// Templates of commands. A word that begins with `$` is drawn.
const TEMPLATES: &[&str] = &[
    "SET $key $value",
    "SET $key $value $setopt",
    "SET $key $value $setopt $setopt",
    "SET $key $value $ttlopt $ttl",
    "SET $key $value $ttlopt $ttl $setopt",
    "GET $key",
    "GETSET $key $value",
    "GETDEL $key",
    "GETEX $key",
    "GETEX $key PERSIST",
    "GETEX $key $ttlopt $ttl",
    "GETEX $key $ttlopt $ttl $setopt",
    "GETRANGE $key $int $int",
    "SUBSTR $key $int $int",
    "SETRANGE $key $int $value",
    "SETNX $key $value",
    "SETEX $key $ttl $value",
    "PSETEX $key $ttl $value",
    "MGET $key $key $key",
    "MSET $key $value $key $value",
    "MSET $key $value $key",
    "MSETNX $key $value $key $value",
    "INCR $key",
    "DECR $key",
    "INCRBY $key $int",
    "DECRBY $key $int",
    "INCRBYFLOAT $key $float",
    "INCRBYFLOAT $key $float",
    "APPEND $key $value",
    "STRLEN $key",
    "LCS $key $key",
    "LCS $key $key $lcsopt",
    "LCS $key $key IDX $lcsopt",
    "LCS $key $key IDX MINMATCHLEN $int $lcsopt",
    "DEL $key $key",
    "UNLINK $key",
    "EXISTS $key $key $key",
    "TOUCH $key $key",
    "TYPE $key",
    "EXPIRE $key $ttl",
    "PEXPIRE $key $ttl $expireopt",
    "EXPIREAT $key $ttl $expireopt",
    "PEXPIREAT $key $ttl $expireopt $expireopt",
    "PERSIST $key",
    "TTL $key",
    "PTTL $key",
    "EXPIRETIME $key",
    "PEXPIRETIME $key",
    "RENAME $key $key",
    "RENAMENX $key $key",
    "COPY $key $key",
    "COPY $key $key REPLACE",
    "COPY $key $key DB $db",
    "COPY $key $key DB $db REPLACE",
    "MOVE $key $db",
    "SWAPDB $db $db",
    "SELECT $index",
    "OBJECT ENCODING $key",
    "OBJECT REFCOUNT $key",
    "OBJECT FREQ $key",
    "OBJECT IDLETIME $key",
    "OBJECT $key $key",
    "DUMP $key",
    "RESTORE $key $ttl $payload $restoreopt",
    "RESTORE $key 0 $payload REPLACE",
    "RESTORE $key $ttl $payload REPLACE ABSTTL",
    "SCAN 0 COUNT 1000",
    "SCAN 0 COUNT 1000 MATCH $pattern",
    "SCAN 0 COUNT 1000 TYPE $type MATCH $pattern",
    "SCAN $int $setopt $int",
    "KEYS $pattern",
    "DBSIZE",
    "FLUSHDB",
];

const KEYS: &[&str] = &["a", "b", "c", "key", "k\0y", ""];
const VALUES: &[&str] = &[
    "",
    "0",
    "1",
    "-1",
    "9999",
    "10000",
    "01",
    "1.5",
    "-0.1",
    "3e2",
    " 1",
    "x",
    "hello world",
    "ohmytext",
    "mynewtext",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "12345678901234567890123456789012345678901234",
    "123456789012345678901234567890123456789012345",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];
/// All beyond the time that a run takes, or long over.
const TTLS: &[&str] = &[
    "0",
    "-1",
    "100000",
    "100000000",
    "33177117420",
    "33177117420000",
    "9223372036854775",
    "9223372036854775807",
    "-9223372036854775808",
    "x",
    "1.5",
    "",
];
const FLOATS: &[&str] = &[
    "0.1",
    "-0.1",
    "0.2",
    "1",
    "1e2",
    "1.5e-5",
    "3.0000000001",
    "-1e300",
    "1e4930",
    "inf",
    "-inf",
    "nan",
    "0x10",
    "x",
    "",
    "1e-20",
    "123456789.987654321",
    "0.333333333333333333333",
    "5.",
    ".5",
];
/// What `DUMP` gives for 10, for hello, and a damaged one.
const PAYLOADS: &[&[u8]] = &[
    b"\x00\xc0\n\n\x00n\x9fWE\x0e\xaec\xbb",
    b"\x00\x05hello\n\x00cr\xdfve4 \n",
    b"\x00\x05hellO\n\x00cr\xdfve4 \n",
    b"short",
];

/// A word of the kind that `kind` names.
fn word(draw: &mut Draw, kind: &str) -> Vec<u8> {
    let text = match kind {
        "key" => draw.one_of(KEYS),
        "value" => draw.one_of(VALUES),
        "ttl" => draw.one_of(TTLS),
        "float" => draw.one_of(FLOATS),
        "int" => draw.one_of(&[
            "0",
            "1",
            "2",
            "-1",
            "-2",
            "5",
            "-5",
            "40",
            "-100",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "x",
            "",
            "1048576000000",
            "007",
        ]),
        "db" => draw.one_of(&[
            "0",
            "1",
            "2",
            "0",
            "1",
            "2",
            "0",
            "1",
            "2",
            "99",
            "-1",
            "x",
            "2147483648",
        ]),
        "index" => draw.one_of(&["0", "1", "2", "0", "1", "2", "99", "-1", "x"]),
        "setopt" => {
            draw.one_of(&["NX", "XX", "GET", "KEEPTTL", "nx", "xx", "get", "EX", "PERSIST", "foo"])
        }
        "ttlopt" => draw.one_of(&["EX", "PX", "EXAT", "PXAT", "ex", "pxat"]),
        "expireopt" => draw.one_of(&["NX", "XX", "GT", "LT", "gt", "foo"]),
        "lcsopt" => draw.one_of(&["LEN", "IDX", "WITHMATCHLEN", "MINMATCHLEN", "foo"]),
        "restoreopt" => draw.one_of(&["REPLACE", "ABSTTL", "IDLETIME", "FREQ", "foo"]),
        "pattern" => draw.one_of(&["*", "a*", "?", "[a-b]", "k?y", "", "**", "[^a]*"]),
        "type" => draw.one_of(&["string", "STRING", "list", "foo"]),
        "payload" => return PAYLOADS[draw.below(PAYLOADS.len() as u64) as usize].to_vec(),
        other => panic!("no words of the kind {other} are drawn"),
    };
    text.as_bytes().to_vec()
}

fn command(draw: &mut Draw) -> Step {
    let template = draw.one_of(TEMPLATES);
    let words: Vec<Vec<u8>> = template
        .split(' ')
        .map(|part| match part.strip_prefix('$') {
            Some(kind) => word(draw, kind),
            None => part.into(),
        })
        .collect();
    let alike = match template.split(' ').next().unwrap_or_default() {
        "KEYS" | "SCAN" => Alike::InAnyOrder,
        "TTL" | "PTTL" | "EXPIRETIME" | "PEXPIRETIME" => Alike::Nearly,
        "DUMP" => Alike::AsDump,
        "OBJECT" => Alike::AsObject,
        _ => Alike::Exactly,
    };
    Step { words, alike }
}

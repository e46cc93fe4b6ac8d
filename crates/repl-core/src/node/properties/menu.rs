//! What peers might say: commands of every kind, lines of a handshake, payloads, and damage to all
//! of them.

use alloc::{format, string::String, vec::Vec};

use arbitrary::{Result, Unstructured};

use crate::{
    base::{ids::ReplId, time::UnixMillis},
    rdb::{Checksum, Compression, Encoder, Options},
    resp::{encode_command, properties},
};

/// Commands with their arguments; `K` stands for a key, `N` for a number.
const COMMANDS: [&str; 81] = [
    "GET K",
    "SET K N",
    "SET K v PX N",
    "SET K v EX 1 NX",
    "SET K v KEEPTTL",
    "DEL K",
    "DEL K K",
    "UNLINK K",
    "INCR K",
    "INCRBY K N",
    "DECR K",
    "APPEND K N",
    "STRLEN K",
    "EXISTS K",
    "TYPE K",
    "EXPIRE K N",
    "PEXPIRE K 5",
    "PEXPIREAT K N",
    "EXPIRE K -1",
    "PERSIST K",
    "TTL K",
    "PTTL K",
    "KEYS *",
    "DBSIZE",
    "FLUSHALL",
    "FLUSHDB",
    "SELECT 0",
    "SELECT 1",
    "SELECT N",
    "PING",
    "ECHO K",
    "MULTI",
    "MULTI",
    "EXEC",
    "EXEC",
    "DISCARD",
    "INFO",
    "ROLE",
    "COMMAND",
    "CONFIG GET *",
    "CONFIG SET repl-backlog-size N",
    "CONFIG SET replica-read-only no",
    "CONFIG SET hz N",
    "CONFIG SET repl-diskless-sync no",
    "DEBUG DIGEST",
    "DEBUG CHANGE-REPL-ID",
    "QUIT",
    "REPLICAOF NO ONE",
    "REPLICAOF K 1",
    "REPLICAOF there 2",
    "SHUTDOWN NOSAVE",
    "SHUTDOWN SAVE",
    "SAVE",
    "BGSAVE",
    "BGSAVE SCHEDULE",
    "FLUSHALL",
    "DEBUG RELOAD NOSAVE NOFLUSH MERGE",
    "DEBUG RELOAD",
    "SHUTDOWN ABORT",
    "AUTH K",
    "RPUSH K v",
    "LPUSH K v N",
    "LMOVE K K LEFT RIGHT",
    "RENAME K K",
    "SWAPDB 0 1",
    "BLPOP K K 0",
    "BRPOP K 1",
    "BLPOP K N",
    "BLMPOP 0 2 K K RIGHT COUNT N",
    "BLMOVE K K LEFT RIGHT 0",
    "BRPOPLPUSH K K 5",
    "ZADD K N v N w",
    "ZADD K NX INCR N v",
    "ZUNIONSTORE K 2 K K WEIGHTS N N",
    "ZPOPMAX K N",
    "BZPOPMIN K K 0",
    "BZPOPMAX K N",
    "BZMPOP 0 2 K K MIN COUNT N",
    "CLIENT UNBLOCK N",
    "CLIENT PAUSE N WRITE",
    "WAIT N N",
];

/// What replicas say; `I` stands for the node's replication id, `J` for its second one, `O` for its
/// offset.
const REPLICATION: [&str; 20] = [
    "REPLCONF capa eof capa psync2",
    "REPLCONF capa eof",
    "REPLCONF listening-port 7",
    "REPLCONF ip-address 1.2.3.4",
    "REPLCONF rdb-only 1",
    "REPLCONF rdb-filter-only functions",
    "REPLCONF ACK O",
    "REPLCONF ACK O",
    "REPLCONF ACK O",
    "REPLCONF ACK N",
    "REPLCONF GETACK *",
    "REPLCONF K N",
    "PSYNC ? -1",
    "PSYNC ? -1",
    "PSYNC I O",
    "PSYNC I O",
    "PSYNC J O",
    "PSYNC I N",
    "PSYNC K N",
    "SYNC",
];

/// Where the node is: what a peer that knows it would say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) replid: ReplId,
    pub(super) replid2: ReplId,
    pub(super) offset: u64,
}

/// A command of a client or a master, encoded.
pub(super) fn command(choices: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let words = *choices.choose(&COMMANDS)?;
    encode(choices, words, None)
}

/// What a replica that has its snapshot says.
pub(super) fn acknowledgement(choices: &mut Unstructured<'_>, known: Known) -> Result<Vec<u8>> {
    let words = *choices.choose(&["", "REPLCONF ACK O", "REPLCONF ACK O", "REPLCONF ACK N"])?;
    if words.is_empty() { Ok(b"\n".to_vec()) } else { encode(choices, words, Some(known)) }
}

/// A command of a replica, encoded.
pub(super) fn replication(choices: &mut Unstructured<'_>, known: Known) -> Result<Vec<u8>> {
    let words = *choices.choose(&REPLICATION)?;
    encode(choices, words, Some(known))
}

fn encode(choices: &mut Unstructured<'_>, words: &str, known: Option<Known>) -> Result<Vec<u8>> {
    let mut args: Vec<String> = Vec::new();
    for word in words.split(' ') {
        args.push(match (word, known) {
            ("K", _) => format!("key:{}", choices.int_in_range(0..=5)?),
            ("N", _) => format!("{}", number(choices)?),
            ("I", Some(known)) => format!("{}", known.replid),
            ("J", Some(known)) => format!("{}", known.replid2),
            // As an acknowledgement, or as the next byte wanted: either side of the end.
            ("O", Some(known)) => {
                format!("{}", (known.offset + choices.int_in_range(0..=2)?).saturating_sub(1))
            }
            (word, _) => word.into(),
        });
    }
    let mut out = Vec::new();
    encode_command(&mut out, args.iter().map(String::as_bytes).collect::<Vec<_>>());
    Ok(out)
}

/// A number, more often small than not, and sometimes at an end of its range.
fn number(choices: &mut Unstructured<'_>) -> Result<i64> {
    Ok(match choices.int_in_range(0..=7)? {
        0 => i64::MAX,
        1 => i64::MIN,
        2 => choices.arbitrary()?,
        3 => choices.int_in_range(0..=100_000)?,
        _ => choices.int_in_range(-2..=100)?,
    })
}

/// What a client might send.
pub(super) fn client_bytes(choices: &mut Unstructured<'_>, known: Known) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for _ in 0..choices.int_in_range(1..=4)? {
        let more = match choices.int_in_range(0..=19)? {
            0..=11 => command(choices)?,
            12..=16 => replication(choices, known)?,
            17 => b"\n".to_vec(),
            _ => properties::connection(choices)?,
        };
        bytes.extend(more);
    }
    damage(choices, &mut bytes)?;
    Ok(bytes)
}

/// A part of a master's stream.
pub(super) fn stream_bytes(choices: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for _ in 0..choices.int_in_range(1..=6)? {
        let more = match choices.int_in_range(0..=19)? {
            0..=14 => command(choices)?,
            15 => b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n".to_vec(),
            16 => b"\r\n".to_vec(),
            17 => b"*0\r\n".to_vec(),
            18 => b"*1\r\n$4\r\nPING\r\n".to_vec(),
            _ => properties::connection(choices)?,
        };
        bytes.extend(more);
    }
    Ok(bytes)
}

/// The lines of a master that are no payload and no stream.
pub(super) fn master_line(choices: &mut Unstructured<'_>, known: Known) -> Result<Vec<u8>> {
    const LINES: [&str; 14] = [
        "+PONG",
        "+OK",
        "+OK\r\n+OK",
        "",
        "-NOAUTH",
        "-LOADING",
        "-NOMASTERLINK",
        "-ERR unknown",
        "+CONTINUE",
        "+FULLRESYNC",
        "$EOF:",
        "$0",
        "+CONTINUE x",
        "$99999999999",
    ];
    Ok(match choices.int_in_range(0..=3)? {
        0 => format!("+CONTINUE {}\r\n", known.replid),
        1 => format!("+FULLRESYNC {} {}\r\n", known.replid2, choices.int_in_range(0..=9_999)?),
        _ => format!("{}\r\n", choices.choose(&LINES)?),
    }
    .into_bytes())
}

/// A payload of a few keys with either framing.
pub(super) fn payload(choices: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let compression = if choices.arbitrary()? { Compression::On } else { Compression::Off };
    let checksum = if choices.arbitrary()? { Checksum::On } else { Checksum::Off };
    let (mut encoder, mut snapshot) = (Encoder::new(Options { compression, checksum }), Vec::new());
    encoder.header(&mut snapshot);
    encoder.aux(&mut snapshot, b"repl-stream-db", b"1");
    encoder.select_db(&mut snapshot, choices.int_in_range(0..=2)?);
    for key in 0..choices.int_in_range(0..=4)? {
        let expires_at = choices.arbitrary::<Option<i64>>()?.filter(|at| *at != -1);
        let value = b"value ".repeat(choices.int_in_range(0..=20)?);
        let key = format!("key:{key}");
        encoder.string(&mut snapshot, key.as_bytes(), &value, expires_at.map(UnixMillis));
    }
    encoder.end(&mut snapshot);
    Ok(if choices.arbitrary()? {
        [format!("${}\r\n", snapshot.len()).as_bytes(), &snapshot].concat()
    } else {
        let mark = [b'm'; 40];
        [b"$EOF:".as_slice(), &mark, b"\r\n", &snapshot, &mark].concat()
    })
}

/// Once in a while, changes a byte or cuts the end off.
pub(super) fn damage(choices: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    if bytes.is_empty() || !choices.ratio(1, 8)? {
        return Ok(());
    }
    let at = choices.choose_index(bytes.len())?;
    if choices.arbitrary()? {
        bytes[at] = choices.arbitrary()?;
    } else {
        bytes.truncate(at);
    }
    Ok(())
}

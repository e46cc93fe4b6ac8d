//! The master's side byte by byte, seen by a raw socket: both payload forms, the stream, CONTINUE.

use super::NO_PINGS;
use crate::fixture::{
    client::{Client, Reply, encode},
    dataset,
    server::{Kind, Server},
    wait_for,
};

/// A test of a master of one kind.
type Case = fn(Kind);

/// Every case.
pub(super) const CASES: [(&str, Case); 6] = [
    ("SYNC without capabilities gets a payload of known length", sync_gets_a_length),
    ("PSYNC with capa eof gets a payload with an end mark", psync_gets_an_end_mark),
    ("CONTINUE repeats the same bytes", continue_repeats_the_same_bytes),
    ("what cannot be continued gets a full sync", what_cannot_be_continued),
    ("a replica's handshake is answered step by step", handshake),
    ("a link that nobody has given up counts for WAIT", half_open_links_count),
];

/// The bytes of a full sync.
struct Payload {
    history: String,
    offset: i64,
    rdb: Vec<u8>,
}

/// Reads lines until one is not empty: a master keeps its replica waiting with newlines.
pub(super) fn line_after_newlines(client: &mut Client) -> String {
    loop {
        let line = client.line().expect("the master goes on");
        if !line.is_empty() {
            return line;
        }
    }
}

/// Reads the payload that `header` announces.
pub(super) fn payload(client: &mut Client, header: &str) -> Vec<u8> {
    if let Some(mark) = header.strip_prefix("$EOF:") {
        assert_eq!(mark.len(), 40, "the end mark");
        let mut rdb = Vec::new();
        while !rdb.ends_with(mark.as_bytes()) {
            rdb.extend(client.bytes(1).expect("the payload goes on"));
        }
        rdb.truncate(rdb.len() - mark.len());
        return rdb;
    }
    let length = header.strip_prefix('$').and_then(|text| text.parse().ok());
    let length: usize = length.unwrap_or_else(|| panic!("{header:?} announces no payload"));
    client.bytes(length).expect("the payload is as long as announced")
}

fn full_sync(client: &mut Client) -> Payload {
    client.ok("REPLCONF listening-port 1");
    client.ok("REPLCONF capa eof capa psync2");
    client.send(&encode(&[b"PSYNC", b"?", b"-1"])).expect("the master reads");
    let line = line_after_newlines(client);
    let words: Vec<&str> = line.split(' ').collect();
    let ["+FULLRESYNC", history, offset] = words[..] else {
        panic!("{line:?} is no answer to PSYNC ? -1");
    };
    assert_eq!(history.len(), 40, "a replication id");
    let offset = offset.parse().expect("an offset");
    let header = line_after_newlines(client);
    assert!(header.starts_with("$EOF:"), "a replica with capa eof gets the form with a mark");
    let rdb = payload(client, &header);
    // A diskless replica becomes online by its first acknowledgement.
    acknowledge(client, offset);
    Payload { history: history.to_owned(), offset, rdb }
}

fn acknowledge(client: &mut Client, offset: i64) {
    let offset = offset.to_string();
    let ack = encode(&[b"REPLCONF", b"ACK", offset.as_bytes()]);
    client.send(&ack).expect("the master reads");
}

/// The CRC-64 of Redis' snapshots (the polynomial of Jones, reflected), bit by bit: slow and
/// obvious.
fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ u64::from(byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0x95ac_9329_ac4b_c9b5 } else { crc >> 1 }
        })
    })
}

#[track_caller]
fn assert_snapshot(rdb: &[u8]) {
    assert!(rdb.starts_with(b"REDIS00"), "the magic of a snapshot");
    let (body, sum) = rdb.split_at(rdb.len() - 8);
    assert_eq!(body.last(), Some(&0xff), "the opcode before the checksum");
    let sum = u64::from_le_bytes(sum.try_into().expect("eight bytes"));
    assert_eq!(sum, crc64(body), "the checksum");
}

fn select_and_set(value: &str) -> Vec<u8> {
    [encode(&[b"SELECT", b"3"]), encode(&[b"SET", b"key", value.as_bytes()])].concat()
}

fn sync_gets_a_length(kind: Kind) {
    let master = Server::start(kind, &[NO_PINGS]);
    dataset::load(&master);
    let mut replica = master.client();
    replica.send(b"SYNC\r\n").expect("the master reads");
    let header = line_after_newlines(&mut replica);
    assert!(!header.starts_with("$EOF:"), "{header} needs a capability that was not named");
    let rdb = payload(&mut replica, &header);
    assert_snapshot(&rdb);

    let mut client = master.client();
    client.ok("SELECT 3");
    client.ok("SET key value");
    let expected = select_and_set("value");
    let stream = replica.bytes(expected.len()).expect("the stream follows the payload");
    assert_eq!(stream.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

fn psync_gets_an_end_mark(kind: Kind) {
    let master = Server::start(kind, &[NO_PINGS]);
    dataset::load(&master);
    let mut replica = master.client();
    let payload = full_sync(&mut replica);
    assert_snapshot(&payload.rdb);
    assert_eq!(payload.history, master.info("master_replid"));
    assert_eq!(payload.offset, master.count("master_repl_offset"));

    let mut client = master.client();
    client.ok("SELECT 3");
    client.ok("SET key value");
    let expected = select_and_set("value");
    let stream = replica.bytes(expected.len()).expect("the stream follows the payload");
    assert_eq!(stream.escape_ascii().to_string(), expected.escape_ascii().to_string());
    let produced = payload.offset + i64::try_from(expected.len()).expect("it is short");
    assert_eq!(master.count("master_repl_offset"), produced, "every byte counts");

    acknowledge(&mut replica, produced);
    wait_for("the master to see the acknowledgement", || {
        let line = master.info("slave0");
        let (online, offset) = ("state=online", format!("offset={produced}"));
        if line.contains(online) && line.contains(&offset) { Ok(()) } else { Err(line) }
    });
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn continue_repeats_the_same_bytes(kind: Kind) {
    let master = Server::start(kind, &[NO_PINGS]);
    let mut replica = master.client();
    let Payload { history, offset, .. } = full_sync(&mut replica);
    let mut client = master.client();
    client.ok("SELECT 3");
    client.ok("SET key one");
    client.ok("SET key two");
    // What an online replica hears. Redis' first cron may put a PING anywhere into it.
    // An acknowledgement that comes before Redis has reaped its child starts no stream.
    wait_for("the replica to be online", || match master.info("slave0") {
        line if line.contains("state=online") => Ok(()),
        line => Err(line),
    });
    acknowledge(&mut replica, offset);
    let last = encode(&[b"SET", b"key", b"two"]);
    let mut expected = Vec::new();
    while !expected.ends_with(&last) {
        expected.extend(replica.bytes(1).expect("the stream goes on"));
    }
    let ping = encode(&[b"PING"]);
    let told = expected.len() - if contains(&expected, &ping) { ping.len() } else { 0 };
    assert_eq!(told, select_and_set("one").len() + last.len(), "nothing else was told");
    drop(replica);

    // From every byte on, also from within a command, and in another case of the id.
    let wanted = [0, 1, 10, expected.len() - 1, expected.len()];
    for skipped in wanted {
        let mut replica = master.client();
        replica.ok("REPLCONF capa eof capa psync2");
        let first = offset + 1 + i64::try_from(skipped).expect("it is short");
        let psync = [b"PSYNC", history.to_uppercase().as_bytes(), first.to_string().as_bytes()]
            .map(<[u8]>::to_vec);
        let psync: Vec<&[u8]> = psync.iter().map(Vec::as_slice).collect();
        replica.send(&encode(&psync)).expect("the master reads");
        assert_eq!(replica.line().expect("an answer"), format!("+CONTINUE {history}"));
        let rest = &expected[skipped..];
        let stream = replica.bytes(rest.len()).expect("the stream goes on");
        assert_eq!(stream.escape_ascii().to_string(), rest.escape_ascii().to_string());
    }
    // A replica that did not name psync2 is not told the id.
    let mut replica = master.client();
    replica.ok("REPLCONF capa eof");
    let first = (offset + 1).to_string();
    let psync = encode(&[b"PSYNC", history.as_bytes(), first.as_bytes()]);
    replica.send(&psync).expect("the master reads");
    assert_eq!(replica.line().expect("an answer"), "+CONTINUE");
    let served = i64::try_from(wanted.len()).expect("it is short") + 1;
    assert_eq!(master.count("sync_partial_ok"), served);
}

fn what_cannot_be_continued(kind: Kind) {
    let master = Server::start(kind, &[NO_PINGS]);
    let Payload { history, offset, .. } = full_sync(&mut master.client());
    master.client().ok("SET key value");
    let end = master.count("master_repl_offset");
    let other = "f".repeat(40);
    let cases = [
        (other.as_str(), offset + 1, "another history"),
        (history.as_str(), end + 2, "a byte that does not exist yet"),
        (history.as_str(), 0, "a byte before the first"),
        (history.as_str(), -1, "a byte that cannot be"),
    ];
    for (number, (history, first, why)) in (1..).zip(cases) {
        let mut replica = master.client();
        replica.ok("REPLCONF capa eof capa psync2");
        let first = first.to_string();
        let psync = encode(&[b"PSYNC", history.as_bytes(), first.as_bytes()]);
        replica.send(&psync).expect("the master reads");
        let line = line_after_newlines(&mut replica);
        assert!(line.starts_with("+FULLRESYNC "), "{why}: {line}");
        assert_eq!(master.count("sync_partial_err"), number, "{why}");
    }
    let mut replica = master.client();
    let reply = replica.ask(&format!("PSYNC {history} first"));
    let expected = "ERR value is not an integer or out of range";
    assert_eq!(reply, Reply::Error(expected.to_owned()));
    assert_eq!(replica.ask("PING"), Reply::Simple("PONG".to_owned()), "it is a client as before");
}

/// A replica whose old link is half open has two links. Both acknowledged what came before the
/// break, so `WAIT` counts the replica twice until the old link is given up (`repl-timeout`); what
/// comes after the break is acknowledged once. Who counts replicas by `WAIT` must know.
fn half_open_links_count(kind: Kind) {
    let server = Server::start(kind, &[NO_PINGS]);
    let mut writer = server.client();
    let mut old = server.client();
    let history = full_sync(&mut old);
    writer.ok("SET before 1");
    let offset = wait_for("the write to be in the history", || {
        let offset = server.count("master_repl_offset");
        if offset > history.offset { Ok(offset) } else { Err(offset) }
    });
    acknowledge(&mut old, offset);
    wait_for("one acknowledgement", || {
        let count = writer.ask("WAIT 1 100").integer();
        if count == 1 { Ok(()) } else { Err(count) }
    });
    // The same replica comes again; of the old connection it knows nothing any more.
    let mut new = server.client();
    new.ok("REPLCONF listening-port 1");
    new.ok("REPLCONF capa eof capa psync2");
    let next = (offset + 1).to_string();
    let psync = [b"PSYNC", history.history.as_bytes(), next.as_bytes()];
    new.send(&encode(&psync)).expect("the master reads");
    assert!(line_after_newlines(&mut new).starts_with("+CONTINUE"));
    acknowledge(&mut new, offset);
    wait_for("two acknowledgements of one replica", || {
        let count = writer.ask("WAIT 2 100").integer();
        if count == 2 { Ok(()) } else { Err(count) }
    });
    writer.ok("SET after 1");
    acknowledge(&mut new, server.count("master_repl_offset"));
    assert_eq!(writer.ask("WAIT 2 300").integer(), 1, "the old link is silent");
}

fn handshake(kind: Kind) {
    let master = Server::start(kind, &[NO_PINGS]);
    let mut replica = master.client();
    assert_eq!(replica.ask("PING"), Reply::Simple("PONG".to_owned()));
    replica.ok("REPLCONF listening-port 4321");
    replica.ok("REPLCONF ip-address 10.1.2.3");
    replica.ok("REPLCONF capa eof capa psync2 capa unheard-of");
    let refusals = [
        ("REPLCONF capa", "ERR syntax error"),
        ("REPLCONF no-such-option 1", "ERR Unrecognized REPLCONF option: no-such-option"),
    ];
    for (command, expected) in refusals {
        assert_eq!(replica.ask(command), Reply::Error(expected.to_owned()), "{command}");
    }
    let Payload { offset, .. } = full_sync(&mut replica);
    wait_for("the master to list the replica", || {
        let line = master.info("slave0");
        // full_sync names another port: the last word counts.
        let expected = format!("ip=10.1.2.3,port=1,state=online,offset={offset},lag=");
        if line.starts_with(&expected) { Ok(()) } else { Err(line) }
    });
    drop(replica);
    wait_for("the master to forget the replica", || match master.count("connected_slaves") {
        0 => Ok(()),
        count => Err(count),
    });
}

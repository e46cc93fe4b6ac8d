//! What a scripted master and a scripted replica say, and the payloads they exchange.

use repl_core::{
    base::time::UnixMillis,
    rdb::{Checksum, Compression, Encoder, Options},
};

use crate::net::{Net, Peer, command};

/// An id that no node draws.
pub(crate) const OTHER_ID: &str = "00000000000000000000000000000000deadbeef";

/// The mark of scripted payloads.
pub(crate) const MARK: &str = "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm";

/// A snapshot of these keys in database 0, taken while the stream had `stream_db` selected.
pub(crate) fn snapshot(stream_db: u32, keys: &[(&str, &str)]) -> Vec<u8> {
    let options = Options { compression: Compression::On, checksum: Checksum::On };
    let (mut encoder, mut out) = (Encoder::new(options), Vec::new());
    encoder.header(&mut out);
    encoder.aux(&mut out, b"repl-stream-db", stream_db.to_string().as_bytes());
    encoder.select_db(&mut out, 0);
    for (key, value) in keys {
        encoder.string(&mut out, key.as_bytes(), value.as_bytes(), None::<UnixMillis>);
    }
    encoder.end(&mut out);
    out
}

/// A payload with its length in front.
pub(crate) fn with_length(snapshot: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", snapshot.len()).as_bytes(), snapshot].concat()
}

/// A payload between marks.
pub(crate) fn with_mark(snapshot: &[u8]) -> Vec<u8> {
    [format!("$EOF:{MARK}\r\n").as_bytes(), snapshot, MARK.as_bytes()].concat()
}

/// The line before a payload.
pub(crate) fn fullresync(offset: u64) -> Vec<u8> {
    format!("+FULLRESYNC {OTHER_ID} {offset}\r\n").into_bytes()
}

/// As a master: takes the next dial to `name`, answers the handshake up to `PSYNC`, and returns the
/// connection and the words of that command.
pub(crate) fn greet(net: &mut Net, name: &str) -> (Peer, String) {
    let master = net.accept_dial(name);
    assert_eq!(net.read(master), command("PING"));
    net.send(master, b"+PONG\r\n");
    let hello = net.read_text(master);
    assert!(hello.contains("listening-port") && hello.contains("psync2"), "{hello:?}");
    net.send(master, b"+OK\r\n+OK\r\n");
    let psync = net.read_text(master);
    assert!(psync.starts_with("*3\r\n$5\r\nPSYNC\r\n"), "{psync:?}");
    let words: Vec<&str> = psync.split("\r\n").skip(2).step_by(2).collect();
    (master, words.join(" ").trim().to_owned())
}

/// As a master: gives the node that dials `name` a dataset at `offset`, and returns the connection.
pub(crate) fn feed(net: &mut Net, name: &str, offset: u64, keys: &[(&str, &str)]) -> Peer {
    let (master, _) = greet(net, name);
    net.send(master, &fullresync(offset));
    net.send(master, &with_length(&snapshot(0, keys)));
    let ack = net.read_text(master);
    assert!(ack.ends_with(&text(&format!("REPLCONF ACK {offset}"))), "{ack:?}");
    master
}

/// As a replica: connects, says what it can do, and asks.
pub(crate) fn psync(net: &mut Net, name: &str, capabilities: &str, asked: &str) -> Peer {
    let replica = net.connect(name);
    if !capabilities.is_empty() {
        let reply = net.command(replica, &format!("REPLCONF {capabilities}"));
        assert_eq!(reply, "+OK\r\n");
    }
    net.send(replica, &command(asked));
    replica
}

/// What a modern replica says it can do.
pub(crate) const MODERN: &str = "capa eof capa psync2";

/// A command as text.
pub(crate) fn text(words: &str) -> String {
    String::from_utf8(command(words)).expect("made of text")
}

/// As a replica: reads a `+FULLRESYNC` answer. Returns the id, the offset and what follows.
pub(crate) fn read_fullresync(bytes: &[u8]) -> (String, u64, Vec<u8>) {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n").expect("there is a line");
    let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!((words.len(), words[0]), (3, "+FULLRESYNC"), "{line}");
    let rest = bytes[end + 2..].iter().copied().skip_while(|byte| *byte == b'\n').collect();
    (words[1].into(), words[2].parse().expect("an offset is a number"), rest)
}

/// As a replica: follows a node from nothing to the stream. Returns the connection, the id and the
/// offset.
pub(crate) fn attach(net: &mut Net, name: &str) -> (Peer, String, u64) {
    attach_as(net, name, MODERN)
}

/// As [`attach`], with other capabilities.
pub(crate) fn attach_as(net: &mut Net, name: &str, capabilities: &str) -> (Peer, String, u64) {
    let replica = psync(net, name, capabilities, "PSYNC ? -1");
    let bytes = net.read(replica);
    let (id, offset, payload) = read_fullresync(&bytes);
    assert!(payload.starts_with(b"$EOF:"), "a payload with a mark");
    assert_eq!(&payload[payload.len() - 40..], &payload[5..45], "the mark again");
    net.send(replica, &command(&format!("REPLCONF ACK {offset}")));
    (replica, id, offset)
}

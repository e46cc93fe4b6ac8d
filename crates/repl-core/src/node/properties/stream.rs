//! A master that says anything at all, once the handshake is over and a dataset is there.

use alloc::vec::Vec;
use core::time::Duration;

use arbitrary::{Result, Unstructured};

use super::menu;
use crate::{
    base::{
        config::{Access, Config},
        ids::{ConnId, Endpoint},
        rng::Seed,
        time::{Instant, Now, UnixMillis},
    },
    io::{Effect, Input, Interest, PeerInfo},
    node::Node,
    rdb::{Checksum, Compression, Encoder, Options},
};

const NOW: Now = Now { mono: Instant::from_nanos(1 << 50), wall: UnixMillis(1_700_000_000_000) };
const OFFSET: u64 = 100;
const ID: [u8; 40] = [b'e'; 40];

/// A replica whose link is up.
struct Replica {
    node: Node,
    link: ConnId,
}

/// What came of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    dataset: u64,
    offset: u64,
    is_up: bool,
    backlog: Vec<u8>,
}

/// A stream made of commands is applied the same in any pieces, and what was applied is passed on
/// verbatim.
///
/// # Errors
/// When the choices run out.
pub fn any_stream(choices: &mut Unstructured<'_>) -> Result<()> {
    let mut bytes = Vec::new();
    for _ in 0..choices.int_in_range(1..=4)? {
        bytes.extend(menu::stream_bytes(choices)?);
    }
    menu::damage(choices, &mut bytes)?;
    let mut ends = Vec::new();
    let mut end = 0;
    while end < bytes.len() {
        end += choices.int_in_range(1..=bytes.len() - end)?;
        ends.push(end);
    }
    check(&bytes, &ends);
    Ok(())
}

/// As [`any_stream`], for bytes that are given: they arrive at once and one by one.
pub fn any_stream_bytes(bytes: &[u8]) {
    let ends: Vec<usize> = (1..=bytes.len()).collect();
    check(bytes, &ends);
}

fn check(bytes: &[u8], ends: &[usize]) {
    let whole = apply(bytes, &[bytes.len()]);
    let pieces = apply(bytes, ends);
    assert_eq!(whole, pieces, "in pieces {ends:?}: {}", bytes.escape_ascii());
    if whole.is_up {
        let applied = (whole.offset - OFFSET) as usize;
        assert!(applied <= bytes.len(), "nothing is made up");
        assert!(bytes[..applied].ends_with(&whole.backlog), "what is told is what was heard");
    }
}

fn apply(bytes: &[u8], ends: &[usize]) -> Outcome {
    let mut replica = Replica::new();
    let mut start = 0;
    for end in ends {
        replica.receive(&bytes[start..*end]);
        start = *end;
    }
    let view = replica.node.replication();
    // A stream may tell the node to follow somebody else, or nobody: then its history is its own.
    let is_up =
        view.replid.as_bytes() == &ID && replica.node.interest(replica.link) != Interest::Gone;
    let backlog = match view.backlog {
        Some((first, _)) if is_up => replica.node.backlog_bytes(first).concat(),
        Some(_) | None => Vec::new(),
    };
    Outcome { dataset: replica.node.dataset_hash(), offset: view.offset, is_up, backlog }
}

impl Replica {
    fn new() -> Self {
        let config = Config {
            databases: 3,
            replicaof: Some(Endpoint { host: "x".into(), port: 1 }),
            repl_timeout: Duration::from_secs(10),
            enable_debug_command: Access::Yes,
            ..Config::default()
        };
        let mut node = Node::new(config, Seed::from_u64(2), NOW);
        let mut dialled = None;
        while let Some(effect) = node.poll_effect() {
            if let Effect::Dial { conn, .. } = effect {
                dialled = Some(conn);
            }
        }
        let link = dialled.expect("a replica dials at its boot");
        node.handle(NOW, Input::Connected { conn: link, peer: PeerInfo::default() });
        let mut replica = Self { node, link };
        replica.receive(b"+PONG\r\n+OK\r\n+OK\r\n");
        let line = alloc::format!("+FULLRESYNC {} {OFFSET}\r\n", "e".repeat(40));
        replica.receive(line.as_bytes());
        replica.receive(&snapshot());
        assert_eq!(replica.node.replication().link, "connected");
        replica
    }

    fn receive(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() && self.node.interest(self.link) != Interest::Gone {
            self.node.handle(NOW, Input::Received { conn: self.link, bytes });
            while self.node.poll_effect().is_some() {}
        }
    }
}

fn snapshot() -> Vec<u8> {
    let options = Options { compression: Compression::Off, checksum: Checksum::Off };
    let (mut encoder, mut out) = (Encoder::new(options), Vec::new());
    encoder.header(&mut out);
    encoder.string(&mut out, b"key:1", b"5", Some(UnixMillis(NOW.wall.0 - 1)));
    encoder.string(&mut out, b"key:2", b"value", None);
    encoder.end(&mut out);
    [alloc::format!("${}\r\n", out.len()).as_bytes(), &out].concat()
}

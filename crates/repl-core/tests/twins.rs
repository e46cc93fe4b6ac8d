//! Twins: the same bytes for the same node, cut into other pieces. What a node is, holds and tells
//! is a function of the bytes it was sent and not of the pieces in which they came.
//!
//! Two things are left out, because they may follow the pieces: *when* replies leave, and how often
//! a replica acknowledges what it was sent at once. And one is left out of the bytes: `PSYNC`
//! behind a command whose reply has not left is refused, as in Redis, so there it matters what came
//! together.

use repl_core::{
    Node,
    base::{
        config::Config,
        ids::ConnId,
        rng::{Rng, Seed},
        time::{Instant, Now, UnixMillis},
    },
    io::{Effect, Input, PeerInfo},
    marks::Marks,
    node::ReplicationView,
    resp::encode_command,
};

const NOW: Now =
    Now { mono: Instant::from_nanos(1_000_000_000_000_000), wall: UnixMillis(1_700_000_000_000) };

/// What must be equal, whatever the pieces.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    view: ReplicationView,
    dataset: u64,
    told: Vec<u8>,
    marks: Marks,
    log: Vec<String>,
    said: Vec<u8>,
}

fn config() -> Config {
    Config {
        repl_diskless_sync_delay: std::time::Duration::ZERO,
        protected_mode: false,
        ..Config::default()
    }
}

fn commands(lines: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        encode_command(&mut bytes, line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
    }
    bytes
}

/// A node and what it logged.
struct Bench {
    node: Node,
    log: Vec<String>,
}

impl Bench {
    fn new(config: Config) -> Self {
        let mut bench = Self { node: Node::new(config, Seed::from_u64(7), NOW), log: Vec::new() };
        bench.drain();
        bench
    }

    /// The effects, of which the log is kept. Gives the connection that is to be dialled, if any.
    fn drain(&mut self) -> Option<ConnId> {
        let mut dialled = None;
        while let Some(effect) = self.node.poll_effect() {
            match effect {
                Effect::Log(_, text) => self.log.push(text),
                Effect::Dial { conn, .. } => dialled = Some(conn),
                Effect::Wake(_)
                | Effect::WakeBy(..)
                | Effect::Decided(_)
                | Effect::RewriteConfig { .. }
                | Effect::ApplyConfig(_)
                | Effect::Disk(_)
                | Effect::StandStill(_)
                | Effect::Exit(_) => {}
            }
        }
        dialled
    }

    fn accept(&mut self) -> ConnId {
        self.node.accept(NOW, PeerInfo::default())
    }

    /// Takes bytes, and gives what is said on `conn` after them.
    fn take(&mut self, conn: ConnId, bytes: &[u8]) -> Vec<u8> {
        self.node.handle(NOW, Input::Received { conn, bytes });
        self.drain();
        self.said(conn)
    }

    fn said(&mut self, conn: ConnId) -> Vec<u8> {
        let mut said = Vec::new();
        loop {
            let shown = self.node.transmit(conn).concat();
            if shown.is_empty() {
                return said;
            }
            self.node.handle(NOW, Input::Sent { conn, count: shown.len() });
            self.drain();
            said.extend(shown);
        }
    }

    /// Takes bytes in pieces that end at these places.
    fn take_cut(&mut self, conn: ConnId, bytes: &[u8], ends: &[usize]) -> Vec<u8> {
        let mut said = Vec::new();
        let mut from = 0;
        for end in ends.iter().copied().chain([bytes.len()]) {
            if end > from {
                said.extend(self.take(conn, &bytes[from..end]));
                from = end;
            }
        }
        said
    }

    fn outcome(self, said: Vec<u8>) -> Outcome {
        let view = self.node.replication();
        let told = view.backlog.map(|(first, _)| self.node.backlog_bytes(first).concat());
        Outcome {
            view,
            dataset: self.node.dataset_hash(),
            told: told.unwrap_or_default(),
            marks: *self.node.marks(),
            log: self.log,
            said,
        }
    }
}

/// Where `len` bytes are cut: nowhere, once at every place, and many times at drawn ones.
fn cuts(len: usize) -> impl Iterator<Item = Vec<usize>> {
    let mut rng = Rng::new(Seed::from_u64(1), "cuts");
    let drawn = (0..200).map(move |_| {
        let count = 1 + rng.below(40);
        let mut ends: Vec<usize> = (0..count).map(|_| rng.below(len as u64) as usize).collect();
        ends.sort_unstable();
        ends
    });
    let bytewise = [(1..len).collect::<Vec<_>>()];
    (1..len).map(|end| vec![end]).chain(bytewise).chain(drawn)
}

const WRITES: [&str; 14] = [
    "SET a 1",
    "INCR a",
    "SELECT 2",
    "RPUSH list x y z",
    "MULTI",
    "APPEND a more",
    "LPOP list",
    "INCR list",
    "EXEC",
    "SET brief x PX 1000",
    "SADD set 1 2 3 4 5",
    "SPOP set",
    "HSET hash f v g w",
    "PUBLISH channel message",
];

/// What a client sends: writes, errors, an inline command, a transaction that is refused.
fn of_a_client() -> Vec<u8> {
    let mut bytes = commands(&WRITES);
    bytes.extend(b"PING inline\r\n\r\n");
    bytes.extend(commands(&["NONSENSE", "GET", "MULTI", "NONSENSE", "EXEC", "WAIT 0 10", "GET a"]));
    bytes
}

/// What a master sends a replica from the first line on: replies, payload, stream.
fn of_a_master() -> Vec<u8> {
    let mut master = Bench::new(config());
    let client = master.accept();
    master.take(client, &commands(&WRITES));
    let replica = master.accept();
    let mut sent = Vec::new();
    for line in ["PING", "REPLCONF listening-port 1", "REPLCONF capa eof capa psync2", "PSYNC ? -1"]
    {
        sent.extend(master.take(replica, &commands(&[line])));
    }
    sent.extend(master.take(replica, &commands(&["REPLCONF ACK 0"])));
    master.take(client, &commands(&WRITES));
    master.take(client, &commands(&["WAIT 1 1000"]));
    sent.extend(master.said(replica));
    assert!(sent.ends_with(&commands(&["REPLCONF GETACK *"])), "the stream has left");
    sent
}

#[test]
fn a_client_is_answered_whatever_the_pieces() {
    let bytes = of_a_client();
    let run = |ends: &[usize]| {
        let mut bench = Bench::new(config());
        let replica = bench.accept();
        bench.take(replica, &commands(&["PSYNC ? -1"]));
        let client = bench.accept();
        let said = bench.take_cut(client, &bytes, ends);
        bench.outcome(said)
    };
    let whole = run(&[]);
    assert!(whole.said.ends_with(b"$4\r\nmore\r\n"));
    assert!(whole.view.offset > 200, "replicas are told");
    for ends in cuts(bytes.len()) {
        assert_eq!(run(&ends), whole, "cut at {ends:?}");
    }
}

#[test]
fn a_replica_becomes_the_same_whatever_the_pieces() {
    let bytes = of_a_master();
    let run = |ends: &[usize]| {
        let mut bench = Bench::new(config());
        let client = bench.accept();
        let follow = commands(&["REPLICAOF master 6379"]);
        bench.node.handle(NOW, Input::Received { conn: client, bytes: &follow });
        let link = bench.drain().expect("it dials its master");
        bench.node.handle(NOW, Input::Connected { conn: link, peer: PeerInfo::default() });
        bench.drain();
        bench.take_cut(link, &bytes, ends);
        bench.outcome(Vec::new())
    };
    let whole = run(&[]);
    assert_eq!(whole.view.link, "connected");
    assert!(whole.told.len() > 200, "the stream was applied");
    for ends in cuts(bytes.len()) {
        assert_eq!(run(&ends), whole, "cut at {ends:?}");
    }
}

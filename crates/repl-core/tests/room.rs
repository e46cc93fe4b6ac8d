//! What has passed through a node does not stay with it: once it is gone from the dataset, the node
//! holds as much memory as before, while all its connections go on being used.
//!
//! One test, because the counter is the process's: another test beside it would be counted as well.

use std::alloc::System;

use repl_core::{
    Node,
    base::{
        config::Config,
        ids::{ConnId, Endpoint},
        rng::Seed,
        time::{Instant, Now, UnixMillis},
    },
    io::{Effect, Input, PeerInfo},
    resp::encode_command,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MIB: usize = 1024 * 1024;

/// What arrives at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// A middle node of a chain, or a master, and who is connected to it.
struct Place {
    node: Node,
    millis: u64,
    /// By [`WRITER`], [`CLIENT`] and [`REPLICA`].
    conns: Vec<ConnId>,
}

/// Who writes: its master, or a client of the master it is.
const WRITER: usize = 0;
const CLIENT: usize = 1;
const REPLICA: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Master,
    Middle,
}

impl Place {
    fn new(role: Role) -> Self {
        let master = Endpoint { host: "master".into(), port: 1 };
        let config = Config {
            repl_backlog_size: 64 * 1024,
            repl_diskless_sync_delay: core::time::Duration::ZERO,
            replicaof: (role == Role::Middle).then_some(master),
            ..Config::default()
        };
        let now = Now { mono: Instant::ORIGIN, wall: UnixMillis(1_700_000_000_000) };
        let node = Node::new(config, Seed::from_u64(1), now);
        let mut place = Self { node, millis: 0, conns: Vec::new() };
        match role {
            Role::Master => place.accept(),
            Role::Middle => place.follow(),
        }
        place.accept();
        place.accept();
        place.say(REPLICA, &[b"REPLCONF", b"capa", b"eof"]);
        place.say(REPLICA, &[b"PSYNC", b"?", b"-1"]);
        place.say(REPLICA, &[b"REPLCONF", b"ACK", b"0"]);
        assert_eq!(place.node.replication().online_replicas, 1);
        place
    }

    fn accept(&mut self) {
        self.conns.push(self.node.accept(self.now(), PeerInfo::default()));
    }

    /// Plays the master, up to an empty dataset and the beginning of the stream.
    fn follow(&mut self) {
        self.millis += 1;
        self.node.handle(self.now(), Input::TimerFired);
        let mut dialled = None;
        while let Some(effect) = self.node.poll_effect() {
            if let Effect::Dial { conn, .. } = effect {
                dialled = Some(conn);
            }
        }
        let conn = dialled.expect("it was told whom to follow");
        self.node.handle(self.now(), Input::Connected { conn, peer: PeerInfo::default() });
        self.conns.push(conn);
        let empty = b"REDIS0011\xff\0\0\0\0\0\0\0\0";
        let sync = format!("+FULLRESYNC {} 0\r\n${}\r\n", "a".repeat(40), empty.len());
        for reply in [&b"+PONG\r\n"[..], b"+OK\r\n+OK\r\n", sync.as_bytes(), empty] {
            self.hear(WRITER, reply);
        }
        assert_eq!(self.node.replication().link, "connected", "the dataset is loaded");
    }

    fn now(&self) -> Now {
        let wall = UnixMillis(1_700_000_000_000 + self.millis as i64);
        Now { mono: Instant::from_nanos(self.millis * 1_000_000), wall }
    }

    fn say(&mut self, whose: usize, words: &[&[u8]]) {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, words.iter().copied());
        self.hear(whose, &bytes);
    }

    /// Bytes arrive, a piece a millisecond, and everything that follows from them leaves.
    fn hear(&mut self, whose: usize, bytes: &[u8]) {
        let conn = self.conns[whose];
        for bytes in bytes.chunks(PIECE_BYTES) {
            self.millis += 1;
            self.node.handle(self.now(), Input::Received { conn, bytes });
            self.settle();
        }
    }

    fn settle(&mut self) {
        while self.node.poll_timeout().is_some_and(|at| at <= self.now().mono) {
            self.node.handle(self.now(), Input::TimerFired);
        }
        while self.node.poll_effect().is_some() {}
        for conn in self.conns.clone() {
            loop {
                let count = self.node.transmit(conn).map(<[u8]>::len).iter().sum();
                if count == 0 {
                    break;
                }
                self.node.handle(self.now(), Input::Sent { conn, count });
                while self.node.poll_effect().is_some() {}
            }
        }
    }

    /// Small talk on all connections, for some seconds: none of them is idle.
    fn talk(&mut self) {
        for round in 0..100_u32 {
            self.millis += 50;
            self.say(WRITER, &[b"SET", b"round", round.to_string().as_bytes()]);
            self.say(CLIENT, &[b"GET", b"round"]);
            self.say(REPLICA, &[b"REPLCONF", b"ACK", b"1"]);
        }
    }
}

#[test]
fn the_room_that_large_values_took_is_given_back_on_connections_in_use() {
    let large = vec![b'v'; 3 * MIB];
    for role in [Role::Master, Role::Middle] {
        let mut place = Place::new(role);
        let work = |place: &mut Place, value: &[u8]| {
            place.say(WRITER, &[b"SET", b"large", value]);
            place.say(CLIENT, &[b"GET", b"large"]);
            // A transaction, and a reply that nobody reads.
            place.say(WRITER, &[b"MULTI"]);
            place.say(WRITER, &[b"SET", b"large", value]);
            place.say(WRITER, &[b"GETSET", b"large", b"small"]);
            place.say(WRITER, &[b"EXEC"]);
            place.say(WRITER, &[b"GETSET", b"large", value]);
            place.say(WRITER, &[b"GETDEL", b"large"]);
            let push: Vec<&[u8]> =
                [&b"RPUSH"[..], b"many"].into_iter().chain(value.chunks(32)).collect();
            place.say(WRITER, &push);
            place.say(WRITER, &[b"LRANGE", b"many", b"0", b"-1"]);
            place.say(WRITER, &[b"DEL", b"many"]);
            let count = value.len() / 100;
            let mut unit = Vec::new();
            encode_command(&mut unit, [&b"MULTI"[..]]);
            (0..count).for_each(|_| encode_command(&mut unit, [&b"INCR"[..], b"n"]));
            encode_command(&mut unit, [&b"EXEC"[..]]);
            place.hear(WRITER, &unit);
            place.talk();
        };
        // The backlog, and every buffer that is kept.
        work(&mut place, &large[..64 * 1024]);
        let region = Region::new(ALLOCATOR);
        work(&mut place, &large);
        let change = region.change();
        let more = change.bytes_allocated as i64 - change.bytes_deallocated as i64;
        assert!(change.bytes_allocated > 3 * MIB, "it was allocated: {change:?}");
        assert!(more < 256 * 1024, "{role:?}: {more} bytes more than before");
    }
}

//! The steady state allocates nothing: no `GET`, no `SET` of an existing key, with a replica that
//! follows.
//!
//! One test, because the counter is the process's: another test beside it would be counted as well.

use std::alloc::System;

use repl_core::{
    Node,
    base::{
        config::Config,
        ids::ConnId,
        rng::Seed,
        time::{Instant, Now, UnixMillis},
    },
    io::{Input, PeerInfo},
    resp::encode_command,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const KEYS: usize = 1000;
const REQUESTS: usize = 100_000;

/// A node, its clock, and the connections of a client and a replica.
struct Bench {
    node: Node,
    micros: u64,
    client: ConnId,
    replica: ConnId,
    received: usize,
    streamed: usize,
}

impl Bench {
    fn new() -> Self {
        let config =
            Config { repl_diskless_sync_delay: core::time::Duration::ZERO, ..Config::default() };
        let now = Now { mono: Instant::ORIGIN, wall: UnixMillis(1_700_000_000_000) };
        let mut node = Node::new(config, Seed::from_u64(1), now);
        let client = node.accept(now, PeerInfo::default());
        let replica = node.accept(now, PeerInfo::default());
        let mut bench = Self { node, micros: 0, client, replica, received: 0, streamed: 0 };
        bench.input(replica, &command(&[b"REPLCONF", b"capa", b"eof"]));
        bench.input(replica, &command(&[b"PSYNC", b"?", b"-1"]));
        bench.input(replica, &command(&[b"REPLCONF", b"ACK", b"0"]));
        assert_eq!(bench.node.replication().online_replicas, 1);
        bench
    }

    fn now(&self) -> Now {
        let mono = Instant::from_nanos(self.micros * 1000);
        Now { mono, wall: UnixMillis(1_700_000_000_000 + (self.micros / 1000) as i64) }
    }

    /// One input, and everything that follows from it.
    fn input(&mut self, conn: ConnId, bytes: &[u8]) {
        self.micros += 10;
        self.node.handle(self.now(), Input::Received { conn, bytes });
        while self.node.poll_timeout().is_some_and(|at| at <= self.now().mono) {
            self.node.handle(self.now(), Input::TimerFired);
        }
        while self.node.poll_effect().is_some() {}
        self.received += self.drain(self.client);
        self.streamed += self.drain(self.replica);
    }

    /// Sends what there is to send; how many bytes that was.
    fn drain(&mut self, conn: ConnId) -> usize {
        let mut all = 0;
        loop {
            let count = self.node.transmit(conn).map(<[u8]>::len).iter().sum();
            if count == 0 {
                return all;
            }
            self.node.handle(self.now(), Input::Sent { conn, count });
            while self.node.poll_effect().is_some() {}
            all += count;
        }
    }
}

fn command(args: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_command(&mut out, args.iter().copied());
    out
}

#[test]
fn reads_and_writes_of_existing_keys_allocate_nothing() {
    let keys: Vec<String> = (0..KEYS).map(|i| format!("key:{i:08}")).collect();
    let set: Vec<Vec<u8>> =
        keys.iter().map(|key| command(&[b"SET", key.as_bytes(), &[b'v'; 64]])).collect();
    let get: Vec<Vec<u8>> = keys.iter().map(|key| command(&[b"GET", key.as_bytes()])).collect();
    for pipeline in [1, 16, 100] {
        let batches = |one: &[Vec<u8>]| one.chunks(pipeline).map(<[_]>::concat).collect::<Vec<_>>();
        for (name, requests) in [("SET", batches(&set)), ("GET", batches(&get))] {
            let mut bench = Bench::new();
            set.iter().for_each(|request| bench.input(bench.client, request));
            let ack = command(&[b"REPLCONF", b"ACK", b"1"]);
            let mut run = |rounds: usize| {
                for _ in 0..rounds {
                    requests.iter().for_each(|batch| bench.input(bench.client, batch));
                    bench.input(bench.replica, &ack);
                }
            };
            // Enough to fill the backlog and every buffer that is kept.
            run(30);
            let region = Region::new(ALLOCATOR);
            run(REQUESTS / KEYS);
            let change = region.change();
            assert_eq!(
                (change.allocations, change.reallocations),
                (0, 0),
                "{name}, {pipeline} at a time: {change:?}"
            );
            assert!(bench.received > 5 * REQUESTS, "it did answer");
            assert!(name == "GET" || bench.streamed > 80 * REQUESTS, "and the replica heard");
        }
    }
}

//! The four nodes of a soak, who follows whom, and the load on the master of the moment.
//!
//! Knows how an operator moves nodes, and not when or why.

use std::fs;

use super::memory;
use crate::{
    fixture::{
        Proxy,
        load::Load,
        server::{Server, Stop},
        wait_for,
    },
    replication::{Syncs, mixed, settle, syncs},
};

/// Master and three replicas behind each other.
pub(super) const NODES: usize = 4;

/// What every node is told at its start, and again before every check: scripts change it.
pub(super) const STANDARD: [(&str, &str); 7] = [
    ("repl-backlog-size", "262144"),
    ("client-output-buffer-limit", "slave 268435456 67108864 60"),
    ("repl-timeout", "60"),
    ("repl-diskless-sync", "yes"),
    ("hz", "10"),
    ("save", ""),
    ("shutdown-timeout", "1"),
];

/// What becomes of a node's snapshot file while the node is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    /// It is there, if it was.
    Kept,
    /// It is lost.
    Gone,
}

/// Nodes and load.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) servers: Vec<Server>,
    /// `links[node]` lies in front of `servers[node]`.
    pub(super) links: Vec<Proxy>,
    /// The nodes by position, the master first.
    pub(super) order: Vec<usize>,
    load: Option<Load>,
    loads: u64,
    seed: u64,
    /// Commands of loads that have ended.
    commands: u64,
    /// What the processes of now had served when it was last counted.
    counted: Vec<Syncs>,
    total: Syncs,
}

impl Chain {
    /// Starts the nodes, each behind the one before it.
    #[track_caller]
    pub(super) fn start(seed: u64) -> Self {
        let start = |_| Server::start_ours_with_variable(memory::EXACT, &STANDARD);
        let servers: Vec<Server> = (0..NODES).map(start).collect();
        let links: Vec<Proxy> = servers.iter().map(|server| Proxy::to(server.port())).collect();
        let none = Syncs { full: 0, partial: 0 };
        let chain = Self {
            servers,
            links,
            order: (0..NODES).collect(),
            load: None,
            loads: 0,
            seed,
            commands: 0,
            counted: vec![none; NODES],
            total: none,
        };
        for position in 1..NODES {
            chain.at(position).follow(chain.above(position).port());
        }
        chain
    }

    /// The node at this position.
    pub(super) fn at(&self, position: usize) -> &Server {
        &self.servers[self.order[position]]
    }

    /// The link between this position and the one above it.
    pub(super) fn above(&self, position: usize) -> &Proxy {
        &self.links[self.order[position - 1]]
    }

    /// All nodes, the master first.
    pub(super) fn all(&self) -> Vec<&Server> {
        self.order.iter().map(|&node| &self.servers[node]).collect()
    }

    /// Begins another load on the master.
    pub(super) fn begin_load(&mut self) {
        self.loads += 1;
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(self.loads);
        self.load = Some(Load::on(self.at(0), seed));
    }

    /// Ends the load.
    #[track_caller]
    pub(super) fn end_load(&mut self) {
        if let Some(load) = self.load.take() {
            self.commands += load.answered();
            load.stop();
        }
    }

    /// Waits until `count` more commands were answered by the master.
    #[track_caller]
    pub(super) fn flow(&self, count: u64) {
        if let Some(load) = &self.load {
            load.flow(count);
        }
    }

    /// Commands that were answered so far.
    pub(super) fn commands(&self) -> u64 {
        self.commands + self.load.as_ref().map_or(0, Load::answered)
    }

    /// The load goes to the second node, which has become the master, and the first joins at the
    /// end: by `REPLICAOF` if it runs.
    pub(super) fn rotate(&mut self) {
        self.order.rotate_left(1);
        if let Some(load) = &self.load {
            load.move_to(&self.servers[self.order[0]]);
        }
    }

    /// The node at the end follows the one before it.
    #[track_caller]
    pub(super) fn join_last(&self) {
        self.at(NODES - 1).follow(self.above(NODES - 1).port());
    }

    /// Ends the process at this position.
    #[track_caller]
    pub(super) fn stop(&mut self, position: usize, how: Stop, file: File) {
        self.count_syncs();
        let node = self.order[position];
        self.servers[node].stop(how);
        self.counted[node] = Syncs { full: 0, partial: 0 };
        if file == File::Gone {
            // It may never have written one.
            let _ = fs::remove_file(self.servers[node].folder().join("dump.rdb"));
        }
    }

    /// Starts the process at this position again, as what its position makes it.
    #[track_caller]
    pub(super) fn start_again(&mut self, position: usize) {
        let node = self.order[position];
        if position == 0 {
            return self.servers[node].start_again(&[]);
        }
        let master = format!("127.0.0.1 {}", self.above(position).port());
        self.servers[node].start_again(&[("replicaof", &master)]);
    }

    /// Waits until every link is up, seen from either end. Offsets may move.
    #[track_caller]
    pub(super) fn links_are_up(&self) {
        let all = self.all();
        mixed::settle_under_load(&all[1..]);
        for master in &all[..all.len() - 1] {
            wait_for("a replica that has acknowledged something", || {
                let seen = master.client().ask("INFO replication").text();
                if seen.contains("state=online") { Ok(()) } else { Err(seen) }
            });
        }
    }

    /// Waits until all have applied everything.
    #[track_caller]
    pub(super) fn settle(&self) {
        settle(&self.all());
    }

    /// Waits until all tell the history of the master, and says `REPLICAOF` once more to those that
    /// refuse a dataset. A link may be up that has yet to hear of what happened above it.
    #[track_caller]
    pub(super) fn insist(&self) {
        for position in 1..NODES {
            wait_for("a replica that takes the dataset of its master", || {
                let replica = self.at(position);
                if replica.info("master_came_back_empty") == "1" {
                    let again = format!("REPLICAOF 127.0.0.1 {}", self.above(position).port());
                    let reply = replica.client().ask(&again).text();
                    assert_eq!(reply, "OK Already connected to specified master");
                }
                let [history, wanted] =
                    [replica, self.at(0)].map(|server| server.info("master_replid"));
                let status = replica.info("master_link_status");
                let follows = status == "up" && history == wanted;
                if follows { Ok(()) } else { Err(format!("{status}, {history} for {wanted}")) }
            });
        }
    }

    /// Tells a node to be otherwise from now on.
    #[track_caller]
    pub(super) fn configure(&self, position: usize, name: &str, value: &str) {
        let words = [b"CONFIG".as_slice(), b"SET", name.as_bytes(), value.as_bytes()];
        let reply = self.at(position).client().ask_words(&words);
        assert_eq!(reply.text(), "OK", "CONFIG SET {name} {value:?}");
    }

    /// Everything carries again, and everybody is as in the beginning.
    #[track_caller]
    pub(super) fn restore(&self) {
        self.links.iter().for_each(Proxy::heal);
        for position in 0..NODES {
            for (name, value) in STANDARD {
                self.configure(position, name, value);
            }
        }
    }

    /// How many resynchronisations the nodes have served, those among them that are gone.
    pub(super) fn count_syncs(&mut self) -> Syncs {
        for (server, counted) in self.servers.iter().zip(&mut self.counted) {
            let now = syncs(server);
            self.total.full += now.full - counted.full;
            self.total.partial += now.partial - counted.partial;
            *counted = now;
        }
        self.total
    }
}

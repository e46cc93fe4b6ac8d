//! A master, two replicas, and three Sentinels that watch over them.

use std::fs;

use repl_testbed::processes::field;

use crate::{
    fixture::{
        client::{Client, Reply},
        server::{CONFIG_FILE, Kind, Server},
        wait_for,
    },
    replication::settle,
};

/// What the Sentinels call the master, whoever it is.
pub(super) const NAME: &str = "heart";

/// How many Sentinels must agree that the master is gone: the majority.
const QUORUM: usize = 2;

/// How long a node must be silent to be taken for gone: much longer than a busy machine makes an
/// idle node wait.
const DOWN_AFTER_MILLIS: u64 = 3_000;

/// After this long a step of a failover counts as failed. After an election that nobody won, twice
/// as long passes before the next.
pub(super) const FAILOVER_MILLIS: u64 = 5_000;

/// Sentinels ask and tell more often than is usual: with the usual ten and two seconds, an old
/// master would be made a replica after half a minute. And whose timer comes two seconds late
/// because the machine is busy does nothing for a second, not for thirty.
const OFTEN: &str = "SENTINEL DEBUG INFO-PERIOD 1000 PUBLISH-PERIOD 500 TILT-PERIOD 1000";

/// See this file's header. Which node is the master changes.
pub(super) struct Group {
    pub(super) nodes: Vec<Server>,
    pub(super) sentinels: Vec<Server>,
}

impl Group {
    /// Starts the nodes, the master first, and the Sentinels, and waits until these know each other
    /// and all nodes.
    #[track_caller]
    pub(super) fn start(kinds: &[Kind]) -> Self {
        Self::watched(nodes(kinds, &[]), "")
    }

    /// As [`start`](Self::start), with nodes that are there and more lines of configuration for
    /// the Sentinels.
    #[track_caller]
    pub(super) fn watched(nodes: Vec<Server>, more: &str) -> Self {
        let sentinels = (0..3).map(|_| sentinel(&nodes[0], QUORUM, more)).collect();
        let group = Self { nodes, sentinels };
        for sentinel in &group.sentinels {
            wait_for_fields(sentinel, &[("num-slaves", "2"), ("num-other-sentinels", "2")]);
        }
        group
    }

    /// The place in `nodes` of whom all Sentinels take for the master, once they agree.
    #[track_caller]
    pub(super) fn agreed_master(&self) -> usize {
        wait_for("Sentinels that agree", || {
            let ports: Vec<u16> = self.sentinels.iter().map(master_port).collect();
            let found = self.nodes.iter().position(|node| node.port() == ports[0]);
            let agree = ports.iter().all(|port| *port == ports[0]);
            found.filter(|_| agree).ok_or(ports)
        })
    }

    /// All nodes but the one at this place.
    pub(super) fn others(&self, than: usize) -> Vec<usize> {
        (0..self.nodes.len()).filter(|at| *at != than).collect()
    }

    /// Waits until everybody follows `master` and has everything.
    #[track_caller]
    pub(super) fn settle_behind(&self, master: usize) {
        for at in self.others(master) {
            wait_for_master(&self.nodes[at], &self.nodes[master]);
        }
        settle(&self.behind(master));
    }

    /// All nodes, the master first.
    pub(super) fn behind(&self, master: usize) -> Vec<&Server> {
        let order = [vec![master], self.others(master)].concat();
        order.into_iter().map(|at| &self.nodes[at]).collect()
    }

    /// Everybody's file says whom he follows.
    #[track_caller]
    pub(super) fn assert_written_down(&self, master: usize) {
        let port = self.nodes[master].port();
        for (at, node) in self.nodes.iter().enumerate() {
            let wanted = if at == master { vec![] } else { vec![format!("127.0.0.1 {port}")] };
            // The file is written beside what the server does.
            wait_for("a file that says whom the node follows", || {
                let text = fs::read_to_string(node.folder().join(CONFIG_FILE));
                let text = text.expect("the file is there");
                let lines = text.lines().filter_map(|line| line.strip_prefix("replicaof "));
                let lines: Vec<String> = lines.map(str::to_owned).collect();
                if lines == wanted { Ok(()) } else { Err((lines, text)) }
            });
        }
    }
}

/// Starts servers, the master first, with configuration files, and waits until they are in sync.
#[track_caller]
pub(super) fn nodes(kinds: &[Kind], directives: &[(&str, &str)]) -> Vec<Server> {
    nodes_with_file(kinds, "# A node.\n", directives)
}

/// As [`nodes`], each with a file that begins with `file`.
#[track_caller]
pub(super) fn nodes_with_file(
    kinds: &[Kind],
    file: &str,
    directives: &[(&str, &str)],
) -> Vec<Server> {
    let start = |kind: &Kind| Server::start_with_file(*kind, Some(file), directives);
    let nodes: Vec<Server> = kinds.iter().map(start).collect();
    for replica in &nodes[1..] {
        replica.follow(nodes[0].port());
    }
    settle(&nodes.iter().collect::<Vec<_>>());
    nodes
}

/// A Sentinel that watches `master`, with more lines of configuration.
#[track_caller]
pub(super) fn sentinel(master: &Server, quorum: usize, more: &str) -> Server {
    let text = format!(
        "sentinel monitor {NAME} 127.0.0.1 {} {quorum}\n\
         sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MILLIS}\n\
         sentinel failover-timeout {NAME} {FAILOVER_MILLIS}\n\
         sentinel parallel-syncs {NAME} 2\n{more}",
        master.port()
    );
    let sentinel = Server::start_with_file(Kind::Sentinel, Some(&text), &[]);
    sentinel.client().ok(OFTEN);
    sentinel
}

/// Whom a Sentinel takes for the master.
#[track_caller]
fn master_port(sentinel: &Server) -> u16 {
    let address = sentinel.client().ask(&format!("SENTINEL GET-MASTER-ADDR-BY-NAME {NAME}"));
    let port = address.array().pop().expect("an address and a port").text();
    port.parse().expect("a port is a number")
}

/// Names and values, as Sentinels list them.
pub(super) fn pairs(reply: Reply) -> Vec<(String, String)> {
    let words: Vec<String> = reply.array().into_iter().map(Reply::text).collect();
    words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// Waits until a Sentinel says this of the master.
#[track_caller]
pub(super) fn wait_for_fields(sentinel: &Server, wanted: &[(&str, &str)]) {
    let mut client = sentinel.client();
    wait_for("what a Sentinel knows of the master", || {
        let fields = pairs(client.ask(&format!("SENTINEL MASTER {NAME}")));
        let says = |(name, value): &(&str, &str)| {
            fields.iter().any(|(field, found)| field == name && found == value)
        };
        if wanted.iter().all(says) { Ok(()) } else { Err(fields) }
    });
}

/// Waits until `replica` follows `master` and the link is up.
#[track_caller]
pub(super) fn wait_for_master(replica: &Server, master: &Server) {
    let port = master.port().to_string();
    wait_for("a replica of the new master", || {
        let found = ["master_port", "master_link_status"].map(|name| poll_info(replica, name));
        if found == [port.as_str(), "up"] { Ok(()) } else { Err(found) }
    });
}

/// A field of `INFO replication`, empty when the connection is ended meanwhile: Sentinels have a
/// node that changes its role end all.
pub(super) fn poll_info(server: &Server, name: &str) -> String {
    let reply = Client::connect(server.port())
        .and_then(|mut client| client.try_ask(&[b"INFO", b"replication"]));
    let Ok(Reply::Bulk(text)) = reply else { return String::new() };
    field(&String::from_utf8_lossy(&text), name).unwrap_or_default().to_owned()
}

/// What the Sentinels' clients would be told of replicas, by their ports.
#[track_caller]
pub(super) fn replicas(sentinel: &mut Client) -> Vec<Vec<(String, String)>> {
    let listed = sentinel.ask(&format!("SENTINEL REPLICAS {NAME}"));
    listed.array().into_iter().map(pairs).collect()
}

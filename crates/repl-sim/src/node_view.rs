//! The one place where the lab looks into a node.

use std::collections::{BTreeMap, VecDeque};

use repl_core::{
    Node,
    base::{ids::ReplId, time::UnixMillis},
    value,
};

/// Which side of replication a node is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Master,
    /// It follows a master.
    Replica,
}

/// What a node says of its place in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) role: Role,
    /// `none`, `connect`, `connecting`, `handshake`, `sync` or `connected`.
    pub(crate) link: &'static str,
    pub(crate) replid: ReplId,
    pub(crate) replid2: ReplId,
    /// The first byte that is not of the history `replid2`.
    pub(crate) second_offset: Option<u64>,
    /// The number of the last byte produced or applied.
    pub(crate) offset: u64,
    /// The numbers of the first and the last byte in the backlog. An empty backlog ends one before
    /// it begins.
    pub(crate) backlog: Option<(u64, u64)>,
    /// How many commands of its master's stream failed here.
    pub(crate) stream_errors: u64,
    /// Replicas that follow its stream, those that load a snapshot, and those of them whose
    /// snapshot does not exist.
    pub(crate) online_replicas: usize,
    /// How often somebody was granted to go on.
    pub(crate) granted: u64,
    pub(crate) loading_replicas: usize,
    pub(crate) stranded_replicas: usize,
}

impl View {
    /// What a node says before it has said anything.
    pub(crate) const NOTHING: Self = Self {
        role: Role::Master,
        link: "none",
        replid: ReplId::NONE,
        replid2: ReplId::NONE,
        second_offset: None,
        offset: 0,
        backlog: None,
        stream_errors: 0,
        online_replicas: 0,
        granted: 0,
        loading_replicas: 0,
        stranded_replicas: 0,
    };
}

impl View {
    /// Whether the node's dataset is the one its history describes: not while a snapshot is loaded.
    pub(crate) fn dataset_is_whole(&self) -> bool {
        self.backlog.is_some() && self.link != "sync"
    }
}

/// What the node says of its place in the history.
pub(crate) fn view(node: &Node) -> View {
    let seen = node.replication();
    View {
        role: match seen.role {
            repl_core::node::Role::Master => Role::Master,
            repl_core::node::Role::Replica => Role::Replica,
        },
        link: seen.link,
        replid: seen.replid,
        replid2: seen.replid2,
        second_offset: seen.second_offset,
        offset: seen.offset,
        backlog: seen.backlog.map(|(first, end)| (first, end - 1)),
        stream_errors: node.stats().unexpected_error_replies,
        online_replicas: seen.online_replicas,
        granted: node.stats().sync_partial_ok,
        loading_replicas: seen.loading_replicas,
        stranded_replicas: seen.stranded_replicas,
    }
}

/// How many keys a node holds in all its databases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyCounts {
    pub(crate) all: usize,
    /// Those that have a deadline.
    pub(crate) volatile: usize,
}

/// How many keys the node holds.
pub(crate) fn key_counts(node: &Node) -> KeyCounts {
    let keyspace = node.keyspace();
    keyspace.indexes().fold(KeyCounts::default(), |counts, db| KeyCounts {
        all: counts.all + keyspace.len(db),
        volatile: counts.volatile + keyspace.volatile_len(db),
    })
}

/// What the names of queues begin with.
pub(crate) const QUEUES: &[u8] = b"queue:";

/// Lists and sorted sets of elements that exist once, by database and key, in their order.
pub(crate) type Queues = BTreeMap<(u64, Vec<u8>), VecDeque<Vec<u8>>>;

/// The queues that the node holds.
pub(crate) fn queues(node: &Node) -> Queues {
    let keyspace = node.keyspace();
    let mut queues = Queues::new();
    for (database, db) in (0..).zip(keyspace.indexes()) {
        for entry in keyspace.iter(db).filter(|entry| entry.key().starts_with(QUEUES)) {
            let elements = match entry.view() {
                value::View::List(list) => list.iter().map(<[u8]>::to_vec).collect(),
                value::View::SortedSet(set) => {
                    set.iter().map(|(member, _)| member.to_vec()).collect()
                }
                value::View::String(_) | value::View::Set(_) | value::View::Hash(_) => continue,
            };
            queues.insert((database, entry.key().to_vec()), elements);
        }
    }
    queues
}

/// A key and the moment its time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) database: usize,
    pub(crate) key: Vec<u8>,
    pub(crate) at: UnixMillis,
}

/// The keys that the node holds although their time is over.
pub(crate) fn expired_keys(node: &Node, now: UnixMillis) -> Vec<Deadline> {
    let keyspace = node.keyspace();
    let mut expired = Vec::new();
    for (database, db) in keyspace.indexes().enumerate() {
        if keyspace.volatile_len(db) == 0 {
            continue;
        }
        let entries = keyspace.iter(db).filter(|entry| entry.is_expired(now));
        expired.extend(entries.filter_map(|entry| {
            Some(Deadline { database, key: entry.key().to_vec(), at: entry.expires_at()? })
        }));
    }
    expired
}

/// When the key expires, if it exists and does.
pub(crate) fn deadline_of(node: &Node, of: &Deadline) -> Holding {
    let keyspace = node.keyspace();
    let db = keyspace.indexes().nth(of.database);
    let entry = db.and_then(|db| keyspace.find(db, keyspace.hash(&of.key), &of.key));
    match entry {
        None => Holding::Nothing,
        Some(entry) if entry.expires_at() == Some(of.at) => Holding::Same,
        Some(_) => Holding::Other,
    }
}

/// What a node holds under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holding {
    /// It does not exist.
    Nothing,
    /// What it held, with the same deadline.
    Same,
    /// Something else.
    Other,
}

/// The bytes `first..=last` of the node's backlog, in pieces.
pub(crate) fn backlog_bytes(node: &Node, first: u64, last: u64) -> impl Iterator<Item = &[u8]> {
    let mut left = usize::try_from(last + 1 - first).unwrap_or(usize::MAX);
    node.backlog_bytes(first).into_iter().map(move |piece| {
        let piece = &piece[..piece.len().min(left)];
        left -= piece.len();
        piece
    })
}

/// Equal for equal datasets, whatever the order and the seed.
pub(crate) fn dataset_hash(node: &Node) -> u64 {
    node.dataset_hash()
}

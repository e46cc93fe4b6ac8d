//! What an observer may see of a node: enough to check its replication, nothing to change it.

use alloc::vec::Vec;

use super::{Node, Stats};
use crate::{
    base::{config::Config, ids::ReplId},
    keyspace::{DbIndex, Keyspace},
    repl::master::Phase,
};

/// What a node is in the eyes of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It owns its dataset.
    Master,
    /// It follows another node.
    Replica,
}

/// A node's place in its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicationView {
    /// What it is.
    pub role: Role,
    /// The state of its link as `ROLE` names it; `none` for a master.
    pub link: &'static str,
    /// The history it tells.
    pub replid: ReplId,
    /// The history it told before, or `ReplId::NONE`.
    pub replid2: ReplId,
    /// `second_repl_offset`: a replica of `replid2` may ask for this byte and no later one.
    pub second_offset: Option<u64>,
    /// `master_repl_offset`: the number of the last byte produced or applied.
    pub offset: u64,
    /// The number of the first byte of the backlog and the number after its last; `None` without a
    /// backlog.
    pub backlog: Option<(u64, u64)>,
    /// Replicas that follow the stream.
    pub online_replicas: usize,
    /// Replicas to which a snapshot is on its way.
    pub loading_replicas: usize,
    /// Those of them whose snapshot does not exist. There are none.
    pub stranded_replicas: usize,
}

impl Node {
    /// Where this node is in its history.
    pub fn replication(&self) -> ReplicationView {
        let phases = || {
            let sessions = self.replicas.iter().filter_map(|id| self.conns.get(*id)?.session());
            sessions.map(|session| session.phase)
        };
        let loads = |phase: Phase| match phase {
            Phase::Loading { transfer, .. } => Some(transfer),
            Phase::Waiting { .. } | Phase::AwaitAck { .. } | Phase::Online { .. } => None,
        };
        let exists = |wanted: &_| self.transfers.iter().any(|one| one.id() == *wanted);
        ReplicationView {
            role: if self.following.is_some() { Role::Replica } else { Role::Master },
            link: self.following.as_ref().map_or("none", |following| following.link.role_name()),
            replid: self.history.replid(),
            replid2: self.history.replid2(),
            second_offset: self.history.switch(),
            offset: self.history.offset(),
            backlog: self.history.backlog().map(|backlog| (backlog.first(), backlog.end())),
            online_replicas: phases().filter(|it| matches!(it, Phase::Online { .. })).count(),
            loading_replicas: phases().filter_map(loads).count(),
            stranded_replicas: phases().filter_map(loads).filter(|it| !exists(it)).count(),
        }
    }

    /// The bytes of the backlog from number `first` on, in pieces.
    ///
    /// # Panics
    /// When the backlog does not reach back to `first`.
    pub fn backlog_bytes(&self, first: u64) -> Vec<&[u8]> {
        let mut pieces = Vec::new();
        let Some(backlog) = self.history.backlog() else { return pieces };
        let mut at = first;
        while at < backlog.end() {
            for piece in backlog.slices(at) {
                at += piece.len() as u64;
                pieces.push(piece);
            }
        }
        pieces
    }

    /// A hash of everything two nodes at the same offset must agree on.
    pub fn dataset_hash(&self) -> u64 {
        self.keyspace.dataset_hash()
    }

    /// The dataset.
    pub fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// The database the stream has selected.
    pub fn selected_stream_db(&self) -> Option<DbIndex> {
        self.history.stream_db()
    }

    /// What was counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// How it is configured now.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How many connections there are, those to replicas and to the master included.
    pub fn connection_count(&self) -> usize {
        self.conns.count()
    }
}

//! The two answers to `PSYNC`, with everything that they were decided by.

use super::reason::{FullReason, NeedReason, Reason, Remedy};
use crate::base::ids::{ConnId, ReplId};

/// What a replica asked with `PSYNC` or `SYNC` and what it was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The replica's connection.
    pub conn: ConnId,
    /// The (replication id, first byte wanted) it named; `None` for `PSYNC ? -1` and `SYNC`.
    pub asked: Option<(ReplId, u64)>,
    /// Where the node that answered stood when it decided, before the answer changed anything.
    pub standing: Standing,
    /// What it got.
    pub verdict: Verdict,
}

/// The two answers to `PSYNC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `+CONTINUE`: the stream goes on at the byte asked for.
    Continue,
    /// `+FULLRESYNC`, once a snapshot is cut.
    Full(FullReason),
}

impl Verdict {
    /// Why everything is sent; `None` if it goes on.
    #[must_use]
    pub fn full(self) -> Option<Reason> {
        match self {
            Self::Continue => None,
            Self::Full(reason) => Some(reason.name()),
        }
    }
}

/// A node's place in its histories, as `INFO replication` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// `master_replid`.
    pub replid: ReplId,
    /// `master_replid2`, or `ReplId::NONE`.
    pub replid2: ReplId,
    /// `second_repl_offset`: the first byte that is not one of `replid2`.
    pub switch: Option<u64>,
    /// `master_repl_offset`: the number of the last byte.
    pub offset: u64,
    /// The number of the oldest byte kept and the number behind the newest; `None` without backlog.
    pub backlog: Option<(u64, u64)>,
    /// `repl-backlog-size`, in bytes.
    pub backlog_bytes: u64,
}

/// Why a synchronisation was full, by whoever knows: the node that granted it, or the one that
/// needed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// As the node saw it that granted it.
    Granted(FullReason),
    /// As the node saw it that needed it.
    Needed(NeedReason),
}

impl Why {
    /// By name.
    #[must_use]
    pub fn name(&self) -> Reason {
        match self {
            Self::Granted(reason) => reason.name(),
            Self::Needed(reason) => reason.name(),
        }
    }

    /// What would have saved it.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Granted(reason) => reason.remedy(),
            Self::Needed(reason) => reason.remedy(),
        }
    }
}

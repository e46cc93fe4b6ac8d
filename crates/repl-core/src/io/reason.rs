//! Why a synchronisation was a full one: the reasons by name, and each with its figures.
//!
//! A node knows its own half. Whoever grants a snapshot knows what it keeps; whoever needs one
//! knows what it has lost. So there are two enums of reasons, and one list of names for both, which
//! `docs/RESYNC.md` explains one by one.

use core::time::Duration;

use super::CloseCause;
use crate::base::ids::ReplId;

/// Declares [`Reason`]: each with its name and, as its documentation, what happened.
macro_rules! reasons {
    ($( $(#[doc = $doc:literal])+ $reason:ident = $name:literal, )+) => {
        /// Why a synchronisation was full, by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason {
            $( $(#[doc = $doc])+ $reason, )+
        }

        impl Reason {
            /// All of them: first those of nodes that grant, then those of nodes that need.
            pub const ALL: &[Self] = &[$( Self::$reason ),+];

            /// The word that `REPL EXPLAIN`, `INFO` and the log use.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $( Self::$reason => $name, )+ }
            }
        }
    };
}

reasons! {
    /// The replica said `PSYNC ? -1`.
    NoHistoryNamed = "no-history-named",
    /// The replica said `SYNC`.
    SyncCommand = "sync-command",
    /// The replica named no history after a full sync that its output limit ended.
    BrokenOffByLimit = "broken-off-by-output-limit",
    /// The replica named no history after a full sync that its silence ended.
    BrokenOffByTimeout = "broken-off-by-timeout",
    /// The replica named no history after a full sync whose connection ended.
    BrokenOff = "broken-off",
    /// The replica named a history that the granter has never told.
    UnknownHistory = "unknown-history",
    /// The history was given up with the backlog, which no replica used.
    BacklogFreed = "backlog-freed",
    /// Two promotions ago the history was the granter's.
    TwoPromotions = "two-promotions",
    /// The granter has been given another dataset by a full sync of its own.
    GranterResynced = "granter-resynced",
    /// `DEBUG` gave the granter another history.
    DebugCommand = "debug-command",
    /// The history was the granter's before it counted bytes.
    NeverCounted = "never-counted",
    /// The replica has bytes of the old history from after a promotion.
    BeyondPromotion = "beyond-promotion",
    /// The history is the granter's, and it keeps no backlog.
    NoBacklog = "no-backlog",
    /// The byte wanted is older than the granter's backlog has ever been.
    BeforeBacklogBegan = "before-backlog-began",
    /// The byte wanted has left the backlog.
    BacklogTooSmall = "backlog-too-small",
    /// The byte wanted has left the backlog after the output limit had cut the replica off.
    DroppedByLimit = "dropped-by-output-limit",
    /// The byte wanted has left the backlog after the replica's silence had cut it off.
    DroppedByTimeout = "dropped-by-timeout",
    /// The byte wanted does not exist yet.
    BeyondEnd = "beyond-end",

    /// The node began as a replica without a snapshot file.
    NoFile = "no-file",
    /// The node began from a snapshot file that names no place in a history.
    FileWithoutHistory = "file-without-history",
    /// The node was a master that counted no bytes.
    WritesNotCounted = "writes-not-counted",
    /// The dataset came with `SYNC`, so its history has no name.
    NamelessHistory = "nameless-history",
    /// The master's stream held something that is no command.
    StreamDamaged = "stream-damaged",
    /// `DEBUG RELOAD` gave the node a dataset of no history.
    DatasetReloaded = "dataset-reloaded",
    /// The full sync before did not come to its end.
    FullSyncBrokenOff = "full-sync-broken-off",
    /// The master tells another history.
    MasterTellsAnother = "master-tells-another",
    /// The master keeps the byte wanted no more.
    MasterKeepsTooLittle = "master-keeps-too-little",
    /// The master is not as far as the node.
    MasterIsBehind = "master-is-behind",
    /// The master knows no `PSYNC`, or answers it without a history.
    MasterWithoutPsync = "master-without-psync",
}

/// Why a node did not let a replica go on, as it saw it. Bytes are named by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FullReason {
    /// The replica named no history (`?`).
    Asked,
    /// It came with plain `SYNC`.
    OldProtocol,
    /// It named no history, and its full sync before came to no end here.
    BrokenOff(Loss),
    /// It named a history that is not ours, nor was, as far as we remember.
    OtherHistory {
        /// What it named, or `ReplId::NONE` for what is no id.
        asked: ReplId,
        /// What we began our life with.
        start: Start,
    },
    /// It named a history that was ours.
    LeftHistory {
        /// What it named.
        asked: ReplId,
        /// The byte wanted.
        next: u64,
        /// Our last byte of it.
        left_at: u64,
        /// Why we left it.
        parting: Parting,
    },
    /// It named our previous history, but holds bytes of it that we never saw.
    BeyondSwitch {
        /// The byte wanted.
        next: u64,
        /// The first byte that is not shared.
        switch: u64,
    },
    /// It named our history, of which we keep nothing.
    NoBacklog {
        /// The byte wanted.
        next: u64,
    },
    /// It wants a byte from before our backlog was begun.
    BeforeBegin {
        /// The byte wanted.
        next: u64,
        /// Why the backlog was begun.
        begin: Begin,
        /// Its first byte ever.
        first: u64,
    },
    /// It wants a byte that has left the backlog.
    BeforeBacklog {
        /// The byte wanted.
        next: u64,
        /// The oldest byte kept.
        first: u64,
        /// The byte behind the newest.
        end: u64,
        /// `repl-backlog-size`.
        bytes: u64,
        /// How we lost the replica, if we know.
        loss: Option<Loss>,
    },
    /// It wants a byte that does not exist yet.
    AfterEnd {
        /// The byte wanted.
        next: u64,
        /// The byte behind our newest.
        end: u64,
    },
}

impl FullReason {
    /// Whether the replica was lost because too much was held for it.
    pub fn was_too_slow(&self) -> bool {
        let (Self::BrokenOff(loss) | Self::BeforeBacklog { loss: Some(loss), .. }) = self else {
            return false;
        };
        matches!(loss.cause, LossCause::HardLimit { .. } | LossCause::SoftLimit { .. })
    }
}

/// Why a node could not go on with its master, as it saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeedReason {
    /// It had no history to name.
    Scratch(Scratch),
    /// It had none, and its full sync before came to no end.
    BrokenOff(LinkLoss),
    /// It named one, and the master tells another.
    OtherHistory {
        /// What it named.
        ours: ReplId,
        /// The byte wanted.
        next: u64,
        /// The master's.
        theirs: ReplId,
    },
    /// The master tells the same, is as far, and yet sends everything.
    Trimmed {
        /// The byte wanted.
        next: u64,
        /// The last byte of the snapshot.
        offset: u64,
        /// How long the link had been down.
        down: Option<Duration>,
    },
    /// The master tells the same and is not as far.
    Behind {
        /// The byte wanted.
        next: u64,
        /// The last byte of the snapshot.
        offset: u64,
    },
    /// The master named no history.
    OldProtocol,
}

/// What a node began its life with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing: there was no file.
    Empty,
    /// A file that names its place in a history.
    File,
    /// A file that does not.
    FileWithoutPlace,
}

/// Why a node tells a history no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// No replica came for `repl-backlog-ttl`, which is this.
    BacklogFreed(Duration),
    /// A second promotion, or a second change of the master's id: only the last one is remembered.
    Superseded,
    /// A full sync of its own.
    FullSync,
    /// `DEBUG RELOAD`, `DEBUG CHANGE-REPL-ID`.
    Debug,
    /// The first replica came: what was written before had not been counted.
    Uncounted,
}

/// Why a backlog was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the first replica, or the first master.
    Recording,
    /// With a full sync of the node's own.
    FullSync,
    /// With a snapshot file.
    File,
}

/// Why a replica has no history to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scratch {
    /// It began without a file.
    NoFile,
    /// It began with a file that names no history.
    FileWithoutPlace,
    /// It was a master, and counted no bytes.
    Uncounted,
    /// Its dataset came with `SYNC`.
    Nameless,
    /// Its stream was damaged.
    Damaged,
    /// It was given another dataset by `DEBUG RELOAD`.
    Reloaded,
}

/// How a master lost a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// By what.
    pub cause: LossCause,
    /// Whether it was still on its way to the stream.
    pub phase: LossPhase,
    /// How long before the decision.
    pub ago: Duration,
}

/// By what a master lost a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossCause {
    /// `client-output-buffer-limit replica`, the hard one.
    HardLimit {
        /// Bytes kept for it.
        held: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// `client-output-buffer-limit replica`, the soft one.
    SoftLimit {
        /// Bytes kept for it.
        held: u64,
        /// Bytes allowed.
        limit: u64,
        /// For so long.
        span: Duration,
    },
    /// It said nothing for `repl-timeout`, which is this.
    Timeout(Duration),
    /// The connection ended.
    Closed(CloseCause),
}

/// How far a replica was that was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossPhase {
    /// It waited for a snapshot or was sent one.
    FullSync,
    /// It followed the stream.
    Streaming,
}

/// How a full sync ended before its end, as the replica saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkLoss {
    /// The master said nothing for `repl-timeout`, which is this.
    Timeout(Duration),
    /// The connection ended.
    Closed(CloseCause),
    /// The master sent an error instead.
    Refused,
    /// What came was no snapshot.
    Damaged,
    /// What the master had was not wanted (`replica-refuse-empty-master`).
    Unwanted,
}

/// What would have saved a full sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing here: it was the first one, or no directive helps.
    Nothing,
    /// `repl-backlog-size`.
    BacklogSize {
        /// Bytes that would have been enough.
        wanted: u64,
        /// Bytes that it is set to, if it is ours.
        now: Option<u64>,
    },
    /// `repl-backlog-ttl`, which is this now.
    BacklogTtl(Duration),
    /// `client-output-buffer-limit replica`.
    OutputLimit {
        /// Bytes that were not enough.
        limit: u64,
        /// Bytes that were held when it struck, or have been told since.
        wanted: u64,
    },
    /// `repl-timeout`, which is this now.
    Timeout(Duration),
    /// `save`: a snapshot file at the start.
    Save,
    /// `FAILOVER` instead of `REPLICAOF NO ONE`.
    Failover,
    /// The other end knows.
    AskReplica,
    /// The other end knows.
    AskMaster,
}

impl FullReason {
    /// By name.
    #[must_use]
    pub fn name(&self) -> Reason {
        match self {
            Self::Asked => Reason::NoHistoryNamed,
            Self::OldProtocol => Reason::SyncCommand,
            Self::BrokenOff(loss) => match loss.cause {
                LossCause::HardLimit { .. } | LossCause::SoftLimit { .. } => {
                    Reason::BrokenOffByLimit
                }
                LossCause::Timeout(_) => Reason::BrokenOffByTimeout,
                LossCause::Closed(_) => Reason::BrokenOff,
            },
            Self::OtherHistory { .. } => Reason::UnknownHistory,
            Self::LeftHistory { parting, .. } => match parting {
                Parting::BacklogFreed(_) => Reason::BacklogFreed,
                Parting::Superseded => Reason::TwoPromotions,
                Parting::FullSync => Reason::GranterResynced,
                Parting::Debug => Reason::DebugCommand,
                Parting::Uncounted => Reason::NeverCounted,
            },
            Self::BeyondSwitch { .. } => Reason::BeyondPromotion,
            Self::NoBacklog { .. } => Reason::NoBacklog,
            Self::BeforeBegin { .. } => Reason::BeforeBacklogBegan,
            Self::BeforeBacklog { loss, .. } => match loss.map(|loss| loss.cause) {
                Some(LossCause::HardLimit { .. } | LossCause::SoftLimit { .. }) => {
                    Reason::DroppedByLimit
                }
                Some(LossCause::Timeout(_)) => Reason::DroppedByTimeout,
                Some(LossCause::Closed(_)) | None => Reason::BacklogTooSmall,
            },
            Self::AfterEnd { .. } => Reason::BeyondEnd,
        }
    }

    /// What would have saved it.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match *self {
            Self::Asked => Remedy::AskReplica,
            Self::BrokenOff(loss) => loss.remedy(0).unwrap_or(Remedy::AskReplica),
            Self::OtherHistory { start: Start::Empty, .. } => Remedy::Save,
            Self::LeftHistory { parting: Parting::BacklogFreed(ttl), .. } => {
                Remedy::BacklogTtl(ttl)
            }
            Self::BeyondSwitch { .. } => Remedy::Failover,
            Self::BeforeBacklog { next, end, bytes, loss, .. } => {
                let size = Remedy::BacklogSize { wanted: end - next, now: Some(bytes) };
                loss.and_then(|loss| loss.remedy(end - next)).unwrap_or(size)
            }
            Self::OldProtocol
            | Self::OtherHistory { .. }
            | Self::LeftHistory { .. }
            | Self::NoBacklog { .. }
            | Self::BeforeBegin { .. }
            | Self::AfterEnd { .. } => Remedy::Nothing,
        }
    }
}

impl NeedReason {
    /// By name.
    #[must_use]
    pub fn name(&self) -> Reason {
        match self {
            Self::Scratch(Scratch::NoFile) => Reason::NoFile,
            Self::Scratch(Scratch::FileWithoutPlace) => Reason::FileWithoutHistory,
            Self::Scratch(Scratch::Uncounted) => Reason::WritesNotCounted,
            Self::Scratch(Scratch::Nameless) => Reason::NamelessHistory,
            Self::Scratch(Scratch::Damaged) => Reason::StreamDamaged,
            Self::Scratch(Scratch::Reloaded) => Reason::DatasetReloaded,
            Self::BrokenOff(_) => Reason::FullSyncBrokenOff,
            Self::OtherHistory { .. } => Reason::MasterTellsAnother,
            Self::Trimmed { .. } => Reason::MasterKeepsTooLittle,
            Self::Behind { .. } => Reason::MasterIsBehind,
            Self::OldProtocol => Reason::MasterWithoutPsync,
        }
    }

    /// What would have saved it.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match *self {
            Self::Scratch(Scratch::NoFile) => Remedy::Save,
            Self::BrokenOff(LinkLoss::Timeout(timeout)) => Remedy::Timeout(timeout),
            Self::BrokenOff(LinkLoss::Closed(_) | LinkLoss::Refused)
            | Self::OtherHistory { .. } => Remedy::AskMaster,
            Self::Trimmed { next, offset, .. } => {
                Remedy::BacklogSize { wanted: (offset + 1).saturating_sub(next), now: None }
            }
            Self::Scratch(_)
            | Self::BrokenOff(LinkLoss::Damaged | LinkLoss::Unwanted)
            | Self::Behind { .. }
            | Self::OldProtocol => Remedy::Nothing,
        }
    }
}

impl Loss {
    /// What would have kept the replica, of which `behind` bytes are wanted now.
    fn remedy(&self, behind: u64) -> Option<Remedy> {
        match self.cause {
            LossCause::HardLimit { held, limit } | LossCause::SoftLimit { held, limit, .. } => {
                Some(Remedy::OutputLimit { limit, wanted: held.max(behind) })
            }
            LossCause::Timeout(timeout) => Some(Remedy::Timeout(timeout)),
            LossCause::Closed(_) => None,
        }
    }
}

impl Remedy {
    /// The directive of this or of the other end; empty when it is none.
    #[must_use]
    pub const fn directive(&self) -> &'static str {
        match self {
            Self::BacklogSize { .. } => "repl-backlog-size",
            Self::BacklogTtl(_) => "repl-backlog-ttl",
            Self::OutputLimit { .. } => "client-output-buffer-limit replica",
            Self::Timeout(_) => "repl-timeout",
            Self::Save => "save",
            Self::Nothing | Self::Failover | Self::AskReplica | Self::AskMaster => "",
        }
    }
}

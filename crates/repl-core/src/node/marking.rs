//! Decisions that are counted by name: what each outcome of a branch is called.
//!
//! What follows from a verdict or an error is named here, in one place; what only the branch itself
//! knows is counted where it stands.

use super::{
    Node,
    following::{Following, Resume},
};
use crate::{
    base::time::Instant,
    command::{CommandError, SessionError},
    conn::Wait,
    io::{CloseCause, Decision, FullReason, Verdict},
    marks::{Mark, Marks},
    repl::{
        Trimmed,
        master::Phase,
        replica::{Link, LinkError},
    },
};

impl Node {
    /// How often this node has taken each decision of the protocol, since its boot.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The answer to `PSYNC`, by our role and by what we have.
    pub(super) fn mark_verdict(&mut self, decision: &Decision) {
        let (asked, standing) = (decision.asked, &decision.standing);
        let is_master = self.following.is_none();
        let by_role = |master, replica| if is_master { master } else { replica };
        let current = asked.is_some_and(|(replid, _)| replid == standing.replid);
        let mark = match decision.verdict {
            Verdict::Continue if current => by_role(Mark::MasterContinues, Mark::ReplicaContinues),
            Verdict::Continue => by_role(Mark::MasterContinuesOld, Mark::ReplicaContinuesOld),
            Verdict::Full(reason) => match reason {
                FullReason::Asked | FullReason::OldProtocol | FullReason::BrokenOff(_) => {
                    by_role(Mark::MasterFullAsked, Mark::ReplicaFullAsked)
                }
                FullReason::OtherHistory { .. } | FullReason::LeftHistory { .. } => {
                    by_role(Mark::MasterFullOther, Mark::ReplicaFullOther)
                }
                FullReason::BeyondSwitch { .. } => {
                    by_role(Mark::MasterFullBeyondSwitch, Mark::ReplicaFullBeyondSwitch)
                }
                FullReason::NoBacklog { .. } => Mark::FullNoBacklog,
                FullReason::BeforeBegin { .. } | FullReason::BeforeBacklog { .. } => {
                    by_role(Mark::MasterFullTrimmed, Mark::ReplicaFullTrimmed)
                }
                FullReason::AfterEnd { .. } => {
                    by_role(Mark::MasterFullAfterEnd, Mark::ReplicaFullAfterEnd)
                }
            },
        };
        self.marks.hit(mark);
        let (Verdict::Continue, Some((_, next))) = (decision.verdict, asked) else { return };
        let at_end = next == self.history.next();
        self.marks.hit(if at_end { Mark::ContinueAtEnd } else { Mark::ContinueBehind });
        if !at_end && self.history.backlog().is_some_and(|backlog| backlog.first() == next) {
            self.marks.hit(Mark::ContinueAtFirst);
        }
    }

    /// Whether the snapshot that was asked for is on its way already, and if not, why.
    pub(super) fn mark_start(&mut self, phase: Phase, starts_at: Option<Instant>) {
        self.marks.hit(match phase {
            Phase::Waiting { .. } if starts_at.is_some() => Mark::SnapshotDelayed,
            Phase::Waiting { .. } => Mark::SnapshotNoRoom,
            Phase::Loading { .. } | Phase::AwaitAck { .. } | Phase::Online { .. } => {
                Mark::SnapshotAtOnce
            }
        });
    }

    /// A command that did not pass the gate.
    pub(super) fn mark_refusal(&mut self, error: &CommandError<'_>) {
        // Most refusals are about the request alone.
        #[expect(clippy::wildcard_enum_match_arm, reason = "these are the errors of replication")]
        let mark = match error {
            CommandError::ReadOnly => Mark::ReadOnly,
            CommandError::MasterDown => Mark::MasterDown,
            CommandError::NoAuth => Mark::NoAuth,
            CommandError::ReplicaTouchesKeyspace => Mark::ReplicaTouchesKeys,
            CommandError::Session(SessionError::NoReplicas) => Mark::NoReplicas,
            _ => return,
        };
        self.marks.hit(mark);
    }

    /// The backlog has been looked through.
    pub(super) fn mark_trim(&mut self, trimmed: Trimmed) {
        match trimmed {
            Trimmed::Nothing => {}
            Trimmed::Blocks => self.marks.hit(Mark::BacklogTrimmed),
            Trimmed::HeldByReader => self.marks.hit(Mark::BacklogHeld),
        }
    }

    /// We follow a node from now on.
    pub(super) fn mark_follow(&mut self, resume: Resume) {
        self.marks.hit(match (&self.following, resume) {
            (Some(_), _) => Mark::FollowAnother,
            (None, Resume::FromHistory) => Mark::FollowOwnHistory,
            (None, Resume::FromScratch(_)) => Mark::FollowFresh,
        });
    }

    /// We become a master: how far the link was.
    pub(super) fn mark_promotion(&mut self) {
        let Some(Following { link, .. }) = &self.following else { return };
        self.marks.hit(match link {
            Link::Waiting { .. } => Mark::PromotedWaiting,
            Link::Dialing { .. } | Link::Greeting { .. } => Mark::PromotedConnecting,
            Link::Loading { .. } => Mark::PromotedLoading,
            Link::Streaming { stream, .. } if stream.transaction.is_some() => {
                Mark::PromotedInTransaction
            }
            Link::Streaming { .. } => Mark::PromotedStreaming,
        });
    }

    /// A wait that ends because we become a replica.
    pub(super) fn mark_demoted(&mut self, wait: Option<Wait>) {
        match wait {
            Some(Wait::Replicas { .. }) => self.marks.hit(Mark::WaitDemoted),
            Some(Wait::Keys { .. }) => self.marks.hit(Mark::BlockDemoted),
            Some(
                Wait::Pause | Wait::Shutdown | Wait::Config | Wait::Disk | Wait::StandStill { .. },
            )
            | None => {}
        }
    }

    /// A wait whose time is over.
    pub(super) fn mark_overdue(&mut self, wait: Option<Wait>) {
        match wait {
            Some(Wait::Replicas { .. }) => self.marks.hit(Mark::WaitTimedOut),
            Some(Wait::Keys { .. }) => self.marks.hit(Mark::BlockTimedOut),
            Some(
                Wait::Pause | Wait::Shutdown | Wait::Config | Wait::Disk | Wait::StandStill { .. },
            )
            | None => {}
        }
    }

    /// The link has failed: why, and how far it was.
    pub(super) fn mark_link_failure(&mut self, error: &LinkError) {
        let Some(Following { link, .. }) = &self.following else { return };
        let mark = match error {
            LinkError::Closed(cause) => {
                if let Some(state) = lost_state(link) {
                    self.marks.hit(state);
                }
                closing(*cause, link)
            }
            LinkError::Timeout(_) => match link {
                Link::Waiting { .. } | Link::Dialing { .. } | Link::Greeting { .. } => {
                    Mark::SilentConnecting
                }
                Link::Loading { .. } => Mark::SilentLoading,
                Link::Streaming { .. } => Mark::SilentStreaming,
            },
            LinkError::PingRefused(_) => Mark::PingRefused,
            LinkError::AuthRefused(_) => Mark::AuthRefused,
            LinkError::TryLater(text) if text.starts_with("-LOADING") => Mark::TryLaterLoading,
            LinkError::TryLater(_) => Mark::TryLaterNoMasterLink,
            LinkError::NothingToContinue => Mark::NothingToContinue,
            LinkError::LineTooLong => Mark::LineTooLong,
            LinkError::PayloadRefused(_) => Mark::PayloadRefused,
            LinkError::PayloadHeader(_) => Mark::PayloadHeader,
            LinkError::Payload(_) => Mark::PayloadDamaged,
            LinkError::PayloadLength => Mark::PayloadLength,
            LinkError::PayloadMark => Mark::PayloadMark,
            LinkError::EmptyMaster { .. } => Mark::EmptyMasterRefused,
            LinkError::Protocol(_) => Mark::StreamGarbage,
            LinkError::Inline => Mark::StreamInline,
        };
        self.marks.hit(mark);
    }
}

/// How far a connection was that ended.
fn lost_state(link: &Link) -> Option<Mark> {
    match link {
        Link::Waiting { .. } | Link::Dialing { .. } => None,
        Link::Greeting { .. } => Some(Mark::LostGreeting),
        Link::Loading { .. } => Some(Mark::LostLoading),
        Link::Streaming { stream, .. } if stream.transaction.is_some() => {
            Some(Mark::LostInTransaction)
        }
        Link::Streaming { .. } => Some(Mark::LostStreaming),
    }
}

/// Why it ended, or why there was none.
fn closing(cause: CloseCause, link: &Link) -> Mark {
    let dialled = matches!(link, Link::Waiting { .. } | Link::Dialing { .. });
    match cause {
        CloseCause::Unreachable => Mark::DialUnreachable,
        CloseCause::Refused => Mark::DialRefused,
        CloseCause::TimedOut if dialled => Mark::DialTimedOut,
        CloseCause::TimedOut => Mark::LostByTimeout,
        CloseCause::EndOfStream => Mark::LostByEnd,
        CloseCause::Reset => Mark::LostByReset,
    }
}

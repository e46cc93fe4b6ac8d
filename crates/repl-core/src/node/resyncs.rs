//! What was decided about synchronisations, and why: kept for `REPL EXPLAIN`, told to the log.
//!
//! Decisions are made in `sync` (for our replicas) and by our master; here they are written down,
//! with the losses that explain them. Nothing is decided by what stands here.

use alloc::{collections::VecDeque, format, string::String, vec::Vec};
use core::time::Duration;

use super::{
    Node,
    following::{Following, Resume},
    sync::replica_name,
};
use crate::{
    base::{
        ids::{ConnId, ReplId},
        time::{Instant, Now, UnixMillis},
    },
    conn::Conn,
    io::{
        Decision, FullReason, Level, LinkLoss, Loss, LossCause, LossPhase, NeedReason, Reason,
        Scratch, Standing, Start, Verdict, Why,
    },
    repl::{
        master::Phase,
        replica::{Answer, LinkError},
    },
};

/// So many decisions are kept.
const ENTRIES_MAX: usize = 128;

/// So many replicas that were lost are remembered until they come back.
const LOSSES_MAX: usize = 16;

/// Which end of the link a decision was seen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// A replica of ours asked.
    Master,
    /// We asked.
    Replica,
}

/// One decision.
#[derive(Debug)]
pub(super) struct Entry {
    /// Counts them from 0, also over a reset.
    pub(super) id: u64,
    pub(super) at: UnixMillis,
    pub(super) side: Side,
    /// The other end: the replica's announced address, or the master's.
    pub(super) peer: String,
    /// The number of the connection, as `CLIENT LIST` shows it.
    pub(super) conn_number: u64,
    /// The (replication id, first byte wanted) that was named.
    pub(super) asked: Option<(ReplId, u64)>,
    /// Where this node stood.
    pub(super) standing: Standing,
    /// Why it was a full one; `None` if the stream went on.
    pub(super) full: Option<Why>,
}

/// A replica that was lost.
#[derive(Debug)]
struct Lost {
    name: String,
    cause: LossCause,
    phase: LossPhase,
    at: Instant,
}

/// What is known of synchronisations so far.
#[derive(Debug, Default)]
pub(super) struct Resyncs {
    /// The newest are last.
    entries: VecDeque<Entry>,
    count: u64,
    /// The newest are last.
    losses: VecDeque<Lost>,
    last_full: Option<Reason>,
    /// How our last full sync ended before its end; none since one has come to it.
    broken_off: Option<LinkLoss>,
    /// When the master said that it sends everything, while it does.
    pub(super) began_at: Option<Instant>,
    /// How long our last full sync took.
    pub(super) took: Option<Duration>,
}

impl Resyncs {
    /// The newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    /// `REPL EXPLAIN RESET`.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.last_full = None;
    }

    /// A replica is lost. What was known of an earlier loss of it is forgotten.
    fn note_loss(&mut self, lost: Lost) {
        self.losses.retain(|other| other.name != lost.name);
        if self.losses.len() == LOSSES_MAX {
            self.losses.pop_front();
        }
        self.losses.push_back(lost);
    }

    fn loss_of(&mut self, now: Now, name: &str) -> Option<Loss> {
        let at = self.losses.iter().position(|lost| lost.name == name)?;
        let Lost { cause, phase, at, .. } = self.losses.remove(at)?;
        Some(Loss { cause, phase, ago: now.mono.since(at) })
    }

    fn push(&mut self, entry: Entry) {
        if self.entries.len() == ENTRIES_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { id: self.count, ..entry });
        self.count += 1;
    }
}

impl Node {
    /// `repl_last_full_sync_reason`: why the last full sync was one that this node granted or
    /// needed; empty if there was none.
    pub(super) fn last_full_sync_reason(&self) -> &'static str {
        self.resyncs.last_full.map_or("", Reason::word)
    }

    /// A replica of ours is about to be closed for this.
    pub(super) fn note_loss(&mut self, now: Now, id: ConnId, cause: LossCause) {
        let Some(conn) = self.conns.get(id) else { return };
        let Some(session) = conn.session() else { return };
        let phase = match session.phase {
            Phase::Waiting { .. } | Phase::Loading { .. } | Phase::AwaitAck { .. } => {
                LossPhase::FullSync
            }
            Phase::Online { .. } => LossPhase::Streaming,
        };
        let name = replica_name(conn);
        self.resyncs.note_loss(Lost { name, cause, phase, at: now.mono });
    }

    /// What a replica that asked for this is to get, and why.
    pub(super) fn judge_resync(
        &mut self,
        now: Now,
        asked: Option<(ReplId, u64)>,
        name: &str,
    ) -> Verdict {
        // Whatever it is told now, the next loss is another.
        let loss = self.resyncs.loss_of(now, name);
        let Some((replid, next)) = asked else {
            let broken_off = loss.filter(|loss| loss.phase == LossPhase::FullSync);
            return Verdict::Full(broken_off.map_or(FullReason::Asked, FullReason::BrokenOff));
        };
        match self.history.can_continue(replid, next) {
            Ok(()) => Verdict::Continue,
            Err(FullReason::BeforeBacklog { next, first, end, bytes, loss: _ }) => {
                Verdict::Full(FullReason::BeforeBacklog { next, first, end, bytes, loss })
            }
            Err(reason) => Verdict::Full(reason),
        }
    }

    /// A replica of ours was told this.
    pub(super) fn note_decision(&mut self, now: Now, decision: &Decision, peer: String) {
        let Decision { conn, asked, standing, verdict } = *decision;
        let full = match verdict {
            Verdict::Continue => None,
            Verdict::Full(reason) => Some(Why::Granted(reason)),
        };
        self.write_down(now, Side::Master, conn, peer, asked, standing, full);
    }

    /// Our master has answered `PSYNC`. Nothing has come of it yet.
    pub(super) fn note_answer(&mut self, now: Now, conn: ConnId, answer: Answer) {
        let Some(following) = &self.following else { return };
        let peer = format!("{}", following.master);
        let standing = self.history.standing();
        let asked = match following.resume {
            Resume::FromHistory => Some((standing.replid, standing.offset + 1)),
            Resume::FromScratch(_) => None,
        };
        let full = match answer {
            Answer::Continue(_) => None,
            Answer::Full(origin) => {
                self.resyncs.began_at = Some(now.mono);
                Some(Why::Needed(self.need(now, following, asked, origin)))
            }
        };
        self.write_down(now, Side::Replica, conn, peer, asked, standing, full);
    }

    /// Why our master sends everything, as far as its answer tells.
    fn need(
        &self,
        now: Now,
        following: &Following,
        asked: Option<(ReplId, u64)>,
        origin: Option<(ReplId, u64)>,
    ) -> NeedReason {
        let Some((theirs, offset)) = origin else { return NeedReason::OldProtocol };
        match (following.resume, asked) {
            (Resume::FromHistory, Some((ours, next))) if ours != theirs => {
                NeedReason::OtherHistory { ours, next, theirs }
            }
            (Resume::FromHistory, Some((_, next))) if offset + 1 < next => {
                NeedReason::Behind { next, offset }
            }
            (Resume::FromHistory, asked) => {
                let down = following.down_since.map(|at| now.mono.since(at));
                let next = asked.map_or(0, |(_, next)| next);
                NeedReason::Trimmed { next, offset, down }
            }
            (Resume::FromScratch(scratch), _) => {
                let broken_off = self.resyncs.broken_off.map(NeedReason::BrokenOff);
                broken_off.unwrap_or(NeedReason::Scratch(scratch))
            }
        }
    }

    /// Why a node that follows a first master has no history to name.
    pub(super) fn origin_of_nothing(&self) -> Scratch {
        // At the boot of a replica the configuration names the master already.
        match self.history.start() {
            _ if self.config.replicaof.is_none() => Scratch::Uncounted,
            Start::Empty => Scratch::NoFile,
            Start::FileWithoutPlace => Scratch::FileWithoutPlace,
            Start::File => Scratch::Uncounted,
        }
    }

    /// The link has failed. If a full sync was under way, it was in vain.
    pub(super) fn note_link_failure(&mut self, error: &LinkError) {
        if self.resyncs.began_at.is_none() {
            return;
        }
        self.resyncs.broken_off = Some(match error {
            LinkError::Closed(cause) => LinkLoss::Closed(*cause),
            LinkError::Timeout(_) => LinkLoss::Timeout(self.config.repl_timeout),
            LinkError::PayloadRefused(_)
            | LinkError::PingRefused(_)
            | LinkError::AuthRefused(_)
            | LinkError::TryLater(_)
            | LinkError::NothingToContinue => LinkLoss::Refused,
            LinkError::LineTooLong
            | LinkError::PayloadHeader(_)
            | LinkError::Payload(_)
            | LinkError::PayloadLength
            | LinkError::PayloadMark
            | LinkError::Protocol(_)
            | LinkError::Inline => LinkLoss::Damaged,
            LinkError::EmptyMaster { .. } => LinkLoss::Unwanted,
        });
    }

    /// The stream of our master begins: whatever was needed for that is there.
    pub(super) fn note_stream(&mut self) {
        self.resyncs.broken_off = None;
        let Some(following) = &self.following else { return };
        if let Some(began_at) = self.resyncs.began_at.take() {
            // The last of it has just come.
            self.resyncs.took = Some(following.last_io_at.since(began_at));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "they are the parts of an entry")]
    fn write_down(
        &mut self,
        now: Now,
        side: Side,
        conn: ConnId,
        peer: String,
        asked: Option<(ReplId, u64)>,
        standing: Standing,
        full: Option<Why>,
    ) {
        let conn_number = self.conns.get(conn).map_or(0, |conn: &Conn| conn.number);
        let entry = Entry { id: 0, at: now.wall, side, peer, conn_number, asked, standing, full };
        let text = entry.line();
        self.resyncs.last_full = full.map(|why| why.name()).or(self.resyncs.last_full);
        self.resyncs.push(entry);
        self.log(Level::Notice, text);
    }
}

impl Entry {
    /// The directive that would have saved a full sync; empty when none would.
    pub(super) fn directive(&self) -> &'static str {
        self.full.map_or("", |why| why.remedy().directive())
    }

    /// What was decided, in a sentence.
    pub(super) fn explanation(&self) -> String {
        match (self.full, self.asked) {
            (Some(why), _) => format!("{why}"),
            (None, Some((_, next))) => {
                let lacking = match self.side {
                    Side::Master => (self.standing.offset + 1).saturating_sub(next),
                    Side::Replica => 0,
                };
                match self.side {
                    Side::Master if lacking == 0 => {
                        format!("The replica goes on at byte {next} and lacks nothing.")
                    }
                    Side::Master => format!(
                        "The replica goes on at byte {next} and is sent {lacking} bytes of the \
                         backlog."
                    ),
                    Side::Replica => format!("This node goes on at byte {next}."),
                }
            }
            (None, None) => String::new(),
        }
    }

    /// What would have saved a full sync, in a sentence; empty when nothing would.
    pub(super) fn advice(&self) -> String {
        self.full.map_or_else(String::new, |why| format!("{}", why.remedy()))
    }

    /// `partial`, or `full`.
    pub(super) fn result(&self) -> &'static str {
        if self.full.is_some() { "full" } else { "partial" }
    }

    /// The line of the log.
    fn line(&self) -> String {
        let (whose, peer) = match self.side {
            Side::Master => ("of replica", &self.peer),
            Side::Replica => ("with master", &self.peer),
        };
        let mut words: Vec<String> =
            Vec::from([format!("Resync {whose} {peer}: {}", self.result())]);
        if let Some(why) = self.full {
            words.push(format!("({})", why.name().word()));
        }
        words.extend([self.explanation(), self.advice()].into_iter().filter(|it| !it.is_empty()));
        words.join(" ")
    }
}

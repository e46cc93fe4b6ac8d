//! From what lines tell, one after the other, to what happened: each resynchronisation with its
//! reason. Remembers a bounded number of replicas and histories, whatever the length of the log.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use std::{collections::VecDeque, fmt, mem};

use repl_core::io::{LossPhase, Reason};

use super::line::{Asker, Doing, Event, Granter, Teller};

/// So many replicas, and so many histories, are remembered.
const REMEMBERED_MAX: usize = 64;

/// What a server says that began without a file.
const FILE_ADVICE: &str = "If it was this server's before its start, a snapshot file (save points, \
                           or SHUTDOWN SAVE) would have kept it.";

/// One resynchronisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// When, in the words of the log.
    pub(super) when: String,
    /// The replica; `None` if this is the log of the one who asked.
    pub(super) replica: Option<String>,
    /// Why it was full; `None` if it was partial.
    pub(super) full: Option<Reason>,
    /// What happened.
    pub(super) text: String,
    /// What would have saved a full one; empty if nothing would.
    pub(super) advice: String,
}

/// As a few lines for people.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = self.replica.as_deref().map_or_else(
            || "with its master".to_owned(),
            |replica| format!("of replica {replica}"),
        );
        let result = match self.full {
            Some(reason) => format!("full ({})", reason.word()),
            None => "partial".to_owned(),
        };
        let when = if self.when.is_empty() { "(no time)" } else { &self.when };
        write!(f, "{when}  resync {whose}: {result}\n    {}", self.text)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, "\n    {}", self.advice) }
    }
}

/// Why a server tells a history no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Freed,
    Uncounted,
    Superseded,
    Resynced,
    Restarted,
}

/// How a replica was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Limit(Option<u64>),
    Silence,
    Closed,
}

/// What is known of one replica.
#[derive(Clone, Debug)]
struct Replica {
    name: String,
    /// Whether a full synchronisation has begun and not succeeded.
    syncing: bool,
    /// How it was lost, and when.
    lost: Option<(Cause, String)>,
}

/// How a link failed since the last one that was good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Silent,
    Broken,
}

/// What the lines so far have told.
#[derive(Debug, Default)]
pub(super) struct Story {
    replicas: VecDeque<Replica>,
    /// Histories of this node's, and why it left those that it has left; the newest are last.
    histories: VecDeque<(String, Option<Left>)>,
    /// Who asks now.
    asking: String,
    /// What an output limit has ended, until the line that names the replica.
    over_limit: Option<Option<u64>>,
    freed_secs: u64,
    started: bool,
    loaded: bool,
    /// Whether the log says itself what was decided.
    tells: bool,
    /// A finding that the next line may correct.
    waiting: Option<Finding>,
    /// What this node has named to its master.
    named: Option<(String, u64)>,
    own: bool,
    damaged: bool,
    receiving: bool,
    failure: Option<Failure>,
    lost_at: String,
}

impl Story {
    /// Takes what one line tells.
    pub(super) fn on(&mut self, when: &str, event: Event<'_>) -> Option<Finding> {
        if event == Event::Granter(Granter::BeyondEnd) {
            if let Some(waiting) = &mut self.waiting {
                waiting.full = Some(Reason::BeyondEnd);
                waiting.text.push_str(" It does not exist yet: the master is behind its replica.");
                "Follow a server that has at least as much.".clone_into(&mut waiting.advice);
            }
            return None;
        }
        if let Event::Granter(Granter::Told { replica, word, text }) = event {
            // In a log without its beginning, the first of these has been told by other lines.
            let is_news = mem::replace(&mut self.tells, true);
            let known = Reason::ALL.iter().copied();
            let full = word.and_then(|word| known.into_iter().find(|it| it.word() == word));
            let told = finding(when, replica, full, text.to_owned(), String::new());
            return if is_news { Some(told) } else { self.waiting.take() };
        }
        let earlier = self.waiting.take();
        let found = match event {
            Event::Granter(event) => self.granter(when, event),
            Event::Asker(event) => self.asker(when, event),
        };
        let found = found.filter(|_| !self.tells);
        // Only one line can be behind: at most one of both is there for long.
        match earlier {
            Some(earlier) => {
                self.waiting = found;
                Some(earlier)
            }
            None if matches!(event, Event::Granter(Granter::LacksByte { .. })) => {
                self.waiting = found;
                None
            }
            None => found,
        }
    }

    /// There are no more lines.
    pub(super) fn end(&mut self) -> Option<Finding> {
        self.waiting.take()
    }

    /// How many replicas and histories it remembers.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.replicas.len() + self.histories.len()
    }

    // ---- whoever answers ----

    fn granter(&mut self, when: &str, event: Granter<'_>) -> Option<Finding> {
        match event {
            Granter::Asks { replica } => replica.clone_into(&mut self.asking),
            Granter::NamesNone { replica } => return Some(self.names_none(when, replica)),
            Granter::OtherId { asked, ours } => {
                ours.iter().for_each(|id| self.note_history(id));
                return Some(self.other_id(when, asked));
            }
            Granter::BeyondSwitch { next, switch } => {
                let replica = mem::take(&mut self.asking);
                let extra = next.saturating_sub(switch);
                let text = format!(
                    "The replica wanted byte {next} of the former history, which this server left \
                     at byte {switch}: it holds {extra} bytes that this server never had."
                );
                let advice = "FAILOVER instead of a promotion would have waited for them.";
                return Some(self.full(when, &replica, Reason::BeyondPromotion, text, advice));
            }
            Granter::LacksByte { replica, next } => return Some(self.lacks(when, replica, next)),
            Granter::Continues { replica, next, bytes } => {
                self.replica(replica).lost = None;
                let text = format!("It goes on at byte {next} and is sent {bytes} bytes.");
                return Some(finding(when, Some(replica), None, text, String::new()));
            }
            Granter::Synced { replica } => self.replica(replica).syncing = false,
            Granter::OverLimit { held } => self.over_limit = Some(held),
            Granter::Silent { replica, phase } => {
                let found = self.replica(replica);
                found.lost = Some((Cause::Silence, when.to_owned()));
                found.syncing = phase == LossPhase::FullSync;
            }
            Granter::ReplicaLost { replica } => self.lost(when, replica),
            Granter::BacklogFreed { secs } => {
                self.freed_secs = secs;
                self.leave_all(Left::Freed);
            }
            Granter::NewId { replid } => {
                self.leave_all(Left::Uncounted);
                self.note_history(replid);
            }
            Granter::Promoted { old, new } => {
                self.leave_all(Left::Superseded);
                self.note_history(old);
                self.note_history(new);
            }
            Granter::Started(teller) => {
                let histories = mem::take(&mut self.histories);
                let tells = teller == Teller::Ours;
                *self = Self { histories, tells, started: true, ..Self::default() };
                self.leave_all(Left::Restarted);
            }
            Granter::Loaded => self.loaded = true,
            Granter::BeyondEnd | Granter::Told { .. } => {}
        }
        None
    }

    fn names_none(&mut self, when: &str, replica: &str) -> Finding {
        let found = self.replica(replica);
        let (syncing, lost) = (found.syncing, found.lost.take());
        let (reason, text, advice) = match lost.filter(|_| syncing) {
            Some((Cause::Limit(held), at)) => (
                Reason::BrokenOffByLimit,
                format!(
                    "Its full sync before was ended by the output limit at {at}{}.",
                    held_of(held)
                ),
                limit_advice(held),
            ),
            Some((Cause::Silence, at)) => (
                Reason::BrokenOffByTimeout,
                format!(
                    "Its full sync before was ended at {at}: it had said nothing for too long."
                ),
                "A longer repl-timeout would have waited for it.".to_owned(),
            ),
            Some((Cause::Closed, at)) => (
                Reason::BrokenOff,
                format!("Its full sync before ended with its connection at {at}."),
                "The log of the replica tells why.".to_owned(),
            ),
            None => (
                Reason::NoHistoryNamed,
                "The replica named no history.".to_owned(),
                "The log of the replica tells why.".to_owned(),
            ),
        };
        self.full(when, replica, reason, text, &advice)
    }

    fn other_id(&mut self, when: &str, asked: &str) -> Finding {
        let replica = mem::take(&mut self.asking);
        let known = self.histories.iter().rev().find(|(id, _)| id == asked);
        let named = format!("The replica named the history {asked}");
        let (reason, text, advice) = match known.and_then(|(_, left)| *left) {
            Some(Left::Freed) => (
                Reason::BacklogFreed,
                format!(
                    "{named}, which was given up with the backlog: no replica was connected for {} \
                     s.",
                    self.freed_secs
                ),
                "A longer repl-backlog-ttl, or 0 for ever, would have kept it.",
            ),
            Some(Left::Uncounted) => {
                (Reason::NeverCounted, format!("{named}, from before the first replica."), "")
            }
            Some(Left::Superseded) => {
                (Reason::TwoPromotions, format!("{named}, and the id has changed twice since."), "")
            }
            Some(Left::Resynced) => (
                Reason::GranterResynced,
                format!("{named}, and this server has got another dataset by a full sync since."),
                "Whatever would have saved that one.",
            ),
            Some(Left::Restarted) => (
                Reason::UnknownHistory,
                format!("{named}, from before a restart."),
                "A snapshot file at the restart (save points or SHUTDOWN SAVE) would have kept it.",
            ),
            None => {
                let text = format!(
                    "{named}, which is none of this server's. A new replica of Redis 7.0 or later \
                     looks like this, too."
                );
                let without_file = self.started && !self.loaded;
                let advice = if without_file { FILE_ADVICE } else { "" };
                (Reason::UnknownHistory, text, advice)
            }
        };
        self.full(when, &replica, reason, text, advice)
    }

    fn lacks(&mut self, when: &str, replica: &str, next: u64) -> Finding {
        let lost = self.replica(replica).lost.take();
        let text = format!("The replica wanted byte {next}, which the backlog does not hold.");
        let (reason, text, advice) = match lost {
            Some((Cause::Limit(held), at)) => (
                Reason::DroppedByLimit,
                format!("{text} The output limit had cut it off at {at}{}.", held_of(held)),
                format!("{} A larger repl-backlog-size would have, too.", limit_advice(held)),
            ),
            Some((Cause::Silence, at)) => (
                Reason::DroppedByTimeout,
                format!("{text} It had been cut off for its silence at {at}."),
                "A longer repl-timeout, or a larger repl-backlog-size.".to_owned(),
            ),
            Some((Cause::Closed, at)) => (
                Reason::BacklogTooSmall,
                format!("{text} Its connection had ended at {at}."),
                "A repl-backlog-size above what is written while a replica is away.".to_owned(),
            ),
            None => (
                Reason::BacklogTooSmall,
                text,
                "A repl-backlog-size above what is written while a replica is away.".to_owned(),
            ),
        };
        self.full(when, replica, reason, text, &advice)
    }

    fn lost(&mut self, when: &str, replica: &str) {
        let over_limit = self.over_limit.take();
        let found = self.replica(replica);
        match (over_limit, &found.lost) {
            (Some(held), _) => found.lost = Some((Cause::Limit(held), when.to_owned())),
            // It was said before why.
            (None, Some((Cause::Silence, _))) => {}
            (None, _) => found.lost = Some((Cause::Closed, when.to_owned())),
        }
    }

    // ---- whoever asks ----

    fn asker(&mut self, when: &str, event: Asker<'_>) -> Option<Finding> {
        match event {
            Asker::Names { replid, next } => {
                self.begin_to_ask();
                self.named = Some((replid.to_owned(), next));
            }
            Asker::HasNone => {
                self.begin_to_ask();
                self.named = None;
            }
            Asker::NamesOwn => self.own = true,
            Asker::GivenAll { replid, offset } => {
                self.receiving = true;
                return Some(self.given_all(when, replid, offset));
            }
            Asker::FallsBack => {
                self.receiving = true;
                let text = "The master knows no PSYNC, or refuses it, and is asked with SYNC.";
                return Some(finding(
                    when,
                    None,
                    Some(Reason::MasterWithoutPsync),
                    text.to_owned(),
                    String::new(),
                ));
            }
            Asker::GoesOn => {
                let next = self.named.as_ref().map_or(0, |(_, next)| *next);
                self.link_is_good();
                let text = format!("It goes on at byte {next}.");
                return Some(finding(when, None, None, text, String::new()));
            }
            Asker::Finished => {
                self.link_is_good();
                self.own = false;
            }
            Asker::MasterSilent(doing) => {
                when.clone_into(&mut self.lost_at);
                if doing == Doing::Receiving {
                    self.failure = Some(Failure::Silent);
                    self.receiving = false;
                }
            }
            Asker::PayloadLost => {
                self.failure = Some(Failure::Broken);
                self.receiving = false;
            }
            Asker::LinkLost => when.clone_into(&mut self.lost_at),
            Asker::StreamDamaged => self.damaged = true,
            Asker::TryLater => {}
        }
        None
    }

    /// A full sync that was under way was in vain.
    fn begin_to_ask(&mut self) {
        if mem::take(&mut self.receiving) {
            self.failure = Some(Failure::Broken);
        }
    }

    fn link_is_good(&mut self) {
        (self.receiving, self.failure, self.damaged) = (false, None, false);
    }

    fn given_all(&mut self, when: &str, replid: &str, offset: u64) -> Finding {
        let named = self.named.take();
        let (reason, text, advice) = match named {
            Some((ours, next)) if ours == replid && offset < next.saturating_sub(1) => (
                Reason::MasterIsBehind,
                format!(
                    "It wanted byte {next}, and the master is at byte {offset} of its history."
                ),
                "Follow a server that has at least as much.".to_owned(),
            ),
            Some((ours, next)) if ours == replid => {
                let wanted = offset.saturating_add(1).saturating_sub(next);
                let lost = match self.lost_at.as_str() {
                    "" => String::new(),
                    at => format!(" The link had been lost at {at}."),
                };
                (
                    Reason::MasterKeepsTooLittle,
                    format!(
                        "It wanted byte {next}, and the master, at byte {offset} of the same \
                             history, keeps it no more.{lost}"
                    ),
                    format!(
                        "A repl-backlog-size of {wanted} bytes on the master would have been \
                             enough."
                    ),
                )
            }
            Some(_) if self.own && self.failure.is_some() => self.without_history(),
            Some((ours, next)) if self.own => (
                Reason::WritesNotCounted,
                format!(
                    "It was a master itself and named its own history {ours} at byte {next}, \
                         which the master does not know."
                ),
                String::new(),
            ),
            Some((ours, next)) => (
                Reason::MasterTellsAnother,
                format!(
                    "It wanted byte {next} of the history {ours}, and the master tells \
                         {replid}."
                ),
                "The log of the master tells why.".to_owned(),
            ),
            None => self.without_history(),
        };
        self.leave_all(Left::Resynced);
        self.note_history(replid);
        finding(when, None, Some(reason), text, advice)
    }

    fn without_history(&self) -> (Reason, String, String) {
        match self.failure {
            _ if self.damaged => (
                Reason::StreamDamaged,
                "It named no history: the stream before held something that is no command.".into(),
                "Look at proxies in between.".into(),
            ),
            Some(Failure::Silent) => (
                Reason::FullSyncBrokenOff,
                "In the full sync before, the master said nothing for too long.".into(),
                "A longer repl-timeout would have waited for it.".into(),
            ),
            Some(Failure::Broken) => (
                Reason::FullSyncBrokenOff,
                "The full sync before did not come to its end.".into(),
                "The log of the master tells why; often it is client-output-buffer-limit replica."
                    .into(),
            ),
            None => (
                Reason::NoFile,
                "It named no history: it has been started without a file that names one.".into(),
                "After a restart, a snapshot file (save points, or SHUTDOWN SAVE) would have named \
                 it."
                .into(),
            ),
        }
    }

    // ---- what is remembered ----

    fn full(
        &mut self,
        when: &str,
        replica: &str,
        reason: Reason,
        text: String,
        advice: &str,
    ) -> Finding {
        let found = self.replica(replica);
        (found.syncing, found.lost) = (true, None);
        finding(when, Some(replica), Some(reason), text, advice.to_owned())
    }

    /// The replica of that name, which becomes the newest.
    fn replica(&mut self, name: &str) -> &mut Replica {
        let at = self.replicas.iter().position(|replica| replica.name == name);
        let known = at.and_then(|at| self.replicas.remove(at));
        if self.replicas.len() == REMEMBERED_MAX {
            self.replicas.pop_back();
        }
        let name = name.to_owned();
        self.replicas.push_front(known.unwrap_or(Replica { name, syncing: false, lost: None }));
        match self.replicas.front_mut() {
            Some(replica) => replica,
            None => unreachable!("one was just added"),
        }
    }

    /// A history of this server's.
    fn note_history(&mut self, replid: &str) {
        let is_none = replid.bytes().all(|byte| byte == b'0');
        if is_none || self.histories.back().is_some_and(|(id, _)| id == replid) {
            return;
        }
        self.histories.retain(|(id, _)| id != replid);
        if self.histories.len() == REMEMBERED_MAX {
            self.histories.pop_front();
        }
        self.histories.push_back((replid.to_owned(), None));
    }

    /// All histories are left, those for this reason that have not been left before.
    fn leave_all(&mut self, why: Left) {
        for (_, left) in &mut self.histories {
            left.get_or_insert(why);
        }
    }
}

fn finding(
    when: &str,
    replica: Option<&str>,
    full: Option<Reason>,
    text: String,
    advice: String,
) -> Finding {
    Finding { when: when.to_owned(), replica: replica.map(str::to_owned), full, text, advice }
}

fn held_of(held: Option<u64>) -> String {
    held.map_or_else(String::new, |held| format!(" ({held} bytes were held for it)"))
}

fn limit_advice(held: Option<u64>) -> String {
    let above = held.map_or_else(String::new, |held| format!(" above {held} bytes"));
    format!("A client-output-buffer-limit replica{above} would have kept it.")
}

/// The directive that is most likely to save a full synchronisation for this reason.
pub(super) fn directive(reason: Reason) -> &'static str {
    match reason {
        Reason::BrokenOffByLimit | Reason::DroppedByLimit => "client-output-buffer-limit replica",
        Reason::BrokenOffByTimeout | Reason::DroppedByTimeout => "repl-timeout",
        Reason::BacklogTooSmall | Reason::MasterKeepsTooLittle => "repl-backlog-size",
        Reason::BacklogFreed => "repl-backlog-ttl",
        Reason::UnknownHistory | Reason::NoFile => "save",
        Reason::NoHistoryNamed
        | Reason::SyncCommand
        | Reason::BrokenOff
        | Reason::TwoPromotions
        | Reason::GranterResynced
        | Reason::DebugCommand
        | Reason::NeverCounted
        | Reason::BeyondPromotion
        | Reason::NoBacklog
        | Reason::BeforeBacklogBegan
        | Reason::BeyondEnd
        | Reason::FileWithoutHistory
        | Reason::WritesNotCounted
        | Reason::NamelessHistory
        | Reason::StreamDamaged
        | Reason::DatasetReloaded
        | Reason::FullSyncBrokenOff
        | Reason::MasterTellsAnother
        | Reason::MasterIsBehind
        | Reason::MasterWithoutPsync => "",
    }
}

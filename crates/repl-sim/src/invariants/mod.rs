//! The properties of replication, one per file, and the judge that asks all of them after every
//! event.
//!
//! Each file's header defines its property. Each property counts how often its premise held: a
//! property whose premise never holds has said nothing, and the report shows it.

mod absolute_expiry;
mod atomic;
mod bounded_syncs;
mod channels;
mod clean_link;
mod expired;
mod ledger;
mod monotone_offset;
mod needless_full;
mod one_byte;
mod one_dataset;
mod pause_holds;
mod prompt;
mod queues;
mod read_only;
mod replica_keeps;
mod restored;
#[cfg(test)]
mod samples;
mod silence;
mod sound_continue;
mod stale_switch;
mod standing;
mod stream;
mod told;
mod wait_truth;
mod waits;
mod whole_commands;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use repl_core::{
    Node,
    base::{config::Config, ids::ReplId, time::Instant},
    io::{Decision, Verdict},
};

use self::{
    absolute_expiry::AbsoluteExpiry, atomic::Atomic, bounded_syncs::BoundedSyncs, channels::Change,
    channels::Channels, clean_link::CleanLink, expired::Expired, ledger::Ledger,
    monotone_offset::MonotoneOffset, needless_full::NeedlessFull, one_byte::OneByte,
    one_dataset::OneDataset, pause_holds::PauseHolds, prompt::Prompt, queues::Model,
    read_only::ReadOnly, replica_keeps::ReplicaKeeps, restored::Restored, silence::Silence,
    sound_continue::SoundContinue, stale_switch::StaleSwitch, stream::Stream, told::Told,
    wait_truth::WaitTruth, waits::Waits, whole_commands::WholeCommands,
};
pub(crate) use self::{
    bounded_syncs::Surroundings,
    channels::{Message, Topics},
    prompt::Look,
    standing::Standing,
    waits::{WaitAnswer, Wish},
};
use crate::{
    lab::{Kind, Mark, Reply},
    net::HostId,
    node_view::{self, Role, View},
};

/// A property that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Its name.
    pub(crate) property: &'static str,
    /// What should have been.
    pub(crate) expected: String,
    /// What was.
    pub(crate) actual: String,
}

impl Broken {
    /// Nothing, if the server has refused the request; otherwise that it should have.
    fn unless_refused(property: &'static str, expected: &str, reply: &Reply) -> Result<(), Self> {
        match reply {
            Reply::Error(_) => Ok(()),
            Reply::Simple(_) | Reply::Integer(_) | Reply::Bulk(_) | Reply::Array(_) => {
                Err(Self { property, expected: expected.to_owned(), actual: format!("{reply:?}") })
            }
        }
    }
}

/// How the judge met a property's premise, by property.
pub type Premises = BTreeMap<&'static str, u64>;

/// Resynchronisations a node was granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Syncs {
    /// By a snapshot.
    pub full: u64,
    /// By continuing the stream.
    pub partial: u64,
}

/// What the judge remembers of a node between two events.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) view: View,
    /// The first byte this node's backlog could have held: where it began, not how far it was
    /// trimmed.
    pub(crate) backlog_began: Option<u64>,
    /// It was granted a full sync that it has not finished: its own history may be gone already.
    pub(crate) full_sync_pending: bool,
}

/// The node that asked for a resynchronisation, as far as the lab knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// The asker, if it is a node of the lab.
    pub(crate) asker: Option<usize>,
    /// The node that answers.
    pub(crate) granter: &'a View,
    /// The granter's `repl-backlog-size` in bytes.
    pub(crate) backlog_size: u64,
    /// Where the granter's backlog began.
    pub(crate) backlog_began: Option<u64>,
}

/// Asks every property after every event.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    ledger: Ledger,
    seen: BTreeMap<usize, Seen>,
    /// Nodes whose master is none of the lab: nobody has seen what it told them.
    of_strangers: BTreeSet<usize>,
    syncs: BTreeMap<usize, Syncs>,
    one_byte: OneByte,
    one_dataset: OneDataset,
    sound_continue: SoundContinue,
    needless_full: NeedlessFull,
    monotone_offset: MonotoneOffset,
    absolute_expiry: AbsoluteExpiry,
    clean_link: CleanLink,
    whole_commands: WholeCommands,
    replica_keeps: ReplicaKeeps,
    wait_truth: WaitTruth,
    replies: ReplyProperties,
    stream: Stream,
    queues: Model,
    waits: Waits,
    channels: Channels,
    bounded_syncs: BoundedSyncs,
    silence: Silence,
    told: Told,
    pause_holds: PauseHolds,
    prompt: Prompt,
    restored: Restored,
}

/// The properties of what clients read.
#[derive(Debug, Default)]
struct ReplyProperties {
    standings: BTreeMap<usize, Standing>,
    stale_switch: StaleSwitch,
    read_only: ReadOnly,
    atomic: Atomic,
    expired: Expired,
}

impl Judge {
    /// A node's process begins: it remembers nothing.
    pub(crate) fn on_boot(&mut self, node: usize) {
        self.seen.remove(&node);
        self.of_strangers.remove(&node);
        self.replica_keeps.on_boot(node);
        self.restored.on_boot(node);
        self.silence.on_boot(node);
        self.pause_holds.on_boot(node);
        self.waits.on_boot(node);
        self.channels.on_boot(node);
        if let Some(standing) = self.replies.standings.get_mut(&node) {
            *standing = standing.reborn();
        }
    }

    /// A file of a node's disk has rotted.
    pub(crate) fn on_rot(&mut self, node: usize) {
        self.restored.on_rot(node);
    }

    /// What a node is now, as far as it decides what it may answer.
    pub(crate) fn standing(&self, node: usize) -> Option<Standing> {
        self.replies.standings.get(&node).copied()
    }

    /// A client has read this reply. `standing` is what the node was from before the request until
    /// now, if it was one thing all the time.
    pub(crate) fn on_reply(
        &mut self,
        config: &Config,
        standing: Option<Standing>,
        kind: Kind,
        reply: &Reply,
    ) -> Result<(), Broken> {
        let replies = &mut self.replies;
        replies.atomic.check(kind, reply)?;
        let Some(standing) = standing else { return Ok(()) };
        if !config.replica_serve_stale_data {
            replies.stale_switch.check(standing, kind, reply)?;
        }
        if config.replica_read_only {
            replies.read_only.check(standing, kind, reply)?;
        }
        Ok(())
    }

    /// A client has asked for a key whose time has passed.
    pub(crate) fn on_expired_read(&mut self, key: &[u8], reply: &Reply) -> Result<(), Broken> {
        self.replies.expired.check(key, reply)
    }

    /// A client that has written `token` was told that so many replicas have it. `links` is how
    /// many connections the master has from each node.
    pub(crate) fn on_wait(
        &mut self,
        master: usize,
        token: &[u8],
        claimed: usize,
        links: &BTreeMap<usize, usize>,
    ) -> Result<(), Broken> {
        let Some(seen) = self.seen.get(&master) else { return Ok(()) };
        let teller = (master, seen.view.replid);
        self.wait_truth.check(&self.ledger, teller, token, claimed, links)
    }

    /// What a node was granted so far, over all its lives.
    pub(crate) fn syncs(&self, node: usize) -> Syncs {
        self.syncs.get(&node).copied().unwrap_or_default()
    }

    /// How often each premise held.
    pub(crate) fn premises(&self) -> Premises {
        let mut premises = BTreeMap::from([
            (one_byte::NAME, self.one_byte.premise_count),
            (one_dataset::NAME, self.one_dataset.premise_count),
            (sound_continue::NAME, self.sound_continue.premise_count),
            (sound_continue::BY_SECOND_ID, self.sound_continue.by_second_id_count),
            (needless_full::NAME, self.needless_full.premise_count),
            (monotone_offset::NAME, self.monotone_offset.premise_count),
            (absolute_expiry::NAME, self.absolute_expiry.premise_count),
            (clean_link::NAME, self.clean_link.premise_count),
            (whole_commands::NAME, self.whole_commands.premise_count),
            (replica_keeps::NAME, self.replica_keeps.premise_count),
            (restored::NAME, self.restored.premise_count),
            (bounded_syncs::NAME, self.bounded_syncs.premise_count),
            (silence::NAME, self.silence.premise_count),
            (told::NAME, self.told.premise_count),
            (told::STRANDED, self.told.loading_count),
            (prompt::TAIL, self.prompt.behind_count),
            (prompt::ACKS, self.prompt.look_count),
            (pause_holds::NAME, self.pause_holds.premise_count),
            (bounded_syncs::DIALS, self.bounded_syncs.dialled_count),
            (wait_truth::NAME, self.wait_truth.premise_count),
            (stale_switch::NAME, self.replies.stale_switch.premise_count),
            (read_only::NAME, self.replies.read_only.premise_count),
            (atomic::NAME, self.replies.atomic.premise_count),
            (expired::NAME, self.replies.expired.premise_count),
        ]);
        premises.extend(self.waits.premises());
        premises.extend(self.channels.premises());
        premises
    }

    /// A node has been told to follow a peer that is none of the lab.
    pub(crate) fn on_stranger(&mut self, node: usize) {
        self.of_strangers.insert(node);
        self.on_misuse(node);
    }

    /// A node has left whomever it followed, for a node of the lab or for nobody.
    pub(crate) fn on_order(&mut self, node: usize) {
        self.of_strangers.remove(&node);
    }

    /// A node that stood still, or read next to nothing, moves again.
    pub(crate) fn on_thaw(&mut self, node: usize, now: Instant) {
        self.waits.on_thaw(node, now);
    }

    /// A host has sent something to a node.
    pub(crate) fn on_received(&mut self, from: HostId, node: usize, view: &View, now: Instant) {
        self.waits.on_received(from, node, view.role, now);
        self.channels.on_received(from, node, view);
    }

    /// A node's master has sent it something.
    pub(crate) fn on_master_heard(&mut self, node: usize, now: Instant) {
        self.silence.on_heard(node);
        self.prompt.on_heard(node, now);
    }

    /// A node has received something of another one.
    pub(crate) fn on_node_heard(&mut self, from: usize, node: usize, now: Instant) {
        self.prompt.on_received(from, node, now);
    }

    /// The link of this node is none that could be judged.
    pub(crate) fn look_away(&mut self, replica: usize) {
        self.prompt.look_away(replica);
    }

    /// The lab looks at a link that is whole.
    pub(crate) fn look(&mut self, look: Look, now: Instant) -> Result<(), Broken> {
        self.prompt.look(look, now)
    }

    /// A node has said at `now` that it takes no writes for a span that began at `from` or later.
    pub(crate) fn on_paused(&mut self, node: usize, now: Instant, from: Instant, span: Duration) {
        self.on_pause(node, from, now + span);
        self.pause_holds.on_paused(node, now, from, span);
    }

    /// A node has handled an input.
    pub(crate) fn on_event(
        &mut self,
        node: usize,
        state: &Node,
        view: &View,
        now: Instant,
    ) -> Result<(), Broken> {
        let before = self.seen.get(&node);
        let pending = before.is_some_and(|seen| seen.full_sync_pending);
        let (config, counts) = (state.config(), node_view::key_counts(state));
        // A process that has not loaded its file yet holds nothing.
        let stays = config.replica_read_only && !state.is_loading();
        self.replica_keeps.check(node, view, counts, stays)?;
        self.pause_holds.check(node, view, counts, now)?;
        self.restored.check(node, state, view)?;
        self.silence.check(node, view, config, now)?;
        match state.marks().count(Mark::EmptyMasterRefused) {
            0 => {}
            count => self.bounded_syncs.on_refused(node, count),
        }
        if before.is_some_and(|seen| seen.view == *view) {
            return Ok(());
        }
        self.clean_link.check(node, view)?;
        self.told.check(before, view)?;
        self.monotone_offset.check(before, view)?;
        let bytes = |first, last| node_view::backlog_bytes(state, first, last);
        let told = before.filter(|_| !self.of_strangers.contains(&node));
        let changed = self.one_byte.check(&mut self.ledger, told, view, bytes)?;
        self.whole_commands.check(&self.ledger, before, view)?;
        let standings = &mut self.replies.standings;
        let standing = Standing::next(standings.get(&node).copied(), view);
        standings.insert(node, standing);
        let boundary = before.map_or(1, |seen| seen.view.offset + 1);
        self.waits.on_change(node, before.map_or(&View::NOTHING, |seen| &seen.view), view, now);
        let after = Seen::next(before, view);
        // A snapshot that is not loaded yet may have replaced a part of the dataset.
        let whole = view.dataset_is_whole() && !after.full_sync_pending;
        self.seen.insert(node, after);
        if view.role == Role::Master && view.backlog.is_some() {
            self.begin_history(node, state, view, boundary, now)?;
        }
        if let Some(owner) = changed {
            self.read_history(node, owner, boundary, now)?;
        }
        let change = Change { node, view, leaves: pending, now };
        self.channels.on_change(&self.ledger, &self.stream, change);
        if whole {
            self.wait_truth.note(node, view);
        }
        if whole && OneDataset::samples(view.offset) {
            let dataset = node_view::dataset_hash(state);
            self.one_dataset.check(&self.ledger, view, dataset)?;
        }
        Ok(())
    }

    /// The history whose own byte a node would tell next.
    fn history_of(&self, node: usize) -> Option<ReplId> {
        let view = &self.seen.get(&node)?.view;
        Some(self.ledger.owner(view.replid, view.offset + 1))
    }

    /// The history that a master tells from here on, if it is a new one.
    fn begin_history(
        &mut self,
        node: usize,
        state: &Node,
        view: &View,
        boundary: u64,
        now: Instant,
    ) -> Result<(), Broken> {
        let owner = self.ledger.owner(view.replid, view.offset + 1);
        if self.queues.knows(owner) {
            return Ok(());
        }
        if let Some((parent, switch)) = self.ledger.came_from(owner) {
            let (parent, last) = (self.ledger.owner(parent, switch - 1), switch - 1);
            // What it told before it was promoted, in this very input perhaps.
            self.read_history(node, parent, boundary, now)?;
            if self.stream.reads_all_of(parent)
                && let Some(queues) = self.queues.at(parent, last)
            {
                self.queues.begin(owner, last, queues);
                return Ok(());
            }
        }
        self.queues.begin(owner, view.offset, node_view::queues(state));
        Ok(())
    }

    /// Reads the commands that are new of a history.
    fn read_history(
        &mut self,
        node: usize,
        owner: ReplId,
        boundary: u64,
        now: Instant,
    ) -> Result<(), Broken> {
        self.stream.read(&self.ledger, owner, boundary, |command| {
            self.absolute_expiry.check(&command)?;
            self.channels.on_command(&command);
            match self.queues.on_command(&command) {
                Some(taken) => self.waits.on_taken(node, taken, now),
                None => Ok(()),
            }
        })
    }

    /// Nothing moves: every dataset is compared, sampled or not.
    pub(crate) fn on_quiescence(&mut self, state: &Node, view: &View) -> Result<(), Broken> {
        if !view.dataset_is_whole() {
            return Ok(());
        }
        let owner = self.ledger.owner(view.replid, view.offset);
        let queues = self.stream.reads_all_of(owner).then(|| self.queues.at(owner, view.offset));
        if let Some(expected) = queues.flatten() {
            Waits::check_queues(&expected, &node_view::queues(state))?;
        }
        self.one_dataset.check(&self.ledger, view, node_view::dataset_hash(state))
    }

    /// The lab does something that may make nodes synchronise.
    pub(crate) fn on_cause(&mut self) {
        self.bounded_syncs.on_cause();
    }

    /// One node has dialled another one so often within a span in which the lab did nothing.
    pub(crate) fn on_dialled(&mut self, count: u64, span: Duration) -> Result<(), Broken> {
        self.bounded_syncs.check_dials(count, span)
    }

    /// A master has answered a replica's `PSYNC`.
    pub(crate) fn on_decision(
        &mut self,
        granter: usize,
        view: &View,
        backlog_size: u64,
        asker: Option<usize>,
        decision: &Decision,
        around: Surroundings,
    ) -> Result<(), Broken> {
        if let Some(asker) = asker {
            self.bounded_syncs.check(asker, decision.verdict, around)?;
        }
        let backlog_began = match self.seen.get(&granter) {
            Some(seen) if seen.view.replid == view.replid => seen.backlog_began,
            Some(_) | None => None,
        };
        let backlog_began = backlog_began.or_else(|| view.backlog.map(|(first, _)| first));
        let question = Question { asker, granter: view, backlog_size, backlog_began };
        // The granter's newest identity may not have been recorded yet: the decision comes first.
        one_byte::note_identity(&mut self.ledger, view)?;
        match decision.verdict {
            Verdict::Continue => {
                self.count(asker, |syncs| syncs.partial += 1);
                self.sound_continue.check(&self.ledger, &question, decision.asked)
            }
            Verdict::Full(_) => {
                self.count(asker, |syncs| syncs.full += 1);
                let seen = asker.and_then(|asker| self.seen.get(&asker));
                let outcome =
                    self.needless_full.check(&self.ledger, &question, seen, decision.asked);
                if let Some(seen) = asker.and_then(|asker| self.seen.get_mut(&asker)) {
                    seen.full_sync_pending = true;
                }
                outcome
            }
        }
    }

    /// A node has written a line to its log.
    pub(crate) fn on_log(&self, node: usize, text: &str) -> Result<(), Broken> {
        self.clean_link.check_log(node, text)
    }

    /// Somebody who is no node and does not keep to the protocol talks to a node from now on.
    pub(crate) fn on_misuse(&mut self, node: usize) {
        self.clean_link.on_misuse(node);
    }

    /// Whoever is no node has heard these bytes of a history, where a master sends nothing else.
    pub(crate) fn on_link_bytes(
        &mut self,
        replid: ReplId,
        first: u64,
        bytes: &[u8],
    ) -> Result<(), Broken> {
        one_byte::check_link(&mut self.ledger, replid, first, bytes)
    }

    fn count(&mut self, asker: Option<usize>, add: impl FnOnce(&mut Syncs)) {
        if let Some(asker) = asker {
            add(self.syncs.entry(asker).or_default());
        }
    }
}

impl Seen {
    fn next(before: Option<&Self>, view: &View) -> Self {
        let first = view.backlog.map(|(first, _)| first);
        let Some(before) = before else {
            return Self { view: *view, backlog_began: first, full_sync_pending: false };
        };
        let full_sync_done = before.full_sync_pending && view.link == "connected";
        let fresh_history = view.replid != before.view.replid && view.replid2 == ReplId::NONE;
        let begins = full_sync_done || fresh_history || before.view.backlog.is_none();
        Self {
            view: *view,
            backlog_began: if begins { first } else { before.backlog_began },
            full_sync_pending: before.full_sync_pending && !full_sync_done,
        }
    }
}

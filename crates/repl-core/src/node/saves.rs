//! Snapshot files: when one is begun, how it goes, and what is remembered of the last one.
//!
//! ```text
//!           SAVE, BGSAVE, save point, FLUSHALL, shutdown, DEBUG RELOAD
//!  (idle) -----------------------------------------------------------> under way
//!     ^    the cut is taken, Effect::Disk(Save) asks for a file           |  | full sync,
//!     |                                                                   |  | FLUSHALL,
//!     |              Disk(Written): the next piece is encoded <-----------+  | shutdown
//!     |                                                                      v
//!     +---------------------- Disk(Saved) <------------------------- abandoned
//! ```
//!
//! There is one save at a time. It is a snapshot like those of replicas, encoded by the same
//! `Transfer`, a piece ahead of what the disk has taken. What is wanted while one is under way is
//! owed, and begun when that one is over.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{mem, time::Duration};

use super::{Node, session::Shutdown};
use crate::{
    base::{
        ids::ConnId,
        time::{Instant, Now},
    },
    conn::Wait,
    io::{DiskRequest, Effect, Level, Piece, SaveFailure, SaveStep},
    marks::Mark,
    repl::{
        Place,
        master::{Framing, Pace, Transfer},
    },
};

/// How long after a failed save the next one begins by itself.
// redis: server.h, CONFIG_BGSAVE_RETRY_DELAY
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What a save is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// `SAVE`, or a `FLUSHALL` while there are save points.
    Foreground,
    /// `BGSAVE`, or a save point.
    Background,
    /// The end of the process.
    Last,
    /// `DEBUG RELOAD`.
    Reload,
}

/// How the last save went that nobody waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Good,
    Failed,
}

/// Whether `BGSAVE` is to be done as soon as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    Nothing,
    Bgsave,
}

/// A save under way.
#[derive(Debug)]
pub(super) struct Save {
    pub(super) purpose: Purpose,
    source: Source,
    pub(super) began: Instant,
    /// `stats.changes` at the cut.
    changes: u64,
    /// Whose `SAVE` it is.
    askers: Vec<ConnId>,
}

/// Where the pieces come from.
#[derive(Debug)]
enum Source {
    Cut(Box<Transfer>),
    /// Nobody wants them any more; the disk has yet to say that it knows.
    Abandoned,
}

/// All about saves. See this file's header.
#[derive(Debug)]
pub(super) struct Saves {
    pub(super) under_way: Option<Save>,
    /// The next one is owed as soon as this one is over, to these clients.
    owed: Option<Vec<ConnId>>,
    pub(super) schedule: Schedule,
    /// `LASTSAVE`: the last success in seconds since the epoch; the boot counts as one.
    pub(super) last_secs: i64,
    last_at: Instant,
    last_try_at: Instant,
    pub(super) last_bgsave: Outcome,
    pub(super) last_bgsave_span: Option<Duration>,
    /// `rdb_saves`.
    pub(super) count: u64,
    /// How many of them ended with a new file.
    done: u64,
    /// `stats.changes` at the cut of the last success.
    saved_changes: u64,
    /// What the file of the last cut says of where it stands.
    cut_at: Option<Place>,
}

impl Saves {
    pub(super) fn new(now: Now) -> Self {
        Self {
            under_way: None,
            owed: None,
            schedule: Schedule::Nothing,
            last_secs: now.wall.as_secs(),
            last_at: now.mono,
            last_try_at: now.mono,
            last_bgsave: Outcome::Good,
            last_bgsave_span: None,
            count: 0,
            done: 0,
            saved_changes: 0,
            cut_at: None,
        }
    }
}

/// What an observer may see of the saves of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavesView {
    /// How many were begun.
    pub begun: u64,
    /// How many files were put in place.
    pub done: u64,
    /// Changes since the cut of the last that was begun.
    pub changes_since_cut: u64,
    /// Where the dataset of that cut stands, as the file says it.
    pub cut_at: Option<Place>,
    /// Keys of the file this process began with that a master deleted: their time had passed.
    pub expired_at_load: u64,
}

impl Node {
    /// What is to be written next of the save under way.
    pub fn snapshot_piece(&self) -> Piece {
        let Some(save) = &self.saves.under_way else { return Piece::Abandoned };
        match &save.source {
            Source::Abandoned => Piece::Abandoned,
            Source::Cut(transfer) => match transfer.front() {
                Some(chunk) => Piece::Bytes(chunk.clone()),
                None => Piece::End,
            },
        }
    }

    /// `rdb_changes_since_last_save`.
    pub(super) fn unsaved_changes(&self) -> u64 {
        self.stats.changes.saturating_sub(self.saves.saved_changes)
    }

    /// Whether writes are refused because the last save has failed.
    // redis: server.c, writeCommandsDeniedByDiskError
    #[inline]
    pub(super) fn disk_denies_writes(&self) -> bool {
        self.saves.last_bgsave == Outcome::Failed
            && self.config.stop_writes_on_bgsave_error
            && !self.config.save.is_empty()
    }

    /// A file next to which, or in whose place, others are put.
    pub(super) fn data_path(&self, name: &str) -> String {
        if self.config.dir.is_empty() { name.into() } else { format!("{}/{name}", self.config.dir) }
    }

    /// What a file says of where its dataset stands: only a history that somebody may go on with.
    // redis: rdb.c, rdbPopulateSaveInfo
    fn saved_place(&self) -> Option<Place> {
        let has_history = match &self.following {
            None => true,
            Some(following) => following.has_history(),
        };
        (has_history && self.history.is_recording()).then(|| self.history.place())
    }

    /// Whether a save can begin now.
    pub(super) fn can_begin_save(&self) -> bool {
        self.saves.under_way.is_none()
            && self.loading.is_none()
            && !self.file_is_read
            && self.keyspace.can_begin_snapshot()
    }

    /// Takes a cut and asks for a file. Nothing happens unless [`Self::can_begin_save`].
    pub(super) fn begin_save(&mut self, now: Now, purpose: Purpose, askers: Vec<ConnId>) {
        if !self.can_begin_save() {
            return;
        }
        let Some(snapshot) = self.keyspace.begin_snapshot() else { return };
        let place = self.saved_place();
        let (options, origin) = (self.snapshot_options(), self.origin(now, place));
        let id = self.next_transfer();
        let transfer = Transfer::new(id, Framing::Bare, Some(snapshot), options, origin);
        self.saves.count += 1;
        self.saves.cut_at = place;
        if purpose == Purpose::Background {
            self.saves.schedule = Schedule::Nothing;
            self.saves.last_try_at = now.mono;
            let text = format!("Background saving started by pid {}", self.facts.pid);
            self.log(Level::Notice, text);
        }
        self.marks.hit(if place.is_some() { Mark::SaveWithPlace } else { Mark::SaveWithoutPlace });
        let (began, changes) = (now.mono, self.stats.changes);
        let source = Source::Cut(Box::new(transfer));
        self.saves.under_way = Some(Save { purpose, source, began, changes, askers });
        let target = self.data_path(&self.config.dbfilename);
        let temporary = self.data_path(&format!("temp-{}.rdb", self.facts.pid));
        self.effects.push_back(Effect::Disk(DiskRequest::Save { target, temporary }));
    }

    /// The disk has taken the piece it was shown: the next one is encoded.
    pub(super) fn on_written(&mut self) {
        let Some(Save { source: Source::Cut(transfer), .. }) = &mut self.saves.under_way else {
            return;
        };
        transfer.drop_front();
        while transfer.front().is_none() && !transfer.is_complete() {
            transfer.produce(&mut self.keyspace, Pace::FREE);
        }
    }

    /// Nobody wants what is being saved, because something newer is to take its place.
    pub(super) fn abandon_save(&mut self) {
        let Some(save) = &mut self.saves.under_way else { return };
        let Source::Cut(transfer) = mem::replace(&mut save.source, Source::Abandoned) else {
            return;
        };
        if let Some(snapshot) = transfer.snapshot() {
            self.keyspace.abandon_snapshot(snapshot);
        }
        self.marks.hit(Mark::SaveAbandoned);
        // Who waits for a file is given the next one.
        if save.purpose == Purpose::Foreground {
            let askers = mem::take(&mut save.askers);
            self.saves.owed.get_or_insert_default().extend(askers);
        }
    }

    /// A save is wanted, now or behind the one under way; clients may wait for it.
    pub(super) fn owe_save(&mut self, askers: &[ConnId]) {
        self.saves.owed.get_or_insert_default().extend(askers);
    }

    /// `FLUSHALL` while there are save points: the file is to be as empty as the dataset.
    // redis: db.c, flushAllDataAndResetRDB
    pub(super) fn save_what_is_flushed(&mut self) {
        if self.saves.under_way.as_ref().is_some_and(|save| save.purpose == Purpose::Background) {
            self.abandon_save();
        }
        if !self.config.save.is_empty() {
            self.owe_save(&[]);
        }
    }

    /// Begins what is owed, as soon as that is possible.
    pub(super) fn begin_owed_save(&mut self, now: Now) {
        if self.saves.owed.is_some()
            && self.can_begin_save()
            && !self.shutdown.is_some_and(Shutdown::has_cut)
            && let Some(askers) = self.saves.owed.take()
        {
            self.begin_save(now, Purpose::Foreground, askers);
        }
    }

    /// Once per turn of the periodic work: scheduled saves and save points.
    // redis: server.c, serverCron
    pub(super) fn check_save_points(&mut self, now: Now) {
        if !self.can_begin_save() || self.shutdown.is_some() || self.is_reloading() {
            return;
        }
        let may_try = self.saves.last_bgsave == Outcome::Good
            || now.mono.since(self.saves.last_try_at) > RETRY_AFTER;
        if !may_try {
            return;
        }
        if self.saves.schedule == Schedule::Bgsave {
            self.begin_save(now, Purpose::Background, Vec::new());
            return;
        }
        let (changes, since) = (self.unsaved_changes(), now.mono.since(self.saves.last_at));
        let due = self
            .config
            .save
            .iter()
            .find(|(secs, least)| changes >= *least && since > Duration::from_secs(*secs));
        if let Some((secs, least)) = due {
            let text = format!("{least} changes in {secs} seconds. Saving...");
            self.log(Level::Notice, text);
            self.marks.hit(Mark::SavePoint);
            self.begin_save(now, Purpose::Background, Vec::new());
        }
    }

    /// A save is over.
    pub(super) fn on_saved(&mut self, now: Now, result: Result<(), SaveFailure>) {
        let Some(save) = self.saves.under_way.take() else { return };
        match &result {
            Ok(()) => self.note_success(now, &save),
            Err(failure) => self.note_failure(now, &save, failure),
        }
        // A cut that was not written to the end is still a snapshot under way.
        if let Source::Cut(transfer) = &save.source
            && let Some(snapshot) = transfer.snapshot()
        {
            self.keyspace.abandon_snapshot(snapshot);
        }
        if self.shutdown == Some(Shutdown::Ending) {
            return self.end_when_idle();
        }
        let abandoned = matches!(save.source, Source::Abandoned);
        let outcome = if result.is_ok() { Outcome::Good } else { Outcome::Failed };
        match save.purpose {
            Purpose::Foreground => self.answer_savers(&save.askers, outcome),
            Purpose::Background => {}
            // It was given up for a newer dataset, and begins again.
            Purpose::Last if abandoned && outcome == Outcome::Failed => {}
            Purpose::Last => self.on_last_saved(outcome),
            Purpose::Reload => self.on_reload_saved(now, outcome),
        }
    }

    fn note_success(&mut self, now: Now, save: &Save) {
        let background = save.purpose == Purpose::Background;
        self.saves.done += 1;
        self.saves.saved_changes = save.changes;
        (self.saves.last_secs, self.saves.last_at) = (now.wall.as_secs(), now.mono);
        self.saves.last_bgsave = Outcome::Good;
        self.marks.hit(Mark::Saved);
        self.log(Level::Notice, "DB saved on disk".into());
        if background {
            self.saves.last_bgsave_span = Some(now.mono.since(save.began));
            self.log(Level::Notice, "Background saving terminated with success".into());
        }
    }

    fn note_failure(&mut self, now: Now, save: &Save, failure: &SaveFailure) {
        let background = save.purpose == Purpose::Background;
        if matches!(save.source, Source::Abandoned) {
            if background {
                self.log(Level::Warning, "Background saving given up".into());
            }
            return;
        }
        self.marks.hit(Mark::SaveFailed);
        let text = match failure.step {
            SaveStep::Open => format!(
                "Failed opening the temp RDB file temp-{}.rdb (in server root dir {}) for saving: \
                 {}",
                self.facts.pid, self.config.dir, failure.text
            ),
            SaveStep::Write => format!("Write error saving DB on disk: {}", failure.text),
        };
        self.log(Level::Warning, text);
        if background {
            self.saves.last_bgsave = Outcome::Failed;
            self.saves.last_bgsave_span = Some(now.mono.since(save.began));
            self.log(Level::Warning, "Background saving error".into());
        }
    }

    /// Those who have waited for a file, if they still do.
    pub(super) fn answer_savers(&mut self, askers: &[ConnId], outcome: Outcome) {
        for id in askers {
            match outcome {
                _ if self.wait_of(*id) != Some(Wait::Disk) => {}
                Outcome::Good => self.end_wait(*id),
                Outcome::Failed => self.break_wait(*id, "ERR"),
            }
        }
    }

    /// What was saved and is being saved, for an observer.
    pub fn saves(&self) -> SavesView {
        let under_way = self.saves.under_way.as_ref();
        let cut = under_way.map_or(self.saves.saved_changes, |save| save.changes);
        SavesView {
            begun: self.saves.count,
            done: self.saves.done,
            changes_since_cut: self.stats.changes.saturating_sub(cut),
            cut_at: self.saves.cut_at,
            expired_at_load: self.last_load.expired_count,
        }
    }
}

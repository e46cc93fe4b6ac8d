//! The history this node tells: which bytes it has produced or applied, under which id.
//!
//! Law 4: a byte of the replication stream is identified by (replication id, offset) for ever. So
//! there are exactly two ways to add bytes (`feed`, as a master; `append_applied`, as a replica),
//! and every change of identity is one of the named transitions below. Nothing else writes these
//! fields.
//!
//! | transition | id | second id | offset | backlog |
//! |---|---|---|---|---|
//! | `new` (boot) | fresh | none | 0 | none |
//! | `begin` (first replica, no backlog) | fresh | none | stays | empty |
//! | `forget` (backlog's time is over) | fresh | none | stays | none |
//! | `promote` | fresh | the old id, up to here | stays | stays |
//! | `adopt_snapshot` (full sync) | the master's | none | the master's | empty |
//! | `resume` (`+CONTINUE id`) | the id given | the old id, if it differs | stays | stays |
//! | `restore_as_replica` (boot from a file) | the file's | none | the file's | empty |
//! | `restore_as_master` (the same) | fresh | the file's, up to there | the file's | empty |

use alloc::collections::VecDeque;

use crate::{
    base::{
        ids::ReplId,
        rng::{Rng, Seed},
    },
    io::{Begin, FullReason, Parting, Standing, Start},
    keyspace::DbIndex,
    repl::{
        backlog::{Backlog, Trimmed},
        effects::Effects,
    },
    resp::encode_command,
};

/// No history has come so far: it is counted on from here, also by peers that count in signed 64
/// bits.
pub const OFFSET_LIMIT: u64 = i64::MAX as u64 / 2;

/// So many histories that this node has left are remembered, to tell replicas what became of them.
const FORMERS_MAX: usize = 8;

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const GETACK: &[u8] = b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";

/// A byte of a history, and what who goes on behind it must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The history.
    pub replid: ReplId,
    /// The number of the byte.
    pub offset: u64,
    /// The database the stream has selected there.
    pub stream_db: DbIndex,
}

/// A history that this node tells no more, under neither id.
#[derive(Clone, Copy, Debug)]
struct Former {
    replid: ReplId,
    /// This node's last byte of it.
    left_at: u64,
    parting: Parting,
}

/// A node's place in the histories of its kind.
#[derive(Debug)]
pub struct History {
    replid: ReplId,
    replid2: ReplId,
    /// Bytes below this number are also bytes of `replid2`.
    switch: Option<u64>,
    offset: u64,
    backlog: Option<Backlog>,
    backlog_bytes: u64,
    /// The database the stream has selected; `None` when the next command must say `SELECT`.
    stream_db: Option<DbIndex>,
    /// What this node began its life with.
    start: Start,
    /// Why the backlog was begun, and its first byte ever.
    begun: (Begin, u64),
    /// The newest are last.
    formers: VecDeque<Former>,
    rng: Rng,
}

impl History {
    /// A node at its boot: a fresh id, nothing told yet. `backlog_bytes` is `repl-backlog-size`.
    pub fn new(seed: Seed, backlog_bytes: u64) -> Self {
        let mut rng = Rng::new(seed, "replid");
        Self {
            replid: ReplId::random(&mut rng),
            replid2: ReplId::NONE,
            switch: None,
            offset: 0,
            backlog: None,
            backlog_bytes,
            stream_db: None,
            start: Start::Empty,
            begun: (Begin::Recording, 1),
            formers: VecDeque::new(),
            rng,
        }
    }

    /// The id of the history this node tells.
    pub fn replid(&self) -> ReplId {
        self.replid
    }

    /// The id this node told before, or `ReplId::NONE`.
    pub fn replid2(&self) -> ReplId {
        self.replid2
    }

    /// `second_repl_offset`: the first byte number that is *not* shared with `replid2`. A replica
    /// of the old history may ask for this byte and no later one.
    pub fn switch(&self) -> Option<u64> {
        self.switch
    }

    /// `master_repl_offset`: the number of the last byte produced or applied.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of the next byte, as `PSYNC` names it.
    pub fn next(&self) -> u64 {
        self.offset + 1
    }

    /// The last bytes, if any are kept.
    pub fn backlog(&self) -> Option<&Backlog> {
        self.backlog.as_ref()
    }

    /// The database the stream has selected.
    pub fn stream_db(&self) -> Option<DbIndex> {
        self.stream_db
    }

    /// Where it stands. A stream that has selected no database names one before it goes on, so any
    /// number is right for that.
    pub fn place(&self) -> Place {
        let stream_db = self.stream_db.unwrap_or(DbIndex(0));
        Place { replid: self.replid, offset: self.offset, stream_db }
    }

    /// All of its place, as a decision is made by it.
    pub fn standing(&self) -> Standing {
        Standing {
            replid: self.replid,
            replid2: self.replid2,
            switch: self.switch,
            offset: self.offset,
            backlog: self.backlog.as_ref().map(|backlog| (backlog.first(), backlog.end())),
            backlog_bytes: self.backlog_bytes,
        }
    }

    /// Whether bytes are being kept. A master without replicas, past or present, does not count
    /// bytes.
    pub fn is_recording(&self) -> bool {
        self.backlog.is_some()
    }

    /// Whether a replica that names (`id`, `next`) can go on from there.
    ///
    /// # Errors
    /// Why it cannot.
    // redis: replication.c, masterTryPartialResync
    pub fn can_continue(&self, id: ReplId, next: u64) -> Result<(), FullReason> {
        if id == ReplId::NONE {
            return Err(FullReason::OtherHistory { asked: id, start: self.start });
        }
        if id != self.replid {
            match self.switch {
                Some(switch) if id == self.replid2 && next <= switch => {}
                Some(switch) if id == self.replid2 => {
                    return Err(FullReason::BeyondSwitch { next, switch });
                }
                Some(_) | None => return Err(self.stranger(id, next)),
            }
        }
        let Some(backlog) = &self.backlog else { return Err(FullReason::NoBacklog { next }) };
        let (oldest, end, (begin, first)) = (backlog.first(), backlog.end(), self.begun);
        match next {
            next if next < first => Err(FullReason::BeforeBegin { next, begin, first }),
            next if next < oldest => {
                let (first, bytes, loss) = (oldest, self.backlog_bytes, None);
                Err(FullReason::BeforeBacklog { next, first, end, bytes, loss })
            }
            next if next > end => Err(FullReason::AfterEnd { next, end }),
            _ => Ok(()),
        }
    }

    /// What there is to say of a history that is not ours: whether it was.
    fn stranger(&self, asked: ReplId, next: u64) -> FullReason {
        match self.formers.iter().rev().find(|former| former.replid == asked) {
            Some(&Former { left_at, parting, .. }) => {
                FullReason::LeftHistory { asked, next, left_at, parting }
            }
            None => FullReason::OtherHistory { asked, start: self.start },
        }
    }

    /// This history is told no more.
    fn part(&mut self, replid: ReplId, left_at: u64, parting: Parting) {
        if replid == ReplId::NONE {
            return;
        }
        if self.formers.len() == FORMERS_MAX {
            self.formers.pop_front();
        }
        self.formers.push_back(Former { replid, left_at, parting });
    }

    /// Neither id is told any more.
    fn part_with_both(&mut self, parting: Parting) {
        let left_at = self.switch.map_or(0, |switch| switch - 1);
        self.part(self.replid2, left_at, parting);
        self.part(self.replid, self.offset, parting);
    }

    fn begin_backlog(&mut self, begin: Begin) {
        self.begun = (begin, self.next());
        self.backlog = Some(Backlog::new(self.backlog_bytes, self.next()));
    }

    /// As a master: tells what a unit of execution did. More than one command go as one
    /// transaction.
    pub fn feed(&mut self, effects: &Effects) {
        let wrap = effects.len() > 1;
        if wrap {
            self.append(MULTI);
        }
        // `SELECT` inside the transaction, as servers from 7.2 on do; 7.0 accepts both.
        self.feed_apart(effects);
        if wrap {
            self.append(EXEC);
        }
    }

    /// As a master: tells of commands that have nothing to do with each other, one by one.
    pub fn feed_apart(&mut self, effects: &Effects) {
        let Some(backlog) = &mut self.backlog else { return };
        for (db, command) in effects.iter() {
            if self.stream_db != Some(db) {
                append_select(backlog, db);
                self.stream_db = Some(db);
            }
            backlog.append(command);
        }
        self.offset = backlog.end() - 1;
    }

    fn append(&mut self, bytes: &[u8]) {
        if let Some(backlog) = &mut self.backlog {
            backlog.append(bytes);
            self.offset = backlog.end() - 1;
        }
    }

    /// As a master: a sign of life.
    pub fn feed_ping(&mut self) {
        self.append_applied(PING);
    }

    /// As a master: asks every replica for an acknowledgement.
    pub fn feed_getack(&mut self) {
        self.append_applied(GETACK);
    }

    /// As a replica: tells what was applied, verbatim. Always whole commands or transactions.
    pub fn append_applied(&mut self, bytes: &[u8]) {
        if let Some(backlog) = &mut self.backlog {
            backlog.append(bytes);
        }
        self.offset += bytes.len() as u64;
    }

    /// The next command of the stream must say `SELECT`: a reader starts here that knows no
    /// database.
    pub fn reselect(&mut self) {
        self.stream_db = None;
    }

    /// As a replica: the database the stream has selected, as far as applied.
    pub fn note_stream_db(&mut self, db: DbIndex) {
        self.stream_db = Some(db);
    }

    /// The first replica attaches and no backlog is there: what was written before was not counted,
    /// so the offset would mean different datasets under the old id. Returns whether the id
    /// changed.
    pub fn begin(&mut self) -> bool {
        if self.backlog.is_some() {
            return false;
        }
        self.forget(Parting::Uncounted);
        self.begin_backlog(Begin::Recording);
        true
    }

    /// Frees the backlog. Writes are not counted from here on, so the id must not be used again.
    // redis: replication.c, replicationCron: "a new replication ID since without a backlog ..."
    pub fn forget(&mut self, parting: Parting) {
        self.part_with_both(parting);
        self.backlog = None;
        self.replid = ReplId::random(&mut self.rng);
        self.replid2 = ReplId::NONE;
        self.switch = None;
    }

    /// A replica becomes a master: a history of its own that shares everything up to here with the
    /// old one.
    pub fn promote(&mut self) {
        self.shift(ReplId::random);
        self.stream_db = None;
    }

    /// A full sync ended: the dataset is the master's at (`replid`, `offset`).
    pub fn adopt_snapshot(&mut self, replid: ReplId, offset: u64, stream_db: Option<DbIndex>) {
        self.part_with_both(Parting::FullSync);
        self.formers.retain(|former| former.replid != replid);
        self.replid = replid;
        self.replid2 = ReplId::NONE;
        self.switch = None;
        self.offset = offset;
        self.stream_db = stream_db;
        self.begin_backlog(Begin::FullSync);
    }

    /// A node that boots as a replica has read its dataset from a file that says it is that of
    /// `place`: it may ask to go on from there.
    pub fn restore_as_replica(&mut self, place: Place) {
        self.adopt_snapshot(place.replid, place.offset, Some(place.stream_db));
        self.begun.0 = Begin::File;
        self.start = Start::File;
    }

    /// A node that boots has read a dataset of no history from a file.
    pub fn note_file_without_place(&mut self) {
        self.start = Start::FileWithoutPlace;
    }

    /// What this node began its life with.
    pub fn start(&self) -> Start {
        self.start
    }

    /// A node that boots as a master has read its dataset from a file. What it had told since the
    /// file was written is lost here and may be known elsewhere, so it goes on under a fresh id:
    /// replicas that had come no further than the file can follow.
    // redis: server.c, loadDataFromDisk
    pub fn restore_as_master(&mut self, place: Place) {
        self.replid2 = place.replid;
        self.offset = place.offset;
        self.switch = Some(self.next());
        self.stream_db = None;
        self.begin_backlog(Begin::File);
        self.start = Start::File;
    }

    /// `+CONTINUE [replid]`: the master goes on where this node ended. Returns whether the id
    /// changed, which sub-replicas must learn.
    pub fn resume(&mut self, replid: Option<ReplId>) -> bool {
        if self.backlog.is_none() {
            self.begin_backlog(Begin::Recording);
        }
        match replid {
            Some(id) if id != self.replid => {
                self.shift(|_| id);
                true
            }
            Some(_) | None => false,
        }
    }

    fn shift(&mut self, id: impl FnOnce(&mut Rng) -> ReplId) {
        let left_at = self.switch.map_or(0, |switch| switch - 1);
        self.part(self.replid2, left_at, Parting::Superseded);
        self.replid2 = self.replid;
        self.switch = Some(self.next());
        self.replid = id(&mut self.rng);
    }

    /// `DEBUG CHANGE-REPL-ID`.
    pub fn change_id(&mut self) {
        self.part_with_both(Parting::Debug);
        self.replid = ReplId::random(&mut self.rng);
        self.replid2 = ReplId::NONE;
        self.switch = None;
    }

    /// `repl-backlog-size` may have changed. Returns whether a backlog got another size.
    pub fn resize(&mut self, backlog_bytes: u64) -> bool {
        if backlog_bytes == self.backlog_bytes {
            return false;
        }
        self.backlog_bytes = backlog_bytes;
        if let Some(backlog) = &mut self.backlog {
            backlog.resize(backlog_bytes);
        }
        self.is_recording()
    }

    /// Drops what is beyond the backlog's size and before `reader`, the first byte a replica still
    /// needs.
    pub fn trim(&mut self, reader: u64) -> Trimmed {
        self.backlog.as_mut().map_or(Trimmed::Nothing, |backlog| backlog.trim(reader))
    }
}

fn append_select(backlog: &mut Backlog, db: DbIndex) {
    let mut command = alloc::vec::Vec::with_capacity(32);
    let mut digits = itoa::Buffer::new();
    encode_command(&mut command, [b"SELECT".as_slice(), digits.format(db.0).as_bytes()]);
    backlog.append(&command);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Reason;
    use alloc::{string::String, vec::Vec};

    fn history() -> History {
        History::new(Seed::from_u64(1), 1 << 20)
    }

    /// Why who names (`id`, `next`) cannot go on; `None` if it can.
    fn refusal(history: &History, id: ReplId, next: u64) -> Option<Reason> {
        history.can_continue(id, next).err().map(|reason| reason.name())
    }

    fn effects(ops: &[(u32, &[&[u8]])]) -> Effects {
        let mut effects = Effects::default();
        for (db, args) in ops {
            effects.push(DbIndex(*db), args.iter().copied());
        }
        effects
    }

    fn told(history: &History, from: u64) -> String {
        let slices = history.backlog().expect("it is recording").slices(from);
        String::from_utf8(slices.concat()).expect("made of ASCII").replace("\r\n", " ")
    }

    #[test]
    fn nothing_is_counted_before_the_first_replica() {
        let mut history = history();
        let boot = history.replid();
        history.feed(&effects(&[(0, &[b"SET", b"a", b"1"])]));
        assert_eq!(history.offset(), 0);
        assert!(history.begin());
        assert_ne!(history.replid(), boot, "the old id would name two datasets at offset 0");
        assert!(!history.begin());
    }

    #[test]
    fn one_command_goes_bare_and_more_go_as_a_transaction_with_select_inside() {
        let mut history = history();
        history.begin();
        history.feed(&effects(&[(0, &[b"DEL", b"a"])]));
        history.feed(&effects(&[(0, &[b"DEL", b"b"]), (2, &[b"DEL", b"c"])]));
        history.feed(&effects(&[(2, &[b"DEL", b"d"])]));
        assert_eq!(
            told(&history, 1),
            "*2 $6 SELECT $1 0 *2 $3 DEL $1 a *1 $5 MULTI *2 $3 DEL $1 b *2 $6 SELECT $1 2 \
             *2 $3 DEL $1 c *1 $4 EXEC *2 $3 DEL $1 d "
        );
        assert_eq!(history.offset(), history.backlog().expect("it is recording").end() - 1);
    }

    #[test]
    fn a_promotion_shares_the_old_history_up_to_its_last_byte() {
        let mut history = history();
        history.begin();
        history.feed_ping();
        let old = history.replid();
        history.promote();
        let here = history.next();
        assert_eq!(refusal(&history, old, here), None);
        assert_eq!(refusal(&history, old, here + 1), Some(Reason::BeyondPromotion));
        history.feed_ping();
        assert_eq!(refusal(&history, old, here), None);
        assert_eq!(refusal(&history, old, here + 1), Some(Reason::BeyondPromotion));
        assert_eq!(refusal(&history, history.replid(), history.next()), None);
        assert_eq!(
            refusal(&history, history.replid(), history.next() + 1),
            Some(Reason::BeyondEnd)
        );
        assert_eq!(refusal(&history, ReplId::NONE, 1), Some(Reason::UnknownHistory));
    }

    #[test]
    fn the_id_of_no_history_names_no_history() {
        let mut history = history();
        history.begin();
        // A node that has no second id must not match a peer that asks for forty zeros.
        assert_eq!(refusal(&history, ReplId::NONE, 1), Some(Reason::UnknownHistory));
    }

    #[test]
    fn a_continue_under_a_new_id_keeps_the_old_one_as_second() {
        let mut history = history();
        history.begin();
        history.feed_ping();
        let old = history.replid();
        let new = ReplId::parse(&[b'b'; 40]).expect("forty graphic characters");
        assert!(history.resume(Some(new)));
        assert_eq!((history.replid(), history.replid2(), history.switch()), (new, old, Some(15)));
        assert!(!history.resume(None));
        assert!(!history.resume(Some(new)));
    }

    #[test]
    fn a_full_sync_replaces_everything_at_once() {
        let mut history = history();
        history.begin();
        history.promote();
        let id = ReplId::parse(&[b'c'; 40]).expect("forty graphic characters");
        history.adopt_snapshot(id, 1_000, Some(DbIndex(2)));
        assert_eq!((history.replid(), history.replid2()), (id, ReplId::NONE));
        assert_eq!((history.offset(), history.switch()), (1_000, None));
        let backlog = history.backlog().expect("a replica always keeps one");
        assert_eq!((backlog.first(), backlog.histlen()), (1_001, 0));
    }

    #[test]
    fn a_reboot_from_a_file_claims_what_is_in_it_and_nothing_more() {
        let replid = ReplId::parse(&[b'c'; 40]).expect("forty graphic characters");
        let place = Place { replid, offset: 100, stream_db: DbIndex(2) };
        let mut replica = history();
        replica.restore_as_replica(place);
        assert_eq!((replica.replid(), replica.replid2()), (replid, ReplId::NONE));
        assert_eq!((replica.offset(), replica.stream_db()), (100, Some(DbIndex(2))));

        let mut master = history();
        let boot = master.replid();
        master.restore_as_master(place);
        assert_eq!((master.replid(), master.replid2()), (boot, replid));
        assert_eq!((master.offset(), master.stream_db()), (100, None));
        assert_eq!(refusal(&master, replid, 101), None);
        assert_eq!(refusal(&master, replid, 102), Some(Reason::BeyondPromotion));
        assert_eq!(refusal(&master, replid, 100), Some(Reason::BeforeBacklogBegan));
    }

    #[test]
    fn draws_of_ids_repeat_with_the_seed() {
        let ids = |seed| {
            let mut history = History::new(Seed::from_u64(seed), 100);
            history.begin();
            history.promote();
            [history.replid(), history.replid2()]
        };
        assert_eq!(ids(5), ids(5));
        assert_ne!(ids(5), ids(6));
        let _: Vec<ReplId> = ids(5).to_vec();
    }
}

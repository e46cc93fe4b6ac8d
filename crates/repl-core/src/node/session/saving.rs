//! `SAVE BGSAVE`: a snapshot file by request.

use alloc::vec::Vec;

use super::{
    super::{
        Node,
        requests::Caller,
        saves::{Purpose, Schedule},
    },
    Outcome,
};
use crate::{base::time::Now, command::CommandError, conn::Wait, resp::Args};

/// Small tables that are cleaned for a client who waits.
const SEGMENTS_AT_ONCE: usize = 1_024;

impl Node {
    /// `SAVE`: the client is answered when the file is there. Others are served meanwhile.
    // redis: rdb.c, saveCommand
    pub(super) fn save<'a>(&mut self, now: Now, caller: Caller) -> Outcome<'a> {
        let Caller::Conn(asker) = caller else { return Ok(()) };
        self.clear_some_marks();
        let under_way = self.saves.under_way.as_ref().map(|save| save.purpose);
        match under_way {
            Some(Purpose::Foreground) => self.owe_save(&[asker]),
            None if self.can_begin_save() => {
                self.begin_save(now, Purpose::Foreground, Vec::from([asker]));
            }
            None | Some(Purpose::Background | Purpose::Last | Purpose::Reload) => {
                return Err(CommandError::SaveUnderWay);
            }
        }
        self.begin_wait(asker, Wait::Disk);
        Ok(())
    }

    /// Snapshots that were given up leave room for others as soon as they are cleared away, which
    /// the periodic work does; who asks for a save should not have to wait for that.
    fn clear_some_marks(&mut self) {
        if !self.keyspace.can_begin_snapshot() {
            self.keyspace.clear_snapshot_marks(SEGMENTS_AT_ONCE);
        }
    }

    /// `BGSAVE [SCHEDULE]`
    // redis: rdb.c, bgsaveCommand
    pub(super) fn bgsave<'a>(&mut self, now: Now, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let schedules = match (args.len(), args.try_get(1)) {
            (1, _) => false,
            (2, Some(word)) if word.eq_ignore_ascii_case(b"SCHEDULE") => true,
            (_, _) => return Err(CommandError::Syntax),
        };
        self.clear_some_marks();
        if self.saves.under_way.is_some() {
            return Err(CommandError::SaveUnderWay);
        }
        let answer = if self.within_transaction || (schedules && !self.can_begin_save()) {
            self.saves.schedule = Schedule::Bgsave;
            "Background saving scheduled"
        } else if self.can_begin_save() {
            self.begin_save(now, Purpose::Background, Vec::new());
            "Background saving started"
        } else {
            return Err(CommandError::SaveUnderWay);
        };
        self.with_reply(caller, |reply| reply.simple(answer));
        Ok(())
    }
}

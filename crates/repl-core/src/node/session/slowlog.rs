//! `SLOWLOG`.

use super::{
    super::{Node, requests::Caller},
    Outcome,
};
use crate::{
    base::number::parse_i64,
    command::{CommandError, SessionError, SlowlogCommand, at_most},
    resp::Args,
};

/// How many `SLOWLOG GET` shows of its own accord.
const SHOWN: usize = 10;

impl Node {
    // redis: slowlog.c, slowlogCommand
    pub(super) fn slowlog<'a>(
        &mut self,
        caller: Caller,
        what: SlowlogCommand,
        args: Args<'a>,
    ) -> Outcome<'a> {
        match what {
            SlowlogCommand::Get => {
                at_most(3, args)?;
                let count = args.try_get(2).map_or(Ok(SHOWN), shown)?;
                self.slowlog_get(caller, count);
            }
            SlowlogCommand::Len => {
                let len = self.measure.slow_log.len() as i64;
                self.with_reply(caller, |reply| reply.int(len));
            }
            SlowlogCommand::Reset => {
                self.measure.slow_log.clear();
                self.with_reply(caller, |reply| reply.ok());
            }
        }
        Ok(())
    }

    fn slowlog_get(&mut self, caller: Caller, count: usize) {
        // What is shown does not change while it is shown.
        let log = core::mem::take(&mut self.measure.slow_log);
        self.with_reply(caller, |reply| {
            reply.array_len(count.min(log.len()));
            for entry in log.iter().take(count) {
                reply.array_len(6);
                reply.int(entry.id);
                reply.int(entry.at);
                reply.int(entry.micros as i64);
                let args = entry.noted.iter();
                reply.array_len(args.len());
                args.for_each(|arg| reply.bulk(arg));
                entry.client.iter().for_each(|text| reply.bulk(text.as_bytes()));
            }
        });
        self.measure.slow_log = log;
    }
}

/// How many are to be shown; -1 is all.
fn shown(count: &[u8]) -> Result<usize, CommandError<'_>> {
    match parse_i64(count) {
        Some(-1) => Ok(usize::MAX),
        Some(count @ 0..) => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
        Some(_) | None => Err(CommandError::Session(SessionError::SlowlogCount)),
    }
}

//! `DEBUG`: what test suites use.

use alloc::{format, string::String, vec::Vec};
use core::{str, time::Duration};

use super::{
    super::{ActiveExpiry, Node, loading::ReloadOptions, requests::Caller},
    Outcome,
};
use crate::{
    base::time::Now,
    command::{CommandError, DebugCommand, SessionError},
    conn::Wait,
    io::{Effect, Level},
    keyspace::Keyspace,
    resp::Args,
};

impl Node {
    pub(super) fn debug<'a>(
        &mut self,
        now: Now,
        caller: Caller,
        what: DebugCommand,
        args: Args<'a>,
    ) -> Outcome<'a> {
        match what {
            DebugCommand::Digest => {
                let digest = hex(&self.keyspace.digest());
                self.with_reply(caller, |reply| reply.simple(&digest));
            }
            DebugCommand::DigestValue => {
                let stream_db = self.stream_db();
                let db = self.client(caller).map_or(stream_db, |client| client.db);
                let digests: Vec<String> = args
                    .iter()
                    .skip(2)
                    .map(|key| {
                        let found = self.keyspace.find(db, self.keyspace.hash(key), key);
                        hex(&found.map_or([0; 20], Keyspace::value_digest))
                    })
                    .collect();
                self.with_reply(caller, |reply| {
                    reply.array_len(digests.len());
                    digests.iter().for_each(|digest| reply.simple(digest));
                });
            }
            DebugCommand::ChangeReplId => {
                self.log(
                    Level::Notice,
                    "Changing replication IDs after receiving change-repl-id".into(),
                );
                self.history.change_id();
                self.with_reply(caller, |reply| reply.ok());
            }
            DebugCommand::Log => {
                let text = String::from_utf8_lossy(args.get(2)).into_owned();
                self.log(Level::Warning, format!("DEBUG LOG: {text}"));
                self.with_reply(caller, |reply| reply.ok());
            }
            DebugCommand::Reload => return self.reload_command(now, caller, args),
            DebugCommand::Sleep => self.stand_still(now, caller, args.get(2)),
            DebugCommand::SetActiveExpire => {
                self.active_expiry =
                    if args.get(2) == b"0" { ActiveExpiry::Off } else { ActiveExpiry::On };
                self.with_reply(caller, |reply| reply.ok());
            }
        }
        Ok(())
    }

    /// `DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE]`
    // redis: debug.c, debugCommand
    fn reload_command<'a>(&mut self, now: Now, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let mut options = ReloadOptions::default();
        for word in args.iter().skip(2) {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            match () {
                () if is("MERGE") => options.merges = true,
                () if is("NOFLUSH") => options.flushes_not = true,
                () if is("NOSAVE") => options.saves_not = true,
                () => return Err(CommandError::Session(SessionError::ReloadOption)),
            }
        }
        let Caller::Conn(asker) = caller else { return Ok(()) };
        if self.within_transaction {
            return Err(CommandError::Session(SessionError::ReloadInMulti));
        }
        self.begin_reload(now, asker, options)?;
        self.begin_wait(asker, Wait::Disk);
        Ok(())
    }

    /// `DEBUG SLEEP`: nothing happens for so long, and then who asked is answered. In a transaction
    /// the answer comes first.
    fn stand_still(&mut self, now: Now, caller: Caller, text: &[u8]) {
        let span = seconds(text);
        self.effects.push_back(Effect::StandStill(span));
        match caller {
            Caller::Conn(id) if !self.within_transaction => {
                self.begin_wait(id, Wait::StandStill { until: now.mono + span });
            }
            Caller::Conn(_) | Caller::Master => self.with_reply(caller, |reply| reply.ok()),
        }
    }
}

/// As C reads a number of seconds where Redis calls that: what is none means zero.
fn seconds(text: &[u8]) -> Duration {
    let number = str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    number.and_then(|secs| Duration::try_from_secs_f64(secs).ok()).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

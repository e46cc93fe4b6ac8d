//! `CONFIG`.

use alloc::{format, vec::Vec};

use super::{
    super::{Node, Stats, requests::Caller},
    Outcome,
};
use crate::{
    base::glob::{self, Case},
    command::{CommandError, ConfigCommand, SessionError},
    resp::Args,
};

impl Node {
    pub(super) fn config_command<'a>(
        &mut self,
        caller: Caller,
        what: ConfigCommand,
        args: Args<'a>,
    ) -> Outcome<'a> {
        match what {
            ConfigCommand::Get => self.config_get(caller, args),
            ConfigCommand::Set => return self.config_set(caller, args),
            ConfigCommand::Resetstat => {
                self.stats = Stats { changes: self.stats.changes, ..Stats::default() };
                self.with_reply(caller, |reply| reply.ok());
            }
            ConfigCommand::Rewrite => {
                let missing = self.facts.config_file.is_empty();
                let why = if missing {
                    SessionError::NoConfigFile
                } else {
                    SessionError::CannotRewriteConfig
                };
                return Err(CommandError::Session(why));
            }
        }
        Ok(())
    }

    fn config_get(&mut self, caller: Caller, args: Args<'_>) {
        let patterns: Vec<&[u8]> = args.iter().skip(2).collect();
        let found = self
            .config
            .matching(&patterns, |pattern, name| glob::matches(pattern, name, Case::Insensitive));
        self.with_reply(caller, |reply| {
            reply.map_len(found.len());
            for (name, value) in &found {
                reply.bulk(name.as_bytes());
                reply.bulk(value.as_bytes());
            }
        });
    }

    fn config_set<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        if !args.len().is_multiple_of(2) {
            return Err(CommandError::Syntax);
        }
        let words: Vec<&[u8]> = args.iter().skip(2).collect();
        let pairs: Vec<(&[u8], &[u8])> =
            words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        match self.config.set_running(&pairs) {
            Ok(()) => {
                self.history.resize(self.config.repl_backlog_size);
                self.grown = true;
                self.with_reply(caller, |reply| reply.ok());
            }
            Err(error) => {
                self.stats.error_replies += 1;
                let text = format!("ERR {error}");
                self.with_reply(caller, |reply| reply.error(&text));
            }
        }
        Ok(())
    }
}

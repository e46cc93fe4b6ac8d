//! `CONFIG`.

use alloc::{format, vec::Vec};

use super::{
    super::{Node, Stats, requests::Caller},
    Outcome,
};
use crate::{
    base::glob::{self, Case},
    command::{CommandError, SessionError},
    resp::Args,
};

impl Node {
    pub(super) fn config_command<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let what = args.get(1);
        let is = |word: &str| what.eq_ignore_ascii_case(word.as_bytes());
        if is("GET") && args.len() >= 3 {
            let patterns: Vec<&[u8]> = args.iter().skip(2).collect();
            let found = self.config.matching(&patterns, |pattern, name| {
                glob::matches(pattern, name, Case::Insensitive)
            });
            self.with_reply(caller, |reply| {
                reply.map_len(found.len());
                for (name, value) in &found {
                    reply.bulk(name.as_bytes());
                    reply.bulk(value.as_bytes());
                }
            });
        } else if is("SET") && args.len() >= 4 && args.len().is_multiple_of(2) {
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
        } else if is("RESETSTAT") && args.len() == 2 {
            self.stats = Stats { changes: self.stats.changes, ..Stats::default() };
            self.with_reply(caller, |reply| reply.ok());
        } else if is("REWRITE") && args.len() == 2 {
            let missing = self.facts.config_file.is_empty();
            let why = if missing {
                SessionError::NoConfigFile
            } else {
                SessionError::CannotRewriteConfig
            };
            return Err(CommandError::Session(why));
        } else if is("GET") {
            return Err(CommandError::Arity("config|get"));
        } else if is("SET") && args.len() >= 4 {
            return Err(CommandError::Syntax);
        } else if is("SET") {
            return Err(CommandError::Arity("config|set"));
        } else if is("RESETSTAT") {
            return Err(CommandError::Arity("config|resetstat"));
        } else if is("REWRITE") {
            return Err(CommandError::Arity("config|rewrite"));
        } else {
            return Err(CommandError::UnknownSubcommand { command: "CONFIG", asked: what });
        }
        Ok(())
    }
}

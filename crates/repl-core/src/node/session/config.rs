//! `CONFIG`.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use super::{
    super::{Node, Stats, requests::Caller},
    Outcome,
};
use crate::{
    base::{
        config::{Config, ConfigError, Reason},
        glob::{self, Case},
        ids::ConnId,
    },
    command::{CommandError, ConfigCommand, SessionError},
    conn::Wait,
    io::{ConfigChange, Effect, Level},
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
                self.measure.reset();
                self.with_reply(caller, |reply| reply.ok());
            }
            ConfigCommand::Rewrite => return self.rewrite_config(caller),
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
        let mut config = self.config.clone();
        let set = config.set_running(&pairs).and_then(|()| self.can_serve_all(&config));
        let for_host = Config::first_for_host(pairs.iter().map(|(name, _)| *name));
        match (set, for_host) {
            (Ok(()), None) => {
                self.put_into_force(config, &pairs);
                self.with_reply(caller, |reply| reply.ok());
            }
            (Ok(()), Some(name)) => return self.ask_host(caller, name, config, &pairs),
            (Err(error), _) => self.reply_error(caller, &format!("ERR {error}")),
        }
        Ok(())
    }

    fn put_into_force(&mut self, config: Config, pairs: &[(&[u8], &[u8])]) {
        self.config = config;
        if pairs.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"requirepass")) {
            self.require_password();
        }
        self.keyspace.set_limits(&self.config);
        self.keyspace.set_events(self.config.notify_keyspace_events);
        self.resize_backlog();
        self.grown = true;
    }

    /// `CONFIG SET` of what the host may refuse: it is asked, and the client waits for its answer.
    fn ask_host<'a>(
        &mut self,
        caller: Caller,
        name: &[u8],
        config: Config,
        pairs: &[(&[u8], &[u8])],
    ) -> Outcome<'a> {
        if self.within_transaction {
            let name = String::from_utf8_lossy(name).into_owned();
            let error = ConfigError { name, reason: Reason::WithinTransaction };
            self.reply_error(caller, &format!("ERR {error}"));
            return Ok(());
        }
        let Caller::Conn(asker) = caller else { return Ok(()) };
        let pairs = pairs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        let change = ConfigChange { asker, pairs, config };
        self.effects.push_back(Effect::ApplyConfig(Box::new(change)));
        self.begin_wait(asker, Wait::Config);
        Ok(())
    }

    /// The host has done its part of a `CONFIG SET`, or refuses to.
    pub(in crate::node) fn on_config_applied(
        &mut self,
        change: ConfigChange,
        outcome: Result<(), ConfigError>,
    ) {
        let asker = change.asker;
        match outcome.and_then(|()| change.upon(&self.config)) {
            Ok(mut config) => {
                config.adopt(&change.config);
                let pairs: Vec<(&[u8], &[u8])> =
                    change.pairs.iter().map(|(name, value)| (&name[..], &value[..])).collect();
                self.put_into_force(config, &pairs);
                if self.wait_of(asker) == Some(Wait::Config) {
                    self.end_wait(asker);
                }
            }
            Err(error) if self.wait_of(asker) == Some(Wait::Config) => {
                self.break_wait(asker, &format!("ERR {error}"));
            }
            Err(_) => {}
        }
    }

    /// `CONFIG REWRITE`: the file is written outside, and the client waits for that. A transaction
    /// waits for nothing: there the log alone tells how it went.
    fn rewrite_config<'a>(&mut self, caller: Caller) -> Outcome<'a> {
        if self.facts.config_file.is_empty() {
            return Err(CommandError::Session(SessionError::NoConfigFile));
        }
        let Caller::Conn(asker) = caller else { return Ok(()) };
        let config = Box::new(Config { users: self.users.lines(), ..self.config.clone() });
        self.effects.push_back(Effect::RewriteConfig { asker, config });
        if self.within_transaction {
            self.with_reply(caller, |reply| reply.ok());
        } else {
            self.begin_wait(asker, Wait::Config);
        }
        Ok(())
    }

    /// The file has been written, or not.
    pub(in crate::node) fn on_config_rewritten(
        &mut self,
        asker: ConnId,
        outcome: Result<(), String>,
    ) {
        match &outcome {
            Ok(()) => self.log(Level::Warning, "CONFIG REWRITE executed with success.".into()),
            Err(why) => self.log(Level::Warning, format!("CONFIG REWRITE failed: {why}")),
        }
        if self.wait_of(asker) != Some(Wait::Config) {
            return;
        }
        match outcome {
            Ok(()) => self.end_wait(asker),
            Err(why) => self.break_wait(asker, &format!("ERR Rewriting config file: {why}")),
        }
    }

    /// Whether the operating system allows as many clients as are wanted.
    // redis: config.c, updateMaxclients
    fn can_serve_all(&self, config: &Config) -> Result<(), ConfigError> {
        let most = self.facts.clients_max;
        if most == 0 || config.maxclients <= most {
            return Ok(());
        }
        let (name, reason) = ("maxclients".into(), Reason::TooManyClients(most));
        Err(ConfigError { name, reason })
    }
}

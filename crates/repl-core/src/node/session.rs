//! Commands about a connection or the server: `SELECT AUTH QUIT MULTI EXEC DISCARD CONFIG DEBUG
//! SHUTDOWN` and the way to those about roles.

use alloc::{format, string::String, vec::Vec};

use super::{ActiveExpiry, Node, Stats, requests::Caller};
use crate::{
    base::{
        config::Access,
        glob::{self, Case},
        ids::Endpoint,
        number::parse_i64,
        time::Now,
    },
    command::{CommandError, NodeCommand},
    conn::{Client, Login, Queue},
    io::Level,
    keyspace::Keyspace,
    repl::master::Protocol,
    resp::Args,
};

type Outcome<'a> = Result<(), CommandError<'a>>;

impl Node {
    pub(super) fn run_node_command<'a>(
        &mut self,
        now: Now,
        caller: Caller,
        command: NodeCommand,
        args: Args<'a>,
    ) -> Outcome<'a> {
        match command {
            NodeCommand::Auth => self.auth(caller, args),
            NodeCommand::Command => self.command(caller, args),
            NodeCommand::Config => self.config_command(caller, args),
            NodeCommand::Debug => self.debug(caller, args),
            NodeCommand::Discard => self.discard(caller),
            NodeCommand::Exec => self.exec(now, caller),
            NodeCommand::Info => {
                let text = self.info(now, args);
                self.with_reply(caller, |reply| reply.verbatim(b"txt", text.as_bytes()));
                Ok(())
            }
            NodeCommand::Multi => self.multi(caller),
            NodeCommand::Psync => self.sync(now, caller, Protocol::Psync, args),
            NodeCommand::Sync => self.sync(now, caller, Protocol::Sync, args),
            NodeCommand::Quit => {
                self.with_reply(caller, |reply| reply.ok());
                if let Caller::Conn(id) = caller {
                    self.close_after_replies(now, id);
                }
                Ok(())
            }
            NodeCommand::Replconf => self.replconf(now, caller, args),
            NodeCommand::Replicaof => self.replicaof(now, caller, args),
            NodeCommand::Role => {
                self.role_command(caller);
                Ok(())
            }
            NodeCommand::Select => self.select(caller, args),
            NodeCommand::Shutdown => self.shutdown(args),
        }
    }

    pub(super) fn client(&mut self, caller: Caller) -> Option<&mut Client> {
        match caller {
            Caller::Master => None,
            Caller::Conn(id) => self.conns.get_mut(id)?.client_mut(),
        }
    }

    fn select<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let number = parse_i64(args.get(1)).ok_or(CommandError::NotInteger)?;
        let db = self.keyspace.database(number).ok_or(CommandError::DbIndexOutOfRange)?;
        match caller {
            Caller::Master => self.select_stream_db(db),
            Caller::Conn(_) => {
                if let Some(client) = self.client(caller) {
                    client.db = db;
                }
            }
        }
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    fn auth<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let (user, password) = match args.len() {
            2 => (b"default".as_slice(), args.get(1)),
            3 => (args.get(1), args.get(2)),
            _ => return Err(CommandError::Syntax),
        };
        let wanted = self.config.requirepass.as_bytes();
        if wanted.is_empty() {
            // Without a password the default user lets everybody in, but the short form is a
            // mistake.
            if args.len() == 2 {
                return Err(CommandError::AuthNotConfigured);
            }
        } else if !equal_in_constant_time(wanted, password) {
            return Err(CommandError::WrongPass);
        }
        if user != b"default" {
            return Err(CommandError::WrongPass);
        }
        if let Some(client) = self.client(caller) {
            client.login = Login::Known;
        }
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    fn multi(&mut self, caller: Caller) -> Outcome<'static> {
        if let Some(client) = self.client(caller) {
            if client.transaction.is_some() {
                return Err(CommandError::NestedMulti);
            }
            client.transaction = Some(Queue::default());
        }
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    fn discard(&mut self, caller: Caller) -> Outcome<'static> {
        let queue = self.client(caller).and_then(|client| client.transaction.take());
        queue.ok_or(CommandError::DiscardWithoutMulti)?;
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    fn exec(&mut self, now: Now, caller: Caller) -> Outcome<'static> {
        let queue = self.client(caller).and_then(|client| client.transaction.take());
        let queue = queue.ok_or(CommandError::ExecWithoutMulti)?;
        if queue.spoiled {
            return Err(CommandError::ExecAbort);
        }
        if let Err(error) = self.role_gate(queue.writes, queue.needs_fresh_data && queue.count > 0)
        {
            self.abort_transaction(caller, error);
            return Ok(());
        }
        self.run_queue(now, caller, &queue);
        Ok(())
    }

    fn shutdown<'a>(&mut self, args: Args<'a>) -> Outcome<'a> {
        let mut save = !self.config.save.is_empty();
        for option in args.iter().skip(1) {
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            if is("SAVE") {
                save = true;
            } else if is("NOSAVE") {
                save = false;
            } else if !is("NOW") && !is("FORCE") {
                return Err(CommandError::Syntax);
            }
        }
        if save {
            self.log(
                Level::Warning,
                "This version writes no snapshot files: use SHUTDOWN NOSAVE".into(),
            );
            return Err(CommandError::ShutdownCannotSave);
        }
        self.log(Level::Warning, "User requested shutdown...".into());
        self.exit();
        Ok(())
    }

    fn replicaof<'a>(&mut self, now: Now, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        if let Caller::Conn(id) = caller
            && self.conns.get(id).is_some_and(|conn| conn.session().is_some())
        {
            return Err(CommandError::NotFromReplica);
        }
        let (host, port) = (args.get(1), args.get(2));
        // What this transaction did so far was done as what we were.
        self.finish_unit();
        if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
            self.become_master(now);
            self.with_reply(caller, |reply| reply.ok());
            return Ok(());
        }
        let number = parse_i64(port).and_then(|port| u16::try_from(port).ok());
        let port = number.ok_or(CommandError::InvalidMasterPort)?;
        let master = Endpoint { host: String::from_utf8_lossy(host).into_owned(), port };
        if self.follows(&master) {
            self.log(
                Level::Notice,
                "REPLICAOF would result into synchronization with the master we are already \
                 connected with. No operation performed."
                    .into(),
            );
            self.with_reply(caller, |reply| {
                reply.simple("OK Already connected to specified master")
            });
            return Ok(());
        }
        self.follow(now, master);
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    fn config_command<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
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
        } else if is("GET") {
            return Err(CommandError::Arity("config|get"));
        } else if is("SET") && args.len() >= 4 {
            return Err(CommandError::Syntax);
        } else if is("SET") {
            return Err(CommandError::Arity("config|set"));
        } else if is("RESETSTAT") {
            return Err(CommandError::Arity("config|resetstat"));
        } else {
            return Err(CommandError::UnknownSubcommand { command: "CONFIG", asked: what });
        }
        Ok(())
    }

    fn debug<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let local = match caller {
            Caller::Master => true,
            Caller::Conn(id) => self.conns.get(id).is_some_and(|conn| is_loopback(&conn.peer.ip)),
        };
        match self.config.enable_debug_command {
            Access::Yes => {}
            Access::Local if local => {}
            Access::Local | Access::No => return Err(CommandError::DebugNotAllowed),
        }
        let what = args.get(1);
        let is = |word: &str| what.eq_ignore_ascii_case(word.as_bytes());
        if is("DIGEST") && args.len() == 2 {
            let digest = hex(&self.keyspace.digest());
            self.with_reply(caller, |reply| reply.simple(&digest));
        } else if is("DIGEST-VALUE") {
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
        } else if is("CHANGE-REPL-ID") && args.len() == 2 {
            self.log(
                Level::Notice,
                "Changing replication IDs after receiving change-repl-id".into(),
            );
            self.history.change_id();
            self.with_reply(caller, |reply| reply.ok());
        } else if is("SET-ACTIVE-EXPIRE") && args.len() == 3 {
            self.active_expiry =
                if args.get(2) == b"0" { ActiveExpiry::Off } else { ActiveExpiry::On };
            self.with_reply(caller, |reply| reply.ok());
        } else {
            return Err(CommandError::UnknownDebug(what));
        }
        Ok(())
    }
}

/// Compares secrets without telling by the time it takes where they differ. Their lengths may show.
fn equal_in_constant_time(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0_u8, |all, (a, b)| all | (a ^ b));
    core::hint::black_box(differences) == 0 && one.len() == other.len()
}

fn is_loopback(ip: &str) -> bool {
    ip.starts_with("127.") || ip == "::1"
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

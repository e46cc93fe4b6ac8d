//! `DEBUG`: what test suites use.

use alloc::{format, string::String, vec::Vec};

use super::{
    super::{ActiveExpiry, Node, requests::Caller},
    Outcome,
};
use crate::{
    base::config::Access, command::CommandError, io::Level, keyspace::Keyspace, resp::Args,
};

impl Node {
    pub(super) fn debug<'a>(&mut self, caller: Caller, args: Args<'a>) -> Outcome<'a> {
        let local = match caller {
            Caller::Master => true,
            Caller::Conn(id) => self.conns.get(id).is_some_and(|conn| conn.peer.is_local()),
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

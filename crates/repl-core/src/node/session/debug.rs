//! `DEBUG`: what test suites use.

use alloc::{format, string::String, vec::Vec};

use super::super::{ActiveExpiry, Node, requests::Caller};
use crate::{command::DebugCommand, io::Level, keyspace::Keyspace, resp::Args};

impl Node {
    pub(super) fn debug(&mut self, caller: Caller, what: DebugCommand, args: Args<'_>) {
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
            DebugCommand::SetActiveExpire => {
                self.active_expiry =
                    if args.get(2) == b"0" { ActiveExpiry::Off } else { ActiveExpiry::On };
                self.with_reply(caller, |reply| reply.ok());
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! `ROLE` and `COMMAND`: what the node says about itself and its commands.

use alloc::{format, string::String, vec::Vec};

use super::{Node, requests::Caller};
use crate::{
    command::{CommandError, Keys, Spec},
    conn::Conn,
    resp::{Args, Reply},
};

impl Node {
    // redis: replication.c, roleCommand
    pub(super) fn role_command(&mut self, caller: Caller) {
        let offset = self.history.offset();
        if let Some(following) = &self.following {
            let (master, state) = (following.master.clone(), following.link.role_name());
            let applied = if following.link.is_up() { offset as i64 } else { -1 };
            self.with_reply(caller, |reply| {
                reply.array_len(5);
                reply.bulk(b"slave");
                reply.bulk(master.host.as_bytes());
                reply.int(i64::from(master.port));
                reply.bulk(state.as_bytes());
                reply.int(applied);
            });
            return;
        }
        let mut online = Vec::new();
        for conn in self.replicas.iter().filter_map(|id| self.conns.get(*id)) {
            let Some(session) = conn.session().filter(|session| session.has_payload()) else {
                continue;
            };
            let (ip, port) = announced(conn);
            online.push((String::from(ip), format!("{port}"), format!("{}", session.ack_offset)));
        }
        self.with_reply(caller, |reply| {
            reply.array_len(3);
            reply.bulk(b"master");
            reply.int(offset as i64);
            reply.array_len(online.len());
            for (ip, port, acked) in &online {
                reply.array_len(3);
                reply.bulk(ip.as_bytes());
                reply.bulk(port.as_bytes());
                reply.bulk(acked.as_bytes());
            }
        });
    }

    pub(super) fn command<'a>(
        &mut self,
        caller: Caller,
        args: Args<'a>,
    ) -> Result<(), CommandError<'a>> {
        let Some(what) = args.try_get(1) else {
            let all = self.commands.iter();
            self.with_reply(caller, |reply| {
                reply.array_len(all.len());
                all.for_each(|spec| describe(reply, spec));
            });
            return Ok(());
        };
        let is = |word: &str| what.eq_ignore_ascii_case(word.as_bytes());
        let named: Vec<Option<&'static Spec>> = if args.len() == 2 {
            self.commands.iter().map(Some).collect()
        } else {
            args.iter().skip(2).map(|name| self.commands.find(name)).collect()
        };
        if is("COUNT") && args.len() == 2 {
            let count = self.commands.iter().len() as i64;
            self.with_reply(caller, |reply| reply.int(count));
        } else if is("INFO") {
            self.with_reply(caller, |reply| {
                reply.array_len(named.len());
                for spec in named {
                    match spec {
                        Some(spec) => describe(reply, spec),
                        None => reply.null_array(),
                    }
                }
            });
        } else if is("DOCS") {
            let known: Vec<&Spec> = named.into_iter().flatten().collect();
            self.with_reply(caller, |reply| {
                reply.map_len(known.len());
                known.into_iter().for_each(|spec| document(reply, spec));
            });
        } else if is("LIST") && args.len() == 2 {
            self.with_reply(caller, |reply| {
                reply.array_len(named.len());
                named.into_iter().flatten().for_each(|spec| reply.bulk(spec.name.as_bytes()));
            });
        } else if is("COUNT") {
            return Err(CommandError::Arity("command|count"));
        } else {
            return Err(CommandError::UnknownSubcommand { command: "COMMAND", asked: what });
        }
        Ok(())
    }
}

/// Where a replica says that others reach it. Port 0: it did not say.
pub(super) fn announced(conn: &Conn) -> (&str, u16) {
    let Some(session) = conn.session() else { return (&conn.peer.ip, 0) };
    let said = &session.capabilities;
    let ip = if said.ip_address.is_empty() { &conn.peer.ip } else { &said.ip_address };
    (ip, said.listening_port)
}

fn statuses<'a>(reply: &mut Reply<'_>, words: impl Iterator<Item = &'a str>) {
    let place = reply.deferred();
    let mut count = 0;
    for word in words {
        reply.simple(word);
        count += 1;
    }
    reply.set_deferred_set(place, count);
}

// redis: server.c, addReplyCommandInfo
fn describe(reply: &mut Reply<'_>, spec: &Spec) {
    let Keys { first, last, step, access } = spec.keys;
    reply.array_len(10);
    reply.bulk(spec.name.as_bytes());
    reply.int(i64::from(spec.arity));
    statuses(reply, spec.flags.names());
    for position in [first, last, step] {
        reply.int(i64::from(position));
    }
    statuses(reply, spec.acl_categories());
    reply.array_len(0);
    if spec.keys == Keys::NONE {
        reply.array_len(0);
    } else {
        reply.array_len(1);
        reply.map_len(3);
        reply.bulk(b"flags");
        statuses(reply, access.iter().copied());
        reply.bulk(b"begin_search");
        reply.map_len(2);
        reply.bulk(b"type");
        reply.bulk(b"index");
        reply.bulk(b"spec");
        reply.map_len(1);
        reply.bulk(b"index");
        reply.int(i64::from(first));
        reply.bulk(b"find_keys");
        reply.map_len(2);
        reply.bulk(b"type");
        reply.bulk(b"range");
        reply.bulk(b"spec");
        reply.map_len(3);
        reply.bulk(b"lastkey");
        // Counted from the first key, unlike the old form above.
        reply.int(i64::from(if last < 0 { last } else { last - first }));
        reply.bulk(b"keystep");
        reply.int(i64::from(step));
        reply.bulk(b"limit");
        reply.int(0);
    }
    reply.array_len(0);
}

fn document(reply: &mut Reply<'_>, spec: &Spec) {
    reply.bulk(spec.name.as_bytes());
    reply.map_len(2);
    reply.bulk(b"summary");
    reply.bulk(spec.summary.as_bytes());
    reply.bulk(b"group");
    reply.bulk(spec.group.as_bytes());
}

//! `ROLE`: what the node says about its place in a replication chain.

use alloc::{format, string::String, vec::Vec};

use super::{Node, requests::Caller};
use crate::conn::Conn;

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
}

/// Where a replica says that others reach it. Port 0: it did not say.
pub(super) fn announced(conn: &Conn) -> (&str, u16) {
    let Some(session) = conn.session() else { return (&conn.peer.ip, 0) };
    let said = &session.capabilities;
    let ip = if said.ip_address.is_empty() { &conn.peer.ip } else { &said.ip_address };
    (ip, said.listening_port)
}

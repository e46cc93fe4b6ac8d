//! `MONITOR`: clients that are shown every command.

use alloc::{format, vec::Vec};
use core::fmt::Write as _;

use super::{
    super::{Node, measure::is_secret, requests::Caller},
    Outcome,
};
use crate::{
    base::time::Now,
    command::{CommandError, Flags, Handler, NodeCommand, SessionError, Spec},
    conn::Conn,
    io::Transport,
    resp::{Args, Reply},
};

impl Node {
    pub(super) fn monitor(&mut self, caller: Caller) -> Outcome<'static> {
        let Caller::Conn(id) = caller else { return Ok(()) };
        if self.within_transaction {
            return Err(CommandError::Session(SessionError::MonitorInMulti));
        }
        // A replica that asks, and a client that monitors already, hear nothing.
        match self.client(caller) {
            Some(client) if !client.monitors => client.monitors = true,
            Some(_) | None => return Ok(()),
        }
        self.monitors.push(id);
        self.with_reply(caller, |reply| reply.ok());
        Ok(())
    }

    /// Shows a command to whoever monitors. Commands of operators are too dangerous to be shown.
    // redis: replication.c, replicationFeedMonitors
    pub(in crate::node) fn show_to_monitors(
        &mut self,
        now: Now,
        caller: Caller,
        spec: &Spec,
        args: Args<'_>,
    ) {
        let is_quit = matches!(spec.handler, Handler::Node(NodeCommand::Quit));
        if spec.flags.has(Flags::ADMIN) || is_quit {
            return;
        }
        let conn = self.conn_of(caller);
        let db = match caller {
            Caller::Conn(_) if conn.is_none() => return,
            Caller::Conn(_) => conn.and_then(Conn::client).map_or(0, |client| client.db.0),
            Caller::Master => self.stream_db().0,
        };
        let (secs, millis) = (now.wall.0.div_euclid(1000), now.wall.0.rem_euclid(1000));
        let mut line = format!("{secs}.{:06} [{db} ", millis * 1000);
        match conn.map(|conn| &conn.peer) {
            Some(peer) if peer.transport == Transport::Unix => write!(line, "unix:{}]", peer.ip),
            Some(peer) => write!(line, "{}:{}]", peer.ip, peer.port),
            None => write!(line, "?:0]"),
        }
        .expect("a string takes any text");
        for (at, arg) in args.iter().enumerate() {
            if is_secret(spec, args, at) {
                line.push_str(" \"(redacted)\"");
                continue;
            }
            line.push_str(" \"");
            for byte in arg {
                match byte {
                    0x07 => line.push_str("\\a"),
                    0x08 => line.push_str("\\b"),
                    b'\'' => line.push('\''),
                    byte => {
                        write!(line, "{}", byte.escape_ascii()).expect("a string takes any text")
                    }
                }
            }
            line.push('"');
        }
        let mut shown = Vec::with_capacity(self.monitors.len());
        for id in &self.monitors {
            let Some(conn) = self.conns.get_mut(*id) else { continue };
            let proto = conn.client().map(|client| client.proto).unwrap_or_default();
            Reply::new(conn.outbox.writer(), proto).simple(&line);
            shown.push(*id);
        }
        for id in shown {
            self.wake(id);
            if self.is_greedy(id) {
                self.close_greedy_client(now, id);
            }
        }
    }
}

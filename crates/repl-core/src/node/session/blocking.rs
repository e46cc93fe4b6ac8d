//! Clients that wait for a key, and what serves them.
//!
//! A command that finds nothing returns `Outcome::Block`; the client gets a ticket and stands in
//! the line of each of its keys (`keyspace/awaited.rs`). A key becomes ready when a value appears
//! under it, and whoever is first in its line is served at the end of the unit that did it. Each
//! service is a unit of its own: replicas hear the pop behind what served it, and never of a wait.
//!
//! A replica serves nobody with what its master wrote: that would take from the dataset what the
//! master still has.

use alloc::format;

use super::{
    super::{Node, requests::Caller},
    waiters::Blocked,
};
use crate::{
    base::time::Now,
    command::{Block, Served, Spec},
    conn::Wait,
    keyspace::{Spot, Ticket},
};

impl Node {
    /// A command has found nothing: its client waits, if it may.
    pub(in crate::node) fn block(
        &mut self,
        now: Now,
        caller: Caller,
        spec: &'static Spec,
        block: Block,
    ) {
        let Block { keys, patience, claim } = block;
        let id = match caller {
            Caller::Conn(id) if !self.within_transaction => id,
            Caller::Conn(_) | Caller::Master => {
                self.with_reply(caller, |reply| claim.refuse(reply));
                return;
            }
        };
        let deadline = patience.map(|patience| now.mono + patience);
        let Some(db) = self.client(caller).map(|client| client.db) else { return };
        let Some(ticket) = self.begin_wait(id, Wait::Keys { deadline }) else { return };
        for key in &keys {
            self.keyspace.line_up(db, claim.kind(), key, ticket);
        }
        self.waiting.put_blocked(ticket, Blocked { spec, db, keys, claim });
    }

    /// A client waits for its keys no more.
    pub(super) fn leave_lines(&mut self, ticket: Ticket) {
        let Some(blocked) = self.waiting.take_blocked(ticket) else { return };
        let Blocked { db, keys, claim, .. } = blocked;
        for key in &keys {
            self.keyspace.leave_line(db, claim.kind(), key, ticket);
        }
    }

    /// Serves whoever waits for a key that has become ready. While nothing may be written, the keys
    /// stay ready.
    // redis: blocked.c, handleClientsBlockedOnKeys
    pub(in crate::node) fn serve_ready(&mut self, now: Now) {
        if self.may_hold_back() && self.is_paused(now) {
            return;
        }
        assert!(self.unit.is_empty(), "what made the keys ready was told");
        while let Some(spot) = self.keyspace.take_ready() {
            let mut served = None;
            // A service may take the last of it, and may make other keys ready.
            while self.keyspace.holds(&spot)
                && let Some(ticket) = self.keyspace.next_in_line(&spot, served)
            {
                self.serve(now, ticket, &spot);
                served = Some(ticket);
            }
        }
    }

    fn serve(&mut self, now: Now, ticket: Ticket, spot: &Spot) {
        let id = self.waiting.client(ticket).expect("who stands in a line waits");
        let blocked = self.waiting.take_blocked(ticket).expect("and waits for keys");
        let mut data = self.data(now, Caller::Conn(id), blocked.spec);
        let result = blocked.claim.serve(&mut data, &spot.key);
        if let Err(error) = &result {
            data.reply.error(&format!("{error}"));
            self.stats.error_replies += 1;
        }
        self.waiting.put_blocked(ticket, blocked);
        if result != Ok(Served::NothingThere) {
            self.take_wait(id);
            self.go_on(id);
        }
        if !self.unit.is_empty() {
            self.finish_unit();
            self.note_write(id);
        }
        if self.is_greedy(id) {
            self.close_greedy_client(now, id);
        }
    }
}

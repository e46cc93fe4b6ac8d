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
    super::{Node, measure::Noted, requests::Caller},
    waiters::Blocked,
};
use crate::{
    base::time::Now,
    command::{Block, Served, Spec},
    conn::Wait,
    keyspace::{Spot, Ticket},
    marks::Mark,
};

impl Node {
    /// A command has found nothing: its client waits, if it may.
    pub(in crate::node) fn block(
        &mut self,
        now: Now,
        caller: Caller,
        spec: &'static Spec,
        noted: Noted,
        block: Block,
    ) {
        let Block { keys, patience, claim } = block;
        let id = match caller {
            Caller::Conn(id) if !self.within_transaction => id,
            Caller::Conn(_) | Caller::Master => {
                self.marks.hit(Mark::BlockInTransaction);
                self.with_reply(caller, |reply| claim.refuse(reply));
                return;
            }
        };
        let deadline = patience.map(|patience| now.mono + patience);
        let Some(db) = self.client(caller).map(|client| client.db) else { return };
        let Some(ticket) = self.begin_wait(id, Wait::Keys { deadline }) else { return };
        self.marks.hit(Mark::BlockBegins);
        for key in &keys {
            self.keyspace.line_up(db, claim.kind(), key, ticket);
        }
        self.waiting.put_blocked(ticket, Blocked { spec, db, keys, claim, noted });
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
        let (caller, begun) = (Caller::Conn(id), self.begin_service());
        let start = self.reply_start(caller);
        let mut data = self.data(now, caller, blocked.spec);
        let result = blocked.claim.serve(&mut data, &spot.key);
        if let Err(error) = &result {
            self.reply_error(caller, &format!("{error}"));
        }
        if self.keyspace.has_events() {
            self.publish_events_of(now, caller, start);
        }
        if result != Ok(Served::NothingThere) {
            self.end_service(caller, blocked.spec, &blocked.noted, begun);
        }
        self.waiting.put_blocked(ticket, blocked);
        if result != Ok(Served::NothingThere) {
            self.marks.hit(Mark::BlockServed);
            self.take_wait(id);
            self.go_on(id);
        }
        if !self.unit.is_empty() {
            self.finish_unit();
            self.note_offset(id);
        }
        if self.is_greedy(id) {
            self.close_greedy_client(now, id);
        }
    }
}

/// For tests of the whole node.
#[cfg(any(test, feature = "arbitrary"))]
impl Node {
    /// How many clients wait for a key.
    pub(in crate::node) fn blocked_on_keys(&self) -> usize {
        self.waiting.blocked(Ticket(0)).0
    }

    /// What must hold of clients that wait, between inputs.
    pub(in crate::node) fn check_waits(&self) {
        let (mut waiting, mut blocked) = (0, 0);
        let clients = self.conns.iter().filter_map(|(id, conn)| Some((id, conn.client()?.waits?)));
        for (id, waits) in clients {
            waiting += 1;
            assert_eq!(self.waiting.client(waits.ticket), Some(id), "a ticket is a client's");
            if matches!(waits.on, Wait::Keys { .. }) {
                blocked += 1;
                self.check_lines(waits.ticket);
            }
        }
        assert_eq!(waiting, self.waiting.count(), "who waits is a client that waits");
        assert_eq!(blocked, self.blocked_on_keys(), "and claims something");
        assert!(!self.keyspace.has_ready() || self.may_hold_back(), "what was ready has served");
    }

    fn check_lines(&self, ticket: Ticket) {
        let blocked = self.waiting.blocked(ticket).1.expect("who waits for keys claims something");
        let starves = self.following.is_none() && !self.may_hold_back();
        for key in &blocked.keys {
            let kind = blocked.claim.kind();
            let spot = Spot { db: blocked.db, kind, key: key.clone() };
            let before = Some(Ticket(ticket.0 - 1));
            assert_eq!(self.keyspace.next_in_line(&spot, before), Some(ticket));
            assert!(!(starves && self.keyspace.holds(&spot)), "nobody waits for what is there");
        }
    }
}

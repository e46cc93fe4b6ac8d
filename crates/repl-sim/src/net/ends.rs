//! How connections end: orderly, by a reset, or without a word.

use std::io;

use repl_core::base::time::Instant;

use super::{
    ConnKey, Event, Network, Passage,
    conn::{EndState, Side},
};

impl Network {
    /// The owner of this end lets go of it: a FIN behind what was written, or a reset when there is
    /// something it did not read.
    pub(crate) fn close(&mut self, now: Instant, conn: ConnKey, side: Side) {
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let (state, failed) = (connection.end(side).state, connection.end(side).error.is_some());
        if matches!(state, EndState::Closed | EndState::Vanished) {
            return;
        }
        if failed || state == EndState::Opening {
            connection.end_mut(side).state = EndState::Closed;
            // A request that was given up may have been accepted meanwhile.
            if connection.end(side.other()).state == EndState::Open && !failed {
                self.send_reset(now, conn, side);
            }
        } else if connection.pipe_mut(side.other()).has_unread() {
            self.abort(now, conn, side);
            return;
        } else {
            connection.end_mut(side).state = EndState::Closed;
            let hosts = (connection.end(side).host, connection.end(side.other()).host);
            let arrives_at = self.arrival(now, hosts.0, hosts.1, 0);
            let connection = self.conns.get_mut(&conn).expect("looked up above");
            let due = connection.pipe_mut(side).send_fin(arrives_at);
            self.schedule(due, Event::Segment { conn, from: side });
            self.note_stuck(now, conn, side);
        }
        self.forget_if_dead(conn);
    }

    /// This end is gone with everything it had not sent; the other end hears of it.
    pub(super) fn abort(&mut self, now: Instant, conn: ConnKey, side: Side) {
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let was_alive = connection.end(side).is_alive();
        connection.end_mut(side).state = EndState::Closed;
        connection.pipe_mut(side).lose_wire();
        if was_alive {
            self.send_reset(now, conn, side);
        }
        self.forget_if_dead(conn);
    }

    fn send_reset(&mut self, now: Instant, conn: ConnKey, from: Side) {
        let Some(connection) = self.conns.get(&conn) else { return };
        let hosts = (connection.end(from).host, connection.end(from.other()).host);
        let due = self.arrival(now, hosts.0, hosts.1, 0);
        self.schedule(due, Event::Reset { conn, from });
    }

    pub(super) fn on_reset(&mut self, conn: ConnKey, from: Side) {
        let Some(connection) = self.conns.get(&conn) else { return };
        let (source, target) = (connection.end(from).host, connection.end(from.other()).host);
        match self.links.get(&(source, target)).map_or(Passage::Open, |link| link.passage) {
            Passage::Open => {
                let connection = self.conns.get_mut(&conn).expect("looked up above");
                connection.fail(from.other(), io::ErrorKind::ConnectionReset);
            }
            Passage::Stalled => self.parked.push(Event::Reset { conn, from }),
            // Nobody sends a reset twice.
            Passage::Cut => {}
        }
    }
}

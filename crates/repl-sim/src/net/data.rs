//! How bytes travel on an established connection, and when a writer gives up.

use std::{
    io::{self, IoSlice},
    task::{Context, Poll},
};

use repl_core::base::time::Instant;

use super::{
    ConnKey, Event, HostId, Network, Power,
    conn::{EndState, Side},
    link::Link,
    pipe::{Ack, Taken},
};

/// How often in a second a slow reader reads, if it reads that many bytes.
const SIPS_PER_SECOND: u64 = 20;

impl Network {
    pub(crate) fn poll_read(
        &mut self,
        now: Instant,
        conn: ConnKey,
        side: Side,
        cx: &Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let connection = self.conns.get_mut(&conn).expect("an open end keeps its connection");
        let hosts = (connection.end(side).host, connection.end(side.other()).host);
        let ack = match self.links.get(&hosts).is_none_or(Link::is_open) {
            true => Ack::Passes,
            false => Ack::Held,
        };
        let back = self.links.get(&(hosts.1, hosts.0));
        let mut piece = back.map_or(usize::MAX, |link| link.shape.piece);
        let rate = self.hosts[hosts.0.index()].reads_per_second;
        let pipe = connection.pipe_mut(side.other());
        if rate > 0 {
            if now < pipe.reads_at && pipe.has_unread() {
                pipe.reader = Some(cx.waker().clone());
                self.read_later(conn, side);
                return Poll::Pending;
            }
            piece = piece.min(usize::try_from(rate / SIPS_PER_SECOND).unwrap_or(usize::MAX)).max(1);
        }
        let len = if rate > 0 { into.len().min(piece) } else { into.len() };
        match pipe.take(&mut into[..len], piece, ack, &mut self.read_draw) {
            Taken::Bytes(count) => {
                pipe.wake_writer();
                if let Some(nanos) = (count as u64).saturating_mul(1_000_000_000).checked_div(rate)
                {
                    pipe.reads_at = now + std::time::Duration::from_nanos(nanos);
                }
                if let Some(recorder) = &self.recorder {
                    recorder.borrow_mut().tap.on_read(now, conn, side.other(), count);
                }
                if ack == Ack::Held {
                    self.note_stuck(now, conn, side.other());
                }
                Poll::Ready(Ok(count))
            }
            Taken::EndOfStream => Poll::Ready(Ok(0)),
            Taken::Nothing => {
                pipe.reader = Some(cx.waker().clone());
                match connection.end(side).error {
                    Some(error) => Poll::Ready(Err(error.into())),
                    None => Poll::Pending,
                }
            }
        }
    }

    /// Has a slow reader woken when its time comes.
    fn read_later(&mut self, conn: ConnKey, reader: Side) {
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let pipe = connection.pipe_mut(reader.other());
        if pipe.read_again_at.is_none() {
            let at = pipe.reads_at;
            pipe.read_again_at = Some(at);
            self.schedule(at, Event::ReadAgain { conn, reader });
        }
    }

    pub(super) fn on_read_again(&mut self, conn: ConnKey, reader: Side) {
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let pipe = connection.pipe_mut(reader.other());
        pipe.read_again_at = None;
        pipe.wake_reader();
    }

    pub(crate) fn poll_write(
        &mut self,
        now: Instant,
        conn: ConnKey,
        side: Side,
        cx: &Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let connection = self.conns.get_mut(&conn).expect("an open end keeps its connection");
        if let Some(error) = connection.end(side).error {
            return Poll::Ready(Err(error.into()));
        }
        let hosts = (connection.end(side).host, connection.end(side.other()).host);
        let pipe = connection.pipe_mut(side);
        let taken = pipe.push(from);
        if taken == 0 && from.iter().any(|part| !part.is_empty()) {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if let Some(recorder) = &self.recorder {
            recorder.borrow_mut().tap.on_write(now, (conn, side), hosts, from, taken);
        }
        self.send_chopped(now, conn, side, hosts, taken);
        self.note_stuck(now, conn, side);
        Poll::Ready(Ok(taken))
    }

    /// Cuts `count` bytes at random places into segments and sends them.
    fn send_chopped(
        &mut self,
        now: Instant,
        conn: ConnKey,
        side: Side,
        hosts: (HostId, HostId),
        count: usize,
    ) {
        let mut left = count;
        let link = self.link(hosts.0, hosts.1);
        let (longest, chop_once_in) = (link.longest_segment(), link.shape.chop_once_in);
        let mut chops = match self.chop_draw.once_in(chop_once_in) {
            true => self.chop_draw.between(1, 3),
            false => 0,
        };
        while left > 0 {
            let len = if chops > 0 { 1 + self.chop_draw.index(left) } else { left };
            let len = len.min(longest);
            chops = chops.saturating_sub(1);
            left -= len;
            let arrives_at = self.arrival(now, hosts.0, hosts.1, len);
            let connection = self.conns.get_mut(&conn).expect("the caller holds an end of it");
            let due = connection.pipe_mut(side).send(len, arrives_at);
            self.schedule(due, Event::Segment { conn, from: side });
        }
    }

    pub(super) fn on_segment(&mut self, now: Instant, conn: ConnKey, from: Side) {
        let Some(connection) = self.conns.get(&conn) else { return };
        let (source, target) = (connection.end(from).host, connection.end(from.other()).host);
        if !self.is_open(source, target) {
            return; // It stays on the wire: `heal` sends it again.
        }
        let target_power = self.hosts[target.index()].power;
        let limit = self.link(source, target).bytes_before_breakage();
        let connection = self.conns.get_mut(&conn).expect("looked up above");
        match connection.end(from.other()).state {
            // Its kernel knows the connection no more, though its process may not have looked yet.
            EndState::Opening | EndState::Open if connection.end(from.other()).error.is_some() => {
                connection.pipe_mut(from).lose_wire();
                let due = self.arrival(now, target, source, 0);
                self.schedule(due, Event::Reset { conn, from: from.other() });
            }
            EndState::Opening | EndState::Open => {
                let pipe = connection.pipe_mut(from);
                if let Some(bytes) = pipe.deliver(now, limit) {
                    pipe.wake_reader();
                    if let Some(breakage) = self.link(source, target).burn(bytes) {
                        self.break_link(now, source, target, breakage);
                    }
                }
            }
            EndState::Vanished if target_power == Power::Off => {}
            EndState::Closed | EndState::Vanished => {
                // Nobody is there to read it. Only data is answered; a FIN crossing a FIN is not.
                let pipe = connection.pipe_mut(from);
                if pipe.deliver(now, usize::MAX).is_some() && pipe.has_unread() {
                    pipe.lose_wire();
                    let due = self.arrival(now, target, source, 0);
                    self.schedule(due, Event::Reset { conn, from: from.other() });
                }
            }
        }
    }

    /// Starts the writer's clock when its bytes or their acknowledgement cannot pass.
    pub(super) fn note_stuck(&mut self, now: Instant, conn: ConnKey, writer: Side) {
        let Some(connection) = self.conns.get(&conn) else { return };
        let (source, target) = (connection.end(writer).host, connection.end(writer.other()).host);
        let silent = connection.end(writer.other()).state == EndState::Vanished;
        let blocked = silent || !self.is_open(source, target) || !self.is_open(target, source);
        let connection = self.conns.get_mut(&conn).expect("looked up above");
        let pipe = connection.pipe_mut(writer);
        if blocked && pipe.awaits_acknowledgement() && pipe.stuck_since.is_none() {
            pipe.stuck_since = Some(now);
            self.schedule(now + self.weather.user_timeout, Event::StuckCheck { conn, writer });
        }
    }

    pub(super) fn on_stuck_check(&mut self, now: Instant, conn: ConnKey, writer: Side) {
        let user_timeout = self.weather.user_timeout;
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let stuck_since = connection.pipe_mut(writer).stuck_since;
        if stuck_since.is_some_and(|since| now.since(since) >= user_timeout) {
            connection.fail(writer, io::ErrorKind::TimedOut);
        }
    }
}

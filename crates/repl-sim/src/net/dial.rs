//! How connections come to be: listening, dialing, accepting, and the three messages of it.

use std::{
    io,
    task::{Context, Poll},
};

use repl_core::base::time::Instant;

use super::{
    ConnKey, Dials, Event, HostId, Listening, Network, Power,
    conn::{Connection, EndState, Side},
    pipe::Pipe,
};

impl Network {
    pub(crate) fn dial(&mut self, now: Instant, from: HostId, to: HostId, port: u16) -> ConnKey {
        self.opened_count += 1;
        *self.dialled.entry((from, to)).or_default() += 1;
        let conn = self.opened_count;
        // Ephemeral ports are not reused within a run of less than 25,000 connections.
        let ephemeral = 40_000 + u16::try_from(conn % 25_000).expect("below 25,000");
        let window_bytes = self.link(from, to).shape.window_bytes;
        let pipe = || Pipe::new(window_bytes);
        self.conns.insert(conn, Connection::new([(from, ephemeral), (to, port)], [pipe(), pipe()]));
        let due = self.arrival(now, from, to, 0);
        self.schedule(due, Event::Syn { conn });
        self.schedule(now + self.weather.dial_timeout, Event::DialTimeout { conn });
        conn
    }

    /// How often one host has dialled another one.
    pub(crate) fn dialled_count(&self, from: HostId, to: HostId) -> u64 {
        self.dialled.get(&(from, to)).copied().unwrap_or(0)
    }

    pub(crate) fn poll_dial(&mut self, conn: ConnKey, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let connection = self.conns.get_mut(&conn).expect("kept until its dialer lets go of it");
        let end = connection.end_mut(Side::Dialer);
        if let Some(error) = end.error {
            return Poll::Ready(Err(error.into()));
        }
        match end.state {
            EndState::Open => Poll::Ready(Ok(())),
            EndState::Opening | EndState::Closed | EndState::Vanished => {
                connection.pipe_mut(Side::Dialer).writer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(crate) fn listen(&mut self, host: HostId, port: u16) -> io::Result<u64> {
        if self.listening.contains_key(&(host, port)) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        self.listener_count += 1;
        let number = self.listener_count;
        self.listening.insert((host, port), Listening { number, ..Listening::default() });
        Ok(number)
    }

    /// Ends this listener. Another one that has the port by now, of a process that was started at
    /// the moment in which the old one died, stays.
    pub(crate) fn close_listener(&mut self, now: Instant, host: HostId, port: u16, number: u64) {
        if self.listening.get(&(host, port)).is_some_and(|known| known.number == number) {
            self.stop_listening(now, host, port);
        }
    }

    pub(crate) fn stop_listening(&mut self, now: Instant, host: HostId, port: u16) {
        let Some(listening) = self.listening.remove(&(host, port)) else { return };
        for conn in listening.queue {
            self.abort(now, conn, Side::Acceptor);
        }
    }

    pub(crate) fn poll_accept(
        &mut self,
        host: HostId,
        port: u16,
        cx: &Context<'_>,
    ) -> Poll<io::Result<ConnKey>> {
        let Some(listening) = self.listening.get_mut(&(host, port)) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        while let Some(conn) = listening.queue.pop_front() {
            if self.conns.contains_key(&conn) {
                return Poll::Ready(Ok(conn));
            }
        }
        listening.acceptor = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn on_syn(&mut self, now: Instant, conn: ConnKey) {
        let Some(connection) = self.conns.get(&conn) else { return };
        if connection.end(Side::Dialer).state != EndState::Opening {
            return;
        }
        let (from, to) = (connection.end(Side::Dialer).host, connection.end(Side::Acceptor).host);
        let port = connection.end(Side::Acceptor).port;
        let dials = self.link(from, to).dials;
        let lost = dials == Dials::Lost || self.hosts[to.index()].power == Power::Off;
        if lost || !self.is_open(from, to) {
            self.parked.push(Event::Syn { conn });
            return;
        }
        let back_at = self.arrival(now, to, from, 0);
        let listening = self.listening.get_mut(&(to, port));
        let Some(listening) = listening.filter(|_| dials == Dials::Answered) else {
            self.schedule(back_at, Event::Refusal { conn });
            return;
        };
        listening.queue.push_back(conn);
        if let Some(acceptor) = listening.acceptor.take() {
            acceptor.wake();
        }
        let connection = self.conns.get_mut(&conn).expect("looked up above");
        connection.end_mut(Side::Acceptor).state = EndState::Open;
        self.schedule(back_at, Event::SynAck { conn });
    }

    pub(super) fn on_syn_ack(&mut self, conn: ConnKey) {
        let Some(connection) = self.conns.get(&conn) else { return };
        let (from, to) = (connection.end(Side::Dialer).host, connection.end(Side::Acceptor).host);
        if !self.is_open(to, from) {
            self.parked.push(Event::SynAck { conn });
            return;
        }
        let connection = self.conns.get_mut(&conn).expect("looked up above");
        let end = connection.end_mut(Side::Dialer);
        if end.state == EndState::Opening && end.error.is_none() {
            end.state = EndState::Open;
            connection.pipe_mut(Side::Dialer).wake_writer();
        }
    }

    /// The dialer learns from `from` (itself for a timeout) that there will be no connection.
    pub(super) fn on_dial_failed(&mut self, conn: ConnKey, from: Side, error: io::ErrorKind) {
        let Some(connection) = self.conns.get(&conn) else { return };
        let hosts = (connection.end(from).host, connection.end(Side::Dialer).host);
        if from == Side::Acceptor && !self.is_open(hosts.0, hosts.1) {
            self.parked.push(Event::Refusal { conn });
            return;
        }
        let connection = self.conns.get_mut(&conn).expect("looked up above");
        let end = connection.end_mut(Side::Dialer);
        if end.state == EndState::Opening {
            end.error.get_or_insert(error);
            connection.pipe_mut(Side::Dialer).wake_writer();
        }
    }
}

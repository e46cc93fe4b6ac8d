//! What can go wrong with a network: links stalled or cut, connections reset, hosts killed or dark.

use repl_core::base::time::Instant;

use super::{
    Breakage, ConnKey, Dials, Event, HostId, Network, Passage, Power, Shape,
    conn::{EndState, Side},
    link::Fuse,
};
use crate::record;

impl Network {
    /// Gives one direction another shape.
    pub(crate) fn set_shape(&mut self, from: HostId, to: HostId, shape: Shape) {
        self.link(from, to).shape = shape;
    }

    /// The shape of one direction.
    pub(crate) fn shape(&mut self, from: HostId, to: HostId) -> Shape {
        self.link(from, to).shape
    }

    /// One direction is as it was at first; what is under way on it hurries, and what would have
    /// broken it does not.
    pub(crate) fn restore_shape(&mut self, now: Instant, from: HostId, to: HostId) {
        let dials = self.link(from, to).dials;
        let reshaped = self.link(from, to).restore(now);
        if dials == Dials::Lost {
            let wait = self.timing_draw.span(std::time::Duration::ZERO, self.weather.resend_within);
            self.unpark(now + wait);
        }
        if !reshaped {
            return;
        }
        let due = now + self.link(from, to).shape.latency;
        for (conn, writer) in self.sides_between(from, to) {
            let Some(connection) = self.conns.get_mut(&conn) else { continue };
            let pipe = connection.pipe_mut(writer);
            if pipe.on_wire() {
                pipe.hurry(due);
                self.schedule(due, Event::Segment { conn, from: writer });
            }
        }
    }

    /// The link breaks when so many more bytes have arrived in this direction.
    pub(crate) fn break_after(&mut self, from: HostId, to: HostId, bytes: u64, breakage: Breakage) {
        self.link(from, to).fuse = Some(Fuse { bytes_left: bytes.max(1), breakage });
    }

    /// What becomes of those of `from` who ask for a connection with `to`.
    pub(crate) fn set_dials(&mut self, from: HostId, to: HostId, dials: Dials) {
        self.link(from, to).dials = dials;
    }

    /// The processes of the host take so many bytes a second from each connection; zero for no
    /// limit.
    pub(crate) fn set_reads_per_second(&mut self, host: HostId, bytes: u64) {
        self.hosts[host.index()].reads_per_second = bytes;
        for (conn, side) in self.sides_at(host) {
            if let Some(connection) = self.conns.get_mut(&conn) {
                connection.pipe_mut(side.other()).wake_reader();
            }
        }
    }

    /// How many bytes a second they take; zero for no limit.
    pub(crate) fn reads_per_second(&self, host: HostId) -> u64 {
        self.hosts[host.index()].reads_per_second
    }

    /// Whether every link is as it was at first. Who reads slowly is the business of the host: a
    /// client that does is no trouble of a node.
    pub(crate) fn is_whole(&self) -> bool {
        self.links.values().all(super::Link::is_whole)
    }

    /// Whether bytes and dials pass from one host to the other.
    #[must_use]
    pub(crate) fn passes(&self, from: HostId, to: HostId) -> bool {
        self.links
            .get(&(from, to))
            .is_none_or(|link| link.is_open() && link.dials == Dials::Answered)
    }

    /// Whether the link between the two is as it was at first, in both directions.
    pub(crate) fn is_whole_between(&self, a: HostId, b: HostId) -> bool {
        let links = [(a, b), (b, a)].map(|ends| self.links.get(&ends));
        links.into_iter().flatten().all(super::Link::is_whole)
    }

    /// How many links broke in the middle of what they carried.
    pub(crate) const fn broken_count(&self) -> u64 {
        self.broken_count
    }

    pub(super) fn break_link(
        &mut self,
        now: Instant,
        from: HostId,
        to: HostId,
        breakage: Breakage,
    ) {
        self.broken_count += 1;
        match breakage {
            Breakage::CutOneWay => self.set_passage(now, from, to, Passage::Cut),
            Breakage::Cut => {
                self.set_passage(now, from, to, Passage::Cut);
                self.set_passage(now, to, from, Passage::Cut);
            }
            Breakage::Stall => {
                self.set_passage(now, from, to, Passage::Stalled);
                self.set_passage(now, to, from, Passage::Stalled);
            }
            Breakage::Reset => self.reset_between(now, from, to),
        }
    }

    /// Opens, stalls or cuts one direction.
    pub(crate) fn set_passage(&mut self, now: Instant, from: HostId, to: HostId, passage: Passage) {
        let before = self.link(from, to).passage;
        self.link(from, to).passage = passage;
        if before != passage {
            self.tell(now, from, to, passage.into());
        }
        match passage {
            Passage::Open => self.on_opened(now, from, to, before),
            Passage::Stalled | Passage::Cut => {
                for (conn, _) in self.sides_between(from, to) {
                    self.note_stuck(now, conn, Side::Dialer);
                    self.note_stuck(now, conn, Side::Acceptor);
                }
            }
        }
    }

    /// A box on the way forges resets: every connection between the two is gone at both ends.
    pub(crate) fn reset_between(&mut self, now: Instant, a: HostId, b: HostId) {
        self.tell(now, a, b, record::Passage::Reset);
        self.tell(now, b, a, record::Passage::Reset);
        let mut conns = self.sides_between(a, b);
        conns.extend(self.sides_between(b, a));
        for (conn, _) in conns {
            if let Some(connection) = self.conns.get_mut(&conn) {
                connection.fail(Side::Dialer, std::io::ErrorKind::ConnectionReset);
                connection.fail(Side::Acceptor, std::io::ErrorKind::ConnectionReset);
            }
        }
    }

    /// A box on the way forges resets towards one host: its connections with `peer` are gone there,
    /// and `peer` hears of it when it sends something.
    pub(crate) fn reset_at(&mut self, now: Instant, host: HostId, peer: HostId) {
        self.tell(now, peer, host, record::Passage::Reset);
        for (conn, side) in self.sides_between(host, peer) {
            if let Some(connection) = self.conns.get_mut(&conn) {
                connection.fail(side, std::io::ErrorKind::ConnectionReset);
            }
        }
    }

    /// The processes of the host die, or end. Its kernel closes their connections as it always
    /// does: with a FIN behind what was written, or with a reset where something is unread. It
    /// refuses new ones.
    pub(crate) fn kill_processes(&mut self, now: Instant, host: HostId) {
        self.hosts[host.index()].reads_per_second = 0;
        self.close_listeners(now, host);
        for (conn, side) in self.sides_at(host) {
            self.close(now, conn, side);
        }
    }

    /// The host goes dark: it says nothing to anybody until [`power_on`](Self::power_on).
    pub(crate) fn power_off(&mut self, now: Instant, host: HostId) {
        self.hosts[host.index()].power = Power::Off;
        self.hosts[host.index()].reads_per_second = 0;
        self.listening.retain(|(listener, _), _| *listener != host);
        for (conn, side) in self.sides_at(host) {
            let connection = self.conns.get_mut(&conn).expect("listed a line above");
            connection.end_mut(side).state = EndState::Vanished;
            connection.pipe_mut(side).lose_wire();
            self.note_stuck(now, conn, side.other());
            self.forget_if_dead(conn);
        }
    }

    /// The host is back and remembers none of its connections.
    pub(crate) fn power_on(&mut self, now: Instant, host: HostId) {
        self.hosts[host.index()].power = Power::On;
        let resent_at =
            now + self.timing_draw.span(std::time::Duration::ZERO, self.weather.resend_within);
        let vanished: Vec<(ConnKey, Side)> = self
            .conns
            .iter()
            .flat_map(|(&conn, connection)| {
                [Side::Dialer, Side::Acceptor].into_iter().filter_map(move |side| {
                    let end = connection.end(side);
                    (end.host == host && end.state == EndState::Vanished).then_some((conn, side))
                })
            })
            .collect();
        for (conn, side) in vanished {
            self.resend(resent_at, conn, side.other());
        }
        self.unpark(resent_at);
    }

    fn tell(&self, now: Instant, from: HostId, to: HostId, passage: record::Passage) {
        if let Some(recorder) = &self.recorder {
            recorder.borrow_mut().tap.on_link(now, from, to, passage);
        }
    }

    fn close_listeners(&mut self, now: Instant, host: HostId) {
        let ports: Vec<u16> = self
            .listening
            .keys()
            .filter(|(listener, _)| *listener == host)
            .map(|(_, port)| *port)
            .collect();
        for port in ports {
            self.stop_listening(now, host, port);
        }
    }

    /// What was held up in this direction goes on.
    fn on_opened(&mut self, now: Instant, from: HostId, to: HostId, before: Passage) {
        let resent_at = match before {
            Passage::Open => return,
            Passage::Stalled => now,
            // The senders repeat themselves at growing intervals: it is one of them until they do.
            Passage::Cut => {
                let wait =
                    self.timing_draw.span(std::time::Duration::ZERO, self.weather.resend_within);
                self.arrival(now + wait, from, to, 0)
            }
        };
        for (conn, side) in self.sides_between(from, to) {
            self.resend(resent_at, conn, side);
            if self.is_open(to, from) {
                let connection = self.conns.get_mut(&conn).expect("listed a line above");
                for writer in [Side::Dialer, Side::Acceptor] {
                    let pipe = connection.pipe_mut(writer);
                    pipe.acknowledge();
                    pipe.wake_writer();
                }
            }
        }
        self.unpark(resent_at);
    }

    fn resend(&mut self, resent_at: Instant, conn: ConnKey, writer: Side) {
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let pipe = connection.pipe_mut(writer);
        if pipe.on_wire() {
            pipe.resend(resent_at);
            self.schedule(resent_at, Event::Segment { conn, from: writer });
        }
    }

    /// Tries everything again that could not arrive; what still cannot is parked once more.
    fn unpark(&mut self, resent_at: Instant) {
        for event in std::mem::take(&mut self.parked) {
            self.schedule(resent_at, event);
        }
    }

    /// The connections between two hosts, each with the side that is at `from`.
    fn sides_between(&self, from: HostId, to: HostId) -> Vec<(ConnKey, Side)> {
        self.sides(|here, there| here == from && there == to)
    }

    /// The connections of a host, each with the side that is there.
    fn sides_at(&self, host: HostId) -> Vec<(ConnKey, Side)> {
        self.sides(|here, _| here == host)
    }

    fn sides(&self, matches: impl Fn(HostId, HostId) -> bool) -> Vec<(ConnKey, Side)> {
        let mut found = Vec::new();
        for (&conn, connection) in &self.conns {
            for side in [Side::Dialer, Side::Acceptor] {
                let (here, there) = (connection.end(side), connection.end(side.other()));
                if matches(here.host, there.host) {
                    found.push((conn, side));
                }
            }
        }
        found
    }
}

impl From<Passage> for record::Passage {
    fn from(passage: Passage) -> Self {
        match passage {
            Passage::Open => Self::Open,
            Passage::Stalled => Self::Stalled,
            Passage::Cut => Self::Cut,
        }
    }
}

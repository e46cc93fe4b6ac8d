//! TCP between simulated hosts, as a state machine in virtual time.
//!
//! It has no executor and no clock: every call brings the time, [`Network::next_due`] says when
//! [`Network::handle_due`] wants to be called next. [`stream`] puts futures around it.
//!
//! A peer sees what a peer of real Linux sees: bytes leave without a flush and arrive in any
//! pieces; a writer waits when the window is full; a cut or stalled link delays, and after the user
//! timeout the *writer* gets `TimedOut` while an idle reader notices nothing; an orderly close is a
//! FIN behind the data, a close with unread data or a killed process a reset after the latency, a
//! power loss silence; a dial is refused where nobody listens and hangs where nothing answers.

mod conn;
mod data;
mod dial;
mod ends;
mod faults;
mod link;
mod pipe;
pub(crate) mod stream;
#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    io,
    rc::Rc,
    task::Waker,
    time::Duration,
};

use repl_core::{
    base::time::Instant,
    io::{PeerInfo, Transport},
};

pub use self::link::Breakage;
use self::{conn::Connection, link::Link};
pub(crate) use self::{
    conn::Side,
    link::{Dials, Passage, Shape},
};
use crate::{draw::Draw, record::Recorder};

/// One simulated machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HostId(u16);

impl HostId {
    /// Small and dense, in the order of [`Network::add_host`].
    #[must_use]
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The name of one connection; never used twice in a run.
pub(crate) type ConnKey = u64;

/// What the network of a run is like, drawn once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weather {
    /// Every link that was given no other shape.
    pub(crate) shape: Shape,
    /// How long a writer waits for an acknowledgement before its connection is `TimedOut`.
    pub(crate) user_timeout: Duration,
    /// How long a dial waits for an answer before it is `TimedOut`.
    pub(crate) dial_timeout: Duration,
    /// After a cut is healed, what was lost is sent again within this time.
    pub(crate) resend_within: Duration,
    /// Whether links differ from one another.
    pub(crate) links: Links,
}

/// Whether links differ from one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// Most are alike but for the pieces they carry; a few are different in one direction.
    Drawn,
    /// All have the shape of the weather.
    Alike,
}

impl Weather {
    /// Drawn for one run.
    pub(crate) fn drawn(draw: &mut Draw) -> Self {
        let secs = Duration::from_secs;
        Self {
            shape: Shape::drawn(draw),
            user_timeout: draw.span(secs(5), secs(60)),
            dial_timeout: draw.span(secs(2), secs(20)),
            resend_within: draw.span(Duration::from_millis(50), Duration::from_millis(400)),
            links: Links::Drawn,
        }
    }

    /// Nothing but a constant latency and the time that lost bytes cost.
    pub(crate) const fn calm() -> Self {
        Self {
            shape: Shape::calm(Duration::from_millis(1)),
            user_timeout: Duration::from_secs(20),
            dial_timeout: Duration::from_secs(10),
            resend_within: Duration::from_millis(200),
            links: Links::Alike,
        }
    }
}

#[derive(Debug)]
struct Host {
    name: String,
    ip: String,
    power: Power,
    /// How many bytes a second its processes take from each connection; zero for no limit.
    reads_per_second: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    On,
    Off,
}

#[derive(Debug, Default)]
struct Listening {
    /// Which listener it is of all that this network has had.
    number: u64,
    queue: VecDeque<ConnKey>,
    acceptor: Option<Waker>,
}

/// Something that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// Bytes or the end of the pipe that leaves this side.
    Segment { conn: ConnKey, from: Side },
    /// The dialer's request.
    Syn { conn: ConnKey },
    /// The acceptor's answer.
    SynAck { conn: ConnKey },
    /// Nobody listens there.
    Refusal { conn: ConnKey },
    /// The other side knows the connection no more.
    Reset { conn: ConnKey, from: Side },
    /// The dialer gives up.
    DialTimeout { conn: ConnKey },
    /// The writer of this side may give up.
    StuckCheck { conn: ConnKey, writer: Side },
    /// A process that reads slowly may read again at this side.
    ReadAgain { conn: ConnKey, reader: Side },
}

/// All hosts, links and connections of a run.
#[derive(Debug)]
pub(crate) struct Network {
    seed: u64,
    weather: Weather,
    hosts: Vec<Host>,
    links: BTreeMap<(HostId, HostId), Link>,
    listening: BTreeMap<(HostId, u16), Listening>,
    listener_count: u64,
    conns: BTreeMap<ConnKey, Connection>,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    /// What a stalled or cut link, or a dead host, keeps from arriving, to be tried again.
    parked: Vec<Event>,
    scheduled_count: u64,
    opened_count: u64,
    /// How often each host has dialled each other one.
    dialled: BTreeMap<(HostId, HostId), u64>,
    broken_count: u64,
    timing_draw: Draw,
    chop_draw: Draw,
    read_draw: Draw,
    pump: Option<Waker>,
    /// What the pump sleeps for.
    armed_for: Option<Instant>,
    /// Who wants to know what passes, if anybody does.
    recorder: Option<Rc<RefCell<Recorder>>>,
}

impl Network {
    /// A network without hosts, in the weather of `seed`.
    #[must_use]
    pub(crate) fn new(seed: u64) -> Self {
        let weather = Weather::drawn(&mut Draw::new(seed, "net weather"));
        Self::with_weather(seed, weather)
    }

    /// A network without hosts in a given weather.
    #[must_use]
    pub(crate) fn with_weather(seed: u64, weather: Weather) -> Self {
        Self {
            seed,
            weather,
            hosts: Vec::new(),
            links: BTreeMap::new(),
            listening: BTreeMap::new(),
            listener_count: 0,
            conns: BTreeMap::new(),
            events: BinaryHeap::new(),
            parked: Vec::new(),
            scheduled_count: 0,
            opened_count: 0,
            dialled: BTreeMap::new(),
            broken_count: 0,
            timing_draw: Draw::new(seed, "net timing"),
            chop_draw: Draw::new(seed, "net chop"),
            read_draw: Draw::new(seed, "net reads"),
            pump: None,
            armed_for: None,
            recorder: None,
        }
    }

    /// What passes is told from now on.
    pub(crate) fn record_to(&mut self, recorder: Option<Rc<RefCell<Recorder>>>) {
        self.recorder = recorder;
    }

    /// Has what is sent be cut, and what is read be taken, in the pieces of another run.
    pub(crate) fn cut_otherwise(&mut self, seed: u64, number: u64) {
        if number > 0 {
            self.chop_draw = Draw::new(seed, &format!("net chop {number}"));
            self.read_draw = Draw::new(seed, &format!("net reads {number}"));
        }
    }

    /// Adds a machine, switched on.
    ///
    /// # Panics
    /// Above 65,535 hosts.
    pub(crate) fn add_host(&mut self, name: &str, ip: &str) -> HostId {
        let id = HostId(u16::try_from(self.hosts.len()).expect("a run has few hosts"));
        self.hosts.push(Host {
            name: name.into(),
            ip: ip.into(),
            power: Power::On,
            reads_per_second: 0,
        });
        id
    }

    /// The machine with this name or address.
    #[must_use]
    pub(crate) fn resolve(&self, name_or_ip: &str) -> Option<HostId> {
        let index =
            self.hosts.iter().position(|host| host.name == name_or_ip || host.ip == name_or_ip)?;
        Some(HostId(u16::try_from(index).expect("add_host checked it")))
    }

    /// The address of a machine.
    #[must_use]
    pub(crate) fn ip(&self, host: HostId) -> &str {
        &self.hosts[host.index()].ip
    }

    /// Another weather, before there is any link.
    pub(crate) fn set_weather(&mut self, weather: Weather) {
        assert!(self.links.is_empty(), "links have the shape they were made with");
        self.weather = weather;
    }

    /// What was drawn for the run.
    #[must_use]
    pub(crate) const fn weather(&self) -> &Weather {
        &self.weather
    }

    /// The least that the narrowest link between any two of these hosts carries when it is healed.
    pub(crate) fn bytes_per_second_between(&mut self, hosts: &[HostId]) -> u64 {
        let mut least = u64::MAX;
        for from in hosts {
            for to in hosts.iter().filter(|to| *to != from) {
                least = least.min(self.link(*from, *to).usual().bytes_per_second_at_least());
            }
        }
        least
    }

    /// When [`handle_due`](Self::handle_due) has something to do.
    #[must_use]
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.events.peek().map(|Reverse((due, _, _))| *due)
    }

    /// Lets everything arrive that is due.
    pub(crate) fn handle_due(&mut self, now: Instant) {
        while let Some(Reverse((due, _, event))) = self.events.peek().copied()
            && due <= now
        {
            self.events.pop();
            self.handle_event(now, event);
        }
    }

    fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Segment { conn, from } => self.on_segment(now, conn, from),
            Event::Syn { conn } => self.on_syn(now, conn),
            Event::SynAck { conn } => self.on_syn_ack(conn),
            Event::Refusal { conn } => {
                self.on_dial_failed(conn, Side::Acceptor, io::ErrorKind::ConnectionRefused)
            }
            Event::Reset { conn, from } => self.on_reset(conn, from),
            Event::DialTimeout { conn } => {
                self.on_dial_failed(conn, Side::Dialer, io::ErrorKind::TimedOut)
            }
            Event::StuckCheck { conn, writer } => self.on_stuck_check(now, conn, writer),
            Event::ReadAgain { conn, reader } => self.on_read_again(conn, reader),
        }
        self.forget_if_dead(event.conn());
    }

    fn schedule(&mut self, due: Instant, event: Event) {
        self.scheduled_count += 1;
        self.events.push(Reverse((due, self.scheduled_count, event)));
        if self.armed_for.is_none_or(|armed| due < armed)
            && let Some(pump) = self.pump.take()
        {
            pump.wake();
        }
    }

    /// For the task that calls `handle_due`: is woken when something becomes due before
    /// `armed_for`.
    pub(crate) fn park_pump(&mut self, waker: Waker, armed_for: Option<Instant>) {
        self.pump = Some(waker);
        self.armed_for = armed_for;
    }

    fn link(&mut self, from: HostId, to: HostId) -> &mut Link {
        let (seed, weather, hosts) = (self.seed, self.weather, &self.hosts);
        self.links.entry((from, to)).or_insert_with(|| {
            if weather.links == Links::Alike {
                return Link::new(weather.shape);
            }
            let (from, to) = (&hosts[from.index()].name, &hosts[to.index()].name);
            let mut draw = Draw::new(seed, &format!("net link {from} {to}"));
            if draw.once_in(8) {
                return Link::new(Shape::drawn(&mut draw));
            }
            let mut shape = weather.shape;
            shape.draw_pieces(&mut draw);
            Link::new(shape)
        })
    }

    fn is_open(&self, from: HostId, to: HostId) -> bool {
        self.links.get(&(from, to)).is_none_or(Link::is_open)
    }

    /// When `count` bytes sent from one host to the other now arrive, if nothing comes between.
    fn arrival(&mut self, now: Instant, from: HostId, to: HostId, count: usize) -> Instant {
        self.link(from, to);
        let link = self.links.get_mut(&(from, to)).expect("made the line above");
        link.arrival(now, count, &mut self.timing_draw)
    }

    pub(crate) fn peer_host(&self, conn: ConnKey, side: Side) -> HostId {
        let connection = self.conns.get(&conn).expect("an open end keeps its connection");
        connection.end(side.other()).host
    }

    pub(crate) fn peer_info(&self, conn: ConnKey, side: Side) -> PeerInfo {
        let connection = self.conns.get(&conn).expect("an open end keeps its connection");
        let (here, there) = (connection.end(side), connection.end(side.other()));
        PeerInfo {
            transport: Transport::Tcp,
            ip: self.ip(there.host).into(),
            port: there.port,
            local: format!("{}:{}", self.ip(here.host), here.port),
        }
    }

    fn forget_if_dead(&mut self, conn: ConnKey) {
        let alive = |connection: &Connection| connection.ends().iter().any(conn::End::is_alive);
        if self.conns.get(&conn).is_some_and(|connection| !alive(connection)) {
            self.conns.remove(&conn);
        }
    }
}

impl Event {
    const fn conn(self) -> ConnKey {
        match self {
            Self::Segment { conn, .. }
            | Self::Syn { conn }
            | Self::SynAck { conn }
            | Self::Refusal { conn }
            | Self::Reset { conn, .. }
            | Self::DialTimeout { conn }
            | Self::StuckCheck { conn, .. }
            | Self::ReadAgain { conn, .. } => conn,
        }
    }
}

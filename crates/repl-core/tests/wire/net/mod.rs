//! Several nodes in virtual time, without a runtime: this plays the driver, the network and the
//! clocks.
//!
//! A [`Net`] drains effects, carries dials to the node of that name, moves bytes in pieces of a
//! seeded size and fires timers. Links can be cut (reset, and no new ones) or stalled (open, but
//! silent). The far end of a connection may be a script: a [`Peer`] through which a test plays a
//! client, a replica or a master byte by byte. Knows nothing of the protocol but how to encode a
//! command.

mod files;
mod looking;

use std::{collections::VecDeque, time::Duration};

use repl_core::{
    Node,
    base::{
        config::Config,
        ids::{ConnId, Endpoint},
        rng::{Rng, Seed},
        time::{Instant, Now, UnixMillis},
    },
    io::{
        CloseCause, ConfigChange, Decision, DiskRequest, Effect, Input, Interest, PeerInfo, Want,
    },
    resp::encode_command,
};

/// Bytes that fit on the way in one direction before the sender must wait.
const WINDOW_BYTES: usize = 64 * 1024;

/// More steps than any scenario needs to come to rest.
const STEPS_MAX: usize = 4_000_000;

/// When every net begins. Later than any timeout, so that an instant that was never set shows.
const START: Now = Now {
    mono: Instant::from_nanos(1_000_000 * 1_000_000_000),
    wall: UnixMillis(1_700_000_000_000),
};

/// The scripted end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    cable: usize,
    side: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Node(usize, ConnId),
    Script,
    /// This side has closed.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Moves,
    /// Nothing moves, and nobody says so.
    Stalls,
    /// The script sends but does not read: what the node says stays with the node.
    Unread,
    /// So many bytes a second in each direction, and so many may move now.
    Slow {
        rate: u64,
        credit: [u64; 2],
    },
}

/// One connection: two ends, and the bytes on their way to each.
#[derive(Debug)]
struct Cable {
    names: [String; 2],
    ends: [End; 2],
    to: [VecDeque<u8>; 2],
    flow: Flow,
    /// What the scripted end has received and not read yet.
    got: Vec<u8>,
}

/// One node and what it said.
#[derive(Debug)]
struct Host {
    name: String,
    node: Node,
    log: Vec<String>,
    /// The status it asked to end with.
    exit: Option<i32>,
    decisions: Vec<Decision>,
    rewrites: Vec<(ConnId, Box<Config>)>,
    changes: Vec<ConfigChange>,
    /// What it wants of its disk and has not been given.
    requests: Vec<DiskRequest>,
    /// Its snapshot file.
    file: Option<Vec<u8>>,
    skew_millis: i64,
    client: Option<Peer>,
}

impl Host {
    fn new(name: &str, node: Node) -> Self {
        Self {
            name: name.into(),
            node,
            log: Vec::new(),
            exit: None,
            decisions: Vec::new(),
            rewrites: Vec::new(),
            changes: Vec::new(),
            requests: Vec::new(),
            file: None,
            skew_millis: 0,
            client: None,
        }
    }
}

/// Nodes, the connections between them, and the time.
#[derive(Debug)]
pub(crate) struct Net {
    now: Now,
    rng: Rng,
    piece_max: u64,
    hosts: Vec<Host>,
    cables: Vec<Cable>,
    cuts: Vec<[String; 2]>,
    slow: Vec<([String; 2], u64)>,
    dials: VecDeque<(usize, ConnId, Endpoint)>,
    /// Names at which a test answers dials, and the dials it has not taken yet.
    scripts: Vec<(String, VecDeque<Peer>)>,
}

/// What nodes of these tests are configured with: as by default, but snapshots do not wait for
/// company.
pub(crate) fn config() -> Config {
    Config {
        repl_diskless_sync_delay: Duration::ZERO,
        // The peers of these tests have names for addresses.
        protected_mode: false,
        save: Vec::new(),
        ..Config::default()
    }
}

/// A command from its words, which are separated by single spaces.
pub(crate) fn command(words: &str) -> Vec<u8> {
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    let mut out = Vec::new();
    encode_command(&mut out, words);
    out
}

impl Net {
    /// An empty net whose pieces are of 1 to `piece_max` bytes.
    pub(crate) fn chopped(piece_max: u64) -> Self {
        Self {
            now: START,
            rng: Rng::new(Seed::from_u64(piece_max), "net"),
            piece_max,
            hosts: Vec::new(),
            cables: Vec::new(),
            cuts: Vec::new(),
            slow: Vec::new(),
            dials: VecDeque::new(),
            scripts: Vec::new(),
        }
    }

    /// A net with these nodes, configured alike; one that is moved in large pieces.
    pub(crate) fn with(names: &[&str], config: &Config) -> Self {
        let mut net = Self::chopped(100_000);
        for name in names {
            net.add(name, config.clone());
        }
        net
    }

    /// Adds a node.
    pub(crate) fn add(&mut self, name: &str, config: Config) {
        let seed = Seed::from_u64(0xb00 + self.hosts.len() as u64);
        let node = Node::new(config, seed, self.now);
        self.put(name, node);
    }

    fn put(&mut self, name: &str, node: Node) {
        self.hosts.push(Host::new(name, node));
        let at = self.hosts.len() - 1;
        self.drain(at);
    }

    /// From here on the test answers dials to `name`.
    pub(crate) fn script(&mut self, name: &str) {
        self.scripts.push((name.into(), VecDeque::new()));
    }

    // ---- links and clocks ----

    fn between([a, b]: &[String; 2], one: &str, other: &str) -> bool {
        (a == one && b == other) || (a == other && b == one)
    }

    /// Resets every connection between the two and lets no new one come about.
    pub(crate) fn cut(&mut self, one: &str, other: &str) {
        self.cuts.push([one.into(), other.into()]);
        self.reset(one, other);
        self.settle();
    }

    /// Resets every connection between the two: what was on its way is lost.
    pub(crate) fn reset(&mut self, one: &str, other: &str) {
        for at in 0..self.cables.len() {
            if Self::between(&self.cables[at].names, one, other) {
                self.cables[at].to.iter_mut().for_each(VecDeque::clear);
                for side in 0..2 {
                    self.end(at, side, CloseCause::Reset);
                }
            }
        }
    }

    /// A process is gone, and with it its ends of all connections.
    fn hang_up(&mut self, name: &str) {
        let gone = self.host_at(name);
        for cable in &mut self.cables {
            for end in &mut cable.ends {
                if matches!(end, End::Node(at, _) if *at == gone) {
                    *end = End::Gone;
                }
            }
        }
    }

    /// From here on, connections between the two carry so many bytes a second.
    pub(crate) fn slow(&mut self, one: &str, other: &str, rate: u64) {
        self.slow.push(([one.into(), other.into()], rate));
        for cable in &mut self.cables {
            if Self::between(&cable.names, one, other) {
                cable.flow = Flow::Slow { rate, credit: [0; 2] };
            }
        }
    }

    /// The flow of a new connection between the two.
    fn flow(&self, names: &[String; 2]) -> Flow {
        let slow = self.slow.iter().find(|([a, b], _)| Self::between(names, a, b));
        slow.map_or(Flow::Moves, |(_, rate)| Flow::Slow { rate: *rate, credit: [0; 2] })
    }

    /// Undoes every cut, stall and slowness.
    pub(crate) fn heal(&mut self) {
        self.cuts.clear();
        self.slow.clear();
        self.cables.iter_mut().for_each(|cable| cable.flow = Flow::Moves);
    }

    /// Connections between the two stay open, but nothing moves on them.
    pub(crate) fn stall(&mut self, one: &str, other: &str) {
        for cable in &mut self.cables {
            if Self::between(&cable.names, one, other) {
                cable.flow = Flow::Stalls;
            }
        }
    }

    /// Moves this node's time of day.
    pub(crate) fn skew(&mut self, name: &str, millis: i64) {
        let at = self.host_at(name);
        self.hosts[at].skew_millis += millis;
    }

    /// Lets time pass; timers fire when they are due.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now.mono + span;
        loop {
            self.settle();
            let next = self.hosts.iter().filter_map(|host| host.node.poll_timeout()).min();
            match next {
                Some(at) if at <= end => self.advance(at),
                Some(_) | None => break,
            }
        }
        self.advance(end);
        self.settle();
    }

    /// Lets this many seconds pass.
    pub(crate) fn pass_secs(&mut self, secs: u64) {
        self.pass(Duration::from_secs(secs));
    }

    fn advance(&mut self, at: Instant) {
        let at = self.now.mono.max(at);
        let step = at.since(self.now.mono).as_nanos();
        self.now.mono = at;
        for cable in &mut self.cables {
            if let Flow::Slow { rate, credit } = &mut cable.flow {
                let more = u128::from(*rate) * step / 1_000_000_000;
                credit.iter_mut().for_each(|one| *one += u64::try_from(more).unwrap_or(u64::MAX));
            }
        }
        let passed = self.now.mono.since(START.mono).as_millis();
        self.now.wall = UnixMillis(START.wall.0 + i64::try_from(passed).expect("tests are short"));
    }

    // ---- scripted ends ----

    /// Connects to a node.
    pub(crate) fn connect(&mut self, name: &str) -> Peer {
        let at = self.host_at(name);
        let end = self.accept(at, "127.0.0.1");
        self.cables.push(Cable {
            names: ["script".into(), name.into()],
            ends: [End::Script, end],
            to: Default::default(),
            flow: Flow::Moves,
            got: Vec::new(),
        });
        Peer { cable: self.cables.len() - 1, side: 0 }
    }

    /// The next dial to a scripted name.
    pub(crate) fn accept_dial(&mut self, name: &str) -> Peer {
        self.settle();
        let script = self.scripts.iter_mut().find(|(script, _)| script == name);
        let (_, dials) = script.expect("the test answers for this name");
        dials.pop_front().unwrap_or_else(|| panic!("nobody dialled {name}"))
    }

    /// Whether a dial to a scripted name waits to be taken.
    pub(crate) fn is_dialled(&mut self, name: &str) -> bool {
        self.settle();
        self.scripts.iter().any(|(script, dials)| script == name && !dials.is_empty())
    }

    /// Sends bytes and lets everything come to rest.
    pub(crate) fn send(&mut self, peer: Peer, bytes: &[u8]) {
        self.cables[peer.cable].to[1 - peer.side].extend(bytes);
        self.settle();
    }

    /// What came since the last time.
    pub(crate) fn read(&mut self, peer: Peer) -> Vec<u8> {
        self.settle();
        std::mem::take(&mut self.cables[peer.cable].got)
    }

    /// What came since the last time, as text.
    pub(crate) fn read_text(&mut self, peer: Peer) -> String {
        String::from_utf8_lossy(&self.read(peer)).into_owned()
    }

    /// Whether the other side has not closed.
    pub(crate) fn is_open(&mut self, peer: Peer) -> bool {
        self.settle();
        self.cables[peer.cable].ends[1 - peer.side] != End::Gone
    }

    /// The script stops reading.
    pub(crate) fn hold(&mut self, peer: Peer) {
        self.cables[peer.cable].flow = Flow::Unread;
    }

    /// The script reads again.
    pub(crate) fn release(&mut self, peer: Peer) {
        self.cables[peer.cable].flow = Flow::Moves;
        self.settle();
    }

    /// Closes the scripted end.
    pub(crate) fn close(&mut self, peer: Peer) {
        self.cables[peer.cable].ends[peer.side] = End::Gone;
        self.settle();
    }

    /// Sends a command and returns the reply.
    pub(crate) fn command(&mut self, peer: Peer, words: &str) -> String {
        self.send(peer, &command(words));
        self.read_text(peer)
    }

    /// Sends a command on the node's own client connection and returns the reply.
    pub(crate) fn ask(&mut self, name: &str, words: &str) -> String {
        let at = self.host_at(name);
        let client = match self.hosts[at].client {
            Some(client) => client,
            None => {
                let client = self.connect(name);
                self.hosts[at].client = Some(client);
                client
            }
        };
        self.command(client, words)
    }

    /// As `ask`, for commands that must succeed.
    pub(crate) fn run(&mut self, name: &str, words: &str) {
        let reply = self.ask(name, words);
        assert!(!reply.starts_with('-'), "{words} on {name}: {reply}");
    }

    /// `REPLICAOF`, and time for the first attempt and the next.
    pub(crate) fn follow(&mut self, name: &str, master: &str) {
        self.run(name, &format!("REPLICAOF {master} 1"));
        self.pass_secs(2);
    }

    // ---- the driver ----

    /// Moves bytes and fires what is due until nothing more happens at this instant.
    pub(crate) fn settle(&mut self) {
        for _ in 0..STEPS_MAX {
            if !self.turn() && !self.fire() {
                return;
            }
        }
        panic!("the net does not come to rest");
    }

    pub(crate) fn handle(&mut self, at: usize, input: Input<'_>) {
        let host = &mut self.hosts[at];
        let wall = UnixMillis(self.now.wall.0 + host.skew_millis);
        host.node.handle(Now { wall, ..self.now }, input);
        self.drain(at);
    }

    fn drain(&mut self, at: usize) {
        let host = &mut self.hosts[at];
        while let Some(effect) = host.node.poll_effect() {
            match effect {
                // The net has no need to stand still: nobody else minds.
                Effect::Wake(_) | Effect::WakeBy(..) | Effect::StandStill(_) => {}
                Effect::Exit(status) => host.exit = Some(status),
                Effect::Dial { conn, to, .. } => self.dials.push_back((at, conn, to)),
                Effect::Log(_, text) => host.log.push(text),
                Effect::RewriteConfig { asker, config } => host.rewrites.push((asker, config)),
                Effect::ApplyConfig(change) => host.changes.push(*change),
                Effect::Disk(request) => host.requests.push(request),
                Effect::Decided(decision) => host.decisions.push(*decision),
            }
        }
    }

    fn accept(&mut self, at: usize, from: &str) -> End {
        let peer = PeerInfo { ip: from.into(), port: 9, ..PeerInfo::default() };
        let conn = self.hosts[at].node.accept(self.now, peer);
        self.drain(at);
        End::Node(at, conn)
    }

    fn fire(&mut self) -> bool {
        let due = |host: &Host| host.node.poll_timeout().is_some_and(|at| at <= self.now.mono);
        let Some(at) = self.hosts.iter().position(due) else { return false };
        self.handle(at, Input::TimerFired);
        true
    }

    fn turn(&mut self) -> bool {
        let mut moved = false;
        while let Some((at, conn, to)) = self.dials.pop_front() {
            self.dial(at, conn, &to);
            moved = true;
        }
        for cable in 0..self.cables.len() {
            if self.cables[cable].flow == Flow::Stalls {
                continue;
            }
            for side in 0..2 {
                moved |= self.pull(cable, side);
                moved |= self.deliver(cable, side);
            }
        }
        moved
    }

    fn dial(&mut self, at: usize, conn: ConnId, to: &Endpoint) {
        let from = self.hosts[at].name.clone();
        let is_cut = self
            .cuts
            .iter()
            .any(|[a, b]| (*a == from && *b == to.host) || (*b == from && *a == to.host));
        // Nobody is there, and nobody says so.
        if to.host == "void" || self.hosts[at].node.interest(conn) == Interest::Gone {
            return;
        }
        let script = self.scripts.iter().position(|(name, _)| *name == to.host);
        let node = self.hosts.iter().position(|host| host.name == to.host);
        let far = match (is_cut, script, node) {
            (true, _, _) | (false, None, None) => {
                return self.handle(at, Input::Closed { conn, cause: CloseCause::Refused });
            }
            (false, Some(_), _) => End::Script,
            (false, None, Some(node)) => self.accept(node, &from),
        };
        let names = [from, to.host.clone()];
        self.cables.push(Cable {
            flow: self.flow(&names),
            names,
            ends: [End::Node(at, conn), far],
            to: Default::default(),
            got: Vec::new(),
        });
        if let Some(script) = script {
            let peer = Peer { cable: self.cables.len() - 1, side: 1 };
            self.scripts[script].1.push_back(peer);
        }
        let peer = PeerInfo { ip: to.host.clone(), port: to.port, ..PeerInfo::default() };
        self.handle(at, Input::Connected { conn, peer });
    }

    /// Takes a piece of what the end has to send.
    fn pull(&mut self, cable: usize, side: usize) -> bool {
        let End::Node(at, conn) = self.cables[cable].ends[side] else { return false };
        let node = &self.hosts[at].node;
        let Interest::Open { write, .. } = node.interest(conn) else {
            self.cables[cable].ends[side] = End::Gone;
            return true;
        };
        let [first, second] = node.transmit(conn);
        let shown = first.len() + second.len();
        assert_eq!(write == Want::Ready, shown > 0, "interest tells what transmit shows");
        let Cable { to, flow, .. } = &mut self.cables[cable];
        let room = match flow {
            Flow::Moves => WINDOW_BYTES.saturating_sub(to[1 - side].len()),
            Flow::Slow { credit, .. } => credit[side] as usize,
            Flow::Stalls | Flow::Unread => 0,
        };
        let piece = 1 + self.rng.below(self.piece_max) as usize;
        let count = piece.min(shown).min(room);
        if count == 0 {
            return false;
        }
        to[1 - side].extend(first.iter().chain(second).take(count));
        if let Flow::Slow { credit, .. } = flow {
            credit[side] -= count as u64;
        }
        self.handle(at, Input::Sent { conn, count });
        true
    }

    /// Hands the end a piece of what has come for it, or the news that the other end is gone.
    fn deliver(&mut self, cable: usize, side: usize) -> bool {
        let piece = 1 + self.rng.below(self.piece_max) as usize;
        let Cable { ends, to, got, .. } = &mut self.cables[cable];
        let count = piece.min(to[side].len());
        match ends[side] {
            End::Gone => {
                to[side].clear();
                false
            }
            _ if count == 0 => {
                let over = ends[1 - side] == End::Gone;
                if over {
                    self.end(cable, side, CloseCause::EndOfStream);
                }
                over
            }
            End::Script => {
                got.extend(to[side].drain(..count));
                true
            }
            End::Node(at, conn) => {
                match self.hosts[at].node.interest(conn) {
                    Interest::Gone | Interest::Open { read: Want::Idle, .. } => return false,
                    Interest::Open { read: Want::Ready, .. } => {}
                }
                let bytes: Vec<u8> = to[side].drain(..count).collect();
                self.handle(at, Input::Received { conn, bytes: &bytes });
                true
            }
        }
    }

    /// Closes one end, and says so if it is a node's.
    fn end(&mut self, cable: usize, side: usize, cause: CloseCause) {
        let end = std::mem::replace(&mut self.cables[cable].ends[side], End::Gone);
        if let End::Node(at, conn) = end {
            self.handle(at, Input::Closed { conn, cause });
        }
    }
}

//! The lab: the words in which scenarios are written.
//!
//! `configure peers follow promote fail_over client stranger | cut isolate refuse hang heal slow
//! stall reset half_open break_after | freeze thaw read_slowly skew drift stop crash boot restart |
//! harm_disk heal_disk rot | lull settle pass | offset dataset syncs role took`. Everything a
//! scenario does goes through these; the properties are checked after every step without being
//! named.

mod client;
mod connection;
mod dawdler;
mod decisions;
mod elder;
mod failover;
mod faults;
mod peer;
mod probe;
mod racer;
mod reply;
mod settle;
mod sipper;
mod stranger;
mod subscriber;
mod waiter;
mod watch;
mod workload;

use std::{
    cell::{Cell, RefCell},
    future::Future,
    rc::Rc,
    time::Duration,
};

pub use self::{
    client::{Client, Lost},
    connection::Connection,
    decisions::Decision,
    faults::Breakage,
    peer::Peer,
    reply::Reply,
    stranger::{EMPTY_SNAPSHOT, Heard, Payload, Stranger, Takes, Wire},
};
pub(crate) use self::{
    reply::{Malformed, parse as parse_reply},
    workload::Kind,
};
use crate::{
    alarm::Alarm,
    clock::Clock,
    directives,
    disk::Platter,
    draw::Draw,
    evidence::Evidence,
    guard::guarded,
    machine::Machine,
    net::{HostId, Weather},
    record::What,
    world::World,
};
/// The directives of a node.
pub use repl_core::base::config::{Access, Config};
/// The decisions of a node.
pub use repl_core::marks::Mark;

pub use crate::{disk::DiskFault, invariants::Syncs, machine::Crash, node_view::Role};

/// A handle to the lab of one run.
#[derive(Clone, Debug)]
pub struct Lab(Rc<Bench>);

/// What the network and the clocks of a run are like while nothing goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditions {
    /// As the seed draws them: latencies and their tails, bandwidths, windows, the pieces in which
    /// bytes arrive, clocks that drift and are wrong.
    Drawn,
    /// One latency everywhere, everything in one piece, right clocks.
    Calm,
}

/// What the lab keeps beside the world.
#[derive(Debug)]
struct Bench {
    world: Rc<World>,
    /// What the next nodes are configured with.
    config: RefCell<Config>,
    conditions: Cell<Conditions>,
    /// The nodes that are expected to come to rest; all of them if nothing is said.
    core: RefCell<Option<Vec<usize>>>,
    /// Who was told to follow whom, by node.
    follows: RefCell<Vec<Option<usize>>>,
    client_count: Cell<usize>,
    stranger_count: Cell<u8>,
    draw: RefCell<Draw>,
}

impl Lab {
    pub(crate) fn new(seed: u64, evidence: Rc<Evidence>) -> Self {
        let config = directives::drawn(&mut Draw::new(seed, "config"));
        Self(Rc::new(Bench {
            world: World::new(seed, evidence),
            config: RefCell::new(config),
            conditions: Cell::new(Conditions::Drawn),
            core: RefCell::default(),
            follows: RefCell::default(),
            client_count: Cell::new(0),
            stranger_count: Cell::new(0),
            draw: RefCell::new(Draw::new(seed, "scenario")),
        }))
    }

    pub(crate) fn world(&self) -> &Rc<World> {
        &self.0.world
    }

    /// Fixes directives of the nodes that are created from now on; the others are as the seed drew
    /// them.
    pub fn configure(&self, fix: impl FnOnce(&mut Config)) {
        fix(&mut self.0.config.borrow_mut());
    }

    /// What the next nodes are configured with.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.config.borrow().clone()
    }

    /// What network and clocks are like; to be said before there are nodes.
    pub(crate) fn set_conditions(&self, conditions: Conditions) {
        self.0.conditions.set(conditions);
        if conditions == Conditions::Calm {
            self.0.world.net.with(|network, _| network.set_weather(Weather::calm()));
        }
    }

    /// Creates and starts `N` nodes, all masters, named `n1`, `n2`, ..., each with a clock of its
    /// own.
    pub async fn peers<const N: usize>(&self) -> [Peer; N] {
        let peers = std::array::from_fn(|_| self.add_peer());
        self.until_served().await;
        peers
    }

    /// As [`peers`](Self::peers), with these numbers in their names and these directives.
    pub(crate) async fn numbered_peers(&self, nodes: Vec<(u8, Config)>) -> Vec<Peer> {
        let add = |(number, config)| self.add_numbered_peer(number, config);
        let peers = nodes.into_iter().map(add).collect();
        self.until_served().await;
        peers
    }

    /// Nobody talks to nodes that are still looking for the files they may have left.
    async fn until_served(&self) {
        loop {
            self.pass(Duration::from_millis(1)).await;
            let machines = self.machines();
            if !machines.iter().any(|machine| machine.is_loading()) {
                return;
            }
        }
    }

    /// The clients that are created from now on have numbers above this one.
    pub(crate) fn number_clients_from(&self, number: usize) {
        self.0.client_count.set(number);
    }

    /// A number that no client has.
    fn next_client_number(&self) -> usize {
        let number = self.0.client_count.get() + 1;
        self.0.client_count.set(number);
        number
    }

    /// A host of its own for a client that is not the lab's.
    fn add_client_host(&self) -> HostId {
        client::add_host(self.world(), self.next_client_number())
    }

    fn add_peer(&self) -> Peer {
        let count = self.0.world.machines.borrow().len();
        let number = u8::try_from(count + 1).expect("a lab has few nodes");
        self.add_numbered_peer(number, self.config())
    }

    fn add_numbered_peer(&self, number: u8, config: Config) -> Peer {
        let world = &self.0.world;
        let index = world.machines.borrow().len();
        let name = format!("n{number}");
        let ip = format!("10.0.0.{number}");
        let host = world.net.with(|network, _| network.add_host(&name, &ip));
        if let Some(recorder) = &world.evidence.recorder {
            recorder.borrow_mut().add_node(&name, host);
        }
        let clock = match self.0.conditions.get() {
            Conditions::Drawn => Clock::drawn(&mut Draw::new(world.seed, &format!("clock {name}"))),
            Conditions::Calm => Clock::right(),
        };
        let disk = Platter::new(world.seed, &name);
        let machine = Rc::new(Machine::new(index, name, host, clock, config, disk));
        world.machines.borrow_mut().push(Rc::clone(&machine));
        self.0.follows.borrow_mut().push(None);
        machine.boot(world);
        Peer::new(self.clone(), machine)
    }

    /// Lets virtual time pass.
    pub async fn pass(&self, span: Duration) {
        Alarm::after(self.0.world.net.time(), span).await;
    }

    /// Lets virtual time pass until the run is so old.
    pub async fn pass_until(&self, age: Duration) {
        self.pass(age.saturating_sub(self.elapsed())).await;
    }

    /// A span of `low..=high`, drawn from the scenario's own stream.
    #[must_use]
    pub fn draw_span(&self, low: Duration, high: Duration) -> Duration {
        self.0.draw.borrow_mut().span(low, high)
    }

    /// A number of `low..=high`, drawn from the scenario's own stream.
    #[must_use]
    pub fn draw_number(&self, low: u64, high: u64) -> u64 {
        self.0.draw.borrow_mut().between(low, high)
    }

    /// Runs `work` beside the scenario; what it gives back resolves when the work is done. A panic
    /// of it is a failure of the run.
    pub fn in_background(
        &self,
        work: impl Future<Output = ()> + 'static,
    ) -> impl Future<Output = ()> + 'static {
        let evidence = Rc::clone(&self.0.world.evidence);
        let work = self.0.world.spawn(async move {
            if let Err(broken) = guarded(work).await {
                evidence.fail(None, broken);
            }
        });
        async move {
            // Cancelled at the end of the run, and then nobody waits.
            let _ = work.await;
        }
    }

    /// Virtual time since the start of the run.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.world.net.time().elapsed()
    }

    /// The lab does something, and says so in a line of the trace.
    pub(crate) fn act(&self, event: std::fmt::Arguments<'_>) {
        self.tell(event, What::Order);
        self.0.world.evidence.judge.borrow_mut().on_cause();
    }

    /// A line of the trace about what the lab does.
    pub(crate) fn note(&self, event: std::fmt::Arguments<'_>) {
        self.tell(event, What::Note);
    }

    fn tell(&self, event: std::fmt::Arguments<'_>, what: fn(String) -> What) {
        let evidence = &self.0.world.evidence;
        if !evidence.failed() {
            evidence.now.set(self.0.world.net.now());
            evidence.record(None, || what(event.to_string()));
            evidence.trace.borrow_mut().lab(evidence.now.get(), event);
        }
    }
}

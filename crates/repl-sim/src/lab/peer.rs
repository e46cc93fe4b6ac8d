//! One node of the lab, as a scenario talks about it.

use std::{path::Path, rc::Rc, time::Duration};

use super::{Client, Lab, Lost, Mark, Reply};
use crate::{
    disk::DiskFault,
    invariants::Syncs,
    machine::{Crash, Machine},
    net::HostId,
    node_view::{self, Role, View},
    record::What,
};

/// What a process that has been told to end may take beyond `shutdown-timeout`.
const SHUTDOWN_SLACK: Duration = Duration::from_secs(5);

/// A handle to a node; it stays the same when the node's process dies and another one boots.
#[derive(Clone, Debug)]
pub struct Peer {
    pub(super) lab: Lab,
    pub(super) machine: Rc<Machine>,
}

impl Peer {
    /// Whether a client that was silent for so long may have been sent away (`timeout`).
    pub(crate) fn sends_away_after(&self, silence: Duration) -> bool {
        let timeout = self.machine.config.timeout;
        // By a clock that is fast.
        !timeout.is_zero() && silence + Duration::from_secs(1) >= timeout
    }

    pub(super) const fn new(lab: Lab, machine: Rc<Machine>) -> Self {
        Self { lab, machine }
    }

    /// Its name, also its host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.machine.name
    }

    pub(super) fn host(&self) -> HostId {
        self.machine.host
    }

    /// A new client of this node, on a host of its own.
    #[must_use]
    pub fn client(&self) -> Client {
        self.numbered_client(self.lab.next_client_number())
    }

    /// As [`client`](Self::client): what it draws hangs on its number, which no other client has.
    pub(crate) fn numbered_client(&self, number: usize) -> Client {
        Client::new(self.lab.world(), &self.machine, number)
    }

    /// `REPLICAOF` another node. Returns when the node has said yes, not when the link is up.
    pub async fn follow(&self, master: &Self) {
        self.lab.act(format_args!("{} follows {}", self.name(), master.name()));
        self.lab.0.follows.borrow_mut()[self.machine.index] = Some(master.machine.index);
        let port = master.machine.config.port.to_string();
        self.command(&["REPLICAOF", master.name(), &port]).await;
        self.has_obeyed();
    }

    /// `REPLICAOF NO ONE`.
    pub async fn promote(&self) {
        self.lab.act(format_args!("{} is promoted", self.name()));
        self.lab.0.follows.borrow_mut()[self.machine.index] = None;
        self.command(&["REPLICAOF", "NO", "ONE"]).await;
        self.has_obeyed();
    }

    /// Whoever it followed before, it does no more.
    fn has_obeyed(&self) {
        self.lab.world().evidence.judge.borrow_mut().on_order(self.machine.index);
    }

    /// `REPLICAOF` another node in the middle of a transaction, with a write before it where the
    /// node takes writes.
    pub async fn follow_in_transaction(&self, master: &Self) {
        self.lab.act(format_args!("{} follows {} by MULTI", self.name(), master.name()));
        self.lab.0.follows.borrow_mut()[self.machine.index] = Some(master.machine.index);
        let port = master.machine.config.port.to_string();
        let replicaof = ["REPLICAOF", master.name(), &port];
        let write = ["APPEND", "key:0", "x"];
        let commands: &[&[&str]] = match self.role() {
            Role::Master => &[&["MULTI"], &write, &replicaof, &["EXEC"]],
            Role::Replica => &[&["MULTI"], &replicaof, &["EXEC"]],
        };
        let mut client = self.client();
        let mut last = Err(Lost);
        for command in commands {
            last = client.call(command).await;
        }
        if !matches!(last, Ok(Reply::Array(Some(_)))) {
            // Refused or lost half way: what counts is whom it follows in the end.
            self.follow(master).await;
        }
        self.has_obeyed();
    }

    /// `CLIENT PAUSE` for writes.
    pub async fn pause_writes(&self, span: Duration) {
        self.lab.act(format_args!("{} takes no writes for {span:?}", self.name()));
        let world = self.lab.world();
        let from = world.net.now();
        self.command(&["CLIENT", "PAUSE", &span.as_millis().to_string(), "WRITE"]).await;
        let now = world.net.now();
        world.evidence.judge.borrow_mut().on_paused(self.machine.index, now, from, span);
    }

    /// Repeats an idempotent command until it is answered.
    ///
    /// # Panics
    /// When the answer is not `+OK...`.
    pub(super) async fn command(&self, words: &[&str]) {
        let mut client = self.client();
        for _ in 0..100 {
            match client.call(words).await {
                Ok(Reply::Simple(text)) if text.starts_with("OK") => return,
                Ok(reply) => panic!("{} answers {words:?} with {reply:?}", self.name()),
                Err(_) => self.lab.pass(Duration::from_millis(100)).await,
            }
        }
        panic!("{} never answered {words:?}", self.name());
    }

    /// Turns the node's wall clock by so many milliseconds.
    pub fn skew(&self, millis: i64) {
        self.lab.fault(format_args!("skew {} by {millis} ms", self.name()));
        self.machine.clock.step(millis);
    }

    /// From now on both clocks of the node gain so many microseconds in a second.
    pub fn drift(&self, ppm: i64) {
        self.lab.fault(format_args!("drift of {} is {ppm} ppm", self.name()));
        self.machine.clock.drift(self.lab.world().net.now(), ppm);
    }

    /// The process stands still, as after SIGSTOP: its connections stay, and nobody is answered.
    pub fn freeze(&self) {
        self.lab.fault(format_args!("freeze {}", self.name()));
        self.machine.freeze();
    }

    /// The process goes on, and reads as fast as it can.
    pub fn thaw(&self) {
        let (host, net) = (self.host(), &self.lab.world().net);
        if !self.is_frozen() && net.with(|network, _| network.reads_per_second(host)) == 0 {
            return;
        }
        self.lab.act(format_args!("thaw {}", self.name()));
        self.machine.thaw(self.lab.world());
    }

    /// Whether the process stands still.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.machine.is_frozen()
    }

    /// The node takes so many bytes a second from each of its connections; zero for no limit.
    pub fn read_slowly(&self, bytes_per_second: u64) {
        let (host, net) = (self.host(), &self.lab.world().net);
        self.lab.fault(format_args!("{} reads {bytes_per_second} bytes a second", self.name()));
        net.with(|network, _| network.set_reads_per_second(host, bytes_per_second));
    }

    /// `CONFIG REWRITE`: the next process begins with the directives of this one, and with its
    /// master.
    pub async fn rewrite_config(&self) {
        self.lab.act(format_args!("{} rewrites its configuration", self.name()));
        self.command(&["CONFIG", "REWRITE"]).await;
    }

    /// SIGTERM: the process ends once its replicas have everything, or after `shutdown-timeout`.
    /// Breaks the property *shutdown-ends* if it does not. The process must not stand still.
    ///
    /// # Panics
    /// When none is running.
    pub async fn stop(&self) {
        assert!(self.machine.is_up(), "{} has ended already", self.name());
        self.lab.fault(format_args!("stop {}", self.name()));
        let limit = self.machine.config.shutdown_timeout + SHUTDOWN_SLACK;
        let began = self.lab.elapsed();
        self.machine.terminate();
        while self.machine.is_up() {
            self.lab.pass(Duration::from_millis(10)).await;
            if self.lab.elapsed() - began > limit {
                let expected = format!("a process that ends within {limit:?} of SIGTERM");
                let actual = "it is still running".to_owned();
                self.lab.broken("shutdown-ends", self.name(), expected, actual);
                std::future::pending::<()>().await;
            }
        }
    }

    /// Ends the node's process at once.
    ///
    /// # Panics
    /// When none is running.
    pub fn crash(&self, crash: Crash) {
        assert!(self.machine.is_up(), "{} has crashed already", self.name());
        self.lab.fault(format_args!("crash {} ({crash:?})", self.name()));
        let world = self.lab.world();
        let state = self.machine.state(world.net.now());
        world.evidence.record(Some((self.machine.index, state)), || What::Died);
        self.machine.crash(world, crash);
    }

    /// Something goes wrong with the node's disk.
    pub fn harm_disk(&self, fault: DiskFault) {
        self.lab.fault(format_args!("disk of {}: {fault:?}", self.name()));
        self.machine.disk.harm(fault);
    }

    /// Nothing goes wrong with the node's disk any more. What was lost stays lost.
    pub fn heal_disk(&self) {
        self.lab.act(format_args!("disk of {} heals", self.name()));
        self.machine.disk.heal();
    }

    /// A bit of a file on the node's disk turns, and nobody is told. A configuration file that has
    /// rotted may be one with which no process starts: then the run fails.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn rot(&self, path: &Path) {
        self.lab.fault(format_args!("a bit of {} rots on {}", path.display(), self.name()));
        self.machine.disk.rot(path).expect("the file exists");
        self.lab.world().evidence.judge.borrow_mut().on_rot(self.machine.index);
    }

    /// Whether a process is running.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.machine.is_up()
    }

    /// Whether the running process has ever taken this decision.
    ///
    /// # Panics
    /// When the node is down.
    #[must_use]
    pub fn took(&self, mark: Mark) -> bool {
        self.machine.with_node(|node| node.marks().count(mark)).expect("the node is up") > 0
    }

    /// Starts a new process with what the disk kept: the snapshot file, or an empty dataset without
    /// one, and the configuration file, in which it may find a master. Returns when the process
    /// serves, or has ended because its file cannot be loaded.
    ///
    /// # Panics
    /// When one is running.
    pub async fn restart(&self) {
        self.boot().await;
        while self.machine.is_loading() {
            self.lab.pass(Duration::from_millis(1)).await;
        }
    }

    /// As [`restart`](Self::restart), but does not wait until the snapshot file is loaded.
    ///
    /// # Panics
    /// When a process is running.
    pub async fn boot(&self) {
        self.lab.act(format_args!("restart {}", self.name()));
        let world = self.lab.world();
        world.net.with(|network, now| network.power_on(now, self.host()));
        let master = self.master_in_file();
        let place = master.and_then(|name| {
            let machines = world.machines.borrow();
            machines.iter().position(|machine| machine.name == name)
        });
        self.lab.0.follows.borrow_mut()[self.machine.index] = place;
        self.machine.boot(world);
        self.lab.pass(Duration::from_millis(1)).await;
    }

    /// Whom the next process follows from the start.
    pub(crate) fn master_in_file(&self) -> Option<String> {
        self.machine.found_config().replicaof.map(|master| master.host)
    }

    /// The number of the last byte of the history that the node has produced or applied.
    ///
    /// # Panics
    /// When the node is down.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.view().offset
    }

    /// A hash of everything in all databases, expiries included; equal for equal datasets.
    ///
    /// # Panics
    /// When the node is down.
    #[must_use]
    pub fn dataset(&self) -> u64 {
        self.machine.with_node(node_view::dataset_hash).expect("the node is up")
    }

    /// As [`dataset`](Self::dataset), of the keys that do not expire: those that are there however
    /// much time passes.
    ///
    /// # Panics
    /// When the node is down.
    #[must_use]
    pub fn lasting_dataset(&self) -> u64 {
        self.machine.with_node(|node| node.keyspace().lasting_hash()).expect("the node is up")
    }

    /// The resynchronisations this node was granted so far.
    #[must_use]
    pub fn syncs(&self) -> Syncs {
        self.lab.world().evidence.judge.borrow().syncs(self.machine.index)
    }

    /// Master or replica.
    ///
    /// # Panics
    /// When the node is down.
    #[must_use]
    pub fn role(&self) -> Role {
        self.view().role
    }

    fn view(&self) -> View {
        self.machine.with_node(node_view::view).expect("the node is up")
    }
}

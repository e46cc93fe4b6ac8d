//! The driver's [`Platform`] in the simulation: virtual time through the node's own clock, the
//! simulated network, the trace for a log, and the judge for an observer.

use std::{
    fmt,
    future::{self, Future, poll_fn},
    io,
    path::PathBuf,
    pin::Pin,
    rc::Rc,
    task::Poll,
};

use repl_core::{
    Node,
    base::{
        config::{Config, ConfigError},
        ids::Endpoint,
        time::{Instant, Now, Stopwatch},
    },
    io::{ConfigChange, Decision, HostFacts, Level, Verdict, Wire},
};
use repl_server::platform::{Event, Listener, Platform};

use crate::{
    alarm::Alarm,
    disk::SimDisk,
    guard::guarded,
    invariants::{Broken, Surroundings},
    lab,
    machine::{CONFIG_FILE, Crash, Machine},
    net::stream::{SimListener, SimStream},
    node_view,
    record::What,
    trace::Subject,
    world::World,
};

/// More inputs than this in one run mean that some node is busy for ever.
const STEP_LIMIT: u64 = 20_000_000;

/// The world as one process sees it.
#[derive(Clone)]
pub(crate) struct SimPlatform {
    world: Rc<World>,
    machine: Rc<Machine>,
    /// Which process of the machine this is: a dead one must not be heard any more.
    life: u64,
}

impl fmt::Debug for SimPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimPlatform").field("node", &self.machine.name).finish_non_exhaustive()
    }
}

impl SimPlatform {
    pub(crate) fn new(world: Rc<World>, machine: Rc<Machine>) -> Self {
        let life = machine.lives.get();
        Self { world, machine, life }
    }

    fn trace(&self, event: fmt::Arguments<'_>) {
        let time = self.world.net.now();
        let view = self.machine.last_view.get();
        let wall = self.machine.clock.at(time).wall;
        let subject = Subject { name: &self.machine.name, wall, view: &view };
        self.world.evidence.trace.borrow_mut().node(time, subject, event);
    }

    /// The same for the record, where there is one.
    fn record(&self, what: impl FnOnce() -> What) {
        let evidence = &self.world.evidence;
        if evidence.recorder.is_none() {
            return;
        }
        let state = self.machine.state(self.world.net.now());
        evidence.record(Some((self.machine.index, state)), what);
    }

    fn record_event(&self, event: Event<'_>) {
        self.record(|| match event {
            Event::Accepted(_) => What::Accepted,
            Event::Connected(_) => What::Connected,
            Event::Received(_, bytes) => What::Received(bytes.len()),
            Event::Sent(_, count) => What::Sent(count),
            Event::Closed(_) => What::Closed,
            Event::Decided(decision) => What::Decided(decided(decision)),
            Event::Woken => What::Woken,
        });
    }

    fn trace_event(&self, event: Event<'_>, changed: Changed) {
        let name =
            |conn: repl_core::base::ids::ConnId| format!("c{}.{}", conn.slot(), conn.generation());
        match event {
            Event::Accepted(conn) => self.trace(format_args!("accepted  {}", name(conn))),
            Event::Connected(conn) => self.trace(format_args!("connected {}", name(conn))),
            Event::Received(conn, bytes) => {
                self.trace(format_args!("received  {} {}", name(conn), bytes.len()));
            }
            Event::Sent(conn, count) => {
                self.trace(format_args!("sent      {} {count}", name(conn)));
            }
            Event::Closed(conn) => self.trace(format_args!("closed    {}", name(conn))),
            Event::Decided(decision) => {
                let conn = name(decision.conn);
                self.trace(format_args!("decided   {conn} {}", decided(decision)));
            }
            Event::Woken if changed == Changed::Yes => self.trace(format_args!("woken")),
            Event::Woken => {}
        }
    }

    fn surroundings(&self) -> Surroundings {
        let machines = self.world.machines.borrow();
        let (links_whole, broken_count) =
            self.world.net.with(|network, _| (network.is_whole(), network.broken_count()));
        let all_up = machines.iter().all(|machine| machine.is_running())
            && !self.world.some_node_reads_slowly();
        let node_count = machines.len() as u64;
        Surroundings { node_count, whole: all_up && links_whole, broken_count }
    }

    fn judge(&self, node: &Node, event: Event<'_>) -> Result<(), Broken> {
        let evidence = &self.world.evidence;
        let view = self.machine.last_view.get();
        let mut judge = evidence.judge.borrow_mut();
        let now = evidence.now.get();
        let peer_of = |conn| self.machine.accepted_from.borrow().get(&conn).copied();
        if let Event::Received(conn, _) = event {
            match peer_of(conn) {
                Some(peer) => {
                    if self.machine.accepted_last.borrow().get(&peer) == Some(&conn) {
                        judge.on_received(peer, self.machine.index, &view, now);
                    }
                    if let Some(replica) = self.world.machine_at(peer) {
                        judge.on_node_heard(replica.index, self.machine.index, now);
                    }
                }
                // A node dials nobody but its master.
                None => judge.on_master_heard(self.machine.index, now),
            }
        }
        if let Event::Decided(decision) = event {
            let peer = peer_of(decision.conn);
            let asker = peer.and_then(|host| self.world.machine_at(host));
            let backlog_size = self.machine.config.repl_backlog_size;
            evidence.decisions.borrow_mut().push(lab::Decision {
                master: self.machine.name.clone(),
                replica: asker.as_ref().map(|machine| machine.name.clone()),
                asked: decision.asked,
                replid: view.replid,
                verdict: decision.verdict,
            });
            let asker = asker.map(|machine| machine.index);
            let around = self.surroundings();
            judge.on_decision(self.machine.index, &view, backlog_size, asker, decision, around)?;
        }
        judge.on_event(self.machine.index, node, &view, now)?;
        evidence.step_count.set(evidence.step_count.get() + 1);
        if evidence.step_count.get() > STEP_LIMIT {
            return Err(Broken {
                property: "bounded-steps",
                expected: format!("a run of less than {STEP_LIMIT} inputs"),
                actual: "the nodes are still busy".to_owned(),
            });
        }
        Ok(())
    }
}

fn decided(decision: &Decision) -> String {
    let asked =
        decision.asked.map_or_else(|| "? -1".to_owned(), |(id, offset)| format!("{id:?} {offset}"));
    match decision.verdict {
        Verdict::Continue => format!("PSYNC {asked} -> CONTINUE"),
        Verdict::Full(reason) => {
            format!("PSYNC {asked} -> FULLRESYNC ({})", reason.name().word())
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Changed {
    Yes,
    No,
}

impl Platform for SimPlatform {
    type Stream = SimStream;
    type Listener = NodeListener;
    type Disk = SimDisk;

    fn now(&self) -> Now {
        self.machine.clock.at(self.world.net.now())
    }

    /// Virtual time stands still while a node works: no command takes any.
    fn stopwatch(&self) -> Box<dyn Stopwatch> {
        Box::new(self.clone())
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        if self.life != self.machine.lives.get() {
            return;
        }
        let (evidence, machine) = (Rc::clone(&self.world.evidence), Rc::clone(&self.machine));
        let task = machine.clone().in_motion(task);
        let task = async move {
            if let Err(broken) = guarded(task).await {
                evidence.fail(Some(&machine.name), broken);
            }
        };
        self.machine.adopt(madsim::task::spawn_local(task).abort_handle());
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + 'static {
        let (world, machine) = (Rc::clone(&self.world), Rc::clone(&self.machine));
        let mut alarm: Option<Alarm> = None;
        poll_fn(move |cx| {
            loop {
                let now = world.net.now();
                if machine.clock.at(now).mono >= at {
                    return Poll::Ready(());
                }
                let set = alarm.get_or_insert_with(|| {
                    let wake_at = machine.clock.virtual_time(at);
                    Alarm::after(world.net.time(), wake_at.since(now))
                });
                if Pin::new(set).poll(cx).is_pending() {
                    return Poll::Pending;
                }
                // The clock is asked again, not the alarm.
                alarm = None;
            }
        })
    }

    /// Who listens in this network would see the same bytes either way.
    fn dial(
        &self,
        to: Endpoint,
        _over: Wire,
    ) -> impl Future<Output = io::Result<SimStream>> + 'static {
        self.world.net.dial(self.machine.host, &to.host, to.port)
    }

    fn log(&self, level: Level, text: &str) {
        let evidence = &self.world.evidence;
        if evidence.failed() || self.life != self.machine.lives.get() {
            return;
        }
        evidence.now.set(self.world.net.now());
        let mark = match level {
            Level::Debug => '.',
            Level::Verbose => '-',
            Level::Notice => '*',
            Level::Warning => '#',
        };
        self.record(|| What::Logged(level, text.to_owned()));
        self.trace(format_args!("log     {mark} {text}"));
        let judged = evidence.judge.borrow().on_log(self.machine.index, text);
        if let Err(broken) = judged {
            evidence.fail(Some(&self.machine.name), broken);
        }
    }

    /// On a simulated disk there is every folder, and whatever certificates are wanted.
    fn apply(
        &self,
        change: &ConfigChange,
    ) -> impl Future<Output = Result<Config, ConfigError>> + 'static {
        future::ready(Ok(change.config.clone()))
    }

    fn disk(&self) -> SimDisk {
        SimDisk::new(Rc::clone(&self.world), Rc::clone(&self.machine))
    }

    fn config_file(&self) -> PathBuf {
        CONFIG_FILE.into()
    }

    fn host_facts(&self) -> HostFacts {
        HostFacts {
            pid: 1 + u32::try_from(self.machine.index).unwrap_or(u32::MAX - 1),
            os: "Simulated".to_owned(),
            executable: "/usr/bin/repl-server".to_owned(),
            config_file: CONFIG_FILE.to_owned(),
            clients_max: 0,
            used_memory: 1 << 20,
            used_memory_rss: 1 << 21,
            cpu_sys_micros: 0,
            cpu_user_micros: 0,
        }
    }

    fn exit(&self, status: i32) {
        self.record(|| What::Exited(status));
        self.trace(format_args!("exit      {status}"));
        self.machine.crash(&self.world, Crash::Process);
    }

    fn observe(&self, node: &Node, event: Event<'_>) {
        let evidence = &self.world.evidence;
        if evidence.failed() || self.life != self.machine.lives.get() {
            return;
        }
        evidence.now.set(self.world.net.now());
        match event {
            Event::Accepted(conn) => {
                if let Some(peer) = self.machine.accepting_from.take() {
                    self.machine.accepted_from.borrow_mut().insert(conn, peer);
                    self.machine.accepted_last.borrow_mut().insert(peer, conn);
                }
            }
            Event::Closed(conn) => {
                self.machine.accepted_from.borrow_mut().remove(&conn);
            }
            Event::Connected(_)
            | Event::Received(..)
            | Event::Sent(..)
            | Event::Decided(_)
            | Event::Woken => {}
        }
        self.machine.turn_at.set(evidence.now.get());
        let view = node_view::view(node);
        let before = self.machine.last_view.replace(view);
        self.record_event(event);
        self.trace_event(event, if before == view { Changed::No } else { Changed::Yes });
        if let Err(broken) = self.judge(node, event) {
            evidence.fail(Some(&self.machine.name), broken);
        }
    }
}

impl Stopwatch for SimPlatform {
    fn read(&self) -> Instant {
        self.now().mono
    }
}

/// A node's listener. It notes who connects: the node is told only an address.
#[derive(Debug)]
pub(crate) struct NodeListener {
    listener: SimListener,
    machine: Rc<Machine>,
}

impl NodeListener {
    pub(crate) const fn new(listener: SimListener, machine: Rc<Machine>) -> Self {
        Self { listener, machine }
    }
}

impl Listener for NodeListener {
    type Stream = SimStream;

    async fn accept(&mut self) -> io::Result<SimStream> {
        let stream = self.listener.accept().await?;
        // The driver hands the stream to the node before anything else happens.
        self.machine.accepting_from.set(Some(stream.peer_host()));
        Ok(stream)
    }
}

//! One simulated machine that runs a node: what stays when the process dies, and how it dies and
//! boots.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::{Future, poll_fn},
    path::Path,
    pin::pin,
    rc::Rc,
    task::{Poll, Waker},
};

use madsim::task::AbortHandle;
use repl_core::{
    Node,
    base::{
        config::{Config, Given},
        ids::ConnId,
        rng::Seed,
        time::Instant,
    },
    io::{Input, Signal},
};
use repl_server::{
    config_file::{Origin, load_text},
    driver::Driver,
    platform::Platform as _,
};

use crate::{
    clock::Clock,
    disk::Platter,
    draw::Draw,
    net::HostId,
    node_view::View,
    platform::{NodeListener, SimPlatform},
    record::{State, What},
    world::World,
};

/// Where a node's configuration is on its disk, once it was rewritten.
pub(crate) const CONFIG_FILE: &str = "/etc/redis.conf";

/// How a process ends without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// `kill -9`: the kernel resets its connections.
    Process,
    /// The machine goes dark and says nothing.
    Power,
}

/// See this file's header.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) host: HostId,
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    pub(crate) disk: Platter,
    /// How often a process was started here.
    pub(crate) lives: Cell<u64>,
    /// When the node last handled an input.
    pub(crate) turn_at: Cell<Instant>,
    /// What the node last said of itself, for lines that are written while it cannot be asked.
    pub(crate) last_view: Cell<View>,
    /// Who opened the connection that the node is about to hear of.
    pub(crate) accepting_from: Cell<Option<HostId>>,
    /// The connection that each host opened last: what it said on others it has given up.
    pub(crate) accepted_last: RefCell<BTreeMap<HostId, ConnId>>,
    /// Who is at the other end of accepted connections.
    pub(crate) accepted_from: RefCell<BTreeMap<ConnId, HostId>>,
    /// The driver of the running process.
    driver: RefCell<Option<Driver<SimPlatform>>>,
    tasks: RefCell<Vec<AbortHandle>>,
    /// Whether the process may run.
    motion: Cell<Motion>,
    /// The tasks that would have run while it stood still.
    held: RefCell<Vec<Waker>>,
}

/// Whether a process has been stopped, as by SIGSTOP: its host goes on, and so do its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Motion {
    Runs,
    Frozen,
}

impl Machine {
    pub(crate) fn new(
        index: usize,
        name: String,
        host: HostId,
        clock: Clock,
        config: Config,
        disk: Platter,
    ) -> Self {
        Self {
            index,
            name,
            host,
            clock,
            config,
            disk,
            lives: Cell::new(0),
            turn_at: Cell::new(Instant::ORIGIN),
            last_view: Cell::new(View::NOTHING),
            accepting_from: Cell::new(None),
            accepted_last: RefCell::default(),
            accepted_from: RefCell::default(),
            driver: RefCell::default(),
            tasks: RefCell::default(),
            motion: Cell::new(Motion::Runs),
            held: RefCell::default(),
        }
    }

    /// Starts a process.
    ///
    /// # Panics
    /// When one is running.
    pub(crate) fn boot(self: &Rc<Self>, world: &Rc<World>) {
        assert!(!self.is_up(), "{} is running already", self.name);
        self.lives.set(self.lives.get() + 1);
        let platform = SimPlatform::new(Rc::clone(world), Rc::clone(self));
        let purpose = format!("node {} life {}", self.name, self.lives.get());
        let seed = Seed::from_u64(Draw::new(world.seed, &purpose).bits());
        let node = Node::from_disk(self.found_config(), seed, platform.now());
        world.evidence.judge.borrow_mut().on_boot(self.index);
        world.evidence.record(Some((self.index, self.state(world.net.now()))), || What::Booted);
        let listener = world
            .net
            .listen(self.host, self.config.port)
            .expect("a machine without a process listens nowhere");
        let driver = Driver::new(platform.clone(), node);
        *self.driver.borrow_mut() = Some(driver.clone());
        driver.serve(NodeListener::new(listener, Rc::clone(self)));
        platform.spawn(async move {
            driver.run().await;
        });
    }

    /// What a process finds when it starts: what it was given, and on top of it what the file says
    /// that `CONFIG REWRITE` left.
    ///
    /// # Panics
    /// When the file is no whole one: no loss of any kind excuses that.
    pub(crate) fn found_config(&self) -> Config {
        let mut config = self.config.clone();
        if let Some(text) = self.disk.content(Path::new(CONFIG_FILE)) {
            // Its lines take the place of what was given.
            config.save_given = Given::No;
            load_text(&mut config, &Origin::File, &text).expect("the file was replaced as a whole");
        }
        config
    }

    /// Whether a process runs that has not loaded its file yet.
    pub(crate) fn is_loading(&self) -> bool {
        self.with_node(Node::is_loading).unwrap_or(false)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.driver.borrow().is_some()
    }

    /// What the node last said of itself, and what its clock says now.
    pub(crate) fn state(&self, now: Instant) -> State {
        let View { role, link, replid, offset, .. } = self.last_view.get();
        let (wall, skew_millis) = (self.clock.at(now).wall, self.clock.skew_millis());
        State { wall, skew_millis, role, link, replid, offset }
    }

    /// Asks the process to end, as SIGTERM does.
    pub(crate) fn terminate(&self) {
        // The borrow ends before the node is told: it may end at once.
        let driver = self.driver.borrow().clone();
        if let Some(driver) = driver {
            driver.input(Input::Terminate(Signal::Terminate));
        }
    }

    /// The process stands still until [`thaw`](Self::thaw), as after SIGSTOP.
    pub(crate) fn freeze(&self) {
        self.motion.set(Motion::Frozen);
    }

    /// The process goes on, and reads as fast as it can.
    pub(crate) fn thaw(&self, world: &World) {
        world.net.with(|network, _| network.set_reads_per_second(self.host, 0));
        world.evidence.judge.borrow_mut().on_thaw(self.index, world.net.now());
        self.motion.set(Motion::Runs);
        for task in self.held.borrow_mut().drain(..) {
            task.wake();
        }
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.motion.get() == Motion::Frozen
    }

    /// Whether a process runs that does something.
    pub(crate) fn is_running(&self) -> bool {
        self.is_up() && !self.is_frozen()
    }

    /// A task of the process: it has no turn while the process stands still.
    pub(crate) async fn in_motion<T>(self: Rc<Self>, task: impl Future<Output = T>) -> T {
        let mut task = pin!(task);
        poll_fn(|cx| {
            if self.is_frozen() {
                let mut held = self.held.borrow_mut();
                if !held.iter().any(|waker| waker.will_wake(cx.waker())) {
                    held.push(cx.waker().clone());
                }
                return Poll::Pending;
            }
            task.as_mut().poll(cx)
        })
        .await
    }

    /// Looks at the node, unless the process is dead.
    pub(crate) fn with_node<T>(&self, look: impl FnOnce(&Node) -> T) -> Option<T> {
        let driver = self.driver.borrow();
        driver.as_ref().map(|driver| look(&driver.node()))
    }

    /// Ends the process at once.
    pub(crate) fn crash(&self, world: &World, crash: Crash) {
        world.net.with(|network, now| match crash {
            Crash::Process => network.kill_processes(now, self.host),
            Crash::Power => network.power_off(now, self.host),
        });
        self.with_node(|node| world.evidence.add_marks(node.marks()));
        self.disk.lose(crash);
        self.accepted_from.borrow_mut().clear();
        self.accepted_last.borrow_mut().clear();
        self.motion.set(Motion::Runs);
        self.held.borrow_mut().clear();
        self.driver.borrow_mut().take();
        for task in self.tasks.borrow_mut().drain(..) {
            task.abort();
        }
    }

    /// Remembers a task that dies with the process.
    pub(crate) fn adopt(&self, task: AbortHandle) {
        let mut tasks = self.tasks.borrow_mut();
        if tasks.len() == tasks.capacity() {
            tasks.retain(|task| !task.is_finished());
        }
        tasks.push(task);
    }
}

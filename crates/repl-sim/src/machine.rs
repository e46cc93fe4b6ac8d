//! One simulated machine that runs a node: what stays when the process dies, and how it dies and
//! boots.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use madsim::task::AbortHandle;
use repl_core::{
    Node,
    base::{config::Config, ids::ConnId, rng::Seed, time::Instant},
};
use repl_server::{driver::Driver, platform::Platform as _};

use crate::{
    clock::Clock,
    draw::Draw,
    net::HostId,
    node_view::View,
    platform::{NodeListener, SimPlatform},
    record::{State, What},
    world::World,
};

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
    /// How often a process was started here.
    pub(crate) lives: Cell<u64>,
    /// What the node last said of itself, for lines that are written while it cannot be asked.
    pub(crate) last_view: Cell<View>,
    /// Who opened the connection that the node is about to hear of.
    pub(crate) accepting_from: Cell<Option<HostId>>,
    /// Who is at the other end of accepted connections.
    pub(crate) accepted_from: RefCell<BTreeMap<ConnId, HostId>>,
    /// The driver of the running process.
    driver: RefCell<Option<Driver<SimPlatform>>>,
    tasks: RefCell<Vec<AbortHandle>>,
}

impl Machine {
    pub(crate) fn new(
        index: usize,
        name: String,
        host: HostId,
        clock: Clock,
        config: Config,
    ) -> Self {
        Self {
            index,
            name,
            host,
            clock,
            config,
            lives: Cell::new(0),
            last_view: Cell::new(View::NOTHING),
            accepting_from: Cell::new(None),
            accepted_from: RefCell::default(),
            driver: RefCell::default(),
            tasks: RefCell::default(),
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
        let node = Node::new(self.config.clone(), seed, platform.now());
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

    pub(crate) fn is_up(&self) -> bool {
        self.driver.borrow().is_some()
    }

    /// What the node last said of itself, and what its clock says now.
    pub(crate) fn state(&self, now: Instant) -> State {
        let View { role, link, replid, offset, .. } = self.last_view.get();
        let (wall, skew_millis) = (self.clock.at(now).wall, self.clock.skew_millis());
        State { wall, skew_millis, role, link, replid, offset }
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
        self.accepted_from.borrow_mut().clear();
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

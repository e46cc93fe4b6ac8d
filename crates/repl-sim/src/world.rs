//! What all parts of one run share: the network, the machines, the evidence, the tasks of the lab
//! itself.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    rc::Rc,
};

use madsim::task::{AbortHandle, JoinHandle};
use repl_core::base::time::Instant;

use crate::{
    alarm::Alarm,
    evidence::Evidence,
    machine::{Crash, Machine},
    net::{HostId, Network, stream::Net},
};

/// See this file's header.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) net: Net,
    pub(crate) evidence: Rc<Evidence>,
    pub(crate) machines: RefCell<Vec<Rc<Machine>>>,
    tasks: RefCell<Vec<AbortHandle>>,
    /// Until when clients ask for nothing.
    pub(crate) quiet_until: Cell<Instant>,
}

impl World {
    /// An empty world whose network runs.
    pub(crate) fn new(seed: u64, evidence: Rc<Evidence>) -> Rc<Self> {
        let mut network = Network::new(seed);
        network.record_to(evidence.recorder.clone());
        let net = Net::new(network);
        let world = Rc::new(Self {
            seed,
            net: net.clone(),
            evidence,
            machines: RefCell::default(),
            tasks: RefCell::default(),
            quiet_until: Cell::new(Instant::ORIGIN),
        });
        world.spawn(net.pump());
        world
    }

    /// Runs a task of the lab until it ends or the run does.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
        let task = madsim::task::spawn_local(task);
        self.tasks.borrow_mut().push(task.abort_handle());
        task
    }

    /// Ends as soon as clients may ask for something.
    pub(crate) async fn lull(&self) {
        loop {
            let left = self.quiet_until.get().since(self.net.now());
            if left.is_zero() {
                return;
            }
            Alarm::after(self.net.time(), left).await;
        }
    }

    /// The machine on a host, if that host runs a node.
    pub(crate) fn machine_at(&self, host: HostId) -> Option<Rc<Machine>> {
        self.machines.borrow().iter().find(|machine| machine.host == host).map(Rc::clone)
    }

    /// Whether a node takes less from its connections than it could.
    pub(crate) fn some_node_reads_slowly(&self) -> bool {
        let machines = self.machines.borrow();
        self.net.with(|network, _| {
            machines.iter().any(|machine| network.reads_per_second(machine.host) > 0)
        })
    }

    /// Ends every task, so that what they hold is freed: nodes, drivers and streams refer to each
    /// other.
    pub(crate) fn end(&self) {
        for machine in self.machines.borrow_mut().drain(..) {
            machine.crash(self, Crash::Power);
        }
        for task in self.tasks.borrow_mut().drain(..) {
            task.abort();
        }
    }
}

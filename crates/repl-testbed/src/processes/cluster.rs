//! The processes of one testbed, and a proxy for each way from one to another.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, Mutex},
};

use super::{Process, Program, Proxy, Stop, Way};
use crate::decision::Decision;

/// See this file's header.
#[derive(Debug)]
pub(crate) struct Processes {
    program: Program,
    /// What the next processes are told.
    directives: RefCell<Vec<(String, String)>>,
    nodes: RefCell<Vec<Rc<Node>>>,
    /// By (who connects, to whom).
    links: RefCell<BTreeMap<(usize, usize), Proxy>>,
    /// In the order of the answers.
    decisions: Arc<Mutex<Vec<Decision>>>,
}

/// One node; it stays the same when its process dies and another one is started.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) port: u16,
    /// Whom it was told to follow.
    pub(crate) follows: Cell<Option<usize>>,
    process: RefCell<Process>,
    condition: Cell<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Running,
    Frozen,
    Dead,
}

impl Processes {
    pub(crate) fn new(program: Program) -> Rc<Self> {
        Rc::new(Self {
            program,
            directives: RefCell::default(),
            nodes: RefCell::default(),
            links: RefCell::default(),
            decisions: Arc::default(),
        })
    }

    pub(crate) fn configure(&self, directives: &[(&str, &str)]) {
        let directives =
            directives.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        self.directives.borrow_mut().extend(directives);
    }

    pub(crate) fn start_node(&self) -> Rc<Node> {
        let directives = self.directives.borrow();
        let directives: Vec<(&str, &str)> =
            directives.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let process = Process::start(&self.program, None, &directives);
        let index = self.nodes.borrow().len();
        let node = Rc::new(Node {
            index,
            name: format!("n{}", index + 1),
            port: process.port(),
            follows: Cell::new(None),
            process: RefCell::new(process),
            condition: Cell::new(Condition::Running),
        });
        self.nodes.borrow_mut().push(Rc::clone(&node));
        node
    }

    /// The nodes that follow others over a link that carries, each with its master.
    pub(crate) fn followers(&self) -> Vec<(Rc<Node>, Rc<Node>)> {
        let nodes = self.nodes.borrow();
        let pairs = nodes.iter().filter_map(|node| {
            let master = &nodes[node.follows.get()?];
            let carries = self.link(node, master, Proxy::is_open);
            (carries && node.runs() && master.runs()).then(|| (Rc::clone(node), Rc::clone(master)))
        });
        pairs.collect()
    }

    /// The port at which `from` reaches `to`.
    pub(crate) fn port_between(&self, from: &Node, to: &Node) -> u16 {
        self.link(from, to, Proxy::port)
    }

    /// Does something to both ways between two nodes.
    pub(crate) fn each_link(&self, a: &Node, b: &Node, change: impl Fn(&Proxy)) {
        self.link(a, b, &change);
        self.link(b, a, &change);
    }

    /// Resets the connections between the two once so many more bytes of `from` have passed.
    pub(crate) fn break_after(&self, from: &Node, to: &Node, bytes: u64) {
        self.link(from, to, |proxy| proxy.break_after(Way::Forth, bytes));
        self.link(to, from, |proxy| proxy.break_after(Way::Back, bytes));
    }

    pub(crate) fn heal_all(&self) {
        self.links.borrow().values().for_each(Proxy::heal);
    }

    pub(crate) fn decisions(&self) -> Vec<Decision> {
        self.decisions.lock().expect("nothing panics while it holds the decisions").clone()
    }

    fn link<T>(&self, from: &Node, to: &Node, look: impl FnOnce(&Proxy) -> T) -> T {
        let mut links = self.links.borrow_mut();
        let link = links.entry((from.index, to.index)).or_insert_with(|| {
            let decisions = Arc::clone(&self.decisions);
            let (replica, master) = (from.name.clone(), to.name.clone());
            Proxy::watched(to.port, move |exchange| {
                let decision = Decision {
                    replica: replica.clone(),
                    master: master.clone(),
                    asked: exchange.asked,
                    replid: exchange.replid,
                    verdict: exchange.verdict,
                };
                let mut decisions = decisions.lock().expect("nothing panics while it holds them");
                decisions.push(decision);
            })
        });
        look(link)
    }
}

impl Node {
    pub(crate) fn runs(&self) -> bool {
        self.condition.get() == Condition::Running
    }

    pub(crate) fn crash(&self) {
        assert!(self.condition.get() != Condition::Dead, "{} has crashed already", self.name);
        self.process.borrow_mut().stop(Stop::Kill);
        self.condition.set(Condition::Dead);
    }

    pub(crate) fn restart(&self) {
        assert!(self.condition.get() == Condition::Dead, "{} is running", self.name);
        self.process.borrow_mut().start_again(&[]);
        self.follows.set(None);
        self.condition.set(Condition::Running);
    }

    pub(crate) fn freeze(&self) {
        assert!(self.runs(), "{} is not running", self.name);
        self.process.borrow().freeze();
        self.condition.set(Condition::Frozen);
    }

    pub(crate) fn thaw(&self) {
        assert!(self.condition.get() == Condition::Frozen, "{} is not frozen", self.name);
        self.process.borrow().thaw();
        self.condition.set(Condition::Running);
    }
}

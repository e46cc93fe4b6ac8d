//! The nodes of a run, who follows whom, and how each step of a plan is carried out.

use std::time::Duration;

use repl_sim::{
    Lab,
    lab::{Breakage, Crash, Peer},
};

use super::{Step, Switch, draw};

/// How long a dead process stays dead.
const DEAD_FOR: Duration = Duration::from_secs(1);

/// How long nobody writes before a planned switchover.
const QUIET_BEFORE: Duration = Duration::from_millis(1_500);

/// A line on which a snapshot takes its time.
const THIN_BYTES_PER_SECOND: u64 = 8_000;

/// How an operator tells a node whom to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Plain,
    InTransaction,
}

/// See this file's header.
#[derive(Debug)]
pub(crate) struct Stage {
    lab: Lab,
    nodes: Vec<Peer>,
    /// Whom each node follows.
    follows: Vec<Option<usize>>,
}

impl Stage {
    /// So many nodes; the first is the master, and the others follow it or one another.
    pub(crate) async fn new(lab: &Lab, count: usize) -> Self {
        let nodes = lab.some_peers(count).await;
        let mut stage = Self { lab: lab.clone(), nodes, follows: vec![None; count] };
        for node in 1..count {
            // Mostly a star, sometimes a chain or a tree.
            let master = if lab.draw_number(0, 2) == 0 { draw(lab, 0, node - 1) } else { 0 };
            stage.follow(node, master, Order::Plain).await;
        }
        stage
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn nodes(&self) -> &[Peer] {
        &self.nodes
    }

    /// The node that all others follow in the end, if nobody is stranded.
    fn master(&self) -> usize {
        self.follows.iter().position(Option::is_none).unwrap_or(0)
    }

    /// The node is told to follow another one, unless that would close a ring.
    async fn follow(&mut self, node: usize, master: usize, order: Order) {
        let mut above = Some(master);
        while let Some(at) = above {
            if at == node {
                return;
            }
            above = self.follows[at];
        }
        self.follows[node] = Some(master);
        match order {
            Order::Plain => self.nodes[node].follow(&self.nodes[master]).await,
            Order::InTransaction => {
                self.nodes[node].follow_in_transaction(&self.nodes[master]).await;
            }
        }
    }

    /// Everybody follows one master again.
    pub(super) async fn gather(&mut self) {
        let master = self.master();
        self.follow_all(master, Order::Plain).await;
    }

    async fn follow_all(&mut self, master: usize, order: Order) {
        // Those who were behind others first, so that no ring forbids it.
        self.follows.fill(None);
        for node in 0..self.len() {
            if node != master {
                self.follow(node, master, order).await;
            }
        }
    }

    /// The process dies, and another one begins with nothing.
    async fn restart(&mut self, node: usize, crash: Crash) {
        self.nodes[node].crash(crash);
        self.lab.pass(DEAD_FOR).await;
        self.nodes[node].restart().await;
    }

    async fn follow_again(&mut self, node: usize) {
        if let Some(master) = self.follows[node] {
            self.nodes[node].follow(&self.nodes[master]).await;
        }
    }

    async fn promote(&mut self, node: usize) {
        self.follows[node] = None;
        self.nodes[node].promote().await;
    }

    pub(super) async fn carry_out(&mut self, step: Step) {
        match step {
            Step::Cut(a, b) => self.lab.cut(&self.nodes[a], &self.nodes[b]),
            Step::CutOneWay(a, b) => self.lab.cut_one_way(&self.nodes[a], &self.nodes[b]),
            Step::Stall(a, b) => self.lab.stall(&self.nodes[a], &self.nodes[b]),
            Step::Slow(a, b, latency, rate) => {
                self.lab.slow(&self.nodes[a], &self.nodes[b], latency, rate);
            }
            Step::Reset(a, b) => self.lab.reset(&self.nodes[a], &self.nodes[b]),
            Step::HalfOpen(a, b) => self.lab.half_open(&self.nodes[a], &self.nodes[b]),
            Step::Ambush(a, b, bytes, breakage) => {
                self.lab.reset(&self.nodes[a], &self.nodes[b]);
                self.lab.break_after(&self.nodes[a], &self.nodes[b], bytes, breakage);
            }
            Step::Heal(a, b) => self.lab.heal(&self.nodes[a], &self.nodes[b]),
            Step::HealAll => self.lab.heal_all(),
            Step::Skew(a, millis) => self.nodes[a].skew(millis),
            Step::Crash(a, crash) => {
                self.restart(a, crash).await;
                self.follow_again(a).await;
            }
            Step::BrokenSnapshot(a, bytes, breakage) => {
                self.broken_snapshot(a, bytes, breakage).await;
            }
            Step::TwoFresh(a, b, later) => self.two_fresh([a, b], later).await,
            Step::Switch(switch) => self.switch(switch).await,
        }
    }

    async fn broken_snapshot(&mut self, node: usize, bytes: u64, breakage: Breakage) {
        let Some(master) = self.follows[node] else { return };
        self.restart(node, Crash::Process).await;
        self.lab.break_after(&self.nodes[master], &self.nodes[node], bytes, breakage);
        self.follow_again(node).await;
    }

    async fn two_fresh(&mut self, pair: [usize; 2], later: Duration) {
        for node in pair {
            let Some(master) = self.follows[node] else { continue };
            let (from, to) = (&self.nodes[master], &self.nodes[node]);
            self.lab.slow(from, to, Duration::ZERO, THIN_BYTES_PER_SECOND);
            self.restart(node, Crash::Process).await;
            self.follow_again(node).await;
            self.lab.pass(later).await;
        }
    }

    /// Nobody writes for a while: the master has nothing that its replicas lack.
    async fn quieten(&mut self, span: Duration) {
        let master = self.master();
        self.nodes[master].pause_writes(span + QUIET_BEFORE / 2).await;
        self.lab.pass(QUIET_BEFORE).await;
    }

    async fn strand(&mut self, heir: usize, quiet: Duration, span: Duration) {
        let old = self.master();
        if !quiet.is_zero() {
            self.quieten(quiet).await;
        }
        self.promote(heir).await;
        for node in 0..self.len() {
            if node != heir && node != old {
                self.follow(node, heir, Order::Plain).await;
            }
        }
        self.lab.pass(quiet + span).await;
        self.follow(old, heir, Order::Plain).await;
    }

    /// What an operator does to roles.
    async fn switch(&mut self, switch: Switch) {
        match switch {
            Switch::Promote(a) => {
                self.promote(a).await;
                self.follow_all(a, Order::Plain).await;
            }
            Switch::PromoteByMulti(a) => {
                self.promote(a).await;
                self.follow_all(a, Order::InTransaction).await;
            }
            Switch::Planned(a) => {
                self.quieten(QUIET_BEFORE).await;
                self.promote(a).await;
                self.follow_all(a, Order::Plain).await;
            }
            Switch::Strand(a, quiet, span) => self.strand(a, quiet, span).await,
            Switch::Graft(a) => {
                let old = self.master();
                self.promote(a).await;
                self.follow(old, a, Order::Plain).await;
            }
            Switch::Chain(a, b) => {
                // A master that follows a replica of its own would make a ring: `follow` refuses.
                if self.follows[a].is_some() {
                    self.follow(a, b, Order::Plain).await;
                }
            }
            Switch::Repoint(a) => {
                let master = self.master();
                if a != master {
                    self.follow(a, master, Order::Plain).await;
                }
            }
        }
    }
}

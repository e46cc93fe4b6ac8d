//! A schedule becomes a run: its nodes on a stage, who follows whom, and how each step is carried
//! out.

use std::time::Duration;

use super::{NodeId, Schedule, Step, clients};
use crate::lab::{Breakage, Crash, Lab, Peer};

/// How long a dead process stays dead.
const DEAD_FOR: Duration = Duration::from_secs(1);

/// How long nobody writes before a planned switchover.
const QUIET_BEFORE: Duration = Duration::from_millis(1_500);

/// A line on which a snapshot takes its time.
const THIN_BYTES_PER_SECOND: u64 = 8_000;

/// Clients that carry out steps have numbers from here on: those of a schedule have lower ones.
const OPERATORS_FROM: usize = 10_000;

/// How an operator tells a node whom to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Plain,
    InTransaction,
}

/// The whole run: events under load, then everything is healed, and all nodes have to converge.
pub(crate) async fn perform(lab: &Lab, schedule: &Schedule) {
    lab.configure(|config| *config = schedule.config.clone());
    lab.number_clients_from(OPERATORS_FROM);
    let mut stage = Stage::new(lab, schedule).await;
    let clients = clients::begin(lab, schedule, |index| {
        let customer = &schedule.clients[index];
        let at = stage.place(customer.node)?;
        Some(stage.nodes[at].numbered_client(usize::from(customer.number)))
    });
    for event in &schedule.events {
        lab.pass_until(event.at).await;
        stage.carry_out(event.step).await;
    }
    for client in clients {
        client.await;
    }
    lab.pass_until(schedule.heals_at).await;
    lab.heal_all();
    stage.gather().await;
    lab.settle().await;
}

/// See this file's header.
#[derive(Debug)]
struct Stage {
    lab: Lab,
    ids: Vec<NodeId>,
    nodes: Vec<Peer>,
    /// Whom each node follows.
    follows: Vec<Option<usize>>,
}

impl Stage {
    async fn new(lab: &Lab, schedule: &Schedule) -> Self {
        let ids: Vec<NodeId> = schedule.nodes.iter().map(|setup| setup.id).collect();
        let numbers: Vec<u8> = ids.iter().map(|id| id.0).collect();
        let nodes = lab.numbered_peers(&numbers).await;
        let follows = vec![None; ids.len()];
        let mut stage = Self { lab: lab.clone(), ids, nodes, follows };
        for (node, setup) in schedule.nodes.iter().enumerate() {
            if let Some(master) = setup.follows.and_then(|id| stage.place(id)) {
                stage.follow(node, master, Order::Plain).await;
            }
        }
        stage
    }

    fn place(&self, id: NodeId) -> Option<usize> {
        self.ids.iter().position(|one| *one == id)
    }

    fn peer(&self, id: NodeId) -> &Peer {
        let place = self.place(id).expect("a schedule names its own nodes");
        &self.nodes[place]
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
    async fn gather(&mut self) {
        let master = self.master();
        self.follow_all(master, Order::Plain).await;
    }

    async fn follow_all(&mut self, master: usize, order: Order) {
        // Those who were behind others first, so that no ring forbids it.
        self.follows.fill(None);
        for node in 0..self.nodes.len() {
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

    async fn carry_out(&mut self, step: Step) {
        match step {
            Step::Cut(a, b) => self.lab.cut(self.peer(a), self.peer(b)),
            Step::CutOneWay(a, b) => self.lab.cut_one_way(self.peer(a), self.peer(b)),
            Step::Stall(a, b) => self.lab.stall(self.peer(a), self.peer(b)),
            Step::Slow(a, b, latency, rate) => {
                self.lab.slow(self.peer(a), self.peer(b), latency, rate);
            }
            Step::Reset(a, b) => self.lab.reset(self.peer(a), self.peer(b)),
            Step::HalfOpen(a, b) => self.lab.half_open(self.peer(a), self.peer(b)),
            Step::Ambush(a, b, bytes, breakage) => {
                self.lab.reset(self.peer(a), self.peer(b));
                self.lab.break_after(self.peer(a), self.peer(b), bytes, breakage);
            }
            Step::Heal(a, b) => self.lab.heal(self.peer(a), self.peer(b)),
            Step::HealAll => self.lab.heal_all(),
            Step::Skew(a, millis) => self.peer(a).skew(millis),
            Step::Chain(..)
            | Step::Crash(..)
            | Step::BrokenSnapshot(..)
            | Step::TwoFresh(..)
            | Step::Promote(_)
            | Step::PromoteByMulti(_)
            | Step::Planned(_)
            | Step::Strand(..)
            | Step::Graft(_)
            | Step::Repoint(_) => {
                let [a, b] = step.nodes().map(|id| id.and_then(|id| self.place(id)));
                let a = a.expect("a schedule names its own nodes");
                self.change(step, a, b.unwrap_or(a)).await;
            }
        }
    }

    /// Steps that change what a node is or remembers. `a` and `b` are the nodes that it names.
    async fn change(&mut self, step: Step, a: usize, b: usize) {
        match step {
            Step::Crash(_, crash) => {
                self.restart(a, crash).await;
                self.follow_again(a).await;
            }
            Step::BrokenSnapshot(_, bytes, breakage) => {
                self.broken_snapshot(a, bytes, breakage).await;
            }
            Step::TwoFresh(_, _, later) => self.two_fresh([a, b], later).await,
            Step::Promote(_) => {
                self.promote(a).await;
                self.follow_all(a, Order::Plain).await;
            }
            Step::PromoteByMulti(_) => {
                self.promote(a).await;
                self.follow_all(a, Order::InTransaction).await;
            }
            Step::Planned(_) => {
                self.quieten(QUIET_BEFORE).await;
                self.promote(a).await;
                self.follow_all(a, Order::Plain).await;
            }
            Step::Strand(_, quiet, span) => self.strand(a, quiet, span).await,
            Step::Graft(_) => {
                let old = self.master();
                self.promote(a).await;
                self.follow(old, a, Order::Plain).await;
            }
            // A master that follows a replica of its own would make a ring: `follow` refuses.
            Step::Chain(..) if self.follows[a].is_some() => self.follow(a, b, Order::Plain).await,
            Step::Repoint(_) if a != self.master() => {
                let master = self.master();
                self.follow(a, master, Order::Plain).await;
            }
            Step::Chain(..) | Step::Repoint(_) => {}
            Step::Cut(..)
            | Step::CutOneWay(..)
            | Step::Stall(..)
            | Step::Slow(..)
            | Step::Reset(..)
            | Step::HalfOpen(..)
            | Step::Ambush(..)
            | Step::Heal(..)
            | Step::HealAll
            | Step::Skew(..) => unreachable!("these change no node"),
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
        for node in 0..self.nodes.len() {
            if node != heir && node != old {
                self.follow(node, heir, Order::Plain).await;
            }
        }
        self.lab.pass(quiet + span).await;
        self.follow(old, heir, Order::Plain).await;
    }
}

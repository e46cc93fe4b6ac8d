//! A schedule becomes a run: its nodes on a stage, who follows whom, and how each step is carried
//! out.

use std::{collections::BTreeSet, time::Duration};

use super::{ConfigFile, NodeId, Schedule, Step, clients};
use crate::lab::{Breakage, Crash, Lab, Peer, Role};

/// How long a dead process stays dead.
const DEAD_FOR: Duration = Duration::from_secs(1);

/// How long a heir may take to catch up.
const FAIL_OVER_WITHIN: Duration = Duration::from_secs(4);

/// How long nobody writes before a planned switchover.
const QUIET_BEFORE: Duration = Duration::from_millis(1_500);

/// A line on which a snapshot takes its time.
const THIN_BYTES_PER_SECOND: u64 = 8_000;

/// Clients that carry out steps have numbers from here on: those of a schedule have lower ones.
const OPERATORS_FROM: usize = 10_000;

/// How an operator tells a node whom to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Plain,
    InTransaction,
}

/// Whether an operator does it by asking the step's first node, and waits for the answer.
const fn needs_an_answer(step: Step) -> bool {
    matches!(
        step,
        Step::Stop(..)
            | Step::Promote(_)
            | Step::PromoteByMulti(_)
            | Step::Planned(_)
            | Step::FailOver(_)
            | Step::Strand(..)
            | Step::Graft(_)
    )
}

/// The whole run: events under load, then everything is healed, and all nodes have to converge.
pub(crate) async fn perform(lab: &Lab, schedule: &Schedule) {
    lab.set_conditions(schedule.conditions);
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
    lab.pass_until(schedule.heals_at).await;
    if schedule.core.is_empty() {
        // Who asks a process that stands still gets no answer.
        stage.thaw_all().await;
        for (_, client) in clients {
            client.await;
        }
    } else {
        stage.live_in(&schedule.core, clients).await;
    }
    stage.heal_all().await;
    stage.gather().await;
    stage.insisting(lab.settle()).await;
}

/// See this file's header.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) lab: Lab,
    ids: Vec<NodeId>,
    pub(super) nodes: Vec<Peer>,
    /// Whom each node follows.
    pub(super) follows: Vec<Option<usize>>,
    /// Nodes that stood still when they were told whom to follow.
    untold: BTreeSet<usize>,
}

impl Stage {
    async fn new(lab: &Lab, schedule: &Schedule) -> Self {
        let ids: Vec<NodeId> = schedule.nodes.iter().map(|setup| setup.id).collect();
        let setups = schedule.nodes.iter();
        let nodes = setups.map(|setup| (setup.id.0, setup.config(&schedule.config))).collect();
        let nodes = lab.numbered_peers(nodes).await;
        for (node, setup) in nodes.iter().zip(&schedule.nodes) {
            if let Some(offset) = setup.begins {
                node.begin_at(offset).await;
            }
        }
        let follows = vec![None; ids.len()];
        let untold = BTreeSet::new();
        let mut stage = Self { lab: lab.clone(), ids, nodes, follows, untold };
        for (node, setup) in schedule.nodes.iter().enumerate() {
            if let Some(master) = setup.follows.and_then(|id| stage.place(id)) {
                stage.follow(node, master, Order::Plain).await;
            }
        }
        stage
    }

    pub(super) fn place(&self, id: NodeId) -> Option<usize> {
        self.ids.iter().position(|one| *one == id)
    }

    /// The node that all others follow in the end, if nobody is stranded.
    pub(super) fn master(&self) -> usize {
        self.follows.iter().position(Option::is_none).unwrap_or(0)
    }

    /// The node is told to follow another one, unless that would close a ring.
    pub(super) async fn follow(&mut self, node: usize, master: usize, order: Order) {
        let mut above = Some(master);
        while let Some(at) = above {
            if at == node {
                return;
            }
            above = self.follows[at];
        }
        self.follows[node] = Some(master);
        if self.nodes[node].is_frozen() {
            self.untold.insert(node);
            return;
        }
        match order {
            Order::Plain => self.nodes[node].follow(&self.nodes[master]).await,
            Order::InTransaction => {
                self.nodes[node].follow_in_transaction(&self.nodes[master]).await;
            }
        }
    }

    /// The node goes on, and hears what it could not be told.
    pub(super) async fn thaw(&mut self, node: usize) {
        self.nodes[node].thaw();
        if self.untold.remove(&node) {
            self.follow_again(node).await;
        }
    }

    async fn thaw_all(&mut self) {
        for node in 0..self.nodes.len() {
            self.thaw(node).await;
        }
    }

    async fn heal_all(&mut self) {
        self.lab.heal_all();
        self.thaw_all().await;
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
        self.boot(node).await;
    }

    /// The process ends in good order, and another one begins.
    async fn stop(&mut self, node: usize, file: ConfigFile) {
        if file == ConfigFile::Rewritten {
            self.nodes[node].rewrite_config().await;
        }
        self.nodes[node].stop().await;
        self.boot(node).await;
        self.follow_again(node).await;
    }

    /// Another process begins, after a while, with what the configuration file says.
    async fn boot(&mut self, node: usize) {
        self.lab.pass(DEAD_FOR).await;
        self.nodes[node].restart().await;
        self.untold.remove(&node);
        let master = self.follows[node].map(|master| self.nodes[master].name().to_owned());
        let in_file = self.nodes[node].master_in_file();
        if master.is_none() && in_file.is_some() {
            self.nodes[node].promote().await;
        }
    }

    /// The node is told whom to follow, unless it knows.
    pub(super) async fn follow_again(&self, node: usize) {
        if let Some(master) = self.follows[node] {
            self.nodes[node].follow(&self.nodes[master]).await;
        }
    }

    pub(super) async fn promote(&mut self, node: usize) {
        self.follows[node] = None;
        self.nodes[node].promote().await;
    }

    async fn carry_out(&mut self, step: Step) {
        let places = step.nodes().map(|id| id.and_then(|id| self.place(id)));
        // A step about one node, or none, looks at no other.
        let [a, b] = places.map(|place| place.unwrap_or(0));
        if self.nodes[a].is_frozen() && needs_an_answer(step) {
            return;
        }
        let (lab, nodes) = (&self.lab, &self.nodes);
        match step {
            Step::Cut(..) => lab.cut(&nodes[a], &nodes[b]),
            Step::CutOneWay(..) => lab.cut_one_way(&nodes[a], &nodes[b]),
            Step::Stall(..) => lab.stall(&nodes[a], &nodes[b]),
            Step::Slow(_, _, latency, rate) => lab.slow(&nodes[a], &nodes[b], latency, rate),
            Step::Isolate(_) => lab.isolate(&nodes[a]),
            Step::Refuse(..) => lab.refuse(&nodes[a], &nodes[b]),
            Step::Hang(..) => lab.hang(&nodes[a], &nodes[b]),
            Step::Reset(..) => lab.reset(&nodes[a], &nodes[b]),
            Step::HalfOpen(..) => lab.half_open(&nodes[a], &nodes[b]),
            Step::Ambush(_, _, bytes, breakage) => {
                lab.reset(&nodes[a], &nodes[b]);
                lab.break_after(&nodes[a], &nodes[b], bytes, breakage);
            }
            Step::Heal(..) => lab.heal(&nodes[a], &nodes[b]),
            Step::HealAll => self.heal_all().await,
            Step::Freeze(_) => nodes[a].freeze(),
            Step::ReadSlowly(_, rate) => nodes[a].read_slowly(rate),
            Step::Thaw(_) => self.thaw(a).await,
            Step::Skew(_, millis) => nodes[a].skew(millis),
            Step::Drift(_, ppm) => nodes[a].drift(ppm),
            Step::Lull(span) => lab.lull(span),
            Step::Stop(_, file) => self.stop(a, file).await,
            Step::Crash(_, crash) => self.crash(a, crash).await,
            Step::BrokenSnapshot(_, bytes, breakage) => {
                self.broken_snapshot(a, bytes, breakage).await;
            }
            Step::TwoFresh(_, _, later) => self.two_fresh([a, b], later).await,
            Step::Promote(_) => self.take_over(a, Order::Plain).await,
            Step::PromoteByMulti(_) => self.take_over(a, Order::InTransaction).await,
            Step::Planned(_) => {
                self.quieten(QUIET_BEFORE).await;
                self.take_over(a, Order::Plain).await;
            }
            Step::FailOver(_) => self.fail_over(a).await,
            Step::Strand(_, quiet, span) => self.strand(a, quiet, span).await,
            Step::Graft(_) => self.graft(a).await,
            // A master that follows a replica of its own would make a ring: `follow` refuses.
            Step::Chain(..) if self.follows[a].is_some() => self.follow(a, b, Order::Plain).await,
            Step::Repoint(_) if a != self.master() => {
                self.follow(a, self.master(), Order::Plain).await;
            }
            Step::Chain(..) | Step::Repoint(_) => {}
        }
    }

    async fn crash(&mut self, node: usize, crash: Crash) {
        self.restart(node, crash).await;
        self.follow_again(node).await;
    }

    async fn graft(&mut self, node: usize) {
        let old = self.master();
        self.promote(node).await;
        self.follow(old, node, Order::Plain).await;
    }

    /// The node becomes the master of all others.
    async fn take_over(&mut self, node: usize, order: Order) {
        self.promote(node).await;
        self.follow_all(node, order).await;
    }

    /// The node takes over by `FAILOVER`, if its master can be asked for that.
    async fn fail_over(&mut self, heir: usize) {
        let master = self.master();
        if self.follows[heir] != Some(master) || self.nodes[master].is_frozen() {
            return;
        }
        if self.nodes[master].fail_over(&self.nodes[heir], FAIL_OVER_WITHIN).await == Role::Master {
            self.take_over(heir, Order::Plain).await;
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
        if self.nodes[master].is_frozen() {
            return;
        }
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

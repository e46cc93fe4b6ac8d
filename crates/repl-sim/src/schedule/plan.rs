//! A seed becomes a schedule: what a family says is fixed, and everything else is drawn, from one
//! stream per purpose.

use std::time::Duration;

use repl_core::base::config::Config;

use super::{
    Conditions, Customer, Event, NodeId, Schedule, Setup, Step, Task, own_directives,
    trouble::{Trouble, first_fault, forsaken_by, relief, signed, span, two},
};
use crate::{
    directives::{self, TIMEOUT_FOR_ANY_PING},
    draw::Draw,
};

/// Client commands that a run answers at least.
const COMMANDS: u32 = 5_000;

/// How old a run is when it begins to heal.
const HEALS_AT: Duration = Duration::from_secs(60);

/// Nothing begins to go wrong later than so long before that.
const LAST_EVENT_BEFORE: Duration = Duration::from_secs(2);

/// Between two events at least.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// Whether all kinds of trouble exist in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variety {
    /// All that a family names, healed as often as they come.
    All,
    /// Half of them, drawn, and how often they come and are healed is drawn as well.
    Swarm,
}

/// Whether clients of replicas may write to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// They try, as everybody does, and are refused.
    Mixed,
    /// They only read: a write would be taken, and the replica would hold what its master does not.
    ReadOnly,
}

/// Who asks for what.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Clients of each node.
    pub clients_per_node: u16,
    /// What those of nodes that begin as replicas do.
    pub readers: Readers,
    /// At the most so many clients of a run ask for much and read slowly.
    pub sippers: u16,
    /// Clients of each node that set keys which are about to expire, and change their mind.
    pub ttl_racers: u16,
    /// At the most so many clients wait for elements in a run.
    pub waiters: u16,
    /// At the most so many clients listen to channels.
    pub listeners: u16,
}

impl Load {
    /// Mixed commands from two clients of every node, and some who wait or listen.
    pub const MIXED: Self = Self {
        clients_per_node: 2,
        readers: Readers::Mixed,
        sippers: 0,
        ttl_racers: 0,
        waiters: 6,
        listeners: 4,
    };
}

/// A schedule in the making.
#[derive(Debug)]
pub struct Plan {
    schedule: Schedule,
    /// What the family itself leaves open.
    family: Draw,
    topology: Draw,
    load: Draw,
    trouble: Draw,
}

impl Plan {
    /// Nothing but drawn directives.
    pub(crate) fn new(scenario: &str, seed: u64) -> Self {
        let stream = |purpose: &str| Draw::new(seed, &format!("plan {purpose}"));
        let mut config = directives::drawn(&mut Draw::new(seed, "config"));
        // In the end somebody says whose dataset counts.
        config.replica_refuse_empty_master = stream("operator").once_in(2);
        let schedule = Schedule {
            scenario: scenario.to_owned(),
            seed,
            conditions: Conditions::Drawn,
            config,
            nodes: Vec::new(),
            clients: Vec::new(),
            events: Vec::new(),
            heals_at: HEALS_AT,
            core: Vec::new(),
        };
        Self {
            schedule,
            family: stream("family"),
            topology: stream("topology"),
            load: stream("load"),
            trouble: stream("trouble"),
        }
    }

    /// What has become of it.
    ///
    /// # Panics
    /// When the family named no nodes.
    pub(crate) fn finish(self) -> Schedule {
        assert!(!self.schedule.nodes.is_empty(), "a family says how many nodes there are");
        self.schedule
    }

    /// A number of `low..=high`.
    pub fn draw(&mut self, low: u64, high: u64) -> u64 {
        self.family.between(low, high)
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        *self.family.pick(choices)
    }

    /// Fixes directives of all nodes; the others are as the seed drew them.
    pub fn configure(&mut self, fix: impl FnOnce(&mut Config)) {
        fix(&mut self.schedule.config);
    }

    /// `low..=high` nodes. The first is the master, and the others follow it or one another.
    pub fn nodes(&mut self, low: u8, high: u8) {
        let draw = &mut self.topology;
        let count = u8::try_from(draw.between(low.into(), high.into())).expect("few");
        let mut nodes = vec![Setup::new(NodeId(1), None)];
        for number in 2..=count {
            // Mostly a star, sometimes a chain or a tree.
            let master = if draw.once_in(3) { draw.index(nodes.len()) } else { 0 };
            nodes.push(Setup::new(NodeId(number), Some(nodes[master].id)));
        }
        self.schedule.nodes = nodes;
    }

    /// Limits of all nodes: wide open, or so tight that a run feels them.
    pub fn tighten(&mut self) {
        directives::tighten(&mut self.family, &mut self.schedule.config);
    }

    /// Some runs have nodes with directives of their own. To be said after the nodes.
    pub fn vary(&mut self) {
        let draw = &mut self.family;
        if draw.once_in(2) {
            return;
        }
        let common = &mut self.schedule.config;
        common.repl_timeout = common.repl_timeout.max(TIMEOUT_FOR_ANY_PING);
        for setup in &mut self.schedule.nodes {
            if draw.once_in(2) {
                let mut config = common.clone();
                directives::vary(draw, &mut config);
                setup.own = own_directives(common, &config);
            }
        }
    }

    /// In some runs the first history begins shortly before an offset at which numbers become too
    /// large for somebody. To be said after the nodes.
    pub fn huge_offsets(&mut self) {
        let draw = &mut self.topology;
        if draw.once_in(3) {
            let bound = *draw.pick(&[1 << 31, 1 << 32, 1 << 53]);
            // A run tells some hundred thousand bytes.
            self.schedule.nodes[0].begins = Some(bound - draw.between(0, 150_000));
        }
    }

    /// Two nodes at least, the first one among them, have to live although others stay broken for
    /// good. To be said after the nodes, of which there are three at least, and what is their own,
    /// and before the clients.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn core(&mut self) {
        let ids = self.ids();
        assert!(ids.len() > 2, "a core is a part of something");
        let draw = &mut self.topology;
        let others = draw.index(ids.len() - 2) + 1;
        let mut core = ids.clone();
        for _ in 0..others {
            // Not the first: a core has a node that never was a replica.
            core.remove(1 + draw.index(core.len() - 1));
        }
        self.schedule.core = core;
        // A write that is refused because a replica was heard of a second ago too late is no news.
        for setup in &mut self.schedule.nodes {
            setup.own.retain(|(name, _)| *name != "min-replicas-to-write");
        }
    }

    /// What is wrong with those outside the core when it has to live: something between each of
    /// them and each node of the core, drawn.
    fn forsake_the_others(&mut self) {
        let core = self.schedule.core.clone();
        let mut forsaken = self.ids();
        forsaken.retain(|id| !core.contains(id));
        let at = self.schedule.heals_at;
        for lost in forsaken {
            for one in &core {
                let step = forsaken_by(&mut self.trouble, lost, *one);
                self.schedule.events.push(Event { at, step });
            }
        }
    }

    /// The wall clocks of some nodes are off by up to so many milliseconds from the start on.
    pub fn skew_clocks(&mut self, millis_max: u64) {
        for id in self.ids() {
            if !self.topology.once_in(3) {
                let step = Step::Skew(id, signed(&mut self.topology, millis_max));
                self.schedule.events.push(Event { at: Duration::ZERO, step });
            }
        }
    }

    /// Clients at every node.
    pub fn clients(&mut self, load: Load) {
        let ids = self.ids();
        // Those outside a core may ask in vain.
        let served = if self.schedule.core.is_empty() { &ids } else { &self.schedule.core };
        let workers = u32::from(load.clients_per_node) * u32::try_from(served.len()).expect("few");
        let each = COMMANDS.div_ceil(workers) + 1;
        for (place, id) in ids.iter().enumerate() {
            let reads = load.readers == Readers::ReadOnly && place > 0;
            let task = if reads { Task::Read(each) } else { Task::Work(each) };
            self.add_clients(load.clients_per_node, *id, task);
            self.add_clients(load.ttl_racers, *id, Task::Race);
        }
        // Some wait at the first master, and some at whichever node.
        for _ in 0..self.load.between(0, load.waiters.into()) {
            let anywhere = load.readers == Readers::Mixed && !self.load.once_in(3);
            let id = if anywhere { *self.load.pick(&ids) } else { ids[0] };
            self.add_clients(1, id, Task::Wait);
        }
        for _ in 0..self.load.between(0, load.listeners.into()) {
            let id = *self.load.pick(&ids);
            self.add_clients(1, id, Task::Listen);
        }
        self.add_sippers(load.sippers);
    }

    /// Clients at some nodes who read slowly.
    fn add_sippers(&mut self, most: u16) {
        let ids = self.ids();
        for _ in 0..self.load.between(0, most.into()) {
            let id = *self.load.pick(&ids);
            let rate = *self.load.pick(&[100, 1_000, 10_000]);
            self.add_clients(1, id, Task::Sip(rate));
        }
    }

    fn add_clients(&mut self, count: u16, node: NodeId, task: Task) {
        for _ in 0..count {
            let number = u16::try_from(self.schedule.clients.len() + 1).expect("few clients");
            self.schedule.clients.push(Customer { number, node, task });
        }
    }

    /// Things of these kinds go wrong, each with its weight, from beginning to end. The first is a
    /// fault of the network in every run.
    pub fn trouble(&mut self, kinds: &[(u64, Trouble)], variety: Variety) {
        let (mut kinds, mut heal_weight) = (kinds.to_vec(), 8);
        let mut pause_max = Duration::from_secs(4);
        let draw = &mut self.trouble;
        if variety == Variety::Swarm {
            let first = *draw.pick(&kinds);
            kinds.retain(|_| draw.once_in(2));
            if kinds.is_empty() {
                kinds.push(first);
            }
            heal_weight = draw.between(2, 14);
            pause_max = span(draw, Duration::from_millis(500), Duration::from_secs(10));
        }
        let ids = self.ids();
        let draw = &mut self.trouble;
        let mut at = span(draw, PAUSE_MIN, pause_max);
        let mut step = first_fault(draw, &ids);
        let mut reliefs = Vec::new();
        while at < HEALS_AT - LAST_EVENT_BEFORE {
            self.schedule.events.push(Event { at, step });
            if let Some((later, step)) = relief(draw, step) {
                reliefs.push(Event { at: at + later, step });
            }
            at += span(draw, PAUSE_MIN, pause_max);
            step = drawn(draw, &kinds, heal_weight, &ids);
        }
        // What is not over by then is over when everything is healed.
        reliefs.retain(|event| event.at < HEALS_AT);
        self.schedule.events.append(&mut reliefs);
        self.schedule.events.sort_by_key(|event| event.at);
        if !self.schedule.core.is_empty() {
            self.forsake_the_others();
        }
    }

    fn ids(&self) -> Vec<NodeId> {
        self.schedule.nodes.iter().map(|setup| setup.id).collect()
    }
}

/// Trouble by its weight, or an end of it.
fn drawn(draw: &mut Draw, kinds: &[(u64, Trouble)], heal_weight: u64, ids: &[NodeId]) -> Step {
    let total: u64 = kinds.iter().map(|(weight, _)| weight).sum();
    let mut ticket = draw.between(0, total + heal_weight - 1);
    for (weight, kind) in kinds {
        if ticket < *weight {
            return kind.drawn(draw, ids);
        }
        ticket -= weight;
    }
    let (a, b) = two(draw, ids);
    if draw.once_in(4) { Step::HealAll } else { Step::Heal(a, b) }
}

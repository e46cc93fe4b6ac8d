//! A run as data: nodes, directives, clients, and what goes wrong when.
//!
//! ```text
//!   seed --Plan--> Schedule --perform--> run
//!                   |    ^
//!              text v    | smaller
//!                  file  shrink
//! ```
//!
//! A family expands its seed into a [`Schedule`] before anything happens, from one stream of draws
//! per purpose; the run is driven by nothing else. So a schedule can be printed, edited, made
//! smaller, kept in a file, and replayed after the draws have changed. What a schedule leaves to
//! the seed are streams that hang on a name: the weather of the network, the clock of a node, the
//! requests of a client.
//!
//! | file | what happens there |
//! |---|---|
//! | `plan` | a seed becomes a schedule |
//! | `trouble` | kinds of trouble, and how one is drawn |
//! | `perform` | a schedule becomes a run: nodes, and who follows whom |
//! | `liveness` | a part of the nodes has to live while the others stay broken |
//! | `clients` | what each kind of client does |
//! | `shrink` | a schedule that fails becomes smaller |
//! | `nearest` | the schedule most like it that passes |
//! | `text` | schedules in files |

mod clients;
mod liveness;
mod nearest;
mod operator;
mod perform;
mod plan;
mod shrink;
mod text;
mod trouble;

use std::{fmt, time::Duration};

use repl_core::base::config::{Config, ConfigError, Given, When};

pub use self::{
    nearest::Nearest,
    plan::{Load, Plan, Readers, Variety},
    shrink::{Shrunk, shrink},
    text::ScheduleError,
    trouble::Trouble,
};
pub(crate) use self::{nearest::nearest_passing, perform::perform};
pub use crate::lab::Conditions;
use crate::lab::{Breakage, Crash};

/// A node, by the number in its name: `n1` is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub u8);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// See this file's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The family it was drawn by.
    pub scenario: String,
    /// The seed it was drawn from, and of the streams that it leaves open.
    pub seed: u64,
    /// What the network and the clocks are like when nothing goes wrong.
    pub conditions: Conditions,
    /// The directives of all nodes.
    pub config: Config,
    /// At least one; whoever follows another one comes after it.
    pub nodes: Vec<Setup>,
    /// Whoever asks for something.
    pub clients: Vec<Customer>,
    /// What goes wrong, and what operators do, by time.
    pub events: Vec<Event>,
    /// How old the run is when everything is healed and all nodes have to converge.
    pub heals_at: Duration,
    /// If there is one: these nodes alone and the links among them are healed first, and have to
    /// converge and to serve while whatever is wrong elsewhere stays.
    pub core: Vec<NodeId>,
}

/// A node at the start of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Its name.
    pub id: NodeId,
    /// Whom it is told to follow.
    pub follows: Option<NodeId>,
    /// The offset at which the first history it tells begins; zero where nothing is said. It learns
    /// of it as nodes do: by a full sync, from a master that is gone afterwards.
    pub begins: Option<u64>,
    /// Directives that are its own, by name.
    pub own: Vec<(&'static str, String)>,
}

impl Setup {
    fn new(id: NodeId, follows: Option<NodeId>) -> Self {
        Self { id, follows, begins: None, own: Vec::new() }
    }

    /// The directives of the node, if `common` are those of all.
    fn config(&self, common: &Config) -> Config {
        let mut config = common.clone();
        for (name, value) in &self.own {
            let set = set_directive(&mut config, name, value);
            set.expect("what was taken once is taken again");
        }
        config
    }
}

/// Sets a directive. Lines of `save` in a file add up; here each says all.
fn set_directive(config: &mut Config, name: &str, value: &str) -> Result<(), ConfigError> {
    if name.eq_ignore_ascii_case("save") {
        config.save_given = Given::No;
    }
    config.set(name.as_bytes(), &[value.as_bytes()], When::Boot)
}

/// The directives in which `config` differs from `common`.
fn own_directives(common: &Config, config: &Config) -> Vec<(&'static str, String)> {
    let differs = |name: &str| config.value(name.as_bytes()) != common.value(name.as_bytes());
    Config::directives()
        .filter(|directive| differs(directive.name))
        .filter_map(|directive| Some((directive.name, config.value(directive.name.as_bytes())?)))
        .collect()
}

/// A client: a connection on a host of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Customer {
    /// What its streams of draws hang on.
    pub number: u16,
    /// Whom it asks.
    pub node: NodeId,
    /// What for.
    pub task: Task,
}

/// What a client does until the run is healed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Mixed commands, until so many are answered.
    Work(u32),
    /// Reads alone, until so many are answered.
    Read(u32),
    /// Sets keys that are about to expire, and changes its mind.
    Race,
    /// Reads so many bytes a second of what it asks for, and asks for much; now and then it has
    /// enough in the middle of an answer.
    Sip(u64),
    /// Waits for elements of lists.
    Wait,
    /// Listens to channels.
    Listen,
}

/// Something that happens at a time: as soon as the event before it is over, and not earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// How old the run is.
    pub at: Duration,
    /// What happens.
    pub step: Step,
}

/// Something that goes wrong, or that an operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing passes between the two.
    Cut(NodeId, NodeId),
    /// Nothing passes from the first to the second.
    CutOneWay(NodeId, NodeId),
    /// Everything is held up between the two, and nothing is lost.
    Stall(NodeId, NodeId),
    /// So much latency, so many bytes a second (zero: no limit).
    Slow(NodeId, NodeId, Duration, u64),
    /// Nothing passes between the node and any other one.
    Isolate(NodeId),
    /// The connections between the two are reset, and new ones are refused.
    Refuse(NodeId, NodeId),
    /// The connections between the two are reset, and who asks for a new one hears nothing.
    Hang(NodeId, NodeId),
    /// Every connection between the two is reset at both ends.
    Reset(NodeId, NodeId),
    /// Every connection between the two is reset at the end of the first alone.
    HalfOpen(NodeId, NodeId),
    /// The connections are reset, and the link breaks again after so many bytes of the first node.
    Ambush(NodeId, NodeId, u64, Breakage),
    /// The link is as it was at first.
    Heal(NodeId, NodeId),
    /// All links are, and all nodes are thawed.
    HealAll,
    /// The process stands still, as after SIGSTOP. Its connections stay; orders reach it later.
    Freeze(NodeId),
    /// The process takes so many bytes a second from each connection.
    ReadSlowly(NodeId, u64),
    /// The process goes on, and reads as fast as it can.
    Thaw(NodeId),
    /// The wall clock is turned by so many milliseconds.
    Skew(NodeId, i64),
    /// From now on both clocks gain so many microseconds in a second.
    Drift(NodeId, i64),
    /// Clients ask for nothing for so long.
    Lull(Duration),
    /// SIGTERM; once the process has ended another one begins, with the configuration file alone,
    /// and follows whom it followed.
    Stop(NodeId, ConfigFile),
    /// The process dies, and another one begins with nothing and follows whom it followed.
    Crash(NodeId, Crash),
    /// A replica loses its memory; its new snapshot breaks off after so many bytes.
    BrokenSnapshot(NodeId, u64, Breakage),
    /// Two replicas lose their memory, the second so much later, and the lines are thin.
    TwoFresh(NodeId, NodeId, Duration),
    /// The node becomes the master of all others.
    Promote(NodeId),
    /// As `Promote`, and the others are told in the middle of a transaction.
    PromoteByMulti(NodeId),
    /// The node is promoted once the old master is quiet.
    Planned(NodeId),
    /// Its master hands over to the node with `FAILOVER`; then it becomes the master of all.
    FailOver(NodeId),
    /// The node becomes the master; the old one takes no writes for the first span, takes some for
    /// the second, and only then learns of it.
    Strand(NodeId, Duration, Duration),
    /// The node becomes the master of the old one, and of nobody else: whoever followed the old
    /// master still does.
    Graft(NodeId),
    /// The first follows the second, whatever that one is.
    Chain(NodeId, NodeId),
    /// The node follows the master itself, whomever it followed before.
    Repoint(NodeId),
}

/// What a configuration file says when its process is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigFile {
    /// What it said before.
    AsItWas,
    /// What `CONFIG REWRITE` writes: the next process finds its master there.
    Rewritten,
}

/// How much a clock may gain or lose at the most, in microseconds a second.
const DRIFT_PPM_MAX: i64 = 500_000;

impl Step {
    /// The nodes it is about.
    #[must_use]
    pub fn nodes(self) -> [Option<NodeId>; 2] {
        match self {
            Self::Cut(a, b)
            | Self::CutOneWay(a, b)
            | Self::Stall(a, b)
            | Self::Slow(a, b, ..)
            | Self::Reset(a, b)
            | Self::HalfOpen(a, b)
            | Self::Refuse(a, b)
            | Self::Hang(a, b)
            | Self::Ambush(a, b, ..)
            | Self::Heal(a, b)
            | Self::TwoFresh(a, b, _)
            | Self::Chain(a, b) => [Some(a), Some(b)],
            Self::Isolate(a)
            | Self::Freeze(a)
            | Self::ReadSlowly(a, _)
            | Self::Thaw(a)
            | Self::Skew(a, _)
            | Self::Drift(a, _)
            | Self::Stop(a, _)
            | Self::Crash(a, _)
            | Self::BrokenSnapshot(a, ..)
            | Self::Promote(a)
            | Self::PromoteByMulti(a)
            | Self::Planned(a)
            | Self::FailOver(a)
            | Self::Strand(a, ..)
            | Self::Graft(a)
            | Self::Repoint(a) => [Some(a), None],
            Self::HealAll | Self::Lull(_) => [None, None],
        }
    }
}

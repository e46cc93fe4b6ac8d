//! What may happen, and the plan that a seed makes of it.

use std::time::Duration;

use repl_sim::{
    Lab,
    lab::{Breakage, Crash},
};

use super::{draw, pick};

/// Something that goes wrong, or that an operator does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Cut(usize, usize),
    CutOneWay(usize, usize),
    Stall(usize, usize),
    /// So much latency, so many bytes a second.
    Slow(usize, usize, Duration, u64),
    Reset(usize, usize),
    HalfOpen(usize, usize),
    /// The connections are reset, and the link breaks again after so many bytes of the first node.
    Ambush(usize, usize, u64, Breakage),
    Heal(usize, usize),
    HealAll,
    /// The wall clock is turned by so many milliseconds.
    Skew(usize, i64),
    Crash(usize, Crash),
    /// A replica loses its memory; its new snapshot breaks off after so many bytes.
    BrokenSnapshot(usize, u64, Breakage),
    /// Two replicas lose their memory, the second a little later, and the lines are thin.
    TwoFresh(usize, usize, Duration),
    Switch(Switch),
}

/// What an operator does to roles.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Switch {
    /// The node becomes the master of all others.
    Promote(usize),
    /// The node becomes the master; the old one takes no writes for the first span, takes some for
    /// the second, and only then learns of it.
    Strand(usize, Duration, Duration),
    /// The node becomes the master of the old one, and of nobody else: whoever followed the old
    /// master still does.
    Graft(usize),
    /// As `Promote`, and the others are told in the middle of a transaction.
    PromoteByMulti(usize),
    /// The node is promoted once the old master is quiet.
    Planned(usize),
    /// The first follows the second, whatever that one is.
    Chain(usize, usize),
    /// The node follows the master itself, whomever it followed before.
    Repoint(usize),
}

/// A kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Cut,
    CutOneWay,
    Stall,
    Slow,
    Thin,
    Reset,
    HalfOpen,
    Ambush,
    Skew,
    CrashReplica,
    Crash,
    BrokenSnapshot,
    TwoFresh,
    Promote,
    Strand,
    Graft,
    PromoteByMulti,
    Planned,
    Chain,
    Repoint,
}

/// What a family may draw, each kind with its weight.
#[derive(Clone, Debug)]
pub(crate) struct Menu {
    kinds: Vec<(u64, Trouble)>,
    heal_weight: u64,
    pauses: (Duration, Duration),
}

impl Menu {
    /// These kinds of steps. The first is a fault, and every plan has one of it at least.
    pub(crate) fn of(kinds: &[(u64, Trouble)]) -> Self {
        let pauses = (Duration::from_millis(50), Duration::from_secs(4));
        Self { kinds: kinds.to_vec(), heal_weight: 8, pauses }
    }

    /// Only some of the kinds exist in this run at all, and steps come faster or slower.
    pub(crate) fn swarm(mut self, lab: &Lab) -> Self {
        let first = self.kinds[draw(lab, 0, self.kinds.len() - 1)];
        self.kinds.retain(|_| lab.draw_number(0, 1) == 0);
        if self.kinds.is_empty() {
            self.kinds.push(first);
        }
        self.heal_weight = lab.draw_number(2, 14);
        self.pauses.1 = lab.draw_span(Duration::from_millis(500), Duration::from_secs(10));
        self
    }

    /// Steps and how long to wait before each.
    pub(super) fn plan(&self, lab: &Lab, nodes: usize, span: Duration) -> Vec<(Duration, Step)> {
        let mut plan = vec![(lab.draw_span(self.pauses.0, self.pauses.1), fault(lab, nodes))];
        let mut at = plan[0].0;
        loop {
            let wait = lab.draw_span(self.pauses.0, self.pauses.1);
            at += wait;
            if at >= span {
                return plan;
            }
            plan.push((wait, self.step(lab, nodes)));
        }
    }

    fn step(&self, lab: &Lab, nodes: usize) -> Step {
        let total: u64 = self.kinds.iter().map(|(weight, _)| weight).sum();
        let mut ticket = lab.draw_number(0, total + self.heal_weight - 1);
        for (weight, kind) in &self.kinds {
            if ticket < *weight {
                return drawn(lab, nodes, *kind);
            }
            ticket -= weight;
        }
        let (a, b) = two(lab, nodes);
        if lab.draw_number(0, 3) == 0 { Step::HealAll } else { Step::Heal(a, b) }
    }
}

/// Two different nodes.
fn two(lab: &Lab, nodes: usize) -> (usize, usize) {
    let a = draw(lab, 0, nodes - 1);
    (a, (a + draw(lab, 1, nodes - 1)) % nodes)
}

/// The fault that every plan begins with.
fn fault(lab: &Lab, nodes: usize) -> Step {
    let (a, b) = two(lab, nodes);
    pick(lab, &[Step::Reset(a, b), Step::HalfOpen(a, b), Step::Cut(a, b), Step::Stall(a, b)])
}

/// A step of this kind.
fn drawn(lab: &Lab, nodes: usize, kind: Trouble) -> Step {
    let (a, b) = two(lab, nodes);
    let breakage =
        || pick(lab, &[Breakage::Cut, Breakage::CutOneWay, Breakage::Stall, Breakage::Reset]);
    match kind {
        Trouble::Cut => Step::Cut(a, b),
        Trouble::CutOneWay => Step::CutOneWay(a, b),
        Trouble::Stall => Step::Stall(a, b),
        Trouble::Slow => {
            let latency = lab.draw_span(Duration::ZERO, Duration::from_millis(200));
            Step::Slow(a, b, latency, 0)
        }
        Trouble::Thin => {
            let latency = lab.draw_span(Duration::ZERO, Duration::from_millis(20));
            Step::Slow(a, b, latency, lab.draw_number(1_000, 40_000))
        }
        Trouble::Reset => Step::Reset(a, b),
        Trouble::HalfOpen => Step::HalfOpen(a, b),
        Trouble::Ambush => Step::Ambush(a, b, bytes(lab), breakage()),
        Trouble::Skew => Step::Skew(a, millis(lab)),
        Trouble::CrashReplica => Step::Crash(1 + draw(lab, 0, nodes - 2), crash(lab)),
        Trouble::Crash => Step::Crash(a, crash(lab)),
        Trouble::BrokenSnapshot => Step::BrokenSnapshot(a, bytes(lab), breakage()),
        Trouble::TwoFresh => {
            Step::TwoFresh(a, b, lab.draw_span(Duration::ZERO, Duration::from_secs(3)))
        }
        Trouble::Promote => Step::Switch(Switch::Promote(a)),
        Trouble::Strand => {
            let span = lab.draw_span(Duration::from_secs(1), Duration::from_secs(12));
            let quiet = Duration::from_secs(pick(lab, &[0, 0, 4, 8]));
            Step::Switch(Switch::Strand(a, quiet, span))
        }
        Trouble::Graft => Step::Switch(Switch::Graft(a)),
        Trouble::PromoteByMulti => Step::Switch(Switch::PromoteByMulti(a)),
        Trouble::Planned => Step::Switch(Switch::Planned(a)),
        Trouble::Chain => Step::Switch(Switch::Chain(a, b)),
        Trouble::Repoint => Step::Switch(Switch::Repoint(a)),
    }
}

fn crash(lab: &Lab) -> Crash {
    pick(lab, &[Crash::Process, Crash::Power])
}

/// A number of bytes of any magnitude: inside a handshake, a snapshot, or the stream.
fn bytes(lab: &Lab) -> u64 {
    let bound = pick(lab, &[40, 400, 4_000, 40_000, 200_000]);
    lab.draw_number(1, bound)
}

/// A turn of a clock of any magnitude, forward or back.
fn millis(lab: &Lab) -> i64 {
    let bound = pick(lab, &[20, 1_000, 20_000, 7_200_000]);
    let millis = i64::try_from(lab.draw_number(0, bound)).expect("it is small");
    if lab.draw_number(0, 1) == 0 { millis } else { -millis }
}

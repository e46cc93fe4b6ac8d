//! Kinds of trouble, and how one step of a kind is drawn.

use std::time::Duration;

use super::{ConfigFile, NodeId, Step};
use crate::{
    draw::Draw,
    lab::{Breakage, Crash},
};

/// A kind of step. What becomes of each is said at [`Step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the step of that name, or of one that is explained")]
pub enum Trouble {
    Cut,
    CutOneWay,
    Stall,
    /// A line of high latency.
    Slow,
    /// A line of few bytes a second.
    Thin,
    Isolate,
    Refuse,
    Hang,
    Reset,
    HalfOpen,
    Ambush,
    /// Thawed after a while.
    Freeze,
    /// Thawed after a while.
    ReadSlowly,
    Skew,
    Drift,
    Lull,
    Stop,
    /// A crash of a node that began as a replica.
    CrashReplica,
    Crash,
    BrokenSnapshot,
    TwoFresh,
    Promote,
    Strand,
    Graft,
    PromoteByMulti,
    Planned,
    /// A master hands over with `FAILOVER`.
    FailOver,
    Chain,
    Repoint,
}

const BREAKAGES: [Breakage; 4] =
    [Breakage::Cut, Breakage::CutOneWay, Breakage::Stall, Breakage::Reset];

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A span of whole milliseconds, as files show it.
pub(super) fn span(draw: &mut Draw, low: Duration, high: Duration) -> Duration {
    let whole = |span: Duration| u64::try_from(span.as_millis()).expect("a run is short");
    millis(draw.between(whole(low), whole(high)))
}

/// Two different nodes.
pub(super) fn two(draw: &mut Draw, nodes: &[NodeId]) -> (NodeId, NodeId) {
    let a = draw.index(nodes.len());
    let b = (a + 1 + draw.index(nodes.len() - 1)) % nodes.len();
    (nodes[a], nodes[b])
}

/// The fault that every schedule begins with.
pub(super) fn first_fault(draw: &mut Draw, nodes: &[NodeId]) -> Step {
    let (a, b) = two(draw, nodes);
    *draw.pick(&[Step::Reset(a, b), Step::HalfOpen(a, b), Step::Cut(a, b), Step::Stall(a, b)])
}

impl Trouble {
    /// A step of this kind.
    pub(super) fn drawn(self, draw: &mut Draw, nodes: &[NodeId]) -> Step {
        let (a, b) = two(draw, nodes);
        match self {
            Self::Cut => Step::Cut(a, b),
            Self::CutOneWay => Step::CutOneWay(a, b),
            Self::Stall => Step::Stall(a, b),
            Self::Slow => Step::Slow(a, b, span(draw, Duration::ZERO, millis(200)), 0),
            Self::Thin => {
                let latency = span(draw, Duration::ZERO, millis(20));
                Step::Slow(a, b, latency, draw.between(1_000, 40_000))
            }
            Self::Isolate => Step::Isolate(a),
            Self::Refuse => Step::Refuse(a, b),
            Self::Hang => Step::Hang(a, b),
            Self::Reset => Step::Reset(a, b),
            Self::HalfOpen => Step::HalfOpen(a, b),
            Self::Ambush => Step::Ambush(a, b, bytes(draw), *draw.pick(&BREAKAGES)),
            Self::Freeze => Step::Freeze(a),
            Self::ReadSlowly => Step::ReadSlowly(a, *draw.pick(&[200, 2_000, 20_000])),
            Self::Skew => Step::Skew(a, skew(draw)),
            Self::Drift => Step::Drift(a, drift(draw)),
            // Longer than a backlog lives alone, or than `repl-timeout`.
            Self::Lull => Step::Lull(span(draw, millis(500), millis(35_000))),
            Self::Stop => Step::Stop(a, *draw.pick(&[ConfigFile::AsItWas, ConfigFile::Rewritten])),
            Self::CrashReplica => {
                let replicas = &nodes[1..];
                Step::Crash(*draw.pick(replicas), crash(draw))
            }
            Self::Crash => Step::Crash(a, crash(draw)),
            Self::BrokenSnapshot => Step::BrokenSnapshot(a, bytes(draw), *draw.pick(&BREAKAGES)),
            Self::TwoFresh => Step::TwoFresh(a, b, span(draw, Duration::ZERO, millis(3_000))),
            Self::Promote => Step::Promote(a),
            Self::Strand => {
                let quiet = millis(*draw.pick(&[0, 0, 4_000, 8_000]));
                Step::Strand(a, quiet, span(draw, millis(1_000), millis(12_000)))
            }
            Self::Graft => Step::Graft(a),
            Self::PromoteByMulti => Step::PromoteByMulti(a),
            Self::Planned => Step::Planned(a),
            Self::FailOver => Step::FailOver(a),
            Self::Chain => Step::Chain(a, b),
            Self::Repoint => Step::Repoint(a),
        }
    }
}

fn crash(draw: &mut Draw) -> Crash {
    *draw.pick(&[Crash::Process, Crash::Power])
}

/// A number of bytes of any magnitude: inside a handshake, a snapshot, or the stream.
fn bytes(draw: &mut Draw) -> u64 {
    let bound = *draw.pick(&[40, 400, 4_000, 40_000, 200_000]);
    draw.between(1, bound)
}

/// A turn of a clock of any magnitude, in milliseconds, forward or back.
fn skew(draw: &mut Draw) -> i64 {
    let bound = *draw.pick(&[20, 1_000, 20_000, 7_200_000]);
    signed(draw, bound)
}

/// As a bad quartz drifts, or a clock that is being corrected, or a virtual machine that is
/// starved.
fn drift(draw: &mut Draw) -> i64 {
    let bound = *draw.pick(&[500, 500, 50_000]);
    signed(draw, bound)
}

/// When somebody ends what does not end by itself, and how.
pub(super) fn relief(draw: &mut Draw, step: Step) -> Option<(Duration, Step)> {
    let (Step::Freeze(node) | Step::ReadSlowly(node, _)) = step else { return None };
    // A hiccup, or for longer than anybody believes.
    let bound = millis(*draw.pick(&[1_000, 8_000, 40_000]));
    Some((span(draw, millis(200), bound), Step::Thaw(node)))
}

/// What keeps a node from another one for good, or what it plagues that one with.
pub(super) fn forsaken_by(draw: &mut Draw, lost: NodeId, by: NodeId) -> Step {
    match draw.between(0, 9) {
        0 => Step::Cut(lost, by),
        1 => Step::CutOneWay(lost, by),
        2 => Step::CutOneWay(by, lost),
        3 => Step::Stall(lost, by),
        4 => Step::Slow(lost, by, span(draw, Duration::ZERO, millis(500)), 500),
        5 => Step::Refuse(lost, by),
        6 => Step::Hang(lost, by),
        7 => Step::Freeze(lost),
        8 => Step::ReadSlowly(lost, 50),
        _ => Step::HalfOpen(lost, by),
    }
}

/// A number up to `bound`, of either sign.
pub(super) fn signed(draw: &mut Draw, bound: u64) -> i64 {
    let magnitude = i64::try_from(draw.between(0, bound)).expect("bounds are small");
    if draw.once_in(2) { -magnitude } else { magnitude }
}

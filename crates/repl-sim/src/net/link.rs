//! One direction between two hosts: how fast it is and whether anything passes.

use std::time::Duration;

use repl_core::base::time::Instant;

use crate::draw::Draw;

/// How a direction carries bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The least time from one host to the other.
    pub(crate) latency: Duration,
    /// Up to this much is added, drawn per segment; bytes of one connection stay in order.
    pub(crate) jitter: Duration,
    /// Bytes a second, shared by all connections of this direction; zero for no limit.
    pub(crate) bytes_per_second: u64,
}

impl Shape {
    /// A shape drawn for one run: mostly a local network, sometimes a long or a thin line.
    pub(crate) fn drawn(draw: &mut Draw) -> Self {
        let millis = Duration::from_millis;
        let latency = match draw.between(0, 9) {
            0..=5 => draw.span(Duration::from_micros(100), millis(2)),
            6..=8 => draw.span(millis(2), millis(20)),
            _ => draw.span(millis(20), millis(120)),
        };
        let jitter = draw.span(Duration::ZERO, latency);
        let bytes_per_second = if draw.once_in(4) { draw.between(200_000, 2_000_000) } else { 0 };
        Self { latency, jitter, bytes_per_second }
    }
}

/// Whether a direction carries anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It does.
    Open,
    /// Nothing passes and nothing is lost: what waits goes on at once when the stall ends.
    Stalled,
    /// Everything sent is lost. The senders send it again some time after the cut is healed.
    Cut,
}

/// One direction between two hosts.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) shape: Shape,
    pub(super) passage: Passage,
    /// When the last byte given to the line has left the sender.
    free_at: Instant,
}

impl Link {
    pub(super) const fn new(shape: Shape) -> Self {
        Self { shape, passage: Passage::Open, free_at: Instant::ORIGIN }
    }

    pub(super) fn is_open(&self) -> bool {
        self.passage == Passage::Open
    }

    /// When `count` bytes handed over `now` arrive.
    pub(super) fn arrival(&mut self, now: Instant, count: usize, draw: &mut Draw) -> Instant {
        let flight = self.shape.latency + draw.span(Duration::ZERO, self.shape.jitter);
        let rate = self.shape.bytes_per_second;
        if rate == 0 {
            return now + flight;
        }
        let nanos = (count as u64).saturating_mul(1_000_000_000) / rate;
        self.free_at = self.free_at.max(now) + Duration::from_nanos(nanos);
        self.free_at + flight
    }
}

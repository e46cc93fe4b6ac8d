//! One direction between two hosts: how fast it is and whether anything passes.

use std::time::Duration;

use repl_core::base::time::Instant;

use crate::draw::Draw;

/// What one frame of an ordinary network carries of a stream.
const ETHERNET_BYTES: usize = 1_460;

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

/// How a link breaks in the middle of what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breakage {
    /// It is cut in both directions.
    Cut,
    /// It is cut in the direction of the bytes.
    CutOneWay,
    /// It is held up in both directions.
    Stall,
    /// Its connections are reset.
    Reset,
}

/// A breakage that waits for its byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fuse {
    pub(super) bytes_left: u64,
    pub(super) breakage: Breakage,
}

/// One direction between two hosts.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) shape: Shape,
    /// The shape it was given at first.
    usual: Shape,
    pub(super) passage: Passage,
    pub(super) fuse: Option<Fuse>,
    /// When the last byte given to the line has left the sender.
    free_at: Instant,
}

impl Link {
    pub(super) const fn new(shape: Shape) -> Self {
        Self { shape, usual: shape, passage: Passage::Open, fuse: None, free_at: Instant::ORIGIN }
    }

    /// Its first shape again, an idle line, and nothing that waits to break it. Says whether the
    /// shape was another one.
    pub(super) fn restore(&mut self, now: Instant) -> bool {
        let was_other = self.shape != self.usual;
        self.shape = self.usual;
        self.fuse = None;
        if was_other {
            self.free_at = now;
        }
        was_other
    }

    /// What arrives in one piece at the most: on a thin line a reader sees bytes trickle.
    pub(super) fn longest_segment(&self) -> usize {
        match self.shape.bytes_per_second {
            0 => usize::MAX,
            rate => usize::try_from(rate / 20).unwrap_or(usize::MAX).max(ETHERNET_BYTES),
        }
    }

    /// How many bytes may still arrive before the link breaks.
    pub(super) fn bytes_before_breakage(&self) -> usize {
        self.fuse.map_or(usize::MAX, |fuse| usize::try_from(fuse.bytes_left).unwrap_or(usize::MAX))
    }

    /// Bytes have arrived: the breakage whose time has come.
    pub(super) fn burn(&mut self, bytes: usize) -> Option<Breakage> {
        let fuse = self.fuse.as_mut()?;
        fuse.bytes_left = fuse.bytes_left.saturating_sub(bytes as u64);
        if fuse.bytes_left > 0 {
            return None;
        }
        self.fuse.take().map(|fuse| fuse.breakage)
    }

    /// Whether it is open, and as fast as at first.
    pub(super) fn is_whole(&self) -> bool {
        self.is_open() && self.shape == self.usual
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

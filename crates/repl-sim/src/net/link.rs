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
    /// The tail: once in so many segments one is late, and so is everything behind it.
    pub(crate) late_once_in: u64,
    /// How late at the most; zero for a line without a tail.
    pub(crate) late_by: Duration,
    /// What arrives within this time arrives together: a network card that gathers.
    pub(crate) gather: Duration,
    /// Bytes a second, shared by all connections of this direction; zero for no limit.
    pub(crate) bytes_per_second: u64,
    /// How many bytes a connection dialled over this link holds in one direction before its writer
    /// must wait.
    pub(crate) window_bytes: usize,
    /// Once in so many writes the bytes leave in several segments.
    pub(crate) chop_once_in: u64,
    /// What a read finds at the most, while little is there; bulk comes in larger pieces.
    pub(crate) piece: usize,
}

impl Shape {
    /// A constant latency, and nothing else that a program could notice.
    pub(crate) const fn calm(latency: Duration) -> Self {
        Self {
            latency,
            jitter: Duration::ZERO,
            late_once_in: 1,
            late_by: Duration::ZERO,
            gather: Duration::ZERO,
            bytes_per_second: 0,
            window_bytes: 65_536,
            chop_once_in: u64::MAX,
            piece: usize::MAX,
        }
    }

    /// A shape drawn for one run: mostly a local network, sometimes a long or a thin line.
    pub(crate) fn drawn(draw: &mut Draw) -> Self {
        let millis = Duration::from_millis;
        let latency = match draw.between(0, 9) {
            0..=5 => draw.span(Duration::from_micros(100), millis(2)),
            6..=8 => draw.span(millis(2), millis(20)),
            _ => draw.span(millis(20), millis(120)),
        };
        let jitter = draw.span(Duration::ZERO, latency);
        let (late_once_in, late_by) =
            *draw.pick(&[(1, 0), (1, 0), (1, 0), (20, 60), (100, 500), (600, 4_000)]);
        let gather = millis(*draw.pick(&[0, 0, 0, 0, 5, 40]));
        let bytes_per_second = if draw.once_in(4) { draw.between(200_000, 2_000_000) } else { 0 };
        // A narrow window on a long line would carry nothing.
        let is_short = latency + jitter + gather < millis(3) && late_by == 0;
        let narrowest = if is_short && draw.once_in(3) { 200 } else { 4_000 };
        let widest = if narrowest == 200 { 2_000 } else { 65_536 };
        let window_bytes = usize::try_from(draw.between(narrowest, widest)).expect("it is small");
        let chop_once_in = *draw.pick(&[2, 4, 16]);
        let mut shape = Self::calm(latency);
        (shape.jitter, shape.late_once_in, shape.late_by) = (jitter, late_once_in, millis(late_by));
        (shape.gather, shape.bytes_per_second) = (gather, bytes_per_second);
        (shape.window_bytes, shape.chop_once_in) = (window_bytes, chop_once_in);
        shape.draw_pieces(draw);
        shape
    }

    /// How reads are cut short, drawn for one link: not at all, or down to single bytes.
    pub(super) fn draw_pieces(&mut self, draw: &mut Draw) {
        let most = match draw.between(0, 11) {
            0..=6 => u64::MAX,
            7 | 8 => draw.between(100, 1_460),
            9 | 10 => draw.between(2, 100),
            _ => 1,
        };
        self.piece = usize::try_from(most).unwrap_or(usize::MAX);
    }

    /// The least a full window moves in a second: one window per round trip, or what the line
    /// carries.
    pub(crate) fn bytes_per_second_at_least(&self) -> u64 {
        let late = self.late_by / u32::try_from(self.late_once_in).unwrap_or(u32::MAX);
        let one_way = self.latency + self.jitter + self.gather + late + Duration::from_millis(1);
        let by_window = self.window_bytes as f64 / (one_way * 2).as_secs_f64();
        let by_line = match self.bytes_per_second {
            0 => f64::MAX,
            rate => rate as f64,
        };
        by_window.min(by_line) as u64
    }

    /// How long one segment is under way at the most.
    pub(crate) fn flight_max(&self) -> Duration {
        self.latency + self.jitter + self.gather + self.late_by
    }

    /// How long one segment is under way.
    fn flight(&self, draw: &mut Draw) -> Duration {
        let flight = self.latency + draw.span(Duration::ZERO, self.jitter);
        if self.late_by.is_zero() || !draw.once_in(self.late_once_in) {
            return flight;
        }
        // Few of the late ones are very late.
        let halvings = u32::try_from(draw.between(0, 5)).expect("it is small");
        flight + draw.span(Duration::ZERO, self.late_by / 2_u32.pow(halvings))
    }
}

/// What becomes of those who ask for a connection in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dials {
    /// They are answered, if somebody listens.
    Answered,
    /// They are refused, as if nobody listened.
    Refused,
    /// They hear nothing.
    Lost,
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
    pub(super) dials: Dials,
    pub(super) fuse: Option<Fuse>,
    /// When the last byte given to the line has left the sender.
    free_at: Instant,
}

impl Link {
    pub(super) const fn new(shape: Shape) -> Self {
        let (passage, dials) = (Passage::Open, Dials::Answered);
        Self { shape, usual: shape, passage, dials, fuse: None, free_at: Instant::ORIGIN }
    }

    /// Its first shape again, an idle line, dials that are answered, and nothing that waits to
    /// break it. Says whether the shape was another one.
    pub(super) fn restore(&mut self, now: Instant) -> bool {
        let was_other = self.shape != self.usual;
        self.shape = self.usual;
        self.dials = Dials::Answered;
        self.fuse = None;
        if was_other {
            self.free_at = now;
        }
        was_other
    }

    /// The shape it was given at first.
    pub(super) const fn usual(&self) -> &Shape {
        &self.usual
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

    /// Whether it is open to bytes and dials, and as fast as at first.
    pub(super) fn is_whole(&self) -> bool {
        self.is_open() && self.dials == Dials::Answered && self.shape == self.usual
    }

    pub(super) fn is_open(&self) -> bool {
        self.passage == Passage::Open
    }

    /// When `count` bytes handed over `now` arrive.
    pub(super) fn arrival(&mut self, now: Instant, count: usize, draw: &mut Draw) -> Instant {
        let mut left_at = now;
        let nanos = (count as u64).saturating_mul(1_000_000_000);
        if let Some(nanos) = nanos.checked_div(self.shape.bytes_per_second) {
            self.free_at = self.free_at.max(now) + Duration::from_nanos(nanos);
            left_at = self.free_at;
        }
        let arrives_at = left_at + self.shape.flight(draw);
        if self.shape.gather.is_zero() {
            return arrives_at;
        }
        let gather = u64::try_from(self.shape.gather.as_nanos()).unwrap_or(u64::MAX);
        Instant::from_nanos(arrives_at.as_nanos().div_ceil(gather).saturating_mul(gather))
    }
}

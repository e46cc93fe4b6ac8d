//! Time as data. The node never reads a clock: whoever drives it passes one reading per input.

use core::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

/// A reading of the monotonic clock, in nanoseconds since an origin the platform chooses.
///
/// Decides timeouts, periods and lag. Never goes back, and says nothing about the time of day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The platform's origin.
    pub const ORIGIN: Self = Self(0);

    /// `nanos` nanoseconds after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time since `earlier`, zero when `earlier` lies in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at the end of time (585 years after the origin) instead of wrapping.
    fn add(self, span: Duration) -> Self {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    /// Saturates at the origin.
    fn sub(self, span: Duration) -> Self {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
    }
}

/// Tells how long something took, while the node works: the one reading of a clock that is no
/// parameter. What it says is shown to operators and decides nothing else.
pub trait Stopwatch: fmt::Debug {
    /// The monotonic clock of [`Now::mono`].
    fn read(&self) -> Instant;
}

/// Wall-clock time: milliseconds since the Unix epoch. Decides expiry, and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Whole seconds since the epoch, as `INFO` and log lines show them.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Both clocks, read once per input: a command sees one instant from its start to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For timeouts, periods and lag.
    pub mono: Instant,
    /// For expiry.
    pub wall: UnixMillis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_saturate_instead_of_wrapping() {
        assert_eq!(Instant::from_nanos(5) + Duration::MAX, Instant::from_nanos(u64::MAX));
        assert_eq!(Instant::from_nanos(5) - Duration::from_secs(1), Instant::ORIGIN);
        assert_eq!(Instant::from_nanos(5).since(Instant::from_nanos(9)), Duration::ZERO);
    }

    #[test]
    fn seconds_before_the_epoch_round_down() {
        assert_eq!(UnixMillis(-1).as_secs(), -1);
        assert_eq!(UnixMillis(1_999).as_secs(), 1);
    }
}

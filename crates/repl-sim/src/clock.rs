//! A node's own clocks: both drift against virtual time, more or less from some moment on, and the
//! wall clock can be wrong and can step.

use std::{cell::Cell, time::Duration};

use repl_core::base::time::{Instant, Now, UnixMillis};

use crate::draw::Draw;

/// Virtual time zero on a right wall clock: some day in November 2023.
const EPOCH_MILLIS: i64 = 1_700_000_000_000;

/// The machines were switched on that long before virtual time zero.
const UP_BEFORE: Duration = Duration::from_secs(1_000);

/// The clocks of one machine. They go on while its processes are dead.
#[derive(Debug)]
pub(crate) struct Clock {
    /// How many microseconds the clocks gain in a second.
    drift_ppm: Cell<i64>,
    /// A virtual time since which they do, and what the monotonic clock read then.
    since: Cell<(Instant, Instant)>,
    /// How far the wall clock is off, in milliseconds.
    skew_millis: Cell<i64>,
}

impl Clock {
    /// Drawn for one machine: drift up to 200 ppm, a wall clock right, seconds or hours off.
    pub(crate) fn drawn(draw: &mut Draw) -> Self {
        let signed = |draw: &mut Draw, bound: u64| {
            let magnitude = i64::try_from(draw.between(0, bound)).expect("bounds are small");
            if draw.once_in(2) { -magnitude } else { magnitude }
        };
        let drift_ppm = signed(draw, 200);
        let skew_bound = *draw.pick(&[0, 50, 5_000, 7_200_000]);
        Self::new(drift_ppm, signed(draw, skew_bound))
    }

    /// Right clocks.
    pub(crate) fn right() -> Self {
        Self::new(0, 0)
    }

    fn new(drift_ppm: i64, skew_millis: i64) -> Self {
        Self {
            drift_ppm: Cell::new(drift_ppm),
            since: Cell::new((Instant::ORIGIN, Instant::ORIGIN + UP_BEFORE)),
            skew_millis: Cell::new(skew_millis),
        }
    }

    /// What both clocks read at a virtual time.
    #[must_use]
    pub(crate) fn at(&self, time: Instant) -> Now {
        let mono = self.mono(time);
        let millis = i64::try_from(mono.as_nanos() / 1_000_000).unwrap_or(i64::MAX);
        let wall = UnixMillis(EPOCH_MILLIS + millis + self.skew_millis.get());
        Now { mono, wall }
    }

    /// The virtual time when the monotonic clock reads `mono`, or a little later. If it drifts
    /// otherwise before that, it is wrong: whoever waits asks the clock again.
    #[must_use]
    pub(crate) fn virtual_time(&self, mono: Instant) -> Instant {
        let (since, read) = self.since.get();
        let scaled = (i128::from(mono.as_nanos()) - i128::from(read.as_nanos())) * 1_000_000;
        let nanos = scaled.div_euclid(i128::from(1_000_000 + self.drift_ppm.get())) + 1;
        let nanos = nanos + i128::from(since.as_nanos());
        Instant::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }

    /// From `now` on both clocks gain so many microseconds in a second.
    pub(crate) fn drift(&self, now: Instant, ppm: i64) {
        self.since.set((now, self.mono(now)));
        self.drift_ppm.set(ppm);
    }

    /// Turns the wall clock forward by so many milliseconds, or back. Timers do not notice.
    pub(crate) fn step(&self, millis: i64) {
        self.skew_millis.set(self.skew_millis.get().saturating_add(millis));
    }

    /// How far the wall clock is off, in milliseconds.
    pub(crate) const fn skew_millis(&self) -> i64 {
        self.skew_millis.get()
    }

    fn mono(&self, time: Instant) -> Instant {
        let (since, read) = self.since.get();
        let nanos = i128::from(time.as_nanos()) - i128::from(since.as_nanos());
        let nanos = nanos + nanos * i128::from(self.drift_ppm.get()) / 1_000_000;
        let nanos = nanos + i128::from(read.as_nanos());
        Instant::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drifting_clock_gains_its_parts_per_million() {
        let clock = Clock::new(100, 0);
        let (start, end) = (Instant::ORIGIN, Instant::ORIGIN + Duration::from_secs(100));
        let gained = clock.at(end).mono.since(clock.at(start).mono) - Duration::from_secs(100);
        assert_eq!(gained, Duration::from_millis(10));
    }

    #[test]
    fn a_clock_that_drifts_otherwise_neither_jumps_nor_goes_back() {
        let clock = Clock::new(100, 0);
        let (start, end) = (Instant::ORIGIN, Instant::ORIGIN + Duration::from_secs(100));
        let read = clock.at(end);
        clock.drift(end, -50_000);
        assert_eq!(clock.at(end), read);
        let later = clock.at(end + Duration::from_secs(100));
        assert_eq!(later.mono.since(read.mono), Duration::from_secs(95));
        assert_eq!(later.wall.0 - read.wall.0, 95_000);
        assert!(clock.virtual_time(later.mono).since(start) >= Duration::from_secs(200));
    }

    #[test]
    fn a_step_moves_the_wall_clock_and_no_timer() {
        let clock = Clock::right();
        let before = clock.at(Instant::ORIGIN);
        clock.step(-3_600_000);
        let after = clock.at(Instant::ORIGIN);
        assert_eq!(after.wall.0, before.wall.0 - 3_600_000);
        assert_eq!(after.mono, before.mono);
    }

    #[test]
    fn a_deadline_has_come_at_its_virtual_time() {
        for drift_ppm in [-200, 0, 137] {
            let clock = Clock::new(drift_ppm, 0);
            for nanos in [1, 999, 1_000_000_007, 86_400_000_000_000] {
                let deadline = clock.mono(Instant::from_nanos(nanos));
                let wake_at = clock.virtual_time(deadline);
                assert!(clock.mono(wake_at) >= deadline);
                assert!(wake_at.since(Instant::from_nanos(nanos)) <= Duration::from_nanos(3));
            }
        }
    }
}

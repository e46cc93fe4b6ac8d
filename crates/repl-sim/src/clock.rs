//! A node's own clocks: both drift against virtual time, and the wall clock can be wrong and can
//! step.

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
    drift_ppm: i64,
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
        Self { drift_ppm, skew_millis: Cell::new(signed(draw, skew_bound)) }
    }

    /// What both clocks read at a virtual time.
    #[must_use]
    pub(crate) fn at(&self, time: Instant) -> Now {
        let mono = self.mono(time);
        let millis = i64::try_from(mono.as_nanos() / 1_000_000).unwrap_or(i64::MAX);
        let wall = UnixMillis(EPOCH_MILLIS + millis + self.skew_millis.get());
        Now { mono, wall }
    }

    /// The virtual time when the monotonic clock reads `mono`, or a little later.
    #[must_use]
    pub(crate) fn virtual_time(&self, mono: Instant) -> Instant {
        let scaled = i128::from(mono.as_nanos()) * 1_000_000;
        let nanos = scaled.div_euclid(i128::from(1_000_000 + self.drift_ppm)) + 1;
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)) - UP_BEFORE
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
        let nanos = i128::from((time + UP_BEFORE).as_nanos());
        let nanos = nanos + nanos * i128::from(self.drift_ppm) / 1_000_000;
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drifting_clock_gains_its_parts_per_million() {
        let clock = Clock { drift_ppm: 100, skew_millis: Cell::new(0) };
        let (start, end) = (Instant::ORIGIN, Instant::ORIGIN + Duration::from_secs(100));
        let gained = clock.at(end).mono.since(clock.at(start).mono) - Duration::from_secs(100);
        assert_eq!(gained, Duration::from_millis(10));
    }

    #[test]
    fn a_step_moves_the_wall_clock_and_no_timer() {
        let clock = Clock { drift_ppm: 0, skew_millis: Cell::new(0) };
        let before = clock.at(Instant::ORIGIN);
        clock.step(-3_600_000);
        let after = clock.at(Instant::ORIGIN);
        assert_eq!(after.wall.0, before.wall.0 - 3_600_000);
        assert_eq!(after.mono, before.mono);
    }

    #[test]
    fn a_deadline_has_come_at_its_virtual_time() {
        for drift_ppm in [-200, 0, 137] {
            let clock = Clock { drift_ppm, skew_millis: Cell::new(0) };
            for nanos in [1, 999, 1_000_000_007, 86_400_000_000_000] {
                let deadline = clock.mono(Instant::from_nanos(nanos));
                let wake_at = clock.virtual_time(deadline);
                assert!(clock.mono(wake_at) >= deadline);
                assert!(wake_at.since(Instant::from_nanos(nanos)) <= Duration::from_nanos(3));
            }
        }
    }
}

//! How values from 1 to a billion are distributed, to two significant digits, in a fixed number of
//! counters.
//!
//! The counters are those of the `HdrHistogram` that Redis keeps per command, so that percentiles
//! and cumulative distributions come out as its clients know them. Owns no time: values are
//! numbers.

use alloc::{boxed::Box, vec};

/// Counters per power of two: half of 256, which is what two significant digits take.
const HALF: u64 = 128;
const HALF_BITS: u32 = HALF.ilog2();

/// The largest value that is told apart from larger ones.
const VALUE_MAX: u64 = 1_000_000_000;

/// Values up to 256 have a counter each, and 22 powers of two follow.
const COUNTERS: usize = 24 * HALF as usize;

/// The first step of a cumulative distribution; each later one is twice as far.
const FIRST_STEP: u64 = 1024;
/// So many steps reach beyond every value.
const STEPS: u32 = 21;

/// A distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counters: Box<[u64]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counters: vec![0; COUNTERS].into_boxed_slice(), total: 0 }
    }
}

impl Histogram {
    /// Counts a value so many times. Zero counts as one, and what is too large as the largest.
    pub fn record(&mut self, value: u64, count: u64) {
        self.counters[place(value.clamp(1, VALUE_MAX))] += count;
        self.total += count;
    }

    /// How many values were counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The value that so many percent of all do not exceed, to two digits; zero without values.
    /// The lowest value that it may have been for 0, the highest for every other percentage.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> u64 {
        let wanted = (percent / 100.0 * self.total as f64 + 0.5) as u64;
        let mut count = 0;
        for (place, counter) in self.counters.iter().enumerate() {
            count += counter;
            if count >= wanted.max(1) {
                return if percent == 0.0 { lowest(place) } else { highest(place) };
            }
        }
        0
    }

    /// The cumulative distribution in powers of two: up to which value, and how many values are not
    /// above it. Steps that no value belongs to are left out.
    pub fn steps(&self) -> impl Iterator<Item = (u64, u64)> {
        let (mut next, mut count) = (0, 0);
        (0..STEPS).filter_map(move |step| {
            // The value at which a step ends belongs to it.
            let last = place((FIRST_STEP << step).min(highest(COUNTERS - 1)));
            let added: u64 = self.counters[next..=last].iter().sum();
            next = last + 1;
            count += added;
            (added > 0).then(|| (highest(last), count))
        })
    }
}

/// The counter of a value.
#[inline]
fn place(value: u64) -> usize {
    let shift = (value | (2 * HALF - 1)).ilog2() - HALF_BITS;
    (u64::from(shift) * HALF + (value >> shift)) as usize
}

/// The power of two by which the values of a counter were divided.
fn shift(place: usize) -> u32 {
    (place as u64 / HALF).saturating_sub(1) as u32
}

/// The lowest value of a counter.
fn lowest(place: usize) -> u64 {
    let shift = shift(place);
    (place as u64 - u64::from(shift) * HALF) << shift
}

/// The highest value of a counter.
fn highest(place: usize) -> u64 {
    lowest(place) + (1 << shift(place)) - 1
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn every_counter_follows_the_one_before() {
        assert_eq!((lowest(1), highest(1)), (1, 1));
        for at in 2..COUNTERS {
            assert_eq!(lowest(at), highest(at - 1) + 1, "{at}");
            assert_eq!((place(lowest(at)), place(highest(at))), (at, at));
        }
        assert!(highest(COUNTERS - 1) > VALUE_MAX);
    }

    /// Read off redis-server 7.0.15: `DEBUG SLEEP` thrice, of 3, 5 and 10 milliseconds.
    #[test]
    fn percentiles_are_those_of_redis() {
        let mut sleeps = Histogram::default();
        [3_090_000, 5_200_000, 10_150_000].into_iter().for_each(|nanos| sleeps.record(nanos, 1));
        let shown = [50.0, 99.9, 10.0, 0.0].map(|percent| sleeps.percentile(percent));
        assert_eq!(shown, [5_210_111, 10_158_079, 3_096_575, 3_080_192]);
        assert_eq!(Histogram::default().percentile(50.0), 0);
    }

    /// Read off redis-server 7.0.15.
    #[test]
    fn steps_are_powers_of_two_without_those_that_nothing_belongs_to() {
        let mut sleeps = Histogram::default();
        [3_090_000, 5_200_000, 10_150_000].into_iter().for_each(|nanos| sleeps.record(nanos, 1));
        let micros = |one: &Histogram| -> Vec<(u64, u64)> {
            one.steps().map(|(value, count)| (value / 1000, count)).collect()
        };
        assert_eq!(micros(&sleeps), [(4227, 1), (8454, 2), (16_908, 3)]);
        let mut ends = Histogram::default();
        [0, 1031, 1032, 2063, 2064, u64::MAX].into_iter().for_each(|nanos| ends.record(nanos, 1));
        assert_eq!(micros(&ends), [(1, 2), (2, 4), (4, 5), (1_073_741, 6)]);
        assert_eq!(ends.total(), 6);
    }
}

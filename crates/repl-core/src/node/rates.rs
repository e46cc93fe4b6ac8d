//! How much happens per second: what `INFO` calls instantaneous.

use core::time::Duration;

use super::{Node, Stats};
use crate::base::time::{Instant, Now};

/// So many samples are averaged.
const SAMPLES: usize = 16;
/// How often one is taken.
const EVERY: Duration = Duration::from_millis(100);

/// What is counted: commands, and the bytes from and to everybody, the master, the replicas.
const COUNTS: usize = 5;

/// The last samples, each per second.
#[derive(Debug, Default)]
pub(super) struct Rates {
    samples: [[u64; SAMPLES]; COUNTS],
    next: usize,
    counts: [u64; COUNTS],
    taken_at: Instant,
}

impl Rates {
    pub(super) fn new(now: Now) -> Self {
        Self { taken_at: now.mono, ..Self::default() }
    }

    fn averages(&self) -> [f64; COUNTS] {
        self.samples.map(|samples| samples.iter().sum::<u64>() as f64 / SAMPLES as f64)
    }
}

fn counts(stats: &Stats) -> [u64; COUNTS] {
    let (from_master, to_replicas) = (stats.net_repl_input_bytes, stats.net_repl_output_bytes);
    let (all_in, all_out) =
        (stats.net_input_bytes + from_master, stats.net_output_bytes + to_replicas);
    [stats.commands, all_in, all_out, from_master, to_replicas]
}

impl Node {
    /// Takes a sample, if one is due.
    // redis: server.c, trackInstantaneousMetric
    pub(super) fn sample_rates(&mut self, now: Now) {
        let (rates, counts) = (&mut self.rates, counts(&self.stats));
        let passed = now.mono.since(rates.taken_at);
        if passed < EVERY {
            return;
        }
        for ((samples, before), count) in rates.samples.iter_mut().zip(rates.counts).zip(counts) {
            // Less than before: somebody has reset the statistics.
            let more = u128::from(count.saturating_sub(before));
            samples[rates.next] = (more * 1000 / passed.as_millis()) as u64;
        }
        (rates.counts, rates.taken_at) = (counts, now.mono);
        rates.next = (rates.next + 1) % SAMPLES;
    }

    /// Commands per second, and kilobytes per second in the order in which they are counted.
    pub(super) fn rates(&self) -> (u64, [f64; COUNTS - 1]) {
        let [commands, bytes @ ..] = self.rates.averages();
        (commands as u64, bytes.map(|bytes| bytes / 1024.0))
    }
}

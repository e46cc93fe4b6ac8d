//! The sections of `INFO` about commands: `commandstats errorstats latencystats`.

use alloc::{format, string::String};
use core::fmt::Write as _;

use super::{Counter, Measure};
use crate::command;

impl Measure {
    fn named_counters(&self) -> impl Iterator<Item = (&'static str, &Counter)> {
        command::counted().zip(&self.counters)
    }

    // redis: server.c, genRedisInfoStringCommandStats
    pub(in crate::node) fn command_stats(&self, text: &mut String) {
        for (name, counter) in self.named_counters() {
            let Counter { calls, nanos, rejected, failed, .. } = *counter;
            if calls + rejected + failed == 0 {
                continue;
            }
            let micros = nanos / 1000;
            let each = if calls == 0 { 0.0 } else { nanos as f64 / 1000.0 / calls as f64 };
            let line = format!(
                "cmdstat_{name}:calls={calls},usec={micros},usec_per_call={each:.2},\
                 rejected_calls={rejected},failed_calls={failed}\r\n"
            );
            text.push_str(&line);
        }
    }

    pub(in crate::node) fn error_stats(&self, text: &mut String) {
        for (code, count) in &self.errors {
            write!(text, "errorstat_{code}:count={count}\r\n").expect("a string takes any text");
        }
    }

    // redis: server.c, genRedisInfoStringLatencyStats
    pub(in crate::node) fn latency_stats(&self, text: &mut String, percentiles: &str) {
        for (name, counter) in self.named_counters() {
            let Some(times) = &counter.times else { continue };
            let shown = percentiles.split_ascii_whitespace().filter_map(|percent| {
                let nanos = times.percentile(percent.parse().ok()?);
                Some(format!("p{percent}={:.3}", nanos as f64 / 1000.0))
            });
            let shown: alloc::vec::Vec<String> = shown.collect();
            let line = format!("latency_percentiles_usec_{name}:{}\r\n", shown.join(","));
            text.push_str(&line);
        }
    }
}

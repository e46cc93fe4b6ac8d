//! `MEMORY`: what the process takes, as far as the host told.

use alloc::{format, string::String, vec::Vec};

use super::super::{Node, requests::Caller};
use crate::command::MemoryCommand;

/// Below this nothing can be said about how memory is used.
// redis: object.c, getMemoryDoctorReport
const JUDGED_FROM_BYTES: u64 = 5 * 1024 * 1024;

/// How much memory the process has taken so far, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::node) struct MemorySeen {
    /// When the host told for the first time.
    at_start: u64,
    /// The most that the host has told.
    pub(in crate::node) peak: u64,
}

impl MemorySeen {
    /// The host tells.
    pub(in crate::node) fn note(&mut self, used: u64) {
        if self.at_start == 0 {
            self.at_start = used;
        }
        self.peak = self.peak.max(used);
    }
}

/// A value of `MEMORY STATS`.
enum Stat {
    Count(u64),
    Ratio(f64),
}

impl Node {
    pub(super) fn memory_command(&mut self, caller: Caller, what: MemoryCommand) {
        match what {
            MemoryCommand::Doctor => {
                let verdict = self.judge_memory();
                self.with_reply(caller, |reply| reply.verbatim(b"txt", verdict.as_bytes()));
            }
            // The allocator gives back what is free by itself.
            MemoryCommand::Purge => self.with_reply(caller, |reply| reply.ok()),
            MemoryCommand::MallocStats => self.with_reply(caller, |reply| {
                reply.verbatim(b"txt", b"Stats not supported for the current allocator");
            }),
            MemoryCommand::Stats => {
                let stats = self.memory_stats();
                self.with_reply(caller, |reply| {
                    reply.map_len(stats.len());
                    for (name, stat) in stats {
                        reply.bulk(name.as_bytes());
                        match stat {
                            Stat::Count(count) => reply.int(count as i64),
                            Stat::Ratio(ratio) => reply.double(ratio),
                        }
                    }
                });
            }
        }
    }

    /// What is known of the numbers of Redis, under their names and in their order.
    // redis: object.c, memoryCommand
    fn memory_stats(&self) -> Vec<(&'static str, Stat)> {
        use Stat::{Count, Ratio};
        let (used, rss) = (self.facts.used_memory, self.facts.used_memory_rss);
        let MemorySeen { at_start, peak } = self.memory_seen;
        let backlog = self.history.backlog().map_or(0, |backlog| backlog.memory_bytes());
        let [clients, replicas] = self.memory_of_connections();
        let keys: u64 = self.keyspace.indexes().map(|db| self.keyspace.len(db) as u64).sum();
        let overhead = at_start + backlog + replicas + clients;
        let (dataset, grown) = (used.saturating_sub(overhead), used.saturating_sub(at_start));
        Vec::from([
            ("peak.allocated", Count(peak)),
            ("total.allocated", Count(used)),
            ("startup.allocated", Count(at_start)),
            ("replication.backlog", Count(backlog)),
            ("clients.slaves", Count(replicas)),
            ("clients.normal", Count(clients)),
            ("cluster.links", Count(0)),
            ("aof.buffer", Count(0)),
            ("lua.caches", Count(0)),
            ("functions.caches", Count(0)),
            ("overhead.total", Count(overhead)),
            ("keys.count", Count(keys)),
            ("keys.bytes-per-key", Count(grown.checked_div(keys).unwrap_or(0))),
            ("dataset.bytes", Count(dataset)),
            ("dataset.percentage", Ratio(share(dataset, grown) * 100.0)),
            ("peak.percentage", Ratio(share(used, peak) * 100.0)),
            ("fragmentation", Ratio(share(rss, used))),
            ("fragmentation.bytes", Count(rss.saturating_sub(used))),
        ])
    }

    fn judge_memory(&self) -> String {
        let (used, rss) = (self.facts.used_memory, self.facts.used_memory_rss);
        if used < JUDGED_FROM_BYTES {
            return "Hi Sam, this instance is empty or is using very little memory, my issues \
                    detector can't be used in these conditions. Please, leave for your mission on \
                    Earth and fill it with some data. The new Sam and I will be back to our \
                    programming as soon as I finished rebooting.\n"
                .into();
        }
        let fallen = share(self.memory_seen.peak, used);
        let scattered = share(rss, used);
        let mut issues = Vec::new();
        if fallen > 1.5 {
            issues.push(format!("the most that was ever used is {fallen:.2} times what is now"));
        }
        if scattered > 1.4 && rss - used > 2 * JUDGED_FROM_BYTES {
            issues.push(format!("the process takes {scattered:.2} times what is in use"));
        }
        if issues.is_empty() {
            return "Hi Sam, I can't find any memory issue in your instance. I can only account \
                    for what occurs on this base.\n"
                .into();
        }
        format!("Sam, I detected a few issues in this instance: {}.\n", issues.join("; "))
    }
}

/// Which part of `whole` that is; none of nothing.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

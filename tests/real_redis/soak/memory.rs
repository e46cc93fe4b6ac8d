//! What the nodes of a soak take when they are at rest, and the rule that it must not grow.
//!
//! Every reading is taken with the load stopped, everything flushed and all links up, so the
//! readings of a run are about the same state; and the allocator is told to keep nothing that was
//! freed, which it would else do for ten seconds. Two rules hold of them:
//!
//! * A ceiling. The largest readings of the warm-up, and a part of that on top, are what any node
//!   may ever take at rest, whatever its age. It is waited for: freed memory returns in a while.
//! * A trend. In a life that is long enough the median of the last third of the readings must not
//!   lie above that of the first third, but for a small part. Medians do not see outliers, and a
//!   leak that stays below the ceiling for half an hour cannot hide from them.
//!
//! Knows nothing of what happened to the nodes, but for when a life began.

use crate::fixture::{server::Server, wait_for};

/// Has the allocator of a node give freed pages back at once, and not ask for huge pages, of which
/// the kernel makes two megabytes out of a page whenever it comes round: what is resident is what
/// is used then, and readings mean the same after any time.
pub(super) const EXACT: (&str, &str) =
    ("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0,metadata_thp:disabled,thp:never");

/// A life of fewer readings after its warm-up has no trend.
const TREND_READINGS: usize = 15;

/// How much above the warm-up the ceiling is: percent, and bytes. A node that has just passed on
/// large values keeps some buffers of a megabyte, and one that has passed on few does not.
const USED_ABOVE: (u64, u64) = (15, 2 * MIB);
const RESIDENT_ABOVE: (u64, u64) = (25, 8 * MIB);

/// How much the median of a life may grow.
const USED_GROWTH: (u64, u64) = (5, MIB);
const RESIDENT_GROWTH: (u64, u64) = (15, 4 * MIB);

/// Readings that differ by less are the same: counters and connections come and go.
const STEADY_BYTES: u64 = 64 * 1024;

/// So many readings in a row have to be the same.
const STEADY_READINGS: usize = 4;

const MIB: u64 = 1024 * 1024;

/// What a node takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// `used_memory`: what was allocated and not freed.
    pub(super) used: u64,
    /// `used_memory_rss`: what the operating system lends.
    pub(super) rss: u64,
}

impl Reading {
    fn of(server: &Server) -> Self {
        let count = |name| u64::try_from(server.count(name)).expect("memory is not negative");
        Self { used: count("used_memory"), rss: count("used_memory_rss") }
    }

    fn max(self, other: Self) -> Self {
        Self { used: self.used.max(other.used), rss: self.rss.max(other.rss) }
    }

    /// This and so many percent and bytes more, of each.
    fn and(self, used: (u64, u64), rss: (u64, u64)) -> Self {
        let more = |value: u64, (percent, bytes): (u64, u64)| value + value * percent / 100 + bytes;
        Self { used: more(self.used, used), rss: more(self.rss, rss) }
    }

    fn is_within(self, limit: Self) -> bool {
        self.used <= limit.used && self.rss <= limit.rss
    }
}

/// The readings of a run.
#[derive(Debug, Default)]
pub(super) struct Memory {
    checks: usize,
    /// So many checks first, in which caches and backlogs fill.
    warm_up: usize,
    /// The largest of the warm-up.
    warm: Reading,
    /// The largest of all.
    most: Reading,
    /// By node, the readings of the process that runs now.
    lives: Vec<Vec<Reading>>,
}

impl Memory {
    /// Of so many nodes; the first `warm_up` checks are the measure of all others.
    pub(super) fn of(nodes: usize, warm_up: usize) -> Self {
        Self { warm_up, lives: vec![Vec::new(); nodes], ..Self::default() }
    }

    /// The largest reading of any node at rest.
    pub(super) fn most(&self) -> Reading {
        self.most
    }

    /// What no node may take more than, once the warm-up is over.
    pub(super) fn ceiling(&self) -> Option<Reading> {
        (self.checks >= self.warm_up).then(|| self.warm.and(USED_ABOVE, RESIDENT_ABOVE))
    }

    /// The process of this node is about to end, and with it its readings.
    ///
    /// # Panics
    /// When it grew all its life.
    #[track_caller]
    pub(super) fn end_life(&mut self, node: usize) {
        assert_flat(node, self.lives[node].get(self.warm_up..).unwrap_or_default());
        self.lives[node].clear();
    }

    /// Reads what all take, as soon as they are at rest.
    ///
    /// # Panics
    /// When one of them does not come to rest below the ceiling.
    #[track_caller]
    pub(super) fn check(&mut self, servers: &[Server]) -> Vec<Reading> {
        let ceiling = self.ceiling();
        let rest = |(node, server): (usize, &Server)| at_rest(node, server, ceiling);
        let readings: Vec<Reading> = servers.iter().enumerate().map(rest).collect();
        for (life, reading) in self.lives.iter_mut().zip(&readings) {
            life.push(*reading);
            self.most = self.most.max(*reading);
            if ceiling.is_none() {
                self.warm = self.warm.max(*reading);
            }
        }
        self.checks += 1;
        readings
    }
}

/// What a node takes when it takes the same for a while, and no more than it may.
#[track_caller]
fn at_rest(node: usize, server: &Server, ceiling: Option<Reading>) -> Reading {
    let mut since = Reading::default();
    let mut steady = 0;
    wait_for("a node whose memory is at rest and below the ceiling", || {
        let now = Reading::of(server);
        if now.used.abs_diff(since.used) > STEADY_BYTES {
            (since, steady) = (now, 0);
        }
        steady += 1;
        let is_rest = steady >= STEADY_READINGS && ceiling.is_none_or(|most| now.is_within(most));
        let seen = || {
            let mut client = server.client();
            let [memory, clients] =
                ["INFO memory", "CLIENT LIST"].map(|question| client.ask(question).text());
            format!("node {node} takes {now:?}; the ceiling is {ceiling:?}; {memory}{clients}")
        };
        is_rest.then_some(now).ok_or_else(seen)
    })
}

/// Demands that a life shows no trend.
#[track_caller]
fn assert_flat(node: usize, life: &[Reading]) {
    if let Some((first, last)) = trend(life) {
        panic!(
            "node {node} grows: {first:?} in the first third of {} readings, {last:?} in the \
             last",
            life.len()
        );
    }
}

/// What a life grew from and to, if it did.
fn trend(life: &[Reading]) -> Option<(Reading, Reading)> {
    if life.len() < TREND_READINGS {
        return None;
    }
    let third = life.len() / 3;
    let (first, last) = (median(&life[..third]), median(&life[life.len() - third..]));
    let limit = first.and(USED_GROWTH, RESIDENT_GROWTH);
    (!last.is_within(limit)).then_some((first, last))
}

/// A leak of a quarter of a megabyte a round is a trend, and so is what stays for most of the last
/// third; buffers of megabytes that come and go all the time are none.
pub(super) fn growth_is_told_from_outliers() {
    let life = |used: fn(u64) -> u64| -> Vec<Reading> {
        (0..18).map(|round| Reading { used: 3 * MIB + used(round), rss: 16 * MIB }).collect()
    };
    assert_eq!(trend(&life(|_| 0)), None);
    assert!(trend(&life(|round| round * MIB / 4)).is_some());
    assert_eq!(trend(&life(|round| if round % 6 > 1 { 3 * MIB } else { 0 })), None);
    assert!(trend(&life(|round| if round > 13 { 3 * MIB } else { 0 })).is_some());
    assert_eq!(trend(&life(|round| if round > 15 { 3 * MIB } else { 0 })), None);
    assert_eq!(trend(&life(|round| round * MIB / 32)), None, "less than what comes and goes");
}

fn median(readings: &[Reading]) -> Reading {
    let middle = |value: fn(&Reading) -> u64| {
        let mut values: Vec<u64> = readings.iter().map(value).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    Reading { used: middle(|it| it.used), rss: middle(|it| it.rss) }
}

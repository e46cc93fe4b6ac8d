//! How far a load is, for `INFO persistence`: of a file, or of what our master sends.

use alloc::{format, string::String};

use super::{Node, incoming::Loads};
use crate::{
    base::time::{Instant, Now},
    repl::replica::Link,
};

/// A load that is under way.
#[derive(Clone, Copy, Debug)]
struct Progress {
    began: Instant,
    /// Bytes that will come in all; 0 if nobody said.
    total: u64,
    /// `used-mem` of the snapshot; 0 if it says nothing, or not yet.
    used_memory: u64,
    loaded: u64,
}

impl Progress {
    /// How much of it is loaded, in percent, and how many bytes are left. The memory that the
    /// dataset took stands for a length that nobody knows: a bad estimate, and never reached.
    // redis: server.c, genRedisInfoString
    fn measure(&self) -> (f64, u64) {
        let percent_of = |whole: u64| self.loaded as f64 / whole as f64 * 100.0;
        match (self.total, self.used_memory) {
            (0, 0) => (0.0, 1),
            (0, used) => (percent_of(used).min(99.99), used.saturating_sub(self.loaded).max(1)),
            (total, _) => (percent_of(total), total.saturating_sub(self.loaded)),
        }
    }
}

impl Node {
    fn load_progress(&self, now: Now) -> Option<Progress> {
        if let Some(loading) = &self.loading {
            return Some(Progress {
                began: loading.began.mono,
                total: loading.total,
                used_memory: loading.about().used_memory.unwrap_or(0),
                loaded: loading.bytes,
            });
        }
        let following = self.following.as_ref()?;
        let Link::Loading { payload, .. } = &following.link else { return None };
        (self.loads() != Loads::Nothing).then(|| Progress {
            began: self.resyncs.began_at.unwrap_or(now.mono),
            total: payload.announced().unwrap_or(0),
            used_memory: payload.about().used_memory.unwrap_or(0),
            loaded: payload.received_bytes(),
        })
    }

    /// The fields that exist while something is loaded.
    pub(super) fn info_loading(&self, now: Now) -> Option<[(&'static str, String); 6]> {
        let progress = self.load_progress(now)?;
        let (percent, left) = progress.measure();
        let elapsed = now.mono.since(progress.began).as_secs();
        let eta = match elapsed {
            0 => 1,
            _ => u128::from(elapsed) * u128::from(left) / (u128::from(progress.loaded) + 1),
        };
        let began = now.wall.as_secs() - i64::try_from(elapsed).unwrap_or(i64::MAX);
        Some([
            ("loading_start_time", format!("{began}")),
            ("loading_total_bytes", format!("{}", progress.total)),
            ("loading_rdb_used_mem", format!("{}", progress.used_memory)),
            ("loading_loaded_bytes", format!("{}", progress.loaded)),
            ("loading_loaded_perc", format!("{percent:.2}")),
            ("loading_eta_seconds", format!("{eta}")),
        ])
    }
}

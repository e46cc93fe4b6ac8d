//! Full syncs and loads made slow on purpose: `rdb-key-save-delay` and `key-load-delay`.
//!
//! Tests need syncs that last. Redis sleeps between keys; here nothing may sleep, so a master
//! encodes the next chunk later, a replica reads its link later, and the driver reads the file
//! later.

use super::Node;
use crate::{base::time::Now, repl::master::Pace};

impl Node {
    /// How fast a snapshot is encoded for replicas.
    pub(super) fn save_pace(&self, now: Now) -> Pace {
        Pace::of(now.mono, self.config.rdb_key_save_delay)
    }

    /// How fast a snapshot is loaded.
    pub(super) fn load_pace(&self, now: Now) -> Pace {
        Pace::of(now.mono, self.config.key_load_delay)
    }

    /// So many keys have just been loaded, and should have taken longer.
    pub(super) fn slow_down(&mut self, now: Now, key_count: u64) {
        let pace = self.load_pace(now);
        if let Some(following) = &mut self.following {
            following.reads_at = pace.next(u32::try_from(key_count).unwrap_or(u32::MAX));
        }
    }

    /// The link is read again, if it is time for that.
    pub(super) fn read_link_again(&mut self, now: Now) {
        let Some(following) = &mut self.following else { return };
        if following.reads_at.take_if(|at| *at <= now.mono).is_some() {
            self.wake_link();
        }
    }
}

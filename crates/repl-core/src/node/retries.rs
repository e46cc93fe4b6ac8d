//! When a failed link is tried again, and when a full sync is refused.
//!
//! A hundred replicas lose their master in the same instant: each of them tries again at a moment
//! of its own, and the longer a full sync has not come about, the more rarely.
//!
//! A master that has lost its dataset and comes back takes it from its replicas, too, if they let
//! it. They do not (`replica-refuse-empty-master`), unless somebody says `REPLICAOF` again.

use alloc::format;
use core::time::Duration;

use super::{
    Node,
    following::{Consent, Following, Refused},
};
use crate::{
    base::{
        ids::{Endpoint, ReplId},
        time::Now,
    },
    io::Level,
    repl::replica::{Link, LinkError, Loaded},
};

/// How long after a failed attempt the next one begins at the earliest; at the latest after half as
/// long again.
// redis: server.c, serverCron: replicationCron runs every second
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// That is doubled so often at most: sixteen seconds.
const DOUBLED_MAX: u32 = 4;
/// A master with fewer keys than one for so many of ours has lost its dataset.
const KEYS_FOR_ONE: u64 = 100;

impl Node {
    /// How long to wait after this failure.
    pub(super) fn retry_after(&mut self, error: &LinkError) -> Duration {
        let Some(following) = &mut self.following else { return RETRY_AFTER };
        if let LinkError::EmptyMaster { .. } = error {
            // Only somebody who decides, or its file, makes a difference.
            following.failed_syncs = DOUBLED_MAX + 1;
        } else if error.is_of_a_payload() || matches!(following.link, Link::Loading { .. }) {
            following.failed_syncs = following.failed_syncs.saturating_add(1);
        }
        let doubled = following.failed_syncs.saturating_sub(1).min(DOUBLED_MAX);
        let least = RETRY_AFTER * (1 << doubled);
        let more = u64::try_from((least / 2).as_millis()).unwrap_or(u64::MAX);
        least + Duration::from_millis(self.rng.below(more + 1))
    }

    /// Whether the dataset that a full sync has brought is one that takes ours away for nothing.
    pub(super) fn refuses(&mut self, now: Now, loaded: &Loaded) -> Option<LinkError> {
        let ours = self.keyspace.key_count();
        let theirs = loaded.keyspace.key_count();
        let (replid, _) = loaded.origin?;
        let is_known = replid == self.history.replid() || replid == self.history.replid2();
        let most = theirs.saturating_mul(KEYS_FOR_ONE);
        let is_empty = !is_known && most < ours && self.keyspace.has_more_than(most, now.wall);
        if !is_empty || !self.may_refuse() {
            return None;
        }
        let following = self.following.as_mut()?;
        following.refused = Some(Refused { replid, keys: theirs });
        Some(LinkError::EmptyMaster { theirs, ours })
    }

    /// Whether the full sync that begins is one of a history that was refused before: no byte of it
    /// is wanted. What has been written to that master since does not make it the one it was.
    pub(super) fn refuses_again(&self, replid: ReplId) -> Option<LinkError> {
        let refused = self.following.as_ref()?.refused?;
        (refused.replid == replid && self.may_refuse()).then(|| LinkError::EmptyMaster {
            theirs: refused.keys,
            ours: self.keyspace.key_count(),
        })
    }

    fn may_refuse(&self) -> bool {
        let needs_consent = |following: &Following| following.consent == Consent::Needed;
        self.config.replica_refuse_empty_master
            && self.following.as_ref().is_some_and(needs_consent)
    }

    /// Somebody names the master that is followed once more: what it has is wanted, whatever that
    /// is.
    pub(super) fn consent(&mut self, now: Now) {
        let Some(following) = &mut self.following else { return };
        if following.link.is_up() {
            return;
        }
        following.consent = Consent::Given;
        if following.refused.take().is_none() {
            return;
        }
        following.failed_syncs = 0;
        if let Link::Waiting { retry_at } = &mut following.link {
            *retry_at = now.mono;
        }
        let Endpoint { host, port } = following.master.clone();
        let text = format!("The dataset of MASTER {host}:{port} is taken although it lost ours");
        self.log(Level::Warning, text);
        self.dial(now);
    }
}

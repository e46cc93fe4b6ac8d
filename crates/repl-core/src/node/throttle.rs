//! A full sync that always finishes: while a replica has yet to load or to catch up, clients write
//! no faster than it can follow.
//!
//! What is written meanwhile is held for it, up to `client-output-buffer-limit replica`. Writers
//! who are faster than the replica would fill that, the replica would be dropped and come again for
//! all of it, for ever. So from half of the limit on, writes wait for a part of the time, the
//! larger the more is held, and before the limit is reached all of it. What settles is the pace of
//! the replica.
//!
//! A replica that was once in step and falls behind slows nobody down: it is dropped, as in Redis.
//! When it comes again and needs everything, it is waited for as long as it stays. A replica that
//! gives no sign of life is never waited for.

use alloc::format;
use core::time::Duration;

use super::{Node, session::Paused, sync::replica_name};
use crate::{
    base::{
        ids::ConnId,
        time::{Instant, Now},
    },
    conn::Conn,
    io::Level,
    marks::Mark,
    repl::master::Settling,
};

/// Writes wait at the beginning of each such span.
const SLOT: Duration = Duration::from_millis(100);
/// Whoever has said nothing for so long is not waited for.
const SILENCE: Duration = Duration::from_secs(5);
/// A log line comes no more often.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// Writers who are slowed down.
#[derive(Clone, Copy, Debug)]
pub(super) enum Throttle {
    /// Writes wait.
    Holds { until: Instant, slot_ends: Instant },
    /// They go on, until the slot is over.
    Lets { slot_ends: Instant },
}

/// How much of a slot writes wait, in thousandths: a number that is the same everywhere.
type Share = u64;

const WHOLE: Share = 1000;
/// From here on writes are not let go in between: what comes at once might be too much.
const NEARLY_WHOLE: Share = 950;

/// How far the room for a replica is filled between its half and seven eighths. The last eighth is
/// for what comes at once: a large command, or the next piece of the snapshot.
fn share(held: u64, limit: u64) -> Share {
    let (half, most) = (limit / 2, limit / 8 * 7);
    let beyond = held.saturating_sub(half).saturating_mul(WHOLE) / (most - half).max(1);
    beyond.min(WHOLE)
}

/// What the throttle has done, for `INFO`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Throttled {
    /// For how long writes have waited, all in all.
    pub(super) total: Duration,
    said_at: Option<Instant>,
}

impl Node {
    /// Whether a replica may be waited for at all: a node that follows cannot slow its master down,
    /// and without a limit nothing is ever too much.
    pub(super) fn can_wait_for_replicas(&self) -> bool {
        self.config.repl_sync_slows_writes
            && self.following.is_none()
            && self.config.output_limit_replica.hard_bytes > 0
    }

    /// Some replica is on its way to be in sync: writes wait if too much is held for it.
    pub(super) fn slow_writes(&mut self, now: Now) {
        let is_due = match self.throttle {
            None => true,
            Some(Throttle::Holds { .. }) => false,
            Some(Throttle::Lets { slot_ends }) => slot_ends <= now.mono,
        };
        if !is_due {
            return;
        }
        let Some((held, id)) = self.fullest(now) else { return };
        let limit = self.hard_limit();
        let share = share(held, limit);
        if share == 0 {
            return;
        }
        self.hold_writes(now, share);
        self.marks.hit(Mark::WritesSlowed);
        if self.throttled.said_at.is_none_or(|at| now.mono.since(at) > SAID_EVERY) {
            let text = format!(
                "Writes are slowed down so that replica {} can finish its full sync: {held} of \
                 {limit} bytes are held for it",
                self.conns.get(id).map(replica_name).unwrap_or_default(),
            );
            self.throttled.said_at = Some(now.mono);
            self.log(Level::Warning, text);
        }
    }

    fn is_alive(&self, now: Now, id: ConnId) -> bool {
        self.conns.get(id).is_some_and(|conn| now.mono.since(conn.last_io_at) <= SILENCE)
    }

    fn hold_writes(&mut self, now: Now, share: Share) {
        let thousandths = u32::try_from(share).unwrap_or(u32::MAX);
        let span = SLOT * thousandths / WHOLE as u32;
        let (until, slot_ends) = (now.mono + span, now.mono + SLOT);
        self.throttle = Some(Throttle::Holds { until, slot_ends });
        self.throttled.total += span;
    }

    /// What the throttle holds back now.
    pub(in crate::node) fn held_by_throttle(&self) -> Option<Paused> {
        matches!(self.throttle, Some(Throttle::Holds { .. })).then_some(Paused::Writes)
    }

    /// When writes may go on.
    pub(super) fn throttle_deadline(&self) -> Option<Instant> {
        match self.throttle {
            Some(Throttle::Holds { until, .. }) => Some(until),
            Some(Throttle::Lets { .. }) | None => None,
        }
    }

    /// Lets writes go on, if it is time for that.
    pub(super) fn end_throttle(&mut self, now: Now) {
        let Some(Throttle::Holds { until, slot_ends }) = self.throttle else { return };
        if until > now.mono {
            return;
        }
        let fullest = self.fullest(now).map_or(0, |(held, _)| share(held, self.hard_limit()));
        if fullest >= NEARLY_WHOLE {
            return self.hold_writes(now, WHOLE);
        }
        self.throttle = Some(Throttle::Lets { slot_ends });
        self.release_paused();
    }

    /// The most that is held for a living replica on its way, and which that is.
    fn fullest(&self, now: Now) -> Option<(u64, ConnId)> {
        if !self.can_wait_for_replicas() {
            return None;
        }
        let next = self.history.next();
        let waited_for = self.replicas.iter().filter(|id| {
            let session = self.conns.get(**id).and_then(Conn::session);
            session.is_some_and(|session| session.settling != Settling::Settled)
                && self.is_alive(now, **id)
        });
        waited_for.map(|id| (self.held_for(*id, next), *id)).max()
    }
}

//! What happens by itself: expiry, pings, timeouts, retries.

use alloc::{format, vec::Vec};
use core::time::Duration;

use super::{ActiveExpiry, Node, session::Shutdown, sync::replica_name};
use crate::{
    base::{
        ids::ConnId,
        room::{Use, free_spare},
        time::Now,
    },
    conn::Conn,
    io::{Level, LossCause, Parting},
    keyspace::Event,
    marks::Mark,
    repl::master::{Phase, Protocol},
};

const SECOND: Duration = Duration::from_secs(1);

/// Expired keys are deleted in batches of this many.
const EXPIRED_PER_BATCH: usize = 64;
/// And so many batches at most per turn: what is left waits for the next.
const EXPIRED_BATCHES: usize = 128;

/// A connection on which nothing came or left for so long is idle.
const IDLE_AFTER: Duration = Duration::from_secs(2);

/// Small tables freed or cleaned per turn.
const SEGMENTS_PER_TURN: usize = 64;

impl Node {
    pub(super) fn on_timer(&mut self, now: Now) {
        self.dial(now);
        self.end_waits(now);
        self.end_throttle(now);
        self.spool_transfers(now);
        self.read_link_again(now);
        self.start_transfers(now);
        if now.mono < self.next_cron {
            return;
        }
        self.next_cron = now.mono + self.cron_period();
        self.sample_rates(now);
        let begun = self.begin_expiry();
        self.expire_keys(now);
        self.expire_own_keys(now);
        self.end_expiry(begun);
        self.keyspace.collect_garbage(SEGMENTS_PER_TURN);
        let waited_for = self.replicas.iter().any(|id| {
            let session = self.conns.get(*id).and_then(Conn::session);
            session.is_some_and(|session| matches!(session.phase, Phase::Waiting { .. }))
        });
        let hurry = if waited_for { 8 } else { 1 };
        self.keyspace.clear_snapshot_marks(SEGMENTS_PER_TURN * hurry);
        self.close_idle_clients(now);
        self.check_save_points(now);
        if now.mono >= self.next_second {
            self.next_second = now.mono + SECOND;
            self.link_cron(now);
            self.enforce_client_limits(now);
            self.free_spare_memory(now);
            self.replica_cron(now);
        }
    }

    /// The owner of the dataset deletes what has expired and tells its replicas, one key at a time.
    fn expire_keys(&mut self, now: Now) {
        let passive = self.following.is_some() || self.is_paused(now);
        if passive || self.active_expiry == ActiveExpiry::Off {
            return;
        }
        for _ in 0..EXPIRED_BATCHES {
            let Some((db, keys)) = self.keyspace.next_expired(now.wall, EXPIRED_PER_BATCH) else {
                return;
            };
            for key in keys {
                let hash = self.keyspace.hash(&key);
                self.keyspace.remove(db, hash, &key);
                self.keyspace.note(db, Event::EXPIRED, &key);
                self.stats.expired_keys += 1;
                self.marks.hit(Mark::ExpiredByCycle);
                self.unit.push(db, [b"DEL".as_slice(), &key]);
                self.finish_unit();
                self.publish_events(now);
            }
        }
    }

    /// A replica leaves expired keys to its master, but those of its own clients, of which the
    /// master knows nothing. Nor does anybody else hear of them.
    // redis: expire.c, expireSlaveKeys
    fn expire_own_keys(&mut self, now: Now) {
        if self.is_paused(now) || self.active_expiry == ActiveExpiry::Off {
            return;
        }
        for _ in 0..EXPIRED_PER_BATCH * EXPIRED_BATCHES {
            let Some((db, key)) = self.keyspace.next_own_expired(now.wall) else { return };
            let key = key.to_vec();
            let hash = self.keyspace.hash(&key);
            self.keyspace.remove(db, hash, &key);
            self.keyspace.note(db, Event::EXPIRED, &key);
            self.publish_events(now);
            self.stats.expired_keys += 1;
            self.marks.hit(Mark::ExpiredOwn);
        }
    }

    /// `timeout`.
    fn close_idle_clients(&mut self, now: Now) {
        if self.config.timeout.is_zero() {
            return;
        }
        let idle = |conn: &Conn| {
            // redis: who listens or is blocked says nothing for a reason
            let is_idle = conn.client().is_some_and(|one| {
                one.subscriptions.is_none() && one.waits.is_none() && !one.monitors
            });
            is_idle && now.mono.since(conn.last_io_at) > self.config.timeout
        };
        let found: Vec<ConnId> =
            self.conns.iter().filter(|(_, conn)| idle(conn)).map(|(id, _)| id).collect();
        for id in found {
            self.log(Level::Verbose, "Closing idle client".into());
            self.close(now, id);
        }
    }

    /// `client-output-buffer-limit normal` and `pubsub`: those who leave too much unread, or much
    /// for too long.
    fn enforce_client_limits(&mut self, now: Now) {
        let (normal, pubsub) = (self.config.output_limit_normal, self.config.output_limit_pubsub);
        let mut greedy = Vec::new();
        for (id, conn) in self.conns.iter_mut() {
            let unread = conn.outbox.pending().len() as u64;
            let Some(client) = conn.client_mut() else { continue };
            let limit = if client.subscriptions.is_some() { pubsub } else { normal };
            let over = |bytes: u64| bytes > 0 && unread > bytes;
            let too_long = if over(limit.soft_bytes) {
                let since = *client.over_soft_since.get_or_insert(now.mono);
                now.mono.since(since) > limit.soft_after
            } else {
                client.over_soft_since = None;
                false
            };
            if over(limit.hard_bytes) || too_long {
                greedy.push(id);
            }
        }
        for id in greedy {
            self.close_greedy_client(now, id);
        }
    }

    /// Many connections are rarely busy, and what is always busy, as a link to a master is, is
    /// rarely busy with large values: the room of such a moment is given back.
    fn free_spare_memory(&mut self, now: Now) {
        for (_, conn) in self.conns.iter_mut() {
            let is_idle = now.mono.since(conn.last_io_at) > IDLE_AFTER;
            conn.free_spare_memory(if is_idle { Use::Idle } else { Use::Busy });
        }
        self.unit.free_spare_memory();
        free_spare(&mut self.unread, Use::Busy);
    }

    /// Once a second.
    // redis: replication.c, replicationCron
    fn replica_cron(&mut self, now: Now) {
        self.ping_replicas(now);
        self.close_silent_replicas(now);
        self.enforce_replica_limits(now);
        self.forget_unused_backlog(now);
    }

    fn ping_replicas(&mut self, now: Now) {
        let due = now.mono.since(self.last_ping_at) >= self.config.repl_ping_replica_period;
        // Nothing may come behind the last cut, or who has it could not go on from the file; nor
        // while a replica is to come to the end.
        let silent = self.shutdown.is_some_and(Shutdown::has_cut) || self.failover.is_some();
        if due && !silent && self.following.is_none() && !self.replicas.is_empty() {
            self.last_ping_at = now.mono;
            self.history.feed_ping();
            self.marks.hit(Mark::Ping);
            self.grown = true;
        }
        // Those that have been promised a snapshot hear something else than the stream.
        for at in 0..self.replicas.len() {
            let id = self.replicas[at];
            let unreadable = |node: &Self, conn: &Conn| match conn.session()?.phase {
                Phase::Waiting { .. } => Some(()),
                Phase::Loading { position: 0, .. } if node.slices(conn)[0].is_empty() => Some(()),
                Phase::Loading { .. } | Phase::AwaitAck { .. } | Phase::Online { .. } => None,
            };
            let waits = self.conns.get(id).and_then(|conn| unreadable(self, conn)).is_some();
            if waits && let Some(conn) = self.conns.get_mut(id) {
                conn.outbox.writer().push(b'\n');
                self.marks.hit(Mark::NewlineToWaiting);
                // It is we who let it wait.
                if let Some(session) = conn.session_mut() {
                    session.ack_at = now.mono;
                }
                self.wake(id);
            }
        }
    }

    fn close_silent_replicas(&mut self, now: Now) {
        let mut silent = Vec::new();
        for id in &self.replicas {
            let Some(conn) = self.conns.get(*id) else { continue };
            let Some(session) = conn.session() else { continue };
            let quiet = now.mono.since(session.ack_at) > self.config.repl_timeout;
            let (doing, mark) = match session.phase {
                Phase::Waiting { .. } => continue,
                Phase::Loading { .. } | Phase::AwaitAck { .. } => {
                    ("full sync", Mark::SilentWhileSyncing)
                }
                Phase::Online { .. } if session.protocol == Protocol::Sync => continue,
                Phase::Online { .. } => ("streaming sync", Mark::SilentOnline),
            };
            if quiet {
                silent.push((*id, replica_name(conn), doing, mark));
            }
        }
        for (id, name, doing, mark) in silent {
            self.marks.hit(mark);
            let text = format!("Disconnecting timedout replica ({doing}): {name}");
            self.log(Level::Warning, text);
            self.note_loss(now, id, LossCause::Timeout(self.config.repl_timeout));
            self.close(now, id);
        }
    }

    /// Without a backlog writes are not counted, so the id is given up with it.
    fn forget_unused_backlog(&mut self, now: Now) {
        let ttl = self.config.repl_backlog_ttl;
        let unused = self.following.is_none()
            && self.replicas.is_empty()
            && self.history.is_recording()
            && !ttl.is_zero();
        if unused && now.mono.since(self.no_replicas_since) > ttl {
            self.history.forget(Parting::BacklogFreed(ttl));
            self.marks.hit(Mark::BacklogFreed);
            let text = format!(
                "Replication backlog freed after {} seconds without connected replicas.",
                ttl.as_secs()
            );
            self.log(Level::Notice, text);
        }
    }
}

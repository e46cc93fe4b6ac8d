//! Directives as seeds draw them: small limits and short periods, so that a minute of virtual time
//! is long.

use std::time::Duration;

use repl_core::base::config::{Config, Given, OutputLimit};

use crate::draw::Draw;

const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The longest `repl-ping-replica-period` that is drawn, in seconds.
const PING_PERIOD_MAX: u64 = 5;

/// The directives of all nodes of a run.
pub(crate) fn drawn(draw: &mut Draw) -> Config {
    let ping_period = draw.between(1, PING_PERIOD_MAX);
    let mut config = Config {
        repl_backlog_size: *draw.pick(&[16_384, 32_768, 65_536, 262_144, 1_048_576]),
        repl_ping_replica_period: secs(ping_period),
        repl_timeout: secs(draw.between(ping_period * 2 + 3, 30)),
        repl_diskless_sync: !draw.once_in(3),
        repl_diskless_sync_delay: secs(draw.between(0, 3)),
        rdbcompression: !draw.once_in(3),
        rdbchecksum: !draw.once_in(4),
        hz: *draw.pick(&[10, 10, 1, 50]),
        // Nothing is saved but what a scenario asks for.
        save: Vec::new(),
        save_given: Given::Yes,
        // Nodes are dialled from other hosts, without passwords.
        protected_mode: false,
        // Scenarios lose files and masters, and few have somebody who says whose dataset counts.
        replica_refuse_empty_master: false,
        ..Config::default()
    };
    draw_forms(draw, &mut config);
    config
}

/// When collections change their form: at once, soon, or as by default.
fn draw_forms(draw: &mut Draw, config: &mut Config) {
    config.hash_max_listpack_entries = *draw.pick(&[512, 512, 4, 0]);
    config.hash_max_listpack_value = *draw.pick(&[64, 64, 8]);
    config.set_max_intset_entries = *draw.pick(&[512, 512, 4, 0]);
    config.list_max_listpack_size = *draw.pick(&[-2, -2, 1, 4, -1]);
    config.zset_max_listpack_entries = *draw.pick(&[128, 128, 4, 0]);
    config.zset_max_listpack_value = *draw.pick(&[64, 64, 8]);
}

/// What else limits replication and its clients: wide open, or so tight that a run feels it.
pub(crate) fn tighten(draw: &mut Draw, config: &mut Config) {
    config.repl_backlog_ttl = secs(*draw.pick(&[0, 2, 8, 3_600]));
    config.output_limit_replica = OutputLimit {
        hard_bytes: *draw.pick(&[0, 0, 400_000, 1_000_000]),
        soft_bytes: *draw.pick(&[0, 0, 200_000]),
        soft_after: secs(5),
    };
    config.output_limit_normal = OutputLimit {
        hard_bytes: *draw.pick(&[0, 0, 40_000, 400_000]),
        soft_bytes: *draw.pick(&[0, 0, 10_000]),
        soft_after: secs(3),
    };
    config.output_limit_pubsub = OutputLimit {
        hard_bytes: *draw.pick(&[0, 0, 4_000]),
        soft_bytes: *draw.pick(&[0, 0, 500]),
        soft_after: secs(2),
    };
    config.repl_diskless_sync_max_replicas = *draw.pick(&[0, 1, 2]);
    config.min_replicas_to_write = *draw.pick(&[0, 0, 0, 1]);
    config.min_replicas_max_lag = secs(draw.between(1, 10));
    config.replica_serve_stale_data = !draw.once_in(4);
    config.timeout = secs(*draw.pick(&[0, 0, 0, 4]));
    config.shutdown_timeout = secs(*draw.pick(&[10, 10, 2, 0]));
    config.hz = *draw.pick(&[10, 10, 50, 1]);
    if draw.once_in(3) {
        config.save = vec![(draw.between(1, 5), draw.between(1, 200))];
    }
}

/// A `repl-timeout` of at least so much bears whatever `repl-ping-replica-period` is drawn.
pub(crate) const TIMEOUT_FOR_ANY_PING: Duration = secs(PING_PERIOD_MAX * 2 + 3);

/// What one node has otherwise than the others. All of them have a `repl-timeout` of at least
/// [`TIMEOUT_FOR_ANY_PING`].
pub(crate) fn vary(draw: &mut Draw, config: &mut Config) {
    let other = drawn(draw);
    if draw.once_in(2) {
        config.repl_backlog_size = other.repl_backlog_size;
        config.repl_diskless_sync = other.repl_diskless_sync;
        config.repl_diskless_sync_delay = other.repl_diskless_sync_delay;
        config.rdbcompression = other.rdbcompression;
        config.rdbchecksum = other.rdbchecksum;
    }
    if draw.once_in(2) {
        config.repl_ping_replica_period = other.repl_ping_replica_period;
        config.repl_timeout = secs(draw.between(TIMEOUT_FOR_ANY_PING.as_secs(), 30));
    }
    if draw.once_in(2) {
        draw_forms(draw, config);
    }
    if draw.once_in(2) {
        tighten(draw, config);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_pings_whom_is_heard_in_time() {
        let mut draw = Draw::new(1, "test");
        for _ in 0..500 {
            let mut config = drawn(&mut draw);
            assert!(config.repl_timeout > config.repl_ping_replica_period * 2);
            config.repl_timeout = config.repl_timeout.max(TIMEOUT_FOR_ANY_PING);
            let mut other = config.clone();
            vary(&mut draw, &mut other);
            let period = config.repl_ping_replica_period.max(other.repl_ping_replica_period);
            assert!(config.repl_timeout.min(other.repl_timeout) > period * 2);
        }
    }
}

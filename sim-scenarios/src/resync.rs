//! Links that break and come back: when the stream goes on, and when a snapshot is needed.

use std::time::Duration;

use repl_sim::{lab::Syncs, scenarios};

use crate::secs;

scenarios! {
    /// A link down for less than the backlog costs no snapshot.
    async fn cut_heals_within_backlog(lab: Lab) seeds = 50 {
        lab.configure(|config| config.repl_backlog_size = 1024 * 1024);
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().work(400, secs(10)).await;
        lab.settle().await;
        assert_eq!(replica.syncs(), Syncs { full: 1, partial: 0 });

        lab.cut(&master, &replica);
        master.client().work(400, secs(5)).await;
        // Longer than either side waits for the other: the link is gone, not only late.
        lab.pass(lab.config().repl_timeout + secs(10)).await;
        lab.heal(&master, &replica);
        master.client().work(400, secs(10)).await;
        lab.pass_until(secs(40)).await;
        lab.settle().await;

        assert_eq!(replica.offset(), master.offset());
        assert_eq!(replica.dataset(), master.dataset());
        assert_eq!(replica.syncs().full, 1, "the backlog held all that was missed");
        assert!(replica.syncs().partial >= 1, "the stream went on where it had stopped");
    }

    /// Who listens at a replica hears of each write that is applied once and in order, however the
    /// link breaks: what a partial resync brings is applied, and nothing twice.
    async fn events_across_partial_resyncs(lab: Lab) seeds = 50 {
        lab.configure(|config| {
            config.repl_backlog_size = 1024 * 1024;
            config.set_running(&[(b"notify-keyspace-events", b"E$")]).expect("letters");
        });
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        lab.settle().await;
        let mut listener = replica.client();
        listener.listen_to_keys().await.expect("the replica is up");

        let mut writer = master.client();
        let mut written = Vec::new();
        for number in 0..120 {
            let key = format!("event:{number}");
            writer.call(&["SET", &key, "v"]).await.expect("the master is up");
            written.push(("set".to_owned(), key));
            match number % 40 {
                10 => lab.cut(&master, &replica),
                20 => {
                    lab.pass(lab.draw_span(Duration::ZERO, lab.config().repl_timeout * 2)).await;
                    lab.heal(&master, &replica);
                }
                30 => lab.reset(&master, &replica),
                _ => lab.pass(lab.draw_span(Duration::ZERO, Duration::from_millis(50))).await,
            }
        }
        lab.settle().await;

        assert_eq!(replica.syncs().full, 1, "the backlog held all that was missed");
        assert!(replica.syncs().partial >= 1, "and was needed");
        assert_eq!(listener.heard_of_keys().await.expect("it is still up"), written);
    }

    /// A link that missed more than the backlog costs one snapshot.
    async fn cut_beyond_backlog(lab: Lab) seeds = 50 {
        lab.configure(|config| config.repl_backlog_size = 16 * 1024);
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().work(500, secs(10)).await;
        lab.settle().await;

        lab.cut(&master, &replica);
        lab.pass(lab.config().repl_timeout + secs(10)).await;
        // The master has given the replica up and keeps for it only what it keeps anyway.
        master.client().write_bytes(64 * 1024).await;
        lab.heal(&master, &replica);
        master.client().work(500, secs(10)).await;
        lab.pass_until(secs(40)).await;
        lab.settle().await;

        assert_eq!(replica.offset(), master.offset());
        assert_eq!(replica.dataset(), master.dataset());
        assert_eq!(replica.syncs().full, 2, "the first one, and one for the cut");
    }

    /// A replica that loads for longer than `repl-timeout` is not taken for dead: it gets one
    /// snapshot, not one after another.
    async fn slow_load_is_no_silence(lab: Lab) seeds = 50 {
        lab.configure(|config| {
            config.repl_ping_replica_period = secs(3);
            config.repl_timeout = secs(10);
            config.rdbcompression = false;
        });
        let [master, replica] = lab.peers().await;
        master.client().write_bytes(15_000).await;
        // Even the narrowest window takes longer than the timeout to pass through.
        lab.slow(&master, &replica, Duration::ZERO, 300);
        replica.follow(&master).await;
        lab.pass_until(secs(300)).await;
        lab.heal(&master, &replica);
        lab.settle().await;
        assert_eq!(replica.syncs(), Syncs { full: 1, partial: 0 });
    }

    /// A snapshot that one replica gives up half way still serves the other one.
    async fn shared_snapshot_outlives_a_reader(lab: Lab) seeds = 50 {
        lab.configure(|config| {
            config.repl_diskless_sync = true;
            config.repl_diskless_sync_delay = secs(3);
            config.rdbcompression = false;
        });
        let [master, first, second] = lab.peers().await;
        master.client().write_bytes(100_000).await;
        for replica in [&first, &second] {
            lab.slow(&master, replica, Duration::ZERO, 5_000);
            replica.follow(&master).await;
        }
        lab.pass(secs(6)).await;
        lab.reset(&master, &first);
        lab.pass(secs(2)).await;
        lab.heal_all();
        lab.settle().await;
        assert_eq!(first.dataset(), master.dataset());
        assert_eq!(second.dataset(), master.dataset());
        assert_eq!(second.syncs(), Syncs { full: 1, partial: 0 });
    }

    /// A replica that comes while another one's snapshot is under way lacks nothing of what was
    /// written meanwhile.
    async fn second_replica_during_a_snapshot(lab: Lab) seeds = 50 {
        lab.configure(|config| {
            config.repl_diskless_sync_delay = Duration::ZERO;
            config.rdbcompression = false;
        });
        let [master, first, second] = lab.peers().await;
        master.client().write_bytes(100_000).await;
        lab.slow(&master, &first, Duration::ZERO, 5_000);
        first.follow(&master).await;
        lab.pass(secs(2)).await;
        master.client().work(100, secs(2)).await;
        second.follow(&master).await;
        master.client().work(300, secs(10)).await;
        lab.heal(&master, &first);
        lab.settle().await;
        assert_eq!(first.dataset(), master.dataset());
        assert_eq!(second.dataset(), master.dataset());
    }
}

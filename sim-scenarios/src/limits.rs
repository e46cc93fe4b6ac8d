//! What a node holds back for a replica, how long it waits for one, and what a replica keeps to
//! itself.

use std::time::Duration;

use repl_sim::{
    lab::{Lost, Mark, Reply, Syncs},
    scenarios,
};

use crate::secs;

scenarios! {
    /// A replica that does not read is dropped once too much is held back for it, and comes back
    /// when it can.
    async fn too_much_is_held_back(lab: Lab) seeds = 20 {
        lab.configure(|config| {
            config.repl_backlog_size = 16 * 1024;
            config.repl_timeout = secs(60);
            config.output_limit_replica.hard_bytes = 200_000;
            config.output_limit_replica.soft_bytes = 0;
        });
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().work(100, secs(2)).await;
        lab.settle().await;
        lab.slow(&master, &replica, Duration::ZERO, 1_000);
        master.client().write_bytes(300_000).await;
        lab.heal(&master, &replica);
        master.client().work(100, secs(5)).await;
        lab.settle().await;
        assert_eq!(replica.dataset(), master.dataset());
        assert!(master.took(Mark::LimitHard));
    }

    /// More is written than the link of a replica carries. It is dropped once; the full sync that
    /// it needs then is the last, because from there on writes wait for it.
    async fn a_slow_replica_needs_one_more_full_sync_and_no_third(lab: Lab) seeds = 20 {
        lab.configure(|config| {
            config.repl_backlog_size = 16 * 1024;
            config.repl_timeout = secs(60);
            config.output_limit_replica.hard_bytes = 1_000_000;
            config.output_limit_replica.soft_bytes = 100_000;
            config.output_limit_replica.soft_after = secs(2);
            config.rdbcompression = false;
        });
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().write_bytes(100_000).await;
        lab.settle().await;
        lab.slow(&master, &replica, Duration::ZERO, 4_000);
        while replica.syncs().full < 2 {
            master.client().write_bytes(100_000).await;
        }
        while !master.took(Mark::WritesSlowed) {
            master.client().write_bytes(100_000).await;
        }
        for _ in 0..5 {
            master.client().write_bytes(100_000).await;
        }
        lab.heal_all();
        lab.settle().await;
        assert_eq!(replica.syncs().full, 2, "it was waited for");
        assert_eq!(replica.dataset(), master.dataset());
    }

    /// A full sync over a thin line takes several times as long as either end bears silence: bytes
    /// that arrive, or leave, are none.
    async fn a_full_sync_takes_longer_than_silence_may(lab: Lab) seeds = 20 {
        lab.configure(|config| {
            config.repl_ping_replica_period = secs(1);
            config.repl_timeout = secs(5);
            config.rdbcompression = false;
        });
        let [master, replica] = lab.peers().await;
        master.client().write_bytes(400_000).await;
        lab.slow(&master, &replica, Duration::ZERO, 1_000);
        let begun = lab.elapsed();
        replica.follow(&master).await;
        while replica.offset() == 0 {
            lab.pass(secs(1)).await;
        }
        assert!(lab.elapsed() - begun > secs(6), "it took its time");
        lab.heal_all();
        lab.settle().await;
        assert_eq!(replica.syncs(), Syncs { full: 1, partial: 0 }, "it was borne with");
        assert_eq!(replica.dataset(), master.dataset());
    }

    /// `timeout` is for clients that say nothing. Neither end of a link is one, also while nothing
    /// happens but that a replica waits for others to share its snapshot.
    async fn an_idle_client_is_closed_and_an_idle_link_is_not(lab: Lab) seeds = 20 {
        lab.configure(|config| {
            config.timeout = secs(1);
            config.repl_ping_replica_period = secs(5);
            config.repl_timeout = secs(30);
            config.repl_diskless_sync = true;
            config.repl_diskless_sync_delay = secs(8);
        });
        let [master, replica] = lab.peers().await;
        let mut client = master.client();
        assert_eq!(client.call(&["PING"]).await, Ok(Reply::Simple("PONG".into())));
        replica.follow(&master).await;
        lab.pass(secs(60)).await;
        assert_eq!(client.call(&["PING"]).await, Err(Lost), "it was idle");
        lab.settle().await;
        assert_eq!(replica.syncs(), Syncs { full: 1, partial: 0 }, "the link was left alone");
    }

    /// Less is held back, and for too long.
    async fn much_is_held_back_for_long(lab: Lab) seeds = 20 {
        lab.configure(|config| {
            config.repl_backlog_size = 16 * 1024;
            config.repl_timeout = secs(60);
            config.output_limit_replica.hard_bytes = 0;
            config.output_limit_replica.soft_bytes = 20_000;
            config.output_limit_replica.soft_after = secs(3);
        });
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().work(100, secs(2)).await;
        lab.settle().await;
        lab.slow(&master, &replica, Duration::ZERO, 1_000);
        master.client().write_bytes(150_000).await;
        master.client().work(100, secs(10)).await;
        lab.heal(&master, &replica);
        lab.settle().await;
        assert_eq!(replica.dataset(), master.dataset());
        assert!(master.took(Mark::LimitSoft));
    }

    /// While two snapshots are under way, a third replica waits for room, and lacks nothing.
    async fn a_third_snapshot_waits_for_room(lab: Lab) seeds = 20 {
        lab.configure(|config| {
            config.repl_diskless_sync_delay = Duration::ZERO;
            config.repl_timeout = secs(60);
            config.rdbcompression = false;
        });
        let [master, first, second, third] = lab.peers().await;
        // More than is ever encoded ahead.
        let value = "x".repeat(50_000);
        let mut client = master.client();
        for key in ["big:0", "big:1", "big:2", "big:3", "big:4", "big:5", "big:6", "big:7"] {
            client.call(&["SET", key, &value]).await.expect("nothing is broken");
        }
        for replica in [&first, &second] {
            lab.slow(&master, replica, Duration::ZERO, 10_000);
            replica.follow(&master).await;
            // It takes a moment to ask, on a weary network several seconds.
            while replica.syncs().full == 0 {
                lab.pass(Duration::from_millis(100)).await;
            }
            // Not all of `work`, which may empty the database.
            master.client().write_keys(50).await;
        }
        third.follow(&master).await;
        lab.pass(secs(8)).await;
        // Nobody reads the first one to its end.
        lab.reset(&master, &first);
        master.client().work(100, secs(5)).await;
        lab.heal_all();
        lab.settle().await;
        for replica in [&first, &second, &third] {
            assert_eq!(replica.dataset(), master.dataset());
        }
        assert!(master.took(Mark::SnapshotNoRoom));
        assert!(master.took(Mark::SnapshotAbandoned));
    }

    /// The backlog grows while it is used: what it held is still there.
    async fn the_backlog_grows(lab: Lab) seeds = 20 {
        lab.configure(|config| config.repl_backlog_size = 16 * 1024);
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().work(200, secs(2)).await;
        lab.settle().await;
        let resized = master.client().call(&["CONFIG", "SET", "repl-backlog-size", "1mb"]).await;
        assert_eq!(resized, Ok(Reply::Simple("OK".to_owned())));
        lab.reset(&master, &replica);
        master.client().work(200, secs(5)).await;
        lab.settle().await;
        assert_eq!(replica.syncs().full, 1, "the backlog held all that was missed");
        assert_eq!(replica.dataset(), master.dataset());
        assert!(master.took(Mark::BacklogResized));
    }

    /// A key that a client of a writable replica has written is the replica's: it deletes it, and
    /// nobody else has ever heard of it.
    async fn a_key_of_the_replica_expires(lab: Lab) seeds = 20 {
        lab.configure(|config| {
            config.replica_read_only = false;
            // While the replica has a key more than its master, nothing may move their offsets: at
            // one offset there is one dataset.
            config.repl_ping_replica_period = secs(600);
            config.repl_timeout = secs(1_200);
        });
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().write_keys(20).await;
        lab.settle().await;
        let written = replica.client().call(&["SET", "own", "x", "PX", "500"]).await;
        assert_eq!(written, Ok(Reply::Simple("OK".to_owned())));
        lab.pass(secs(5)).await;
        assert_eq!(replica.client().call(&["EXISTS", "own"]).await, Ok(Reply::Integer(0)));
        lab.settle().await;
        assert_eq!(replica.dataset(), master.dataset());
        assert!(replica.took(Mark::ExpiredOwn));
    }

    /// A process that is told to end waits for its replicas as long as it may; called off, it goes
    /// on as if nothing had been said.
    async fn the_end_waits_for_replicas(lab: Lab) seeds = 20 {
        lab.configure(|config| {
            config.repl_timeout = secs(60);
            config.shutdown_timeout = secs(5);
        });
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().write_keys(50).await;
        lab.settle().await;

        // Called off.
        lab.stall(&master, &replica);
        master.client().write_keys(20).await;
        let stranger = lab.stranger();
        let mut asks = stranger.dial(&master).await.expect("the master is there");
        asks.say("SHUTDOWN NOSAVE\r\n").await.expect("the master listens");
        lab.pass(secs(2)).await;
        let aborted = master.client().call(&["SHUTDOWN", "ABORT"]).await;
        assert_eq!(aborted, Ok(Reply::Simple("OK".to_owned())));
        asks.hear("-ERR").await.expect("the asker is told");
        lab.heal(&master, &replica);
        lab.settle().await;

        // Too late for the replica.
        lab.stall(&master, &replica);
        master.client().write_keys(20).await;
        let began = lab.elapsed();
        asks.say("SHUTDOWN NOSAVE\r\n").await.expect("the master listens");
        asks.hear_end().await;
        assert!(lab.elapsed() - began >= secs(5), "the replica had its time");
        lab.pass(secs(1)).await;
        master.restart().await;
        lab.heal(&master, &replica);
        replica.follow(&master).await;
        master.client().write_keys(50).await;
        lab.settle().await;

        // In time.
        lab.stall(&master, &replica);
        master.client().write_keys(20).await;
        let mut asks = stranger.dial(&master).await.expect("the master is there");
        let began = lab.elapsed();
        asks.say("SHUTDOWN NOSAVE\r\n").await.expect("the master listens");
        lab.pass(secs(1)).await;
        lab.heal(&master, &replica);
        asks.hear_end().await;
        assert!(lab.elapsed() - began < secs(5), "the replica has it all");
        lab.pass(secs(1)).await;

        // At once.
        replica.promote().await;
        let mut asks = stranger.dial(&replica).await.expect("the replica is there");
        let began = lab.elapsed();
        asks.say("SHUTDOWN NOSAVE\r\n").await.expect("the node listens");
        asks.hear_end().await;
        assert!(lab.elapsed() - began < secs(2), "nobody is waited for");
        for node in [&master, &replica] {
            node.restart().await;
        }
        lab.settle().await;
    }
}

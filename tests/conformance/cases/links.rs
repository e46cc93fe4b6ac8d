//! Links that break, stall and come back; replicas that die.

use redis::AsyncCommands as _;

use super::{
    attach, cases, until_decisions, until_link, until_replicas, write_keys, write_kilobytes,
};
use crate::account::Offsets;

cases! {
    /// A link that is down for less than the backlog goes on at its byte.
    async fn partial_resync_within_the_backlog(bed, account) {
        let [master, replica] = bed.peers().await;
        write_keys(&master, "before", 10).await?;
        attach(bed, &replica, &master).await;
        bed.cut(&master, &replica);
        write_keys(&master, "during", 100).await?;
        bed.heal(&master, &replica);
        bed.settle().await;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// A link that is down for more than the backlog costs a snapshot.
    async fn full_resync_beyond_the_backlog(bed, account) {
        bed.configure(&[("repl-backlog-size", "16384")]);
        let [master, replica] = bed.peers().await;
        attach(bed, &replica, &master).await;
        bed.cut(&master, &replica);
        until_replicas(bed, &master, 0).await;
        write_kilobytes(&master, "during", 40).await?;
        bed.heal(&master, &replica);
        bed.settle().await;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// A box on the way resets the connection: the link goes on at its byte.
    async fn reset_link_goes_on(bed, account) {
        let [master, replica] = bed.peers().await;
        attach(bed, &replica, &master).await;
        write_keys(&master, "before", 10).await?;
        bed.settle().await;
        bed.reset(&master, &replica);
        write_keys(&master, "after", 10).await?;
        until_decisions(bed, 2).await;
        bed.settle().await;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// A link that holds everything up for a while loses nothing and is not made anew.
    async fn stalled_link_is_not_made_anew(bed, account) {
        let [master, replica] = bed.peers().await;
        attach(bed, &replica, &master).await;
        bed.stall(&master, &replica);
        write_keys(&master, "during", 100).await?;
        account.ask(&replica, "GET during:0").await?;
        bed.heal(&master, &replica);
        bed.settle().await;
        account.ask(&replica, "GET during:0").await?;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// The link breaks in the middle of a snapshot: the next one is a whole one, and nothing of the
    /// first is left.
    async fn cut_in_the_middle_of_a_snapshot(bed, account) {
        bed.configure(&[("rdbcompression", "no")]);
        let [master, replica] = bed.peers().await;
        write_kilobytes(&master, "value", 300).await?;
        write_keys(&replica, "of-its-own", 5).await?;
        bed.break_after(&master, &replica, 100_000);
        replica.follow(&master).await;
        until_decisions(bed, 2).await;
        bed.settle().await;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// The second snapshot is broken in the middle: until one is whole, the replica holds the old
    /// dataset and asks to go on from there.
    async fn cut_in_the_middle_of_a_second_snapshot(bed, account) {
        bed.configure(&[("repl-backlog-size", "16384"), ("rdbcompression", "no")]);
        let [master, replica] = bed.peers().await;
        attach(bed, &replica, &master).await;
        write_keys(&master, "before", 10).await?;
        bed.settle().await;
        bed.cut(&master, &replica);
        until_replicas(bed, &master, 0).await;
        write_kilobytes(&master, "during", 300).await?;
        bed.heal(&master, &replica);
        bed.break_after(&master, &replica, 100_000);
        until_decisions(bed, 3).await;
        bed.settle().await;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// A replica that dies comes back with nothing and gets everything.
    async fn crash_of_a_replica(bed, account)
    differs "redis-server keeps the snapshot that it was sent as a file and loads it when it is \
             started; here a full sync makes no file" {
        let [master, replica] = bed.peers().await;
        write_keys(&master, "before", 50).await?;
        attach(bed, &replica, &master).await;
        replica.crash();
        write_keys(&master, "during", 50).await?;
        replica.restart().await;
        account.ask(&replica, "DBSIZE").await?;
        attach(bed, &replica, &master).await;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// A master that dies comes back with nothing and with another history: its replica, which
    /// still has everything, takes that over when it is told once more whom to follow.
    async fn crash_of_the_master(bed, account) {
        let [master, replica] = bed.peers().await;
        attach(bed, &replica, &master).await;
        write_keys(&master, "before", 50).await?;
        bed.settle().await;
        master.crash();
        until_link(bed, &replica, "down").await;
        account.ask(&replica, "DBSIZE").await?;
        master.restart().await;
        replica.follow(&master).await;
        bed.settle().await;
        account.ask(&replica, "DBSIZE").await?;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// Keys whose time is over when a replica comes are not in its snapshot, and those whose time
    /// comes later go when the master says so.
    async fn expiry_across_a_full_sync(bed, account) {
        let [master, replica] = bed.peers().await;
        let mut client = master.client().await?;
        let () = client.set("stays", 1).await?;
        let () = client.pset_ex("is-gone", 1, 20).await?;
        let () = client.set_ex("goes-later", 1, 3_000).await?;
        bed.until("a key that expires", async || match client.exists("is-gone").await {
            Ok(false) => Ok(()),
            other => Err(other),
        })
        .await;
        attach(bed, &replica, &master).await;
        account.ask(&replica, "DBSIZE").await?;
        let _: bool = client.pexpire("goes-later", 20).await?;
        bed.until("a replica that is told", async || match replica.call(&["DBSIZE"]).await {
            Ok(redis::Value::Int(1)) => Ok(()),
            other => Err(other),
        })
        .await;
        bed.settle().await;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// `WAIT` counts who has the last write: nobody while the link is cut.
    async fn wait_across_a_cut(bed, account) {
        let [master, replica] = bed.peers().await;
        attach(bed, &replica, &master).await;
        let mut client = master.client().await?;
        let () = client.set("k", 1).await?;
        let count: i64 = redis::cmd("WAIT").arg(&[1, 20_000]).query_async(&mut client).await?;
        account.note("replicas that have it, before", count);
        bed.cut(&master, &replica);
        until_replicas(bed, &master, 0).await;
        let () = client.set("k", 2).await?;
        let count: i64 = redis::cmd("WAIT").arg(&[1, 50]).query_async(&mut client).await?;
        account.note("replicas that have it, during", count);
        bed.heal(&master, &replica);
        let count: i64 = redis::cmd("WAIT").arg(&[1, 20_000]).query_async(&mut client).await?;
        account.note("replicas that have it, after", count);
        bed.settle().await;
        account.end(bed, &[&master, &replica], Offsets::Untold).await
    }

    /// Transactions that were executed while the link was cut arrive whole, over two databases.
    async fn multi_across_a_cut(bed, account) {
        let [master, replica] = bed.peers().await;
        attach(bed, &replica, &master).await;
        let mut client = master.client().await?;
        for command in ["MULTI", "SET before:cut 1"] {
            let words: Vec<&str> = command.split(' ').collect();
            let mut command = redis::cmd(words[0]);
            let () = command.arg(&words[1..]).query_async(&mut client).await?;
        }
        bed.cut(&master, &replica);
        for command in ["INCR count", "SELECT 3", "INCR count", "GET count"] {
            let words: Vec<&str> = command.split(' ').collect();
            let mut command = redis::cmd(words[0]);
            let () = command.arg(&words[1..]).query_async(&mut client).await?;
        }
        let replies = redis::cmd("EXEC").query_async::<redis::Value>(&mut client).await;
        account.note("EXEC", crate::account::told(replies)?);
        bed.heal(&master, &replica);
        bed.settle().await;
        account.ask(&replica, "MGET before:cut count").await?;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }

    /// A second replica comes while the first one's snapshot is under way over a slow link.
    async fn second_replica_during_a_snapshot(bed, account) {
        bed.configure(&[("rdbcompression", "no")]);
        let [master, first, second] = bed.peers().await;
        write_kilobytes(&master, "value", 300).await?;
        bed.slow(&master, &first, 200_000);
        first.follow(&master).await;
        until_decisions(bed, 1).await;
        write_keys(&master, "during", 20).await?;
        attach(bed, &second, &master).await;
        account.end(bed, &[&master, &first, &second], Offsets::Told).await
    }

    /// A master that stands still for longer than `repl-timeout` is given up, and the link goes on
    /// at its byte when it wakes.
    async fn frozen_master(bed, account) {
        bed.configure(&[("repl-timeout", "3"), ("repl-ping-replica-period", "1")]);
        let [master, replica] = bed.peers().await;
        attach(bed, &replica, &master).await;
        write_keys(&master, "before", 10).await?;
        bed.settle().await;
        master.freeze();
        until_link(bed, &replica, "down").await;
        master.thaw();
        until_link(bed, &replica, "up").await;
        bed.settle().await;
        account.end(bed, &[&master, &replica], Offsets::Untold).await
    }

    /// A replica whose clock is ten hours ahead hides what it takes for expired, and keeps it: only
    /// its master deletes.
    async fn replica_with_a_fast_clock(bed, account) needs Skew {
        let [master, replica] = bed.peers().await;
        attach(bed, &replica, &master).await;
        let () = master.client().await?.set_ex("k", 1, 600).await?;
        bed.settle().await;
        replica.skew(36_000_000);
        account.ask(&master, "GET k").await?;
        account.ask(&replica, "GET k").await?;
        account.ask(&replica, "DBSIZE").await?;
        account.end(bed, &[&master, &replica], Offsets::Told).await
    }
}

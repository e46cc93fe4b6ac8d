//! Limits that are another node's business, debts that nobody has, and a process that ends in
//! order.

use std::time::Duration;

use repl_sim::{
    lab::{Reply, Syncs},
    scenarios,
};

use crate::secs;

scenarios! {
    /// What a master has taken is applied, whatever a replica's own limits are.
    async fn small_limits_refuse_no_stream(lab: Lab) seeds = 50 {
        let [master] = lab.peers().await;
        lab.configure(|config| config.proto_max_bulk_len = 1_000);
        let [replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().work(200, secs(5)).await;
        lab.settle().await;
        let syncs = replica.syncs();

        let mut client = master.client();
        for size in [900, 1_001, 30_000] {
            let value = "v".repeat(size);
            assert_eq!(client.call(&["SET", "big", &value]).await, Ok(Reply::Simple("OK".into())));
        }
        lab.settle().await;
        assert_eq!(replica.dataset(), master.dataset());
        assert_eq!(replica.syncs(), syncs, "the link stayed up");
    }

    /// A history that is kept for whoever comes back is no debt of a replica that keeps up.
    async fn a_full_backlog_is_nobodys_debt(lab: Lab) seeds = 50 {
        lab.configure(|config| {
            config.repl_backlog_size = 131_072;
            config.output_limit_replica.hard_bytes = 131_072;
        });
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        lab.settle().await;
        for _ in 0..60 {
            master.client().write_bytes(4_000).await;
            lab.settle().await;
        }
        assert_eq!(replica.dataset(), master.dataset());
        assert_eq!(replica.syncs(), Syncs { full: 1, partial: 0 });
    }

    /// Bytes that wait for company leave without it.
    async fn no_tail_is_kept_back(lab: Lab) seeds = 50 {
        // No ping is on its way when offsets are compared.
        lab.configure(|config| {
            config.repl_ping_replica_period = secs(3_600);
            config.repl_timeout = secs(7_200);
        });
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        lab.settle().await;
        let mut client = master.client();
        for _ in 0..20 {
            client.write_keys(40).await;
            lab.pass(secs(4)).await;
            assert_eq!(replica.offset(), master.offset(), "there was time for all of it");
        }
    }

    /// A master that is shut down in order leaves nothing behind that its replica lacks.
    async fn shutdown_leaves_nothing_behind(lab: Lab) seeds = 50 {
        lab.configure(|config| config.shutdown_timeout = secs(600));
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().work(100, secs(5)).await;
        lab.settle().await;

        lab.slow(&master, &replica, Duration::from_millis(100), 20_000);
        master.client().write_bytes(40_000).await;
        let written = master.offset();
        master.stop().await;
        assert!(replica.offset() >= written, "byte {written} was answered for");
        replica.promote().await;
        lab.settle().await;
    }
}

//! Links that break and come back: when the stream goes on, and when a snapshot is needed.

use std::time::Duration;

use repl_sim::{lab::Syncs, scenarios};

const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

scenarios! {
    /// A link down for less than the backlog costs no snapshot.
    async fn cut_heals_within_backlog(lab: Lab) as Directed seeds = 50 {
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

    /// A link that missed more than the backlog costs one snapshot.
    async fn cut_beyond_backlog(lab: Lab) as Directed seeds = 50 {
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
}

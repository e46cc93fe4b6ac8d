//! Another node becomes the master: who can go on with the stream, and who must not.

use std::{cell::RefCell, rc::Rc};

use repl_sim::{
    families,
    lab::{Lost, Reply, Role, Syncs},
    scenarios,
    schedule::{Load, Trouble, Variety},
};

use crate::secs;

const SWITCHOVERS: [(u64, Trouble); 18] = [
    (2, Trouble::Reset),
    (2, Trouble::Cut),
    (1, Trouble::Stall),
    (1, Trouble::HalfOpen),
    (2, Trouble::Ambush),
    (2, Trouble::Freeze),
    (1, Trouble::Lull),
    (1, Trouble::Isolate),
    (1, Trouble::Stop),
    (1, Trouble::CrashReplica),
    (4, Trouble::Promote),
    (4, Trouble::Strand),
    (3, Trouble::Graft),
    (2, Trouble::PromoteByMulti),
    (4, Trouble::Planned),
    (4, Trouble::FailOver),
    (3, Trouble::Chain),
    (2, Trouble::Repoint),
];

families! {
    /// Any node becomes the master at any time: quietly, with a surplus left behind, in the middle
    /// of a transaction, over chains, and after the backlog's time is over.
    fn switchover(plan: &mut Plan) seeds = 60 {
        let backlog_ttl = secs(plan.pick(&[2, 5, 3_600]));
        plan.configure(|config| config.repl_backlog_ttl = backlog_ttl);
        plan.nodes(2, 4);
        plan.huge_offsets();
        plan.clients(Load::MIXED);
        plan.trouble(&SWITCHOVERS, Variety::Swarm);
    }
}

scenarios! {
    /// After a planned switchover the sibling and the old master go on with the stream.
    async fn switchover_keeps_sibling_partial(lab: Lab) seeds = 50 {
        lab.configure(|config| {
            config.repl_backlog_size = 1024 * 1024;
            // The old master must say nothing more of its own once the lab has settled: no pings
            // ...
            config.repl_ping_replica_period = secs(3_600);
            config.repl_timeout = secs(7_200);
        });
        let [master, heir, sibling] = lab.peers().await;
        heir.follow(&master).await;
        sibling.follow(&master).await;
        master.client().work(500, secs(15)).await;
        // ... and no keys left that could expire.
        master.client().flush_all().await;
        master.client().write_keys(100).await;
        lab.settle().await;

        heir.promote().await;
        sibling.follow(&heir).await;
        master.follow(&heir).await;
        heir.client().work(500, secs(15)).await;
        lab.pass_until(secs(40)).await;
        lab.settle().await;

        assert_eq!(heir.role(), Role::Master);
        assert_eq!(sibling.dataset(), heir.dataset());
        assert_eq!(master.dataset(), heir.dataset());
        assert_eq!(sibling.syncs(), Syncs { full: 1, partial: 1 });
        assert_eq!(master.syncs(), Syncs { full: 0, partial: 1 });
    }

    /// A new master's stream names its database: its replicas may each remember another one.
    async fn promotion_names_its_database(lab: Lab) seeds = 50 {
        lab.configure(|config| {
            config.repl_backlog_size = 1024 * 1024;
            config.repl_ping_replica_period = secs(3_600);
            config.repl_timeout = secs(7_200);
        });
        let [master, heir, sibling] = lab.peers().await;
        heir.follow(&master).await;
        master.client().work(500, secs(15)).await;
        master.client().flush_all().await;
        master.client().write_in_database(2, 20).await;
        lab.settle().await;
        // The heir has last heard of database 2; the sibling's snapshot says nothing of it.
        sibling.follow(&master).await;
        lab.settle().await;

        heir.promote().await;
        sibling.follow(&heir).await;
        heir.client().write_in_database(2, 20).await;
        lab.settle().await;
        assert_eq!(sibling.dataset(), heir.dataset());
        assert_eq!(sibling.syncs(), Syncs { full: 1, partial: 1 });

        master.follow(&heir).await;
        heir.client().work(500, secs(15)).await;
        lab.pass_until(secs(40)).await;
        lab.settle().await;
        assert_eq!(master.dataset(), heir.dataset());
    }

    /// Two masters that took as many bytes from different clients do not hold the same history.
    async fn split_writes_are_not_continued(lab: Lab) seeds = 50 {
        lab.configure(|config| config.repl_backlog_size = 1024 * 1024);
        let [master, heir] = lab.peers().await;
        heir.follow(&master).await;
        master.client().work(400, secs(12)).await;
        lab.settle().await;

        lab.cut(&master, &heir);
        heir.promote().await;
        master.client().write_twins(20).await;
        heir.client().write_twins(20).await;
        heir.client().work(300, secs(12)).await;
        lab.heal(&master, &heir);
        master.follow(&heir).await;
        heir.client().work(300, secs(12)).await;
        lab.pass_until(secs(40)).await;
        lab.settle().await;

        assert_eq!(master.dataset(), heir.dataset());
        assert_eq!(master.syncs().full, 1, "its own writes were never the new master's");
        assert_eq!(heir.syncs().full, 1);
    }

    /// A master that stood alone for longer than its backlog lives has left its history: what it
    /// took since then was never counted.
    async fn alone_beyond_backlog_ttl(lab: Lab) seeds = 50 {
        lab.configure(|config| {
            config.repl_backlog_ttl = secs(3);
            config.repl_ping_replica_period = secs(3_600);
            config.repl_timeout = secs(7_200);
        });
        let [master, heir, sibling] = lab.peers().await;
        heir.follow(&master).await;
        sibling.follow(&heir).await;
        master.client().work(300, secs(10)).await;
        // No key is left that could expire.
        master.client().flush_all().await;
        master.client().write_keys(50).await;
        lab.settle().await;

        heir.promote().await;
        lab.pass(secs(6)).await;
        master.client().write_keys(50).await;
        master.follow(&heir).await;
        heir.client().work(300, secs(10)).await;
        lab.settle().await;
        assert_eq!(master.dataset(), heir.dataset());
        assert_eq!(master.syncs(), Syncs { full: 1, partial: 0 });
    }

    /// The top of a chain finds another master: everybody below it leaves the old history, too.
    async fn chain_moves_to_another_history(lab: Lab) seeds = 50 {
        let [other, top, middle, bottom] = lab.peers().await;
        middle.follow(&top).await;
        bottom.follow(&middle).await;
        top.client().work(300, secs(10)).await;
        other.client().work(300, secs(10)).await;
        lab.settle().await;

        // The bottom hears of nothing until it is all over.
        lab.cut(&middle, &bottom);
        top.follow(&other).await;
        other.client().work(300, secs(20)).await;
        lab.heal(&middle, &bottom);
        lab.settle().await;
        for node in [&top, &middle, &bottom] {
            assert_eq!(node.dataset(), other.dataset());
        }
    }
    /// Who waits for a key of the old master is sent away: served by what the new one writes, it
    /// would take it from the new master's dataset.
    async fn waiters_do_not_outlive_a_demotion(lab: Lab) seeds = 50 {
        let [master, heir] = lab.peers().await;
        heir.follow(&master).await;
        lab.settle().await;
        let heard = Rc::new(RefCell::new(Vec::new()));
        let mut waiters = Vec::new();
        for command in [["BLPOP", "queue", "0"], ["BRPOP", "queue", "0"]] {
            let (mut client, heard) = (master.client(), Rc::clone(&heard));
            waiters.push(lab.in_background(async move {
                let reply = client.call(&command).await;
                heard.borrow_mut().push(reply);
            }));
        }
        lab.pass(secs(5)).await;

        heir.promote().await;
        master.follow(&heir).await;
        lab.settle().await;
        let pushed = heir.client().call(&["RPUSH", "queue", "one", "two", "three"]).await;
        assert_eq!(pushed, Ok(Reply::Integer(3)));
        heir.client().work(200, secs(10)).await;
        lab.settle().await;
        assert_eq!(master.dataset(), heir.dataset());
        for waiter in waiters {
            waiter.await;
        }
        // Sent away in words, or without them where the connection was the first to go.
        let sent_away = |reply: &Result<Reply, Lost>| match reply {
            Ok(Reply::Error(text)) => text.starts_with("UNBLOCKED"),
            Ok(Reply::Simple(_) | Reply::Integer(_) | Reply::Bulk(_) | Reply::Array(_)) => false,
            Err(Lost) => true,
        };
        assert!(heard.borrow().iter().all(sent_away), "{heard:?}");
    }
}

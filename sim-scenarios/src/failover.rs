//! `FAILOVER`: the role changes hands while clients write, and whatever happens in between, nobody
//! loses what was acknowledged.

use std::{cell::Cell, rc::Rc, time::Duration};

use repl_sim::{
    Lab,
    lab::{Client, Mark, Peer, Reply, Role},
    scenarios,
};

use crate::secs;

/// Counts up in a key until that is not taken any more; `acknowledged` is as far as it came.
async fn count_up(mut client: Client, acknowledged: Rc<Cell<i64>>) {
    loop {
        let next = acknowledged.get() + 1;
        if client.call(&["INCR", "acknowledged"]).await != Ok(Reply::Integer(next)) {
            return;
        }
        acknowledged.set(next);
    }
}

/// A master that hands over by force to a replica that it cannot reach, and that lacks something.
async fn forced(lab: &Lab) -> [Peer; 2] {
    lab.configure(|config| config.repl_timeout = secs(60));
    let [master, heir] = lab.peers().await;
    heir.follow(&master).await;
    master.client().work(50, secs(1)).await;
    lab.settle().await;
    lab.cut(&master, &heir);
    let mut client = master.client();
    client.write_keys(20).await;
    let words = ["FAILOVER", "TO", "10.0.0.2", "6379", "FORCE", "TIMEOUT", "1000"];
    assert_eq!(client.call(&words).await, Ok(Reply::Simple("OK".to_owned())));
    lab.pass(secs(2)).await;
    [master, heir]
}

/// Waits until a failover is over, whichever way.
async fn handed_over(lab: &Lab, master: &Peer) {
    while master.is_handing_over() {
        lab.pass(secs(1)).await;
    }
    lab.pass(secs(3)).await;
}

scenarios! {
    /// The heir takes over with everything that was acknowledged, and nobody needs a full sync.
    async fn the_role_is_handed_over_under_load(lab: Lab) seeds = 50 {
        lab.configure(|config| config.repl_backlog_size = 1024 * 1024);
        let [master, heir, sibling] = lab.peers().await;
        heir.follow(&master).await;
        sibling.follow(&master).await;
        master.client().work(100, secs(5)).await;
        lab.settle().await;
        let full_before = [&master, &sibling].map(|node| node.syncs().full);
        let acknowledged = Rc::new(Cell::new(0));
        let writes = lab.in_background(count_up(master.client(), Rc::clone(&acknowledged)));
        lab.pass(secs(1)).await;
        assert_eq!(master.fail_over(&heir, secs(30)).await, Role::Master);
        writes.await;
        assert!(acknowledged.get() > 0, "there was load");
        sibling.follow(&heir).await;
        // Not all of `work`, which may empty the database.
        heir.client().write_keys(50).await;
        lab.settle().await;
        let counted = heir.client().call(&["INCRBY", "acknowledged", "0"]).await;
        let expected = Ok(Reply::Integer(acknowledged.get()));
        assert_eq!(counted, expected, "all of it, and nothing that was held back");
        lab.settle().await;
        assert_eq!([&master, &sibling].map(|node| node.syncs().full), full_before);
        for node in [&master, &sibling] {
            assert_eq!(node.dataset(), heir.dataset());
        }
        assert!(master.took(Mark::FailoverAccepted) && heir.took(Mark::TakesOver));
    }

    /// A heir that cannot be reached does not take over; one that is reached too late may, and then
    /// somebody has to say which of two masters it is.
    async fn a_heir_out_of_reach(lab: Lab) seeds = 100 {
        lab.configure(|config| config.repl_backlog_size = 1024 * 1024);
        let [master, heir] = lab.peers().await;
        heir.follow(&master).await;
        master.client().work(100, secs(5)).await;
        lab.settle().await;
        for _ in 0..4 {
            match lab.draw_number(0, 3) {
                0 => lab.cut(&master, &heir),
                1 => lab.stall(&master, &heir),
                2 => lab.reset(&master, &heir),
                _ => lab.cut_one_way(&heir, &master),
            }
            let (lab_there, [one, other]) = (lab.clone(), [master.clone(), heir.clone()]);
            let millis = lab.draw_number(0, 6_000);
            // It ends long before the next round.
            let _healed = lab.in_background(async move {
                lab_there.pass(Duration::from_millis(millis)).await;
                lab_there.heal(&one, &other);
            });
            master.client().write_keys(3).await;
            let became = master.fail_over(&heir, secs(3)).await;
            lab.pass(secs(8)).await;
            if became == Role::Master || heir.role() == Role::Master {
                master.follow(&heir).await;
                heir.client().work(30, secs(1)).await;
                lab.settle().await;
                assert_eq!(master.dataset(), heir.dataset());
                // And back.
                heir.fail_over(&master, secs(30)).await;
                lab.settle().await;
                if master.role() == Role::Replica {
                    master.promote().await;
                    heir.follow(&master).await;
                }
            }
            master.client().work(30, secs(1)).await;
            lab.settle().await;
            assert_eq!(master.dataset(), heir.dataset());
        }
    }

    /// A replica that asks for the role in the name of another history, or of a master, is refused.
    async fn nobody_takes_the_role_unasked(lab: Lab) seeds = 20 {
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().work(50, secs(1)).await;
        lab.settle().await;
        let stranger = lab.stranger();
        for node in [&master, &replica] {
            let mut wire = stranger.dial(node).await.expect("nothing is broken");
            let asks = format!("PSYNC {} 1 FAILOVER\r\n", "a".repeat(40));
            wire.say(asks).await.expect("the node listens");
            wire.hear("-ERR PSYNC FAILOVER").await.expect("a refusal");
        }
        // Called off while the replica lags, with somebody who asks meanwhile.
        lab.stall(&master, &replica);
        let mut client = master.client();
        client.write_keys(5).await;
        assert_eq!(client.call(&["FAILOVER"]).await, Ok(Reply::Simple("OK".to_owned())));
        let mut wire = stranger.dial(&master).await.expect("nothing is broken");
        wire.say("PSYNC ? -1\r\n").await.expect("the node listens");
        wire.hear("-NOMASTERLINK").await.expect("a refusal");
        let aborted = client.call(&["FAILOVER", "ABORT"]).await;
        assert_eq!(aborted, Ok(Reply::Simple("OK".to_owned())));
        lab.heal(&master, &replica);
        master.client().work(50, secs(1)).await;
        lab.settle().await;
        assert_eq!((master.role(), replica.role()), (Role::Master, Role::Replica));
        assert_eq!(replica.dataset(), master.dataset());
    }

    /// By force a heir takes over with what it has: what it lacks is gone.
    async fn by_force_with_what_it_has(lab: Lab) seeds = 20 {
        let [master, heir] = forced(&lab).await;
        assert!(master.took(Mark::FailoverForced));
        lab.heal(&master, &heir);
        handed_over(&lab, &master).await;
        // The old link's bytes may have come before the question: then it is no surplus.
        heir.promote().await;
        master.follow(&heir).await;
        heir.client().work(50, secs(1)).await;
        lab.settle().await;
        assert_eq!(master.dataset(), heir.dataset());
    }

    /// A heir that has become a master meanwhile does not take over: the master is one again.
    async fn a_heir_that_is_a_master(lab: Lab) seeds = 20 {
        let [master, heir] = forced(&lab).await;
        heir.promote().await;
        lab.heal(&master, &heir);
        handed_over(&lab, &master).await;
        assert!(master.took(Mark::FailoverTakenBack));
        assert_eq!(master.role(), Role::Master);
        heir.follow(&master).await;
        master.client().write_keys(20).await;
        lab.settle().await;
        assert_eq!(heir.dataset(), master.dataset());
    }
}

//! Twin runs: one thing is changed that must not matter, and the same comes of it.
//!
//! The claim is sound where nothing hangs on the time at which something arrives: one client that
//! asks for one thing after another, no expiry, no pings, and orders that come when all is quiet.
//! There, datasets, offsets, histories and decisions are the same for any segments and any order of
//! tasks. Elsewhere only the properties hold, and every run checks those.
#![cfg(madsim)]

use std::time::Duration;

use repl_sim::{
    Lab, Twin,
    lab::{Decision, Syncs},
    simulated_twin,
};

/// What must be equal.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    datasets: Vec<u64>,
    offsets: Vec<u64>,
    syncs: Vec<Syncs>,
    decisions: Vec<Decision>,
}

/// A replica, a chain, a cut within the backlog, a promotion and the old master's return.
async fn quiet(lab: Lab) -> Outcome {
    lab.configure(|config| {
        config.repl_backlog_size = 1024 * 1024;
        config.repl_ping_replica_period = Duration::from_secs(3_600);
        config.repl_timeout = Duration::from_secs(7_200);
    });
    let [master, heir, last] = lab.peers().await;
    let mut client = master.client();
    client.write_keys(50).await;
    heir.follow(&master).await;
    lab.settle().await;
    last.follow(&heir).await;
    lab.settle().await;
    client.write_bytes(20_000).await;
    lab.settle().await;
    lab.reset(&master, &heir);
    lab.settle().await;
    client.write_in_database(2, 20).await;
    lab.settle().await;
    heir.promote().await;
    lab.settle().await;
    heir.client().write_keys(50).await;
    lab.settle().await;
    master.follow(&heir).await;
    lab.settle().await;
    let nodes = [&master, &heir, &last];
    Outcome {
        datasets: nodes.map(|node| node.dataset()).to_vec(),
        offsets: nodes.map(|node| node.offset()).to_vec(),
        syncs: nodes.map(|node| node.syncs()).to_vec(),
        decisions: lab.decisions(),
    }
}

fn outcome(seed: u64, twin: Twin) -> Outcome {
    simulated_twin(seed, twin, quiet).unwrap_or_else(|failed| panic!("{twin:?}: {failed}"))
}

#[test]
fn segments_and_the_order_of_tasks_change_nothing_where_all_is_quiet() {
    for seed in 0..20 {
        let one = outcome(seed, Twin::default());
        assert_eq!(one.datasets[0], one.datasets[1], "they hold the same");
        assert!(one.decisions.len() >= 4, "they have synchronised");
        for number in 1..4 {
            let others = [
                Twin { segments: number, polls: 0 },
                Twin { segments: 0, polls: number },
                Twin { segments: number, polls: number },
            ];
            for twin in others {
                assert_eq!(outcome(seed, twin), one, "seed {seed}, {twin:?}");
            }
        }
    }
}

//! Processes that begin with what an earlier one has saved: who can go on from there, what outlasts
//! a crash at any operation of the disk, and what must not be loaded.
//!
//! That a process holds and claims what its file says, and nothing more, is the property
//! `restored-truth`.

use std::{path::Path, time::Duration};

use repl_sim::{
    lab::{Access, Crash, DiskFault, Lab, Mark, Peer, Reply, Role},
    scenarios,
};

use crate::secs;

/// The snapshot file of a simulated machine.
const FILE: &str = "dump.rdb";

/// Creating a temporary file, writing what these scenarios hold, and putting it in its place takes
/// this many operations of the disk or fewer.
const OPERATIONS: u64 = 9;

fn drawn_crash(lab: &Lab) -> Crash {
    if lab.draw_number(0, 1) == 0 { Crash::Process } else { Crash::Power }
}

/// `SAVE`, and what it was answered with, if it was.
async fn save(peer: &Peer) -> Option<Reply> {
    peer.client().call(&["SAVE"]).await.ok()
}

fn ok() -> Option<Reply> {
    Some(Reply::Simple("OK".into()))
}

/// `BGSAVE`, and waits until it is over: whether there is a new file.
async fn bgsave(lab: &Lab, peer: &Peer) -> bool {
    let started = peer.client().call(&["BGSAVE"]).await;
    assert_eq!(started, Ok(Reply::Simple("Background saving started".into())));
    loop {
        lab.pass(Duration::from_millis(20)).await;
        let info = info(peer).await;
        if info.contains("rdb_bgsave_in_progress:0\r\n") {
            return info.contains("rdb_last_bgsave_status:ok\r\n");
        }
    }
}

async fn info(peer: &Peer) -> String {
    let reply = peer.client().call(&["INFO", "persistence"]).await;
    let Ok(Reply::Bulk(Some(text))) = reply else { panic!("a text, not {reply:?}") };
    String::from_utf8(text).expect("INFO is text")
}

/// A master that keeps its silence once all is said, so that nothing comes behind a save.
fn quiet(lab: &Lab) {
    lab.configure(|config| {
        config.repl_ping_replica_period = secs(3_600);
        config.repl_timeout = secs(7_200);
        config.repl_backlog_size = 1024 * 1024;
        config.repl_backlog_ttl = secs(3_600);
    });
}

scenarios! {
    /// Nodes that are told to end save if there are save points. Whoever starts again goes on from
    /// its file: a replica under the id in it, a master under a new one that replicas follow. Keys
    /// whose time has passed meanwhile go everywhere.
    async fn a_stopped_node_comes_back_without_a_full_sync(lab: Lab) seeds = 100 {
        quiet(&lab);
        lab.configure(|config| config.save = vec![(3_600, 1)]);
        let [master, replica, other] = lab.peers().await;
        replica.follow(&master).await;
        other.follow(if lab.draw_number(0, 1) == 0 { &master } else { &replica }).await;
        master.client().work(200, secs(3)).await;
        master.client().call(&["SET", "brief", "1", "PX", "4000"]).await.expect("it is up");
        lab.settle().await;
        let granted = [&master, &replica, &other].map(|peer| peer.syncs().full);

        let stops = lab.draw_number(1, 3);
        if stops & 1 != 0 {
            master.stop().await;
        }
        if stops & 2 != 0 {
            replica.rewrite_config().await;
            replica.stop().await;
        }
        lab.pass(lab.draw_span(Duration::ZERO, secs(6))).await;
        for peer in [&replica, &master] {
            if !peer.is_up() {
                peer.restart().await;
                assert!(peer.is_up() && peer.took(if peer.role() == Role::Master {
                    Mark::LoadAsMaster
                } else {
                    Mark::LoadAsReplica
                }));
            }
        }
        lab.settle().await;
        master.client().work(100, secs(3)).await;
        lab.settle().await;
        for (peer, full) in [&master, &replica, &other].into_iter().zip(granted) {
            assert_eq!(peer.syncs().full, full, "{} needed a full sync", peer.name());
            assert_eq!(peer.dataset(), master.dataset());
        }
    }

    /// A master without a file loses its power and comes back empty. Its replicas keep what they
    /// have, whatever is written to it since, until somebody names their master again or makes one
    /// of them the master.
    async fn a_master_that_comes_back_empty_wipes_nobody(lab: Lab) seeds = 100 {
        quiet(&lab);
        lab.configure(|config| {
            config.repl_diskless_sync_delay = Duration::ZERO;
            config.replica_refuse_empty_master = true;
        });
        let [master, replica, other] = lab.peers().await;
        replica.follow(&master).await;
        other.follow(if lab.draw_number(0, 1) == 0 { &master } else { &replica }).await;
        master.client().work(200, secs(3)).await;
        master.client().call(&["SET", "precious", "1"]).await.expect("it is up");
        lab.settle().await;
        let before = replica.dataset();

        master.crash(drawn_crash(&lab));
        lab.pass(lab.draw_span(Duration::ZERO, secs(4))).await;
        master.restart().await;
        lab.pass(lab.draw_span(secs(3), secs(10))).await;
        assert!(replica.took(Mark::EmptyMasterRefused));
        master.client().work(50, secs(2)).await;
        lab.pass(lab.draw_span(Duration::ZERO, secs(30))).await;
        assert_eq!([replica.dataset(), other.dataset()], [before; 2], "both have kept it");

        if lab.draw_number(0, 1) == 0 {
            replica.follow(&master).await;
            other.follow(&master).await;
            lab.settle().await;
        } else {
            replica.promote().await;
            master.follow(&replica).await;
            other.follow(&replica).await;
            lab.settle().await;
            let found = master.client().call(&["GET", "precious"]).await;
            assert_eq!(found, Ok(Reply::Bulk(Some(b"1".to_vec()))), "nothing is lost");
        }
    }

    /// A process or its power lost at any operation of a save leaves the old file or the new one;
    /// the new one if it was acknowledged.
    async fn a_save_outlasts_a_crash_at_any_operation(lab: Lab) seeds = 200 {
        let [node, replica] = lab.peers().await;
        replica.follow(&node).await;
        node.client().work(100, secs(2)).await;
        lab.settle().await;
        let saver = if lab.draw_number(0, 2) == 0 { &replica } else { &node };
        assert_eq!(save(saver).await, ok());
        let old = saver.lasting_dataset();
        node.client().work(100, secs(2)).await;
        lab.settle().await;

        let (new, lasting) = (saver.dataset(), saver.lasting_dataset());
        let crash = drawn_crash(&lab);
        saver.harm_disk(DiskFault::Loses(lab.draw_number(0, OPERATIONS), crash));
        let answered = save(saver).await;
        if saver.is_up() {
            assert_eq!(answered, ok(), "it had fewer operations");
            saver.crash(crash);
        }
        saver.heal_disk();
        saver.restart().await;
        assert!(saver.is_up(), "its file is whole");
        // Keys whose time has come meanwhile are in no file, or gone from a master that loads it.
        if saver.dataset() != new && saver.lasting_dataset() != lasting {
            assert!(saver.lasting_dataset() == old && answered.is_none(), "{answered:?}");
        }
        replica.follow(&node).await;
        lab.settle().await;
        assert_eq!(replica.dataset(), node.dataset());
    }

    /// A disk that fails or is full has a save fail: `SAVE` says so, and after a failed `BGSAVE`
    /// writes are refused until one succeeds. The old file stays, whatever happens then.
    async fn a_save_fails_with_its_disk(lab: Lab) seeds = 100 {
        lab.configure(|config| config.save = vec![(3_600, 1_000_000)]);
        let [node] = lab.peers().await;
        node.client().work(100, secs(2)).await;
        assert_eq!(save(&node).await, ok());
        node.client().work(100, secs(2)).await;

        node.harm_disk(match lab.draw_number(0, OPERATIONS) {
            0 => DiskFault::Full(lab.draw_number(0, 400)),
            after => DiskFault::Fails(after - 1),
        });
        let failed = if lab.draw_number(0, 1) == 0 {
            let answered = save(&node).await;
            let failed = answered == Some(Reply::Error("ERR".into()));
            assert!(failed || answered == ok(), "{answered:?}");
            failed
        } else {
            let failed = !bgsave(&lab, &node).await;
            let wrote = node.client().call(&["SET", "k", "1"]).await.expect("it is up");
            let refused = matches!(&wrote, Reply::Error(text) if text.starts_with("MISCONF "));
            assert_eq!(refused, failed, "{wrote:?}");
            failed
        };
        if failed && lab.draw_number(0, 1) == 0 {
            node.heal_disk();
            assert!(bgsave(&lab, &node).await);
            let wrote = node.client().call(&["SET", "k", "2"]).await;
            assert_eq!(wrote, Ok(Reply::Simple("OK".into())));
        }
        node.heal_disk();
        node.crash(drawn_crash(&lab));
        node.restart().await;
        assert!(node.is_up(), "some whole file is there");
    }

    /// A node that is told to end and cannot save goes on, and ends when it can.
    async fn a_shutdown_that_cannot_save_is_called_off(lab: Lab) seeds = 50 {
        lab.configure(|config| config.save = vec![(3_600, 1)]);
        let [node] = lab.peers().await;
        node.client().work(100, secs(2)).await;
        node.harm_disk(DiskFault::Fails(lab.draw_number(0, 3)));
        let answered = node.client().call(&["SHUTDOWN"]).await;
        assert_eq!(answered, Ok(Reply::Error("ERR Errors trying to SHUTDOWN. Check logs.".into())));
        assert!(node.took(Mark::ShutdownUnsaved));
        node.client().call(&["SET", "k", "1"]).await.expect("it serves again");
        let held = node.dataset();
        node.stop().await;
        node.restart().await;
        assert!(node.took(Mark::LoadExpired) || node.dataset() == held);
    }

    /// `DEBUG RELOAD` changes nothing that anybody could see, and who was being sent a snapshot is
    /// sent another.
    async fn a_reload_keeps_the_dataset_and_its_history(lab: Lab) seeds = 50 {
        lab.configure(|config| {
            config.enable_debug_command = Access::Yes;
            config.repl_diskless_sync_delay = Duration::ZERO;
            config.repl_timeout = secs(60);
            config.rdbcompression = false;
        });
        let [master, replica, newcomer] = lab.peers().await;
        replica.follow(&master).await;
        // More than is ever encoded ahead.
        let value = "x".repeat(100_000);
        for number in 0..8 {
            let key = format!("big:{number}");
            master.client().call(&["SET", &key, &value]).await.expect("it is up");
        }
        lab.settle().await;
        lab.slow(&master, &newcomer, Duration::ZERO, 5_000);
        newcomer.follow(&master).await;
        lab.pass(secs(4)).await;
        let held = master.dataset();
        let reloaded = master.client().call(&["DEBUG", "RELOAD"]).await;
        assert_eq!(reloaded, Ok(Reply::Simple("OK".into())));
        assert_eq!(master.dataset(), held);
        assert!(master.took(Mark::ReloadDropsReplicas));
        lab.heal_all();
        master.client().work(100, secs(2)).await;
        lab.settle().await;
        assert_eq!(replica.dataset(), master.dataset());
        assert_eq!(newcomer.dataset(), master.dataset());
    }

    /// A process that dies while it loads has changed nothing: the next one loads the same.
    async fn a_crash_in_the_middle_of_a_load_is_no_loss(lab: Lab) seeds = 100 {
        let [node] = lab.peers().await;
        node.client().write_bytes(100_000).await;
        assert_eq!(save(&node).await, ok());
        let saved = node.dataset();
        node.crash(drawn_crash(&lab));
        for _ in 0..lab.draw_number(1, 3) {
            node.harm_disk(DiskFault::Loses(lab.draw_number(0, 4), drawn_crash(&lab)));
            node.boot().await;
            lab.pass(lab.draw_span(Duration::ZERO, Duration::from_millis(200))).await;
            if node.is_up() {
                node.crash(drawn_crash(&lab));
            }
            node.heal_disk();
        }
        node.restart().await;
        assert!(node.is_up());
        assert_eq!(node.dataset(), saved);
    }

    /// A file that has rotted is not loaded, and nobody begins without it.
    async fn a_rotten_file_is_refused(lab: Lab) seeds = 100 {
        lab.configure(|config| config.rdbchecksum = true);
        let [node] = lab.peers().await;
        node.client().work(100, secs(2)).await;
        assert_eq!(save(&node).await, ok());
        node.crash(Crash::Power);
        node.rot(Path::new(FILE));
        node.restart().await;
        assert!(!node.is_up(), "it has found what it cannot load");
    }

    /// A master that comes back from an old file has lost what replicas still have: they must not
    /// go on with it, however far it has come again.
    async fn what_a_master_lost_is_no_part_of_its_next_history(lab: Lab) seeds = 100 {
        quiet(&lab);
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().work(100, secs(2)).await;
        lab.settle().await;
        assert_eq!(save(&master).await, ok());
        master.client().work(lab.draw_number(1, 60) as usize, secs(1)).await;
        lab.settle().await;
        lab.cut(&master, &replica);
        master.crash(drawn_crash(&lab));
        master.restart().await;
        // It comes to where the replica is, or beyond, with other bytes.
        master.client().work(lab.draw_number(1, 120) as usize, secs(2)).await;
        lab.heal_all();
        lab.settle().await;
        assert_eq!(replica.dataset(), master.dataset());
    }

    /// What expires while a master is down is deleted by it when it loads, and it tells replicas
    /// that go on from its file.
    async fn what_expired_meanwhile_goes_everywhere(lab: Lab) seeds = 100 {
        quiet(&lab);
        lab.configure(|config| config.save = vec![(3_600, 1)]);
        let [master, replica] = lab.peers().await;
        replica.follow(&master).await;
        master.client().work(100, secs(2)).await;
        for number in 0..lab.draw_number(1, 20) {
            let (key, millis) = (format!("brief:{number}"), lab.draw_number(2_000, 8_000));
            let words = ["SET", &key, "1", "PX", &millis.to_string()];
            master.client().call(&words).await.expect("it is up");
        }
        lab.settle().await;
        let full = replica.syncs().full;
        master.stop().await;
        lab.pass(secs(10)).await;
        master.restart().await;
        assert!(master.took(Mark::LoadAsMaster) && master.took(Mark::LoadExpired));
        lab.settle().await;
        assert_eq!((replica.syncs().full, replica.dataset()), (full, master.dataset()));
    }

    /// Nodes save, crash, stop and come back in any order while clients write.
    async fn restarts_from_files_in_any_order(lab: Lab) seeds = 100 {
        lab.configure(|config| config.save = vec![(2, 10)]);
        let [master, replica, other] = lab.peers().await;
        replica.follow(&master).await;
        other.follow(if lab.draw_number(0, 1) == 0 { &master } else { &replica }).await;
        replica.rewrite_config().await;
        other.rewrite_config().await;
        let nodes = [&master, &replica, &other];
        for _ in 0..6 {
            master.client().work(60, secs(2)).await;
            let node = nodes[lab.draw_number(0, 2) as usize];
            match lab.draw_number(0, 3) {
                0 => drop(save(node).await),
                1 => drop(node.client().call(&["BGSAVE"]).await),
                2 => node.stop().await,
                _ => node.crash(drawn_crash(&lab)),
            }
            lab.pass(lab.draw_span(Duration::ZERO, secs(3))).await;
            if !node.is_up() {
                node.restart().await;
                assert!(node.is_up(), "whatever it left is whole");
            }
        }
        lab.settle().await;
        assert_eq!(replica.dataset(), master.dataset());
        assert_eq!(other.dataset(), master.dataset());
    }
}

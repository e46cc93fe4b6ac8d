//! A master that has lost its dataset, and how its replicas come back to it: none of them gives its
//! own away, and none of them storms.

use repl_core::base::config::Config;

use crate::{
    net::{Net, config},
    script::{fullresync, greet, snapshot, with_length},
};

/// A master with some keys and its replica; then the master begins anew, without a file.
fn lost(replica: Config) -> Net {
    let mut net = Net::with(&["a"], &config());
    net.add("b", replica);
    for key in 0..150 {
        net.run("a", &format!("SET key:{key} value"));
    }
    net.follow("b", "a");
    net.assert_same(&["a", "b"]);
    net.restart("a", config());
    net.pass_secs(3);
    net
}

fn size(net: &mut Net, name: &str) -> String {
    net.ask(name, "DBSIZE").trim().to_owned()
}

#[test]
fn a_replica_keeps_its_dataset_when_its_master_comes_back_empty() {
    let mut net = lost(config());
    assert_eq!(size(&mut net, "b"), ":150");
    assert!(net.log("b").contains(
        "The master came back with 0 keys, and here are 150: they are kept \
         (replica-refuse-empty-master)"
    ));
    let info = net.ask("b", "INFO replication");
    assert!(info.contains("master_link_status:down"), "{info}");
    assert!(info.contains("master_came_back_empty:1"), "{info}");
    // What is written there now does not bring back what it had.
    for key in 0..20 {
        net.run("a", &format!("SET new:{key} value"));
    }
    net.pass_secs(60);
    assert_eq!(size(&mut net, "b"), ":150");
}

#[test]
fn what_was_refused_once_is_not_fetched_again() {
    let mut net = lost(config());
    net.run("a", &format!("SET large {}", "x".repeat(1_000_000)));
    let received = |net: &Net| net.node("b").stats().net_repl_input_bytes;
    let before = received(&net);
    net.pass_secs(120);
    assert!(net.node("a").stats().sync_full > 3, "it has asked again and again");
    assert!(received(&net) - before < 5_000, "and has left before the dataset came");
    assert_eq!(size(&mut net, "b"), ":150");
    net.run("b", "REPLICAOF a 1");
    net.pass_secs(3);
    net.assert_same(&["a", "b"]);
}

#[test]
fn naming_the_master_once_more_takes_what_it_has() {
    let mut net = lost(config());
    net.run("a", "SET new 1");
    assert!(net.ask("b", "REPLICAOF a 1").starts_with("+OK Already connected"));
    net.pass_secs(1);
    assert_eq!(net.ask("b", "GET new"), "$1\r\n1\r\n");
    net.assert_same(&["a", "b"]);
    assert!(net.log("b").contains("is taken although it lost ours"));
    // That was for once.
    net.restart("a", config());
    net.pass_secs(3);
    assert_eq!(size(&mut net, "b"), ":1");
}

#[test]
fn a_replica_of_an_empty_master_can_be_made_the_master() {
    let mut net = lost(config());
    net.run("b", "REPLICAOF NO ONE");
    net.follow("a", "b");
    net.pass_secs(2);
    assert_eq!(size(&mut net, "a"), ":150");
    net.assert_same(&["b", "a"]);
}

#[test]
fn with_the_directive_off_the_empty_dataset_is_taken() {
    let mut net = lost(Config { replica_refuse_empty_master: false, ..config() });
    assert_eq!(size(&mut net, "b"), ":0");
    net.assert_same(&["a", "b"]);
}

#[test]
fn who_is_told_to_follow_an_empty_master_does() {
    let mut net = Net::with(&["a", "b"], &config());
    net.run("b", "SET own 1");
    net.follow("b", "a");
    assert_eq!(size(&mut net, "b"), ":0");
}

#[test]
fn a_master_that_was_flushed_in_its_own_history_is_no_empty_one() {
    let small = Config { repl_backlog_size: 16 * 1024, ..config() };
    let mut net = Net::with(&["a", "b"], &small);
    net.run("a", "SET key 1");
    net.follow("b", "a");
    net.cut("a", "b");
    net.run("a", &format!("SET large {}", "x".repeat(40_000)));
    net.run("a", "FLUSHALL");
    net.heal();
    net.pass_secs(3);
    assert_eq!(net.node("a").stats().sync_full, 2);
    assert_eq!(size(&mut net, "b"), ":0");
    net.assert_same(&["a", "b"]);
}

#[test]
fn a_restarted_replica_guards_the_dataset_of_its_file() {
    let mut net = Net::with(&["a", "b"], &config());
    net.run("a", "SET key 1");
    net.follow("b", "a");
    net.run("b", "BGSAVE");
    net.save("b");
    let following = net.node("b").config().clone();
    net.restart("a", config());
    net.restart("b", following);
    net.pass_secs(3);
    assert_eq!(size(&mut net, "b"), ":1");
    assert_eq!(net.ask("a", "DBSIZE"), ":0\r\n");
}

#[test]
fn full_syncs_that_fail_are_tried_more_and_more_rarely_and_never_in_step() {
    let mut first = Vec::new();
    let mut net = Net::with(&["a", "b", "c", "d"], &config());
    for name in ["a", "b", "c", "d"] {
        let master_name = format!("master-of-{name}");
        net.script(&master_name);
        net.run(name, &format!("REPLICAOF {master_name} 1"));
        let mut waits = Vec::new();
        for _ in 0..7 {
            let (master, _) = greet(&mut net, &master_name);
            net.send(master, &fullresync(10));
            let damaged = with_length(&snapshot(0, &[("key", "value")])[..30]);
            net.send(master, &damaged);
            net.close(master);
            waits.push(net.until_dialled(&master_name).as_secs_f64());
        }
        for (wait, mean) in waits.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0, 16.0]) {
            assert!((mean..=mean * 1.5 + 0.05).contains(wait), "{waits:?}");
        }
        first.push(waits[4]);
    }
    first.sort_by(f64::total_cmp);
    first.dedup();
    assert!(first.len() > 1, "each waits as long as chance has it: {first:?}");
}

//! Full syncs that are slow on purpose: what both ends say of them, and what may come in between.

use std::time::Duration;

use repl_core::base::config::{Config, DisklessLoad};

use crate::net::{Net, config};

const KEYS: u32 = 20;
/// So a sync of all keys takes two seconds.
const PER_KEY_MICROS: i32 = 100_000;

/// `b` is being sent what `a` holds.
fn syncing(master: &Config, replica: &Config) -> Net {
    // A payload that comes in one piece is loaded in one go, whatever the pace.
    let mut net = Net::chopped(300);
    net.add("a", master.clone());
    net.add("b", replica.clone());
    for number in 0..KEYS {
        net.run("a", &format!("SET {number} {}", "x".repeat(100)));
    }
    net.run("b", "SET own 1");
    net.run("b", "REPLICAOF a 1");
    net.pass(Duration::from_millis(500));
    net
}

fn said(net: &mut Net, name: &str, section: &str, line: &str) -> bool {
    net.ask(name, &format!("INFO {section}")).contains(line)
}

#[test]
fn a_slow_save_is_seen_on_both_ends_and_overtaken_by_nothing() {
    let slow = Config { rdb_key_save_delay: PER_KEY_MICROS, ..config() };
    let direct = Config { repl_diskless_load: DisklessLoad::Swapdb, ..config() };
    let mut net = syncing(&slow, &direct);
    assert!(said(&mut net, "a", "persistence", "rdb_bgsave_in_progress:1"));
    assert!(said(&mut net, "a", "replication", "state=wait_bgsave"));
    assert!(said(&mut net, "b", "persistence", "\r\nloading:1\r\nasync_loading:0\r\n"));
    assert_eq!(net.ask("b", "GET own"), "$1\r\n1\r\n", "the old data is served");
    // Redis ends its child process for that, and the replica begins anew.
    net.run("a", "FLUSHALL");
    net.pass_secs(1);
    assert!(said(&mut net, "b", "persistence", "\r\nloading:1\r\n"), "two seconds are not over");
    net.pass_secs(2);
    assert!(said(&mut net, "a", "persistence", "rdb_bgsave_in_progress:0"));
    assert_eq!(net.node("a").stats().sync_full, 1);
    assert_eq!(net.ask("b", "DBSIZE"), ":0\r\n");
    net.assert_same(&["a", "b"]);
}

#[test]
fn a_slow_load_takes_its_time_and_is_said_to_be_beside_the_dataset_by_default() {
    let slow = Config { key_load_delay: PER_KEY_MICROS, ..config() };
    let mut net = syncing(&config(), &slow);
    assert!(said(&mut net, "b", "persistence", "\r\nloading:0\r\nasync_loading:1\r\n"));
    // Nobody has said how long a payload with a mark behind it is.
    assert!(said(&mut net, "b", "persistence", "\r\nloading_total_bytes:0\r\n"));
    assert_eq!(net.ask("b", "GET own"), "$1\r\n1\r\n");
    net.pass_secs(3);
    assert!(!said(&mut net, "b", "persistence", "\r\nloading_total_bytes:"));
    assert!(said(&mut net, "b", "persistence", "\r\nasync_loading:0\r\n"));
    net.assert_same(&["a", "b"]);
}

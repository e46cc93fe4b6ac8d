//! A full sync that always finishes: writes that are faster than the replica wait.

use core::time::Duration;

use repl_core::base::config::{Config, OutputLimit};

use crate::net::{Net, command, config};

const LIMIT: u64 = 1_000_000;
/// Bytes a second that reach the replica.
const RATE: u64 = 100_000;
/// Bytes of each value that is written, a hundred times a second if nothing waits.
const VALUE_BYTES: usize = 5_000;

fn limited(repl_sync_slows_writes: bool) -> Config {
    let limit = OutputLimit {
        hard_bytes: LIMIT,
        soft_bytes: LIMIT / 4,
        soft_after: Duration::from_secs(2),
    };
    Config {
        repl_sync_slows_writes,
        output_limit_replica: limit,
        repl_backlog_size: 16 * 1024,
        rdbcompression: false,
        ..config()
    }
}

/// A master whose dataset takes the replica some ten seconds.
fn net(config: &Config) -> Net {
    let mut net = Net::with(&["a", "b"], config);
    for key in 0..200 {
        net.run("a", &format!("SET key:{key} {}", "x".repeat(VALUE_BYTES)));
    }
    net.slow("a", "b", RATE);
    net.run("b", "REPLICAOF a 1");
    net
}

/// One client that writes as fast as it is answered: how many writes were answered in that time.
fn write(net: &mut Net, secs: u32) -> u32 {
    let client = net.connect("a");
    let mut count = 0;
    net.send(client, &command("PING"));
    for _ in 0..secs * 100 {
        net.pass(Duration::from_millis(10));
        if !net.read(client).is_empty() {
            count += 1;
            let value = "y".repeat(VALUE_BYTES);
            net.send(client, &command(&format!("SET key:{} {value}", count % 200)));
        }
    }
    count
}

fn slowed_millis(net: &mut Net) -> u64 {
    let info = net.ask("a", "INFO stats");
    let line = info.lines().find_map(|line| line.strip_prefix("repl_writes_slowed_ms:"));
    line.expect("it is shown").parse().expect("it is a number")
}

#[test]
fn a_full_sync_finishes_although_more_is_written_than_its_link_carries() {
    let mut net = net(&limited(true));
    let count = write(&mut net, 60);
    assert_eq!(net.view("b").link, "connected");
    let stats = net.node("a").stats();
    assert_eq!((stats.sync_full, stats.output_limit_disconnections), (1, 0));
    // What the link carries beside the snapshot, and what may be held.
    let most = (60 * RATE + LIMIT) as usize / VALUE_BYTES;
    assert!((600..most).contains(&(count as usize)), "{count} writes");
    assert!(slowed_millis(&mut net) > 1_000);
    assert!(net.log("a").contains("Writes are slowed down so that replica"));
    net.heal();
    net.pass_secs(5);
    net.assert_same(&["a", "b"]);
    let slowed = slowed_millis(&mut net);
    assert!(write(&mut net, 5) > 450, "in step, nobody waits");
    assert_eq!(slowed_millis(&mut net), slowed);
}

#[test]
fn with_the_directive_off_the_replica_begins_again_and_again() {
    let mut net = net(&limited(false));
    let count = write(&mut net, 60);
    assert!(count > 5_900, "{count} writes");
    assert!(net.node("a").stats().sync_full > 2);
    assert_eq!(slowed_millis(&mut net), 0);
}

#[test]
fn a_replica_without_a_sign_of_life_slows_nobody_down() {
    let mut net = net(&limited(true));
    net.pass_secs(2);
    net.stall("a", "b");
    net.pass_secs(6);
    let count = write(&mut net, 10);
    assert!(count > 990, "{count} writes");
    assert_eq!(net.node("a").stats().output_limit_disconnections, 1);
}

#[test]
fn a_replica_without_a_sign_of_life_hides_no_living_one() {
    let mut net = net(&limited(true));
    net.add("c", limited(true));
    net.slow("a", "c", RATE);
    net.run("c", "REPLICAOF a 1");
    net.pass_secs(1);
    net.stall("a", "c");
    // What b reads of their snapshot is held for c.
    net.slow("a", "b", RATE / 10);
    net.pass_secs(6);
    // As much as the limit, if nobody waits.
    write(&mut net, 2);
    assert!(slowed_millis(&mut net) > 0, "for b");
    assert_eq!(net.node("a").stats().output_limit_disconnections, 0);
    net.slow("a", "b", RATE);
    write(&mut net, 60);
    assert_eq!(net.view("b").link, "connected");
    assert_eq!(net.node("a").stats().output_limit_disconnections, 1, "c");
}

#[test]
fn without_a_hard_limit_the_soft_one_counts_in_a_full_sync_too() {
    let mut config = limited(true);
    config.output_limit_replica.hard_bytes = 0;
    let mut net = net(&config);
    let count = write(&mut net, 10);
    assert!(count > 990, "{count} writes: nobody waits");
    assert!(net.node("a").stats().output_limit_disconnections > 0);
}

#[test]
fn who_turns_it_off_is_let_go_on_at_once() {
    let mut net = net(&limited(true));
    write(&mut net, 10);
    assert!(slowed_millis(&mut net) > 1_000);
    net.run("a", "CONFIG SET repl-sync-slows-writes no");
    net.pass(Duration::from_millis(200));
    let slowed = slowed_millis(&mut net);
    assert!(write(&mut net, 5) > 490);
    assert_eq!(slowed_millis(&mut net), slowed);
}

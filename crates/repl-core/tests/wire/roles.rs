//! Changes of role with clients in the middle of something, read-only replicas, and expiry under
//! two clocks.

use std::time::Duration;

use repl_core::base::config::Config;

use crate::{
    net::{Net, config},
    script::{MODERN, attach, psync, text},
};

const READONLY: &str = "-READONLY You can't write against a read only replica.\r\n";

#[test]
fn a_role_change_inside_a_transaction_parts_its_writes() {
    let mut net = Net::with(&["a", "b"], &config());
    let (replica, ..) = attach(&mut net, "a");
    for words in ["MULTI", "SET before 1", "REPLICAOF b 1", "SET after 1"] {
        net.run("a", words);
    }
    let reply = net.ask("a", "EXEC");
    assert_eq!(reply, format!("*3\r\n+OK\r\n+OK\r\n{READONLY}"));
    let heard = net.read_text(replica);
    assert!(heard.starts_with(&(text("SELECT 0") + &text("SET before 1"))), "{heard:?}");
    assert!(!heard.contains("after") && !heard.contains("MULTI"), "{heard:?}");
}

#[test]
fn several_writes_before_a_role_change_are_one_transaction_of_the_old_history() {
    let mut net = Net::with(&["a", "b"], &config());
    let (replica, id, offset) = attach(&mut net, "a");
    for words in ["MULTI", "SET x 1", "SET y 1", "REPLICAOF b 1", "REPLICAOF NO ONE", "SET z 1"] {
        net.run("a", words);
    }
    let reply = net.ask("a", "EXEC");
    assert_eq!(reply, format!("*5\r\n{}", "+OK\r\n".repeat(5)));
    assert!(!net.is_open(replica), "it must learn the new id");
    let again = psync(&mut net, "a", MODERN, &format!("PSYNC {id} {}", offset + 1));
    let heard = net.read_text(again);
    let both = text("MULTI") + &text("SELECT 0") + &text("SET x 1") + &text("SET y 1");
    let after = text("SELECT 0") + &text("SET z 1");
    assert!(heard.starts_with("+CONTINUE ") && !heard.contains(&id), "{heard:?}");
    assert!(heard.ends_with(&(both + &text("EXEC") + &after)), "{heard:?}");
}

#[test]
fn writes_queued_before_a_demotion_are_not_executed_after_it() {
    let mut net = Net::with(&["a", "b"], &config());
    let client = net.connect("a");
    assert_eq!(net.command(client, "MULTI"), "+OK\r\n");
    assert_eq!(net.command(client, "SET k 1"), "+QUEUED\r\n");
    net.follow("a", "b");
    let reply = net.command(client, "EXEC");
    assert!(reply.starts_with("-EXECABORT Transaction discarded because of: READONLY"), "{reply}");
    assert_eq!(net.ask("a", "GET k"), "$-1\r\n");
    net.assert_same(&["a", "b"]);
}

#[test]
fn a_replica_is_read_only_and_its_own_writes_go_nowhere() {
    let mut net = Net::with(&["a", "b", "c"], &config());
    net.follow("b", "a");
    net.follow("c", "b");
    for words in ["SET k 1", "DEL k", "FLUSHALL", "EXPIRE k 1"] {
        assert_eq!(net.ask("b", words), READONLY, "{words}");
    }
    net.run("b", "CONFIG SET replica-read-only no");
    net.run("b", "SET local 1");
    net.run("a", "SET k 1");
    assert_eq!(net.ask("c", "GET local"), "$-1\r\n");
    net.assert_same(&["a", "c"]);
    assert_eq!(net.view("b").offset, net.view("a").offset);
    let (_, end) = net.view("b").backlog.expect("it has a replica");
    assert_eq!(end, net.view("b").offset + 1);
}

#[test]
fn the_same_master_again_changes_nothing() {
    let mut net = Net::with(&["a", "b"], &config());
    net.follow("b", "a");
    let reply = net.ask("b", "REPLICAOF A 1");
    assert_eq!(reply, "+OK Already connected to specified master\r\n");
    assert_eq!(net.view("b").link, "connected");
    let id = net.view("a").replid;
    net.run("a", "REPLICAOF NO ONE");
    assert_eq!((net.view("a").replid, net.view("a").online_replicas), (id, 1));
    for port in ["x", "-1", "65536"] {
        assert_eq!(net.ask("b", &format!("REPLICAOF a {port}")), "-ERR Invalid master port\r\n");
    }
}

#[test]
fn stale_data_is_refused_where_it_is_not_wanted() {
    let fresh = Config { replica_serve_stale_data: false, ..config() };
    let mut net = Net::with(&["a", "b"], &fresh);
    net.run("a", "SET k 1");
    net.follow("b", "a");
    assert_eq!(net.ask("b", "GET k"), "$1\r\n1\r\n");
    net.cut("a", "b");
    for words in ["GET k", "PING", "EXISTS k"] {
        assert!(net.ask("b", words).starts_with("-MASTERDOWN"), "{words}");
    }
    assert!(net.ask("b", "INFO replication").contains("master_link_status:down"));
    net.run("b", "MULTI");
    assert!(net.ask("b", "GET k").starts_with("-MASTERDOWN"));
    assert!(net.ask("b", "EXEC").starts_with("-EXECABORT"));
    net.heal();
    net.pass_secs(2);
    assert_eq!(net.ask("b", "GET k"), "$1\r\n1\r\n");
}

#[test]
fn a_replica_hides_what_has_expired_and_deletes_it_when_told() {
    let mut net = Net::with(&["a", "b"], &config());
    net.follow("b", "a");
    net.run("a", "SET k 1 PX 60000");
    net.skew("b", 120_000);
    assert_eq!(net.ask("b", "GET k"), "$-1\r\n");
    assert_eq!(net.ask("b", "EXISTS k"), ":0\r\n");
    assert_eq!(net.ask("b", "TTL k"), ":-2\r\n");
    assert_eq!(net.ask("b", "KEYS *"), "*0\r\n");
    assert_eq!(net.ask("b", "DBSIZE"), ":1\r\n", "it is hidden, not deleted");
    net.assert_same(&["a", "b"]);
    // The master changes its mind in time: nothing was lost.
    net.run("a", "PERSIST k");
    assert_eq!(net.ask("b", "GET k"), "$1\r\n1\r\n");
    net.run("a", "PEXPIRE k 1000");
    net.pass_secs(2);
    net.assert_same(&["a", "b"]);
    assert_eq!(net.ask("b", "DBSIZE"), ":0\r\n");
}

#[test]
fn commands_of_the_master_see_keys_that_have_expired_here() {
    let mut net = Net::with(&["a", "b"], &config());
    net.follow("b", "a");
    net.run("a", "SET n 41 PX 60000");
    net.skew("b", 120_000);
    net.run("a", "INCR n");
    net.run("a", "APPEND n 0");
    net.assert_same(&["a", "b"]);
    assert_eq!(net.node("b").stats().unexpected_error_replies, 0);
}

#[test]
fn a_full_sync_brings_expired_keys_along() {
    let mut net = Net::with(&["a", "b"], &config());
    net.run("a", "SET k 1 PX 60000");
    net.skew("b", 120_000);
    net.follow("b", "a");
    net.assert_same(&["a", "b"]);
    assert_eq!(
        (net.ask("b", "GET k"), net.ask("b", "DBSIZE")),
        ("$-1\r\n".into(), ":1\r\n".into())
    );
}

#[test]
fn a_time_of_day_that_goes_back_changes_no_timeout() {
    let mut net = Net::with(&["a", "b"], &config());
    net.follow("b", "a");
    for name in ["a", "b"] {
        net.skew(name, -10_000_000_000);
    }
    net.run("a", "SET k 1 EX 10");
    net.pass_secs(5);
    assert_eq!((net.view("b").link, net.view("a").online_replicas), ("connected", 1));
    net.pass_secs(6);
    assert_eq!(net.ask("a", "DBSIZE"), ":0\r\n");
    net.assert_same(&["a", "b"]);
}

#[test]
fn what_expired_before_a_write_is_deleted_first_everywhere() {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = attach(&mut net, "a");
    net.run("a", "SET n 41 PX 10");
    net.read(replica);
    // No timer fires in between: it is the write that meets the key.
    net.skew("a", 20);
    assert_eq!(net.ask("a", "INCR n"), ":1\r\n");
    let heard = text("MULTI") + &text("DEL n") + &text("INCR n") + &text("EXEC");
    assert_eq!(net.read_text(replica), heard);
    net.pass(Duration::from_millis(200));
    assert_eq!(net.read_text(replica), "");
}

#[test]
fn keys_that_a_scan_finds_expired_have_nothing_to_do_with_each_other() {
    let mut net = Net::with(&["a"], &config());
    let (replica, ..) = attach(&mut net, "a");
    net.run("a", "SET x 1 PX 10");
    net.run("a", "SET y 1 PX 10");
    net.read(replica);
    // No timer fires in between: it is the scan that meets the keys.
    net.skew("a", 20);
    net.run("a", "SCAN 0");
    let heard = net.read_text(replica);
    assert!(heard.contains(&text("DEL x")) && heard.contains(&text("DEL y")), "{heard:?}");
    assert!(!heard.contains("MULTI"), "{heard:?}");
    // Nor do those that one turn of the cycle finds.
    net.run("a", "SET x 1 PX 10");
    net.run("a", "SET y 1 PX 10");
    net.read(replica);
    net.pass_secs(1);
    let heard = net.read_text(replica);
    assert!(heard.contains(&text("DEL x")) && heard.contains(&text("DEL y")), "{heard:?}");
    assert!(!heard.contains("MULTI"), "{heard:?}");
}

/// `INFO`'s count of the keys that a writable replica will delete itself.
fn tracked(net: &mut Net, name: &str) -> u32 {
    let info = net.ask(name, "INFO stats");
    let field = info.lines().find_map(|line| line.strip_prefix("slave_expires_tracked_keys:"));
    field.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no such field: {info}"))
}

/// The master `a` and its writable replica `b`, with a key of the master's that lives for a second.
fn writable_replica() -> Net {
    let writable = Config { replica_read_only: false, ..config() };
    let mut net = Net::with(&["a", "b", "c"], &writable);
    net.follow("b", "a");
    net.run("a", "SET theirs 1 PX 1000");
    net
}

#[test]
fn a_writable_replica_deletes_what_its_own_clients_let_expire_and_tells_nobody() {
    let mut net = writable_replica();
    let (replica, ..) = attach(&mut net, "b");
    for words in ["SET own 1 PX 1000", "RPUSH list a", "PEXPIRE list 1000", "SET kept 1 EX 100"] {
        net.run("b", words);
    }
    for words in ["COPY theirs ours", "RENAME list renamed", "APPEND theirs x"] {
        net.run("b", words);
    }
    net.read_text(replica);
    assert_eq!(tracked(&mut net, "b"), 4);
    // Without its master nobody deletes what is the master's.
    net.cut("a", "b");
    net.pass_secs(2);
    assert_eq!(net.ask("b", "DBSIZE"), ":2\r\n");
    assert_eq!(net.ask("b", "EXISTS theirs kept"), ":1\r\n");
    assert_eq!((tracked(&mut net, "b"), net.node("b").stats().expired_keys), (1, 3));
    assert_eq!(net.read_text(replica), "", "its replicas never had these keys");
    net.heal();
    net.pass_secs(2);
    assert_eq!(net.ask("b", "DBSIZE"), ":1\r\n");
    assert_eq!(tracked(&mut net, "b"), 1);
}

#[test]
fn what_is_gone_or_the_masters_is_tracked_no_more() {
    let mut net = writable_replica();
    for key in ["deleted", "kept", "written", "flushed"] {
        net.run("b", &format!("SET {key} 1 EX 100"));
    }
    assert_eq!(tracked(&mut net, "b"), 4);
    net.run("b", "DEL deleted");
    net.run("b", "PERSIST kept");
    net.run("a", "SET written 1 EX 200");
    assert_eq!(tracked(&mut net, "b"), 1);
    net.run("a", "FLUSHALL");
    assert_eq!(tracked(&mut net, "b"), 0);
}

#[test]
fn a_promotion_and_a_full_sync_end_what_was_tracked() {
    let mut net = writable_replica();
    net.run("b", "SET own 1 PX 1000");
    net.run("b", "REPLICAOF NO ONE");
    assert_eq!(tracked(&mut net, "b"), 0);
    net.pass_secs(2);
    assert_eq!(net.ask("b", "DBSIZE"), ":0\r\n", "as a master it deletes whatever has expired");
    net.follow("b", "c");
    net.run("b", "SET own 1 EX 100");
    assert_eq!(tracked(&mut net, "b"), 1);
    net.follow("b", "a");
    assert_eq!((tracked(&mut net, "b"), net.ask("b", "EXISTS own")), (0, ":0\r\n".into()));
}

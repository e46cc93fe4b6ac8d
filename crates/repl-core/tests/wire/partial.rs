//! Partial resynchronisation: who may go on where, after cuts, promotions and changes of the
//! backlog.

use std::time::Duration;

use repl_core::{base::config::Config, io::Reason};

use crate::{
    net::{Net, command, config},
    script::{MODERN, OTHER_ID, attach, feed, greet, psync, text},
};

/// Why the last replica that asked `name` got everything; `None` if it goes on.
fn last(net: &Net, name: &str) -> Option<Reason> {
    net.decisions(name).last().expect("somebody asked").verdict.full()
}

#[test]
fn a_short_cut_costs_no_snapshot() {
    let mut net = Net::with(&["a", "b"], &config());
    net.follow("b", "a");
    net.cut("a", "b");
    net.run("a", "SELECT 4");
    net.run("a", "SET k 1");
    net.pass_secs(5);
    assert_eq!((net.view("b").link, net.view("a").online_replicas), ("connect", 0));
    net.heal();
    net.pass_secs(2);
    net.assert_same(&["a", "b"]);
    assert_eq!(last(&net, "a"), None);
    assert_eq!(net.node("a").stats().sync_full, 1);
}

#[test]
fn a_lost_link_is_made_again_at_once() {
    let mut net = Net::with(&["a", "b"], &config());
    net.follow("b", "a");
    net.reset("a", "b");
    net.settle();
    net.assert_same(&["a", "b"]);
    assert_eq!((last(&net, "a"), net.view("b").link), (None, "connected"));
}

#[test]
fn a_cut_in_the_middle_of_a_command_resumes_at_its_first_byte() {
    for split in 1..text("INCR n").len() {
        let mut net = Net::with(&["b"], &config());
        net.script("x");
        net.run("b", "REPLICAOF x 1");
        let master = feed(&mut net, "x", 100, &[("n", "1")]);
        net.send(master, &command("INCR n")[..split]);
        net.close(master);
        let (master, asked) = greet(&mut net, "x");
        assert_eq!(asked, format!("PSYNC {OTHER_ID} 101"));
        net.send(master, b"+CONTINUE\r\n");
        net.send(master, &command("INCR n"));
        assert_eq!(net.ask("b", "GET n"), "$1\r\n2\r\n");
    }
}

#[test]
fn a_cut_inside_a_transaction_applies_it_once_and_as_a_whole() {
    let transaction =
        [command("MULTI"), command("INCR n"), command("INCR n"), command("EXEC")].concat();
    for split in 1..transaction.len() {
        let mut net = Net::with(&["b", "c"], &config());
        net.script("x");
        net.run("b", "REPLICAOF x 1");
        let master = feed(&mut net, "x", 100, &[("n", "1")]);
        net.follow("c", "b");
        net.send(master, &transaction[..split]);
        for name in ["b", "c"] {
            assert_eq!(net.ask(name, "GET n"), "$1\r\n1\r\n", "nobody sees a part, at {split}");
            assert_eq!(net.view(name).offset, 100, "nor counts it");
        }
        net.close(master);
        let (master, asked) = greet(&mut net, "x");
        assert_eq!(asked, format!("PSYNC {OTHER_ID} 101"));
        net.send(master, b"+CONTINUE\r\n");
        net.send(master, &transaction);
        assert_eq!(net.ask("c", "GET n"), "$1\r\n3\r\n");
        net.assert_same(&["b", "c"]);
        assert_eq!(net.view("c").offset, 100 + transaction.len() as u64);
    }
}

#[test]
fn an_empty_line_inside_a_transaction_is_a_byte_of_the_transaction() {
    for empty in ["\r\n", "*0\r\n"] {
        let mut net = Net::with(&["b"], &config());
        net.script("x");
        net.run("b", "REPLICAOF x 1");
        let master = feed(&mut net, "x", 100, &[("n", "1")]);
        let parts = [&text("MULTI"), empty, &text("INCR n"), empty, &text("INCR n")];
        net.send(master, parts.concat().as_bytes());
        assert_eq!(net.view("b").offset, 100, "it counts when the transaction does");
        net.send(master, &command("EXEC"));
        let whole = parts.concat() + &text("EXEC");
        assert_eq!(net.node("b").backlog_bytes(101).concat(), whole.as_bytes());
        assert_eq!(net.view("b").offset, 100 + whole.len() as u64);
        assert_eq!(net.ask("b", "GET n"), "$1\r\n3\r\n");
    }
}

#[test]
fn half_a_command_is_no_part_of_what_a_promoted_replica_tells() {
    let mut net = Net::with(&["b", "c"], &config());
    net.script("x");
    net.run("b", "REPLICAOF x 1");
    let master = feed(&mut net, "x", 100, &[]);
    net.follow("c", "b");
    net.send(master, &command("SET k 1"));
    let applied = 100 + command("SET k 1").len() as u64;
    net.send(master, &command("SET k 22222")[..20]);
    net.run("b", "REPLICAOF NO ONE");
    assert!(!net.is_open(master));
    let view = net.view("b");
    assert_eq!((view.offset, view.second_offset), (applied, Some(applied + 1)));
    assert_eq!(view.replid2.as_str(), OTHER_ID);
    net.run("b", "SET k 3");
    net.pass_secs(2);
    net.assert_same(&["b", "c"]);
    let told = net.node("b").backlog_bytes(applied + 1).concat();
    assert_eq!(String::from_utf8_lossy(&told), text("SELECT 0") + &text("SET k 3"));
    assert_eq!(last(&net, "b"), None, "the sub-replica went on with the old id");
}

#[test]
fn every_reason_for_a_full_sync_is_found() {
    let small = Config { repl_backlog_size: 2_000, ..config() };
    let mut net = Net::with(&["a", "b"], &small);
    net.follow("b", "a");
    let old = net.view("a").replid;
    let ask = |net: &mut Net, name: &str, id: &str, next: u64| {
        let replica = psync(net, name, MODERN, &format!("PSYNC {id} {next}"));
        net.close(replica);
        last(net, name)
    };
    for i in 0..200 {
        net.run("a", &format!("SET key:{i} {i}"));
    }
    let end = net.view("a").offset;
    let id = old.as_str();
    assert_eq!(ask(&mut net, "a", OTHER_ID, end + 1), Some(Reason::UnknownHistory));
    assert_eq!(ask(&mut net, "a", "short", 1), Some(Reason::UnknownHistory));
    assert_eq!(ask(&mut net, "a", &"0".repeat(40), 1), Some(Reason::UnknownHistory));
    assert_eq!(ask(&mut net, "a", id, 1), Some(Reason::BacklogTooSmall));
    assert_eq!(ask(&mut net, "a", id, end + 2), Some(Reason::BeyondEnd));
    assert_eq!(ask(&mut net, "a", id, end + 1), None);
    assert_eq!(ask(&mut net, "a", &id.to_uppercase(), end), None);
    assert_eq!(ask(&mut net, "a", "?", end), Some(Reason::NoHistoryNamed));
    net.run("b", "REPLICAOF NO ONE");
    assert_eq!(ask(&mut net, "b", id, end + 1), None);
    assert_eq!(ask(&mut net, "b", id, end + 2), Some(Reason::BeyondPromotion));
}

#[test]
fn a_replica_without_psync2_is_not_told_the_id() {
    let mut net = Net::with(&["a"], &config());
    let (replica, id, offset) = attach(&mut net, "a");
    net.close(replica);
    let old = psync(&mut net, "a", "capa eof", &format!("PSYNC {id} {}", offset + 1));
    assert_eq!(net.read_text(old), "+CONTINUE\r\n");
    let modern = psync(&mut net, "a", MODERN, &format!("PSYNC {id} {}", offset + 1));
    assert_eq!(net.read_text(modern), format!("+CONTINUE {id}\r\n"));
}

#[test]
fn siblings_and_the_demoted_master_go_on_with_a_promoted_replica() {
    let mut net = Net::with(&["a", "b", "c"], &config());
    net.follow("b", "a");
    net.follow("c", "a");
    net.run("a", "SELECT 2");
    net.run("a", "SET k 1");
    net.run("b", "REPLICAOF NO ONE");
    net.run("b", "SET k 2");
    net.follow("c", "b");
    net.follow("a", "b");
    net.assert_same(&["a", "b", "c"]);
    let verdicts: Vec<_> = net.decisions("b").iter().map(|one| one.verdict.full()).collect();
    assert_eq!(verdicts, [None; 2]);
    net.run("b", "SELECT 9");
    net.run("b", "SET k 3");
    net.assert_same(&["a", "b", "c"]);
}

#[test]
fn a_demoted_master_with_writes_of_its_own_starts_over() {
    let mut net = Net::with(&["a", "b"], &config());
    net.follow("b", "a");
    net.cut("a", "b");
    net.run("a", "SET k 111");
    net.run("b", "REPLICAOF NO ONE");
    net.run("b", "SET k 222");
    net.heal();
    net.follow("a", "b");
    assert_eq!(last(&net, "b"), Some(Reason::BeyondPromotion));
    net.assert_same(&["a", "b"]);
    assert_eq!(net.ask("a", "GET k"), "$3\r\n222\r\n");
}

#[test]
fn a_master_that_never_had_replicas_starts_over_when_demoted() {
    let mut net = Net::with(&["a", "b"], &config());
    net.run("a", "SET only:here 1");
    net.follow("a", "b");
    assert_eq!(last(&net, "b"), Some(Reason::NoHistoryNamed));
    net.assert_same(&["a", "b"]);
}

#[test]
fn a_new_id_reaches_the_end_of_a_chain_without_a_snapshot() {
    let mut net = Net::with(&["a", "b", "c", "d"], &config());
    net.follow("b", "a");
    net.follow("d", "a");
    net.follow("c", "b");
    net.run("a", "SET k 1");
    net.run("d", "REPLICAOF NO ONE");
    net.follow("b", "d");
    net.pass_secs(2);
    net.run("d", "SET k 2");
    net.assert_same(&["d", "b", "c"]);
    assert_eq!((last(&net, "d"), last(&net, "b")), (None, None));
}

#[test]
fn a_full_sync_in_the_middle_of_a_chain_reaches_its_end() {
    let mut net = Net::with(&["a", "b", "c", "x"], &config());
    net.follow("b", "a");
    net.follow("c", "b");
    net.run("a", "SET gone 1");
    net.cut("b", "c");
    net.run("x", "SET k 1");
    net.follow("b", "x");
    net.heal();
    net.pass_secs(8);
    net.assert_same(&["x", "b", "c"]);
    assert_eq!(last(&net, "b"), Some(Reason::GranterResynced));
}

#[test]
fn a_backlog_nobody_used_for_its_time_goes_and_so_does_the_id() {
    let ttl = Config { repl_backlog_ttl: Duration::from_secs(30), ..config() };
    let mut net = Net::with(&["a"], &ttl);
    let (replica, id, offset) = attach(&mut net, "a");
    net.pass_secs(40);
    assert!(net.view("a").backlog.is_some(), "it is in use");
    net.close(replica);
    net.pass_secs(29);
    assert!(net.view("a").backlog.is_some());
    net.pass_secs(3);
    assert!(net.view("a").backlog.is_none());
    assert_ne!(net.view("a").replid.as_str(), id);
    psync(&mut net, "a", MODERN, &format!("PSYNC {id} {}", offset + 1));
    assert_eq!(last(&net, "a"), Some(Reason::BacklogFreed));
}

#[test]
fn a_replica_dropped_for_its_manners_does_not_shorten_the_life_of_the_backlog() {
    let ttl = Config { repl_backlog_ttl: Duration::from_secs(30), ..config() };
    let mut net = Net::with(&["a"], &ttl);
    let (replica, ..) = attach(&mut net, "a");
    net.send(replica, &command("GET k"));
    assert!(!net.is_open(replica));
    net.pass_secs(29);
    assert!(net.view("a").backlog.is_some());
    net.pass_secs(3);
    assert!(net.view("a").backlog.is_none());
}

#[test]
fn another_size_of_the_backlog_keeps_its_bytes_as_far_as_they_fit() {
    let mut net = Net::with(&["a", "b"], &config());
    net.follow("b", "a");
    for i in 0..2_000 {
        net.run("a", &format!("SET key:{i} {}", "x".repeat(30)));
    }
    let (first, end) = net.view("a").backlog.expect("there is a replica");
    let before = net.node("a").backlog_bytes(first).concat();
    net.run("a", "CONFIG SET repl-backlog-size 9223372036854775807");
    net.run("a", "SET k 1");
    assert_eq!(net.view("a").backlog.expect("still").0, first);
    let after = net.node("a").backlog_bytes(first).concat();
    assert_eq!(after[..before.len()], before);
    net.run("a", "CONFIG SET repl-backlog-size 20000");
    net.run("a", "SET k 2");
    let (small_first, small_end) = net.view("a").backlog.expect("still");
    assert!(small_end > end && small_end - small_first < 50_000);
    net.assert_same(&["a", "b"]);
    net.reset("a", "b");
    net.settle();
    assert_eq!(last(&net, "a"), None);
}

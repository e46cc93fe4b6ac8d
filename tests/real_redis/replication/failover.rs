//! Promotion: the second history (`master_replid2`), siblings that stay partial, and the old
//! master's return.

use super::{Chain, NO_PINGS, Syncs, settle, syncs};
use crate::fixture::{
    dataset,
    server::{Kind, Server},
    wait_for,
};

/// Two replicas of one master, in sync, with a dataset. There are no PINGs: one that reaches only
/// one of the two would make their histories differ, and a full sync right.
#[track_caller]
fn siblings(kinds: &[Kind]) -> [Server; 3] {
    let [master, promoted, sibling] = kinds else {
        panic!("three servers are arranged");
    };
    let servers = [master, promoted, sibling].map(|&kind| Server::start(kind, &[NO_PINGS]));
    let [master, replicas @ ..] = &servers;
    dataset::load(master);
    for replica in replicas {
        replica.follow(master.port());
    }
    settle(&servers.each_ref());
    dataset::write(&mut master.client(), 1);
    settle(&servers.each_ref());
    servers
}

/// The promoted node remembers the old master's history up to the byte at which it was promoted.
#[track_caller]
fn assert_switched(promoted: &Server, old_history: &str, offset: i64) {
    assert_eq!(promoted.info("role"), "master");
    assert_eq!(promoted.info("master_replid2"), old_history);
    assert_eq!(promoted.count("second_repl_offset"), offset + 1);
    assert_ne!(promoted.info("master_replid"), old_history);
}

pub(super) fn keeps_the_sibling_partial(kinds: &[Kind]) {
    let [master, promoted, sibling] = siblings(kinds);
    let (history, offset) = (master.info("master_replid"), master.count("master_repl_offset"));

    promoted.promote();
    assert_switched(&promoted, &history, offset);
    sibling.follow(promoted.port());
    dataset::write(&mut promoted.client(), 2);

    settle(&[&promoted, &sibling]);
    dataset::assert_equal(&[&promoted, &sibling]);
    assert_eq!(syncs(&promoted), Syncs { full: 0, partial: 1 });
    // The sibling follows the new history and remembers the old one as well.
    assert_eq!(sibling.info("master_replid2"), history);
}

/// `FAILOVER`: the heir takes over with everything, and the old master goes on as its replica.
pub(super) fn role_is_handed_over(kinds: &[Kind]) {
    let [master, heir, sibling] = siblings(kinds);
    let (history, offset) = (master.info("master_replid"), master.count("master_repl_offset"));
    master.client().ok(&format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 10000", heir.port()));
    wait_for("the role to change hands", || {
        let (role, state) = (heir.info("role"), master.info("master_failover_state"));
        let is_over = role == "master" && state == "no-failover";
        is_over.then_some(()).ok_or_else(|| format!("the heir is {role}, {state}"))
    });
    assert_switched(&heir, &history, offset);
    sibling.follow(heir.port());
    dataset::write(&mut heir.client(), 2);
    settle(&[&heir, &master, &sibling]);
    dataset::assert_equal(&[&heir, &master, &sibling]);
    assert_eq!(syncs(&heir), Syncs { full: 0, partial: 2 });
}

pub(super) fn old_master_rejoins(kinds: &[Kind]) {
    let [master, promoted, sibling] = siblings(kinds);
    promoted.promote();
    sibling.follow(promoted.port());
    dataset::write(&mut promoted.client(), 2);
    settle(&[&promoted, &sibling]);

    master.follow(promoted.port());
    settle(&[&promoted, &master, &sibling]);
    dataset::write(&mut promoted.client(), 3);
    settle(&[&promoted, &master, &sibling]);
    dataset::assert_equal(&[&promoted, &master, &sibling]);
    assert_eq!(syncs(&promoted), Syncs { full: 0, partial: 2 });
    assert_eq!(master.info("role"), "slave");
}

pub(super) fn old_master_with_surplus_rejoins(kinds: &[Kind]) {
    let [master, promoted, sibling] = siblings(kinds);
    sibling.follow(promoted.port());
    settle(&[&master, &promoted, &sibling]);
    promoted.promote();
    // Of the same length on both sides: only the histories tell the two apart.
    master.client().ok("SET fork of-the-old-master");
    promoted.client().ok("SET fork of-the-new-master");
    settle(&[&promoted, &sibling]);
    let before = syncs(&promoted);
    // Once when it followed, once when the new history was announced.
    assert_eq!(before, Syncs { full: 0, partial: 2 }, "the sibling went along");

    master.follow(promoted.port());
    settle(&[&promoted, &master, &sibling]);
    dataset::assert_equal(&[&promoted, &master, &sibling]);
    assert_eq!(master.client().ask("GET fork").text(), "of-the-new-master");
    assert_eq!(syncs(&promoted), Syncs { full: before.full + 1, partial: before.partial });
}

/// The middle of a chain is promoted: its replica stays, and the old master joins at the end.
pub(super) fn of_the_middle(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[NO_PINGS]);
    dataset::load(chain.master());
    chain.settle();
    let [head, middle, tail] = &chain.servers[..] else {
        panic!("three servers are arranged");
    };
    let (history, offset) = (head.info("master_replid"), head.count("master_repl_offset"));
    let before = syncs(middle);

    middle.promote();
    assert_switched(middle, &history, offset);
    dataset::write(&mut middle.client(), 1);
    settle(&[middle, tail]);
    dataset::assert_equal(&[middle, tail]);
    assert_eq!(syncs(middle), Syncs { full: before.full, partial: before.partial + 1 });

    head.follow(tail.port());
    dataset::write(&mut middle.client(), 2);
    settle(&[middle, tail, head]);
    dataset::assert_equal(&[middle, tail, head]);
    assert_eq!(syncs(tail), Syncs { full: 0, partial: 1 }, "through the tail's own second history");
}

/// Nobody follows the last: it takes writes of its own, and the others go on without it.
pub(super) fn promotion_of_the_last(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[]);
    dataset::load(chain.master());
    chain.settle();
    let [others @ .., last] = &chain.servers[..] else {
        panic!("at least two servers are arranged");
    };
    let refused = last.client().ask("SET own v");
    let expected = "READONLY You can't write against a read only replica.";
    assert_eq!(refused, crate::fixture::client::Reply::Error(expected.to_owned()));

    last.promote();
    last.client().ok("SET own v");
    dataset::write(&mut chain.master().client(), 1);
    settle(&others.iter().collect::<Vec<_>>());
    dataset::assert_equal(&others.iter().collect::<Vec<_>>());
    let keys = last.client().ask("EXISTS own live:1").integer();
    assert_eq!(keys, 1, "it has its own write and none of the others'");
}

//! The stream of writes behind a full sync, and what becomes of it when a link is cut or stalls.

use super::{Chain, Syncs, syncs};
use crate::fixture::{dataset, server::Kind, server::Server, wait_for};

pub(super) fn live_writes(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[]);
    let mut client = chain.master().client();
    for round in 0..30 {
        dataset::write(&mut client, round);
    }
    dataset::write_and_let_expire(&mut client);
    chain.settle();
    chain.assert_equal();

    client.ok("FLUSHALL");
    chain.settle();
    for server in chain.all() {
        assert_eq!(server.client().ask("DEBUG DIGEST").text(), "0".repeat(40), "all keys are gone");
    }
    dataset::write(&mut client, 30);
    chain.settle();
    chain.assert_equal();
}

/// Cuts one link after the other.
pub(super) fn cut_link_is_resumed(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[]);
    dataset::load(chain.master());
    chain.settle();
    let mut client = chain.master().client();
    for (number, link) in chain.links.iter().enumerate() {
        let before: Vec<Syncs> = chain.servers.iter().map(syncs).collect();
        link.cut();
        wait_until_down(&chain.servers[number + 1]);
        for round in 0..10 {
            dataset::write(&mut client, round);
        }
        link.heal();
        chain.settle();
        chain.assert_equal();
        for (server, (before, after)) in
            before.iter().zip(chain.servers.iter().map(syncs)).enumerate()
        {
            let resumed = i64::from(server == number);
            let expected = Syncs { full: before.full, partial: before.partial + resumed };
            assert_eq!(after, expected, "server {server} after a cut of link {number}");
        }
    }
}

/// The connection stays, so nobody has to resynchronise.
pub(super) fn stalled_link_loses_nothing(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[]);
    let before: Vec<Syncs> = chain.servers.iter().map(syncs).collect();
    let mut client = chain.master().client();
    for link in &chain.links {
        link.stall();
        for round in 0..10 {
            dataset::write(&mut client, round);
        }
        link.heal();
        chain.settle();
        chain.assert_equal();
    }
    assert_eq!(chain.servers.iter().map(syncs).collect::<Vec<_>>(), before);
}

/// The first link is down for more than the backlog holds.
pub(super) fn cut_beyond_the_backlog(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[("repl-backlog-size", "16384")]);
    // When it first attached it asked with an id of its own, as a master that becomes a replica
    // does.
    let (before, refused) = (syncs(chain.master()), chain.master().count("sync_partial_err"));
    chain.links[0].cut();
    wait_until_down(&chain.servers[1]);
    let mut client = chain.master().client();
    let value = "x".repeat(1000);
    for number in 0..200 {
        client.ok(&format!("SET key:{number} {value}"));
    }
    chain.links[0].heal();
    chain.settle();
    chain.assert_equal();
    let expected = Syncs { full: before.full + 1, partial: before.partial };
    assert_eq!(syncs(chain.master()), expected);
    let refused_now = chain.master().count("sync_partial_err");
    assert_eq!(refused_now, refused + 1, "it asked, and was refused");
}

#[track_caller]
fn wait_until_down(replica: &Server) {
    wait_for("the replica to see that its link is down", || {
        match replica.info("master_link_status") {
            status if status == "down" => Ok(()),
            status => Err(status),
        }
    });
}

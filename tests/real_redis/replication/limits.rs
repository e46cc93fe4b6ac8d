//! Time and memory of a link: silence, the backlog's life and its size.

use super::{Chain, NO_PINGS, Syncs, syncs};
use crate::fixture::{dataset, server::Kind, wait_for};

/// Nobody hears of the other any more although no connection broke: both give the link up, and
/// find together again.
pub(super) fn silence(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[("repl-timeout", "2")]);
    dataset::load(chain.master());
    chain.settle();
    chain.links[0].stall();
    wait_for("both to give the link up", || {
        let link = chain.servers[1].info("master_link_status");
        let replicas = chain.master().count("connected_slaves");
        if link == "down" && replicas == 0 { Ok(()) } else { Err((link, replicas)) }
    });
    dataset::write(&mut chain.master().client(), 1);
    chain.links[0].heal();
    chain.settle();
    chain.assert_equal();
    assert_eq!(syncs(chain.master()).full, 1, "a link that was silent is resumed");
}

/// Signs of life keep a link that carries nothing else.
pub(super) fn keepalive(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[("repl-timeout", "3")]);
    let before = chain.master().count("master_repl_offset");
    wait_for("more PINGs than the timeout has seconds", || {
        let pings = (chain.master().count("master_repl_offset") - before) / 14;
        if pings >= 5 { Ok(()) } else { Err(pings) }
    });
    assert_eq!(syncs(chain.master()), Syncs { full: 1, partial: 0 });
    assert_eq!(chain.servers[1].info("master_link_status"), "up");
}

/// A master that was left alone for long enough frees its backlog, and its history with it.
pub(super) fn backlog_ttl(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[("repl-backlog-ttl", "1"), NO_PINGS]);
    let master = chain.master();
    let history = master.info("master_replid");
    chain.links[0].cut();
    wait_for("the backlog to be freed", || match master.count("repl_backlog_active") {
        0 => Ok(()),
        active => Err(active),
    });
    assert_ne!(master.info("master_replid"), history, "what follows is not counted");
    assert_eq!(master.info("master_replid2"), "0".repeat(40));
    dataset::write(&mut master.client(), 1);
    chain.links[0].heal();
    chain.settle();
    chain.assert_equal();
    assert_eq!(syncs(master), Syncs { full: 2, partial: 0 });
}

/// `CONFIG SET repl-backlog-size` keeps what the new size has room for.
pub(super) fn backlog_resized(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[("repl-backlog-size", "200kb"), NO_PINGS]);
    let master = chain.master();
    let mut client = master.client();
    let value = "x".repeat(1000);
    let write = |client: &mut crate::fixture::client::Client, count: usize| {
        for number in 0..count {
            client.ok(&format!("SET key:{} {value}", number % 10));
        }
    };
    write(&mut client, 100);
    chain.settle();
    let first = master.count("repl_backlog_first_byte_offset");
    chain.links[0].cut();
    write(&mut client, 50);
    // Larger: nothing is lost. Smaller, but not smaller than what the replica lacks: as good.
    for size in ["1mb", "100kb"] {
        client.ok(&format!("CONFIG SET repl-backlog-size {size}"));
        if size == "1mb" {
            assert_eq!(master.count("repl_backlog_first_byte_offset"), first);
        }
    }
    chain.links[0].heal();
    chain.settle();
    chain.assert_equal();
    assert_eq!(syncs(master), Syncs { full: 1, partial: 1 });
}

//! Links that are made with TLS.

use super::{Authority, PAIRS, Secured};
use crate::{
    fixture::{Proxy, dataset, load::Load, server::Kind, wait_for},
    replication::{Syncs, settle, syncs},
};

/// Commands that are answered while a link is up, and while it is down.
const FLOW: u64 = 3_000;

/// Bytes that no full sync has in its first packet.
const BULK_BYTES: usize = 6 << 20;

pub(super) fn are_resumed(kinds: [Kind; 2]) {
    let authority = Authority::new();
    let directives = [("tls-replication", "yes"), ("repl-backlog-size", "64mb")];
    let start = |kind: Kind, name: &str| {
        Secured::start(kind, &authority, &authority.issue(name), &directives)
    };
    let (master, replica) = (start(kinds[0], "master"), start(kinds[1], "replica"));
    dataset::load(&master.server);
    master.server.client().ask_words(&[b"SET", b"bulk", &vec![b'x'; BULK_BYTES]]);
    let link = Proxy::to(master.port);
    replica.server.follow(link.port());
    let servers = [&master.server, &replica.server];
    settle(&servers);
    let load = Load::on(&master.server, 7);
    load.flow(FLOW);
    link.cut();
    load.flow(FLOW);
    link.heal();
    load.flow(FLOW);
    load.stop();
    settle(&servers);
    assert_eq!(syncs(&master.server), Syncs { full: 1, partial: 1 });
    dataset::assert_equal(&servers);
    // Whoever is told where the replica is can reach it in the same way.
    let announced = format!("ip=127.0.0.1,port={},state=online", replica.port);
    let shown = master.server.info("slave0");
    assert!(shown.contains(&announced), "{announced} is not in {shown}");
}

pub(super) fn distrust(kind: Kind) {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for [master_kind, replica_kind] in PAIRS.map(|(_, kinds)| kinds) {
        if replica_kind != kind {
            continue;
        }
        let master = stranger.issue("master");
        let master = Secured::start(master_kind, &stranger, &master, &[("tls-auth-clients", "no")]);
        let own = authority.issue("replica");
        let replica = Secured::start(kind, &authority, &own, &[("tls-replication", "yes")]);
        replica.server.client().ok("SET mine 1");
        replica.server.follow(master.port);
        wait_for("a line of the log", || {
            let log = replica.log();
            log.contains("Error condition on socket for SYNC: ").then_some(()).ok_or(log)
        });
        assert_eq!(replica.server.info("master_link_status"), "down");
        assert_eq!(replica.server.client().ask("DBSIZE").integer(), 1);
    }
}

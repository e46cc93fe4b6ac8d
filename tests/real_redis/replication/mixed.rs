//! A mixed load that never stops while links are cut and roles change: in the end all are the same.

use super::{NO_PINGS, Syncs, settle, syncs};
use crate::fixture::{
    Proxy, dataset,
    load::Load,
    server::{Kind, Server, Stop},
    wait_for,
};

/// Commands between two events.
const FLOW: u64 = 1_500;

/// Everybody has had every position after so many switchovers.
const SWITCHOVERS: usize = 3;

/// A chain of three under load. Again and again a link is cut, another one stalls, the middle is
/// promoted while its master still takes writes, and the old master joins at the end.
pub(super) fn every_position(kinds: &[Kind]) {
    let servers: Vec<Server> = kinds.iter().map(|&kind| Server::start(kind, &[])).collect();
    let links: Vec<Proxy> = servers.iter().map(|server| Proxy::to(server.port())).collect();
    let mut order: Vec<usize> = (0..servers.len()).collect();
    for pair in order.windows(2) {
        servers[pair[1]].follow(links[pair[0]].port());
    }
    let load = Load::on(&servers[0], 1);
    for _ in 0..SWITCHOVERS {
        let [master, middle, tail] = order[..] else {
            panic!("three servers are arranged");
        };
        settle_under_load(&[&servers[middle], &servers[tail]]);
        load.flow(FLOW);
        links[master].cut();
        load.flow(FLOW);
        links[middle].cut();
        links[master].heal();
        load.flow(FLOW);
        links[middle].heal();
        settle_under_load(&[&servers[middle], &servers[tail]]);
        links[middle].stall();
        load.flow(FLOW);

        // The old master takes writes that nobody else will ever see.
        servers[middle].promote();
        load.flow(FLOW);
        load.move_to(&servers[middle]);
        links[middle].heal();
        load.flow(FLOW);
        servers[master].follow(links[tail].port());
        order.rotate_left(1);
    }
    load.flow(FLOW);
    load.stop();
    let all: Vec<&Server> = order.iter().map(|&at| &servers[at]).collect();
    settle(&all);
    // What expires now is deleted by the master, and everybody hears of it.
    let_expire(all[0]);
    settle(&all);
    dataset::assert_equal(&all);
    for server in all {
        assert_eq!(server.count("unexpected_error_replies"), 0, "the stream was understood");
    }
}

/// Waits until nothing that the load has written is about to expire.
#[track_caller]
pub(crate) fn let_expire(master: &Server) {
    wait_for("keys with little time left to expire", || {
        let left = ["0", "3", "9"].map(|database| soon_expiring(master, database));
        if left == [0; 3] { Ok(()) } else { Err(left) }
    });
}

/// Keys that live for less than a second, and those whose time is over and that are still there:
/// replicas are yet to hear of either.
fn soon_expiring(server: &Server, database: &str) -> usize {
    let mut client = server.client();
    client.ok(&format!("SELECT {database}"));
    let held = usize::try_from(client.ask("DBSIZE").integer()).expect("a count");
    let keys = client.ask("KEYS *").array().into_iter().filter_map(|key| key.bulk());
    let keys: Vec<Vec<u8>> = keys.collect();
    let lives = |key: &Vec<u8>| client.ask_words(&[b"PTTL", key]).integer();
    let ending = keys.iter().map(lives).filter(|left| (0..1000).contains(left)).count();
    ending + held - keys.len()
}

/// Waits until the links are up: offsets move all the time.
#[track_caller]
pub(crate) fn settle_under_load(replicas: &[&Server]) {
    for replica in replicas {
        wait_for("a link that is up", || match replica.info("master_link_status") {
            status if status == "up" => Ok(()),
            status => Err(status),
        });
    }
}

/// A master with two replicas, under load from the start.
fn siblings(kinds: &[Kind], seed: u64) -> ([Server; 3], [Proxy; 2], Load) {
    let [a, b, c] = kinds else {
        panic!("three servers are arranged");
    };
    // No PINGs, so that offsets tell about commands only.
    let servers = [a, b, c].map(|&kind| Server::start(kind, &[NO_PINGS]));
    let links = [(); 2].map(|()| Proxy::to(servers[0].port()));
    let load = Load::on(&servers[0], seed);
    load.flow(FLOW);
    for (replica, link) in servers[1..].iter().zip(&links) {
        replica.follow(link.port());
    }
    settle_under_load(&[&servers[1], &servers[2]]);
    load.flow(FLOW);
    (servers, links, load)
}

/// The master is stopped in order while it is written to: what it has acknowledged is everywhere.
/// One replica is promoted, the other goes on without a full sync; so does the old master, which
/// has a snapshot of what it was.
pub(super) fn graceful_stop(kinds: &[Kind]) {
    let ([mut a, b, c], _links, load) = siblings(kinds, 2);
    a.stop(Stop::Save);
    let acknowledged = load.stop();

    let offset = b.count("master_repl_offset");
    assert_eq!(c.count("master_repl_offset"), offset, "both have everything");
    for replica in [&b, &c] {
        let counted: u64 = replica.client().ask("GET acknowledged").text().parse().expect("digits");
        // The last ones may have been executed and not been heard of any more.
        assert!(counted >= acknowledged, "{counted} arrived, {acknowledged} were acknowledged");
    }
    b.promote();
    c.follow(b.port());
    dataset::write(&mut b.client(), 1);
    settle(&[&b, &c]);
    assert_eq!(syncs(&b), Syncs { full: 0, partial: 1 });

    let old_master = ("replicaof", &*format!("127.0.0.1 {}", b.port()));
    a.start_again(&[old_master]);
    settle(&[&b, &c, &a]);
    assert_eq!(syncs(&b), Syncs { full: 0, partial: 2 }, "the old master came back");
    dataset::write(&mut b.client(), 2);
    settle(&[&b, &c, &a]);
    dataset::assert_equal(&[&b, &c, &a]);
}

/// The master is killed while it holds writes that nobody has: it comes back by a full sync, and
/// they are gone everywhere.
pub(super) fn killed_with_a_surplus(kinds: &[Kind]) {
    let ([mut a, b, c], links, load) = siblings(kinds, 3);
    load.stop();
    settle(&[&a, &b, &c]);
    for link in &links {
        link.stall();
    }
    let mut client = a.client();
    client.ok("SELECT 0");
    client.ok("SET surplus 1");
    client.ask("RPUSH surplus-list a b");
    // It comes back with its surplus, and with the offset after it.
    client.ok("SAVE");
    a.stop(Stop::Kill);

    b.promote();
    c.follow(b.port());
    dataset::write(&mut b.client(), 1);
    settle(&[&b, &c]);
    assert_eq!(syncs(&b), Syncs { full: 0, partial: 1 });

    a.start_again(&[("replicaof", &format!("127.0.0.1 {}", b.port()))]);
    settle(&[&b, &c, &a]);
    assert_eq!(syncs(&b), Syncs { full: 1, partial: 1 });
    dataset::write(&mut b.client(), 2);
    settle(&[&b, &c, &a]);
    dataset::assert_equal(&[&b, &c, &a]);
    for server in [&a, &b, &c] {
        assert_eq!(server.client().ask("EXISTS surplus surplus-list").integer(), 0);
    }
}

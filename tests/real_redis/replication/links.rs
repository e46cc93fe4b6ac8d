//! The links of replication as clients see them: in `CLIENT LIST`, in what `INFO` counts, and under
//! `timeout`.

use super::{Chain, NO_PINGS, settle};
use crate::fixture::{
    client::Client,
    server::{Kind, Server},
    wait_for,
};

/// The value of a field of a line of `CLIENT LIST`.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let mut values =
        line.split_whitespace().filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    values.next().unwrap_or("none")
}

/// What `CLIENT LIST` shows of each connection of this type, the fields that mean the same to all.
fn shown(server: &Server, kind: &str) -> Vec<String> {
    let list = server.client().ask(&format!("CLIENT LIST TYPE {kind}")).text();
    let mut lines: Vec<String> = list
        .lines()
        .filter(|line| !line.is_empty() && field(line, "cmd") != "client|list")
        .map(|line| {
            let names = ["flags", "db", "name", "sub", "multi", "events", "cmd", "user", "resp"];
            names.map(|name| format!("{name}={}", field(line, name))).join(" ")
        })
        .collect();
    lines.sort_unstable();
    lines
}

/// Each end of a link is listed as what it is, and counted.
pub(super) fn are_listed(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[NO_PINGS]);
    let mut writer = chain.master().client();
    writer.ask("SELECT 3");
    writer.ok("SET k v");
    chain.settle();
    let master = "flags=M db=3 name= sub=0 multi=-1 events=r cmd=set user=(superuser) resp=2";
    let replica = "flags=S db=0 name= sub=0 multi=-1 events=r cmd=replconf user=default resp=2";
    for (place, server) in chain.servers.iter().enumerate() {
        let has = |link: bool, line: &str| if link { vec![line.to_owned()] } else { Vec::new() };
        let (follows, leads) = (place > 0, place + 1 < chain.servers.len());
        assert_eq!(shown(server, "master"), has(follows, master), "at {place}");
        assert_eq!(shown(server, "replica"), has(leads, replica), "at {place}");
        assert_eq!(shown(server, "slave"), has(leads, replica), "at {place}");
        assert_eq!(shown(server, "pubsub"), has(false, ""), "at {place}");
    }
    drop(writer);
    for (place, server) in chain.servers.iter().enumerate() {
        // The one that asks, and the link to the master.
        let wanted = 1 + i64::from(place > 0);
        wait_for("the clients that have gone", || {
            let found = server.count("connected_clients");
            if found == wanted { Ok(()) } else { Err((place, found)) }
        });
    }
}

/// What left as replication at one end came as replication at the other.
pub(super) fn count_the_same(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[NO_PINGS]);
    for number in 0..100 {
        chain.master().client().ok(&format!("SET k{number} v"));
    }
    chain.settle();
    for pair in chain.servers.windows(2) {
        let [sent, received] = [
            pair[0].count("total_net_repl_output_bytes"),
            pair[1].count("total_net_repl_input_bytes"),
        ];
        assert!(sent > 2_000, "{sent} bytes");
        assert_eq!(sent, received, "what was sent and what was received");
    }
    assert_eq!(chain.master().count("total_net_repl_input_bytes"), 0);
}

/// A link that is killed from either end is made again, without a full sync.
pub(super) fn killed(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[]);
    let [master, replica] = &chain.servers[..] else {
        panic!("two servers are arranged");
    };
    let partials = |count: i64| {
        wait_for("a partial resync", || {
            let (found, link) =
                (master.count("sync_partial_ok"), replica.info("master_link_status"));
            if found == count && link == "up" { Ok(()) } else { Err((found, link)) }
        });
    };
    assert_eq!(replica.client().ask("CLIENT KILL TYPE master").integer(), 1);
    partials(1);
    assert_eq!(master.client().ask("CLIENT KILL TYPE slave").integer(), 1);
    partials(2);
    assert_eq!(replica.info("master_link_down_since_seconds"), "");
    settle(&[master, replica]);
    assert_eq!(master.count("sync_full"), 1);
}

/// `propagation-error-behavior`: a replica whose dataset is not its master's may have to end.
pub(super) fn fatal_error(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[NO_PINGS]);
    let [master, replica] = &chain.servers[..] else {
        panic!("two servers are arranged");
    };
    let mut client = replica.client();
    let spoil = |client: &mut Client, key: &str| {
        client.ok("CONFIG SET replica-read-only no");
        client.ask(&format!("RPUSH {key} own"));
        client.ok("CONFIG SET replica-read-only yes");
        master.client().ask(&format!("INCR {key}"));
    };
    spoil(&mut client, "ignored");
    chain.settle();
    assert_eq!(replica.count("unexpected_error_replies"), 1);
    client.ok("CONFIG SET propagation-error-behavior panic");
    spoil(&mut client, "fatal");
    wait_for("the end of the replica", || client.is_closed().then_some(()).ok_or("it lives"));
}

/// `timeout` is for clients: a link that says nothing for longer stays.
pub(super) fn outlive_the_timeout(kinds: &[Kind]) {
    let chain = Chain::attached(kinds, &[NO_PINGS, ("timeout", "1")]);
    let [master, replica] = &chain.servers[..] else {
        panic!("two servers are arranged");
    };
    for link in &chain.links {
        link.stall();
    }
    for server in [master, replica] {
        let mut idle = server.client();
        idle.ask("PING");
        wait_for("the end of an idle client", || idle.is_closed().then_some(()).ok_or("it lives"));
    }
    for link in &chain.links {
        link.heal();
    }
    settle(&[master, replica]);
    assert_eq!((master.count("sync_full"), master.count("sync_partial_ok")), (1, 0));
}

/// The names of the lines of `INFO replication`.
fn told(server: &Server) -> Vec<String> {
    let text = server.client().ask("INFO replication").text();
    let names = text.lines().filter_map(|line| line.split_once(':'));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// Every line that Redis prints of a master, a replica, and a replica without its master, is there,
/// and in the same order; there may be others in between.
pub(super) fn are_told_in_order(kinds: &[Kind]) {
    let [ours, redis] = [kinds[0], kinds[1]].map(|kind| {
        let good = ("min-replicas-to-write", "1");
        let pair = [Server::start(kind, &[good]), Server::start(kind, &[])];
        let alone = Server::start(kind, &[]);
        let before = told(&alone);
        pair[1].follow(pair[0].port());
        settle(&[&pair[0], &pair[1]]);
        // Nobody listens there.
        alone.follow(1);
        [before, told(&pair[0]), told(&pair[1]), told(&alone)]
    });
    for (mut ours, redis) in ours.into_iter().zip(redis) {
        ours.retain(|name| redis.contains(name));
        assert!(redis.len() > 10, "{redis:?}");
        assert_eq!(ours, redis);
    }
}

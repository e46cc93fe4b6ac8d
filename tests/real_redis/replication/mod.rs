//! Replication between our server and redis-server: the same cases in every arrangement of the two.

mod access;
mod bad_master;
mod failover;
mod full_sync;
mod limits;
mod links;
mod matrix;
pub(crate) mod mixed;
mod old_peers;
mod renames;
mod stream;
mod waiters;
mod wire;

use libtest_mimic::Trial;

use crate::{
    fixture::{
        Proxy, dataset,
        server::{
            Kind::{self, Ours, Redis},
            Server,
        },
        wait_for,
    },
    trial,
};

/// Who follows whom, the master first.
struct Arrangement {
    name: &'static str,
    kinds: &'static [Kind],
}

const CHAINS: [Arrangement; 4] = [
    Arrangement { name: "redis as our replica", kinds: &[Ours, Redis] },
    Arrangement { name: "redis as our master", kinds: &[Redis, Ours] },
    Arrangement { name: "chain redis -> ours -> redis", kinds: &[Redis, Ours, Redis] },
    Arrangement { name: "chain ours -> redis -> ours", kinds: &[Ours, Redis, Ours] },
];

/// A test of one arrangement.
type Case = fn(&[Kind]);

/// Cases for chains of any length.
const CHAIN_CASES: [(&str, Case); 9] = [
    ("a full sync carries every kind of value", full_sync::carries_every_kind_of_value),
    ("a full sync in the $length form", full_sync::in_the_length_form),
    ("writes during a full sync arrive once", full_sync::writes_during_it_arrive_once),
    ("live writes in three databases", stream::live_writes),
    ("clients that wait are served", waiters::are_served),
    ("a cut link is resumed by CONTINUE", stream::cut_link_is_resumed),
    ("a stalled link loses nothing", stream::stalled_link_loses_nothing),
    ("a cut beyond the backlog costs a full sync", stream::cut_beyond_the_backlog),
    ("promotion of the last moves nobody else", failover::promotion_of_the_last),
];

/// Cases for a master and a replica.
const PAIR_CASES: [(&str, Case); 11] = [
    ("passwords on both sides", access::passwords),
    ("a master without enough replicas takes no writes", access::enough_replicas),
    ("transactions over role changes", access::transactions_over_role_changes),
    ("a writable replica deletes what its own clients let expire", access::own_expiries),
    ("a command that fails ends a replica that is told so", links::fatal_error),
    ("a killed link goes on where it was", links::killed),
    ("the timeout of idle clients closes no link", links::outlive_the_timeout),
    ("a silent link is given up and resumed", limits::silence),
    ("signs of life keep a link", limits::keepalive),
    ("the backlog of a lonely master has an end", limits::backlog_ttl),
    ("a backlog that is resized loses nothing", limits::backlog_resized),
];

/// Cases for chains of three.
const CHAIN_OF_THREE_CASES: [(&str, Case); 5] = [
    ("promotion of the middle keeps its replica partial", failover::of_the_middle),
    ("a load survives cuts and switchovers", mixed::every_position),
    ("links are listed as what they are", links::are_listed),
    ("both ends of a link count the same bytes", links::count_the_same),
    ("writes of a replica's own stay with it", access::writable_replica),
];

/// Two replicas of one master: (old master, the one that is promoted, its sibling).
const SIBLINGS: [Arrangement; 4] = [
    Arrangement { name: "ours; redis promoted, ours beside it", kinds: &[Ours, Redis, Ours] },
    Arrangement { name: "ours; ours promoted, redis beside it", kinds: &[Ours, Ours, Redis] },
    Arrangement { name: "redis; ours promoted, redis beside it", kinds: &[Redis, Ours, Redis] },
    Arrangement { name: "redis; redis promoted, ours beside it", kinds: &[Redis, Redis, Ours] },
];

const SIBLING_CASES: [(&str, Case); 6] = [
    ("FAILOVER hands the role over", failover::role_is_handed_over),
    ("promotion keeps the sibling partial", failover::keeps_the_sibling_partial),
    ("the old master re-joins by partial resync", failover::old_master_rejoins),
    ("an old master with surplus re-joins by full sync", failover::old_master_with_surplus_rejoins),
    ("a master stopped in order loses nothing", mixed::graceful_stop),
    ("a master killed with a surplus loses just that", mixed::killed_with_a_surplus),
];

/// Every test of this folder.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut add = |arrangements: &[Arrangement], cases: &[(&str, Case)]| {
        for &Arrangement { name, kinds } in arrangements {
            for &(case, body) in cases {
                let test = trial(format!("{name}: {case}"), kinds.to_vec(), move || body(kinds));
                trials.push(test);
            }
        }
    };
    add(&CHAINS, &CHAIN_CASES);
    add(&SIBLINGS, &SIBLING_CASES);
    add(&CHAINS[2..], &CHAIN_OF_THREE_CASES);
    add(&CHAINS[..2], &PAIR_CASES);
    let both = [Arrangement { name: "ours beside redis", kinds: &[Ours, Redis] }];
    let beside: [(&str, Case); 2] = [
        ("replicas without a master answer alike", access::without_a_master),
        ("INFO replication has the lines of Redis in their order", links::are_told_in_order),
    ];
    add(&both, &beside);
    for kind in [Ours, Redis] {
        for (case, body) in wire::CASES {
            let name = format!("{} on the wire: {case}", kind.name());
            trials.push(trial(name, vec![kind], move || body(kind)));
        }
        for (case, body) in old_peers::CASES {
            let name = format!("{}: {case}", kind.name());
            trials.push(trial(name, vec![kind, Redis], move || body(kind)));
        }
        for (case, body) in bad_master::cases() {
            let name = format!("{} as a replica: its master {case}", kind.name());
            trials.push(trial(name, vec![kind], move || body(kind)));
        }
    }
    trials.extend(matrix::trials());
    trials.extend(renames::trials());
    trials
}

/// Servers that follow each other, the master first, with a link in front of each that is followed.
struct Chain {
    servers: Vec<Server>,
    /// `links[i]` lies between `servers[i]` and `servers[i + 1]`.
    links: Vec<Proxy>,
}

impl Chain {
    /// Starts servers that do not follow each other yet.
    #[track_caller]
    fn start(kinds: &[Kind], directives: &[(&str, &str)]) -> Self {
        let servers: Vec<Server> =
            kinds.iter().map(|&kind| Server::start(kind, directives)).collect();
        let followed = &servers[..servers.len() - 1];
        let links = followed.iter().map(|server| Proxy::to(server.port())).collect();
        Self { servers, links }
    }

    /// Starts servers and waits until all are in sync.
    #[track_caller]
    fn attached(kinds: &[Kind], directives: &[(&str, &str)]) -> Self {
        let chain = Self::start(kinds, directives);
        chain.attach();
        chain.settle();
        chain
    }

    /// Lets every server but the first follow the one before it.
    #[track_caller]
    fn attach(&self) {
        for (link, server) in self.links.iter().zip(&self.servers[1..]) {
            server.follow(link.port());
        }
    }

    fn master(&self) -> &Server {
        &self.servers[0]
    }

    fn all(&self) -> Vec<&Server> {
        self.servers.iter().collect()
    }

    /// Waits until the whole chain is in sync.
    #[track_caller]
    fn settle(&self) {
        settle(&self.all());
    }

    #[track_caller]
    fn assert_equal(&self) {
        dataset::assert_equal(&self.all());
    }
}

/// Waits until every server but the first has its link up and has applied what the first has
/// produced. The first is the master of all of them.
#[track_caller]
pub(crate) fn settle(servers: &[&Server]) {
    let [master, replicas @ ..] = servers else {
        panic!("at least a master settles");
    };
    wait_for("links that are up and offsets that are equal", || {
        // The master first: what it has produced by now must have arrived, what follows need not.
        let produced = master.count("master_repl_offset");
        for (number, replica) in (1..).zip(replicas) {
            let link = replica.info("master_link_status");
            let (applied, offset) =
                (replica.info("slave_repl_offset"), replica.count("master_repl_offset"));
            // The applied offset and the one it passes on are the same number (one history).
            if link != "up" || applied != produced.to_string() || offset != produced {
                return Err(format!(
                    "replica {number}: link {link:?}, applied {applied}, passes on {offset}; \
                     the master produced {produced}"
                ));
            }
        }
        Ok(())
    });
    let history = master.info("master_replid");
    for replica in replicas {
        assert_eq!(replica.info("master_replid"), history, "all serve the master's history");
    }
}

/// How often a server has served a full and a partial resynchronisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syncs {
    pub(crate) full: i64,
    pub(crate) partial: i64,
}

pub(crate) fn syncs(server: &Server) -> Syncs {
    Syncs { full: server.count("sync_full"), partial: server.count("sync_partial_ok") }
}

/// Keeps the master from sending PINGs, for cases that count bytes of the stream.
const NO_PINGS: (&str, &str) = ("repl-ping-replica-period", "3600");

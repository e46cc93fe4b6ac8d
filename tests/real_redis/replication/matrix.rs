//! The matrix: our server and each of Redis 7, Redis 8 and Valkey 9, either way round, with every
//! way to send a dataset and every way to take it.
//!
//! The newer servers are no packages of the systems this runs on: their binaries are named by
//! `REPL_TEST_REDIS_8` and `REPL_TEST_VALKEY_9`, and their cells are skipped without.

use libtest_mimic::Trial;

use super::{
    NO_PINGS, Syncs,
    mixed::{let_expire, settle_under_load},
    settle, syncs,
};
use crate::{
    fixture::{
        Proxy, dataset,
        load::Load,
        server::{
            Kind::{self, Ours, Redis, Redis8, Valkey9},
            Server,
        },
    },
    trial,
};

/// Commands between two events.
const FLOW: u64 = 1_000;

/// Who feeds whom.
const PAIRS: [[Kind; 2]; 7] = [
    [Ours, Ours],
    [Ours, Redis],
    [Redis, Ours],
    [Ours, Redis8],
    [Redis8, Ours],
    [Ours, Valkey9],
    [Valkey9, Ours],
];

/// `repl-diskless-sync` of the master, and what that means.
const SENDS: [(&str, &str); 2] = [("no", "disk"), ("yes", "diskless")];

/// `repl-diskless-load` of the replica.
const LOADS: [&str; 3] = ["disabled", "on-empty-db", "swapdb"];

pub(super) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for [master, replica] in PAIRS {
        for (sends, form) in SENDS {
            for loads in LOADS {
                let (from, to) = (master.name(), replica.name());
                let title = format!("{from} feeds {to}, {form}, {loads}: a cell of the matrix");
                let body = move || cell(master, replica, sends, loads);
                trials.push(trial(title, vec![master, replica], body));
            }
        }
    }
    trials
}

/// A full sync under load, a cut and a partial resync, a promotion, and the old master joins again.
fn cell(master: Kind, replica: Kind, sends: &str, loads: &str) {
    let directives = [
        NO_PINGS,
        ("repl-diskless-sync", sends),
        ("repl-diskless-sync-delay", "0"),
        ("repl-diskless-load", loads),
        // The load goes on until a link is tried again.
        ("repl-backlog-size", "32mb"),
    ];
    let [master, replica] = [master, replica].map(|kind| Server::start(kind, &directives));
    let [link, back] = [&master, &replica].map(|server| Proxy::to(server.port()));
    dataset::load(&master);
    if loads != "on-empty-db" {
        replica.client().ok("SET stale 1");
    }
    let load = Load::on(&master, 1);
    load.flow(FLOW);
    replica.follow(link.port());
    settle_under_load(&[&replica]);
    load.flow(FLOW);
    assert_eq!(syncs(&master), Syncs { full: 1, partial: 0 });
    // Redis 8 tells it as a command that older servers do not have.
    assert_eq!(master.client().ask("HINCRBYFLOAT counted field 1.5").text(), "1.5");

    link.cut();
    load.flow(FLOW / 4);
    link.heal();
    settle_under_load(&[&replica]);
    load.flow(FLOW);
    assert_eq!(syncs(&master), Syncs { full: 1, partial: 1 }, "a cut costs no full sync");
    let acknowledged = load.stop();
    let_expire(&master);
    settle(&[&master, &replica]);
    dataset::assert_equal(&[&master, &replica]);

    replica.promote();
    let counted: u64 = replica.client().ask("GET acknowledged").text().parse().expect("digits");
    assert!(counted >= acknowledged, "{counted} arrived, {acknowledged} were acknowledged");
    let load = Load::on(&replica, 2);
    load.flow(FLOW);
    master.follow(back.port());
    settle_under_load(&[&master]);
    load.flow(FLOW);
    load.stop();
    let_expire(&replica);
    settle(&[&replica, &master]);
    assert_eq!(syncs(&replica), Syncs { full: 0, partial: 1 }, "the old master joins again");
    dataset::assert_equal(&[&replica, &master]);
    for server in [&master, &replica] {
        assert_eq!(server.count("unexpected_error_replies"), 0, "the stream was understood");
    }
}

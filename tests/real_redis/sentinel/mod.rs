//! Real `redis-sentinel` processes watch over our nodes, alone and beside those of Redis.
//!
//! With `REPL_TEST_SENTINEL_KILLS=20` the master is killed so many times, and figures are printed.

mod by_hand;
mod group;
mod journal;
mod kills;

use libtest_mimic::Trial;

use crate::{
    fixture::server::Kind::{self, Ours, Redis, Sentinel},
    trial,
};

/// A master and two replicas.
const GROUPS: [(&str, &[Kind]); 3] = [
    ("all ours", &[Ours, Ours, Ours]),
    ("ours with redis replicas", &[Ours, Redis, Redis]),
    ("redis with our replicas", &[Redis, Ours, Ours]),
];

type Case = fn(&'static [Kind]);

const CASES: [(&str, Case); 2] = [
    ("a killed master is replaced and comes back as a replica", kills::are_survived),
    ("SENTINEL FAILOVER has another take over", by_hand::failover),
];

/// Every test of this folder.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut add = |name: &str, kinds: &'static [Kind], (case, body): (&str, Case)| {
        let needs = [kinds, &[Redis, Sentinel]].concat();
        trials.push(trial(format!("sentinel, {name}: {case}"), needs, move || body(kinds)));
    };
    for (name, kinds) in GROUPS {
        for case in CASES {
            add(name, kinds, case);
        }
    }
    let mixed: &[Kind] = &[Ours, Ours, Redis];
    let case = "what replicas say of themselves is read";
    add("ours beside redis", mixed, (case, by_hand::replicas_are_read));
    for (name, kinds) in [("ours", [Ours; 3].as_slice()), ("redis", &[Redis; 3])] {
        let case = "Sentinels do with no more rights than they need";
        add(name, kinds, (case, by_hand::with_little));
        let case = "Sentinels know commands by other names";
        add(name, kinds, (case, by_hand::with_renamed_commands));
        let case = "replicas that must not be chosen are not";
        add(name, kinds, (case, by_hand::are_not_chosen));
    }
    trials
}

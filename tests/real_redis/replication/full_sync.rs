//! Full synchronisation: what it carries, in both forms of the payload, with writes while it runs.

use super::{Chain, Syncs, syncs};
use crate::fixture::{dataset, server::Kind};

/// Loads before the replicas attach, so that everything arrives in the snapshot.
pub(super) fn carries_every_kind_of_value(kinds: &[Kind]) {
    check(kinds, &[]);
}

/// Without `repl-diskless-sync` the payload is announced by its length and has no end mark.
pub(super) fn in_the_length_form(kinds: &[Kind]) {
    check(kinds, &[("repl-diskless-sync", "no")]);
}

fn check(kinds: &[Kind], directives: &[(&str, &str)]) {
    let chain = Chain::start(kinds, directives);
    dataset::load(chain.master());
    // A replica's own keys do not survive its first full sync.
    for replica in &chain.servers[1..] {
        replica.client().ok("SET own v");
    }
    chain.attach();
    chain.settle();
    chain.assert_equal();
    assert_eq!(syncs(chain.master()), Syncs { full: 1, partial: 0 });
    // And the stream goes on behind it.
    dataset::write(&mut chain.master().client(), 1);
    chain.settle();
    chain.assert_equal();
}

/// INCR and APPEND show whether a write was applied twice, or not at all, around the snapshot's
/// cut.
pub(super) fn writes_during_it_arrive_once(kinds: &[Kind]) {
    let chain = Chain::start(kinds, &[]);
    dataset::load(chain.master());
    chain.attach();
    let mut client = chain.master().client();
    let mut round = 0;
    // At least a few rounds, and as many as it takes until the first replica is attached.
    while round < 20 || chain.servers[1].info("master_link_status") != "up" {
        dataset::write(&mut client, round);
        round += 1;
        assert!(round < 20_000, "the replica never attached");
    }
    chain.settle();
    chain.assert_equal();
}

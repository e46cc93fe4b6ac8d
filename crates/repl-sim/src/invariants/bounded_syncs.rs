//! **Bounded synchronisation**: nodes that are left alone come to rest. While the network is whole
//! and the lab does nothing, a replica is granted no more full syncs than there are nodes, and no
//! more synchronisations of either kind than three for each node.
//!
//! One cause may make a replica synchronise again and again, but not for ever: both ends of a link
//! may find it dead at different times, and every link above it may do so, too, and pull the chain
//! below along. With *convergence*, which bounds the time, this is liveness: what is healed is
//! online and equal after so many attempts, and over the whole run there are no more full syncs
//! than causes, times nodes. A cause is anything the lab does: a fault, its end, an order, a
//! restart. What is granted while a link is cut, stalled or thinned, or a node is down, has that
//! for a cause.
//!
//! A replica that refuses what its master came back with (`replica-refuse-empty-master`) does not
//! come to rest until somebody decides: each refusal is a cause for it to ask once more.
//!
//! Neither does a replica hammer its master: in the time until all is online and equal again it has
//! dialled it no more often than once a second, and thrice at once.
//!
//! Premises: synchronisations granted without a cause
//! at the moment; under `bounded-dials`, links dialled while all came to rest.

use std::{collections::BTreeMap, time::Duration};

use repl_core::io::Verdict;

use super::{Broken, Syncs};

pub(super) const NAME: &str = "bounded-syncs";
pub(super) const DIALS: &str = "bounded-dials";

/// Synchronisations that one cause may bring to one replica, for each node of the run.
const SYNCS_PER_NODE: u64 = 3;

/// What is around a node when it grants a synchronisation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings {
    pub(crate) node_count: u64,
    /// No link is cut, stalled or slowed down, and every node is up and reads as fast as it can.
    pub(crate) whole: bool,
    /// Links that broke by themselves, in the middle of what they carried, since the run began.
    pub(crate) broken_count: u64,
}

#[derive(Debug, Default)]
pub(super) struct BoundedSyncs {
    /// What each node was granted since the last cause.
    granted: BTreeMap<usize, Syncs>,
    broken_count: u64,
    /// What the running process of each node has refused so far.
    refused: BTreeMap<usize, u64>,
    pub(super) premise_count: u64,
    pub(super) dialled_count: u64,
}

impl BoundedSyncs {
    /// The lab does something.
    pub(super) fn on_cause(&mut self) {
        self.granted.clear();
    }

    /// A node has refused so many datasets so far.
    pub(super) fn on_refused(&mut self, node: usize, count: u64) {
        if self.refused.insert(node, count) != Some(count) {
            self.granted.remove(&node);
        }
    }

    /// A node of the lab is granted a synchronisation.
    pub(super) fn check(
        &mut self,
        asker: usize,
        verdict: Verdict,
        around: Surroundings,
    ) -> Result<(), Broken> {
        if !around.whole || self.broken_count != around.broken_count {
            self.broken_count = around.broken_count;
            self.granted.clear();
            return Ok(());
        }
        self.premise_count += 1;
        let granted = self.granted.entry(asker).or_default();
        match verdict {
            Verdict::Continue => granted.partial += 1,
            Verdict::Full(_) => granted.full += 1,
        }
        let full_max = around.node_count;
        let all_max = around.node_count * SYNCS_PER_NODE;
        if granted.full <= full_max && granted.full + granted.partial <= all_max {
            return Ok(());
        }
        Err(Broken {
            property: NAME,
            expected: format!("{full_max} full syncs at the most, {all_max} of either kind"),
            actual: format!("{granted:?} for n{} since the last cause", asker + 1),
        })
    }

    /// One node has dialled another one so often within a span without causes.
    pub(super) fn check_dials(&mut self, count: u64, span: Duration) -> Result<(), Broken> {
        if count == 0 {
            return Ok(());
        }
        self.dialled_count += 1;
        let max = span.as_secs() + 3;
        if count <= max {
            return Ok(());
        }
        Err(Broken {
            property: NAME,
            expected: format!("{max} dials at the most within {span:?}"),
            actual: format!("{count} of them"),
        })
    }
}

#[cfg(test)]
mod tests {
    use repl_core::io::FullReason;

    use super::*;

    const WHOLE: Surroundings = Surroundings { node_count: 2, whole: true, broken_count: 0 };
    const FULL: Verdict = Verdict::Full(FullReason::Asked);

    #[test]
    fn a_replica_that_synchronises_for_ever_is_found() {
        let mut property = BoundedSyncs::default();
        let mut grant = |verdict, around| property.check(1, verdict, around).is_ok();
        assert!(grant(FULL, WHOLE) && grant(FULL, WHOLE) && !grant(FULL, WHOLE));
        let mut property = BoundedSyncs::default();
        let count = (0..9).take_while(|_| property.check(1, Verdict::Continue, WHOLE).is_ok());
        assert_eq!(count.count(), 6);
    }

    #[test]
    fn a_replica_that_hammers_its_master_is_found() {
        let mut property = BoundedSyncs::default();
        let span = Duration::from_millis(2_500);
        assert!(property.check_dials(5, span).is_ok() && property.check_dials(6, span).is_err());
    }

    #[test]
    fn every_cause_begins_a_new_count() {
        let mut property = BoundedSyncs::default();
        for _ in 0..5 {
            assert!(
                property.check(1, FULL, WHOLE).is_ok() && property.check(1, FULL, WHOLE).is_ok()
            );
            property.on_cause();
        }
        for broken_count in 1..9 {
            assert!(property.check(1, FULL, Surroundings { broken_count, ..WHOLE }).is_ok());
            let cut = Surroundings { whole: false, broken_count, ..WHOLE };
            assert!(property.check(1, FULL, cut).is_ok());
        }
        assert_eq!(property.premise_count, 10);
    }
}

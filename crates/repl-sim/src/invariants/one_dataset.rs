//! **One dataset per (replication id, offset)**: any two nodes that stand at the same byte of the
//! same history hold the same keys, values and absolute expiries in all databases, at any two
//! times.
//!
//! The first node seen at a point fixes what the dataset there is. Points are sampled by a hash of
//! their offset, so that all nodes sample the same ones, and always when nothing moves. A dataset
//! that is being loaded is at no point, and neither is a master's that tells no history (it has no
//! backlog).
//!
//! Source: oracle DIGEST. Premise: points met a second time.

use std::collections::BTreeMap;

use repl_core::base::ids::ReplId;

use super::{Broken, ledger::Ledger};
use crate::node_view::View;

pub(super) const NAME: &str = "one-dataset";

/// Once in so many offsets the datasets are compared. Commands that arrive together are one step of
/// a node, so two nodes stop at the same offset less often than there are commands.
const SAMPLE_ONE_IN: u64 = 4;

#[derive(Debug, Default)]
pub(super) struct OneDataset {
    known: BTreeMap<(ReplId, u64), u64>,
    pub(super) premise_count: u64,
}

impl OneDataset {
    /// Whether this offset is one of the sampled points.
    pub(super) const fn samples(offset: u64) -> bool {
        (offset.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).is_multiple_of(SAMPLE_ONE_IN)
    }

    pub(super) fn check(
        &mut self,
        ledger: &Ledger,
        view: &View,
        dataset: u64,
    ) -> Result<(), Broken> {
        let owner = ledger.owner(view.replid, view.offset);
        let known = *self.known.entry((owner, view.offset)).or_insert_with(|| {
            self.premise_count = self.premise_count.wrapping_sub(1);
            dataset
        });
        self.premise_count = self.premise_count.wrapping_add(1);
        if known == dataset {
            return Ok(());
        }
        let at = format!("at byte {} of {owner:?}", view.offset);
        Err(Broken {
            property: NAME,
            expected: format!("dataset {known:016x} {at}"),
            actual: format!("dataset {dataset:016x} {at}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::samples::{ids, master};

    #[test]
    fn another_dataset_at_the_same_point_is_found_across_a_promotion() {
        let [old, new] = ids();
        let mut ledger = Ledger::default();
        ledger.inherit(new, old, 61).expect("a promotion after byte 60");
        let mut property = OneDataset::default();
        let mut check = |view: &View, dataset| {
            property.check(&ledger, view, dataset).map_err(|broken| broken.property)
        };
        assert_eq!(check(&master(old, 1..=60), 7), Ok(()));
        assert_eq!(check(&master(new, 1..=60), 7), Ok(()));
        assert_eq!(check(&master(new, 1..=60), 8), Err(NAME));
        // After the switch the two ids are two histories.
        assert_eq!(check(&master(old, 1..=70), 1), Ok(()));
        assert_eq!(check(&master(new, 1..=70), 2), Ok(()));
        assert_eq!(property.premise_count, 2);
    }
}

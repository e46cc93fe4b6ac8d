//! **Offsets do not go back**: within one life of a node its offset never decreases under one
//! replication id, unless a full sync brought the node to an older point of that history.
//!
//! Premise: steps that changed the offset under one id.

use super::{Broken, Seen};
use crate::node_view::View;

pub(super) const NAME: &str = "monotone-offset";

#[derive(Debug, Default)]
pub(super) struct MonotoneOffset {
    pub(super) premise_count: u64,
}

impl MonotoneOffset {
    pub(super) fn check(&mut self, before: Option<&Seen>, view: &View) -> Result<(), Broken> {
        let Some(before) = before else { return Ok(()) };
        if before.view.replid != view.replid || before.view.offset == view.offset {
            return Ok(());
        }
        self.premise_count += 1;
        if view.offset > before.view.offset || before.full_sync_pending {
            return Ok(());
        }
        Err(Broken {
            property: NAME,
            expected: format!(
                "an offset of {} or more under {:?}",
                before.view.offset, view.replid
            ),
            actual: format!("{}", view.offset),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::samples::{ids, master, seen};

    #[test]
    fn going_back_needs_another_id_or_a_full_sync() {
        let [a, b] = ids();
        let mut property = MonotoneOffset::default();
        let mut check = |before: &Seen, view: &View| {
            property.check(Some(before), view).map_err(|broken| broken.property)
        };
        let before = seen(master(a, 1..=100));
        assert_eq!(check(&before, &master(a, 1..=101)), Ok(()));
        assert_eq!(check(&before, &master(a, 1..=99)), Err(NAME));
        assert_eq!(check(&before, &master(b, 1..=99)), Ok(()));
        let pending = Seen { full_sync_pending: true, ..before };
        assert_eq!(check(&pending, &master(a, 1..=99)), Ok(()));
    }
}

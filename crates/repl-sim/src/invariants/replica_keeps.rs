//! **Replicas do not delete**: what is in the dataset of a read-only replica changes only by what
//! its master says. While it stands at one byte of one history it holds the same number of keys,
//! whatever its clock, its readers and its own timers say, and however much of a new snapshot has
//! come: that one takes its place as a whole, with its own byte of its own history.
//!
//! Premise: steps of replicas that held keys with a deadline and had heard nothing new.

use std::collections::BTreeMap;

use super::Broken;
use crate::node_view::{KeyCounts, Role, View};

pub(super) const NAME: &str = "replicas-do-not-delete";

#[derive(Debug, Default)]
pub(super) struct ReplicaKeeps {
    /// What each node held after its last step, and where it stood.
    last: BTreeMap<usize, (View, KeyCounts)>,
    pub(super) premise_count: u64,
}

impl ReplicaKeeps {
    /// A node's process begins: it holds nothing.
    pub(super) fn on_boot(&mut self, node: usize) {
        self.last.remove(&node);
    }

    /// A node has handled an input. `stays` says whether nobody else writes to it.
    pub(super) fn check(
        &mut self,
        node: usize,
        view: &View,
        counts: KeyCounts,
        stays: bool,
    ) -> Result<(), Broken> {
        if !stays {
            self.last.remove(&node);
            return Ok(());
        }
        let Some((before, held)) = self.last.insert(node, (*view, counts)) else { return Ok(()) };
        let replica = before.role == Role::Replica && view.role == Role::Replica;
        if !replica || before.replid != view.replid || before.offset != view.offset {
            return Ok(());
        }
        self.premise_count += u64::from(held.volatile > 0);
        if counts == held {
            return Ok(());
        }
        Err(Broken {
            property: NAME,
            expected: format!("{held:?} still, at byte {} of {:?}", view.offset, view.replid),
            actual: format!("{counts:?}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::samples::{ids, master};

    #[test]
    fn a_key_that_went_while_nothing_was_heard_is_found() {
        let [id] = ids();
        let at = |last| View { role: Role::Replica, ..master(id, 1..=last) };
        let count = |all| KeyCounts { all, volatile: 1 };
        let mut property = ReplicaKeeps::default();
        let mut check = |view: &View, all, stays| {
            property.check(0, view, count(all), stays).map_err(|broken| broken.property)
        };
        assert_eq!(check(&at(10), 5, true), Ok(()));
        assert_eq!(check(&at(20), 4, true), Ok(()), "by the stream");
        assert_eq!(check(&at(20), 0, false), Ok(()), "by its own clients");
        assert_eq!(check(&at(30), 4, true), Ok(()));
        assert_eq!(check(&at(30), 3, true), Err(NAME));
        assert_eq!(property.premise_count, 1);
    }
}

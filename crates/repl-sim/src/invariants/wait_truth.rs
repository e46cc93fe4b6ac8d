//! **`WAIT` tells the truth**: when it says that so many replicas have the client's last write, so
//! many other nodes have applied it.
//!
//! A client writes a value that exists once; the ledger says which byte of which history ends it,
//! and a node has applied it if it ever stood at that byte or later in that history with a whole
//! dataset. Redis counts connections: a replica that came back while its old connection is not
//! known to be dead may count once for each. Not judged is the answer of a master that has begun
//! another history meanwhile, because its backlog's time was over: whoever takes its snapshot has
//! the write, and no byte that says so.
//!
//! Premise: answers of one and more.

use std::collections::BTreeMap;

use repl_core::base::ids::ReplId;

use super::{Broken, ledger::Ledger};
use crate::node_view::View;

pub(super) const NAME: &str = "wait-truth";

#[derive(Debug, Default)]
pub(super) struct WaitTruth {
    /// How far each node ever was in each history.
    reached: BTreeMap<usize, BTreeMap<ReplId, u64>>,
    pub(super) premise_count: u64,
}

impl WaitTruth {
    /// A node with a whole dataset stands here.
    pub(super) fn note(&mut self, node: usize, view: &View) {
        let reached = self.reached.entry(node).or_default().entry(view.replid).or_default();
        *reached = view.offset.max(*reached);
    }

    /// `master`, which tells the history `told`, has said that `claimed` replicas have what was
    /// written with `token`.
    pub(super) fn check(
        &mut self,
        ledger: &Ledger,
        (master, told): (usize, ReplId),
        token: &[u8],
        claimed: usize,
        links: &BTreeMap<usize, usize>,
    ) -> Result<(), Broken> {
        // Written while no history was told, or seen by nobody: nothing to hold against it.
        let Some((owner, end)) = ledger.find_last(token) else { return Ok(()) };
        if claimed == 0 || ledger.owner(told, end) != owner {
            return Ok(());
        }
        self.premise_count += 1;
        let there = |reached: &BTreeMap<ReplId, u64>| {
            reached.iter().any(|(id, offset)| *offset >= end && ledger.owner(*id, end) == owner)
        };
        let others = self.reached.iter().filter(|(node, _)| **node != master);
        let applied = others.filter(|(_, reached)| there(reached));
        let applied: usize =
            applied.map(|(node, _)| links.get(node).copied().unwrap_or(0).max(1)).sum();
        if claimed <= applied {
            return Ok(());
        }
        Err(Broken {
            property: NAME,
            expected: format!("{applied} at most have applied byte {end} of {owner:?}"),
            actual: format!("WAIT says {claimed}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::samples::{ids, master};

    #[test]
    fn an_answer_above_what_was_applied_is_found() {
        let [old, new, other] = ids();
        let mut ledger = Ledger::default();
        ledger.record(old, 1, b"...token\r\n").expect("new");
        ledger.inherit(new, old, 11).expect("a promotion");
        let mut property = WaitTruth::default();
        property.note(0, &master(old, 1..=10));
        property.note(1, &master(old, 1..=7));
        property.note(2, &master(new, 1..=30));
        let mut check = |told, claimed| {
            property
                .check(&ledger, (0, told), b"token", claimed, &BTreeMap::new())
                .map_err(|broken| broken.property)
        };
        assert_eq!(check(old, 0), Ok(()));
        assert_eq!(check(old, 1), Ok(()));
        assert_eq!(check(old, 2), Err(NAME));
        assert_eq!(check(other, 2), Ok(()), "its master has begun another history");
        assert_eq!(property.premise_count, 2);
    }
}

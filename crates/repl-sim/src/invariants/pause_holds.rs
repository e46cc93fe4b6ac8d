//! **A pause holds everything**: while `CLIENT PAUSE ... WRITE` is in force at a master its dataset
//! does not change, neither by clients nor by itself: what has expired stays until the pause is
//! over. Whoever waits for replicas to catch up would wait for ever otherwise.
//!
//! Judged is the time from the answer to the command on, and a sixteenth less than the span it
//! named: the node's clock may be faster.
//!
//! Source: Redis #4027. Premise: steps of masters with keys
//! that expire.

use std::{collections::BTreeMap, time::Duration};

use repl_core::base::time::Instant;

use super::Broken;
use crate::node_view::{KeyCounts, Role, View};

pub(super) const NAME: &str = "pause-holds";

#[derive(Debug, Default)]
pub(super) struct PauseHolds {
    /// Until when each node is paused, and what it held when it was.
    paused: BTreeMap<usize, (Instant, Option<KeyCounts>)>,
    pub(super) premise_count: u64,
}

impl PauseHolds {
    /// A node's process begins: it is not paused.
    pub(super) fn on_boot(&mut self, node: usize) {
        self.paused.remove(&node);
    }

    /// A node has said at `now` that it takes no writes for a span that began at `from` or later.
    pub(super) fn on_paused(&mut self, node: usize, now: Instant, from: Instant, span: Duration) {
        let until = from + span - span / 16;
        if now < until {
            self.paused.insert(node, (until, None));
        }
    }

    /// A node has handled an input.
    pub(super) fn check(
        &mut self,
        node: usize,
        view: &View,
        counts: KeyCounts,
        now: Instant,
    ) -> Result<(), Broken> {
        let Some((until, held)) = self.paused.get_mut(&node) else { return Ok(()) };
        if view.role == Role::Replica || *until <= now {
            self.paused.remove(&node);
            return Ok(());
        }
        let held = *held.get_or_insert(counts);
        self.premise_count += u64::from(held.volatile > 0);
        if held == counts {
            return Ok(());
        }
        Err(Broken {
            property: NAME,
            expected: format!("{held:?} until the pause is over"),
            actual: format!("{counts:?}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_goes_in_a_pause_is_found() {
        let at = |secs: u64| Instant::from_nanos(secs * 1_000_000_000);
        let keys = |all| KeyCounts { all, volatile: 1 };
        let mut property = PauseHolds::default();
        property.on_paused(0, at(1), at(0), Duration::from_secs(10));
        let mut check =
            |view: &View, all, second| property.check(0, view, keys(all), at(second)).is_ok();
        let replica = View { role: Role::Replica, ..View::NOTHING };
        assert!(check(&View::NOTHING, 5, 2) && check(&View::NOTHING, 5, 3));
        assert!(!check(&View::NOTHING, 4, 4));
        assert!(check(&View::NOTHING, 4, 11), "it is over");
        property.on_paused(0, at(20), at(20), Duration::from_secs(10));
        let mut check =
            |view: &View, all, second| property.check(0, view, keys(all), at(second)).is_ok();
        assert!(check(&View::NOTHING, 5, 21));
        assert!(check(&replica, 5, 22) && check(&replica, 1, 23));
    }
}

//! **Replicas are told**: a node whose history goes on under another id keeps no replica online
//! that was told the old one; each must come back and be told the new one.
//!
//! And **nobody is stranded**: a replica that loads a snapshot loads one that exists.
//!
//! Source: what eab865a0a of Redis adds to a chain. Premises: ids that changed; steps
//! of nodes with a replica that loads.

use super::{Broken, Seen};
use crate::node_view::View;

pub(super) const NAME: &str = "replicas-told";
pub(super) const STRANDED: &str = "nobody-stranded";

#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) premise_count: u64,
    pub(super) loading_count: u64,
}

impl Told {
    /// A node has handled an input that changed what it says of itself.
    pub(super) fn check(&mut self, before: Option<&Seen>, view: &View) -> Result<(), Broken> {
        self.loading_count += u64::from(view.loading_replicas > 0);
        if view.stranded_replicas > 0 {
            return Err(Broken {
                property: STRANDED,
                expected: "a snapshot for every replica that loads".to_owned(),
                actual: format!("none for {}", view.stranded_replicas),
            });
        }
        let Some(before) = before else { return Ok(()) };
        if before.view.replid == view.replid {
            return Ok(());
        }
        self.premise_count += 1;
        // Whoever asked for the change, and goes on with it at once, was told.
        let granted = view.granted.saturating_sub(before.view.granted);
        if view.online_replicas as u64 <= granted {
            return Ok(());
        }
        Err(Broken {
            property: NAME,
            expected: format!("no replica online when {:?} begins", view.replid),
            actual: format!("{}, which know {:?}", view.online_replicas, before.view.replid),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::samples::{ids, master, seen};

    #[test]
    fn a_replica_that_stays_under_the_old_id_and_one_without_a_snapshot_are_found() {
        let [old, new] = ids();
        let mut property = Told::default();
        let mut check = |view: &View| {
            let before = seen(master(old, 1..=9));
            property.check(Some(&before), view).map_err(|broken| broken.property)
        };
        assert_eq!(check(&View { online_replicas: 2, ..master(old, 1..=10) }), Ok(()));
        assert_eq!(check(&master(new, 1..=9)), Ok(()));
        assert_eq!(check(&View { online_replicas: 1, ..master(new, 1..=9) }), Err(NAME));
        let asked = View { online_replicas: 1, granted: 1, ..master(new, 1..=9) };
        assert_eq!(check(&asked), Ok(()), "it asked for the role");
        let stranded = View { stranded_replicas: 1, ..master(old, 1..=10) };
        assert_eq!(check(&stranded), Err(STRANDED));
        assert_eq!(property.premise_count, 3);
    }
}

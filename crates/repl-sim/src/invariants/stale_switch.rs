//! **The switch for stale reads**: with `replica-serve-stale-data no`, a replica that does not
//! follow its master's stream, or never did, answers whatever needs the dataset with an error.
//!
//! Judged are replies to requests that were sent and answered while the node was such a replica all
//! the time.
//!
//! Premise: replies judged.

use super::{Broken, standing::Standing};
use crate::{
    lab::{Kind, Reply},
    node_view::Role,
};

pub(super) const NAME: &str = "stale-switch";

#[derive(Debug, Default)]
pub(super) struct StaleSwitch {
    pub(super) premise_count: u64,
}

impl StaleSwitch {
    pub(super) fn check(
        &mut self,
        standing: Standing,
        kind: Kind,
        reply: &Reply,
    ) -> Result<(), Broken> {
        if standing.role == Role::Master || standing.link_up || kind == Kind::Session {
            return Ok(());
        }
        self.premise_count += 1;
        Broken::unless_refused(NAME, "MASTERDOWN or another error, without the master", reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node_view::View;

    #[test]
    fn a_value_without_a_master_is_found() {
        let mut property = StaleSwitch::default();
        let down = View { role: Role::Replica, link: "sync", ..View::NOTHING };
        let value = Reply::Bulk(Some(b"old".to_vec()));
        let mut check = |view: &View, kind, reply: &Reply| {
            property.check(Standing::next(None, view), kind, reply).is_ok()
        };
        assert!(!check(&down, Kind::Read, &value));
        assert!(check(&down, Kind::Read, &Reply::Error("MASTERDOWN".to_owned())));
        assert!(check(&down, Kind::Session, &Reply::Simple("OK".to_owned())));
        assert!(check(&View { link: "connected", ..down }, Kind::Read, &value));
        assert!(check(&View { role: Role::Master, ..down }, Kind::Read, &value));
        assert_eq!(property.premise_count, 2);
    }
}

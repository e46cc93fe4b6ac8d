//! **Read-only replicas**: a node that has said yes to `REPLICAOF` takes no write of a client until
//! it is promoted, also while it has not met its master yet.
//!
//! Judged are replies to requests that were sent and answered while the node was a replica all the
//! time.
//!
//! Premise: writes judged.

use super::{Broken, standing::Standing};
use crate::{
    lab::{Kind, Reply},
    node_view::Role,
};

pub(super) const NAME: &str = "read-only";

#[derive(Debug, Default)]
pub(super) struct ReadOnly {
    pub(super) premise_count: u64,
}

impl ReadOnly {
    pub(super) fn check(
        &mut self,
        standing: Standing,
        kind: Kind,
        reply: &Reply,
    ) -> Result<(), Broken> {
        if standing.role == Role::Master || kind != Kind::Write {
            return Ok(());
        }
        self.premise_count += 1;
        Broken::unless_refused(NAME, "READONLY or another error from a replica", reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node_view::View;

    #[test]
    fn a_write_that_a_replica_took_is_found() {
        let mut property = ReadOnly::default();
        let replica = View { role: Role::Replica, link: "connecting", ..View::NOTHING };
        let taken = Reply::Simple("OK".to_owned());
        let mut check = |view: &View, kind, reply: &Reply| {
            property.check(Standing::next(None, view), kind, reply).is_ok()
        };
        assert!(!check(&replica, Kind::Write, &taken));
        assert!(check(&replica, Kind::Write, &Reply::Error("READONLY".to_owned())));
        assert!(check(&replica, Kind::Session, &taken));
        assert!(check(&View { role: Role::Master, ..replica }, Kind::Write, &taken));
        assert_eq!(property.premise_count, 2);
    }
}

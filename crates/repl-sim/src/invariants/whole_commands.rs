//! **Whole commands**: what a replica says it has applied ends where a command of the history ends.
//!
//! Premise: steps of replicas along the stream.

use super::{Broken, Seen, ledger::Ledger};
use crate::node_view::{Role, View};

pub(super) const NAME: &str = "whole-commands";

#[derive(Debug, Default)]
pub(super) struct WholeCommands {
    pub(super) premise_count: u64,
}

impl WholeCommands {
    pub(super) fn check(
        &mut self,
        ledger: &Ledger,
        before: Option<&Seen>,
        view: &View,
    ) -> Result<(), Broken> {
        let moved = before.is_some_and(|seen| seen.view.offset != view.offset);
        if view.role == Role::Master || !moved {
            return Ok(());
        }
        let [last, next] = [view.offset, view.offset + 1].map(|at| ledger.byte(view.replid, at));
        self.premise_count += u64::from(last.is_some());
        if last.is_none_or(|byte| byte == b'\n') && next.is_none_or(|byte| byte == b'*') {
            return Ok(());
        }
        Err(Broken {
            property: NAME,
            expected: format!("a command ends with byte {} of {:?}", view.offset, view.replid),
            actual: format!("{:?} and then {:?}", last.map(char::from), next.map(char::from)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::samples::{ids, master, seen};

    #[test]
    fn a_replica_that_stands_inside_a_command_is_found() {
        let [id] = ids();
        let mut ledger = Ledger::default();
        ledger.record(id, 1, b"*1\r\n$4\r\nPING\r\n*1\r\n").expect("new");
        let before = seen(View { role: Role::Replica, ..master(id, 1..=1) });
        let mut property = WholeCommands::default();
        let mut check = |last| {
            let view = View { role: Role::Replica, ..master(id, 1..=last) };
            property.check(&ledger, Some(&before), &view).map_err(|broken| broken.property)
        };
        assert_eq!(check(14), Ok(()));
        assert_eq!(check(4), Err(NAME), "a header is no command");
        assert_eq!(check(9), Err(NAME));
        assert_eq!(property.premise_count, 3);
    }
}

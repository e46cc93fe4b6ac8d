//! **No needless full sync**: a snapshot is sent only when the stream could not be continued: the
//! asker's history is no prefix of the granter's, or what it lacks is more than
//! `repl-backlog-size`, or is older than the granter's backlog could be.
//!
//! The asker's history is the one it names; if it names none, the one the lab knows it to have.
//! Exceptions, by name:
//!
//! * *unknown asker*: a peer that is no node of the lab and names no history;
//! * *unfinished full sync*: the asker was granted a snapshot before and may have dropped its own
//!   history for it;
//! * *a question given up*: it names no history, and the asker waits for no answer: it asked over a
//!   connection that it has since closed, before it had the history it holds now;
//! * *older than the second id*: the asker's id is two promotions old; a node remembers one id
//!   before its own;
//! * *beyond the switch the granter knows*: a granter that was told of a promotion late knows the
//!   old id only up to where it stood itself.
//!
//! Source: oracle NOFULL. Premise: full syncs that were checked.

use repl_core::base::ids::ReplId;

use super::{Broken, Question, Seen, ledger::Ledger};

pub(super) const NAME: &str = "needless-full";

#[derive(Debug, Default)]
pub(super) struct NeedlessFull {
    pub(super) premise_count: u64,
}

impl NeedlessFull {
    pub(super) fn check(
        &mut self,
        ledger: &Ledger,
        question: &Question<'_>,
        asker: Option<&Seen>,
        asked: Option<(ReplId, u64)>,
    ) -> Result<(), Broken> {
        let held = match (asked, asker) {
            (Some((id, wanted)), _) => (id, wanted.saturating_sub(1)),
            (None, Some(seen)) if seen.view.link != "handshake" => return Ok(()),
            (None, Some(seen)) if !seen.full_sync_pending => (seen.view.replid, seen.view.offset),
            (None, Some(_) | None) => return Ok(()),
        };
        self.premise_count += 1;
        let (id, offset) = held;
        let granter = question.granter;
        let Some(began) = question.backlog_began else { return Ok(()) };
        let names_it = id == granter.replid
            || (id == granter.replid2 && granter.second_offset.is_some_and(|it| offset < it));
        let prefix =
            names_it && ledger.same_up_to(id, granter.replid, offset) && offset <= granter.offset;
        let reachable =
            offset + 1 >= began && granter.offset.saturating_sub(offset) <= question.backlog_size;
        if !prefix || !reachable {
            return Ok(());
        }
        let asker = question.asker.map_or_else(|| "a peer".to_owned(), |n| format!("n{}", n + 1));
        Err(Broken {
            property: NAME,
            expected: format!(
                "CONTINUE for {asker}: it holds {id:?} up to byte {offset}, a prefix of the \
                 granter's {:?} up to {}, and lacks no more than the backlog of {} bytes",
                granter.replid, granter.offset, question.backlog_size
            ),
            actual: match asked {
                Some((id, wanted)) => format!("FULLRESYNC to PSYNC {id:?} {wanted}"),
                None => "FULLRESYNC to PSYNC ? -1".to_owned(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        invariants::samples::{ids, master, question, seen},
        node_view::{Role, View},
    };

    fn check(
        granter: &View,
        asker: Option<&Seen>,
        asked: Option<(ReplId, u64)>,
    ) -> Result<u64, &'static str> {
        let mut property = NeedlessFull::default();
        let outcome = property.check(&Ledger::default(), &question(granter, 40), asker, asked);
        outcome.map(|()| property.premise_count).map_err(|broken| broken.property)
    }

    #[test]
    fn a_full_sync_is_needless_when_the_backlog_could_hold_what_is_missing() {
        let [a, b] = ids();
        let granter = master(a, 90..=100);
        assert_eq!(check(&granter, None, Some((a, 61))), Err(NAME));
        assert_eq!(check(&granter, None, Some((a, 60))), Ok(1));
        assert_eq!(check(&granter, None, Some((a, 102))), Ok(1));
        assert_eq!(check(&granter, None, Some((b, 61))), Ok(1));
    }

    #[test]
    fn the_second_id_counts_up_to_the_switch_that_the_granter_knows() {
        let [old, new, older] = ids();
        let mut ledger = Ledger::default();
        ledger.inherit(old, older, 70).expect("a promotion");
        ledger.inherit(new, old, 91).expect("a promotion");
        let granter = View { replid2: old, second_offset: Some(85), ..master(new, 61..=100) };
        let check = |asked| {
            let question = question(&granter, 40);
            NeedlessFull::default().check(&ledger, &question, None, Some(asked)).is_ok()
        };
        assert!(!check((old, 85)), "a prefix that the granter knows");
        assert!(check((old, 86)), "beyond the switch it knows");
        assert!(check((older, 65)), "older than the second id");
    }

    #[test]
    fn an_asker_that_hides_its_history_is_found_and_one_that_lost_it_is_not() {
        let [a, _] = ids();
        let granter = master(a, 61..=100);
        let asker = seen(View { role: Role::Replica, link: "handshake", ..master(a, 61..=80) });
        assert_eq!(check(&granter, Some(&asker), None), Err(NAME));
        let unfinished = Seen { full_sync_pending: true, ..asker };
        assert_eq!(check(&granter, Some(&unfinished), None), Ok(0));
        let linked = seen(View { link: "connected", ..master(a, 61..=80) });
        assert_eq!(check(&granter, Some(&linked), None), Ok(0), "it asks nobody any more");
        assert_eq!(check(&granter, Some(&linked), Some((a, 81))), Err(NAME), "it named a history");
        let promoted = seen(master(a, 61..=80));
        assert_eq!(check(&granter, Some(&promoted), None), Ok(0), "nor does a master");
        let dials = seen(View { link: "connecting", ..master(a, 61..=80) });
        assert_eq!(check(&granter, Some(&dials), None), Ok(0), "it has yet to ask");
        assert_eq!(check(&granter, None, None), Ok(0));
    }
}

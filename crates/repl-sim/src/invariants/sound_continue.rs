//! **Sound CONTINUE**: a partial resynchronisation is granted only to a replica whose history is a
//! prefix of the granter's: it names byte k of id R, all bytes of R before k are bytes of the
//! granter's history too, the granter has produced all of them, and its backlog reaches back to k.
//!
//! The check asks the ledger, not the granter's ids: it fires even when the data happens to agree.
//! That the bytes sent afterwards are the right ones is the property `one-byte` on the replica's
//! own backlog.
//!
//! Source: oracle CONT-SAFE. Premises: grants, and grants by the granter's second id.

use repl_core::base::ids::ReplId;

use super::{Broken, Question, ledger::Ledger};

pub(super) const NAME: &str = "sound-continue";
pub(super) const BY_SECOND_ID: &str = "sound-continue-by-second-id";

#[derive(Debug, Default)]
pub(super) struct SoundContinue {
    pub(super) premise_count: u64,
    pub(super) by_second_id_count: u64,
}

impl SoundContinue {
    pub(super) fn check(
        &mut self,
        ledger: &Ledger,
        question: &Question<'_>,
        asked: Option<(ReplId, u64)>,
    ) -> Result<(), Broken> {
        self.premise_count += 1;
        let granter = question.granter;
        let refuse = |expected: String| {
            let actual = match asked {
                Some((id, wanted)) => format!("CONTINUE for byte {wanted} of {id:?}"),
                None => "CONTINUE for nothing".to_owned(),
            };
            Err(Broken { property: NAME, expected, actual })
        };
        let Some((id, wanted)) = asked else {
            return refuse("a full sync for a replica that names no history".to_owned());
        };
        self.by_second_id_count += u64::from(id != granter.replid);
        let held = wanted.saturating_sub(1);
        if !ledger.same_up_to(id, granter.replid, held) {
            return refuse(format!(
                "a full sync: byte {held} of {id:?} is of {:?}, that of the granter's {:?} is of \
                 {:?}",
                ledger.owner(id, held),
                granter.replid,
                ledger.owner(granter.replid, held),
            ));
        }
        if held > granter.offset {
            return refuse(format!("a full sync: the granter ends at byte {}", granter.offset));
        }
        match granter.backlog {
            Some((first, _)) if first <= wanted => Ok(()),
            Some((first, _)) => refuse(format!("a full sync: the backlog begins at byte {first}")),
            None => refuse("a full sync: there is no backlog".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        invariants::samples::{ids, master, question},
        node_view::View,
    };

    fn check(ledger: &Ledger, granter: &View, asked: (ReplId, u64)) -> Result<(), &'static str> {
        let mut property = SoundContinue::default();
        let question = question(granter, 1_000);
        property.check(ledger, &question, Some(asked)).map_err(|broken| broken.property)
    }

    #[test]
    fn a_prefix_of_the_same_history_within_the_backlog_is_sound() {
        let [a] = ids();
        let granter = master(a, 50..=100);
        let ledger = Ledger::default();
        assert_eq!(check(&ledger, &granter, (a, 50)), Ok(()));
        assert_eq!(check(&ledger, &granter, (a, 101)), Ok(()));
        assert_eq!(check(&ledger, &granter, (a, 49)), Err(NAME));
        assert_eq!(check(&ledger, &granter, (a, 102)), Err(NAME));
    }

    #[test]
    fn another_history_is_unsound_at_any_offset() {
        let [a, b] = ids();
        let granter = master(a, 1..=100);
        assert_eq!(check(&Ledger::default(), &granter, (b, 50)), Err(NAME));
    }

    #[test]
    fn the_history_before_a_promotion_is_sound_up_to_the_switch() {
        let [old, new] = ids();
        let mut ledger = Ledger::default();
        ledger.inherit(new, old, 61).expect("a promotion after byte 60");
        let granter = master(new, 1..=100);
        assert_eq!(check(&ledger, &granter, (old, 61)), Ok(()));
        assert_eq!(check(&ledger, &granter, (old, 62)), Err(NAME));
    }
}

//! **One byte per (replication id, offset)**, for ever: whatever byte of the stream any node holds
//! in its backlog under an id and an offset is the byte that the first owner of that id produced
//! there.
//!
//! A node with a second id also claims that its bytes before `second_repl_offset` are bytes of that
//! id; the claim of the node that was promoted is the true one, and nobody may claim more.
//!
//! A replica tells only what its master told before it: bytes that nobody has told when a replica
//! holds them belong to no history.
//!
//! Source: law 4 of the design; oracle BYTES. Premise: bytes that are compared or recorded.

use repl_core::base::ids::ReplId;

use super::{
    Broken, Seen,
    ledger::{Contradiction, Ledger},
};
use crate::node_view::{Role, View};

pub(super) const NAME: &str = "one-byte";

#[derive(Debug, Default)]
pub(super) struct OneByte {
    pub(super) premise_count: u64,
}

impl OneByte {
    /// Checks the bytes that are new since `before`; all of them after a change of identity. Names
    /// the owner of the newest byte if there was any.
    ///
    /// `backlog_bytes` shows the bytes from one number to another, in pieces.
    pub(super) fn check<'a, Pieces: Iterator<Item = &'a [u8]>>(
        &mut self,
        ledger: &mut Ledger,
        before: Option<&Seen>,
        view: &View,
        backlog_bytes: impl FnOnce(u64, u64) -> Pieces,
    ) -> Result<Option<ReplId>, Broken> {
        note_identity(ledger, view)?;
        let Some((first, last)) = view.backlog else { return Ok(None) };
        let known_to = before
            .filter(|seen| {
                let old = &seen.view;
                old.replid == view.replid && old.offset <= view.offset && old.backlog.is_some()
            })
            .map_or(0, |seen| seen.view.offset);
        // In the input that made it a replica it may have told bytes as a master.
        let is_replica = view.role == Role::Replica
            && before.is_some_and(|seen| seen.view.role == Role::Replica);
        let mut at = first.max(known_to + 1);
        if at > last {
            return Ok(None);
        }
        for piece in backlog_bytes(at, last) {
            if is_replica && let Some(untold) = ledger.first_unknown(view.replid, at, piece.len()) {
                return Err(Broken {
                    property: NAME,
                    expected: format!("a master that told byte {untold} of {:?}", view.replid),
                    actual: "a replica tells it first".to_owned(),
                });
            }
            ledger.record(view.replid, at, piece).map_err(broken)?;
            self.premise_count += piece.len() as u64;
            at += piece.len() as u64;
        }
        if at != last + 1 {
            return Err(Broken {
                property: NAME,
                expected: format!("the backlog holds the bytes {first}..={last}"),
                actual: format!("it ends before byte {at}"),
            });
        }
        Ok(Some(ledger.owner(view.replid, last)))
    }
}

/// Compares what somebody has heard over a replication link, where nothing but bytes of the history
/// may come, with what was told.
pub(super) fn check_link(
    ledger: &mut Ledger,
    replid: ReplId,
    first: u64,
    bytes: &[u8],
) -> Result<(), Broken> {
    match ledger.first_unknown(replid, first, bytes.len()) {
        None => ledger.record(replid, first, bytes).map_err(broken),
        Some(untold) => Err(Broken {
            property: NAME,
            expected: format!("bytes of {replid:?}, which nobody told beyond {untold}"),
            actual: bytes.escape_ascii().to_string(),
        }),
    }
}

/// Tells the ledger where the node's history comes from.
pub(super) fn note_identity(ledger: &mut Ledger, view: &View) -> Result<(), Broken> {
    match view.second_offset {
        Some(switch) if view.replid2 != ReplId::NONE => {
            ledger.inherit(view.replid, view.replid2, switch).map_err(broken)
        }
        Some(_) | None => Ok(()),
    }
}

fn broken(contradiction: Contradiction) -> Broken {
    let Contradiction { expected, actual } = contradiction;
    Broken { property: NAME, expected, actual }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::samples::{ids, master, seen};

    fn check(
        property: &mut OneByte,
        ledger: &mut Ledger,
        view: &View,
        bytes: &[u8],
    ) -> Result<Option<ReplId>, &'static str> {
        // The sample's backlog holds exactly `bytes`.
        let pieces = |_, _| bytes.chunks(3);
        property.check(ledger, None, view, pieces).map_err(|broken| broken.property)
    }

    #[test]
    fn what_is_no_byte_of_the_history_is_found_on_a_link() {
        let [id] = ids();
        let mut ledger = Ledger::default();
        ledger.record(id, 1, b"abcdef").expect("new");
        let mut check = |first, bytes: &[u8]| check_link(&mut ledger, id, first, bytes).is_ok();
        assert!(check(3, b"cde") && !check(3, b"+OK") && !check(6, b"f+OK") && check(6, b"f"));
    }

    #[test]
    fn two_masters_of_one_id_are_found() {
        let [a, _] = ids();
        let (mut property, mut ledger) = (OneByte::default(), Ledger::default());
        let view = master(a, 11..=20);
        assert_eq!(check(&mut property, &mut ledger, &view, b"SET one ab"), Ok(Some(a)));
        assert_eq!(check(&mut property, &mut ledger, &view, b"SET one ab"), Ok(Some(a)));
        assert_eq!(property.premise_count, 20);
        assert_eq!(check(&mut property, &mut ledger, &view, b"SET two ab"), Err(NAME));
    }

    #[test]
    fn a_replica_that_tells_what_no_master_told_is_found() {
        let [a, _] = ids();
        let (mut property, mut ledger) = (OneByte::default(), Ledger::default());
        check(&mut property, &mut ledger, &master(a, 1..=6), b"abcdef").expect("new");
        let replica = |end| View { role: Role::Replica, ..master(a, 3..=end) };
        let mut check = |before: View, end, bytes: &[u8]| {
            let (before, view) = (seen(before), replica(end));
            // The sample's backlog holds exactly `bytes` behind what was seen.
            let outcome = property.check(&mut ledger, Some(&before), &view, |_, _| bytes.chunks(3));
            outcome.map_err(|broken| broken.property)
        };
        assert_eq!(check(replica(4), 6, b"ef"), Ok(Some(a)));
        assert_eq!(check(replica(6), 7, b"g"), Err(NAME));
        assert_eq!(check(master(a, 3..=6), 7, b"g"), Ok(Some(a)), "it was the master");
    }

    #[test]
    fn a_claim_to_an_older_history_is_checked_against_it() {
        let [old, new] = ids();
        let (mut property, mut ledger) = (OneByte::default(), Ledger::default());
        check(&mut property, &mut ledger, &master(old, 1..=6), b"abcdef").expect("new");
        let promoted = View { replid2: old, second_offset: Some(5), ..master(new, 3..=6) };
        assert_eq!(check(&mut property, &mut ledger, &promoted, b"cdXY"), Ok(Some(new)));
        let liar = View { second_offset: Some(7), ..promoted };
        assert_eq!(check(&mut property, &mut ledger, &liar, b"cdef"), Err(NAME));
    }

    #[test]
    fn a_backlog_that_is_shorter_than_it_says_is_found() {
        let [a, _] = ids();
        let (mut property, mut ledger) = (OneByte::default(), Ledger::default());
        assert_eq!(check(&mut property, &mut ledger, &master(a, 1..=9), b"short"), Err(NAME));
    }
}

//! **One byte per (replication id, offset)**, for ever: whatever byte of the stream any node holds in its
//! backlog under an id and an offset is the byte that the first owner of that id produced there.
//!
//! A node with a second id also claims that its bytes before `second_repl_offset` are bytes of that id; the
//! claim of the node that was promoted is the true one, and nobody may claim more.
//!
//! Source: law 4 of the design; oracle BYTES. Premise: bytes that are compared or recorded.

use repl_core::{Node, base::ids::ReplId};

use super::{
    Broken, Seen,
    ledger::{Contradiction, Ledger},
};
use crate::node_view::{self, View};

pub(super) const NAME: &str = "one-byte";

#[derive(Debug, Default)]
pub(super) struct OneByte {
    pub(super) premise_count: u64,
}

impl OneByte {
    /// Checks the bytes that are new since `before`; all of them after a change of identity. Names the owner
    /// of the newest byte if there was any.
    pub(super) fn check(
        &mut self,
        ledger: &mut Ledger,
        before: Option<&Seen>,
        node: &Node,
        view: &View,
    ) -> Result<Option<ReplId>, Broken> {
        note_identity(ledger, view)?;
        let Some((first, last)) = view.backlog else { return Ok(None) };
        let known_to = before
            .filter(|seen| {
                let old = &seen.view;
                old.replid == view.replid && old.offset <= view.offset && old.backlog.is_some()
            })
            .map_or(0, |seen| seen.view.offset);
        let mut at = first.max(known_to + 1);
        if at > last {
            return Ok(None);
        }
        for piece in node_view::backlog_bytes(node, at, last) {
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

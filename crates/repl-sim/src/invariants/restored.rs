//! **Nothing is claimed that is not there**: a process that begins with a snapshot file holds the
//! dataset of a cut that a process of that machine really took, stands at that cut's byte of that
//! cut's history, and claims no other: a replica under the id of the file, a master under an id
//! that nobody has had, with that of the file as its second up to that byte. The cut is the last
//! whose file was said to be there, or one that was under way behind it.
//!
//! A machine whose files have rotted is not judged. The dataset of a cut is known when nothing else
//! happened in the input that took it; a master that deleted what had expired is compared with the
//! rest of its cut only in what it claims.
//!
//! Source: the mutant `replid-kept-on-reboot`, and the promise of `SAVE`. Premise: boots that found
//! what a process had left.

use std::collections::BTreeMap;

use repl_core::{Node, base::ids::ReplId, node::SavesView};

use super::Broken;
use crate::node_view::{self, Role, View};

pub(super) const NAME: &str = "restored-truth";

/// What a process may find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// No file.
    Nothing,
    /// The file of a cut.
    At { place: Option<(ReplId, u64)>, dataset: Option<u64> },
}

/// What is known of one machine's disk.
#[derive(Debug)]
struct Books {
    possible: Vec<Cut>,
    seen: (u64, u64),
    loading: bool,
    rotten: bool,
}

#[derive(Debug, Default)]
pub(super) struct Restored {
    books: BTreeMap<usize, Books>,
    pub(super) premise_count: u64,
}

impl Restored {
    /// Another process begins.
    pub(super) fn on_boot(&mut self, node: usize) {
        let books = self.books.entry(node).or_insert_with(|| Books {
            possible: vec![Cut::Nothing],
            seen: (0, 0),
            loading: true,
            rotten: false,
        });
        (books.seen, books.loading) = ((0, 0), true);
    }

    /// What is on the disk is no longer what was written.
    pub(super) fn on_rot(&mut self, node: usize) {
        if let Some(books) = self.books.get_mut(&node) {
            books.rotten = true;
        }
    }

    pub(super) fn check(&mut self, node: usize, state: &Node, view: &View) -> Result<(), Broken> {
        let Some(books) = self.books.get_mut(&node) else { return Ok(()) };
        let saves = state.saves();
        if books.loading && !state.is_loading() {
            books.loading = false;
            if books.possible.iter().any(|cut| *cut != Cut::Nothing) && !books.rotten {
                self.premise_count += 1;
            }
            let found = || found(state, view, &saves);
            if !books.rotten && !books.possible.iter().any(|cut| cut.explains(state, view, &saves))
            {
                return Err(Broken {
                    property: NAME,
                    expected: format!("one of {:?}", books.possible),
                    actual: found(),
                });
            }
        }
        if saves.done > books.seen.1 {
            // What a save under way has cut comes last.
            let last = books.possible.pop();
            books.possible = last.into_iter().collect();
        }
        if saves.begun > books.seen.0 {
            let untouched = saves.changes_since_cut == 0;
            let dataset = untouched.then(|| node_view::dataset_hash(state));
            let place = saves.cut_at.map(|place| (place.replid, place.offset));
            books.possible.push(Cut::At { place, dataset });
        }
        books.seen = (saves.begun, saves.done);
        Ok(())
    }
}

impl Cut {
    /// Whether a process that has found this is what is seen.
    fn explains(self, state: &Node, view: &View, saves: &SavesView) -> bool {
        let (place, dataset) = match self {
            Self::Nothing => (None, None),
            Self::At { place, dataset } => (place, dataset),
        };
        let claims = match (place, view.role) {
            (None, _) => view.backlog.is_none() && view.replid2 == ReplId::NONE,
            (Some((id, offset)), Role::Replica) => {
                view.replid == id && view.offset == offset && view.replid2 == ReplId::NONE
            }
            (Some((id, offset)), Role::Master) => {
                view.replid != id
                    && view.replid2 == id
                    && view.second_offset == Some(offset + 1)
                    && view.backlog.is_some_and(|(first, _)| first == offset + 1)
            }
        };
        let holds = match (self, dataset) {
            (Self::Nothing, _) => state.keyspace().is_empty(),
            (Self::At { .. }, Some(dataset)) if saves.expired_at_load == 0 => {
                node_view::dataset_hash(state) == dataset
            }
            (Self::At { .. }, Some(_) | None) => true,
        };
        claims && holds
    }
}

fn found(state: &Node, view: &View, saves: &SavesView) -> String {
    format!(
        "{:?} {:?} at byte {}, second id {:?} up to {:?}, dataset {:016x}, {} keys expired",
        view.role,
        view.replid,
        view.offset,
        view.replid2,
        view.second_offset,
        node_view::dataset_hash(state),
        saves.expired_at_load,
    )
}

#[cfg(test)]
mod tests {
    use repl_core::{
        base::{
            config::Config,
            rng::Seed,
            time::{Instant, Now, UnixMillis},
        },
        io::{DiskEvent, Input, PeerInfo, Piece},
    };

    use super::*;

    const NOW: Now = Now { mono: Instant::from_nanos(1 << 50), wall: UnixMillis(1 << 40) };

    fn handle(node: &mut Node, input: Input<'_>) {
        node.handle(NOW, input);
        while node.poll_effect().is_some() {}
    }

    fn boot(file: Option<&[u8]>, seed: u64) -> Node {
        let config = Config { save: Vec::new(), ..Config::default() };
        let mut node = Node::from_disk(config, Seed::from_u64(seed), NOW);
        match file {
            None => handle(&mut node, Input::Disk(DiskEvent::Missing)),
            Some(bytes) => {
                let file_bytes = bytes.len() as u64;
                handle(&mut node, Input::Disk(DiskEvent::Read { bytes, file_bytes }));
                handle(&mut node, Input::Disk(DiskEvent::ReadToEnd));
            }
        }
        node
    }

    fn ask(node: &mut Node, words: &str) {
        let conn = node.accept(NOW, PeerInfo::default());
        handle(node, Input::Received { conn, bytes: format!("{words}\r\n").as_bytes() });
    }

    fn save(node: &mut Node) -> Vec<u8> {
        let mut file = Vec::new();
        ask(node, "BGSAVE");
        while let Piece::Bytes(bytes) = node.snapshot_piece() {
            file.extend_from_slice(&bytes);
            handle(node, Input::Disk(DiskEvent::Written));
        }
        file
    }

    #[test]
    fn an_acknowledged_file_must_not_be_lost_and_another_dataset_is_found() {
        let mut property = Restored::default();
        let mut node = boot(None, 1);
        property.on_boot(0);
        let check = |property: &mut Restored, node: &Node| {
            let outcome = property.check(0, node, &node_view::view(node));
            outcome.map_err(|broken| broken.property)
        };
        assert_eq!(check(&mut property, &node), Ok(()));
        ask(&mut node, "SET k 1");
        assert_eq!(check(&mut property, &node), Ok(()));
        let old = save(&mut node);
        assert_eq!(check(&mut property, &node), Ok(()), "begun");
        for (file, holds) in [(None, true), (Some(&old[..]), true)] {
            property.on_boot(0);
            let outcome = check(&mut property, &boot(file, 2));
            assert_eq!(outcome.is_ok(), holds, "either may be there");
        }
        property.on_boot(0);
        let mut node = boot(Some(&old), 3);
        check(&mut property, &node).expect("the same");
        ask(&mut node, "SET k 2");
        let new = save(&mut node);
        check(&mut property, &node).expect("begun");
        handle(&mut node, Input::Disk(DiskEvent::Saved(Ok(()))));
        check(&mut property, &node).expect("done");
        for (file, holds) in [(None, false), (Some(&old[..]), false), (Some(&new[..]), true)] {
            property.on_boot(0);
            let outcome = check(&mut property, &boot(file, 4));
            assert_eq!(outcome, if holds { Ok(()) } else { Err(NAME) });
        }
        assert_eq!(property.premise_count, 6);
        property.on_rot(0);
        property.on_boot(0);
        assert_eq!(check(&mut property, &boot(None, 5)), Ok(()));
    }
}

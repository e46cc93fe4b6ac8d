//! **Served once**: an element is handed to one waiter by one history, and by no history to nobody.
//!
//! Elements exist once. The model of the queues says which element each pop and each move of each
//! history took (`queues`). What a waiter is handed is what a command of its node's history has
//! taken, and no other waiter was handed for that command; and what a command has taken was handed
//! to the waiter, or lost with a connection over which somebody waited for that key. Two histories
//! may each hand the same element out: whoever is promoted has it still if the pop did not reach
//! it.
//!
//! Not judged are answers of a node that told no history all the while, because nobody followed it,
//! or that changed its role. Source: part of oracle BLOCK. Premise: answers with elements that were
//! judged.

use std::{collections::BTreeMap, time::Duration};

use repl_core::base::time::Instant;

use super::{Broken, Spot, Taken, Waiting, Wish};

pub(super) const NAME: &str = "served-once";

/// So long after a waiter has closed its connection its node knows.
const FAREWELL: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Pop {
    node: usize,
    taken: Taken,
    at: Instant,
    handed: bool,
}

/// What a waiter was served by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Served<'a> {
    pub(super) taken: &'a Taken,
    pub(super) at: Instant,
    /// Whether nothing else can have served it: an element that is moved to and fro is taken often.
    pub(super) surely: bool,
}

/// A wish whose answer, if there was one, nobody has heard.
#[derive(Debug)]
struct LostWish {
    wish: Wish,
    sent_at: Instant,
    lost_at: Instant,
}

#[derive(Debug, Default)]
pub(super) struct ServedOnce {
    pops: Vec<Pop>,
    /// The pops that took this element first, by their places in `pops`.
    by_element: BTreeMap<Vec<u8>, Vec<usize>>,
    lost: Vec<LostWish>,
    pub(super) premise_count: u64,
}

impl ServedOnce {
    /// A node's history tells of a pop or a move.
    pub(super) fn note(&mut self, node: usize, taken: Taken, at: Instant) -> Result<(), Broken> {
        let Some(first) = taken.elements.first() else {
            return Err(Broken {
                property: NAME,
                expected: format!("something in {} to be taken", shown(&taken.from)),
                actual: format!("byte {} of {:?} takes of nothing", taken.end, taken.owner),
            });
        };
        self.by_element.entry(first.clone()).or_default().push(self.pops.len());
        self.pops.push(Pop { node, taken, at, handed: false });
        Ok(())
    }

    /// A waiter was handed these elements; what took them, if it is known. `told` says that the
    /// node told a history all the while.
    pub(super) fn check(
        &mut self,
        wish: &Wish,
        elements: &[Vec<u8>],
        told: bool,
    ) -> Result<Option<Served<'_>>, Broken> {
        let candidates = elements.first().and_then(|first| self.by_element.get(first));
        let candidates = candidates.map(Vec::as_slice).unwrap_or_default();
        let fits = |place: &&usize| {
            let pop = &self.pops[**place];
            pop.node == wish.node
                && pop.taken.to == wish.to
                && wish.spots.contains(&pop.taken.from)
                && pop.taken.elements == elements
        };
        let fitting: Vec<usize> = candidates.iter().filter(fits).copied().collect();
        let free = fitting.iter().find(|place| !self.pops[**place].handed);
        match free {
            Some(&place) => {
                self.premise_count += 1;
                let pop = &mut self.pops[place];
                pop.handed = true;
                Ok(Some(Served { taken: &pop.taken, at: pop.at, surely: fitting.len() == 1 }))
            }
            None if !told => Ok(None),
            None => {
                let shown: Vec<String> =
                    elements.iter().map(|element| element.escape_ascii().to_string()).collect();
                let actual = match fitting.is_empty() {
                    true => format!("n{}'s history tells of no such pop", wish.node + 1),
                    false => format!("n{} has handed them to another waiter", wish.node + 1),
                };
                Err(Broken {
                    property: NAME,
                    expected: format!("a pop of {} for one waiter", shown.join(" ")),
                    actual,
                })
            }
        }
    }

    /// Nobody will hear the answer to this wish.
    pub(super) fn note_lost(&mut self, waiting: Waiting, lost_at: Instant) {
        let Waiting { wish, sent_at, .. } = waiting;
        self.lost.push(LostWish { wish, sent_at, lost_at });
    }

    /// A node moves again: only now it learns who has gone.
    pub(super) fn on_thaw(&mut self, node: usize, now: Instant) {
        for lost in self.lost.iter_mut().filter(|lost| lost.wish.node == node) {
            lost.lost_at = now;
        }
    }

    /// `waiting` are those that wait still.
    pub(super) fn check_none_vanished<'a>(
        &self,
        waiting: impl Iterator<Item = &'a Waiting> + Clone,
    ) -> Result<(), Broken> {
        for pop in self.pops.iter().filter(|pop| !pop.handed) {
            let for_it = |wish: &Wish, sent_at: Instant| {
                wish.node == pop.node && wish.spots.contains(&pop.taken.from) && sent_at <= pop.at
            };
            let lost = self
                .lost
                .iter()
                .any(|lost| for_it(&lost.wish, lost.sent_at) && pop.at <= lost.lost_at + FAREWELL);
            if lost || waiting.clone().any(|one| for_it(&one.wish, one.sent_at)) {
                continue;
            }
            let taken = &pop.taken;
            let element = taken.elements[0].escape_ascii();
            return Err(Broken {
                property: NAME,
                expected: format!("a waiter that was handed {element}"),
                actual: format!(
                    "byte {} of {:?} took it from {} at {:?}, and nobody has it",
                    taken.end,
                    taken.owner,
                    shown(&taken.from),
                    pop.at,
                ),
            });
        }
        Ok(())
    }
}

fn shown((db, key): &Spot) -> String {
    format!("{} of database {db}", key.escape_ascii())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::invariants::samples::ids;

    const EARLY: Instant = Instant::ORIGIN;

    fn spot() -> Spot {
        (0, b"queue:0".to_vec())
    }

    fn wish(node: usize) -> Wish {
        Wish {
            node,
            spots: BTreeSet::from([spot()]),
            to: None,
            timeout: None,
            flight: Duration::ZERO,
        }
    }

    fn popped(element: &[u8]) -> Taken {
        let [owner] = ids();
        Taken { owner, end: 10, from: spot(), to: None, elements: vec![element.to_vec()] }
    }

    fn late() -> Instant {
        EARLY + Duration::from_secs(100)
    }

    #[test]
    fn an_element_that_two_waiters_were_handed_is_found() {
        let mut property = ServedOnce::default();
        property.note(0, popped(b"a"), EARLY).expect("something was taken");
        let mut check =
            |node| property.check(&wish(node), &[b"a".to_vec()], true).map(|it| it.is_some());
        assert_eq!(check(0), Ok(true));
        assert!(check(0).is_err());
        assert!(check(1).is_err(), "no history of that node tells of it");
        assert_eq!(property.premise_count, 1);
        assert!(matches!(property.check(&wish(1), &[b"a".to_vec()], false), Ok(None)));
        assert!(property.note(0, Taken { elements: vec![], ..popped(b"a") }, EARLY).is_err());
    }

    #[test]
    fn an_element_that_nobody_was_handed_is_found_unless_a_connection_was_lost() {
        let mut property = ServedOnce::default();
        property.note(0, popped(b"a"), late()).expect("something was taken");
        let wait =
            |node, sent_at| Waiting { wish: wish(node), sent_at, arrived: None, demoted_at: None };
        let vanished = |property: &ServedOnce, waiting: &[Waiting]| {
            property.check_none_vanished(waiting.iter()).is_err()
        };
        assert!(vanished(&property, &[]));
        assert!(vanished(&property, &[wait(1, EARLY)]), "at another node");
        assert!(!vanished(&property, &[wait(0, EARLY)]), "it may still be on its way");
        property.note_lost(wait(0, EARLY), EARLY);
        assert!(vanished(&property, &[]), "lost long before");
        property.note_lost(wait(0, EARLY), late());
        assert!(!vanished(&property, &[]));
    }
}

//! The omniscient ledger: every byte of every history, as its first owner told it.
//!
//! A history that begins by a promotion shares the bytes before its switch with the history it came
//! from: the ledger keeps each byte once, under the id that *owns* it, so that two ids name the
//! same byte exactly when they name the same (owner, offset).

use std::collections::BTreeMap;

use repl_core::base::ids::ReplId;

/// See this file's header.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    histories: BTreeMap<ReplId, History>,
}

#[derive(Debug, Default)]
struct History {
    /// The id it came from, and its own first byte.
    came_from: Option<(ReplId, u64)>,
    /// Runs of known bytes by the number of their first byte. One, unless a node dropped bytes from
    /// its backlog before anybody saw them.
    runs: BTreeMap<u64, Vec<u8>>,
}

/// What was written a moment ago is among so many bytes.
const SEARCHED_BYTES: usize = 256 * 1024;

/// Two nodes told different bytes for one (id, offset), or different origins for one id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contradiction {
    pub(crate) expected: String,
    pub(crate) actual: String,
}

impl Ledger {
    /// Notes that the bytes of `id` before `switch` are those of `from`.
    ///
    /// A node that was told of the switch later may share fewer bytes with the old history than the
    /// one that was promoted, never more.
    pub(crate) fn inherit(
        &mut self,
        id: ReplId,
        from: ReplId,
        switch: u64,
    ) -> Result<(), Contradiction> {
        let contradiction = |expected: String| {
            let actual = format!("{id:?} shares the bytes before {switch} with {from:?}");
            Err(Contradiction { expected, actual })
        };
        if id == from || self.came_from_transitively(from, id) {
            return contradiction(format!("{from:?} is older than {id:?}"));
        }
        let history = self.histories.entry(id).or_default();
        match history.came_from {
            None if history.runs.is_empty() => {
                history.came_from = Some((from, switch));
                Ok(())
            }
            None => contradiction(format!("{id:?} began by itself")),
            Some((known_from, known_switch)) if known_from == from && switch <= known_switch => {
                Ok(())
            }
            Some((known_from, known_switch)) => contradiction(format!(
                "{id:?} shares the bytes before {known_switch} with {known_from:?}"
            )),
        }
    }

    /// Whose byte `offset` of `id` is.
    pub(crate) fn owner(&self, id: ReplId, offset: u64) -> ReplId {
        let mut owner = id;
        while let Some((from, switch)) = self.came_from(owner)
            && offset < switch
        {
            owner = from;
        }
        owner
    }

    /// Whether the two ids name the same history up to and including byte `offset`.
    pub(crate) fn same_up_to(&self, one: ReplId, other: ReplId, offset: u64) -> bool {
        self.owner(one, offset) == self.owner(other, offset)
    }

    /// The first of these bytes of `id` that nobody has told yet.
    pub(crate) fn first_unknown(&self, id: ReplId, first: u64, count: usize) -> Option<u64> {
        let end = first + count as u64;
        let mut at = first;
        while at < end {
            let owner = self.owner(id, at);
            let history = self.histories.get(&owner);
            let run = history.and_then(|history| history.runs.range(..=at).next_back());
            let run_end = run.map_or(0, |(&start, bytes)| start + bytes.len() as u64);
            if run_end <= at {
                return Some(at);
            }
            // Bytes from the switch on belong to a younger history.
            at = self.came_from_below(id, owner).map_or(run_end, |switch| switch.min(run_end));
        }
        None
    }

    /// Compares bytes that somebody holds with what is known and keeps what is new.
    pub(crate) fn record(
        &mut self,
        id: ReplId,
        first: u64,
        bytes: &[u8],
    ) -> Result<(), Contradiction> {
        let mut first = first;
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let owner = self.owner(id, first);
            let count = match self.came_from_below(id, owner) {
                // Bytes from the switch on belong to a younger history.
                Some(switch) => {
                    usize::try_from(switch - first).unwrap_or(usize::MAX).min(bytes.len())
                }
                None => bytes.len(),
            };
            let (now, later) = bytes.split_at(count);
            let history = self.histories.entry(owner).or_default();
            history.record(first, now).map_err(|(at, expected, actual)| Contradiction {
                expected: format!("byte {at} of {owner:?} is {expected:?}"),
                actual: format!("byte {at} of {id:?} is {actual:?}"),
            })?;
            first += count as u64;
            bytes = later;
        }
        Ok(())
    }

    /// The known bytes of a history's own, run by run, each with the number of its first byte.
    pub(crate) fn runs(&self, owner: ReplId) -> impl Iterator<Item = (u64, &[u8])> {
        let history = self.histories.get(&owner);
        history.into_iter().flat_map(|history| {
            history.runs.iter().map(|(&first, bytes)| (first, bytes.as_slice()))
        })
    }

    /// A byte of a history, if anybody ever told it.
    pub(crate) fn byte(&self, id: ReplId, offset: u64) -> Option<u8> {
        let history = self.histories.get(&self.owner(id, offset))?;
        let (first, run) = history.runs.range(..=offset).next_back()?;
        run.get(usize::try_from(offset - first).ok()?).copied()
    }

    /// Whose byte ends the line that ends with `token`, and its number. Only the newest bytes are
    /// searched.
    pub(crate) fn find_last(&self, token: &[u8]) -> Option<(ReplId, u64)> {
        self.histories.iter().find_map(|(owner, history)| {
            history.runs.iter().find_map(|(first, run)| {
                let from = run.len().saturating_sub(SEARCHED_BYTES);
                let at = run[from..].windows(token.len()).rposition(|here| here == token)?;
                // The number of the last byte of the token, and two for the end of the line.
                Some((*owner, first + (from + at + token.len()) as u64 + 1))
            })
        })
    }

    /// Where a history began by a promotion: the one it came from, and its own first byte.
    pub(crate) fn came_from(&self, id: ReplId) -> Option<(ReplId, u64)> {
        self.histories.get(&id).and_then(|history| history.came_from)
    }

    fn came_from_transitively(&self, id: ReplId, ancestor: ReplId) -> bool {
        let mut at = id;
        while let Some((from, _)) = self.came_from(at) {
            if from == ancestor {
                return true;
            }
            at = from;
        }
        false
    }

    /// Where, on the way from `id` down to `owner`, the bytes of `owner` end: at the earliest
    /// switch, which is not always the last one. Who is promoted may lag behind an earlier
    /// promotion.
    fn came_from_below(&self, id: ReplId, owner: ReplId) -> Option<u64> {
        let mut at = id;
        let mut end = None;
        while at != owner {
            let (from, switch) = self.came_from(at)?;
            end = Some(end.map_or(switch, |end: u64| end.min(switch)));
            at = from;
        }
        end
    }
}

impl History {
    /// On a contradiction: where, the known surroundings, the surroundings told now.
    fn record(&mut self, first: u64, bytes: &[u8]) -> Result<(), (u64, String, String)> {
        let mut first = first;
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let next_run = self.runs.range(first + 1..).next().map(|(&start, _)| start);
            let room = next_run
                .map_or(usize::MAX, |next| usize::try_from(next - first).unwrap_or(usize::MAX));
            let here = &bytes[..bytes.len().min(room)];
            let touching = self
                .runs
                .range_mut(..=first)
                .next_back()
                .filter(|(start, run)| first <= *start + run.len() as u64);
            match touching {
                None => {
                    self.runs.insert(first, here.to_vec());
                }
                Some((start, run)) => {
                    let within = usize::try_from(first - start).expect("inside a Vec");
                    let known = &run[within..(within + here.len()).min(run.len())];
                    if let Some(at) = known.iter().zip(here).position(|(k, h)| k != h) {
                        let around = at.saturating_sub(16);
                        let shown = |bytes: &[u8]| {
                            let end = (at + 24).min(bytes.len());
                            bytes[around..end].escape_ascii().to_string()
                        };
                        return Err((first + at as u64, shown(known), shown(here)));
                    }
                    let known_count = known.len();
                    run.extend_from_slice(&here[known_count..]);
                }
            }
            first += here.len() as u64;
            bytes = &bytes[here.len()..];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use repl_core::base::rng::{Rng, Seed};

    use super::*;

    fn ids<const N: usize>() -> [ReplId; N] {
        let mut rng = Rng::new(Seed::from_u64(1), "test");
        std::array::from_fn(|_| ReplId::random(&mut rng))
    }

    #[test]
    fn the_same_bytes_may_be_told_twice_and_other_bytes_may_not() {
        let [a] = ids();
        let mut ledger = Ledger::default();
        ledger.record(a, 1, b"hello").expect("new");
        ledger.record(a, 3, b"llo world").expect("overlapping");
        let wrong = ledger.record(a, 7, b"wurld").expect_err("different");
        assert!(wrong.expected.starts_with("byte 8 of"), "{wrong:?}");
        assert_eq!(ledger.runs(a).collect::<Vec<_>>(), [(1, b"hello world".as_slice())]);
    }

    #[test]
    fn a_gap_makes_two_runs_and_both_are_compared() {
        let [a] = ids();
        let mut ledger = Ledger::default();
        ledger.record(a, 11, b"klm").expect("new");
        ledger.record(a, 1, b"abc").expect("before the gap");
        ledger.record(a, 2, b"bcdefghijklmn").expect("across the gap");
        assert!(ledger.record(a, 12, b"x").is_err());
        assert!(ledger.record(a, 6, b"x").is_err());
    }

    #[test]
    fn what_nobody_told_is_unknown_across_switches_and_gaps() {
        let [old, new, other] = ids();
        let mut ledger = Ledger::default();
        ledger.record(old, 1, b"abcdef").expect("new");
        ledger.inherit(new, old, 5).expect("a promotion after byte 4");
        assert_eq!(ledger.first_unknown(new, 2, 3), None);
        assert_eq!(ledger.first_unknown(new, 2, 4), Some(5));
        ledger.record(new, 5, b"XY").expect("its own");
        assert_eq!(ledger.first_unknown(new, 1, 6), None);
        assert_eq!(ledger.first_unknown(new, 6, 2), Some(7));
        assert_eq!(ledger.first_unknown(other, 1, 1), Some(1));
    }

    #[test]
    fn a_promoted_history_shares_the_bytes_before_its_switch() {
        let [old, new] = ids();
        let mut ledger = Ledger::default();
        ledger.record(old, 1, b"abcdef").expect("new");
        ledger.inherit(new, old, 5).expect("a promotion after byte 4");
        ledger.record(new, 3, b"cdXY").expect("shared, then its own");
        assert!(ledger.record(new, 4, b"x").is_err());
        assert!(ledger.same_up_to(old, new, 4) && !ledger.same_up_to(old, new, 5));
        assert_eq!(ledger.runs(new).collect::<Vec<_>>(), [(5, b"XY".as_slice())]);
    }

    #[test]
    fn a_node_may_be_promoted_before_the_switch_that_it_knows() {
        let [old, new, newer] = ids();
        let mut ledger = Ledger::default();
        ledger.record(old, 1, b"abcdef").expect("new");
        ledger.inherit(new, old, 7).expect("a promotion after byte 6");
        ledger.inherit(newer, new, 4).expect("a replica of it that stood at byte 3");
        ledger.record(newer, 1, b"abcXYZ").expect("shared up to byte 3");
        assert_eq!(ledger.runs(newer).collect::<Vec<_>>(), [(4, b"XYZ".as_slice())]);
    }

    #[test]
    fn who_hears_of_a_switch_later_may_share_less_but_never_more() {
        let [old, new, other] = ids();
        let mut ledger = Ledger::default();
        ledger.inherit(new, old, 100).expect("the promotion");
        ledger.inherit(new, old, 80).expect("a sibling that lagged behind");
        assert!(ledger.inherit(new, old, 101).is_err());
        assert!(ledger.inherit(new, other, 50).is_err());
        assert!(ledger.inherit(old, new, 10).is_err());
    }
}

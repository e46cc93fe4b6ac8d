//! A sorted set of any size: a [`Table`] of members with their scores, and their [`Order`].

use alloc::boxed::Box;
use core::{cmp::Ordering, ops::Range};

use super::{
    super::table::{Element, Table},
    order::{self, Order},
};

/// A member and its score.
#[derive(Clone, Debug)]
struct Member {
    score: f64,
    name: Box<[u8]>,
}

impl Element for Member {
    fn name(&self) -> &[u8] {
        &self.name
    }

    fn memory_bytes(&self) -> usize {
        self.name.len()
    }
}

/// The members. The order holds their places in the table.
#[derive(Clone, Debug)]
pub(super) struct Ranked {
    table: Table<Member>,
    order: Order,
}

impl Ranked {
    /// No members.
    pub(super) fn new(seed: u64) -> Self {
        Self { table: Table::new(seed), order: Order::new() }
    }

    /// How many members there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Bytes of memory it owns, itself included.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.table.memory_bytes() + self.order.memory_bytes()
    }

    fn member(&self, place: usize) -> (&[u8], f64) {
        let member = &self.table.elements()[place];
        (&member.name, member.score)
    }

    /// The rank of what is at `place` of the table, or would be if it were in the order.
    fn rank_of(&self, place: usize) -> usize {
        let (name, score) = self.member(place);
        self.first_not(|other| compare(other, (name, score)) == Ordering::Less)
    }

    /// The rank of the first member for which `is_before` does not hold.
    pub(super) fn first_not(&self, is_before: impl Fn((&[u8], f64)) -> bool) -> usize {
        self.order.partition_point(|place| is_before(self.member(place as usize)))
    }

    /// The score of the member called `name`.
    pub(super) fn score(&self, name: &[u8]) -> Option<f64> {
        self.table.get(name).map(|member| member.score)
    }

    /// How many members come before the one called `name`.
    pub(super) fn rank(&self, name: &[u8]) -> Option<usize> {
        self.table.position(name).map(|place| self.rank_of(place))
    }

    /// The member at a place of the table, which says nothing about its rank.
    pub(super) fn nth(&self, place: usize) -> (&[u8], f64) {
        self.member(place)
    }

    /// The members at these ranks.
    pub(super) fn range(&self, ranks: Range<usize>) -> Iter<'_> {
        Iter { set: self, places: self.order.range(ranks) }
    }

    /// One step of a scan, as [`Table::scan`].
    pub(super) fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], f64)) -> u64 {
        self.table.scan(cursor, count, |member| visit(&member.name, member.score))
    }

    /// Gives the member called `name` the score that `decide` makes of its old one. Without one it
    /// stays as it is, or away.
    pub(super) fn update(&mut self, name: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) {
        match self.table.position(name) {
            None => {
                if let Some(score) = decide(None) {
                    self.insert_new(name, score);
                }
            }
            Some(place) => {
                if let Some(score) = decide(Some(self.member(place).1)) {
                    self.set_score(place, score);
                }
            }
        }
    }

    /// Adds a member that is not there yet.
    pub(super) fn insert_new(&mut self, name: &[u8], score: f64) {
        let place = self.table.len();
        self.table.insert_new(Member { score, name: name.into() });
        let rank = self.rank_of(place);
        self.order.insert(rank, place as u32);
    }

    fn set_score(&mut self, place: usize, score: f64) {
        let rank = self.rank_of(place);
        let changed = (self.member(place).0, score);
        let at = |rank: usize| {
            let place = self.order.range(rank..self.len().min(rank + 1)).next()?;
            Some(self.member(place as usize))
        };
        let before = rank.checked_sub(1).and_then(at);
        let keeps_its_rank = before.is_none_or(|other| compare(other, changed) == Ordering::Less)
            && at(rank + 1).is_none_or(|other| compare(changed, other) == Ordering::Less);
        if keeps_its_rank {
            self.table.at_mut(place).score = score;
            return;
        }
        self.order.remove(rank);
        self.table.at_mut(place).score = score;
        let rank = self.rank_of(place);
        self.order.insert(rank, place as u32);
    }

    /// Removes the member called `name`; whether it was there.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let Some(place) = self.table.position(name) else { return false };
        let rank = self.rank_of(place);
        self.remove_at(rank);
        true
    }

    /// Removes the member at `rank`.
    pub(super) fn remove_at(&mut self, rank: usize) {
        let place = self.order.remove(rank) as usize;
        // The table fills the gap with its last element.
        let last = self.table.len() - 1;
        if place != last {
            let moved = self.rank_of(last);
            self.order.replace(moved, place as u32);
        }
        self.table.remove_at(place);
    }
}

/// The order of members: by their scores, and by their names when these are equal.
pub(super) fn compare((name, score): (&[u8], f64), (other, other_score): (&[u8], f64)) -> Ordering {
    // No score is NaN, and the two zeros are equal.
    score.partial_cmp(&other_score).unwrap_or(Ordering::Equal).then_with(|| name.cmp(other))
}

/// The members at some ranks, from both sides.
#[derive(Clone, Debug)]
pub(super) struct Iter<'a> {
    set: &'a Ranked,
    places: order::Iter<'a>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.places.next().map(|place| self.set.member(place as usize))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.places.next_back().map(|place| self.set.member(place as usize))
    }
}

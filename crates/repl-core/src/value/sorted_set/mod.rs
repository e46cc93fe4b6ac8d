//! A sorted set: members in the order of their scores. Members and scores in turn in one [`Pack`]
//! while they are few and short, a table and an order for ever after.

mod bounds;
mod order;
mod packed;
mod ranked;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use core::{cmp::Ordering, ops::Range};

use self::{
    packed::{Place, pairs},
    ranked::{Ranked, compare},
};
use super::{
    Inserted, Shape,
    pack::{Pack, PackRef},
    seen::Novelty,
};
use crate::base::{
    double,
    number::{DIGITS_MAX, format_i64},
};

pub use self::bounds::{LexEdge, LexRange, ScoreRange};

/// Room for the text of a score.
pub type ScoreRoom = [u8; double::TEXT_MAX];

/// The members and their scores. A score is any number but NaN.
#[derive(Clone, Debug)]
pub struct SortedSet(Form);

#[derive(Clone, Debug)]
enum Form {
    Packed(Pack),
    Ranked(Box<Ranked>),
}

/// The members and their scores, to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct SortedSetRef<'a>(FormRef<'a>);

#[derive(Clone, Copy, Debug)]
enum FormRef<'a> {
    Packed(PackRef<'a>),
    Ranked(&'a Ranked),
}

impl<'a> SortedSetRef<'a> {
    /// A compact sorted set, as its pack is stored.
    pub(super) const fn packed(pack: PackRef<'a>) -> Self {
        Self(FormRef::Packed(pack))
    }

    /// How many members there are.
    #[must_use]
    pub fn len(self) -> usize {
        match self.0 {
            FormRef::Packed(pack) => pack.len() / 2,
            FormRef::Ranked(ranked) => ranked.len(),
        }
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// What `OBJECT ENCODING` shows. The form of many members goes by the name that Redis has for
    /// such a set.
    #[must_use]
    pub const fn encoding(self) -> &'static str {
        match self.0 {
            FormRef::Packed(_) => "listpack",
            FormRef::Ranked(_) => "skiplist",
        }
    }

    /// The score of `member`.
    #[must_use]
    pub fn score(self, member: &[u8]) -> Option<f64> {
        match self.0 {
            FormRef::Packed(pack) => Some(packed::find(pack, member)?.1),
            FormRef::Ranked(ranked) => ranked.score(member),
        }
    }

    /// How many members come before `member`.
    #[must_use]
    pub fn rank(self, member: &[u8]) -> Option<usize> {
        match self.0 {
            FormRef::Packed(pack) => pairs(pack).position(|(name, _)| name == member),
            FormRef::Ranked(ranked) => ranked.rank(member),
        }
    }

    /// The ranks of the members whose scores are in `range`.
    #[must_use]
    pub fn by_score(self, range: &ScoreRange) -> Range<usize> {
        let start = self.first_not(|(_, score)| range.is_below(score));
        let end = self.first_not(|(_, score)| !range.is_above(score));
        start..end.max(start)
    }

    /// The ranks of the members that are in `range`. If not all scores are equal: of those from the
    /// first that is not too low up to one that is too high. That takes a walk, whatever the form,
    /// so that equal sets have equal ranges.
    // redis: t_zset.c, zzlFirstInLexRange
    #[must_use]
    pub fn by_lex(self, range: &LexRange<'_>) -> Range<usize> {
        let mut ends = self.iter();
        let Some((lowest, lowest_score)) = ends.next() else { return 0..0 };
        let (highest, highest_score) = ends.next_back().unwrap_or((lowest, lowest_score));
        if range.is_empty() || range.is_below(highest) || range.is_above(lowest) {
            return 0..0;
        }
        if let FormRef::Ranked(ranked) = self.0
            && lowest_score == highest_score
        {
            let start = ranked.first_not(|(member, _)| range.is_below(member));
            let end = ranked.first_not(|(member, _)| !range.is_above(member));
            return start..end.max(start);
        }
        let start = self.iter().take_while(|(member, _)| range.is_below(member)).count();
        let behind = self.range(start..self.len());
        let count = behind.take_while(|(member, _)| !range.is_above(member)).count();
        start..start + count
    }

    /// The rank of the first member for which `is_before` does not hold.
    fn first_not(self, is_before: impl Fn((&[u8], f64)) -> bool) -> usize {
        match self.0 {
            FormRef::Packed(pack) => pairs(pack).take_while(|member| is_before(*member)).count(),
            FormRef::Ranked(ranked) => ranked.first_not(is_before),
        }
    }

    /// The members at these ranks, in order, with their scores.
    ///
    /// # Panics
    /// When there are not that many.
    #[must_use]
    pub fn range(self, ranks: Range<usize>) -> Members<'a> {
        Members(match self.0 {
            FormRef::Packed(pack) => MembersOf::Packed(packed::range(pack, ranks)),
            FormRef::Ranked(ranked) => MembersOf::Ranked(ranked.range(ranks)),
        })
    }

    /// All members in order, with their scores.
    #[must_use]
    pub fn iter(self) -> Members<'a> {
        self.range(0..self.len())
    }

    /// The member numbered `index`, in an order of which only chance makes use.
    ///
    /// # Panics
    /// When there are not that many.
    #[must_use]
    pub fn nth(self, index: usize) -> (&'a [u8], f64) {
        match self.0 {
            FormRef::Packed(pack) => packed::nth(pack, index),
            FormRef::Ranked(ranked) => ranked.nth(index),
        }
    }

    /// One step of a scan that began with cursor zero: looks at about `count` members and returns
    /// the next cursor, zero after the last step. A member that is there all the time is met.
    pub fn scan(self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], f64)) -> u64 {
        match self.0 {
            FormRef::Packed(pack) => {
                pairs(pack).for_each(|(member, score)| visit(member, score));
                0
            }
            FormRef::Ranked(ranked) => ranked.scan(cursor, count, visit),
        }
    }

    /// The text of a score as Redis keeps it: whole numbers as integers in a compact set.
    // redis: t_zset.c, zzlInsertAt; util.c, double2ll
    pub fn score_text(self, room: &mut ScoreRoom, score: f64) -> &[u8] {
        const WHOLE_MAX: f64 = (1_u64 << 62) as f64;
        let whole = score as i64;
        match self.0 {
            FormRef::Packed(_) if score.abs() <= WHOLE_MAX && whole as f64 == score => {
                let mut digits = [0; DIGITS_MAX];
                let text = format_i64(&mut digits, whole);
                let part = &mut room[..text.len()];
                part.copy_from_slice(text);
                part
            }
            FormRef::Packed(_) | FormRef::Ranked(_) => double::format(room, score),
        }
    }
}

impl SortedSet {
    /// No members.
    #[must_use]
    pub const fn new() -> Self {
        Self(Form::Packed(Pack::new()))
    }

    /// A compact sorted set.
    pub(super) const fn from_pack(pack: Pack) -> Self {
        Self(Form::Packed(pack))
    }

    /// The pack of a compact sorted set.
    ///
    /// # Errors
    /// When it is not compact.
    pub(super) fn into_pack(self) -> Result<Pack, Self> {
        match self.0 {
            Form::Packed(pack) => Ok(pack),
            Form::Ranked(_) => Err(self),
        }
    }

    /// The pack of a compact sorted set.
    pub(super) const fn pack(&mut self) -> Option<&mut Pack> {
        match &mut self.0 {
            Form::Packed(pack) => Some(pack),
            Form::Ranked(_) => None,
        }
    }

    /// To be looked at.
    #[must_use]
    pub fn view(&self) -> SortedSetRef<'_> {
        SortedSetRef(match &self.0 {
            Form::Packed(pack) => FormRef::Packed(pack.view()),
            Form::Ranked(ranked) => FormRef::Ranked(ranked),
        })
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory it owns.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Form::Packed(pack) => pack.memory_bytes(),
            Form::Ranked(ranked) => ranked.memory_bytes(),
        }
    }

    /// Gives `member` this score.
    pub fn set(&mut self, shape: &Shape, member: &[u8], score: f64) {
        self.update(shape, member, |_| Some(score));
    }

    /// Gives `member` the score that `decide` makes of its old one. Without one it stays as it is,
    /// or away.
    pub fn update(
        &mut self,
        shape: &Shape,
        member: &[u8],
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) {
        let pack = match &mut self.0 {
            Form::Ranked(ranked) => return ranked.update(member, decide),
            Form::Packed(pack) => pack,
        };
        match packed::find(pack.view(), member) {
            Some((place, old)) => {
                if let Some(score) = decide(Some(old)) {
                    packed::set_score(pack, place, score);
                }
            }
            None => {
                let Some(score) = decide(None) else { return };
                self.insert_new(shape, member, score);
            }
        }
    }

    /// Adds `member` unless it is there, with a hint of whether it is.
    pub fn insert_hinted(
        &mut self,
        shape: &Shape,
        novelty: Novelty,
        member: &[u8],
        score: f64,
    ) -> Inserted {
        if novelty == Novelty::Unsure && self.view().score(member).is_some() {
            return Inserted::Known;
        }
        self.insert_new(shape, member, score);
        Inserted::New
    }

    /// Adds a member that is not there.
    fn insert_new(&mut self, shape: &Shape, member: &[u8], score: f64) {
        debug_assert!(!score.is_nan(), "NaN has no place in an order");
        match &mut self.0 {
            // A limit lowered since counts as soon as a member is added.
            Form::Packed(pack)
                if pack.len() / 2 < shape.zset_entries_max
                    && member.len() <= shape.zset_value_bytes_max =>
            {
                packed::insert(pack, member, score);
            }
            Form::Packed(_) | Form::Ranked(_) => self.ranked(shape).insert_new(member, score),
        }
    }

    /// Removes `member`; whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Form::Packed(pack) => match packed::find(pack.view(), member) {
                Some((Place { start, end, .. }, _)) => {
                    pack.remove(start, end, 2);
                    true
                }
                None => false,
            },
            Form::Ranked(ranked) => ranked.remove(member),
        }
    }

    /// Removes the members at these ranks.
    ///
    /// # Panics
    /// When there are not that many.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        match &mut self.0 {
            Form::Packed(pack) => {
                let (start, end) = (pack.place(ranks.start * 2), pack.place(ranks.end * 2));
                pack.remove(start, end, ranks.len() * 2);
            }
            Form::Ranked(ranked) => {
                ranks.rev().for_each(|rank| ranked.remove_at(rank));
            }
        }
    }

    /// The form of many members, made of the pack if it has another one yet.
    fn ranked(&mut self, shape: &Shape) -> &mut Ranked {
        if let Form::Packed(pack) = &self.0 {
            let mut ranked = Box::new(Ranked::new(shape.seed));
            pairs(pack.view()).for_each(|(member, score)| ranked.insert_new(member, score));
            self.0 = Form::Ranked(ranked);
        }
        match &mut self.0 {
            Form::Ranked(ranked) => ranked,
            Form::Packed(_) => unreachable!("it was turned into the other form"),
        }
    }
}

impl Default for SortedSet {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a member comes before another one, each with its score.
#[must_use]
pub fn in_order(one: (&[u8], f64), other: (&[u8], f64)) -> Ordering {
    compare(one, other)
}

/// Members with their scores, from both sides.
#[derive(Clone, Debug)]
pub struct Members<'a>(MembersOf<'a>);

#[derive(Clone, Debug)]
enum MembersOf<'a> {
    Packed(packed::Pairs<'a>),
    Ranked(ranked::Iter<'a>),
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            MembersOf::Packed(pairs) => pairs.next(),
            MembersOf::Ranked(iter) => iter.next(),
        }
    }
}

impl DoubleEndedIterator for Members<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            MembersOf::Packed(pairs) => pairs.next_back(),
            MembersOf::Ranked(iter) => iter.next_back(),
        }
    }
}

//! Sorted sets by ranges of ranks, scores and members: `ZRANGE ZREVRANGE ZRANGEBYSCORE
//! ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX ZCOUNT ZLEXCOUNT ZREMRANGEBYRANK ZREMRANGEBYSCORE
//! ZREMRANGEBYLEX`. To store a range: the file `store`.

use core::ops::{Bound, Range};

use super::{
    ACCESS, Args, CommandError, Counts, DELETE, Data, DataError, FAST, Handler, Keys, Outcome,
    READ, Scores, SortedSet, SortedSetRef, Spec, Start, WRITE, change, held, integer, is_word,
    outcome, spec,
};
use crate::{
    base::float::parse_bound,
    keyspace::Event,
    value::{LexEdge, LexRange, Members, ScoreRange},
};

pub(in crate::command) const SPECS: &[Spec] = &[
    spec(
        "zcount",
        "2.0.0",
        4,
        FAST,
        Keys::one(ACCESS),
        "Counts the members of a sorted set between two scores.",
        Handler::Data(|data, args| count(data, args, By::Score)),
    ),
    spec(
        "zlexcount",
        "2.8.9",
        4,
        FAST,
        Keys::one(ACCESS),
        "Counts the members of a sorted set between two members.",
        Handler::Data(|data, args| count(data, args, By::Lex)),
    ),
    spec(
        "zrange",
        "1.2.0",
        -4,
        READ,
        Keys::one(ACCESS),
        "Reads a part of a sorted set.",
        Handler::Data(|data, args| show(data, Request::parse(args, 1, Offer::RANGE)?)),
    ),
    spec(
        "zrangebylex",
        "2.8.9",
        -4,
        READ,
        Keys::one(ACCESS),
        "Reads the members of a sorted set between two members.",
        Handler::Data(|data, args| {
            show(data, Request::parse(args, 1, Offer::only(By::Lex, Start::Lowest))?)
        }),
    ),
    spec(
        "zrangebyscore",
        "1.0.5",
        -4,
        READ,
        Keys::one(ACCESS),
        "Reads the members of a sorted set between two scores.",
        Handler::Data(|data, args| {
            show(data, Request::parse(args, 1, Offer::only(By::Score, Start::Lowest))?)
        }),
    ),
    spec(
        "zremrangebylex",
        "2.8.9",
        4,
        WRITE,
        Keys::one(DELETE),
        "Removes the members of a sorted set between two members.",
        Handler::Data(|data, args| remove(data, args, By::Lex)),
    ),
    spec(
        "zremrangebyrank",
        "2.0.0",
        4,
        WRITE,
        Keys::one(DELETE),
        "Removes the members of a sorted set between two ranks.",
        Handler::Data(|data, args| remove(data, args, By::Rank)),
    ),
    spec(
        "zremrangebyscore",
        "1.2.0",
        4,
        WRITE,
        Keys::one(DELETE),
        "Removes the members of a sorted set between two scores.",
        Handler::Data(|data, args| remove(data, args, By::Score)),
    ),
    spec(
        "zrevrange",
        "1.2.0",
        -4,
        READ,
        Keys::one(ACCESS),
        "Reads a part of a sorted set from its end.",
        Handler::Data(|data, args| {
            show(data, Request::parse(args, 1, Offer::only(By::Rank, Start::Highest))?)
        }),
    ),
    spec(
        "zrevrangebylex",
        "2.8.9",
        -4,
        READ,
        Keys::one(ACCESS),
        "Reads the members of a sorted set between two members, from the higher one.",
        Handler::Data(|data, args| {
            show(data, Request::parse(args, 1, Offer::only(By::Lex, Start::Highest))?)
        }),
    ),
    spec(
        "zrevrangebyscore",
        "2.2.0",
        -4,
        READ,
        Keys::one(ACCESS),
        "Reads the members of a sorted set between two scores, from the higher one.",
        Handler::Data(|data, args| {
            show(data, Request::parse(args, 1, Offer::only(By::Score, Start::Highest))?)
        }),
    ),
];

/// What a range is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// A part of a sorted set.
enum Part<'a> {
    /// From one rank to another, both included and counted from the end when negative.
    Ranks(i64, i64),
    Scores(ScoreRange),
    Members(LexRange<'a>),
}

impl<'a> Part<'a> {
    fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Self, CommandError<'a>> {
        Ok(match by {
            By::Rank => Self::Ranks(integer(min)?, integer(max)?),
            By::Score => Self::Scores(ScoreRange { min: score_edge(min)?, max: score_edge(max)? }),
            By::Lex => Self::Members(LexRange { min: lex_edge(min)?, max: lex_edge(max)? }),
        })
    }

    /// The ranks of the part, counted `from` an end if it is made of ranks.
    fn ranks(&self, set: SortedSetRef<'_>, from: Start) -> Range<usize> {
        match self {
            Self::Ranks(start, end) => {
                let len = set.len();
                let (first, count) = super::super::list::range(len, *start, *end);
                match from {
                    Start::Lowest => first..first + count,
                    Start::Highest => len - first - count..len - first,
                }
            }
            Self::Scores(range) => set.by_score(range),
            Self::Members(range) => set.by_lex(range),
        }
    }
}

// redis: t_zset.c, zslParseRange
fn score_edge(text: &[u8]) -> Result<Bound<f64>, DataError> {
    let (number, edge): (_, fn(f64) -> Bound<f64>) = match text {
        [b'(', number @ ..] => (number, Bound::Excluded),
        number => (number, Bound::Included),
    };
    parse_bound(number).map(edge).ok_or(DataError::ScoreRangeNotFloat)
}

// redis: t_zset.c, zslParseLexRangeItem
fn lex_edge(text: &[u8]) -> Result<LexEdge<'_>, DataError> {
    match text {
        [b'-'] | [b'-', 0, ..] => Ok(LexEdge::Lowest),
        [b'+'] | [b'+', 0, ..] => Ok(LexEdge::Highest),
        [b'[', member @ ..] => Ok(LexEdge::Included(member)),
        [b'(', member @ ..] => Ok(LexEdge::Excluded(member)),
        _ => Err(DataError::LexRangeInvalid),
    }
}

/// What a command lets its options choose.
#[derive(Clone, Copy)]
pub(super) struct Offer {
    /// What its range is made of; `None` if options say so.
    by: Option<By>,
    /// Where its range begins; `None` if an option says so.
    from: Option<Start>,
    /// Whether `WITHSCORES` is an option.
    scores: Scores,
}

impl Offer {
    const RANGE: Self = Self { by: None, from: None, scores: Scores::Shown };
    pub(super) const STORED_RANGE: Self = Self { scores: Scores::Hidden, ..Self::RANGE };

    const fn only(by: By, from: Start) -> Self {
        Self { by: Some(by), from: Some(from), scores: Scores::Shown }
    }
}

/// A part of the sorted set under a key.
pub(super) struct Request<'a> {
    pub(super) key: &'a [u8],
    part: Part<'a>,
    from: Start,
    scores: Scores,
    offset: i64,
    /// Negative for all.
    limit: i64,
}

impl<'a> Request<'a> {
    /// The arguments from the key on, which is at `key_at`.
    // redis: t_zset.c, zrangeGenericCommand
    pub(super) fn parse(
        args: Args<'a>,
        key_at: usize,
        offer: Offer,
    ) -> Result<Self, CommandError<'a>> {
        let Offer { mut by, mut from, .. } = offer;
        let (mut scores, mut offset, mut limit) = (Scores::Hidden, 0, -1);
        let mut at = key_at + 3;
        while let Some(option) = args.try_get(at) {
            at += 1;
            if offer.scores == Scores::Shown && is_word(option, "WITHSCORES") {
                scores = Scores::Shown;
            } else if is_word(option, "LIMIT") && at + 2 <= args.len() {
                (offset, limit) = (integer(args.get(at))?, integer(args.get(at + 1))?);
                at += 2;
            } else if from.is_none() && is_word(option, "REV") {
                from = Some(Start::Highest);
            } else if by.is_none() && is_word(option, "BYLEX") {
                by = Some(By::Lex);
            } else if by.is_none() && is_word(option, "BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let (by, from) = (by.unwrap_or(By::Rank), from.unwrap_or(Start::Lowest));
        if limit != -1 && by == By::Rank {
            return Err(DataError::LimitWithoutRange.into());
        }
        if scores == Scores::Shown && by == By::Lex {
            return Err(DataError::ScoresByLex.into());
        }
        let (mut min, mut max) = (args.get(key_at + 1), args.get(key_at + 2));
        if from == Start::Highest && by != By::Rank {
            (min, max) = (max, min);
        }
        let part = Part::parse(by, min, max)?;
        Ok(Self { key: args.get(key_at), part, from, scores, offset, limit })
    }

    /// The members that are asked for, and how many they are.
    pub(super) fn of<'s>(&self, set: SortedSetRef<'s>) -> (Found<'s>, usize) {
        let ranks = self.part.ranks(set, self.from);
        // An offset below zero is beyond the end.
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX).min(ranks.len());
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX).min(ranks.len() - offset);
        let ranks = match self.from {
            Start::Lowest => ranks.start + offset..ranks.start + offset + limit,
            Start::Highest => ranks.end - offset - limit..ranks.end - offset,
        };
        (Found { members: set.range(ranks), from: self.from }, limit)
    }
}

/// Members in the order in which they are asked for.
pub(super) struct Found<'a> {
    members: Members<'a>,
    from: Start,
}

impl<'a> Iterator for Found<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        match self.from {
            Start::Lowest => self.members.next(),
            Start::Highest => self.members.next_back(),
        }
    }
}

fn show<'a>(data: &mut Data<'_>, request: Request<'a>) -> Result<Outcome, CommandError<'a>> {
    let met = data.meet(request.key);
    let Some(set) = held::<SortedSet>(data.keyspace, data.db, met, request.key)? else {
        data.reply.array_len(0);
        return Ok(Outcome::Unchanged);
    };
    let (members, count) = request.of(set);
    request.scores.head(&mut data.reply, count);
    members.for_each(|member| request.scores.member(&mut data.reply, member));
    Ok(Outcome::Unchanged)
}

fn count<'a>(data: &mut Data<'_>, args: Args<'a>, by: By) -> Result<Outcome, CommandError<'a>> {
    let (key, part) = (args.get(1), Part::parse(by, args.get(2), args.get(3))?);
    let met = data.meet(key);
    let set = held::<SortedSet>(data.keyspace, data.db, met, key)?;
    data.reply.int(set.map_or(0, |set| part.ranks(set, Start::Lowest).len()) as i64);
    Ok(Outcome::Unchanged)
}

fn remove<'a>(data: &mut Data<'_>, args: Args<'a>, by: By) -> Result<Outcome, CommandError<'a>> {
    let (key, part) = (args.get(1), Part::parse(by, args.get(2), args.get(3))?);
    let (hash, _) = data.meet(key);
    let event = Event::sorted_set(match by {
        By::Rank => "zremrangebyrank",
        By::Score => "zremrangebyscore",
        By::Lex => "zremrangebylex",
    });
    let counts = Counts::ByLength(event);
    let changed = change(data.keyspace, data.db, (hash, key), counts, |set: &mut SortedSet| {
        let ranks = part.ranks(set.view(), Start::Lowest);
        set.remove_range(ranks.clone());
        ranks.len()
    })?;
    let removed = changed.map_or(0, |changed| changed.result);
    data.reply.int(removed as i64);
    Ok(outcome(removed))
}

//! Sorted sets one by one: `ZADD ZINCRBY ZREM ZCARD ZSCORE ZMSCORE ZRANK ZREVRANK ZRANDMEMBER
//! ZSCAN`. Ranges: the file `range`. Pops: `pop`. Several sets together: `algebra`.

mod add;
mod algebra;
mod pop;
mod range;
mod store;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use super::{
    Access, CommandError, Data, DataError, Flags, Handler, Keys, Outcome, Spec,
    collection::{
        Counts, Scan, change, draw, draw_one, drawn, held, integer, outcome, random_count,
    },
    is_word,
};
use crate::{
    keyspace::Event,
    resp::{Args, Proto, Reply},
    value::{ScoreRoom, SortedSet, SortedSetRef},
};

pub(super) use self::{
    algebra::SPECS as ALGEBRA_SPECS, pop::SPECS as POP_SPECS, pop::SortedSetClaim,
    range::SPECS as RANGE_SPECS, store::SPECS as STORE_SPECS,
};

const READ: Flags = Flags::READONLY;
const FAST: Flags = Flags::READONLY.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE;
const GROW: Flags = Flags::WRITE.and(Flags::DENYOOM);
const ACCESS: Access = &["RO", "access"];
const DELETE: Access = &["RW", "delete"];
const POP: Access = &["RW", "access", "delete"];
const STORED: Access = &["OW", "update"];

const fn spec(
    name: &'static str,
    since: &'static str,
    arity: i8,
    flags: Flags,
    keys: Keys,
    summary: &'static str,
    handler: Handler,
) -> Spec {
    Spec {
        name,
        since,
        arity,
        flags,
        keys,
        group: "sorted-set",
        categories: &["@sortedset"],
        summary,
        handler,
        ..Spec::PLAIN
    }
}

pub(super) const SPECS: &[Spec] = &[
    spec(
        "zadd",
        "1.2.0",
        -4,
        GROW.and(Flags::FAST),
        Keys::one(&["RW", "update"]),
        "Adds members to a sorted set, or changes their scores.",
        Handler::Data(add::zadd),
    ),
    spec(
        "zcard",
        "1.2.0",
        2,
        FAST,
        Keys::one(&["RO"]),
        "Counts the members of a sorted set.",
        Handler::Data(zcard),
    ),
    spec(
        "zincrby",
        "1.2.0",
        4,
        GROW.and(Flags::FAST),
        Keys::one(&["RW", "access", "update"]),
        "Adds to the score of a member of a sorted set.",
        Handler::Data(add::zincrby),
    ),
    spec(
        "zmscore",
        "6.2.0",
        -3,
        FAST,
        Keys::one(ACCESS),
        "Reads the scores of several members of a sorted set.",
        Handler::Data(zmscore),
    ),
    spec(
        "zrandmember",
        "6.2.0",
        -2,
        READ,
        Keys::one(ACCESS),
        "Draws members of a sorted set at random.",
        Handler::Data(zrandmember),
    )
    .tips(&["nondeterministic_output"]),
    spec(
        "zrank",
        "2.0.0",
        3,
        FAST,
        Keys::one(ACCESS),
        "Counts the members of a sorted set before one of them.",
        Handler::Data(|data, args| rank(data, args, Start::Lowest)),
    ),
    spec(
        "zrem",
        "1.2.0",
        -3,
        WRITE.and(Flags::FAST),
        Keys::one(DELETE),
        "Removes members from a sorted set.",
        Handler::Data(zrem),
    ),
    spec(
        "zrevrank",
        "2.0.0",
        3,
        FAST,
        Keys::one(ACCESS),
        "Counts the members of a sorted set behind one of them.",
        Handler::Data(|data, args| rank(data, args, Start::Highest)),
    ),
    spec(
        "zscan",
        "2.8.0",
        -3,
        READ,
        Keys::one(ACCESS),
        "Walks through the members of a sorted set in steps.",
        Handler::Data(zscan),
    )
    .tips(&["nondeterministic_output"]),
    spec(
        "zscore",
        "1.2.0",
        3,
        FAST,
        Keys::one(ACCESS),
        "Reads the score of a member of a sorted set.",
        Handler::Data(zscore),
    ),
];

/// From which end members are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// From the lowest score up.
    Lowest,
    /// From the highest score down.
    Highest,
}

/// Whether members are shown with their scores.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scores {
    Shown,
    Hidden,
}

impl Scores {
    /// The head of an array of so many members, each with its score if it is shown.
    fn head(self, reply: &mut Reply<'_>, count: usize) {
        let flat = self == Self::Shown && reply.proto() == Proto::Resp2;
        reply.array_len(if flat { count.saturating_mul(2) } else { count });
    }

    /// One member; with its score it is an array of its own since RESP3.
    fn member(self, reply: &mut Reply<'_>, (member, score): (&[u8], f64)) {
        if self == Self::Hidden {
            return reply.bulk(member);
        }
        if reply.proto() == Proto::Resp3 {
            reply.array_len(2);
        }
        reply.bulk(member);
        reply.double(score);
    }
}

fn zrem<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let (hash, _) = data.meet(key);
    let counts = Counts::ByLength(Event::sorted_set("zrem"));
    let changed = change(data.keyspace, data.db, (hash, key), counts, |set: &mut SortedSet| {
        args.iter().skip(2).filter(|member| set.remove(member)).count()
    })?;
    let removed = changed.map_or(0, |changed| changed.result);
    data.reply.int(removed as i64);
    Ok(outcome(removed))
}

fn zcard<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let set = held::<SortedSet>(data.keyspace, data.db, met, key)?;
    data.reply.int(set.map_or(0, SortedSetRef::len) as i64);
    Ok(Outcome::Unchanged)
}

fn zscore<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let set = held::<SortedSet>(data.keyspace, data.db, met, key)?;
    show_score(&mut data.reply, set.and_then(|set| set.score(args.get(2))));
    Ok(Outcome::Unchanged)
}

fn zmscore<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let set = held::<SortedSet>(data.keyspace, data.db, met, key)?;
    data.reply.array_len(args.len() - 2);
    for member in args.iter().skip(2) {
        show_score(&mut data.reply, set.and_then(|set| set.score(member)));
    }
    Ok(Outcome::Unchanged)
}

fn show_score(reply: &mut Reply<'_>, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

fn rank<'a>(data: &mut Data<'_>, args: Args<'a>, from: Start) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let set = held::<SortedSet>(data.keyspace, data.db, met, key)?;
    match set.and_then(|set| Some((set.len(), set.rank(args.get(2))?))) {
        Some((len, rank)) => data.reply.int(match from {
            Start::Lowest => rank,
            Start::Highest => len - 1 - rank,
        } as i64),
        None => data.reply.null(),
    }
    Ok(Outcome::Unchanged)
}

fn zscan<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    Scan::cursor(args.get(2))?;
    let met = data.meet(key);
    let Some(set) = held::<SortedSet>(data.keyspace, data.db, met, key)? else {
        data.reply_no_elements();
        return Ok(Outcome::Unchanged);
    };
    let scan = Scan::parse(args)?;
    let mut wanted = Vec::new();
    let next = set.scan(scan.cursor, scan.count, |member, score| {
        if scan.wants(member) {
            wanted.push((member.to_vec(), score));
        }
    });
    let mut room = ScoreRoom::default();
    data.reply.array_len(2);
    data.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    data.reply.array_len(wanted.len() * 2);
    for (member, score) in &wanted {
        data.reply.bulk(member);
        data.reply.bulk(set.score_text(&mut room, *score));
    }
    Ok(Outcome::Unchanged)
}

// redis: t_zset.c, zrandmemberCommand
fn zrandmember<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let Some(count) = args.try_get(2) else {
        let met = data.meet(key);
        match held::<SortedSet>(data.keyspace, data.db, met, key)? {
            Some(set) => data.reply.bulk(set.nth(draw_one(data.rng, set.len())).0),
            None => data.reply.null(),
        }
        return Ok(Outcome::Unchanged);
    };
    let count = random_count(count)?;
    let scores = match (args.len(), args.try_get(3)) {
        (3, _) => Scores::Hidden,
        (4, Some(word)) if is_word(word, "WITHSCORES") => Scores::Shown,
        _ => return Err(CommandError::Syntax),
    };
    // The most that Redis can count to in pairs.
    if scores == Scores::Shown && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(DataError::OutOfRange.into());
    }
    let met = data.meet(key);
    let Some(set) = held::<SortedSet>(data.keyspace, data.db, met, key)? else {
        data.reply.array_len(0);
        return Ok(Outcome::Unchanged);
    };
    scores.head(&mut data.reply, drawn(set.len(), count));
    draw(data.rng, set.len(), count, |index| scores.member(&mut data.reply, set.nth(index)));
    Ok(Outcome::Unchanged)
}

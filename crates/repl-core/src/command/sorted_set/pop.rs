//! Commands that take members from an end of a sorted set: `ZPOPMIN ZPOPMAX ZMPOP`, and those that
//! wait for one: `BZPOPMIN BZPOPMAX BZMPOP`.
//!
//! What they take at once and what they take after a wait is taken by the same code. Replicas hear
//! of the pop that took place, never of a wait.

use super::{
    super::{
        blocking::{Claim, Served, take_or_block},
        collection::{change, count, key_count},
    },
    Args, CommandError, Counts, Data, Flags, Handler, Keys, Outcome, POP, Proto, Reply, SortedSet,
    Spec, Start, WRITE, is_word, outcome, spec,
};
use crate::{
    base::number::{DIGITS_MAX, format_i64},
    keyspace::Event,
};

const BLOCKS: Flags = WRITE.and(Flags::NOSCRIPT).and(Flags::BLOCKING).and(Flags::FAST);
/// All arguments but the last, which is the timeout.
const ALL_BUT_LAST: Keys = Keys::range(1, -2, 1, POP);

pub(in crate::command) const SPECS: &[Spec] = &[
    spec(
        "bzmpop",
        "7.0.0",
        -5,
        WRITE.and(Flags::BLOCKING),
        Keys::counted(2, POP),
        "Takes members from the first sorted set that has any, and waits if none has.",
        Handler::Data(bzmpop),
    ),
    spec(
        "bzpopmax",
        "5.0.0",
        -3,
        BLOCKS,
        ALL_BUT_LAST,
        "Takes the highest member of the first sorted set that has any, and waits if none has.",
        Handler::Data(|data, args| blocking_pop(data, args, Start::Highest)),
    ),
    spec(
        "bzpopmin",
        "5.0.0",
        -3,
        BLOCKS,
        ALL_BUT_LAST,
        "Takes the lowest member of the first sorted set that has any, and waits if none has.",
        Handler::Data(|data, args| blocking_pop(data, args, Start::Lowest)),
    ),
    spec(
        "zmpop",
        "7.0.0",
        -4,
        WRITE,
        Keys::counted(1, POP),
        "Takes members from the first sorted set that has any.",
        Handler::Data(zmpop),
    ),
    spec(
        "zpopmax",
        "5.0.0",
        -2,
        WRITE.and(Flags::FAST),
        Keys::one(POP),
        "Takes the members of a sorted set with the highest scores.",
        Handler::Data(|data, args| pop(data, args, Start::Highest)),
    ),
    spec(
        "zpopmin",
        "5.0.0",
        -2,
        WRITE.and(Flags::FAST),
        Keys::one(POP),
        "Takes the members of a sorted set with the lowest scores.",
        Handler::Data(|data, args| pop(data, args, Start::Lowest)),
    ),
];

/// What a command takes of a sorted set that becomes ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortedSetClaim {
    /// From where.
    from: Start,
    amount: Amount,
}

/// How much is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Amount {
    /// One member: `BZPOPMIN` and `BZPOPMAX`.
    One,
    /// So many members, at least one, or as many as there are: `ZMPOP` and `BZMPOP`.
    UpTo(usize),
}

impl SortedSetClaim {
    /// Takes it from the sorted set under `key`, if there is one.
    pub(in crate::command) fn serve(
        self,
        data: &mut Data<'_>,
        key: &[u8],
    ) -> Result<Served, CommandError<'static>> {
        let Self { from, amount } = self;
        let popped = take(data, key, from, |reply, len| match amount {
            Amount::One => {
                reply.array_len(3);
                reply.bulk(key);
                (1, Nesting::Flat)
            }
            Amount::UpTo(count) => {
                let count = count.min(len);
                reply.array_len(2);
                reply.bulk(key);
                reply.array_len(count);
                (count, Nesting::Pairs)
            }
        })?;
        let Some(popped) = popped else { return Ok(Served::NothingThere) };
        let mut digits = [0; DIGITS_MAX];
        match amount {
            Amount::One => data.effects.push(data.db, [pop_name(from), key]),
            Amount::UpTo(_) => {
                let popped = format_i64(&mut digits, popped as i64);
                data.effects.push(data.db, [pop_name(from), key, popped]);
            }
        }
        Ok(Served::Done)
    }

    /// The reply to a client that may not wait.
    pub(in crate::command) fn refuse(self, reply: &mut Reply<'_>) {
        reply.null_array();
    }
}

/// What replicas are told of a pop.
const fn pop_name(from: Start) -> &'static [u8] {
    match from {
        Start::Lowest => b"ZPOPMIN",
        Start::Highest => b"ZPOPMAX",
    }
}

/// Whether a member and its score are an array of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nesting {
    Flat,
    Pairs,
}

/// Takes members from the sorted set under `key`; how many, or `None` when there is no such set.
/// `begin` begins the reply, and says of so many members how many are taken.
fn take(
    data: &mut Data<'_>,
    key: &[u8],
    from: Start,
    begin: impl FnOnce(&mut Reply<'_>, usize) -> (usize, Nesting),
) -> Result<Option<usize>, CommandError<'static>> {
    let (hash, _) = data.meet(key);
    let counts = Counts::ByLength(Event::sorted_set(match from {
        Start::Lowest => "zpopmin",
        Start::Highest => "zpopmax",
    }));
    let reply = &mut data.reply;
    let changed = change(data.keyspace, data.db, (hash, key), counts, |set: &mut SortedSet| {
        let len = set.len();
        let (count, nesting) = begin(reply, len);
        let ranks = match from {
            Start::Lowest => 0..count,
            Start::Highest => len - count..len,
        };
        let show = |(member, score): (&[u8], f64)| {
            if nesting == Nesting::Pairs {
                reply.array_len(2);
            }
            reply.bulk(member);
            reply.double(score);
        };
        let members = set.view().range(ranks.clone());
        match from {
            Start::Lowest => members.for_each(show),
            Start::Highest => members.rev().for_each(show),
        }
        set.remove_range(ranks);
        count
    })?;
    Ok(changed.map(|changed| changed.result))
}

// redis: t_zset.c, zpopMinMaxCommand
fn pop<'a>(data: &mut Data<'_>, args: Args<'a>, from: Start) -> Result<Outcome, CommandError<'a>> {
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    let wanted = args.try_get(2).map(count).transpose()?;
    let popped = take(data, args.get(1), from, |reply, len| {
        let count = wanted.unwrap_or(1).min(len);
        if wanted.is_some_and(|wanted| wanted > 0) && reply.proto() == Proto::Resp3 {
            reply.array_len(count);
            (count, Nesting::Pairs)
        } else {
            reply.array_len(count * 2);
            (count, Nesting::Flat)
        }
    })?;
    if popped.is_none() {
        data.reply.array_len(0);
    }
    Ok(outcome(popped.unwrap_or(0)))
}

/// What `ZMPOP` and `BZMPOP` are asked for: how many keys there are behind their number, which is
/// at `number_at`, and what is taken of the first that has any.
fn parse_many(
    args: Args<'_>,
    number_at: usize,
) -> Result<(usize, SortedSetClaim), CommandError<'_>> {
    let number = key_count(args.get(number_at))?;
    let end_at = number.saturating_add(number_at + 1);
    let from = match args.try_get(end_at) {
        Some(word) if is_word(word, "MIN") => Start::Lowest,
        Some(word) if is_word(word, "MAX") => Start::Highest,
        Some(_) | None => return Err(CommandError::Syntax),
    };
    let mut wanted = None;
    let mut at = end_at + 1;
    while let Some(option) = args.try_get(at) {
        let value = args.try_get(at + 1).filter(|_| wanted.is_none() && is_word(option, "COUNT"));
        let value = count(value.ok_or(CommandError::Syntax)?).ok().filter(|count| *count > 0);
        wanted = Some(value.ok_or(CommandError::NotAboveZero("count"))?);
        at += 2;
    }
    Ok((number, SortedSetClaim { from, amount: Amount::UpTo(wanted.unwrap_or(1)) }))
}

/// Replicas are told which sorted set it was and how many members went.
fn zmpop<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (number, claim) = parse_many(args, 1)?;
    for key in args.iter().skip(2).take(number) {
        if claim.serve(data, key)? == Served::Done {
            return Ok(Outcome::Rewritten);
        }
    }
    data.reply.null_array();
    Ok(Outcome::Unchanged)
}

// redis: t_zset.c, blockingGenericZpopCommand
fn blocking_pop<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    from: Start,
) -> Result<Outcome, CommandError<'a>> {
    let last = args.len() - 1;
    let claim = Claim::SortedSet(SortedSetClaim { from, amount: Amount::One });
    take_or_block(data, args.iter().skip(1).take(last - 1), args.get(last), claim)
}

fn bzmpop<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (number, claim) = parse_many(args, 2)?;
    take_or_block(data, args.iter().skip(3).take(number), args.get(1), Claim::SortedSet(claim))
}

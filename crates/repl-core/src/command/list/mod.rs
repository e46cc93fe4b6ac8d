//! Lists: `LPUSH RPUSH LPUSHX RPUSHX LPOP RPOP LLEN LRANGE LINDEX LSET LREM LTRIM LINSERT LPOS`.
//! Between lists: the file `between`. Those that wait: the file `blocking`.

mod between;
mod blocking;
mod position;
#[cfg(test)]
mod tests;

use super::{
    Access, CommandError, Data, DataError, Flags, Handler, Keys, Outcome, Spec,
    collection::{Counts, change, change_or_create, count, held, integer, outcome},
    is_word,
};
use crate::{
    keyspace::Event,
    resp::{Args, Reply},
    value::{End, List},
};

pub(super) use between::SPECS as MOVE_SPECS;
pub(super) use blocking::ListClaim;
pub(super) use blocking::SPECS as BLOCKING_SPECS;

const READ: Flags = Flags::READONLY;
const FAST: Flags = Flags::READONLY.and(Flags::FAST);
const GROW: Flags = Flags::WRITE.and(Flags::DENYOOM);
const WRITE: Flags = Flags::WRITE;
const ACCESS: Access = &["RO", "access"];
const INSERT: Access = &["RW", "insert"];
const DELETE: Access = &["RW", "delete"];
const POP: Access = &["RW", "access", "delete"];

const fn spec(
    name: &'static str,
    since: &'static str,
    arity: i8,
    flags: Flags,
    access: Access,
    summary: &'static str,
    handler: Handler,
) -> Spec {
    let keys = Keys::one(access);
    Spec {
        name,
        since,
        arity,
        flags,
        keys,
        group: "list",
        categories: &["@list"],
        summary,
        handler,
        ..Spec::PLAIN
    }
}

pub(super) const SPECS: &[Spec] = &[
    spec(
        "lindex",
        "1.0.0",
        3,
        READ,
        ACCESS,
        "Reads the element of a list at a position.",
        Handler::Data(lindex),
    ),
    spec(
        "linsert",
        "2.2.0",
        5,
        GROW,
        INSERT,
        "Puts an element into a list beside another one.",
        Handler::Data(linsert),
    ),
    spec("llen", "1.0.0", 2, FAST, &["RO"], "Counts the elements of a list.", Handler::Data(llen)),
    spec(
        "lpop",
        "1.0.0",
        -2,
        WRITE.and(Flags::FAST),
        POP,
        "Takes elements from the front of a list.",
        Handler::Data(|data, args| pop(data, args, End::Left, "lpop")),
    ),
    spec(
        "lpos",
        "6.0.6",
        -3,
        READ,
        ACCESS,
        "Finds the positions of an element in a list.",
        Handler::Data(position::lpos),
    ),
    spec(
        "lpush",
        "1.0.0",
        -3,
        GROW.and(Flags::FAST),
        INSERT,
        "Puts elements in front of a list.",
        Handler::Data(|data, args| push(data, args, End::Left)),
    ),
    spec(
        "lpushx",
        "2.2.0",
        -3,
        GROW.and(Flags::FAST),
        INSERT,
        "Puts elements in front of a list that exists.",
        Handler::Data(|data, args| push_existing(data, args, End::Left)),
    ),
    spec("lrange", "1.0.0", 4, READ, ACCESS, "Reads a part of a list.", Handler::Data(lrange)),
    spec(
        "lrem",
        "1.0.0",
        4,
        WRITE,
        DELETE,
        "Removes equal elements from a list.",
        Handler::Data(lrem),
    ),
    spec(
        "lset",
        "1.0.0",
        4,
        GROW,
        &["RW", "update"],
        "Replaces the element of a list at a position.",
        Handler::Data(lset),
    ),
    spec(
        "ltrim",
        "1.0.0",
        4,
        WRITE,
        DELETE,
        "Keeps a part of a list and drops the rest.",
        Handler::Data(ltrim),
    ),
    spec(
        "rpop",
        "1.0.0",
        -2,
        WRITE.and(Flags::FAST),
        POP,
        "Takes elements from the end of a list.",
        Handler::Data(|data, args| pop(data, args, End::Right, "rpop")),
    ),
    spec(
        "rpush",
        "1.0.0",
        -3,
        GROW.and(Flags::FAST),
        INSERT,
        "Puts elements at the end of a list.",
        Handler::Data(|data, args| push(data, args, End::Right)),
    ),
    spec(
        "rpushx",
        "2.2.0",
        -3,
        GROW.and(Flags::FAST),
        INSERT,
        "Puts elements at the end of a list that exists.",
        Handler::Data(|data, args| push_existing(data, args, End::Right)),
    ),
];

/// What is told of a list that grows at this end.
const fn pushed(end: End) -> Event {
    Event::list(match end {
        End::Left => "lpush",
        End::Right => "rpush",
    })
}

/// What is told of a list that loses elements at this end.
const fn popped(end: End) -> Event {
    Event::list(match end {
        End::Left => "lpop",
        End::Right => "rpop",
    })
}

/// Replies with the elements at one end, so many, and takes them off.
fn hand_out(list: &mut List, reply: &mut Reply<'_>, end: End, count: usize) {
    match end {
        End::Left => list.iter().take(count).for_each(|item| reply.bulk(item)),
        End::Right => list.iter().rev().take(count).for_each(|item| reply.bulk(item)),
    }
    list.drop_from(end, count);
}

fn push<'a>(data: &mut Data<'_>, args: Args<'a>, end: End) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let (hash, _) = data.meet(key);
    let shape = data.keyspace.shape();
    let len = change_or_create(
        data.keyspace,
        data.db,
        (hash, key),
        Counts::ByLength(pushed(end)),
        |list: &mut List| {
            args.iter().skip(2).for_each(|item| list.push(&shape, end, item));
            list.len()
        },
    )?;
    data.reply.int(len as i64);
    Ok(Outcome::Propagate)
}

fn push_existing<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    end: End,
) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let (hash, _) = data.meet(key);
    let shape = data.keyspace.shape();
    let counts = Counts::ByLength(pushed(end));
    let changed = change(data.keyspace, data.db, (hash, key), counts, |list: &mut List| {
        args.iter().skip(2).for_each(|item| list.push(&shape, end, item));
        list.len()
    })?;
    let len = changed.map_or(0, |changed| changed.result);
    data.reply.int(len as i64);
    Ok(outcome(len))
}

// redis: t_list.c, popGenericCommand
fn pop<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    end: End,
    name: &'static str,
) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let wanted = match args.try_get(2) {
        None => None,
        Some(_) if args.len() > 3 => return Err(CommandError::Arity(name)),
        Some(text) => Some(count(text)?),
    };
    let (hash, _) = data.meet(key);
    let reply = &mut data.reply;
    let counts = Counts::ByLength(popped(end));
    let changed = change(data.keyspace, data.db, (hash, key), counts, |list: &mut List| {
        let popped = wanted.unwrap_or(1).min(list.len());
        if wanted.is_some() {
            reply.array_len(popped);
        }
        hand_out(list, reply, end, popped);
        popped
    })?;
    match (&changed, wanted) {
        (Some(_), _) => {}
        (None, None) => data.reply.null(),
        (None, Some(_)) => data.reply.null_array(),
    }
    Ok(outcome(changed.map_or(0, |changed| changed.result)))
}

fn llen<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let list = held::<List>(data.keyspace, data.db, met, key)?;
    data.reply.int(list.map_or(0, List::len) as i64);
    Ok(Outcome::Unchanged)
}

/// The elements from `start` to `end`, both included and counted from the end when negative, as
/// the first of them and how many they are.
pub(super) fn range(len: usize, start: i64, end: i64) -> (usize, usize) {
    let absolute = |index: i64| if index < 0 { index.saturating_add(len as i64) } else { index };
    let (start, end) = (absolute(start).max(0), absolute(end).min(len as i64 - 1));
    if start > end {
        return (0, 0);
    }
    // Both lie between zero and the length.
    (start as usize, (end - start + 1) as usize)
}

/// The element numbered `index`, counted from the end when negative.
fn absolute(len: usize, index: i64) -> Option<usize> {
    let index = if index < 0 { index.checked_add(len as i64)? } else { index };
    usize::try_from(index).ok().filter(|index| *index < len)
}

fn lrange<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let (start, end) = (integer(args.get(2))?, integer(args.get(3))?);
    let met = data.meet(key);
    let list = held::<List>(data.keyspace, data.db, met, key)?;
    let (first, count) = list.map_or((0, 0), |list| range(list.len(), start, end));
    data.reply.array_len(count);
    for item in list.into_iter().flat_map(|list| list.iter_from(first)).take(count) {
        data.reply.bulk(item);
    }
    Ok(Outcome::Unchanged)
}

fn lindex<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let Some(list) = held::<List>(data.keyspace, data.db, met, key)? else {
        data.reply.null();
        return Ok(Outcome::Unchanged);
    };
    // Only a list that exists looks at the index.
    match absolute(list.len(), integer(args.get(2))?).and_then(|index| list.get(index)) {
        Some(item) => data.reply.bulk(item),
        None => data.reply.null(),
    }
    Ok(Outcome::Unchanged)
}

fn lset<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let list = held::<List>(data.keyspace, data.db, met, key)?.ok_or(DataError::NoSuchKey)?;
    let index = absolute(list.len(), integer(args.get(2))?).ok_or(DataError::IndexOutOfRange)?;
    let shape = data.keyspace.shape();
    let counts = Counts::Always(Event::list("lset"));
    change(data.keyspace, data.db, (met.0, key), counts, |list: &mut List| {
        list.set(&shape, index, args.get(3))
    })?;
    data.reply.ok();
    Ok(Outcome::Propagate)
}

fn lrem<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let wanted = integer(args.get(2))?;
    let (hash, _) = data.meet(key);
    let end = if wanted < 0 { End::Right } else { End::Left };
    let limit = match usize::try_from(wanted.unsigned_abs()) {
        Ok(limit @ 1..) => limit,
        Ok(0) | Err(_) => usize::MAX,
    };
    let counts = Counts::ByLength(Event::list("lrem"));
    let changed = change(data.keyspace, data.db, (hash, key), counts, |list: &mut List| {
        list.remove_equal(end, limit, args.get(3))
    })?;
    let removed = changed.map_or(0, |changed| changed.result);
    data.reply.int(removed as i64);
    Ok(outcome(removed))
}

fn ltrim<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let (start, end) = (integer(args.get(2))?, integer(args.get(3))?);
    let (hash, _) = data.meet(key);
    let counts = Counts::Always(Event::list("ltrim"));
    let changed = change(data.keyspace, data.db, (hash, key), counts, |list: &mut List| {
        let (first, count) = range(list.len(), start, end);
        let before = list.len();
        list.drop_from(End::Right, before - first - count);
        list.drop_from(End::Left, first);
        before - count
    })?;
    data.reply.ok();
    Ok(outcome(changed.map_or(0, |changed| changed.result)))
}

fn linsert<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (key, pivot, item) = (args.get(1), args.get(3), args.get(4));
    let behind = match args.get(2) {
        word if is_word(word, "BEFORE") => 0,
        word if is_word(word, "AFTER") => 1,
        _ => return Err(CommandError::Syntax),
    };
    let (hash, _) = data.meet(key);
    let shape = data.keyspace.shape();
    let counts = Counts::ByLength(Event::list("linsert"));
    let changed = change(data.keyspace, data.db, (hash, key), counts, |list: &mut List| {
        let index = list.iter().position(|other| other == pivot)?;
        list.insert(&shape, index + behind, item);
        Some(list.len())
    })?;
    let (reply, inserted) = match changed.map(|changed| changed.result) {
        None => (0, 0),
        Some(None) => (-1, 0),
        Some(Some(len)) => (len as i64, 1),
    };
    data.reply.int(reply);
    Ok(outcome(inserted))
}

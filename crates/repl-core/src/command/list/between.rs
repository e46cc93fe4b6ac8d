//! Lists that meet each other: `LMOVE RPOPLPUSH LMPOP`.

use super::{
    super::{
        blocking::Served,
        collection::{Counts, change, change_or_create, count, held, key_count, outcome},
    },
    CommandError, Data, GROW, Handler, INSERT, Outcome, POP, WRITE, hand_out, is_word, popped,
    pushed, spec,
};
use crate::{
    base::number::{DIGITS_MAX, format_i64},
    command::{Keys, Spec},
    resp::Args,
    value::{End, List},
};

pub(super) const BOTH: Keys = Keys::one(POP).and(Keys::at(2, INSERT));

pub(in crate::command) const SPECS: &[Spec] = &[
    Spec {
        keys: BOTH,
        ..spec(
            "lmove",
            "6.2.0",
            5,
            GROW,
            &[],
            "Moves an element from one list to another.",
            Handler::Data(|data, args| {
                let (from, to) = (parse_end(args.get(3))?, parse_end(args.get(4))?);
                move_element(data, args, from, to)
            }),
        )
    },
    Spec {
        keys: Keys::counted(1, POP),
        ..spec(
            "lmpop",
            "7.0.0",
            -4,
            WRITE,
            &[],
            "Takes elements from the first list that has any.",
            Handler::Data(lmpop),
        )
    },
    Spec {
        keys: BOTH,
        ..spec(
            "rpoplpush",
            "1.2.0",
            3,
            GROW,
            &[],
            "Moves the last element of a list to the front of another.",
            Handler::Data(|data, args| move_element(data, args, End::Right, End::Left)),
        )
    },
];

pub(super) fn parse_end(word: &[u8]) -> Result<End, CommandError<'static>> {
    if is_word(word, "LEFT") {
        Ok(End::Left)
    } else if is_word(word, "RIGHT") {
        Ok(End::Right)
    } else {
        Err(CommandError::Syntax)
    }
}

fn move_element<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    from_end: End,
    to_end: End,
) -> Result<Outcome, CommandError<'a>> {
    match move_item(data, (args.get(1), from_end), (args.get(2), to_end))? {
        Served::Done => Ok(Outcome::Propagate),
        Served::NothingThere => {
            data.reply.null();
            Ok(Outcome::Unchanged)
        }
    }
}

/// Moves one element; the reply is the element.
// redis: t_list.c, lmoveGenericCommand
pub(super) fn move_item(
    data: &mut Data<'_>,
    (from, from_end): (&[u8], End),
    (to, to_end): (&[u8], End),
) -> Result<Served, CommandError<'static>> {
    let source = data.meet(from);
    if held::<List>(data.keyspace, data.db, source, from)?.is_none() {
        return Ok(Served::NothingThere);
    }
    let target = data.meet(to);
    held::<List>(data.keyspace, data.db, target, to)?;
    let list = held::<List>(data.keyspace, data.db, source, from)?;
    let item = list.and_then(|list| list.peek(from_end)).expect("a list has elements").to_vec();
    data.reply.bulk(&item);
    let shape = data.keyspace.shape();
    let (grows, shrinks) = (pushed(to_end), popped(from_end));
    if from == to {
        // In one step: a list of one element must not vanish in between, and its expiry with it.
        let counts = Counts::Always(grows);
        change(data.keyspace, data.db, (source.0, from), counts, |list: &mut List| {
            list.drop_from(from_end, 1);
            list.push(&shape, to_end, &item);
        })?;
        data.note(shrinks, from);
        return Ok(Served::Done);
    }
    // The other list first, as in Redis: who listens hears that an element comes before it goes.
    let counts = Counts::ByLength(grows);
    change_or_create(data.keyspace, data.db, (target.0, to), counts, |list: &mut List| {
        list.push(&shape, to_end, &item);
    })?;
    let counts = Counts::ByLength(shrinks);
    change(data.keyspace, data.db, (source.0, from), counts, |list: &mut List| {
        list.drop_from(from_end, 1)
    })?;
    Ok(Served::Done)
}

/// What `LMPOP` and `BLMPOP` are asked for.
pub(super) struct ManyKeys {
    /// How many keys there are, behind their number.
    pub(super) number: usize,
    pub(super) end: End,
    /// How many elements are wanted, at least one.
    pub(super) count: usize,
}

impl ManyKeys {
    /// The arguments from the number of keys on, which is at `number_at`.
    // redis: t_list.c, lmpopGenericCommand
    pub(super) fn parse(args: Args<'_>, number_at: usize) -> Result<Self, CommandError<'_>> {
        let number = key_count(args.get(number_at))?;
        let end_at = number.saturating_add(number_at + 1);
        let end = parse_end(args.try_get(end_at).ok_or(CommandError::Syntax)?)?;
        let mut wanted = None;
        let mut at = end_at + 1;
        while let Some(option) = args.try_get(at) {
            let value =
                args.try_get(at + 1).filter(|_| wanted.is_none() && is_word(option, "COUNT"));
            let value = count(value.ok_or(CommandError::Syntax)?).ok().filter(|count| *count > 0);
            wanted = Some(value.ok_or(CommandError::NotAboveZero("count"))?);
            at += 2;
        }
        Ok(Self { number, end, count: wanted.unwrap_or(1) })
    }
}

/// Replicas are told which list it was and how many elements went.
fn lmpop<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let ManyKeys { number, end, count } = ManyKeys::parse(args, 1)?;
    for key in args.iter().skip(2).take(number) {
        if take_many(data, key, end, count)? == Served::Done {
            return Ok(Outcome::Rewritten);
        }
    }
    data.reply.null_array();
    Ok(outcome(0))
}

/// Pops up to `count` elements; the reply is the key and the elements.
pub(super) fn take_many(
    data: &mut Data<'_>,
    key: &[u8],
    end: End,
    count: usize,
) -> Result<Served, CommandError<'static>> {
    let (hash, _) = data.meet(key);
    let counts = Counts::ByLength(popped(end));
    let reply = &mut data.reply;
    let taken = change(data.keyspace, data.db, (hash, key), counts, |list: &mut List| {
        let popped = count.min(list.len());
        reply.array_len(2);
        reply.bulk(key);
        reply.array_len(popped);
        hand_out(list, reply, end, popped);
        popped
    })?;
    let Some(taken) = taken else { return Ok(Served::NothingThere) };
    let mut digits = [0; DIGITS_MAX];
    let popped = format_i64(&mut digits, taken.result as i64);
    data.effects.push(data.db, [pop_name(end), key, popped]);
    Ok(Served::Done)
}

/// What replicas are told of a pop.
pub(super) fn pop_name(end: End) -> &'static [u8] {
    match end {
        End::Left => b"LPOP",
        End::Right => b"RPOP",
    }
}

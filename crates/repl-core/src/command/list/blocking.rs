//! Commands that wait for a list: `BLPOP BRPOP BLMPOP BLMOVE BRPOPLPUSH`.
//!
//! What they take at once and what they take after a wait is taken by the same code. Replicas hear
//! of the pop or the move that took place, never of a wait.

use alloc::{boxed::Box, vec::Vec};

use super::{
    super::{
        blocking::{Block, Claim, Served, patience, take_or_block},
        collection::{Counts, change},
    },
    CommandError, Data, Flags, GROW, Handler, Keys, Outcome, POP, Spec, WRITE,
    between::{BOTH, ManyKeys, move_item, parse_end, pop_name, take_many},
    popped, spec,
};
use crate::{
    resp::{Args, Reply},
    value::{End, List},
};

const BLOCKS: Flags = Flags::NOSCRIPT.and(Flags::BLOCKING);
/// All arguments but the last, which is the timeout.
const ALL_BUT_LAST: Keys = Keys::range(1, -2, 1, POP);

pub(in crate::command) const SPECS: &[Spec] = &[
    Spec {
        keys: BOTH,
        ..spec(
            "blmove",
            "6.2.0",
            6,
            GROW.and(BLOCKS),
            &[],
            "Moves an element from one list to another, and waits for one if there is none.",
            Handler::Data(blmove),
        )
    },
    Spec {
        keys: Keys::counted(2, POP),
        ..spec(
            "blmpop",
            "7.0.0",
            -5,
            WRITE.and(Flags::BLOCKING),
            &[],
            "Takes elements from the first list that has any, and waits if none has.",
            Handler::Data(blmpop),
        )
    },
    Spec {
        keys: ALL_BUT_LAST,
        ..spec(
            "blpop",
            "2.0.0",
            -3,
            WRITE.and(BLOCKS),
            &[],
            "Takes the first element of the first list that has any, and waits if none has.",
            Handler::Data(|data, args| blocking_pop(data, args, End::Left)),
        )
    },
    Spec {
        keys: ALL_BUT_LAST,
        ..spec(
            "brpop",
            "2.0.0",
            -3,
            WRITE.and(BLOCKS),
            &[],
            "Takes the last element of the first list that has any, and waits if none has.",
            Handler::Data(|data, args| blocking_pop(data, args, End::Right)),
        )
    },
    Spec {
        keys: BOTH,
        ..spec(
            "brpoplpush",
            "2.2.0",
            4,
            GROW.and(BLOCKS),
            &[],
            "Moves the last element of a list to the front of another, and waits for it.",
            Handler::Data(brpoplpush),
        )
    },
];

/// What a command takes of a list that becomes ready.
#[derive(Debug, PartialEq, Eq)]
pub enum ListClaim {
    /// One element: `BLPOP` and `BRPOP`.
    Pop(End),
    /// So many elements, or as many as there are: `BLMPOP`.
    PopMany {
        /// From where.
        end: End,
        /// How many, at least one.
        count: usize,
    },
    /// One element, for another list.
    Move {
        /// The other list.
        to: Box<[u8]>,
        /// From where and to where.
        way: Way,
    },
}

/// From where an element is moved and to where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As `LMOVE` has it.
    Between(End, End),
    /// As `RPOPLPUSH` does.
    RightToLeft,
}

impl Way {
    fn ends(self) -> (End, End) {
        match self {
            Self::Between(from, to) => (from, to),
            Self::RightToLeft => (End::Right, End::Left),
        }
    }
}

impl ListClaim {
    pub(in crate::command) fn serve(
        &self,
        data: &mut Data<'_>,
        key: &[u8],
    ) -> Result<Served, CommandError<'static>> {
        match self {
            Self::Pop(end) => pop_one(data, key, *end),
            Self::PopMany { end, count } => take_many(data, key, *end, *count),
            Self::Move { to, way } => {
                let (from_end, to_end) = way.ends();
                let served = move_item(data, (key, from_end), (to, to_end))?;
                if served == Served::Done {
                    let (from_end, to_end) = (word(from_end), word(to_end));
                    match way {
                        Way::Between(..) => {
                            let told = [b"LMOVE".as_slice(), key, to, from_end, to_end];
                            data.effects.push(data.db, told);
                        }
                        Way::RightToLeft => {
                            data.effects.push(data.db, [b"RPOPLPUSH".as_slice(), key, to]);
                        }
                    }
                }
                Ok(served)
            }
        }
    }

    /// The reply to a client that may not wait.
    pub(in crate::command) fn refuse(&self, reply: &mut Reply<'_>) {
        match self {
            Self::Pop(_) | Self::PopMany { .. } => reply.null_array(),
            Self::Move { .. } => reply.null(),
        }
    }
}

/// As Redis tells it, when it is not told in the client's own words.
fn word(end: End) -> &'static [u8] {
    match end {
        End::Left => b"left",
        End::Right => b"right",
    }
}

/// Pops one element; the reply is the key and the element.
fn pop_one(data: &mut Data<'_>, key: &[u8], end: End) -> Result<Served, CommandError<'static>> {
    let (hash, _) = data.meet(key);
    let counts = Counts::ByLength(popped(end));
    let reply = &mut data.reply;
    let taken = change(data.keyspace, data.db, (hash, key), counts, |list: &mut List| {
        reply.array_len(2);
        reply.bulk(key);
        reply.bulk(list.peek(end).expect("a list has elements"));
        list.drop_from(end, 1);
    })?;
    if taken.is_none() {
        return Ok(Served::NothingThere);
    }
    data.effects.push(data.db, [pop_name(end), key]);
    Ok(Served::Done)
}

// redis: t_list.c, blockingPopGenericCommand
fn blocking_pop<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    end: End,
) -> Result<Outcome, CommandError<'a>> {
    let last = args.len() - 1;
    take_or_block(
        data,
        args.iter().skip(1).take(last - 1),
        args.get(last),
        Claim::List(ListClaim::Pop(end)),
    )
}

fn blmpop<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let ManyKeys { number, end, count } = ManyKeys::parse(args, 2)?;
    let claim = Claim::List(ListClaim::PopMany { end, count });
    take_or_block(data, args.iter().skip(3).take(number), args.get(1), claim)
}

fn blmove<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let way = Way::Between(parse_end(args.get(3))?, parse_end(args.get(4))?);
    move_or_block(data, args, args.get(5), way)
}

fn brpoplpush<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    move_or_block(data, args, args.get(3), Way::RightToLeft)
}

fn move_or_block<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    timeout: &'a [u8],
    way: Way,
) -> Result<Outcome, CommandError<'a>> {
    let patience = patience(timeout)?;
    let (from, to, (from_end, to_end)) = (args.get(1), args.get(2), way.ends());
    if move_item(data, (from, from_end), (to, to_end))? == Served::Done {
        // In the client's own words.
        match way {
            Way::Between(..) => {
                let told = [b"LMOVE".as_slice(), from, to, args.get(3), args.get(4)];
                data.effects.push(data.db, told);
            }
            Way::RightToLeft => data.effects.push(data.db, [b"RPOPLPUSH".as_slice(), from, to]),
        }
        return Ok(Outcome::Rewritten);
    }
    let claim = Claim::List(ListClaim::Move { to: to.into(), way });
    Ok(Outcome::Block(Box::new(Block { keys: Vec::from([from.into()]), patience, claim })))
}

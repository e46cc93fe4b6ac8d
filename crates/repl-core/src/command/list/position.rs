//! `LPOS`: where in a list an element is.

use alloc::vec::Vec;

use super::{
    super::collection::{count, held, integer},
    CommandError, Data, DataError, Outcome, is_word,
};
use crate::{resp::Args, value::List};

/// What `LPOS` is asked for.
struct Search<'a> {
    item: &'a [u8],
    /// Matches to pass over.
    skip: u64,
    /// From which side matches and comparisons are counted.
    order: Order,
    /// How many matches are wanted; a reply of one number for none.
    wanted: Option<usize>,
    /// How many elements to compare.
    compared_max: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Forward,
    Backward,
}

impl<'a> Search<'a> {
    // redis: t_list.c, lposCommand
    fn parse(args: Args<'a>) -> Result<Self, CommandError<'a>> {
        let mut search = Self {
            item: args.get(2),
            skip: 0,
            order: Order::Forward,
            wanted: None,
            compared_max: usize::MAX,
        };
        let mut at = 3;
        while let Some(option) = args.try_get(at) {
            let value = args.try_get(at + 1).ok_or(CommandError::Syntax)?;
            if is_word(option, "RANK") {
                let rank = integer(value)?;
                search.order = if rank < 0 { Order::Backward } else { Order::Forward };
                search.skip = rank.unsigned_abs().checked_sub(1).ok_or(DataError::RankZero)?;
            } else if is_word(option, "COUNT") {
                let wanted = count(value).map_err(|_| CommandError::Negative("COUNT"))?;
                search.wanted = Some(if wanted == 0 { usize::MAX } else { wanted });
            } else if is_word(option, "MAXLEN") {
                let max = count(value).map_err(|_| CommandError::Negative("MAXLEN"))?;
                search.compared_max = if max == 0 { usize::MAX } else { max };
            } else {
                return Err(CommandError::Syntax);
            }
            at += 2;
        }
        Ok(search)
    }

    fn run(&self, list: &List) -> Vec<usize> {
        let last = list.len().saturating_sub(1);
        let wanted = self.wanted.unwrap_or(1);
        match self.order {
            Order::Forward => self.matches(list.iter()).take(wanted).collect(),
            Order::Backward => {
                self.matches(list.iter().rev()).map(|index| last - index).take(wanted).collect()
            }
        }
    }

    /// How many elements come before each match, without those to be passed over.
    fn matches<'l>(&self, items: impl Iterator<Item = &'l [u8]>) -> impl Iterator<Item = usize> {
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX);
        let compared = items.take(self.compared_max).enumerate();
        compared.filter(|(_, other)| *other == self.item).map(|(index, _)| index).skip(skip)
    }
}

pub(super) fn lpos<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let search = Search::parse(args)?;
    let key = args.get(1);
    let met = data.meet(key);
    let list = held::<List>(data.keyspace, data.db, met, key)?;
    let found = list.map(|list| search.run(list)).unwrap_or_default();
    if search.wanted.is_some() {
        data.reply.array_len(found.len());
        found.iter().for_each(|index| data.reply.int(*index as i64));
    } else {
        match found.first() {
            Some(index) => data.reply.int(*index as i64),
            None => data.reply.null(),
        }
    }
    Ok(Outcome::Unchanged)
}

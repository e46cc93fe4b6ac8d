//! `SORT SORT_RO`: the elements of a list, a set or a sorted set in order, or what they point to.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::super::{
    Access, CommandError, Data, DataError, Flags, Handler, Key, Keys, Outcome, Sight, Spec,
    collection::{held, integer},
    is_word,
};
use crate::{
    base::{float::parse_f64, number::DIGITS_MAX},
    keyspace::{Entry, Event},
    resp::Args,
    value::{Collection as _, End, Hash, List, View},
};

const ACCESS: Access = &["RO", "access"];
const STORED: Access = &["OW", "update"];
/// What is sorted. Patterns may read any other key.
const SOURCE: Keys = Keys::one(ACCESS);
const SORTED: Key = Key { at: 1, access: ACCESS };

pub(in crate::command) const SPECS: &[Spec] = &[
    Spec {
        name: "sort",
        since: "1.0.0",
        arity: -2,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: SOURCE.and(Keys::unknown(ACCESS)).and(Keys::unknown(STORED)).found_by(find_keys),
        group: "generic",
        categories: &["@set", "@sortedset", "@list", "@dangerous"],
        summary: "Sorts a list or a set, and may store the outcome.",
        handler: Handler::Data(|data, args| sort(data, Request::parse(args, Storing::Allowed)?)),
        ..Spec::PLAIN
    },
    Spec {
        name: "sort_ro",
        since: "7.0.0",
        arity: -2,
        flags: Flags::READONLY,
        keys: SOURCE.and(Keys::unknown(ACCESS)).found_by(|_| Vec::from([SORTED])),
        group: "generic",
        categories: &["@set", "@sortedset", "@list", "@dangerous"],
        summary: "Sorts a list or a set and stores nothing.",
        handler: Handler::Data(|data, args| sort(data, Request::parse(args, Storing::Refused)?)),
        ..Spec::PLAIN
    },
];

/// The key that is sorted and the last one that is named behind `STORE`, whatever else is wrong.
// redis: db.c, sortGetKeys
fn find_keys(args: Args<'_>) -> Vec<Key> {
    let mut stored = None;
    let mut at = 2;
    while let Some(option) = args.try_get(at) {
        if is_word(option, "LIMIT") {
            at += 2;
        } else if is_word(option, "GET") || is_word(option, "BY") {
            at += 1;
        } else if is_word(option, "STORE") && at + 1 < args.len() {
            stored = Some(Key { at: at + 1, access: STORED });
        }
        at += 1;
    }
    [SORTED].into_iter().chain(stored).collect()
}

/// Whether `STORE` is an option.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Storing {
    Allowed,
    Refused,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compare {
    Numbers,
    Texts,
    /// Nothing: the elements stay as they are.
    Nothing,
}

struct Request<'a> {
    key: &'a [u8],
    direction: Direction,
    compare: Compare,
    by: Option<&'a [u8]>,
    gets: Vec<&'a [u8]>,
    start: i64,
    count: i64,
    store: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    fn parse(args: Args<'a>, storing: Storing) -> Result<Self, CommandError<'a>> {
        let mut request = Self {
            key: args.get(1),
            direction: Direction::Ascending,
            compare: Compare::Numbers,
            by: None,
            gets: Vec::new(),
            start: 0,
            count: -1,
            store: None,
        };
        // A pattern without a star sorts nothing, whatever other options say.
        let mut sorts = true;
        let mut at = 2;
        while let Some(option) = args.try_get(at) {
            let value = args.try_get(at + 1);
            let taken = match value {
                _ if is_word(option, "ASC") => {
                    request.direction = Direction::Ascending;
                    1
                }
                _ if is_word(option, "DESC") => {
                    request.direction = Direction::Descending;
                    1
                }
                _ if is_word(option, "ALPHA") => {
                    request.compare = Compare::Texts;
                    1
                }
                Some(start) if is_word(option, "LIMIT") => {
                    let count = args.try_get(at + 2).ok_or(CommandError::Syntax)?;
                    (request.start, request.count) = (integer(start)?, integer(count)?);
                    3
                }
                Some(key) if storing == Storing::Allowed && is_word(option, "STORE") => {
                    request.store = Some(key);
                    2
                }
                Some(pattern) if is_word(option, "BY") => {
                    request.by = Some(pattern);
                    sorts &= pattern.contains(&b'*');
                    2
                }
                Some(pattern) if is_word(option, "GET") => {
                    request.gets.push(pattern);
                    2
                }
                Some(_) | None => return Err(CommandError::Syntax),
            };
            at += taken;
        }
        if !sorts {
            request.compare = Compare::Nothing;
        }
        Ok(request)
    }

    /// The first of `len` elements that are wanted, and how many they are.
    fn window(&self, len: usize) -> (usize, usize) {
        let start = usize::try_from(self.start.max(0)).unwrap_or(usize::MAX).min(len);
        // A negative count means all.
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        (start, count.min(len - start))
    }
}

/// An element and what it is compared by.
struct Row {
    element: Vec<u8>,
    weight: Weight,
}

enum Weight {
    /// The element itself, as text.
    Element,
    Number(f64),
    /// What a key holds; nothing comes before everything.
    Text(Option<Vec<u8>>),
}

// redis: sort.c, sortCommandGeneric
fn sort<'a>(data: &mut Data<'_>, mut request: Request<'a>) -> Result<Outcome, CommandError<'a>> {
    let (mut elements, origin) = data.reading(|data| elements(data, request.key))?;
    if origin == Origin::Set && request.compare == Compare::Nothing && request.store.is_some() {
        // What is stored must be the same wherever this is done.
        (request.compare, request.by) = (Compare::Texts, None);
    }
    if request.compare == Compare::Nothing {
        if origin == Origin::Ordered && request.direction == Direction::Descending {
            elements.reverse();
        }
    } else {
        elements = data.reading(|data| sorted(data, elements, &request))?;
    }
    let (start, count) = request.window(elements.len());
    let wanted = elements.get(start..start + count).unwrap_or_default();
    match request.store {
        None => {
            data.reading(|data| show(data, wanted, &request.gets));
            Ok(Outcome::Unchanged)
        }
        Some(key) => Ok(store(data, wanted, &request, key)),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A list or a sorted set, whose elements have an order of their own.
    Ordered,
    Set,
}

/// The elements under `key`, in the order of the value. A key that does not exist has none.
fn elements(
    data: &mut Data<'_>,
    key: &[u8],
) -> Result<(Vec<Vec<u8>>, Origin), CommandError<'static>> {
    let Some(entry) = data.lookup(key).1 else { return Ok((Vec::new(), Origin::Ordered)) };
    match entry.view() {
        View::List(list) => Ok((list.iter().map(<[u8]>::to_vec).collect(), Origin::Ordered)),
        View::SortedSet(set) => {
            Ok((set.iter().map(|(member, _)| member.to_vec()).collect(), Origin::Ordered))
        }
        View::Set(set) => {
            let text = |item: crate::value::Item<'_>| item.text(&mut [0; DIGITS_MAX]).to_vec();
            Ok((set.iter().map(text).collect(), Origin::Set))
        }
        View::String(_) | View::Hash(_) => Err(CommandError::WrongType),
    }
}

fn sorted(
    data: &mut Data<'_>,
    elements: Vec<Vec<u8>>,
    request: &Request<'_>,
) -> Result<Vec<Vec<u8>>, DataError> {
    let mut all_numbers = true;
    let mut weigh = |element: Vec<u8>| {
        let weight = match (request.compare, request.by) {
            (Compare::Texts | Compare::Nothing, None) => Weight::Element,
            (Compare::Texts | Compare::Nothing, Some(pattern)) => {
                Weight::Text(pointed(data, pattern, &element))
            }
            (Compare::Numbers, by) => {
                let found = by.map(|pattern| pointed(data, pattern, &element));
                let text = found.as_ref().map_or(Some(&element), Option::as_ref);
                // An element whose weight does not exist weighs nothing.
                let number = text.map_or(Some(0.0), |text| parse_f64(text));
                all_numbers &= number.is_some();
                Weight::Number(number.unwrap_or(0.0))
            }
        };
        Row { element, weight }
    };
    let mut rows: Vec<Row> = elements.into_iter().map(&mut weigh).collect();
    if !all_numbers {
        return Err(DataError::ScoreNotDouble);
    }
    rows.sort_by(|one, other| match request.direction {
        Direction::Ascending => one.order(other),
        Direction::Descending => other.order(one),
    });
    Ok(rows.into_iter().map(|row| row.element).collect())
}

impl Row {
    // redis: sort.c, sortCompare
    fn order(&self, other: &Self) -> Ordering {
        match (&self.weight, &other.weight) {
            // None of them is NaN. Equal ones are told apart, so that the order is a function of
            // the elements.
            (Weight::Number(one), Weight::Number(two)) => one
                .partial_cmp(two)
                .unwrap_or(Ordering::Equal)
                .then_with(|| self.element.cmp(&other.element)),
            (Weight::Text(one), Weight::Text(two)) => one.cmp(two),
            (Weight::Element | Weight::Number(_) | Weight::Text(_), _) => {
                self.element.cmp(&other.element)
            }
        }
    }
}

/// What `pattern` names for this element: the key, or the field of the hash, with the element in
/// the place of the star. `#` is the element itself.
// redis: sort.c, lookupKeyByPattern
fn pointed(data: &mut Data<'_>, pattern: &[u8], element: &[u8]) -> Option<Vec<u8>> {
    if pattern == b"#" {
        return Some(element.to_vec());
    }
    let star = pattern.iter().position(|byte| *byte == b'*')?;
    let (before, behind) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = behind.windows(2).position(|pair| pair == b"->");
    let (behind, field) = match arrow.map(|at| (&behind[..at], &behind[at + 2..])) {
        Some((behind, field @ [_, ..])) => (behind, Some(field)),
        Some(_) | None => (behind, None),
    };
    let key = [before, element, behind].concat();
    let met = data.meet(&key);
    if let Some(field) = field {
        let hash = held::<Hash>(data.keyspace, data.db, met, &key).ok()??;
        return hash.get(field).map(<[u8]>::to_vec);
    }
    let entry: &Entry = match met.1 {
        Sight::Hidden => None,
        Sight::AsFound => data.keyspace.find(data.db, met.0, &key),
    }?;
    entry.string().ok().map(<[u8]>::to_vec)
}

fn show(data: &mut Data<'_>, wanted: &[Vec<u8>], gets: &[&[u8]]) {
    data.reply.array_len(wanted.len() * gets.len().max(1));
    for element in wanted {
        if gets.is_empty() {
            data.reply.bulk(element);
        }
        for pattern in gets {
            match pointed(data, pattern, element) {
                Some(found) => data.reply.bulk(&found),
                None => data.reply.null(),
            }
        }
    }
}

/// Stores the result as a list. Where equal weights leave the order to the order of the elements,
/// which a replica need not share, replicas are told the outcome.
fn store(data: &mut Data<'_>, wanted: &[Vec<u8>], request: &Request<'_>, key: &[u8]) -> Outcome {
    let mut result = Vec::new();
    for element in wanted {
        if request.gets.is_empty() {
            result.push(element.clone());
        }
        for pattern in &request.gets {
            let found = data.reading(|data| pointed(data, pattern, element));
            result.push(found.unwrap_or_default());
        }
    }
    data.reply.int(result.len() as i64);
    if result.is_empty() {
        let hash = data.keyspace.hash(key);
        return if data.delete(hash, key) { Outcome::Propagate } else { Outcome::Unchanged };
    }
    let (hash, _) = data.meet(key);
    let (mut list, shape) = (List::new(), data.keyspace.shape());
    result.iter().for_each(|item| list.push(&shape, End::Right, item));
    data.keyspace.set_value(data.db, hash, key, list.into_value(), None);
    data.note(Event::list("sortstore"), key);
    if request.compare != Compare::Texts || request.by.is_none() {
        return Outcome::Propagate;
    }
    let words: Vec<&[u8]> =
        [b"RPUSH".as_slice(), key].into_iter().chain(result.iter().map(Vec::as_slice)).collect();
    data.effects.push(data.db, [b"DEL".as_slice(), key]);
    data.effects.push(data.db, words);
    Outcome::Rewritten
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;

    fn bench() -> Bench {
        let mut bench = Bench::new();
        bench.run("RPUSH l 3 1 2 10");
        for line in ["SET w_1 c", "SET w_2 b", "SET w_3 a", "HSET h_1 f x", "HSET h_3 f y"] {
            bench.run(line);
        }
        bench
    }

    #[test]
    fn elements_are_sorted_as_numbers_or_as_texts_in_either_direction() {
        let mut bench = bench();
        bench.check("SORT l", "*4 $1 1 $1 2 $1 3 $2 10", "");
        bench.check("SORT l DESC", "*4 $2 10 $1 3 $1 2 $1 1", "");
        bench.check("SORT l ALPHA", "*4 $1 1 $2 10 $1 2 $1 3", "");
        bench.check("SORT l BY nosort DESC", "*4 $2 10 $1 2 $1 1 $1 3", "");
        bench.check("SORT l LIMIT 1 2", "*2 $1 2 $1 3", "");
        bench.check("SORT l LIMIT -5 1", "*1 $1 1", "");
        bench.check("SORT l LIMIT 9 1", "*0", "");
        bench.check("SORT nothing", "*0", "");
        bench.run("RPUSH t a 1");
        bench.check("SORT t", "-ERR One or more scores can't be converted into double", "");
        bench.check(
            "SORT w_1",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            "",
        );
        bench.check("SORT_RO l STORE x", "-ERR syntax error", "");
    }

    #[test]
    fn patterns_find_weights_and_values_in_keys_and_fields() {
        let mut bench = bench();
        bench.check("SORT l BY w_* ALPHA", "*4 $2 10 $1 3 $1 2 $1 1", "");
        bench.check("SORT l BY w_* ALPHA GET # GET w_* LIMIT 0 2", "*4 $2 10 $-1 $1 3 $1 a", "");
        bench.check("SORT l GET h_*->f", "*4 $1 x $-1 $1 y $-1", "");
        bench.check("SORT l GET w_*->f LIMIT 0 1", "*1 $-1", "");
        bench.check("SORT l GET plain LIMIT 0 1", "*1 $-1", "");
    }

    #[test]
    fn a_stored_order_is_the_same_everywhere() {
        let mut bench = bench();
        bench.check("SORT l STORE d", ":4", "SORT l STORE d");
        bench.check("LRANGE d 0 -1", "*4 $1 1 $1 2 $1 3 $2 10", "");
        bench.run("SADD s b a");
        bench.check("SORT s BY nosort STORE d", ":2", "SORT s BY nosort STORE d");
        bench.check("LRANGE d 0 -1", "*2 $1 a $1 b", "");
        bench.check("SORT l BY w_* ALPHA STORE d", ":4", "DEL d; RPUSH d 10 3 2 1");
        bench.check("SORT l GET h_*->f STORE d", ":4", "SORT l GET h_*->f STORE d");
        bench.check("LRANGE d 0 -1", "*4 $1 x $0  $1 y $0", "");
        bench.check("SORT nothing STORE d", ":0", "SORT nothing STORE d");
        bench.check("EXISTS d", ":0", "");
        bench.check("SORT nothing STORE d", ":0", "");
    }
}

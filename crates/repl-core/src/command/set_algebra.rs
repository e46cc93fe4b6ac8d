//! Sets together: `SINTER SUNION SDIFF`, each with `STORE`, and `SINTERCARD`.

use alloc::vec::Vec;

use super::{
    Access, CommandError, Data, DataError, Flags, Handler, Keys, Misses, Outcome, Spec,
    collection::{count, held, key_count, outcome},
    is_word,
};
use crate::{
    base::number::DIGITS_MAX,
    keyspace::Event,
    resp::Args,
    value::{Collection, Inserted, Set, Shape},
};

/// A command on sets with these keys.
pub(super) const fn spec(
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
        group: "set",
        categories: &["@set"],
        summary,
        handler,
        ..Spec::PLAIN
    }
}

const ACCESS: Access = &["RO", "access"];
const SOURCES: Keys = Keys::all(ACCESS);

/// The first key gets the result of the others.
const fn stored(access: Access) -> Keys {
    Keys::one(access).and(Keys::range(2, -1, 1, ACCESS))
}

const STORE: Flags = Flags::WRITE.and(Flags::DENYOOM);

pub(super) const SPECS: &[Spec] = &[
    spec(
        "sdiff",
        "1.0.0",
        -2,
        Flags::READONLY,
        SOURCES,
        "Lists what the first set has and no other.",
        Handler::Data(|data, args| show(data, args, Algebra::Difference)),
    )
    .tips(&["nondeterministic_output_order"]),
    spec(
        "sdiffstore",
        "1.0.0",
        -3,
        STORE,
        stored(&["OW", "update"]),
        "Stores what the first set has and no other.",
        Handler::Data(|data, args| store(data, args, Algebra::Difference)),
    ),
    spec(
        "sinter",
        "1.0.0",
        -2,
        Flags::READONLY,
        SOURCES,
        "Lists what all of the sets have.",
        Handler::Data(|data, args| show(data, args, Algebra::Intersection)),
    )
    .tips(&["nondeterministic_output_order"]),
    spec(
        "sintercard",
        "7.0.0",
        -3,
        Flags::READONLY,
        Keys::counted(1, ACCESS),
        "Counts what all of the sets have.",
        Handler::Data(sintercard),
    ),
    spec(
        "sinterstore",
        "1.0.0",
        -3,
        STORE,
        stored(&["RW", "update"]),
        "Stores what all of the sets have.",
        Handler::Data(|data, args| store(data, args, Algebra::Intersection)),
    ),
    spec(
        "sunion",
        "1.0.0",
        -2,
        Flags::READONLY,
        SOURCES,
        "Lists what any of the sets has.",
        Handler::Data(|data, args| show(data, args, Algebra::Union)),
    )
    .tips(&["nondeterministic_output_order"]),
    spec(
        "sunionstore",
        "1.0.0",
        -3,
        STORE,
        stored(&["OW", "update"]),
        "Stores what any of the sets has.",
        Handler::Data(|data, args| store(data, args, Algebra::Union)),
    ),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Algebra {
    Union,
    Intersection,
    Difference,
}

/// Whether a visitor has seen enough.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    More,
    Enough,
}

/// Visits the members of the result, each once.
fn combine(
    data: &mut Data<'_>,
    keys: Args<'_>,
    key_count: usize,
    algebra: Algebra,
    visit: impl FnMut(&[u8]) -> Visit,
) -> Result<(), CommandError<'static>> {
    // Meeting a key may delete it: all of them first, since then the sets stay where they are.
    let mut met = Vec::with_capacity(key_count.min(keys.len()));
    for key in keys.iter().take(key_count) {
        let one = data.meet(key);
        if data.misses == Misses::Told {
            // What comes behind a key of another type is not looked for.
            held::<Set>(data.keyspace, data.db, one, key)?;
        }
        met.push((one, key));
    }
    let find = |(met, key)| held::<Set>(data.keyspace, data.db, met, key);
    let sets: Vec<Option<&Set>> = met.into_iter().map(find).collect::<Result<_, _>>()?;
    match algebra {
        Algebra::Union => union(&sets, &data.keyspace.shape(), visit),
        Algebra::Intersection => intersection(&sets, visit),
        Algebra::Difference => difference(&sets, visit),
    }
    Ok(())
}

fn union(sets: &[Option<&Set>], shape: &Shape, mut visit: impl FnMut(&[u8]) -> Visit) {
    let mut digits = [0; DIGITS_MAX];
    let mut seen = Set::new();
    for member in sets.iter().copied().flatten().flat_map(Set::iter) {
        let member = member.text(&mut digits);
        if seen.insert(shape, member) == Inserted::New && visit(member) == Visit::Enough {
            return;
        }
    }
}

fn intersection(sets: &[Option<&Set>], mut visit: impl FnMut(&[u8]) -> Visit) {
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<&Set>>>() else { return };
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    let mut digits = [0; DIGITS_MAX];
    for member in smallest.iter() {
        let member = member.text(&mut digits);
        if others.iter().all(|set| set.contains(member)) && visit(member) == Visit::Enough {
            return;
        }
    }
}

fn difference(sets: &[Option<&Set>], mut visit: impl FnMut(&[u8]) -> Visit) {
    let Some((Some(first), others)) = sets.split_first() else { return };
    let mut digits = [0; DIGITS_MAX];
    for member in first.iter() {
        let member = member.text(&mut digits);
        let taken = others.iter().flatten().any(|set| set.contains(member));
        if !taken && visit(member) == Visit::Enough {
            return;
        }
    }
}

fn show<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    algebra: Algebra,
) -> Result<Outcome, CommandError<'a>> {
    let mut members: Vec<Vec<u8>> = Vec::new();
    combine(data, args.skip(1), args.len() - 1, algebra, |member| {
        members.push(member.to_vec());
        Visit::More
    })?;
    data.reply.set_len(members.len());
    members.iter().for_each(|member| data.reply.bulk(member));
    Ok(Outcome::Unchanged)
}

fn store<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    algebra: Algebra,
) -> Result<Outcome, CommandError<'a>> {
    let target = args.get(1);
    let shape = data.keyspace.shape();
    let mut result = Set::new();
    data.reading(|data| {
        combine(data, args.skip(2), args.len() - 2, algebra, |member| {
            result.insert(&shape, member);
            Visit::More
        })
    })?;
    data.reply.int(result.len() as i64);
    if result.is_empty() {
        let hash = data.keyspace.hash(target);
        return Ok(outcome(usize::from(data.delete(hash, target))));
    }
    let (hash, _) = data.meet(target);
    data.keyspace.set_value(data.db, hash, target, result.into_value(), None);
    let event = match algebra {
        Algebra::Union => "sunionstore",
        Algebra::Intersection => "sinterstore",
        Algebra::Difference => "sdiffstore",
    };
    data.note(Event::set(event), target);
    Ok(Outcome::Propagate)
}

fn sintercard<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let number = key_count(args.get(1))?;
    let keys = args.skip(2);
    if number > keys.len() {
        return Err(DataError::TooFewKeys.into());
    }
    let mut limit = usize::MAX;
    let mut at = 2 + number;
    while let Some(option) = args.try_get(at) {
        let value = args.try_get(at + 1).filter(|_| is_word(option, "LIMIT"));
        let value = count(value.ok_or(CommandError::Syntax)?);
        // Zero is no limit.
        limit = match value.map_err(|_| CommandError::Negative("LIMIT"))? {
            0 => usize::MAX,
            limit => limit,
        };
        at += 2;
    }
    let mut found = 0;
    combine(data, keys, number, Algebra::Intersection, |_| {
        found += 1;
        if found >= limit { Visit::Enough } else { Visit::More }
    })?;
    data.reply.int(found as i64);
    Ok(Outcome::Unchanged)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;

    fn bench() -> Bench {
        let mut bench = Bench::new();
        bench.run("SADD a 1 2 3");
        bench.run("SADD b 2 3 4");
        bench
    }

    #[test]
    fn sets_are_added_intersected_and_subtracted() {
        let mut bench = bench();
        bench.check("SINTER a b", "*2 $1 2 $1 3", "");
        bench.check("SINTER a none", "*0", "");
        bench.check("SUNION a none b", "*4 $1 1 $1 2 $1 3 $1 4", "");
        bench.check("SDIFF a b none", "*1 $1 1", "");
        bench.check("SDIFF none a", "*0", "");
        bench.check("SINTERCARD 2 a b", ":2", "");
        bench.check("SINTERCARD 2 a b LIMIT 1", ":1", "");
        bench.check("SINTERCARD 2 a b LIMIT -1", "-ERR LIMIT can't be negative", "");
        bench.check("SINTERCARD 0 a", "-ERR numkeys should be greater than 0", "");
        let error = "-ERR Number of keys can't be greater than number of args";
        bench.check("SINTERCARD 3 a b", error, "");
    }

    #[test]
    fn a_result_replaces_whatever_was_there_and_an_empty_one_deletes_it() {
        let mut bench = bench();
        bench.run("SET to string EX 10");
        bench.check("SINTERSTORE to a b", ":2", "SINTERSTORE to a b");
        bench.check("TTL to", ":-1", "");
        bench.check("SDIFFSTORE to a a", ":0", "SDIFFSTORE to a a");
        bench.check("SDIFFSTORE to a a", ":0", "");
        bench.check("SUNIONSTORE a a b", ":4", "SUNIONSTORE a a b");
        bench.run("SET to string");
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.check("SUNIONSTORE a to b", wrong, "");
    }
}

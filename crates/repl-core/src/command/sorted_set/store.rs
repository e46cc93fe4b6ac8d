//! Sorted sets that take the place of whatever a key held: `ZRANGESTORE ZDIFFSTORE ZINTERSTORE
//! ZUNIONSTORE`.

use super::{
    ACCESS, Args, CommandError, Data, GROW, Handler, Keys, Outcome, STORED, SortedSet, Spec,
    algebra::{Algebra, combine},
    held, outcome,
    range::{Offer, Request},
    spec,
};
use crate::{keyspace::Event, value::Collection as _};

/// The first key gets what comes of the others, of which there are as many as is said.
const COUNTED: Keys = Keys::one(STORED).and(Keys::counted(2, ACCESS));

pub(in crate::command) const SPECS: &[Spec] = &[
    spec(
        "zdiffstore",
        "6.2.0",
        -4,
        GROW,
        COUNTED,
        "Stores what the first sorted set has and no other.",
        Handler::Data(|data, args| store(data, args, Algebra::Difference, "zdiffstore")),
    ),
    spec(
        "zinterstore",
        "2.0.0",
        -4,
        GROW,
        COUNTED,
        "Stores what all of the sorted sets have.",
        Handler::Data(|data, args| store(data, args, Algebra::Intersection, "zinterstore")),
    ),
    spec(
        "zrangestore",
        "6.2.0",
        -5,
        GROW,
        Keys::one(STORED).and(Keys::at(2, ACCESS)),
        "Stores a part of a sorted set.",
        Handler::Data(zrangestore),
    ),
    spec(
        "zunionstore",
        "2.0.0",
        -4,
        GROW,
        COUNTED,
        "Stores what any of the sorted sets has.",
        Handler::Data(|data, args| store(data, args, Algebra::Union, "zunionstore")),
    ),
];

fn zrangestore<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let request = Request::parse(args, 2, Offer::STORED_RANGE)?;
    let met = data.reading(|data| data.meet(request.key));
    let shape = data.keyspace.shape();
    let mut result = SortedSet::new();
    if let Some(set) = held::<SortedSet>(data.keyspace, data.db, met, request.key)? {
        let (members, _) = request.of(set);
        members.for_each(|(member, score)| result.set(&shape, member, score));
    }
    Ok(put(data, args.get(1), result, "zrangestore"))
}

fn store<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    algebra: Algebra,
    name: &'static str,
) -> Result<Outcome, CommandError<'a>> {
    let (members, _) = data.reading(|data| combine(data, args, 2, algebra, name))?;
    let shape = data.keyspace.shape();
    let mut result = SortedSet::new();
    members.iter().for_each(|(member, score)| result.set(&shape, member, *score));
    Ok(put(data, args.get(1), result, name))
}

/// The key holds `result` and nothing else; without a member it goes. `event` is what came of it.
fn put(data: &mut Data<'_>, key: &[u8], result: SortedSet, event: &'static str) -> Outcome {
    data.reply.int(result.len() as i64);
    if result.is_empty() {
        let hash = data.keyspace.hash(key);
        return outcome(usize::from(data.delete(hash, key)));
    }
    let (hash, _) = data.meet(key);
    data.keyspace.set_value(data.db, hash, key, result.into_value(), None);
    data.note(Event::sorted_set(event), key);
    Outcome::Propagate
}

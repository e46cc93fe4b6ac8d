//! Sorted sets together, and sets as such of which each member has the score one: `ZUNION ZINTER
//! ZDIFF ZINTERCARD`. To store what comes of it: the file `store`.

use alloc::vec::Vec;

use super::{
    super::collection::count, ACCESS, Args, CommandError, Data, DataError, Handler, Keys, Outcome,
    READ, Scores, SortedSetRef, Spec, integer, is_word, spec,
};
use crate::{
    base::{float::parse_score, number::DIGITS_MAX},
    command::{Misses, Sight},
    keyspace::{DbIndex, KeyHash, Keyspace},
    value::{Set, Shape, SortedSet, View, in_order},
};

const COUNTED: Keys = Keys::counted(1, ACCESS);

pub(in crate::command) const SPECS: &[Spec] = &[
    spec(
        "zdiff",
        "6.2.0",
        -3,
        READ,
        COUNTED,
        "Lists what the first sorted set has and no other.",
        Handler::Data(|data, args| show(data, args, Algebra::Difference, "zdiff")),
    ),
    spec(
        "zinter",
        "6.2.0",
        -3,
        READ,
        COUNTED,
        "Lists what all of the sorted sets have.",
        Handler::Data(|data, args| show(data, args, Algebra::Intersection, "zinter")),
    ),
    spec(
        "zintercard",
        "7.0.0",
        -3,
        READ,
        COUNTED,
        "Counts what all of the sorted sets have.",
        Handler::Data(zintercard),
    ),
    spec(
        "zunion",
        "6.2.0",
        -3,
        READ,
        COUNTED,
        "Lists what any of the sorted sets has.",
        Handler::Data(|data, args| show(data, args, Algebra::Union, "zunion")),
    ),
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Algebra {
    Union,
    Intersection,
    Difference,
}

/// What becomes of the scores of one member.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    // redis: t_zset.c, zunionInterAggregate
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Sum => number(one + other),
            Self::Min if other < one => other,
            Self::Max if other > one => other,
            Self::Min | Self::Max => one,
        }
    }
}

/// Infinity and its opposite have no sum: it counts as zero, as does infinity times zero.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// One of the sets.
#[derive(Clone, Copy)]
enum Input<'a> {
    Missing,
    Set(&'a Set),
    SortedSet(SortedSetRef<'a>),
}

impl<'a> Input<'a> {
    /// What `key`, which was met, holds.
    fn find(
        keyspace: &'a Keyspace,
        db: DbIndex,
        (hash, sight): (KeyHash, Sight),
        key: &[u8],
    ) -> Result<Self, CommandError<'static>> {
        let found = match sight {
            Sight::Hidden => None,
            Sight::AsFound => keyspace.find(db, hash, key),
        };
        match found.map(|entry| entry.view()) {
            None => Ok(Self::Missing),
            Some(View::Set(set)) => Ok(Self::Set(set)),
            Some(View::SortedSet(set)) => Ok(Self::SortedSet(set)),
            Some(View::String(_) | View::List(_) | View::Hash(_)) => Err(CommandError::WrongType),
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Missing => 0,
            Self::Set(set) => set.len(),
            Self::SortedSet(set) => set.len(),
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Missing => None,
            Self::Set(set) => set.contains(member).then_some(1.0),
            Self::SortedSet(set) => set.score(member),
        }
    }

    /// Visits members with their scores while `visit` says so.
    fn each(self, mut visit: impl FnMut(&[u8], f64) -> Visit) {
        match self {
            Self::Missing => {}
            Self::Set(set) => {
                let mut digits = [0; DIGITS_MAX];
                let _ = set.iter().find(|item| visit(item.text(&mut digits), 1.0) == Visit::Enough);
            }
            Self::SortedSet(set) => {
                let _ = set.iter().find(|(member, score)| visit(member, *score) == Visit::Enough);
            }
        }
    }
}

/// Whether a visitor has seen enough.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    More,
    Enough,
}

/// What a command is asked for, behind its keys.
struct Options {
    weights: Option<Vec<f64>>,
    aggregate: Aggregate,
    scores: Scores,
    limit: usize,
}

/// What the options of a command are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Offer {
    Shown(Algebra),
    Stored(Algebra),
    Counted,
}

impl Options {
    // redis: t_zset.c, zunionInterDiffGenericCommand
    fn parse(
        args: Args<'_>,
        mut at: usize,
        keys: usize,
        offer: Offer,
    ) -> Result<Self, CommandError<'_>> {
        let mut options = Self {
            weights: None,
            aggregate: Aggregate::Sum,
            scores: Scores::Hidden,
            limit: usize::MAX,
        };
        let weighs = match offer {
            Offer::Shown(algebra) | Offer::Stored(algebra) => algebra != Algebra::Difference,
            Offer::Counted => false,
        };
        while let Some(option) = args.try_get(at) {
            at += 1;
            let left = args.len() - at;
            if weighs && left >= keys && is_word(option, "WEIGHTS") {
                let weights = args.iter().skip(at).take(keys).map(parse_score);
                let weights = weights.collect::<Option<_>>().ok_or(DataError::WeightNotFloat)?;
                options.weights = Some(weights);
                at += keys;
            } else if weighs && left >= 1 && is_word(option, "AGGREGATE") {
                options.aggregate = aggregate(args.get(at))?;
                at += 1;
            } else if matches!(offer, Offer::Shown(_)) && is_word(option, "WITHSCORES") {
                options.scores = Scores::Shown;
            } else if offer == Offer::Counted && left >= 1 && is_word(option, "LIMIT") {
                let limit = count(args.get(at)).map_err(|_| CommandError::Negative("LIMIT"))?;
                // Zero is no limit.
                options.limit = if limit == 0 { usize::MAX } else { limit };
                at += 1;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

fn aggregate(word: &[u8]) -> Result<Aggregate, CommandError<'static>> {
    match () {
        () if is_word(word, "SUM") => Ok(Aggregate::Sum),
        () if is_word(word, "MIN") => Ok(Aggregate::Min),
        () if is_word(word, "MAX") => Ok(Aggregate::Max),
        () => Err(CommandError::Syntax),
    }
}

/// The sets, with their weights, and the options. The number of keys is at `number_at`.
fn inputs<'a, 'k>(
    data: &'k mut Data<'_>,
    args: Args<'a>,
    number_at: usize,
    offer: Offer,
    name: &'static str,
) -> Result<(Vec<(Input<'k>, f64)>, Options), CommandError<'a>> {
    let number = integer(args.get(number_at))?;
    let Ok(number @ 1..) = usize::try_from(number) else {
        return Err(CommandError::NoInputKey(name));
    };
    let keys = args.skip(number_at + 1);
    if number > keys.len() {
        return Err(CommandError::Syntax);
    }
    // Meeting a key may delete it: all of them first, since then the sets stay where they are.
    let mut met = Vec::with_capacity(number);
    for key in keys.iter().take(number) {
        let one = data.meet(key);
        if data.misses == Misses::Told {
            // What comes behind a key of another type is not looked for.
            Input::find(data.keyspace, data.db, one, key)?;
        }
        met.push((one, key));
    }
    let data = &*data;
    let find = |(met, key)| Input::find(data.keyspace, data.db, met, key);
    let inputs: Vec<Input<'k>> = met.into_iter().map(find).collect::<Result<_, _>>()?;
    let options = Options::parse(args, number_at + 1 + number, number, offer)?;
    let weight = |index: usize| {
        let weights = options.weights.as_ref();
        weights.and_then(|weights| weights.get(index)).copied().unwrap_or(1.0)
    };
    let inputs = inputs.into_iter().enumerate();
    let inputs = inputs.map(|(index, input)| (input, weight(index))).collect();
    Ok((inputs, options))
}

/// Members with their scores.
type Combined = Vec<(Vec<u8>, f64)>;

/// What comes of the sets, in order.
pub(super) fn combine<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    number_at: usize,
    algebra: Algebra,
    name: &'static str,
) -> Result<(Combined, Scores), CommandError<'a>> {
    let offer = if number_at == 1 { Offer::Shown(algebra) } else { Offer::Stored(algebra) };
    let shape = data.keyspace.shape();
    let (inputs, options) = inputs(data, args, number_at, offer, name)?;
    let mut combined = match algebra {
        Algebra::Union => union(inputs, options.aggregate, &shape),
        Algebra::Intersection => {
            let mut members = Combined::new();
            intersection(inputs, options.aggregate, |member, score| {
                members.push((member.to_vec(), score));
                Visit::More
            });
            members
        }
        Algebra::Difference => difference(&inputs),
    };
    combined.sort_by(|(one, score), (other, other_score)| {
        in_order((one, *score), (other, *other_score))
    });
    Ok((combined, options.scores))
}

fn union(mut inputs: Vec<(Input<'_>, f64)>, aggregate: Aggregate, shape: &Shape) -> Combined {
    // Scores are added from the smallest set to the largest: their sum may hang on the order.
    inputs.sort_by_key(|(input, _)| input.len());
    let mut places = SortedSet::new();
    // A member is found by its name: the scores of this set are places in the array.
    let large = Shape { zset_entries_max: 0, ..*shape };
    let mut combined = Combined::new();
    for (input, weight) in inputs {
        input.each(|member, score| {
            let score = number(score * weight);
            places.update(&large, member, |place| match place {
                Some(place) => {
                    let (_, old) = &mut combined[place as usize];
                    *old = aggregate.of(*old, score);
                    None
                }
                None => {
                    combined.push((member.to_vec(), score));
                    Some((combined.len() - 1) as f64)
                }
            });
            Visit::More
        });
    }
    combined
}

fn intersection(
    mut inputs: Vec<(Input<'_>, f64)>,
    aggregate: Aggregate,
    mut visit: impl FnMut(&[u8], f64) -> Visit,
) {
    inputs.sort_by_key(|(input, _)| input.len());
    let Some(((smallest, weight), others)) = inputs.split_first() else { return };
    smallest.each(|member, score| {
        let first = number(score * weight);
        let score = others.iter().try_fold(first, |sum, (input, weight)| {
            Some(aggregate.of(sum, input.score(member)? * weight))
        });
        score.map_or(Visit::More, |score| visit(member, score))
    });
}

fn difference(inputs: &[(Input<'_>, f64)]) -> Combined {
    let mut members = Combined::new();
    let Some(((first, _), others)) = inputs.split_first() else { return members };
    first.each(|member, score| {
        if !others.iter().any(|(input, _)| input.score(member).is_some()) {
            members.push((member.to_vec(), score));
        }
        Visit::More
    });
    members
}

fn show<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    algebra: Algebra,
    name: &'static str,
) -> Result<Outcome, CommandError<'a>> {
    let (members, scores) = combine(data, args, 1, algebra, name)?;
    scores.head(&mut data.reply, members.len());
    members.iter().for_each(|(member, score)| scores.member(&mut data.reply, (member, *score)));
    Ok(Outcome::Unchanged)
}

fn zintercard<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let mut found = 0;
    let (inputs, options) = inputs(data, args, 1, Offer::Counted, "zintercard")?;
    intersection(inputs, Aggregate::Sum, |_, _| {
        found += 1;
        if found >= options.limit { Visit::Enough } else { Visit::More }
    });
    data.reply.int(found as i64);
    Ok(Outcome::Unchanged)
}

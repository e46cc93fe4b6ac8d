//! `ZADD ZINCRBY`: members come, and their scores change.

use super::{
    super::collection::change_or_create_told, Args, CommandError, Data, DataError, Outcome,
    SortedSet, is_word, outcome,
};
use crate::{
    base::float::parse_score,
    keyspace::{Change, Event},
};

/// The options of `ZADD`.
#[derive(Clone, Copy, Default)]
struct Options {
    /// Only new members.
    nx: bool,
    /// Only members that are there.
    xx: bool,
    /// Only scores that become higher.
    gt: bool,
    /// Only scores that become lower.
    lt: bool,
    /// Changed scores count as well.
    ch: bool,
    /// The score is added to the old one.
    incr: bool,
}

impl Options {
    /// The options, and the place of the first score.
    // redis: t_zset.c, zaddGenericCommand
    fn parse(args: Args<'_>) -> Result<(Self, usize), CommandError<'_>> {
        let (mut options, mut at) = (Self::default(), 2);
        while let Some(option) = args.try_get(at) {
            let flag = match () {
                () if is_word(option, "NX") => &mut options.nx,
                () if is_word(option, "XX") => &mut options.xx,
                () if is_word(option, "CH") => &mut options.ch,
                () if is_word(option, "INCR") => &mut options.incr,
                () if is_word(option, "GT") => &mut options.gt,
                () if is_word(option, "LT") => &mut options.lt,
                () => break,
            };
            *flag = true;
            at += 1;
        }
        let pairs = args.len() - at;
        if pairs == 0 || !pairs.is_multiple_of(2) {
            return Err(CommandError::Syntax);
        }
        let Self { nx, xx, gt, lt, incr, .. } = options;
        if nx && xx {
            return Err(DataError::NxWithXx.into());
        }
        if (gt && (nx || lt)) || (lt && nx) {
            return Err(DataError::GtWithLtOrNx.into());
        }
        if incr && pairs > 2 {
            return Err(DataError::SeveralIncrements.into());
        }
        Ok((options, at))
    }

    /// What becomes of a score. No score: all stays as it is.
    // redis: t_zset.c, zsetAdd
    fn decide(self, old: Option<f64>, given: f64) -> Decision {
        let Some(old) = old else {
            return if self.xx { Decision::Refused } else { Decision::Added(given) };
        };
        if self.nx {
            return Decision::Refused;
        }
        let score = if self.incr { old + given } else { given };
        if score.is_nan() {
            return Decision::NotANumber;
        }
        if (self.lt && score >= old) || (self.gt && score <= old) {
            return Decision::Refused;
        }
        if score == old { Decision::Same(score) } else { Decision::Changed(score) }
    }
}

/// What becomes of one member.
#[derive(Clone, Copy)]
enum Decision {
    Added(f64),
    Changed(f64),
    /// It has that score already.
    Same(f64),
    /// An option says no.
    Refused,
    /// Infinity and its opposite have no sum.
    NotANumber,
}

/// What became of all members.
#[derive(Clone, Copy, Default)]
struct Tally {
    added: usize,
    changed: usize,
    /// The score of the last member that no option refused.
    score: Option<f64>,
    sums_to_nothing: bool,
}

impl Tally {
    /// Notes a decision; the score to be set, if any.
    fn note(&mut self, decision: Decision) -> Option<f64> {
        match decision {
            Decision::Added(score) => {
                self.added += 1;
                self.score = Some(score);
                Some(score)
            }
            Decision::Changed(score) => {
                self.changed += 1;
                self.score = Some(score);
                Some(score)
            }
            Decision::Same(score) => {
                self.score = Some(score);
                None
            }
            Decision::Refused => None,
            Decision::NotANumber => {
                self.sums_to_nothing = true;
                None
            }
        }
    }
}

pub(super) fn zadd<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (options, at) = Options::parse(args)?;
    add(data, args, options, at)
}

pub(super) fn zincrby<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
) -> Result<Outcome, CommandError<'a>> {
    // Redis reads it as a `ZADD`, to which there is a score too few if the increment is an option.
    let (options, at) = Options::parse(args)?;
    add(data, args, Options { incr: true, ..options }, at)
}

/// Adds the members whose scores begin at `at`.
fn add<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    options: Options,
    at: usize,
) -> Result<Outcome, CommandError<'a>> {
    // All scores are looked at before anything is changed, and are read again then: keeping them
    // would take memory.
    if args.iter().skip(at).step_by(2).any(|score| parse_score(score).is_none()) {
        return Err(DataError::NotFloat.into());
    }
    let key = args.get(1);
    let (hash, _) = data.meet(key);
    let shape = data.keyspace.shape();
    let mut tally = Tally::default();
    let event = Event::sorted_set(if options.incr { "zincr" } else { "zadd" });
    change_or_create_told(data.keyspace, data.db, (hash, key), event, |set: &mut SortedSet| {
        let mut pairs = args.iter().skip(at);
        while let (Some(score), Some(member)) = (pairs.next(), pairs.next()) {
            let given = parse_score(score).unwrap_or_default();
            set.update(&shape, member, |old| tally.note(options.decide(old, given)));
        }
        let made = if tally.added + tally.changed > 0 { Change::Made } else { Change::None };
        ((), made)
    })?;
    if tally.sums_to_nothing {
        return Err(DataError::ScoreNotANumber.into());
    }
    match tally.score {
        _ if !options.incr => {
            let changed = if options.ch { tally.changed } else { 0 };
            data.reply.int((tally.added + changed) as i64);
        }
        Some(score) => data.reply.double(score),
        None => data.reply.null(),
    }
    Ok(outcome(tally.added + tally.changed))
}

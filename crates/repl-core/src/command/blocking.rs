//! What a command leaves behind that waits for a key: what it waits for, and what it takes once
//! that is there.
//!
//! A handler that finds nothing returns [`Outcome::Block`](super::Outcome::Block). Whether the
//! client may wait, and how long it has, is not decided here: inside a transaction, and in the
//! stream of our master, nobody does.

use alloc::{boxed::Box, vec::Vec};
use core::time::Duration;

use super::{
    CommandError, Data, Outcome, SessionError, list::ListClaim, sorted_set::SortedSetClaim,
};
use crate::{base::extended::Extended, resp::Reply, value::Kind};

/// A command that found nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// The keys it waits for, of the selected database.
    pub keys: Vec<Box<[u8]>>,
    /// How long; `None` for ever.
    pub patience: Option<Duration>,
    /// What it will take.
    pub claim: Claim,
}

/// What a command takes of a key that becomes ready.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// Elements of a list.
    List(ListClaim),
    /// Members of a sorted set.
    SortedSet(SortedSetClaim),
}

/// Whether a key had what was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// It had: there is a reply, and replicas have been told.
    Done,
    /// It had not. There is no reply.
    NothingThere,
}

impl Claim {
    /// The type of the value it waits for.
    pub fn kind(&self) -> Kind {
        match self {
            Self::List(_) => Kind::List,
            Self::SortedSet(_) => Kind::SortedSet,
        }
    }

    /// Takes from `key` what was claimed.
    ///
    /// # Errors
    /// When there is something that cannot be taken. The wait is over all the same.
    pub fn serve(&self, data: &mut Data<'_>, key: &[u8]) -> Result<Served, CommandError<'static>> {
        match self {
            Self::List(claim) => claim.serve(data, key),
            Self::SortedSet(claim) => claim.serve(data, key),
        }
    }

    /// The reply to a client that may not wait.
    pub fn refuse(&self, reply: &mut Reply<'_>) {
        match self {
            Self::List(claim) => claim.refuse(reply),
            Self::SortedSet(claim) => claim.refuse(reply),
        }
    }
}

/// Takes from the first of `keys` that has something; waits for all of them when none has.
pub(super) fn take_or_block<'a>(
    data: &mut Data<'_>,
    keys: impl Iterator<Item = &'a [u8]> + Clone,
    timeout: &[u8],
    claim: Claim,
) -> Result<Outcome, CommandError<'a>> {
    let patience = patience(timeout)?;
    for key in keys.clone() {
        if claim.serve(data, key)? == Served::Done {
            return Ok(Outcome::Rewritten);
        }
    }
    let keys: Vec<Box<[u8]>> = keys.map(Box::from).collect();
    Ok(Outcome::Block(Box::new(Block { keys, patience, claim })))
}

/// A timeout in seconds, with fractions; zero means for ever.
// redis: timeout.c, getTimeoutFromObjectOrReply
pub(super) fn patience(text: &[u8]) -> Result<Option<Duration>, CommandError<'static>> {
    let secs = Extended::parse(text).ok_or(SessionError::TimeoutNotFloat);
    let secs = secs.map_err(CommandError::Session)?;
    // What 64 bits do not hold becomes their smallest number in Redis.
    let millis = secs.to_millis().and_then(|millis| u64::try_from(millis).ok());
    let millis = millis.ok_or(CommandError::Session(SessionError::TimeoutNegative))?;
    Ok((millis > 0).then(|| Duration::from_millis(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<Option<u64>, &str>) {
        let got = patience(text.as_bytes())
            .map(|span| span.map(|span| u64::try_from(span.as_millis()).expect("it was 64 bits")))
            .map_err(|error| alloc::format!("{error}"));
        assert_eq!(got, expect.map_err(|error| alloc::format!("ERR {error}")), "{text}");
    }

    /// As redis-server 7.0.15 took them.
    #[test]
    fn timeouts_are_seconds_with_fractions_rounded_up() {
        for (text, millis) in [("0.1", 100), ("1", 1000), ("+1", 1000), ("0x10", 16_000)] {
            check(text, Ok(Some(millis)));
        }
        for (text, millis) in [("1e-5", 1), ("0.0011", 2), ("2.5", 2500), ("1e-4000", 1)] {
            check(text, Ok(Some(millis)));
        }
        check("9223372036854775", Ok(Some(9_223_372_036_854_775_000)));
        check("9223372036854775.8", Ok(Some(9_223_372_036_854_775_800)));
        for text in ["0", "-0", "-0.0001", "-0.001", "0.0"] {
            check(text, Ok(None));
        }
        for text in ["-1", "-0.5", "-0.002", "inf", "-inf", "1e400", "9223372036854776"] {
            check(text, Err("timeout is negative"));
        }
        for text in ["", "x", "nan", " 1", "1 ", "1_0", "1e5000"] {
            check(text, Err("timeout is not a float or out of range"));
        }
    }
}

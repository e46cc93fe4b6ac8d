//! What the commands on lists, sets, sorted sets and hashes share: finding a value of their type,
//! changing it, and removing its key with its last element; scans of elements. Knows none of the
//! commands.

use alloc::collections::BTreeSet;

use super::{CommandError, Data, DataError, Outcome, Sight, is_word, keys::scan::parse_cursor};
use crate::{
    base::{
        glob::{self, Case},
        number::parse_i64,
        rng::Rng,
    },
    keyspace::{Change, DbIndex, Event, KeyHash, Keyspace},
    resp::Args,
    value::Collection,
};

/// The collection under `key`, which was met: an error when the key holds something else.
pub(super) fn held<'k, C: Collection>(
    keyspace: &'k Keyspace,
    db: DbIndex,
    (hash, sight): (KeyHash, Sight),
    key: &[u8],
) -> Result<Option<C::Ref<'k>>, CommandError<'static>> {
    match sight {
        Sight::Hidden => Ok(None),
        Sight::AsFound => match keyspace.find(db, hash, key) {
            Some(entry) => Ok(Some(entry.collection::<C>()?)),
            None => Ok(None),
        },
    }
}

/// When a change counts as one, and what is told of it then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// When there are more or fewer elements than before: elements are only added or removed.
    ByLength(Event),
    /// Always: elements are replaced or change their places.
    Always(Event),
}

impl Counts {
    const fn event(self) -> Event {
        match self {
            Self::ByLength(event) | Self::Always(event) => event,
        }
    }
}

/// Changes the collection under `key`, which was met, if there is one. A collection that loses its
/// last element goes with its key.
pub(super) fn change<C: Collection, R>(
    keyspace: &mut Keyspace,
    db: DbIndex,
    at: (KeyHash, &[u8]),
    counts: Counts,
    change: impl FnOnce(&mut C) -> R,
) -> Result<Option<Changed<R>>, CommandError<'static>> {
    change_told(keyspace, db, at, counts.event(), counted(counts, change))
}

/// A change that tells whether it counts.
fn counted<C: Collection, R>(
    counts: Counts,
    change: impl FnOnce(&mut C) -> R,
) -> impl FnOnce(&mut C) -> (R, Change) {
    move |collection| {
        let before = collection.len();
        let result = change(collection);
        let made = match counts {
            Counts::ByLength(_) if collection.len() == before => Change::None,
            Counts::ByLength(_) | Counts::Always(_) => Change::Made,
        };
        (result, made)
    }
}

/// Like [`change`], for a change that knows itself whether it counts.
fn change_told<C: Collection, R>(
    keyspace: &mut Keyspace,
    db: DbIndex,
    (hash, key): (KeyHash, &[u8]),
    event: Event,
    change: impl FnOnce(&mut C) -> (R, Change),
) -> Result<Option<Changed<R>>, CommandError<'static>> {
    let changed = keyspace.update_if(db, hash, key, |entry| {
        let changed = entry.change(key, |collection: &mut C| {
            let (result, made) = change(collection);
            let fate = if collection.is_empty() { Fate::Gone } else { Fate::Stays };
            (Changed { result, fate }, made)
        });
        match changed {
            Ok((changed, made)) => (Ok((changed, made)), made),
            Err(wrong) => (Err(wrong), Change::None),
        }
    });
    let Some((changed, made)) = changed.transpose()? else { return Ok(None) };
    if made == Change::Made {
        keyspace.note(db, event, key);
    }
    if changed.fate == Fate::Gone {
        keyspace.remove(db, hash, key);
        keyspace.note(db, Event::DEL, key);
    }
    Ok(Some(changed))
}

/// Changes the collection under `key`, which was met, or a new one. Nothing comes of a new one that
/// stays without elements.
pub(super) fn change_or_create<C: Collection, R>(
    keyspace: &mut Keyspace,
    db: DbIndex,
    at: (KeyHash, &[u8]),
    counts: Counts,
    mut change: impl FnMut(&mut C) -> R,
) -> Result<R, CommandError<'static>> {
    change_or_create_told(keyspace, db, at, counts.event(), |collection| {
        counted(counts, &mut change)(collection)
    })
}

/// Like [`change_or_create`], for a change that knows itself whether it counts.
pub(super) fn change_or_create_told<C: Collection, R>(
    keyspace: &mut Keyspace,
    db: DbIndex,
    (hash, key): (KeyHash, &[u8]),
    event: Event,
    mut change: impl FnMut(&mut C) -> (R, Change),
) -> Result<R, CommandError<'static>> {
    if let Some(changed) = change_told(keyspace, db, (hash, key), event, &mut change)? {
        return Ok(changed.result);
    }
    let mut fresh = C::empty();
    let (result, _) = change(&mut fresh);
    if !fresh.is_empty() {
        keyspace.set_value(db, hash, key, fresh.into_value(), None);
        keyspace.note(db, event, key);
    }
    Ok(result)
}

/// What a change did.
pub(super) struct Changed<R> {
    /// What the change itself returned.
    pub(super) result: R,
    /// What became of the key.
    pub(super) fate: Fate,
}

/// What became of a key when its value changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    Gone,
}

/// `Propagate` if something changed.
pub(super) const fn outcome(changes: usize) -> Outcome {
    if changes > 0 { Outcome::Propagate } else { Outcome::Unchanged }
}

/// A number of elements or a cursor that a client gave as an integer.
pub(super) fn integer(text: &[u8]) -> Result<i64, CommandError<'static>> {
    parse_i64(text).ok_or(CommandError::NotInteger)
}

/// A count that must not be negative.
// redis: object.c, getPositiveLongFromObjectOrReply
pub(super) fn count(text: &[u8]) -> Result<usize, CommandError<'static>> {
    let number = parse_i64(text).ok_or(DataError::NotPositive)?;
    usize::try_from(number).map_err(|_| DataError::NotPositive.into())
}

/// The number of keys that a command announces, which must be above zero.
pub(super) fn key_count(text: &[u8]) -> Result<usize, CommandError<'static>> {
    let number = parse_i64(text).filter(|number| *number > 0);
    let number = number.ok_or(CommandError::NotAboveZero("numkeys"))?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

/// How many of `len` elements a client gets that asks for `count` random ones: different ones, or
/// for a negative count any.
pub(super) fn drawn(len: usize, count: i64) -> usize {
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 { wanted } else { wanted.min(len) }
}

/// Draws numbers below `len` as `drawn` says.
pub(super) fn draw(rng: &mut Rng, len: usize, count: i64, mut visit: impl FnMut(usize)) {
    let wanted = drawn(len, count);
    if count < 0 {
        (0..wanted).for_each(|_| visit(draw_one(rng, len)));
    } else if wanted == len {
        (0..len).for_each(visit);
    } else {
        // Floyd's sampling: each of the combinations is as likely as any other.
        let mut chosen = BTreeSet::new();
        for last in len - wanted..len {
            let one = draw_one(rng, last + 1);
            if !chosen.insert(one) {
                chosen.insert(last);
            }
        }
        chosen.into_iter().for_each(visit);
    }
}

/// A number below `len`, which is not zero.
pub(super) fn draw_one(rng: &mut Rng, len: usize) -> usize {
    // Lossless: it is below a number that fits.
    rng.below(len as u64) as usize
}

/// A count of random elements: negative for any instead of different ones.
// redis: object.c, getRangeLongFromObjectOrReply
pub(super) fn random_count(text: &[u8]) -> Result<i64, CommandError<'static>> {
    match integer(text)? {
        i64::MIN => Err(DataError::OutOfSymmetricRange.into()),
        number => Ok(number),
    }
}

/// What a scan of elements is asked for.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    /// Where it goes on; zero for the beginning.
    pub(super) cursor: u64,
    /// How many elements it should look at.
    pub(super) count: usize,
    pattern: Option<&'a [u8]>,
}

impl<'a> Scan<'a> {
    /// The cursor alone: options are looked at when the key exists.
    pub(super) fn cursor(text: &[u8]) -> Result<u64, CommandError<'static>> {
        Ok(parse_cursor(text)?.0)
    }

    /// Cursor and options of `SSCAN` and `HSCAN`.
    // redis: db.c, scanGenericCommand
    pub(super) fn parse(args: Args<'a>) -> Result<Self, CommandError<'a>> {
        let mut scan = Self { cursor: Self::cursor(args.get(2))?, count: 10, pattern: None };
        let mut at = 3;
        while let Some(option) = args.try_get(at) {
            let value = args.try_get(at + 1).ok_or(CommandError::Syntax)?;
            if is_word(option, "COUNT") {
                let number = integer(value)?;
                scan.count = match usize::try_from(number) {
                    Ok(number @ 1..) => number,
                    Ok(0) | Err(_) => return Err(CommandError::Syntax),
                };
            } else if is_word(option, "MATCH") {
                scan.pattern = (value != b"*").then_some(value);
            } else {
                return Err(CommandError::Syntax);
            }
            at += 2;
        }
        Ok(scan)
    }

    /// Whether an element of this name is wanted.
    pub(super) fn wants(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Sensitive))
    }
}

impl Data<'_> {
    /// The reply to a scan of a key that does not exist.
    pub(super) fn reply_no_elements(&mut self) {
        self.reply.array_len(2);
        self.reply.bulk(b"0");
        self.reply.array_len(0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use crate::keyspace::DbIndex;

    /// Whether `WATCH` of a key sees what a command does to it.
    fn is_seen(bench: &mut Bench, line: &str) -> bool {
        let watch = bench.keyspace.watch(DbIndex(0), b"k", bench.now);
        bench.run(line);
        let changed = bench.keyspace.has_changed(&watch, bench.now);
        bench.keyspace.unwatch(watch);
        changed
    }

    #[test]
    fn who_watches_hears_of_changes_and_of_nothing_else() {
        let mut bench = Bench::new();
        for (line, seen) in [
            ("RPUSH k a b", true),
            ("LREM k 1 x", false),
            // redis: t_list.c, ltrimCommand signals whatever it did
            ("LTRIM k 0 -1", true),
            ("LSET k 0 c", true),
            ("LMOVE k k LEFT RIGHT", true),
            ("LPOP k 0", false),
            ("LPOP k 9", true),
            ("SADD k 1", true),
            ("SADD k 1", false),
            ("SREM k 2", false),
            ("SMOVE k other 1", true),
            ("HSET k f v", true),
            ("HSET k f v", true),
            ("HDEL k g", false),
            ("HINCRBY k n 0", true),
            ("ZADD k 1 m", false),
            ("HINCRBY k f 1", false),
            ("LPUSH k x", false),
            ("INCR k", false),
            ("DEL k", true),
            ("ZADD k XX 1 m", false),
            ("ZADD k 1 m 2 n 3 o", true),
            ("ZADD k 1 m", false),
            ("ZADD k 2 m", true),
            ("ZADD k NX 3 m", false),
            ("ZADD k INCR 1 m", true),
            ("ZINCRBY k 0 m", false),
            ("ZREM k x", false),
            ("ZREM k m", true),
            ("ZREMRANGEBYSCORE k 8 9", false),
            ("ZPOPMIN k 0", false),
            ("ZPOPMIN k", true),
            ("SORT_RO k ALPHA", false),
            ("ZRANGESTORE k none 0 -1", true),
            ("SET k 9223372036854775807", true),
            ("INCR k", false),
            ("INCRBY k -1", true),
        ] {
            assert_eq!(is_seen(&mut bench, line), seen, "{line}");
        }
    }
}

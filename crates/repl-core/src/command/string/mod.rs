//! Strings: `SET GET INCR DECR INCRBY DECRBY APPEND STRLEN` here, the rest in files by subject.

pub(super) mod float;
pub(super) mod lcs;
pub(super) mod many;
pub(super) mod range;
pub(super) mod variants;

use alloc::vec::Vec;

use super::{Access, CommandError, Data, Flags, Handler, Key, Keys, Outcome, Sight, Spec, is_word};
use crate::{
    base::{
        number::{DIGITS_MAX, format_i64, parse_i64},
        time::UnixMillis,
    },
    keyspace::{Change, Entry, Event, WrongType},
    resp::Args,
};

const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM);
const RW: Access = &["RW", "access", "update"];

pub(super) const SPECS: &[Spec] = &[
    Spec {
        name: "append",
        since: "2.0.0",
        arity: 3,
        flags: WRITE.and(Flags::FAST),
        keys: Keys::one(&["RW", "insert"]),
        group: "string",
        categories: &["@string"],
        summary: "Adds bytes to the end of a string.",
        handler: Handler::Data(append),
        ..Spec::PLAIN
    },
    Spec {
        name: "decr",
        since: "1.0.0",
        arity: 2,
        flags: WRITE.and(Flags::FAST),
        keys: Keys::one(RW),
        group: "string",
        categories: &["@string"],
        summary: "Subtracts one from a number.",
        handler: Handler::Data(|data, args| add(data, args, -1)),
        ..Spec::PLAIN
    },
    Spec {
        name: "decrby",
        since: "1.0.0",
        arity: 3,
        flags: WRITE.and(Flags::FAST),
        keys: Keys::one(RW),
        group: "string",
        categories: &["@string"],
        summary: "Subtracts from a number.",
        handler: Handler::Data(|data, args| {
            let amount = parse_i64(args.get(2)).ok_or(CommandError::NotInteger)?;
            add(data, args, amount.checked_neg().ok_or(CommandError::DecrementOverflow)?)
        }),
        ..Spec::PLAIN
    },
    Spec {
        name: "get",
        since: "1.0.0",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: Keys::one(&["RO", "access"]),
        group: "string",
        categories: &["@string"],
        summary: "Reads a string.",
        handler: Handler::Data(get),
        ..Spec::PLAIN
    },
    Spec {
        name: "incr",
        since: "1.0.0",
        arity: 2,
        flags: WRITE.and(Flags::FAST),
        keys: Keys::one(RW),
        group: "string",
        categories: &["@string"],
        summary: "Adds one to a number.",
        handler: Handler::Data(|data, args| add(data, args, 1)),
        ..Spec::PLAIN
    },
    Spec {
        name: "incrby",
        since: "1.0.0",
        arity: 3,
        flags: WRITE.and(Flags::FAST),
        keys: Keys::one(RW),
        group: "string",
        categories: &["@string"],
        summary: "Adds to an integer.",
        handler: Handler::Data(|data, args| {
            let amount = parse_i64(args.get(2)).ok_or(CommandError::NotInteger)?;
            add(data, args, amount)
        }),
        ..Spec::PLAIN
    },
    Spec {
        name: "set",
        since: "1.0.0",
        arity: -3,
        flags: WRITE.and(Flags::BRIEF),
        keys: Keys::one(&["RW", "access", "update", "variable_flags"]).found_by(find_key),
        group: "string",
        categories: &["@string"],
        summary: "Sets a string, whatever the key held before.",
        handler: Handler::Data(set),
        ..Spec::PLAIN
    },
    Spec {
        name: "strlen",
        since: "2.2.0",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: Keys::one(&["RO"]),
        group: "string",
        categories: &["@string"],
        summary: "Measures a string.",
        handler: Handler::Data(strlen),
        ..Spec::PLAIN
    },
];

/// `SET` reads its key only with `GET`.
// redis: db.c, setGetKeys
fn find_key(args: Args<'_>) -> Vec<Key> {
    let reads = args.iter().skip(3).any(|option| is_word(option, "GET"));
    let access: Access = if reads { RW } else { &["OW", "update"] };
    Vec::from([Key { at: 1, access }])
}

fn get<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    reply_value(data, args.get(1))?;
    Ok(Outcome::Unchanged)
}

/// Replies with the value of `key`, or with null.
fn reply_value(data: &mut Data<'_>, key: &[u8]) -> Result<(), WrongType> {
    let (hash, sight) = data.meet(key);
    match (sight, data.keyspace.find(data.db, hash, key)) {
        (Sight::AsFound, Some(entry)) => data.reply.bulk(entry.string()?),
        (Sight::AsFound, None) | (Sight::Hidden, _) => data.reply.null(),
    }
    Ok(())
}

fn strlen<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let length =
        data.lookup(args.get(1)).1.map_or(Ok(0), |entry| entry.string().map(<[u8]>::len))?;
    data.reply.int(length as i64);
    Ok(Outcome::Unchanged)
}

/// `SET`'s condition on the key's existence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    IfAbsent,
    IfPresent,
}

/// What `SET` does to the key's expiry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SetExpiry {
    Remove,
    Keep,
    At(UnixMillis),
}

/// What `SET` replies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Ok,
    OldValue,
}

struct SetOptions {
    condition: Condition,
    expiry: SetExpiry,
    answer: Answer,
}

impl SetOptions {
    // redis: t_string.c, parseExtendedStringArgumentsOrReply and getExpireMillisecondsOrReply
    fn parse<'a>(args: Args<'a>, now: UnixMillis) -> Result<Self, CommandError<'a>> {
        let mut options =
            Self { condition: Condition::Always, expiry: SetExpiry::Remove, answer: Answer::Ok };
        // The number is read after the syntax is known to be right, as in Redis.
        let mut deadline: Option<Deadline<'_>> = None;
        let mut at = 3;
        while let Some(option) = args.try_get(at) {
            at += 1;
            if is_word(option, "NX") && options.condition != Condition::IfPresent {
                options.condition = Condition::IfAbsent;
            } else if is_word(option, "XX") && options.condition != Condition::IfAbsent {
                options.condition = Condition::IfPresent;
            } else if is_word(option, "GET") {
                options.answer = Answer::OldValue;
            } else if is_word(option, "KEEPTTL") && deadline.is_none() {
                options.expiry = SetExpiry::Keep;
            } else {
                if options.expiry == SetExpiry::Keep {
                    return Err(CommandError::Syntax);
                }
                deadline = Some(Deadline::parse(option, args.try_get(at), deadline, now)?);
                at += 1;
            }
        }
        if let Some(deadline) = deadline {
            options.expiry = SetExpiry::At(deadline.at("set")?);
        }
        Ok(options)
    }
}

/// An expiry as an option gives it, with its number not yet read.
#[derive(Clone, Copy)]
struct Deadline<'a> {
    word: &'static str,
    number: &'a [u8],
    millis: i64,
    base: UnixMillis,
}

impl<'a> Deadline<'a> {
    /// `option` and its `number`, after the options before gave `earlier`.
    fn parse(
        option: &[u8],
        number: Option<&'a [u8]>,
        earlier: Option<Self>,
        now: UnixMillis,
    ) -> Result<Self, CommandError<'a>> {
        let unit = [
            ("EX", 1000, now),
            ("PX", 1, now),
            ("EXAT", 1000, UnixMillis(0)),
            ("PXAT", 1, UnixMillis(0)),
        ]
        .into_iter()
        .find(|(word, ..)| is_word(option, word));
        let (Some((word, millis, base)), Some(number)) = (unit, number) else {
            return Err(CommandError::Syntax);
        };
        // The same option again replaces the first, as in Redis; another one contradicts it.
        if earlier.is_some_and(|earlier| earlier.word != word) {
            return Err(CommandError::Syntax);
        }
        Ok(Self { word, number, millis, base })
    }

    fn at(self, command: &'static str) -> Result<UnixMillis, CommandError<'a>> {
        expire_time(self.number, self.millis, self.base, command)
    }
}

/// A positive expiry of `number` units of `millis` after `base`.
fn expire_time<'a>(
    number: &'a [u8],
    millis: i64,
    base: UnixMillis,
    command: &'static str,
) -> Result<UnixMillis, CommandError<'a>> {
    let number = parse_i64(number).ok_or(CommandError::NotInteger)?;
    let at = number.checked_mul(millis).and_then(|span| span.checked_add(base.0));
    match at {
        Some(at) if number > 0 && at > 0 => Ok(UnixMillis(at)),
        Some(_) | None => Err(CommandError::InvalidExpire(command)),
    }
}

fn set<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (key, value) = (args.get(1), args.get(2));
    if args.len() == 3 {
        let hash = data.meet_to_replace(key);
        data.keyspace.set(data.db, hash, key, value, None);
        data.note(Event::SET, key);
        data.reply.ok();
        return Ok(Outcome::Propagate);
    }
    let options = SetOptions::parse(args, data.now)?;
    let (hash, old) = data.lookup(key);
    let (exists, old_expiry) = (old.is_some(), old.and_then(|entry| entry.expires_at()));
    if options.answer == Answer::OldValue {
        data.reading(|data| reply_value(data, key))?;
    }
    let refused = match options.condition {
        Condition::Always => false,
        Condition::IfAbsent => exists,
        Condition::IfPresent => !exists,
    };
    if refused {
        if options.answer == Answer::Ok {
            data.reply.null();
        }
        return Ok(Outcome::Unchanged);
    }
    let expires_at = match options.expiry {
        SetExpiry::Remove => None,
        SetExpiry::Keep => old_expiry,
        SetExpiry::At(at) => Some(at),
    };
    data.keyspace.set(data.db, hash, key, value, expires_at);
    data.note(Event::SET, key);
    if options.answer == Answer::Ok {
        data.reply.ok();
    }
    let mut digits = [0; DIGITS_MAX];
    match options.expiry {
        SetExpiry::Remove => data.effects.push(data.db, [b"SET".as_slice(), key, value]),
        SetExpiry::Keep => data.effects.push(data.db, [b"SET".as_slice(), key, value, b"KEEPTTL"]),
        SetExpiry::At(at) => {
            data.note(Event::EXPIRE, key);
            let at = format_i64(&mut digits, at.0);
            data.effects.push(data.db, [b"SET".as_slice(), key, value, b"PXAT", at]);
        }
    }
    Ok(Outcome::Rewritten)
}

fn add<'a>(data: &mut Data<'_>, args: Args<'a>, amount: i64) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let (hash, _) = data.meet(key);
    let mut digits = [0; DIGITS_MAX];
    let reply = &mut data.reply;
    let mut count = |entry: &mut Entry| {
        let old = parse_i64(entry.string()?).ok_or(CommandError::NotInteger)?;
        let new = old.checked_add(amount).ok_or(CommandError::IncrementOverflow)?;
        let text = format_i64(&mut digits, new);
        entry.set_value(text);
        reply.int_text(text);
        Ok::<(), CommandError<'a>>(())
    };
    // A refusal is no change: who watches the key must not hear of it.
    let counted = data.keyspace.update_if(data.db, hash, key, |entry| {
        let counted = count(entry);
        let made = if counted.is_ok() { Change::Made } else { Change::None };
        (counted, made)
    });
    match counted {
        Some(counted) => counted?,
        None => {
            let text = format_i64(&mut digits, amount);
            data.keyspace.set(data.db, hash, key, text, None);
            data.reply.int(amount);
        }
    }
    data.note(Event::string("incrby"), key);
    Ok(Outcome::Propagate)
}

fn append<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (key, tail) = (args.get(1), args.get(2));
    let (hash, found) = data.lookup(key);
    let length = match found.map(|entry| entry.string().map(<[u8]>::len)).transpose()? {
        None => {
            data.keyspace.set(data.db, hash, key, tail, None);
            tail.len()
        }
        Some(length) => {
            let total = length + tail.len();
            if total as u64 > data.value_bytes_max {
                return Err(CommandError::StringTooLong);
            }
            data.keyspace.update(data.db, hash, key, |entry| entry.append(tail)).transpose()?;
            total
        }
    };
    data.note(Event::string("append"), key);
    data.reply.int(length as i64);
    Ok(Outcome::Propagate)
}

#[cfg(test)]
mod tests {
    use super::super::{Expiry, testing::Bench};
    use crate::base::time::UnixMillis;

    #[test]
    fn set_goes_out_as_it_came_unless_it_has_options() {
        let mut bench = Bench::new();
        bench.check("SET k v", "+OK", "SET k v");
        bench.check("SET k w NX", "$-1", "");
        bench.check("SET n w nx", "+OK", "SET n w");
        bench.check("SET k w XX GET", "$1 v", "SET k w");
        bench.check("SET absent w XX GET", "$-1", "");
        bench.check("SET k v NX XX", "-ERR syntax error", "");
        bench.check("SET k v EX", "-ERR syntax error", "");
        bench.check("SET k v EX 1 PX 1", "-ERR syntax error", "");
        bench.check("SET k v KEEPTTL EX 1", "-ERR syntax error", "");
        bench.check("SET k v EX 10 EX 100 KEEPTTL", "-ERR syntax error", "");
        bench.check("SET k v EX 10 EX 100", "+OK", "SET k v PXAT 1100000");
    }

    #[test]
    fn every_expiry_of_set_goes_out_absolute() {
        let mut bench = Bench::new();
        bench.check("SET k v EX 10", "+OK", "SET k v PXAT 1010000");
        bench.check("SET k v PX 10 NX GET", "$1 v", "");
        bench.check("SET k v PX 10", "+OK", "SET k v PXAT 1000010");
        bench.check("SET k v EXAT 2000", "+OK", "SET k v PXAT 2000000");
        bench.check("SET k v PXAT 2000001", "+OK", "SET k v PXAT 2000001");
        bench.check("SET k w KEEPTTL", "+OK", "SET k w KEEPTTL");
        bench.check("PEXPIRETIME k", ":2000001", "");
        bench.check("SET k w", "+OK", "SET k w");
        bench.check("PEXPIRETIME k", ":-1", "");
    }

    #[test]
    fn an_expiry_must_be_a_positive_number_in_range() {
        let mut bench = Bench::new();
        for bad in ["EX 0", "EX -1", "EX 9223372036854775", "PX 9223372036854775807", "PXAT 0"] {
            let error = "-ERR invalid expire time in 'set' command";
            bench.check(&alloc::format!("SET k v {bad}"), error, "");
        }
        bench.check("SET k v EX x", "-ERR value is not an integer or out of range", "");
        bench.check("SET k v PXAT 1", "+OK", "SET k v PXAT 1");
        bench.check("GET k", "$-1", "DEL k");
    }

    #[test]
    fn integers_count_and_keep_their_expiry() {
        let mut bench = Bench::new();
        bench.check("SET n 41 EX 10", "+OK", "SET n 41 PXAT 1010000");
        bench.check("INCR n", ":42", "INCR n");
        bench.check("DECRBY n 50", ":-8", "DECRBY n 50");
        bench.check("PTTL n", ":10000", "");
        bench.check(
            "INCRBY n 9223372036854775807",
            ":9223372036854775799",
            "INCRBY n 9223372036854775807",
        );
        bench.check("INCRBY n 9", "-ERR increment or decrement would overflow", "");
        bench.check("DECRBY n -9223372036854775808", "-ERR decrement would overflow", "");
        bench.check("SET s 01", "+OK", "SET s 01");
        bench.check("INCR s", "-ERR value is not an integer or out of range", "");
    }

    #[test]
    fn an_expired_key_met_by_a_write_is_deleted_first() {
        let mut bench = Bench::new();
        bench.run("SET n 41 PX 10");
        bench.now = UnixMillis(1_000_011);
        bench.check("INCR n", ":1", "DEL n; INCR n");
        bench.run("SET s abc PX 10");
        bench.now = UnixMillis(1_000_022);
        bench.check("APPEND s x", ":1", "DEL s; APPEND s x");
    }

    #[test]
    fn a_replica_hides_expired_keys_and_its_master_sees_them() {
        let mut bench = Bench::new();
        bench.run("SET n 41 PX 10");
        bench.now = UnixMillis(1_000_011);
        bench.expiry = Expiry::Hide;
        bench.check("GET n", "$-1", "");
        bench.check("STRLEN n", ":0", "");
        bench.check("EXISTS n", ":0", "");
        bench.expiry = Expiry::Ignore;
        bench.check("INCR n", ":42", "INCR n");
        bench.check("PEXPIRETIME n", ":1000010", "");
    }

    #[test]
    fn append_is_bounded_by_the_longest_value() {
        let mut bench = Bench::new();
        bench.check("APPEND k abc", ":3", "APPEND k abc");
        bench.check("APPEND k def", ":6", "APPEND k def");
        bench.check("GET k", "$6 abcdef", "");
        let long = "x".repeat(1 << 20);
        let error = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
        bench.check(&alloc::format!("APPEND k {long}"), error, "");
    }
}

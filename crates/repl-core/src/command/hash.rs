//! Hashes: `HSET HMSET HSETNX HGET HMGET HGETALL HKEYS HVALS HDEL HEXISTS HLEN HSTRLEN HINCRBY
//! HINCRBYFLOAT HRANDFIELD HSCAN`.

use alloc::vec::Vec;

use super::{
    Access, CommandError, Data, DataError, Flags, Handler, Keys, Outcome, Spec,
    collection::{
        Counts, Scan, change, change_or_create, draw, draw_one, drawn, held, integer, outcome,
        random_count,
    },
    is_word,
};
use crate::{
    base::{
        extended::Extended,
        number::{DIGITS_MAX, format_i64, parse_i64},
    },
    keyspace::Event,
    resp::{Args, Proto},
    value::{Hash, HashRef, Inserted},
};

const WRITE: Flags = Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST);
const FAST: Flags = Flags::READONLY.and(Flags::FAST);
const UPDATE: Access = &["RW", "update"];
const READ: Access = &["RO"];
const ACCESS: Access = &["RO", "access"];

const fn spec(
    name: &'static str,
    since: &'static str,
    arity: i8,
    flags: Flags,
    access: Access,
    summary: &'static str,
    handler: Handler,
) -> Spec {
    let keys = Keys::one(access);
    Spec {
        name,
        since,
        arity,
        flags,
        keys,
        group: "hash",
        categories: &["@hash"],
        summary,
        handler,
        ..Spec::PLAIN
    }
}

pub(super) const SPECS: &[Spec] = &[
    spec(
        "hdel",
        "2.0.0",
        -3,
        Flags::WRITE.and(Flags::FAST),
        &["RW", "delete"],
        "Deletes fields of a hash.",
        Handler::Data(hdel),
    ),
    spec(
        "hexists",
        "2.0.0",
        3,
        FAST,
        READ,
        "Tells whether a hash has a field.",
        Handler::Data(hexists),
    ),
    spec("hget", "2.0.0", 3, FAST, ACCESS, "Reads a field of a hash.", Handler::Data(hget)),
    spec(
        "hgetall",
        "2.0.0",
        2,
        Flags::READONLY,
        ACCESS,
        "Reads all fields of a hash and their values.",
        Handler::Data(|data, args| all(data, args, Parts::Both)),
    )
    .tips(&["nondeterministic_output_order"]),
    spec(
        "hincrby",
        "2.0.0",
        4,
        WRITE,
        &["RW", "access", "update"],
        "Adds to an integer in a field of a hash.",
        Handler::Data(hincrby),
    ),
    spec(
        "hincrbyfloat",
        "2.6.0",
        4,
        WRITE,
        &["RW", "access", "update"],
        "Adds to a number in a field of a hash.",
        Handler::Data(hincrbyfloat),
    ),
    spec(
        "hkeys",
        "2.0.0",
        2,
        Flags::READONLY,
        ACCESS,
        "Lists the fields of a hash.",
        Handler::Data(|data, args| all(data, args, Parts::Field)),
    )
    .tips(&["nondeterministic_output_order"]),
    spec("hlen", "2.0.0", 2, FAST, READ, "Counts the fields of a hash.", Handler::Data(hlen)),
    spec(
        "hmget",
        "2.0.0",
        -3,
        FAST,
        ACCESS,
        "Reads several fields of a hash.",
        Handler::Data(hmget),
    ),
    spec(
        "hmset",
        "2.0.0",
        -4,
        WRITE,
        UPDATE,
        "Sets several fields of a hash.",
        Handler::Data(|data, args| {
            set(data, args, "hmset")?;
            data.reply.ok();
            Ok(Outcome::Propagate)
        }),
    ),
    spec(
        "hrandfield",
        "6.2.0",
        -2,
        Flags::READONLY,
        ACCESS,
        "Draws fields of a hash at random.",
        Handler::Data(hrandfield),
    )
    .tips(&["nondeterministic_output"]),
    spec(
        "hscan",
        "2.8.0",
        -3,
        Flags::READONLY,
        ACCESS,
        "Walks through the fields of a hash in steps.",
        Handler::Data(hscan),
    )
    .tips(&["nondeterministic_output"]),
    spec(
        "hset",
        "2.0.0",
        -4,
        WRITE,
        UPDATE,
        "Sets fields of a hash.",
        Handler::Data(|data, args| {
            let created = set(data, args, "hset")?;
            data.reply.int(created);
            Ok(Outcome::Propagate)
        }),
    ),
    spec(
        "hsetnx",
        "2.0.0",
        4,
        WRITE,
        &["RW", "insert"],
        "Sets a field of a hash unless it exists.",
        Handler::Data(hsetnx),
    ),
    spec(
        "hstrlen",
        "3.2.0",
        3,
        FAST,
        READ,
        "Measures the value in a field of a hash.",
        Handler::Data(hstrlen),
    ),
    spec(
        "hvals",
        "2.0.0",
        2,
        Flags::READONLY,
        ACCESS,
        "Lists the values in a hash.",
        Handler::Data(|data, args| all(data, args, Parts::Value)),
    )
    .tips(&["nondeterministic_output_order"]),
];

/// What of each field is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parts {
    Field,
    Value,
    Both,
}

/// Sets the fields of `HSET`; how many are new.
fn set<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    name: &'static str,
) -> Result<i64, CommandError<'a>> {
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::Arity(name));
    }
    let key = args.get(1);
    let (hash, _) = data.meet(key);
    let shape = data.keyspace.shape();
    let counts = Counts::Always(Event::hash("hset"));
    change_or_create(data.keyspace, data.db, (hash, key), counts, |fields: &mut Hash| {
        let mut created = 0;
        let mut pairs = args.iter().skip(2);
        while let (Some(field), Some(value)) = (pairs.next(), pairs.next()) {
            created += i64::from(fields.set(&shape, field, value) == Inserted::New);
        }
        created
    })
}

fn hsetnx<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (key, field, value) = (args.get(1), args.get(2), args.get(3));
    let met = data.meet(key);
    let known = held::<Hash>(data.keyspace, data.db, met, key)?
        .is_some_and(|fields| fields.get(field).is_some());
    if !known {
        let shape = data.keyspace.shape();
        change_or_create(
            data.keyspace,
            data.db,
            (met.0, key),
            Counts::ByLength(Event::hash("hset")),
            |fields: &mut Hash| fields.set(&shape, field, value),
        )?;
    }
    data.reply.int(i64::from(!known));
    Ok(outcome(usize::from(!known)))
}

fn hincrby<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (key, field) = (args.get(1), args.get(2));
    let amount = integer(args.get(3))?;
    let met = data.meet(key);
    let old = held::<Hash>(data.keyspace, data.db, met, key)?.and_then(|hash| hash.get(field));
    let old = old.map_or(Ok(0), |old| parse_i64(old).ok_or(DataError::HashNotInteger))?;
    let new = old.checked_add(amount).ok_or(CommandError::IncrementOverflow)?;
    let shape = data.keyspace.shape();
    let counts = Counts::Always(Event::hash("hincrby"));
    change_or_create(data.keyspace, data.db, (met.0, key), counts, |fields: &mut Hash| {
        fields.set(&shape, field, format_i64(&mut [0; DIGITS_MAX], new))
    })?;
    data.reply.int(new);
    Ok(Outcome::Propagate)
}

/// Goes out as the value that came of it: another machine may count in other numbers.
fn hincrbyfloat<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (key, field) = (args.get(1), args.get(2));
    let amount = Extended::parse(args.get(3)).ok_or(DataError::NotFloat)?;
    if amount.is_infinite() {
        return Err(DataError::IncrementNotFinite.into());
    }
    let met = data.meet(key);
    let old = held::<Hash>(data.keyspace, data.db, met, key)?.and_then(|hash| hash.get(field));
    let old = Extended::parse(old.unwrap_or(b"0")).ok_or(DataError::HashNotFloat)?;
    let text = old.checked_add(amount).ok_or(DataError::NotFinite)?.to_text();
    let shape = data.keyspace.shape();
    let counts = Counts::Always(Event::hash("hincrbyfloat"));
    change_or_create(data.keyspace, data.db, (met.0, key), counts, |fields: &mut Hash| {
        fields.set(&shape, field, &text)
    })?;
    data.reply.bulk(&text);
    data.effects.push(data.db, [b"HSET".as_slice(), key, field, &text]);
    Ok(Outcome::Rewritten)
}

fn hdel<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let (hash, _) = data.meet(key);
    let counts = Counts::ByLength(Event::hash("hdel"));
    let changed = change(data.keyspace, data.db, (hash, key), counts, |fields: &mut Hash| {
        args.iter().skip(2).filter(|field| fields.remove(field)).count()
    })?;
    let count = changed.map_or(0, |changed| changed.result);
    data.reply.int(count as i64);
    Ok(outcome(count))
}

fn hget<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let fields = held::<Hash>(data.keyspace, data.db, met, key)?;
    match fields.and_then(|fields| fields.get(args.get(2))) {
        Some(value) => data.reply.bulk(value),
        None => data.reply.null(),
    }
    Ok(Outcome::Unchanged)
}

fn hmget<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let fields = held::<Hash>(data.keyspace, data.db, met, key)?;
    data.reply.array_len(args.len() - 2);
    for field in args.iter().skip(2) {
        match fields.and_then(|fields| fields.get(field)) {
            Some(value) => data.reply.bulk(value),
            None => data.reply.null(),
        }
    }
    Ok(Outcome::Unchanged)
}

fn hexists<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let fields = held::<Hash>(data.keyspace, data.db, met, key)?;
    let known = fields.is_some_and(|fields| fields.get(args.get(2)).is_some());
    data.reply.int(i64::from(known));
    Ok(Outcome::Unchanged)
}

fn hlen<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let fields = held::<Hash>(data.keyspace, data.db, met, key)?;
    data.reply.int(fields.map_or(0, HashRef::len) as i64);
    Ok(Outcome::Unchanged)
}

fn hstrlen<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let fields = held::<Hash>(data.keyspace, data.db, met, key)?;
    let value = fields.and_then(|fields| fields.get(args.get(2)));
    data.reply.int(value.map_or(0, <[u8]>::len) as i64);
    Ok(Outcome::Unchanged)
}

fn all<'a>(data: &mut Data<'_>, args: Args<'a>, parts: Parts) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let fields = held::<Hash>(data.keyspace, data.db, met, key)?;
    let count = fields.map_or(0, HashRef::len);
    match parts {
        Parts::Both => data.reply.map_len(count),
        Parts::Field | Parts::Value => data.reply.array_len(count),
    }
    for (field, value) in fields.into_iter().flat_map(HashRef::iter) {
        if parts != Parts::Value {
            data.reply.bulk(field);
        }
        if parts != Parts::Field {
            data.reply.bulk(value);
        }
    }
    Ok(Outcome::Unchanged)
}

fn hscan<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    Scan::cursor(args.get(2))?;
    let met = data.meet(key);
    let Some(fields) = held::<Hash>(data.keyspace, data.db, met, key)? else {
        data.reply_no_elements();
        return Ok(Outcome::Unchanged);
    };
    let scan = Scan::parse(args)?;
    let mut wanted = Vec::new();
    let next = fields.scan(scan.cursor, scan.count, |field, value| {
        if scan.wants(field) {
            wanted.push((field.to_vec(), value.to_vec()));
        }
    });
    data.reply.array_len(2);
    data.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    data.reply.array_len(wanted.len() * 2);
    for (field, value) in &wanted {
        data.reply.bulk(field);
        data.reply.bulk(value);
    }
    Ok(Outcome::Unchanged)
}

// redis: t_hash.c, hrandfieldCommand
fn hrandfield<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let Some(count) = args.try_get(2) else {
        let met = data.meet(key);
        match held::<Hash>(data.keyspace, data.db, met, key)? {
            Some(fields) => data.reply.bulk(fields.nth(draw_one(data.rng, fields.len())).0),
            None => data.reply.null(),
        }
        return Ok(Outcome::Unchanged);
    };
    let count = random_count(count)?;
    let parts = match (args.len(), args.try_get(3)) {
        (3, _) => Parts::Field,
        (4, Some(word)) if is_word(word, "WITHVALUES") => Parts::Both,
        _ => return Err(CommandError::Syntax),
    };
    // The most that Redis can count to in pairs.
    if parts == Parts::Both && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(DataError::OutOfRange.into());
    }
    let met = data.meet(key);
    let Some(fields) = held::<Hash>(data.keyspace, data.db, met, key)? else {
        data.reply.array_len(0);
        return Ok(Outcome::Unchanged);
    };
    let count_drawn = drawn(fields.len(), count);
    let nested = parts == Parts::Both && data.reply.proto() == Proto::Resp3;
    let per_field = if parts == Parts::Both && !nested { 2 } else { 1 };
    data.reply.array_len(count_drawn.saturating_mul(per_field));
    draw(data.rng, fields.len(), count, |index| {
        let (field, value) = fields.nth(index);
        if nested {
            data.reply.array_len(2);
        }
        data.reply.bulk(field);
        if parts == Parts::Both {
            data.reply.bulk(value);
        }
    });
    Ok(Outcome::Unchanged)
}

#[cfg(test)]
mod tests {
    use super::super::{Expiry, testing::Bench};
    use crate::base::time::UnixMillis;

    #[test]
    fn fields_are_set_read_and_removed_and_the_key_goes_with_the_last() {
        let mut bench = Bench::new();
        bench.check("HSET h a 1 b 2 a 3", ":2", "HSET h a 1 b 2 a 3");
        bench.check("HMGET h a x b", "*3 $1 3 $-1 $1 2", "");
        bench.check("HGETALL h", "*4 $1 a $1 3 $1 b $1 2", "");
        bench.check("HSETNX h a 4", ":0", "");
        bench.check("HSETNX h c 4", ":1", "HSETNX h c 4");
        bench.check("HDEL h x", ":0", "");
        bench.check("HDEL h a b c", ":3", "HDEL h a b c");
        bench.check("EXISTS h", ":0", "");
        bench.check("HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command", "");
    }

    #[test]
    fn a_field_counts_and_a_failure_creates_nothing() {
        let mut bench = Bench::new();
        bench.check("HINCRBY h n x", "-ERR value is not an integer or out of range", "");
        bench.check("EXISTS h", ":0", "");
        bench.check("HINCRBY h n 5", ":5", "HINCRBY h n 5");
        bench.run("HSET h s word");
        bench.check("HINCRBY h s 1", "-ERR hash value is not an integer", "");
        bench.check(
            "HINCRBY h n 9223372036854775807",
            "-ERR increment or decrement would overflow",
            "",
        );
    }

    #[test]
    fn fractions_go_out_as_their_sum() {
        let mut bench = Bench::new();
        bench.check("HINCRBYFLOAT h f 0.1", "$3 0.1", "HSET h f 0.1");
        bench.check("HINCRBYFLOAT h f 0.2", "$3 0.3", "HSET h f 0.3");
        bench.check("HINCRBYFLOAT h f inf", "-ERR value is NaN or Infinity", "");
        bench.check("HINCRBYFLOAT h f nan", "-ERR value is not a valid float", "");
        bench.run("HSET h g text");
        bench.check("HINCRBYFLOAT h g 1", "-ERR hash value is not a float", "");
    }

    #[test]
    fn another_type_is_refused_and_an_expired_hash_is_none() {
        let mut bench = Bench::new();
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        bench.run("SET s 1");
        for line in ["HSET s a 1", "HGET s a", "HDEL s a", "HSCAN s 0", "HINCRBY s a 1"] {
            bench.check(line, wrong, "");
        }
        bench.run("HSET h a 1");
        for line in ["GET h", "INCR h", "APPEND h x", "SET h v GET", "STRLEN h", "LPUSH h x"] {
            bench.check(line, wrong, "");
        }
        bench.run("PEXPIRE h 10");
        bench.now = UnixMillis(1_000_011);
        bench.expiry = Expiry::Hide;
        bench.check("HLEN h", ":0", "");
        bench.expiry = Expiry::Ignore;
        bench.check("HLEN h", ":1", "");
        bench.expiry = Expiry::Delete;
        bench.check("HSET h b 2", ":1", "DEL h; HSET h b 2");
        bench.check("PTTL h", ":-1", "");
    }

    #[test]
    fn random_fields_are_different_ones_unless_the_count_is_negative() {
        let mut bench = Bench::new();
        bench.run("HSET h a 1 b 2 c 3");
        bench.check("HRANDFIELD h 5", "*3 $1 a $1 b $1 c", "");
        assert!(bench.run("HRANDFIELD h -7 WITHVALUES").0.starts_with("*14 "));
        assert!(bench.run("HRANDFIELD h 2").0.starts_with("*2 "));
        bench.check("HRANDFIELD none 2", "*0", "");
        bench.check("HRANDFIELD none", "$-1", "");
        bench.check(
            "HRANDFIELD h 4611686018427387904 WITHVALUES",
            "-ERR value is out of range",
            "",
        );
    }

    #[test]
    fn a_scan_of_a_large_hash_meets_every_field() {
        let mut bench = Bench::new();
        for number in 0..1_000 {
            bench.run(&alloc::format!("HSET h {number} v"));
        }
        let (mut cursor, mut seen) = (alloc::string::String::from("0"), 0);
        loop {
            let reply = bench.run(&alloc::format!("HSCAN h {cursor} COUNT 100")).0;
            let words: alloc::vec::Vec<&str> = reply.split(' ').collect();
            seen += (words.len() - 4) / 4;
            cursor = words[2].into();
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen, 1_000);
        bench.check("HSCAN none 0 NONSENSE", "*2 $1 0 *0", "");
        bench.check("HSCAN h x", "-ERR invalid cursor", "");
        bench.check("HSCAN h 0 COUNT 0", "-ERR syntax error", "");
    }
}

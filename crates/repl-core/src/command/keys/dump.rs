//! Values on their way to another server: `DUMP RESTORE`.

use alloc::vec::Vec;

use super::super::{
    CommandError, Data, DataError, Expiry, Flags, Handler, Keys, Outcome, Sight, Spec, is_word,
};
use crate::{
    base::{
        number::{DIGITS_MAX, format_i64, parse_i64},
        time::UnixMillis,
    },
    keyspace::Event,
    rdb::{self, DumpError, Restored},
    resp::Args,
};

pub(in crate::command) const SPECS: &[Spec] = &[
    Spec {
        name: "dump",
        since: "2.6.0",
        arity: 2,
        flags: Flags::READONLY,
        keys: Keys::one(&["RO", "access"]),
        group: "generic",
        categories: &["@keyspace"],
        tips: &["nondeterministic_output"],
        summary: "Serializes a value, for RESTORE.",
        handler: Handler::Data(dump),
        ..Spec::PLAIN
    },
    Spec {
        name: "restore",
        since: "2.6.0",
        arity: -4,
        flags: Flags::WRITE.and(Flags::DENYOOM),
        keys: Keys::one(&["OW", "update"]),
        group: "generic",
        categories: &["@keyspace", "@dangerous"],
        summary: "Creates a key from what DUMP has serialized.",
        handler: Handler::Data(restore),
        ..Spec::PLAIN
    },
];

fn dump<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let (hash, sight) = data.meet(key);
    match (sight, data.keyspace.find(data.db, hash, key)) {
        (Sight::AsFound, Some(entry)) => {
            let mut payload = Vec::new();
            rdb::dump(&mut payload, entry.view());
            data.reply.bulk(&payload);
        }
        (Sight::AsFound, None) | (Sight::Hidden, _) => data.reply.null(),
    }
    Ok(Outcome::Unchanged)
}

/// What `RESTORE` does when the key is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IfPresent {
    Refuse,
    Replace,
}

/// What the time of `RESTORE` counts from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    Now,
    Epoch,
}

/// The options of `RESTORE`. Idle time and frequency are checked and forgotten.
// redis: cluster.c, restoreCommand
fn options(args: Args<'_>) -> Result<(IfPresent, Clock), CommandError<'_>> {
    let (mut if_present, mut clock) = (IfPresent::Refuse, Clock::Now);
    let (mut idle, mut frequency) = (None, None);
    let mut words = args.iter().skip(4);
    while let Some(option) = words.next() {
        if is_word(option, "REPLACE") {
            if_present = IfPresent::Replace;
        } else if is_word(option, "ABSTTL") {
            clock = Clock::Epoch;
        } else if is_word(option, "IDLETIME") && frequency.is_none() {
            let number = parse_i64(words.next().ok_or(CommandError::Syntax)?);
            idle = Some(number.ok_or(CommandError::NotInteger)?);
            if idle < Some(0) {
                return Err(DataError::InvalidIdleTime.into());
            }
        } else if is_word(option, "FREQ") && idle.is_none() {
            let number = parse_i64(words.next().ok_or(CommandError::Syntax)?);
            let number = number.ok_or(CommandError::NotInteger)?;
            frequency = Some(u8::try_from(number).map_err(|_| DataError::InvalidFrequency)?);
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok((if_present, clock))
}

fn restore<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (key, payload) = (args.get(1), args.get(3));
    let (if_present, clock) = options(args)?;
    if if_present == IfPresent::Refuse && data.exists(key) {
        return Err(DataError::BusyKey.into());
    }
    let ttl = parse_i64(args.get(2)).ok_or(CommandError::NotInteger)?;
    if ttl < 0 {
        return Err(DataError::InvalidTtl.into());
    }
    let shape = data.keyspace.shape();
    let value = match rdb::restore(payload, data.value_bytes_max, shape) {
        Ok(value) => value,
        Err(DumpError::Footer) => return Err(DataError::WrongPayload.into()),
        Err(DumpError::Value) => return Err(DataError::BadDataFormat.into()),
    };
    let expires_at = (ttl > 0).then(|| match clock {
        // A time beyond the last one is over already, as in Redis.
        Clock::Now => UnixMillis(data.now.0.checked_add(ttl).unwrap_or(i64::MIN)),
        Clock::Epoch => UnixMillis(ttl),
    });
    let hash = data.keyspace.hash(key);
    data.reply.ok();
    // What is replaced goes first: the key is a new one.
    let removed = data.keyspace.remove(data.db, hash, key);
    if data.expiry == Expiry::Delete && expires_at.is_some_and(|at| at <= data.now) {
        if !removed {
            return Ok(Outcome::Unchanged);
        }
        data.note(Event::DEL, key);
        data.effects.push(data.db, [b"DEL".as_slice(), key]);
        return Ok(Outcome::Rewritten);
    }
    match value {
        Restored::String(string) => {
            data.keyspace.set(data.db, hash, key, &string, expires_at);
        }
        Restored::Value(value) => {
            data.keyspace.set_value(data.db, hash, key, value, expires_at);
        }
    }
    data.note(Event::generic("restore"), key);
    let (Some(at), Clock::Now) = (expires_at, clock) else { return Ok(Outcome::Propagate) };
    let mut digits = [0; DIGITS_MAX];
    let mut absolute: Vec<&[u8]> = args.iter().collect();
    absolute[2] = format_i64(&mut digits, at.0);
    absolute.push(b"ABSTTL");
    data.effects.push(data.db, absolute);
    Ok(Outcome::Rewritten)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::super::super::testing::Bench;
    use crate::{keyspace::DbIndex, rdb, value::View};

    /// A payload that survives being a word of a line of text.
    fn payload(value: &[u8]) -> Vec<u8> {
        let mut payload = Vec::new();
        rdb::dump(&mut payload, View::String(value));
        payload
    }

    fn restore(
        bench: &mut Bench,
        words: [&[u8]; 3],
        options: &str,
    ) -> (alloc::string::String, alloc::string::String) {
        let mut args: Vec<&[u8]> = [&b"RESTORE"[..]].into_iter().chain(words).collect();
        args.extend(options.split(' ').filter(|word| !word.is_empty()).map(str::as_bytes));
        bench.run_words(&args)
    }

    #[test]
    fn a_dumped_value_is_restored_with_an_absolute_expiry() {
        let mut bench = Bench::new();
        let dumped = payload(b"value");
        let told = restore(&mut bench, [b"k", b"0", &dumped], "").1;
        assert!(told.starts_with("RESTORE k 0 "), "{told}");
        bench.check("GET k", "$5 value", "");
        assert_eq!(
            restore(&mut bench, [b"k", b"0", &dumped], "").0,
            "-BUSYKEY Target key name already exists."
        );
        let told = restore(&mut bench, [b"k", b"10", &dumped], "REPLACE").1;
        assert!(
            told.starts_with("RESTORE k 1000010 ") && told.ends_with(" REPLACE ABSTTL"),
            "{told}"
        );
        bench.check("PTTL k", ":10", "");
        let told = restore(&mut bench, [b"k", b"2000000", &dumped], "ABSTTL REPLACE").1;
        assert!(
            told.starts_with("RESTORE k 2000000 ") && told.ends_with(" ABSTTL REPLACE"),
            "{told}"
        );
        let (reply, told) = restore(&mut bench, [b"k", b"5", &dumped], "ABSTTL REPLACE");
        assert_eq!((&*reply, &*told), ("+OK", "DEL k"));
        let (reply, told) = restore(&mut bench, [b"k", b"5", &dumped], "ABSTTL");
        assert_eq!((&*reply, &*told), ("+OK", ""));
        bench.check("EXISTS k", ":0", "");
    }

    #[test]
    fn every_type_is_dumped_and_restored() {
        let mut bench = Bench::new();
        bench.run("RPUSH list a b 3 b");
        bench.run("SADD ints 1 2 70000");
        bench.run("HSET hash f 1 g 2");
        for (key, show, shown) in [
            ("list", "LRANGE copy 0 -1", "*4 $1 a $1 b $1 3 $1 b"),
            ("ints", "SMEMBERS copy", "*3 $1 1 $1 2 $5 70000"),
            ("hash", "HGETALL copy", "*4 $1 f $1 1 $1 g $1 2"),
        ] {
            let hash = bench.keyspace.hash(key.as_bytes());
            let entry = bench.keyspace.find(DbIndex(0), hash, key.as_bytes());
            let mut dumped = Vec::new();
            rdb::dump(&mut dumped, entry.expect("it was written above").view());
            assert_eq!(restore(&mut bench, [b"copy", b"0", &dumped], "REPLACE").0, "+OK");
            bench.check(show, shown, "");
        }
    }

    #[test]
    fn what_cannot_be_restored_is_refused() {
        let mut bench = Bench::new();
        let dumped = payload(b"value");
        for (ttl, options, error) in [
            ("-1", "", "-ERR Invalid TTL value, must be >= 0"),
            ("x", "", "-ERR value is not an integer or out of range"),
            ("0", "IDLETIME -1", "-ERR Invalid IDLETIME value, must be >= 0"),
            ("0", "FREQ 256", "-ERR Invalid FREQ value, must be >= 0 and <= 255"),
            ("0", "FREQ x", "-ERR value is not an integer or out of range"),
            ("0", "IDLETIME 1 FREQ 1", "-ERR syntax error"),
            ("0", "IDLETIME", "-ERR syntax error"),
            ("0", "foo", "-ERR syntax error"),
        ] {
            let reply = restore(&mut bench, [b"k", ttl.as_bytes(), &dumped], options).0;
            assert_eq!(reply, error, "{ttl} {options}");
        }
        for at in 0..dumped.len() {
            let mut damaged = dumped.clone();
            damaged[at] ^= 1;
            let reply = restore(&mut bench, [b"k", b"0", &damaged], "").0;
            assert_eq!(reply, "-ERR DUMP payload version or checksum are wrong");
        }
        bench.check("EXISTS k", ":0", "");
    }
}

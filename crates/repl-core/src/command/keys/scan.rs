//! Finding keys: `SCAN RANDOMKEY`.

use alloc::vec::Vec;

use super::{
    super::{
        CommandError, Data, DataError, Expiry, Flags, Handler, Keys, Misses, Outcome, Spec, is_word,
    },
    type_name,
};
use crate::{
    base::{
        glob::{self, Case},
        number::{DIGITS_MAX, format_u64, parse_i64},
    },
    keyspace::{Entry, ScanCursor},
    resp::Args,
};

const fn spec(
    name: &'static str,
    since: &'static str,
    arity: i8,
    summary: &'static str,
    handler: Handler,
) -> Spec {
    let (keys, group) = (Keys::NONE, "generic");
    let flags = Flags::READONLY.and(Flags::TOUCHES_ARBITRARY_KEYS);
    Spec {
        name,
        since,
        arity,
        flags,
        keys,
        group,
        categories: &["@keyspace"],
        summary,
        handler,
        ..Spec::PLAIN
    }
}

pub(in crate::command) const SPECS: &[Spec] = &[
    spec("randomkey", "1.0.0", 1, "Draws a key at random.", Handler::Data(randomkey))
        .tips(&["request_policy:all_shards", "nondeterministic_output"]),
    spec(
        "scan",
        "2.8.0",
        -2,
        "Walks through the keys of the database in steps.",
        Handler::Data(scan),
    )
    .tips(&["nondeterministic_output", "request_policy:special"]),
];

/// What `SCAN` asks for.
struct Options<'a> {
    count: usize,
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    // redis: db.c, scanGenericCommand
    fn parse(args: Args<'a>) -> Result<Self, CommandError<'a>> {
        let mut options = Self { count: 10, pattern: None, type_name: None };
        let mut words = args.iter().skip(2);
        while let Some(option) = words.next() {
            let value = words.next().ok_or(CommandError::Syntax)?;
            if is_word(option, "COUNT") {
                let count = parse_i64(value).ok_or(CommandError::NotInteger)?;
                let count = usize::try_from(count).ok().filter(|count| *count > 0);
                options.count = count.ok_or(CommandError::Syntax)?;
            } else if is_word(option, "MATCH") {
                options.pattern = (value != b"*").then_some(value);
            } else if is_word(option, "TYPE") {
                options.type_name = Some(value);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }

    fn wants_key(&self, key: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, key, Case::Sensitive))
    }

    fn wants_type(&self, entry: &Entry) -> bool {
        self.type_name.is_none_or(|name| name.eq_ignore_ascii_case(type_name(entry).as_bytes()))
    }
}

/// The number that `text` begins with and ends with, as C's `strtoul` reads it: a sign is allowed,
/// nothing is zero, and what follows a null byte is not seen.
// redis: db.c, parseScanCursorOrReply
pub(in crate::command) fn parse_cursor(text: &[u8]) -> Result<ScanCursor, CommandError<'static>> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let (is_negative, digits) = match text {
        [] => return Ok(ScanCursor::START),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let number = digits.iter().try_fold(0_u64, |number, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    });
    match number {
        Some(number) if !digits.is_empty() => {
            Ok(ScanCursor(if is_negative { number.wrapping_neg() } else { number }))
        }
        Some(_) | None => Err(DataError::InvalidCursor.into()),
    }
}

fn scan<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let cursor = parse_cursor(args.get(1))?;
    let options = Options::parse(args)?;
    let (mut found, mut expired): (Vec<&Entry>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
    let next = data.keyspace.scan(data.db, cursor, options.count, |entry| {
        let is_over = data.expiry != Expiry::Ignore && entry.is_expired(data.now);
        if !options.wants_key(entry.key()) {
            return;
        }
        if is_over {
            expired.push(entry.key().to_vec());
        } else if options.wants_type(entry) {
            found.push(entry);
        }
    });
    data.reply.array_len(2);
    data.reply.bulk(format_u64(&mut [0; DIGITS_MAX], next.0));
    data.reply.array_len(found.len());
    found.iter().for_each(|entry| data.reply.bulk(entry.key()));
    if options.type_name.is_none() {
        // Redis reads the keys whose types it compares, and walks over the others.
        data.misses = Misses::Untold;
    }
    for key in expired {
        data.meet(&key);
    }
    Ok(Outcome::Unchanged)
}

/// So many draws may come to nothing before all keys are looked through.
const DRAWS_MAX: usize = 100;

fn randomkey<'a>(data: &mut Data<'_>, _args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (now, ignores_expiry) = (data.now, data.expiry == Expiry::Ignore);
    data.misses = Misses::Untold;
    for _ in 0..DRAWS_MAX {
        let Some(entry) = data.keyspace.random(data.db, data.rng) else { break };
        if ignores_expiry || !entry.is_expired(now) {
            data.reply.bulk(entry.key());
            return Ok(Outcome::Unchanged);
        }
        let key = entry.key().to_vec();
        data.meet(&key);
    }
    match data.keyspace.iter(data.db).find(|entry| !entry.is_expired(now)) {
        Some(entry) => data.reply.bulk(entry.key()),
        // Redis as a replica shows an expired key when it has no other. A reader must never see
        // one.
        None => data.reply.null(),
    }
    Ok(Outcome::Unchanged)
}

#[cfg(test)]
mod tests {
    use super::super::super::{Expiry, testing::Bench};
    use crate::base::time::UnixMillis;

    #[test]
    fn a_scan_filters_by_pattern_and_type() {
        let mut bench = Bench::new();
        bench.run("MSET a 1 ab 2 b 3");
        bench.check("SCAN 0 MATCH b*", "*2 $1 0 *1 $1 b", "");
        bench.check("SCAN 0 MATCH b TYPE String COUNT 100", "*2 $1 0 *1 $1 b", "");
        bench.check("SCAN 0 TYPE list", "*2 $1 0 *0", "");
        bench.check("SCAN 0 TYPE nonsense", "*2 $1 0 *0", "");
        assert!(bench.run("SCAN 0 COUNT 1000").0.starts_with("*2 $1 0 *3 "));
        let first = bench.run("SCAN 0 COUNT 2").0;
        let cursor = first.split(' ').nth(2).expect("the cursor comes first");
        assert!(cursor != "0" && first.contains(" *2 "), "{first}");
        let rest = bench.run(&alloc::format!("SCAN {cursor} COUNT 2")).0;
        assert!(rest.starts_with("*2 $1 0 *1 "), "{rest}");
    }

    #[test]
    fn wrong_cursors_and_options_are_refused() {
        let mut bench = Bench::new();
        for bad in ["x", "-", "+", "1x", "\t1", "99999999999999999999"] {
            bench.check(&alloc::format!("SCAN {bad}"), "-ERR invalid cursor", "");
        }
        for fine in ["", "+0", "-1", "0\0x", "007"] {
            bench.check(&alloc::format!("SCAN {fine}"), "*2 $1 0 *0", "");
        }
        for bad in ["COUNT 0", "COUNT -1", "COUNT", "MATCH", "TYPE", "FOO 1"] {
            bench.check(&alloc::format!("SCAN 0 {bad}"), "-ERR syntax error", "");
        }
        bench.check("SCAN 0 COUNT x", "-ERR value is not an integer or out of range", "");
    }

    #[test]
    fn expired_keys_are_deleted_by_a_master_and_hidden_by_a_replica() {
        let mut bench = Bench::new();
        bench.run("SET k v PX 5");
        bench.now = UnixMillis(1_000_006);
        bench.expiry = Expiry::Hide;
        bench.check("SCAN 0", "*2 $1 0 *0", "");
        bench.check("RANDOMKEY", "$-1", "");
        bench.expiry = Expiry::Delete;
        bench.check("SCAN 0 MATCH x", "*2 $1 0 *0", "");
        bench.check("SCAN 0 TYPE list", "*2 $1 0 *0", "DEL k");
        bench.run("SET k v PX 5");
        bench.run("SET l v");
        bench.now = UnixMillis(1_000_020);
        for _ in 0..20 {
            assert_eq!(bench.run("RANDOMKEY").0, "$1 l");
        }
        bench.check("DBSIZE", ":1", "");
    }
}

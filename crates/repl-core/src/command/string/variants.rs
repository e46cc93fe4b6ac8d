//! `SET` and `GET` with something more: `SETNX SETEX PSETEX GETSET GETDEL GETEX`.

use super::{
    super::{CommandError, Data, Expiry, Flags, Handler, Keys, Outcome, Spec, is_word},
    Access, Deadline, RW, WRITE, expire_time, reply_value,
};
use crate::{
    base::number::{DIGITS_MAX, format_i64},
    keyspace::Event,
    resp::Args,
};

const fn spec(
    name: &'static str,
    since: &'static str,
    arity: i8,
    flags: Flags,
    access: Access,
    summary: &'static str,
    handler: Handler,
) -> Spec {
    let (keys, group, categories) = (Keys::one(access), "string", &["@string"]);
    Spec { name, since, arity, flags, keys, group, categories, summary, handler, ..Spec::PLAIN }
}

pub(in crate::command) const SPECS: &[Spec] = &[
    spec(
        "getdel",
        "6.2.0",
        2,
        Flags::WRITE.and(Flags::FAST),
        &["RW", "access", "delete"],
        "Reads a string and deletes it.",
        Handler::Data(getdel),
    ),
    spec(
        "getex",
        "6.2.0",
        -2,
        Flags::WRITE.and(Flags::FAST),
        RW,
        "Reads a string and sets or takes away its expiry.",
        Handler::Data(getex),
    ),
    spec(
        "getset",
        "1.0.0",
        3,
        WRITE.and(Flags::FAST),
        RW,
        "Replaces a string and returns what it was.",
        Handler::Data(getset),
    ),
    spec(
        "psetex",
        "2.6.0",
        4,
        WRITE,
        &["OW", "update"],
        "Sets a string that expires after some milliseconds.",
        Handler::Data(|data, args| setex(data, args, 1, "psetex")),
    ),
    spec(
        "setex",
        "2.0.0",
        4,
        WRITE,
        &["OW", "update"],
        "Sets a string that expires after some seconds.",
        Handler::Data(|data, args| setex(data, args, 1000, "setex")),
    ),
    spec(
        "setnx",
        "1.0.0",
        3,
        WRITE.and(Flags::FAST),
        &["OW", "insert"],
        "Sets a string unless the key exists.",
        Handler::Data(setnx),
    ),
];

fn setnx<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (hash, found) = data.lookup(args.get(1));
    if found.is_some() {
        data.reply.int(0);
        return Ok(Outcome::Unchanged);
    }
    data.keyspace.set(data.db, hash, args.get(1), args.get(2), None);
    data.note(Event::SET, args.get(1));
    data.reply.int(1);
    Ok(Outcome::Propagate)
}

/// `SETEX` and `PSETEX`, which count in units of `millis`.
fn setex<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    millis: i64,
    name: &'static str,
) -> Result<Outcome, CommandError<'a>> {
    let (key, value) = (args.get(1), args.get(3));
    let at = expire_time(args.get(2), millis, data.now, name)?;
    let hash = data.meet_to_replace(key);
    data.keyspace.set(data.db, hash, key, value, Some(at));
    data.note(Event::SET, key);
    data.note(Event::EXPIRE, key);
    data.reply.ok();
    let mut digits = [0; DIGITS_MAX];
    let at = format_i64(&mut digits, at.0);
    data.effects.push(data.db, [b"SET".as_slice(), key, value, b"PXAT", at]);
    Ok(Outcome::Rewritten)
}

fn getset<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (key, value) = (args.get(1), args.get(2));
    data.reading(|data| reply_value(data, key))?;
    let hash = data.keyspace.hash(key);
    data.keyspace.set(data.db, hash, key, value, None);
    data.note(Event::SET, key);
    data.effects.push(data.db, [b"SET".as_slice(), key, value]);
    Ok(Outcome::Rewritten)
}

fn getdel<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    data.reading(|data| reply_value(data, key))?;
    let hash = data.keyspace.hash(key);
    if !data.delete(hash, key) {
        return Ok(Outcome::Unchanged);
    }
    data.effects.push(data.db, [b"DEL".as_slice(), key]);
    Ok(Outcome::Rewritten)
}

/// What `GETEX` does to the key's expiry.
enum Change<'a> {
    Nothing,
    Remove,
    Set(Deadline<'a>),
}

fn getex<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let mut change = Change::Nothing;
    let mut at = 2;
    while let Some(option) = args.try_get(at) {
        at += 1;
        change = match change {
            Change::Nothing | Change::Remove if is_word(option, "PERSIST") => Change::Remove,
            Change::Remove => return Err(CommandError::Syntax),
            Change::Nothing | Change::Set(_) => {
                let earlier =
                    if let Change::Set(deadline) = change { Some(deadline) } else { None };
                let deadline = Deadline::parse(option, args.try_get(at), earlier, data.now)?;
                at += 1;
                Change::Set(deadline)
            }
        };
    }
    let key = args.get(1);
    let (hash, _) = data.reading(|data| data.meet(key));
    let Some(entry) = data.keyspace.find(data.db, hash, key) else {
        data.reply.null();
        return Ok(Outcome::Unchanged);
    };
    entry.string()?;
    let old = entry.expires_at();
    // A wrong number is an error only now: a key that is not there needs no expiry.
    let new = match change {
        Change::Nothing => old,
        Change::Remove => None,
        Change::Set(deadline) => Some(deadline.at("getex")?),
    };
    reply_value(data, key)?;
    match (change, new) {
        (Change::Set(_), Some(at)) if at <= data.now && data.expiry == Expiry::Delete => {
            data.delete(hash, key);
            data.effects.push(data.db, [b"DEL".as_slice(), key]);
        }
        (Change::Set(_), Some(at)) => {
            data.keyspace.update(data.db, hash, key, |entry| entry.set_expiry(Some(at)));
            data.note(Event::EXPIRE, key);
            data.propagate_expiry(key, at);
        }
        (Change::Remove, _) if old.is_some() => {
            data.keyspace.update(data.db, hash, key, |entry| entry.set_expiry(None));
            data.note(Event::PERSIST, key);
            data.effects.push(data.db, [b"PERSIST".as_slice(), key]);
        }
        (Change::Nothing | Change::Remove | Change::Set(_), _) => return Ok(Outcome::Unchanged),
    }
    Ok(Outcome::Rewritten)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;
    use crate::base::time::UnixMillis;

    #[test]
    fn setting_in_one_word_goes_out_as_set() {
        let mut bench = Bench::new();
        bench.check("SETEX k 10 v", "+OK", "SET k v PXAT 1010000");
        bench.check("PSETEX k 10 v", "+OK", "SET k v PXAT 1000010");
        bench.check("SETNX k w", ":0", "");
        bench.check("GETSET k w", "$1 v", "SET k w");
        bench.check("TTL k", ":-1", "");
        bench.check("GETSET n w", "$-1", "SET n w");
        bench.check("SETNX m w", ":1", "SETNX m w");
        bench.check("GETDEL m", "$1 w", "DEL m");
        bench.check("GETDEL m", "$-1", "");
        bench.check("SETEX k 0 v", "-ERR invalid expire time in 'setex' command", "");
        bench.check("PSETEX k -1 v", "-ERR invalid expire time in 'psetex' command", "");
        bench.check("SETEX k x v", "-ERR value is not an integer or out of range", "");
    }

    #[test]
    fn getex_tells_what_became_of_the_expiry() {
        let mut bench = Bench::new();
        bench.check("GETEX k EX 0", "$-1", "");
        bench.run("SET k v");
        bench.check("GETEX k", "$1 v", "");
        bench.check("GETEX k PERSIST", "$1 v", "");
        bench.check("GETEX k EX 10", "$1 v", "PEXPIREAT k 1010000");
        bench.check("GETEX k PX 10 PX 20", "$1 v", "PEXPIREAT k 1000020");
        bench.check("GETEX k PERSIST persist", "$1 v", "PERSIST k");
        bench.check("GETEX k EXAT 2000", "$1 v", "PEXPIREAT k 2000000");
        bench.check("GETEX k EX 0", "-ERR invalid expire time in 'getex' command", "");
        for bad in ["EX", "EX 1 PX 1", "EX 1 PERSIST", "PERSIST EX 1", "KEEPTTL", "NX"] {
            bench.check(&alloc::format!("GETEX k {bad}"), "-ERR syntax error", "");
        }
        bench.check("GETEX k PXAT 1000000", "$1 v", "DEL k");
        bench.check("EXISTS k", ":0", "");
    }

    #[test]
    fn an_expired_key_is_deleted_before_it_is_replaced() {
        let mut bench = Bench::new();
        bench.run("PSETEX k 10 v");
        bench.now = UnixMillis(1_000_011);
        bench.check("GETSET k w", "$-1", "DEL k; SET k w");
        bench.run("PSETEX k 10 v");
        bench.now = UnixMillis(1_000_022);
        bench.check("SETNX k w", ":1", "DEL k; SETNX k w");
    }
}

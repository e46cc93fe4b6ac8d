//! Expiry: `EXPIRE PEXPIRE EXPIREAT PEXPIREAT TTL PTTL EXPIRETIME PEXPIRETIME PERSIST`.
//!
//! Every expiry leaves this node as an absolute time (`PEXPIREAT`), so that no delay and no other
//! clock can change when a key ceases to exist.

use super::{Access, CommandError, Data, Expiry, Flags, Handler, Keys, Outcome, Spec, is_word};
use crate::{
    base::{number::parse_i64, time::UnixMillis},
    keyspace::Event,
    resp::Args,
};

const UPDATE: Access = &["RW", "update"];
const ACCESS: Access = &["RO", "access"];

const fn write(
    name: &'static str,
    since: &'static str,
    arity: i8,
    summary: &'static str,
    handler: Handler,
) -> Spec {
    Spec {
        name,
        since,
        arity,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: Keys::one(UPDATE),
        group: "generic",
        categories: &["@keyspace"],
        summary,
        handler,
        ..Spec::PLAIN
    }
}

const fn read(
    name: &'static str,
    since: &'static str,
    summary: &'static str,
    handler: Handler,
) -> Spec {
    Spec {
        name,
        since,
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: Keys::one(ACCESS),
        group: "generic",
        categories: &["@keyspace"],
        summary,
        handler,
        ..Spec::PLAIN
    }
}

pub(super) const SPECS: &[Spec] = &[
    write(
        "expire",
        "1.0.0",
        -3,
        "Lets a key expire after some seconds.",
        Handler::Data(|data, args| expire(data, args, Unit::Seconds, data.now, "expire")),
    ),
    write(
        "expireat",
        "1.2.0",
        -3,
        "Lets a key expire at a time in Unix seconds.",
        Handler::Data(|data, args| expire(data, args, Unit::Seconds, UnixMillis(0), "expireat")),
    ),
    write(
        "pexpire",
        "2.6.0",
        -3,
        "Lets a key expire after some milliseconds.",
        Handler::Data(|data, args| expire(data, args, Unit::Millis, data.now, "pexpire")),
    ),
    write(
        "pexpireat",
        "2.6.0",
        -3,
        "Lets a key expire at a time in Unix milliseconds.",
        Handler::Data(|data, args| expire(data, args, Unit::Millis, UnixMillis(0), "pexpireat")),
    ),
    write("persist", "2.2.0", 2, "Takes away the expiry of a key.", Handler::Data(persist)),
    read(
        "expiretime",
        "7.0.0",
        "Tells when a key expires, in Unix seconds.",
        Handler::Data(|data, args| time(data, args, Unit::Seconds, UnixMillis(0))),
    ),
    read(
        "pexpiretime",
        "7.0.0",
        "Tells when a key expires, in Unix milliseconds.",
        Handler::Data(|data, args| time(data, args, Unit::Millis, UnixMillis(0))),
    ),
    read(
        "pttl",
        "2.6.0",
        "Tells how many milliseconds a key has left.",
        Handler::Data(|data, args| time(data, args, Unit::Millis, data.now)),
    )
    .tips(&["nondeterministic_output"]),
    read(
        "ttl",
        "1.0.0",
        "Tells how many seconds a key has left.",
        Handler::Data(|data, args| time(data, args, Unit::Seconds, data.now)),
    )
    .tips(&["nondeterministic_output"]),
];

/// What a number of a command counts.
#[derive(Clone, Copy)]
enum Unit {
    Seconds,
    Millis,
}

/// When `EXPIRE` applies.
#[derive(Clone, Copy, Default)]
struct Conditions {
    if_none: bool,
    if_some: bool,
    if_later: bool,
    if_sooner: bool,
}

impl Conditions {
    // redis: expire.c, parseExtendedExpireArgumentsOrReply
    fn parse<'a>(args: Args<'a>) -> Result<Self, CommandError<'a>> {
        let mut conditions = Self::default();
        for option in args.iter().skip(3) {
            let place = [
                ("NX", &mut conditions.if_none),
                ("XX", &mut conditions.if_some),
                ("GT", &mut conditions.if_later),
                ("LT", &mut conditions.if_sooner),
            ]
            .into_iter()
            .find(|(word, _)| is_word(option, word));
            let Some((_, place)) = place else {
                return Err(CommandError::UnsupportedOption(option));
            };
            *place = true;
        }
        let others = conditions.if_some || conditions.if_later || conditions.if_sooner;
        if conditions.if_none && others {
            return Err(CommandError::ExpireNxWithOthers);
        }
        if conditions.if_later && conditions.if_sooner {
            return Err(CommandError::ExpireGtWithLt);
        }
        Ok(conditions)
    }

    /// Whether an expiry `at` may take the place of `old`. A key without one lives for ever.
    fn allow(self, old: Option<UnixMillis>, at: UnixMillis) -> bool {
        let later = old.is_some_and(|old| at > old);
        let sooner = old.is_none_or(|old| at < old);
        (!self.if_none || old.is_none())
            && (!self.if_some || old.is_some())
            && (!self.if_later || later)
            && (!self.if_sooner || sooner)
    }
}

fn expire<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    unit: Unit,
    base: UnixMillis,
    name: &'static str,
) -> Result<Outcome, CommandError<'a>> {
    let conditions = Conditions::parse(args)?;
    let number = parse_i64(args.get(2)).ok_or(CommandError::NotInteger)?;
    let factor = match unit {
        Unit::Seconds => 1000,
        Unit::Millis => 1,
    };
    let at = number.checked_mul(factor).and_then(|span| span.checked_add(base.0));
    let at = UnixMillis(at.ok_or(CommandError::InvalidExpire(name))?);
    let key = args.get(1);
    let (hash, found) = data.lookup(key);
    let Some(old) = found.map(|entry| entry.expires_at()) else {
        data.reply.int(0);
        return Ok(Outcome::Unchanged);
    };
    if !conditions.allow(old, at) {
        data.reply.int(0);
        return Ok(Outcome::Unchanged);
    }
    if at <= data.now && data.expiry == Expiry::Delete {
        data.delete(hash, key);
        data.effects.push(data.db, [b"DEL".as_slice(), key]);
    } else {
        // On a replica a time in the past hides the key; deleting it is for the master.
        data.keyspace.update(data.db, hash, key, |entry| entry.set_expiry(Some(at)));
        data.note(Event::EXPIRE, key);
        data.propagate_expiry(key, at);
    }
    data.reply.int(1);
    Ok(Outcome::Rewritten)
}

fn persist<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let (hash, found) = data.lookup(key);
    if found.is_none_or(|entry| entry.expires_at().is_none()) {
        data.reply.int(0);
        return Ok(Outcome::Unchanged);
    }
    data.keyspace.update(data.db, hash, key, |entry| entry.set_expiry(None));
    data.note(Event::PERSIST, key);
    data.reply.int(1);
    Ok(Outcome::Propagate)
}

/// The time from `base` to the key's expiry; -1 when it has none, -2 when there is no key.
// redis: expire.c, ttlGenericCommand: seconds are rounded, milliseconds never negative
fn time<'a>(
    data: &mut Data<'_>,
    args: Args<'a>,
    unit: Unit,
    base: UnixMillis,
) -> Result<Outcome, CommandError<'a>> {
    let number = match data.lookup(args.get(1)).1.map(|entry| entry.expires_at()) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => {
            let millis = at.0.saturating_sub(base.0).max(0);
            match unit {
                Unit::Seconds => millis.saturating_add(500) / 1000,
                Unit::Millis => millis,
            }
        }
    };
    data.reply.int(number);
    Ok(Outcome::Unchanged)
}

#[cfg(test)]
mod tests {
    use super::super::{Expiry, testing::Bench};
    use crate::base::time::UnixMillis;

    #[test]
    fn every_expiry_goes_out_absolute() {
        let mut bench = Bench::new();
        bench.check("EXPIRE k 10", ":0", "");
        bench.run("SET k v");
        bench.check("EXPIRE k 10", ":1", "PEXPIREAT k 1010000");
        bench.check("PEXPIRE k 10", ":1", "PEXPIREAT k 1000010");
        bench.check("EXPIREAT k 2000", ":1", "PEXPIREAT k 2000000");
        bench.check("PEXPIREAT k 2000001", ":1", "PEXPIREAT k 2000001");
        bench.check("TTL k", ":1000", "");
        bench.check("PTTL k", ":1000001", "");
        bench.check("EXPIRETIME k", ":2000", "");
        bench.check("PERSIST k", ":1", "PERSIST k");
        bench.check("PERSIST k", ":0", "");
        bench.check("TTL k", ":-1", "");
        bench.check("TTL absent", ":-2", "");
    }

    #[test]
    fn a_time_in_the_past_deletes_here_and_on_replicas() {
        let mut bench = Bench::new();
        bench.run("SET k v");
        bench.check("EXPIRE k -1", ":1", "DEL k");
        bench.check("EXISTS k", ":0", "");
    }

    #[test]
    fn a_replica_leaves_deleting_to_its_master() {
        let mut bench = Bench::new();
        bench.run("SET k v");
        bench.expiry = Expiry::Ignore;
        bench.check("PEXPIREAT k 5", ":1", "PEXPIREAT k 5");
        bench.check("EXISTS k", ":1", "");
        bench.expiry = Expiry::Hide;
        bench.check("EXISTS k", ":0", "");
        bench.expiry = Expiry::Delete;
        bench.check("PERSIST k", ":0", "DEL k");
    }

    #[test]
    fn conditions_compare_with_the_old_expiry() {
        let mut bench = Bench::new();
        bench.run("SET k v");
        bench.check("EXPIRE k 10 GT", ":0", "");
        bench.check("EXPIRE k 10 XX", ":0", "");
        bench.check("EXPIRE k 10 LT", ":1", "PEXPIREAT k 1010000");
        bench.check("EXPIRE k 9 NX", ":0", "");
        bench.check("EXPIRE k 9 GT", ":0", "");
        bench.check("EXPIRE k 11 gt xx", ":1", "PEXPIREAT k 1011000");
        bench.check(
            "EXPIRE k 1 NX GT",
            "-ERR NX and XX, GT or LT options at the same time are not compatible",
            "",
        );
        bench.check(
            "EXPIRE k 1 GT LT",
            "-ERR GT and LT options at the same time are not compatible",
            "",
        );
        bench.check("EXPIRE k 1 foo", "-ERR Unsupported option foo", "");
    }

    #[test]
    fn a_time_out_of_range_is_refused() {
        let mut bench = Bench::new();
        bench.run("SET k v");
        let error = "-ERR invalid expire time in 'expire' command";
        bench.check("EXPIRE k 9223372036854775807", error, "");
        bench.check("EXPIRE k -9223372036854775807", error, "");
        bench.check(
            "PEXPIRE k 9223372036854775807",
            "-ERR invalid expire time in 'pexpire' command",
            "",
        );
        bench.check("EXPIRE k x", "-ERR value is not an integer or out of range", "");
    }

    #[test]
    fn seconds_are_rounded() {
        let mut bench = Bench::new();
        bench.run("SET k v");
        bench.run("PEXPIRE k 1499");
        bench.check("TTL k", ":1", "");
        bench.now = UnixMillis(1_000_999);
        bench.check("TTL k", ":1", "");
        bench.now = UnixMillis(1_001_000);
        bench.check("TTL k", ":0", "");
    }
}

//! Keys whatever they hold: `DEL UNLINK EXISTS TOUCH TYPE KEYS DBSIZE FLUSHDB FLUSHALL` here, the
//! rest in files by subject.

pub(super) mod dump;
pub(super) mod object;
pub(super) mod relocate;
pub(super) mod scan;
pub(super) mod sort;

use super::{Access, CommandError, Data, Expiry, Flags, Handler, Keys, Outcome, Spec, is_word};
use crate::{
    base::glob::{self, Case},
    keyspace::{DbIndex, Entry},
    resp::Args,
};

const DELETE: Access = &["RM", "delete"];

pub(super) const SPECS: &[Spec] = &[
    Spec {
        name: "dbsize",
        since: "1.0.0",
        arity: 1,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: Keys::NONE,
        group: "server",
        categories: &["@keyspace"],
        tips: &["request_policy:all_shards", "response_policy:agg_sum"],
        summary: "Counts the keys of the selected database.",
        handler: Handler::Data(dbsize),
        ..Spec::PLAIN
    },
    Spec {
        name: "del",
        since: "1.0.0",
        arity: -2,
        flags: Flags::WRITE,
        keys: Keys::all(DELETE),
        group: "generic",
        categories: &["@keyspace"],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        summary: "Deletes keys.",
        handler: Handler::Data(del),
        ..Spec::PLAIN
    },
    Spec {
        name: "exists",
        since: "1.0.0",
        arity: -2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: Keys::all(&["RO"]),
        group: "generic",
        categories: &["@keyspace"],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        summary: "Counts how many of the keys exist.",
        handler: Handler::Data(exists),
        ..Spec::PLAIN
    },
    Spec {
        name: "flushall",
        since: "1.0.0",
        arity: -1,
        flags: Flags::WRITE,
        keys: Keys::NONE,
        group: "server",
        categories: &["@keyspace", "@dangerous"],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        summary: "Deletes all keys of all databases.",
        handler: Handler::Data(|data, args| {
            flush_mode(args)?;
            let all = data.keyspace.indexes();
            flush(data, all);
            Ok(Outcome::Propagate)
        }),
        ..Spec::PLAIN
    },
    Spec {
        name: "flushdb",
        since: "1.0.0",
        arity: -1,
        flags: Flags::WRITE,
        keys: Keys::NONE,
        group: "server",
        categories: &["@keyspace", "@dangerous"],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        summary: "Deletes all keys of the selected database.",
        handler: Handler::Data(|data, args| {
            flush_mode(args)?;
            flush(data, core::iter::once(data.db));
            Ok(Outcome::Propagate)
        }),
        ..Spec::PLAIN
    },
    Spec {
        name: "keys",
        since: "1.0.0",
        arity: 2,
        flags: Flags::READONLY,
        keys: Keys::NONE,
        group: "generic",
        categories: &["@keyspace", "@dangerous"],
        tips: &["request_policy:all_shards", "nondeterministic_output_order"],
        summary: "Lists the keys whose names match a pattern.",
        handler: Handler::Data(keys),
        ..Spec::PLAIN
    },
    Spec {
        name: "touch",
        since: "3.2.1",
        arity: -2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: Keys::all(&["RO"]),
        group: "generic",
        categories: &["@keyspace"],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        summary: "Counts how many of the keys exist, as if they were used.",
        handler: Handler::Data(exists),
        ..Spec::PLAIN
    },
    Spec {
        name: "type",
        since: "1.0.0",
        arity: 2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: Keys::one(&["RO"]),
        group: "generic",
        categories: &["@keyspace"],
        summary: "Tells what kind of value a key holds.",
        handler: Handler::Data(type_of),
        ..Spec::PLAIN
    },
    Spec {
        name: "unlink",
        since: "4.0.0",
        arity: -2,
        flags: Flags::WRITE.and(Flags::FAST),
        keys: Keys::all(DELETE),
        group: "generic",
        categories: &["@keyspace"],
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        summary: "Deletes keys; their memory may be freed later.",
        handler: Handler::Data(del),
        ..Spec::PLAIN
    },
];

fn del<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let mut count = 0;
    for key in args.iter().skip(1) {
        let (hash, found) = data.lookup(key);
        if found.is_some() {
            data.delete(hash, key);
            count += 1;
        }
    }
    data.reply.int(count);
    Ok(if count > 0 { Outcome::Propagate } else { Outcome::Unchanged })
}

/// `EXISTS`, and `TOUCH` as well: when a key was used last is not recorded.
fn exists<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let mut count = 0;
    for key in args.iter().skip(1) {
        count += i64::from(data.exists(key));
    }
    data.reply.int(count);
    Ok(Outcome::Unchanged)
}

fn type_of<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let name = data.lookup(args.get(1)).1.map_or("none", type_name);
    data.reply.simple(name);
    Ok(Outcome::Unchanged)
}

/// The type of a value, as `TYPE` and `SCAN` name it.
fn type_name(entry: &Entry) -> &'static str {
    entry.view().type_name()
}

fn dbsize<'a>(data: &mut Data<'_>, _args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    data.reply.int(data.keyspace.len(data.db) as i64);
    Ok(Outcome::Unchanged)
}

fn keys<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (pattern, now) = (args.get(1), data.now);
    // Redis does not ask its matcher about a lone star, which would not match the empty key.
    let all = pattern == b"*";
    let place = data.reply.deferred();
    let mut count = 0;
    for entry in data.keyspace.iter(data.db) {
        // Expired keys are passed over and not deleted, as in Redis; only the master's stream sees
        // them.
        let hidden = data.expiry != Expiry::Ignore && entry.is_expired(now);
        if !hidden && (all || glob::matches(pattern, entry.key(), Case::Sensitive)) {
            data.reply.bulk(entry.key());
            count += 1;
        }
    }
    data.reply.set_deferred(place, count);
    Ok(Outcome::Unchanged)
}

/// `ASYNC` and `SYNC` are the same here: memory is always freed bit by bit.
fn flush_mode(args: Args<'_>) -> Result<(), CommandError<'_>> {
    match (args.len(), args.try_get(1)) {
        (1, _) => Ok(()),
        (2, Some(mode)) if is_word(mode, "ASYNC") || is_word(mode, "SYNC") => Ok(()),
        (_, _) => Err(CommandError::Syntax),
    }
}

/// Replicas hear of a flush even when there was nothing to flush: they may hold keys that we do
/// not.
fn flush(data: &mut Data<'_>, databases: impl Iterator<Item = DbIndex>) {
    for db in databases {
        data.keyspace.flush(db);
    }
    data.reply.ok();
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use crate::base::time::UnixMillis;

    #[test]
    fn deleting_nothing_is_not_told() {
        let mut bench = Bench::new();
        bench.run("SET a 1");
        bench.check("DEL b c", ":0", "");
        bench.check("DEL a b", ":1", "DEL a b");
        bench.check("UNLINK a", ":0", "");
    }

    #[test]
    fn a_flush_is_told_even_when_there_is_nothing() {
        let mut bench = Bench::new();
        bench.check("FLUSHALL", "+OK", "FLUSHALL");
        bench.check("FLUSHDB async", "+OK", "FLUSHDB async");
        bench.check("FLUSHALL NOW", "-ERR syntax error", "");
        bench.check("FLUSHALL SYNC SYNC", "-ERR syntax error", "");
    }

    #[test]
    fn keys_pass_over_expired_ones_and_dbsize_counts_them() {
        let mut bench = Bench::new();
        bench.run("SET a 1");
        bench.run("SET b 1 PX 5");
        bench.now = UnixMillis(1_000_006);
        bench.check("KEYS *", "*1 $1 a", "");
        bench.check("DBSIZE", ":2", "");
        bench.check("EXISTS a a b", ":2", "DEL b");
        bench.check("TYPE a", "+string", "");
        bench.check("TYPE b", "+none", "");
    }
}

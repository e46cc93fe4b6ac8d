//! Many strings at once: `MGET MSET MSETNX`.

use super::{
    super::{Access, CommandError, Data, Flags, Handler, Keys, Outcome, Spec},
    WRITE, reply_value,
};
use crate::{
    keyspace::{Event, WrongType},
    resp::Args,
};

const fn pairs(access: Access) -> Keys {
    Keys::range(1, -1, 2, access)
}

pub(in crate::command) const SPECS: &[Spec] = &[
    Spec {
        name: "mget",
        since: "1.0.0",
        arity: -2,
        flags: Flags::READONLY.and(Flags::FAST),
        keys: Keys::all(&["RO", "access"]),
        group: "string",
        categories: &["@string"],
        tips: &["request_policy:multi_shard"],
        summary: "Reads several strings.",
        handler: Handler::Data(mget),
        ..Spec::PLAIN
    },
    Spec {
        name: "mset",
        since: "1.0.1",
        arity: -3,
        flags: WRITE,
        keys: pairs(&["OW", "update"]),
        group: "string",
        categories: &["@string"],
        tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
        summary: "Sets several strings.",
        handler: Handler::Data(mset),
        ..Spec::PLAIN
    },
    Spec {
        name: "msetnx",
        since: "1.0.1",
        arity: -3,
        flags: WRITE,
        keys: pairs(&["OW", "insert"]),
        group: "string",
        categories: &["@string"],
        tips: &["request_policy:multi_shard", "response_policy:agg_min"],
        summary: "Sets several strings unless one of the keys exists.",
        handler: Handler::Data(msetnx),
        ..Spec::PLAIN
    },
];

fn mget<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    data.reply.array_len(args.len() - 1);
    for key in args.iter().skip(1) {
        // A value of another type is none.
        reply_value(data, key).unwrap_or_else(|WrongType| data.reply.null());
    }
    Ok(Outcome::Unchanged)
}

fn mset<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    if args.len().is_multiple_of(2) {
        return Err(CommandError::Arity("mset"));
    }
    set_all(data, args);
    data.reply.ok();
    Ok(Outcome::Propagate)
}

fn msetnx<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    if args.len().is_multiple_of(2) {
        return Err(CommandError::Arity("msetnx"));
    }
    if args.iter().skip(1).step_by(2).any(|key| data.exists(key)) {
        data.reply.int(0);
        return Ok(Outcome::Unchanged);
    }
    set_all(data, args);
    data.reply.int(1);
    Ok(Outcome::Propagate)
}

fn set_all(data: &mut Data<'_>, args: Args<'_>) {
    let keys = args.iter().skip(1).step_by(2);
    for (key, value) in keys.zip(args.iter().skip(2).step_by(2)) {
        let hash = data.meet_to_replace(key);
        data.keyspace.set(data.db, hash, key, value, None);
        data.note(Event::SET, key);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;

    #[test]
    fn all_are_set_or_none() {
        let mut bench = Bench::new();
        bench.check("MSET a 1 b 2 a 3", "+OK", "MSET a 1 b 2 a 3");
        bench.check("MGET a b c a", "*4 $1 3 $1 2 $-1 $1 3", "");
        bench.check("MSETNX c 1 a 1", ":0", "");
        bench.check("MSETNX c 1 c 2", ":1", "MSETNX c 1 c 2");
        bench.check("GET c", "$1 2", "");
        bench.check("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command", "");
        bench.check("MSETNX a 1 b", "-ERR wrong number of arguments for 'msetnx' command", "");
    }
}

//! Keys that get another name or another database: `RENAME RENAMENX COPY MOVE SWAPDB`.

use super::super::{
    Access, CommandError, Data, DataError, Flags, Handler, Keys, Outcome, Spec, is_word,
};
use crate::{
    base::number::parse_i64,
    keyspace::{DbIndex, Event},
    resp::Args,
};

const fn spec(
    name: &'static str,
    since: &'static str,
    arity: i8,
    flags: Flags,
    keys: Keys,
    summary: &'static str,
    handler: Handler,
) -> Spec {
    let (group, categories) = ("generic", &["@keyspace"]);
    Spec { name, since, arity, flags, keys, group, categories, summary, handler, ..Spec::PLAIN }
}

const TAKEN: Access = &["RW", "access", "delete"];

/// Both keys of a command.
const fn pair(from: Access, to: Access) -> Keys {
    Keys::one(from).and(Keys::at(2, to))
}

pub(in crate::command) const SPECS: &[Spec] = &[
    spec(
        "copy",
        "6.2.0",
        -3,
        Flags::WRITE.and(Flags::DENYOOM),
        pair(&["RO", "access"], &["OW", "update"]),
        "Puts a copy of a value under another key.",
        Handler::Data(copy),
    ),
    spec(
        "move",
        "1.0.0",
        3,
        Flags::WRITE.and(Flags::FAST),
        Keys::one(&["RW", "access", "update"]),
        "Moves a key to another database.",
        Handler::Data(move_),
    ),
    spec(
        "rename",
        "1.0.0",
        3,
        Flags::WRITE,
        pair(TAKEN, &["OW", "update"]),
        "Gives a key another name, over a key that may have it.",
        Handler::Data(rename),
    ),
    spec(
        "renamenx",
        "1.0.0",
        3,
        Flags::WRITE.and(Flags::FAST),
        pair(TAKEN, &["OW", "insert"]),
        "Gives a key another name unless a key has it.",
        Handler::Data(renamenx),
    ),
    Spec {
        group: "server",
        categories: &["@keyspace", "@dangerous"],
        ..spec(
            "swapdb",
            "4.0.0",
            3,
            Flags::WRITE.and(Flags::FAST),
            Keys::NONE,
            "Lets two databases change places.",
            Handler::Data(swapdb),
        )
    },
];

fn rename<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (from, to) = (args.get(1), args.get(2));
    if !data.exists(from) {
        return Err(DataError::NoSuchKey.into());
    }
    data.reply.ok();
    if from == to {
        return Ok(Outcome::Unchanged);
    }
    // A target that is expired goes first, here and on every replica.
    data.meet(to);
    relocate(data, from, to);
    Ok(Outcome::Propagate)
}

fn renamenx<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (from, to) = (args.get(1), args.get(2));
    if !data.exists(from) {
        return Err(DataError::NoSuchKey.into());
    }
    if data.exists(to) {
        data.reply.int(0);
        return Ok(Outcome::Unchanged);
    }
    relocate(data, from, to);
    data.reply.int(1);
    Ok(Outcome::Propagate)
}

fn relocate(data: &mut Data<'_>, from: &[u8], to: &[u8]) {
    data.keyspace.relocate((data.db, from), (data.db, to));
    data.note(Event::generic("rename_from"), from);
    data.note(Event::generic("rename_to"), to);
}

/// The database that `arg` numbers.
fn database<'a>(data: &Data<'_>, arg: &'a [u8]) -> Result<DbIndex, CommandError<'a>> {
    let number = parse_i64(arg).ok_or(CommandError::NotInteger)?;
    let number = i32::try_from(number).map_err(|_| DataError::NotInt32)?;
    data.keyspace.database(number.into()).ok_or(CommandError::DbIndexOutOfRange)
}

fn copy<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (from, to) = (args.get(1), args.get(2));
    let (mut db, mut replaces) = (data.db, false);
    let mut options = args.iter().skip(3);
    while let Some(option) = options.next() {
        if is_word(option, "REPLACE") {
            replaces = true;
        } else if is_word(option, "DB") {
            db = database(data, options.next().ok_or(CommandError::Syntax)?)?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    if db == data.db && from == to {
        return Err(DataError::SameObject.into());
    }
    if !data.reading(|data| data.exists(from)) || (data.exists_in(db, to) && !replaces) {
        data.reply.int(0);
        return Ok(Outcome::Unchanged);
    }
    data.keyspace.copy((data.db, from), (db, to));
    data.keyspace.note(db, Event::generic("copy_to"), to);
    data.reply.int(1);
    Ok(Outcome::Propagate)
}

fn move_<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let db = database(data, args.get(2))?;
    if db == data.db {
        return Err(DataError::SameObject.into());
    }
    if !data.exists(key) || data.exists_in(db, key) {
        data.reply.int(0);
        return Ok(Outcome::Unchanged);
    }
    data.keyspace.relocate((data.db, key), (db, key));
    data.note(Event::generic("move_from"), key);
    data.keyspace.note(db, Event::generic("move_to"), key);
    data.reply.int(1);
    Ok(Outcome::Propagate)
}

fn swapdb<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let number = |arg| parse_i64(arg).and_then(|number| i32::try_from(number).ok());
    let first = number(args.get(1)).ok_or(DataError::InvalidFirstDb)?;
    let second = number(args.get(2)).ok_or(DataError::InvalidSecondDb)?;
    let one = data.keyspace.database(first.into()).ok_or(CommandError::DbIndexOutOfRange)?;
    let other = data.keyspace.database(second.into()).ok_or(CommandError::DbIndexOutOfRange)?;
    data.keyspace.swap(one, other);
    data.reply.ok();
    Ok(Outcome::Propagate)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;
    use crate::base::time::UnixMillis;

    #[test]
    fn a_renamed_key_keeps_its_expiry() {
        let mut bench = Bench::new();
        bench.check("RENAME a b", "-ERR no such key", "");
        bench.check("RENAMENX a b", "-ERR no such key", "");
        bench.run("SET a 1 EX 10");
        bench.run("SET b 2");
        bench.check("RENAMENX a b", ":0", "");
        bench.check("RENAMENX a a", ":0", "");
        bench.check("RENAME a a", "+OK", "");
        bench.check("RENAME a b", "+OK", "RENAME a b");
        bench.check("PTTL b", ":10000", "");
        bench.check("RENAMENX b c", ":1", "RENAMENX b c");
        bench.check("KEYS *", "*1 $1 c", "");
    }

    #[test]
    fn an_expired_target_is_deleted_before_another_key_takes_its_name() {
        let mut bench = Bench::new();
        bench.run("SET a 1");
        bench.run("SET b 2 PX 5");
        bench.now = UnixMillis(1_000_006);
        bench.check("RENAME a b", "+OK", "DEL b; RENAME a b");
        bench.check("RENAME a b", "-ERR no such key", "");
    }

    #[test]
    fn a_copy_replaces_only_when_told_to() {
        let mut bench = Bench::new();
        bench.check("COPY a b", ":0", "");
        bench.run("SET a 1 EX 10");
        bench.check("COPY a b", ":1", "COPY a b");
        bench.check("COPY a b", ":0", "");
        bench.check("COPY a b replace", ":1", "COPY a b replace");
        bench.check("PTTL b", ":10000", "");
        bench.check("COPY a a DB 1", ":1", "COPY a a DB 1");
        bench.check("COPY a a", "-ERR source and destination objects are the same", "");
        bench.check("COPY a a DB 1 DB 0", "-ERR source and destination objects are the same", "");
        bench.check("COPY a b DB 4", "-ERR DB index is out of range", "");
        bench.check("COPY a b DB x", "-ERR value is not an integer or out of range", "");
        bench.check(
            "COPY a b DB 2147483648",
            "-ERR value is out of range, value must between -2147483648 and 2147483647",
            "",
        );
        bench.check("COPY a b DB", "-ERR syntax error", "");
        bench.check("COPY a b foo", "-ERR syntax error", "");
    }

    #[test]
    fn databases_swap_and_keys_move_between_them() {
        let mut bench = Bench::new();
        bench.run("SET a 1");
        bench.check("MOVE a 1", ":1", "MOVE a 1");
        bench.check("MOVE a 1", ":0", "");
        bench.run("SET a 2");
        bench.check("MOVE a 1", ":0", "");
        bench.check("SWAPDB 0 1", "+OK", "SWAPDB 0 1");
        bench.check("GET a", "$1 1", "");
        bench.check("SWAPDB 0 0", "+OK", "SWAPDB 0 0");
        bench.check("MOVE a 0", "-ERR source and destination objects are the same", "");
        bench.check("MOVE a 4", "-ERR DB index is out of range", "");
        bench.check("SWAPDB x 1", "-ERR invalid first DB index", "");
        bench.check("SWAPDB 0 99999999999", "-ERR invalid second DB index", "");
        bench.check("SWAPDB 0 4", "-ERR DB index is out of range", "");
        bench.check("SWAPDB -1 x", "-ERR invalid second DB index", "");
    }
}

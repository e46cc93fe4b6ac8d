//! Sets one by one: `SADD SREM SPOP SCARD SISMEMBER SMISMEMBER SMEMBERS SRANDMEMBER SMOVE SSCAN`.

use alloc::vec::Vec;

use super::{
    Access, CommandError, Data, Flags, Handler, Keys, Outcome, Spec,
    collection::{
        Counts, Fate, Scan, change, change_or_create, count, draw, draw_one, drawn, held, outcome,
        random_count,
    },
    set_algebra,
};
use crate::{
    base::number::DIGITS_MAX,
    keyspace::Event,
    resp::Args,
    value::{Inserted, Set},
};

const READ: Flags = Flags::READONLY;
const FAST: Flags = Flags::READONLY.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::FAST);
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
    set_algebra::spec(name, since, arity, flags, Keys::one(access), summary, handler)
}

pub(super) const SPECS: &[Spec] = &[
    spec(
        "sadd",
        "1.0.0",
        -3,
        WRITE.and(Flags::DENYOOM),
        &["RW", "insert"],
        "Puts members into a set.",
        Handler::Data(sadd),
    ),
    spec("scard", "1.0.0", 2, FAST, &["RO"], "Counts the members of a set.", Handler::Data(scard)),
    spec(
        "sismember",
        "1.0.0",
        3,
        FAST,
        &["RO"],
        "Tells whether a set has a member.",
        Handler::Data(sismember),
    ),
    spec(
        "smembers",
        "1.0.0",
        2,
        READ,
        ACCESS,
        "Lists the members of a set.",
        Handler::Data(smembers),
    )
    .tips(&["nondeterministic_output_order"]),
    spec(
        "smismember",
        "6.2.0",
        -3,
        FAST,
        ACCESS,
        "Tells of several members whether a set has them.",
        Handler::Data(smismember),
    ),
    Spec {
        keys: Keys::one(&["RW", "access", "delete"]).and(Keys::at(2, &["RW", "insert"])),
        ..spec(
            "smove",
            "1.0.0",
            4,
            WRITE,
            &[],
            "Moves a member from one set to another.",
            Handler::Data(smove),
        )
    },
    spec(
        "spop",
        "1.0.0",
        -2,
        WRITE,
        &["RW", "access", "delete"],
        "Takes members of a set at random.",
        Handler::Data(spop),
    )
    .tips(&["nondeterministic_output"]),
    spec(
        "srandmember",
        "1.0.0",
        -2,
        READ,
        ACCESS,
        "Draws members of a set at random.",
        Handler::Data(srandmember),
    )
    .tips(&["nondeterministic_output"]),
    spec(
        "srem",
        "1.0.0",
        -3,
        WRITE,
        &["RW", "delete"],
        "Removes members from a set.",
        Handler::Data(srem),
    ),
    spec(
        "sscan",
        "2.8.0",
        -3,
        READ,
        ACCESS,
        "Walks through the members of a set in steps.",
        Handler::Data(sscan),
    )
    .tips(&["nondeterministic_output"]),
];

const ADDED: Counts = Counts::ByLength(Event::set("sadd"));
const REMOVED: Counts = Counts::ByLength(Event::set("srem"));

fn sadd<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let (hash, _) = data.meet(key);
    let shape = data.keyspace.shape();
    let added = change_or_create(data.keyspace, data.db, (hash, key), ADDED, |set: &mut Set| {
        let new = |member: &&[u8]| set.insert(&shape, member) == Inserted::New;
        args.iter().skip(2).filter(new).count()
    })?;
    data.reply.int(added as i64);
    Ok(outcome(added))
}

fn srem<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let (hash, _) = data.meet(key);
    let changed = change(data.keyspace, data.db, (hash, key), REMOVED, |set: &mut Set| {
        args.iter().skip(2).filter(|member| set.remove(member)).count()
    })?;
    let removed = changed.map_or(0, |changed| changed.result);
    data.reply.int(removed as i64);
    Ok(outcome(removed))
}

fn scard<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let set = held::<Set>(data.keyspace, data.db, met, key)?;
    data.reply.int(set.map_or(0, Set::len) as i64);
    Ok(Outcome::Unchanged)
}

fn sismember<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let set = held::<Set>(data.keyspace, data.db, met, key)?;
    data.reply.int(i64::from(set.is_some_and(|set| set.contains(args.get(2)))));
    Ok(Outcome::Unchanged)
}

fn smismember<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let set = held::<Set>(data.keyspace, data.db, met, key)?;
    data.reply.array_len(args.len() - 2);
    for member in args.iter().skip(2) {
        data.reply.int(i64::from(set.is_some_and(|set| set.contains(member))));
    }
    Ok(Outcome::Unchanged)
}

fn smembers<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let met = data.meet(key);
    let set = held::<Set>(data.keyspace, data.db, met, key)?;
    let mut digits = [0; DIGITS_MAX];
    data.reply.set_len(set.map_or(0, Set::len));
    for member in set.into_iter().flat_map(Set::iter) {
        data.reply.bulk(member.text(&mut digits));
    }
    Ok(Outcome::Unchanged)
}

fn smove<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (from, to, member) = (args.get(1), args.get(2), args.get(3));
    let (source, target) = (data.meet(from), data.meet(to));
    let moves = match held::<Set>(data.keyspace, data.db, source, from)? {
        None => false,
        Some(set) => {
            held::<Set>(data.keyspace, data.db, target, to)?;
            set.contains(member)
        }
    };
    data.reply.int(i64::from(moves));
    if !moves || from == to {
        return Ok(Outcome::Unchanged);
    }
    change(data.keyspace, data.db, (source.0, from), REMOVED, |set: &mut Set| set.remove(member))?;
    let shape = data.keyspace.shape();
    change_or_create(data.keyspace, data.db, (target.0, to), ADDED, |set: &mut Set| {
        set.insert(&shape, member)
    })?;
    Ok(Outcome::Propagate)
}

/// What is popped is left to chance, and chance differs from node to node: replicas are told which
/// members went.
fn spop<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let wanted = match args.try_get(2) {
        None => None,
        Some(_) if args.len() > 3 => return Err(CommandError::Syntax),
        Some(text) => Some(count(text)?),
    };
    let met = data.meet(key);
    let Some(set) = held::<Set>(data.keyspace, data.db, met, key)? else {
        match wanted {
            None => data.reply.null(),
            Some(_) => data.reply.set_len(0),
        }
        return Ok(Outcome::Unchanged);
    };
    let mut digits = [0; DIGITS_MAX];
    let mut popped: Vec<Vec<u8>> = Vec::new();
    let number = i64::try_from(wanted.unwrap_or(1)).unwrap_or(i64::MAX);
    let mut take = |index| popped.push(set.nth(index).text(&mut digits).to_vec());
    if number == 1 {
        take(draw_one(data.rng, set.len()));
    } else {
        draw(data.rng, set.len(), number, take);
    }
    if wanted.is_some() {
        data.reply.set_len(popped.len());
    }
    popped.iter().for_each(|member| data.reply.bulk(member));
    if popped.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    let counts = Counts::ByLength(Event::set("spop"));
    let changed = change(data.keyspace, data.db, (met.0, key), counts, |set: &mut Set| {
        popped.iter().for_each(|member| _ = set.remove(member));
    })?;
    let fate = changed.expect("it was there above").fate;
    if fate == Fate::Gone && wanted.is_some() {
        data.effects.push(data.db, [b"DEL".as_slice(), key]);
    } else {
        let mut command = Vec::with_capacity(2 + popped.len());
        command.extend([b"SREM".as_slice(), key]);
        command.extend(popped.iter().map(Vec::as_slice));
        data.effects.push(data.db, command);
    }
    Ok(Outcome::Rewritten)
}

fn srandmember<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let wanted = match args.try_get(2) {
        None => None,
        Some(_) if args.len() > 3 => return Err(CommandError::Syntax),
        Some(text) => Some(random_count(text)?),
    };
    let met = data.meet(key);
    let set = held::<Set>(data.keyspace, data.db, met, key)?;
    let mut digits = [0; DIGITS_MAX];
    match (set, wanted) {
        (None, None) => data.reply.null(),
        (None, Some(_)) => data.reply.array_len(0),
        (Some(set), None) => {
            let member = set.nth(draw_one(data.rng, set.len()));
            data.reply.bulk(member.text(&mut digits));
        }
        (Some(set), Some(wanted)) => {
            data.reply.array_len(drawn(set.len(), wanted));
            draw(data.rng, set.len(), wanted, |index| {
                data.reply.bulk(set.nth(index).text(&mut digits));
            });
        }
    }
    Ok(Outcome::Unchanged)
}

fn sscan<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    Scan::cursor(args.get(2))?;
    let met = data.meet(key);
    let Some(set) = held::<Set>(data.keyspace, data.db, met, key)? else {
        data.reply_no_elements();
        return Ok(Outcome::Unchanged);
    };
    let scan = Scan::parse(args)?;
    let mut digits = [0; DIGITS_MAX];
    let mut wanted: Vec<Vec<u8>> = Vec::new();
    let next = set.scan(scan.cursor, scan.count, |member| {
        let member = member.text(&mut digits);
        if scan.wants(member) {
            wanted.push(member.to_vec());
        }
    });
    data.reply.array_len(2);
    data.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    data.reply.array_len(wanted.len());
    wanted.iter().for_each(|member| data.reply.bulk(member));
    Ok(Outcome::Unchanged)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;

    #[test]
    fn members_come_and_go_and_the_key_goes_with_the_last() {
        let mut bench = Bench::new();
        bench.check("SADD s 3 1 2 1", ":3", "SADD s 3 1 2 1");
        bench.check("SADD s 3", ":0", "");
        bench.check("SMEMBERS s", "*3 $1 1 $1 2 $1 3", "");
        bench.check("SMISMEMBER s 1 x", "*2 :1 :0", "");
        bench.check("SREM s x", ":0", "");
        bench.check("SREM s 1 2 3", ":3", "SREM s 1 2 3");
        bench.check("EXISTS s", ":0", "");
    }

    #[test]
    fn what_chance_popped_is_told_by_name() {
        let mut bench = Bench::new();
        bench.run("SADD s a b c d e f");
        let (reply, told) = bench.run("SPOP s");
        assert_eq!(told, alloc::format!("SREM s {}", reply.replace("$1 ", "")));
        let (reply, told) = bench.run("SPOP s 2");
        assert_eq!(told, alloc::format!("SREM s {}", reply.replace("*2 ", "").replace("$1 ", "")));
        assert!(bench.run("SPOP s 9").0.starts_with("*3 "));
        bench.check("EXISTS s", ":0", "");
        bench.run("SADD s a");
        bench.check("SPOP s 0", "*0", "");
        bench.check("SPOP s 1", "*1 $1 a", "DEL s");
        bench.run("SADD s a");
        bench.check("SPOP s", "$1 a", "SREM s a");
        bench.check("SPOP s -1", "-ERR value is out of range, must be positive", "");
        bench.check("SPOP s", "$-1", "");
    }

    #[test]
    fn a_move_that_moves_nothing_is_not_told() {
        let mut bench = Bench::new();
        bench.run("SADD a 1 2");
        bench.run("SADD b 2");
        bench.check("SMOVE a b 9", ":0", "");
        bench.check("SMOVE a a 1", ":1", "");
        bench.check("SMOVE a b 2", ":1", "SMOVE a b 2");
        bench.check("SMOVE a b 1", ":1", "SMOVE a b 1");
        bench.check("EXISTS a", ":0", "");
        bench.check("SMEMBERS b", "*2 $1 1 $1 2", "");
    }

    #[test]
    fn random_members_leave_the_set_alone() {
        let mut bench = Bench::new();
        bench.run("SADD s 1 2 3");
        bench.check("SRANDMEMBER s 9", "*3 $1 1 $1 2 $1 3", "");
        assert!(bench.run("SRANDMEMBER s -9").0.starts_with("*9 "));
        assert!(bench.run("SRANDMEMBER s 2").0.starts_with("*2 "));
        bench.check("SRANDMEMBER none 2", "*0", "");
        bench.check("SCARD s", ":3", "");
        let error = "-ERR value is out of range, value must between -9223372036854775807 and \
                     9223372036854775807";
        bench.check("SRANDMEMBER s -9223372036854775808", error, "");
    }
}

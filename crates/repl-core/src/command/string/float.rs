//! Strings as fractions: `INCRBYFLOAT`.

use super::{
    super::{CommandError, Data, DataError, Flags, Handler, Keys, Outcome, Spec},
    RW, WRITE,
};
use crate::{base::extended::Extended, keyspace::Event, resp::Args};

pub(in crate::command) const SPECS: &[Spec] = &[Spec {
    name: "incrbyfloat",
    since: "2.6.0",
    arity: 3,
    flags: WRITE.and(Flags::FAST),
    keys: Keys::one(RW),
    group: "string",
    categories: &["@string"],
    summary: "Adds to a number that may have a fraction.",
    handler: Handler::Data(incrbyfloat),
    ..Spec::PLAIN
}];

/// Goes out as the value that came of it: another machine may count in other numbers.
fn incrbyfloat<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let (hash, found) = data.lookup(key);
    let is_new = found.is_none();
    let old = found.map_or(Ok(&b"0"[..]), |entry| entry.string())?;
    let old = Extended::parse(old).ok_or(DataError::NotFloat)?;
    let amount = Extended::parse(args.get(2)).ok_or(DataError::NotFloat)?;
    let text = old.checked_add(amount).ok_or(DataError::NotFinite)?.to_text();
    if is_new {
        data.keyspace.set(data.db, hash, key, &text, None);
    } else {
        data.keyspace.update(data.db, hash, key, |entry| entry.set_value(&text));
    }
    data.note(Event::string("incrbyfloat"), key);
    data.reply.bulk(&text);
    data.effects.push(data.db, [b"SET".as_slice(), key, &text, b"KEEPTTL"]);
    Ok(Outcome::Rewritten)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;

    #[test]
    fn fractions_go_out_as_their_sum_and_keep_their_expiry() {
        let mut bench = Bench::new();
        bench.check("INCRBYFLOAT k 0.1", "$3 0.1", "SET k 0.1 KEEPTTL");
        bench.run("EXPIRE k 10");
        bench.check("INCRBYFLOAT k 0.2", "$3 0.3", "SET k 0.3 KEEPTTL");
        bench.check("PTTL k", ":10000", "");
        bench.check("INCRBYFLOAT k inf", "-ERR increment would produce NaN or Infinity", "");
        bench.check("INCRBYFLOAT k nan", "-ERR value is not a valid float", "");
        bench.check("INCRBYFLOAT k -3e-1", "$1 0", "SET k 0 KEEPTTL");
        bench.run("SET k x");
        bench.check("INCRBYFLOAT k 1", "-ERR value is not a valid float", "");
        bench.run("SET k ");
        bench.check("INCRBYFLOAT k 1", "-ERR value is not a valid float", "");
    }
}

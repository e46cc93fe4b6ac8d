//! Parts of strings: `GETRANGE SUBSTR SETRANGE`.

use super::{
    super::{CommandError, Data, DataError, Flags, Handler, Keys, Outcome, Sight, Spec},
    WRITE,
};
use crate::{base::number::parse_i64, keyspace::Event, resp::Args};

const fn read(name: &'static str, since: &'static str) -> Spec {
    Spec {
        name,
        since,
        arity: 4,
        flags: Flags::READONLY,
        keys: Keys::one(&["RO", "access"]),
        group: "string",
        categories: &["@string"],
        summary: "Reads a part of a string.",
        handler: Handler::Data(getrange),
        ..Spec::PLAIN
    }
}

pub(in crate::command) const SPECS: &[Spec] = &[
    read("getrange", "2.4.0"),
    Spec {
        name: "setrange",
        since: "2.2.0",
        arity: 4,
        flags: WRITE,
        keys: Keys::one(&["RW", "update"]),
        group: "string",
        categories: &["@string"],
        summary: "Writes over a part of a string.",
        handler: Handler::Data(setrange),
        ..Spec::PLAIN
    },
    read("substr", "1.0.0"),
];

/// The bytes from `first` to `last`, both included and counted from the end when negative.
// redis: t_string.c, getrangeCommand
fn part(value: &[u8], first: i64, last: i64) -> &[u8] {
    if first < 0 && last < 0 && first > last {
        return &[];
    }
    let length = value.len() as i64;
    let from_start = |at: i64| if at < 0 { length.saturating_add(at).max(0) } else { at };
    let (first, last) = (from_start(first), from_start(last).min(length - 1));
    if first > last {
        return &[];
    }
    // Both lie within the value now.
    value.get(first as usize..=last as usize).unwrap_or_default()
}

fn getrange<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let key = args.get(1);
    let first = parse_i64(args.get(2)).ok_or(CommandError::NotInteger)?;
    let last = parse_i64(args.get(3)).ok_or(CommandError::NotInteger)?;
    let (hash, sight) = data.meet(key);
    let value = match (sight, data.keyspace.find(data.db, hash, key)) {
        (Sight::AsFound, Some(entry)) => part(entry.string()?, first, last),
        (Sight::AsFound, None) | (Sight::Hidden, _) => &[],
    };
    data.reply.bulk(value);
    Ok(Outcome::Unchanged)
}

fn setrange<'a>(data: &mut Data<'_>, args: Args<'a>) -> Result<Outcome, CommandError<'a>> {
    let (key, bytes) = (args.get(1), args.get(3));
    let offset = parse_i64(args.get(2)).ok_or(CommandError::NotInteger)?;
    let offset = u64::try_from(offset).map_err(|_| DataError::OffsetOutOfRange)?;
    let (hash, found) = data.lookup(key);
    let length = found.map(|entry| entry.string().map(<[u8]>::len)).transpose()?;
    if bytes.is_empty() {
        data.reply.int(length.unwrap_or(0) as i64);
        return Ok(Outcome::Unchanged);
    }
    let end = offset.saturating_add(bytes.len() as u64);
    let (Ok(at), true) = (usize::try_from(offset), end <= data.value_bytes_max) else {
        return Err(CommandError::StringTooLong);
    };
    if length.is_none() {
        data.keyspace.set(data.db, hash, key, b"", None);
    }
    data.keyspace.update(data.db, hash, key, |entry| entry.write_at(at, bytes)).transpose()?;
    data.note(Event::string("setrange"), key);
    data.reply.int(length.unwrap_or(0).max(at + bytes.len()) as i64);
    Ok(Outcome::Propagate)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Bench;
    use super::part;

    #[test]
    fn parts_count_from_either_end() {
        let check = |first, last, expect: &str| {
            assert_eq!(part(b"Hello World", first, last), expect.as_bytes(), "{first} {last}");
        };
        check(0, 3, "Hell");
        check(-3, -1, "rld");
        check(0, -1, "Hello World");
        check(5, 3, "");
        check(-1, -3, "");
        check(-100, 0, "H");
        check(-100, -50, "H");
        check(3, i64::MAX, "lo World");
        check(i64::MIN, i64::MIN, "H");
        check(i64::MAX, i64::MAX, "");
        assert_eq!(part(b"", 0, -1), b"");
    }

    #[test]
    fn a_part_is_read_and_overwritten() {
        let mut bench = Bench::new();
        bench.check("GETRANGE k 0 -1", "$0", "");
        bench.check("SETRANGE k 3 ab", ":5", "SETRANGE k 3 ab");
        bench.check("GETRANGE k 0 -1", "$5 \0\0\0ab", "");
        bench.check("SETRANGE k 1 ", ":5", "");
        bench.check("SETRANGE none 1 ", ":0", "");
        bench.check("SETRANGE k 4 xyz", ":7", "SETRANGE k 4 xyz");
        bench.check("SUBSTR k 3 -1", "$4 axyz", "");
        bench.check("SETRANGE k -1 x", "-ERR offset is out of range", "");
        bench.check("SETRANGE k x x", "-ERR value is not an integer or out of range", "");
        let error = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
        bench.check("SETRANGE k 1048576 x", error, "");
        bench.check("SETRANGE k 9223372036854775807 x", error, "");
        bench.check("EXISTS none", ":0", "");
    }
}
